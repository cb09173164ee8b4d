package test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// browserApp is an application that may have every response type.
func (w *world) browserApp(change object) string {
	w.t.Helper()
	return w.application(merged(object{"name": "Front", "grantTypes": []string{"AUTHORIZATION_CODE", "IMPLICIT", "REFRESH_TOKEN"},
		"responseTypes": []string{"CODE", "TOKEN", "ID_TOKEN"}}, change))
}

// responseTypes are all that there are, in one of their orders.
func responseTypes() []string {
	return []string{"code", "token", "id_token", "token id_token", "id_token code", "code token", "id_token code token"}
}

// TestResponseTypes asks for every response type in every mode, with a session
// and without: each answer has what was asked for and nothing else, in the place
// that was asked for, with state and issuer.
// covers: OIDC Core §3.2.2.5/1, OIDC Core §3.2.2.5/3, OIDC Core §3.2.2.5/4, OIDC Core §3.2.2.10/1, OIDC Core §3.2.2.10/2
// covers: OIDC Core §3.3.2.11/1, OIDC Core §3.3.2.11/2, OIDC Core §3.3.2.11/3, RFC 9207 §2/1, RFC 9207 §2.4/12
func TestResponseTypes(t *testing.T) {
	// covers: RFC 6749 §4.2.2/1, RFC 6749 §4.2.2/2, RFC 6749 §4.2.2/3, RFC 6749 §4.2.2/6, RFC 6749 §4.2.2/7
	w := newWorld(t)
	ada, app := w.user("ada"), w.browserApp(nil)
	for _, responseType := range responseTypes() {
		for _, mode := range []string{"", "query", "fragment", "form_post"} {
			t.Run(responseType+" by "+mode, func(t *testing.T) {
				w.t = t
				p := &person{w: w}
				change := url.Values{"response_type": {responseType}, "response_mode": {mode}, "nonce": {"n0nce"}, "state": {"a b&c=\"'<>é#"}}
				for _, who := range []string{"signs on", "is signed on"} {
					r := p.end(p.authorize(app, change), "ada")
					if mode == "query" && responseType != "code" {
						r.errs("invalid_request", "tokens do not go into the query")
						r.inPlace("fragment")
						continue
					}
					w.holds(r, responseType, ada, app)
					want := map[bool]string{true: "query", false: "fragment"}[responseType == "code"]
					if mode != "" {
						want = mode
					}
					r.inPlace(want)
					if t.Failed() {
						t.Fatalf("when who %s", who)
					}
				}
			})
		}
	}
}

// inPlace expects an answer by a response mode.
func (r response) inPlace(mode string) {
	r.t.Helper()
	to := r.Header.Get("Location")
	is := "form_post"
	switch {
	case strings.HasPrefix(to, callback+"?") && !strings.Contains(to, "#"):
		is = "query"
	case strings.HasPrefix(to, callback+"#"):
		is = "fragment"
	case to != "" || r.StatusCode != 200 || !strings.Contains(r.raw, `action="`+callback+`"`):
		is = "nothing"
	}
	if is != mode || r.Header.Get("Cache-Control") != "no-store" {
		r.t.Errorf("the answer is by %s, want %s: %d %s", is, mode, r.StatusCode, to)
	}
}

// holds expects what belongs to a response type.
func (w *world) holds(r response, responseType, user, app string) {
	w.t.Helper()
	g, types := r.given(), strings.Fields(responseType)
	want := map[string]bool{"state": true, "iss": true, "code": slices.Contains(types, "code"), "id_token": slices.Contains(types, "id_token"), "refresh_token": false}
	for _, name := range []string{"access_token", "token_type", "expires_in", "scope"} {
		want[name] = slices.Contains(types, "token")
	}
	for name, there := range want {
		if (len(g[name]) == 1) != there || len(g[name]) > 1 {
			w.t.Errorf("%s is there %d times: %v", name, len(g[name]), g)
		}
	}
	for name := range g {
		if !want[name] {
			w.t.Errorf("the answer has %s", name)
		}
	}
	if g.Get("state") != "a b&c=\"'<>é#" || g.Get("iss") != w.issuer() {
		w.t.Errorf("state %q, iss %q", g.Get("state"), g.Get("iss"))
	}
	if token := g.Get("access_token"); token != "" {
		if g.Get("token_type") != "Bearer" || g.Get("expires_in") != "3600" || g.Get("scope") != "openid" || w.userinfo(token).want(200).text("sub") != user {
			w.t.Errorf("%v", g)
		}
	}
	if token := g.Get("id_token"); token != "" {
		w.identityInFront(token, g, user, app)
	}
}

