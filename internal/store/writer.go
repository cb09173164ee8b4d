package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	lib "modernc.org/sqlite/lib"

	"pixy/internal/fault"
	"pixy/internal/measure"
)

// A batch ends at so many closures, or after so long; the queue holds so many
// that wait.
const (
	maxBatch = 256
	maxHold  = 5 * time.Millisecond
	maxQueue = 1024
)

// lull is how long nobody must have come before what goes behind others gets a
// COMMIT of its own, which whoever comes then waits for. Until then it shares
// theirs: steps of a sweep cost nobody a sync of the disk.
const lull = 10 * time.Millisecond

// writer is the one goroutine that writes. It takes whatever waits, runs each
// closure in a savepoint of one transaction, commits once, and answers all.
// It never waits for more to come.
type writer struct {
	db      *sql.DB
	session *liteSession
	log     *slog.Logger
	meter   *meter
	queue   chan *job
	behind  chan *job     // a step of a sweep: see lull
	hold    time.Duration // maxHold

	mu     sync.RWMutex // held for reading while something is put in the queue
	closed bool
	over   chan struct{} // closed when the queue is finished

	batch []*job // in the transaction that is open
	done  bool   // the queue is finished; false when run ends for another reason
}

// The states of a job. A job leaves waiting once: the writer takes it, or the
// caller leaves.
const (
	waiting int32 = iota
	taken
	left
)

type job struct {
	ctx   context.Context // of the caller, asked only whether he is still there
	run   func(session) error
	state atomic.Int32
	err   error // what run came to, until it is committed
	done  chan error
	came  time.Time
}

func newWriter(db *sql.DB, s *liteSession, o Options) *writer {
	w := &writer{db: db, session: s, log: o.Log, meter: o.meter,
		queue: make(chan *job, maxQueue), behind: make(chan *job, maxQueue), hold: maxHold, over: make(chan struct{}), batch: make([]*job, 0, maxBatch)}
	go w.run()
	return w
}

// do has a closure run in its turn, or behind the others, and returns when that
// is kept.
func (w *writer) do(ctx context.Context, behind bool, run func(session) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{ctx: ctx, run: run, done: make(chan error, 1), came: time.Now()}
	queue := w.queue
	if behind {
		queue = w.behind
	}
	if err := w.enqueue(queue, j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
	}
	if j.state.CompareAndSwap(waiting, left) {
		return ctx.Err()
	}
	return <-j.done // his turn has come: what is kept must be told
}

func (w *writer) enqueue(queue chan<- *job, j *job) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return ErrClosed
	}
	select {
	case queue <- j:
		return nil
	default:
		return fault.Busy.Because(errors.New("store: the queue of writes is full"))
	}
}

// take says whether the job is to be run: its caller is there.
func (j *job) take() bool {
	if err := j.ctx.Err(); err != nil {
		if j.state.CompareAndSwap(waiting, left) {
			j.done <- err
		}
		return false
	}
	return j.state.CompareAndSwap(waiting, taken)
}

// turn takes a job, and counts how long it has waited.
func (w *writer) turn(j *job) bool {
	if !j.take() {
		return false
	}
	w.meter.waits.Observe(time.Since(j.came).Seconds())
	measure.Mark(j.ctx, "turn", "the writer took it")
	return true
}

func (w *writer) run() {
	defer w.ended()
	for j := w.first(); j != nil; j = w.first() {
		if w.turn(j) {
			w.share(j)
		}
	}
	for len(w.behind) > 0 { // they came before the end, and nobody else will
		j := <-w.behind
		j.done <- ErrClosed
	}
	w.done = true
}

// first waits for the job that begins a batch, nil when no more will come. After
// a lull that is one that goes behind others.
func (w *writer) first() *job {
	select {
	case j := <-w.queue:
		return j
	default:
	}
	quiet := time.NewTimer(lull)
	defer quiet.Stop()
	select {
	case j := <-w.queue:
		return j
	case <-quiet.C:
	}
	select {
	case j := <-w.queue:
		return j
	case j := <-w.behind:
		return j
	}
}

// ended goes on after a closure that ended the goroutine (runtime.Goexit, as a
// test's FailNow does): the batch is lost, the next one isn't.
func (w *writer) ended() {
	if w.done {
		close(w.over)
		return
	}
	w.rollback()
	w.answer(errors.New("store: a closure ended the writer's goroutine"))
	go w.run()
}

