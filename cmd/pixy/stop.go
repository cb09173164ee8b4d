package main

import (
	"context"
	"errors"
	"time"
)

// A stop, from the signal to the exit, takes stopTimeout at most, and what
// --drain is longer than its default. Requests that wait for a turn, of the
// database or of a hash, are sent away after hurryTime; those that still run
// after finishTime are cut off. Then what waits to be told has tellTime, while the
// other nodes hear that this one goes, and the database closeTime.
const (
	stopTimeout = 5 * time.Second
	drainTime   = 500 * time.Millisecond
	hurryTime   = 2 * time.Second
	finishTime  = 2500 * time.Millisecond
	tellTime    = 500 * time.Millisecond
	closeTime   = time.Second
	maxDrain    = time.Minute
)

// errStopping is why requests are sent away.
var errStopping = errors.New("the server stops")

// stop says that the server is not ready any more and goes on for a while, so
// that whoever balances load can see it. Then it lets the requests under way
// finish, and closes the database. What is cut off is in the log and no failure
// of the stop: nobody was told that it is done, and a client that never sends
// all of its request must not decide on the exit code.
func (r *running) stop() error {
	r.log.Info("pixy stops")
	r.server.Drain()
	time.Sleep(r.drain)
	hurry := time.AfterFunc(hurryTime, func() { r.hurry(errStopping) })
	defer hurry.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), finishTime)
	defer cancel()
	err := r.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		r.log.Warn("some requests did not finish and are cut off", "within", finishTime.String())
		err = r.http.Close()
	}
	return errors.Join(err, r.close())
}

// close ends what is beside the requests. Applications that have not heard by
// then of a session's end hear of it from another node, or at the next start.
func (r *running) close() error {
	gone := make(chan error, 1)
	go func() { gone <- within(2*leaveTimeout, func() error { r.attends.end(); return nil }) }()
	if err := within(tellTime, func() error { r.server.Stop(); return nil }); err != nil {
		r.log.Warn("applications are told later of sessions that ended, because telling them takes too long")
	}
	<-gone // in time or not: the attendance ends by itself
	flushed := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		flushed <- r.observed.close(ctx)
	}()
	err := within(closeTime, r.db.Close)
	if errors.Is(err, errLate) {
		r.log.Warn("the database did not finish: what it had under way is kept or not, as if the power had failed", "within", closeTime.String())
		err = nil
	}
	if late := <-flushed; late != nil {
		r.log.Warn("the last traces were not sent", "error", late)
	}
	return errors.Join(err, r.locks.Close())
}

// errLate says that something takes too long to be waited for.
var errLate = errors.New("it takes too long")

// within does what may take so long. It goes on in the background, when it
// takes longer.
func within(limit time.Duration, what func() error) error {
	done := make(chan error, 1)
	go func() { done <- what() }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		return errLate
	}
}
