package kind

import (
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pixy/internal/fault"
)

// held is what a body becomes, or what is said about it.
func held(t *testing.T, fields []Field, before, sent string) string {
	t.Helper()
	mode := Create
	if before != "" {
		mode = Replace
	}
	was := object(t, before)
	body, details := accept(t, fields, mode, was, object(t, sent), nil)
	if !reflect.DeepEqual(was, object(t, before)) {
		t.Errorf("the stored body was changed to %s", written(t, was))
	}
	if len(details) > 0 {
		return told(details)
	}
	return written(t, body)
}

// What is true in one document of a kind is set, and never cleared.
func TestSolo(t *testing.T) {
	const cant = "INVALID_VALUE default: can't be set to false; make another one the default instead"
	fields := []Field{{Name: "default", Type: Boolean, Default: false, Solo: true}}
	cases := []struct{ before, sent, want string }{
		{``, `{}`, `{"default":false}`},
		{``, `{"default":null}`, `{"default":false}`},
		{``, `{"default":false}`, `{"default":false}`},
		{``, `{"default":true}`, `{"default":true}`},
		{``, `{"default":"true"}`, "INVALID_VALUE default: must be true or false"},
		{`{"default":false}`, `{}`, `{"default":false}`},
		{`{"default":false}`, `{"default":true}`, `{"default":true}`},
		{`{"default":false}`, `{"default":false}`, `{"default":false}`},
		{`{"default":false}`, `{"default":1}`, "INVALID_VALUE default: must be true or false"},
		{`{}`, `{"default":true}`, `{"default":true}`},
		{`{"default":true}`, `{}`, `{"default":true}`},
		{`{"default":true}`, `{"default":null}`, `{"default":true}`},
		{`{"default":true}`, `{"default":true}`, `{"default":true}`},
		{`{"default":true}`, `{"default":false}`, cant},
	}
	for _, c := range cases {
		if got := held(t, fields, c.before, c.sent); got != c.want {
			t.Errorf("%s, then %s: %s, not %s", c.before, c.sent, got, c.want)
		}
	}
}

// TestAccess holds what is sent against what stood, for each access, in the
// document and in an object of it: who writes it, and what of it is shown.
func TestAccess(t *testing.T) {
	const changed = "must not be changed once it is set"
	cases := []struct {
		access             Access
		before, sent, want string // of the member x: JSON, "" when it is left out
		shown              string
	}{
		{Written, "", `"a"`, `"a"`, `"a"`},
		{Written, `"a"`, `"b"`, `"b"`, `"b"`},
		{Written, `"a"`, "", "", ""},
		{ReadOnly, "", `"a"`, "", ""},
		{ReadOnly, `"a"`, `"b"`, `"a"`, `"a"`},
		{ReadOnly, `"a"`, "", `"a"`, `"a"`},
		{ReadOnly, `"a"`, `1`, `"a"`, `"a"`},
		{Immutable, "", `"a"`, `"a"`, `"a"`},
		{Immutable, `"a"`, `"b"`, changed, ""},
		{Immutable, `"a"`, `"a"`, `"a"`, `"a"`},
		{Immutable, `"a"`, "", `"a"`, `"a"`},
		{Immutable, `"a"`, "null", `"a"`, `"a"`},
		{Immutable, `"a"`, `1`, changed, ""},
		{Kept, "", `"a"`, `"a"`, `"a"`},
		{Kept, "", `1`, "must be a string", ""},
		{Kept, `"a"`, `"b"`, `"a"`, `"a"`},
		{Kept, `"a"`, `1`, `"a"`, `"a"`},
		{Kept, `"a"`, "", `"a"`, `"a"`},
		{Given, "", `"a"`, `"a"`, ""},
		{Given, "", `1`, "must be a string", ""},
		{Given, `"a"`, `"b"`, `"b"`, ""},
		{Hidden, "", `"a"`, "", ""},
		{Hidden, "", `1`, "", ""},
		{Hidden, `"a"`, `"b"`, `"a"`, ""},
		{Hidden, `"a"`, "", `"a"`, ""},
	}
	for _, c := range cases {
		x := Field{Name: "x", Type: Text, Access: c.access}
		for target, fields := range map[string][]Field{
			"x": {x}, "o.x": {{Name: "o", Type: Object, Fields: []Field{x}}}, "o.o.x": {{Name: "o", Type: Object, Fields: []Field{{Name: "o", Type: Object, Fields: []Field{x}}}}},
		} {
			wrap := func(value string) string {
				out := `{}`
				if value != "" {
					out = `{"x":` + value + `}`
				}
				return strings.Repeat(`{"o":`, strings.Count(target, ".")) + out + strings.Repeat(`}`, strings.Count(target, "."))
			}
			before := ""
			if c.before != "" {
				before = wrap(c.before)
			}
			want := "INVALID_VALUE " + target + ": " + c.want
			good := c.want == "" || c.want[0] == '"'
			if good {
				want = wrap(c.want)
			}
			got := held(t, fields, before, wrap(c.sent))
			if got != want {
				t.Errorf("access %d: %s, then %s: %s, not %s", c.access, before, wrap(c.sent), got, want)
			}
			if good {
				if shown := written(t, Show(fields, object(t, got))); shown != wrap(c.shown) {
					t.Errorf("access %d: %s is shown as %s", c.access, got, shown)
				}
			}
		}
	}
}

