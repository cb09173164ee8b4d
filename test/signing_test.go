package test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// key makes a key and returns its id.
func (w *world) key(algorithm string, length int, signature string, change object) string {
	w.t.Helper()
	body := object{"name": algorithm + signature, "algorithm": algorithm, "keyLength": length, "signatureAlgorithm": signature, "usageType": "SIGNING",
		"subjectDN": "CN=Tokens, O=Example", "validityPeriod": 365}
	for name, v := range change {
		body[name] = v
	}
	return w.manage("POST", "/keys", body).want(201).text("id")
}

func (w *world) algorithms() []any {
	w.t.Helper()
	return w.send("GET", "/"+w.env+"/as/.well-known/openid-configuration", "").want(200).body["id_token_signing_alg_values_supported"].([]any)
}

// TestSigningAlgorithms has applications whose tokens a key of their own signs,
// by each algorithm; the tokens of others stay as they were.
func TestSigningAlgorithms(t *testing.T) {
	w := newWorld(t)
	ada, plain := w.user("ada"), w.application(nil)
	if got := w.algorithms(); len(got) != 1 || got[0] != "RS256" {
		t.Fatalf("a new environment signs by %v", got)
	}
	for i, c := range []struct {
		algorithm, signature string
		length               int
		want                 jose.SignatureAlgorithm
	}{
		{"RSA", "SHA256withRSA", 3072, jose.RS256},
		{"RSA", "SHA256withRSAandMGF1", 2048, jose.PS256},
		{"EC", "SHA256withECDSA", 256, jose.ES256},
		{"Ed25519", "Ed25519", 256, jose.EdDSA},
	} {
		id := w.key(c.algorithm, c.length, c.signature, nil)
		if got := w.algorithms(); len(got) != max(i, 0)+1 || !slices.Contains(got, any(string(c.want))) {
			t.Errorf("%s: discovery lists %v", c.want, got)
		}
		app := w.application(object{"signing": object{"key": object{"id": id}}, "includeX5t": true})
		shown := w.manage("GET", "/applications/"+app, nil).want(200).body["signing"].(object)
		if shown["key"].(object)["id"] != id || shown["keyRotationPolicy"] == nil {
			t.Errorf("%s: the application shows %v", c.want, shown)
		}
		tokens := w.redeem(app, (&person{w: w}).code(app, "ada", nil), nil).want(200)
		for _, name := range []string{"access_token", "id_token"} {
			if got := signed(t, tokens.text(name), w.published()); got != c.want || kid(t, tokens.text(name)) != id {
				t.Errorf("the %s is signed by %s with %s, want %s with %s", name, got, kid(t, tokens.text(name)), c.want, id)
			}
		}
		if got := claims(t, tokens.text("id_token"))["at_hash"]; got != halfHash(c.want, tokens.text("access_token")) {
			t.Errorf("%s: at_hash is %v", c.want, got)
		}
		if got := w.userinfo(tokens.text("access_token")).want(200).text("sub"); got != ada {
			t.Errorf("%s: userinfo answers about %q", c.want, got)
		}
	}
	if got := signed(t, w.redeem(plain, (&person{w: w}).code(plain, "ada", nil), nil).want(200).text("id_token"), w.published()); got != jose.RS256 {
		t.Errorf("another application's tokens are signed by %s", got)
	}
}

// halfHash is at_hash as OpenID Connect Core §3.1.3.6 has it; of EdDSA with
// Ed25519 the hash is SHA-512.
func halfHash(by jose.SignatureAlgorithm, token string) string {
	sum := sha256.Sum256([]byte(token))
	half := sum[:16]
	if by == jose.EdDSA {
		long := sha512.Sum512([]byte(token))
		half = long[:32]
	}
	return base64.RawURLEncoding.EncodeToString(half)
}

// TestSigningKeyOfWorker calls the management API with a token of each algorithm.
func TestSigningKeyOfWorker(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{w.key("RSA", 2048, "SHA256withRSAandMGF1", nil), w.key("EC", 256, "SHA384withECDSA", nil), w.key("Ed25519", 256, "Ed25519", nil)} {
		worker := w.manage("GET", "/applications/"+w.worker.ApplicationID, nil).want(200).body
		worker["signing"] = object{"key": object{"id": id}}
		w.manage("PUT", "/applications/"+w.worker.ApplicationID, worker).want(200)
		if w.admin = w.token(); kid(t, w.admin) != id {
			t.Fatalf("the worker's token is signed with %s, want %s", kid(t, w.admin), id)
		}
		w.manage("GET", "/users", nil).want(200)
	}
}

