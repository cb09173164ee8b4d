package test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/server"
)

// spoiling is one way to make a valid body invalid.
type spoiling struct {
	what   string
	target string // the field that the refusal must name, "" for none
	body   string
	may    bool // it may be accepted all the same
	kept   bool // it is null for what can't be changed: PUT and PATCH may leave that as it is
}

// spot is a value in a body, and the field it is of.
type spot struct {
	field *kind.Field
	path  string
	set   func(any)
}

// spots are the values of a body that its caller writes.
func spots(fields []kind.Field, o object, path string) []spot {
	var out []spot
	for i := range fields {
		f := &fields[i]
		v, given := o[f.Name]
		if !given || !taken(f) {
			continue
		}
		out = append(out, spot{f, path + f.Name, func(v any) { o[f.Name] = v }})
		if inner, ok := v.(object); ok && f.Type == kind.Object {
			out = append(out, spots(f.Fields, inner, path+f.Name+".")...)
		}
		if list, ok := v.([]any); ok && f.Type == kind.List {
			for i := range list {
				at := fmt.Sprintf("%s%s[%d]", path, f.Name, i)
				out = append(out, spot{f.Items, at, func(v any) { list[i] = v }})
				if inner, ok := list[i].(object); ok {
					out = append(out, spots(f.Items.Fields, inner, at+".")...)
				}
			}
		}
	}
	return out
}

// What stands in a body where raw text is put that no encoder writes.
const placeholder = "PLACEHOLDER"

// spoil makes a valid body invalid in a random way.
func (m *maker) spoil(spec *kind.Spec, b object) spoiling {
	all := spots(tableOf(spec, b), b, "")
	if len(all) == 0 || m.g.once(4) {
		return m.spoilWhole(b)
	}
	at := pickOne(m.g.r, all...)
	wrong, raw, what := m.wrongValue(at.field)
	if what == "" {
		return m.spoilWhole(b)
	}
	at.set(wrong)
	return spoiling{what: what, target: at.path, kept: wrong == nil && (at.field.Access == kind.Immutable || at.field.Access == kind.Given || at.field.Access == kind.Confided), body: strings.Replace(jsonOf(b), `"`+placeholder+`"`, raw, 1)}
}

// wrongValue is a value that a field can't have, or raw JSON in its place.
func (m *maker) wrongValue(f *kind.Field) (value any, raw, what string) {
	texty := f.Type == kind.Text || f.Type == kind.Time
	type wrong struct {
		applies bool
		value   any
		raw     string
		what    string
	}
	all := []wrong{
		{texty || f.Type == kind.Opaque, placeholder, `"a\u0000b"`, "NUL"},
		{texty || f.Type == kind.Opaque, placeholder, pickOne(m.g.r, `"\ud800"`, `"a\udfffb"`, `"\ud83d\ud83d"`), "half a surrogate pair"},
		{texty, pickOne[any](m.g.r, 1, true, []any{}, object{}, []any{"x"}, object{"id": "x"}), "", "no text"},
		{texty, strings.Repeat("a", bound(f)+1), "", "too long a text"},
		{texty && f.MinLen > 1, strings.Repeat("a", max(f.MinLen-1, 1)), "", "too short a text"},
		{texty && f.Enum != nil, "NONE_OF_THEM", "", "none of the values"},
		{texty && f.Ref != "", "6c796712-0f16-4062-815a-e0a92f4a2143", "", "a reference to nothing"},
		{f.Type == kind.Time, "yesterday", "", "no time"},
		{texty && f.Pattern != nil && !f.Pattern.MatchString("\x01\t$^"), "\x01\t$^", "", "what the pattern does not match"},
		{f.Type == kind.Number, pickOne[any](m.g.r, "1", true, []any{1}, object{}), "", "no number"},
		{f.Type == kind.Number, placeholder, pickOne(m.g.r, "1e400", "-1e999999", "99999999999999999999", "1e308", "-9223372036854775809"), "a huge number"},
		{f.Type == kind.Number && f.Min != 0, f.Min - 1, "", "too small a number"},
		{f.Type == kind.Number && f.Max != 0, f.Max + 1, "", "too big a number"},
		{f.Type == kind.Boolean, pickOne[any](m.g.r, "true", 1, []any{true}, object{}), "", "neither true nor false"},
		{f.Type == kind.Object, pickOne[any](m.g.r, "x", 1, false, []any{}, []any{object{}}), "", "no object"},
		{f.Type == kind.List, pickOne[any](m.g.r, "x", 1, false, object{}, object{"0": "x"}), "", "no array"},
		{f.Type == kind.List && f.MaxLen > 0, slices.Repeat([]any{"x"}, f.MaxLen+1), "", "too long an array"},
		{f.Type == kind.List && f.MinLen > 0, []any{}, "", "too short an array"},
		{f.Type == kind.List && f.Items != nil && f.Items.Type != kind.Opaque, []any{[]any{[]any{}}}, "", "an array of arrays"},
		{f.Required && f.Default == nil, nil, "", "null for what is required"},
	}
	all = slices.DeleteFunc(all, func(w wrong) bool { return !w.applies })
	if len(all) == 0 {
		return nil, "", ""
	}
	w := pickOne(m.g.r, all...)
	return w.value, w.raw, w.what
}

