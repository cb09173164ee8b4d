package store

import (
	"strings"
	"testing"
	"time"

	"pixy/internal/kind"
)

func testFilters(t *testing.T, p *opened) {
	start := instant(p.clock.time)
	for id, body := range map[string]string{
		"a": `{"name":"anna","n":1,"on":true,"at":"2026-01-01T00:00:00.000Z","in":{"id":"p1"},"tags":["x"],"o":{"k":1}}`,
		"b": `{"name":"Bob","n":10,"on":false,"at":"2026-01-01T00:00:00.001Z","in":{"id":"p2"},"tags":[],"o":{}}`,
		"c": `{"name":"anne's","n":-2.5,"on":true,"at":"2025-12-31T23:59:59.999Z","in":{"id":"p1"}}`,
		"d": `{"name":"","n":null}`,
		"e": `{}`,
	} {
		p.clock.now = start.Add(time.Duration(id[0]-'a') * time.Second)
		p.put(t, "e1", "user", id, body)
	}
	at := time.Date(2026, 1, 1, 1, 0, 0, 0, time.FixedZone("east", 3600))
	text := func(op kind.Op, v string) kind.Expr { return kind.Expr{Op: op, Path: "name", Value: v} }
	number := func(op kind.Op, v any) kind.Expr {
		return kind.Expr{Op: op, Path: "n", Type: kind.Number, Value: v}
	}
	boolean := func(op kind.Op, v bool) kind.Expr {
		return kind.Expr{Op: op, Path: "on", Type: kind.Boolean, Value: v}
	}
	moment := func(op kind.Op, v time.Time) kind.Expr {
		return kind.Expr{Op: op, Path: "at", Type: kind.Time, Value: v}
	}
	created := func(op kind.Op, v time.Time) kind.Expr {
		return kind.Expr{Op: op, Path: "createdAt", Type: kind.Time, Value: v}
	}
	present := func(path string, t kind.Type) kind.Expr { return kind.Expr{Op: kind.Pr, Path: path, Type: t} }
	join := func(op kind.Op, args ...kind.Expr) kind.Expr { return kind.Expr{Op: op, Args: args} }
	cases := []filtered{
		{"all", kind.Expr{}, "abcde"},
		{"text eq", text(kind.Eq, "anna"), "a"},
		{"text eq is by case", text(kind.Eq, "bob"), ""},
		{"text eq quote", text(kind.Eq, "anne's"), "c"},
		{"text ne", text(kind.Ne, "anna"), "bcde"},
		{"text gt", text(kind.Gt, "anna"), "c"},
		{"text ge", text(kind.Ge, "anna"), "ac"},
		{"text lt", text(kind.Lt, "anna"), "bd"},
		{"text le", text(kind.Le, "anna"), "abd"},
		{"text sw", text(kind.Sw, "ann"), "ac"},
		{"text sw one", text(kind.Sw, "anna"), "a"},
		{"text sw is no pattern", text(kind.Sw, "a%"), ""},
		{"text sw nothing", text(kind.Sw, ""), "abcd"},
		{"text pr", present("name", kind.Text), "abc"},
		{"number eq", number(kind.Eq, int64(10)), "b"},
		{"number eq int", number(kind.Eq, 1), "a"},
		{"number eq float", number(kind.Eq, -2.5), "c"},
		{"number ne", number(kind.Ne, int64(10)), "acde"},
		{"number gt is by size", number(kind.Gt, int64(2)), "b"},
		{"number ge", number(kind.Ge, int64(1)), "ab"},
		{"number lt", number(kind.Lt, int64(1)), "c"},
		{"number le", number(kind.Le, int64(1)), "ac"},
		{"number pr", present("n", kind.Number), "abc"},
		{"boolean eq true", boolean(kind.Eq, true), "ac"},
		{"boolean eq false", boolean(kind.Eq, false), "b"},
		{"boolean ne", boolean(kind.Ne, true), "bde"},
		{"boolean pr", present("on", kind.Boolean), "abc"},
		{"time eq in another zone", moment(kind.Eq, at), "a"},
		{"time ne", moment(kind.Ne, at), "bcde"},
		{"time gt", moment(kind.Gt, at), "b"},
		{"time ge", moment(kind.Ge, at), "ab"},
		{"time lt", moment(kind.Lt, at), "c"},
		{"time le", moment(kind.Le, at), "ac"},
		{"time pr", present("at", kind.Time), "abc"},
		{"list pr", present("tags", kind.List), "a"},
		{"object pr", present("o", kind.Object), "a"},
		{"nested eq", kind.Equal("in.id", "p1"), "ac"},
		{"nested pr", present("in.id", kind.Text), "abc"},
		{"id eq", kind.Equal("id", "b"), "b"},
		{"id sw", kind.Expr{Op: kind.Sw, Path: "id", Value: "b"}, "b"},
		{"id pr", present("id", kind.Text), "abcde"},
		{"created eq", created(kind.Eq, start), "a"},
		{"created gt", created(kind.Gt, start.Add(2*time.Second)), "de"},
		{"created le", created(kind.Le, start.Add(time.Second)), "ab"},
		{"updated lt", kind.Expr{Op: kind.Lt, Path: "updatedAt", Type: kind.Time, Value: start.Add(time.Second)}, "a"},
		{"and", join(kind.And, text(kind.Sw, "ann"), number(kind.Gt, int64(0))), "a"},
		{"or", join(kind.Or, text(kind.Eq, "Bob"), number(kind.Lt, int64(0))), "bc"},
		{"not", join(kind.Not, text(kind.Eq, "anna")), "bcde"},
		{"not of something absent", join(kind.Not, number(kind.Gt, int64(5))), "acde"},
		{"not or", join(kind.Not, join(kind.Or, text(kind.Sw, "ann"), boolean(kind.Eq, false))), "de"},
		{"and of three", join(kind.And, kind.Equal("in.id", "p1"), boolean(kind.Eq, true), join(kind.Not, kind.Equal("id", "a"))), "c"},
		{"and of none", join(kind.And), "abcde"},
		{"or of none", join(kind.Or), ""},
		{"and with all", join(kind.And, kind.Expr{}, kind.Equal("id", "a")), "a"},
	}
	p.wantFiltered(t, cases)
}

