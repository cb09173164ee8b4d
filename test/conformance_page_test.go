package test

import (
	"fmt"
	"strings"
)

// tally is how far a specification is shown, of what binds the server.
type tally struct {
	must, mustShown, should, shouldShown int
	not                                  int
	others, othersShown                  int // what binds others
}

func (s *specification) tally() (n tally) {
	for _, r := range s.all {
		shown := min(len(r.tests), 1)
		if r.party != "server" {
			n.others, n.othersShown = n.others+1, n.othersShown+shown
			continue
		}
		if strings.HasPrefix(r.level, "MUST") {
			n.must, n.mustShown = n.must+1, n.mustShown+shown
		} else {
			n.should, n.shouldShown = n.should+1, n.shouldShown+shown
		}
		if r.not != "" {
			n.not++
		}
	}
	return n
}

const conformanceHead = `# Conformance

What the specifications require, and the test that shows it. A requirement that
no test shows has its reason. MUST stands for REQUIRED and SHALL too, SHOULD for
RECOMMENDED; the words are ours, the specification's count.

This page is made from the lists in ` + "`test/conformance`" + ` and from the comments
` + "`covers:`" + ` in the tests: ` + "`go test ./test -run TestConformance -update`" + `.

MUST, SHOULD and what is not tested are of what binds the authorization server. The rest binds clients, protected resources or others; a
test shows that the server holds them to it, or that userinfo and the management
API, which are protected resources, keep to it.

| specification | MUST: shown of all | SHOULD: shown of all | not tested, with a reason | binds others: shown of all |
| --- | ---: | ---: | ---: | ---: |
`

// conformance is the page: a summary, then a table for each specification.
func conformance(specs []*specification) string {
	var b strings.Builder
	b.WriteString(conformanceHead)
	var all tally
	for _, s := range specs {
		n := s.tally()
		all.add(n)
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", s.name, anchor(s.name), n)
	}
	fmt.Fprintf(&b, "| together | %s |\n", all)
	for _, s := range specs {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| requirement | level | binds | what it says | shown by, or why not |\n| --- | --- | --- | --- | --- |\n", s.name, s.title)
		for _, r := range s.all {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.id, r.level, r.party, cell(r.says), cell(r.evidence()))
		}
	}
	return b.String()
}

func (n *tally) add(m tally) {
	n.must, n.mustShown = n.must+m.must, n.mustShown+m.mustShown
	n.should, n.shouldShown = n.should+m.should, n.shouldShown+m.shouldShown
	n.not += m.not
	n.others, n.othersShown = n.others+m.others, n.othersShown+m.othersShown
}

func (n tally) String() string {
	return fmt.Sprintf("%d of %d | %d of %d | %d | %d of %d", n.mustShown, n.must, n.shouldShown, n.should, n.not, n.othersShown, n.others)
}

func (r *requirement) evidence() string {
	var by []string
	for _, t := range r.tests {
		by = append(by, fmt.Sprintf("%s in [%s](../%s)", t.name, t.file, t.file))
	}
	if len(by) == 0 {
		return r.not
	}
	return strings.Join(by, "<br>")
}

// anchor is the fragment that renderers of Markdown give a heading.
func anchor(heading string) string {
	return strings.ReplaceAll(strings.ToLower(heading), " ", "-")
}

// cell keeps a text from ending a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
