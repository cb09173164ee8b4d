package test

import (
	"crypto/rsa"
	"net/url"
	"strings"
	"testing"
)

const otherCallback = "https://app.example.com/other"

// signing is an application that signs request objects: with its secret, and by
// ES256 (kid e1), RS256 (r1) and, by a key for nothing else, PS256 (p1).
type signing struct {
	w       *world
	app     string
	secret  string
	ec      any
	rs      *rsa.PrivateKey
	objects object // the claims of an object that is good
}

func (w *world) signing(change object) signing {
	w.t.Helper()
	s := signing{w: w, rs: rsaKey()}
	ec := ecKey(w.t)
	s.ec = ec
	s.app = w.application(merged(object{"type": "WEB_APP", "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC", "redirectUris": []string{callback, otherCallback},
		"jwks": jwksOf(w.t, publicJWK(w.t, ec, "e1", ""), publicJWK(w.t, s.rs, "r1", "RS256"), publicJWK(w.t, s.rs, "p1", "PS256"))}, change))
	s.secret = w.clientSecret(s.app)
	s.objects = object{"iss": s.app, "aud": w.issuer(), "exp": w.clock().Unix() + 60, "client_id": s.app, "response_type": "code", "redirect_uri": otherCallback,
		"scope": "openid", "state": "of the object", "nonce": "signed", "code_challenge": challenge, "code_challenge_method": "S256"}
	return s
}

// sign is an object with change in it.
func (s signing) sign(change object) string {
	return jws(s.w.t, object{"alg": "ES256", "kid": "e1"}, merged(s.objects, change), s.ec)
}

// ask sends an object with what stands beside it.
func (p *person) ask(app, object string, beside url.Values) response {
	p.w.t.Helper()
	q := with(beside, "request", object)
	if q.Get("client_id") == "" {
		q.Set("client_id", app)
	}
	return p.send("GET", "/"+p.w.env+"/as/authorize?"+q.Encode(), "")
}

// TestRequestObject takes what a client signed, by each of its keys: it goes
// before what stands beside it, and that fills what it leaves out.
// covers: OIDC Core §6.3.3/1, OIDC Core §6.3.2/2, OIDC Core §16.7/1, RFC 9101 §6.2/1, RFC 9101 §6.2/2, RFC 9101 §6.2/4, RFC 9101 §6.3/1
func TestRequestObject(t *testing.T) {
	// covers: Certification Basic/OIDCCEnsureRequestObjectWithRedirectUri
	w := newWorld(t)
	w.user("ada")
	s := w.signing(nil)
	p := &person{w: w}
	p.end(p.authorize(s.app, nil), "ada")
	auth := header{"Authorization": "Basic " + basicOf(s.app, s.secret)}
	for name, o := range map[string]string{
		"the secret":         jws(t, object{"alg": "HS256"}, s.objects, s.secret),
		"ES256":              s.sign(nil),
		"ES256 without kid":  jws(t, object{"alg": "ES256"}, s.objects, s.ec),
		"RS256":              jws(t, object{"alg": "RS256", "kid": "r1", "typ": "JWT"}, s.objects, s.rs),
		"PS256":              jws(t, object{"alg": "PS256", "kid": "p1", "typ": "oauth-authz-req+jwt"}, s.objects, s.rs),
		"no iss, aud or exp": s.sign(object{"iss": nil, "aud": nil, "exp": nil}),
		"several audiences":  s.sign(object{"aud": []string{"https://x.example.com", w.issuer()}}),
		"unknown claims":     s.sign(object{"pi.remoteIp": "192.0.2.1", "x": object{"y": 1}}),
	} {
		r := p.ask(s.app, o, url.Values{"redirect_uri": {callback}, "state": {"beside"}, "response_type": {"code"}, "scope": {"openid"}, "nonce": {"beside"}}).want(302)
		if !strings.HasPrefix(r.Header.Get("Location"), otherCallback+"?") || r.query("state") != "of the object" {
			t.Errorf("%s: %s", name, r.Header.Get("Location"))
			continue
		}
		tokens := w.redeem(s.app, r.query("code"), url.Values{"redirect_uri": {otherCallback}}, auth).want(200)
		if c := claims(t, tokens.text("id_token")); c["nonce"] != "signed" {
			t.Errorf("%s: %v", name, c)
		}
	}
	part := s.sign(object{"redirect_uri": nil, "state": nil, "response_type": nil, "scope": nil, "max_age": 10000, "prompt": "none"})
	r := p.ask(s.app, part, url.Values{"redirect_uri": {callback}, "state": {"beside"}, "response_type": {"code"}, "scope": {"openid"}, "prompt": {"login"}, "max_age": {"0"}})
	if r.inPlace("query"); r.query("state") != "beside" || r.query("code") == "" {
		t.Errorf("%s", r.Header.Get("Location"))
	}
	// It may ask for the answer elsewhere, and for a resource.
	if r := p.ask(s.app, s.sign(object{"response_mode": "form_post"}), nil); r.StatusCode != 200 || r.given().Get("state") != "of the object" {
		t.Errorf("%d %s", r.StatusCode, r.raw)
	}
	p.ask(s.app, s.sign(object{"resource": []string{"https://nobody.example.com"}}), nil).errs("invalid_target", "")
}

