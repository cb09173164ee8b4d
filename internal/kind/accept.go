package kind

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"pixy/internal/fault"
)

// Body is a JSON object as it is stored.
type Body = map[string]any

// Mode says what a request body does to what is stored.
type Mode int

const (
	// Create makes a new document.
	Create Mode = iota
	// Replace puts a new body in place of the old one: what is left out goes
	// back to its default.
	Replace
)

// Accept checks a request body against a table of fields and returns the body
// to store: defaults filled in, read-only and unknown members left out. before
// is the stored body, nil on Create. All that is wrong is told at once. The
// error is of defaults.
func Accept(fields []Field, mode Mode, before, sent Body, defaults Defaults) (Body, []fault.Detail, error) {
	a := accepter{mode: mode, defaults: defaults}
	out := a.object(fields, before, sent, "")
	return out, a.details, a.failed
}

type accepter struct {
	mode     Mode
	defaults Defaults
	details  []fault.Detail
	failed   error
}

func (a *accepter) refuse(code, target, message string, inner map[string]any) {
	a.details = append(a.details, fault.Detail{Code: code, Target: target, Message: message, Inner: inner})
}

func (a *accepter) object(fields []Field, before, sent Body, path string) Body {
	out := Body{}
	for i := range fields {
		f := &fields[i]
		target := path + f.Name
		value, given := sent[f.Name]
		given = given && value != nil
		old, stood := before[f.Name]
		if v, ok := a.field(f, target, value, given, old, stood); ok {
			out[f.Name] = v
			if key, folded := v.(string); folded && f.Fold {
				out[f.Name+"Key"] = FoldText(key)
			}
		}
	}
	return out
}

// field decides what one member becomes: what was sent, what stood, or the default.
func (a *accepter) field(f *Field, target string, sent any, given bool, old any, stood bool) (any, bool) {
	if a.mode == Replace {
		switch f.Access {
		case ReadOnly, Hidden, Kept:
			return old, stood
		case Immutable:
			if given && stood && !same(sent, old) {
				a.refuse("INVALID_VALUE", target, "must not be changed once it is set", nil)
			}
			if stood {
				return old, true
			}
		case Given, Confided, Sticky: // nobody can send back what is not shown
			if !given && stood {
				return old, true
			}
		}
		if o := f.lasting(old); !given && len(o) > 0 {
			return o, true
		}
	}
	if f.Solo && old == true && (!given || sent == false) {
		if given {
			a.refuse("INVALID_VALUE", target, "can't be set to false; make another one the default instead", nil)
		}
		return true, true
	}
	if !given || !f.writable() {
		if v, ok := a.fallback(f, target); ok {
			return v, true
		}
		if f.Required && f.writable() {
			a.refuse("REQUIRED_VALUE", target, "must not be null", nil)
		}
		return nil, false
	}
	return a.value(f, target, sent, old)
}

// lasting is what stays of an object that a replacement leaves out: the
// members that it could not have changed.
func (f *Field) lasting(old any) Body {
	was, isObject := old.(Body)
	if !isObject || f.Type != Object {
		return nil
	}
	out := Body{}
	for i := range f.Fields {
		inner := &f.Fields[i]
		v, stood := was[inner.Name]
		if !stood {
			continue
		}
		if inner.Access != Written && inner.Access != ReadOnly && inner.Access != Sticky {
			out[inner.Name] = v
		} else if deeper := inner.lasting(v); len(deeper) > 0 {
			out[inner.Name] = deeper
		}
	}
	return out
}

func (f *Field) writable() bool { return f.Access != ReadOnly && f.Access != Hidden }

func (a *accepter) fallback(f *Field, target string) (any, bool) {
	switch {
	case f.Default == nil:
		return nil, false
	case f.Type == Object && f.Default != TheDefault:
		return a.value(f, target, cloneJSON(f.Default), nil)
	case f.Default != TheDefault:
		return cloneJSON(f.Default), true
	}
	id, err := a.defaults(f.Fields[0].Ref)
	if err != nil {
		a.failed = err
		return nil, false
	}
	if id == "" {
		a.refuse("REQUIRED_VALUE", target, "must be given, because the environment has no default", nil)
		return nil, false
	}
	return Body{"id": id}, true
}