func (w *world) identityInFront(token string, g url.Values, user, app string) {
	w.t.Helper()
	c := claims(w.t, token)
	for name, want := range map[string]any{"iss": g.Get("iss"), "sub": user, "aud": app, "nonce": "n0nce"} {
		if c[name] != want {
			w.t.Errorf("%s is %v, want %v", name, c[name], want)
		}
	}
	for name, of := range map[string]string{"at_hash": g.Get("access_token"), "c_hash": g.Get("code")} {
		if of != "" && c[name] != leftHash(of) || of == "" && c[name] != nil {
			w.t.Errorf("%s is %v beside %q", name, c[name], of)
		}
	}
	if c["auth_time"] == nil || c["exp"].(float64) <= c["iat"].(float64) {
		w.t.Errorf("%v", c)
	}
}

// TestNonceOfResponseTypes: an ID token through the browser needs a nonce, what
// else comes does not.
// covers: OIDC Core §3.2.2.1/5, OIDC Core §3.3.2.1/2, OIDC Core §3.2.2.6/1, OIDC Core §3.3.2.6/1
func TestNonceOfResponseTypes(t *testing.T) {
	// covers: RFC 6749 §4.2.2.1/3, RFC 6749 §4.2.2.1/4, RFC 6749 §4.2.2.1/5, RFC 6749 §4.2.2.1/8
	w := newWorld(t)
	w.user("ada")
	app := w.browserApp(nil)
	p := &person{w: w}
	p.code(app, "ada", nil)
	for _, responseType := range responseTypes() {
		for _, mode := range []string{"", "form_post"} {
			r := p.authorize(app, url.Values{"response_type": {responseType}, "response_mode": {mode}})
			if !strings.Contains(responseType, "id_token") {
				if g := r.given(); g.Get("error") != "" {
					t.Errorf("%s without nonce: %v", responseType, g)
				}
				continue
			}
			r.errs("invalid_request", "nonce is missing")
			r.inPlace(map[string]string{"": "fragment", "form_post": "form_post"}[mode])
			if g := r.given(); g.Get("state") != "st4te" || g.Get("iss") != w.issuer() || len(g) != 4 {
				t.Errorf("%v", g)
			}
		}
	}
	// An ID token is only for who asks for openid.
	p.authorize(app, url.Values{"response_type": {"id_token"}, "nonce": {"n"}, "scope": {""}}).errs("invalid_scope", "needs the scope openid")
}

// TestScopeClaimsInFront: the claims of the scopes are in an ID token only when
// nothing comes beside it by which they could be asked for.
func TestScopeClaimsInFront(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.browserApp(nil)
	w.grantScopes(app, "email")
	p := &person{w: w}
	p.code(app, "ada", nil)
	for _, responseType := range responseTypes() {
		token := p.authorize(app, url.Values{"response_type": {responseType}, "scope": {"openid email"}, "nonce": {"n"}}).given().Get("id_token")
		if token == "" {
			continue
		}
		if has := claims(t, token)["email"] == "ada@example.com"; has != (responseType == "id_token") {
			t.Errorf("%s: the ID token has the address: %v", responseType, has)
		}
	}
}

// TestBothIdentitiesOfHybrid compares the ID token of the authorize endpoint with
// that of the token endpoint.
// covers: OIDC Core §3.3.3.6/1, OIDC Core §3.3.3.6/2, OIDC Core §3.3.3.6/3
func TestBothIdentitiesOfHybrid(t *testing.T) {
	w := newWorld(t)
	ada, app := w.user("ada"), w.browserApp(nil)
	w.manage("PATCH", "/users/"+ada, object{"nickname": "The Countess"}).want(200)
	w.manage("POST", "/applications/"+app+"/attributes", object{"name": "calledBy", "value": "${user.nickname}", "required": true}).want(201)
	p := &person{w: w}
	for _, responseType := range []string{"code id_token", "code id_token token"} {
		g := p.end(p.authorize(app, url.Values{"response_type": {responseType}, "nonce": {"n0nce"}}), "ada").given()
		tokens := w.redeem(app, g.Get("code"), nil).want(200)
		first, second := claims(t, g.Get("id_token")), claims(t, tokens.text("id_token"))
		for _, name := range []string{"iss", "sub", "aud", "acr", "amr", "auth_time", "sid", "nonce", "calledBy"} {
			if text(first[name]) != text(second[name]) || first[name] == nil {
				t.Errorf("%s: %s is %v and %v", responseType, name, first[name], second[name])
			}
		}
		if second["at_hash"] != leftHash(tokens.text("access_token")) || second["c_hash"] != nil {
			t.Errorf("the second one is %v", second)
		}
		if tokens.text("refresh_token") == "" {
			t.Errorf("no refresh token: %s", tokens.raw)
		}
		if token := g.Get("access_token"); token != "" { // what came in front ends with the code
			w.userinfo(token).want(200)
			w.redeem(app, g.Get("code"), nil).refused(400, "invalid_grant", "used before")
			w.userinfo(token).refused(401, "invalid_token", "revoked")
		}
	}
}