// share runs first, and what waits behind it, in one transaction.
func (w *writer) share(first *job) {
	w.batch = append(w.batch, first)
	if err := w.begin(); err != nil {
		for j := w.next(); j != nil; j = w.next() {
			w.batch = append(w.batch, j)
		}
		w.answer(err)
		return
	}
	start := time.Now()
	open := w.perform(first)
	for open && time.Since(start) < w.hold {
		j := w.next()
		if j == nil {
			break
		}
		w.batch = append(w.batch, j)
		open = w.perform(j)
	}
	if j := w.last(open); j != nil {
		w.batch = append(w.batch, j)
		open = w.perform(j)
	}
	if !open {
		w.again()
		return
	}
	w.meter.batches.Observe(float64(len(w.batch)))
	if err := w.commit(); err != nil {
		// Even who was refused is told: he may have been refused for
		// something that is not there now.
		w.answer(err)
		return
	}
	w.answer(nil)
}

// next is the next job that waits now, or nil.
func (w *writer) next() *job {
	for len(w.batch) < maxBatch {
		select {
		case j, ok := <-w.queue:
			if !ok {
				return nil
			}
			if w.turn(j) {
				return j
			}
		default:
			return nil
		}
	}
	return nil
}

// last is a job that goes behind the others of a batch that is open, or nil.
func (w *writer) last(open bool) *job {
	if !open {
		return nil
	}
	select {
	case j := <-w.behind:
		if w.turn(j) {
			return j
		}
	default:
	}
	return nil
}

// again runs the batch once more, after SQLite has rolled back all of it. Each
// closure has a transaction of its own now, so that the one for which there
// is no room doesn't take its neighbours along.
func (w *writer) again() {
	w.log.Warn("a transaction was lost and is run again", "closures", len(w.batch), "cause", w.batch[len(w.batch)-1].err)
	w.meter.lost.Add(1)
	w.rollback()
	for _, j := range w.batch {
		measure.Mark(j.ctx, "again", "the batch was lost")
		if err := w.begin(); err != nil {
			j.err = err
			continue
		}
		if !w.perform(j) {
			w.rollback()
			continue
		}
		if err := w.commit(); err != nil {
			j.err = err
		}
	}
	w.answer(nil)
}

// perform runs one closure in a savepoint and remembers what it came to. It
// says whether the transaction is still open.
func (w *writer) perform(j *job) bool {
	if err := w.session.do("SAVEPOINT closure"); err != nil {
		j.err = refusal(fmt.Errorf("store: begin a savepoint: %w", err))
		return false
	}
	if j.err = j.run(w.session); j.err != nil {
		// Only an open transaction has the savepoint still.
		if err := w.session.do("ROLLBACK TO closure"); err != nil {
			return false
		}
	}
	if err := w.session.do("RELEASE closure"); err != nil {
		if j.err == nil {
			j.err = refusal(fmt.Errorf("store: release a savepoint: %w", err))
		}
		return false
	}
	return true
}

func (w *writer) begin() error {
	err := w.session.do("BEGIN IMMEDIATE")
	if code(err) == lib.SQLITE_ERROR { // a transaction that could not be ended is still open
		w.rollback()
		err = w.session.do("BEGIN IMMEDIATE")
	}
	if err != nil {
		return refusal(fmt.Errorf("store: begin: %w", err))
	}
	return nil
}

func (w *writer) commit() error {
	defer w.meter.committed(time.Now())
	if err := w.session.do("COMMIT"); err != nil {
		w.rollback()
		err = fmt.Errorf("store: commit: %w", err)
		if unsynced(err) {
			return fault.Unconfirmed.Because(err)
		}
		return refusal(err)
	}
	return nil
}

// rollback ends the transaction, if there is one. That there is none is its
// only harmless failure; any other shows at the next begin.
func (w *writer) rollback() { _ = w.session.do("ROLLBACK") }

// answer tells the batch what it came to: err, or each what its closure did.
func (w *writer) answer(err error) {
	for i, j := range w.batch {
		if err != nil {
			j.err = err
		}
		j.done <- j.err
		w.batch[i] = nil
	}
	w.batch = w.batch[:0]
}

// finish takes no more work, and returns when the queue is empty.
func (w *writer) finish() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.over
}

func (w *writer) close() error { return errors.Join(w.session.close(), w.db.Close()) }
