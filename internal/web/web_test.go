package web

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

var (
	harbour = Client{Name: "Harbour Invoices", Host: "invoices.harbour.example"}
	rules   = []string{"at least 12 characters", "a digit or a symbol"}
)

// states are the pages in every state that looks different.
func states(t *testing.T) map[string]page {
	p := newPages(t)
	return map[string]page{
		"signon":         rendered(t, p.SignOn, SignOn{Client: harbour, Action: "/e/flows/1"}),
		"signon bare":    rendered(t, p.SignOn, SignOn{}),
		"signon alert":   rendered(t, p.SignOn, SignOn{Client: harbour, Action: "/e/flows/1", Username: "ada", Alert: "The username or password is incorrect."}),
		"signon nobody":  rendered(t, p.SignOn, SignOn{Client: harbour, Action: "/e/flows/1", Alert: "The username or password is incorrect."}),
		"signon who":     rendered(t, p.SignOn, SignOn{Client: harbour, Action: "/e/flows/1", Username: "ada", SignedInAs: "ada"}),
		"signon locked":  rendered(t, p.SignOn, SignOn{Client: harbour, Action: "/e/flows/1", Username: "ada", Alert: "Try again in 15 minutes.", Locked: true}),
		"signon name":    rendered(t, p.SignOn, SignOn{Client: harbour, Action: "/e/flows/1", Step: AskUsername}),
		"signon secret":  rendered(t, p.SignOn, SignOn{Client: harbour, Action: "/e/flows/1", Username: "ada", Step: AskPassword, Alert: "The username or password is incorrect."}),
		"password":       rendered(t, p.NewPassword, NewPassword{Client: harbour, Action: "/e/flows/1", Username: "ada", Rules: rules}),
		"password bare":  rendered(t, p.NewPassword, NewPassword{}),
		"password alert": rendered(t, p.NewPassword, NewPassword{Client: harbour, Action: "/e/flows/1", Username: "ada", Rules: rules, Expired: true, Alert: "The current password is incorrect."}),
		"password rules": rendered(t, p.NewPassword, NewPassword{Client: harbour, Action: "/e/flows/1", Username: "ada", Rules: rules, Problems: rules}),
		"refusal":        rendered(t, p.Refusal, Refusal{Title: "Not registered", Explanation: "Nobody was signed in.", Facts: []Fact{{"Parameter", "redirect_uri"}}, Correlation: "6b1f2f6e", Again: "/e/as/authorize?a=b"}),
		"refusal bare":   rendered(t, p.Refusal, Refusal{}),
		"signoff":        rendered(t, p.SignOff, SignOff{Client: harbour, Action: "/e/flows/1", Username: "ada"}),
		"signoff bare":   rendered(t, p.SignOff, SignOff{}),
		"done return":    rendered(t, p.Done, Done{Title: "You are signed out", Return: "https://invoices.harbour.example/?state=a", Host: "invoices.harbour.example"}),
		"done":           rendered(t, p.Done, Done{Title: "You are signed in already", Explanation: "Nothing is left to do."}),
		"done bare":      rendered(t, p.Done, Done{}),
		"welcome":        rendered(t, p.Welcome, Welcome{Version: "1", BaseURL: "https://login.example", Environments: []string{"e"}, Links: []Fact{{"Health", "https://login.example/health"}, {"Discovery", "https://login.example/{environmentId}/as"}}}),
		"welcome bare":   rendered(t, p.Welcome, Welcome{}),
	}
}

// Every page names itself, its language and its width, and needs nothing that the policy forbids.
func TestEveryPage(t *testing.T) {
	for name, p := range states(t) {
		t.Run(name, func(t *testing.T) {
			html := p.all("html")[0]
			if html.attr["lang"] != "en" || html.attr["dir"] != "ltr" {
				t.Error("no lang or dir")
			}
			if len(p.all("h1")) != 1 || strings.TrimSpace(p.text["h1"]) == "" || strings.HasPrefix(p.text["title"], " ") {
				t.Errorf("title %q, heading %q", p.text["title"], p.text["h1"])
			}
			if len(p.all("main")) != 1 || !strings.Contains(p.html, `name="viewport" content="width=device-width, initial-scale=1"`) || !strings.Contains(p.html, `name="color-scheme" content="light dark"`) {
				t.Error("no main, viewport or color-scheme")
			}
			checkPolicy(t, p)
			checkReferences(t, p)
		})
	}
}

