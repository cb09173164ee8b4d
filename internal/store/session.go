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
	dialect() dialect
}

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
}
