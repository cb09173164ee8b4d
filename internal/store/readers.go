package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// readers are the sessions of Views. A session is opened when it is first
// needed; the last one used is the next one given, so that few of them stay
// warm when few are needed.
type readers struct {
	db     *sql.DB
	places chan struct{} // holds one element for each session in use
	closed chan struct{}

	mu   sync.Mutex
	idle []*liteSession
}

func newReaders(db *sql.DB, n int) *readers {
	return &readers{db: db, places: make(chan struct{}, n), closed: make(chan struct{})}
}

func (r *readers) take(ctx context.Context) (*liteSession, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-r.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	case r.places <- struct{}{}:
	}
	select {
	case <-r.closed: // close waits for this place
		<-r.places
		return nil, ErrClosed
	default:
	}
	if s := r.rested(); s != nil {
		return s, nil
	}
	s, err := newSession(r.db)
	if err != nil {
		<-r.places
		return nil, refusal(fmt.Errorf("store: open a reader: %w", err))
	}
	return s, nil
}

func (r *readers) rested() *liteSession {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.idle) == 0 {
		return nil
	}
	s := r.idle[len(r.idle)-1]
	r.idle = r.idle[:len(r.idle)-1]
	return s
}

// give ends the session's transaction and takes it back. A session that can't
// end its transaction is thrown away.
func (r *readers) give(s *liteSession) {
	if err := s.do("ROLLBACK"); err != nil {
		s.close()
	} else {
		r.mu.Lock()
		r.idle = append(r.idle, s)
		r.mu.Unlock()
	}
	<-r.places
}

// close waits for the Views that run.
func (r *readers) close() error {
	close(r.closed)
	for range cap(r.places) {
		r.places <- struct{}{}
	}
	var all []error
	for _, s := range r.idle {
		all = append(all, s.close())
	}
	return errors.Join(append(all, r.db.Close())...)
}