// filtered is a filter and the ids of the users of e1 that it finds.
type filtered struct {
	name  string
	where kind.Expr
	want  string
}

// wantFiltered lists, counts and finds by each filter. The ids are one letter
// each, in the order in which they were made.
func (p *opened) wantFiltered(t *testing.T, cases []filtered) {
	t.Helper()
	for _, c := range cases {
		p.view(t, "e1", func(tx *Tx) error {
			found, err := tx.List("user", Query{Where: c.where})
			if err != nil {
				return err
			}
			got := ""
			for _, d := range found {
				got += d.ID
			}
			n, err := tx.Count("user", c.where, 0, 0)
			if got != c.want || n != len(c.want) {
				t.Errorf("%s: finds %q and counts %d, want %q", c.name, got, n, c.want)
			}
			first, missing := tx.Find("user", c.where)
			if c.want != "" && first.ID != c.want[:1] || c.want == "" && missing != ErrMissing {
				t.Errorf("%s: the first is %q, %v", c.name, first.ID, missing)
			}
			return err
		})
	}
}

func testFilterErrors(t *testing.T, p *opened) {
	cases := map[string]kind.Expr{
		"unknown operator":      {Op: "like", Path: "a", Value: "x"},
		"injected path":         {Op: kind.Eq, Path: "a' OR 1=1 --", Value: "x"},
		"value of another type": {Op: kind.Eq, Path: "a", Value: 7},
		"no value":              {Op: kind.Eq, Path: "a"},
		"text for a number":     {Op: kind.Eq, Path: "a", Type: kind.Number, Value: "7"},
		"text for a time":       {Op: kind.Gt, Path: "createdAt", Value: "2026"},
		"boolean in order":      {Op: kind.Gt, Path: "a", Type: kind.Boolean, Value: true},
		"number starts with":    {Op: kind.Sw, Path: "a", Type: kind.Number, Value: "7"},
		"object equals":         {Op: kind.Eq, Path: "a", Type: kind.Object, Value: "7"},
		"number contains":       {Op: kind.Co, Path: "a", Type: kind.Number, Value: "7"},
		"number ends with":      {Op: kind.Ew, Path: "a", Type: kind.Number, Value: "7"},
		"contains a number":     {Op: kind.Co, Path: "a", Value: 7},
		"ends with nothing":     {Op: kind.Ew, Path: "a"},
		"time contains":         {Op: kind.Co, Path: "createdAt", Value: "2026"},
		"contains, injected":    {Op: kind.Co, Path: "a' OR 1=1 --", Value: "x"},
		"among, injected path":  {Op: kind.Among, Kind: "member", Path: "a' OR 1=1 --", Value: "x"},
		"among, injected kind":  {Op: kind.Among, Kind: "member' OR 1=1 --", Path: "group.id", Value: "x"},
		"among of no kind":      {Op: kind.Among, Path: "group.id", Value: "x"},
		"not of two":            {Op: kind.Not, Args: []kind.Expr{{}, {}}},
		"inside":                {Op: kind.And, Args: []kind.Expr{{}, {Op: kind.Co, Path: "a"}}},
	}
	for name, where := range cases {
		p.view(t, "e1", func(tx *Tx) error {
			_, list := tx.List("user", Query{Where: where})
			_, count := tx.Count("user", where, 0, 0)
			_, find := tx.Find("user", where)
			for _, err := range []error{list, count, find} {
				if err == nil || err == ErrMissing || !strings.Contains(err.Error(), "user") {
					t.Errorf("%s: error is %v", name, err)
				}
			}
			return nil
		})
	}
}

