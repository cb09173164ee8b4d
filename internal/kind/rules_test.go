package kind

import (
	"encoding/base64"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"pixy/internal/fault"
)

func testTime() time.Time { return time.Date(2026, 3, 23, 16, 37, 59, 659e6, time.UTC) }

// The examples of RFC 7396, appendix A, whose documents are objects; the
// others can't be a body.
func TestMerge(t *testing.T) {
	cases := []struct{ original, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		// The example of §3.
		{`{"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},"tags":["example","sample"],"content":"This will be unchanged"}`,
			`{"title":"Hello!","phoneNumber":"+01-123-456-7890","author":{"familyName":null},"tags":["example"]}`,
			`{"author":{"givenName":"John"},"content":"This will be unchanged","phoneNumber":"+01-123-456-7890","tags":["example"],"title":"Hello!"}`},
		// Beyond the RFC's: nothing to do, and a missing original.
		{`{"a":{"b":1}}`, `{}`, `{"a":{"b":1}}`},
		{`{"a":{"b":1}}`, `{"a":{}}`, `{"a":{"b":1}}`},
		{``, `{"a":1}`, `{"a":1}`},
	}
	for _, c := range cases {
		before, patch := object(t, c.original), object(t, c.patch)
		if got := written(t, Merge(before, patch)); got != c.want {
			t.Errorf("%s patched with %s is %s, not %s", c.original, c.patch, got, c.want)
		}
		if !reflect.DeepEqual(before, object(t, c.original)) || !reflect.DeepEqual(patch, object(t, c.patch)) {
			t.Errorf("patching %s with %s changed an argument", c.original, c.patch)
		}
	}
}

// RFC 7396 §2 merges a patch's object into an empty one where none stood, so
// that its nulls never reach the document. Two examples of appendix A.
func TestMergeDropsNullsOfNewObjects(t *testing.T) {
	cases := []struct{ original, patch, want string }{
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"a":"text"}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
	}
	for _, c := range cases {
		if got := written(t, Merge(object(t, c.original), object(t, c.patch))); got != c.want {
			t.Errorf("%s patched with %s is %s, not %s", c.original, c.patch, got, c.want)
		}
	}
}

func filterable() []Field {
	return []Field{
		{Name: "username", Type: Text, Filter: []Op{Eq, Sw, Ne}, Fold: true},
		{Name: "externalId", Type: Text, Filter: []Op{Eq, Pr}},
		{Name: "secret", Type: Text},
		{Name: "age", Type: Number, Filter: []Op{Eq, Gt}},
		{Name: "enabled", Type: Boolean, Filter: []Op{Eq}},
		ID("population", "population").FilterBy(Eq),
		{Name: "tags", Type: List, Items: &Field{Type: Text}},
	}
}

func TestFilter(t *testing.T) {
	eq := func(path string, ty Type, v any) Expr { return Expr{Op: Eq, Path: path, Type: ty, Value: v} }
	joe := eq("usernameKey", Text, "joe")
	cases := []struct {
		text string
		want Expr
	}{
		{`username eq "Joe"`, joe},
		{`USERNAME EQ "JOE"`, joe},
		{`username sw "Straße"`, Expr{Op: Sw, Path: "usernameKey", Value: "strasse"}},
		{`externalId eq "Joe"`, eq("externalId", Text, "Joe")},
		{`externalId pr`, Expr{Op: Pr, Path: "externalId"}},
		{`population.id eq "p"`, eq("population.id", Text, "p")},
		{`id eq "i"`, eq("id", Text, "i")},
		{`age eq 7`, eq("age", Number, int64(7))},
		{`age gt -7`, Expr{Op: Gt, Path: "age", Type: Number, Value: int64(-7)}},
		{`enabled eq true`, eq("enabled", Boolean, true)},
		{`createdAt ge "2026-03-23T16:37:59.659Z"`, Expr{Op: Ge, Path: "createdAt", Type: Time, Value: testTime()}},
		{`not (username eq "joe")`, Expr{Op: Not, Args: []Expr{joe}}},
		{`username eq "joe" and enabled eq true or age eq 1`,
			Expr{Op: Or, Args: []Expr{{Op: And, Args: []Expr{joe, eq("enabled", Boolean, true)}}, eq("age", Number, int64(1))}}},
		{`username eq "joe" and (enabled eq true or age eq 1)`,
			Expr{Op: And, Args: []Expr{joe, {Op: Or, Args: []Expr{eq("enabled", Boolean, true), eq("age", Number, int64(1))}}}}},
	}
	for _, c := range cases {
		got, err := Filter(filterable(), c.text)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v\nnot %+v", c.text, got, err, c.want)
		}
	}
}

