package test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pixy/internal/server"
)

const domainURL = "https://login.example.com"

// newDomain is a world whose environment is served at a domain, too; another
// domain serves another environment.
func newDomain(t *testing.T) (w *world, other string) {
	t.Helper()
	var c server.Config
	w = newWorld(t, https, func(given *server.Config) { c = *given })
	other = w.send("POST", "/v1/environments", `{"name":"Other","type":"SANDBOX","region":"NA","license":{"id":"`+w.license()+`"}}`,
		header{"Authorization": "Bearer " + w.admin, "Content-Type": "application/json"}).want(201).text("id")
	c.Domains = []server.Domain{{Host: "Login.example.com", Environment: w.env}, {Host: "other.example.com:8443", Environment: other}}
	w.server.Stop()
	var err error
	w.server, err = server.New(c)
	w.must(err)
	return w, other
}

func (w *world) license() string {
	w.t.Helper()
	e := w.send("GET", "/v1/environments/"+w.env, "", header{"Authorization": "Bearer " + w.admin}).want(200)
	return e.body["license"].(object)["id"].(string)
}

// atDomain is the authorize request of the world's applications at the domain.
func atDomain(app string, change url.Values) string {
	q := url.Values{"response_type": {"code"}, "client_id": {app}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {"st4te"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	for k, v := range change {
		q[k] = v
	}
	return domainURL + "/as/authorize?" + q.Encode()
}

// withoutEnvironment fails when a URL of an answer has the environment's id.
func (r response) withoutEnvironment(w *world) response {
	r.t.Helper()
	for _, where := range []string{r.raw, r.Header.Get("Location")} {
		if strings.Contains(where, "/"+w.env) || strings.Contains(where, w.base) {
			r.t.Errorf("%s names the environment or the main host: %s", r.Request.URL, where)
		}
	}
	return r
}

// TestDomain signs on at a domain: nothing that it answers leads away from it.
func TestDomain(t *testing.T) {
	w, _ := newDomain(t)
	ada, app := w.user("ada"), w.application(nil)
	p := &person{w: w}
	begun := p.send("GET", atDomain(app, nil), "").want(302).withoutEnvironment(w)
	flow := begun.query("flowId")
	if to := begun.Header.Get("Location"); to != domainURL+"/signon/?flowId="+flow {
		t.Errorf("authorize leads to %s", to)
	}
	for _, c := range begun.Cookies() {
		if c.Path != "/" || !c.Secure || !c.HttpOnly {
			t.Errorf("the cookie is %v", c)
		}
	}
	page := p.send("GET", domainURL+"/signon/?flowId="+flow, "").want(200).withoutEnvironment(w)
	if !strings.Contains(page.raw, `action="`+domainURL+`/signon/?flowId=`+flow) {
		t.Errorf("the page leads elsewhere: %s", page.raw)
	}
	p.send("GET", domainURL+"/assets/signon.css", "").want(200)
	shown := p.send("GET", domainURL+"/flows/"+flow, "").want(200).withoutEnvironment(w)
	if shown.text("resumeUrl") != domainURL+"/as/resume?flowId="+flow || shown.body["environment"].(object)["id"] != w.env {
		t.Errorf("the flow is %s", shown.raw)
	}
	p.send("POST", domainURL+"/flows/"+flow, `{"username":"ada","password":"`+goodPassword+`"}`, header{"Content-Type": mediaSignOn, "Origin": domainURL}).want(200).withoutEnvironment(w)
	back := p.send("GET", domainURL+"/as/resume?flowId="+flow, "").want(302)
	if back.query("iss") != domainURL+"/as" {
		t.Errorf("the code comes from %q", back.query("iss"))
	}
	tokens := w.form("POST", domainURL+"/as/token", url.Values{"grant_type": {"authorization_code"}, "code": {back.query("code")}, "client_id": {app},
		"redirect_uri": {callback}, "code_verifier": {verifier}}).want(200)
	for _, name := range []string{"access_token", "id_token"} {
		if iss := claims(t, tokens.text(name))["iss"]; iss != domainURL+"/as" {
			t.Errorf("the %s is issued by %v", name, iss)
		}
	}
	bearer := header{"Authorization": "Bearer " + tokens.text("access_token")}
	for _, at := range []string{domainURL + "/as/userinfo", w.base + "/" + w.env + "/as/userinfo"} {
		if got := w.send("GET", at, "", bearer).want(200).text("sub"); got != ada {
			t.Errorf("%s answers about %q", at, got)
		}
	}

	// The session counts here, by the form of the hosted page, too.
	again := p.send("GET", atDomain(app, url.Values{"prompt": {"login"}}), "").query("flowId")
	form := header{"Content-Type": "application/x-www-form-urlencoded", "Origin": domainURL, "Sec-Fetch-Site": "same-origin"}
	to := p.send("POST", domainURL+"/signon/?flowId="+again, url.Values{"action": {"signon"}, "username": {"ada"}, "password": {goodPassword}}.Encode(), form).want(303).withoutEnvironment(w)
	p.send("GET", to.Header.Get("Location"), "").want(302)
	if r := p.send("GET", atDomain(app, url.Values{"prompt": {"none"}}), ""); r.query("code") == "" || r.query("iss") != domainURL+"/as" {
		t.Errorf("the session is not known at the domain: %s", r.Header.Get("Location"))
	}
	if r := p.send("GET", domainURL+"/", "").want(200).withoutEnvironment(w); !strings.Contains(r.raw, domainURL+"/as/.well-known/openid-configuration") {
		t.Errorf("the welcome is %s", r.raw)
	}
}

func TestDomainMetadata(t *testing.T) {
	w, other := newDomain(t)
	first := w.send("GET", domainURL+"/as/.well-known/openid-configuration", "").want(200).withoutEnvironment(w)
	if first.text("issuer") != domainURL+"/as" {
		t.Errorf("the issuer is %q", first.text("issuer"))
	}
	for name, value := range first.body {
		if at, ok := value.(string); ok && strings.HasSuffix(name, "_endpoint") && !strings.HasPrefix(at, domainURL+"/as/") {
			t.Errorf("%s is %s", name, at)
		}
	}
	if second := w.send("GET", domainURL+"/.well-known/oauth-authorization-server/as", "").want(200); second.raw != first.raw {
		t.Errorf("RFC 8414 metadata differs from discovery: %s", second.raw)
	}
	keys := w.send("GET", first.text("jwks_uri"), "").want(200)
	if main := w.send("GET", "/"+w.env+"/as/jwks", ""); main.raw != keys.raw {
		t.Error("the keys differ from those at the main host")
	}
	if theirs := w.send("GET", "https://other.example.com:8443/as/.well-known/openid-configuration", "").want(200); theirs.text("issuer") != "https://other.example.com:8443/as" {
		t.Errorf("the other domain is %s", theirs.raw)
	}

	main := w.base + "/" + w.env + "/as"
	for _, c := range []struct {
		name, url string
		status    int
		issuer    string
	}{
		{"capitals", "https://LOGIN.EXAMPLE.COM/as/.well-known/openid-configuration", 200, domainURL + "/as"},
		{"the default port", domainURL + ":443/as/.well-known/openid-configuration", 200, domainURL + "/as"},
		{"another port", domainURL + ":8443/as/.well-known/openid-configuration", 404, ""},
		{"a name below", "https://a.login.example.com/as/.well-known/openid-configuration", 404, ""},
		{"a name with a dot at its end", "https://login.example.com./as/.well-known/openid-configuration", 404, ""},
		{"an unknown name is the main host", "https://evil.example.com/" + w.env + "/as/.well-known/openid-configuration", 200, main},
		{"the long form at the domain", domainURL + "/" + w.env + "/as/.well-known/openid-configuration", 404, ""},
		{"another environment at the domain", domainURL + "/" + other + "/as/.well-known/openid-configuration", 404, ""},
		{"the short form at the main host", w.base + "/as/.well-known/openid-configuration", 404, ""},
		{"the management API at the domain", domainURL + "/v1/environments", 404, ""},
		{"the long metadata at the domain", domainURL + "/.well-known/oauth-authorization-server/" + w.env + "/as", 404, ""},
	} {
		r := w.send("GET", c.url, "", header{"X-Forwarded-Host": "login.example.com"})
		if r.StatusCode != c.status || r.text("issuer") != c.issuer {
			t.Errorf("%s: %d %q, want %d %q", c.name, r.StatusCode, r.text("issuer"), c.status, c.issuer)
		}
	}
}

// TestDomainTokens has tokens of each host taken where those of the environment
// are, and nowhere else.
func TestDomainTokens(t *testing.T) {
	w, other := newDomain(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	worker := w.form("POST", domainURL+"/as/token", url.Values{"grant_type": {"client_credentials"}}, header{"Authorization": w.basic()}).want(200).text("access_token")
	if iss := claims(t, worker)["iss"]; iss != domainURL+"/as" {
		t.Errorf("the worker's token is issued by %v", iss)
	}
	w.send("GET", "/v1/environments/"+w.env+"/users", "", header{"Authorization": "Bearer " + worker}).want(200)

	// A code of one host is one of the environment: the other redeems it, under
	// its own name.
	code := p.code(app, "ada", nil)
	crossed := w.form("POST", domainURL+"/as/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {app},
		"redirect_uri": {callback}, "code_verifier": {verifier}}).want(200)
	if iss := claims(t, crossed.text("id_token"))["iss"]; iss != domainURL+"/as" {
		t.Errorf("the ID token is issued by %v", iss)
	}
	bearer := header{"Authorization": "Bearer " + crossed.text("access_token")}
	for at, status := range map[string]int{domainURL + "/as/userinfo": 200, w.base + "/" + w.env + "/as/userinfo": 200,
		"https://other.example.com:8443/as/userinfo": 401, w.base + "/" + other + "/as/userinfo": 401} {
		if r := w.send("GET", at, "", bearer); r.StatusCode != status {
			t.Errorf("%s: %d, want %d", at, r.StatusCode, status)
		}
	}

	// Who is signed on at the main host is a stranger at the domain, whose
	// cookies a browser keeps apart: what it sends is not what decides.
	flow := p.tab(app, url.Values{"prompt": {"login"}})
	if r := w.send("GET", domainURL+"/flows/"+flow, ""); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("a flow of the main host is shown to a browser without its cookie: %d %s", r.StatusCode, r.raw)
	}
}

// TestDomainHints has each host inspect the tokens of the other, and take its ID
// tokens as hints.
func TestDomainHints(t *testing.T) {
	w, _ := newDomain(t)
	w.user("ada")
	app := w.application(object{"type": "WEB_APP", "tokenEndpointAuthMethod": "CLIENT_SECRET_POST"})
	secret := w.manage("GET", "/applications/"+app+"/secret", nil).want(200).text("secret")
	p := &person{w: w}
	main := w.base + "/" + w.env + "/as"
	tokens := map[string]response{}
	for _, host := range []string{main, domainURL + "/as"} {
		code := p.code(app, "ada", url.Values{"prompt": {"login"}})
		tokens[host] = w.form("POST", host+"/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {app}, "client_secret": {secret},
			"redirect_uri": {callback}, "code_verifier": {verifier}}).want(200)
	}
	for host, other := range map[string]string{main: domainURL + "/as", domainURL + "/as": main} {
		for _, name := range []string{"access_token", "id_token"} {
			r := w.form("POST", host+"/introspect", url.Values{"token": {tokens[other].text(name)}, "client_id": {app}, "client_secret": {secret}}).want(200)
			if r.body["active"] != true || r.text("iss") != other {
				t.Errorf("%s says of the %s of %s: %s", host, name, other, r.raw)
			}
		}
		q := url.Values{"response_type": {"code"}, "client_id": {app}, "redirect_uri": {callback}, "scope": {"openid"}, "prompt": {"none"},
			"code_challenge": {challenge}, "code_challenge_method": {"S256"}, "id_token_hint": {tokens[other].text("id_token")}}
		if r := p.send("GET", host+"/authorize?"+q.Encode(), "").want(302); r.query("code") == "" {
			t.Errorf("%s does not take a hint of %s: %s", host, other, r.Header.Get("Location"))
		}
		if r := w.form("POST", host+"/revoke", url.Values{"token": {tokens[other].text("id_token")}, "client_id": {app}, "client_secret": {secret}}); r.StatusCode == 200 {
			t.Errorf("%s takes the ID token of %s for none", host, other)
		}
		w.form("POST", host+"/revoke", url.Values{"token": {tokens[other].text("access_token")}, "client_id": {app}, "client_secret": {secret}}).want(200)
		w.userinfo(tokens[other].text("access_token")).want(401)
	}
}

