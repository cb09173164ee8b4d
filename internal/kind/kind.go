// Package kind is what every noun of the management API shares: tables of
// fields, PATCH, filters, pages and links. A noun is a value of type Of; the
// shell serves them all with the same few handlers.
package kind

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"pixy/internal/fault"
)

// Spec is the part of a kind that knows no Go type: where it is served, what
// it consists of, what it stands with and falls with.
type Spec struct {
	Name   string // of one, and in the store: "population"
	Plural string // the path segment and the key in _embedded: "populations"
	Title  string // as a sentence names it: "Population"

	// Parents are the kinds under each of which a collection is served, none
	// for what stands at the top.
	Parents []string
	// Above: the documents are kept above all environments, although they may
	// be served under one.
	Above bool
	// Single: there is one under each parent, at a path without an id. It has
	// the parent's id, and its defaults before it is first written.
	Single bool
	// Under names the ancestors that a document shows, beside its parent: the
	// member, and the kind.
	Under map[string]string
	// By names the kind of the document that an element stands for: it bears
	// that one's id, and POST names it by "id".
	By      string
	Key     string   // of the elements in _embedded, Plural when ""
	Methods []string // of LIST, POST, GET, PUT, PATCH, DELETE
	Area    string   // what a role must permit: "applications"
	// Birth is what a role must permit to create one, Area when it is "".
	Birth string
	Media []string // further media types of POST, beside application/json

	Order    string // the number by which lists are ordered, "" for creation
	Fields   []Field
	Variants []Variant // further fields, by the value of one of Fields
	Parts    []Part
	Links    []Link
	Counts   []Count
	// Reach says at which paths a body names the population or application
	// whose roles reach it. What has a parent is reached as its parent is.
	Reach []Reach
	// Beside is the kind of the document with the same id that holds what
	// changes often or is sealed; it is shown with this one and dies with it.
	Beside string
	// InUse is the sentence that refuses to delete what others refer to, or "".
	InUse string
	// Last is the sentence that refuses to delete the last one under a parent,
	// "" when that is allowed.
	Last string
	// Owns are the kinds of the documents whose parent this one is.
	Owns []string
	// Frees are the documents that stand for this one elsewhere and go with it.
	// There may be many: they go before it, some at a time.
	Frees []Free
	// Needs are what the shell must make before it can keep a new document.
	Needs Need
	// Bulk: many are made at the same time, and what makes one relies on nothing
	// that another such write may change.
	Bulk bool
	// Ends says which tickets end with the document.
	Ends Holder
	// NotFound is the public sentence for a missing one, with a place for the
	// id and one for the environment's.
	NotFound string
}

// Natural is the order of a list that asks for none: the table's, or that in
// which an index gives what a filter finds.
func (s *Spec) Natural(where Expr) Order {
	if o := natural(s.Fields, where); o != (Order{}) || s.Order == "" {
		return o
	}
	return Order{Path: s.Order, Type: Number}
}

// RefersTo is the kind that a member refers to by its id, or "".
func (s *Spec) RefersTo(member string) string {
	for _, f := range s.Every() {
		if f.Name == member && f.Type == Object && len(f.Fields) > 0 && f.Fields[0].Name == "id" {
			return f.Fields[0].Ref
		}
	}
	return ""
}

// Follows is what goes with a document: what it owns, and what stands for it.
func (s *Spec) Follows() []Free {
	out := slices.Clone(s.Frees)
	for _, noun := range s.Owns {
		out = append(out, Free{Kind: noun, Path: "parent"})
	}
	return out
}

// Variant is the fields that a document has beside the others when the text at
// By is one of Is.
type Variant struct {
	By     string
	Is     []string
	Fields []Field
}

// Part is a piece of a document that has an endpoint of its own, one segment
// below the document's: GET shows it, PUT writes it.
type Part struct {
	Path   string
	Fields []Field // members of the document, or of At
	At     string  // the member that holds them, or ""
	Whole  bool    // PUT answers with the whole document; there is no GET
	Area   string  // what a role must permit, the kind's Area when ""
}

// Free is the documents of a kind whose text at Path is the id of another one.
type Free struct{ Kind, Path string }

// Reach is a scope type of role assignments ("POPULATION") and the path at
// which a body names the id of such a scope.
type Reach struct{ Scope, Path string }

// All is the table of fields of a document with this body: those of its
// variants, too.
func (s *Spec) All(body Body) []Field {
	out := s.Fields
	for _, v := range s.Variants {
		if slices.Contains(v.Is, At(body, v.By)) {
			out = slices.Concat(out, v.Fields)
		}
	}
	return out
}

// Every is the fields of all variants, for filters and references.
func (s *Spec) Every() []Field {
	out := s.Fields
	for _, v := range s.Variants {
		out = slices.Concat(out, v.Fields)
	}
	return out
}

// Index adds to a body what the indexes of the schema read: the keys of what is
// compared without case, and the value that is unique, under its parent where
// there is one.
func (s *Spec) Index(body Body) {
	for i := range s.Fields {
		f := &s.Fields[i]
		value := At(body, f.Name)
		if f.Type == Object {
			value = At(body, f.Name+".id")
		}
		if f.Fold && value != "" {
			body[f.Name+"Key"] = FoldText(value)
			value = FoldText(value)
		}
		if f.Unique && !f.Indexed && value != "" {
			body["uniqueKey"] = At(body, "parent") + "|" + value
		}
	}
}

// Need is what the shell makes outside the write: it costs time or chance.
type Need int

// The needs of a new document, and of a new password.
const (
	NeedNothing Need = iota
	NeedSecret       // a client secret, sealed
	NeedKey          // a signing key, sealed
	NeedHash         // the hash of the password in the body
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
// this one's id. A tally is kept as they come and go; few are just counted.
type Count struct {
	Field, Kind, Path string
	Tally             bool
}

// Gift is what a new document gets from the shell.
type Gift struct {
	Organization string
	ID           string
	Now          time.Time
	NewID        func() string
	Actor        string // the id of the application or user that creates it
	Secret       string // sealed, when NeedSecret
	Key          json.RawMessage
	KeyID        string
	Hash         string // of the password in the body, when NeedHash
	ForceChange  bool   // the password in the body must be changed at the first sign-on
	Locked       bool   // the account in the body is locked
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
