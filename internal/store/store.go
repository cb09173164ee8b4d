// Package store keeps everything that Pixy keeps: documents, which last,
// tickets, which expire, and events, which tell what happened.
//
// Work is done in transactions: View reads one consistent state, Update reads
// and writes, all or nothing. Each is bound to one environment, and a
// statement that crosses into another cannot be written. The package knows no
// rule: a closure handed to it decides.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

var (
	// ErrMissing says that there is no such document or ticket here.
	ErrMissing = errors.New("store: there is none")
	// ErrNewer says that the schema is of a later version than this program knows.
	ErrNewer = errors.New("the database was written by a newer version of Pixy: start that version, or restore a backup made with this one")
	// ErrOtherKey says that something was sealed under another master key.
	ErrOtherKey = errors.New("the database is sealed under another master key: start Pixy with the key it was first started with")
	// ErrClosed answers whoever comes after Close.
	ErrClosed = errors.New("store: the database is closed")
	// ErrSlow says that a statement read longer than it was given.
	ErrSlow = errors.New("store: reading took longer than it may")
	// ErrReadOnly says that a View tried to write.
	ErrReadOnly = errors.New("store: a view cannot write")
)

// Options are what Open can be told. The zero value works.
type Options struct {
	Now     func() time.Time // the clock of the transactions; time.Now when nil
	Log     *slog.Logger     // what an operator should know; discarded when nil
	Readers int              // Views at the same time; twice the processors, but at least 4, when 0
}

// DB is an open database. Its methods may be called from many goroutines.
type DB struct {
	now     func() time.Time
	readers *readers
	writer  *writer
	close   sync.Once
	closed  error // of the first Close
}

// Open opens the database that source names, and creates or updates its
// tables. The source is "file:" and a path, relative or absolute, with SQLite's
// own parameters behind a question mark when there are any:
// "file:/var/lib/pixy/pixy.db". Its folder must exist.
//
// The text of an error is one sentence for the person who starts the program.
// It is ErrNewer when a later version of Pixy has updated the tables.
func Open(ctx context.Context, source string, o Options) (*DB, error) {
	o = o.filled()
	file, err := readSource(source)
	if err != nil {
		return nil, err
	}
	if err := file.prepare(); err != nil {
		return nil, err
	}
	write, err := openSQLite(file.dsn(forWriting), 1)
	if err != nil {
		return nil, file.explain(err)
	}
	s, err := ready(ctx, write)
	if err != nil {
		write.Close()
		return nil, file.explain(err)
	}
	read, err := openSQLite(file.dsn(forReading), o.Readers)
	if err != nil {
		s.close()
		write.Close()
		return nil, file.explain(err)
	}
	return &DB{
		now:     o.Now,
		readers: newReaders(read, o.Readers),
		writer:  newWriter(write, s, o),
	}, nil
}

func (o Options) filled() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Readers <= 0 {
		o.Readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	return o
}

// ready brings the schema up to date and returns the session of the writer.
func ready(ctx context.Context, db *sql.DB) (*session, error) {
	if err := checkDurable(ctx, db); err != nil {
		return nil, err
	}
	if err := migrate(ctx, db); err != nil {
		return nil, err
	}
	return newSession(db)
}

// View runs fn on one consistent state of the database, bound to env; the root
// scope is "". It waits for a free reader as long as ctx lasts. The error is
// fn's, unchanged, or that of the database. A write in fn gets ErrReadOnly.
//
// A View inside a View can wait for ever when every reader does the same.
func (db *DB) View(ctx context.Context, env string, fn func(*Tx) error) (err error) {
	s, err := db.readers.take(ctx)
	if err != nil {
		return err
	}
	defer db.readers.give(s)
	if err := s.exec("BEGIN"); err != nil {
		return refusal(fmt.Errorf("store: begin a view: %w", err))
	}
	w := &work{session: s, now: instant(db.now)}
	defer func() { w.over = true }()
	return call(fn, &Tx{work: w, env: env})
}

// Update runs fn in a transaction that reads and writes, bound to env, and
// returns when it is kept on disk. An error of fn undoes what fn did and
// nothing else, and is returned unchanged; so is a panic, as an error.
//
// The closures of many callers share one commit, one after the other, so fn
// must be quick, must not call View or Update, and does nothing outside its
// Tx: it may run twice. fault.Busy says that too many wait already, fault.Full
// that the database cannot store; then nothing is kept. A caller whose ctx
// ends before his turn gets ctx.Err() and fn doesn't run; once it is his turn,
// ctx matters no more.
func (db *DB) Update(ctx context.Context, env string, fn func(*Tx) error) error {
	return db.writer.do(ctx, env, fn)
}

// Ping asks the database to read something.
func (db *DB) Ping(ctx context.Context) error {
	return db.View(ctx, "", func(tx *Tx) error {
		var n int
		err := tx.one("SELECT count(*) FROM (SELECT 1 FROM document LIMIT 1) AS kept", nil, &n)
		return tx.failed(err, "ping")
	})
}

// Close refuses new work, finishes what waits, and closes the database.
// Whatever Update has answered with nil is kept.
func (db *DB) Close() error {
	db.close.Do(func() {
		// The writer is the last to close: the last connection folds the
		// journal back into the database, which a reader could not.
		db.writer.finish()
		db.closed = errors.Join(db.readers.close(), db.writer.close())
	})
	return db.closed
}

// instant is one time for a whole transaction, as exact as it is stored.
func instant(now func() time.Time) time.Time {
	return now().UTC().Truncate(time.Millisecond)
}

// call runs a closure; a panic becomes an error, whose text has the stack.
func call(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("store: panic in a transaction: %v\n%s", r, debug.Stack())
		}
	}()
	return fn(tx)
}
