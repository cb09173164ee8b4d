package test

import (
	"net/url"
	"strings"
	"testing"
)

// submit posts a form of the hosted page, as a browser does.
func (p *person) submit(flow string, form url.Values, headers ...header) response {
	p.w.t.Helper()
	headers = append([]header{{"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}}, headers...)
	return p.send("POST", "/"+p.w.env+"/signon/?flowId="+flow, form.Encode(), headers...)
}

// TestPage signs on with the forms alone.
// covers: OIDC Core §16.22/1
func TestPage(t *testing.T) {
	// covers: RFC 6749 §10.2/3
	// covers: Certification Basic/OIDCCLoginHint
	w := newWorld(t)
	ada, app := w.user("ada"), w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, url.Values{"login_hint": {"ada"}})
	page := p.send("GET", "/"+w.env+"/signon/?flowId="+flow, "").want(200)
	for _, part := range []string{`value="ada"`, `autocomplete="current-password"`, `type="password"`, `action="http://pixy.test/` + w.env + `/signon/?flowId=` + flow, "App", "app.example.com", `value="cancel"`} {
		if !strings.Contains(page.raw, part) {
			t.Errorf("the page has no %s", part)
		}
	}
	wrong := p.submit(flow, url.Values{"action": {"signon"}, "username": {"ada"}, "password": {"wrong"}}).want(400)
	if !strings.Contains(wrong.raw, "incorrect") || !strings.Contains(wrong.raw, `role="alert"`) || strings.Contains(wrong.raw, "wrong") {
		t.Errorf("a wrong password shows %s", wrong.raw)
	}
	empty := p.submit(flow, url.Values{"action": {"signon"}, "username": {"ada"}}).want(400)
	if !strings.Contains(empty.raw, `role="alert"`) {
		t.Errorf("an empty password shows %s", empty.raw)
	}
	to := p.submit(flow, url.Values{"action": {"signon"}, "username": {"ada"}, "password": {goodPassword}}).want(303).Header.Get("Location")
	back := p.send("GET", to, "").want(302)
	w.redeem(app, back.query("code"), nil).want(200)

	// Signed in already, the page says so, and lets somebody else sign in.
	flow = p.tab(app, url.Values{"prompt": {"login"}})
	if page := p.send("GET", "/"+w.env+"/signon/?flowId="+flow, ""); !strings.Contains(page.raw, "signed in as") && !strings.Contains(page.raw, "Signed in as") {
		t.Errorf("the page does not say who is signed in: %s", page.raw)
	}
	p.submit(flow, url.Values{"action": {"reset"}}).want(303)
	if page := p.send("GET", "/"+w.env+"/signon/?flowId="+flow, ""); strings.Contains(page.raw, `value="ada"`) {
		t.Error("the page still offers the user who said it is not him")
	}

	// A new password is due.
	w.password(ada, "F1rst-passWord!", true)
	p = &person{w: w}
	flow = p.tab(app, nil)
	p.submit(flow, url.Values{"action": {"signon"}, "username": {"ada"}, "password": {"F1rst-passWord!"}}).want(303)
	page = p.send("GET", "/"+w.env+"/signon/?flowId="+flow, "").want(200)
	if !strings.Contains(page.raw, `name="newPassword"`) || !strings.Contains(page.raw, "At least 8 characters") {
		t.Errorf("no form for a new password: %s", page.raw)
	}
	differ := p.submit(flow, url.Values{"action": {"password"}, "currentPassword": {"F1rst-passWord!"}, "newPassword": {"S3cond+phraSe!"}, "confirmPassword": {"S3cond+phraSe?"}}).want(400)
	if !strings.Contains(differ.raw, "not the same") {
		t.Errorf("two different passwords: %s", differ.raw)
	}
	weak := p.submit(flow, url.Values{"action": {"password"}, "currentPassword": {"F1rst-passWord!"}, "newPassword": {"abc"}, "confirmPassword": {"abc"}}).want(400)
	if !strings.Contains(weak.raw, "too short") {
		t.Errorf("a weak password: %s", weak.raw)
	}
	p.submit(flow, url.Values{"action": {"password"}, "currentPassword": {"F1rst-passWord!"}, "newPassword": {"S3cond+phraSe!"}, "confirmPassword": {"S3cond+phraSe!"}}).want(303)
	if code := p.resume(flow).query("code"); code == "" {
		t.Error("no code after the new password")
	}
}

// TestPageCancel: who does not go on ends the request with an error, though a
// session is there.
// covers: OIDC Core §3.1.2.1/18, OIDC Core §3.1.2.1/22
func TestPageCancel(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	p.code(app, "ada", nil)
	for _, prompt := range []string{"login", "select_account", "login select_account"} {
		flow := p.tab(app, url.Values{"prompt": {prompt}})
		p.submit(flow, url.Values{"action": {"cancel"}}).want(303)
		p.resume(flow).expectError(t, "access_denied", "cancelled")
	}
	p = &person{w: w}
	flow := p.tab(app, nil)
	p.submit(flow, url.Values{"action": {"cancel"}}).want(303)
	p.resume(flow).expectError(t, "access_denied", "cancelled")
}

func TestPageLockout(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, nil)
	var r response
	for range 5 {
		r = p.submit(flow, url.Values{"action": {"signon"}, "username": {"ada"}, "password": {"wrong"}})
	}
	if r.StatusCode != 400 || !strings.Contains(r.raw, "Try again in 15 minutes") {
		t.Errorf("%d %s", r.StatusCode, r.raw)
	}
}

// TestPageForeignForm sends the form from another site.
// covers: OIDC Core §3.1.2.3/5
func TestPageForeignForm(t *testing.T) {
	// covers: RFC 6749 §10.12/5
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, nil)
	form := url.Values{"action": {"signon"}, "username": {"ada"}, "password": {goodPassword}}
	for name, h := range map[string]header{
		"cross-site":             {"Sec-Fetch-Site": "cross-site"},
		"same-site":              {"Sec-Fetch-Site": "same-site"},
		"an old browser, origin": {"Sec-Fetch-Site": "", "Origin": foreign},
	} {
		if r := p.submit(flow, form, h); r.StatusCode != 403 {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
	p.submit(flow, form, header{"Sec-Fetch-Site": "", "Origin": w.base}).want(303)
}

// TestErrorPage says what was wrong, and nothing that the sender did not send.
// covers: OIDC Core §3.1.2.1/5, OIDC Core §3.1.2.1/6, OIDC Core §3.1.2.1/7, OIDC Core §3.1.2.2/3, OIDC Core §3.1.2.6/2
func TestErrorPage(t *testing.T) {
	// covers: RFC 6749 §3.1.2.3/1, RFC 6749 §3.1.2.3/2, RFC 6749 §3.1.2.4/1, RFC 6749 §3.1.2.4/2, RFC 6749 §4.1.2.1/1, RFC 6749 §4.1.2.1/2, RFC 6749 §10.1/3, RFC 6749 §10.6/4, RFC 6749 §10.14/1
	// covers: Certification Basic/OIDCCEnsureRegisteredRedirectUri
	w := newWorld(t)
	app := w.application(nil)
	p := &person{w: w}
	for name, c := range map[string]struct {
		change url.Values
		says   string
	}{
		"no client":        {url.Values{"client_id": {""}}, "client_id"},
		"unknown client":   {url.Values{"client_id": {"00000000-0000-4000-8000-000000000000"}}, "No enabled application"},
		"two clients":      {url.Values{"client_id": {app, app}}, "client_id must be given once"},
		"no redirect URI":  {url.Values{"redirect_uri": {""}}, "redirect_uri must be given once"},
		"two redirects":    {url.Values{"redirect_uri": {callback, callback}}, "redirect_uri must be given once"},
		"a slash more":     {url.Values{"redirect_uri": {callback + "/"}}, "character by character"},
		"another host":     {url.Values{"redirect_uri": {"https://evil.example.com/callback"}}, "evil.example.com"},
		"user information": {url.Values{"redirect_uri": {"https://app.example.com@evil.example.com/callback"}}, "character by character"},
		"a script":         {url.Values{"redirect_uri": {`"><script>alert(1)</script>`}}, "&lt;script&gt;"},
	} {
		for _, mode := range []string{"", "pi.flow"} {
			change := url.Values{"response_mode": {mode}}
			for k, v := range c.change {
				change[k] = v
			}
			r := p.authorize(app, change)
			if mode == "pi.flow" {
				if name != "no redirect URI" && (r.StatusCode != 400 || r.text("code") != "INVALID_DATA" || r.detail()["target"] == nil) {
					t.Errorf("%s, pi.flow: %d %s", name, r.StatusCode, r.raw)
				}
				continue
			}
			if r.StatusCode != 400 || r.Header.Get("Location") != "" || !strings.Contains(r.raw, c.says) || !strings.Contains(r.raw, r.Header.Get("Correlation-Id")) {
				t.Errorf("%s: %d %s %s", name, r.StatusCode, r.Header.Get("Location"), r.raw)
			}
			if strings.Contains(r.raw, "<script>alert") || name != "a slash more" && strings.Contains(r.raw, callback) {
				t.Errorf("%s: the page says too much: %s", name, r.raw)
			}
		}
	}
}

// TestRedirectedRefusals go to the application, with state and issuer.
// covers: OIDC Core §3.1.2.1/4, OIDC Core §3.1.2.2/1, OIDC Core §3.1.2.2/3, OIDC Core §3.1.2.2/9, OIDC Core §3.1.2.6/3, OIDC Core §3.1.2.6/4
// covers: RFC 9207 §2/1
func TestRedirectedRefusals(t *testing.T) {
	// covers: RFC 6749 §3.1/8, RFC 6749 §3.1.1/3, RFC 6749 §4.1.2.1/3, RFC 6749 §4.1.2.1/5, RFC 6749 §4.1.2.1/8
	// covers: RFC 8252 §7.3/1, RFC 8252 §8.4/3
	// covers: Certification Basic/OIDCCResponseTypeMissing, Certification Basic/OIDCCRequestUriUnsignedSupportedCorrectlyOrRejectedAsUnsupported, Certification Basic/OIDCCUnsignedRequestObjectSupportedCorrectlyOrRejectedAsUnsupported
	w := newWorld(t)
	app := w.application(nil)
	implicit := w.application(object{"grantTypes": []string{"IMPLICIT"}, "responseTypes": []string{"TOKEN"}})
	par := w.application(object{"parRequirement": "REQUIRED"})
	limited := w.application(object{"accessControl": object{"role": object{"type": "ADMIN_USERS_ONLY"}}})
	p := &person{w: w}
	for name, c := range map[string]struct {
		app    string
		change url.Values
		code   string
		words  string
	}{
		"no response_type":      {app, url.Values{"response_type": {""}}, "invalid_request", "response_type is missing"},
		"response_type none":    {app, url.Values{"response_type": {"none"}}, "unsupported_response_type", "code"},
		"response_type twice":   {app, url.Values{"response_type": {"code", "code"}}, "invalid_request", "response_type was sent more than once"},
		"response_mode jwt":     {app, url.Values{"response_mode": {"jwt"}}, "invalid_request", "response_mode"},
		"state twice":           {app, url.Values{"state": {"a", "b"}}, "invalid_request", "state was sent more than once"},
		"challenge twice":       {app, url.Values{"code_challenge": {challenge, challenge}}, "invalid_request", "code_challenge was sent more than once"},
		"nonce with NUL":        {app, url.Values{"nonce": {"a\x00"}}, "invalid_request", "nonce"},
		"prompt unknown":        {app, url.Values{"prompt": {"dance"}}, "invalid_request", "prompt"},
		"prompt none and login": {app, url.Values{"prompt": {"none login"}}, "invalid_request", "prompt"},
		"max_age negative":      {app, url.Values{"max_age": {"-1"}}, "invalid_request", "max_age"},
		"scope broken":          {app, url.Values{"scope": {"openid \"x\""}}, "invalid_scope", "scope"},
		"request object":        {app, url.Values{"request": {"x"}}, "invalid_request_object", ""},
		"request_uri":           {app, url.Values{"request_uri": {"https://x"}}, "request_uri_not_supported", ""},
		"implicit application":  {implicit, nil, "unauthorized_client", "AUTHORIZATION_CODE"},
		"PAR required":          {par, nil, "invalid_request", "pushed"},
		"access control":        {limited, nil, "access_denied", "accessControl"},
	} {
		r := p.authorize(c.app, c.change)
		r.expectError(t, c.code, c.words)
		wantState := "st4te"
		if name == "state twice" {
			wantState = ""
		}
		if r.query("state") != wantState || r.query("iss") != w.base+"/"+w.env+"/as" || !strings.HasPrefix(r.Header.Get("Location"), callback+"?") {
			t.Errorf("%s: %s", name, r.Header.Get("Location"))
		}
		if d := r.query("error_description"); strings.ContainsFunc(d, func(c rune) bool { return c < 0x20 || c > 0x7e || c == '"' || c == '\\' }) ||
			!strings.Contains(d, r.Header.Get("Correlation-Id")) {
			t.Errorf("%s: description %q", name, d)
		}
		change := url.Values{"response_mode": {"pi.flow"}}
		for k, v := range c.change {
			change[k] = v
		}
		if name == "response_mode jwt" {
			continue
		}
		if r := p.authorize(c.app, change); r.StatusCode != 400 || r.detail()["code"] != c.code {
			t.Errorf("%s, pi.flow: %d %s", name, r.StatusCode, r.raw)
		}
	}
	loopback := w.application(object{"redirectUris": []string{"http://127.0.0.1/cb", "http://[::1]:80/cb"}})
	for uri, good := range map[string]bool{"http://127.0.0.1:51004/cb": true, "http://[::1]:7/cb": true, "http://localhost:51004/cb": false,
		"http://127.0.0.1:51004/cb2": false, "http://127.0.0.1:51004@evil.com/cb": false, "http://127.0.0.1.evil.com/cb": false, "https://127.0.0.1:51004/cb": false} {
		if r := p.authorize(loopback, url.Values{"redirect_uri": {uri}}); (r.StatusCode == 302) != good {
			t.Errorf("%s: %d", uri, r.StatusCode)
		}
	}
}