// testPieces filters texts by what stands in them, which is never a pattern.
func testPieces(t *testing.T, p *opened) {
	for id, body := range map[string]string{
		"a": `{"name":"O'Neill"}`,
		"b": `{"name":"100% sure_thing"}`,
		"c": `{"name":"Jörg Müller","tags":["g7"]}`,
		"d": `{"name":"say \"hi\""}`,
		"e": `{"name":""}`,
		"f": `{}`,
		"g": `{"name":null,"note":"g7x"}`,
		"h": `{"name":"aXa","n":{"name":"Müller"}}`,
		"i": `{"name":"日本語"}`,
		"j": `{"name":"back\\slash"}`,
	} {
		p.put(t, "e1", "user", id, body)
	}
	for i, body := range []string{
		`{"parent":"a","group":{"id":"g1"}}`, `{"parent":"b","group":{"id":"g1"}}`, `{"parent":"b","group":{"id":"g2"}}`, `{"parent":"b","group":{"id":"g2"}}`,
		`{"group":{"id":"g3"}}`, `{"parent":"c","group":{"id":"O'Neill"}}`, `{"parent":"gone","group":{"id":"g4"}}`,
	} {
		p.put(t, "e1", "member", string(rune('1'+i)), body)
	}
	p.put(t, "e1", "other", "1", `{"parent":"d","group":{"id":"g1"}}`)
	p.put(t, "e2", "member", "1", `{"parent":"e","group":{"id":"g1"}}`)
	co := func(v string) kind.Expr { return kind.Expr{Op: kind.Co, Path: "name", Value: v} }
	ew := func(v string) kind.Expr { return kind.Expr{Op: kind.Ew, Path: "name", Value: v} }
	among := func(v string) kind.Expr {
		return kind.Expr{Op: kind.Among, Kind: "member", Path: "group.id", Value: v}
	}
	mentions := func(v string) kind.Expr { return kind.Expr{Op: kind.Mentions, Value: v} }
	join := func(op kind.Op, args ...kind.Expr) kind.Expr { return kind.Expr{Op: op, Args: args} }
	p.wantFiltered(t, []filtered{
		{"contains", co("ll"), "ac"},
		{"contains all of it", co("aXa"), "h"},
		{"contains more than it", co("aXaX"), ""},
		{"contains, by case", co("jörg"), ""},
		{"contains a quote", co("'"), "a"},
		{"contains a double quote", co(`"hi"`), "d"},
		{"contains a backslash", co(`\`), "j"},
		{"contains %", co("%"), "b"},
		{"contains _", co("_"), "b"},
		{"contains no pattern", co("1%e"), ""},
		{"contains no pattern of one", co("J_rg"), ""},
		{"contains an umlaut", co("ü"), "c"},
		{"contains a wide letter", co("本"), "i"},
		{"contains nothing", co(""), "abcdehij"},
		{"contains, nested", kind.Expr{Op: kind.Co, Path: "n.name", Value: "üll"}, "h"},
		{"contains, id", kind.Expr{Op: kind.Co, Path: "id", Value: "c"}, "c"},
		{"contains, not", join(kind.Not, co("l")), "bdefghi"},
		{"ends", ew("ller"), "c"},
		{"ends with all of it", ew("aXa"), "h"},
		{"ends with one", ew("a"), "h"},
		{"ends with more than it", ew("xaXa"), ""},
		{"ends with much more than it", ew(strings.Repeat("a", 50)), ""},
		{"ends, not begins", ew("O'"), ""},
		{"ends, by case", ew("XA"), ""},
		{"ends with a quote", ew("'Neill"), "a"},
		{"ends with a double quote", ew(`"`), "d"},
		{"ends with no pattern", ew("%thing"), ""},
		{"ends with _", ew("_thing"), "b"},
		{"ends with an umlaut in it", ew("Müller"), "c"},
		{"ends with wide letters", ew("本語"), "i"},
		{"ends with nothing", ew(""), "abcdehij"},
		{"ends, nested", kind.Expr{Op: kind.Ew, Path: "n.name", Value: "ller"}, "h"},
		{"ends, not", join(kind.Not, ew("a")), "abcdefgij"},
		{"among", among("g1"), "ab"},
		{"among two of one parent", among("g2"), "b"},
		{"among one without a parent", among("g3"), ""},
		{"among one of a parent that is gone", among("g4"), ""},
		{"among by a text with a quote", among("O'Neill"), "c"},
		{"among nothing", among(""), ""},
		{"among no pattern", among("g%"), ""},
		{"among, not", join(kind.Not, among("g1")), "cdefghij"},
		{"among and", join(kind.And, among("g1"), co("%")), "b"},
		{"among both", join(kind.And, among("g1"), among("g2")), "b"},
		{"among either", join(kind.Or, among("g2"), among("O'Neill")), "bc"},
		{"mentions", mentions("g7"), "cg"},
		{"mentions, whole", mentions("g7x"), "g"},
		{"mentions no pattern", mentions("g_x"), ""},
		{"mentions a name", mentions("Jörg"), "c"},
		{"mentions %", mentions("%"), "b"},
		{"mentions a quote", mentions("O'N"), "a"},
		{"mentions and", join(kind.And, mentions("g7"), kind.Equal("note", "g7x")), "g"},
	})
}

func TestBehind(t *testing.T) {
	cases := []struct {
		prefix, want string
		ok           bool
	}{
		{"a", "b", true},
		{"az", "a{", true},
		{"é", "ê", true},
		{"a\x7f", "a\u0080", true},
		{"a\uD7FF", "a\uE000", true},
		{"a\U0010FFFF", "b", true},
		{"\U0010FFFF\U0010FFFF", "", false},
		{"", "", false},
	}
	for _, c := range cases {
		if got, ok := behind(c.prefix); got != c.want || ok != c.ok {
			t.Errorf("behind(%q) is %q, %t, want %q, %t", c.prefix, got, ok, c.want, c.ok)
		}
	}
}
