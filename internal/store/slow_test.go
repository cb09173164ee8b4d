package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pixy/internal/kind"
)

// fill keeps so many users of e1, made in the order of their ids.
func (p *opened) fill(t *testing.T, users int) {
	t.Helper()
	p.update(t, "e1", func(tx *Tx) error {
		spell := func(text string) string { return text }
		if p.isPostgres() {
			spell = strings.NewReplacer("$1", "$1::bigint", "$3", "$3::bigint", "printf('%06d', n)", "lpad(n::text, 6, '0')",
				"printf('{", "format('{", "%d", "%s", "n, n) FROM", "n, n)::jsonb FROM").Replace
		}
		_, err := tx.exec(spell("WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < $1 - 1) "+
			"INSERT INTO document (env, kind, id, version, created, updated, body) "+
			`SELECT $2, 'user', printf('%06d', n), 1, $3, $3, printf('{"usernameKey":"joe%d","name":"the %dth of many"}', n, n) FROM number`),
			int64(users), tx.env, millis(tx.Now()))
		return err
	})
}

// testSlow reads much in little time, which ends in ErrSlow, and does no harm.
func testSlow(t *testing.T, p *opened) {
	p.fill(t, slowUsers)
	p.record(t, "e1", Event{ID: "1"})
	nowhere := kind.Expr{Op: kind.Co, Path: "name", Value: "nowhere"}
	const bound = time.Millisecond
	for name, read := range map[string]func(tx *Tx, within time.Duration) (int, error){
		"a list": func(tx *Tx, within time.Duration) (int, error) {
			found, err := tx.List("user", Query{Where: nowhere, Within: within})
			return len(found), err
		},
		"a page": func(tx *Tx, within time.Duration) (int, error) {
			found, err := tx.List("user", Query{Where: nowhere, Limit: 100, Order: kind.Order{Path: "usernameKey"}, Within: within})
			return len(found), err
		},
		"all": func(tx *Tx, within time.Duration) (int, error) {
			found, err := tx.List("user", Query{Within: within})
			return len(found) - slowUsers, err
		},
		"a count": func(tx *Tx, within time.Duration) (int, error) { return tx.Count("user", nowhere, 0, within) },
		"a count up to a limit": func(tx *Tx, within time.Duration) (int, error) {
			return tx.Count("user", nowhere, 10, within)
		},
		"mentions": func(tx *Tx, within time.Duration) (int, error) {
			return tx.Count("user", kind.Expr{Op: kind.Mentions, Value: "nowhere"}, 0, within)
		},
	} {
		p.view(t, "e1", func(tx *Tx) error {
			for range 3 {
				start := time.Now()
				if n, err := read(tx, bound); n > 0 || err != ErrSlow {
					t.Errorf("%s in %v: %d, %v", name, bound, n, err)
				}
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("%s in %v took %v", name, bound, took)
				}
				// The same transaction goes on.
				if d, err := tx.Get("user", "000007"); err != nil || d.Version != 1 {
					t.Errorf("after %s: %+v, %v", name, d, err)
				}
			}
			return nil
		})
	}
	// Neither without a bound nor in an Update, whose neighbours it would undo,
	// is anything interrupted.
	unbounded := func(within time.Duration) func(*Tx) error {
		return func(tx *Tx) error {
			n, err := tx.Count("user", nowhere, 0, within)
			found, errList := tx.List("user", Query{Where: nowhere, Limit: 100, Within: within})
			if n != 0 || len(found) != 0 {
				t.Errorf("within %v: %d counted, %d found", within, n, len(found))
			}
			return errors.Join(err, errList)
		}
	}
	p.view(t, "e1", unbounded(time.Hour))
	told := p.together(t, putting("before"), unbounded(bound), putting("after"))
	if err := errors.Join(told...); err != nil || !p.has(t, "e1", "thing", "before") || !p.has(t, "e1", "thing", "after") {
		t.Errorf("in an update: %v", err)
	}
	// The readers, of which there are two, serve on: they were not used up.
	together(4, 20, func(n int) {
		err := p.View(context.Background(), "e1", func(tx *Tx) error {
			if n%2 == 0 {
				if _, err := tx.Count("user", nowhere, 0, bound); err != ErrSlow {
					t.Errorf("a count in %v: %v", bound, err)
				}
			}
			all, err := tx.List("user", Query{Limit: 3})
			if len(all) != 3 || all[0].ID != "000000" {
				t.Errorf("a page after slow reading has %d", len(all))
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	p.view(t, "e1", func(tx *Tx) error {
		events, err := tx.Events(Query{Within: time.Minute, Limit: 5})
		if len(events) != 1 {
			t.Errorf("%d events", len(events))
		}
		return err
	})
}

func testCountLimit(t *testing.T, p *opened) {
	p.fill(t, 20)
	p.put(t, "e2", "user", "u", `{}`)
	p.put(t, "e1", "thing", "u", `{}`)
	sw := kind.Expr{Op: kind.Sw, Path: "usernameKey", Value: "joe1"} // 1 and 10 to 19
	for _, c := range []struct {
		where       kind.Expr
		limit, want int
	}{
		{kind.Expr{}, 0, 20}, {kind.Expr{}, 1, 1}, {kind.Expr{}, 19, 19}, {kind.Expr{}, 20, 20}, {kind.Expr{}, 21, 20}, {kind.Expr{}, 1 << 40, 20}, {kind.Expr{}, -1, 20},
		{sw, 0, 11}, {sw, 10, 10}, {sw, 11, 11}, {sw, 12, 11}, {kind.Equal("usernameKey", "nobody"), 5, 0},
	} {
		p.view(t, "e1", func(tx *Tx) error {
			n, err := tx.Count("user", c.where, c.limit, 0)
			if n != c.want {
				t.Errorf("%v up to %d: %d, want %d", c.where, c.limit, n, c.want)
			}
			return err
		})
	}
}

// testOrderedPages reads in an order in which many documents are equal: their
// ids decide, forwards and backwards, and none is passed over or comes twice.
func testOrderedPages(t *testing.T, p *opened) {
	type row struct {
		id, name string
		number   int64
	}
	var rows []row
	for n := range 24 {
		// The ids run against the time of making.
		r := row{fmt.Sprintf("%02d", 99-n), []string{"anna", "Bob", "Özil", "o'neill", "", "anna"}[n%6], int64(n%4) - 2}
		rows = append(rows, r)
		p.put(t, "e1", "user", r.id, fmt.Sprintf(`{"usernameKey":"%s","name":%q,"n":%d,"in":{"n":%d}}`, r.id, r.name, r.number, -r.number))
		p.clock.now = p.clock.now.Add(time.Second)
	}
	p.put(t, "e2", "user", "foreign", `{"name":"anna","n":1}`)
	byName := func(a, b row) int { return compare(a.name, b.name, a.id, b.id) }
	byNumber := func(a, b row) int { return compare(a.number, b.number, a.id, b.id) }
	byID := func(a, b row) int { return compare(a.id, b.id, a.id, b.id) }
	anna := func(r row) bool { return r.name == "anna" }
	for _, c := range []struct {
		name  string
		order kind.Order
		by    func(a, b row) int
		value func(row) any
		where kind.Expr
		keep  func(row) bool
	}{
		{"text", kind.Order{Path: "name", Type: kind.Text}, byName, func(r row) any { return r.name }, kind.Expr{}, nil},
		{"text of some", kind.Order{Path: "name", Type: kind.Text}, byName, func(r row) any { return r.name }, kind.Equal("name", "anna"), anna},
		{"number", kind.Order{Path: "n", Type: kind.Number}, byNumber, func(r row) any { return r.number }, kind.Expr{}, nil},
		{"number of some", kind.Order{Path: "n", Type: kind.Number}, byNumber, func(r row) any { return r.number }, kind.Equal("name", "anna"), anna},
		{"unique", kind.Order{Path: "usernameKey", Type: kind.Text}, byID, func(r row) any { return r.id }, kind.Expr{}, nil},
	} {
		for _, descending := range []bool{false, true} {
			want := slices.Clone(rows)
			if c.keep != nil {
				want = slices.DeleteFunc(want, func(r row) bool { return !c.keep(r) })
			}
			slices.SortFunc(want, c.by)
			if descending {
				slices.Reverse(want)
			}
			c.order.Descending = descending
			for _, limit := range []int{1, 2, 5, 100} {
				q := Query{Where: c.where, Order: c.order, Limit: limit}
				var got []row
				for range 100 {
					var page []Document
					p.view(t, "e1", func(tx *Tx) (err error) {
						page, err = tx.List("user", q)
						return err
					})
					if len(page) == 0 {
						break
					}
					for _, d := range page {
						got = append(got, rows[slices.IndexFunc(rows, func(r row) bool { return r.id == d.ID })])
					}
					last := got[len(got)-1]
					q.After = Cursor{Value: c.value(last), ID: last.id}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s, descending %t, pages of %d:\n%v\nnot\n%v", c.name, descending, limit, got, want)
				}
			}
		}
	}
	p.view(t, "e1", func(tx *Tx) error {
		for _, path := range []string{"name' --", "a b", "a..b"} {
			if _, err := tx.List("user", Query{Order: kind.Order{Path: path}}); err == nil {
				t.Errorf("ordered by %q", path)
			}
		}
		return nil
	})
}

func compare[T int64 | string](a, b T, idA, idB string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case idA < idB:
		return -1
	case idA > idB:
		return 1
	}
	return 0
}

// TestBoundAfterTheFirstRow: the bound holds also when the first row is soon
// found and the rest is not.
func TestBoundAfterTheFirstRow(t *testing.T) {
	p := openFresh(t, newFile(t))
	p.put(t, "e1", "user", "0", `{"name":"a needle"}`)
	p.clock.now = p.clock.now.Add(time.Second)
	p.fill(t, 50_000)
	p.view(t, "e1", func(tx *Tx) error {
		start := time.Now()
		found, err := tx.List("user", Query{Where: kind.Expr{Op: kind.Co, Path: "name", Value: "needle"}, Limit: 101, Within: time.Millisecond})
		t.Logf("interrupted after %v", time.Since(start))
		if err != ErrSlow {
			t.Errorf("%d found, %v", len(found), err)
		}
		return nil
	})
}
