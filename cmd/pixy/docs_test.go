package main

import (
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
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		script.WriteString(block[1] + "echo\n")
	}
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "cmd", "internal"} {
		target, err := filepath.Abs("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := listener.Addr().String()
	listener.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-c", "set -o pipefail; set -m\n"+strings.ReplaceAll(script.String(), "127.0.0.1:8080", free))
	shell.Dir = dir
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`"status":"OK"`, `"status":"USERNAME_PASSWORD_REQUIRED"`, `"status":"COMPLETED"`, `"error":"invalid_grant"`, `{"sub":"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the walkthrough does not print %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