// badObjects are objects that are refused, each for one reason.
func (s signing) badObjects() map[string]string {
	w, t := s.w, s.w.t
	now := w.clock().Unix()
	other := w.signing(object{"name": "Other"})
	good := s.sign(nil)
	parts := strings.Split(good, ".")
	es := object{"alg": "ES256", "kid": "e1"}
	evil := merged(s.objects, object{"redirect_uri": "https://evil.example.com/cb"})
	return map[string]string{
		"no JWT":                   "x",
		"empty parts":              "..",
		"no signature":             parts[0] + "." + parts[1] + ".",
		"another's signature":      parts[0] + "." + parts[1] + "." + strings.Split(s.sign(object{"state": "x"}), ".")[2],
		"other claims":             parts[0] + "." + base64url([]byte(`{"client_id":"`+s.app+`","redirect_uri":"https://evil.example.com"}`)) + "." + parts[2],
		"a foreign key":            jws(t, es, s.objects, ecKey(t)),
		"a foreign key, evil":      jws(t, es, evil, ecKey(t)),
		"another client's key":     jws(t, es, s.objects, other.ec),
		"an unknown kid":           jws(t, object{"alg": "ES256", "kid": "e2"}, s.objects, s.ec),
		"the kid of another key":   jws(t, object{"alg": "ES256", "kid": "r1"}, s.objects, s.ec),
		"a key for another alg":    jws(t, object{"alg": "PS256", "kid": "r1"}, s.objects, s.rs),
		"RS256 with a PS256 key":   jws(t, object{"alg": "RS256", "kid": "p1"}, s.objects, s.rs),
		"a foreign secret":         jws(t, object{"alg": "HS256"}, s.objects, other.secret),
		"the key as secret":        jws(t, object{"alg": "HS256", "kid": "e1"}, s.objects, jwksOf(t)),
		"its jwk in the header":    jws(t, object{"alg": "ES256", "jwk": publicJWK(t, ecKey(t), "", "")}, s.objects, ecKey(t)),
		"alg none":                 jws(t, object{"alg": "none"}, s.objects, nil),
		"alg none, evil":           jws(t, object{"alg": "none"}, evil, nil),
		"alg None":                 jws(t, object{"alg": "None"}, s.objects, nil),
		"alg NONE":                 jws(t, object{"alg": "NONE"}, s.objects, nil),
		"no alg":                   jws(t, object{}, s.objects, nil),
		"alg of a number":          jws(t, object{"alg": 1}, s.objects, nil),
		"alg none, HS256 too":      base64url([]byte(`{"alg":"HS256","Alg":"none"}`)) + "." + parts[1] + ".",
		"alg none, signed":         jws(t, object{"alg": "none"}, s.objects, s.secret),
		"critical":                 jws(t, object{"alg": "ES256", "kid": "e1", "crit": []string{"x"}, "x": 1}, s.objects, s.ec),
		"encrypted":                "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d",
		"another iss":              s.sign(object{"iss": other.app}),
		"another aud":              s.sign(object{"aud": "https://evil.example.com"}),
		"another environment":      s.sign(object{"aud": w.base + "/00000000-0000-4000-8000-000000000000/as"}),
		"expired":                  s.sign(object{"exp": now - 31}),
		"not good yet":             s.sign(object{"nbf": now + 60}),
		"a client assertion":       s.sign(object{"sub": s.app, "jti": "x"}),
		"another client_id":        s.sign(object{"client_id": other.app}),
		"two client_ids":           s.sign(object{"client_id": []string{s.app, other.app}}),
		"another response_type":    s.sign(object{"response_type": "code id_token"}),
		"request in the object":    s.sign(object{"request": good}),
		"request_uri in it":        s.sign(object{"request_uri": pushedURI + "x"}),
		"a parameter as an object": s.sign(object{"state": object{"a": 1}}),
		"a list of numbers":        s.sign(object{"state": []int{1}}),
		"claims that are no JSON":  parts[0] + "." + base64url([]byte(`{`)) + "." + parts[2],
		"a list of claims":         parts[0] + "." + base64url([]byte(`[]`)) + "." + parts[2],
	}
}

