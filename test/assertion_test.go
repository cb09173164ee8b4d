package test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// signJWT is a JWT by a key, "" as the kid for none in its header.
func signJWT(t testing.TB, alg jose.SignatureAlgorithm, key any, kid string, claims object) string {
	t.Helper()
	if kid != "" {
		key = jose.JSONWebKey{Key: key, KeyID: kid}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// service is an application that authenticates with assertions, and may ask for
// a token for a resource.
func (w *world) service(method string, change object) string {
	w.t.Helper()
	all := object{"type": "SERVICE", "grantTypes": []string{"CLIENT_CREDENTIALS"}, "responseTypes": []string{"TOKEN"}, "tokenEndpointAuthMethod": method, "pkceEnforcement": "OPTIONAL"}
	maps.Copy(all, change)
	app := w.application(all)
	if found := w.manage("GET", "/resources?filter="+url.QueryEscape(`name eq "Orders"`), nil).want(200).body; found["size"] == 0.0 {
		w.api(app, nil)
	} else {
		w.grantAgain(app, found)
	}
	return app
}

// grantAgain grants what api has made to another application.
func (w *world) grantAgain(app string, found object) {
	w.t.Helper()
	resource := text(found["_embedded"].(object)["resources"].([]any)[0].(object)["id"])
	scope := w.manage("GET", "/resources/"+resource+"/scopes", nil).want(200).body["_embedded"].(object)["scopes"].([]any)[0].(object)["id"]
	w.manage("POST", "/applications/"+app+"/grants", object{"resource": object{"id": resource}, "scopes": []object{{"id": scope}}}).want(201)
}

// assertion is the claims of a good one; change replaces some, or takes them
// away with nil.
func (w *world) assertion(app string, change object) object {
	now := w.clock().Unix()
	c := object{"iss": app, "sub": app, "aud": w.base + "/" + w.env + "/as", "jti": fmt.Sprint("jti ", time.Now().UnixNano()), "iat": now, "exp": now + 60}
	for name, v := range change {
		if c[name] = v; v == nil {
			delete(c, name)
		}
	}
	return c
}

// assert asks for a token with an assertion.
func (w *world) assert(assertion string, change url.Values, headers ...header) response {
	w.t.Helper()
	f := url.Values{"grant_type": {"client_credentials"}, "client_assertion": {assertion}, "client_assertion_type": {assertionType}}
	for k, v := range change {
		if f[k] = v; len(v) == 1 && v[0] == "" {
			delete(f, k)
		}
	}
	return w.form("POST", "/"+w.env+"/as/token", f, headers...)
}

func (w *world) secretOf(app string) string {
	w.t.Helper()
	return w.manage("GET", "/applications/"+app+"/secret", nil).want(200).text("secret")
}

// TestAssertionClaims holds the claims of an assertion against RFC 7523 §3, one
// wrong at a time.
// covers: Certification FAPI2/EnsureClientAssertionWithExpIs5MinutesInPastFails, Certification FAPI2/EnsureClientAssertionWithWrongAudFails
// covers: Certification FAPI2/EnsureClientAssertionWithNoSubFails
// covers: OIDC Core §9/1, OIDC Core §9/2, OIDC Core §9/3, OIDC Core §9/4, OIDC Core §9/5, OIDC Core §9/7, OIDC Core §9/9, OIDC Core §9/10, OIDC Core §9/11
func TestAssertionClaims(t *testing.T) {
	w := newWorld(t)
	app, other := w.service("CLIENT_SECRET_JWT", nil), w.service("CLIENT_SECRET_JWT", nil)
	secret, issuer, now := []byte(w.secretOf(app)), w.base+"/"+w.env+"/as", w.clock().Unix()
	for name, c := range map[string]struct {
		change object
		says   string // "" when it is good
	}{
		"good":                             {nil, ""},
		"the audience in a list":           {object{"aud": []string{issuer}}, ""},
		"with claims that nobody knows":    {object{"unheard": "of", "scope": []int{1}}, ""},
		"without iat":                      {object{"iat": nil}, ""},
		"expired within the skew":          {object{"exp": now - 29}, ""},
		"valid from within the skew on":    {object{"nbf": now + 29, "iat": now + 29}, ""},
		"good for an hour":                 {object{"exp": now + 3600}, ""},
		"no audience":                      {object{"aud": nil}, "aud must be the issuer"},
		"the token endpoint's audience":    {object{"aud": issuer + "/token"}, "aud must be the issuer"},
		"the audience with a slash":        {object{"aud": issuer + "/"}, "aud must be the issuer"},
		"another audience beside":          {object{"aud": []string{issuer, "https://other.example.com"}}, "aud must be the issuer"},
		"another environment's audience":   {object{"aud": w.base + "/00000000-0000-4000-8000-000000000000/as"}, "aud must be the issuer"},
		"no issuer":                        {object{"iss": nil}, "iss and sub must be the client_id"},
		"another client as the issuer":     {object{"iss": other}, "iss and sub must be the client_id"},
		"no subject":                       {object{"sub": nil}, "Invalid client credentials"},
		"another client as the subject":    {object{"sub": other}, "Invalid client credentials"},
		"a subject with NUL":               {object{"sub": app + "\x00"}, "Invalid client credentials"},
		"an unknown subject":               {object{"sub": "nobody"}, "Invalid client credentials"},
		"no end":                           {object{"exp": nil}, "exp and jti must be there"},
		"no id":                            {object{"jti": nil}, "exp and jti must be there"},
		"an empty id":                      {object{"jti": ""}, "exp and jti must be there"},
		"an id that is too long":           {object{"jti": strings.Repeat("j", 257)}, "exp and jti must be there"},
		"expired 30 seconds ago":           {object{"exp": now - 30}, "exp must not have passed"},
		"expired 5 minutes ago":            {object{"exp": now - 300, "iat": now - 360}, "exp must not have passed"},
		"good for more than an hour":       {object{"exp": now + 3631}, "exp must be within an hour"},
		"good for ever":                    {object{"exp": int64(1) << 53}, "exp must be within an hour"},
		"valid from a minute on":           {object{"nbf": now + 60}, "nbf and iat must not lie in the future"},
		"issued a minute later":            {object{"iat": now + 60}, "nbf and iat must not lie in the future"},
		"an end that is a text":            {object{"exp": "tomorrow"}, "Invalid client credentials"},
		"an end that can't be represented": {object{"exp": 1e300}, "client"},
	} {
		r := w.assert(signJWT(t, jose.HS256, secret, "", w.assertion(app, c.change)), nil)
		switch {
		case c.says == "" && r.StatusCode != 200:
			t.Errorf("%s: %d %s", name, r.StatusCode, r.raw)
		case c.says != "" && (r.StatusCode != 401 || r.text("error") != "invalid_client" || !strings.Contains(r.text("error_description"), c.says)):
			t.Errorf("%s: %d %s, want %s", name, r.StatusCode, r.raw, c.says)
		}
	}
}

// TestAssertionRequests holds the request around a good assertion.
// covers: OIDC Core §9/12, OIDC Core §9/13
// covers: Certification FAPI2/EnsureClientAssertionInTokenEndpoint
func TestAssertionRequests(t *testing.T) {
	w := newWorld(t)
	app, other := w.service("CLIENT_SECRET_JWT", nil), w.service("CLIENT_SECRET_JWT", nil)
	secret := w.secretOf(app)
	fresh := func() string { return signJWT(t, jose.HS256, []byte(secret), "", w.assertion(app, nil)) }
	w.assert(fresh(), url.Values{"client_id": {app}}).want(200)
	w.assert(fresh(), url.Values{"client_id": {other}}).refused(401, "invalid_client", "Invalid client credentials")
	w.assert(fresh(), url.Values{"client_id": {app + "\x00"}}).refused(400, "invalid_request", "client_id")
	w.assert(fresh(), url.Values{"client_secret": {secret}}).refused(400, "invalid_request", "more than one way")
	w.assert(fresh(), nil, header{"Authorization": w.basic()}).refused(400, "invalid_request", "more than one way")
	w.assert(fresh(), url.Values{"client_assertion_type": {""}}).refused(401, "invalid_client", "Unsupported authentication method")
	w.assert(fresh(), url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}}).refused(401, "invalid_client", "Unsupported authentication method")
	w.assert(fresh(), url.Values{"client_assertion": {fresh(), fresh()}}).refused(400, "invalid_request", "more than once")
	w.assert("", url.Values{"client_id": {app}}).refused(401, "invalid_client", "Invalid client credentials")
	w.assert(strings.Repeat("a", 20000), nil).refused(400, "invalid_request", "too long")
	for _, broken := range []string{"x", "a.b", "a.b.c", fresh() + ".d", "{}", w.admin} {
		w.assert(broken, nil).refused(401, "invalid_client", "Invalid client credentials")
	}
	for _, f := range []url.Values{{"client_id": {app}}, {"client_id": {app}, "client_secret": {secret}}} {
		f.Set("grant_type", "client_credentials")
		w.form("POST", "/"+w.env+"/as/token", f).refused(401, "invalid_client", "Unsupported authentication method")
	}
	for _, path := range []string{"/as/introspect", "/as/revoke"} {
		f := url.Values{"token": {"x"}, "client_assertion": {fresh()}, "client_assertion_type": {assertionType}}
		w.form("POST", "/"+w.env+path, f).want(200)
		w.form("POST", "/"+w.env+path, f).refused(401, "invalid_client", "used before")
	}
}

