package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

func testDocuments(t *testing.T, p *opened) {
	_, err := p.get(t, "e1", "user", "u1")
	wantMissing(t, err)
	was := p.put(t, "e1", "user", "u1", `{"a":1}`)
	first := time.Date(2026, 3, 1, 11, 0, 0, 987000000, time.UTC)
	if want := (Document{"user", "u1", 1, first, first, []byte(`{"a":1}`)}); !reflect.DeepEqual(was, want) {
		t.Fatalf("put returns %v, want %v", was, want)
	}
	if got, err := p.get(t, "e1", "user", "u1"); err != nil || !reflect.DeepEqual(got, was) {
		t.Fatalf("get returns %v, %v", got, err)
	}

	p.clock.now = p.clock.now.Add(time.Hour)
	changed := was
	changed.Body, changed.Created = []byte(`{"a":2}`), time.Time{}
	p.update(t, "e1", func(tx *Tx) (err error) {
		changed, err = tx.Put(changed)
		return err
	})
	if want := (Document{"user", "u1", 2, first, first.Add(time.Hour), []byte(`{"a":2}`)}); !reflect.DeepEqual(changed, want) {
		t.Fatalf("put returns %v, want %v", changed, want)
	}
	if got, err := p.get(t, "e1", "user", "u1"); err != nil || !reflect.DeepEqual(got, changed) {
		t.Fatalf("get returns %v, %v", got, err)
	}

	p.update(t, "e1", func(tx *Tx) error { return tx.Delete("user", "u1") })
	if p.has(t, "e1", "user", "u1") {
		t.Fatal("the deleted document is there")
	}
	wantMissing(t, p.Update(t.Context(), "e1", func(tx *Tx) error { return tx.Delete("user", "u1") }))
	p.view(t, "e1", func(tx *Tx) error {
		_, err := tx.Find("user", kind.Expr{})
		wantMissing(t, err)
		return nil
	})
}

func testUnique(t *testing.T, p *opened) {
	put := func(d Document) error {
		return p.Update(t.Context(), "e1", func(tx *Tx) error {
			_, err := tx.Put(d)
			return err
		})
	}
	cases := []struct{ kind, field string }{
		{"user", "usernameKey"}, {"population", "uniqueKey"}, {"environment", "uniqueKey"},
		{"scope", "uniqueKey"}, {"attributeMapping", "uniqueKey"}, {"whatever", "uniqueKey"},
	}
	for _, c := range cases {
		body := func(value string) []byte { return fmt.Appendf(nil, `{%q:%q}`, c.field, value) }
		p.put(t, "e1", c.kind, "1", string(body("joe")))
		wantFault(t, put(Document{Kind: c.kind, ID: "1", Body: body("other")}), fault.Taken)
		wantFault(t, put(Document{Kind: c.kind, ID: "2", Body: body("joe")}), fault.Taken)
		p.put(t, "e1", c.kind, "2", string(body("jane")))
		wantFault(t, put(Document{Kind: c.kind, ID: "2", Version: 1, Body: body("joe")}), fault.Taken)
		p.put(t, "e2", c.kind, "1", string(body("joe")))
		p.put(t, "e1", "not"+c.kind, "1", string(body("joe")))
		// Those without the field don't collide with each other.
		p.put(t, "e1", c.kind, "3", `{}`)
		p.put(t, "e1", c.kind, "4", `{}`)
	}
}

func testStale(t *testing.T, p *opened) {
	d := p.put(t, "e1", "user", "u1", `{}`)
	p.update(t, "e1", func(tx *Tx) error { _, err := tx.Put(d); return err })
	again := func() error {
		return p.Update(t.Context(), "e1", func(tx *Tx) error { _, err := tx.Put(d); return err })
	}
	wantFault(t, again(), fault.Stale)
	p.update(t, "e1", func(tx *Tx) error { return tx.Delete("user", "u1") })
	wantFault(t, again(), fault.Stale)
}

