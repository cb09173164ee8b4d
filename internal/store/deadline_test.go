package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"pixy/internal/fault"
)

// TestDeadline: a caller who waits for so long waits no longer for PostgreSQL,
// and what ran meanwhile is undone.
func TestDeadline(t *testing.T) {
	p := openFresh(t, newPostgres(t))
	codes := Tickets[struct{}]{Kind: "code", Life: time.Hour}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := p.Update(ctx, "e1", func(tx *Tx) error {
		if _, err := codes.Put(tx, "s", Ticket[struct{}]{}); err != nil {
			return err
		}
		return tx.failed(tx.each("SELECT pg_sleep(4)", nil, func(row) error { return nil }), "sleep")
	})
	if took := time.Since(began); took > 2*time.Second || err == nil {
		t.Errorf("after %s: %v", took, err)
	}
	var refused *fault.Fault
	if !errors.As(err, &refused) || refused.Status != 503 {
		t.Errorf("it is told: %v", err)
	}
	err = p.View(t.Context(), "e1", func(tx *Tx) error { _, err := codes.Get(tx, "s"); return err })
	if !errors.Is(err, ErrMissing) {
		t.Errorf("what was undone is there: %v", err)
	}
}
