package store

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// made is what a Look finds of a value that fn makes, and how often fn ran in ten.
func made(t *testing.T, db *DB, fn func(*Tx) (string, error)) (value string, ran int) {
	t.Helper()
	for range 10 {
		err := db.Look(t.Context(), "e1", func(tx *Tx) (err error) {
			value, err = Recall(tx, t.Name(), func() (string, error) { ran++; return fn(tx) })
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return value, ran
}

func bodyOf(tx *Tx, id string) (string, error) {
	d, err := tx.Get("application", id)
	return string(tight(d.Body)), err
}

// testRecall: what is made of remembered documents alone is made once, until one of
// them is changed; all else is made each time.
func testRecall(t *testing.T, p *opened) {
	db := mustOpen(t, p.source, remembering())
	set(t, db, "e1", "a", `{"n":0}`)
	set(t, db, "e1", "b", `{"n":1}`)
	set(t, db, "", "r", `{"n":2}`)
	p.put(t, "e1", "user", "u", `{"n":3}`)
	codes := Tickets[struct{}]{Kind: "code", Life: time.Hour}
	both := func(tx *Tx) (string, error) {
		a, err := Recall(tx, t.Name()+" inner", func() (string, error) { return bodyOf(tx, "a") })
		b, errB := bodyOf(tx, "b")
		return a + b, errors.Join(err, errB)
	}
	for _, c := range []struct {
		name, want string
		once       bool
		fn         func(*Tx) (string, error)
	}{
		{"one", `{"n":0}`, true, func(tx *Tx) (string, error) { return bodyOf(tx, "a") }},
		{"one in another", `{"n":0}{"n":1}`, true, both},
		{"of the root scope", `{"n":2}`, false, func(tx *Tx) (string, error) { return bodyOf(tx.Root(), "r") }},
		{"of two environments", `{"n":0}{"n":2}`, false, func(tx *Tx) (string, error) {
			a, err := bodyOf(tx, "a")
			r, errR := bodyOf(tx.Root(), "r")
			return a + r, errors.Join(err, errR)
		}},
		{"beside a kind that is not remembered", `{"n":0}`, false, func(tx *Tx) (string, error) {
			_, err := tx.Get("user", "u")
			a, errA := bodyOf(tx, "a")
			return a, errors.Join(err, errA)
		}},
		{"beside a ticket", `{"n":0}`, false, func(tx *Tx) (string, error) {
			a, err := bodyOf(tx, "a")
			if _, missing := codes.Get(tx, "secret"); missing != ErrMissing {
				err = missing
			}
			return a, err
		}},
		{"beside what there is not", `{"n":0}`, false, func(tx *Tx) (string, error) {
			if _, err := tx.Get("application", "c"); err != ErrMissing {
				return "", err
			}
			return bodyOf(tx, "a")
		}},
		{"of nothing", "nothing", false, func(*Tx) (string, error) { return "nothing", nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			value, ran := made(t, db, c.fn)
			if value != c.want || (ran <= 2) != c.once {
				t.Errorf("ten looks make %s, want %s, in %d times", value, c.want, ran)
			}
		})
	}
	t.Run("changed", func(t *testing.T) {
		for n, id := range []string{"a", "b", "a", "b"} {
			if _, ran := made(t, db, both); ran > 2 {
				t.Errorf("it is made %d times", ran)
			}
			set(t, db, "e1", id, `{"after":`+strings.Repeat("1", n+1)+`}`)
			if value, _ := made(t, db, both); !strings.Contains(value, `{"after":`+strings.Repeat("1", n+1)+`}`) {
				t.Errorf("after a change of %s it is %s", id, value)
			}
		}
	})
	t.Run("an error", func(t *testing.T) {
		for range 3 {
			err := db.Look(t.Context(), "e1", func(tx *Tx) error {
				_, err := Recall(tx, "failing", func() (string, error) { a, _ := bodyOf(tx, "a"); return a, errors.ErrUnsupported })
				return err
			})
			if err != errors.ErrUnsupported {
				t.Errorf("it is remembered: %v", err)
			}
		}
	})
	for name, run := range map[string]func(context.Context, string, func(*Tx) error) error{"view": db.View, "update": db.Update} {
		t.Run(name, func(t *testing.T) {
			var ran atomic.Int64
			for range 3 {
				if err := run(t.Context(), "e1", func(tx *Tx) error {
					_, err := Recall(tx, "one", func() (string, error) { ran.Add(1); return bodyOf(tx, "a") })
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
			if ran.Load() != 3 {
				t.Errorf("it is made %d times in three", ran.Load())
			}
		})
	}
}

// testLooking: an Update may decide on what is remembered, and remembers nothing
// itself: what it reads may be what it has changed.
func testLooking(t *testing.T, p *opened) {
	db := mustOpen(t, p.source, remembering())
	set(t, db, "e1", "a", `{"n":0}`)
	look(t, db, "a")
	look(t, db, "a")
	ran := 0
	read := func(tx *Tx) (string, error) {
		return Recall(tx, "look a", func() (string, error) { ran++; return bodyOf(tx, "a") })
	}
	hits := db.cache.hits.Load()
	err := db.Update(t.Context(), "e1", func(tx *Tx) error {
		ran = 0
		for _, tx := range []*Tx{tx.Looking(), tx.Looking().Root().In("e1").within(time.Minute)} {
			if got, err := read(tx); got != `{"n":0}` || err != nil || ran != 0 {
				t.Errorf("what is remembered is %s, made %d times (%v)", got, ran, err)
			}
			if got, err := bodyOf(tx, "a"); got != `{"n":0}` || err != nil {
				t.Errorf("what is remembered is %s (%v)", got, err)
			}
		}
		if n := db.cache.hits.Load() - hits; n != 4 {
			t.Errorf("of four readings %d are remembered", n)
		}
		if _, err := read(tx); err != nil || ran != 1 {
			t.Errorf("an Update that does not look makes it %d times (%v)", ran, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	undone := errors.New("undone")
	err = db.Update(t.Context(), "e1", func(tx *Tx) error {
		if _, err := tx.Put(Document{Kind: "application", ID: "b", Body: []byte(`{"n":1}`)}); err != nil {
			return err
		}
		for _, read := range []func(*Tx) (string, error){read, func(tx *Tx) (string, error) { return bodyOf(tx, "b") }} {
			if _, err := read(tx.Looking()); err != nil {
				t.Error(err)
			}
		}
		return undone
	})
	if got := look(t, db, "b"); err != undone || got != "" {
		t.Errorf("what was undone is remembered as %s (%v)", got, err)
	}
}
