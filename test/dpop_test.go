package test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// prover is a client that proves that it has a key (RFC 9449).
type prover struct {
	w     *world
	key   *ecdsa.PrivateKey
	nonce string
}

// newProver has a key, and a nonce that is good now.
func (w *world) newProver() *prover {
	w.t.Helper()
	v := &prover{w: w, key: ecKey(w.t)}
	v.renew()
	return v
}

// renew asks for a nonce as RFC 9449 §8 says: by a proof that has none.
func (v *prover) renew() {
	v.w.t.Helper()
	v.nonce = ""
	r := v.w.form("POST", "/"+v.w.env+"/as/token", url.Values{"grant_type": {"client_credentials"}}, header{"Authorization": v.w.basic()}, v.proof("POST", "/as/token", "", nil))
	r.refused(400, "use_dpop_nonce", "nonce")
	if v.nonce = r.Header.Get("DPoP-Nonce"); v.nonce == "" || len(r.Header.Values("DPoP-Nonce")) != 1 {
		v.w.t.Fatalf("no nonce: %v", r.Header)
	}
}

// head and claims are those of a proof that is good.
func (v *prover) head() object {
	return object{"typ": "dpop+jwt", "alg": "ES256", "jwk": publicJWK(v.w.t, v.key, "", "")}
}

func (v *prover) claims(method, path, token string) object {
	if strings.HasPrefix(path, "/as/") {
		path = "/" + v.w.env + path
	}
	c := object{"jti": unique(), "htm": method, "htu": v.w.base + path, "iat": v.w.clock().Unix()}
	if v.nonce != "" {
		c["nonce"] = v.nonce
	}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		c["ath"] = base64url(sum[:])
	}
	return c
}

// proof is a good proof, with change in its claims, as a header.
func (v *prover) proof(method, path, token string, change object) header {
	v.w.t.Helper()
	return header{"DPoP": jws(v.w.t, v.head(), merged(v.claims(method, path, token), change), v.key)}
}

// bearing is the headers of a request with a bound token.
func (v *prover) bearing(method, path, token string) header {
	v.w.t.Helper()
	h := v.proof(method, path, token, nil)
	h["Authorization"] = "DPoP " + token
	return h
}

// tokens redeems a code with a proof.
func (v *prover) tokens(app, code string) response {
	v.w.t.Helper()
	return v.w.redeem(app, code, nil, v.proof("POST", "/as/token", "", nil)).want(200)
}

// TestBoundTokens: who proves a key gets tokens that are bound to it, and say so.
// covers: RFC 9449 §5/3, RFC 9449 §6/1, RFC 9449 §6.1/1, RFC 9449 §6.2/1
func TestBoundTokens(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(object{"type": "WEB_APP", "tokenEndpointAuthMethod": "CLIENT_SECRET_POST"})
	auth := url.Values{"client_secret": {w.clientSecret(app)}}
	v := w.newProver()
	jkt := thumbprint(t, v.key)
	bound := func(r response) {
		t.Helper()
		c := claims(t, r.want(200).text("access_token"))
		cnf, _ := c["cnf"].(object)
		if r.text("token_type") != "DPoP" || cnf["jkt"] != jkt {
			t.Errorf("token_type %s, cnf %v", r.text("token_type"), c["cnf"])
		}
		told := w.form("POST", "/"+w.env+"/as/introspect", with(auth, "client_id", app, "token", r.text("access_token"))).want(200)
		if cnf, _ := told.body["cnf"].(object); told.body["active"] != true || told.text("token_type") != "DPoP" || cnf["jkt"] != jkt {
			t.Errorf("%s", told.raw)
		}
	}
	first := w.redeem(app, (&person{w: w}).code(app, "ada", nil), auth, v.proof("POST", "/as/token", "", nil))
	bound(first)
	second := w.refresh(app, first.text("refresh_token"), auth, v.proof("POST", "/as/token", "", nil))
	bound(second)
	// The refresh token of a client that authenticates is bound to that, so it may come with another key; never with none.
	w.refresh(app, second.text("refresh_token"), auth).refused(400, "invalid_grant", "there is no proof")
	other := w.newProver()
	third := w.refresh(app, second.text("refresh_token"), auth, other.proof("POST", "/as/token", "", nil)).want(200)
	if cnf, _ := claims(t, third.text("access_token"))["cnf"].(object); third.text("token_type") != "DPoP" || cnf["jkt"] != thumbprint(t, other.key) {
		t.Errorf("%s", third.raw)
	}
	worker := w.form("POST", "/"+w.env+"/as/token", url.Values{"grant_type": {"client_credentials"}}, header{"Authorization": w.basic()}, v.proof("POST", "/as/token", "", nil)).want(200)
	if cnf, _ := claims(t, worker.text("access_token"))["cnf"].(object); worker.text("token_type") != "DPoP" || cnf["jkt"] != jkt {
		t.Errorf("%s", worker.raw)
	}
}

