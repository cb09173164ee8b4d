package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pixy/internal/fault"
)

// TestFullDisk lets the database grow to a few pages only.
func TestFullDisk(t *testing.T) {
	var log bytes.Buffer
	p := &opened{source: newFile(t) + "?_pragma=max_page_count(60)"}
	p.DB = mustOpen(t, p.source, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	large := func(tx *Tx) error {
		_, err := tx.Put(Document{Kind: "thing", ID: "large", Body: []byte(`"` + strings.Repeat("x", 1<<20) + `"`)})
		return err
	}
	careless := func(tx *Tx) error {
		_ = large(tx)
		_ = putting("careless")(tx)
		return nil
	}
	told := p.together(t, putting("a"), large, putting("b"), careless, putting("c"))
	for i, err := range told {
		if i == 1 || i == 3 {
			wantFault(t, err, fault.Full)
		} else if err != nil {
			t.Errorf("closure %d is told %v", i, err)
		}
	}
	for id, want := range map[string]bool{"a": true, "b": true, "c": true, "large": false, "careless": false} {
		if p.has(t, "e1", "thing", id) != want {
			t.Errorf("%s is kept: %t", id, !want)
		}
	}
	if !strings.Contains(log.String(), "run again") {
		t.Error("no transaction was lost: the test does not test it")
	}
	// Room again.
	p.update(t, "e1", func(tx *Tx) error { return lite(tx).do("PRAGMA max_page_count = 100000") })
	p.update(t, "e1", large)
	if !p.has(t, "e1", "thing", "large") {
		t.Error("nothing is kept after there is room again")
	}
}

// TestCommitFails has a constraint that SQLite looks at in the commit only.
func TestCommitFails(t *testing.T) {
	p := openFresh(t, newFile(t))
	p.update(t, "e1", func(tx *Tx) error {
		return lite(tx).do("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
	})
	if err := p.lite().writer.session.do("PRAGMA foreign_keys = 1"); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	told := p.together(t, putting("a"),
		func(tx *Tx) error { return lite(tx).do("INSERT INTO t VALUES (1, 2)") },
		func(*Tx) error { return refused })
	for i, err := range told {
		if err == nil || errors.Is(err, refused) {
			t.Errorf("closure %d is told %v", i, err)
		}
	}
	if p.has(t, "e1", "thing", "a") {
		t.Error("something is kept of a commit that failed")
	}
	p.update(t, "e1", putting("b"))
}

// TestLocked has another program lock the database.
func TestLocked(t *testing.T) {
	p := openFresh(t, newFile(t)+"?_pragma=busy_timeout(1)")
	other := rawOpen(t, p.source)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	for _, err := range p.everybody(t) {
		wantFault(t, err, fault.Busy)
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	p.update(t, "e1", putting("after"))
}

func (p *opened) everybody(t *testing.T) []error {
	t.Helper()
	told := make([]error, 20)
	together(20, 20, func(n int) { told[n] = p.Update(context.Background(), "e1", putting(fmt.Sprint(n))) })
	return told
}

// TestLost loses the transaction in the middle of a batch, without a code of
// SQLite's that says so.
func TestLost(t *testing.T) {
	p := openFresh(t, newFile(t))
	told := p.together(t, putting("a"),
		func(tx *Tx) error { return lite(tx).do("ROLLBACK") }, putting("b"))
	if told[0] != nil || told[1] == nil || told[2] != nil {
		t.Errorf("told %v", told)
	}
	if !p.has(t, "e1", "thing", "a") || !p.has(t, "e1", "thing", "b") {
		t.Error("the neighbours are not kept")
	}
}