// spoilWhole makes nonsense of a whole body.
func (m *maker) spoilWhole(b object) spoiling {
	good := jsonOf(b)
	deep := 101 + m.g.r.IntN(3000)
	member := func(raw string) string { return strings.Replace(good, "{", `{"unknown":`+raw+`,`, 1) }
	if len(b) == 0 {
		member = func(raw string) string { return `{"unknown":` + raw + `}` }
	}
	return pickOne(m.g.r,
		spoiling{what: "deep arrays", body: member(strings.Repeat("[", deep) + strings.Repeat("]", deep))},
		spoiling{what: "deep objects", body: member(strings.Repeat(`{"a":`, deep) + "1" + strings.Repeat("}", deep))},
		spoiling{what: "half a body", body: good[:len(good)-1]},
		spoiling{what: "an array in place of the object", body: "[" + good + "]"},
		spoiling{what: "no object", body: pickOne(m.g.r, "null", "1", `"x"`, "true", "[]", "nul")},
		spoiling{what: "two bodies", body: good + good},
		spoiling{what: "a member twice", body: strings.Replace(member("1"), "{", `{"unknown":2,`, 1)},
		spoiling{what: "what is not UTF-8", body: member("\"\xff\xfe\"")},
		spoiling{what: "any JSON", body: jsonOf(m.g.anything(4)), may: true},
		spoiling{what: "random members", body: m.jumble(), may: true},
		spoiling{what: "an unknown member", body: member(jsonOf(m.g.anything(3))), may: true},
		spoiling{what: "negative numbers", body: regexp.MustCompile(`:[0-9]+([,}])`).ReplaceAllString(good, ":-7$1"), may: true},
		spoiling{what: "nulls", body: regexp.MustCompile(`"[^"\\]*"([,}\]])`).ReplaceAllString(good, "null$1"), may: true},
	)
}

