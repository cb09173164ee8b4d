package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"pixy/internal/fault"
)

// The document that a database has while it is an unfinished copy.
const (
	unfinishedKind = "unfinishedCopy"
	unfinishedID   = "copy"
)

// unfinished is the body of that document.
type unfinished struct {
	Name  string `json:"name"`  // what is copied, as it may be shown
	Place string `json:"place"` // where it is
}

// whole refuses a database that is an unfinished copy.
func (tx *Tx) whole() error {
	mark, err := tx.Root().unfinished()
	if errors.Is(err, ErrMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("the database is an unfinished copy of %s: finish it with pixy store copy, or empty it", mark.Name)
}

func (tx *Tx) unfinished() (unfinished, error) {
	d, err := tx.Get(unfinishedKind, unfinishedID)
	if err != nil {
		return unfinished{}, err
	}
	var u unfinished
	return u, json.Unmarshal(d.Body, &u)
}

// Progress is how far a copy is.
type Progress struct {
	Doing string // "copying" or "checking"
	Table string
	Done  int64 // rows, of all tables
	Total int64
}

// Copied is what a finished copy came to.
type Copied struct {
	Sums    []Sum     // of each table, the same on both sides
	At      time.Time // what is in the copy was there then; what came later isn't
	Resumed bool      // an unfinished copy was finished
}

// Copy moves all rows from one database to another, each of either kind; sources
// are as for Open. What it reads is one state, which nobody's writing changes.
// The target must be empty, or an unfinished copy of the same database, which is
// finished; until then Open refuses it. At the end both sides are read from
// their first row to their last, and must be equal. The master key stands in no
// database, and is not copied.
//
// It may end at any time, and goes on when it is called again; when the source
// was written to meanwhile, the two sides are not equal then, and the error says
// what to do. Errors are one sentence for the person who started the program.
func Copy(ctx context.Context, from, to string, report func(Progress)) (Copied, error) {
	o := Options{}.filled()
	place, err := placed(from)
	if err != nil {
		return Copied{}, err
	}
	source, err := openReading(ctx, from, o)
	if err != nil {
		return Copied{}, err
	}
	c := &copying{ctx: ctx, from: Named(from), to: Named(to), place: place, report: report}
	err = source.View(ctx, "", func(tx *Tx) error { return c.run(tx, to, o) })
	if err != nil && ctx.Err() != nil {
		err = errors.New("the copy is unfinished: start it again, and it goes on where it was stopped")
	}
	return c.result, errors.Join(err, source.Close())
}

// copying is a copy under way.
type copying struct {
	ctx      context.Context
	from, to string // as they may be shown
	place    string // of from
	target   *DB
	report   func(Progress)
	progress Progress
	result   Copied
}

// run copies what tx reads.
func (c *copying) run(tx *Tx, to string, o Options) (err error) {
	if err := tx.current(c.from); err != nil {
		return err
	}
	if err := tx.whole(); err != nil {
		return fmt.Errorf("%s can't be copied: %w", c.from, err)
	}
	c.result.At = tx.Now()
	counts, err := counted(tx)
	if err != nil {
		return err
	}
	for _, n := range counts {
		c.progress.Total += n.Rows
	}
	if err := c.vacant(to, o); err != nil {
		return err
	}
	if c.target, err = open(c.ctx, to, o); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.target.Close()) }()
	if err := c.begin(); err != nil {
		return err
	}
	if err := c.copy(tx); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	return c.target.Change(c.ctx, "", func(tx *Tx) error { return tx.Delete(unfinishedKind, unfinishedID) })
}

// vacant refuses a target before its tables are updated: a server of an older
// version may be at work on it. What can't be read is for open to judge.
func (c *copying) vacant(to string, o Options) error {
	target, err := openReading(c.ctx, to, o)
	if err != nil {
		return nil
	}
	err = target.View(c.ctx, "", func(tx *Tx) error {
		if _, err := tx.applied(); err != nil {
			return nil
		}
		_, err := c.admit(tx)
		return err
	})
	return errors.Join(err, target.Close())
}

