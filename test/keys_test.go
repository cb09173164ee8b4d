package test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"pixy/internal/server"
)

// published are the keys of an issuer as a client fetches them.
func (w *world) published() jose.JSONWebKeySet {
	w.t.Helper()
	var set jose.JSONWebKeySet
	w.must(json.Unmarshal([]byte(w.send("GET", "/"+w.env+"/as/jwks", "").want(200).raw), &set))
	return set
}

// signed verifies a token with a key set, as a client does that knows no more,
// and returns the algorithm.
func signed(t testing.TB, token string, set jose.JSONWebKeySet) jose.SignatureAlgorithm {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	keys := set.Key(parsed.Headers[0].KeyID)
	if len(keys) != 1 || keys[0].Algorithm != parsed.Headers[0].Algorithm || keys[0].Use != "sig" || !keys[0].IsPublic() {
		t.Fatalf("the keys of %s are %v", parsed.Headers[0].KeyID, keys)
	}
	var any object
	if err := parsed.Claims(keys[0], &any); err != nil {
		t.Fatalf("%s: %v", parsed.Headers[0].Algorithm, err)
	}
	return jose.SignatureAlgorithm(parsed.Headers[0].Algorithm)
}

// TestMetadataIsCached lets whoever verifies tokens keep keys and metadata, and
// ask cheaply whether they have changed.
func TestMetadataIsCached(t *testing.T) {
	w := newWorld(t, https)
	for _, path := range []string{"/" + w.env + "/as/jwks", "/" + w.env + "/as/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/" + w.env + "/as"} {
		first := w.send("GET", path, "", header{"Origin": foreign}).want(200)
		tag := first.Header.Get("ETag")
		if c := first.Header.Get("Cache-Control"); c != "public, max-age=300" || tag == "" || first.Header.Get("Pragma") != "" || first.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v", path, first.Header)
		}
		for _, known := range []string{tag, `"other", ` + tag, "W/" + tag} {
			again := w.send("GET", path, "", header{"Origin": foreign, "If-None-Match": known})
			h := again.Header
			if again.StatusCode != 304 || again.raw != "" || h.Get("ETag") != tag || h.Get("Cache-Control") != "public, max-age=300" ||
				h.Get("Access-Control-Allow-Origin") != foreign || !slices.Contains(h.Values("Vary"), "Origin") {
				t.Errorf("%s: %d %v", path, again.StatusCode, h)
			}
		}
		w.send("GET", path, "", header{"If-None-Match": `"other"`}).want(200)
		if missing := w.send("GET", strings.Replace(path, w.env, "11111111-2222-4333-8444-555555555555", 1), ""); missing.StatusCode != 404 || missing.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("of an environment that there is none of: %d %v", missing.StatusCode, missing.Header)
		}
	}
}

// TestRotationOverlaps has tokens of both keys verified on both sides of a
// rotation: by who fetched the keys before it, and by who fetches them after.
func TestRotationOverlaps(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Retention = 10000 * 24 * time.Hour })
	w.user("ada")
	app := w.application(nil)
	tokens := func() response { return w.redeem(app, (&person{w: w}).code(app, "ada", nil), nil).want(200) }
	const day = 24 * time.Hour

	w.pass(80 * day)
	w.must(w.server.Sweep(t.Context()))
	w.pass(10*day - time.Minute)
	before, tag := w.published(), w.send("GET", "/"+w.env+"/as/jwks", "").Header.Get("ETag")
	if len(before.Keys) != 2 {
		t.Fatalf("%d keys are published before the rotation, want the one that signs and the next", len(before.Keys))
	}
	old := tokens()
	w.pass(2 * time.Minute)
	for range 2 { // the second finds a key that has retired
		w.must(w.server.Sweep(t.Context()))
	}
	young, after := tokens(), w.published()
	if kid(t, old.text("id_token")) == kid(t, young.text("id_token")) {
		t.Fatal("the key has not changed")
	}
	if len(after.Keys) != 2 {
		t.Errorf("%d keys are published after the rotation", len(after.Keys))
	}
	if w.send("GET", "/"+w.env+"/as/jwks", "").Header.Get("ETag") != tag {
		t.Error("the key set changed in the rotation itself")
	}
	for _, set := range []jose.JSONWebKeySet{before, after} {
		for _, r := range []response{old, young} {
			signed(t, r.text("id_token"), set)
			signed(t, r.text("access_token"), set)
		}
	}
	w.userinfo(old.text("access_token")).want(200)
	w.userinfo(young.text("access_token")).want(200)

	w.pass(31*day + time.Minute)
	w.must(w.server.Sweep(t.Context()))
	if last := w.published(); len(last.Keys) != 1 || last.Keys[0].KeyID != kid(t, young.text("id_token")) {
		t.Errorf("a month later the keys are %v", last.Keys)
	}
}
