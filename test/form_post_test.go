package test

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestFormPost reads the page that sends an answer to the application as a
// browser does: one form, to the redirect URI, that a script of ours or a button
// sends, and nothing that the request said gets out of its attribute.
func TestFormPost(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	const other = "https://app.example.com:8443/cb?a=1&b=%22"
	app := w.browserApp(object{"redirectUris": []string{callback, other, "com.example.app:/cb"}})
	p := &person{w: w}
	p.code(app, "ada", nil)
	const state = `"><script>alert(1)</script><input name="x" value='&amp;` + "\r\n\t é"
	for uri, source := range map[string]string{callback: "https://app.example.com", other: "https://app.example.com:8443", "com.example.app:/cb": "com.example.app:"} {
		for _, change := range []url.Values{{}, {"prompt": {"dance"}}, {"response_type": {"code id_token token"}, "nonce": {"n"}}} {
			r := p.authorize(app, with(change, "response_mode", "form_post", "redirect_uri", uri, "state", state)).want(200)
			if ct := r.Header.Get("Content-Type"); !strings.HasPrefix(ct, "text/html") || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Pragma") != "no-cache" {
				t.Errorf("the headers are %v", r.Header)
			}
			csp := r.Header.Get("Content-Security-Policy")
			if !strings.HasSuffix(csp, "form-action 'self' "+source) || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "unsafe") {
				t.Errorf("the policy is %s", csp)
			}
			form := sentFormOf(t, r.raw)
			if form.action != uri || form.method != "post" || !form.button {
				t.Errorf("the form is %+v", form)
			}
			// A browser makes one LF of CR LF in the source; the server must not write them bare.
			if form.fields.Get("state") != state || form.fields.Get("iss") != w.issuer() || len(form.fields["x"]) > 0 {
				t.Errorf("the fields are %q", form.fields)
			}
			if change.Get("prompt") == "" && form.fields.Get("code") == "" || change.Get("prompt") != "" && form.fields.Get("error") != "invalid_request" {
				t.Errorf("the fields are %q", form.fields)
			}
		}
	}
	// The script that sends it is served, and knows the form.
	r := p.authorize(app, url.Values{"response_mode": {"form_post"}})
	src := regexp.MustCompile(`<script[^>]* src="([^"]+)"`).FindStringSubmatch(r.raw)
	if src == nil || !strings.Contains(w.send("GET", src[1], "").want(200).raw, "data-send") {
		t.Errorf("no script sends the form: %s", r.raw)
	}
}

// sentForm is the form of a page as a browser reads it.
type sentForm struct {
	action, method string
	fields         url.Values
	button         bool
}

var (
	startTag  = regexp.MustCompile(`<([a-z]+)((?:\s+[\w-]+(?:="[^"]*")?)*)\s*>`)
	attribute = regexp.MustCompile(`([\w-]+)(?:="([^"]*)")?`)
)

func sentFormOf(t testing.TB, page string) (f sentForm) {
	t.Helper()
	f.fields = url.Values{}
	forms := 0
	for _, tag := range startTag.FindAllStringSubmatch(page, -1) {
		at := map[string]string{}
		for _, a := range attribute.FindAllStringSubmatch(tag[2], -1) {
			at[a[1]] = html.UnescapeString(a[2])
		}
		switch {
		case tag[1] == "form":
			forms++
			f.action, f.method = at["action"], at["method"]
		case tag[1] == "input":
			f.fields.Add(at["name"], at["value"])
		case tag[1] == "button" && at["type"] == "submit":
			f.button = true
		case tag[1] == "script" && at["src"] == "":
			t.Errorf("a script stands in the page: %s", page)
		}
	}
	if forms != 1 || strings.Count(page, "<input") != len(f.fields) {
		t.Errorf("%d forms, %d fields: %s", forms, len(f.fields), page)
	}
	return f
}
