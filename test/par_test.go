package test

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const pushedURI = "urn:ietf:params:oauth:request_uri:"

// push sends an authorize request to the PAR endpoint, with the challenge of the
// vector; change adds parameters, or takes them away with "".
func (w *world) push(app string, change url.Values, headers ...header) response {
	w.t.Helper()
	f := url.Values{"response_type": {"code"}, "client_id": {app}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {"st4te"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	for k, v := range change {
		if f[k] = v; len(v) == 1 && v[0] == "" {
			delete(f, k)
		}
	}
	return w.form("POST", "/"+w.env+"/as/par", f, headers...)
}

// pushed asks for what a request URI names; more stands beside it.
func (p *person) pushed(app, uri string, more url.Values) response {
	p.w.t.Helper()
	q := with(more, "client_id", app, "request_uri", uri)
	return p.send("GET", "/"+p.w.env+"/as/authorize?"+q.Encode(), "")
}

// TestPushed signs on by a pushed request: its name is good for what was pushed,
// and what stands beside it in the browser counts for nothing.
// covers: RFC 9126 §2.2/1, RFC 9126 §4/4, RFC 9101 §5.2/1, RFC 9101 §5.2/5, RFC 9101 §10.2/3
func TestPushed(t *testing.T) {
	// covers: Certification FAPI2/ParWithoutDuplicateParameters
	w := newWorld(t)
	ada := w.user("ada")
	app := w.application(object{"redirectUris": []string{callback, "https://app.example.com/other"}, "parTimeout": 90})
	p := &person{w: w}
	r := w.push(app, nil).want(201)
	uri := r.text("request_uri")
	if !strings.HasPrefix(uri, pushedURI) || len(uri) > 512 || r.body["expires_in"] != 90.0 || len(r.body) != 2 || r.Header.Get("Cache-Control") != "no-store" ||
		r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%v %s", r.Header, r.raw)
	}
	back := p.end(p.pushed(app, uri, nil), "ada").want(302)
	if back.query("state") != "st4te" || back.query("iss") != w.issuer() {
		t.Errorf("%s", back.Header.Get("Location"))
	}
	tokens := w.redeem(app, back.query("code"), nil).want(200)
	if claims(t, tokens.text("id_token"))["sub"] != ada {
		t.Errorf("%s", tokens.raw)
	}

	uri = w.push(app, url.Values{"nonce": {"n0nce"}}).want(201).text("request_uri")
	back = p.pushed(app, uri, url.Values{"state": {"other"}, "redirect_uri": {"https://app.example.com/other"}, "scope": {"nothing"}, "nonce": {"other"}, "response_type": {"token"},
		"response_mode": {"fragment"}, "code_challenge": {strings.Repeat("x", 43)}, "code_challenge_method": {"plain"}, "prompt": {"login"}, "request": {"x"}, "max_age": {"x"}}).want(302)
	if back.query("state") != "st4te" || !strings.HasPrefix(back.Header.Get("Location"), callback+"?") {
		t.Errorf("%s", back.Header.Get("Location"))
	}
	if c := claims(t, w.redeem(app, back.query("code"), nil).want(200).text("id_token")); c["nonce"] != "n0nce" {
		t.Errorf("%v", c)
	}

	// By POST, and with a response type that answers elsewhere.
	front := w.browserApp(nil)
	uri = w.push(front, url.Values{"response_type": {"code id_token"}, "nonce": {"n0nce"}, "response_mode": {"form_post"}}).want(201).text("request_uri")
	r = p.send("POST", "/"+w.env+"/as/authorize", url.Values{"client_id": {front}, "request_uri": {uri}}.Encode(), header{"Content-Type": "application/x-www-form-urlencoded"})
	if g := r.given(); r.StatusCode != 200 || g.Get("code") == "" || g.Get("id_token") == "" {
		t.Errorf("%d %v", r.StatusCode, g)
	}
}

// TestPushedNames: a name can't be guessed.
// covers: RFC 9126 §2.2/2, RFC 9126 §7.1/1, RFC 9101 §5.2.1/1, RFC 9101 §10.2/7
func TestPushedNames(t *testing.T) {
	w := newWorld(t)
	app := w.application(nil)
	seen := map[string]bool{}
	for range 50 {
		token := strings.TrimPrefix(w.push(app, nil).want(201).text("request_uri"), pushedURI)
		seen[token] = true
		if digits := strings.ReplaceAll(token, "-", ""); len(digits) != 32 || strings.Trim(digits, "0123456789abcdef") != "" {
			t.Fatalf("%s is not 128 bits", token)
		}
	}
	if len(seen) != 50 {
		t.Errorf("%d names of 50 are different", len(seen))
	}
}

// TestPushedOnce: a name is good once, for its client, for parTimeout. What is no
// name from here is not fetched.
// covers: OIDC Core §6.2/1, RFC 9126 §2.2/3, RFC 9126 §4/2, RFC 9126 §4/3, RFC 9126 §7.3/1, RFC 9101 §5.2.1/2, RFC 9101 §10.2/4, RFC 9101 §10.2/6, RFC 9101 §5/5, RFC 9101 §10.2/1
func TestPushedOnce(t *testing.T) {
	// covers: Certification FAPI2/PARAttemptReuseRequestUri, Certification FAPI2/PARAttemptToUseExpiredRequestUri, Certification FAPI2/PAREnsureRequestUriIsBoundToClient
	w := newWorld(t)
	w.user("ada")
	app, other := w.application(object{"parTimeout": 5}), w.application(object{"parTimeout": 5, "name": "Other"})
	p := &person{w: w}
	p.code(app, "ada", nil)
	fresh := func() string { return w.push(app, nil).want(201).text("request_uri") }

	used := fresh()
	if p.pushed(app, used, nil).query("code") == "" {
		t.Error("no code")
	}
	soon := fresh()
	w.pass(4 * time.Second)
	if p.pushed(app, soon, nil).query("code") == "" {
		t.Error("it is refused after 4 seconds")
	}
	late := fresh()
	w.pass(5 * time.Second)
	good := fresh()
	for name, c := range map[string]struct{ app, uri string }{
		"used":              {app, used},
		"expired":           {app, late},
		"another client":    {other, good},
		"no client":         {"", good},
		"no such name":      {app, pushedURI + "00000000-0000-4000-8000-000000000000"},
		"not a name":        {app, pushedURI + "x"},
		"the bare token":    {app, strings.TrimPrefix(good, pushedURI)},
		"upper case":        {app, strings.ToUpper(good)},
		"somebody else's":   {app, "https://evil.example.com/object"},
		"a name and a half": {app, good + " "},
	} {
		if name == "used" || name == "expired" {
			p.toldOf(c.app, c.uri)
			continue
		}
		r := p.pushed(c.app, c.uri, nil)
		r.paged()
		if c.app == "" {
			continue
		}
		if !strings.Contains(r.raw, "request_uri") {
			t.Errorf("%s: %s", name, r.raw)
		}
		p.pushed(c.app, c.uri, url.Values{"redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}).
			errs(map[bool]string{true: "invalid_request_uri", false: "request_uri_not_supported"}[strings.HasPrefix(c.uri, pushedURI)], "request_uri")
		p.pushed(c.app, c.uri, url.Values{"redirect_uri": {"https://evil.example.com/cb"}}).paged()
	}
	p.send("GET", "/"+w.env+"/as/authorize?"+url.Values{"client_id": {app}, "request_uri": {good, good}}.Encode(), "").paged()
	if p.pushed(app, good, nil).query("code") == "" {
		t.Error("what others tried spent it")
	}
}

// toldOf expects that the application is told of a name that is no longer good,
// where it asked for the answer.
func (p *person) toldOf(app, uri string) {
	p.w.t.Helper()
	for _, more := range []url.Values{nil, {"redirect_uri": {"https://evil.example.com/cb"}, "state": {"other"}}} {
		r := p.pushed(app, uri, more)
		r.errs("invalid_request_uri", "request_uri")
		if r.inPlace("query"); r.query("state") != "st4te" {
			p.w.t.Errorf("%s", r.Header.Get("Location"))
		}
	}
}

// TestPushedInParallel uses one name thirty times at once.
func TestPushedInParallel(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	first := &person{w: w}
	first.code(app, "ada", nil)
	uri := w.push(app, nil).want(201).text("request_uri")
	answers := make([]response, 30)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = (&person{w: w, st: first.st}).pushed(app, uri, nil) })
	}
	all.Wait()
	good := 0
	for _, r := range answers {
		if r.StatusCode == 302 && r.query("code") != "" {
			good++
			continue
		}
		r.errs("invalid_request_uri", "was used")
	}
	if good != 1 {
		t.Errorf("%d codes for one request", good)
	}
}

