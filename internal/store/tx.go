package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Tx is a transaction, bound to one environment. It is for one goroutine, and
// of no use once its closure has returned.
type Tx struct {
	work  *work
	env   string
	limit time.Duration // of one statement of a View, 0 for none
}

// within is the same transaction, whose statements may read so long.
func (tx *Tx) within(limit time.Duration) *Tx { return &Tx{work: tx.work, env: tx.env, limit: limit} }

// bounded is the context of a statement. In an Update it is never bounded: a
// statement that is interrupted would undo its neighbours.
func (tx *Tx) bounded() (context.Context, context.CancelFunc) {
	if tx.limit <= 0 || tx.work.write {
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.Background(), tx.limit)
}

// slow makes ErrSlow of the error of a statement that was interrupted.
func slow(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ErrSlow
	}
	return err
}

// work is what a transaction and its Root share.
type work struct {
	session *session
	now     time.Time
	write   bool
	over    bool
	broken  error // the database may have undone all of it: nothing more runs
}

// Root is the same transaction, bound to the root scope.
func (tx *Tx) Root() *Tx { return &Tx{work: tx.work} }

// In is the same transaction, bound to an environment. Only the root scope
// reaches into one, and only to make or to delete it.
func (tx *Tx) In(env string) *Tx {
	if tx.env != "" {
		env = tx.env
	}
	return &Tx{work: tx.work, env: env}
}

// Env is the environment the transaction is bound to; "" is the root scope.
func (tx *Tx) Env() string { return tx.env }

// Now is the time of the transaction, the same from its beginning to its end:
// in UTC, in whole milliseconds.
func (tx *Tx) Now() time.Time { return tx.work.now }

// prepare returns the statement, when the transaction can run one.
func (tx *Tx) prepare(text string) (*sql.Stmt, error) {
	switch {
	case tx.work.over:
		return nil, errors.New("the transaction is over")
	case tx.work.broken != nil:
		return nil, tx.work.broken
	}
	return tx.work.session.statement(text)
}

// writable refuses a View.
func (tx *Tx) writable() error {
	if !tx.work.write {
		return ErrReadOnly
	}
	return nil
}

// exec runs a statement that writes, and counts the rows.
func (tx *Tx) exec(text string, args ...any) (int64, error) {
	if err := tx.writable(); err != nil {
		return 0, err
	}
	st, err := tx.prepare(text)
	if err != nil {
		return 0, err
	}
	r, err := st.Exec(args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// one reads the first row, or says ErrMissing.
func (tx *Tx) one(text string, args []any, into ...any) error {
	st, err := tx.prepare(text)
	if err != nil {
		return err
	}
	ctx, cancel := tx.bounded()
	defer cancel()
	err = st.QueryRowContext(ctx, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrMissing
	}
	return slow(ctx, err)
}

// each hands every row to scan. No other statement may run meanwhile.
func (tx *Tx) each(text string, args []any, scan func(*sql.Rows) error) error {
	st, err := tx.prepare(text)
	if err != nil {
		return err
	}
	ctx, cancel := tx.bounded()
	defer cancel()
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return slow(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return slow(ctx, err)
		}
	}
	return slow(ctx, rows.Err())
}

// failed says what was being done, and makes a fault of what the database
// refuses. After an error that may have undone the transaction, it is broken.
func (tx *Tx) failed(err error, doing string, args ...any) error {
	if err == nil || errors.Is(err, ErrMissing) || errors.Is(err, ErrReadOnly) || errors.Is(err, ErrSlow) || err == tx.work.broken {
		return err
	}
	told := refusal(fmt.Errorf("store: "+doing+": %w", append(args, err)...))
	if breaks(err) {
		tx.work.broken = told
	}
	return told
}

// millis is a time as a column has it.
func millis(t time.Time) int64 { return t.UnixMilli() }

func fromMillis(n int64) time.Time { return time.UnixMilli(n).UTC() }
