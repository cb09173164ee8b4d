package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"pixy/internal/fault"
)

// testStats: what a database does is counted by what it came to.
func testStats(t *testing.T, p *opened) {
	before := p.Stats()
	ctx := t.Context()
	keep := Tickets[struct{}]{Kind: "kept", Life: time.Hour}
	p.update(t, "e1", func(tx *Tx) error {
		_, err := keep.Put(tx, "a", Ticket[struct{}]{})
		return err
	})
	gone, cancel := context.WithCancel(ctx)
	cancel()
	for _, c := range []struct {
		want error
		err  error
	}{
		{fault.Taken, p.Update(ctx, "e1", func(tx *Tx) error { _, err := keep.Put(tx, "a", Ticket[struct{}]{}); return err })},
		{fault.Missing, p.Change(ctx, "e1", func(*Tx) error { return fault.Missing })},
		{errStrange, p.View(ctx, "e1", func(*Tx) error { return errStrange })},
		{context.Canceled, p.View(gone, "e1", func(*Tx) error { return nil })},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%v, want %v", c.err, c.want)
		}
	}
	if err := p.CountTickets(ctx); err != nil {
		t.Fatal(err)
	}
	s := p.Stats()
	for key, want := range map[Ended]int64{{"update", "ok"}: 1, {"update", "taken"}: 1, {"change", "refused"}: 1, {"view", "failed"}: 1, {"view", "gone"}: 1, {"view", "ok"}: 1} {
		if n := s.Transactions[key] - before.Transactions[key]; n != want {
			t.Errorf("%v: %d, want %d", key, n, want)
		}
	}
	if s.Tickets["kept"] != 1 || len(s.Tickets) != 1 {
		t.Errorf("tickets %v", s.Tickets)
	}
	if s.Commits.Count <= before.Commits.Count {
		t.Errorf("%d commits, %d before", s.Commits.Count, before.Commits.Count)
	}
	if n, err := p.Sweep(ctx, p.clock.now.Add(2*time.Hour)); n != 1 || err != nil {
		t.Errorf("swept %d: %v", n, err)
	}
	if s = p.Stats(); s.Swept["kept"] != 1 || len(s.Swept) != 1 {
		t.Errorf("swept %v", s.Swept)
	}
	p.checkKindStats(t, s)
}

var errStrange = errors.New("strange")

// checkKindStats looks at what is about one kind of database.
func (p *opened) checkKindStats(t *testing.T, s Stats) {
	t.Helper()
	if p.isPostgres() {
		if s.File != nil || s.Postgres == nil || s.Postgres.Max == 0 || s.Postgres.Idle == 0 || s.Postgres.Opened == 0 || s.Retries["taken"] != 1 {
			t.Errorf("file %v, pool %+v, retries %v", s.File, s.Postgres, s.Retries)
		}
		return
	}
	f := s.File
	if s.Postgres != nil || f == nil || f.Batches.Count != s.Commits.Count || f.Waits.Count < f.Batches.Count || f.Size == 0 || f.WALSize == 0 || f.MaxReading == 0 || f.MaxWaiting != maxQueue {
		t.Errorf("pool %v, file %+v", s.Postgres, f)
	}
}
