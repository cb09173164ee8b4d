package test

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// inspect asks about a token with the credentials of an application that
// authenticates in the body.
func (w *world) inspect(app, token string) response {
	w.t.Helper()
	return w.form("POST", "/"+w.env+"/as/introspect", url.Values{"token": {token}, "client_id": {app}, "client_secret": {w.secretOf(app)}})
}

// confidential is an application that authenticates in the body and refreshes,
// and its first tokens.
func (w *world) confidential() (app string, tokens response) {
	w.t.Helper()
	app = w.refreshing(object{"type": "WEB_APP", "tokenEndpointAuthMethod": "CLIENT_SECRET_POST"})
	code := (&person{w: w}).code(app, "ada", nil)
	return app, w.redeem(app, code, url.Values{"client_secret": {w.secretOf(app)}}).want(200)
}

// TestIntrospectionChecksSignatures calls inactive whatever this server has not
// signed for this environment, and says nothing else about it.
// covers: RFC 7662 §4/5, RFC 7662 §2.1/3, RFC 7662 §2.2/3, RFC 7662 §2.2/4, RFC 7662 §4/11
func TestIntrospectionChecksSignatures(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app, tokens := w.confidential()
	k := newKeyring(t)
	access, id, refresh := tokens.text("access_token"), tokens.text("id_token"), tokens.text("refresh_token")
	parts := strings.Split(access, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	foreign := newWorld(t)
	foreign.user("ada")
	_, theirs := foreign.confidential()
	for name, token := range map[string]string{
		"signed by another":         signJWT(t, "RS256", k.rsa, kid(t, access), claims(t, access)),
		"an ID token by another":    signJWT(t, "RS256", k.rsa, kid(t, access), claims(t, id)),
		"not signed":                none + "." + parts[1] + ".",
		"the signature cut off":     parts[0] + "." + parts[1] + ".",
		"the signature of another":  parts[0] + "." + strings.Split(w.admin, ".")[1] + "." + parts[2],
		"another server's":          theirs.text("access_token"),
		"another server's refresh":  theirs.text("refresh_token"),
		"another server's ID token": theirs.text("id_token"),
		"a refresh token forged":    strings.Replace(refresh, ".1.", ".2.", 1),
		"a secret":                  w.secretOf(app),
		"garbage":                   "\u2603",
		"no text":                   " ",
	} {
		if r := w.inspect(app, token); r.StatusCode != 200 || r.raw != `{"active":false}` {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.raw)
		}
	}
	for _, token := range []string{access, id, refresh} {
		r := w.inspect(app, token).want(200)
		if r.body["active"] != true || r.body["fam"] != nil || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %v", r.raw, r.Header)
		}
	}
	w.inspect(app, strings.Repeat("a", 20000)).refused(400, "invalid_request", "too long")
}

// TestIntrospectionOfAnotherEnvironment tells nothing about a token to an
// application of another environment of the same server.
func TestIntrospectionOfAnotherEnvironment(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app, tokens := w.confidential()
	home := w.env
	w.env = w.send("POST", "/v1/environments", `{"name": "Other", "type": "SANDBOX", "region": "EU"}`,
		header{"Authorization": "Bearer " + w.admin, "Content-Type": "application/json"}).want(201).text("id")
	w.user("ada")
	there, _ := w.confidential()
	for _, name := range []string{"access_token", "id_token", "refresh_token"} {
		if r := w.inspect(there, tokens.text(name)).want(200); r.raw != `{"active":false}` {
			t.Errorf("%s: %s", name, r.raw)
		}
		f := url.Values{"token": {tokens.text(name)}, "client_id": {there}, "client_secret": {w.secretOf(there)}}
		w.form("POST", "/"+w.env+"/as/revoke", f).want(200)
	}
	w.env = home
	for _, name := range []string{"access_token", "id_token", "refresh_token"} {
		if r := w.inspect(app, tokens.text(name)).want(200); r.body["active"] != true {
			t.Errorf("%s: revoked in another environment: %s", name, r.raw)
		}
	}
}

// TestProtocolEndpointsAreBounded: what is long is refused before it costs
// anything, at every endpoint that clients call themselves.
// covers: RFC 7009 §5/1
func TestProtocolEndpointsAreBounded(t *testing.T) {
	w := newWorld(t)
	app := w.application(nil)
	for _, endpoint := range []string{"token", "revoke", "introspect", "par"} {
		path := "/" + w.env + "/as/" + endpoint
		began := time.Now()
		for _, name := range []string{"token", "refresh_token", "client_id", "client_secret", "client_assertion", "scope"} {
			f := url.Values{"grant_type": {"refresh_token"}, "client_id": {app}}
			f.Set(name, strings.Repeat("a", 20000))
			if r := w.form("POST", path, f); r.StatusCode/100 != 4 {
				t.Errorf("%s with a long %s: %d %s", endpoint, name, r.StatusCode, r.raw)
			}
		}
		many := strings.Repeat("resource=a&", 5000)
		if r := w.send("POST", path, many+"grant_type=refresh_token&client_id="+app, header{"Content-Type": "application/x-www-form-urlencoded"}); r.StatusCode/100 != 4 {
			t.Errorf("%s with many parameters: %d %s", endpoint, r.StatusCode, r.raw)
		}
		if r := w.send("POST", path, strings.Repeat("a", 65<<10), header{"Content-Type": "application/x-www-form-urlencoded"}); r.StatusCode != 413 || r.text("error") != "invalid_request" {
			t.Errorf("%s with a huge body: %d %s", endpoint, r.StatusCode, r.raw)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s took %v", endpoint, took)
		}
	}
}

// TestAnnouncedAlgorithms authenticates with every algorithm that the metadata
// announces for assertions, at each endpoint that it announces it for.
// covers: RFC 8414 §2/8, RFC 8414 §2/9, RFC 8414 §2/10, RFC 8414 §2/13, RFC 8414 §2/14, RFC 8414 §2/16, RFC 8414 §2/17
func TestAnnouncedAlgorithms(t *testing.T) {
	w, k := newWorld(t), newKeyring(t)
	byKey, bySecret := w.service("PRIVATE_KEY_JWT", object{"jwks": set(t, k.publics...)}), w.service("CLIENT_SECRET_JWT", nil)
	secret := []byte(w.secretOf(bySecret))
	metadata := w.send("GET", "/.well-known/oauth-authorization-server/"+w.env+"/as", "").want(200).body
	for _, endpoint := range []string{"token", "introspection", "revocation"} {
		methods, _ := metadata[endpoint+"_endpoint_auth_methods_supported"].([]any)
		algorithms, _ := metadata[endpoint+"_endpoint_auth_signing_alg_values_supported"].([]any)
		if !slices.Contains(methods, any("private_key_jwt")) || !slices.Contains(algorithms, any("RS256")) || slices.Contains(algorithms, any("none")) {
			t.Errorf("%s: %v by %v", endpoint, methods, algorithms)
		}
		for _, a := range algorithms {
			alg, app, key := text(a), byKey, k.of(text(a))
			if strings.HasPrefix(alg, "HS") {
				app, key = bySecret, secret
			}
			f := url.Values{"grant_type": {"client_credentials"}, "token": {"x"}, "client_assertion_type": {assertionType},
				"client_assertion": {signJWT(t, jose.SignatureAlgorithm(alg), key, "", w.assertion(app, nil))}}
			if r := w.form("POST", text(metadata[endpoint+"_endpoint"]), f); r.StatusCode != 200 {
				t.Errorf("%s by %s: %d %s", endpoint, alg, r.StatusCode, r.raw)
			}
		}
	}
}