// wrongProofs are proofs that are refused, each for one reason.
func (v *prover) wrongProofs(method, path, token string) map[string]string {
	t, now := v.w.t, v.w.clock()
	good := func(change object) string {
		return jws(t, v.head(), merged(v.claims(method, path, token), change), v.key)
	}
	headed := func(change object, key any) string {
		return jws(t, merged(v.head(), change), v.claims(method, path, token), key)
	}
	htu := text(v.claims(method, path, "")["htu"])
	private := publicJWK(t, v.key, "", "")
	d, err := v.key.Bytes()
	v.w.must(err)
	private["d"] = base64url(d)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	v.w.must(err)
	whole := good(nil)
	parts := strings.Split(whole, ".")
	out := map[string]string{
		"no JWT":               "x",
		"nothing":              " ",
		"two of them":          whole + ", " + whole,
		"encrypted":            "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d",
		"no jti":               good(object{"jti": nil}),
		"a long jti":           good(object{"jti": strings.Repeat("j", 300)}),
		"no htm":               good(object{"htm": nil}),
		"another htm":          good(object{"htm": "PUT"}),
		"htm in lower case":    good(object{"htm": strings.ToLower(method)}),
		"no htu":               good(object{"htu": nil}),
		"another path":         good(object{"htu": htu + "/x"}),
		"another host":         good(object{"htu": strings.Replace(htu, "pixy.test", "evil.example.com", 1)}),
		"an escaped slash":     good(object{"htu": htu[:strings.LastIndex(htu, "/")] + "%2F" + htu[strings.LastIndex(htu, "/")+1:]}),
		"a slash more":         good(object{"htu": htu + "/"}),
		"another scheme":       good(object{"htu": strings.Replace(htu, "http:", "https:", 1)}),
		"a user in htu":        good(object{"htu": strings.Replace(htu, "http://", "http://me@", 1)}),
		"a path alone":         good(object{"htu": path}),
		"no iat":               good(object{"iat": nil}),
		"old":                  good(object{"iat": now.Add(-61 * time.Second).Unix()}),
		"ahead":                good(object{"iat": now.Add(62 * time.Second).Unix()}),
		"expired":              good(object{"exp": now.Add(-31 * time.Second).Unix()}),
		"not good yet":         good(object{"nbf": now.Add(32 * time.Second).Unix()}),
		"iat as a text":        good(object{"iat": "now"}),
		"no typ":               headed(object{"typ": nil}, v.key),
		"typ JWT":              headed(object{"typ": "JWT"}, v.key),
		"typ at+jwt":           headed(object{"typ": "at+jwt"}, v.key),
		"alg none":             headed(object{"alg": "none"}, nil),
		"HS256":                headed(object{"alg": "HS256"}, "secret"),
		"HS256 with the key":   headed(object{"alg": "HS256", "jwk": object{"kty": "oct", "k": "c2VjcmV0"}}, "secret"),
		"RS256 with an EC key": headed(object{"alg": "RS256"}, rsaKey()),
		"no jwk":               headed(object{"jwk": nil}, v.key),
		"a private jwk":        headed(object{"jwk": private}, v.key),
		"another jwk":          headed(object{"jwk": publicJWK(t, ecKey(t), "", "")}, v.key),
		"a jwk off the curve":  headed(object{"jwk": object{"kty": "EC", "crv": "P-256", "x": base64url(make([]byte, 32)), "y": base64url(make([]byte, 32))}}, v.key),
		"a short RSA key":      headed(object{"alg": "RS256", "jwk": publicJWK(t, short, "", "")}, short),
		"another signature":    parts[0] + "." + parts[1] + "." + strings.Split(good(nil), ".")[2],
		"no signature":         parts[0] + "." + parts[1] + ".",
		"critical":             headed(object{"crit": []string{"x"}, "x": 1}, v.key),
		"too long":             good(object{"x": strings.Repeat("x", 9000)}),
	}
	if token != "" {
		out["no ath"] = good(object{"ath": nil})
		out["another ath"] = good(object{"ath": leftHash(token)})
		out["the token as ath"] = good(object{"ath": token})
	}
	return out
}

