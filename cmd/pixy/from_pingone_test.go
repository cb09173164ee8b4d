package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFromPingOne runs every shell block of docs/from-pingone.md in one shell,
// as a reader would paste them. The name pixy.test and its port 443 are led to
// a free port: curl is told in its configuration, the server with --listen.
func TestFromPingOne(t *testing.T) {
	text := fromPingOne(t)
	dir, free := t.TempDir(), freeAddress(t)
	if err := os.WriteFile(filepath.Join(dir, ".curlrc"), fmt.Appendf(nil, "connect-to = \"pixy.test:443:%s\"\n", free), 0o600); err != nil {
		t.Fatal(err)
	}
	out := runPage(t, text, "127.0.0.1:443", free, dir)
	env := "5a3c1f8e-2b7d-4c60-9e41-0d6f7a8b9c01"
	for _, want := range []string{
		`"href":"https://pixy.test/v1/environments/` + env + `"`, // the environment
		`"issuer":"https://pixy.test/` + env + `/as"`,
		`"name":"From PingOne"`,
		"\n204\n", // the population is deleted
		`"_embedded":{"licenses":[{`,
		`"value": "https://pixy.test/v1"`,   // for Postman
		`"status":"OK"`,                     // the imported password
		", issuer https://pixy.test/" + env, // the application
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the page does not print %s", want)
		}
	}
	if !regexp.MustCompile(`client id [0-9a-f]{8}-[0-9a-f-]{27}, issuer`).MatchString(out) {
		t.Error("no application was created")
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}

func fromPingOne(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/from-pingone.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestFromPingOneIsWellFormed checks what can't be run: the Go program parses,
// every flag is one, every link leads somewhere, and no block is of a kind that
// neither a test runs nor a prompt marks.
func TestFromPingOneIsWellFormed(t *testing.T) {
	text := fromPingOne(t)
	blocks := regexp.MustCompile("(?sm)^ *```(\\w*)\n(.*?)^ *```$").FindAllStringSubmatch(text, -1)
	for _, block := range blocks {
		switch kind, body := block[1], block[2]; kind {
		case "sh", "hcl":
		case "go":
			if _, err := parser.ParseFile(token.NewFileSet(), "example.go", body, parser.AllErrors); err != nil {
				t.Error(err)
			}
		case "console":
			for line := range strings.Lines(body) {
				if !strings.HasPrefix(line, "$ ") {
					t.Errorf("a line to run by hand has no prompt: %s", line)
				}
			}
		default:
			t.Errorf("a block is of kind %q:\n%s", kind, body)
		}
	}
	if len(blocks) < 10 {
		t.Errorf("only %d blocks are found", len(blocks))
	}
	for _, flag := range regexp.MustCompile("`[^`\n]*?(--[a-z][a-z-]+)").FindAllStringSubmatch(text, -1) {
		if flag[1] != "--cacert" && !strings.Contains(help, flag[1]) {
			t.Errorf("%s is no flag of the server", flag[1])
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([a-z-]+\.md)\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat("../../docs/" + link[1]); err != nil {
			t.Error(err)
		}
	}
}