func TestFilterRefuses(t *testing.T) {
	long := strings.Repeat(`username eq "a" or `, 32)
	cases := []struct{ text, says string }{
		{``, "can't be read"},
		{`username`, "can't be read"},
		{`username eq`, "can't be read"},
		{`username eq joe`, "can't be read"},
		{`username eq 'joe'`, "can't be read"},
		{`username eq "joe" and`, "can't be read"},
		{`username eq "joe") or (1 eq 1`, "can't be read"},
		{`username eq "joe"; DROP TABLE document`, "can't be read"},
		{`secret eq "x"`, "filtering with 'eq' on 'secret' is not supported"},
		{`usernameKey eq "x"`, "filtering with 'eq' on 'usernameKey' is not supported"},
		{`population eq "x"`, "filtering with 'eq' on 'population' is not supported"},
		{`population.name eq "x"`, "filtering with 'eq' on 'population.name' is not supported"},
		{`username.id eq "x"`, "filtering with 'eq' on 'username.id' is not supported"},
		{`env eq "x"`, "filtering with 'eq' on 'env' is not supported"},
		{`username co "x"`, "filtering with 'co' on 'username' is not supported"},
		{`username gt "x"`, "filtering with 'gt' on 'username' is not supported"},
		{`username pr`, "filtering with 'pr' on 'username' is not supported"},
		{`urn:ietf:params:scim:schemas:core:2.0:User:username eq "x"`, "is not supported"},
		{`tags[value eq "x"]`, "the sub-filter on 'tags' is not supported"},
		{`username eq 1`, "'username' is compared with something that is not a string"},
		{`username eq null`, "'username' is compared with something that is not a string"},
		{`username eq true`, "'username' is compared with something that is not a string"},
		{`age eq "1"`, "'age' is compared with something that is not a number"},
		{`age eq 1.5`, "'age' is compared with something that is not a number"},
		{`age eq 9223372036854775808`, "'age' is compared with something that is not a number"},
		{`enabled eq "true"`, "'enabled' is compared with something that is not true or false"},
		{`createdAt eq "yesterday"`, "'createdAt' is compared with something that is not a time"},
		{"username eq \"a\x00\"", ""},
		{`username eq "a\ud800"`, ""},
		{"username eq \"\xff\"", ""},
		{long + `username eq "b"`, "more than 32 comparisons"},
		{`username eq "` + strings.Repeat("a", 2048) + `"`, "longer than 2048 bytes"},
		{strings.Repeat("(", 1000) + strings.Repeat(")", 1000), "can't be read"},
	}
	for _, c := range cases {
		got, err := Filter(filterable(), c.text)
		var f *fault.Fault
		if !errors.As(err, &f) || !errors.Is(err, fault.Malformed) || f.Details[0].Code != "INVALID_FILTER" || !strings.Contains(f.Details[0].Message, c.says) {
			t.Errorf("%.80q: %+v, %v; should say %q", c.text, got, err, c.says)
		}
	}
	if _, err := Filter(filterable(), strings.TrimSuffix(long, " or ")); err != nil {
		t.Errorf("32 comparisons are allowed: %v", err)
	}
}

