package store

import (
	"context"
	"strconv"
	"time"
)

// A step of a sweep is one Update, whose statements delete a chunk each until it
// has taken stepTime: nobody who waits behind it notices, however cold the pages
// are. It goes behind all others. Then the sweep rests restTimes as long as
// the step has taken without the COMMIT, which it mostly shares: so it takes a
// fifth of a writer at most, and still deletes several times what the writer could
// keep beside the signatures of its tokens.
//
// On SQLite a chunk takes less than a millisecond; on PostgreSQL nobody waits, and
// each statement is a round trip.
//
// Before a deadline no step begins any more for lastStep: one that is cut off
// would cost PostgreSQL a connection.
const (
	stepTime  = 2 * time.Millisecond
	leastRest = time.Millisecond
	restTimes = 4
	lastStep  = time.Second
	liteChunk = 16
	pgChunk   = 500
)

// step is what one Update of a sweep does: it deletes chunks, and hears when that
// is kept. Less than a chunk is the last.
type step struct {
	chunk func(*Tx) (int64, error)
	kept  func()
}

// only is for steps that have nothing to remember.
func only(chunk func(*Tx) (int64, error)) func() step {
	return func() step { return step{chunk, func() {}} }
}

// Sweep deletes the tickets, of every environment, that expired before that
// time, a few in each Update, until there are none or ctx ends: those of some
// kinds, or of all when none is named. It returns how many are deleted, also
// beside an error. context.DeadlineExceeded says that some may be left for the
// next time: near the deadline of ctx it begins no Update.
func (db *DB) Sweep(ctx context.Context, before time.Time, kinds ...string) (total int64, err error) {
	if len(kinds) == 0 {
		return db.sweepTickets(ctx, before, "")
	}
	for _, k := range kinds {
		if err := checkKind(k); err != nil {
			return total, err
		}
		n, err := db.sweepTickets(ctx, before, "kind = '"+k+"' AND ")
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}

func (db *DB) sweepTickets(ctx context.Context, before time.Time, which string) (int64, error) {
	return db.pass(ctx, "DELETE FROM ticket WHERE (kind, key) IN (SELECT kind, key FROM ticket WHERE "+which+
		"expires >= $1 AND expires < $2 ORDER BY expires"+db.limit()+db.engine.dialect().skip+") RETURNING kind, expires", before, db.meter.swept.Add)
}

// SweepEvents deletes the events, of every environment, that were recorded
// before that time, as Sweep does tickets.
func (db *DB) SweepEvents(ctx context.Context, before time.Time) (int64, error) {
	return db.pass(ctx, "DELETE FROM event WHERE (env, recorded, id) IN (SELECT env, recorded, id FROM event WHERE "+
		"recorded >= $1 AND recorded < $2 ORDER BY recorded"+db.limit()+db.engine.dialect().skip+") RETURNING action, recorded", before, func(string, int64) {})
}

// limit is how many rows a statement deletes. As a parameter PostgreSQL would take
// it for a tenth of the table, which it then reads as a whole.
func (db *DB) limit() string {
	return " LIMIT " + strconv.FormatInt(db.engine.dialect().chunk, 10)
}

// pass sweeps with a statement that deletes a chunk of the rows whose time is from
// $1 to $2, in the order of that, and returns what each was, which is counted once
// it is kept, and its time.
//
// No step goes back behind the one before: what was deleted stands in PostgreSQL's
// index for as long as anybody has an old snapshot. And of a range with two ends
// its planner thinks that it is short, whatever the parameters are.
func (db *DB) pass(ctx context.Context, text string, before time.Time, count func(what string, n int64)) (int64, error) {
	from := int64(0)
	return db.sweep(ctx, "", last, func() step {
		some, last := map[string]int64{}, from
		return step{func(tx *Tx) (n int64, err error) {
			err = tx.each(text, []any{from, millis(before)}, func(r row) error {
				var what string
				var at int64
				err := r.Scan(&what, &at)
				some[what]++
				n, last = n+1, max(last, at)
				return err
			})
			return n, err
		}, func() {
			from = last
			for what, n := range some {
				count(what, n)
			}
		}}
	})
}

// sweep repeats a step, an Update in env each, until one finds less than a chunk.
func (db *DB) sweep(ctx context.Context, env string, how manner, next func() step) (int64, error) {
	var total int64
	for more := true; more; {
		if end, bounded := ctx.Deadline(); bounded && time.Until(end) < lastStep {
			return total, context.DeadlineExceeded
		}
		var took time.Duration
		var s step
		var n int64
		err := db.write(ctx, "update", env, how, func(tx *Tx) (err error) {
			began := time.Now()
			s = next()
			n, more, err = s.run(tx)
			took = time.Since(began)
			return tx.failed(err, "sweep")
		})
		if err != nil {
			return total, err
		}
		total += n
		s.kept()
		if how != last {
			took = 0 // somebody waits for the end
		}
		if more {
			if err := rest(ctx, restTimes*took); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// run deletes chunks until there is less than one, or its time is over.
func (s step) run(tx *Tx) (total int64, more bool, err error) {
	most := tx.work.dialect.chunk
	for began := time.Now(); ; {
		n, err := s.chunk(tx)
		total += n
		if more = n == most; err != nil || !more || time.Since(began) >= stepTime {
			return total, more, err
		}
	}
}

// rest waits so long, or until ctx ends.
func rest(ctx context.Context, long time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(max(long, leastRest)):
		return nil
	}
}

// exhaust repeats a sweep until nothing is left. One that finds less than a chunk
// may have waited for another node, which has deleted the same rows and then
// stopped.
func (db *DB) exhaust(ctx context.Context, env string, how manner, some func(*Tx) (int64, error), left func(*Tx) (bool, error)) error {
	for more := true; more; {
		if _, err := db.sweep(ctx, env, how, only(some)); err != nil {
			return err
		}
		err := db.View(ctx, env, func(tx *Tx) (err error) {
			more, err = left(tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