// TestWrongProofs sends every wrong proof to the token endpoint, with one code:
// none is taken, and none spends the code.
// covers: RFC 9449 §4.3/2, RFC 9449 §4.3/3, RFC 9449 §4.3/4, RFC 9449 §4.3/5, RFC 9449 §4.3/6, RFC 9449 §4.3/7, RFC 9449 §4.3/8, RFC 9449 §4.3/9, RFC 9449 §4.3/11
// covers: RFC 9449 §11.1/1, RFC 9449 §11.5/1, RFC 9449 §11.6/1, RFC 9449 §11.6/2
func TestWrongProofs(t *testing.T) {
	// covers: Certification FAPI2/DpopNegativeTests
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	code := (&person{w: w}).code(app, "ada", nil)
	v := w.newProver()
	for name, proof := range v.wrongProofs("POST", "/as/token", "") {
		r := w.redeem(app, code, nil, header{"DPoP": proof})
		if r.StatusCode != 400 || r.text("error") != "invalid_dpop_proof" || r.text("access_token") != "" {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.raw)
		}
		w.push(app, nil, header{"DPoP": proof}).refused(400, "invalid_dpop_proof", "DPoP proof is not good")
	}
	v.tokens(app, code)
}

// TestGoodProofs: what may differ.
// covers: RFC 9449 §4.3/9, RFC 9449 §4.3/14
func TestGoodProofs(t *testing.T) {
	// covers: Certification FAPI2/CheckDpopProofNbfExp, Certification FAPI2/EnsureDpopProofWithIat10SecondsBeforeSucceeds, Certification FAPI2/EnsureDpopProofWithIat10SecondsAfterSucceeds
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	v := w.newProver()
	now := w.clock()
	path := "/" + w.env + "/as/token"
	for name, change := range map[string]object{
		"10 seconds old":    {"iat": now.Add(-10 * time.Second).Unix()},
		"10 seconds ahead":  {"iat": now.Add(10 * time.Second).Unix()},
		"nbf and exp":       {"nbf": now.Unix(), "exp": now.Add(time.Minute).Unix()},
		"10 seconds of nbf": {"nbf": now.Add(10 * time.Second).Unix()},
		"a query":           {"htu": w.base + path + "?a=b"},
		"a fragment":        {"htu": w.base + path + "#a"},
		"capitals":          {"htu": "HTTP://PIXY.test" + path},
		"the default port":  {"htu": "http://pixy.test:80" + path},
		"percent-encoded":   {"htu": w.base + strings.Replace(path, "token", "%74oken", 1)},
		"dots":              {"htu": w.base + "/x/.." + path},
		"unknown claims":    {"x": 1},
	} {
		if r := w.redeem(app, p.nextCode(app, nil), nil, v.proof("POST", "/as/token", "", change)); r.StatusCode != 200 || r.text("token_type") != "DPoP" {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.raw)
		}
	}
	for _, alg := range []string{"RS256", "PS256"} {
		head := object{"typ": "dpop+jwt", "alg": alg, "jwk": publicJWK(t, rsaKey(), "", "")}
		w.redeem(app, p.nextCode(app, nil), nil, header{"DPoP": jws(t, head, v.claims("POST", "/as/token", ""), rsaKey())}).want(200)
	}
}

