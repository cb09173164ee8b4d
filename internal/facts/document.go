// Package facts finds what rules decide on: documents as typed values, secrets
// unsealed, passwords verified. It decides nothing.
package facts

import (
	"errors"
	"fmt"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/store"
)

// Decode reads a document's body. The error names the document, for the log.
func Decode[T any](d store.Document) (T, error) {
	v, err := kind.Read[T](d.Kind, d.Body)
	if err != nil {
		return v, fmt.Errorf("%s %s: %w", d.Kind, d.ID, err)
	}
	return v, nil
}

// read is a document and its body.
type read[T any] struct {
	body T
	from store.Document
}

// Get gets a document and reads its body, which others may share: nobody may
// change what it points to.
func Get[T any](tx *store.Tx, noun, id string) (T, store.Document, error) {
	return recalled[T](tx, "one "+noun+" "+id, func() (store.Document, error) { return tx.Get(noun, id) })
}

// recalled is a document that find finds, and its body, recalled under a name.
func recalled[T any](tx *store.Tx, name string, find func() (store.Document, error)) (T, store.Document, error) {
	r, err := store.Recall(tx, name, func() (r read[T], err error) {
		if r.from, err = find(); err != nil {
			return r, err
		}
		r.body, err = Decode[T](r.from)
		return r, err
	})
	return r.body, r.from, err
}

// All reads the bodies of all documents of a kind that match, in the order
// in which they were made.
func All[T any](tx *store.Tx, noun string, where kind.Expr) ([]T, error) {
	docs, err := tx.List(noun, store.Query{Where: where})
	if err != nil {
		return nil, err
	}
	out := make([]T, len(docs))
	for i, d := range docs {
		if out[i], err = Decode[T](d); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Body reads a document's body, its numbers kept exact.
func Body(d store.Document) (kind.Body, error) {
	body, err := kind.Decode(d.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the stored %s %s: %w", d.Kind, d.ID, err)
	}
	return body, nil
}

// Default finds the environment's default document of a kind, or ErrMissing.
func Default(tx *store.Tx, noun string) (store.Document, error) {
	return tx.Find(noun, kind.Expr{Op: kind.Eq, Path: "default", Type: kind.Boolean, Value: true})
}

// Lacking is the error for a document that another one refers to, so that its
// absence is not taken for that of what a request asked for.
func Lacking(what string, err error) error {
	if errors.Is(err, store.ErrMissing) {
		return fmt.Errorf("the database lacks %s", what)
	}
	return err
}

// Missing turns the absence of a document into a refusal.
func Missing(err error, refusal *fault.Fault) error {
	if errors.Is(err, store.ErrMissing) {
		return refusal.Because(err)
	}
	return err
}
