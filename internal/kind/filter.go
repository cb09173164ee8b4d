package kind

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	filter "github.com/scim2/filter-parser/v2"

	"pixy/internal/fault"
)

// maxFilter bounds a filter: its length in bytes, and its comparisons.
const (
	maxFilter      = 2048
	maxComparisons = 32
)

// columns are the fields every document has outside its body.
func columns() []Field {
	return []Field{
		{Name: "id", Type: Text, Filter: []Op{Eq}, Indexed: true},
		{Name: "createdAt", Type: Time, Filter: []Op{Eq, Gt, Ge, Lt, Le}, Indexed: true},
		{Name: "updatedAt", Type: Time, Filter: []Op{Eq, Gt, Ge, Lt, Le}},
	}
}

// Filter reads a SCIM filter (RFC 7644 §3.4.2.2) and refuses every field and
// operator that the table does not mark for filtering.
func Filter(fields []Field, text string) (Expr, error) {
	if len(text) > maxFilter {
		return Expr{}, invalidFilter(fmt.Sprintf("the filter is longer than %d bytes", maxFilter))
	}
	tree, err := filter.ParseFilterNumber([]byte(unescape(deepPaths(text))))
	if err != nil {
		return Expr{}, invalidFilter("the filter can't be read: it should look like username eq \"joe\"").Because(err)
	}
	p := filterParser{fields: append(columns(), fields...)}
	return p.expr(tree)
}