// TestAssertionOnce uses an assertion a second time: at once, at another
// endpoint, at the end of its life, and many times at the same time.
// covers: OIDC Core §9/8
func TestAssertionOnce(t *testing.T) {
	w := newWorld(t)
	app, other := w.service("CLIENT_SECRET_JWT", nil), w.service("CLIENT_SECRET_JWT", nil)
	secret, sibling := []byte(w.secretOf(app)), []byte(w.secretOf(other))
	one := signJWT(t, jose.HS256, secret, "", w.assertion(app, object{"jti": "one"}))
	w.assert(one, nil).want(200)
	w.assert(one, nil).refused(401, "invalid_client", "used before")
	again := signJWT(t, jose.HS384, secret, "", w.assertion(app, object{"jti": "one", "exp": w.clock().Unix() + 50}))
	w.assert(again, nil).refused(401, "invalid_client", "used before")
	w.assert(signJWT(t, jose.HS256, sibling, "", w.assertion(other, object{"jti": "one"})), nil).want(200)
	w.form("POST", "/"+w.env+"/as/introspect", url.Values{"token": {"x"}, "client_assertion": {one}, "client_assertion_type": {assertionType}}).refused(401, "invalid_client", "used before")
	w.pass(89 * time.Second)
	_, err := w.db.Sweep(t.Context(), w.clock()) // sooner than the server would
	w.must(err)
	w.assert(one, nil).refused(401, "invalid_client", "used before")
	w.pass(time.Second)
	w.assert(one, nil).refused(401, "invalid_client", "exp must not have passed")

	many := signJWT(t, jose.HS256, secret, "", w.assertion(app, nil))
	came := atOnce(50, func() string { return fmt.Sprint(w.assert(many, nil).StatusCode) })
	if came["200"] != 1 || came["401"] != 49 {
		t.Errorf("one assertion, 50 times at once: %v", came)
	}
	forged := signJWT(t, jose.HS256, []byte(strings.Repeat("x", 64)), "", w.assertion(app, object{"jti": "spoilt"}))
	w.assert(forged, nil).refused(401, "invalid_client", "Invalid client credentials")
	w.assert(signJWT(t, jose.HS256, secret, "", w.assertion(app, object{"jti": "spoilt"})), nil).want(200)
}

