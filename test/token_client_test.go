package test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestAccessTokenHeader: typ is at+jwt, without "application/", unless the
// application wants none.
// covers: RFC 9068 §2.1/6, RFC 9068 §2.1/7, RFC 9068 §2.1/8
func TestAccessTokenHeader(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	p := &person{w: w}
	for want, include := range map[string]any{"at+jwt": nil, "": false} {
		change := object{"grantTypes": []string{"AUTHORIZATION_CODE", "REFRESH_TOKEN"}}
		if include != nil {
			change["includeTyp"] = include
		}
		app := w.application(change)
		first := w.redeem(app, p.codeAgain(app, nil), nil).want(200)
		for _, r := range []response{first, w.refresh(app, first.text("refresh_token"), nil).want(200)} {
			if h := head(t, r.text("access_token")); h["typ"] != want && !(want == "" && h["typ"] == nil) || h["alg"] != "RS256" {
				t.Errorf("includeTyp %v: %v", include, h)
			}
			w.userinfo(r.text("access_token")).want(200)
		}
	}
	if h := head(t, w.admin); h["typ"] != "at+jwt" {
		t.Errorf("of a worker: %v", h)
	}
}

// head is the header of a JWT.
func head(t testing.TB, token string) (h object) {
	t.Helper()
	first, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &h); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestRefusedAccessTokens tells in the header why (RFC 6750 §3.1), at both kinds
// of resources.
// covers: RFC 9068 §4/13, RFC 9068 §4/14
// covers: Certification FAPI2/AccessTokenTypeHeaderCaseSensitivity
func TestRefusedAccessTokens(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(nil)
	tokens := w.tokens(app)
	access := tokens.text("access_token")
	worker := w.token()
	k := newKeyring(t)
	w.api(app, nil)
	forOrders := w.redeem(app, (&person{w: w}).code(app, "ada", url.Values{"scope": {"Orders:read"}}), nil).want(200).text("access_token")
	resource := func(where, token string) response {
		return w.send("GET", where, "", header{"Authorization": "Bearer " + token})
	}
	info, api := "/"+w.env+"/as/userinfo", "/v1/environments/"+w.env
	w.form("POST", "/"+w.env+"/as/revoke", url.Values{"token": {access}, "client_id": {app}}).want(200)
	forged := claims(t, worker)
	forged["exp"] = w.clock().Add(time.Hour).Unix()
	for name, c := range map[string]struct {
		where, token string
		status       int
		code         string
	}{
		"garbage":                  {info, "garbage", 401, "invalid_token"},
		"garbage at the API":       {api, "garbage", 401, "invalid_token"},
		"revoked":                  {info, access, 401, "invalid_token"},
		"revoked at the API":       {api, access, 401, "invalid_token"},
		"signed by another":        {api, signJWT(t, "RS256", k.rsa, kid(t, worker), forged), 401, "invalid_token"},
		"an ID token":              {info, tokens.text("id_token"), 401, "invalid_token"},
		"a refresh token":          {info, tokens.text("refresh_token"), 401, "invalid_token"},
		"a refresh token, API":     {api, tokens.text("refresh_token"), 401, "invalid_token"},
		"for another resource":     {api, forOrders, 401, "invalid_token"},
		"without the scope openid": {info, forOrders, 403, "insufficient_scope"},
	} {
		r := resource(c.where, c.token)
		challenge := r.Header.Get("WWW-Authenticate")
		if r.StatusCode != c.status || !strings.HasPrefix(challenge, `Bearer realm="`) || !strings.Contains(challenge, `error="`+c.code+`"`) {
			t.Errorf("%s: %d, WWW-Authenticate: %s", name, r.StatusCode, challenge)
		}
	}
	for _, scheme := range []string{"bearer ", "BEARER ", "bEaReR   "} {
		w.send("GET", api, "", header{"Authorization": scheme + worker}).want(200) // RFC 9110 §11.1
	}
	w.pass(time.Hour)
	if r := resource(api, worker); !strings.Contains(r.Header.Get("WWW-Authenticate"), `error="invalid_token"`) || r.StatusCode != 401 {
		t.Errorf("expired: %d %v", r.StatusCode, r.Header)
	}
}

