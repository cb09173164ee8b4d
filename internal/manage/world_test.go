package manage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"pixy/internal/facts"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// world is a server's first start without HTTP: an environment e1 with its
// worker, and a clock that tests move.
type world struct {
	*API
	db    *store.DB
	clock *clock
	roles []platform.RoleAssignment // of the worker
}

type clock struct{ now atomic.Int64 }

func (c *clock) time() time.Time           { return time.UnixMilli(c.now.Load()).UTC() }
func (c *clock) move(by time.Duration)     { c.now.Add(by.Milliseconds()) }
func (c *clock) moveTo(to time.Time)       { c.now.Store(to.UnixMilli()) }
func days(n int) time.Duration             { return time.Duration(n) * 24 * time.Hour }
func (w *world) day(n int) time.Time       { return beginning.AddDate(0, 0, n) }
func (w *world) at(n int, d time.Duration) { w.clock.moveTo(w.day(n).Add(d)) }

// beginning is when the first key began to sign.
var beginning = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: &clock{}}
	w.clock.moveTo(beginning)
	db, err := store.Open(t.Context(), "file:"+filepath.Join(t.TempDir(), "pixy.db"), store.Options{Now: w.clock.time})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	sealer, err := store.NewSealer(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Uint64
	chance := func(b []byte) { // nothing comes twice
		for i := 0; i < len(b); i += 8 {
			var next [8]byte
			binary.BigEndian.PutUint64(next[:], n.Add(1)*0x9E3779B97F4A7C15)
			copy(b[i:], next[:])
		}
	}
	vault := facts.NewVault(sealer, chance, platform.HashCost{Memory: 8, Time: 1, Lanes: 1}, 2, nil)
	w.db, w.API = db, New(db, vault, facts.NewRecords(facts.SessionTimes{}, store.Limits{}), "https://x", w.clock.time)
	first := platform.First{Environment: "e1", Application: "worker", Secret: "sealed", KeyID: "k1", Now: beginning, NewID: vault.NewID}
	if first.Key, err = vault.Key(t.Context(), "e1", "k1", platform.FirstSigningKey(), beginning); err != nil {
		t.Fatal(err)
	}
	entries, err := first.Entries()
	if err != nil {
		t.Fatal(err)
	}
	w.update(t, "", func(tx *store.Tx) error { return Keep(tx, w.Kinds(), entries) })
	w.view(t, "e1", func(tx *store.Tx) error {
		w.roles, err = facts.Assignments(tx, "worker")
		return err
	})
	return w
}

func (w *world) update(t *testing.T, env string, fn func(*store.Tx) error) {
	t.Helper()
	if err := w.db.Update(context.Background(), env, fn); err != nil {
		t.Fatal(err)
	}
}

func (w *world) view(t *testing.T, env string, fn func(*store.Tx) error) {
	t.Helper()
	if err := w.db.View(context.Background(), env, fn); err != nil {
		t.Fatal(err)
	}
}

// call serves a request of the worker at the route with this method and path;
// ids fills the path.
func (w *world) call(t *testing.T, method, path string, ids map[string]string, body kind.Body) (Answer, error) {
	t.Helper()
	return w.ask(t, method, path, ids, nil, body)
}

// ask is call with a query.
func (w *world) ask(t *testing.T, method, path string, ids map[string]string, query url.Values, body kind.Body) (Answer, error) {
	t.Helper()
	for _, route := range w.Routes() {
		if route.Method != method || route.Path != path {
			continue
		}
		var organization string
		w.view(t, "", func(tx *store.Tx) (err error) {
			organization, err = facts.Organization(tx)
			return err
		})
		at := path
		for name, id := range ids {
			at = string(bytes.ReplaceAll([]byte(at), []byte("{"+name+"}"), []byte(id)))
		}
		return w.Serve(context.Background(), route, Request{
			Actor:  Actor{ID: "worker", Client: "worker", Environment: "e1", Organization: organization, Actor: facts.Actor{Assignments: w.roles}},
			Method: method, Path: at, IDs: ids, Query: query, Media: mediaJSON, Body: body,
		})
	}
	t.Fatalf("there is no route %s %s", method, path)
	return Answer{}, nil
}

// has says whether there is such a document.
func (w *world) has(t *testing.T, env, noun, id string) (is bool) {
	t.Helper()
	w.view(t, env, func(tx *store.Tx) error {
		_, err := tx.Get(noun, id)
		if errors.Is(err, store.ErrMissing) {
			return nil
		}
		is = err == nil
		return err
	})
	return is
}
