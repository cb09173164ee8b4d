package test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"pixy/internal/server"
)

// BenchmarkHot is what the endpoints cost that programs call again and again,
// without the network: the time has the signatures in it, and SQLite's writes.
func BenchmarkHot(b *testing.B) {
	w := newWorld(b, func(c *server.Config) { c.Log = slog.New(slog.NewJSONHandler(io.Discard, nil)) })
	w.user("ada")
	app := w.refreshing(object{"type": "WEB_APP", "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC"})
	secret := w.secretOf(app)
	p := &person{w: w}
	redeem := func(code string) url.Values {
		return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	}
	post := func(path string, form url.Values, user, password string) *http.Request {
		r := httptest.NewRequest("POST", "/"+w.env+path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(user, password)
		return r
	}
	tokens := w.redeemed(post("/as/token", redeem(p.code(app, "ada", nil)), app, secret))
	authorize := httptest.NewRequest("GET", "/"+w.env+"/as/authorize?"+url.Values{"response_type": {"code"}, "client_id": {app}, "redirect_uri": {callback},
		"scope": {"openid"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}.Encode(), nil)
	authorize.Header.Set("Cookie", "ST="+p.st)
	bearer := func() *http.Request {
		r := httptest.NewRequest("GET", "/"+w.env+"/as/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+tokens.text("access_token"))
		return r
	}
	for _, c := range []struct {
		name string
		once func()
	}{
		{"sso", func() {
			code := w.answer(authorize.Clone(b.Context())).want(302).query("code")
			w.answer(post("/as/token", redeem(code), app, secret)).want(200)
		}},
		{"refresh", func() {
			tokens = w.redeemed(post("/as/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.text("refresh_token")}}, app, secret))
		}},
		{"client_credentials", func() {
			w.answer(post("/as/token", url.Values{"grant_type": {"client_credentials"}}, w.worker.ApplicationID, w.worker.Secret)).want(200)
		}},
		{"introspect", func() {
			w.answer(post("/as/introspect", url.Values{"token": {tokens.text("access_token")}}, app, secret)).want(200)
		}},
		{"userinfo", func() { w.answer(bearer()).want(200) }},
		{"discovery", func() {
			w.answer(httptest.NewRequest("GET", "/"+w.env+"/as/.well-known/openid-configuration", nil)).want(200)
		}},
		{"jwks", func() { w.answer(httptest.NewRequest("GET", "/"+w.env+"/as/jwks", nil)).want(200) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.once()
			}
		})
	}
}

// answer is what the server answers to a request. It remembers no secret, unlike
// send: a benchmark sees too many.
func (w *world) answer(r *http.Request) response {
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	return response{t: w.t, Response: rec.Result(), raw: rec.Body.String()}
}

func (w *world) redeemed(r *http.Request) response {
	out := w.answer(r).want(200)
	w.must(json.Unmarshal([]byte(out.raw), &out.body))
	return out
}
