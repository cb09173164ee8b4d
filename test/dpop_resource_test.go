package test

import (
	"net/url"
	"strings"
	"testing"
)

// boundWorker is a worker's token that is bound to the key, good for /v1.
func (v *prover) boundWorker() string {
	v.w.t.Helper()
	return v.w.form("POST", "/"+v.w.env+"/as/token", url.Values{"grant_type": {"client_credentials"}}, header{"Authorization": v.w.basic()},
		v.proof("POST", "/as/token", "", nil)).want(200).text("access_token")
}

// TestBoundTokensNeedProofs: userinfo and the management API give nothing for a
// bound token but with a proof by its key, and say why.
// covers: RFC 9449 §4.3/12, RFC 9449 §4.3/13, RFC 9449 §6/2, RFC 9449 §7.1/1, RFC 9449 §7.1/2, RFC 9449 §7.1/3, RFC 9449 §7.1/4, RFC 9449 §7.2/1, RFC 9449 §7.2/3
func TestBoundTokensNeedProofs(t *testing.T) {
	// covers: Certification FAPI2/DpopNegativeTests, Certification FAPI2/AccessTokenTypeHeaderCaseSensitivity
	w := newWorld(t)
	w.user("ada")
	v, other := w.newProver(), w.newProver()
	app := w.application(nil)
	places := []struct{ method, path, token string }{
		{"GET", "/as/userinfo", v.tokens(app, (&person{w: w}).code(app, "ada", nil)).text("access_token")},
		{"GET", "/v1/environments/" + w.env, v.boundWorker()},
	}
	for _, at := range places {
		to := at.path
		if strings.HasPrefix(to, "/as") {
			to = "/" + w.env + to
		}
		refused := func(name, code, scheme string, headers ...header) {
			t.Helper()
			r := w.send(at.method, to, "", headers...)
			challenge := r.Header.Get("WWW-Authenticate")
			if r.StatusCode != 401 || !strings.HasPrefix(challenge, scheme+" ") || !strings.Contains(challenge, `error="`+code+`"`) ||
				strings.Contains(challenge, `algs="RS256 `) != (scheme == "DPoP") || strings.Contains(r.raw, `"sub"`) {
				t.Errorf("%s: %s: %d %s %s", to, name, r.StatusCode, challenge, r.raw)
			}
		}
		bearing := header{"Authorization": "DPoP " + at.token}
		refused("as a bearer token", "invalid_token", "Bearer", header{"Authorization": "Bearer " + at.token})
		refused("as a bearer token with a proof", "invalid_token", "Bearer", v.proof(at.method, at.path, at.token, nil), header{"Authorization": "Bearer " + at.token})
		refused("without a proof", "invalid_token", "DPoP", bearing)
		refused("by another key", "invalid_token", "DPoP", other.proof(at.method, at.path, at.token, nil), bearing)
		refused("without nonce", "use_dpop_nonce", "DPoP", v.proof(at.method, at.path, at.token, object{"nonce": nil}), bearing)
		for name, proof := range v.wrongProofs(at.method, at.path, at.token) {
			refused(name, "invalid_dpop_proof", "DPoP", header{"DPoP": proof}, bearing)
		}
		for _, scheme := range []string{"DPoP", "dpop", "DPOP"} {
			h := v.bearing(at.method, at.path, at.token)
			h["Authorization"] = scheme + " " + at.token
			if r := w.send(at.method, to, "", h).want(200); r.Header.Get("DPoP-Nonce") == "" {
				t.Errorf("%s: no nonce in the answer", to)
			}
		}
		w.send(at.method, to+"?x=y", "", v.bearing(at.method, at.path, at.token)).want(200)
	}
	// A bound token in a form is a bearer token; a free one is none of DPoP's.
	info := "/" + w.env + "/as/userinfo"
	w.form("POST", info, url.Values{"access_token": {places[0].token}}, v.proof("POST", "/as/userinfo", places[0].token, nil)).refused(401, "invalid_token", "")
	free := w.tokens(app).text("access_token")
	w.userinfo(free).want(200)
	w.send("GET", info, "", header{"Authorization": "bearer " + free}).want(200)
	w.send("GET", info, "", v.bearing("GET", "/as/userinfo", free)).refused(401, "invalid_token", "")
	w.send("GET", "/v1/environments/"+w.env, "", v.bearing("GET", "/v1/environments/"+w.env, w.admin)).want(401)
}

// TestBoundWorker calls the management API where a path names no environment: a
// proof is good once there too.
func TestBoundWorker(t *testing.T) {
	w := newWorld(t)
	v := w.newProver()
	token := v.boundWorker()
	for _, path := range []string{"/v1/environments", "/v1/organizations", "/v1/roles"} {
		h := v.bearing("GET", path, token)
		w.send("GET", path, "", h).want(200)
		w.send("GET", path, "", h).refused(401, "invalid_dpop_proof", "used before")
		w.send("GET", path, "", header{"Authorization": "Bearer " + token}).want(401)
	}
}

// TestNoTokenNoError: a request without a token learns nothing but the scheme.
// covers: RFC 9449 §7.2/2
func TestNoTokenNoError(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/" + w.env + "/as/userinfo", "/v1/environments/" + w.env} {
		for _, h := range []header{nil, {"Authorization": "DPoP"}, {"Authorization": "Bearer"}} {
			if c := w.send("GET", path, "", h).want(401).Header.Get("WWW-Authenticate"); c == "" || strings.Contains(c, "error") {
				t.Errorf("%s with %v: %s", path, h, c)
			}
		}
	}
}