// What Pixy writes itself is never asked for, and begins with its default.
func TestHiddenIsNeverNeeded(t *testing.T) {
	fields := []Field{{Name: "x", Type: Text, Access: Hidden, Required: true}, {Name: "y", Type: Text, Access: Hidden, Default: "ours"}}
	if got := held(t, fields, "", `{"y":"mine"}`); got != `{"y":"ours"}` {
		t.Error(got)
	}
	needed := []Field{{Name: "x", Type: Text, Access: Given, Required: true}}
	if got := held(t, needed, "", `{}`); got != "REQUIRED_VALUE x: must not be null" {
		t.Errorf("what must be given is asked for: %s", got)
	}
}

// An immutable member is set once: with the document, or later when it was
// left out then. A whole object may be immutable, too.
func TestImmutableIsSetOnce(t *testing.T) {
	const changed = ": must not be changed once it is set"
	whole := ID("population", "population").As(Immutable)
	deep := Field{Name: "o", Type: Object, Fields: []Field{{Name: "x", Type: Text, Access: Immutable}, {Name: "y", Type: Number, Access: Immutable}, {Name: "z", Type: Text}}}
	cases := []struct {
		field              Field
		before, sent, want string
	}{
		{deep, `{"o":{"z":"c"}}`, `{"o":{"x":"a","y":1}}`, `{"o":{"x":"a","y":1}}`},
		{deep, `{}`, `{"o":{"x":"a"}}`, `{"o":{"x":"a"}}`},
		{deep, `{"o":{"x":"a","y":1,"z":"c"}}`, `{"o":{"z":"d"}}`, `{"o":{"x":"a","y":1,"z":"d"}}`},
		{deep, `{"o":{"x":"a","y":1}}`, `{"o":{"x":"a","y":1}}`, `{"o":{"x":"a","y":1}}`},
		{deep, `{"o":{"x":"a","y":1}}`, `{"o":{"x":"b","y":2}}`, "INVALID_VALUE o.x" + changed + "\nINVALID_VALUE o.y" + changed},
		{whole, `{"population":{"id":"p"}}`, `{}`, `{"population":{"id":"p"}}`},
		{whole, `{"population":{"id":"p"}}`, `{"population":{"id":"p"}}`, `{"population":{"id":"p"}}`},
		{whole, `{"population":{"id":"p"}}`, `{"population":{"id":"q"}}`, "INVALID_VALUE population" + changed},
		{whole, `{}`, `{"population":{"id":"q"}}`, `{"population":{"id":"q"}}`},
		{whole, `{}`, `{}`, `{}`},
	}
	for _, c := range cases {
		if got := held(t, []Field{c.field}, c.before, c.sent); got != c.want {
			t.Errorf("%s, then %s: %s, not %s", c.before, c.sent, got, c.want)
		}
	}
}

