package test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pixy/internal/server"
)

const (
	spa     = "https://spa.example.com"
	foreign = "https://evil.example.com"
)

func https(c *server.Config) { c.PublicURL = "https://pixy.test" }

// TestOrigins lets only pages of the application's origins act with the session
// cookie; what needs no cookie may be read by every page.
// covers: OIDC Discovery §3/36, OIDC Discovery §4/4
func TestOrigins(t *testing.T) {
	// covers: RFC 6749 §10.12/5
	w := newWorld(t, https)
	w.user("ada")
	app := w.application(object{"type": "SINGLE_PAGE_APP", "redirectUris": []string{callback, spa + "/callback"}})
	listed := w.application(object{"corsSettings": object{"behavior": "ALLOW_SPECIFIC_ORIGINS", "origins": []string{spa}}})
	closed := w.application(object{"redirectUris": []string{callback, spa + "/cb"}, "corsSettings": object{"behavior": "ALLOW_NO_ORIGINS"}})
	p := &person{w: w}
	p.code(app, "ada", nil)
	flow := p.tab(app, url.Values{"prompt": {"login"}})
	silent := func(client string) string {
		return "/" + w.env + "/as/authorize?" + url.Values{"response_type": {"code"}, "response_mode": {"pi.flow"}, "client_id": {client}, "prompt": {"none"}, "state": {"s"},
			"code_challenge": {challenge}, "code_challenge_method": {"S256"}, "redirect_uri": {callback}}.Encode()
	}
	for _, c := range []struct {
		name, method, path, origin string
		allow, credentials         bool
		status                     int
	}{
		{"silent sign-on by a redirect URI's origin", "POST", silent(app), spa, true, true, 200},
		{"silent sign-on by a listed origin", "POST", silent(listed), spa, true, true, 200},
		{"silent sign-on by another redirect's origin", "POST", silent(app), "https://app.example.com", true, true, 200},
		{"silent sign-on by a foreign origin", "POST", silent(app), foreign, false, false, 403},
		{"silent sign-on by no origin at all", "POST", silent(app), "null", false, false, 403},
		{"silent sign-on by a prefix", "POST", silent(app), spa + ".evil.com", false, false, 403},
		{"silent sign-on by http", "POST", silent(app), strings.Replace(spa, "https", "http", 1), false, false, 403},
		{"silent sign-on where no origin is allowed", "POST", silent(closed), spa, false, false, 403},
		{"silent sign-on by GET, foreign", "GET", silent(app), foreign, false, false, 403},
		{"silent sign-on by ourselves", "POST", silent(app), "https://pixy.test", false, false, 200},
		{"a flow by the application", "GET", "/" + w.env + "/flows/" + flow, spa, true, true, 200},
		{"a flow by a foreign page", "GET", "/" + w.env + "/flows/" + flow, foreign, false, false, 403},
		{"discovery by the application", "GET", "/" + w.env + "/as/.well-known/openid-configuration", spa, true, true, 200},
		{"discovery by a foreign page", "GET", "/" + w.env + "/as/.well-known/openid-configuration", foreign, true, false, 200},
		{"keys by a foreign page", "GET", "/" + w.env + "/as/jwks", foreign, true, false, 200},
		{"the management API by a foreign page", "GET", "/v1/environments", foreign, true, false, 401},
		{"a page by a foreign page", "GET", "/" + w.env + "/signon/?flowId=" + flow, foreign, false, false, 200},
	} {
		r := p.send(c.method, c.path, "", header{"Origin": c.origin})
		allow, credentials := r.Header.Get("Access-Control-Allow-Origin"), r.Header.Get("Access-Control-Allow-Credentials")
		if r.StatusCode != c.status || (allow == c.origin) != c.allow || (credentials == "true") != c.credentials || allow == "*" {
			t.Errorf("%s: %d, allow %q, credentials %q: %s", c.name, r.StatusCode, allow, credentials, r.raw)
		}
		if !strings.Contains(strings.Join(r.Header.Values("Vary"), ","), "Origin") {
			t.Errorf("%s: no Vary: Origin", c.name)
		}
		if c.status == 403 && strings.Contains(r.raw, `"authorizeResponse"`) {
			t.Errorf("%s: a code was made: %s", c.name, r.raw)
		}
	}
	if n := w.number("SELECT count(*) FROM ticket WHERE kind = 'code' AND spent = 0"); n != 5 {
		t.Errorf("%d codes are waiting, want those of the first sign-on and of the four silent ones that were allowed", n)
	}
}