// TestWrongRequestObjects: nothing of an object counts that is not the client's,
// not for us, or not for now; and what it says of a redirect URI least of all.
// covers: OIDC Core §6.1/3, OIDC Core §6.1/9, OIDC Core §6.3.1/3, OIDC Core §6.3.2/1, OIDC Core §6.3.2/2, OIDC Core §6.3.2/3, OIDC Core §16.7/1
// covers: RFC 9101 §4/7, RFC 9101 §5/6, RFC 9101 §5/7, RFC 9101 §6.1/2, RFC 9101 §6.2/1, RFC 9101 §6.2/2, RFC 9101 §6.2/3, RFC 9101 §6.2/4, RFC 9101 §6.2/5, RFC 9101 §6.2/6
// covers: RFC 9101 §6.3/3, RFC 9101 §6.3/4, RFC 9101 §10.2/1, RFC 9101 §10.7/1
func TestWrongRequestObjects(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	s := w.signing(nil)
	p := &person{w: w}
	p.end(p.authorize(s.app, nil), "ada")
	beside := url.Values{"redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"beside"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	if p.ask(s.app, s.sign(nil), beside).query("code") == "" {
		t.Fatal("the good one is refused")
	}
	for name, o := range s.badObjects() {
		r := p.ask(s.app, o, beside)
		r.errs("invalid_request_object", "request object")
		if r.inPlace("query"); r.query("state") != "beside" {
			t.Errorf("%s", r.Header.Get("Location"))
		}
		if name != "another response_type" { // there is none beside it
			p.ask(s.app, o, nil).paged()
		}
		if name == "empty parts" {
			continue
		}
		w.push(s.app, url.Values{"request": {o}}, header{"Authorization": "Basic " + basicOf(s.app, s.secret)}).refused(400, "invalid_request_object", "")
		if t.Failed() {
			t.Fatalf("with %s", name)
		}
	}
	// What the client signed may not lead where nothing is registered.
	p.ask(s.app, s.sign(object{"redirect_uri": "https://evil.example.com/cb"}), beside).paged()
	p.ask(s.app, s.sign(object{"redirect_uri": []string{otherCallback, callback}}), beside).paged()
	p.ask(s.app, s.sign(nil), with(beside, "client_id", "00000000-0000-4000-8000-000000000000")).paged()
	// client_id must stand outside too.
	p.send("GET", "/"+w.env+"/as/authorize?request="+s.sign(nil), "").paged()
	p.ask(s.app, s.sign(object{"state": []string{"a", "b"}}), beside).errs("invalid_request", "state was sent more than once")
	q := with(beside, "client_id", s.app)
	q["request"] = []string{s.sign(nil), s.sign(nil)}
	p.send("GET", "/"+w.env+"/as/authorize?"+q.Encode(), "").errs("invalid_request", "more than once")
}

