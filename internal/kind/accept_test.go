package kind

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pixy/internal/fault"
)

// object reads a JSON object as a request's body is read.
func object(t testing.TB, text string) Body {
	t.Helper()
	if text == "" {
		return nil
	}
	b, err := Decode([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return b
}

func written(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func told(details []fault.Detail) string {
	var out []string
	for _, d := range details {
		out = append(out, d.Code+" "+d.Target+": "+d.Message)
	}
	return strings.Join(out, "\n")
}

// accept is Accept where nothing but the body can be wrong.
func accept(t testing.TB, fields []Field, mode Mode, before, sent Body, defaults Defaults) (Body, []fault.Detail) {
	t.Helper()
	body, details, err := Accept(fields, mode, before, sent, defaults)
	if err != nil {
		t.Fatal(err)
	}
	return body, details
}

// TestAcceptOneField holds one value against one field: what is stored, or
// what is said.
func TestAcceptOneField(t *testing.T) {
	const shown = "INVALID_VALUE x: "
	const unstorable = shown + "must not contain NUL or broken Unicode"
	text, number := Field{Type: Text}, Field{Type: Number}
	items := func(f Field) *Field { return &f }
	cases := []struct {
		name, sent string
		field      Field
		want       string // the stored object, or the details
	}{
		{"text", `"a"`, text, `{"x":"a"}`},
		{"empty text without bounds", `""`, text, `{"x":""}`},
		{"number for text", `1`, text, shown + "must be a string"},
		{"array for text", `["a"]`, text, shown + "must be a string"},
		{"NUL", `"a\u0000"`, text, unstorable},
		{"lone surrogate", `"a\ud800"`, text, unstorable},
		{"U+FFFD itself", `"\ufffd"`, text, unstorable},
		{"surrogate pair", `"\ud83d\ude00"`, text, `{"x":"😀"}`},
		{"as long as allowed, in characters", `"ééé"`, Field{Type: Text, MaxLen: 3}, `{"x":"ééé"}`},
		{"longer", `"éééé"`, Field{Type: Text, MaxLen: 3}, shown + "must be at most 3 characters long"},
		{"shorter", `"a"`, Field{Type: Text, MinLen: 2}, shown + "must be at least 2 characters long"},
		{"empty but needed", `""`, Field{Type: Text, Required: true}, "EMPTY_VALUE x: must not be empty"},
		{"empty with a least length", `""`, Field{Type: Text, MinLen: 2}, "EMPTY_VALUE x: must not be empty"},
		{"empty choice", `""`, Field{Type: Text, Enum: []string{"A"}}, "EMPTY_VALUE x: must not be empty"},
		{"choice", `"A"`, Field{Type: Text, Enum: []string{"A", "B"}}, `{"x":"A"}`},
		{"choice in another case", `"a"`, Field{Type: Text, Enum: []string{"A", "B"}}, shown + "must be one of A, B"},
		{"pattern", `"ab"`, Field{Type: Text, Pattern: regexp.MustCompile(`^a+$`)}, shown + "must match ^a+$"},
		{"shape", `"ab"`, Field{Type: Text, Shape: func(s string) string { return "is " + s }}, shown + "is ab"},
		{"text beyond the bound of all texts", `"` + strings.Repeat("a", 4097) + `"`, text, shown + "must be at most 4096 characters long"},

		{"time", `"2026-03-23T16:37:59.659Z"`, Field{Type: Time}, `{"x":"2026-03-23T16:37:59.659Z"}`},
		{"date for time", `"2026-03-23"`, Field{Type: Time}, shown + "must be a time such as 2026-03-23T16:37:59.659Z"},
		{"number for time", `1`, Field{Type: Time}, shown + "must be a time"},

		{"number", `-7`, number, `{"x":-7}`},
		{"a fraction is cut off", `5.99`, number, `{"x":5}`},
		{"also below zero", `-5.99`, number, `{"x":-5}`},
		{"exponent", `12e1`, number, `{"x":120}`},
		{"the largest integer", `9223372036854775807`, number, `{"x":9223372036854775807}`},
		{"beyond it", `9223372036854775808`, number, shown + "must be a whole number"},
		{"huge", `1e400`, number, shown + "must be a whole number"},
		{"text for number", `"5"`, number, shown + "must be a number"},
		{"true for number", `true`, number, shown + "must be a number"},
		{"least", `3`, Field{Type: Number, Min: 3, Max: 5}, `{"x":3}`},
		{"below", `2`, Field{Type: Number, Min: 3, Max: 5}, shown + "must be between 3 and 5"},
		{"above", `6`, Field{Type: Number, Min: 3, Max: 5}, shown + "must be between 3 and 5"},
		{"cut off to the most", `5.5`, Field{Type: Number, Min: 3, Max: 5}, `{"x":5}`},
		{"below zero where only the most is set", `-1`, Field{Type: Number, Max: 5}, shown + "must be between 0 and 5"},

		{"boolean", `false`, Field{Type: Boolean}, `{"x":false}`},
		{"text for boolean", `"true"`, Field{Type: Boolean}, shown + "must be true or false"},
		{"array for object", `[]`, Field{Type: Object}, shown + "must be an object"},
		{"object for array", `{}`, Field{Type: List, Items: items(text)}, shown + "must be an array"},

		{"array", `["a","b"]`, Field{Type: List, Items: items(text)}, `{"x":["a","b"]}`},
		{"array that is too long", `[1,2]`, Field{Type: List, MaxLen: 1, Items: items(text)}, "SIZE_LIMIT_EXCEEDED x: must have at most 1 elements"},
		{"empty array", `[]`, Field{Type: List, MinLen: 1, Items: items(text)}, "EMPTY_VALUE x: must not be empty"},
		{"wrong elements are all told", `[1,"a",null]`, Field{Type: List, Items: items(text)}, "INVALID_VALUE x[0]: must be a string\nINVALID_VALUE x[2]: must be a string"},
		{"array in array", `[[1.5]]`, Field{Type: List, Items: items(Field{Type: List, Items: items(number)})}, `{"x":[[1]]}`},
		{"members of elements", `[{"y":"b"},{}]`, Field{Type: List, Items: items(Field{Type: Object, Fields: []Field{{Name: "y", Required: true}}})},
			"REQUIRED_VALUE x[1].y: must not be null"},

		{"anything", `{"a":[1.50,null,{"b":"c"}]}`, Field{Type: Opaque}, `{"x":{"a":[1.50,null,{"b":"c"}]}}`},
		{"NUL deep in anything", `{"a":[{"b":"\u0000"}]}`, Field{Type: Opaque}, unstorable},
		{"NUL in a member's name", `{"a":[{"\u0000":1}]}`, Field{Type: Opaque}, unstorable},
		{"surrogate in a member's name", `{"\ud800":1}`, Field{Type: Opaque}, unstorable},

		{"null is left out", `null`, text, `{}`},
		{"null where needed", `null`, Field{Type: Text, Required: true}, "REQUIRED_VALUE x: must not be null"},
		{"null takes the default", `null`, Field{Type: Text, Default: "d"}, `{"x":"d"}`},
		{"read-only is ignored, whatever it is", `{"not":"even a text"}`, Field{Type: Text, Access: ReadOnly}, `{}`},
		{"read-only takes its default", `"mine"`, Field{Type: Text, Access: ReadOnly, Default: "ours"}, `{"x":"ours"}`},
		{"read-only is never needed", `null`, Field{Type: Text, Access: ReadOnly, Required: true}, `{}`},
		{"immutable is taken", `"a"`, Field{Type: Text, Access: Immutable}, `{"x":"a"}`},
		{"kept is taken", `"a"`, Field{Type: Text, Access: Kept}, `{"x":"a"}`},
		{"folded", `"ÉRIC Straße"`, Field{Type: Text, Fold: true}, `{"x":"ÉRIC Straße","xKey":"éric strasse"}`},
	}
	for _, c := range cases {
		c.field.Name = "x"
		body, details := accept(t, []Field{c.field}, Create, nil, object(t, `{"x":`+c.sent+`,"unknown":1}`), nil)
		got := written(t, body)
		if len(details) > 0 {
			got = told(details)
		}
		if got != c.want {
			t.Errorf("%s: %s became\n%s\nnot\n%s", c.name, c.sent, got, c.want)
		}
	}
}

// The sentence "must be between 1 and 2147483647" must be true: a number of
// seconds beyond it overflows what it is computed with.
func TestNumberWithoutMostIsBoundedAsItSays(t *testing.T) {
	for _, sent := range []string{"2147483648", "9223372036854775807"} {
		body, details := accept(t, []Field{{Name: "x", Type: Number, Min: 1}}, Create, nil, object(t, `{"x":`+sent+`}`), nil)
		if len(details) == 0 {
			t.Errorf("%s was taken as %v; the field says its most is 2147483647", sent, body["x"])
		}
	}
}

// SQLite reads JSON of at most 1000 levels: what is nested deeper must be
// refused here, where it can be said, and not by the database.
func TestOpaqueIsBoundedInDepth(t *testing.T) {
	fields := []Field{{Name: "x", Type: Opaque}}
	for depth, good := range map[int]bool{20: true, 1000: false, 5000: false} {
		for _, open := range []string{"[", `{"a":`} {
			inner := strings.Repeat(open, depth) + "1" + strings.Repeat(map[string]string{"[": "]", `{"a":`: "}"}[open], depth)
			body, err := Decode([]byte(`{"x":` + inner + `}`))
			if err == nil {
				if _, details := accept(t, fields, Create, nil, body, nil); len(details) > 0 {
					err = fault.Invalid.Detailed(details...)
				}
			}
			if (err == nil) != good {
				t.Errorf("%d levels of %s: %.200v", depth, open, err)
			}
		}
	}
}

func TestAcceptTellsInnerError(t *testing.T) {
	fields := []Field{
		{Name: "n", Type: Number, Min: 1, Max: 5}, {Name: "s", Type: Text, MinLen: 2}, {Name: "l", Type: Text, MaxLen: 2},
		{Name: "c", Type: Text, Enum: []string{"A"}}, {Name: "p", Type: Text, Pattern: regexp.MustCompile("^a$")}, {Name: "a", Type: List, MaxLen: 1, Items: &Field{}},
	}
	_, details := accept(t, fields, Create, nil, object(t, `{"n":6,"s":"a","l":"abc","c":"B","p":"b","a":["x","y"]}`), nil)
	want := `[{"rangeMaximumValue":5,"rangeMinimumValue":1},{"rangeMinimumValue":2},{"rangeMaximumValue":2},{"allowedValues":["A"]},{"allowedPattern":"^a$"},{"maximumValue":1}]`
	var inner []any
	for _, d := range details {
		inner = append(inner, d.Inner)
	}
	if got := written(t, inner); got != want {
		t.Errorf("got %s\nnot %s", got, want)
	}
}

// noun is a table with one field of each access and each kind of default.
func noun() []Field {
	return []Field{
		{Name: "name", Type: Text, Required: true, MinLen: 1, Fold: true},
		{Name: "kind", Type: Text, Required: true, Access: Immutable},
		{Name: "since", Type: Text, Access: ReadOnly, Default: "ever"},
		{Name: "enabled", Type: Boolean, Default: true, Access: Kept},
		{Name: "length", Type: Object, Default: Body{"min": 8}, Fields: []Field{
			{Name: "min", Type: Number, Min: 8, Max: 32, Default: 8}, {Name: "max", Type: Number, Default: 255}, {Name: "seen", Type: Text, Access: ReadOnly},
		}},
		ID("policy", "policy").OrDefault(),
		{Name: "tags", Type: List, Default: []any{"a"}, Items: &Field{Type: Text}},
	}
}

func defaultPolicy(kind string) (string, error) {
	if kind == "policy" {
		return "p1", nil
	}
	return "", nil
}

func TestAcceptCreate(t *testing.T) {
	cases := []struct {
		name, sent, want string
		defaults         Defaults
	}{
		{"defaults, also nested and the environment's", `{"name":"N","kind":"K"}`,
			`{"enabled":true,"kind":"K","length":{"max":255,"min":8},"name":"N","nameKey":"n","policy":{"id":"p1"},"since":"ever","tags":["a"]}`, defaultPolicy},
		{"nested defaults beside what is sent", `{"name":"N","kind":"K","enabled":false,"length":{"max":9,"seen":"x"},"policy":{"id":"p2"},"tags":[],"since":"now","id":"i"}`,
			`{"enabled":false,"kind":"K","length":{"max":9,"min":8},"name":"N","nameKey":"n","policy":{"id":"p2"},"since":"ever","tags":[]}`, defaultPolicy},
		{"everything wrong at once", `{"name":"","enabled":"yes","length":{"min":1,"max":"many"},"policy":{"id":1},"tags":[1,"b",2]}`,
			"EMPTY_VALUE name: must not be empty\nREQUIRED_VALUE kind: must not be null\nINVALID_VALUE enabled: must be true or false\n" +
				"INVALID_VALUE length.min: must be between 8 and 32\nINVALID_VALUE length.max: must be a number\nINVALID_VALUE policy.id: must be a string\n" +
				"INVALID_VALUE tags[0]: must be a string\nINVALID_VALUE tags[2]: must be a string", defaultPolicy},
		{"no default of the environment", `{"name":"N","kind":"K"}`,
			"REQUIRED_VALUE policy: must be given, because the environment has no default", func(string) (string, error) { return "", nil }},
		{"a reference without its id", `{"name":"N","kind":"K","policy":{}}`, "REQUIRED_VALUE policy.id: must not be null", defaultPolicy},
	}
	for _, c := range cases {
		body, details := accept(t, noun(), Create, nil, object(t, c.sent), c.defaults)
		got := written(t, body)
		if len(details) > 0 {
			got = told(details)
		}
		if got != c.want {
			t.Errorf("%s:\n%s\nnot\n%s", c.name, got, c.want)
		}
	}
}

func TestAcceptReplace(t *testing.T) {
	const before = `{"name":"N","nameKey":"n","kind":"K","since":"2020","enabled":false,"length":{"min":9,"max":10,"seen":"then"},"policy":{"id":"p9"},"tags":["t"],"parent":"q"}`
	cases := []struct{ name, sent, want string }{
		{"what is left out goes back to its default; read-only, immutable and kept stay", `{"name":"M"}`,
			`{"enabled":false,"kind":"K","length":{"max":255,"min":8},"name":"M","nameKey":"m","policy":{"id":"p1"},"since":"2020","tags":["a"]}`},
		{"another kept is ignored, whatever it is", `{"name":"N","kind":"K","enabled":"yes"}`,
			`{"enabled":false,"kind":"K","length":{"max":255,"min":8},"name":"N","nameKey":"n","policy":{"id":"p1"},"since":"2020","tags":["a"]}`},
		{"read-only and the same kept are ignored", `{"name":"N","since":"x","enabled":false,"length":{"seen":"now"}}`,
			`{"enabled":false,"kind":"K","length":{"max":255,"min":8,"seen":"then"},"name":"N","nameKey":"n","policy":{"id":"p1"},"since":"2020","tags":["a"]}`},
		{"the same immutable", `{"name":"N","kind":"K"}`,
			`{"enabled":false,"kind":"K","length":{"max":255,"min":8},"name":"N","nameKey":"n","policy":{"id":"p1"},"since":"2020","tags":["a"]}`},
		{"another immutable", `{"name":"N","kind":"L"}`, "INVALID_VALUE kind: must not be changed once it is set"},
		{"both wrong", `{"kind":"L"}`, "REQUIRED_VALUE name: must not be null\nINVALID_VALUE kind: must not be changed once it is set"},
	}
	for _, c := range cases {
		was := object(t, before)
		body, details := accept(t, noun(), Replace, was, object(t, c.sent), defaultPolicy)
		got := written(t, body)
		if len(details) > 0 {
			got = told(details)
		}
		if got != c.want {
			t.Errorf("%s:\n%s\nnot\n%s", c.name, got, c.want)
		}
		if !reflect.DeepEqual(was, object(t, before)) {
			t.Errorf("%s: the stored body was changed to %s", c.name, written(t, was))
		}
	}
}

// A default is a value of the table: a document that changes its copy must not
// change what the next one gets.
func TestDefaultsAreCopies(t *testing.T) {
	fields := []Field{{Name: "o", Type: Opaque, Default: Body{"in": []any{"a"}}}}
	one, _ := accept(t, fields, Create, nil, Body{}, nil)
	one["o"].(Body)["in"].([]any)[0] = "spoilt"
	two, _ := accept(t, fields, Create, nil, Body{}, nil)
	if got := written(t, two); got != `{"o":{"in":["a"]}}` {
		t.Errorf("the default is now %s", got)
	}
}

func TestDecode(t *testing.T) {
	cases := []struct {
		raw, want string // "" is refused
	}{
		{`{}`, `{}`},
		{" {\"a\":1.50}\n", `{"a":1.50}`},
		{`{"a":123456789012345678901234567890}`, `{"a":123456789012345678901234567890}`},
		{`{"a":1,"a":2}`, ""}, {`{"b":{"a":1,"a":1}}`, ""},
		{``, ""}, {`[]`, ""}, {`null`, ""}, {`"a"`, ""}, {`{} {}`, ""}, {`{}x`, ""}, {`{"a":}`, ""}, {`{"a":1`, ""}, {`{'a':1}`, ""},
		{"\ufeff{}", ""}, {"{\"a\":\"\xff\"}", ""}, {`{"a":01}`, ""}, {`{"a":NaN}`, ""},
		{strings.Repeat(`{"a":`, 20000) + `1` + strings.Repeat(`}`, 20000), ""},
	}
	for _, c := range cases {
		b, err := Decode([]byte(c.raw))
		if got := written(t, b); (err == nil) != (c.want != "") || err == nil && got != c.want {
			t.Errorf("%.60q became %s, %v", c.raw, got, err)
		}
	}
}

func TestFoldText(t *testing.T) {
	for _, pair := range [][2]string{{"JOE", "joe"}, {"Straße", "STRASSE"}, {"e\u0301", "É"}, {"ΣΊΣΥΦΟΣ", "σίσυφοσ"}, {"\u1e9e", "ss"}, {"K", "\u212a"}, {"ｊ", "Ｊ"}} {
		if a, b := FoldText(pair[0]), FoldText(pair[1]); a != b {
			t.Errorf("%q folds to %q, %q to %q", pair[0], a, pair[1], b)
		}
	}
	for _, pair := range [][2]string{{"joe", "joé"}, {"i", "ı"}, {"j", "ｊ"}, {"a b", "ab"}} {
		if FoldText(pair[0]) == FoldText(pair[1]) {
			t.Errorf("%q and %q are not the same name", pair[0], pair[1])
		}
	}
}

// Of decodes stored bodies for the rules; a body that is not what the table
// says must not be taken for an empty one.
func TestOfReportsBrokenBodies(t *testing.T) {
	type thing struct {
		N int `json:"n"`
	}
	refuse := func(before *thing, after thing) []fault.Detail {
		return []fault.Detail{{Message: fmt.Sprint(before != nil, after.N)}}
	}
	k := &Of[thing]{Spec: Spec{Name: "thing"}, Rules: refuse,
		Entries: func(v thing, _ Gift) []Entry { return []Entry{{ID: fmt.Sprint(v.N)}} },
		Stays:   func(v thing) error { return fault.Needed.Saying() }}
	good, bad := json.RawMessage(`{"n":1}`), json.RawMessage(`{"n":"x"}`)
	if d, err := k.Refuse(nil, good); err != nil || d[0].Message != "false 1" {
		t.Error(d, err)
	}
	if d, err := k.Refuse(good, good); err != nil || d[0].Message != "true 1" {
		t.Error(d, err)
	}
	if e, err := k.With(good, Gift{}); err != nil || e[0].ID != "1" {
		t.Error(e, err)
	}
	_, errAfter := k.Refuse(nil, bad)
	_, errBefore := k.Refuse(bad, good)
	_, errWith := k.With(bad, Gift{})
	for _, err := range []error{errAfter, errBefore, errWith, k.Undeletable(bad)} {
		if err == nil || !strings.Contains(err.Error(), "reading a stored thing") {
			t.Errorf("got %v", err)
		}
	}
	if k.Undeletable(good) == nil {
		t.Error("what stays may not be deleted")
	}
	bare := &Of[thing]{}
	d, errRefuse := bare.Refuse(nil, bad)
	e, errWith := bare.With(bad, Gift{})
	s, errShow := bare.Show("", bad, nil, testTime())
	if len(d)+len(e)+len(s) > 0 || errRefuse != nil || errWith != nil || errShow != nil || bare.Undeletable(bad) != nil {
		t.Error("a kind without rules has something to say")
	}
	if b := (Body{"a": 1}); !reflect.DeepEqual(bare.Fill(b, nil), b) {
		t.Error("a kind without Prepare changes the body")
	}
}
