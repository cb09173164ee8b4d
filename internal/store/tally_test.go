package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
)

func (p *opened) tallied(t *testing.T, env, name string) (n int) {
	t.Helper()
	p.view(t, env, func(tx *Tx) (err error) {
		n, err = tx.Tallied(name)
		return err
	})
	return n
}

func testTallies(t *testing.T, p *opened) {
	if n := p.tallied(t, "e1", "users p1"); n != 0 {
		t.Errorf("nothing was added and there are %d", n)
	}
	add := func(env, name, id string, by int) {
		t.Helper()
		p.update(t, env, func(tx *Tx) error { return tx.Tally(name, id, by) })
	}
	for n := range 100 { // of all shards
		add("e1", "users p1", fmt.Sprint("u", n), 1)
	}
	add("e1", "users p1", "u7", 5)
	add("e1", "users p1", "", 1)
	add("e1", "users p2", "u7", 3)
	add("e2", "users p1", "u7", 2)
	for n := range 40 {
		add("e1", "users p1", fmt.Sprint("u", n), -1)
	}
	add("e1", "users p1", "u1", 0)
	for _, c := range []struct {
		env, name string
		want      int
	}{{"e1", "users p1", 66}, {"e1", "users p2", 3}, {"e2", "users p1", 2}, {"e2", "users p2", 0}, {"", "users p1", 0}, {"e1", "users p", 0}, {"e1", "users p%", 0}} {
		if got := p.tallied(t, c.env, c.name); got != c.want {
			t.Errorf("%q has %d %s, want %d", c.env, got, c.name, c.want)
		}
	}
	// What is refused is not counted; what one has done he sees.
	refused := errors.New("refused")
	err := p.Update(t.Context(), "e1", func(tx *Tx) error {
		if err := tx.Tally("users p2", "u1", 10); err != nil {
			return err
		}
		if n, err := tx.Tallied("users p2"); n != 13 || err != nil {
			t.Errorf("within the transaction there are %d, %v", n, err)
		}
		return refused
	})
	if n := p.tallied(t, "e1", "users p2"); n != 3 || err != refused {
		t.Errorf("a refused update leaves %d, %v", n, err)
	}
	p.view(t, "e1", func(tx *Tx) error {
		if err := tx.Tally("users p2", "u1", 1); !errors.Is(err, ErrReadOnly) {
			t.Errorf("a view tallies: %v", err)
		}
		return nil
	})
}

// testTalliesTogether adds and takes away from many goroutines: nothing is
// lost, and what each was told is what there is.
func testTalliesTogether(t *testing.T, p *opened) {
	refused := errors.New("refused")
	var kept atomic.Int64
	together(50, 2000, func(n int) {
		by := 1
		if n%5 == 0 {
			by = -1
		}
		err := p.Update(context.Background(), "e1", func(tx *Tx) error {
			if err := tx.Tally("users", fmt.Sprint("u", n%30), by); err != nil {
				return err
			}
			if n%7 == 0 {
				return refused
			}
			return nil
		})
		switch {
		case err == nil:
			kept.Add(int64(by))
		case err != refused:
			t.Error(err)
		}
	})
	if got := p.tallied(t, "e1", "users"); int64(got) != kept.Load() {
		t.Errorf("there are %d, want %d", got, kept.Load())
	}
	p.view(t, "e1", func(tx *Tx) error {
		var rows int
		err := tx.one("SELECT count(*) FROM tally", nil, &rows)
		if rows < 2 || rows > shards {
			t.Errorf("the tally is spread over %d rows", rows)
		}
		return err
	})
}
