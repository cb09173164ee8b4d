package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestDemo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	began := time.Now()
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"demo", "--listen", taken.Addr().String()}, &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d\n%s\n%s", code, out.String(), errOut.String())
	}
	t.Logf("the demo took %v", time.Since(began))
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
		if len(line) > 100 {
			t.Errorf("a line has %d columns: %s", len(line), line)
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

// TestDemoNoticesALeak plays the story against a server whose token endpoint
// takes every verifier: the demo must end with exit code 1's error.
func TestDemoNoticesALeak(t *testing.T) {
	p := start(t, t.TempDir(), nil)
	target, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	leaky := httputil.NewSingleHostReverseProxy(target)
	leaky.ModifyResponse = func(r *http.Response) error {
		if strings.HasSuffix(r.Request.URL.Path, "/as/token") && r.StatusCode == http.StatusBadRequest {
			r.StatusCode = http.StatusOK
		}
		return nil
	}
	proxy := httptest.NewServer(leaky)
	defer proxy.Close()
	var out bytes.Buffer
	s := newStory(t.Context(), proxy.URL, p.bootstrap(), &textPrinter{out: &out})
	s.play()
	if s.err == nil || !strings.Contains(s.err.Error(), "expected 400, got 200") {
		t.Errorf("the story ends with %v", s.err)
	}
	if !strings.Contains(out.String(), "Not as expected") {
		t.Error("the output does not say so")
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

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	person := http.Client{Jar: jar, Timeout: 10 * time.Second}
	page := get(t, &person, serve.Answer["url"])
	action := regexp.MustCompile(`action="([^"]*)"`).FindStringSubmatch(page)
	if action == nil {
		t.Fatalf("no form on the page:\n%s", page)
	}
	resp, err := person.PostForm(strings.ReplaceAll(action[1], "&amp;", "&"), url.Values{"action": {"signon"},
		"username": {serve.Answer["username"]}, "password": {serve.Answer["password"]}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), "<h1>Signed in</h1>") {
		t.Errorf("the application shows %s %v", body, err)
	}
	if page := get(t, &person, serve.Answer["url"]+"callback?code=x&state=unknown"); !strings.Contains(page, "was not begun here") {
		t.Errorf("an unknown state shows %s", page)
	}
	cancel()
	if c := <-code; c != exitOK {
		t.Errorf("exit code %d", c)
	}
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
