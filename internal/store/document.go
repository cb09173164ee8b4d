package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// Document is one noun that is kept. Times are in UTC, in milliseconds.
type Document struct {
	Kind, ID string
	Version  int64 // 0 for one that is not kept yet, 1 for one never changed
	Created  time.Time
	Updated  time.Time
	Body     []byte // JSON
}

// Cursor is a place in the order of a list, (created, id).
type Cursor = kind.Cursor

// Query is which documents of a kind a list is to have.
type Query struct {
	Where kind.Expr  // the zero Expr is all
	Order kind.Order // the zero Order is (created, id)
	After Cursor     // where the page before ended; the zero Cursor is the beginning
	Limit int        // at most so many; 0 is all
	// Within bounds how long a View may read: past it the error is ErrSlow. 0
	// is no bound, and an Update has none.
	Within time.Duration
}

// Get returns a document, or ErrMissing.
func (tx *Tx) Get(k, id string) (Document, error) {
	if err := checkKind(k); err != nil {
		return Document{}, err
	}
	if ahead := tx.work.ahead.documents; ahead != nil {
		if d, known := ahead[tx.named(k, id)]; known {
			tx.work.making.uses(nil, 0)
			if d == nil {
				return Document{}, ErrMissing
			}
			return *d, nil
		}
	}
	found, err := tx.recall(k, k+"\x00"+id, func() ([]Document, error) {
		d, err := tx.get(k, id)
		return []Document{d}, err
	})
	if err != nil {
		return Document{}, err
	}
	return found[0], nil
}

func (tx *Tx) get(k, id string) (Document, error) {
	d := Document{Kind: k, ID: id}
	var created, updated int64
	err := tx.one("SELECT version, created, updated, body FROM document WHERE env = $1 AND kind = '"+k+"' AND id = $2"+tx.lock(),
		[]any{tx.env, id}, &d.Version, &created, &updated, &d.Body)
	if err != nil {
		return Document{}, tx.failed(err, "get %s %s", k, id)
	}
	d.Created, d.Updated = fromMillis(created), fromMillis(updated)
	return d, nil
}

// Both returns a document, or ErrMissing, and that of another kind with the same
// id, whose Version is 0 when there is none.
func (tx *Tx) Both(k, beside, id string) (d, other Document, err error) {
	if err := errors.Join(checkKind(k), checkKind(beside)); err != nil {
		return d, other, err
	}
	err = tx.each("SELECT kind, version, created, updated, body FROM document WHERE env = $1 AND kind IN ('"+k+"', '"+beside+"') AND id = $2"+tx.lock(),
		[]any{tx.env, id}, func(r row) error {
			x := Document{ID: id}
			var created, updated int64
			if err := r.Scan(&x.Kind, &x.Version, &created, &updated, &x.Body); err != nil {
				return err
			}
			x.Created, x.Updated = fromMillis(created), fromMillis(updated)
			if x.Kind == k {
				d = x
			} else {
				other = x
			}
			return nil
		})
	if err == nil && d.Version == 0 {
		err = ErrMissing
	}
	return d, other, tx.failed(err, "get %s and %s %s", k, beside, id)
}

// lock holds the row that an Update reads when it runs again.
func (tx *Tx) lock() string {
	if !tx.work.holds {
		return ""
	}
	return tx.work.dialect.lock
}

// Find returns the first document that matches, in the order (created, id), or
// ErrMissing.
func (tx *Tx) Find(k string, where kind.Expr) (Document, error) {
	found, err := tx.List(k, Query{Where: where, Limit: 1})
	if err != nil {
		return Document{}, err
	}
	if len(found) == 0 {
		return Document{}, ErrMissing
	}
	return found[0], nil
}

// List returns the documents that match, in the order (created, id). There
// may be none.
func (tx *Tx) List(k string, q Query) ([]Document, error) {
	text, args, err := tx.listing(k, q)
	if err != nil {
		return nil, fmt.Errorf("store: list %s: %w", k, err)
	}
	return tx.recall(k, keyOf(text, args), func() ([]Document, error) { return tx.list(k, q.Within, text, args) })
}

func (tx *Tx) list(k string, within time.Duration, text string, args []any) ([]Document, error) {
	var found []Document
	last := "its first" // a row that can't be read may not know its id
	err := tx.within(within).each(text, args, func(rows row) error {
		d := Document{Kind: k}
		var created, updated int64
		if err := rows.Scan(&d.ID, &d.Version, &created, &updated, &d.Body); err != nil {
			return fmt.Errorf("document %q, after %s: %w", d.ID, last, err)
		}
		d.Created, d.Updated = fromMillis(created), fromMillis(updated)
		found, last = append(found, d), d.ID
		return nil
	})
	if err != nil {
		return nil, tx.failed(err, "list %s", k)
	}
	return found, nil
}

func (tx *Tx) listing(k string, q Query) (string, []any, error) {
	w := tx.where(documentColumns())
	text, err := tx.matching(&w, k, q.Where)
	if err != nil {
		return "", nil, err
	}
	by, descending := "created", ""
	if among(q.Where) {
		by = "+created" // no index
	}
	if q.Order.Path != "" {
		a, err := w.accessor(q.Order.Path, q.Order.Type)
		if err != nil {
			return "", nil, err
		}
		by = a.text
	}
	after := " >"
	if q.Order.Descending {
		after, descending = " <", " DESC"
	}
	if q.After != (Cursor{}) {
		value := q.After.Value
		if q.Order.Path == "" {
			value = millis(q.After.Created)
		}
		place := w.bind(value)
		if q.Order.Path != "" { // it says nothing new, but tells where in an index to begin
			text += " AND " + by + after + "= " + place
		}
		text += " AND (" + by + ", id)" + after + " (" + place + ", " + w.bind(q.After.ID) + ")"
	}
	order := " ORDER BY " + by + descending + ", id" + descending
	text = "SELECT id, version, created, updated, body" + text + order
	if q.Limit > 0 {
		text += " LIMIT " + w.bind(int64(q.Limit))
	}
	if q.Within > 0 {
		text = whole(text, "id, version, created, updated, body", order)
	}
	return text, w.args, nil
}

