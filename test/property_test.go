package test

import (
	"fmt"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pixy/internal/kind"
	"pixy/internal/platform"
)

// propertySeed makes the random bodies: the same in every run, another one with
// PIXY_SEED.
func propertySeed(t *testing.T) uint64 {
	seed := uint64(20261124)
	if text := os.Getenv("PIXY_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d; with PIXY_SEED=<number> another", seed)
		}
	})
	return seed
}

// rounds is how many documents of a kind are made: few where each costs a key.
func rounds(spec *kind.Spec) int {
	if spec.Needs == kind.NeedKey {
		return 2
	}
	return 8
}

// TestEveryKindLives makes random documents of every kind, under each of its
// parents, and leads them through their life: created, read, replaced with what
// was read, patched with nothing, listed, deleted.
func TestEveryKindLives(t *testing.T) {
	t.Parallel()
	seed := propertySeed(t)
	lived := 0
	for i, k := range platform.Kinds() {
		spec := k.Table()
		if !slices.Contains(spec.Methods, "POST") || slices.Contains(cannotBeMade, spec.Name) {
			continue
		}
		for _, parent := range parents(spec) {
			t.Run(spec.Name+" under "+parent, func(t *testing.T) {
				m := newMaker(t, seed, uint64(i))
				for i := 0; i < rounds(spec) && !t.Failed(); i++ {
					d := m.make(spec, parent)
					m.forget(d)
					m.createdWell(d)
					m.livesOn(d)
					m.dies(d)
					lived++
				}
			})
		}
	}
	t.Logf("%d documents lived", lived)
}

// createdWell holds the answer of a POST against what was sent.
func (m *maker) createdWell(d madeDocument) {
	m.t.Helper()
	answer := exactly(d.body)
	if got := http.Header(d.header).Get("Location"); got != m.base+d.self() {
		m.t.Errorf("%s: Location is %q, not %q", d.spec.Name, got, m.base+d.self())
	}
	if got := http.Header(d.header).Get("Content-Type"); got != "application/json" {
		m.t.Errorf("%s: Content-Type is %q", d.spec.Name, got)
	}
	for _, wrong := range notEchoed(tableOf(d.spec, d.sent), exactly(jsonOf(d.sent)), answer, "") {
		m.t.Errorf("%s: %s\nsent %s\ngot  %s", d.spec.Name, wrong, jsonOf(d.sent), brief(d.body))
	}
	links, _ := answer["_links"].(object)
	self, _ := links["self"].(object)
	if got := text(self["href"]); got != m.base+d.self() {
		m.t.Errorf("%s: the link to itself is %q, not %q", d.spec.Name, got, m.base+d.self())
	}
	if null := nullIn(answer, ""); null != "" {
		m.t.Errorf("%s: %s is null; what is null is left out", d.spec.Name, null)
	}
}

// notEchoed tells the members that were sent and came back different.
func notEchoed(fields []kind.Field, sent, got object, path string) (wrong []string) {
	for i := range fields {
		f := &fields[i]
		was, given := sent[f.Name]
		inner, isObject := was.(object)
		is, shown := got[f.Name]
		shownObject, _ := is.(object)
		switch {
		case (f.Access == kind.Given || f.Access == kind.Hidden) && shown:
			wrong = append(wrong, path+f.Name+" is shown")
		case !given || !taken(f) || f.Access == kind.Given:
		case isObject && f.Type == kind.Object:
			wrong = append(wrong, notEchoed(f.Fields, inner, shownObject, path+f.Name+".")...)
		case f.Type == kind.List && f.Items.Type == kind.Object:
			list, _ := was.([]any)
			shownList, _ := is.([]any)
			if len(list) != len(shownList) {
				wrong = append(wrong, fmt.Sprintf("%s%s has %d elements, not %d", path, f.Name, len(shownList), len(list)))
				continue
			}
			for i := range list {
				element, _ := list[i].(object)
				shownElement, _ := shownList[i].(object)
				wrong = append(wrong, notEchoed(f.Items.Fields, element, shownElement, fmt.Sprintf("%s%s[%d].", path, f.Name, i))...)
			}
		case !reflect.DeepEqual(was, is):
			wrong = append(wrong, fmt.Sprintf("%s%s was sent as %v and is %v", path, f.Name, was, is))
		}
	}
	return wrong
}

