package store

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"pixy/internal/fault"
	"pixy/internal/measure"
)

// Stats is what a database has done since it was opened, and how it is. What is
// about one kind of database is nil on the other. What is shown of it stands in
// watch/rows.go.
type Stats struct {
	Transactions map[Ended]int64
	Statements   int64                // so far, those that begin and end a transaction apart
	Retries      map[string]int64     // of Updates, by what made them run again: "conflict", "stale", "taken", "lost"
	Commits      measure.Distribution // seconds, the failed ones too
	Swept        map[string]int64     // tickets that sweeps deleted, by kind
	Dropped      map[string]int64     // tickets past one of the Limits: "source" or "environment"
	Tickets      map[string]int64     // all there are, by kind, at the last CountTickets, which estimates what is many; nil before

	Cache    CacheStats
	File     *FileStats
	Postgres *PoolStats
}

// CacheStats is how what Looks remember is.
type CacheStats struct {
	Hits, Misses, Dropped int64         // documents and lists, so far
	Environments, Bytes   int           // of which something is remembered, and how much
	Age                   time.Duration // since what may still be used was last confirmed, at most; 0 on SQLite, where nothing grows old
}

// Ended is how a transaction ended.
type Ended struct {
	Work    string // "view", "look", "update" or "change"
	Outcome string // see outcomes
}

// FileStats is how a SQLite database is.
type FileStats struct {
	Batches measure.Distribution // closures a commit
	Waits   measure.Distribution // of a closure for its turn, in seconds
	Lost    int64                // batches that SQLite rolled back and that ran again
	Size    int64                // of the file, in bytes
	WALSize int64                // of the journal beside it, in bytes

	Waiting, MaxWaiting int // closures
	Reading, MaxReading int // Views
}

// PoolStats is how the connections to PostgreSQL are.
type PoolStats struct {
	Used, Idle, Opening, Max int
	Waiting                  int   // for a connection
	Opened                   int64 // so far
	Waits                    int64 // so far: what found no connection idle
	Waited                   time.Duration
}

// meter is what a database counts.
type meter struct {
	transactions measure.Counts[Ended]
	retries      measure.Counts[string]
	swept        measure.Counts[string]
	dropped      measure.Counts[string]
	lost         atomic.Int64
	statements   atomic.Int64
	commits      *measure.Histogram
	batches      *measure.Histogram
	waits        *measure.Histogram
	tickets      atomic.Pointer[map[string]int64]
}

func newMeter() *meter {
	m := &meter{commits: measure.Seconds(), batches: measure.NewHistogram(1, 2, 4, 8, 16, 32, 64, 128, 256), waits: measure.Seconds()}
	for _, why := range []string{"conflict", "stale", "taken", "lost"} {
		m.retries.Add(why, 0)
	}
	for _, limit := range []string{"source", "environment"} {
		m.dropped.Add(limit, 0)
	}
	for _, work := range []string{"view", "look", "update", "change"} { // shown as 0 before the first, which a rate would miss
		m.transactions.Add(Ended{work, "ok"}, 0)
		m.transactions.Add(Ended{work, "failed"}, 0)
		for _, o := range outcomes() {
			m.transactions.Add(Ended{work, o.name}, 0)
		}
	}
	return m
}

// Stats reads what has been counted. It asks the database nothing.
func (db *DB) Stats() Stats {
	m := db.meter
	s := Stats{Transactions: m.transactions.Read(), Statements: m.statements.Load(), Retries: m.retries.Read(), Swept: m.swept.Read(), Dropped: m.dropped.Read(), Commits: m.commits.Read(), Cache: db.cache.stats(time.Now())}
	if counted := m.tickets.Load(); counted != nil {
		s.Tickets = *counted
	}
	db.engine.stats(&s)
	return s
}

func (q *sqlite) stats(s *Stats) {
	m := q.writer.meter
	s.File = &FileStats{Batches: m.batches.Read(), Waits: m.waits.Read(), Lost: m.lost.Load(), Waiting: len(q.writer.queue), MaxWaiting: maxQueue,
		Reading: len(q.readers.places), MaxReading: cap(q.readers.places), Size: sizeOf(q.path), WALSize: sizeOf(q.path + "-wal")}
}

