package test

import (
	"crypto/ecdsa"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// fapi is a client of the FAPI 2.0 Security Profile: it pushes its requests,
// authenticates by a key, and binds its tokens to another.
type fapi struct {
	w   *world
	p   *person
	v   *prover
	app string
	key *ecdsa.PrivateKey
}

func (w *world) fapi() *fapi {
	w.t.Helper()
	x := &fapi{w: w, p: &person{w: w}, v: w.newProver(), key: ecKey(w.t)}
	x.app = w.application(object{"type": "WEB_APP", "tokenEndpointAuthMethod": "PRIVATE_KEY_JWT", "parRequirement": "REQUIRED", "grantTypes": []string{"AUTHORIZATION_CODE", "REFRESH_TOKEN"},
		"jwks": jwksOf(w.t, publicJWK(w.t, x.key, "e1", "ES256"), publicJWK(w.t, rsaKey(), "p1", "PS256"))})
	return x
}

// asserted is a good assertion, with change in its claims.
func (x *fapi) asserted(change object) url.Values {
	claims := object{"iss": x.app, "sub": x.app, "aud": x.w.issuer(), "exp": x.w.clock().Unix() + 60, "iat": x.w.clock().Unix(), "jti": unique()}
	return assertion(jws(x.w.t, object{"alg": "ES256", "kid": "e1"}, merged(claims, change), x.key))
}

func assertion(text string) url.Values {
	return url.Values{"client_assertion": {text}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
}

func joined(a, b url.Values) url.Values {
	out := with(a)
	for k, v := range b {
		out[k] = v
	}
	return out
}

func (x *fapi) push(change url.Values) response {
	x.w.t.Helper()
	return x.w.push(x.app, joined(x.asserted(nil), change), x.v.proof("POST", "/as/par", "", nil))
}

// signOn pushes a request and returns what the browser brings back.
func (x *fapi) signOn(change url.Values) response {
	x.w.t.Helper()
	return x.p.end(x.p.pushed(x.app, x.push(change).want(201).text("request_uri"), nil), "ada").want(302)
}

func (x *fapi) redeem(code string, change url.Values) response {
	x.w.t.Helper()
	return x.w.redeem(x.app, code, joined(x.asserted(nil), change), x.v.proof("POST", "/as/token", "", nil))
}

// TestFAPI signs on and refreshes as the profile demands.
func TestFAPI(t *testing.T) {
	// covers: Certification FAPI2/HappyFlow, Certification FAPI2/RefreshToken, Certification FAPI2/EnsureAuthorizationRequestWithoutStateSuccess
	// covers: Certification FAPI2/EnsureAuthorizationRequestWithLongNonce, Certification FAPI2/EnsureAuthorizationRequestWithLongState, Certification FAPI2/UserRejectsAuthentication
	w := newWorld(t, https)
	ada := w.user("ada")
	x, other := w.fapi(), w.fapi()
	tokens := x.redeem(x.signOn(url.Values{"nonce": {"n0nce"}}).query("code"), nil).want(200)
	if c := claims(t, tokens.text("id_token")); c["sub"] != ada || c["nonce"] != "n0nce" || tokens.text("token_type") != "DPoP" {
		t.Errorf("%s", tokens.raw)
	}
	if r := w.send("GET", "/"+w.env+"/as/userinfo", "", x.v.bearing("GET", "/as/userinfo", tokens.text("access_token"))).want(200); r.text("sub") != ada {
		t.Errorf("%s", r.raw)
	}
	refreshed := func(x *fapi) response {
		return w.refresh(x.app, tokens.text("refresh_token"), x.asserted(nil), x.v.proof("POST", "/as/token", "", nil))
	}
	refreshed(other).refused(400, "invalid_grant", "another application")
	if r := refreshed(x).want(200); claims(t, r.text("id_token"))["sub"] != ada || r.text("token_type") != "DPoP" {
		t.Errorf("%s", r.raw)
	}

	if r := x.signOn(url.Values{"state": {""}}); r.query("code") == "" || strings.Contains(r.Header.Get("Location"), "state=") {
		t.Errorf("%s", r.Header.Get("Location"))
	}
	long := strings.Repeat("n", 1000)
	r := x.signOn(url.Values{"nonce": {long}, "state": {long + long + long}})
	if c := claims(t, x.redeem(r.query("code"), nil).want(200).text("id_token")); c["nonce"] != long || r.query("state") != long+long+long {
		t.Errorf("%v", c)
	}
	for name, change := range map[string]url.Values{"nonce": {"nonce": {long + long}}, "state": {"state": {strings.Repeat("s", 5000)}}} {
		x.push(change).refused(400, "invalid_request", name)
	}
	x.p = &person{w: w}
	flow := x.p.pushed(x.app, x.push(nil).want(201).text("request_uri"), nil).want(302).query("flowId")
	x.p.submit(flow, url.Values{"action": {"cancel"}}).want(303)
	x.p.resume(flow).errs("access_denied", "cancelled")
}

// TestFAPICodes: a code is the client's own, good once, with its verifier.
func TestFAPICodes(t *testing.T) {
	// covers: Certification FAPI2/EnsureAuthorizationCodeIsBoundToClient, Certification FAPI2/AttemptReuseAuthorizationCodeAfterOneSecond
	// covers: Certification FAPI2/PAREnsurePKCECodeVerifierRequired, Certification FAPI2/PARIncorrectPKCECodeVerifierRejected, Certification FAPI2/EnsureHolderOfKeyRequired
	w := newWorld(t)
	w.user("ada")
	x, other := w.fapi(), w.fapi()
	code := x.signOn(nil).query("code")
	other.redeem(code, nil).refused(400, "invalid_grant", "another application")
	x.redeem(code, url.Values{"code_verifier": {""}}).refused(400, "invalid_grant", "code_verifier is missing")
	x.redeem(code, url.Values{"code_verifier": {strings.Repeat("w", 43)}}).refused(400, "invalid_grant", "does not match")
	w.redeem(x.app, code, x.asserted(nil)).refused(400, "invalid_grant", "bound to another key")
	w.redeem(x.app, code, x.asserted(nil), other.v.proof("POST", "/as/token", "", nil)).refused(400, "invalid_grant", "bound to another key")
	token := x.redeem(code, nil).want(200).text("access_token")
	w.pass(time.Second)
	x.redeem(code, nil).refused(400, "invalid_grant", "used before")
	w.send("GET", "/"+w.env+"/as/userinfo", "", x.v.bearing("GET", "/as/userinfo", token)).refused(401, "invalid_token", "revoked")
}

// TestFAPIAssertions: without a good assertion there are no tokens, and no pushed
// requests.
// covers: RFC 9126 §2.1/2
func TestFAPIAssertions(t *testing.T) {
	// covers: Certification FAPI2/EnsureSignedClientAssertionWithRS256Fails, Certification FAPI2/EnsureClientAssertionInTokenEndpoint
	// covers: Certification FAPI2/EnsureClientAssertionWithExpIs5MinutesInPastFails, Certification FAPI2/EnsureClientAssertionWithWrongAudFails
	// covers: Certification FAPI2/EnsureClientAssertionWithNoSubFails
	w := newWorld(t)
	w.user("ada")
	x := w.fapi()
	code := x.signOn(nil).query("code")
	own := object{"iss": x.app, "sub": x.app, "aud": w.issuer(), "exp": w.clock().Unix() + 60}
	fresh := func() object { return merged(own, object{"jti": unique()}) }
	for name, wrong := range map[string]func() url.Values{
		"none":                 func() url.Values { return nil },
		"expired":              func() url.Values { return x.asserted(object{"exp": w.clock().Add(-5 * time.Minute).Unix()}) },
		"another aud":          func() url.Values { return x.asserted(object{"aud": "https://evil.example.com"}) },
		"no aud":               func() url.Values { return x.asserted(object{"aud": nil}) },
		"the token endpoint":   func() url.Values { return x.asserted(object{"aud": w.issuer() + "/token"}) },
		"no sub":               func() url.Values { return x.asserted(object{"sub": nil}) },
		"no exp":               func() url.Values { return x.asserted(object{"exp": nil}) },
		"RS256, of ES256":      func() url.Values { return assertion(jws(t, object{"alg": "RS256", "kid": "e1"}, fresh(), rsaKey())) },
		"RS256, of PS256":      func() url.Values { return assertion(jws(t, object{"alg": "RS256", "kid": "p1"}, fresh(), rsaKey())) },
		"RS256, without a kid": func() url.Values { return assertion(jws(t, object{"alg": "RS256"}, fresh(), rsaKey())) },
	} {
		x.w.redeem(x.app, code, wrong(), x.v.proof("POST", "/as/token", "", nil)).refused(401, "invalid_client", "")
		x.w.push(x.app, wrong(), x.v.proof("POST", "/as/par", "", nil)).refused(401, "invalid_client", "")
		if t.Failed() {
			t.Fatalf("the assertion: %s", name)
		}
	}
	x.redeem(code, assertion(jws(t, object{"alg": "PS256", "kid": "p1"}, fresh(), rsaKey()))).want(200)
}

// TestDiscovery announces what the server does, by https.
// covers: OIDC Discovery §3/29, OIDC Discovery §3/30, OIDC Discovery §3/31, RFC 9126 §2/1, RFC 9126 §2/2
func TestDiscovery(t *testing.T) {
	// covers: Certification Config/OIDCCDiscoveryEndpointVerification
	// covers: RFC 8414 §2/8, RFC 8414 §2/9, RFC 8414 §2/10, RFC 8414 §2/13, RFC 8414 §2/14, RFC 8414 §2/16, RFC 8414 §2/17
	w := newWorld(t, https)
	d := w.send("GET", "/"+w.env+"/as/.well-known/openid-configuration", "").want(200)
	for name, path := range map[string]string{"issuer": "", "authorization_endpoint": "/authorize", "token_endpoint": "/token", "userinfo_endpoint": "/userinfo", "jwks_uri": "/jwks",
		"pushed_authorization_request_endpoint": "/par", "introspection_endpoint": "/introspect", "revocation_endpoint": "/revoke"} {
		if d.text(name) != "https://pixy.test/"+w.env+"/as"+path {
			t.Errorf("%s is %s", name, d.text(name))
		}
	}
	list := func(name string) (out []string) {
		for _, v := range d.body[name].([]any) {
			out = append(out, text(v))
		}
		return out
	}
	for name, has := range map[string]string{"response_types_supported": "code|token|id_token|token id_token|code id_token|code token|code token id_token", "subject_types_supported": "public",
		"id_token_signing_alg_values_supported": "RS256", "scopes_supported": "openid|profile|email|address|phone", "claims_supported": "sub|email|c_hash|at_hash", "claim_types_supported": "normal",
		"response_modes_supported": "query|fragment|form_post|pi.flow", "grant_types_supported": "authorization_code|implicit|refresh_token", "code_challenge_methods_supported": "S256",
		"request_object_signing_alg_values_supported": "none|HS256|RS256|PS256|ES256", "dpop_signing_alg_values_supported": "ES256|PS256|EdDSA",
		"token_endpoint_auth_methods_supported":         "client_secret_basic|client_secret_post|client_secret_jwt|private_key_jwt|none",
		"revocation_endpoint_auth_methods_supported":    "private_key_jwt|client_secret_jwt",
		"introspection_endpoint_auth_methods_supported": "private_key_jwt|client_secret_jwt"} {
		for v := range strings.SplitSeq(has, "|") {
			if !slices.Contains(list(name), v) {
				t.Errorf("%s lacks %s: %v", name, v, list(name))
			}
		}
	}
	for _, name := range []string{"token", "revocation", "introspection"} {
		if algs := list(name + "_endpoint_auth_signing_alg_values_supported"); !slices.Contains(algs, "RS256") || slices.Contains(algs, "none") {
			t.Errorf("%s: %v", name, algs)
		}
	}
	for name, want := range map[string]bool{"claims_parameter_supported": false, "request_parameter_supported": true, "request_uri_parameter_supported": false,
		"require_pushed_authorization_requests": false, "authorization_response_iss_parameter_supported": true} {
		if d.body[name] != want {
			t.Errorf("%s is %v", name, d.body[name])
		}
	}
	if len(w.jwks().Keys) == 0 {
		t.Error("no keys")
	}
}