// TestAudiencesDiffer: no two resources of an environment have the same.
// covers: RFC 9068 §5/1
func TestAudiencesDiffer(t *testing.T) {
	w := newWorld(t)
	app := w.application(nil)
	orders, _ := w.api(app, nil)
	taken := object{"name": "Stock", "audience": "https://orders.example.com"}
	refuse := func(r response) {
		t.Helper()
		if r.StatusCode != 400 || r.detail()["code"] != "UNIQUENESS_VIOLATION" || r.detail()["target"] != "audience" {
			t.Errorf("%d %s", r.StatusCode, r.raw)
		}
	}
	refuse(w.manage("POST", "/resources", taken))
	stock := w.manage("POST", "/resources", object{"name": "Stock"}).want(201)
	if stock.text("audience") != "Stock" {
		t.Errorf("the default is %q", stock.text("audience"))
	}
	refuse(w.manage("POST", "/resources", object{"name": "Other", "audience": "Stock"}))
	refuse(w.manage("PUT", "/resources/"+stock.text("id"), taken))
	w.manage("PUT", "/resources/"+orders, object{"name": "Orders, renamed", "audience": "https://orders.example.com"}).want(200)
	w.manage("DELETE", "/resources/"+stock.text("id"), nil).want(204)
	w.manage("POST", "/resources", object{"name": "Other", "audience": "Stock"}).want(201)
	w.env = w.send("POST", "/v1/environments", `{"name": "Other", "type": "SANDBOX", "region": "EU"}`,
		header{"Authorization": "Bearer " + w.admin, "Content-Type": "application/json"}).want(201).text("id")
	w.manage("POST", "/resources", taken).want(201)
}

// TestTokenAnswersAreNotCached, neither those that hold tokens nor refusals.
// covers: RFC 6749 §5.1/6, RFC 6749 §5.1/7
func TestTokenAnswersAreNotCached(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(nil)
	good := w.tokens(app)
	for name, r := range map[string]response{
		"tokens":     good,
		"refreshed":  w.refresh(app, good.text("refresh_token"), nil),
		"a refusal":  w.refresh(app, "x", nil),
		"no client":  w.refresh("nobody", "x", nil),
		"userinfo":   w.userinfo(good.text("access_token")),
		"revocation": w.form("POST", "/"+w.env+"/as/revoke", url.Values{"token": {"x"}, "client_id": {app}}),
	} {
		if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Pragma") != "no-cache" {
			t.Errorf("%s: %v", name, r.Header)
		}
	}
}

// TestSecretOfPublicClient is worth nothing: PingOne gives one to every
// application, and whoever is registered with NONE can't use it. What a public
// client says of itself opens no door.
// covers: RFC 6749 §2.3/1
func TestSecretOfPublicClient(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	for _, kind := range []string{"NATIVE_APP", "SINGLE_PAGE_APP"} {
		app := w.refreshing(object{"type": kind})
		secret := w.secretOf(app)
		token := w.tokens(app).text("refresh_token")
		basic := header{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(app+":"+secret))}
		w.refresh(app, token, url.Values{"client_secret": {secret}}).refused(401, "invalid_client", "Unsupported authentication method")
		w.refresh(app, token, nil, basic).refused(401, "invalid_client", "Unsupported authentication method")
		f := url.Values{"token": {token}, "client_id": {app}, "client_secret": {secret}}
		w.form("POST", "/"+w.env+"/as/introspect", f).refused(401, "invalid_client", "Unsupported authentication method")
		f.Del("client_secret")
		w.form("POST", "/"+w.env+"/as/introspect", f).refused(401, "invalid_client", "Unsupported authentication method")
		w.manage("PUT", "/applications/"+app, w.changed("/applications/"+app, object{"grantTypes": []string{"CLIENT_CREDENTIALS"}})).want(400)
		w.refresh(app, token, nil).want(200)
	}
}