// TestObjectBesideURI: an object beside a request_uri is not looked at.
// covers: RFC 9101 §5/2, RFC 9101 §5/4
func TestObjectBesideURI(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	s := w.signing(nil)
	p := &person{w: w}
	p.end(p.authorize(s.app, nil), "ada")
	auth := header{"Authorization": "Basic " + basicOf(s.app, s.secret)}
	p.ask(s.app, s.sign(nil), url.Values{"request_uri": {"https://x.example.com"}, "redirect_uri": {callback}}).errs("request_uri_not_supported", "")
	p.ask(s.app, s.sign(nil), url.Values{"request_uri": {pushedURI + "x"}, "redirect_uri": {callback}}).errs("invalid_request_uri", "")
	uri := w.push(s.app, nil, auth).want(201).text("request_uri")
	r := p.ask(s.app, s.sign(nil), url.Values{"request_uri": {uri}})
	if r.inPlace("query"); r.query("state") != "st4te" || r.query("code") == "" {
		t.Errorf("%s", r.Header.Get("Location"))
	}
}

// TestUnsignedRequestObjects are for applications that say so, and never for
// those that demand signed ones.
// covers: RFC 9101 §10.5/1, RFC 9101 §10.5/2, RFC 9126 §2.3/1, RFC 9126 §2.3/2
func TestUnsignedRequestObjects(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	for _, unsigned := range []bool{false, true} {
		for _, signed := range []bool{false, true} {
			s := w.signing(object{"supportUnsignedRequestObject": unsigned, "requireSignedRequestObject": signed})
			auth := header{"Authorization": "Basic " + basicOf(s.app, s.secret)}
			none := jws(t, object{"alg": "none"}, s.objects, nil)
			p := &person{w: w}
			if r := p.end(p.ask(s.app, s.sign(nil), nil), "ada"); r.query("code") == "" {
				t.Errorf("unsigned %v, signed %v: %s", unsigned, signed, r.Header.Get("Location"))
			}
			beside := url.Values{"redirect_uri": {callback}, "response_type": {"code"}}
			r, pushed := p.ask(s.app, none, beside), w.push(s.app, url.Values{"request": {none}}, auth)
			switch {
			case unsigned && !signed:
				if r.query("code") == "" || pushed.StatusCode != 201 {
					t.Errorf("unsigned %v, signed %v: %s, %s", unsigned, signed, r.Header.Get("Location"), pushed.raw)
				}
				for name, wrong := range map[string]string{"a signature": none + "x", "two parts": strings.TrimSuffix(none, "."), "more": none + "."} {
					p.ask(s.app, wrong, beside).errs("invalid_request_object", "")
					if t.Failed() {
						t.Fatalf("with %s", name)
					}
				}
				p.ask(s.app, jws(t, object{"alg": "none"}, merged(s.objects, object{"redirect_uri": "https://evil.example.com"}), nil), beside).paged()
			case unsigned:
				r.errs("invalid_request", "signed request object")
				pushed.refused(400, "invalid_request", "signed request object")
			default:
				r.errs("invalid_request_object", "")
				pushed.refused(400, "invalid_request_object", "")
			}
			plain, pushed := p.authorize(s.app, nil), w.push(s.app, nil, auth)
			if !signed {
				if plain.query("code") == "" || pushed.StatusCode != 201 {
					t.Errorf("a plain request: %s, %s", plain.Header.Get("Location"), pushed.raw)
				}
				continue
			}
			plain.errs("invalid_request", "signed request object")
			pushed.refused(400, "invalid_request", "signed request object")
		}
	}
}

