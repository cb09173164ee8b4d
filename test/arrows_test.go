package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows is who may import whom. docs/architecture.md shows the same table.
var arrows = map[string][]string{
	"cmd/pixy": {"server", "watch", "store", "libcrypto"},
	"describe": {"server", "flow", "platform", "kind"},
	"server":   {"watch", "manage", "facts", "flow", "oauth", "platform", "kind", "store", "web", "measure", "fault"},
	"watch":    {"facts", "store", "measure", "fault"},
	"manage":   {"facts", "flow", "platform", "kind", "store", "fault"},
	"facts":    {"flow", "oauth", "platform", "kind", "store", "measure", "fault"},
	"flow":     {"platform", "kind", "fault"},
	"oauth":    {"platform", "fault"},
	"platform": {"kind", "fault"},
	"store":    {"kind", "measure", "fault"},
	"kind":     {"fault"},
	"fault":    {},
	"measure":  {},
	"web":      {},

	"libcrypto": {},
}

// pure packages get time, ids and secrets as arguments.
var pure = []string{"fault", "kind", "platform", "oauth", "flow"}

// impure is what a pure package must not import, and impureCalls what it must
// not call of packages that it may import.
var (
	impure = []string{"net/http", "database/sql", "os", "crypto/rand", "math/rand", "math/rand/v2", "log", "log/slog", "io/ioutil",
		"github.com/google/uuid"}
	impureCalls = []string{"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.NewTimer", "net.Dial", "net.Listen", "net.LookupHost", "net.LookupIP"}
)

// crossing is the files that may leave the environment of their transaction:
// what is kept above all environments, and what an environment is born with
// (scope.go), and the environment, the organization and the role assignments of
// a request (role.go).
var crossing = []string{"internal/facts/role.go", "internal/manage/scope.go"}

// The bounds of a function and of a file, in lines. A comment that begins with
// "Long:" excuses a longer one, and says why.
const (
	longestFunction = 60
	longestFile     = 400
	excuse          = "Long:"
)

// source is a file of the module that is no test.
type source struct {
	path string // "internal/kind/kind.go"
	home string // the package as arrows names it: "kind", "cmd/pixy"
	file *ast.File
	set  *token.FileSet
}

func (s source) line(p token.Pos) int { return s.set.Position(p).Line }

func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != ".." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || path == filepath.Join("..", "test") || isModule(path)) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		dir := rel[:strings.LastIndex(rel, "/")+1]
		out = append(out, source{rel, strings.TrimPrefix(strings.TrimSuffix(dir, "/"), "internal/"), file, set})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("only %d files were found", len(out))
	}
	return out
}

// isModule tells a module inside ours, which has rules of its own.
func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func imports(s source) []string {
	var out []string
	for _, i := range s.file.Imports {
		path, _ := strconv.Unquote(i.Path.Value) // the parser has read it
		out = append(out, path)
	}
	return out
}

func TestArrows(t *testing.T) {
	used := map[string]bool{}
	for _, s := range sources(t) {
		allowed, known := arrows[s.home]
		if !known {
			t.Errorf("%s: the package %q is not in the table", s.path, s.home)
			continue
		}
		for _, path := range imports(s) {
			ours, isOurs := strings.CutPrefix(path, "pixy/")
			if !isOurs {
				continue
			}
			ours = strings.TrimPrefix(ours, "internal/")
			used[s.home+" "+ours] = true
			if !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s; %s may import %v", s.path, path, s.home, allowed)
			}
		}
	}
	for from, to := range arrows {
		for _, ours := range to {
			if !used[from+" "+ours] {
				t.Logf("nothing in %s imports %s: the arrow may go", from, ours)
			}
		}
	}
}

// TestArrowsAreDocumented holds the table that people read against the one that
// is enforced.
func TestArrowsAreDocumented(t *testing.T) {
	raw, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(raw), "| package | may import |")
	table, _, _ = strings.Cut(table, "\n\n")
	documented := 0
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, "|")
		if !found || len(cells) != 4 || strings.Contains(cells[1], "---") {
			continue
		}
		to := strings.TrimSpace(cells[2])
		if to == "-" {
			to = ""
		}
		for _, from := range strings.Split(cells[1], ",") {
			from = strings.TrimSpace(from)
			documented++
			if allowed, known := arrows[from]; !known || strings.Join(allowed, ", ") != to {
				t.Errorf("docs/architecture.md says %s: %q, the test %q", from, to, strings.Join(allowed, ", "))
			}
		}
	}
	if documented != len(arrows) {
		t.Errorf("docs/architecture.md shows %d packages of %d", documented, len(arrows))
	}
}

func TestPurePackages(t *testing.T) {
	for _, s := range sources(t) {
		if !slices.Contains(pure, s.home) {
			continue
		}
		for _, path := range imports(s) {
			if slices.Contains(impure, path) {
				t.Errorf("%s imports %s; %s is pure", s.path, path, s.home)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			e, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := e.X.(*ast.Ident); ok && slices.Contains(impureCalls, x.Name+"."+e.Sel.Name) {
				t.Errorf("%s:%d uses %s.%s; %s is pure", s.path, s.line(n.Pos()), x.Name, e.Sel.Name, s.home)
			}
			return true
		})
	}
}

// TestCrossingEnvironments finds who calls Root and In of a transaction. Any
// method of these names counts: a false alarm costs less than a leak.
func TestCrossingEnvironments(t *testing.T) {
	used := map[string]bool{}
	for _, s := range sources(t) {
		if s.home == "store" {
			continue // where they are defined
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			e, ok := n.(*ast.SelectorExpr)
			if !ok || e.Sel.Name != "Root" && e.Sel.Name != "In" {
				return true
			}
			used[s.path] = true
			if !slices.Contains(crossing, s.path) {
				t.Errorf("%s:%d calls %s: it leaves the environment of its transaction, which only %v may", s.path, s.line(n.Pos()), e.Sel.Name, crossing)
			}
			return true
		})
	}
	for _, path := range crossing {
		if !used[path] {
			t.Errorf("%s may leave its environment and does not: take it off the list", path)
		}
	}
}

func TestLengths(t *testing.T) {
	for _, s := range sources(t) {
		if n := s.line(s.file.FileEnd); n > longestFile && !excused(s.file.Comments...) {
			t.Errorf("%s has %d lines; a file has at most %d, or a comment %q that says why", s.path, n, longestFile, excuse)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := s.line(f.End()) - s.line(f.Pos()) + 1; n > longestFunction && !excused(f.Doc) {
				t.Errorf("%s: %s has %d lines; a function has at most %d, or a comment %q that says why", s.path, f.Name.Name, n, longestFunction, excuse)
			}
		}
	}
}

func excused(comments ...*ast.CommentGroup) bool {
	for _, c := range comments {
		if c != nil && strings.Contains(c.Text(), excuse) {
			return true
		}
	}
	return false
}
