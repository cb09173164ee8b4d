package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const minute = 60_000 // milliseconds

// world is what a simulation is about: an environment with two users, a code of
// each that nobody has redeemed, and a family of refresh tokens of each.
type world struct {
	env       string
	clock     *atomic.Int64 // Unix milliseconds
	removable bool          // the environment may be deleted
	grace     time.Duration
	focus     int // what most requests are about

	mu     sync.Mutex
	newest map[string]int // generation that somebody was told, by family
	sweeps []time.Time    // before when was swept
	wrong  []string       // what an actor has seen and never should
}

// node is a process that the actors on it share, with a clock of its own.
type node struct {
	db    *DB
	skew  atomic.Int64     // milliseconds
	clock *atomic.Int64    // that of all
	seen  map[string]int64 // the newest version of a user that was acknowledged here
}

// generation is the body of a family's ticket.
type generation struct {
	N       int
	Rotated time.Time
}

func simCodes() Tickets[generation] { return Tickets[generation]{Kind: "code", Life: 10 * time.Minute} }
func simFamilies() Tickets[generation] {
	return Tickets[generation]{Kind: "refresh", Life: 30 * time.Minute}
}
func simTraces() Tickets[deed] { return Tickets[deed]{Kind: "trace", Life: 1000 * time.Hour} }

// deed is what a transaction has done. It leaves it in the database, so that
// what was kept can be told when nobody was told.
type deed struct {
	Did  string // "" is nothing
	On   string
	N    int       // how many traces it found
	Got  int       // the generation of the refresh token that it issued
	Left []leaving // the tickets as it leaves them
}

// leaving is a ticket as a transaction leaves it.
type leaving struct {
	Kind, Secret string
	Version      int64
	Expires      int64 // Unix milliseconds
}

// request is one thing that an actor asks for, and what came of it.
type request struct {
	*actor
	id, what, on string
	run          func(*request, context.Context) error
	shows        int   // a refresh token of this generation
	note         deed  // of the last try
	version      int64 // of the user, then
	begun, told  int64
	err          error
	lost         bool // nobody was told
	left         bool // the caller didn't wait for it
}

func (n *node) now() time.Time { return time.UnixMilli(n.clock.Load() + n.skew.Load()) }

func (w *world) secret(name string) string { return w.env + "/" + name }

// owner is the user that a code or a family belongs to.
func owner(name string) string {
	return map[string]string{"a": "u0", "x": "u0", "b": "u1", "y": "u1"}[name]
}

func (w *world) saw(text string, args ...any) {
	w.mu.Lock()
	w.wrong = append(w.wrong, fmt.Sprintf(text, args...))
	w.mu.Unlock()
}

func (n *deed) leave(kind, secret string, t Ticket[generation]) {
	n.Left = append(n.Left, leaving{kind, secret, t.Version, millis(t.Expires)})
}

// prepare makes the world.
func (s *sim) prepare() error {
	err := s.judge.Update(context.Background(), "", func(tx *Tx) error {
		_, err := tx.Put(Document{Kind: "environment", ID: s.env, Body: []byte(`{}`)})
		return err
	})
	if err != nil {
		return err
	}
	return s.judge.Update(context.Background(), s.env, func(tx *Tx) error {
		for _, user := range []string{"u0", "u1"} {
			if _, err := tx.Put(Document{Kind: "user", ID: user, Body: []byte(`{"N":0}`)}); err != nil {
				return err
			}
		}
		var all []error
		for _, name := range []string{"a", "b"} {
			_, err := simCodes().Put(tx, s.secret(name), Ticket[generation]{Owner: owner(name)})
			all = append(all, err)
		}
		for _, name := range []string{"x", "y"} {
			_, err := simFamilies().Put(tx, s.secret(name), Ticket[generation]{Owner: owner(name), Family: s.secret(name), Body: generation{N: 1}})
			all = append(all, err)
		}
		return errors.Join(all...)
	})
}

// first is how a ticket is before the simulation.
func (s *sim) first(kind, name string) leaving {
	life := simCodes().Life
	if kind == "refresh" {
		life = simFamilies().Life
	}
	return leaving{kind, name, 1, simStart + life.Milliseconds()}
}