// TestDomainOrigins lets the domain's own pages act with its cookie, and no page
// of the main host.
func TestDomainOrigins(t *testing.T) {
	w, _ := newDomain(t)
	w.user("ada")
	app := w.application(object{"redirectUris": []string{callback, spa + "/callback"}})
	p := &person{w: w}
	flow := p.send("GET", atDomain(app, nil), "").query("flowId")
	p.send("POST", domainURL+"/flows/"+flow, `{"username":"ada","password":"`+goodPassword+`"}`, header{"Content-Type": mediaSignOn, "Origin": spa}).want(200)
	for origin, status := range map[string]int{domainURL: 200, spa: 200, w.base: 403, foreign: 403, "https://other.example.com:8443": 403} {
		r := p.send("POST", atDomain(app, url.Values{"response_mode": {"pi.flow"}, "prompt": {"none"}}), "", header{"Origin": origin})
		if r.StatusCode != status || (r.Header.Get("Access-Control-Allow-Origin") == spa) != (origin == spa) {
			t.Errorf("%s: %d %s", origin, r.StatusCode, r.raw)
		}
	}
	for origin, status := range map[string]int{domainURL: 303, w.base: 403, foreign: 403} {
		flow := p.send("GET", atDomain(app, url.Values{"prompt": {"login"}}), "").query("flowId")
		r := p.send("POST", domainURL+"/signon/?flowId="+flow, "action=cancel", header{"Content-Type": "application/x-www-form-urlencoded", "Origin": origin, "Sec-Fetch-Site": "cross-site"})
		if r.StatusCode != status {
			t.Errorf("a form from %s: %d, want %d", origin, r.StatusCode, status)
		}
	}
}

