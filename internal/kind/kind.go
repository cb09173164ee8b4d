// Package kind is what every noun of the management API shares: tables of
// fields, PATCH, filters, pages and links. A noun is a value of type Of; the
// shell serves them all with the same few handlers.
package kind

import (
	"encoding/json"
	"fmt"
	"time"

	"pixy/internal/fault"
)

// Spec is the part of a kind that knows no Go type: where it is served, what
// it consists of, what it stands with and falls with.
type Spec struct {
	Name   string // of one, and in the store: "population"
	Plural string // the path segment and the key in _embedded: "populations"
	Title  string // as a sentence names it: "Population"

	// Parent is the kind under which the collection is served: "environment",
	// or "" for what stands at the top.
	Parent  string
	Methods []string // of LIST, POST, GET, PUT, PATCH, DELETE
	Area    string   // what a role must permit: "applications"
	Media   []string // further media types of POST, beside application/json

	Fields []Field
	Links  []Link
	Counts []Count
	// Beside is the kind of the document with the same id that holds what
	// changes often or is sealed; it is shown with this one and dies with it.
	Beside string
	// Last is the sentence that refuses to delete the last one under a parent,
	// "" when that is allowed.
	Last string
	// Owns are the kinds of the documents whose parent this one is.
	Owns []string
	// Needs are what the shell must make before it can keep a new document.
	Needs Need
	// Ends says which tickets end with the document.
	Ends Holder
	// NotFound is the public sentence for a missing one, with a place for the
	// id and one for the environment's.
	NotFound string
}

// Need is what the shell makes outside the write: it costs time or chance.
type Need int

// The needs of a new document, and of a new password.
const (
	NeedNothing Need = 0
	NeedSecret  Need = 1 << iota // a client secret, sealed
	NeedKey                      // a signing key, sealed
	NeedHash                     // the hash of the password in the body
)

// Holder says how a document appears on the tickets that hang on it.
type Holder int

// A document may own tickets as a person, or be the client they were issued to.
const (
	HoldsNothing Holder = iota
	HoldsAsOwner
	HoldsAsClient
)

// Link is one member of _links. Path begins with {top}, {env} or {self}; a
// {dotted.path} in it is taken from the body, and without it there is no link.
type Link struct{ Rel, Path string }

// Count is a member that counts the documents of a kind whose text at Path is
// this one's id.
type Count struct{ Field, Kind, Path string }

// Gift is what a new document gets from the shell.
type Gift struct {
	Environment  string // the id of the environment it stands in
	Organization string
	Region       string
	ID           string
	Now          time.Time
	NewID        func() string
	Actor        string // the id of the application or user that creates it
	Secret       string // sealed, when NeedSecret
	Key          json.RawMessage
	KeyID        string
	Hash         string // of the password in the body, when NeedHash
	ForceChange  bool   // the password in the body must be changed at the first sign-on
}

// Entry is a further document kept together with a new one.
type Entry struct {
	Root bool // in the root scope, not in the environment
	Env  string
	Kind string
	ID   string
	Body any
}

// Kind is a noun without its Go type.
type Kind interface {
	Table() *Spec
	// Fill adds to a request body the defaults that hang on other fields.
	Fill(sent, before Body) Body
	// Refuse tells what is wrong with a body beyond its fields. before is nil
	// for a new one.
	Refuse(before, after json.RawMessage) ([]fault.Detail, error)
	// With returns the documents that come with a new one.
	With(body json.RawMessage, g Gift) ([]Entry, error)
	// Show returns the members that are shown but not stored in the body.
	Show(id string, body, beside json.RawMessage, now time.Time) (Body, error)
	// Undeletable refuses the deletion of a document that must stay.
	Undeletable(body json.RawMessage) error
}

// Of is a noun whose body is a T.
type Of[T any] struct {
	Spec
	Prepare func(sent, before Body) Body
	Rules   func(before *T, after T) []fault.Detail
	Entries func(T, Gift) []Entry
	Shown   func(id string, body T, beside json.RawMessage, now time.Time) (Body, error)
	Stays   func(T) error
}

// Table returns the untyped part.
func (k *Of[T]) Table() *Spec { return &k.Spec }

// Fill applies Prepare.
func (k *Of[T]) Fill(sent, before Body) Body {
	if k.Prepare == nil {
		return sent
	}
	return k.Prepare(sent, before)
}

// Refuse decodes both bodies and applies the rules.
func (k *Of[T]) Refuse(before, after json.RawMessage) ([]fault.Detail, error) {
	if k.Rules == nil {
		return nil, nil
	}
	next, err := Read[T](k.Name, after)
	if err != nil {
		return nil, err
	}
	if before == nil {
		return k.Rules(nil, next), nil
	}
	last, err := Read[T](k.Name, before)
	if err != nil {
		return nil, err
	}
	return k.Rules(&last, next), nil
}

// With decodes the body and makes the entries.
func (k *Of[T]) With(body json.RawMessage, g Gift) ([]Entry, error) {
	if k.Entries == nil {
		return nil, nil
	}
	v, err := Read[T](k.Name, body)
	if err != nil {
		return nil, err
	}
	return k.Entries(v, g), nil
}

// Show decodes the body and makes the further members.
func (k *Of[T]) Show(id string, body, beside json.RawMessage, now time.Time) (Body, error) {
	if k.Shown == nil {
		return nil, nil
	}
	v, err := Read[T](k.Name, body)
	if err != nil {
		return nil, err
	}
	return k.Shown(id, v, beside, now)
}

// Undeletable decodes the body and asks whether it must stay.
func (k *Of[T]) Undeletable(body json.RawMessage) error {
	if k.Stays == nil {
		return nil
	}
	v, err := Read[T](k.Name, body)
	if err != nil {
		return err
	}
	return k.Stays(v)
}

// Read decodes a stored body. The error names the kind, for the log.
func Read[T any](name string, body json.RawMessage) (T, error) {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return v, fmt.Errorf("reading a stored %s: %w", name, err)
	}
	return v, nil
}