// TestAssertionOnceByOtherClocks uses an assertion again at a node whose clock is
// half a minute behind that of the one which swept.
func TestAssertionOnceByOtherClocks(t *testing.T) {
	w := newWorld(t)
	app := w.service("CLIENT_SECRET_JWT", nil)
	one := signJWT(t, jose.HS256, []byte(w.secretOf(app)), "", w.assertion(app, nil))
	w.assert(one, nil).want(200)
	w.pass(119 * time.Second) // it lives for 90
	w.must(w.server.Sweep(t.Context()))
	w.pass(-30 * time.Second)
	w.assert(one, nil).refused(401, "invalid_client", "used before")
}

// TestSecretAssertions signs with secrets that are not the client's, and with
// the previous one while it lives.
func TestSecretAssertions(t *testing.T) {
	w := newWorld(t)
	app := w.service("CLIENT_SECRET_JWT", nil)
	secret := w.secretOf(app)
	for _, alg := range []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512} {
		w.assert(signJWT(t, alg, []byte(secret), "some-kid", w.assertion(app, nil)), nil).want(200)
		w.assert(signJWT(t, alg, []byte(secret+"x"), "", w.assertion(app, nil)), nil).refused(401, "invalid_client", "Invalid client credentials")
		w.assert(signJWT(t, alg, []byte(strings.ToUpper(secret)), "", w.assertion(app, nil)), nil).refused(401, "invalid_client", "Invalid client credentials")
	}
	// A key that is longer than a block is hashed: NUL behind it is no padding.
	w.assert(signJWT(t, jose.HS256, []byte(secret+"\x00"), "", w.assertion(app, nil)), nil).refused(401, "invalid_client", "Invalid client credentials")
	w.manage("POST", "/applications/"+app+"/secret", object{"previous": object{"expiresAt": w.clock().Add(time.Hour).Format(time.RFC3339)}}).want(200)
	for _, s := range []string{secret, w.secretOf(app)} {
		w.assert(signJWT(t, jose.HS256, []byte(s), "", w.assertion(app, nil)), nil).want(200)
	}
	w.pass(time.Hour - time.Second)
	w.admin = w.token()
	w.pass(time.Second)
	w.assert(signJWT(t, jose.HS256, []byte(secret), "", w.assertion(app, nil)), nil).refused(401, "invalid_client", "Invalid client credentials")
}