// jumble is an object with members of all kinds, each with any value.
func (m *maker) jumble() string {
	names := []string{"value", "newPassword", "currentPassword", "password", "forceChange", "previous", "expiresAt", "filter", "secret", "id", "products", "status", "enabled", "role", "scope", "items"}
	for _, spec := range m.kinds {
		for _, f := range spec.Every() {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	o := object{}
	for range 1 + m.g.r.IntN(8) {
		o[pickOne(m.g.r, names...)] = m.g.anything(3)
	}
	return jsonOf(o)
}

// stopwatch remembers the slowest answer.
type stopwatch struct {
	sent, accepted int
	slowest        time.Duration
	what           string
}

func (s *stopwatch) call(m *maker, method, path, body, media string) response {
	began := time.Now()
	r := m.send(method, path, body, header{"Authorization": "Bearer " + m.admin, "Content-Type": media})
	s.sent++
	if took := time.Since(began); took > s.slowest {
		s.slowest, s.what = took, fmt.Sprintf("%s %s %.200s", method, path, body)
	}
	return r
}

// isModel says what is wrong with a refusal in the platform's error model.
func isModel(r response) string {
	id := r.Header.Get("Correlation-Id")
	details, hasDetails := r.body["details"].([]any)
	switch {
	case r.StatusCode < 400 || r.StatusCode > 499:
		return "it is not a 4xx"
	case r.Header.Get("Content-Type") != "application/json":
		return "its Content-Type is " + r.Header.Get("Content-Type")
	case len(id) != 36 || r.text("id") != id:
		return "its id is not the correlation id " + id
	case r.text("code") == "" || r.text("message") == "":
		return "it has no code or message"
	case r.body["details"] != nil && (!hasDetails || len(details) == 0):
		return "its details are empty"
	}
	for _, d := range details {
		if o, _ := d.(object); text(o["code"]) == "" || text(o["message"]) == "" || o["code"] == nil || o["message"] == nil {
			return "a detail has no code or message"
		}
	}
	return ""
}

// TestEveryKindRefuses sends random invalid bodies to every kind's collection
// and elements: each is refused in the error model, and the refusal names the
// field.
func TestEveryKindRefuses(t *testing.T) {
	t.Parallel()
	seed := propertySeed(t)
	watch := &stopwatch{}
	for i, k := range platform.Kinds() {
		spec := k.Table()
		if !slices.Contains(spec.Methods, "POST") || slices.Contains(cannotBeMade, spec.Name) {
			continue
		}
		for _, parent := range parents(spec) {
			t.Run(spec.Name+" under "+parent, func(t *testing.T) {
				m := newMaker(t, seed, uint64(100+i))
				stands := m.make(spec, parent)
				m.forget(stands)
				for i, wrong := 0, 0; i < 60 && wrong < 3; i++ {
					if !m.refused(spec, stands, watch) {
						wrong++
					}
				}
			})
		}
	}
	t.Logf("%d invalid bodies, %d of them harmless, the slowest answered in %v: %s", watch.sent, watch.accepted, watch.slowest, watch.what)
	if watch.slowest > 5*time.Second {
		t.Errorf("an answer took %v", watch.slowest)
	}
}

func (m *maker) refused(spec *kind.Spec, stands madeDocument, watch *stopwatch) (right bool) {
	m.t.Helper()
	b, method, path := m.valid(spec, stands.parent), "POST", stands.at
	if change := pickOne(m.g.r, "POST", "POST", "PUT", "PATCH"); change != "POST" && slices.Contains(spec.Methods, change) {
		b, method, path = m.another(stands), change, stands.self()
	}
	s := m.spoil(spec, b)
	r := watch.call(m, method, path, s.body, "application/json")
	wrong, heard := "", !unheard(spec, method, s.target) && (!s.kept || method == "POST")
	switch problem := isModel(r); {
	case r.StatusCode >= 200 && r.StatusCode < 300 && !s.may && heard:
		wrong = "accepted"
	case r.body["unknown"] != nil:
		wrong = "an unknown member is echoed"
	case r.StatusCode >= 200 && r.StatusCode < 300:
		watch.accepted++
	case problem != "":
		wrong = problem
	case s.target != "" && !namesTarget(r, s.target, method != "POST") && heard:
		wrong = "no detail names the field"
	}
	if wrong != "" {
		m.t.Errorf("%s: %s of a %s with %s at '%s': %d %s\nsent %s", wrong, method, spec.Name, s.what, s.target, r.StatusCode, brief(r.raw), brief(s.body))
	}
	return wrong == ""
}

// unheard holds for what PUT and PATCH take no notice of, because it has an
// endpoint of its own.
func unheard(spec *kind.Spec, method, target string) bool {
	top, _, _ := strings.Cut(target, ".")
	return method != "POST" && slices.ContainsFunc(spec.Every(), func(f kind.Field) bool { return f.Name == top && f.Access == kind.Kept })
}

// namesTarget reports whether a refusal names a field, or something in it. One
// that is in what can't be changed may be named by that.
func namesTarget(r response, target string, change bool) bool {
	details, _ := r.body["details"].([]any)
	return slices.ContainsFunc(details, func(d any) bool {
		o, _ := d.(object)
		named := text(o["target"])
		return named == target || strings.HasPrefix(named, target+"[") || strings.HasPrefix(named, target+".") ||
			change && strings.HasPrefix(target, named+".") && o["message"] == "must not be changed once it is set"
	})
}

// TestEveryEndpointRefuses sends random JSON to every other endpoint of the
// management API that takes it: never a 5xx.
func TestEveryEndpointRefuses(t *testing.T) {
	t.Parallel()
	seed := propertySeed(t)
	m, watch := newMaker(t, seed, 7), &stopwatch{}
	ids := map[string]string{"environment": m.env}
	for _, r := range m.server.Routes() {
		if !strings.HasPrefix(r.Path, "/v1/") || len(r.Media) == 0 {
			continue
		}
		path := m.realPath(r, ids)
		for range 25 {
			body := pickOne(m.g.r, m.jumble(), m.jumble(), m.spoilWhole(object{"name": "x"}).body)
			media := pickOne(m.g.r, r.Media...)
			a := watch.call(m, r.Method, path, body, media)
			if a.StatusCode < 200 || a.StatusCode > 299 {
				if problem := isModel(a); problem != "" {
					t.Errorf("%s: %s %s (%s): %d %.500s\nsent %.700s", problem, r.Method, path, media, a.StatusCode, a.raw, body)
				}
			}
		}
	}
	t.Logf("%d bodies, the slowest answered in %v: %s", watch.sent, watch.slowest, watch.what)
}

var idInPath = regexp.MustCompile(`\{(\w+)\}`)

// realPath is a route's path with ids of documents that stand: those that were
// made for it, or else ids of nothing.
func (m *maker) realPath(r server.Route, ids map[string]string) string {
	return idInPath.ReplaceAllStringFunc(r.Path, func(name string) string {
		name = strings.Trim(name, "{}")
		spec := m.kinds[name]
		if ids[name] == "" && spec != nil && slices.Contains(spec.Methods, "POST") && slices.Contains(spec.Parents, "environment") {
			ids[name] = m.make(spec, "environment").id
		}
		if ids[name] == "" {
			return "6c796712-0f16-4062-815a-e0a92f4a2143"
		}
		return ids[name]
	})
}

// TestNumbersAtTheEdge gives every number of every kind the values at which
// arithmetic goes wrong. Taken or refused, none is a fault of the server.
func TestNumbersAtTheEdge(t *testing.T) {
	t.Parallel()
	seed := propertySeed(t)
	for i, k := range platform.Kinds() {
		spec := k.Table()
		if !slices.Contains(spec.Methods, "POST") || slices.Contains(cannotBeMade, spec.Name) || spec.Name == "environment" {
			continue
		}
		m := newMaker(t, seed, uint64(900+i))
		at, parent := m.home(spec, parents(spec)[0])
		for _, edge := range []string{"0", "-1", "-0", "-1000", "2147483648", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1.999", "-1.5", "1e9", "1e18", "-1e30"} {
			for j := 0; ; j++ { // one number at a time, or the first that is refused hides the others
				m.g.full = true
				b := m.valid(spec, parent)
				m.g.full = false
				numbers := slices.DeleteFunc(spots(tableOf(spec, b), b, ""), func(s spot) bool { return s.field.Type != kind.Number })
				if j >= len(numbers) || j >= 30 {
					break
				}
				numbers[j].set(placeholder)
				body := strings.ReplaceAll(jsonOf(b), `"`+placeholder+`"`, edge)
				r := m.call("POST", at, body)
				if problem := isModel(r); r.StatusCode > 299 && problem != "" {
					t.Errorf("%s: POST of a %s with %s at %s: %d %s\nsent %s", problem, spec.Name, edge, numbers[j].path, r.StatusCode, brief(r.raw), brief(body))
				}
			}
		}
	}
}