// TestResponsesAllowed holds the response types against the application's
// grantTypes and responseTypes, those of the defaults too.
func TestResponsesAllowed(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	base := object{"enabled": true, "protocol": "OPENID_CONNECT", "redirectUris": []string{callback}}
	for _, c := range []struct {
		name   string
		app    object
		may    string // the response types, by commas
		lacks  string // what the refusal of token names
		noCode string // what that of code names
	}{
		{"a native application", object{"type": "NATIVE_APP"}, "code,token,id_token,token id_token,id_token code,code token,id_token code token", "", ""},
		{"a single-page application", object{"type": "SINGLE_PAGE_APP"}, "token,id_token,token id_token", "", "AUTHORIZATION_CODE"},
		{"a web application", object{"type": "WEB_APP"}, "code", "IMPLICIT", ""},
		{"the type without the grant", object{"type": "WEB_APP", "responseTypes": []string{"CODE", "TOKEN", "ID_TOKEN"}}, "code", "IMPLICIT", ""},
		{"the grant without the type", object{"type": "WEB_APP", "grantTypes": []string{"AUTHORIZATION_CODE", "IMPLICIT"}}, "code", "TOKEN", ""},
		{"no code", object{"type": "NATIVE_APP", "grantTypes": []string{"AUTHORIZATION_CODE", "IMPLICIT"}, "responseTypes": []string{"TOKEN"}}, "token", "", "CODE"},
	} {
		app := w.manage("POST", "/applications", merged(merged(base, c.app), object{"name": c.name})).want(201).text("id")
		for _, responseType := range responseTypes() {
			p := &person{w: w}
			r := p.end(p.authorize(app, url.Values{"response_type": {responseType}, "nonce": {"n"}}), "ada")
			switch g := r.given(); {
			case slices.Contains(strings.Split(c.may, ","), responseType):
				if g.Get("error") != "" {
					t.Errorf("%s may %s: %v", c.name, responseType, g)
				}
			case g.Get("error") != "unauthorized_client":
				t.Errorf("%s may not %s: %v", c.name, responseType, g)
			case responseType == "token" && !strings.Contains(g.Get("error_description"), c.lacks),
				responseType == "code" && !strings.Contains(g.Get("error_description"), c.noCode):
				t.Errorf("%s, %s: %s", c.name, responseType, g.Get("error_description"))
			}
		}
	}
}

// TestFrontErrors: whatever is refused of a request for tokens is told in the
// fragment, or in the mode that was asked for; what the redirect URI is not good
// for stays on the page.
// covers: OIDC Core §3.2.2.1/1, OIDC Core §3.2.2.1/2, OIDC Core §3.2.2.1/3, OIDC Core §3.2.2.6/1, OIDC Core §3.3.2.6/1
func TestFrontErrors(t *testing.T) {
	// covers: RFC 6749 §3.1.2.2/2, RFC 6749 §4.2.1/6, RFC 6749 §4.2.2.1/1, RFC 6749 §4.2.2.1/2, RFC 6749 §4.2.2.1/3
	w := newWorld(t)
	w.user("ada")
	app := w.browserApp(nil)
	p := &person{w: w}
	for _, responseType := range responseTypes()[1:] {
		base := url.Values{"response_type": {responseType}, "nonce": {"n"}}
		for name, c := range map[string]struct {
			change []string
			code   string
		}{
			"no session":     {[]string{"prompt", "none"}, "login_required"},
			"prompt":         {[]string{"prompt", "dance"}, "invalid_request"},
			"scope":          {[]string{"scope", "nothing"}, "invalid_scope"},
			"resource":       {[]string{"resource", "https://nobody.example.com"}, "invalid_target"},
			"type":           {[]string{"response_type", responseType + " x"}, "unsupported_response_type"},
			"mode":           {[]string{"response_mode", "jwt"}, "invalid_request"},
			"object":         {[]string{"request", "x"}, "invalid_request_object"},
			"foreign object": {[]string{"request_uri", "https://x"}, "request_uri_not_supported"},
		} {
			for _, mode := range []string{"fragment", "form_post"} {
				change := with(base, append([]string{"response_mode", mode}, c.change...)...)
				if name == "mode" {
					mode = "fragment"
				}
				r := p.authorize(app, change)
				r.errs(c.code, "Request denied")
				r.inPlace(mode)
				if g := r.given(); g.Get("state") != "st4te" || g.Get("iss") != w.issuer() {
					t.Errorf("%s, %s: %v", responseType, name, g)
				}
			}
		}
		for _, mode := range []string{"fragment", "form_post"} {
			p.authorize(app, with(base, "response_mode", mode, "redirect_uri", "")).paged()
			p.authorize(app, with(base, "response_mode", mode, "redirect_uri", callback+"/x")).paged()
			p.authorize(app, with(base, "response_mode", mode, "redirect_uri", "https://APP.example.com/callback")).paged()
			p.authorize(app, with(base, "response_mode", mode, "client_id", "")).paged()
		}
		flow := p.tab(app, base)
		p.submit(flow, url.Values{"action": {"cancel"}}).want(303)
		r := p.resume(flow)
		r.errs("access_denied", "cancelled")
		r.inPlace("fragment")
	}
	p.authorize(app, url.Values{"response_type": {""}}).errs("invalid_request", "response_type is missing")
}

