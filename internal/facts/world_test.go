package facts

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// world is an empty database and a vault, with a clock that tests move.
type world struct {
	*store.DB
	vault *Vault
	now   time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), vault: testVault(t, 1)}
	db, err := store.Open(t.Context(), "file:"+filepath.Join(t.TempDir(), "pixy.db"), store.Options{Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w.DB = db
	return w
}

// testVault is a vault whose chance counts, so that nothing comes twice.
func testVault(t *testing.T, key byte) *Vault {
	t.Helper()
	s, err := store.NewSealer(bytes.Repeat([]byte{key}, 32))
	if err != nil {
		t.Fatal(err)
	}
	n := byte(0)
	return NewVault(s, func(b []byte) {
		for i := range b {
			n++
			b[i] = n
		}
	}, platform.HashCost{Memory: 8, Time: 1, Lanes: 1}, 2, nil)
}

// put keeps documents of e1.
func (w *world) put(t *testing.T, noun, id string, body any) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	w.in(t, "e1", func(tx *store.Tx) error {
		_, err := tx.Put(store.Document{Kind: noun, ID: id, Body: raw})
		return err
	})
}

func (w *world) in(t *testing.T, env string, fn func(*store.Tx) error) {
	t.Helper()
	if err := w.Update(context.Background(), env, fn); err != nil {
		t.Fatal(err)
	}
}

func ref(id string) kind.Body { return kind.Body{"id": id} }
