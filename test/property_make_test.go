package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/server"
)

// maker makes documents of every kind through the API: valid ones by their
// tables, with the parents and the references that they need.
type maker struct {
	*world
	g      *generator
	kinds  map[string]*kind.Spec
	made   map[string][]madeDocument
	making []string // the kinds whose document is being made, for a reference to itself
}

// madeDocument is a document that was made, and where.
type madeDocument struct {
	spec   *kind.Spec
	at     string // the path of its collection
	id     string
	parent string
	sent   object
	body   string // as it was answered
	header map[string][]string
}

func (d madeDocument) self() string { return d.at + "/" + d.id }

func newMaker(t testing.TB, seed1, seed2 uint64, change ...func(*server.Config)) *maker {
	m := &maker{world: newWorld(t, change...), kinds: map[string]*kind.Spec{}, made: map[string][]madeDocument{}}
	m.g = &generator{r: rand.New(rand.NewPCG(seed1, seed2)), refers: m.refers}
	for _, k := range platform.Kinds() {
		m.kinds[k.Table().Name] = k.Table()
	}
	return m
}

// call makes a request as the worker, with a JSON body when it is not "".
func (m *maker) call(method, path, body string) response {
	m.t.Helper()
	h := header{"Authorization": "Bearer " + m.admin}
	if body != "" {
		h["Content-Type"] = "application/json"
	}
	return m.send(method, path, body, h)
}

// parents are the kinds under which a kind is served, "" for the top.
func parents(spec *kind.Spec) []string {
	if len(spec.Parents) == 0 {
		return []string{""}
	}
	return spec.Parents
}

// home is a place for a new document under a kind of parent: the path of its
// collection, and the parent's id. A parent other than the environment is made
// for it.
func (m *maker) home(spec *kind.Spec, parent string) (at, id string) {
	m.t.Helper()
	switch parent {
	case "":
		return "/v1/" + spec.Plural, ""
	case "environment":
		return "/v1/environments/" + m.env + "/" + spec.Plural, m.env
	}
	of := m.kinds[parent]
	if !slices.Contains(of.Methods, "POST") {
		at, id := m.born(of)
		return at + "/" + id + "/" + spec.Plural, id
	}
	p := m.make(of, parents(of)[0])
	return p.self() + "/" + spec.Plural, p.id
}

// born finds a document that stood before the test, and where it is listed.
func (m *maker) born(spec *kind.Spec) (at, id string) {
	m.t.Helper()
	at, _ = m.home(spec, parents(spec)[0])
	r := m.call("GET", at, "").want(200)
	list, _ := r.body["_embedded"].(object)[listKey(spec)].([]any)
	if len(list) == 0 {
		return at, ""
	}
	first, _ := pickOne(m.g.r, list...).(object)
	return at, text(first["id"])
}

func listKey(spec *kind.Spec) string {
	if spec.Key != "" {
		return spec.Key
	}
	return spec.Plural
}

// valid is a body that the kind accepts at this place, nil when there is none
// because what it must refer to is not there.
func (m *maker) valid(spec *kind.Spec, parent string) object {
	return m.validWith(spec, parent, nil)
}

// validWith is a valid body with some values given, by their paths.
func (m *maker) validWith(spec *kind.Spec, parent string, given object) object {
	for range 20 {
		pins := m.pins(spec.Name)
		if given != nil {
			if pins == nil {
				pins = object{}
			}
			maps.Copy(pins, given)
		}
		if spec.By != "" {
			pins = object{"id": m.other(spec.By, parent)}
		}
		b := m.g.body(spec, pins)
		if lacksRequired(tableOf(spec, b), b) {
			continue
		}
		if repair := repairs[spec.Name]; repair != nil {
			repair(b)
		}
		return b
	}
	return nil
}

// tableOf is the table of fields of a body. One of a kind whose elements stand
// for other documents names that by its id.
func tableOf(spec *kind.Spec, b object) []kind.Field {
	if spec.By == "" {
		return spec.All(b)
	}
	id := kind.ID("", spec.By).Fields
	return append(id, slices.DeleteFunc(slices.Clone(spec.Fields), func(f kind.Field) bool { return f.Name == spec.By })...)
}

// other is the id of a document that is not this one.
func (m *maker) other(of, than string) string {
	for {
		if id := m.refers(of, ""); id != than {
			return id
		}
	}
}

// make makes a document of a kind under a kind of parent.
func (m *maker) make(spec *kind.Spec, parent string) madeDocument {
	m.t.Helper()
	m.making = append(m.making, spec.Name)
	defer func() { m.making = m.making[:len(m.making)-1] }()
	at, id := m.home(spec, parent)
	return m.makeAt(spec, at, id)
}

func (m *maker) makeAt(spec *kind.Spec, at, parent string) madeDocument {
	m.t.Helper()
	sent := m.valid(spec, parent)
	if sent == nil {
		m.t.Fatalf("no valid %s can be made: what it must refer to is missing", spec.Name)
	}
	r := m.call("POST", at, jsonOf(sent))
	if r.StatusCode != 201 && (r.StatusCode != 200 || !slices.Contains(answersCreationWith200, spec.Name)) {
		m.t.Fatalf("a valid %s is refused: %d %s\nPOST %s %s", spec.Name, r.StatusCode, brief(r.raw), at, jsonOf(sent))
	}
	d := madeDocument{spec: spec, at: at, id: r.text("id"), parent: parent, sent: sent, body: r.raw, header: r.Header}
	m.made[spec.Name] = append(m.made[spec.Name], d)
	return d
}

// forget lets nothing refer to a document from now on.
func (m *maker) forget(d madeDocument) {
	m.made[d.spec.Name] = slices.DeleteFunc(m.made[d.spec.Name], func(o madeDocument) bool { return o.id == d.id })
}

// refers finds or makes a document to refer to.
func (m *maker) refers(of, within string) string {
	spec := m.kinds[of]
	if spec == nil {
		return ""
	}
	var ids []string
	for _, d := range m.made[of] {
		if within == "" || d.parent == within {
			ids = append(ids, d.id)
		}
	}
	if len(ids) > 0 && (len(ids) > 2 || m.g.once(2)) {
		return pickOne(m.g.r, ids...)
	}
	switch {
	case slices.Contains(m.making, of):
		return ""
	case !slices.Contains(spec.Methods, "POST"):
		_, id := m.born(spec)
		return id
	case within == "":
		keep := *m.g // the body that is being made
		defer func() { *m.g = keep }()
		return m.make(spec, parents(spec)[0]).id
	}
	for _, p := range m.made[parents(spec)[0]] {
		if p.id == within {
			keep := *m.g
			defer func() { *m.g = keep }()
			return m.makeAt(spec, p.self()+"/"+spec.Plural, p.id).id
		}
	}
	return ""
}

// jsonOf writes a value as JSON, without escaping what HTML would need.
func jsonOf(v any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSpace(out.String())
}

// exactly reads a JSON object with its numbers as they are written.
func exactly(raw string) object {
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	var out object
	if err := d.Decode(&out); err != nil {
		return object{"not an object": fmt.Sprint(err, raw)}
	}
	return out
}

// brief is as much of a text as a failure needs.
func brief(s string) string {
	const most = 1200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
