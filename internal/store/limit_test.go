package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func limited(l Limits) Tickets[note] { return Tickets[note]{Kind: "flow", Life: time.Hour, Limits: l} }

// left are the ids of the tickets of a kind in an environment that begin so, the
// oldest first.
func (p *opened) left(t *testing.T, env string, k Tickets[note], prefix string) (ids []string) {
	t.Helper()
	p.view(t, env, func(tx *Tx) error {
		found, err := k.list(tx, "env = $1 AND kind = '"+k.Kind+"' ORDER BY id", tx.env)
		for _, f := range found {
			if strings.HasPrefix(f.ID, prefix) {
				ids = append(ids, f.ID)
			}
		}
		return err
	})
	return ids
}

// leave puts tickets, a millisecond apart, each from a source, and returns their
// ids.
func (p *opened) leave(t *testing.T, env string, k Tickets[note], prefix string, n int, source func(i int) string) (ids []string) {
	t.Helper()
	for i := range n {
		p.clock.now = p.clock.now.Add(time.Millisecond)
		id := fmt.Sprintf("%s%06d", prefix, i)
		p.keep(t, env, k, env+id, Ticket[note]{ID: id, Source: source(i)})
		ids = append(ids, id)
	}
	return ids
}

// testLimitSource: of one source the newest stay, and of all else everything.
func testLimitSource(t *testing.T, p *opened) {
	const most = 100
	k, other := limited(Limits{Source: most}), limited(Limits{Source: most})
	other.Kind = "pushed"
	from := func(source string) func(int) string { return func(int) string { return source } }
	p.leave(t, "e1", k, "other source ", most, from("b"))
	p.leave(t, "e2", k, "other environment ", most, from("a"))
	p.leave(t, "e1", other, "other kind ", most, from("a"))
	p.leave(t, "e1", k, "no source ", most, from(""))
	for _, touched := range touches() {
		p.leave(t, "e1", k, touched.how+" ", 1, from("a"))
		p.update(t, "e1", func(tx *Tx) error {
			secret := "e1" + touched.how + " 000000"
			found, err := k.Get(tx, secret)
			if err != nil {
				return err
			}
			return touched.touch(tx, k, secret, found)
		})
	}
	before := p.Stats().Dropped["source"]
	var ids, got []string
	for i := range 20 {
		ids = append(ids, p.leave(t, "e1", k, fmt.Sprintf("many %02d ", i), 50, from("a"))...)
		got = p.left(t, "e1", k, "many ")
		if len(got) < min(most, len(ids)) || len(got) > most+4*sampling || !slices.Equal(got, ids[len(ids)-len(got):]) {
			t.Fatalf("of %d tickets of the source %d stay, and should be the newest %d, or some more: %q...", len(ids), len(got), most, got[:min(len(got), 3)])
		}
	}
	if n := p.Stats().Dropped["source"] - before; n != int64(len(ids)-len(got)) {
		t.Errorf("%d are counted of %d that are gone", n, len(ids)-len(got))
	}
	for _, c := range []struct {
		env, prefix string
		k           Tickets[note]
	}{{"e1", "other source ", k}, {"e2", "other environment ", k}, {"e1", "other kind ", other}, {"e1", "no source ", k}} {
		if n := len(p.left(t, c.env, c.k, c.prefix)); n != most {
			t.Errorf("%d of %q are left", n, c.prefix)
		}
	}
	for _, touched := range touches() {
		if len(p.left(t, "e1", k, touched.how+" 0")) != 1 {
			t.Errorf("the ticket that was %s is gone", touched.how)
		}
	}
}

// touch is a way to free a ticket.
type touch struct {
	how   string
	touch func(*Tx, Tickets[note], string, Ticket[note]) error
}

func touches() []touch {
	return []touch{
		{"saved", func(tx *Tx, k Tickets[note], secret string, t Ticket[note]) error {
			t.Freed = true
			_, err := k.Save(tx, secret, t)
			return err
		}},
		{"saved by id", func(tx *Tx, k Tickets[note], _ string, t Ticket[note]) error {
			t.Freed = true
			_, err := k.SaveID(tx, t)
			return err
		}},
	}
}

// testLimitEnv: however many sources there are, about so many stay in an
// environment, the newest.
func testLimitEnv(t *testing.T, p *opened) {
	const most = 640
	k := limited(Limits{Source: 100, Env: most})
	p.leave(t, "e2", k, "other ", 50, each)
	ids := p.leave(t, "e1", k, "", 2500, each)
	got := p.left(t, "e1", k, "")
	if len(got) < most/2 || len(got) > 2*most || !slices.Equal(got, ids[len(ids)-len(got):]) {
		t.Errorf("%d tickets stay, and should be about the newest %d: %q...", len(got), most, got[:min(len(got), 3)])
	}
	if n := len(p.left(t, "e2", k, "other ")); n != 50 {
		t.Errorf("%d of another environment are left", n)
	}
	before := p.Stats().Dropped
	if before["source"] != 0 || before["environment"] != int64(len(ids)-len(got)) {
		t.Errorf("%v are counted of %d that are gone", before, len(ids)-len(got))
	}
	undone := errors.New("undone")
	err := p.Update(t.Context(), "e1", func(tx *Tx) error {
		if err := k.drop(tx, "environment", "env = $1 AND source <> ''", "", "e1", 1); err != nil {
			return err
		}
		return undone
	})
	if after := p.Stats().Dropped; !errors.Is(err, undone) || after["environment"] != before["environment"] {
		t.Errorf("what was undone is counted: %v, %v", after, err)
	}
}

// testLimitTogether lets many leave tickets at once, some of whom come back.
func testLimitTogether(t *testing.T, p *opened) {
	const most, all = 200, 2000
	p.now = time.Now
	k := limited(Limits{Source: most, Env: 10_000})
	var late atomic.Int64 // who was overtaken by so many that his ticket had gone
	together(16, all, func(n int) {
		secret := fmt.Sprint("ticket ", n)
		err := p.Update(context.Background(), "e1", func(tx *Tx) error {
			_, err := k.Put(tx, secret, Ticket[note]{ID: secret, Source: "a"})
			return err
		})
		if err == nil && n%10 == 0 {
			err = p.Update(context.Background(), "e1", func(tx *Tx) error {
				found, err := k.Get(tx, secret)
				if err != nil {
					return err
				}
				found.Freed = true
				_, err = k.Save(tx, secret, found)
				return err
			})
			if err == ErrMissing && late.Add(1) <= all/100 {
				err = nil
			}
		}
		if err != nil {
			t.Errorf("ticket %d: %v", n, err)
		}
	})
	got, want := len(p.left(t, "e1", k, "")), most+all/10-int(late.Load())
	if got < want || got > want+5*sampling {
		t.Errorf("%d tickets stay, and should be %d, or some more", got, want)
	}
}

// each is a source of its own for each ticket.
func each(i int) string { return fmt.Sprint("source ", i) }