func TestWrongDomains(t *testing.T) {
	var c server.Config
	w := newWorld(t, https, func(given *server.Config) { c = *given })
	good := server.Domain{Host: "login.example.com", Environment: w.env}
	for name, domains := range map[string][]server.Domain{
		"twice":              {good, {Host: "LOGIN.example.com:443", Environment: w.env}},
		"the main host":      {{Host: "pixy.test", Environment: w.env}},
		"no host":            {{Host: "", Environment: w.env}},
		"a URL":              {{Host: "https://login.example.com", Environment: w.env}},
		"a path":             {{Host: "login.example.com/x", Environment: w.env}},
		"a user":             {{Host: "a@login.example.com", Environment: w.env}},
		"no id":              {{Host: "login.example.com"}},
		"an id that is none": {{Host: "login.example.com", Environment: "production"}},
	} {
		c.Domains = slices.Clone(domains)
		if _, err := server.New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestDevicesAtDomain: what a device and a client of CIBA are told at
// a domain leads to its pages, and the whole way can be gone there.
func TestDevicesAtDomain(t *testing.T) {
	w, _ := newDomain(t)
	w.user("ada")
	app, c := w.device(nil), w.teller(nil)
	form := header{"Content-Type": "application/x-www-form-urlencoded"}
	at := func(path string, f url.Values) response {
		return w.send("POST", domainURL+"/as/"+path, f.Encode(), form)
	}
	device := at("device_authorization", url.Values{"client_id": {app}, "scope": {"openid"}}).want(200).withoutEnvironment(w)
	client := url.Values{"client_id": {c.id}, "client_secret": {c.secret}}
	named := maps.Clone(client)
	named["scope"], named["login_hint"] = []string{"openid"}, []string{"ada"}
	asked := at("cibaAuthorization", named).want(200).withoutEnvironment(w)
	if device.text("verification_uri") != domainURL+"/device/activate" || !strings.HasPrefix(asked.text("approval_uri"), domainURL+"/approve/") {
		t.Errorf("%s %s", device.raw, asked.raw)
	}
	p := &person{w: w}
	act := func(flow, action string, body string) response {
		return p.send("POST", domainURL+"/flows/"+flow, body, header{"Content-Type": "application/vnd.pingidentity." + action + "+json"}).want(200).withoutEnvironment(w)
	}
	flow := p.send("GET", device.text("verification_uri_complete"), "").want(302).withoutEnvironment(w).query("flowId")
	act(flow, "deviceAuthGrant.userCode.verify", `{"userCode":"`+device.text("user_code")+`"}`)
	act(flow, "usernamePassword.check", `{"username":"ada","password":"`+goodPassword+`"}`)
	act(flow, "deviceAuthGrant.consent", `{"accept":true}`)
	flow = p.send("GET", asked.text("approval_uri"), "").want(302).withoutEnvironment(w).query("flowId")
	act(flow, "deviceAuthGrant.consent", `{"accept":true}`)
	got := at("token", url.Values{"grant_type": {grantDevice}, "client_id": {app}, "device_code": {device.text("device_code")}}).want(200)
	if iss := claims(t, got.text("id_token"))["iss"]; iss != domainURL+"/as" {
		t.Errorf("the issuer is %v", iss)
	}
	client["grant_type"], client["auth_req_id"] = []string{grantCIBA}, []string{asked.text("auth_req_id")}
	at("token", client).want(200)
}
