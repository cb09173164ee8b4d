package test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pixy/internal/store"
	"pixy/internal/watch"
	"pixy/test/pg"
)

// expression is one of PromQL, and where it stands.
type expression struct{ at, text string }

// TestQueriesNameMetrics holds the dashboard and the alerts against what the
// program shows, on both databases: every metric exists, every label is one of
// its own, every value that is asked for can come.
func TestQueriesNameMetrics(t *testing.T) {
	if onPostgres() {
		t.Skip("without PIXY_TEST_DATABASE it looks at both databases")
	}
	shown := scrapes(t)
	known := map[string]map[string]bool{} // metric -> labels
	for s := range series(shown) {
		name, list, _ := strings.Cut(s, "{")
		if known[name] == nil {
			known[name] = map[string]bool{"instance": true, "job": true}
		}
		for _, m := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(list, -1) {
			known[name][m[1]] = true
		}
	}
	queries := append(dashboard(t), alerts(t)...)
	if len(queries) < 60 {
		t.Fatalf("only %d queries", len(queries))
	}
	asked := map[string]bool{}
	for _, q := range queries {
		for _, m := range regexp.MustCompile(`\b((?:pixy|go|process)_\w+)(?:\{([^}]*(?:\{env\}[^}]*)?)\})?`).FindAllStringSubmatch(unlabelled(q.text), -1) {
			asked[m[1]] = true
			checkSelector(t, q, m[1], m[2], known[m[1]], shown)
		}
		for _, pair := range []string{"()", "{}", "[]"} {
			if strings.Count(q.text, pair[:1]) != strings.Count(q.text, pair[1:]) {
				t.Errorf("%s: %s is not closed: %s", q.at, pair, q.text)
			}
		}
	}
	for name := range known {
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		if strings.HasPrefix(name, "pixy_") && !asked[name] && !asked[base+"_bucket"] && !asked[base+"_count"] {
			t.Errorf("nobody looks at %s", name)
		}
	}
}

// unlabelled is an expression without the names of labels behind by and on.
func unlabelled(text string) string {
	return regexp.MustCompile(`\b(by|on) \([^)]*\)`).ReplaceAllString(text, "")
}

func checkSelector(t *testing.T, q expression, name, selector string, labelsOf map[string]bool, shown string) {
	t.Helper()
	if labelsOf == nil {
		t.Errorf("%s: there is no metric %s", q.at, name)
		return
	}
	for _, m := range regexp.MustCompile(`(\w+)(=~|!=|=)"([^"]*)"`).FindAllStringSubmatch(selector, -1) {
		label, how, value := m[1], m[2], m[3]
		possible := labels(shown, label)
		if label == "rule" {
			possible = rules(t)
		}
		switch {
		case !labelsOf[label]:
			t.Errorf("%s: %s has no label %s", q.at, name, label)
		case label == "instance", label == "job", label == "status":
		case how == "=~":
			for _, one := range strings.Split(value, "|") {
				if !slices.Contains(possible, one) {
					t.Errorf("%s: %s is never %q", q.at, label, one)
				}
			}
		case !slices.Contains(possible, value):
			t.Errorf("%s: %s is never %q", q.at, label, value)
		}
	}
}

// scrapes is what the program shows on SQLite and on PostgreSQL together.
func scrapes(t *testing.T) string {
	t.Helper()
	w, scrape := measured(t)
	w.round(1)
	w.pass(31 * 24 * time.Hour) // all expires
	w.must(w.server.Sweep(t.Context()))
	w.admin = w.token()
	w.round(2) // its sweep counts what is left
	s, err := postgres()
	if errors.Is(err, pg.ErrAbsent) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	w.must(err)
	name, err := s.Fresh("template1")
	w.must(err)
	db, err := store.Open(t.Context(), s.URL(name), store.Options{Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	other := watch.NewMetrics("test")
	other.Database(db.Stats)
	rec := httptest.NewRecorder()
	other.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	w.must(db.Close())
	return scrape() + rec.Body.String()
}

func dashboard(t *testing.T) (out []expression) {
	t.Helper()
	raw, err := os.ReadFile("../deploy/grafana/pixy.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			out = append(out, expression{p.Title, target.Expr})
		}
	}
	return out
}

// alertLines are the rules, each with its name, expression, time and severity.
func alertLines(t *testing.T) [][]string {
	t.Helper()
	raw, err := os.ReadFile("../deploy/prometheus/pixy.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`- alert: (\S+)\n +expr: (.*)\n +for: (\S+)\n +labels: \{severity: (page|ticket)\}\n +annotations: \{summary: ".+"\}\n`).FindAllStringSubmatch(string(raw), -1)
	if len(found) != strings.Count(string(raw), "alert:") || len(found) == 0 {
		t.Fatalf("%d alerts of %d are as they should be", len(found), strings.Count(string(raw), "alert:"))
	}
	return found
}

func alerts(t *testing.T) (out []expression) {
	t.Helper()
	for _, a := range alertLines(t) {
		out = append(out, expression{a[1], a[2]})
	}
	return out
}

// TestAlertsAreDocumented holds the table that people read against the rules.
func TestAlertsAreDocumented(t *testing.T) {
	raw, err := os.ReadFile("../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, line := range strings.Split(string(raw), "\n") {
		if name, rest, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | "); ok && strings.HasPrefix(line, "| Pixy") {
			rows[name] = rest
		}
	}
	for _, a := range alertLines(t) {
		want := "`" + strings.ReplaceAll(a[2], "|", `\|`) + "` | " + a[3] + " | " + a[4] + " | "
		if told, ok := strings.CutPrefix(rows[a[1]], want); !ok || len(strings.Split(told, " | ")) != 2 {
			t.Errorf("docs/alerts.md says of %s: %q, want %s... with what it means and what to do", a[1], rows[a[1]], want)
		}
		delete(rows, a[1])
	}
	for name := range rows {
		t.Errorf("docs/alerts.md has %s, which is no rule", name)
	}
}