// TestPushedRefusals: what authorize refuses is refused at the push, in JSON.
// covers: RFC 9126 §2.1/3, RFC 9126 §2.1/4, RFC 9126 §7.2/1
func TestPushedRefusals(t *testing.T) {
	// covers: Certification FAPI2/PARRejectRequestUriInParAuthorizationFormParams, Certification FAPI2/PAREnsurePKCERequired, Certification FAPI2/PAREnsurePlainPKCERejected
	// covers: Certification FAPI2/EnsureRegisteredRedirectUri, Certification FAPI2/EnsureResponseTypeCodeIdTokenFails, Certification FAPI2/EnsureResponseTypeTokenFails
	w := newWorld(t)
	app, other := w.application(nil), w.application(nil)
	limited := w.application(object{"accessControl": object{"role": object{"type": "ADMIN_USERS_ONLY"}}})
	for name, c := range map[string]struct {
		app    string
		change url.Values
		code   string
		words  string
	}{
		"request_uri":          {app, url.Values{"request_uri": {pushedURI + "x"}}, "invalid_request", "must not have a request_uri"},
		"one of ours":          {app, url.Values{"request_uri": {w.push(app, nil).text("request_uri")}}, "invalid_request", "must not have a request_uri"},
		"redirect_uri":         {app, url.Values{"redirect_uri": {"https://evil.example.com"}}, "invalid_request", "character by character"},
		"no redirect_uri":      {app, url.Values{"redirect_uri": {""}}, "invalid_request", "redirect_uri must be given"},
		"two redirect_uris":    {app, url.Values{"redirect_uri": {callback, callback}}, "invalid_request", "redirect_uri"},
		"no response_type":     {app, url.Values{"response_type": {""}}, "invalid_request", "response_type is missing"},
		"response_type none":   {app, url.Values{"response_type": {"none"}}, "unsupported_response_type", ""},
		"code id_token":        {app, url.Values{"response_type": {"code id_token"}, "nonce": {"n"}}, "unauthorized_client", "IMPLICIT"},
		"token":                {app, url.Values{"response_type": {"token"}}, "unauthorized_client", "IMPLICIT"},
		"response_mode":        {app, url.Values{"response_mode": {"jwt"}}, "invalid_request", "response_mode"},
		"scope":                {app, url.Values{"scope": {"nothing"}}, "invalid_scope", ""},
		"resource":             {app, url.Values{"resource": {"https://nobody.example.com"}}, "invalid_target", ""},
		"no challenge":         {app, url.Values{"code_challenge": {""}, "code_challenge_method": {""}}, "invalid_request", "code_challenge is missing"},
		"plain":                {app, url.Values{"code_challenge_method": {"plain"}}, "invalid_request", "S256"},
		"plain, unsaid":        {app, url.Values{"code_challenge_method": {""}}, "invalid_request", "S256"},
		"prompt":               {app, url.Values{"prompt": {"dance"}}, "invalid_request", "prompt"},
		"max_age":              {app, url.Values{"max_age": {"-1"}}, "invalid_request", "max_age"},
		"dpop_jkt":             {app, url.Values{"dpop_jkt": {"x"}}, "invalid_request", "dpop_jkt"},
		"state twice":          {app, url.Values{"state": {"a", "b"}}, "invalid_request", "more than once"},
		"request":              {app, url.Values{"request": {"x"}}, "invalid_request_object", ""},
		"access control":       {limited, nil, "access_denied", ""},
		"another client_id":    {app, url.Values{"client_id": {app, other}}, "invalid_request", "client_id"},
		"nobody":               {"00000000-0000-4000-8000-000000000000", nil, "invalid_client", ""},
		"a long state":         {app, url.Values{"state": {strings.Repeat("s", 5000)}}, "invalid_request", "state"},
		"a nonce with NUL":     {app, url.Values{"nonce": {"a\x00"}}, "invalid_request", "nonce"},
		"a challenge, no S256": {app, url.Values{"code_challenge": {"short"}}, "invalid_request", "code_challenge"},
	} {
		r := w.push(c.app, c.change)
		want := map[bool]int{true: 401, false: 400}[c.code == "invalid_client"]
		if r.StatusCode != want || r.text("error") != c.code || !strings.Contains(r.text("error_description"), c.words) || r.Header.Get("Location") != "" || r.text("request_uri") != "" {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.raw)
		}
	}
	w.form("POST", "/"+w.env+"/as/par?state=x", url.Values{"client_id": {app}}).refused(400, "invalid_request", "")
}

