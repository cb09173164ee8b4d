package store

import "time"

// session is one connection to a database, in a transaction. It serves one
// goroutine at a time. No statement gets a request's context: a client that
// hangs up must not undo what shares the transaction, nor cost a connection.
type session interface {
	// exec runs a statement that writes, and counts the rows.
	exec(text string, args []any) (int64, error)
	// each hands every row to scan. Past a limit that is not 0 it is ErrSlow,
	// and the transaction goes on.
	each(limit time.Duration, text string, args []any, scan func(row) error) error
	// refusal turns the database's errors into faults, and leaves the others.
	refusal(err error) error
	// breaks says whether after an error the transaction may be undone.
	breaks(err error) bool
	// alone waits until nobody else writes to the environment, and lets nobody
	// until the transaction ends.
	alone(env string) error
	// notify tells other nodes of the revision of an environment, once the
	// transaction is committed.
	notify(env string, revision int64) error
}

// lazy is the session of a View that opens when the first statement runs: what
// is remembered needs none.
type lazy struct {
	session
	take func() (session, error)
	err  error // why it could not be opened
}

func (l *lazy) each(limit time.Duration, text string, args []any, scan func(row) error) error {
	if l.session == nil && l.err == nil {
		l.session, l.err = l.take()
	}
	if l.err != nil {
		return l.err
	}
	return l.session.each(limit, text, args, scan)
}

func (l *lazy) refusal(err error) error {
	if l.session == nil {
		return err
	}
	return l.session.refusal(err)
}

func (l *lazy) breaks(err error) bool { return l.session == nil || l.session.breaks(err) }

// row is one row of an answer.
type row interface{ Scan(into ...any) error }

// dialect is what a statement says in another way on each database.
type dialect struct {
	collation string                         // of bytes, whatever the locale
	number    func(json, text string) string // of a body, by how its member is read as JSON and as text
	boolean   func(b bool) any               // as ->> gives it
	lock      string                         // behind a SELECT: the rows wait for this transaction
	share     string                         // behind a SELECT: nobody changes the rows until this transaction ends
	skip      string                         // behind a SELECT: rows that others are at are passed over
	among     func(query string) string      // behind a column: it is one of those that a query finds, which runs once
	list      func(place string) string      // behind IN: the texts of an argument that is a JSON array
	chunk     int64                          // how many rows a statement of a sweep deletes
}