// deepPath is a path of three names or more, which SCIM does not know, or a
// quoted text, in which nothing is a path.
var deepPath = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[A-Za-z]+(?:\.[A-Za-z]+){2,}`)

// deepJoint joins the names of deep paths, so that the parser takes them for
// one. Nobody writes it.
const deepJoint = "_-_"

// deepPaths joins the names of deep paths.
func deepPaths(text string) string {
	return deepPath.ReplaceAllStringFunc(text, func(found string) string {
		if found[0] == '"' {
			return found
		}
		return strings.ReplaceAll(found, ".", deepJoint)
	})
}

// unescape rewrites the escapes that the parser does not know, as JSON encoders
// write them: \uXXXX beyond ASCII becomes the character, and hexadecimal below
// that becomes upper case.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		r, n := escaped(text[i:])
		switch {
		case n > 0 && r >= 0x80:
			out.WriteRune(r) // half of a surrogate pair becomes U+FFFD, which is refused
		case n > 0:
			fmt.Fprintf(&out, `\u%04X`, r)
		default:
			n = min(len(text)-i, 1)
			if text[i] == '\\' {
				n = min(len(text)-i, 2)
			}
			out.WriteString(text[i : i+n])
		}
		i += n
	}
	return out.String()
}

// escaped reads \uXXXX, or two of them that are a surrogate pair, and how long
// that is; 0 when there is none.
func escaped(text string) (r rune, n int) {
	unit, ok := escapedUnit(text)
	if !ok {
		return 0, 0
	}
	if r = unit; utf16.IsSurrogate(r) {
		if low, _ := escapedUnit(text[6:]); utf16.DecodeRune(r, low) != utf8.RuneError {
			return utf16.DecodeRune(r, low), 12
		}
	}
	return r, 6
}

func escapedUnit(text string) (rune, bool) {
	if len(text) < 6 || text[:2] != `\u` {
		return 0, false
	}
	unit, err := strconv.ParseUint(text[2:6], 16, 16)
	return rune(unit), err == nil
}

func invalidFilter(message string) *fault.Fault {
	return fault.Malformed.Detailed(fault.Detail{Code: "INVALID_FILTER", Target: "filter", Message: message})
}

type filterParser struct {
	fields      []Field
	comparisons int
}

func (p *filterParser) expr(e filter.Expression) (Expr, error) {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		left, err := p.expr(e.Left)
		if err != nil {
			return Expr{}, err
		}
		right, err := p.expr(e.Right)
		if err != nil {
			return Expr{}, err
		}
		return Expr{Op: Op(strings.ToLower(string(e.Operator))), Args: []Expr{left, right}}, nil
	case *filter.NotExpression:
		inner, err := p.expr(e.Expression)
		return Expr{Op: Not, Args: []Expr{inner}}, err
	case *filter.AttributeExpression:
		return p.comparison(e)
	}
	if e, ok := e.(*filter.ValuePath); ok {
		return p.among(e)
	}
	return Expr{}, invalidFilter("the filter has an expression that is not supported")
}

// among is a bracketed sub-filter, such as memberOfGroups[id eq "..."].
func (p *filterParser) among(e *filter.ValuePath) (Expr, error) {
	if err := p.count(); err != nil {
		return Expr{}, err
	}
	name := e.AttributePath.String()
	field, _ := lookUp(p.fields, name)
	inner, ok := e.ValueFilter.(*filter.AttributeExpression)
	if field == nil || field.Through == nil || !ok || !strings.EqualFold(inner.AttributePath.String(), "id") || !strings.EqualFold(string(inner.Operator), string(Eq)) {
		return Expr{}, invalidFilter(fmt.Sprintf("the sub-filter on '%s' is not supported; one looks like memberOfGroups[id eq \"...\"]. %s", name, p.filterable()))
	}
	value, err := (&Field{Type: Text}).literal(inner.CompareValue)
	if err != nil {
		return Expr{}, invalidFilter(fmt.Sprintf("'%s' is compared with %s", name, err))
	}
	return Expr{Op: Among, Kind: field.Through.Kind, Path: field.Through.Path, Type: Text, Value: value}, nil
}

// filterable says what a filter may use.
func (p *filterParser) filterable() string {
	return "Filterable are: " + strings.Join(names(p.fields, "", func(f *Field) bool { return len(f.Filter) > 0 || f.Through != nil }), ", ")
}

// names are the dotted names of the fields that match, with the operators that
// a filter may use.
func names(fields []Field, path string, match func(*Field) bool) []string {
	var out []string
	for i := range fields {
		f := &fields[i]
		if match(f) {
			var ops []string
			for _, op := range f.Filter {
				ops = append(ops, string(op))
			}
			if f.Through != nil {
				ops = []string{"[id eq]"}
			}
			out = append(out, path+f.Name+" ("+strings.Join(ops, " ")+")")
		}
		out = append(out, names(f.Fields, path+f.Name+".", match)...)
	}
	return out
}

// Slow is the refusal of a filter that took too long: it names the fields that
// are found by an index.
func Slow(fields []Field) error {
	indexed := names(append(columns(), fields...), "", func(f *Field) bool { return f.Indexed && len(f.Filter) > 0 })
	return invalidFilter("the filter reads too many resources. Use, alone or joined by 'and', an attribute with an index: " + strings.Join(indexed, ", "))
}

func (p *filterParser) count() error {
	if p.comparisons++; p.comparisons > maxComparisons {
		return invalidFilter(fmt.Sprintf("the filter has more than %d comparisons", maxComparisons))
	}
	return nil
}

func (p *filterParser) comparison(e *filter.AttributeExpression) (Expr, error) {
	if err := p.count(); err != nil {
		return Expr{}, err
	}
	name := strings.ReplaceAll(e.AttributePath.String(), deepJoint, ".")
	field, path := lookUp(p.fields, name)
	op := Op(strings.ToLower(string(e.Operator)))
	if field == nil || !slices.Contains(field.Filter, op) {
		return Expr{}, invalidFilter(fmt.Sprintf("filtering with '%s' on '%s' is not supported. %s", op, name, p.filterable()))
	}
	out := Expr{Op: op, Path: path, Type: field.Type}
	if op == Pr {
		return out, nil
	}
	value, err := field.literal(e.CompareValue)
	if err != nil {
		return Expr{}, invalidFilter(fmt.Sprintf("'%s' is compared with %s", name, err))
	}
	if field.Fold {
		out.Path, value = path+"Key", FoldText(value.(string))
	}
	out.Value = value
	return out, nil
}

// lookUp finds a field by its dotted name; names are compared without case.
func lookUp(fields []Field, name string) (*Field, string) {
	head, rest, deeper := strings.Cut(name, ".")
	for i := range fields {
		f := &fields[i]
		if !strings.EqualFold(f.Name, head) {
			continue
		}
		if !deeper {
			return f, f.Name
		}
		inner, path := lookUp(f.Fields, rest)
		return inner, f.Name + "." + path
	}
	return nil, ""
}

func (f *Field) literal(v any) (any, error) {
	switch f.Type {
	case Text:
		if s, ok := quoted(v); ok {
			if what, bad := unstorable(s); bad {
				return nil, fmt.Errorf("a text that %s", what)
			}
			return s, nil
		}
	case Number:
		if n, ok := v.(json.Number); ok {
			if i, err := n.Int64(); err == nil {
				return i, nil
			}
		}
	case Boolean:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case Time:
		if s, ok := quoted(v); ok {
			if t, err := time.Parse(time.RFC3339, s); err == nil {
				return t, nil
			}
		}
	}
	return nil, fmt.Errorf("something that is not %s", f.Type.noun())
}

// quoted reads a text as it stands in a filter, JSON's escapes included.
func quoted(v any) (s string, ok bool) {
	raw, isText := v.(string)
	ok = isText && json.Unmarshal([]byte(`"`+raw+`"`), &s) == nil
	return s, ok
}