// nullIn is the path of a member that is null, "" when there is none. What is
// kept as it came is not looked into.
func nullIn(o object, path string) string {
	for name, v := range o {
		inner, _ := v.(object)
		switch {
		case v == nil:
			return path + name
		case path == "" && name != "_links" && name != "environment": // only the first level is surely ours
		case inner != nil:
			if found := nullIn(inner, path+name+"."); found != "" {
				return found
			}
		}
	}
	return ""
}

// livesOn reads, replaces, patches and lists a document: nothing may change
// but updatedAt.
func (m *maker) livesOn(d madeDocument) {
	m.t.Helper()
	name, methods := d.spec.Name, d.spec.Methods
	if slices.Contains(methods, "GET") {
		m.sameAs(name+" as it is read", m.call("GET", d.self(), ""), 200, d.body)
	}
	m.pass(1500e6)
	if slices.Contains(methods, "PUT") {
		m.sameAs(name+" replaced with what was read", m.call("PUT", d.self(), d.body), 200, d.body)
	}
	if slices.Contains(methods, "PATCH") {
		m.sameAs(name+" patched with nothing", m.call("PATCH", d.self(), "{}"), 200, d.body)
		m.sameAs(name+" patched with itself", m.call("PATCH", d.self(), d.body), 200, d.body)
	}
	if slices.Contains(methods, "LIST") {
		m.isListed(d)
	}
	if slices.Contains(methods, "PUT") {
		m.replaced(d)
	}
}

// sameAs compares an answer with what was answered before, but for updatedAt.
func (m *maker) sameAs(what string, r response, status int, before string) {
	m.t.Helper()
	if r.StatusCode != status {
		m.t.Errorf("%s: %d %s\nof %s", what, r.StatusCode, brief(r.raw), brief(before))
		return
	}
	want, got := exactly(before), exactly(r.raw)
	delete(want, "updatedAt")
	delete(got, "updatedAt")
	if !reflect.DeepEqual(want, got) {
		m.t.Errorf("%s is another:\n%s", what, differences(want, got))
	}
}

// differences are the members in which two answers differ.
func differences(want, got object) string {
	var out []string
	for name := range want {
		if !reflect.DeepEqual(want[name], got[name]) {
			out = append(out, brief(fmt.Sprintf("%s was %v, is %v", name, want[name], got[name])))
		}
	}
	for name := range got {
		if _, was := want[name]; !was {
			out = append(out, brief(fmt.Sprintf("%s was not there, is %v", name, got[name])))
		}
	}
	return strings.Join(out, "\n")
}

// isListed follows a list's pages until the document comes, which must be as
// it is when it is read alone.
func (m *maker) isListed(d madeDocument) {
	m.t.Helper()
	path := d.at + "?limit=3"
	for range 200 {
		r := m.call("GET", path, "")
		if r.StatusCode != 200 {
			m.t.Errorf("GET %s: %d %s", path, r.StatusCode, r.raw)
			return
		}
		page := exactly(r.raw)
		embedded, _ := page["_embedded"].(object)
		list, isList := embedded[listKey(d.spec)].([]any)
		if !isList || fmt.Sprint(page["size"]) != strconv.Itoa(len(list)) {
			m.t.Errorf("GET %s: no list, or its size is wrong: %s", path, r.raw)
		}
		for _, e := range list {
			if o, _ := e.(object); o["id"] == d.id {
				m.sameAs(d.spec.Name+" in its list", response{t: m.t, Response: r.Response, raw: jsonOf(o)}, 200, d.body)
				return
			}
		}
		links, _ := page["_links"].(object)
		next, _ := links["next"].(object)
		if path = text(next["href"]); next == nil {
			break
		}
	}
	m.t.Errorf("%s %s is not in its list at %s", d.spec.Name, d.id, d.at)
}