// TestPushVerbs: the endpoint takes a form by POST, of some size.
func TestPushVerbs(t *testing.T) {
	// covers: Certification FAPI2/PARRejectInvalidHttpVerb
	w := newWorld(t)
	app := w.application(nil)
	for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "HEAD"} {
		if r := w.form(method, "/"+w.env+"/as/par", url.Values{"client_id": {app}}); r.StatusCode != 405 || r.Header.Get("Allow") != "OPTIONS, POST" {
			t.Errorf("%s: %d %v", method, r.StatusCode, r.Header)
		}
	}
	w.push(app, url.Values{"x": {strings.Repeat("x", 70000)}}).want(413)
	if r := w.send("POST", "/"+w.env+"/as/par", `{"client_id": "`+app+`"}`, header{"Content-Type": "application/json"}); r.StatusCode != 400 && r.StatusCode != 415 {
		t.Errorf("JSON: %d %s", r.StatusCode, r.raw)
	}
}

// TestPushedThenChanged: what was good at the push must be good at authorize.
// covers: RFC 9126 §2.1/5, RFC 9126 §4/4
func TestPushedThenChanged(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	for name, c := range map[string]struct {
		change object
		code   string // "" for a page
	}{
		"disabled":           {object{"enabled": false}, ""},
		"another redirect":   {object{"redirectUris": []string{callback + "2"}}, ""},
		"no grant type":      {object{"grantTypes": []string{"IMPLICIT"}}, "unauthorized_client"},
		"no response type":   {object{"responseTypes": []string{"TOKEN"}}, "unauthorized_client"},
		"access control":     {object{"accessControl": object{"role": object{"type": "ADMIN_USERS_ONLY"}}}, "access_denied"},
		"signed from now on": {object{"requireSignedRequestObject": true}, "invalid_request"},
		"PKCE from now on":   {object{"pkceEnforcement": "S256_REQUIRED"}, "invalid_request"},
	} {
		app := w.application(object{"pkceEnforcement": "OPTIONAL"})
		p := &person{w: w}
		p.code(app, "ada", nil)
		uri := w.push(app, url.Values{"code_challenge": {""}, "code_challenge_method": {""}}).want(201).text("request_uri")
		w.manage("PUT", "/applications/"+app, w.changed("/applications/"+app, c.change)).want(200)
		r := p.pushed(app, uri, nil)
		if c.code == "" {
			r.paged()
		} else {
			r.errs(c.code, "")
		}
		if t.Failed() {
			t.Fatalf("when the application is changed: %s", name)
		}
	}
}

