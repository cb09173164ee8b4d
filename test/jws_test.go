package test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jws signs claims with a header that is taken as it is, however wrong: by
// HMAC with a text, by ES256, by RS256 or PS256, or not at all with nil.
func jws(t testing.TB, head, claims object, key any) string {
	t.Helper()
	part := func(v object) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64url(raw)
	}
	input := part(head) + "." + part(claims)
	sum := sha256.Sum256([]byte(input))
	var sig []byte
	var err error
	switch k := key.(type) {
	case nil:
	case string:
		m := hmac.New(sha256.New, []byte(k))
		m.Write([]byte(input))
		sig = m.Sum(nil)
	case *ecdsa.PrivateKey:
		r, s, errSign := ecdsa.Sign(rand.Reader, k, sum[:])
		if err = errSign; err == nil {
			sig = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	case *rsa.PrivateKey:
		if strings.HasPrefix(text(head["alg"]), "PS") {
			sig, err = rsa.SignPSS(rand.Reader, k, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
			break
		}
		sig, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
	default:
		t.Fatalf("no way to sign with %T", key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64url(sig)
}

// ecKey is a new key for ES256, rsaKey one for RS256 that all tests share.
func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// publicJWK is the public part of a key as a JSON Web Key.
func publicJWK(t testing.TB, key crypto.Signer, kid, alg string) object {
	t.Helper()
	return asJWK(t, jose.JSONWebKey{Key: key.Public(), KeyID: kid, Algorithm: alg})
}

func asJWK(t testing.TB, k jose.JSONWebKey) object {
	t.Helper()
	raw, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	var out object
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// jwksOf is a key set as applications keep it: a text.
func jwksOf(t testing.TB, keys ...object) string {
	t.Helper()
	raw, err := json.Marshal(object{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// thumbprint is that of a key (RFC 7638).
func thumbprint(t testing.TB, key crypto.Signer) string {
	t.Helper()
	k := jose.JSONWebKey{Key: key.Public()}
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64url(sum)
}

// merged is base with change over it; a member that is nil there is taken away.
func merged(base, change object) object {
	out := object{}
	for k, v := range base {
		out[k] = v
	}
	for k, v := range change {
		if out[k] = v; v == nil {
			delete(out, k)
		}
	}
	return out
}

// unique is a text that no other call gets.
func unique() string { return rand.Text() }

func (w *world) issuer() string { return w.base + "/" + w.env + "/as" }

// clientSecret is the secret of an application.
func (w *world) clientSecret(app string) string {
	w.t.Helper()
	return w.manage("GET", "/applications/"+app+"/secret", nil).want(200).text("secret")
}

// given is what an answer of the authorize endpoint gives the application, by
// whichever response mode.
func (r response) given() url.Values {
	r.t.Helper()
	out := url.Values{}
	if r.StatusCode == 200 {
		for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(r.raw, -1) {
			out.Add(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
		}
		if len(out) == 0 {
			r.t.Fatalf("the page gives nothing: %s", r.raw)
		}
		return out
	}
	to, err := r.Location()
	if err != nil {
		r.t.Fatalf("no redirect but %d: %s", r.StatusCode, r.raw)
	}
	if to.Fragment == "" {
		return to.Query()
	}
	out, err = url.ParseQuery(to.EscapedFragment())
	if err != nil || to.RawQuery != "" {
		r.t.Fatalf("the fragment of %s: %v", to, err)
	}
	return out
}

// errs expects that the application is told of an error.
func (r response) errs(code, words string) {
	r.t.Helper()
	g := r.given()
	if g.Get("error") != code || !strings.Contains(g.Get("error_description"), words) || g.Get("code")+g.Get("access_token")+g.Get("id_token") != "" {
		r.t.Errorf("%d %v, want %s ...%s...", r.StatusCode, g, code, words)
	}
}

// paged expects a page with an error, and no redirect.
func (r response) paged() {
	r.t.Helper()
	if r.StatusCode < 400 || r.Header.Get("Location") != "" || strings.Contains(r.raw, "data-send") {
		r.t.Errorf("%d %s %s, want a page with an error", r.StatusCode, r.Header.Get("Location"), r.raw)
	}
}

// end signs a person on, when that is asked for, and returns the answer to the
// application.
func (p *person) end(r response, username string) response {
	p.w.t.Helper()
	if to, err := r.Location(); err == nil && strings.Contains(to.Path, "/signon/") {
		flow := to.Query().Get("flowId")
		p.signOn(flow, username, goodPassword).want(200)
		return p.resume(flow)
	}
	return r
}

// nextCode is a code for ada, who signs on when she has to.
func (p *person) nextCode(app string, change url.Values) string {
	p.w.t.Helper()
	return p.end(p.authorize(app, change), "ada").want(302).query("code")
}

// with is change with more parameters.
func with(change url.Values, more ...string) url.Values {
	out := url.Values{}
	for k, v := range change {
		out[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = []string{more[i+1]}
	}
	return out
}

// leftHash is the left half of a text's SHA-256 (OpenID Connect Core §3.1.3.6).
func leftHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64url(sum[:16])
}

func parseRS256(token string) (*jwt.JSONWebToken, error) {
	return jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
}
