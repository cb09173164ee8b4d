package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// openReading opens a database as it stands: it makes none, and updates no
// tables, which another program may be at work on.
func openReading(ctx context.Context, source string, o Options) (*DB, error) {
	var e engine
	var err error
	if IsPostgres(source) {
		e, err = readPostgres(ctx, source, o)
	} else {
		e, err = readFile(source)
	}
	if err != nil {
		return nil, err
	}
	return &DB{engine: e, now: o.Now, cache: newCache(nil, false), meter: o.meter}, nil
}

// readingFile is a SQLite file of which another process may be the writer.
type readingFile struct {
	file    source
	readers *readers
}

func readFile(text string) (*readingFile, error) {
	file, err := readSource(text)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(file.path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no database file %s", file.path)
	} else if err != nil {
		return nil, fmt.Errorf("the database file %s can't be read: %w", file.path, err)
	}
	db, err := openSQLite(file.dsn(forReading), 1)
	if err != nil {
		return nil, file.explain(err)
	}
	return &readingFile{file: file, readers: newReaders(db, 1)}, nil
}

func (f *readingFile) view(ctx context.Context) (session, func(), error) {
	s, err := f.readers.take(ctx)
	if err != nil {
		return nil, nil, f.file.explain(err)
	}
	if err := s.do("BEGIN"); err != nil {
		f.readers.give(s)
		return nil, nil, f.file.explain(err)
	}
	return s, func() { f.readers.give(s) }, nil
}

func (f *readingFile) dialect() dialect { return liteDialect() }

func (f *readingFile) update(context.Context, string, manner, func(session, bool) error) error {
	return ErrReadOnly
}

// stats has nothing to tell: nobody watches a command.
func (f *readingFile) stats(*Stats) {}

func (f *readingFile) close() error { return f.readers.close() }

// readPostgres is for long snapshots: while its reader is at something else, the
// server must not end the transaction.
func readPostgres(ctx context.Context, source string, o Options) (*postgres, error) {
	o.Readers = 1
	config, err := postgresConfig(source, o)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, explainPostgres(err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, explainPostgres(err)
	}
	return &postgres{pool: pool, log: o.Log, meter: o.meter}, nil
}

// applied is the version of the tables, or an error when there are none.
func (tx *Tx) applied() (version int64, err error) {
	err = tx.one("SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied", nil, &version)
	if err == nil && version == 0 {
		err = errors.New("its tables were never made")
	}
	return version, err
}

// latest is the version of the tables that this program has.
func latest() (int64, error) {
	steps, err := migrations(strings.NewReplacer())
	if err != nil {
		return 0, err
	}
	version := int64(0)
	for _, s := range steps {
		version = max(version, s.Version)
	}
	return version, nil
}

// current refuses a database that has not the tables of this program.
func (tx *Tx) current(name string) error {
	known, err := latest()
	if err != nil {
		return err
	}
	version, err := tx.applied()
	if err != nil {
		return fmt.Errorf("%s is not a database of Pixy, or can't be read: %w", name, err)
	}
	return suits(name, version, known)
}

// suits refuses tables of another version than the one that is known.
func suits(name string, version, known int64) error {
	switch {
	case version > known:
		return fmt.Errorf("%s: %w (its tables are version %d, this program knows %d)", name, ErrNewer, version, known)
	case version < known:
		return fmt.Errorf("%s has tables of version %d, and this program needs %d: start pixy serve of this version on it once", name, version, known)
	}
	return nil
}

// Named is a source as it may be shown: without passwords, and without what only
// Pixy's own pool understands.
func Named(source string) string {
	if !IsPostgres(source) {
		return source
	}
	scheme, rest, _ := strings.Cut(source, ":")
	rest = strings.TrimPrefix(rest, "//")
	user := ""
	// A password that is not escaped may have anything in it, so what stands
	// before the last @ is taken for one.
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		user, _, _ = strings.Cut(rest[:at], ":")
		user, rest = user+"@", rest[at+1:]
	}
	place, query, _ := strings.Cut(rest, "?")
	var kept []string
	for _, parameter := range strings.Split(query, "&") {
		name := strings.ToLower(parameter)
		if parameter != "" && !strings.Contains(name, "password") && !strings.HasPrefix(name, "pool_") {
			kept = append(kept, parameter)
		}
	}
	if kept != nil {
		place += "?" + strings.Join(kept, "&")
	}
	return scheme + "://" + user + place
}

// placed says where a database is, however its source is spelled.
func placed(source string) (string, error) {
	if !IsPostgres(source) {
		return FileOf(source)
	}
	config, err := postgresConfig(source, Options{})
	if err != nil {
		return "", err
	}
	c := config.ConnConfig
	return fmt.Sprintf("postgres %s %d %s", c.Host, c.Port, c.Database), nil
}
