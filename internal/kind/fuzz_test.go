package kind

import (
	"errors"
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
	f.Fuzz(func(t *testing.T, text string) {
		began := time.Now()
		e, err := Filter(filterable(), text)
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

// FuzzCursor: a cursor that is read can be written again, and holds nothing
// that a database can't be asked with.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "!", Cursor{testTime(), "id"}.String(), "MSA", "LTkyMjMzNzIwMzY4NTQ3NzU4MDggeA", "OTIyMzM3MjAzNjg1NDc3NTgwNyB4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := readCursor(text)
		if err != nil {
			return
		}
		if _, bad := unstorable(c.ID); bad {
			t.Errorf("the id is %q", c.ID)
		}
		if again, err := readCursor(c.String()); err != nil || again.ID != c.ID || !again.Created.Equal(c.Created) {
			t.Errorf("%q came back as %v, %v; not %v", text, again, err, c)
		}
	})
}
