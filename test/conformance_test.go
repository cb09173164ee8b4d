package test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// The matrix of conformance. conformance/*.txt lists what the specifications
// require, a comment "covers:" in a test says which of it that test shows, and
// docs/conformance.md is the two beside each other, written by -update.
const (
	conformanceLists = "conformance/*.txt"
	conformancePage  = "../docs/conformance.md"
)

// requirement is one sentence of a specification that binds somebody.
type requirement struct {
	id    string // "§3.1/1": the section and a number within it
	level string // MUST, MUST NOT, SHOULD or SHOULD NOT
	party string // whom it binds
	says  string // in our own words
	not   string // why no test shows it
	tests []witness
}

// witness is a test that says what it covers.
type witness struct{ name, file string }

// TestConformance holds the lists, the tests and the page against each other.
func TestConformance(t *testing.T) {
	specs, wrong := readLists(t)
	tags, more := findTags(t)
	wrong = append(wrong, more...)
	wrong = append(wrong, attach(specs, tags)...)
	wrong = append(wrong, judge(specs)...)
	if len(wrong) > 0 {
		t.Errorf("%d things are wrong:\n%s", len(wrong), strings.Join(wrong, "\n"))
	}
	page := conformance(specs)
	if *update {
		if err := os.WriteFile(conformancePage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if was, err := os.ReadFile(conformancePage); err != nil || string(was) != page {
		t.Errorf("docs/conformance.md is not fresh: go test ./test -run TestConformance -update (%v)", err)
	}
}

// attach gives each requirement the tests that cover it.
func attach(specs []*specification, tags []tag) (wrong []string) {
	for _, g := range tags {
		r := find(specs, g.what)
		switch {
		case r == nil:
			wrong = append(wrong, fmt.Sprintf("%s:%d covers %q, which no list has", g.by.file, g.line, g.what))
		case !slices.Contains(r.tests, g.by):
			r.tests = append(r.tests, g.by)
		}
	}
	return wrong
}

// find looks for what a tag names: a specification, a space, an id.
func find(specs []*specification, what string) *requirement {
	at := strings.LastIndex(what, " ")
	if at < 0 {
		return nil
	}
	for _, s := range specs {
		if s.name != what[:at] {
			continue
		}
		for _, r := range s.all {
			if r.id == what[at+1:] {
				return r
			}
		}
	}
	return nil
}

// judge finds requirements about which the lists and the tests say too little
// or too much.
func judge(specs []*specification) (wrong []string) {
	for _, s := range specs {
		for _, r := range s.all {
			var says []string
			for _, by := range r.tests {
				says = append(says, by.name+" covers it")
			}
			if r.not != "" {
				says = append(says, "the list says why no test does")
			}
			switch {
			case len(says) == 0:
				wrong = append(wrong, fmt.Sprintf("%s %s has neither a test nor a reason: %s", s.name, r.id, r.says))
			case len(says) > len(r.tests) && len(says) > 1:
				wrong = append(wrong, fmt.Sprintf("%s %s: %s", s.name, r.id, strings.Join(says, "; ")))
			}
		}
	}
	return wrong
}

// TestConformanceIsStrict holds the reading of lists and the judgement against
// what is wrong on purpose.
func TestConformanceIsStrict(t *testing.T) {
	const head = "# RFC 1 The First\n"
	for _, c := range []struct{ list, covers, want string }{
		{head + "§1/1 MUST server  do it\n", "RFC 1 §1/1", ""},
		{head + "§1/1 MUST server  do it\n  not: binds nobody\n", "", ""},
		{head + "\n# 1 Introduction\n§1/1 SHOULD NOT other  do it\n  not: binds others\n", "", ""},
		{"# Good Manners: A Profile\nTable/Greet MUST client  greet\n", "Good Manners Table/Greet", ""},
		{head + "§1/1 MUST server  do it\n", "", "neither a test nor a reason"},
		{head + "§1/1 MUST server  do it\n  not: binds nobody\n", "RFC 1 §1/1", "the list says why no test does"},
		{head + "§1/1 MUST server  do it\n", "RFC 1 §1/2", "which no list has"},
		{head + "§1/1 MUST server  do it\n", "RFC 2 §1/1", "which no list has"},
		{head + "§1/1 MUST server  do it\n§1/1 MUST server  do more\n", "RFC 1 §1/1", "stands twice"},
		{head + "§1/1 SHALL server  do it\n", "", "not a requirement"},
		{head + "§1/1 MUST nobody  do it\n", "", "not a requirement"},
		{head + "§1/1 MUST server do it\n", "", "not a requirement"},
		{head + "  not: binds nobody\n", "", "belongs to no requirement"},
		{head + "§1/1 MUST server  do it\n  open\n", "", "not a requirement"},
		{head + "§1/1 MUST server  do it\n  not:\n", "", "not a requirement"},
		{"§1/1 MUST server  do it\n", "", "does not begin with the name"},
	} {
		s, wrong := parseList("x.txt", c.list)
		if c.covers != "" {
			wrong = append(wrong, attach([]*specification{s}, []tag{{c.covers, witness{"TestX", "x_test.go"}, 1}})...)
		}
		all := strings.Join(append(wrong, judge([]*specification{s})...), "\n")
		if c.want == "" && all != "" || !strings.Contains(all, c.want) {
			t.Errorf("%q covered by %q: %q, want %q", c.list, c.covers, all, c.want)
		}
	}
}
