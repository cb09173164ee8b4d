package store

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"pixy/internal/fault"
)

// Tx is a transaction, bound to one environment. It is for one goroutine, and
// of no use once its closure has returned.
type Tx struct {
	work  *work
	env   string
	limit time.Duration // of one statement of a View, 0 for none
	looks bool          // what is remembered counts, also in an Update
}

// within is the same transaction, whose statements may read so long.
func (tx *Tx) within(limit time.Duration) *Tx {
	other := *tx
	other.limit = limit
	return &other
}

// work is what a transaction and its Root share.
type work struct {
	session    session
	dialect    dialect
	now        time.Time
	write      bool
	holds      bool    // the rows that an Update reads, until it ends
	sealer     *Sealer // whose texts Put holds against the master key in use; nil when the database has no owner yet
	over       bool
	statements *atomic.Int64 // that were run so far, by all
	broken     error         // the database may have undone all of it: nothing more runs

	ahead   ahead // of a View
	cache   *cache
	keeps   bool              // of a Look: what is read is remembered
	making  *making           // the value that a Recall makes, else nil
	began   time.Time         // no later than the snapshot of a Look
	revises func(string) bool // of an Update: whether a kind may be remembered
	revised map[string]int64  // the revisions that an Update has raised
	dropped map[string]int64  // the tickets that it has, by the limits they were past
}

// transact runs fn as the transaction that is open in a session. A panic of fn
// is an error, and so is what broke the transaction and fn went on after.
func (w *work) transact(env string, fn func(*Tx) error) error {
	defer func() { w.over = true }()
	if err := call(fn, &Tx{work: w, env: env, looks: w.keeps}); err != nil {
		return err
	}
	if w.broken != nil {
		return w.broken
	}
	return w.revise()
}

// Root is the same transaction, bound to the root scope.
func (tx *Tx) Root() *Tx { return &Tx{work: tx.work, looks: tx.looks} }

// Looking is the same transaction, an Update's, for what may be as old as in a
// Look: what the node remembers counts. It is not for what the Update itself
// changes, nor for what it must not decide on when others change it meanwhile.
func (tx *Tx) Looking() *Tx {
	other := *tx
	other.looks = true
	return &other
}

// In is the same transaction, bound to an environment. Only the root scope
// reaches into one, and only to make or to delete it.
func (tx *Tx) In(env string) *Tx {
	if tx.env != "" {
		env = tx.env
	}
	return &Tx{work: tx.work, env: env, looks: tx.looks}
}

// Alone keeps all others from writing to an environment until the transaction
// ends, as Change does for the one that it is bound to.
func (tx *Tx) Alone(env string) error {
	if err := tx.writable(); err != nil {
		return err
	}
	if err := tx.usable(); err != nil {
		return err
	}
	return tx.failed(tx.work.session.alone(env), "wait for the environment %s", env)
}

// Env is the environment the transaction is bound to; "" is the root scope.
func (tx *Tx) Env() string { return tx.env }

// Now is the time of the transaction, the same from its beginning to its end:
// in UTC, in whole milliseconds.
func (tx *Tx) Now() time.Time { return tx.work.now }

var errOver = errors.New("store: the transaction is over")

// usable refuses a statement that the transaction can't run any more.
func (tx *Tx) usable() error {
	if tx.work.over {
		return errOver
	}
	return tx.work.broken
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
	if err := tx.usable(); err != nil {
		return 0, err
	}
	if !storable(args) {
		return 0, fault.Unstorable
	}
	tx.work.statements.Add(1)
	return tx.work.session.exec(text, args)
}

// one reads the first row, or says ErrMissing.
func (tx *Tx) one(text string, args []any, into ...any) error {
	found := false
	err := tx.each(text, args, func(r row) error {
		if found {
			return nil
		}
		found = true
		return r.Scan(into...)
	})
	if err == nil && !found {
		return ErrMissing
	}
	return err
}

// each hands every row to scan. No other statement may run meanwhile. In an
// Update there is no limit on a statement: one that is interrupted would undo
// its neighbours.
func (tx *Tx) each(text string, args []any, scan func(row) error) error {
	if err := tx.usable(); err != nil {
		return err
	}
	if !storable(args) {
		return nil // what can't be kept isn't there
	}
	tx.work.making.uses(nil, 0) // what is remembered is read past this
	limit := tx.limit
	if tx.work.write {
		limit = 0
	}
	tx.work.statements.Add(1)
	return tx.work.session.each(limit, text, args, scan)
}

// storable says whether all texts are such as every database can keep: UTF-8
// without NUL.
func storable(args []any) bool {
	for _, a := range args {
		if s, ok := a.(string); ok && (strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s)) {
			return false
		}
	}
	return true
}

// failed says what was being done, and makes a fault of what the database
// refuses. After an error that may have undone the transaction, it is broken.
func (tx *Tx) failed(err error, doing string, args ...any) error {
	if err == nil || errors.Is(err, ErrMissing) || errors.Is(err, ErrReadOnly) || errors.Is(err, ErrSlow) || err == errOver || err == tx.work.broken {
		return err
	}
	told := tx.work.session.refusal(fmt.Errorf("store: "+doing+": %w", append(args, err)...))
	if tx.work.session.breaks(err) {
		tx.work.broken = told
	}
	return told
}

// millis is a time as a column has it.
func millis(t time.Time) int64 { return t.UnixMilli() }

func fromMillis(n int64) time.Time { return time.UnixMilli(n).UTC() }
