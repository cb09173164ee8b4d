package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"
)

// maxStatements bounds the prepared statements of a session: the filters that
// people can think of are without number.
const maxStatements = 256

// liteSession is one connection to SQLite and the statements prepared on it. It
// speaks to the driver itself: what database/sql does around a statement costs
// about as much as a small statement does.
type liteSession struct {
	conn       *sql.Conn
	statements map[string]driver.Stmt
}

func newSession(db *sql.DB) (*liteSession, error) {
	conn, err := db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	return &liteSession{conn: conn, statements: make(map[string]driver.Stmt)}, nil
}

// with runs use on the statement of a text, which is prepared once. When too many
// are prepared, one of them goes, whichever: what is used often is soon back.
func (s *liteSession) with(text string, use func(driver.Stmt) error) error {
	return s.conn.Raw(func(raw any) (err error) {
		defer func() { // a panic would cost the connection
			if r := recover(); r != nil {
				err = fmt.Errorf("store: panic in a statement: %v\n%s", r, debug.Stack())
			}
		}()
		st, ok := s.statements[text]
		if !ok {
			if st, err = raw.(driver.ConnPrepareContext).PrepareContext(context.Background(), text); err != nil {
				return err
			}
			s.drop(maxStatements - 1)
			s.statements[text] = st
		}
		return use(st)
	})
}

// drop closes statements, whichever, down to so many.
func (s *liteSession) drop(most int) {
	for old, st := range s.statements {
		if len(s.statements) <= most {
			return
		}
		delete(s.statements, old)
		_ = st.Close() // it holds nothing that could be lost
	}
}

func (s *liteSession) exec(text string, args []any) (n int64, err error) {
	err = s.with(text, func(st driver.Stmt) error {
		values, err := named(args)
		if err != nil {
			return err
		}
		r, err := st.(driver.StmtExecContext).ExecContext(context.Background(), values)
		if err != nil {
			return err
		}
		n, err = r.RowsAffected()
		return err
	})
	return n, err
}

// do runs a statement without arguments that counts no rows.
func (s *liteSession) do(text string) error {
	_, err := s.exec(text, nil)
	return err
}

func (s *liteSession) each(limit time.Duration, text string, args []any, scan func(row) error) error {
	ctx := context.Background()
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	err := s.with(text, func(st driver.Stmt) error { return read(ctx, st, args, scan) })
	if err != nil && ctx.Err() != nil {
		return ErrSlow
	}
	return err
}

func read(ctx context.Context, st driver.Stmt, args []any, scan func(row) error) (err error) {
	values, err := named(args)
	if err != nil {
		return err
	}
	rows, err := st.(driver.StmtQueryContext).QueryContext(ctx, values)
	if err != nil {
		return err
	}
	defer func() { err = first(err, rows.Close()) }()
	found := make(liteRow, len(rows.Columns()))
	for {
		switch err := rows.Next(found); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if err := first(ctx.Err(), scan(found)); err != nil {
			return err
		}
	}
}

// named are the arguments of a statement: texts, bytes and whole numbers are what
// the tables have.
func named(args []any) ([]driver.NamedValue, error) {
	values := make([]driver.NamedValue, len(args))
	for i, a := range args {
		switch a.(type) {
		case nil, string, int64, float64, bool, []byte:
		default:
			return nil, fmt.Errorf("store: %T is not an argument of a statement", a)
		}
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return values, nil
}

// liteRow is one row as the driver gives it.
type liteRow []driver.Value

// Scan reads texts, bytes and whole numbers, each of which must be what the column
// has; bytes may also be read of a text.
func (r liteRow) Scan(into ...any) error {
	if len(into) != len(r) {
		return fmt.Errorf("store: %d columns are read into %d", len(r), len(into))
	}
	for i, v := range r {
		ok := false
		switch d := into[i].(type) {
		case *string:
			*d, ok = v.(string)
		case *int64:
			*d, ok = v.(int64)
		case *int:
			var n int64
			n, ok = v.(int64)
			*d = int(n)
		case *[]byte:
			if text, is := v.(string); is {
				v = []byte(text)
			}
			*d, ok = v.([]byte)
		}
		if !ok {
			return fmt.Errorf("store: column %d has a %T, which is read into a %T", i, v, into[i])
		}
	}
	return nil
}

func (s *liteSession) refusal(err error) error { return refusal(err) }

func (s *liteSession) breaks(err error) bool { return breaks(err) }

// notify has nobody to tell: no other process writes.
func (s *liteSession) notify(string, int64) error { return nil }

// alone is what the writer is anyway.
func (s *liteSession) alone(string) error { return nil }

// liteDialect is SQLite's: its ->> gives numbers as numbers, and true and false
// as 1 and 0. There is one writer, whom nothing need wait for.
func liteDialect() dialect {
	return dialect{collation: "BINARY",
		number:  func(_, text string) string { return text },
		boolean: func(b bool) any { return b },
		among:   func(query string) string { return " IN (" + query + ")" },
		list:    func(place string) string { return "(SELECT value FROM json_each(" + place + "))" },
		chunk:   liteChunk,
	}
}

func (s *liteSession) close() error {
	err := s.conn.Raw(func(any) error { s.drop(0); return nil })
	return errors.Join(err, s.conn.Close())
}
