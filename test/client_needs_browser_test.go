package test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// needsPage is a page's request: what it may read, and whether with cookies.
type needsPage struct {
	what, method, path, origin string
	read, cookies              bool
}

func (c needsPage) check(w *world, p *person) {
	w.t.Helper()
	r := p.send(c.method, c.path, "", header{"Origin": c.origin})
	allow, credentials := r.Header.Get("Access-Control-Allow-Origin"), r.Header.Get("Access-Control-Allow-Credentials")
	want := ""
	if c.read {
		want = c.origin
	}
	if allow != want || (credentials == "true") != c.cookies {
		w.t.Errorf("%s by %s: allow %q, credentials %q", c.what, c.origin, allow, credentials)
	}
	if !slices.ContainsFunc(r.Header.Values("Vary"), func(v string) bool { return strings.Contains(v, "Origin") }) {
		w.t.Errorf("%s: no Vary: Origin", c.what)
	}
}

func TestClientNeedsBrowsers(t *testing.T) {
	needsRun(t, []needsStatement{
		{"CORS on cookie endpoints: only a registered origin is echoed, with credentials", func(w *world) {
			p, app, flow := needsSignedOn(w)
			for _, origin := range []string{spa, "https://app.example.com", foreign, "null", "https://listed.example.com"} {
				own := origin == spa || origin == "https://app.example.com"
				silent := "/" + w.env + "/as/authorize?" + needsSilentQuery(app).Encode()
				needsPage{"authorize", "POST", silent, origin, own, own}.check(w, p)
				needsPage{"flow", "GET", "/" + w.env + "/flows/" + flow, origin, own, own}.check(w, p)
				needsPage{"resume", "GET", "/" + w.env + "/as/resume?flowId=" + flow, origin, own, own}.check(w, p)
			}
		}},
		{"corsSettings.origins is what is trusted where it is given", func(w *world) {
			p, _, _ := needsSignedOn(w)
			listed := w.application(object{"corsSettings": object{"behavior": "ALLOW_SPECIFIC_ORIGINS", "origins": []string{"https://listed.example.com"}}})
			silent := "/" + w.env + "/as/authorize?" + needsSilentQuery(listed).Encode()
			needsPage{"authorize", "POST", silent, "https://listed.example.com", true, true}.check(w, p)
			needsPage{"authorize", "POST", silent, foreign, false, false}.check(w, p)
		}},
		{"pi.flow of a foreign origin is refused before a code exists", func(w *world) {
			p, app, _ := needsSignedOn(w)
			before := w.number("SELECT count(*) FROM ticket WHERE kind = 'code'")
			r := p.send("POST", "/"+w.env+"/as/authorize?"+needsSilentQuery(app).Encode(), "", header{"Origin": foreign})
			if r.StatusCode < 400 || r.StatusCode >= 500 || strings.Contains(r.raw, "authorizeResponse") {
				w.t.Errorf("%d %s", r.StatusCode, r.raw)
			}
			if n := w.number("SELECT count(*) FROM ticket WHERE kind = 'code'"); n != before {
				w.t.Errorf("%d codes were made", n-before)
			}
		}},
		{"bearer and public endpoints: any origin is echoed, credentials only for a registered one", func(w *world) {
			p, _, _ := needsSignedOn(w)
			for _, origin := range []string{spa, foreign} {
				for what, path := range map[string]string{"discovery": "/as/.well-known/openid-configuration", "jwks": "/as/jwks", "userinfo": "/as/userinfo"} {
					needsPage{what, "GET", "/" + w.env + path, origin, true, origin == spa}.check(w, p)
				}
				needsPage{"token", "POST", "/" + w.env + "/as/token", origin, true, origin == spa}.check(w, p)
			}
			needsPage{"management", "GET", "/v1/environments/" + w.env + "/users", foreign, true, false}.check(w, p)
		}},
		{"the preflight allows authorization, content-type, accept and dpop", needsPreflight},
		{"over https the session cookie is SameSite=None; Secure, with ST-NO-SS beside it", func(w *world) {
			app := w.application(nil)
			p := &person{w: w}
			cookies := map[string]*http.Cookie{}
			for _, c := range p.authorize(app, nil).want(302).Cookies() {
				cookies[c.Name] = c
			}
			st, twin := cookies["ST"], cookies["ST-NO-SS"]
			if st == nil || twin == nil || st.SameSite != http.SameSiteNoneMode || !st.Secure || !st.HttpOnly || twin.SameSite != 0 || !twin.Secure || twin.Value != st.Value {
				w.t.Errorf("ST is %v, ST-NO-SS is %v", st, twin)
			}
		}},
		{"the cookie's path: flow, resume and authorize see it", func(w *world) {
			app := w.application(nil)
			p := &person{w: w}
			r := p.authorize(app, nil).want(302)
			for _, c := range r.Cookies() {
				for _, path := range []string{"/as/authorize", "/as/resume", "/flows/" + r.query("flowId"), "/signon/"} {
					if !strings.HasPrefix("/"+w.env+path, strings.TrimSuffix(c.Path, "/")+"/") {
						w.t.Errorf("%s with the path %q is not sent to %s", c.Name, c.Path, path)
					}
				}
			}
		}},
		{"the hosted page: labelled username and password, a submit button, a message after a wrong password", needsHostedPage},
	}, https)
}

