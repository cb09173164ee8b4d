package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestDemo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	began := time.Now()
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"demo", "--listen", taken.Addr().String()}, &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d\n%s\n%s", code, out.String(), errOut.String())
	}
	t.Logf("the demo took %v", time.Since(began))
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("the demo leaves %v behind, %v", left, err)
	}
	text := out.String()
	if strings.Contains(text, "\x1b") || errOut.Len() > 0 {
		t.Errorf("a pipe gets colours, or something is on stderr: %s", errOut.String())
	}
	for _, want := range []string{"code_verifier", "SHA-256", "code_challenge_method", "400 denied", "The parameter code_verifier is missing",
		"does not match", "used before", "All 19 steps were as expected"} {
		if !strings.Contains(text, want) {
			t.Errorf("the demo does not show %q", want)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if utf8.RuneCountInString(line) > 100 {
			t.Errorf("a line has %d columns: %s", utf8.RuneCountInString(line), line)
		}
	}
}

func TestDemoForMachines(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"demo", "--json", "--listen", "127.0.0.1:0"}, &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, errOut.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, line := range lines {
		var told told
		if err := json.Unmarshal([]byte(line), &told); err != nil || !told.OK || told.Step == 0 {
			t.Errorf("%s: %v", line, err)
		}
	}
	if len(lines) != 20 {
		t.Errorf("%d lines, want 19 steps and the end", len(lines))
	}
}

// tampering is a wire that changes the answers on it.
type tampering func(*http.Response)

func (f tampering) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		f(resp)
	}
	return resp, err
}

// TestDemoNotices plays the story against servers with a flaw: the demo must
// end with an error, which is exit code 1, show the step, and play none after it.
func TestDemoNotices(t *testing.T) {
	answering := func(path string, status, instead int) tampering {
		return func(r *http.Response) {
			if strings.HasSuffix(r.Request.URL.Path, path) && r.StatusCode == status {
				r.StatusCode = instead
			}
		}
	}
	for name, c := range map[string]struct {
		flaw tampering
		want string
	}{
		"takes every verifier": {answering("/as/token", 400, 200), "step 12 (without a verifier): expected 400, got 200"},
		"revokes nothing":      {answering("/as/userinfo", 401, 200), "step 19 (the access token is revoked; the person signs in again): expected 401, got 200"},
		"refuses the token":    {answering("/as/userinfo", 200, 401), "step 17 (ask who signed in): expected 200, got 401"},
		"answers with no state": {func(r *http.Response) {
			r.Header.Set("Location", strings.ReplaceAll(r.Header.Get("Location"), "state=", "s="))
		}, "expected state in the answer"},
		"answers with a page": {func(r *http.Response) {
			if strings.Contains(r.Request.URL.Path, "/flows/") {
				r.Body = io.NopCloser(strings.NewReader("<p>"))
			}
		}, "step 9 (look at the flow): the answer is not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			demo := &demoCommand{Listen: "127.0.0.1:0", wire: c.flaw}
			if err := demo.Run(t.Context(), &out, &errOut); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the demo ends with %v", err)
			}
			if shown := strings.Split(out.String(), "\n\n"); !strings.HasPrefix(shown[len(shown)-1], "Not as expected: step ") {
				t.Errorf("the output ends with %s", shown[len(shown)-1])
			}
		})
	}
}

// TestDemoByHand signs in on the page as a person does.
func TestDemoByHand(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"demo", "--json", "--serve", "--listen", "127.0.0.1:0"}, writer, io.Discard)
		writer.Close()
	}()
	var serve told
	lines := bufio.NewScanner(reader)
	for serve.Title != "serve" && lines.Scan() {
		if err := json.Unmarshal(lines.Bytes(), &serve); err != nil {
			t.Fatal(err)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()

	for name, c := range map[string]struct{ url, action, title string }{
		"start page": {serve.Answer["url"], "signon", "Signed in"},
		"full link":  {serve.Answer["authorizeUrl"], "signon", "Signed in"},
		"cancelled":  {serve.Answer["url"], "cancel", "Not signed in"},
	} {
		if page := submit(t, c.url, url.Values{"action": {c.action}, "username": {serve.Answer["username"]}, "password": {serve.Answer["password"]}}); !strings.Contains(page, "<h1>"+c.title+"</h1>") {
			t.Errorf("%s: the application shows %s", name, page)
		}
	}
	if page := get(t, http.DefaultClient, serve.Answer["url"]+"callback?code=x&state=unknown"); !strings.Contains(page, "was not begun here") {
		t.Errorf("an unknown state shows %s", page)
	}
	cancel()
	if c := <-code; c != exitOK {
		t.Errorf("exit code %d", c)
	}
}

// submit opens a URL in a fresh browser, sends the form that it leads to, and
// returns the page at the end.
func submit(t *testing.T, from string, form url.Values) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	person := http.Client{Jar: jar, Timeout: 10 * time.Second}
	page := get(t, &person, from)
	action := regexp.MustCompile(`action="([^"]*)"`).FindStringSubmatch(page)
	if action == nil {
		t.Fatalf("no form on the page:\n%s", page)
	}
	resp, err := person.PostForm(html.UnescapeString(action[1]), form)
	if err != nil {
		t.Fatal(err)
	}
	return text(t, resp)
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return text(t, resp)
}

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
