package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/test/pg"
)

// waitFor has a server wait for a standby, "" for none.
func waitFor(t *testing.T, s *pg.Server, standby string) {
	t.Helper()
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = '" + standby + "'", "SELECT pg_reload_conf()"} {
		if err := s.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(200 * time.Millisecond)
}

// TestDoneButUnconfirmed: what a wait was ended for is there to be seen, and no
// standby has it. Who finds it done isn't told that it is kept before it is.
func TestDoneButUnconfirmed(t *testing.T) {
	s, p := ownServer(t, pg.Options{Durable: true})
	end := func(tx *Tx) error {
		_, err := tx.EndFamily("f", p.clock.now.Add(time.Hour))
		return err
	}
	waitFor(t, s, "nobody")
	wantFault(t, p.Update(t.Context(), "e1", end), fault.Unconfirmed)
	ended := func() (is bool) {
		err := p.View(t.Context(), "e1", func(tx *Tx) (err error) { is, err = tx.Ended("f"); return err })
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	for start := time.Now(); !ended(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 5*time.Second {
			t.Fatal("what the server was told to keep can't be seen: the test does not test it")
		}
	}
	wantFault(t, p.Update(t.Context(), "e1", end), fault.Unconfirmed)
	wantFault(t, p.Update(t.Context(), "e1", func(*Tx) error { return nil }), fault.Unconfirmed)
	waitFor(t, s, "")
	p.update(t, "e1", end)
}

// TestViewsGoOn: Updates whose COMMIT doesn't end leave connections to Views,
// however many they are.
func TestViewsGoOn(t *testing.T) {
	s, p := ownServer(t, pg.Options{Durable: true})
	p.put(t, "e1", "thing", "before", `{}`)
	waitFor(t, s, "nobody")
	var all sync.WaitGroup
	var ended atomic.Int32
	for n := range 8 { // twice as many as there are connections
		all.Go(func() {
			err := p.Update(context.Background(), "e1", putting(fmt.Sprint(n)))
			if ended.Add(1); err != nil && !errors.Is(err, fault.Unconfirmed) && !errors.Is(err, fault.Busy) {
				t.Error(err)
			}
		})
	}
	for range 10 {
		start := time.Now()
		if _, err := p.get(t, "e1", "thing", "before"); err != nil || time.Since(start) > time.Second {
			t.Errorf("a View took %s: %v", time.Since(start), err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if ended.Load() == 8 {
		t.Error("every Update has ended: the test does not test it")
	}
	waitFor(t, s, "")
	all.Wait()
}