// A string of a filter is one of JSON (RFC 7644 §3.4.2.2), so its escapes stand
// for characters; without them a name with a quotation mark can't be asked for.
func TestFilterReadsEscapes(t *testing.T) {
	for text, want := range map[string]string{
		`externalId eq "a\"b"`: `a"b`, `externalId eq "a\\b"`: `a\b`, `externalId eq "\u0041"`: "A", `externalId eq "\u00e9"`: "é", `externalId eq "\n\/"`: "\n/",
		`externalId eq "\u003c"`: "<", `externalId eq "\ud83d\ude00"`: "😀", `externalId eq "\\u0041"`: `\u0041`,
	} {
		if got, err := Filter(filterable(), text); err != nil || got.Value != want {
			t.Errorf("%s compares with %q, %v; not with %q", text, got.Value, err, want)
		}
	}
	if _, err := Filter(filterable(), `externalId eq "a\u0000"`); err == nil {
		t.Error("an escaped NUL must not reach the database")
	}
}

func TestPage(t *testing.T) {
	cases := []struct {
		query string
		want  int // 0 is refused
	}{
		{"", 100}, {"limit=", 100}, {"limit=1", 1}, {"limit=200", 200}, {"limit=201", 200}, {"limit=2147483647", 200},
		{"limit=0", 0}, {"limit=-1", 0}, {"limit=x", 0}, {"limit=1.5", 0}, {"limit=1e2", 0}, {"limit=%201", 0},
	}
	for _, c := range cases {
		q, _ := url.ParseQuery(c.query)
		p, err := ReadPage(q, filterable(), "/users", []byte("key"))
		if (err == nil) != (c.want > 0) || err == nil && p.Limit != c.want {
			t.Errorf("%q: %d, %v; not %d", c.query, p.Limit, err, c.want)
		}
		if err != nil && !errors.Is(err, fault.Malformed) {
			t.Errorf("%q: %v", c.query, err)
		}
	}
}

func TestCursor(t *testing.T) {
	const list = "/users?filter=x&order=username"
	key := []byte("0123456789abcdef0123456789abcdef")
	read := func(text, list string, key []byte) (Page, error) {
		return ReadPage(url.Values{"cursor": {text}}, filterable(), list, key)
	}
	for _, c := range []Cursor{
		{Created: testTime(), ID: "6c796712-0f16-4062-815a-e0a92f4a2143"}, {Created: time.UnixMilli(0), ID: "a b"}, {Created: time.UnixMilli(-1)}, {Created: time.UnixMilli(1 << 53), ID: "é"},
		{Value: "joe", ID: "i"}, {Value: "", ID: "i"}, {Value: "\"<&>\u2028é", ID: "i"}, {Value: int64(0), ID: "i"}, {Value: int64(-7), ID: "i"}, {Value: int64(1<<63 - 1), ID: "i"},
	} {
		signed := c.Sign(list, key)
		p, err := read(signed, list, key)
		if err != nil || !p.After.Created.Equal(c.Created) || p.After.ID != c.ID || p.After.Value != c.Value {
			t.Errorf("%v came back as %v, %v", c, p.After, err)
		}
		if escaped := url.QueryEscape(signed); escaped != signed {
			t.Errorf("a cursor must stand in a link as it is: %s", escaped)
		}
		for _, other := range []struct{ list, key string }{
			{"/groups?filter=x&order=username", string(key)}, {"/users?filter=y&order=username", string(key)}, {"/users?filter=x&order=-username", string(key)}, {"/users", string(key)}, {"", string(key)},
			{list, ""}, {list, "0123456789abcdef0123456789abcdeg"},
		} {
			if p, err := read(signed, other.list, []byte(other.key)); !errors.Is(err, fault.Malformed) {
				t.Errorf("%v was read as one of %s: %v, %v", c, other.list, p.After, err)
			}
		}
		raw, _ := base64.RawURLEncoding.DecodeString(signed)
		for at := range raw {
			changed := append([]byte{}, raw...)
			changed[at] ^= 1
			if p, err := read(base64.RawURLEncoding.EncodeToString(changed), list, key); !errors.Is(err, fault.Malformed) {
				t.Errorf("%v with another byte at %d was read as %v, %v", c, at, p.After, err)
			}
		}
	}
	raw := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for _, hostile := range []string{
		"!", "a", raw("x"), raw(" id"), raw("1.5 id"), raw("9223372036854775808 id"), raw("1e3 id"), raw("0x1 id"), raw("1  \x00"), raw("1 \xff"), raw("1 a\x00b"),
		base64.StdEncoding.EncodeToString([]byte("1 id=?>")), strings.Repeat("A", 10000), "' OR 1=1 --",
	} {
		if p, err := read(hostile, list, key); !errors.Is(err, fault.Malformed) {
			t.Errorf("%.40q was read as %v, %v", hostile, p.After, err)
		}
	}
}

