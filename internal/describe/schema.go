package describe

import (
	"math"
	"regexp"
	"slices"
	"strings"

	"pixy/internal/kind"
)

// use says what a body is for.
type use int

const (
	sent     use = iota // POST
	replaced            // PUT: a secret that is left out is kept
	merged              // PATCH: nothing is required, null clears
	shown               // an answer
)

// schema is the schema of a body of the shape.
func (s shape) schema(u use) object {
	return append(members(s.fields, u), s.conditions(u)...)
}

// conditions are the further members of the variants.
func (s shape) conditions(u use) object {
	var parts []object
	for _, v := range s.variants {
		condition := object{{"enum", v.Is}}
		names := strings.Split(v.By, ".")
		for _, name := range slices.Backward(names) {
			condition = object{{"required", []string{name}}, {"properties", object{{name, condition}}}}
		}
		parts = append(parts, object{{"if", condition}, {"then", members(v.Fields, u)}})
	}
	return object{}.andIf(len(parts) > 0, "allOf", parts)
}

// members is the schema of an object with the fields.
func members(fields []kind.Field, u use) object {
	properties, required := object{}, []string{}
	for _, f := range fields {
		if f.Access == kind.Hidden || f.Access == kind.Given && u == shown {
			continue
		}
		properties = properties.and(f.Name, schemaOf(f, u))
		if isRequired(f, u) {
			required = append(required, f.Name)
		}
	}
	return objectOf(properties, required)
}

func isRequired(f kind.Field, u use) bool {
	switch {
	case !f.Required || u == merged:
		return false
	case u == shown:
		return f.Access != kind.Confided
	case (f.Access == kind.Given || f.Access == kind.Confided) && u == replaced:
		return false
	}
	return f.Access != kind.ReadOnly && f.Default == nil
}

func objectOf(properties object, required []string) object {
	return object{{"type", "object"}}.
		andIf(len(required) > 0, "required", required).
		andIf(len(properties) > 0, "properties", properties)
}

// schemaOf is the schema of one member.
func schemaOf(f kind.Field, u use) object {
	var s object
	switch f.Type {
	case kind.Text:
		s = textSchema(f)
	case kind.Time:
		s = object{{"type", "string"}, {"format", "date-time"}}
	case kind.Number:
		s = numberSchema(f)
	case kind.Boolean:
		s = object{{"type", "boolean"}}
	case kind.Object:
		s = members(f.Fields, u)
	case kind.List:
		s = listSchema(f, u)
	case kind.Opaque:
		s = object{}
	}
	if u == merged && !f.Required && f.Access != kind.ReadOnly {
		s = orNull(s)
	}
	note := noteOn(f)
	return s.andIf(f.Access == kind.ReadOnly, "readOnly", true).
		andIf(f.Access == kind.Given, "writeOnly", true).
		andIf(hasDefault(f) && (u == sent || u == replaced), "default", f.Default).
		andIf(note != "", "description", note)
}

func textSchema(f kind.Field) object {
	least := f.MinLen
	if f.Required && least == 0 && f.Access != kind.ReadOnly {
		least = 1
	}
	s := object{{"type", "string"}}
	if len(f.Enum) > 0 {
		return s.and("enum", f.Enum)
	}
	s = s.andIf(least > 0, "minLength", least).andIf(f.MaxLen > 0, "maxLength", f.MaxLen)
	if f.Pattern != nil {
		if pattern, ok := ecma(f.Pattern); ok {
			s = s.and("pattern", pattern)
		}
	}
	return s
}

func numberSchema(f kind.Field) object {
	s := object{{"type", "integer"}}
	if f.Min == 0 && f.Max == 0 {
		return s
	}
	return s.and("minimum", f.Min).andIf(f.Max != math.MaxInt64, "maximum", upper(f))
}

// upper is the largest number of a field with bounds.
func upper(f kind.Field) int64 {
	if f.Max == 0 {
		return math.MaxInt32
	}
	return f.Max
}

func listSchema(f kind.Field, u use) object {
	s := object{{"type", "array"}}
	if f.Items != nil {
		inner := u
		if u == merged {
			inner = replaced // an array is replaced as a whole
		}
		s = s.and("items", schemaOf(*f.Items, inner))
	}
	return s.andIf(f.MinLen > 0, "minItems", f.MinLen).andIf(f.MaxLen > 0, "maxItems", f.MaxLen)
}

// orNull lets null stand for a member that is to be cleared.
func orNull(s object) object {
	out := object{}
	for _, m := range s {
		switch v := m.value.(type) {
		case string:
			if m.name == "type" {
				m.value = []string{v, "null"}
			}
		case []string:
			if m.name == "enum" {
				values := []any{}
				for _, text := range v {
					values = append(values, text)
				}
				m.value = append(values, nil)
			}
		}
		out = append(out, m)
	}
	return out
}

func hasDefault(f kind.Field) bool { return f.Default != nil && f.Default != any(kind.TheDefault) }

// noteOn says about a field what a schema has no word for.
func noteOn(f kind.Field) string {
	notes := factsOf(f)
	switch f.Access {
	case kind.Immutable:
		notes = append(notes, "Can't be changed once it is set.")
	case kind.Kept:
		notes = append(notes, "PUT and PATCH leave it as it is.")
	}
	return strings.Join(notes, " ")
}

// factsOf is what a field refers to, and that it is unique.
func factsOf(f kind.Field) []string {
	var out []string
	switch {
	case f.Default == any(kind.TheDefault) && len(f.Fields) > 0:
		out = append(out, "Left out: the environment's default "+f.Fields[0].Ref+".")
	case f.Type == kind.Text && f.Ref != "":
		out = append(out, "The id of a document of the kind "+f.Ref+".")
	}
	if f.Unique {
		out = append(out, "Unique.")
	}
	return out
}

// goOnly is what a pattern of package regexp may have that a pattern of
// ECMA-262 may not: flags, named groups of the old spelling, \A \z \Q \a \C,
// hexadecimal in braces, one-letter classes and the classes of POSIX.
var goOnly = regexp.MustCompile(`\(\?[^:]|\\[AzQaC]|\\x\{|\\[pP][^{]|\[\[?\^?:`)

// ecma is a pattern as JSON Schema takes it, if it means the same there.
func ecma(p *regexp.Regexp) (string, bool) {
	return p.String(), !goOnly.MatchString(p.String())
}