// TestNothingBesideSignedObjects: where an application demands signed objects,
// nothing counts that is not in them.
func TestNothingBesideSignedObjects(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	s := w.signing(object{"requireSignedRequestObject": true})
	auth := header{"Authorization": "Basic " + basicOf(s.app, s.secret)}
	p := &person{w: w}
	p.end(p.ask(s.app, s.sign(nil), nil), "ada")
	beside := url.Values{"state": {"beside"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "prompt": {"login"}, "response_mode": {"fragment"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}, "nonce": {"beside"}}
	r := p.ask(s.app, s.sign(object{"state": nil, "nonce": nil}), beside).want(302)
	if !strings.HasPrefix(r.Header.Get("Location"), otherCallback+"?") || r.query("state") != "" {
		t.Errorf("%s", r.Header.Get("Location"))
	}
	if c := claims(t, w.redeem(s.app, r.query("code"), url.Values{"redirect_uri": {otherCallback}}, auth).want(200).text("id_token")); c["nonce"] != nil {
		t.Errorf("%v", c)
	}
	p.ask(s.app, s.sign(object{"redirect_uri": nil}), beside).paged()
	p.ask(s.app, s.sign(object{"response_type": nil}), beside).errs("invalid_request", "response_type is missing")
	p.ask(s.app, s.sign(object{"code_challenge": nil, "code_challenge_method": nil}), beside).errs("invalid_request", "code_challenge is missing")
	w.push(s.app, with(beside, "request", s.sign(object{"redirect_uri": nil})), auth).refused(400, "invalid_request", "redirect_uri")
}

// TestPushedObject: the object of a pushed request is verified when it is pushed.
// covers: RFC 9126 §3/3, RFC 9126 §3/4, RFC 9101 §10.2/5
func TestPushedObject(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	s, other := w.signing(object{"requireSignedRequestObject": true, "parRequirement": "REQUIRED"}), w.signing(object{"name": "Other"})
	auth := header{"Authorization": "Basic " + basicOf(s.app, s.secret)}
	p := &person{w: w}
	uri := w.push(s.app, url.Values{"request": {s.sign(nil)}}, auth).want(201).text("request_uri")
	r := p.end(p.pushed(s.app, uri, nil), "ada")
	if r.query("state") != "of the object" || r.query("code") == "" || !strings.HasPrefix(r.Header.Get("Location"), otherCallback) {
		t.Errorf("%s", r.Header.Get("Location"))
	}
	w.push(s.app, url.Values{"request": {s.sign(object{"client_id": other.app})}}, auth).refused(400, "invalid_request_object", "")
	w.push(s.app, url.Values{"request": {other.sign(nil)}}, auth).refused(400, "invalid_request_object", "")
	w.push(s.app, url.Values{"request": {jws(t, object{"alg": "ES256", "kid": "e1"}, s.objects, other.ec)}}, auth).refused(400, "invalid_request_object", "")
	w.push(s.app, url.Values{"request": {s.sign(object{"redirect_uri": "https://evil.example.com"})}}, auth).refused(400, "invalid_request", "character by character")
	w.push(s.app, url.Values{"request": {s.sign(object{"request_uri": uri})}}, auth).refused(400, "invalid_request_object", "")
	// It is good for the life of its name, though the object expires before.
	uri = w.push(s.app, url.Values{"request": {s.sign(object{"exp": w.clock().Unix() + 1})}}, auth).want(201).text("request_uri")
	w.pass(40e9)
	if p.pushed(s.app, uri, nil).query("code") == "" {
		t.Error("the name died with the object")
	}
}

// TestPublicClientsSignByKeysOnly: a secret that every copy of an application
// could have proves nothing.
// covers: OIDC Core §10.1/7
func TestPublicClientsSignByKeysOnly(t *testing.T) {
	w := newWorld(t)
	ada := w.user("ada")
	s := w.signing(object{"type": "NATIVE_APP", "tokenEndpointAuthMethod": "NONE"})
	p := &person{w: w}
	p.end(p.authorize(s.app, nil), "ada")
	beside := url.Values{"redirect_uri": {callback}, "response_type": {"code"}}
	if p.ask(s.app, s.sign(nil), beside).query("code") == "" {
		t.Error("its key is refused")
	}
	p.ask(s.app, jws(t, object{"alg": "HS256"}, s.objects, s.secret), beside).errs("invalid_request_object", "")
	hint := object{"iss": s.app, "aud": w.issuer(), "sub": ada, "exp": w.clock().Unix() + 60}
	r := p.authorize(s.app, url.Values{"login_hint_token": {jws(t, object{"alg": "HS256"}, hint, s.secret)}})
	if g := r.given(); !strings.HasPrefix(g.Get("error"), "invalid_request") {
		t.Errorf("%v", g)
	}
}