// whole makes a statement find all its rows before it gives the first: only up
// to then can SQLite be interrupted.
func whole(text, columns, order string) string {
	return "WITH page AS MATERIALIZED (" + text + ") SELECT " + columns + " FROM page" + order
}

// matching is the FROM and the WHERE of a statement over one kind.
func (tx *Tx) matching(w *where, k string, e kind.Expr) (string, error) {
	if err := checkKind(k); err != nil {
		return "", err
	}
	text := " FROM document WHERE env = " + w.bind(tx.env) + " AND kind = '" + k + "'"
	if e.Op == "" {
		return text, nil
	}
	more, err := w.condition(e)
	return text + " AND " + more, err
}

// Count counts the documents that match, up to a limit; 0 is no limit. within
// bounds how long a View may read, as in a Query.
func (tx *Tx) Count(k string, match kind.Expr, limit int, within time.Duration) (int, error) {
	w := tx.where(documentColumns())
	text, err := tx.matching(&w, k, match)
	if err != nil {
		return 0, fmt.Errorf("store: count %s: %w", k, err)
	}
	text = "SELECT count(*)" + text
	if limit > 0 {
		text = "SELECT count(*) FROM (SELECT 1" + text[len("SELECT count(*)"):] + " LIMIT " + w.bind(int64(limit)) + ") AS found"
	}
	var n int
	err = tx.within(within).one(text, w.args, &n)
	return n, tx.failed(err, "count %s", k)
}

// Put keeps a document and returns it with its new version and times.
//
// With Version 0 it is new: fault.Taken says that its id, or a value that is
// unique in its kind, stands in another document. With any other Version it
// replaces the one of that version: fault.Stale says that it has changed since
// or is gone. Created is as it was, whatever the Document says.
//
// A closure that is refused here must return: not every database can go on
// after fault.Taken.
//
// What the body has sealed under a master key that was replaced since is kept
// under the one that the database names.
func (tx *Tx) Put(d Document) (Document, error) {
	if err := tx.writable(); err != nil {
		return Document{}, err
	}
	if err := checkKind(d.Kind); err != nil {
		return Document{}, err
	}
	if !json.Valid(d.Body) {
		return Document{}, fmt.Errorf("store: put %s %s: the body is not JSON", d.Kind, d.ID)
	}
	var err error
	if d.Body, err = tx.underNamedKey(d); err != nil {
		return Document{}, err
	}
	if d.Version == 0 {
		return tx.insert(d)
	}
	return tx.replace(d)
}

func (tx *Tx) insert(d Document) (Document, error) {
	d.Version, d.Created, d.Updated = 1, tx.Now(), tx.Now()
	now := millis(tx.Now())
	n, err := tx.exec("INSERT INTO document (env, kind, id, version, created, updated, body) "+
		"VALUES ($1, '"+d.Kind+"', $2, 1, $3, $4, $5) ON CONFLICT DO NOTHING",
		tx.env, d.ID, now, now, string(d.Body))
	if err != nil {
		return Document{}, tx.failed(err, "put %s %s", d.Kind, d.ID)
	}
	tx.changed(d.Kind)
	if n == 0 {
		return Document{}, fault.Taken.Because(fmt.Errorf("store: put %s %s: the id or a unique value is taken", d.Kind, d.ID))
	}
	return d, nil
}

func (tx *Tx) replace(d Document) (Document, error) { return tx.replaceAt(d, tx.Now()) }

// replaceAt replaces a document, as updated at some time.
func (tx *Tx) replaceAt(d Document, updated time.Time) (Document, error) {
	var created int64
	err := tx.one("UPDATE document SET version = version + 1, updated = $1, body = $2 "+
		"WHERE env = $3 AND kind = '"+d.Kind+"' AND id = $4 AND version = $5 RETURNING created",
		[]any{millis(updated), string(d.Body), tx.env, d.ID, d.Version}, &created)
	if errors.Is(err, ErrMissing) {
		return Document{}, fault.Stale.Because(fmt.Errorf("store: put %s %s: version %d is not there", d.Kind, d.ID, d.Version))
	}
	if err != nil {
		return Document{}, tx.failed(err, "put %s %s", d.Kind, d.ID)
	}
	tx.changed(d.Kind)
	d.Version++
	d.Created, d.Updated = fromMillis(created), fromMillis(millis(updated))
	return d, nil
}

// Delete deletes a document, or says ErrMissing.
func (tx *Tx) Delete(k, id string) error {
	if err := checkKind(k); err != nil {
		return err
	}
	n, err := tx.exec("DELETE FROM document WHERE env = $1 AND kind = '"+k+"' AND id = $2", tx.env, id)
	if err != nil {
		return tx.failed(err, "delete %s %s", k, id)
	}
	if n == 0 {
		return ErrMissing
	}
	tx.changed(k)
	return nil
}

func checkKind(k string) error {
	if !plain(k) {
		return fmt.Errorf("store: %q is not a kind", k)
	}
	return nil
}