// TestSigningKeyLives keeps a key for as long as an application names it, and its
// tokens good when it names another.
func TestSigningKeyLives(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	id := w.key("EC", 256, "SHA256withECDSA", nil)
	app := w.application(object{"signing": object{"key": object{"id": id}}})
	tokens := w.redeem(app, (&person{w: w}).code(app, "ada", nil), nil).want(200)
	if r := w.manage("DELETE", "/keys/"+id, nil).want(400); r.detail()["code"] != "CONSTRAINT_VIOLATION" {
		t.Errorf("%s", r.raw)
	}
	if r := w.manage("GET", "/keys/"+id+"/applications", nil).want(200); !strings.Contains(r.raw, `"id":"`+app+`"`) || r.body["size"] != 1.0 {
		t.Errorf("the key's applications are %s", r.raw)
	}
	if r := w.manage("GET", "/keys/"+kid(t, w.admin)+"/applications", nil).want(200); strings.Contains(r.raw, `"id":"`+app+`"`) || !strings.Contains(r.raw, w.worker.ApplicationID) {
		t.Errorf("the applications of the environment's key are %s", r.raw)
	}
	body := w.manage("GET", "/applications/"+app, nil).want(200).body
	delete(body, "signing")
	w.manage("PUT", "/applications/"+app, body).want(200)
	if got := signed(t, w.redeem(app, (&person{w: w}).code(app, "ada", nil), nil).want(200).text("id_token"), w.published()); got != jose.RS256 {
		t.Errorf("without a key of its own the application signs by %s", got)
	}
	signed(t, tokens.text("id_token"), w.published())
	w.userinfo(tokens.text("access_token")).want(200)
	w.manage("DELETE", "/keys/"+id, nil).want(204)
	w.userinfo(tokens.text("access_token")).want(401)
	if got := w.algorithms(); len(got) != 1 {
		t.Errorf("without the key discovery lists %v", got)
	}
}

// TestSigningKeyOutlivesRotation has an application name the key of a policy:
// when the policy is done with it, the application is not.
func TestSigningKeyOutlivesRotation(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	current := kid(t, w.redeem(app, (&person{w: w}).code(app, "ada", nil), nil).want(200).text("id_token"))
	stays := w.application(object{"signing": object{"key": object{"id": current}}})
	for _, days := range []time.Duration{91, 32} {
		w.pass(days * 24 * time.Hour)
		w.must(w.server.Sweep(t.Context()))
	}
	if got := kid(t, w.redeem(stays, (&person{w: w}).code(stays, "ada", nil), nil).want(200).text("id_token")); got != current {
		t.Errorf("signed with %s, want %s", got, current)
	}
	if got := kid(t, w.redeem(app, (&person{w: w}).code(app, "ada", nil), nil).want(200).text("id_token")); got == current {
		t.Error("the policy has not rotated")
	}
}

func TestWrongSigningKeys(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		algorithm, signature string
		length               int
		target               string
	}{
		{"Ed25519", "SHA256withECDSA", 256, "signatureAlgorithm"},
		{"Ed25519", "Ed25519", 384, "keyLength"},
		{"EC", "SHA256withRSAandMGF1", 256, "signatureAlgorithm"},
		{"RSA", "Ed25519", 2048, "signatureAlgorithm"},
	} {
		r := w.manage("POST", "/keys", object{"name": "k", "algorithm": c.algorithm, "keyLength": c.length, "signatureAlgorithm": c.signature, "usageType": "SIGNING",
			"subjectDN": "CN=x", "validityPeriod": 30}).want(400)
		if r.detail()["target"] != c.target {
			t.Errorf("%v: %s", c, r.raw)
		}
	}
	for name, id := range map[string]string{
		"for encryption": w.key("EC", 256, "SHA256withECDSA", object{"usageType": "ENCRYPTION"}),
		"of P-384":       w.key("EC", 384, "SHA384withECDSA", nil),
		"nobody's":       "11111111-2222-4333-8444-555555555555",
	} {
		r := w.manage("POST", "/applications", object{"name": "A", "enabled": true, "type": "NATIVE_APP", "protocol": "OPENID_CONNECT", "signing": object{"key": object{"id": id}}}).want(400)
		if r.detail()["target"] != "signing.key.id" {
			t.Errorf("%s: %s", name, r.raw)
		}
	}
	if got := w.algorithms(); len(got) != 1 {
		t.Errorf("discovery lists %v", got)
	}
}
