package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// maxStatements bounds the prepared statements of a session: the filters that
// people can think of are without number.
const maxStatements = 256

// liteSession is one connection to SQLite and the statements prepared on it.
type liteSession struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
}

func newSession(db *sql.DB) (*liteSession, error) {
	conn, err := db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	return &liteSession{conn: conn, statements: make(map[string]*sql.Stmt)}, nil
}

// statement prepares text once. When too many are prepared, one of them goes,
// whichever: what is used often is soon back.
func (s *liteSession) statement(text string) (*sql.Stmt, error) {
	if st, ok := s.statements[text]; ok {
		return st, nil
	}
	st, err := s.conn.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	if len(s.statements) >= maxStatements {
		for old, st := range s.statements {
			delete(s.statements, old)
			st.Close()
			break
		}
	}
	s.statements[text] = st
	return st, nil
}

func (s *liteSession) exec(text string, args []any) (int64, error) {
	st, err := s.statement(text)
	if err != nil {
		return 0, err
	}
	r, err := st.Exec(args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// do runs a statement without arguments that counts no rows.
func (s *liteSession) do(text string) error {
	_, err := s.exec(text, nil)
	return err
}

func (s *liteSession) each(limit time.Duration, text string, args []any, scan func(row) error) error {
	st, err := s.statement(text)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	err = read(ctx, st, args, scan)
	if err != nil && ctx.Err() != nil {
		return ErrSlow
	}
	return err
}

func read(ctx context.Context, st *sql.Stmt, args []any, scan func(row) error) error {
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
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
		list:    func(place string) string { return "(SELECT value FROM json_each(" + place + "))" },
		chunk:   liteChunk,
	}
}

func (s *liteSession) close() error {
	var all []error
	for _, st := range s.statements {
		all = append(all, st.Close())
	}
	return errors.Join(append(all, s.conn.Close())...)
}
