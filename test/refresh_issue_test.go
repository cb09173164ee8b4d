package test

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestWhoGetsRefreshTokens: with the grant type and without a grant of
// offline_access always; with such a grant to who asks for it, and only then.
func TestWhoGetsRefreshTokens(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	plain, with := []string{"AUTHORIZATION_CODE"}, []string{"AUTHORIZATION_CODE", "REFRESH_TOKEN"}
	p := &person{w: w}
	for name, c := range map[string]struct {
		grants  []string
		granted bool // offline_access
		scope   string
		want    bool
	}{
		"neither":                           {plain, false, "openid", false},
		"neither, asked for":                {plain, false, "openid offline_access", false},
		"the grant type":                    {with, false, "openid", true},
		"the grant type, asked for":         {with, false, "openid offline_access", true},
		"offline_access, not asked for":     {plain, true, "openid", false},
		"offline_access, asked for":         {plain, true, "openid offline_access", true},
		"both, not asked for":               {with, true, "openid", false},
		"both, asked for":                   {with, true, "openid offline_access", true},
		"both, asked for without openid":    {with, true, "offline_access", true},
		"the grant type, no scope asked of": {with, false, "", true},
	} {
		app := w.application(object{"grantTypes": c.grants})
		if c.granted {
			w.grantScopes(app, "offline_access")
		}
		r := w.redeem(app, p.codeAgain(app, url.Values{"scope": {c.scope}}), nil).want(200)
		token := r.text("refresh_token")
		if (token != "") != c.want {
			t.Errorf("%s: %s", name, r.raw)
		}
		if token == "" {
			continue
		}
		if again := w.refresh(app, token, nil).want(200); again.text("refresh_token") == "" || again.text("scope") != r.text("scope") {
			t.Errorf("%s, refreshed: %s", name, again.raw)
		}
	}
}

// codeAgain is a code for ada, who signs on the first time.
func (p *person) codeAgain(app string, change url.Values) string {
	p.w.t.Helper()
	if p.st == "" {
		return p.code(app, "ada", change)
	}
	return p.authorize(app, change).want(302).query("code")
}

// TestNoRefreshTokens where a client acts for itself (RFC 6749 §4.4.3), or hands
// a token on.
func TestNoRefreshTokens(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	all := object{"type": "WEB_APP", "tokenEndpointAuthMethod": "CLIENT_SECRET_POST", "grantTypes": []string{"AUTHORIZATION_CODE", "REFRESH_TOKEN", "CLIENT_CREDENTIALS", "TOKEN_EXCHANGE"}}
	app := w.application(all)
	w.api(app, nil)
	who := url.Values{"client_secret": {w.secretOf(app)}}
	p := &person{w: w}
	access := w.redeem(app, p.code(app, "ada", nil), who).want(200).text("access_token")
	for _, f := range []url.Values{
		{"grant_type": {"client_credentials"}},
		{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {access}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}},
	} {
		f.Set("client_id", app)
		f.Set("client_secret", who.Get("client_secret"))
		if r := w.form("POST", "/"+w.env+"/as/token", f).want(200); r.text("refresh_token") != "" {
			t.Errorf("%s: %s", f.Get("grant_type"), r.raw)
		}
	}
}

// TestRefreshTokenLives as long as refreshTokenDuration says, counted from its
// rotation, and no longer than refreshTokenRollingDuration, counted from the
// first.
func TestRefreshTokenLives(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(object{"refreshTokenDuration": 600, "refreshTokenRollingDuration": 900})
	first := w.tokens(app).text("refresh_token")
	w.pass(599 * time.Second)
	second := w.refresh(app, first, nil).want(200).text("refresh_token")
	w.pass(300 * time.Second)
	third := w.refresh(app, second, nil).want(200).text("refresh_token")
	w.pass(time.Second)
	w.refresh(app, third, nil).refused(400, "invalid_grant", "refreshTokenRollingDuration")
	w.must(w.server.Sweep(t.Context()))
	w.refresh(app, third, nil).refused(400, "invalid_grant", "")

	first = w.tokens(app).text("refresh_token")
	w.pass(600 * time.Second)
	w.refresh(app, first, nil).refused(400, "invalid_grant", "has expired")

	// A setting that changes counts from the next rotation on.
	first = w.tokens(app).text("refresh_token")
	w.manage("PUT", "/applications/"+app, w.changed("/applications/"+app, object{"refreshTokenDuration": 60})).want(200)
	w.pass(599 * time.Second)
	second = w.refresh(app, first, nil).want(200).text("refresh_token")
	w.pass(60 * time.Second)
	w.refresh(app, second, nil).refused(400, "invalid_grant", "has expired")
}

// TestRefreshEndsWithTheSession: thirty days after the last sign-on, however
// long the token could live.
func TestRefreshEndsWithTheSession(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(object{"refreshTokenDuration": 7776000})
	token := w.tokens(app).text("refresh_token")
	w.pass(30*24*time.Hour - time.Second)
	token = w.refresh(app, token, nil).want(200).text("refresh_token")
	w.pass(time.Second)
	w.refresh(app, token, nil).refused(400, "invalid_grant", "session of the sign-on has ended")
}