// replaced puts another valid body in place of the document's, which must come
// back as sent, without what was left out, and with what can't be changed.
func (m *maker) replaced(d madeDocument) {
	m.t.Helper()
	sent, was := m.another(d), exactly(d.body)
	r := m.call("PUT", d.self(), jsonOf(sent))
	if r.StatusCode != 200 {
		m.t.Errorf("%s: another valid body is refused: %d %s\nsent %s\nwas  %s", d.spec.Name, r.StatusCode, brief(r.raw), jsonOf(sent), brief(d.body))
		return
	}
	got := exactly(r.raw)
	for _, wrong := range notEchoed(tableOf(d.spec, sent), exactly(jsonOf(sent)), got, "") {
		m.t.Errorf("%s replaced: %s\nsent %s\ngot  %s", d.spec.Name, wrong, jsonOf(sent), brief(r.raw))
	}
	for _, f := range d.spec.All(sent) {
		if _, given := sent[f.Name]; !given && f.Access == kind.Written && f.Default == nil && was[f.Name] != nil && reflect.DeepEqual(got[f.Name], was[f.Name]) && f.Type != kind.Boolean && !slices.Contains(defaulted, d.spec.Name+"."+f.Name) {
			m.t.Errorf("%s replaced: %s was left out and is still %v", d.spec.Name, f.Name, was[f.Name])
		}
	}
	m.sameAs(d.spec.Name+" read after it was replaced", m.call("GET", d.self(), ""), 200, r.raw)
}

// another is another valid body for a document, with what can't be changed of
// it.
func (m *maker) another(d madeDocument) object {
	m.t.Helper()
	was, given := exactly(d.body), object{}
	held(d.spec, d.spec.All(was), was, "", given)
	sent := m.validWith(d.spec, d.parent, given)
	if repair := repairs[d.spec.Name]; repair != nil {
		repair(sent)
	}
	return sent
}

// held collects by their paths the values that can't be changed of a document,
// nil for those that it does not have, and those that had better stay.
func held(spec *kind.Spec, fields []kind.Field, was object, path string, into object) {
	for _, f := range fields {
		inner, _ := was[f.Name].(object)
		switch {
		case f.Access == kind.Immutable || f.Access == kind.Kept || f.Unique || f.Solo || path == "" && decides(spec, f.Name):
			into[path+f.Name] = was[f.Name]
		case f.Type == kind.Object:
			held(spec, f.Fields, inner, path+f.Name+".", into)
		}
	}
}

// decides holds for a member on which the others of a kind depend.
func decides(spec *kind.Spec, name string) bool {
	return slices.ContainsFunc(spec.Variants, func(v kind.Variant) bool { return v.By == name })
}

// dies deletes a document, which is then gone.
func (m *maker) dies(d madeDocument) {
	m.t.Helper()
	if !slices.Contains(d.spec.Methods, "DELETE") {
		return
	}
	if d.spec.Last != "" { // the last one stays
		m.makeAt(d.spec, d.at, d.parent)
	}
	r := m.call("DELETE", d.self(), "")
	if solo := soloIn(d.spec.All(d.sent), d.sent); solo != "" {
		if r.StatusCode != 400 || len(r.detail()) == 0 {
			m.t.Errorf("%s with %s is deleted: %d %s", d.spec.Name, solo, r.StatusCode, r.raw)
		}
		return
	}
	if r.StatusCode != 204 || r.raw != "" {
		m.t.Errorf("DELETE %s: %d %s\n%s", d.self(), r.StatusCode, r.raw, brief(d.body))
		return
	}
	for _, method := range []string{"GET", "DELETE"} {
		if r := m.call(method, d.self(), ""); r.StatusCode != 404 || r.text("code") != "NOT_FOUND" || !strings.Contains(r.Header.Get("Content-Type"), "json") {
			m.t.Errorf("%s %s after it was deleted: %d %s", method, d.self(), r.StatusCode, r.raw)
		}
	}
}

// soloIn is the member that makes a document the only one of its kind.
func soloIn(fields []kind.Field, o object) string {
	for _, f := range fields {
		if f.Solo && o[f.Name] == true {
			return f.Name
		}
	}
	return ""
}