// TestProofsFromPages: a script of another origin may send proofs, and read the
// nonce that it needs for them.
func TestProofsFromPages(t *testing.T) {
	w := newWorld(t)
	v := w.newProver()
	for path, status := range map[string]int{"/as/token": 400, "/as/par": 401, "/as/userinfo": 401} {
		r := w.form("POST", "/"+w.env+path, url.Values{"grant_type": {"client_credentials"}}, header{"Origin": foreign}, v.proof("POST", path, "", nil))
		if exposed := r.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "DPoP-Nonce") || !strings.Contains(exposed, "WWW-Authenticate") || r.StatusCode != status && r.StatusCode != 401 {
			t.Errorf("%s: %d %v", path, r.StatusCode, r.Header)
		}
		asked := w.send("OPTIONS", "/"+w.env+path, "", header{"Origin": foreign, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "dpop, authorization"})
		if !strings.Contains(asked.Header.Get("Access-Control-Allow-Headers"), "DPoP") {
			t.Errorf("%s: %v", path, asked.Header)
		}
	}
}

// TestBoundRefreshTokens: the refresh token of a public client is of no use
// without the key that its first request proved.
// covers: RFC 9449 §5/4, RFC 9449 §5/5
func TestBoundRefreshTokens(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(nil)
	v, other := w.newProver(), w.newProver()
	token := v.tokens(app, (&person{w: w}).code(app, "ada", nil)).text("refresh_token")
	for range 3 {
		w.refresh(app, token, nil).refused(400, "invalid_grant", "bound to another key")
		w.refresh(app, token, nil, other.proof("POST", "/as/token", "", nil)).refused(400, "invalid_grant", "bound to another key")
		w.refresh(app, token, nil, v.proof("POST", "/as/token", "", object{"nonce": nil})).refused(400, "use_dpop_nonce", "")
		r := w.refresh(app, token, nil, v.proof("POST", "/as/token", "", nil)).want(200) // what others tried ended nothing
		if cnf, _ := claims(t, r.text("access_token"))["cnf"].(object); r.text("token_type") != "DPoP" || cnf["jkt"] != thumbprint(t, v.key) {
			t.Errorf("%s", r.raw)
		}
		token = r.text("refresh_token")
	}
	// One that was not bound stays so.
	free := w.tokens(app).text("refresh_token")
	r := w.refresh(app, free, nil, v.proof("POST", "/as/token", "", nil)).want(200)
	w.refresh(app, r.text("refresh_token"), nil).want(200)
}

// TestBoundCodes: a code is good with the key alone that the authorize request
// named, in the browser or at the push.
// covers: RFC 9449 §10/1, RFC 9449 §10.1/2, RFC 9449 §10.1/3, RFC 9449 §10.1/4, RFC 9449 §10.1/5
func TestBoundCodes(t *testing.T) {
	// covers: Certification FAPI2/EnsureMismatchedDpopJktFails, Certification FAPI2/EnsureTokenEndpointFailsWithMismatchedDpopProofJkt
	// covers: Certification FAPI2/EnsureTokenEndpointFailsWithMismatchedDpopJkt, Certification FAPI2/EnsureHolderOfKeyRequired
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	v, other := w.newProver(), w.newProver()
	jkt := thumbprint(t, v.key)
	p := &person{w: w}
	at := func(v *prover) header { return v.proof("POST", "/as/par", "", nil) }
	for name, r := range map[string]func() response{
		"dpop_jkt at authorize": func() response { return p.authorize(app, url.Values{"dpop_jkt": {jkt}}) },
		"dpop_jkt at the push": func() response {
			return p.pushed(app, w.push(app, url.Values{"dpop_jkt": {jkt}}).want(201).text("request_uri"), nil)
		},
		"a proof at the push": func() response { return p.pushed(app, w.push(app, nil, at(v)).want(201).text("request_uri"), nil) },
		"both": func() response {
			return p.pushed(app, w.push(app, url.Values{"dpop_jkt": {jkt}}, at(v)).want(201).text("request_uri"), nil)
		},
		"another beside the push": func() response {
			return p.pushed(app, w.push(app, nil, at(v)).want(201).text("request_uri"), url.Values{"dpop_jkt": {thumbprint(t, other.key)}})
		},
	} {
		code := p.end(r(), "ada").want(302).query("code")
		w.redeem(app, code, nil).refused(400, "invalid_grant", "bound to another key")
		w.redeem(app, code, nil, other.proof("POST", "/as/token", "", nil)).refused(400, "invalid_grant", "bound to another key")
		if got := v.tokens(app, code); got.text("token_type") != "DPoP" || t.Failed() {
			t.Fatalf("%s: %s", name, got.raw)
		}
	}
	r := w.push(app, url.Values{"dpop_jkt": {thumbprint(t, other.key)}}, at(v))
	if r.StatusCode != 400 || r.text("request_uri") != "" {
		t.Errorf("another key in dpop_jkt: %d %s", r.StatusCode, r.raw)
	}
	w.push(app, nil, v.proof("POST", "/as/token", "", nil)).refused(400, "invalid_dpop_proof", "htu")
	w.push(app, nil, v.proof("POST", "/as/par", "", object{"nonce": nil})).refused(400, "use_dpop_nonce", "")
	for _, wrong := range []string{"x", strings.Repeat("a", 42), strings.Repeat("a", 44), strings.Repeat("+", 43)} {
		p.authorize(app, url.Values{"dpop_jkt": {wrong}}).errs("invalid_request", "dpop_jkt")
	}
}
