package test

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestIdentityHint: an ID token as a hint names the only person for whom the
// request is answered well, signed on or signing on.
// covers: OIDC Core §3.1.2.1/26, OIDC Core §3.1.2.2/4, OIDC Core §3.1.2.2/5, OIDC Core §3.1.2.2/7
func TestIdentityHint(t *testing.T) {
	// covers: Certification Basic/OIDCCIdTokenHint
	w := newWorld(t)
	ada := w.user("ada")
	w.user("eve")
	app := w.browserApp(nil)
	p, eve := &person{w: w}, &person{w: w}
	hint := w.redeem(app, p.code(app, "ada", nil), nil).want(200).text("id_token")
	eve.code(app, "eve", nil)
	silent := url.Values{"prompt": {"none"}, "id_token_hint": {hint}}
	for _, age := range []time.Duration{0, 2 * time.Hour} { // expired, it is taken as well
		w.pass(age)
		again := w.redeem(app, p.authorize(app, silent).want(302).query("code"), nil).want(200)
		if c := claims(t, again.text("id_token")); c["sub"] != ada {
			t.Errorf("%v", c)
		}
		eve.authorize(app, silent).errs("login_required", "")
		(&person{w: w}).authorize(app, silent).errs("login_required", "")
		for _, responseType := range []string{"id_token token", "code id_token"} {
			eve.authorize(app, with(silent, "response_type", responseType, "nonce", "n")).errs("login_required", "")
		}
	}

	// Asked, eve may sign on as ada, and not as herself.
	ask := url.Values{"id_token_hint": {hint}}
	flow := eve.tab(app, ask)
	eve.signOn(flow, "eve", goodPassword).want(200)
	eve.resume(flow).errs("login_required", "")
	eve.resume(flow).paged()
	if g := eve.end(eve.authorize(app, ask), "ada").given(); claims(t, w.redeem(app, g.Get("code"), nil).want(200).text("id_token"))["sub"] != ada {
		t.Errorf("%v", g)
	}
	stranger := &person{w: w}
	flow = stranger.authorize(app, with(ask, "response_mode", "pi.flow", "redirect_uri", "")).want(200).text("id")
	stranger.signOn(flow, "eve", goodPassword).want(200)
	if r := stranger.resume(flow); r.StatusCode != 400 || r.detail()["code"] != "login_required" || strings.Contains(r.raw, "authorizeResponse") {
		t.Errorf("%d %s", r.StatusCode, r.raw)
	}
}

// TestWrongIdentityHints: what this server did not issue to this application is
// no hint, whoever is signed on.
// covers: OIDC Core §3.1.2.2/6
func TestWrongIdentityHints(t *testing.T) {
	w := newWorld(t)
	ada, app, other := w.user("ada"), w.application(nil), w.application(object{"name": "Other"})
	p := &person{w: w}
	tokens := w.redeem(app, p.code(app, "ada", nil), nil).want(200)
	hint := tokens.text("id_token")
	head := object{"alg": "RS256", "kid": kid(t, hint)}
	parts := strings.Split(hint, ".")
	public, err := w.jwks().Keys[0].MarshalJSON()
	w.must(err)
	for name, wrong := range map[string]string{
		"no JWT":            "x",
		"no signature":      parts[0] + "." + parts[1] + ".",
		"alg none":          jws(t, object{"alg": "none"}, claims(t, hint), nil),
		"a foreign key":     jws(t, head, claims(t, hint), rsaKey()),
		"the key as secret": jws(t, object{"alg": "HS256", "kid": head["kid"]}, claims(t, hint), string(public)),
		"other claims":      parts[0] + "." + base64url([]byte(`{"iss":"`+w.issuer()+`","sub":"`+ada+`","aud":"`+app+`"}`)) + "." + parts[2],
		"an access token":   tokens.text("access_token"),
		"another's":         w.redeem(other, p.authorize(other, nil).query("code"), nil).want(200).text("id_token"),
		"too long":          hint + strings.Repeat("A", 20000),
	} {
		for _, prompt := range []string{"none", ""} {
			r := p.authorize(app, url.Values{"prompt": {prompt}, "id_token_hint": {wrong}})
			r.errs("invalid_request", "id_token_hint")
			if t.Failed() {
				t.Fatalf("with %s", name)
			}
		}
	}
	p.authorize(app, url.Values{"id_token_hint": {hint, hint}}).errs("invalid_request", "more than once")
}

// TestIdentityHintWithMappedSubject compares the names that the application
// knows its people by.
func TestIdentityHintWithMappedSubject(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	w.user("eve")
	app := w.application(nil)
	w.mapSubject(app, "${user.username}")
	p, eve := &person{w: w}, &person{w: w}
	hint := w.redeem(app, p.code(app, "ada", nil), nil).want(200).text("id_token")
	if claims(t, hint)["sub"] != "ada" {
		t.Fatalf("%v", claims(t, hint))
	}
	eve.code(app, "eve", nil)
	silent := url.Values{"prompt": {"none"}, "id_token_hint": {hint}}
	w.redeem(app, p.authorize(app, silent).query("code"), nil).want(200)
	eve.authorize(app, silent).errs("login_required", "")
}

