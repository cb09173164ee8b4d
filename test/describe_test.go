package test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pixy/internal/describe"
	"pixy/internal/server"
	"pixy/internal/store"
)

// routes is the table of routes of a server without a database.
func routes(t testing.TB) []server.Route {
	t.Helper()
	sealer, err := store.NewSealer(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{Sealer: sealer, PublicURL: "https://pixy.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	return s.Routes()
}

// TestDescriptions holds the generated files against the tables they come from.
func TestDescriptions(t *testing.T) {
	files, err := describe.Files(routes(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		path := filepath.Join("..", filepath.FromSlash(name))
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not fresh: run go generate ./... (%v)", name, err)
		}
	}
}

// TestDocumentIsWhole finds references to nothing, operations of the same name,
// and endpoints of the management API that the document leaves out.
func TestDocumentIsWhole(t *testing.T) {
	raw, err := describe.OpenAPI(routes(t))
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths      map[string]map[string]json.RawMessage
		Components map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	for _, r := range routes(t) {
		if _, ok := document.Paths[r.Path][strings.ToLower(r.Method)]; !ok && strings.HasPrefix(r.Path, "/v1/") {
			t.Errorf("%s %s is not in the document", r.Method, r.Path)
		}
	}
	seen := map[string]bool{}
	for _, id := range regexp.MustCompile(`"operationId": "[^"]*"`).FindAllString(string(raw), -1) {
		if seen[id] {
			t.Errorf("%s stands twice", id)
		}
		seen[id] = true
	}
	for _, ref := range regexp.MustCompile(`"#/components/(\w+)/([\w-]+)"`).FindAllStringSubmatch(string(raw), -1) {
		if _, ok := document.Components[ref[1]][ref[2]]; !ok {
			t.Errorf("%s refers to nothing", ref[0])
		}
	}
}

// TestGapsAreServed finds what the compatibility page says is missing from
// something that is not served at all.
func TestGapsAreServed(t *testing.T) {
	for _, stale := range describe.Stale(routes(t)) {
		t.Errorf("a gap of an operation that is not served: %s", stale)
	}
}