func TestHrefs(t *testing.T) {
	place := Place{Top: "https://x/v1", Environment: "https://x/v1/environments/e", Self: "https://x/v1/environments/e/users/u"}
	body := Body{"population": Body{"id": "p"}, "number": 1, "empty": Body{"id": ""}}
	cases := []struct{ path, want string }{
		{"{self}/password", place.Self + "/password"},
		{"{env}/populations/{population.id}", place.Environment + "/populations/p"},
		{"{top}/a/{population.id}/b/{population.id}", place.Top + "/a/p/b/p"},
		{"plain", "plain"},
		{"{env}/x/{missing.id}", ""}, {"{env}/x/{population}", ""}, {"{env}/x/{population.id.more}", ""}, {"{env}/{number}", ""}, {"{env}/{empty.id}", ""},
	}
	for _, c := range cases {
		got := Hrefs([]Link{{"rel", c.path}}, body, place)
		want := Body{"self": Href(place.Self), "environment": Href(place.Environment)}
		if c.want != "" {
			want["rel"] = Href(c.want)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, not %v", c.path, got, want)
		}
	}
	above := Hrefs([]Link{{"rel", "{env}/x"}}, body, Place{Top: "t", Self: "s"})
	if !reflect.DeepEqual(above, Body{"self": Href("s")}) {
		t.Errorf("without an environment there is no link to it: %v", above)
	}
}

// tree is a table with references at every depth.
func tree() []Field {
	leaf := ID("", "leaf")
	return []Field{
		{Name: "name", Type: Text},
		ID("trunk", "trunk"),
		{Name: "deep", Type: Object, Fields: []Field{ID("leaf", "leaf"), {Name: "plain", Type: Text}}},
		{Name: "leaves", Type: List, Items: &leaf},
	}
}

func TestReferences(t *testing.T) {
	body := object(t, `{"name":"n","trunk":{"id":"t"},"deep":{"leaf":{"id":"l1"},"plain":"p"},"leaves":[{"id":"l2"},"odd",{"id":"l3"}],"unknown":{"id":"u"}}`)
	want := []Reference{{"trunk", "t", "trunk.id", ""}, {"leaf", "l1", "deep.leaf.id", ""}, {"leaf", "l2", "leaves[0].id", ""}, {"leaf", "l3", "leaves[2].id", ""}}
	if got := References(tree(), body); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if got := References(tree(), Body{}); got != nil {
		t.Errorf("an empty body refers to %v", got)
	}
	for to, want := range map[string][]string{"trunk": {"trunk.id"}, "leaf": {"deep.leaf.id"}, "user": nil} {
		if got, inLists := ReferencePaths(tree(), to); !reflect.DeepEqual(got, want) || inLists != (to == "leaf") {
			t.Errorf("paths to %s: %v, in lists %v; not %v", to, got, inLists, want)
		}
	}
}

func TestShowHidesWhatOnlyTheStoreNeeds(t *testing.T) {
	body := object(t, `{"name":"N","nameKey":"n","parent":"x","trunk":{"id":"t","secret":"s"},"leaves":[{"id":"l"}]}`)
	if got := written(t, Show(tree(), body)); got != `{"leaves":[{"id":"l"}],"name":"N","trunk":{"id":"t"}}` {
		t.Errorf("shown: %s", got)
	}
}

func TestAt(t *testing.T) {
	body := object(t, `{"a":"x","b":{"c":{"d":"y"}},"n":1}`)
	for path, want := range map[string]string{"a": "x", "b.c.d": "y", "b": "", "b.c": "", "a.b": "", "n": "", "": "", "b.c.d.e": "", "z.z": ""} {
		if got := At(body, path); got != want {
			t.Errorf("%q: %q, not %q", path, got, want)
		}
	}
}

func TestEqual(t *testing.T) {
	if got, want := Equal("a.b", "v"), (Expr{Op: Eq, Path: "a.b", Value: "v"}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}