// The environment's default of a kind may be unreadable; that is no fault of
// the body, and must not be told as one.
func TestAcceptReportsTheErrorOfDefaults(t *testing.T) {
	broken := errors.New("the database is away")
	asked := []string{}
	defaults := func(of string) (string, error) { asked = append(asked, of); return "", broken }
	_, details, err := Accept([]Field{ID("policy", "policy").OrDefault()}, Create, nil, Body{}, defaults)
	if !errors.Is(err, broken) || len(details) > 0 {
		t.Errorf("details %v, error %v", details, err)
	}
	_, details, err = Accept([]Field{ID("policy", "policy").OrDefault()}, Create, nil, object(t, `{"policy":{"id":"p"}}`), defaults)
	if err != nil || len(details) > 0 || !slices.Equal(asked, []string{"policy"}) {
		t.Errorf("the default is not needed: %v, %v, asked %v", details, err, asked)
	}
	inner := Field{Name: "signing", Type: Object, Default: Body{}, Fields: []Field{ID("policy", "policy").OrDefault()}}
	if _, _, err := Accept([]Field{inner}, Create, nil, Body{}, defaults); !errors.Is(err, broken) {
		t.Errorf("the error of a default within a default is lost: %v", err)
	}
}

func fieldNames(fields []Field) string {
	var out []string
	for _, f := range fields {
		out = append(out, f.Name)
	}
	return strings.Join(out, " ")
}

func TestVariants(t *testing.T) {
	one := func(name string) []Field { return []Field{{Name: name}} }
	s := Spec{
		Fields: append(make([]Field, 0, 10), Field{Name: "type"}, Field{Name: "o", Type: Object, Fields: one("protocol")}), // room behind them, which nobody may write to
		Variants: []Variant{
			{By: "type", Is: []string{"A"}, Fields: one("a")},
			{By: "type", Is: []string{"B", "C"}, Fields: one("bc")},
			{By: "o.protocol", Is: []string{"X"}, Fields: one("x")},
		},
	}
	for body, want := range map[string]string{
		`{}`: "type o", `{"type":"Z"}`: "type o", `{"type":"a"}`: "type o", `{"type":1}`: "type o", `{"type":["A"]}`: "type o", `{"protocol":"X"}`: "type o",
		`{"type":"A"}`: "type o a", `{"type":"B"}`: "type o bc", `{"type":"C"}`: "type o bc", `{"o":{"protocol":"X"}}`: "type o x", `{"type":"A","o":{"protocol":"X"}}`: "type o a x",
	} {
		if got := fieldNames(s.All(object(t, body))); got != want {
			t.Errorf("%s has the fields %s, not %s", body, got, want)
		}
	}
	every := s.Every()
	if got := fieldNames(every); got != "type o a bc x" {
		t.Errorf("every field: %s", got)
	}
	a, b := s.All(object(t, `{"type":"A"}`)), s.All(object(t, `{"type":"B"}`))
	if fieldNames(a) != "type o a" || fieldNames(b) != "type o bc" || fieldNames(every) != "type o a bc x" || fieldNames(s.Fields) != "type o" {
		t.Errorf("tables share their memory: %s; %s; %s", fieldNames(a), fieldNames(b), fieldNames(every))
	}
	if got := fieldNames((&Spec{Fields: one("n")}).All(Body{})); got != "n" {
		t.Errorf("without variants: %s", got)
	}
}