// TestRefreshDurations are checked when the application is written.
func TestRefreshDurations(t *testing.T) {
	w := newWorld(t)
	app := w.refreshing(nil)
	for name, wrong := range map[string]object{
		"longer than all":     {"refreshTokenDuration": 601, "refreshTokenRollingDuration": 600},
		"longer than default": {"refreshTokenDuration": 15552001},
		"too short":           {"refreshTokenDuration": 59},
		"too long":            {"refreshTokenRollingDuration": 2147483648},
		"grace too long":      {"refreshTokenRollingGracePeriodDuration": 86401},
		"grace below nothing": {"refreshTokenRollingGracePeriodDuration": -1},
	} {
		r := w.manage("PUT", "/applications/"+app, w.changed("/applications/"+app, wrong))
		if r.StatusCode != 400 || r.text("code") != "INVALID_DATA" || !strings.HasPrefix(text(r.detail()["target"]), "refreshToken") {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.raw)
		}
	}
}

// TestGracePeriod takes the token before the current one for a while, gives the
// same successor for it, and takes no older one.
func TestGracePeriod(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(object{"refreshTokenRollingGracePeriodDuration": 30})
	first := w.tokens(app).text("refresh_token")
	second := w.refresh(app, first, nil).want(200)
	w.pass(30*time.Second - time.Millisecond)
	again := w.refresh(app, first, nil).want(200)
	if again.text("refresh_token") != second.text("refresh_token") || again.text("access_token") == second.text("access_token") {
		t.Errorf("a retry got other tokens: %s", again.raw)
	}
	third := w.refresh(app, second.text("refresh_token"), nil).want(200).text("refresh_token")
	w.refresh(app, first, nil).refused(400, "invalid_grant", "used before")
	w.refresh(app, third, nil).refused(400, "invalid_grant", "revoked")

	first = w.tokens(app).text("refresh_token")
	w.refresh(app, first, nil).want(200)
	w.pass(30 * time.Second)
	w.refresh(app, first, nil).refused(400, "invalid_grant", "used before")
}

// TestGracePeriodAtIntrospection: the token before the current one is active as
// long as it would be taken. Asking spends nothing.
func TestGracePeriodAtIntrospection(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app, tokens := w.confidential()
	w.manage("PUT", "/applications/"+app, w.changed("/applications/"+app, object{"refreshTokenRollingGracePeriodDuration": 30})).want(200)
	secret := url.Values{"client_secret": {w.secretOf(app)}}
	first := tokens.text("refresh_token")
	second := w.refresh(app, first, secret).want(200).text("refresh_token")
	active := func(token string, want bool) {
		t.Helper()
		if r := w.inspect(app, token).want(200); r.body["active"] != want {
			t.Errorf("%s, want %v", r.raw, want)
		}
	}
	w.pass(30*time.Second - time.Millisecond)
	active(first, true)
	active(second, true)
	w.pass(time.Millisecond)
	active(first, false)
	active(second, true)
	w.refresh(app, second, secret).want(200)
}

// TestRefreshTokensAreNotStored: who reads the database finds none, and can make
// none (RFC 6749 §10.4).
func TestRefreshTokensAreNotStored(t *testing.T) {
	// covers: RFC 6749 §10.4/1, RFC 6749 §10.4/6
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(nil)
	first := w.tokens(app).text("refresh_token")
	second := w.refresh(app, first, nil).want(200).text("refresh_token")
	read := 0
	for name, raw := range w.onDisk() {
		read += len(raw)
		for _, token := range []string{first, second} {
			parts := strings.Split(token, ".")
			if strings.Contains(string(raw), parts[len(parts)-1]) {
				t.Errorf("%s holds a refresh token", name)
			}
		}
	}
	if len(strings.Split(second, ".")[2]) < 43 || read < 50000 {
		t.Errorf("the token has no code of 256 bits, or the database was not read: %d bytes", read)
	}
	for _, forged := range []string{strings.Replace(second, ".2.", ".3.", 1), strings.Replace(second, ".2.", ".02.", 1), strings.Replace(second, ".2.", ".-2.", 1),
		second[:len(second)-1], strings.ToUpper(second), second + ".", "." + second, second + "=", " " + second} {
		w.refresh(app, forged, nil).refused(400, "invalid_grant", "unknown")
	}
	w.refresh(app, second, nil).want(200)
}

// TestRefreshedIDToken speaks of the same sign-on as the first, and was made
// now.
// covers: OIDC Core §12.2/1, OIDC Core §12.2/2, OIDC Core §12.2/3, OIDC Core §12.2/4, OIDC Core §12.2/5, OIDC Core §12.2/7, OIDC Core §12.2/8
func TestRefreshedIDToken(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(nil)
	first := w.redeem(app, (&person{w: w}).code(app, "ada", url.Values{"nonce": {"n-0S6"}}), nil).want(200)
	before := claims(t, first.text("id_token"))
	w.pass(2 * time.Hour)
	r := w.refresh(app, first.text("refresh_token"), nil).want(200)
	after := claims(t, r.text("id_token"))
	for _, same := range []string{"iss", "sub", "aud", "auth_time", "sid", "acr", "amr", "env"} {
		if before[same] == nil || text(before[same]) != text(after[same]) {
			t.Errorf("%s was %v and is %v", same, before[same], after[same])
		}
	}
	now := float64(w.clock().Unix())
	if before["nonce"] != "n-0S6" || after["nonce"] != nil || after["azp"] != nil || after["iat"] != now || after["exp"] != now+3600 || after["jti"] == before["jti"] {
		t.Errorf("the first is %v and the second %v", before, after)
	}
	narrow := w.refresh(app, r.text("refresh_token"), nil).want(200)
	if a := claims(t, narrow.text("access_token")); a["auth_time"] != before["auth_time"] || a["iat"] != now || a["sid"] != before["sid"] {
		t.Errorf("the access token: %v", a)
	}
}
