package test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tag is a comment by which a test says that it shows a requirement:
//
//	// covers: RFC 6749 §3.1/1, RFC 7636 §4.6/2
//
// in a Go test file inside or above a test, beside a row of its table; with #
// in place of // in a wire script. Several lines add up.
type tag struct {
	what string // "RFC 6749 §3.1/1"
	by   witness
	line int
}

var (
	scriptTag = regexp.MustCompile(`^# covers: (.+)$`)
	testName  = regexp.MustCompile(`^(Test|Fuzz|Benchmark|Example)`)
)

// findTags reads the tests of both modules, and the wire scripts.
func findTags(t *testing.T) (tags []tag, wrong []string) {
	t.Helper()
	for _, root := range []string{"../cmd", "../internal", "."} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			isScript := strings.HasPrefix(filepath.ToSlash(path), "wire/") && strings.HasSuffix(path, ".txt")
			if !isScript && !strings.HasSuffix(path, "_test.go") {
				return nil
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			file := filepath.ToSlash(filepath.Join("test", path))
			if isScript {
				tags = append(tags, scriptTags(file, string(raw))...)
				return nil
			}
			more, complaints := goTags(file, string(raw))
			tags, wrong = append(tags, more...), append(wrong, complaints...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return tags, wrong
}

// goTags reads the tags of a Go test file. One between two functions is of the
// test that follows: it stands above it, or in a table that it reads.
func goTags(file, text string) (tags []tag, wrong []string) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, text, parser.ParseComments)
	if err != nil {
		return nil, []string{err.Error()}
	}
	for _, group := range parsed.Comments {
		for _, c := range group.List {
			names, found := strings.CutPrefix(c.Text, "// covers: ")
			if !found {
				continue
			}
			line := set.Position(c.Pos()).Line
			name := testAt(parsed, c.Pos())
			if name == "" {
				wrong = append(wrong, fmt.Sprintf("%s:%d covers something and is in no test", file, line))
				continue
			}
			tags = append(tags, split(names, witness{name, file}, line)...)
		}
	}
	return tags, wrong
}

// testAt is the test in which a comment stands, or the next one when it stands
// in no function.
func testAt(file *ast.File, at token.Pos) string {
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.End() < at {
			continue
		}
		if testName.MatchString(f.Name.Name) && f.Recv == nil {
			return f.Name.Name
		}
		if f.Body != nil && f.Pos() < at {
			return ""
		}
	}
	return ""
}

func scriptTags(file, text string) (tags []tag) {
	name := "TestWire/" + strings.TrimSuffix(strings.TrimPrefix(file, "test/wire/"), ".txt")
	for i, line := range strings.Split(text, "\n") {
		if m := scriptTag.FindStringSubmatch(line); m != nil {
			tags = append(tags, split(m[1], witness{name, file}, i+1)...)
		}
	}
	return tags
}

func split(names string, by witness, line int) (tags []tag) {
	for _, what := range strings.Split(names, ",") {
		tags = append(tags, tag{strings.TrimSpace(what), by, line})
	}
	return tags
}

// TestTagsBelongToTests holds the search for a tag's test against each place
// where one may stand.
func TestTagsBelongToTests(t *testing.T) {
	const file = `package x

// TestA is documented.
// covers: A 1
func TestA(t *testing.T) {
	// covers: A 2, A 3
}

func helper() {
	// covers: nowhere
}

var rows = []int{
	1, // covers: B 1
}

func other() {}

// covers: B 2

func TestB(t *testing.T) {}

// covers: nowhere
`
	tags, wrong := goTags("x_test.go", file)
	tags = append(tags, scriptTags("test/wire/a/b.txt", "# covers: C 1\nGET /\n")...)
	got := ""
	for _, g := range tags {
		got += g.what + " " + g.by.name + "\n"
	}
	if want := "A 1 TestA\nA 2 TestA\nA 3 TestA\nB 1 TestB\nB 2 TestB\nC 1 TestWire/a/b\n"; got != want || len(wrong) != 2 {
		t.Errorf("%q, want %q; and %q", got, want, wrong)
	}
}
