package kind

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pixy/internal/fault"
)

// FuzzFilter: whatever is sent, a filter is read quickly, and what comes of it
// names only paths and operators of the table, with values of their type.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`username eq "joe"`, `USERNAME SW "J\u00f6"`, `not (username eq "a") and (age gt 1 or enabled eq false)`, `population.id eq "p"`,
		`createdAt ge "2026-03-23T16:37:59.659Z"`, `externalId pr`, `tags[value eq "x"]`, `urn:x:y:username eq "a"`, `username eq "a\u0000"`, `age eq -1.5e3`, `username eq null`,
		strings.Repeat("(", 200), strings.Repeat("not (", 60) + `age eq 1` + strings.Repeat(")", 60), strings.Repeat("a.", 300) + `b eq 1`, strings.Repeat(`a[`, 100),
		strings.Repeat(`username eq "a" or `, 40) + `age eq 1`, `username eq "\`, `username eq "\ud83d\ude00"`, `username eq "` + strings.Repeat(`\u00e9`, 300) + `"`,
	} {
		f.Add(seed)
	}
	columns := map[string]struct {
		t   Type
		ops []Op
	}{
		"usernameKey": {Text, []Op{Eq, Sw, Ne}}, "externalId": {Text, []Op{Eq, Pr}}, "age": {Number, []Op{Eq, Gt}}, "enabled": {Boolean, []Op{Eq}},
		"population.id": {Text, []Op{Eq}}, "id": {Text, []Op{Eq}}, "createdAt": {Time, []Op{Eq, Gt, Ge, Lt, Le}}, "updatedAt": {Time, []Op{Eq, Gt, Ge, Lt, Le}},
	}
	var check func(t *testing.T, e Expr) int
	check = func(t *testing.T, e Expr) (comparisons int) {
		switch {
		case e.Op == Not && len(e.Args) == 1, (e.Op == And || e.Op == Or) && len(e.Args) == 2:
			for _, a := range e.Args {
				comparisons += check(t, a)
			}
			return comparisons
		case e.Op == Among:
			if v, isText := e.Value.(string); e.Kind != "groupMembership" || e.Path != "group.id" || !isText || strings.ContainsRune(v, 0) || len(e.Args) > 0 {
				t.Errorf("a sub-filter that the table does not allow: %+v", e)
			}
			return 1
		}
		c, known := columns[e.Path]
		good := known && e.Type == c.t && slices.Contains(c.ops, e.Op) && len(e.Args) == 0
		switch v := e.Value.(type) {
		case nil:
			good = good && e.Op == Pr
		case string:
			_, bad := unstorable(v)
			good = good && e.Type == Text && !bad
		case int64:
			good = good && e.Type == Number
		case bool:
			good = good && e.Type == Boolean
		case time.Time:
			good = good && e.Type == Time
		default:
			good = false
		}
		if !good {
			t.Errorf("a comparison that the table does not allow: %+v", e)
		}
		return 1
	}
	for _, seed := range []string{`memberOfGroups[id eq "g"]`, `not (memberOfGroups[id eq "g"] or memberOfGroups[ID EQ "h"])`, `memberOfGroups[id eq "g" and id eq "h"]`, `memberOfGroups[value eq "g"]`,
		`memberOfGroups.id eq "g"`, `memberOfGroups pr`, `a.b.c.d eq "a.b.c"`, `population.id.x eq "p"`, `username co "_"`, `externalId eq "a.b.c_d"`} {
		f.Add(seed)
	}
	fields := append(filterable(), Field{Name: "memberOfGroups", Type: List, Access: ReadOnly, Items: &Field{Type: Object}, Through: &Through{Kind: "groupMembership", Path: "group.id"}})
	f.Fuzz(func(t *testing.T, text string) {
		began := time.Now()
		e, err := Filter(fields, text)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%d bytes took %v", len(text), took)
		}
		if err != nil {
			if !errors.Is(err, fault.Malformed) {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if n := check(t, e); n > maxComparisons || len(text) > maxFilter {
			t.Errorf("%d comparisons in %d bytes were taken", n, len(text))
		}
	})
}

// FuzzCursor: no text but those that were signed for this list is a cursor of
// it, whoever changes what, and what was signed comes back as it was.
func FuzzCursor(f *testing.F) {
	key := []byte("0123456789abcdef0123456789abcdef")
	at := Cursor{Created: testTime(), ID: "6c796712-0f16-4062-815a-e0a92f4a2143"}
	for _, seed := range []string{"", "!", at.Sign("/users", key), "MSA", "LTkyMjMzNzIwMzY4NTQ3NzU4MDggeA", strings.Repeat("A", 22), at.Sign("/users", nil), "\n", strings.Repeat("A", 1e5)} {
		f.Add(seed, "value", "id", int64(1), uint16(0), byte(1))
	}
	f.Add("", "Jo\u00eb \u2028<&>", "", int64(-1), uint16(30), byte(32))
	f.Add("x", "", "id\x00", int64(-62135596800000), uint16(65535), byte(255))
	f.Fuzz(func(t *testing.T, text, value, id string, n int64, where uint16, flip byte) {
		if c, err := readCursor(text, "/users", key); err == nil && c.Sign("/users", key) != strings.NewReplacer("\r", "", "\n", "").Replace(text) {
			t.Errorf("%q is taken for %+v", text, c)
		}
		id, value = strings.ToValidUTF8(id, ""), strings.ToValidUTF8(value, "")
		ms := n % 6e13 // after the zero time
		for _, c := range []Cursor{{Created: time.UnixMilli(ms).UTC(), ID: id}, {Value: value, ID: id}, {Value: n, ID: id}} {
			signed := c.Sign("/users", key)
			if strings.Trim(signed, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
				t.Errorf("%q is not url-safe", signed)
			}
			if got, err := readCursor(signed, "/users", key); err != nil || got != c {
				t.Errorf("%+v came back as %+v, %v", c, got, err)
			}
			for _, other := range []struct{ list, key string }{{"/users2", string(key)}, {"/user", string(key)}, {"", string(key)}, {"/users", ""}, {"/users", string(key) + "x"}} {
				if _, err := readCursor(signed, other.list, []byte(other.key)); err == nil {
					t.Errorf("%+v of /users is taken for one of %q under %q", c, other.list, other.key)
				}
			}
			changed := []byte(signed)
			changed[int(where)%len(changed)] ^= flip
			if got, err := readCursor(string(changed), "/users", key); err == nil && got != c {
				t.Errorf("%+v was changed to %+v", c, got)
			}
			if _, err := readCursor(signed[:int(where)%len(signed)], "/users", key); err == nil {
				t.Errorf("half of %+v is taken", c)
			}
		}
	})
}

// FuzzPage: of whatever query, a page has a limit within its bounds, an order
// that the table allows, and a cursor only when it was signed for the list; or
// else the refusal names the parameter.
func FuzzPage(f *testing.F) {
	key := []byte("0123456789abcdef0123456789abcdef")
	for _, seed := range [][3]string{{"", "", ""}, {"1", "username", ""}, {"200", "-username", ""}, {"201", "USERNAME", ""}, {"0", "-", ""}, {"-1", "--username", ""}, {"1e3", "usernameKey", ""},
		{"99999999999999999999", "age", ""}, {"٣", "-createdAt", ""}, {"+5", "population.id", "x"}, {" 1", "username;drop", Cursor{Created: testTime(), ID: "i"}.Sign("/users", key)}, {"0x10", "username, age", "A\x00"}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	fields := filterable()
	fields[0].Required, fields[3].Required = true, true // username, age
	f.Fuzz(func(t *testing.T, limit, order, cursor string) {
		p, err := ReadPage(url.Values{"limit": {limit}, "order": {order}, "cursor": {cursor}}, fields, "/users", key)
		if err != nil {
			var refusal *fault.Fault
			if !errors.As(err, &refusal) || !errors.Is(err, fault.Malformed) || len(refusal.Details) != 1 || !slices.Contains([]string{"limit", "order", "cursor"}, refusal.Details[0].Target) {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if p.Limit < 1 || p.Limit > maxLimit || limit == "" && p.Limit != defaultLimit {
			t.Errorf("limit %q is %d", limit, p.Limit)
		}
		name, descending := strings.CutPrefix(order, "-")
		allowed := map[string]Order{"": {}, "createdat": {}, "username": {Path: "usernameKey", Type: Text}, "age": {Path: "age", Type: Number}}
		want, ok := allowed[strings.ToLower(name)]
		if want.Descending = descending; !ok || name == "" && descending || p.Order != want {
			t.Errorf("order %q is %+v", order, p.Order)
		}
		if cursor == "" && p.After != (Cursor{}) || cursor != "" && p.After == (Cursor{}) {
			t.Errorf("cursor %q is %+v", cursor, p.After)
		}
	})
}

// FuzzMerge: PATCH is what the pseudo code of RFC 7396 §2 says, and keeps its
// laws: nothing patched in is nothing changed, twice is once, no null of the
// patch is left, what it does not name stays, and the arguments are untouched.
func FuzzMerge(f *testing.F) {
	for _, seed := range [][2]string{
		{`{}`, `{}`}, {`{"a":"b"}`, `{"a":null}`}, {`{"a":{"b":"c"}}`, `{"a":{"b":null,"c":{"d":null}}}`}, {`{"a":[{"b":null}]}`, `{"a":[null,{"c":null}]}`},
		{`{"a":"text"}`, `{"a":{"b":{"c":null}}}`}, {`{"a":{"b":1}}`, `{"a":"text"}`}, {`{"a":null}`, `{"b":1}`}, {`{"":{"":0}}`, `{"":{"":null}}`},
		{`{"a":1.0}`, `{"a":1e0}`}, {`{"a":{}}`, `{"a":{}}`}, {`{"a":[]}`, `{"a":{"b":[]}}`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, original, change string) {
		before, err := Decode([]byte(original))
		if err != nil {
			return
		}
		patch, err := Decode([]byte(change))
		if err != nil {
			return
		}
		was, sent := written(t, before), written(t, patch)
		once := Merge(before, patch)
		law := func(what, got, want string) {
			if got != want {
				t.Errorf("%s patched with %s: %s: %s, not %s", was, sent, what, got, want)
			}
		}
		law("by RFC 7396", written(t, once), written(t, mergedByTheBook(before, patch).(Body)))
		law("the original", written(t, before), was)
		law("the patch", written(t, patch), sent)
		law("patched again", written(t, Merge(once, patch)), written(t, once))
		law("patched with nothing", written(t, Merge(before, Body{})), was)
		if !hasNull(before) {
			law("patched with itself", written(t, Merge(before, before)), was)
			if hasNull(once) {
				t.Errorf("%s patched with %s has a null: %s", was, sent, written(t, once))
			}
		}
		for name, v := range before {
			if _, named := patch[name]; !named && !same(v, once[name]) {
				t.Errorf("%s patched with %s: %q changed", was, sent, name)
			}
		}
	})
}

// mergedByTheBook is the function MergePatch of RFC 7396 §2, word for word.
func mergedByTheBook(target, patch any) any {
	p, ok := patch.(Body)
	if !ok {
		return patch
	}
	out := Body{}
	if o, ok := target.(Body); ok {
		maps.Copy(out, o)
	}
	for name, value := range p {
		if value == nil {
			delete(out, name)
		} else {
			out[name] = mergedByTheBook(out[name], value)
		}
	}
	return out
}

// hasNull reports a null that is a member of an object, outside of arrays.
func hasNull(v any) bool {
	o, ok := v.(Body)
	if !ok {
		return v == nil
	}
	for _, e := range o {
		if hasNull(e) {
			return true
		}
	}
	return false
}
