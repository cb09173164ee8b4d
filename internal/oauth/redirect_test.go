package oauth

import (
	"encoding/json"
	"net/url"
	"testing"

	"pixy/internal/platform"
)

// covers: OIDC Core §3.1.2.1/7, OIDC Core §14/1, OIDC Core §14/2, OIDC Core §14/3
func TestRegisteredIsExact(t *testing.T) {
	// covers: RFC 6749 §3.1.2.2/1, RFC 6749 §3.1.2.2/4, RFC 6749 §3.1.2.3/3, RFC 6749 §10.2/2, RFC 6749 §10.6/2
	// covers: RFC 8252 §7/1, RFC 8252 §8.4/3
	const registered = "https://app.example.com/cb"
	attacks := []string{
		"", "https://app.example.com/cb/", "https://app.example.com/cb?", "https://app.example.com/cb#", "https://app.example.com/cb?a=b", "https://app.example.com/cb/../cb",
		"https://app.example.com/CB", "https://APP.example.com/cb", "HTTPS://app.example.com/cb", "http://app.example.com/cb", "https://app.example.com:443/cb", "https://app.example.com:8443/cb",
		"https://app.example.com./cb", "https://app.example.com/%63b", "https://app.example.com/cb%00", "https://app.example.com/cb\x00", " https://app.example.com/cb", "https://app.example.com/cb\n",
		"https://app.example.com/c", "https://app.example.com", "https://app.example.com@evil.com/cb", "https://evil.com/https://app.example.com/cb", "https://app.example.com.evil.com/cb",
		"https://user@app.example.com/cb", "https://app.example.com\\@evil.com/cb", "https:app.example.com/cb", "//app.example.com/cb", "https://app.example.com/cb%", "https://аpp.example.com/cb",
		"javascript:alert(1)//https://app.example.com/cb",
	}
	for _, kind := range []string{"WEB_APP", "NATIVE_APP", "SINGLE_PAGE_APP"} {
		app := platform.Application{Type: kind, RedirectURIs: []string{"https://other.example.com/", registered, "com.example.app:/cb"}}
		for _, good := range app.RedirectURIs {
			if !Registered(app, good) {
				t.Errorf("%s: %s is registered", kind, good)
			}
		}
		for _, uri := range attacks {
			if Registered(app, uri) {
				t.Errorf("%s: %q was taken for %s", kind, uri, registered)
			}
		}
	}
	if Registered(platform.Application{Type: "NATIVE_APP"}, "http://127.0.0.1/cb") || Registered(platform.Application{}, "") {
		t.Error("an application without redirect URIs has none")
	}
}