func testEnvironments(t *testing.T, p *opened) {
	for _, env := range []string{"", "e1", "e2"} {
		p.put(t, env, "user", "u1", fmt.Sprintf(`{"usernameKey":"joe","env":%q}`, env))
	}
	p.update(t, "e1", func(tx *Tx) error {
		d, err := tx.Get("user", "u1")
		if err != nil {
			return err
		}
		d.Body = []byte(`{"usernameKey":"joe","env":"e1","changed":true}`)
		_, err = tx.Put(d)
		return err
	})
	p.update(t, "e2", func(tx *Tx) error { return tx.Delete("user", "u1") })
	for env, want := range map[string]string{
		"": `{"env":"","usernameKey":"joe"}`, "e1": `{"changed":true,"env":"e1","usernameKey":"joe"}`, "e2": "",
	} {
		p.view(t, env, func(tx *Tx) error {
			all, err := tx.List("user", Query{Where: kind.Equal("usernameKey", "joe")})
			if err != nil {
				return err
			}
			n, err := tx.Count("user", kind.Expr{}, 0, 0)
			if err != nil {
				return err
			}
			got := ""
			if len(all) > 0 {
				got = string(tight(all[0].Body))
			}
			if got != want || n != len(all) || len(all) > 1 {
				t.Errorf("%q has %s (%d listed, %d counted), want %s", env, got, len(all), n, want)
			}
			return nil
		})
	}
	p.view(t, "e2", func(tx *Tx) error {
		if tx.Env() != "e2" || tx.Root().Env() != "" {
			t.Errorf("bound to %q, root to %q", tx.Env(), tx.Root().Env())
		}
		_, err := tx.Root().Get("user", "u1")
		return err
	})
}