// TestFrontScopes: what is granted is said, and offline_access is not where no code
// comes.
// covers: OIDC Core §11/4
func TestFrontScopes(t *testing.T) {
	// covers: RFC 6749 §4.2.2/5, RFC 6749 §4.2.2/7
	w := newWorld(t)
	w.user("ada")
	app := w.browserApp(nil)
	w.grantScopes(app, "email", "offline_access")
	p := &person{w: w}
	p.code(app, "ada", nil)
	for responseType, scope := range map[string]string{"token": "openid email", "id_token token": "openid email", "code token": "openid email offline_access"} {
		g := p.authorize(app, url.Values{"response_type": {responseType}, "scope": {"openid email nothing offline_access"}, "nonce": {"n"}}).given()
		if g.Get("scope") != scope || claims(t, g.Get("access_token"))["scope"] != scope || g.Get("refresh_token") != "" {
			t.Errorf("%s: %v", responseType, g)
		}
		if code := g.Get("code"); code != "" && w.redeem(app, code, nil).want(200).text("refresh_token") == "" {
			t.Errorf("%s: no refresh token", responseType)
		}
	}
}

// TestFrontInClear: tokens don't go to an http URI on another machine, whatever
// is registered. A code does, for it is of no use alone.
// covers: OIDC Core §3.2.2.1/4
func TestFrontInClear(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.browserApp(object{"redirectUris": []string{"http://app.example.com/cb", "http://localhost:3000/cb", "http://127.0.0.1/cb", "http://[::1]/cb",
		"http://localhost.example.com/cb", "http://127.0.0.1.example.com/cb", "https://app.example.com/cb", "com.example.app:/cb"}})
	p := &person{w: w}
	p.code(app, "ada", url.Values{"redirect_uri": {"https://app.example.com/cb"}})
	for uri, good := range map[string]bool{"http://app.example.com/cb": false, "http://localhost:3000/cb": true, "http://127.0.0.1:5000/cb": true, "http://[::1]:5000/cb": true,
		"http://localhost.example.com/cb": false, "http://127.0.0.1.example.com/cb": false, "https://app.example.com/cb": true, "com.example.app:/cb": true} {
		for _, responseType := range responseTypes() {
			r := p.authorize(app, url.Values{"response_type": {responseType}, "redirect_uri": {uri}, "nonce": {"n"}})
			if good || responseType == "code" {
				if g := r.given(); g.Get("error") != "" {
					t.Errorf("%s to %s: %v", responseType, uri, g)
				}
				continue
			}
			r.errs("invalid_request", "https redirect URIs only")
		}
	}
}

// TestFrontInFlow: under pi.flow everything stands in the answer.
func TestFrontInFlow(t *testing.T) {
	w := newWorld(t)
	ada, app := w.user("ada"), w.browserApp(nil)
	p := &person{w: w}
	change := url.Values{"response_type": {"code id_token token"}, "response_mode": {"pi.flow"}, "nonce": {"n0nce"}, "redirect_uri": {""}}
	flow := p.authorize(app, change).want(200).text("id")
	p.signOn(flow, "ada", goodPassword).want(200)
	for _, r := range []response{p.resume(flow).want(200), p.authorize(app, change).want(200)} {
		answer, _ := r.body["authorizeResponse"].(object)
		g := url.Values{}
		for name, v := range answer {
			g.Set(name, text(v))
		}
		if g.Get("code") == "" || g.Get("access_token") == "" || g.Get("id_token") == "" || g.Get("iss") != w.issuer() || g.Get("state") != "st4te" {
			t.Fatalf("%s", r.raw)
		}
		w.identityInFront(g.Get("id_token"), g, ada, app)
	}
}
