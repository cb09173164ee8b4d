package kind

import "regexp"

// Access says who writes a field, and when.
type Access int

const (
	// Written by the caller, on POST, PUT and PATCH.
	Written Access = iota
	// ReadOnly is written by Pixy; what a caller sends is ignored, because
	// clients send back whole resources that they have read.
	ReadOnly
	// Immutable is written on POST; a later change is refused.
	Immutable
	// Kept is written on POST; PUT and PATCH leave it as it is, whatever they
	// say: it has an endpoint of its own.
	Kept
	// Sticky is written by the caller, and stays when PUT leaves it out.
	Sticky
	// Given is taken from the body and kept, but never shown.
	Given
	// Confided is taken from the body, kept sealed, and shown only to who may
	// write the resource.
	Confided
	// Hidden is written by Pixy and never shown.
	Hidden
)

// Field is one member of a resource: its JSON name, its shape, its rules.
type Field struct {
	Name     string
	Type     Type
	Fields   []Field // the members of an Object
	Items    *Field  // the elements of a List
	Access   Access
	Required bool

	// Default is taken when the field is left out. For a field whose Ref is
	// set, TheDefault stands for the id of the environment's default document
	// of that kind.
	Default any

	Enum           []string
	Min, Max       int64 // of a Number; both 0 are no bounds
	MinLen, MaxLen int   // of a Text, in characters; of a List, in elements
	Pattern        *regexp.Regexp
	// Shape is a further rule on a text; it returns what is wrong, or "".
	Shape func(string) string

	// Ref is the kind of the document whose id this text is. Such a document
	// must exist, and can't be deleted while this one stands.
	Ref string
	// Within is the dotted path at which the same body names the parent of the
	// document that Ref refers to, or "".
	Within string

	Filter []Op // the operators a filter may use on this field
	Fold   bool // compared without case, by a key beside it ("usernameKey")
	// Unique within the parent, or else the environment.
	Unique bool
	// Indexed: it has an index of its own in the schema. Filters on other
	// fields read whole collections, and have little time to do it.
	Indexed bool
	// Solo: true in one document of the kind. To set it clears it in the
	// others; it can't be cleared.
	Solo bool
	// Through says by which other documents this list is found.
	Through *Through
}

// Through is a list that no body holds: its elements are the ids at Path in
// the documents of a kind whose parent this document is.
type Through struct{ Kind, Path string }

// TheDefault as a Field's Default stands for the environment's default
// document of the kind that the field refers to.
var TheDefault = defaultOf{}

type defaultOf struct{}

// Defaults resolves TheDefault: the id of the environment's default document
// of a kind, or "" when there is none.
type Defaults func(kind string) (string, error)

// ID is the shape of {"id": "..."}, a reference to a document of a kind.
func ID(name, ref string) Field {
	return Field{Name: name, Type: Object, Fields: []Field{{Name: "id", Type: Text, Required: true, Ref: ref, MaxLen: 64}}}
}

// Needed returns the field, required.
func (f Field) Needed() Field {
	f.Required = true
	return f
}

// As returns the field with another access.
func (f Field) As(a Access) Field {
	f.Access = a
	return f
}

// OrDefault returns a reference that is, when left out, the environment's
// default document of its kind.
func (f Field) OrDefault() Field {
	f.Default = TheDefault
	return f
}

// FilterBy returns the field with the operators that a filter may use on it.
func (f Field) FilterBy(ops ...Op) Field {
	if f.Type == Object && len(f.Fields) == 1 {
		inner := f.Fields[0]
		inner.Filter = ops
		f.Fields = []Field{inner}
		return f
	}
	f.Filter = ops
	return f
}
