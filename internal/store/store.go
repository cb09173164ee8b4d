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
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pixy/internal/measure"
)

var (
	// ErrMissing says that there is no such document or ticket here.
	ErrMissing = errors.New("store: there is none")
	// ErrNewer says that the schema is of a later version than this program knows.
	ErrNewer = errors.New("the database was written by a newer version of Pixy: start that version, or restore a backup made with this one")
	// ErrOtherKey says that something was sealed under another master key.
	ErrOtherKey = errors.New("the database is sealed under another master key: start Pixy with the key it was first started with, or with the one that replaced it")
	// ErrClosed answers whoever comes after Close.
	ErrClosed = errors.New("store: the database is closed")
	// ErrSlow says that a statement read longer than it was given.
	ErrSlow = errors.New("store: reading took longer than it may")
	// ErrReadOnly says that a View tried to write.
	ErrReadOnly = errors.New("store: a view cannot write")
)

// Options are what Open can be told. The zero value works.
type Options struct {
	Now func() time.Time // the clock of the transactions; time.Now when nil
	Log *slog.Logger     // what an operator should know; discarded when nil
	// Remember are the kinds of document that a Look may remember.
	Remember []string
	Readers  int // SQLite: Views at the same time. PostgreSQL: connections. What fits the machine, when 0

	meter *meter
}

// DB is an open database. Its methods may be called from many goroutines.
type DB struct {
	engine engine
	now    func() time.Time
	cache  *cache
	meter  *meter
	sealer atomic.Pointer[Sealer] // since Claim
	close  sync.Once
	closed error // of the first Close
}

// manner is how an Update goes beside others.
type manner int

const (
	shared manner = iota // others
	alone                // in its environment
	last                 // where one waits for another
)

// engine is a database of one of the two kinds.
type engine interface {
	// view opens a session that reads one snapshot, and returns what ends it.
	view(ctx context.Context) (session, func(), error)
	// update hands run a session in a transaction, and commits when that returns
	// nil. It may do so several times; from the second on, run is to hold the rows
	// that it reads.
	update(ctx context.Context, env string, how manner, run func(s session, holds bool) error) error
	dialect() dialect
	close() error
	stats(*Stats)
}

// Open opens the database that source names, and creates or updates its
// tables. The source is "file:" and a path, relative or absolute, with SQLite's
// own parameters behind a question mark when there are any:
// "file:/var/lib/pixy/pixy.db", whose folder must exist; or the URL of a
// PostgreSQL database, with the parameters of libpq and of pgxpool, and more
// than one host when there are several servers:
// "postgres://pixy@db1,db2/pixy?sslmode=verify-full&pool_max_conns=32".
//
// The text of an error is one sentence for the person who starts the program.
// It is ErrNewer when a later version of Pixy has updated the tables. A database
// that Copy has not finished is refused.
func Open(ctx context.Context, source string, o Options) (*DB, error) {
	db, err := open(ctx, source, o.filled())
	if err != nil {
		return nil, err
	}
	if err := db.View(ctx, "", (*Tx).whole); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// open opens a database, finished or not.
func open(ctx context.Context, source string, o Options) (*DB, error) {
	c := newCache(o.Remember, IsPostgres(source))
	var e engine
	var err error
	if IsPostgres(source) {
		e, err = openPostgres(ctx, source, o, c)
	} else {
		e, err = openFile(ctx, source, o, c)
	}
	if err != nil {
		return nil, err
	}
	return &DB{engine: e, now: o.Now, cache: c, meter: o.meter}, nil
}

// IsPostgres says whether a source names a PostgreSQL database, which other
// nodes may share.
func IsPostgres(source string) bool {
	return strings.HasPrefix(source, "postgres:") || strings.HasPrefix(source, "postgresql:")
}

func (o Options) filled() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.meter = newMeter()
	return o
}