// A native application's loopback IP address may have any port (RFC 8252
// §7.3); nothing else about it may differ.
func TestRegisteredLoopback(t *testing.T) {
	// covers: RFC 8252 §7.3/1, RFC 8252 §8.4/3
	v4, v6 := "http://127.0.0.1/cb?x=1", "http://[::1]:7000/cb"
	cases := []struct {
		registered, uri string
		want            bool
	}{
		{v4, "http://127.0.0.1:1/cb?x=1", true},
		{v4, "http://127.0.0.1:65535/cb?x=1", true},
		{v4, "http://127.0.0.1/cb?x=1", true},
		{"http://127.0.0.1:8080/cb", "http://127.0.0.1:9090/cb", true},
		{"http://127.0.0.1:8080/cb", "http://127.0.0.1/cb", true},
		{"http://127.0.0.1", "http://127.0.0.1:9090", true},
		{"http://127.0.0.1/", "http://127.0.0.1:9090/", true},
		{"http://127.0.0.1?a", "http://127.0.0.1:9090?a", true},
		{v6, "http://[::1]:1/cb", true},
		{v6, "http://[::1]/cb", true},

		{v4, "http://127.0.0.1:1/cb", false},
		{v4, "http://127.0.0.1:1/cb?x=2", false},
		{v4, "http://127.0.0.1:1/cb?x=1&y", false},
		{v4, "http://127.0.0.1:1/cb?x=1#f", false},
		{v4, "http://127.0.0.1:1/../cb?x=1", false},
		{v4, "http://127.0.0.1:1//cb?x=1", false},
		{v4, "http://127.0.0.1:1/CB?x=1", false},
		{v4, "http://127.0.0.1:1/%63b?x=1", false},
		{v4, "https://127.0.0.1:1/cb?x=1", false},
		{v4, "HTTP://127.0.0.1:1/cb?x=1", false},
		{v4, "http://localhost:1/cb?x=1", false},
		{v4, "http://127.0.0.2:1/cb?x=1", false},
		{v4, "http://127.1:1/cb?x=1", false},
		{v4, "http://2130706433:1/cb?x=1", false},
		{v4, "http://0x7f.0.0.1:1/cb?x=1", false},
		{v4, "http://127.0.0.1.:1/cb?x=1", false},
		{v4, "http://127.0.0.1.evil.com/cb?x=1", false},
		{v4, "http://127.0.0.1:80@evil.com/cb?x=1", false},
		{v4, "http://127.0.0.1:80:90@evil.com/cb?x=1", false},
		{v4, "http://127.0.0.1@evil.com/cb?x=1", false},
		{v4, "http://evil@127.0.0.1:1/cb?x=1", false},
		{v4, "http://127.0.0.1:/cb?x=1", false},
		{v4, "http://127.0.0.1:x/cb?x=1", false},
		{v4, "http://127.0.0.1:-1/cb?x=1", false},
		{v4, "http://127.0.0.1:+1/cb?x=1", false},
		{v4, "http://127.0.0.1:80.evil.com/cb?x=1", false},
		{v4, "http://127.0.0.1:80evil.com/cb?x=1", false},
		{v4, "http://127.0.0.1:80\\@evil.com/cb?x=1", false},
		{v4, "http://127.0.0.1:99999999/cb?x=1", false},
		{v4, "http://127.0.0.1:1%2f/cb?x=1", false},
		{v4, "http://127.0.0.1:１/cb?x=1", false},
		{v4, "http://127.0.0.1:1 /cb?x=1", false},
		{v6, "http://[::1%25lo]:1/cb", false},
		{v6, "http://[0:0:0:0:0:0:0:1]:1/cb", false},
		{v6, "http://[::ffff:127.0.0.1]:1/cb", false},
		{v6, "http://[::1]evil.com/cb", false},
		{v6, "http://[::1].evil.com:1/cb", false},
		{v6, "http://[::1]:1@evil.com/cb", false},
		{v6, "http://::1:1/cb", false},
		{v6, "http://127.0.0.1:1/cb", false},
		{"http://localhost:8080/cb", "http://localhost:9090/cb", false},
		{"https://127.0.0.1:8080/cb", "https://127.0.0.1:9090/cb", false},
		{"https://app.example.com:1/cb", "https://app.example.com:2/cb", false},
		// What was registered with user information has no port to cut.
		{"http://127.0.0.1:80@evil.com/cb", "http://127.0.0.1:81@evil.com/cb", false},
	}
	for _, c := range cases {
		app := platform.Application{Type: "NATIVE_APP", RedirectURIs: []string{c.registered}}
		if got := Registered(app, c.uri); got != c.want {
			t.Errorf("%s registered, %q asked: %v", c.registered, c.uri, got)
		}
		for _, other := range []string{"WEB_APP", "SINGLE_PAGE_APP", "WORKER", "native_app", ""} {
			app.Type = other
			if got := Registered(app, c.uri); got != (c.uri == c.registered) {
				t.Errorf("%s: %s registered, %q asked: %v", other, c.registered, c.uri, got)
			}
		}
	}
}

func TestAppend(t *testing.T) {
	// covers: RFC 6749 §3.1.2/2, RFC 6749 §B/1
	cases := []struct{ uri, want string }{
		{"https://a/cb", "https://a/cb?code=x%26y&state=%C3%A9+%23"},
		{"https://a/cb?q=1", "https://a/cb?q=1&code=x%26y&state=%C3%A9+%23"},
		{"https://a/cb?", "https://a/cb?code=x%26y&state=%C3%A9+%23"},
		{"https://a/cb?q=1&", "https://a/cb?q=1&code=x%26y&state=%C3%A9+%23"},
		{"https://a/cb?q=a%2fb+c", "https://a/cb?q=a%2fb+c&code=x%26y&state=%C3%A9+%23"},
		{"com.example.app:/cb", "com.example.app:/cb?code=x%26y&state=%C3%A9+%23"},
		{"com.example.app:cb", "com.example.app:cb?code=x%26y&state=%C3%A9+%23"},
	}
	for _, c := range cases {
		got := Append(c.uri, url.Values{"code": {"x&y"}, "state": {"é #"}})
		if got != c.want {
			t.Errorf("%s: %s, not %s", c.uri, got, c.want)
		}
		if u, err := url.Parse(got); err != nil || u.Query().Get("code") != "x&y" || u.Query().Get("state") != "é #" {
			t.Errorf("%s can't be read back: %v", got, err)
		}
	}
}

