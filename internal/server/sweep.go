package server

import (
	"context"
	"errors"
	"time"
)

// otherClocks is how far the clock of another node may be behind this one's: for
// so long it may still take what has expired here.
const otherClocks = time.Minute

// A sweep goes round what is to be deleted, turnTime for each, and begins no
// round after roundsTime: what is left then is for the next sweep, in less than a
// minute, and in between the other duties have their turn.
const (
	turnTime   = 5 * time.Second
	roundsTime = 55 * time.Second
)

// Sweep deletes what has expired, rotates the signing keys that are due, purges
// deleted environments, tells again what applications did not hear, and counts
// the tickets for the metrics. It goes on until nothing is left or, where that is
// more, for about a minute.
func (s *Server) Sweep(ctx context.Context) (err error) {
	began := time.Now()
	defer func() { s.metrics.Swept(time.Since(began), err) }()
	s.notifier.ring()
	err = s.api.Rotate(ctx)
	for more := true; more && time.Since(began) < roundsTime; {
		var failed error
		more, failed = s.sweepRound(ctx)
		err = errors.Join(err, failed)
		more = more && failed == nil
	}
	if s.metrics != nil {
		err = errors.Join(err, s.db.CountTickets(ctx))
	}
	return err
}

// sweepRound gives each deletion its turn, and says whether one did not finish.
// Most tickets stay for an hour, so that a page that was left open, or an answer
// to who comes late, can say what happened; not what anybody may leave many of.
func (s *Server) sweepRound(ctx context.Context) (more bool, err error) {
	var tickets, once, events int64
	for _, turn := range []func(context.Context) error{
		func(ctx context.Context) (err error) {
			once, err = s.db.Sweep(ctx, s.now().Add(-otherClocks), s.records.Pushed.Kind, s.records.Seen.Kind)
			return err
		},
		func(ctx context.Context) (err error) {
			tickets, err = s.db.Sweep(ctx, s.now().Add(-time.Hour))
			return err
		},
		func(ctx context.Context) (err error) {
			events, err = s.db.SweepEvents(ctx, s.now().Add(-s.retention))
			return err
		},
		s.api.Purge,
		s.db.Shrink,
	} {
		short, cancel := context.WithTimeout(ctx, turnTime)
		failed := turn(short)
		cancel()
		if errors.Is(failed, context.DeadlineExceeded) && ctx.Err() == nil {
			more, failed = true, nil
		}
		err = errors.Join(err, failed)
	}
	if tickets+once+events > 0 {
		s.log.InfoContext(ctx, "swept what has expired", "tickets", tickets+once, "events", events)
	}
	return more, err
}