// Index writes the keys that the schema's indexes read.
func TestIndex(t *testing.T) {
	unique := func(f Field) Field { f.Unique = true; return f }
	fold := func(f Field) Field { f.Fold = true; return f }
	name := Field{Name: "name", Type: Text}
	username := Field{Name: "username", Type: Text, Indexed: true}
	resource := ID("resource", "resource")
	cases := []struct {
		field      Field
		body, want string
	}{
		{name, `{"name":"N"}`, `{"name":"N"}`},
		{fold(name), `{"name":"ÄB Straße"}`, `{"name":"ÄB Straße","nameKey":"äb strasse"}`},
		{unique(name), `{"name":"N"}`, `{"name":"N","uniqueKey":"|N"}`},
		{unique(name), `{"name":"N","parent":"p"}`, `{"name":"N","parent":"p","uniqueKey":"p|N"}`},
		{unique(fold(name)), `{"name":"ÄB","parent":"P"}`, `{"name":"ÄB","nameKey":"äb","parent":"P","uniqueKey":"P|äb"}`},
		{unique(fold(name)), `{"name":"A\u0308B"}`, `{"name":"` + "A\u0308B" + `","nameKey":"äb","uniqueKey":"|äb"}`},
		{unique(fold(name)), `{"name":""}`, `{"name":""}`},
		{unique(fold(name)), `{}`, `{}`},
		{unique(fold(name)), `{"name":"New","nameKey":"old","uniqueKey":"|old"}`, `{"name":"New","nameKey":"new","uniqueKey":"|new"}`},
		// What has an index of its own is unique by that.
		{unique(fold(username)), `{"username":"Joe","parent":"p"}`, `{"parent":"p","username":"Joe","usernameKey":"joe"}`},
		// A reference is unique by its id.
		{unique(resource), `{"resource":{"id":"R"},"parent":"p"}`, `{"parent":"p","resource":{"id":"R"},"uniqueKey":"p|R"}`},
		{unique(resource), `{"resource":{},"parent":"p"}`, `{"parent":"p","resource":{}}`},
		{resource, `{"resource":{"id":"R"},"parent":"p"}`, `{"parent":"p","resource":{"id":"R"}}`},
	}
	for _, c := range cases {
		body := object(t, c.body)
		(&Spec{Fields: []Field{{Name: "other", Type: Boolean}, c.field}}).Index(body)
		if got := written(t, body); got != c.want {
			t.Errorf("%s becomes %s, not %s", c.body, got, c.want)
		}
	}
}

// audited is a table with paths of three names, as activities have them.
func audited() []Field {
	eq := []Op{Eq}
	id := Field{Name: "id", Type: Text, Filter: eq}
	return []Field{
		{Name: "recordedAt", Type: Time, Filter: []Op{Gt, Lt}, Indexed: true},
		{Name: "actors", Type: Object, Fields: []Field{{Name: "client", Type: Object, Fields: []Field{id}}, {Name: "user", Type: Object, Fields: []Field{id, {Name: "name", Type: Text, Filter: []Op{Eq, Sw}, Fold: true}}}}},
		{Name: "action", Type: Object, Fields: []Field{{Name: "type", Type: Text, Filter: eq, Indexed: true}, {Name: "description", Type: Text, Indexed: true}}},
		{Name: "deep", Type: Object, Fields: []Field{{Name: "er", Type: Object, Fields: []Field{{Name: "st", Type: Object, Fields: []Field{{Name: "n", Type: Number, Filter: eq}}}}}}},
		{Name: "note", Type: Text},
		{Name: "memberOfGroups", Type: List, Access: ReadOnly, Items: &Field{Type: Object}, Through: &Through{Kind: "groupMembership", Path: "group.id"}},
	}
}

