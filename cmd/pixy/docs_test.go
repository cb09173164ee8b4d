package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestWalkthrough runs every command of docs/pkce-by-hand.md in one shell, as
// a reader would paste them, with a free port in place of 8080.
func TestWalkthrough(t *testing.T) {
	text, err := os.ReadFile("../../docs/pkce-by-hand.md")
	if err != nil {
		t.Fatal(err)
	}
	out := runPage(t, string(text), "127.0.0.1:8080", freeAddress(t), t.TempDir())
	for _, want := range []string{`"status":"OK"`, `"status":"USERNAME_PASSWORD_REQUIRED"`, `"status":"COMPLETED"`, `"error":"invalid_grant"`, `{"sub":"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the walkthrough does not print %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}

// runPage runs the shell blocks of a page in one shell in dir, to which it leads
// the sources, with address in place of what the page says, and returns what
// they print.
func runPage(t *testing.T, page, says, address, dir string) string {
	t.Helper()
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?sm)^ *```sh\n(.*?)```").FindAllStringSubmatch(page, -1) {
		script.WriteString(block[1] + "\necho\n")
	}
	for _, name := range []string{"go.mod", "go.sum", "cmd", "internal"} {
		target, err := filepath.Abs("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-c", "set -o pipefail; set -m\n"+strings.ReplaceAll(script.String(), says, address))
	shell.Dir = dir
	shell.Env = append(os.Environ(), "CURL_HOME="+dir)
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// freeAddress is an address on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// TestReadmeShowsRealOutput holds what the README shows of the demo against the
// demo; ids and secrets differ from run to run.
func TestReadmeShowsRealOutput(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)\n\n```\n(.*?)```").FindStringSubmatch(string(text))
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"demo", "--listen", "127.0.0.1:0"}, &out, &errOut); shown == nil || code != exitOK {
		t.Fatalf("exit code %d, shown %v", code, shown)
	}
	mask := func(s string) string {
		return regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8}\.\.\.|[\w-]{43}`).ReplaceAllString(s, "*")
	}
	real := mask(out.String())
	for _, line := range strings.Split(shown[1], "\n") {
		if line != "..." && !strings.Contains(real, mask(line)+"\n") {
			t.Errorf("the demo does not print %q", line)
		}
	}
}

// TestCommandsOfTheDocs looks up every make target and every flag that the
// documents name.
func TestCommandsOfTheDocs(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/pkce-by-hand.md", "docs/divergences.md", "docs/operating.md", "docs/alerts.md"} {
		text, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range regexp.MustCompile("`make ([a-z]+)").FindAllSubmatch(text, -1) {
			if !regexp.MustCompile(`(?m)^` + string(target[1]) + `:`).Match(makefile) {
				t.Errorf("%s names make %s, which there is none of", name, target[1])
			}
		}
		for _, flag := range regexp.MustCompile("pixy (?:serve|demo)[^`\n]*?(--[a-z-]+)").FindAllSubmatch(text, -1) {
			if !strings.Contains(help, string(flag[1])) {
				t.Errorf("%s names %s, which the help does not know", name, flag[1])
			}
		}
	}
}
