package test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// specification is a list of conformance/: one file, which begins with
//
//	# RFC 6749 The OAuth 2.0 Authorization Framework
//
// or, where the name is no number of an RFC, with "# Name: Title". Tags call
// it by its name. Then comes a requirement a line: id, level, whom it binds,
// two spaces, what it says. An indented line behind it says why no test shows
// it. Empty lines and other lines with # are for the reader.
//
//	§3.1/1 MUST server  verify who the resource owner is
//	§3.1/2 MUST client  ignore what it does not know
//	  not: binds the client
type specification struct {
	name, title string
	file        string
	all         []*requirement
}

var (
	titleLine       = regexp.MustCompile(`^# (?:(RFC \d+) |([^:]+): )(.+)$`)
	requirementLine = regexp.MustCompile(`^(\S+/\S+) (MUST|MUST NOT|SHOULD|SHOULD NOT) (server|client|resource|other)  (\S.*)$`)
)

func readLists(t *testing.T) (specs []*specification, wrong []string) {
	t.Helper()
	files, err := filepath.Glob(conformanceLists)
	if err != nil || len(files) == 0 {
		t.Fatalf("no lists: %v", err)
	}
	names := map[string]string{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, more := parseList(file, string(raw))
		specs, wrong = append(specs, s), append(wrong, more...)
		if other := names[s.name]; other != "" {
			wrong = append(wrong, fmt.Sprintf("%s and %s are both of %s", other, file, s.name))
		}
		names[s.name] = file
	}
	return specs, wrong
}

func parseList(file, text string) (*specification, []string) {
	s := &specification{file: file}
	var wrong []string
	complain := func(line int, says string) { wrong = append(wrong, fmt.Sprintf("%s:%d %s", file, line+1, says)) }
	seen := map[string]bool{}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if i == 0 {
			m := titleLine.FindStringSubmatch(line)
			if m == nil {
				complain(i, "does not begin with the name of a specification")
				continue
			}
			s.name, s.title = m[1]+m[2], m[3]
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "  ") && s.all == nil {
			complain(i, "belongs to no requirement")
			continue
		}
		if s.remark(line) {
			continue
		}
		m := requirementLine.FindStringSubmatch(line)
		if m == nil {
			complain(i, "is not a requirement: "+line)
			continue
		}
		if seen[m[1]] {
			complain(i, m[1]+" stands twice")
		}
		seen[m[1]] = true
		s.all = append(s.all, &requirement{id: m[1], level: m[2], party: m[3], says: m[4]})
	}
	return s, wrong
}

// remark reads an indented line, which is about the requirement before it.
func (s *specification) remark(line string) bool {
	reason, ok := strings.CutPrefix(line, "  not: ")
	if ok = ok && strings.TrimSpace(reason) != ""; ok {
		s.all[len(s.all)-1].not = strings.TrimSpace(reason)
	}
	return ok
}