// keyring is a client's keys of each kind, and their public parts.
type keyring struct {
	rsa              *rsa.PrivateKey
	ec, ec384, ec521 *ecdsa.PrivateKey
	ed               ed25519.PrivateKey
	publics          []jose.JSONWebKey
}

func newKeyring(t testing.TB) (k keyring) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	k.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	k.ec384, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(err)
	k.ec521, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	must(err)
	_, k.ed, err = ed25519.GenerateKey(rand.Reader)
	must(err)
	for kid, key := range map[string]crypto.Signer{"rsa": k.rsa, "ec": k.ec, "ec384": k.ec384, "ec521": k.ec521, "ed": k.ed} {
		k.publics = append(k.publics, jose.JSONWebKey{Key: key.Public(), KeyID: kid})
	}
	return k
}

// of is the key for an algorithm.
func (k keyring) of(alg string) any {
	switch alg {
	case "ES256":
		return k.ec
	case "ES384":
		return k.ec384
	case "ES512":
		return k.ec521
	case "EdDSA":
		return k.ed
	}
	return k.rsa
}

// set is a key set as a text.
func set(t testing.TB, keys ...jose.JSONWebKey) string {
	t.Helper()
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: slices.Clone(keys)})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestPrivateKeyAssertions signs with keys of each kind, and with what is not the
// client's key, or not for this algorithm.
// covers: Certification FAPI2/EnsureSignedClientAssertionWithRS256Fails
func TestPrivateKeyAssertions(t *testing.T) {
	w, k := newWorld(t), newKeyring(t)
	app := w.service("PRIVATE_KEY_JWT", object{"jwks": set(t, k.publics...)})
	for _, c := range []struct {
		alg jose.SignatureAlgorithm
		kid string
	}{{jose.RS256, "rsa"}, {jose.RS512, "rsa"}, {jose.PS256, "rsa"}, {jose.ES256, "ec"}, {jose.ES384, "ec384"}, {jose.EdDSA, "ed"}} {
		key := k.of(string(c.alg))
		w.assert(signJWT(t, c.alg, key, c.kid, w.assertion(app, nil)), nil).want(200)
		w.assert(signJWT(t, c.alg, key, "", w.assertion(app, nil)), nil).want(200)
		w.assert(signJWT(t, c.alg, key, "unheard-of", w.assertion(app, nil)), nil).refused(401, "invalid_client", "Invalid client credentials")
	}
	foreign := newKeyring(t)
	w.assert(signJWT(t, jose.RS256, foreign.rsa, "rsa", w.assertion(app, nil)), nil).refused(401, "invalid_client", "Invalid client credentials")
	w.assert(signJWT(t, jose.ES256, foreign.ec, "ec", w.assertion(app, nil)), nil).refused(401, "invalid_client", "Invalid client credentials")
	w.assert(signJWT(t, jose.RS256, k.rsa, "ec", w.assertion(app, nil)), nil).refused(401, "invalid_client", "Invalid client credentials")

	rsaOnly := jose.JSONWebKey{Key: k.rsa.Public(), KeyID: "rsa", Algorithm: "PS256", Use: "sig"}
	bound := w.service("PRIVATE_KEY_JWT", object{"jwks": set(t, rsaOnly)})
	w.assert(signJWT(t, jose.PS256, k.rsa, "rsa", w.assertion(bound, nil)), nil).want(200)
	w.assert(signJWT(t, jose.RS256, k.rsa, "rsa", w.assertion(bound, nil)), nil).refused(401, "invalid_client", "Invalid client credentials")
	rsaOnly.Algorithm, rsaOnly.Use = "", "enc"
	sealing := w.service("PRIVATE_KEY_JWT", object{"jwks": set(t, rsaOnly)})
	w.assert(signJWT(t, jose.RS256, k.rsa, "rsa", w.assertion(sealing, nil)), nil).refused(401, "invalid_client", "Invalid client credentials")
	none := w.service("PRIVATE_KEY_JWT", nil)
	w.assert(signJWT(t, jose.RS256, k.rsa, "rsa", w.assertion(none, nil)), nil).refused(401, "invalid_client", "Invalid client credentials")
}