func (a *accepter) value(f *Field, target string, sent, old any) (any, bool) {
	switch f.Type {
	case Text, Time:
		return a.text(f, target, sent)
	case Number:
		return a.number(f, target, sent)
	case Boolean:
		if b, ok := sent.(bool); ok {
			return b, true
		}
	case Object:
		if o, ok := sent.(Body); ok {
			was, _ := old.(Body)
			return a.object(f.Fields, was, o, target+"."), true
		}
	case List:
		if l, ok := sent.([]any); ok {
			return a.list(f, target, l)
		}
	case Opaque:
		if text, bad := unstorable(sent); bad {
			a.refuse("INVALID_VALUE", target, text, nil)
			return nil, false
		}
		if raw, _ := json.Marshal(sent); len(raw) > maxOpaque { // it was decoded from JSON
			a.refuse("SIZE_LIMIT_EXCEEDED", target, fmt.Sprintf("must have at most %d bytes", maxOpaque), nil)
			return nil, false
		}
		return sent, true
	}
	a.refuse("INVALID_VALUE", target, "must be "+f.Type.noun(), nil)
	return nil, false
}

func (a *accepter) list(f *Field, target string, sent []any) (any, bool) {
	if f.MaxLen > 0 && len(sent) > f.MaxLen {
		a.refuse("SIZE_LIMIT_EXCEEDED", target, fmt.Sprintf("must have at most %d elements", f.MaxLen), map[string]any{"maximumValue": f.MaxLen})
		return nil, false
	}
	if len(sent) < f.MinLen {
		a.refuse("EMPTY_VALUE", target, "must not be empty", nil)
		return nil, false
	}
	out := make([]any, 0, len(sent))
	for i, e := range sent {
		if v, ok := a.value(f.Items, fmt.Sprintf("%s[%d]", target, i), e, nil); ok {
			out = append(out, v)
		}
	}
	return out, true
}

func (a *accepter) text(f *Field, target string, sent any) (any, bool) {
	s, ok := sent.(string)
	if !ok {
		a.refuse("INVALID_VALUE", target, "must be "+f.Type.noun(), nil)
		return nil, false
	}
	if code, message, inner := f.wrongText(s); message != "" {
		a.refuse(code, target, message, inner)
		return nil, false
	}
	return s, true
}

// wrongText says what is wrong with a text, or returns an empty message.
func (f *Field) wrongText(s string) (code, message string, inner map[string]any) {
	length := utf8.RuneCountInString(s)
	bad, unsafe := unstorable(s)
	limit := f.MaxLen
	if limit == 0 {
		limit = maxText
	}
	switch {
	case unsafe:
		return "INVALID_VALUE", bad, nil
	case s == "" && (f.MinLen > 0 || f.Required || f.Enum != nil):
		return "EMPTY_VALUE", "must not be empty", nil
	case length < f.MinLen:
		return "INVALID_VALUE", fmt.Sprintf("must be at least %d characters long", f.MinLen), map[string]any{"rangeMinimumValue": f.MinLen}
	case length > limit:
		return "INVALID_VALUE", fmt.Sprintf("must be at most %d characters long", limit), map[string]any{"rangeMaximumValue": limit}
	case f.Enum != nil && !slices.Contains(f.Enum, s):
		return "INVALID_VALUE", "must be one of " + strings.Join(f.Enum, ", "), map[string]any{"allowedValues": f.Enum}
	case f.Pattern != nil && !f.Pattern.MatchString(s):
		return "INVALID_VALUE", "must match " + f.Pattern.String(), map[string]any{"allowedPattern": f.Pattern.String()}
	case f.Type == Time && !isTime(s):
		return "INVALID_VALUE", "must be a time such as 2026-03-23T16:37:59.659Z", nil
	case f.Shape != nil:
		return "INVALID_VALUE", f.Shape(s), nil
	}
	return "", "", nil
}

// maxOpaque bounds a value of which nothing else is known, in bytes.
const maxOpaque = 16 << 10

// maxText bounds every text whose field sets no bound of its own, in characters.
const maxText = 4096

func isTime(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

// number takes an integer; a fraction is cut off, as PingOne's management
// services do.
func (a *accepter) number(f *Field, target string, sent any) (any, bool) {
	n, ok := sent.(json.Number)
	if !ok {
		a.refuse("INVALID_VALUE", target, "must be a number", nil)
		return nil, false
	}
	v, err := n.Int64()
	if err != nil {
		fraction, err := n.Float64()
		if err != nil || math.Abs(fraction) > math.MaxInt32 {
			a.refuse("INVALID_VALUE", target, "must be a whole number", nil)
			return nil, false
		}
		v = int64(fraction)
	}
	if (f.Min != 0 || f.Max != 0) && (v < f.Min || v > f.upper()) {
		a.refuse("INVALID_VALUE", target, fmt.Sprintf("must be between %d and %d", f.Min, f.upper()),
			map[string]any{"rangeMinimumValue": f.Min, "rangeMaximumValue": f.upper()})
		return nil, false
	}
	return v, true
}

func (f *Field) upper() int64 {
	if f.Max == 0 {
		return math.MaxInt32
	}
	return f.Max
}