// checkPolicy looks for what default-src 'none' without 'unsafe-inline' would block.
func checkPolicy(t *testing.T, p page) {
	t.Helper()
	for _, e := range p.elements {
		for attr, value := range e.attr {
			if attr == "style" || strings.HasPrefix(attr, "on") {
				t.Errorf("<%s %s>", e.name, attr)
			}
			external := strings.Contains(value, "//") && !strings.HasPrefix(value, "data:")
			if external && e.name != "a" && e.name != "form" && e.name != "input" {
				t.Errorf("<%s %s=%q> leaves the server", e.name, attr, value)
			}
		}
		switch {
		case e.name == "style", e.name == "base", e.name == "iframe", e.name == "img":
			t.Errorf("<%s>", e.name)
		case e.name == "script" && e.attr["src"] != "/assets/signon.js":
			t.Errorf("script from %q", e.attr["src"])
		}
	}
	if strings.TrimSpace(p.text["script"]) != "" {
		t.Error("inline script")
	}
}

// checkReferences holds labels, descriptions and controls to elements that exist, once.
func checkReferences(t *testing.T, p page) {
	t.Helper()
	seen, labelled := map[string]bool{}, map[string]bool{}
	for _, e := range p.elements {
		if id, ok := e.attr["id"]; ok && seen[id] {
			t.Errorf("id %q twice", id)
		}
		seen[e.attr["id"]] = true
		if e.name == "label" {
			labelled[e.attr["for"]] = true
		}
	}
	focused := 0
	for _, e := range p.elements {
		if e.name == "input" && !labelled[e.attr["id"]] {
			t.Errorf("input %q has no label", e.attr["id"])
		}
		if e.has("autofocus") {
			focused++
		}
		for _, attr := range []string{"aria-describedby", "aria-labelledby", "aria-controls", "for"} {
			for _, id := range strings.Fields(e.attr[attr]) {
				if !seen[id] {
					t.Errorf("%s of <%s> leads to %q, which is not there", attr, e.name, id)
				}
			}
		}
	}
	if focused > 1 {
		t.Errorf("%d elements want the focus", focused)
	}
}

