package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pixy/internal/fault"
)

// AttendEvery is how often a node that serves calls Attend. It is taken for gone
// when it hasn't for six times as long.
const (
	AttendEvery = 15 * time.Second
	attendLife  = 6 * AttendEvery
)

// attendance is what a node says of itself: where it serves, and the ids of the
// master keys that it knows.
type attendance struct {
	Name string   `json:"name"`
	Keys []string `json:"keys"`
}

func attendances() Tickets[attendance] {
	return Tickets[attendance]{Kind: "node", Life: attendLife}
}

// Attend tells the other nodes that one, by an id of its own, serves from the
// claimed database, and which master keys it knows. It says ErrOtherKey when the
// node lacks a key that it needs; it must not serve then. Of a node that attends
// and a replacement of the master key that begins, one sees the other.
func (db *DB) Attend(ctx context.Context, id, name string) error {
	s := db.sealer.Load()
	if s == nil {
		return errors.New("store: attend: the database was not claimed")
	}
	return db.Update(ctx, "", func(tx *Tx) error {
		check, err := tx.check()
		if err != nil {
			return err
		}
		if _, err := s.follow(check); err != nil {
			return err
		}
		t, err := attendances().Get(tx, id)
		t.ID, t.Body, t.Expires = id, attendance{Name: name, Keys: s.ids()}, time.Time{}
		if errors.Is(err, ErrMissing) {
			_, err = attendances().Put(tx, id, t)
		} else if err == nil {
			_, err = attendances().Save(tx, id, t)
		}
		return err
	})
}

// Leave takes Attend back.
func (db *DB) Leave(ctx context.Context, id string) error {
	return db.Update(ctx, "", func(tx *Tx) error { return attendances().Delete(tx, id) })
}

// Attending counts the nodes that attend.
func (db *DB) Attending(ctx context.Context) (n int, err error) {
	err = db.View(ctx, "", func(tx *Tx) error {
		nodes, err := attendances().Everywhere(tx, maxNodes)
		n = len(nodes)
		return err
	})
	return n, err
}

// maxNodes bounds how many nodes are looked at; a replacement of the master key
// does not begin with more.
const maxNodes = 1000

// laggard is a node that does not know a key, as it was last heard.
type laggard struct {
	name    string
	id      string
	version int64
}

func (l *laggard) Error() string {
	return fmt.Sprintf("the node %s does not know the new master key: restart it with both", l.name)
}

// lagging is the first node that doesn't know a key, or nil.
func lagging(tx *Tx, key string) (*laggard, error) {
	nodes, err := attendances().Everywhere(tx, maxNodes)
	if err == nil && len(nodes) == maxNodes {
		err = fault.Busy.Because(fmt.Errorf("store: %d nodes or more", maxNodes))
	}
	for _, n := range nodes {
		if !slices.Contains(n.Body.Keys, key) {
			return &laggard{n.Body.Name, n.ID, n.Version}, err
		}
	}
	return nil, err
}
