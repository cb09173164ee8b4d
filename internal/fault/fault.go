// Package fault is the catalogue of everything Pixy can refuse.
//
// A rule returns an entry of the catalogue, with what it expected and what
// came; one writer in package server turns it into one of the two wire forms.
// Whatever is not a Fault is an internal error, whose text never leaves.
package fault

import (
	"fmt"
	"time"
)

// Form is the shape in which a fault appears on the wire.
type Form int

const (
	// Platform is PingOne's error model: id, code, message, details.
	Platform Form = iota
	// OAuth is the error response of RFC 6749 §5.2: error, error_description.
	OAuth
)

// Fault is one refusal. The entries of the catalogue are shared and never
// changed: the methods that add to a fault return a copy.
type Fault struct {
	Rule    string // the name of the rule that refused, "verifier.mismatch"
	Section string // the text that asks for the rule, "RFC 7636 §4.6"
	Form    Form
	Status  int    // HTTP status
	Code    string // "INVALID_DATA", or "invalid_grant" in the OAuth form
	Message string // the public sentence
	Opening string // what stands before it in the OAuth form, "" for what mostly does
	Details []Detail

	// Expected and Came say what the rule compared. They are for the log and
	// for administrators; they are never sent to the party that is refused.
	Expected, Came string
	// Cause is for the log and never leaves.
	Cause error
	// RetryAfter is how long the caller should wait, or 0.
	RetryAfter time.Duration
}

// Detail is one entry of the platform form's details.
type Detail struct {
	Code    string         `json:"code"`
	Target  string         `json:"target,omitempty"`
	Message string         `json:"message"`
	Inner   map[string]any `json:"innerError,omitempty"`
}

// Error describes the fault for a log.
func (f *Fault) Error() string {
	text := f.Rule + ": " + f.Message
	for _, d := range f.Details {
		text += fmt.Sprintf(" [%s %s: %s]", d.Code, d.Target, d.Message)
	}
	if f.Expected != "" || f.Came != "" {
		text += fmt.Sprintf(" (expected %s; came %s)", f.Expected, f.Came)
	}
	if f.Cause != nil {
		text += ": " + f.Cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Cause }

// Is reports whether target is a refusal by the same rule, so that
// errors.Is(err, fault.VerifierMismatch) holds for every copy of the entry.
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.Rule == f.Rule
}

// Compared returns a copy that remembers what the rule expected and what came.
func (f *Fault) Compared(expected, came string) *Fault {
	c := *f
	c.Expected, c.Came = expected, came
	return &c
}

// Because returns a copy with a cause.
func (f *Fault) Because(cause error) *Fault {
	c := *f
	c.Cause = cause
	return &c
}

// Saying returns a copy whose public sentence is the entry's, used as a
// format, with the arguments filled in.
func (f *Fault) Saying(args ...any) *Fault {
	c := *f
	c.Message = fmt.Sprintf(f.Message, args...)
	return &c
}

// Detailed returns a copy with details.
func (f *Fault) Detailed(details ...Detail) *Fault {
	c := *f
	c.Details = append(append([]Detail(nil), f.Details...), details...)
	return &c
}
