package store

import (
	"context"
	"database/sql"
	"errors"
)

// maxStatements bounds the prepared statements of a session: the filters that
// people can think of are without number.
const maxStatements = 256

// session is one connection and the statements prepared on it. It serves one
// goroutine at a time. No statement gets a request's context: it would be
// interrupted, and with it whatever shares the transaction.
type session struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
}

func newSession(db *sql.DB) (*session, error) {
	conn, err := db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, statements: make(map[string]*sql.Stmt)}, nil
}

// statement prepares text once. When too many are prepared, one of them goes,
// whichever: what is used often is soon back.
func (s *session) statement(text string) (*sql.Stmt, error) {
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

func (s *session) exec(text string) error {
	st, err := s.statement(text)
	if err != nil {
		return err
	}
	_, err = st.Exec()
	return err
}

func (s *session) close() error {
	var all []error
	for _, st := range s.statements {
		all = append(all, st.Close())
	}
	return errors.Join(append(all, s.conn.Close())...)
}