// needsSignedOn is a person with a session, the application of two redirect
// URIs, and a flow that waits.
func needsSignedOn(w *world) (p *person, app, flow string) {
	w.user("ada")
	app = w.application(object{"type": "SINGLE_PAGE_APP", "redirectUris": []string{callback, spa + "/callback"}})
	p = &person{w: w}
	p.code(app, "ada", nil)
	return p, app, p.tab(app, url.Values{"prompt": {"login"}})
}

func needsSilentQuery(app string) url.Values {
	return url.Values{"response_type": {"code"}, "response_mode": {"pi.flow"}, "client_id": {app}, "prompt": {"none"}, "state": {"s"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}, "redirect_uri": {callback}}
}

func needsPreflight(w *world) {
	_, app, flow := needsSignedOn(w)
	for what, path := range map[string]string{"authorize": "/as/authorize?client_id=" + app, "flow": "/flows/" + flow, "resume": "/as/resume?flowId=" + flow,
		"token": "/as/token", "userinfo": "/as/userinfo"} {
		r := w.send("OPTIONS", "/"+w.env+path, "", header{"Origin": spa, "Access-Control-Request-Method": "POST",
			"Access-Control-Request-Headers": "authorization,content-type,accept,dpop"})
		allowed := strings.Split(strings.ReplaceAll(strings.ToLower(r.Header.Get("Access-Control-Allow-Headers")), " ", ""), ",")
		for _, name := range []string{"authorization", "content-type", "accept", "dpop"} {
			if !slices.Contains(allowed, name) {
				w.t.Errorf("%s: %s is not allowed", what, name)
			}
		}
		if r.StatusCode > 299 || r.Header.Get("Access-Control-Allow-Origin") != spa || !strings.Contains(r.Header.Get("Access-Control-Allow-Methods"), "POST") ||
			!strings.Contains(strings.Join(r.Header.Values("Vary"), ","), "Origin") {
			w.t.Errorf("%s: %d %v", what, r.StatusCode, r.Header)
		}
	}
}

func needsHostedPage(w *world) {
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, nil)
	page := p.send("GET", "/"+w.env+"/signon/?flowId="+flow, "").want(200)
	inputs := regexp.MustCompile(`<input[^>]*>`).FindAllString(page.raw, -1)
	for name, kind := range map[string]string{"username": "text", "password": "password"} {
		i := slices.IndexFunc(inputs, func(s string) bool { return strings.Contains(s, `name="`+name+`"`) })
		if i < 0 {
			w.t.Errorf("no field %s", name)
			continue
		}
		if typed := strings.Contains(inputs[i], `type="`+kind+`"`); !typed && (kind == "password" || strings.Contains(inputs[i], "type=")) || strings.Contains(inputs[i], "hidden") {
			w.t.Errorf("the field for %s is %s", name, inputs[i])
		}
		id := regexp.MustCompile(`\bid="([^"]+)"`).FindStringSubmatch(inputs[i])
		if id == nil || !strings.Contains(page.raw, `<label for="`+id[1]+`"`) {
			w.t.Errorf("no label for %s", inputs[i])
		}
	}
	if !regexp.MustCompile(`<button[^>]*type="submit"|<input[^>]*type="submit"`).MatchString(page.raw) {
		w.t.Error("no submit button")
	}
	wrong := p.submit(flow, url.Values{"action": {"signon"}, "username": {"ada"}, "password": {"not-the-password"}})
	if !regexp.MustCompile(`(?i)incorrect|invalid|wrong`).MatchString(wrong.raw) {
		w.t.Errorf("no message after a wrong password: %s", wrong.raw)
	}
}
