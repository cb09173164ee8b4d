package test

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestOneIssuer: discovery, the answer of authorize and the tokens name one
// issuer, and behind an https URL every endpoint is an https URL.
// covers: OIDC Core §1.2/1, OIDC Core §16.15/1, RFC 9207 §2/1, RFC 9207 §2/2, RFC 9207 §2.3/2
// covers: OIDC Discovery §3/1, OIDC Discovery §3/3, OIDC Discovery §3/5, OIDC Discovery §3/7, OIDC Discovery §3/9, OIDC Discovery §3/11, OIDC Discovery §4.3/4
func TestOneIssuer(t *testing.T) {
	w := newWorld(t, https)
	w.user("ada")
	app := w.application(nil)
	d := w.send("GET", "/"+w.env+"/as/.well-known/openid-configuration", "").want(200)
	issuer := d.text("issuer")
	for name, v := range d.body {
		if name != "issuer" && name != "jwks_uri" && !strings.HasSuffix(name, "_endpoint") {
			continue
		}
		u, err := url.Parse(text(v))
		w.must(err)
		if u.Scheme != "https" || u.Host != "pixy.test" || strings.ContainsAny(text(v), "?#") {
			t.Errorf("%s is %v", name, v)
		}
	}
	p := &person{w: w}
	p.code(app, "ada", nil)
	back := p.authorize(app, nil).want(302)
	tokens := w.redeem(app, back.query("code"), nil).want(200)
	for what, got := range map[string]any{"authorize": back.query("iss"), "a refusal": p.authorize(app, url.Values{"response_type": {"x"}}).query("iss"),
		"ID token": claims(t, tokens.text("id_token"))["iss"], "access token": claims(t, tokens.text("access_token"))["iss"]} {
		if got != issuer || issuer != "https://pixy.test/"+w.env+"/as" {
			t.Errorf("%s says %v, discovery %s", what, got, issuer)
		}
	}
}

// TestAuthorizeByPost takes the parameters from a form, which needs no token of
// a page of ours.
// covers: OIDC Core §3.1.2.1/1
func TestAuthorizeByPost(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	p.code(app, "ada", nil)
	form := url.Values{"response_type": {"code"}, "client_id": {app}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {"st4te"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}.Encode()
	r := p.send("POST", "/"+w.env+"/as/authorize", form, header{"Content-Type": "application/x-www-form-urlencoded"}).want(302)
	if r.query("state") != "st4te" {
		t.Errorf("%s", r.Header.Get("Location"))
	}
	w.redeem(app, r.query("code"), nil).want(200)
}

// TestUserinfoInUTF8 holds names that are not ASCII, as they were stored.
// covers: OIDC Core §5.3.2/10
func TestUserinfoInUTF8(t *testing.T) {
	w := newWorld(t)
	ada, app := w.user("ada"), w.application(nil)
	w.manage("PATCH", "/users/"+ada, object{"name": object{"given": "Ädä", "family": "勒芙蕾丝"}}).want(200)
	w.grantScopes(app, "profile")
	p := &person{w: w}
	tokens := w.redeem(app, p.code(app, "ada", url.Values{"scope": {"openid profile"}}), nil).want(200)
	r := w.userinfo(tokens.text("access_token")).want(200)
	if !utf8.ValidString(r.raw) || r.text("name") != "Ädä 勒芙蕾丝" || !strings.Contains(r.raw, "Ädä") {
		t.Errorf("%s", r.raw)
	}
}