// mapSubject says what an application calls its people.
func (w *world) mapSubject(app, value string) {
	w.t.Helper()
	for _, m := range w.manage("GET", "/applications/"+app+"/attributes", nil).want(200).body["_embedded"].(object)["attributes"].([]any) {
		if m := m.(object); m["name"] == "sub" {
			w.manage("PUT", "/applications/"+app+"/attributes/"+text(m["id"]), object{"name": "sub", "value": value, "required": true}).want(200)
		}
	}
}

// TestSubjectIsShort: what can't be a subject is none, wherever it would be told.
// covers: OIDC Core §2/3
func TestSubjectIsShort(t *testing.T) {
	w := newWorld(t)
	ada, app := w.user("ada"), w.browserApp(nil)
	w.mapSubject(app, "${user.name.formatted}")
	p := &person{w: w}
	p.code(app, "ada", nil)
	for name, good := range map[string]bool{"Ada": true, strings.Repeat("a", 255): true, strings.Repeat("a", 256): false, "Ädä": false} {
		w.manage("PATCH", "/users/"+ada, object{"name": object{"formatted": name}}).want(200)
		want := map[bool]string{true: name, false: ada}[good]
		g := p.authorize(app, url.Values{"response_type": {"code id_token"}, "nonce": {"n"}}).given()
		tokens := w.redeem(app, g.Get("code"), nil).want(200)
		for what, got := range map[string]any{"in front": claims(t, g.Get("id_token"))["sub"], "by the code": claims(t, tokens.text("id_token"))["sub"],
			"userinfo": w.userinfo(tokens.text("access_token")).want(200).text("sub")} {
			if got != want {
				t.Errorf("%s: the subject is %v, want %s", what, got, want)
			}
		}
	}
}

// TestLoginHintToken: the client signs whom it wants to sign on; his name stands
// in the form, and nobody else is answered for.
func TestLoginHintToken(t *testing.T) {
	w := newWorld(t)
	ada := w.user("ada")
	eve := w.user("eve")
	key := ecKey(t)
	app := w.application(object{"type": "WEB_APP", "tokenEndpointAuthMethod": "PRIVATE_KEY_JWT", "jwks": jwksOf(t, publicJWK(t, key, "k1", ""))})
	now := w.clock().Unix()
	good := object{"iss": app, "aud": w.issuer(), "sub": ada, "exp": now + 60}
	head := object{"alg": "ES256", "kid": "k1"}
	token := jws(t, head, good, key)
	p, other := &person{w: w}, &person{w: w}
	flow := p.tab(app, url.Values{"login_hint_token": {token}, "login_hint": {"eve"}})
	if page := p.send("GET", "/"+w.env+"/signon/?flowId="+flow, "").want(200); !strings.Contains(page.raw, `value="ada"`) {
		t.Errorf("the form does not have the name: %s", page.raw)
	}
	p.signOn(flow, "ada", goodPassword).want(200)
	if g := p.resume(flow).given(); g.Get("code") == "" {
		t.Errorf("%v", g)
	}
	flow = other.tab(app, url.Values{"login_hint_token": {token}})
	other.signOn(flow, "eve", goodPassword).want(200)
	other.resume(flow).errs("login_required", "")
	other.authorize(app, url.Values{"login_hint_token": {token}, "prompt": {"none"}}).errs("login_required", "")
	if g := p.authorize(app, url.Values{"login_hint_token": {token}, "prompt": {"none"}}).given(); g.Get("code") == "" {
		t.Errorf("%v", g)
	}
	secret := w.clientSecret(app)
	for name, wrong := range map[string]string{
		"unsigned":         jws(t, object{"alg": "none"}, good, nil),
		"a foreign key":    jws(t, head, good, ecKey(t)),
		"another kid":      jws(t, object{"alg": "ES256", "kid": "k2"}, good, key),
		"no iss":           jws(t, head, merged(good, object{"iss": nil}), key),
		"another iss":      jws(t, head, merged(good, object{"iss": eve}), key),
		"no aud":           jws(t, head, merged(good, object{"aud": nil}), key),
		"another aud":      jws(t, head, merged(good, object{"aud": "https://evil.example.com"}), key),
		"no sub":           jws(t, head, merged(good, object{"sub": nil}), key),
		"nobody":           jws(t, head, merged(good, object{"sub": app}), key),
		"expired":          jws(t, head, merged(good, object{"exp": now - 31}), key),
		"not good yet":     jws(t, head, merged(good, object{"nbf": now + 31}), key),
		"no JWT":           "x",
		"a foreign secret": jws(t, object{"alg": "HS256"}, good, secret+"x"),
	} {
		r := p.authorize(app, url.Values{"login_hint_token": {wrong}})
		if g := r.given(); !strings.HasPrefix(g.Get("error"), "invalid_request") || g.Get("code") != "" || g.Get("state") != "st4te" {
			t.Errorf("%s: %v", name, g)
		}
	}
}