// A form's first submit button is what Enter presses; each action has the form it needs.
func TestForms(t *testing.T) {
	all := states(t)
	for _, test := range []struct {
		state string
		want  []string // each form: its submit buttons, then its fields
	}{
		{"signon", []string{"signon: username password", "cancel:"}},
		{"signon who", []string{"reset:", "signon: username password", "cancel:"}},
		{"signon locked", []string{"signon: username password", "cancel:"}},
		{"password", []string{"password: username currentPassword newPassword confirmPassword", "cancel:"}},
		{"signoff", []string{"signoff:", "cancel:"}},
	} {
		t.Run(test.state, func(t *testing.T) {
			if got := describeForms(t, all[test.state]); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func describeForms(t *testing.T, p page) []string {
	t.Helper()
	var got []string
	for i, form := range p.all("form") {
		if form.attr["method"] != "post" || form.attr["action"] != "/e/flows/1" {
			t.Errorf("form posts to %q by %q", form.attr["action"], form.attr["method"])
		}
		actions, fields := "", ""
		for _, e := range p.elements {
			switch {
			case e.form != i+1:
			case e.name == "button" && e.attr["type"] == "submit" && e.attr["name"] == "action":
				actions += e.attr["value"]
			case e.name == "button" && e.attr["type"] != "button":
				t.Errorf("button of type %q", e.attr["type"])
			case e.name == "input":
				fields += " " + e.attr["name"]
			}
		}
		got = append(got, actions+":"+fields)
	}
	return got
}

// Password managers know the fields by these words, and no page sends a password back.
func TestFields(t *testing.T) {
	want := map[string]string{
		"username": "username", "password": "current-password", "currentPassword": "current-password",
		"newPassword": "new-password", "confirmPassword": "new-password",
	}
	for name, p := range states(t) {
		for _, e := range p.all("input") {
			id := e.attr["id"]
			if e.attr["autocomplete"] != want[id] || e.attr["name"] != id {
				t.Errorf("%s: %s is %q", name, id, e.attr["autocomplete"])
			}
			if id == "username" {
				continue
			}
			if e.attr["type"] != "password" || e.has("value") || !e.has("required") || e.has("onpaste") {
				t.Errorf("%s: %s: %v", name, id, e.attr)
			}
		}
		for _, e := range p.all("button") {
			if e.attr["class"] == "reveal" && (!e.has("hidden") || e.attr["aria-pressed"] != "false" || e.attr["aria-label"] == "") {
				t.Errorf("%s: toggle without script: %v", name, e.attr)
			}
		}
	}
}

// What went wrong stands in an alert, on the fields it is about, and where the focus goes.
func TestAlerts(t *testing.T) {
	all := states(t)
	for _, test := range []struct{ state, focus, invalid string }{
		{"signon", "username", ""},
		{"signon alert", "password", "username password"},
		{"signon nobody", "username", "username password"},
		{"signon who", "password", ""},
		{"signon locked", "alert", ""},
		{"password", "currentPassword", ""},
		{"password alert", "currentPassword", "currentPassword newPassword confirmPassword"},
		{"password rules", "currentPassword", "newPassword"},
	} {
		t.Run(test.state, func(t *testing.T) {
			p := all[test.state]
			var invalid []string
			for _, e := range p.elements {
				if e.attr["aria-invalid"] == "true" {
					invalid = append(invalid, e.attr["id"])
					if !strings.Contains(e.attr["aria-describedby"], "alert") {
						t.Errorf("%s does not say why", e.attr["id"])
					}
				}
				if e.has("autofocus") && e.attr["id"] != test.focus {
					t.Errorf("focus on %q, want %q", e.attr["id"], test.focus)
				}
			}
			if strings.Join(invalid, " ") != test.invalid {
				t.Errorf("invalid %q, want %q", invalid, test.invalid)
			}
			alert, ok := p.byID("alert")
			wanted := strings.ContainsAny(test.state, " ") && test.state != "signon who"
			if ok != wanted || ok && alert.attr["role"] != "alert" || wanted != strings.HasPrefix(p.text["title"], "Error: ") {
				t.Errorf("alert %v %v, title %q", ok, alert.attr, p.text["title"])
			}
		})
	}
}

// The person sees which application asks, where they go, and who they are.
func TestSignOnSaysWhoAsks(t *testing.T) {
	// covers: RFC 6749 §10.2/3
	p := states(t)["signon who"]
	for _, want := range []string{"Sign in to continue to Harbour Invoices", "You will return to invoices.harbour.example", "Signed in as ada", "Not you? Use another account"} {
		if !strings.Contains(p.text["html"], want) {
			t.Errorf("no %q", want)
		}
	}
	if bare := states(t)["signon bare"].text["html"]; strings.Contains(bare, "return to") || strings.Contains(bare, "Signed in as") {
		t.Error("says something about nothing")
	}
}

const hostile = `"><script>alert(1)</script><img src=x onerror='alert(1)'> javascript:alert(1) {{.}}`

// Values from a request or an administrator stay text, wherever they stand.
func TestHostileValues(t *testing.T) {
	// covers: RFC 6749 §10.14/1
	p := newPages(t)
	c, facts, list := Client{hostile, hostile}, []Fact{{hostile, hostile}}, []string{hostile}
	for name, got := range map[string]page{
		"signon":   rendered(t, p.SignOn, SignOn{c, hostile, hostile, hostile, hostile, true, AskBoth}),
		"password": rendered(t, p.NewPassword, NewPassword{c, hostile, hostile, true, hostile, list, list}),
		"refusal":  rendered(t, p.Refusal, Refusal{hostile, hostile, facts, hostile, hostile, hostile}),
		"done":     rendered(t, p.Done, Done{hostile, hostile, hostile, hostile}),
		"signoff":  rendered(t, p.SignOff, SignOff{c, hostile, hostile}),
		"welcome":  rendered(t, p.Welcome, Welcome{hostile, hostile, list, facts}),
	} {
		t.Run(name, func(t *testing.T) {
			checkPolicy(t, got)
			if len(got.all("script")) != 1 || len(got.all("img")) != 0 || !strings.Contains(got.text["main"], hostile) {
				t.Error("a value became markup, or got lost")
			}
		})
	}
	username, _ := rendered(t, p.SignOn, SignOn{Username: hostile}).byID("username")
	if username.attr["value"] != hostile {
		t.Errorf("username came back as %q", username.attr["value"])
	}
}

// Only http, https and paths on this server become links.
func TestLinks(t *testing.T) {
	p := newPages(t)
	for value, want := range map[string]bool{
		"https://app.example/start?a=b": true, "http://localhost:3000/": true, "/e/as/authorize?x=1": true,
		"": false, "javascript:alert(1)": false, "JavaScript:alert(1)": false, " javascript:alert(1)": false,
		"java\nscript:alert(1)": false, "data:text/html,x": false, "vbscript:x": false, "//evil.example": false,
		`/\evil.example`: false, "https:app": false, "https://a.example/{id}": false,
	} {
		for name, got := range map[string]page{
			"refusal": rendered(t, p.Refusal, Refusal{Again: value}),
			"welcome": rendered(t, p.Welcome, Welcome{Links: []Fact{{"Label", value}}}),
		} {
			links := got.all("a")
			if (len(links) == 1) != want || want && links[0].attr["href"] != value {
				t.Errorf("%s: %q: links %v", name, value, links)
			}
		}
	}
	if linkable("\x01javascript:alert(1)") {
		t.Error("a control character hides a scheme")
	}
	for _, form := range rendered(t, p.SignOn, SignOn{Action: "javascript:alert(1)"}).all("form") {
		if strings.HasPrefix(form.attr["action"], "javascript") {
			t.Error("form posts to script")
		}
	}
}

// Everything that a page loads, the page included, stays under 20 KB, uncompressed.
func TestSize(t *testing.T) {
	p := newPages(t)
	css, _, _, _ := p.Asset("signon.css")
	js, _, _, _ := p.Asset("signon.js")
	if len(js) >= 3<<10 {
		t.Errorf("script has %d bytes", len(js))
	}
	for name, page := range states(t) {
		total := len(page.html) + len(css) + len(js)
		t.Logf("%-14s html %5d css %d js %d total %d", name, len(page.html), len(css), len(js), total)
		if total >= 20_000 {
			t.Errorf("%s: %d bytes", name, total)
		}
	}
}

func TestAsset(t *testing.T) {
	p := newPages(t)
	tags := map[string]bool{}
	for name, want := range map[string]string{"signon.css": "text/css; charset=utf-8", "signon.js": "text/javascript; charset=utf-8"} {
		body, contentType, etag, ok := p.Asset(name)
		if !ok || len(body) == 0 || contentType != want || len(etag) < 10 || etag[0] != '"' || etag[len(etag)-1] != '"' || tags[etag] {
			t.Errorf("%s: %v %d bytes %q %s", name, ok, len(body), contentType, etag)
		}
		tags[etag] = true
		for _, word := range []string{"eval", "innerHTML", "http:", "https:", "@import", "url("} {
			if strings.Contains(string(body), word) {
				t.Errorf("%s has %q", name, word)
			}
		}
	}
	for _, name := range []string{"", ".", "../web.go", "nothing.css", "/signon.css"} {
		if _, _, _, ok := p.Asset(name); ok {
			t.Errorf("asset %q", name)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriteFails(t *testing.T) {
	if err := newPages(t).Done(broken{}, Done{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

func TestMonogram(t *testing.T) {
	for name, want := range map[string]string{"": "", "harbour": "H", "  (élan)": "É", "...": "", "7 seas": "7"} {
		if got := monogram(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
