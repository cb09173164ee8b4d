package test

import (
	"slices"
	"strings"
	"testing"

	"pixy/internal/kind"
	"pixy/internal/platform"
)

// TestEverySingleLives reads, replaces and reads what there is one of: it
// stands before it was written, what was read changes nothing, and what was
// written stays.
func TestEverySingleLives(t *testing.T) {
	seed, lived := propertySeed(t), 0
	for i, k := range platform.Kinds() {
		spec := k.Table()
		if !spec.Single {
			continue
		}
		for _, parent := range parents(spec) {
			t.Run(spec.Name+" under "+parent, func(t *testing.T) {
				m := newMaker(t, seed, uint64(200+i))
				at, id := m.home(spec, parent)
				first := m.call("GET", at, "").want(200)
				if self := selfLink(first); self != m.base+at {
					t.Errorf("the link to itself is %q, not %q", self, m.base+at)
				}
				if !slices.Contains(spec.Methods, "PUT") {
					return
				}
				m.sameAs(spec.Name+" replaced with what was read", m.call("PUT", at, first.raw), 200, first.raw)
				d := madeDocument{spec: spec, at: strings.TrimSuffix(at, "/"+spec.Plural), id: spec.Plural, parent: id}
				for range rounds(spec) {
					d.body = m.call("GET", at, "").want(200).raw
					m.replaced(d)
				}
				lived++
			})
		}
	}
	t.Logf("%d single documents lived", lived)
}

func selfLink(r response) string {
	links, _ := r.body["_links"].(object)
	self, _ := links["self"].(object)
	return text(self["href"])
}

// TestEveryPartLives writes and reads the pieces of documents that have an
// endpoint of their own. What is written there stands in the document, and
// what was read changes nothing.
func TestEveryPartLives(t *testing.T) {
	seed, lived := propertySeed(t), 0
	for i, k := range platform.Kinds() {
		spec := k.Table()
		for j, part := range spec.Parts {
			t.Run(spec.Name+" "+part.Path, func(t *testing.T) {
				m := newMaker(t, seed, uint64(300+10*i+j))
				self := m.oneOf(spec)
				for range 6 {
					m.partLives(spec, part, self)
					lived++
				}
			})
		}
	}
	t.Logf("%d parts lived", lived)
}

// oneOf is the path of a document of a kind: a new one, or one that stands.
func (m *maker) oneOf(spec *kind.Spec) string {
	m.t.Helper()
	if slices.Contains(spec.Methods, "POST") {
		return m.make(spec, parents(spec)[0]).self()
	}
	at, id := m.born(spec)
	return at + "/" + id
}

func (m *maker) partLives(spec *kind.Spec, part kind.Part, self string) {
	m.t.Helper()
	what, path := spec.Name+" "+part.Path, self+"/"+part.Path
	sent := m.g.body(&kind.Spec{Fields: part.Fields}, nil)
	if part.Fields[0].Name == "default" { // can only be set
		sent = object{"default": true}
	}
	r := m.call("PUT", path, jsonOf(sent))
	if r.StatusCode != 200 {
		m.t.Errorf("%s: a valid body is refused: %d %s\nsent %s", what, r.StatusCode, r.raw, jsonOf(sent))
		return
	}
	if part.Path == "billOfMaterials" { // products get ids
		sent = exactly(r.raw)
	}
	for _, wrong := range notEchoed(part.Fields, exactly(jsonOf(sent)), exactly(r.raw), "") {
		m.t.Errorf("%s: %s\nsent %s\ngot  %s", what, wrong, jsonOf(sent), r.raw)
	}
	whole := m.call("GET", self, "")
	if part.Whole {
		m.sameAs(spec.Name+" after its "+part.Path+" was written", whole, 200, r.raw)
		return
	}
	m.sameAs(what+" as it is read", m.call("GET", path, ""), 200, r.raw)
	m.sameAs(what+" replaced with what was read", m.call("PUT", path, r.raw), 200, r.raw)
	holder := exactly(whole.raw)
	if part.At != "" {
		holder, _ = holder[part.At].(object)
	}
	for _, wrong := range notEchoed(part.Fields, exactly(jsonOf(sent)), holder, "") {
		if holder != nil {
			m.t.Errorf("%s: in the document, %s", what, wrong)
		}
	}
}