func TestOrigin(t *testing.T) {
	for uri, want := range map[string]string{
		"https://app.example.com/cb?q#f":        "https://app.example.com",
		"https://APP.Example.com:8443/cb":       "https://app.example.com:8443",
		"https://app.example.com:443/":          "https://app.example.com",
		"http://app.example.com:80/":            "http://app.example.com",
		"http://app.example.com:443/":           "http://app.example.com:443",
		"https://app.example.com:80/":           "https://app.example.com:80",
		"HTTPS://app.example.com":               "https://app.example.com",
		"http://[::1]:3000/cb":                  "http://[::1]:3000",
		"http://[::1]:80/cb":                    "http://[::1]",
		"https://good.com@evil.com/":            "https://evil.com",
		"https://evil.com\\@good.com/":          "",
		"com.example.app:/cb":                   "",
		"com.example.app://host/cb":             "",
		"javascript://app.example.com/%0aalert": "",
		"https:///cb":                           "",
		"null":                                  "",
		"":                                      "",
		"https://app.example.com:x/":            "",
	} {
		if got := Origin(uri); got != want {
			t.Errorf("%s: %q, not %q", uri, got, want)
		}
	}
}

func TestTrustsOrigin(t *testing.T) {
	app := func(body string) (a platform.Application) {
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	const web = `{"redirectUris":["https://app.example.com/cb","com.example.app:/cb"]`
	const native = `{"type":"NATIVE_APP","redirectUris":["http://127.0.0.1/cb"]`
	cases := []struct {
		app, origin string
		want        bool
	}{
		{web + `}`, "https://app.example.com", true},
		{web + `}`, "https://app.example.com:443", false}, // browsers leave the default port out
		{web + `}`, "http://app.example.com", false},
		{web + `}`, "https://app.example.com.evil.com", false},
		{web + `}`, "https://evil.com", false},
		{web + `}`, "null", false},
		{web + `}`, "", false},
		{web + `,"corsSettings":{"behavior":"ALLOW_NO_ORIGINS"}}`, "https://app.example.com", false},
		{web + `,"corsSettings":{"behavior":"ALLOW_NO_ORIGINS","origins":["https://other.com"]}}`, "https://other.com", false},
		{web + `,"corsSettings":{"behavior":"ALLOW_SPECIFIC_ORIGINS","origins":["https://other.com"]}}`, "https://other.com", true},
		{web + `,"corsSettings":{"behavior":"ALLOW_SPECIFIC_ORIGINS","origins":["https://other.com"]}}`, "https://app.example.com", true},
		{web + `,"corsSettings":{"behavior":"ALLOW_SPECIFIC_ORIGINS","origins":["https://other.com"]}}`, "https://evil.com", false},
		{native + `}`, "http://127.0.0.1:5173", true},
		{native + `}`, "http://[::1]:5173", true},
		{native + `}`, "https://127.0.0.1:5173", false},
		{native + `}`, "http://localhost:5173", false},
		{native + `}`, "http://127.0.0.1.evil.com", false},
		{native + `}`, "http://127.0.0.1@evil.com", false},
		{native + `}`, "http://192.168.0.1", false},
		{`{"type":"WEB_APP","redirectUris":["http://127.0.0.1/cb"]}`, "http://127.0.0.1:5173", false},
		{`{"type":"NATIVE_APP","redirectUris":["com.example.app:/cb"]}`, "http://127.0.0.1:5173", false},
		{`{}`, "https://evil.com", false},
		{`{}`, "", false},
	}
	for _, c := range cases {
		if got := TrustsOrigin(app(c.app), c.origin); got != c.want {
			t.Errorf("%s trusts %q: %v", c.app, c.origin, got)
		}
	}
}