// TestFetchMetadata has a browser say of whose page a request is that bears no
// Origin: only our own, and the person who types it in, see a code.
func TestFetchMetadata(t *testing.T) {
	w := newWorld(t, https)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	p.code(app, "ada", nil)
	for site, status := range map[string]int{"": 200, "none": 200, "same-origin": 200, "same-site": 403, "cross-site": 403} {
		r := p.send("GET", "/"+w.env+"/as/authorize?"+url.Values{"response_type": {"code"}, "response_mode": {"pi.flow"}, "client_id": {app}, "prompt": {"none"},
			"code_challenge": {challenge}, "code_challenge_method": {"S256"}}.Encode(), "", header{"Sec-Fetch-Site": site})
		if r.StatusCode != status || strings.Contains(r.raw, "authorizeResponse") != (status == 200) {
			t.Errorf("%q: %d %s", site, r.StatusCode, r.raw)
		}
		if r := p.send("GET", "/"+w.env+"/as/authorize?"+url.Values{"response_type": {"code"}, "client_id": {app}, "redirect_uri": {callback}, "prompt": {"none"},
			"code_challenge": {challenge}, "code_challenge_method": {"S256"}}.Encode(), "", header{"Sec-Fetch-Site": site}); r.query("code") == "" {
			t.Errorf("%q: the application that sent the browser here gets no code: %s", site, r.raw)
		}
	}
}

// covers: OIDC Core §5.3/4
// covers: OIDC Discovery §3/36
func TestPreflight(t *testing.T) {
	w := newWorld(t, https)
	w.user("ada")
	app := w.application(object{"redirectUris": []string{callback, spa + "/callback"}})
	p := &person{w: w}
	flow := p.tab(app, nil)
	for _, c := range []struct {
		name, path, method, origin string
		allow, credentials         bool
	}{
		{"authorize", "/" + w.env + "/as/authorize?client_id=" + app, "POST", spa, true, true},
		{"authorize, foreign", "/" + w.env + "/as/authorize?client_id=" + app, "POST", foreign, false, false},
		{"authorize, unknown client", "/" + w.env + "/as/authorize?client_id=x", "POST", spa, false, false},
		{"flow", "/" + w.env + "/flows/" + flow, "POST", spa, true, true},
		{"flow, foreign", "/" + w.env + "/flows/" + flow, "POST", foreign, false, false},
		{"resume", "/" + w.env + "/as/resume?flowId=" + flow, "GET", spa, true, true},
		{"token", "/" + w.env + "/as/token", "POST", foreign, true, false},
		{"token, credentials", "/" + w.env + "/as/token", "POST", spa, true, true},
		{"userinfo", "/" + w.env + "/as/userinfo", "GET", foreign, true, false},
	} {
		r := w.send("OPTIONS", c.path, "", header{"Origin": c.origin, "Access-Control-Request-Method": c.method, "Access-Control-Request-Headers": "content-type,dpop"})
		allow := r.Header.Get("Access-Control-Allow-Origin")
		if r.StatusCode != 204 || (allow == c.origin) != c.allow || (r.Header.Get("Access-Control-Allow-Credentials") == "true") != c.credentials {
			t.Errorf("%s: %d %v", c.name, r.StatusCode, r.Header)
		}
		if headers := strings.ToLower(r.Header.Get("Access-Control-Allow-Headers")); c.allow {
			for _, name := range []string{"authorization", "content-type", "accept", "dpop"} {
				if !strings.Contains(headers, name) {
					t.Errorf("%s: %s is not allowed", c.name, name)
				}
			}
		}
	}
}

