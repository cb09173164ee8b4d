package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"time"

	"pixy/internal/store"
)

// leaveTimeout bounds how long a stop waits to tell the other nodes.
const leaveTimeout = 250 * time.Millisecond

// attendance tells the other nodes that this one serves, and which master keys
// it knows.
type attendance struct {
	id   string
	stop context.CancelFunc
	over chan struct{}
	db   *store.DB
}

// attend attends, and goes on to, until end. When the master key is replaced by
// one that this node doesn't know, it ends the serving.
func attend(ctx context.Context, r *running) (*attendance, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	a := &attendance{id: rand.Text(), over: make(chan struct{}), db: r.db}
	name := r.address + " on " + host
	if err := a.db.Attend(ctx, a.id, name); err != nil {
		return nil, err
	}
	ctx, a.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(a.over)
		ticker := time.NewTicker(store.AttendEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			switch err := a.db.Attend(ctx, a.id, name); {
			case errors.Is(err, store.ErrOtherKey):
				select {
				case r.failed <- err:
				case <-ctx.Done(): // it ends anyway
				}
				return
			case err != nil && ctx.Err() == nil:
				r.log.Warn("the other nodes could not be told that this one serves", "error", err)
			}
		}
	}()
	return a, nil
}

// end takes the attendance back. When that fails, it ends by itself.
func (a *attendance) end() {
	a.stop()
	<-a.over
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	_ = a.db.Leave(ctx, a.id)
}