// View runs fn on one consistent state of the database, bound to env; the root
// scope is "". It waits for a free reader as long as ctx lasts. The error is
// fn's, unchanged, or that of the database. A write in fn gets ErrReadOnly.
//
// A View inside a View can wait for ever when every reader does the same.
func (db *DB) View(ctx context.Context, env string, fn func(*Tx) error) error {
	ctx, span := measure.Start(ctx, "store.view")
	err := db.read(ctx, env, false, fn)
	db.meter.ended(span, "view", err)
	return err
}

// Look is View for what may be a little old: documents of the kinds that the
// database remembers are as they were at most MaxStale ago, wherever they are
// changed; on SQLite, and for what this node changes itself, as they are. All
// else is read as in a View.
func (db *DB) Look(ctx context.Context, env string, fn func(*Tx) error) error {
	ctx, span := measure.Start(ctx, "store.look")
	err := db.read(ctx, env, true, fn)
	db.meter.ended(span, "look", err)
	return err
}

func (db *DB) read(ctx context.Context, env string, looks bool, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	end := func() {}
	s := &lazy{take: func() (s session, err error) {
		var done func()
		if s, done, err = db.engine.view(ctx); err == nil {
			end = done
		}
		return s, err
	}}
	defer func() { end() }()
	w := &work{session: s, dialect: db.engine.dialect(), now: instant(db.now), statements: &db.meter.statements, cache: db.cache, keeps: looks, began: time.Now()}
	return w.transact(env, fn)
}

// Update runs fn in a transaction that reads and writes, bound to env, and
// returns when it is kept on disk. An error of fn undoes what fn did and
// nothing else, and is returned unchanged; so is a panic, as an error.
//
// fn must be quick, must not call View or Update, and does nothing outside its
// Tx: it may run several times. On SQLite the closures of all callers run one
// after the other and share commits. On PostgreSQL they run beside one another,
// on any number of nodes: what fn reads may change before it writes, which Put,
// Save and Spend notice, each by what it compares with, and fn runs again then,
// a few times. What no write compares with is for Change to decide on.
//
// An fn that writes nothing, since it finds done what it is to do, waits all the
// same until what it can see is kept: also one that does nothing at all.
//
// fault.Busy says that too many wait already or that the retries are used up,
// fault.Full that the database cannot store, fault.Unreachable that it can't be
// reached; then nothing is kept. fault.Unconfirmed says that nobody knows
// whether it is kept. A caller whose ctx ends before his turn gets ctx.Err() and
// fn doesn't run; once it is his turn, ctx matters no more, but that on
// PostgreSQL no statement goes on after its deadline.
func (db *DB) Update(ctx context.Context, env string, fn func(*Tx) error) error {
	return db.write(ctx, "update", env, shared, fn)
}

// Change is Update for what others rely on: from the first statement of fn on, no
// other Update and no other Change is under way in the environment, on any node. So what fn looks
// for and does not find, isn't there when it writes.
func (db *DB) Change(ctx context.Context, env string, fn func(*Tx) error) error {
	return db.write(ctx, "change", env, alone, fn)
}

func (db *DB) write(ctx context.Context, what, env string, how manner, fn func(*Tx) error) error {
	ctx, span := measure.Start(ctx, "store."+what)
	var w *work // of the last try
	err := db.engine.update(ctx, env, how, func(s session, holds bool) error {
		w = &work{session: s, dialect: db.engine.dialect(), now: instant(db.now), statements: &db.meter.statements, write: true, holds: holds, cache: db.cache, revises: db.cache.revises, sealer: db.sealer.Load()}
		return w.transact(env, fn)
	})
	if err == nil {
		db.cache.changed(w.revised)
		for limit, n := range w.dropped {
			db.meter.dropped.Add(limit, n)
		}
	}
	db.meter.ended(span, what, err)
	return err
}

// Confirm returns when what can be seen of an environment is kept: the request
// that did it may not have been told so, and then a standby may not have it.
func (db *DB) Confirm(ctx context.Context, env string) error {
	return db.Update(ctx, env, func(*Tx) error { return nil })
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
	db.close.Do(func() { db.closed = db.engine.close() })
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
