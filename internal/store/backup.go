package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	driver "modernc.org/sqlite"
)

// Backup writes all that a database file has into a new file, as it is at one
// moment, also while another process writes to it: what was acknowledged before
// is in it. The new file is under its name only when it is whole, on disk and
// verified. It refuses to take the place of a file that is there, and a
// PostgreSQL database, which has a program of its own for that. Errors are one
// sentence for the person who started the program.
func Backup(ctx context.Context, from, file string) ([]Count, error) {
	if IsPostgres(from) {
		return nil, fmt.Errorf("a PostgreSQL database is backed up by its own program: pg_dump --format=custom --file='%s' '%s'", file, Named(from))
	}
	if _, err := os.Lstat(file); err == nil {
		return nil, fmt.Errorf("%s is there already: a backup overwrites nothing, so choose another name", file)
	}
	source, err := openReading(ctx, from, Options{}.filled())
	if err != nil {
		return nil, err
	}
	counts, err := source.backup(ctx, from, file)
	if err != nil && ctx.Err() != nil {
		err = errors.New("the backup was stopped, and what was written is removed")
	}
	return counts, errors.Join(err, source.Close())
}

// backup writes the file beside its place, under a name that says so: that is
// all a backup leaves which is killed.
func (db *DB) backup(ctx context.Context, from, file string) (counts []Count, err error) {
	beside, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.unfinished") // with mode 0600
	if err != nil {
		return nil, fmt.Errorf("the backup can't be written: %w", err)
	}
	defer func() { err = errors.Join(err, removeDatabase(beside.Name()), beside.Close()) }()
	err = db.View(ctx, "", func(tx *Tx) error {
		if _, err := tx.applied(); err != nil {
			return fmt.Errorf("%s is not a database of Pixy, or can't be read: %w", from, err)
		}
		if err := tx.whole(); err != nil {
			return err
		}
		// The counting opens the snapshot, which the pages are then read from.
		if counts, err = counted(tx); err != nil {
			return err
		}
		return copyPages(ctx, tx.work.session.(*lazy).session.(*liteSession).conn, uriOf(beside.Name()))
	})
	if err != nil {
		return nil, err
	}
	if err := verify(ctx, beside.Name(), counts); err != nil {
		return nil, fmt.Errorf("the backup is not good and was removed: %w", err)
	}
	if err := beside.Sync(); err != nil {
		return nil, fmt.Errorf("the backup can't be brought to disk: %w", err)
	}
	return counts, appear(beside.Name(), file)
}

// uriOf names a file to SQLite whatever characters its path has.
func uriOf(path string) string { return "file:" + (&url.URL{Path: path}).EscapedPath() }

// pagesAtOnce are copied before it is asked whether to go on.
const pagesAtOnce = 1024

// copyPages copies the pages that the open transaction of a connection sees. As
// that doesn't end meanwhile, a writer doesn't make it begin anew.
func copyPages(ctx context.Context, from *sql.Conn, to string) error {
	err := from.Raw(func(c any) error {
		b, err := c.(interface {
			NewBackup(string) (*driver.Backup, error)
		}).NewBackup(to)
		if err != nil {
			return err
		}
		more := true
		for more && err == nil {
			if err = ctx.Err(); err == nil {
				more, err = b.Step(pagesAtOnce)
			}
		}
		return errors.Join(err, b.Finish())
	})
	if err != nil {
		return fmt.Errorf("the backup can't be written: %w", err)
	}
	return nil
}

// verify reads the whole file, and makes it a file that needs no other beside it.
func verify(ctx context.Context, file string, want []Count) (err error) {
	db, err := openSQLite(uriOf(file)+"?_dqs=0&_pragma=journal_mode(DELETE)&_pragma=synchronous(FULL)&_pragma=trusted_schema(0)", 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var found string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return fmt.Errorf("SQLite found damage: %s", strings.Join(strings.Fields(found), " "))
	}
	for _, c := range want {
		var n int64
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+c.Table).Scan(&n); err != nil {
			return err
		}
		if n != c.Rows {
			return fmt.Errorf("%s has %d rows in it, and %d in the database", c.Table, n, c.Rows)
		}
	}
	return nil
}

// appear gives a file its name, unless another has it, for good.
func appear(beside, file string) error {
	err := os.Link(beside, file)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already: a backup overwrites nothing, so choose another name", file)
	case err != nil: // there are file systems without links
		err = os.Rename(beside, file)
	}
	if err != nil {
		return fmt.Errorf("the backup can't be given its name: %w", err)
	}
	folder, err := os.Open(filepath.Dir(file))
	if err != nil {
		return fmt.Errorf("the backup can't be brought to disk: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("the backup can't be brought to disk: %w", err)
	}
	return nil
}

// removeDatabase removes a file, and what SQLite may have put beside it, as far
// as they are there.
func removeDatabase(file string) error {
	var all []error
	for _, behind := range []string{"", "-journal", "-wal", "-shm"} {
		if err := os.Remove(file + behind); !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}