// admit refuses a target that is neither empty nor an unfinished copy of what is
// copied, and says whether it is one.
func (c *copying) admit(tx *Tx) (begun bool, err error) {
	mark, err := tx.unfinished()
	switch {
	case err == nil && mark.Place != c.place:
		return false, fmt.Errorf("%s is an unfinished copy of another database, %s: finish that, or empty it", c.to, mark.Name)
	case err == nil || !errors.Is(err, ErrMissing):
		return err == nil, err
	}
	for _, t := range tables() {
		key, err := t.last(tx)
		if err != nil {
			return false, err
		}
		if key != nil {
			return false, fmt.Errorf("%s is not empty: a copy needs a database that nothing is in yet", c.to)
		}
	}
	return false, nil
}

// begin marks the target. Nobody claims it meanwhile, nor afterwards.
func (c *copying) begin() error {
	raw, err := json.Marshal(unfinished{Name: c.from, Place: c.place})
	if err != nil {
		return err
	}
	return c.target.Change(c.ctx, "", func(tx *Tx) error {
		begun, err := c.admit(tx)
		if c.result.Resumed = begun; err != nil || begun {
			return err
		}
		_, err = tx.Put(Document{Kind: unfinishedKind, ID: unfinishedID, Body: raw})
		return err
	})
}

// copy reads all rows, and writes those that the target does not have: as they
// are written in the order of their keys, those behind the last one.
func (c *copying) copy(tx *Tx) error {
	c.progress.Doing, c.progress.Done = "copying", 0
	for _, t := range tables() {
		var last record
		err := c.target.View(c.ctx, "", func(tx *Tx) (err error) {
			last, err = t.last(tx)
			return err
		})
		if err != nil {
			return err
		}
		sum, err := c.read(tx, t, func(rows []record) error { return c.write(t, beyond(rows, last, t.key)) })
		if err != nil {
			return err
		}
		c.result.Sums = append(c.result.Sums, sum)
	}
	return nil
}

// read hands all rows of a table to use, a batch at a time.
func (c *copying) read(tx *Tx, t table, use func([]record) error) (Sum, error) {
	sum := t.sum()
	c.progress.Table = t.name
	var key record
	for {
		if err := c.ctx.Err(); err != nil {
			return Sum{}, err
		}
		rows, err := t.after(tx, key)
		if err != nil || len(rows) == 0 {
			return sum.done(), err
		}
		for _, r := range rows {
			if err := sum.add(r); err != nil {
				return Sum{}, err
			}
		}
		if err := use(rows); err != nil {
			return Sum{}, err
		}
		key = rows[len(rows)-1][:t.key]
		c.progress.Done += int64(len(rows))
		c.report(c.progress)
	}
}

// beyond are the rows whose key comes after another.
func beyond(rows []record, key record, n int) []record {
	for key != nil && len(rows) > 0 && inOrder(rows[0][:n], key) <= 0 {
		rows = rows[1:]
	}
	return rows
}

func (c *copying) write(t table, rows []record) error {
	if len(rows) == 0 {
		return nil
	}
	err := c.target.Update(c.ctx, "", func(tx *Tx) error { return t.insert(tx, rows) })
	if errors.Is(err, fault.Taken) {
		return fmt.Errorf("somebody else writes to %s: let one copy at a time go on: %w", c.to, err)
	}
	return err
}

// check reads the target, and holds it against what was read of the source.
func (c *copying) check() error {
	c.progress.Doing, c.progress.Done = "checking", 0
	var differ []string
	err := c.target.View(c.ctx, "", func(tx *Tx) error {
		for i, t := range tables() {
			sum, err := c.read(tx, t, func([]record) error { return nil })
			if err != nil {
				return err
			}
			if want := c.result.Sums[i]; sum != want {
				differ = append(differ, fmt.Sprintf("%s has %d rows of checksum %.8s where there should be %d of %.8s", t.name, sum.Rows, sum.Hash, want.Rows, want.Hash))
			}
		}
		return nil
	})
	switch {
	case err != nil || differ == nil:
		return err
	case c.result.Resumed:
		return fmt.Errorf("the copy is not equal (%s), because %s has changed since it was begun: empty %s (delete the file, or drop and create the database) and copy again, without a stop or with no server at work on what is copied", strings.Join(differ, "; "), c.from, c.to)
	}
	return fmt.Errorf("the copy is not equal (%s), because somebody else has written to %s: empty it (delete the file, or drop and create the database) and copy again", strings.Join(differ, "; "), c.to)
}