// TestProofNonce: every proof needs a nonce that was given lately; each answer to
// a proof gives the one of the day.
// covers: RFC 9449 §4.3/10, RFC 9449 §8/1, RFC 9449 §8/2, RFC 9449 §8/3, RFC 9449 §11.2/1, RFC 9449 §11.3/1
func TestProofNonce(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	v := w.newProver()
	first := v.nonce
	code := p.nextCode(app, nil)
	for name, nonce := range map[string]any{"none": nil, "empty": "", "made up": "x", "another's": first[:len(first)-1] + "A" + "A", "a number": 1} {
		r := w.redeem(app, code, nil, v.proof("POST", "/as/token", "", object{"nonce": nonce}))
		want := "use_dpop_nonce"
		if name == "a number" {
			want = "invalid_dpop_proof"
		}
		if r.refused(400, want, ""); len(r.Header.Values("DPoP-Nonce")) != 1 {
			t.Errorf("%s: the nonces are %v", name, r.Header.Values("DPoP-Nonce"))
		}
	}
	seen := map[string]bool{first: true}
	for age := time.Minute; age <= 10*time.Minute; age += time.Minute {
		w.pass(time.Minute)
		v.nonce = first
		r := w.redeem(app, p.nextCode(app, nil), nil, v.proof("POST", "/as/token", "", nil))
		switch {
		case age <= 3*time.Minute:
			r.want(200)
		case age >= 6*time.Minute:
			r.refused(400, "use_dpop_nonce", "")
		}
		next := r.Header.Get("DPoP-Nonce")
		if seen[next] || len(next) < 16 {
			t.Errorf("the nonce after %v was given before: %s", age, next)
		}
		seen[next] = true
		v.nonce = next
		w.redeem(app, p.nextCode(app, nil), nil, v.proof("POST", "/as/token", "", nil)).want(200)
	}
}

// TestProofOnce: a proof is good for one request.
// covers: RFC 9449 §11.1/1
func TestProofOnce(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	v := w.newProver()
	proof := v.proof("POST", "/as/token", "", object{"jti": "same"})
	token := w.redeem(app, p.nextCode(app, nil), nil, proof).want(200).text("access_token")
	w.redeem(app, p.nextCode(app, nil), nil, proof).refused(400, "invalid_dpop_proof", "used before")
	w.redeem(app, p.nextCode(app, nil), nil, v.proof("POST", "/as/token", "", object{"jti": "same"})).refused(400, "invalid_dpop_proof", "used before")
	other := w.newProver() // by another key the same jti is another proof
	w.redeem(app, p.nextCode(app, nil), nil, other.proof("POST", "/as/token", "", object{"jti": "same"})).want(200)
	h := v.bearing("GET", "/as/userinfo", token)
	w.send("GET", "/"+w.env+"/as/userinfo", "", h).want(200)
	w.send("GET", "/"+w.env+"/as/userinfo", "", h).refused(401, "invalid_dpop_proof", "used before")
}

// TestTwoProofs sends two headers.
// covers: RFC 9449 §4.3/1
func TestTwoProofs(t *testing.T) {
	w := newWorld(t)
	v := w.newProver()
	r := httptest.NewRequest("POST", w.base+"/"+w.env+"/as/token", strings.NewReader("grant_type=client_credentials"))
	r.Header.Set("Authorization", w.basic())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for range 2 {
		r.Header.Add("DPoP", v.proof("POST", "/as/token", "", nil)["DPoP"])
	}
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	raw, err := io.ReadAll(rec.Body)
	w.must(err)
	if rec.Code != 400 || !strings.Contains(string(raw), "invalid_dpop_proof") {
		t.Errorf("%d %s", rec.Code, raw)
	}
}