// TestCookies has the attributes that plain http and https ask for.
func TestCookies(t *testing.T) {
	for name, c := range map[string]struct {
		change []func(*server.Config)
		secure bool
	}{"http": {nil, false}, "https": {[]func(*server.Config){https}, true}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.change...)
			w.user("ada")
			app := w.application(nil)
			p := &person{w: w}
			at := p.authorize(app, nil)
			for _, r := range []response{at, p.signOn(at.query("flowId"), "ada", goodPassword)} {
				cookies := map[string]*http.Cookie{}
				for _, k := range r.Cookies() {
					cookies[k.Name] = k
				}
				st, twin := cookies["ST"], cookies["ST-NO-SS"]
				same := http.SameSiteLaxMode
				if c.secure {
					same = http.SameSiteNoneMode
				}
				if st == nil || st.Path != "/"+w.env || st.MaxAge != 2592000 || !st.HttpOnly || st.Secure != c.secure || st.SameSite != same {
					t.Errorf("ST is %v", st)
				}
				if (twin != nil) != c.secure || twin != nil && (twin.Value != st.Value || twin.SameSite != 0 || !twin.Secure || !twin.HttpOnly) {
					t.Errorf("ST-NO-SS is %v", twin)
				}
			}
			if again := p.authorize(app, url.Values{"prompt": {"login"}}); len(again.Cookies()) == 0 || p.st == "" {
				t.Errorf("no cookie at the second sign-on: %v", again.Header)
			}
			strange := &person{w: w, st: "11111111-2222-3333-4444-555555555555"}
			if strange.authorize(app, nil); strange.st == "11111111-2222-3333-4444-555555555555" {
				t.Error("a token that the server has not made is used")
			}
			onlyTwin := w.send("GET", "/"+w.env+"/as/authorize?"+url.Values{"client_id": {app}, "redirect_uri": {callback}, "response_type": {"code"}, "prompt": {"none"},
				"code_challenge": {challenge}, "code_challenge_method": {"S256"}}.Encode(), "", header{"Cookie": "ST-NO-SS=" + p.st})
			if onlyTwin.query("code") == "" {
				t.Errorf("the twin alone is not enough: %s", onlyTwin.Header.Get("Location"))
			}
		})
	}
}

// covers: OIDC Core §3.1.2.3/5
func TestSecurityHeaders(t *testing.T) {
	w := newWorld(t, https)
	app := w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, nil)
	for _, path := range []string{"/", "/" + w.env + "/signon/?flowId=" + flow, "/" + w.env + "/as/authorize", "/" + w.env + "/as/userinfo", "/nothing", "/v1/environments"} {
		h := p.send("GET", path, "").Header
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Strict-Transport-Security": "max-age=31536000", "Cache-Control": "no-store"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
		csp := h.Get("Content-Security-Policy")
		if strings.HasPrefix(h.Get("Content-Type"), "text/html") {
			for _, part := range []string{"default-src 'none'", "base-uri 'none'", "object-src 'none'", "frame-ancestors 'none'", "form-action 'self'"} {
				if !strings.Contains(csp, part) || strings.Contains(csp, "unsafe") {
					t.Errorf("%s: the policy is %q", path, csp)
				}
			}
		}
	}
	if csp := p.send("GET", "/"+w.env+"/signon/?flowId="+flow, "").Header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://app.example.com") {
		t.Errorf("the page's forms can't lead back to the application: %q", csp)
	}
	if r := w.send("GET", "/assets/signon.css", ""); r.StatusCode != 200 || r.Header.Get("ETag") == "" {
		t.Errorf("the style sheet: %d %v", r.StatusCode, r.Header)
	} else if again := w.send("GET", "/assets/signon.css", "", header{"If-None-Match": r.Header.Get("ETag")}); again.StatusCode != 304 {
		t.Errorf("the style sheet again: %d", again.StatusCode)
	}
}

// TestHostHeader must not reach links or the issuer.
// covers: RFC 9068 §4/2, RFC 9068 §4/3
func TestHostHeader(t *testing.T) {
	// covers: RFC 8414 §3/1, RFC 8414 §3.3/1
	w := newWorld(t)
	r := w.send("GET", "http://evil.example.com/"+w.env+"/as/.well-known/openid-configuration", "", header{"X-Forwarded-Host": "evil.example.com"}).want(200)
	if strings.Contains(r.raw, "evil") || r.text("issuer") != w.base+"/"+w.env+"/as" {
		t.Errorf("%s", r.raw)
	}
	other := w.send("GET", "/.well-known/oauth-authorization-server/"+w.env+"/as", "").want(200)
	if other.raw != r.raw {
		t.Errorf("RFC 8414 metadata differs from discovery:\n%s\n%s", other.raw, r.raw)
	}
}
