package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"pixy/internal/fault"
)

// sqlite is a database in a file of this process.
type sqlite struct {
	readers *readers
	writer  *writer
	path    string
}

func openFile(ctx context.Context, source string, o Options, c *cache) (*sqlite, error) {
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
	if o.Readers <= 0 {
		o.Readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	read, err := openSQLite(file.dsn(forReading), o.Readers)
	if err != nil {
		return nil, errors.Join(file.explain(err), s.close(), write.Close())
	}
	return &sqlite{readers: newReaders(read, o.Readers), writer: newWriter(write, s, o), path: file.path}, nil
}

// ready brings the schema up to date and returns the session of the writer.
func ready(ctx context.Context, db *sql.DB) (*liteSession, error) {
	if err := checkDurable(ctx, db); err != nil {
		return nil, err
	}
	if err := migrate(ctx, db, sqliteFlavour()); err != nil {
		return nil, err
	}
	return newSession(db)
}

func (q *sqlite) view(ctx context.Context) (session, func(), error) {
	s, err := q.readers.take(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := s.do("BEGIN"); err != nil {
		q.readers.give(s)
		return nil, nil, refusal(fmt.Errorf("store: begin a view: %w", err))
	}
	return s, func() { q.readers.give(s) }, nil
}

func (q *sqlite) dialect() dialect { return liteDialect() }

// update need not be told where, and who wants to be alone: everybody is.
func (q *sqlite) update(ctx context.Context, _ string, how manner, run func(s session, holds bool) error) error {
	return q.writer.do(ctx, how == last, func(s session) error { return run(s, false) })
}

// close closes the writer last: the last connection folds the journal back into
// the database, which a reader could not.
func (q *sqlite) close() error {
	q.writer.finish()
	return errors.Join(q.readers.close(), q.writer.close())
}

func openSQLite(dsn string, connections int) (*sql.DB, error) {
	connector, err := driver.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// checkDurable asks SQLite how it will write. A setting that it refuses, it
// refuses silently.
func checkDurable(ctx context.Context, db *sql.DB) error {
	var journal string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return err
	}
	var synchronous int
	if err := db.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return err
	}
	if journal != "wal" || synchronous != 2 {
		return fmt.Errorf("it writes with journal_mode %s and synchronous %d, which must be wal and 2 (full)", journal, synchronous)
	}
	return nil
}

// code is SQLite's extended result code, or 0 when err is not SQLite's.
func code(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// primary is the part of a result code that every extended code refines.
func primary(code int) int { return code & 0xff }

// refusal turns SQLite's result codes into faults. Everything else stays as
// it is.
func refusal(err error) error {
	c := code(err)
	switch primary(c) {
	case lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_READONLY:
		return fault.Full.Because(err)
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return fault.Busy.Because(err)
	case lib.SQLITE_CONSTRAINT:
		if c == lib.SQLITE_CONSTRAINT_UNIQUE || c == lib.SQLITE_CONSTRAINT_PRIMARYKEY {
			return fault.Taken.Because(err)
		}
	}
	return err
}

// breaks says whether SQLite may have rolled back the whole transaction, and
// not only the statement.
func breaks(err error) bool {
	switch primary(code(err)) {
	case lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_NOMEM, lib.SQLITE_INTERRUPT:
		return true
	}
	return false
}

// unsynced says that a commit is in the journal as a whole, and that the disk did
// not take it. Here it is undone, and the next commit takes its place; but if
// there is no next one before the process ends, the next process finds it done.
func unsynced(err error) bool {
	c := code(err)
	return c == lib.SQLITE_IOERR_FSYNC || c == lib.SQLITE_IOERR_DIR_FSYNC
}

// explain makes one sentence of what went wrong while opening.
func (s source) explain(err error) error {
	if errors.Is(err, ErrNewer) {
		return err
	}
	switch primary(code(err)) {
	case lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY:
		return fmt.Errorf("the database file %s can't be written, or the folder it is in: %w", s.path, err)
	case lib.SQLITE_NOTADB, lib.SQLITE_CORRUPT:
		return fmt.Errorf("the file %s is not a database, or is damaged: %w", s.path, err)
	case lib.SQLITE_BUSY:
		return fmt.Errorf("the database file %s is locked by another program: %w", s.path, err)
	}
	return fmt.Errorf("the database file %s can't be used: %w", s.path, err)
}
