package client

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the table of foreign clients in README.md")

// The columns and the rows of the table in README.md.
var (
	features = []string{
		"sign-in", "userinfo", "refresh", "revoke", "introspect", "silent sign-in", "sign-off",
		"JWT authentication", "PAR", "DPoP", "form_post", "hybrid or implicit",
	}
	foreign = []string{
		"coreos/go-oidc", "zitadel/oidc", "oauth2-proxy", "openid-client", "oauth4webapi",
		"oidc-client-ts", "@openid/appauth", "@forgerock/oidc-client", "@pingidentity-developers-experience/ping-oidc-client-sdk",
	}
)

// report is a file to which the clients append what they did.
type report struct {
	path string
}

// deed is a line of a report.
type deed struct {
	Client  string `json:"client"`
	Version string `json:"version"`
	Feature string `json:"feature"`
}

func newReport(t *testing.T) report {
	t.Helper()
	return report{filepath.Join(t.TempDir(), "report.jsonl")}
}

// did says that a client has done something, as the test has seen.
func (r report) did(t *testing.T, client, version, feature string) {
	t.Helper()
	line, err := json.Marshal(deed{client, version, feature})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(r.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// table is the report as README.md shows it.
func (r report) table(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	versions, done := map[string]string{}, map[deed]bool{}
	for line := range strings.Lines(string(raw)) {
		var d deed
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(foreign, d.Client) || !slices.Contains(features, d.Feature) {
			t.Errorf("the table has no place for %s", line)
		}
		versions[d.Client], done[deed{Client: d.Client, Feature: d.Feature}] = d.Version, true
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| client | %s |\n|%s\n", strings.Join(features, " | "), strings.Repeat(" --- |", len(features)+1))
	for _, client := range foreign {
		if versions[client] == "" {
			continue
		}
		fmt.Fprintf(&b, "| %s %s |", client, versions[client])
		for _, feature := range features {
			if done[deed{Client: client, Feature: feature}] {
				b.WriteString(" yes |")
			} else {
				b.WriteString(" - |")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// compare holds the table in README.md against the report.
func (r report) compare(t *testing.T) {
	t.Helper()
	const path, begin, end = "../../README.md", "<!-- clients: begin -->\n", "<!-- clients: end -->\n"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), begin)
	shown, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("README.md has no place for the table of clients")
	}
	table := r.table(t)
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+table+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if shown != table {
		t.Errorf("README.md does not show what the clients did (go test -run TestForeignClients -update, in test/client, then read the difference):\n%s", table)
	}
}

// moduleVersion is the version of a Go module that a folder's go.mod names.
func moduleVersion(t *testing.T, dir, module string) string {
	t.Helper()
	c := exec.Command("go", "list", "-m", "-f", "{{.Version}}", module)
	c.Dir = dir
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
}