// TestPushDemanded: an application that demands pushed requests is answered to
// no other, however the browser comes back to the endpoint.
func TestPushDemanded(t *testing.T) {
	// covers: Certification FAPI2/EnsureUnsignedAuthorizationRequestWithoutUsingParFails
	w := newWorld(t)
	w.user("ada")
	app := w.application(object{"parRequirement": "REQUIRED"})
	p := &person{w: w}
	p.authorize(app, nil).errs("invalid_request", "pushed")
	p.authorize(app, url.Values{"response_mode": {"fragment"}}).errs("invalid_request", "pushed")
	back := p.end(p.pushed(app, w.push(app, nil).want(201).text("request_uri"), nil), "ada")
	w.redeem(app, back.query("code"), nil).want(200)
	p.authorize(app, nil).errs("invalid_request", "pushed") // with a session too
	p.authorize(app, url.Values{"prompt": {"none"}}).errs("invalid_request", "pushed")
}

// TestPushedIsNotBegunAgain: the page of an expired sign-on offers to begin again
// where the request came through the browser, and not where it was pushed: what
// was pushed is not told to the browser.
func TestPushedIsNotBegunAgain(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	for _, push := range []bool{false, true} {
		p := &person{w: w}
		r := p.authorize(app, nil)
		if push {
			p = &person{w: w}
			r = p.pushed(app, w.push(app, nil).want(201).text("request_uri"), nil)
		}
		flow := r.want(302).query("flowId")
		w.pass(16 * time.Minute)
		page := p.send("GET", "/"+w.env+"/signon/?flowId="+flow, "")
		if again := strings.Contains(page.raw, "/as/authorize?"); again == push || page.StatusCode != 404 && page.StatusCode != 410 {
			t.Errorf("pushed %v: the page offers to begin again %v: %d", push, again, page.StatusCode)
		}
		if push && (strings.Contains(page.raw, challenge) || strings.Contains(page.raw, "st4te")) {
			t.Errorf("the page tells what was pushed: %s", page.raw)
		}
	}
}