func TestFilterDeepPaths(t *testing.T) {
	client, name := Expr{Op: Eq, Path: "actors.client.id", Value: "c"}, Expr{Op: Sw, Path: "actors.user.nameKey", Value: "bill"}
	cases := []struct {
		text string
		want Expr
	}{
		{`actors.client.id eq "c"`, client},
		{`ACTORS.Client.ID EQ "c"`, client},
		{`actors.user.name sw "Bill"`, name},
		{`action.type eq "USER.CREATED"`, Expr{Op: Eq, Path: "action.type", Value: "USER.CREATED"}},
		{`action.type eq "a.b.c_d"`, Expr{Op: Eq, Path: "action.type", Value: "a.b.c_d"}}, // a text is left as it is
		{`action.type eq "a\"a.b.c\\"`, Expr{Op: Eq, Path: "action.type", Value: `a"a.b.c\`}},
		{`deep.er.st.n eq 1`, Expr{Op: Eq, Path: "deep.er.st.n", Type: Number, Value: int64(1)}},
		{`recordedat gt "2026-03-23T16:37:59.659Z" AND actors.client.id eq "c"`, Expr{Op: And, Args: []Expr{{Op: Gt, Path: "recordedAt", Type: Time, Value: testTime()}, client}}},
		{`not (actors.client.id eq "c") or (actors.user.name sw "BILL")`, Expr{Op: Or, Args: []Expr{{Op: Not, Args: []Expr{client}}, name}}},
	}
	for _, c := range cases {
		if got, err := Filter(audited(), c.text); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v\nnot %+v", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{`actors.client eq "c"`, `actors.client.id.more eq "c"`, `actors.client.name eq "c"`, `actors.client.id sw "c"`, `client.id eq "c"`, `x.actors.client.id eq "c"`,
		`actors..client.id eq "c"`, `actors.client.id. eq "c"`, `.actors.client.id eq "c"`, `actors.user.nameKey eq "bill"`, `deep.er.st eq 1`} {
		if got, err := Filter(audited(), text); !errors.Is(err, fault.Malformed) {
			t.Errorf("%s was taken: %+v", text, got)
		}
	}
}

func TestFilterAmong(t *testing.T) {
	g := Expr{Op: Among, Kind: "groupMembership", Path: "group.id", Value: "g"}
	for text, want := range map[string]Expr{
		`memberOfGroups[id eq "g"]`:                        g,
		`MEMBEROFGROUPS[ID EQ "g"]`:                        g,
		`not (memberOfGroups[id eq "g"])`:                  {Op: Not, Args: []Expr{g}},
		`memberOfGroups[id eq "g\"\u0041"]`:                {Op: Among, Kind: "groupMembership", Path: "group.id", Value: `g"A`},
		`memberOfGroups[id eq "a.b.c"]`:                    {Op: Among, Kind: "groupMembership", Path: "group.id", Value: `a.b.c`},
		`action.type eq "t" and memberOfGroups[id eq "g"]`: {Op: And, Args: []Expr{{Op: Eq, Path: "action.type", Value: "t"}, g}},
	} {
		if got, err := Filter(audited(), text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, says := range map[string]string{
		`memberOfGroups[name eq "g"]`:               "the sub-filter on 'memberOfGroups' is not supported",
		`memberOfGroups[id ne "g"]`:                 "the sub-filter on 'memberOfGroups' is not supported",
		`memberOfGroups[id pr]`:                     "the sub-filter on 'memberOfGroups' is not supported",
		`memberOfGroups[id eq "g" and id eq "h"]`:   "the sub-filter on 'memberOfGroups' is not supported",
		`memberOfGroups[not (id eq "g")]`:           "the sub-filter on 'memberOfGroups' is not supported",
		`memberOfGroups[id eq 1]`:                   "'memberOfGroups' is compared with something that is not a string",
		`memberOfGroups[id eq "g\u0000"]`:           "'memberOfGroups' is compared with a text that must not contain NUL or broken Unicode",
		`memberOfGroups eq "g"`:                     "filtering with 'eq' on 'memberOfGroups' is not supported",
		`memberOfGroups pr`:                         "filtering with 'pr' on 'memberOfGroups' is not supported",
		`memberOfGroups.id eq "g"`:                  "filtering with 'eq' on 'memberOfGroups.id' is not supported",
		`action[id eq "g"]`:                         "the sub-filter on 'action' is not supported",
		`nothing[id eq "g"]`:                        "the sub-filter on 'nothing' is not supported",
		`memberOfGroups[memberOfGroups[id eq "g"]]`: "",
	} {
		got, err := Filter(audited(), text)
		var f *fault.Fault
		if !errors.As(err, &f) || !errors.Is(err, fault.Malformed) || !strings.Contains(f.Details[0].Message, says) {
			t.Errorf("%s: %+v, %v; should say %q", text, got, err, says)
		}
	}
}

// Whoever filters by what can't be filtered is told by what can be, and by
// which operators; whoever filters slowly, what has an index.
func TestFilterRefusalsNameTheFields(t *testing.T) {
	const filterable = "Filterable are: id (eq), createdAt (eq gt ge lt le), updatedAt (eq gt ge lt le), recordedAt (gt lt), actors.client.id (eq), actors.user.id (eq), actors.user.name (eq sw), " +
		"action.type (eq), deep.er.st.n (eq), memberOfGroups ([id eq])"
	for text, want := range map[string]string{
		`note eq "x"`:         "filtering with 'eq' on 'note' is not supported. " + filterable,
		`action.type CO "x"`:  "filtering with 'co' on 'action.type' is not supported. " + filterable,
		`action[id eq "x"]`:   `the sub-filter on 'action' is not supported; one looks like memberOfGroups[id eq "..."]. ` + filterable,
		`recordedAt eq "now"`: "filtering with 'eq' on 'recordedAt' is not supported. " + filterable,
	} {
		_, err := Filter(audited(), text)
		var f *fault.Fault
		if !errors.As(err, &f) || f.Details[0].Code != "INVALID_FILTER" || f.Details[0].Target != "filter" || f.Details[0].Message != want {
			t.Errorf("%s:\n%v\nnot\n%s", text, err, want)
		}
	}
	var f *fault.Fault
	const slow = "the filter reads too many resources. Use, alone or joined by 'and', an attribute with an index: id (eq), createdAt (eq gt ge lt le), recordedAt (gt lt), action.type (eq)"
	if err := Slow(audited()); !errors.As(err, &f) || !errors.Is(err, fault.Malformed) || f.Details[0].Code != "INVALID_FILTER" || f.Details[0].Target != "filter" || f.Details[0].Message != slow {
		t.Errorf("got %v\nnot %s", err, slow)
	}
}

func TestOrder(t *testing.T) {
	fields := []Field{
		{Name: "username", Type: Text, Required: true, Filter: []Op{Eq}, Fold: true},
		{Name: "priority", Type: Number, Required: true, Filter: []Op{Eq}},
		{Name: "nickname", Type: Text, Filter: []Op{Eq}},                   // not every element has one
		{Name: "sealed", Type: Text, Required: true},                       // a filter may not use it
		{Name: "enabled", Type: Boolean, Required: true, Filter: []Op{Eq}}, // neither text nor number
		{Name: "since", Type: Time, Required: true, Filter: []Op{Eq}},      // nor is this
		{Name: "o", Type: Object, Required: true, Fields: []Field{{Name: "n", Type: Text, Required: true, Filter: []Op{Eq}}}},
	}
	for text, want := range map[string]Order{
		"": {}, "createdAt": {}, "CREATEDAT": {}, "-createdAt": {Descending: true},
		"username": {Path: "usernameKey"}, "-username": {Path: "usernameKey", Descending: true}, "UserName": {Path: "usernameKey"},
		"priority": {Path: "priority", Type: Number}, "-priority": {Path: "priority", Type: Number, Descending: true},
	} {
		if p, err := ReadPage(url.Values{"order": {text}}, fields, "/users", nil); err != nil || p.Order != want || p.Limit != 100 || p.After != (Cursor{}) {
			t.Errorf("order %q is %+v, %v", text, p, err)
		}
	}
	for _, text := range []string{"-", "--username", "+username", "nickname", "sealed", "enabled", "since", "o", "o.n", "n", "usernameKey", "username,priority", "username asc", "id", "updatedAt", "x", "username'--"} {
		var f *fault.Fault
		_, err := ReadPage(url.Values{"order": {text}}, fields, "/users", nil)
		if !errors.As(err, &f) || !errors.Is(err, fault.Malformed) || f.Details[0].Target != "order" || f.Details[0].Message != "must be one of createdAt, username, priority, with '-' before it for the reverse" {
			t.Errorf("order %q: %v", text, err)
		}
	}
}

// The texts were made by Python: base64.urlsafe_b64encode(hmac.new(key, b"/users\0" + json,
// hashlib.sha256).digest()[:16] + json), without the '='.
func TestCursorIsSignedWithHMAC(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	for want, c := range map[string]Cursor{
		"xTMxcvVo6bsVHRYhA2JkunsiYyI6MTc3NDI4Mzg3OTY1OSwiaSI6IjZjNzk2NzEyLTBmMTYtNDA2Mi04MTVhLWUwYTkyZjRhMjE0MyJ9": {Created: testTime(), ID: "6c796712-0f16-4062-815a-e0a92f4a2143"},
		"sR5M8p0_v2YJg-Y8GkEyNnsidiI6ImpvZSIsImkiOiJpIn0":                                                          {Value: "joe", ID: "i"},
		"6S-yOnQXnM2kkbaPXyPHDHsidiI6NywiaSI6ImkifQ":                                                               {Value: int64(7), ID: "i"},
	} {
		if got := c.Sign("/users", key); got != want {
			t.Errorf("%+v is signed as %s", c, got)
		}
		if p, err := ReadPage(url.Values{"cursor": {want}}, nil, "/users", key); err != nil || p.After != c {
			t.Errorf("%s is read as %+v, %v", want, p.After, err)
		}
	}
}

func TestReferencesInListsAndWithin(t *testing.T) {
	scope := ID("", "scope")
	scope.Fields[0].Within = "resource.id"
	fields := []Field{ID("resource", "resource"), {Name: "scopes", Type: List, Items: &scope}, {Name: "groups", Type: List, Items: &Field{Type: Text, Ref: "group", Within: "x"}},
		{Name: "plain", Type: List, Items: &Field{Type: Text}}, {Name: "any", Type: Opaque}, {Name: "bare", Type: List}}
	body := object(t, `{"resource":{"id":"r"},"scopes":[{"id":"s"},{},{"id":"t"}],"groups":["g",1,"h"],"plain":["p"],"any":{"id":"a","resource":{"id":"b"}},"bare":["b",{"id":"c"}]}`)
	want := []Reference{{"resource", "r", "resource.id", ""}, {"scope", "s", "scopes[0].id", "resource.id"}, {"scope", "t", "scopes[2].id", "resource.id"}, {"group", "g", "groups[0]", "x"}, {"group", "h", "groups[2]", "x"}}
	if got := References(fields, body); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	for to, lists := range map[string]bool{"resource": false, "scope": true, "group": true, "user": false} {
		if paths, inLists := ReferencePaths(fields, to); inLists != lists || (len(paths) > 0) != (to == "resource") {
			t.Errorf("to %s: %v, in lists %v", to, paths, inLists)
		}
	}
	deep := []Field{{Name: "o", Type: Object, Fields: []Field{{Name: "l", Type: List, Items: &Field{Type: Object, Fields: []Field{{Name: "o", Type: Object, Fields: []Field{ID("leaf", "leaf")}}}}}}}}
	if paths, inLists := ReferencePaths(deep, "leaf"); len(paths) > 0 || !inLists {
		t.Errorf("a reference deep in a list: %v, %v", paths, inLists)
	}
}

func TestExpressionsThatAreMade(t *testing.T) {
	a, b := Equal("a", "1"), Equal("b", "2")
	for name, c := range map[string]struct{ got, want Expr }{
		"all of nothing":  {All(), Expr{}},
		"all of zeros":    {All(Expr{}, Expr{}), Expr{}},
		"all of one":      {All(Expr{}, a), a},
		"all of two":      {All(a, Expr{}, b), Expr{Op: And, Args: []Expr{a, b}}},
		"one of nothing":  {OneOf("a", nil), Expr{Op: Or}},
		"one of two":      {OneOf("a", []string{"1", "2"}), Expr{Op: Or, Args: []Expr{a, Equal("a", "2")}}},
		"all with one of": {All(b, OneOf("a", nil)), Expr{Op: And, Args: []Expr{b, {Op: Or}}}}, // none of nothing is not everything
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: %+v", name, c.got)
		}
	}
}

// A field of a table is changed for another table without changing the first.
func TestFieldsAreCopies(t *testing.T) {
	id := ID("population", "population")
	marked := id.FilterBy(Eq, Sw)
	if id.Fields[0].Filter != nil || !slices.Equal(marked.Fields[0].Filter, []Op{Eq, Sw}) || marked.Filter != nil {
		t.Errorf("%+v of %+v", marked, id)
	}
	if plain := (Field{Name: "n"}).FilterBy(Eq); !slices.Equal(plain.Filter, []Op{Eq}) {
		t.Errorf("%+v", plain)
	}
	if id.Needed(); id.Required || !id.Needed().Required {
		t.Error("Needed changes the field")
	}
	if id.As(Kept); id.Access != Written || id.As(Kept).Access != Kept {
		t.Error("As changes the field")
	}
	if id.OrDefault(); id.Default != nil || id.OrDefault().Default != TheDefault {
		t.Error("OrDefault changes the field")
	}
}