func testNames(t *testing.T, p *opened) {
	for _, name := range []string{"", "a b", "a'b", "a-b", "1a", "a..b", ".a", "a.", "a\x00", "ä", `a"`} {
		err := p.Update(t.Context(), "e1", func(tx *Tx) error {
			_, get := tx.Get(name, "1")
			_, list := tx.List(name, Query{})
			_, count := tx.Count(name, kind.Expr{}, 0, 0)
			_, put := tx.Put(Document{Kind: name, ID: "1", Body: []byte(`{}`)})
			_, path := tx.List("user", Query{Where: kind.Equal(name, "x")})
			_, ticket := Tickets[int]{Kind: name}.Put(tx, "secret", Ticket[int]{})
			_, read := Tickets[int]{Kind: name}.Get(tx, "secret")
			for i, err := range []error{get, list, count, put, tx.Delete(name, "1"), path, ticket, read} {
				if err == nil || errors.Is(err, ErrMissing) {
					t.Errorf("%q: call %d returns %v", name, i, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err := p.Update(t.Context(), "e1", func(tx *Tx) error {
		_, err := tx.Put(Document{Kind: "user", ID: "1", Body: []byte(`{"a"`)})
		return err
	})
	if err == nil {
		t.Error("a body that isn't JSON is kept")
	}
}

// testPages writes documents of which many have the same time, and reads them
// page by page.
func testPages(t *testing.T, p *opened) {
	var want []string
	for tick := range 4 {
		for n := range 7 {
			id := fmt.Sprintf("%d-%d", tick, n)
			p.put(t, "e1", "user", id, fmt.Sprintf(`{"odd":%t}`, n%2 == 1))
			want = append(want, id)
		}
		p.clock.now = p.clock.now.Add(time.Second)
	}
	odd := kind.Expr{Op: kind.Eq, Path: "odd", Type: kind.Boolean, Value: true}
	keep := func(ids []string) (out []string) {
		for _, id := range ids {
			if (id[2]-'0')%2 == 1 {
				out = append(out, id)
			}
		}
		return out
	}
	backwards := slices.Clone(want)
	slices.Reverse(backwards)
	for _, limit := range []int{1, 3, 7, 100} {
		wantPages(t, p, Query{Limit: limit}, want)
		wantPages(t, p, Query{Limit: limit, Order: kind.Order{Descending: true}}, backwards)
		wantPages(t, p, Query{Limit: limit, Where: odd}, keep(want))
		wantPages(t, p, Query{Limit: limit, Where: odd, Order: kind.Order{Descending: true}}, keep(backwards))
	}
	p.view(t, "e1", func(tx *Tx) error {
		all, err := tx.List("user", Query{})
		if len(all) != len(want) {
			t.Errorf("without a limit %d are listed, want %d", len(all), len(want))
		}
		return err
	})
}

// testSortedPages reads through an index that has another order than a list.
func testSortedPages(t *testing.T, p *opened) {
	var want []string
	for n := range 9 {
		id := fmt.Sprint(n)
		p.put(t, "e1", "user", id, fmt.Sprintf(`{"usernameKey":"joe%d"}`, (n*5)%9))
		want = append(want, id)
	}
	joe := kind.Expr{Op: kind.Sw, Path: "usernameKey", Value: "joe"}
	wantPages(t, p, Query{Limit: 4, Where: joe}, want)
	slices.Reverse(want)
	wantPages(t, p, Query{Limit: 4, Where: joe, Order: kind.Order{Descending: true}}, want)
}

func wantPages(t *testing.T, p *opened, q Query, want []string) {
	t.Helper()
	var got []string
	for range 100 {
		var page []Document
		p.view(t, "e1", func(tx *Tx) (err error) {
			page, err = tx.List("user", q)
			return err
		})
		if len(page) > q.Limit {
			t.Fatalf("a page of %d has %d", q.Limit, len(page))
		}
		if len(page) == 0 {
			break
		}
		for _, d := range page {
			got = append(got, d.ID)
		}
		last := page[len(page)-1]
		q.After = Cursor{Created: last.Created, ID: last.ID}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v: pages have %v, want %v", q, got, want)
	}
}

func testManyStatements(t *testing.T, p *opened) {
	p.put(t, "e1", "user", "u1", `{"f7":"x"}`)
	for n := range 3 * maxStatements {
		var found []Document
		p.view(t, "e1", func(tx *Tx) (err error) {
			found, err = tx.List("user", Query{Where: kind.Equal(fmt.Sprint("f", n), "x")})
			return err
		})
		if (len(found) == 1) != (n == 7) {
			t.Fatalf("f%d finds %d", n, len(found))
		}
	}
	if p.isPostgres() {
		return // the driver has a bound of its own
	}
	for _, s := range p.lite().readers.idle {
		if len(s.statements) > maxStatements {
			t.Errorf("%d statements are kept prepared", len(s.statements))
		}
	}
}

func testView(t *testing.T, p *opened) {
	d := p.put(t, "e1", "user", "u1", `{"a":1}`)
	ctx := context.Background()
	p.view(t, "e1", func(tx *Tx) error {
		if _, err := tx.Get("user", "u1"); err != nil {
			return err
		}
		p.put(t, "e1", "user", "u2", `{}`)
		if _, err := tx.Get("user", "u2"); !errors.Is(err, ErrMissing) {
			t.Errorf("a view sees what came later: %v", err)
		}
		codes := Tickets[int]{Kind: "code"}
		_, put := tx.Put(d)
		_, keep := codes.Put(tx, "s", Ticket[int]{})
		_, spend := codes.Spend(tx, "s", tx.Now())
		_, end := tx.EndFamily("f", tx.Now())
		for i, err := range []error{put, keep, spend, end, tx.Delete("user", "u1"), tx.EndOwner("o"), codes.Delete(tx, "s")} {
			if !errors.Is(err, ErrReadOnly) {
				t.Errorf("write %d in a view returns %v", i, err)
			}
		}
		return nil
	})
	p.view(t, "e1", func(tx *Tx) error {
		if _, err := tx.Get("user", "u1"); err != nil {
			return err
		}
		// The connection itself refuses, should a statement slip through.
		if _, err := tx.work.session.exec("DELETE FROM document", nil); err == nil {
			t.Error("a reader's connection deletes")
		}
		return nil
	})
	boom := errors.New("boom")
	if err := p.View(ctx, "e1", func(*Tx) error { return boom }); err != boom {
		t.Errorf("a view returns %v, want its closure's error", err)
	}
	if err := p.View(ctx, "e1", func(*Tx) error { panic("boom") }); err == nil {
		t.Error("a panic in a view is no error")
	}
	gone, leave := context.WithCancel(ctx)
	leave()
	if err := p.View(gone, "e1", func(*Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a view of a caller who is gone returns %v", err)
	}
	if err := p.Ping(ctx); err != nil {
		t.Error("ping:", err)
	}
	if p.isPostgres() {
		return // it has more connections than two
	}
	// The two readers are in use, and nobody waits longer than he wants.
	reading := func(tx *Tx) { _, _ = tx.Get("user", "u1") }
	p.view(t, "e1", func(tx *Tx) error {
		reading(tx)
		return p.View(ctx, "e1", func(tx *Tx) error {
			reading(tx)
			short, end := context.WithTimeout(ctx, 5*time.Millisecond)
			defer end()
			if err := p.Ping(short); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("without a reader, ping returns %v", err)
			}
			return nil
		})
	})
}