func (c *cache) stats(now time.Time) CacheStats {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s := CacheStats{Hits: c.hits.Load(), Misses: c.misses.Load(), Dropped: c.dropped.Load(), Environments: len(c.envs), Bytes: c.bytes}
	for _, m := range c.envs {
		if age := now.Sub(m.confirmed); c.polled && age <= MaxStale {
			s.Age = max(s.Age, age)
		}
	}
	return s
}

// sizeOf is the size of a file, 0 when there is none.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func (p *postgres) stats(s *Stats) {
	pool := p.pool.Stat()
	s.Postgres = &PoolStats{Used: int(pool.AcquiredConns()), Idle: int(pool.IdleConns()), Opening: int(pool.ConstructingConns()), Max: int(pool.MaxConns()),
		Waiting: int(p.waiting.Load()), Opened: pool.NewConnsCount(), Waits: pool.EmptyAcquireCount(), Waited: pool.EmptyAcquireWaitTime()}
}

// ended counts a transaction, and ends its span.
func (m *meter) ended(span measure.Span, work string, err error) {
	outcome := outcomeOf(err)
	m.transactions.Add(Ended{work, outcome}, 1)
	span.End(outcome)
}

// committed counts a commit that began then.
func (m *meter) committed(began time.Time) { m.commits.Observe(time.Since(began).Seconds()) }

// outcomes are what a transaction comes to that is not the closure's own
// refusal.
func outcomes() []outcome {
	return []outcome{
		{context.Canceled, "gone"}, {context.DeadlineExceeded, "gone"},
		{fault.Busy, "busy"}, {fault.Full, "full"}, {fault.Unreachable, "unreachable"}, {fault.Unconfirmed, "unconfirmed"},
		{fault.Stale, "stale"}, {fault.Taken, "taken"}, {ErrSlow, "slow"}, {ErrClosed, "closed"}, {ErrMissing, "refused"},
	}
}

type outcome struct {
	err  error
	name string
}

// outcomeOf is "ok", what the database came to, "refused" for what a rule in the
// closure did not want, or "failed".
func outcomeOf(err error) string {
	if err == nil {
		return "ok"
	}
	for _, o := range outcomes() {
		if errors.Is(err, o.err) {
			return o.name
		}
	}
	var f *fault.Fault
	if errors.As(err, &f) {
		return "refused"
	}
	return "failed"
}

// sampled are enough tickets of a kind to tell how many there are, to about 3 %.
const sampled = 1024

// CountTickets counts the tickets of all environments by their kinds, for Stats.
// Of a kind that has many it counts a sample, so that it takes no longer where
// there are more: keys are hashes, of which as many begin in one way as in
// another.
func (db *DB) CountTickets(ctx context.Context) error {
	counted := map[string]int64{}
	err := db.View(ctx, "", func(tx *Tx) error {
		for last := ""; ; {
			err := tx.one("SELECT kind FROM ticket WHERE kind > $1 ORDER BY kind LIMIT 1", []any{last}, &last)
			if errors.Is(err, ErrMissing) {
				return nil
			}
			if err == nil {
				counted[last], err = tx.countKind(last)
			}
			if err != nil {
				return tx.failed(err, "count the tickets")
			}
		}
	})
	if err == nil {
		db.meter.tickets.Store(&counted)
	}
	return err
}

// countKind counts the tickets whose keys begin with so many zero bits, less and
// less, until they are enough or all.
func (tx *Tx) countKind(kind string) (n int64, err error) {
	if err := checkKind(kind); err != nil {
		return 0, err
	}
	text := "SELECT count(*) FROM ticket WHERE kind = '" + kind + "'"
	for bits := 16; bits > 0; bits -= 2 {
		end := binary.BigEndian.AppendUint16(nil, 1<<(16-bits))
		if err := tx.one(text+" AND key < $1", []any{end}, &n); err != nil || n >= sampled {
			return n << bits, err
		}
	}
	err = tx.one(text, nil, &n)
	return n, err
}