// TestAlgorithmConfusion takes a public key for a secret, a secret for a key,
// and no signature for one. RFC 8725 §2.1.
func TestAlgorithmConfusion(t *testing.T) {
	w, k := newWorld(t), newKeyring(t)
	app := w.service("PRIVATE_KEY_JWT", object{"jwks": set(t, k.publics...)})
	secretly := w.service("CLIENT_SECRET_JWT", object{"jwks": set(t, k.publics...)})
	der, err := x509.MarshalPKIXPublicKey(k.rsa.Public())
	w.must(err)
	pem := "-----BEGIN PUBLIC KEY-----\n" + base64.StdEncoding.EncodeToString(der) + "\n-----END PUBLIC KEY-----\n"
	for name, key := range map[string][]byte{"DER": der, "PEM": []byte(pem), "the modulus": k.rsa.N.Bytes(), "the set": []byte(set(t, k.publics...)), "the secret": []byte(w.secretOf(app))} {
		r := w.assert(signJWT(t, jose.HS256, key, "rsa", w.assertion(app, nil)), nil)
		if r.StatusCode != 401 || r.text("error") != "invalid_client" {
			t.Errorf("HS256 with %s: %d %s", name, r.StatusCode, r.raw)
		}
	}
	w.assert(signJWT(t, jose.RS256, k.rsa, "rsa", w.assertion(secretly, nil)), nil).refused(401, "invalid_client", "Unsupported authentication method")
	b64 := base64.RawURLEncoding.EncodeToString
	for _, alg := range []string{"none", "None", "", "HS257"} {
		body, err := json.Marshal(w.assertion(app, nil))
		w.must(err)
		token := b64([]byte(`{"alg":"`+alg+`"}`)) + "." + b64(body) + "."
		w.assert(token, nil).refused(401, "invalid_client", "Invalid client credentials")
		w.assert(token+"x", nil).refused(401, "invalid_client", "Invalid client credentials")
	}
	good := strings.Split(signJWT(t, jose.RS256, k.rsa, "rsa", w.assertion(app, nil)), ".")
	other := strings.Split(signJWT(t, jose.RS256, k.rsa, "rsa", w.assertion(app, nil)), ".")
	w.assert(good[0]+"."+other[1]+"."+good[2], nil).refused(401, "invalid_client", "Invalid client credentials")
	inHeader := jose.SigningKey{Algorithm: jose.RS256, Key: newKeyring(t).rsa} // jwk in the header is nobody's key
	signer, err := jose.NewSigner(inHeader, &jose.SignerOptions{EmbedJWK: true})
	w.must(err)
	token, err := jwt.Signed(signer).Claims(w.assertion(app, nil)).Serialize()
	w.must(err)
	w.assert(token, nil).refused(401, "invalid_client", "Invalid client credentials")
}
