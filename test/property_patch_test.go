package test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"testing"

	"pixy/internal/kind"
	"pixy/internal/platform"
)

// TestEveryPatchMerges patches random documents of every kind that can be
// patched with some members of another valid body, and with null: what the
// patch names is as it says, what it does not name stays.
func TestEveryPatchMerges(t *testing.T) {
	seed, patched := propertySeed(t), 0
	for i, k := range platform.Kinds() {
		spec := k.Table()
		if !slices.Contains(spec.Methods, "PATCH") || !slices.Contains(spec.Methods, "POST") {
			continue
		}
		for _, parent := range parents(spec) {
			t.Run(spec.Name+" under "+parent, func(t *testing.T) {
				m := newMaker(t, seed, uint64(700+i))
				for j := 0; j < 12 && !t.Failed(); j++ {
					d := m.make(spec, parent)
					m.forget(d)
					m.mergesInto(d, m.patchFor(d))
					patched++
				}
			})
		}
	}
	t.Logf("%d patches", patched)
}

// patchFor is a patch of a document: some members of another valid body, and
// null for some that it need not have.
func (m *maker) patchFor(d madeDocument) object {
	m.t.Helper()
	was := exactly(d.body)
	patch := m.another(d)
	for _, f := range d.spec.All(was) {
		_, given := patch[f.Name]
		switch {
		case given && m.g.once(2):
			delete(patch, f.Name)
		case !f.Required && f.Access == kind.Written && f.Default == nil && taken(&f) && !f.Solo && m.g.once(3):
			patch[f.Name] = nil
		}
	}
	return patch
}

func (m *maker) mergesInto(d madeDocument, patch object) {
	m.t.Helper()
	before := exactly(m.call("GET", d.self(), "").want(200).raw)
	r := m.call("PATCH", d.self(), jsonOf(patch))
	if r.StatusCode != 200 {
		m.t.Errorf("%s: a valid patch is refused: %d %s\nsent %s\nto %s", d.spec.Name, r.StatusCode, brief(r.raw), jsonOf(patch), brief(jsonOf(before)))
		return
	}
	got, sent := exactly(r.raw), exactly(jsonOf(patch))
	for _, f := range d.spec.All(before) {
		v, named := sent[f.Name]
		inner, isObject := v.(object)
		was, is := before[f.Name], got[f.Name]
		switch {
		case !named && !reflect.DeepEqual(was, is):
			m.t.Errorf("%s: %s was not patched, was %v and is %v", d.spec.Name, f.Name, was, is)
		case named && v == nil && is != nil:
			m.t.Errorf("%s: %s was cleared and is %v", d.spec.Name, f.Name, is)
		case isObject && f.Type == kind.Object:
			old, _ := was.(object)
			if want := shown(f.Fields, kind.Merge(old, inner)); !reflect.DeepEqual(is, any(want)) && f.Access == kind.Written {
				m.t.Errorf("%s: %s was %v, was patched with %v and is %v", d.spec.Name, f.Name, was, v, is)
			}
		case named && v != nil && f.Access == kind.Written && !reflect.DeepEqual(v, is):
			m.t.Errorf("%s: %s was patched with %v and is %v", d.spec.Name, f.Name, v, is)
		}
	}
	m.sameAs(d.spec.Name+" read after it was patched", m.call("GET", d.self(), ""), 200, r.raw)
}

// shown is what of an object is shown.
func shown(fields []kind.Field, o object) object {
	for _, f := range fields {
		inner, isObject := o[f.Name].(object)
		switch {
		case f.Access == kind.Given || f.Access == kind.Hidden:
			delete(o, f.Name)
		case isObject && f.Type == kind.Object:
			o[f.Name] = shown(f.Fields, inner)
		}
	}
	return o
}

// TestPatchesAtOnce patches one user from many sides, each another member: none
// is refused, and none is lost.
func TestPatchesAtOnce(t *testing.T) {
	m := newMaker(t, propertySeed(t), 800)
	user := "/v1/environments/" + m.env + "/users/" + m.user("ada")
	members := []string{"nickname", "title", "locale", "externalId", "accountId", "type", "mobilePhone", "preferredLanguage"}
	var all sync.WaitGroup
	refusals := make(chan string, 100)
	for i, name := range members {
		all.Go(func() {
			for n := range 5 {
				r := m.call("PATCH", user, jsonOf(object{name: fmt.Sprint("value ", i, " ", n)}))
				if r.StatusCode != http.StatusOK {
					refusals <- fmt.Sprintf("%s: %d %s", name, r.StatusCode, r.raw)
				}
			}
		})
	}
	all.Wait()
	close(refusals)
	for refusal := range refusals {
		t.Error(refusal)
	}
	got := m.call("GET", user, "").want(200).body
	for i, name := range members {
		if want := fmt.Sprint("value ", i, " 4"); got[name] != want {
			t.Errorf("%s is %v, not %s", name, got[name], want)
		}
	}
}