// TestPushAuthenticates: a client authenticates at the PAR endpoint by the method
// that it has at the token endpoint, and by no other.
// covers: RFC 9126 §2.1/2, RFC 9101 §10.2/3
func TestPushAuthenticates(t *testing.T) {
	w := newWorld(t)
	key := ecKey(t)
	for _, method := range []string{"NONE", "CLIENT_SECRET_BASIC", "CLIENT_SECRET_POST", "CLIENT_SECRET_JWT", "PRIVATE_KEY_JWT"} {
		change := object{"type": "WEB_APP", "tokenEndpointAuthMethod": method}
		if method == "PRIVATE_KEY_JWT" {
			change["jwks"] = jwksOf(t, publicJWK(t, key, "k1", ""))
		}
		app := w.application(change)
		secret := w.clientSecret(app)
		assert := func(alg string, key any) url.Values {
			claims := object{"iss": app, "sub": app, "aud": w.issuer(), "exp": w.clock().Unix() + 60, "jti": unique()}
			return url.Values{"client_assertion": {jws(t, object{"alg": alg}, claims, key)}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
		}
		for name, c := range map[string]struct {
			change url.Values
			head   header
		}{
			"NONE":                 {nil, nil},
			"CLIENT_SECRET_BASIC":  {nil, header{"Authorization": "Basic " + basicOf(app, secret)}},
			"CLIENT_SECRET_POST":   {url.Values{"client_secret": {secret}}, nil},
			"CLIENT_SECRET_JWT":    {assert("HS256", secret), nil},
			"PRIVATE_KEY_JWT":      {assert("ES256", key), nil},
			"a wrong secret":       {nil, header{"Authorization": "Basic " + basicOf(app, secret+"x")}},
			"a wrong one posted":   {url.Values{"client_secret": {"x"}}, nil},
			"a wrong one for HMAC": {assert("HS256", secret+"x"), nil},
			"a wrong key":          {assert("ES256", ecKey(t)), nil},
		} {
			r := w.push(app, c.change, c.head)
			if (r.StatusCode == 201) != (name == method) || r.StatusCode != 201 && (r.StatusCode != 401 || r.text("error") != "invalid_client") {
				t.Errorf("%s with %s: %d %s", method, name, r.StatusCode, r.raw)
			}
		}
		if method == "PRIVATE_KEY_JWT" { // an assertion is good once, at one endpoint
			once := assert("ES256", key)
			w.push(app, once).want(201)
			w.push(app, once).refused(401, "invalid_client", "used before")
			w.redeem(app, "x", once).refused(401, "invalid_client", "used before")
		}
	}
}
