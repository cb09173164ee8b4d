package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestOperating runs every shell block of docs/operating.md in one shell, as a
// reader would paste them, on databases of a real PostgreSQL server and free
// ports. A command that fails ends it.
func TestOperating(t *testing.T) {
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	s := postgresServer(t)
	for _, name := range []string{"DATABASE", "RESTORED", "EMPTY"} {
		source, _ := emptyPostgres(t)
		t.Setenv(name, source)
	}
	path, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(path)+":"+filepath.Dir(s.Tool("pg_dump"))+":"+os.Getenv("PATH"))
	addresses := map[string]string{}
	page := regexp.MustCompile(`127\.0\.0\.1:80\d\d`).ReplaceAllStringFunc(string(text), func(says string) string {
		if addresses[says] == "" {
			addresses[says] = freeAddress(t)
		}
		return addresses[says]
	})
	const usual = "127.0.0.1:8080"
	t.Setenv("PIXY_LISTEN", addresses[usual])
	careful := "```sh\nset -e\ntrap 'kill $(jobs -p); wait' EXIT\n```\n"
	out := runPage(t, careful+page, usual, addresses[usual], t.TempDir())
	for _, want := range []string{"pixy.backup is a backup of", "are equal:", "Nothing is sealed under"} {
		if !strings.Contains(out, want) {
			t.Errorf("the page does not print %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
