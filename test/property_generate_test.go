package test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pixy/internal/kind"
)

// generator makes random values that a table of fields allows.
type generator struct {
	r *rand.Rand
	// refers is the id of a document to refer to, among those under a parent
	// when one is given; "" when there is none.
	refers func(of, within string) string
	root   object // the body that is being made
	path   []string
	always []string // the members on which the others depend
	full   bool     // leave nothing out
	pins   object   // values that some of the members must have, by their path
}

// handledMarks are the members of kind.Field that the generator knows what to
// do with.
var handledMarks = []string{
	"Name", "Type", "Fields", "Items", "Access", "Required", "Default", "Enum", "Min", "Max", "MinLen", "MaxLen", "Pattern", "Shape", "Ref", "Within",
	"Filter", "Indexed", "Through", // no matter for a body
	"Fold", "Unique", // texts are long enough to be unique
	"Solo", // what is true there can't be deleted
}

// handledSpec are the members of kind.Spec that the property tests know.
var handledSpec = []string{
	"Name", "Plural", "Title", "Parents", "Above", "Single", "Methods", "Area", "Birth", "Media", "Fields", "Variants", "Parts", "Links", "Counts", "Reach",
	"Beside", "Last", "Owns", "Needs", "Ends", "NotFound", "By", "Key", "InUse", "Frees", "Under", "Order", "Bulk",
}

// TestGeneratorHandlesEveryMark fails when a field gets a new mark that the
// property tests would pass over.
func TestGeneratorHandlesEveryMark(t *testing.T) {
	for table, handled := range map[reflect.Type][]string{reflect.TypeFor[kind.Field](): handledMarks, reflect.TypeFor[kind.Spec](): handledSpec} {
		for i := range table.NumField() {
			if name := table.Field(i).Name; !slices.Contains(handled, name) {
				t.Errorf("%s has the member %s, which the property tests do not handle", table, name)
			}
		}
	}
}

// once is true in one of n cases.
func (g *generator) once(n int) bool { return g.r.IntN(n) == 0 }

func pickOne[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// body makes a valid body of a kind.
func (g *generator) body(spec *kind.Spec, pins object) object {
	g.root, g.path, g.always, g.pins = object{}, nil, nil, pins
	for _, v := range spec.Variants {
		g.always = append(g.always, v.By)
	}
	g.members(tableOf(&kind.Spec{By: spec.By, Fields: spec.Fields}, nil), g.root)
	for _, v := range spec.Variants {
		if slices.Contains(v.Is, kind.At(g.root, v.By)) {
			g.members(v.Fields, g.root)
		}
	}
	return g.root
}

func (g *generator) members(fields []kind.Field, into object) {
	for i := range fields {
		f := &fields[i]
		if !f.Required && !g.full && g.once(2) && !slices.Contains(g.always, f.Name) || !taken(f) {
			continue
		}
		g.path = append(g.path, f.Name)
		if v, pinned := g.pins[strings.Join(g.path, ".")]; pinned && v != nil {
			into[f.Name] = v
		} else if pinned {
			delete(into, f.Name)
		} else if v := g.value(f, into); v != nil {
			into[f.Name] = v
		}
		g.path = g.path[:len(g.path)-1]
	}
}

// taken holds for a field that a caller writes.
func taken(f *kind.Field) bool {
	return f.Access != kind.ReadOnly && f.Access != kind.Hidden && f.Through == nil
}

// value makes a valid value of a field, nil when there can be none.
func (g *generator) value(f *kind.Field, into object) any {
	switch f.Type {
	case kind.Text:
		return g.textual(f)
	case kind.Number:
		return g.numeric(f)
	case kind.Boolean:
		return g.once(2)
	case kind.Time:
		return time.Date(2020+g.r.IntN(30), 1, 1+g.r.IntN(365), g.r.IntN(24), g.r.IntN(60), 0, g.r.IntN(1000)*1e6, time.UTC).Format("2006-01-02T15:04:05.000Z")
	case kind.Object:
		inner := object{}
		if into != nil {
			into[f.Name] = inner // so that Within finds what stands in it
		}
		g.members(f.Fields, inner)
		if lacksRequired(f.Fields, inner) {
			delete(into, f.Name)
			return nil
		}
		return inner
	case kind.List:
		return g.list(f)
	}
	return g.anything(2)
}

// lacksRequired holds for an object that could not be made: what it refers to
// is not there.
func lacksRequired(fields []kind.Field, o object) bool {
	return slices.ContainsFunc(fields, func(f kind.Field) bool { return f.Required && taken(&f) && o[f.Name] == nil })
}

func (g *generator) list(f *kind.Field) any {
	most := 3
	if f.MaxLen > 0 {
		most = min(most, f.MaxLen)
	}
	out, seen := []any{}, []string{}
	for range max(f.MinLen, g.r.IntN(most+1)) {
		v := g.value(f.Items, nil)
		if key := fmt.Sprint(v); v != nil && !slices.Contains(seen, key) {
			out, seen = append(out, v), append(seen, key)
		}
	}
	if len(out) < f.MinLen {
		return nil
	}
	return out
}

func (g *generator) numeric(f *kind.Field) any {
	least, most := f.Min, f.Max
	switch {
	case least == 0 && most == 0:
		least, most = -1000, 1000
	case most == 0:
		most = 2147483647
	}
	return pickOne(g.r, least, most, least+g.r.Int64N(most-least+1))
}

func (g *generator) textual(f *kind.Field) any {
	switch {
	case f.Ref != "":
		within := ""
		if f.Within != "" {
			within = kind.At(g.root, f.Within)
		}
		if id := g.refers(f.Ref, within); id != "" {
			return id
		}
		return nil
	case f.Enum != nil:
		return pickOne(g.r, f.Enum...)
	}
	for try := range 2000 {
		if s := g.candidate(f, try); fits(f, s) {
			return s
		}
	}
	panic(fmt.Sprintf("no text was found for the field %s", strings.Join(g.path, ".")))
}

// fits is what a text must be, as the marks of its field are documented.
func fits(f *kind.Field, s string) bool {
	length := utf8.RuneCountInString(s)
	return length >= f.MinLen && length <= bound(f) && (!f.Required || s != "") &&
		(f.Pattern == nil || f.Pattern.MatchString(s)) && (f.Shape == nil || f.Shape(s) == "")
}

func bound(f *kind.Field) int {
	if f.MaxLen > 0 {
		return f.MaxLen
	}
	return 4096
}

// candidate is a text that may fit: one that the pattern makes, one of a kind
// that shapes ask for, or any.
func (g *generator) candidate(f *kind.Field, try int) string {
	n := g.length(f)
	switch {
	case f.Pattern != nil && try%3 != 2:
		return g.matching(f.Pattern, n)
	case (f.Shape != nil || f.Pattern != nil) && try%3 != 0:
		return g.shaped()
	}
	return g.text(n)
}

// length is how long a text is to be: one in five at a bound.
func (g *generator) length(f *kind.Field) int {
	least, most := max(f.MinLen, 1), min(bound(f), 60)
	if f.Unique || f.Fold {
		least = min(max(least, 10), most)
	}
	switch {
	case g.once(10):
		return bound(f)
	case g.once(10):
		return least
	}
	return least + g.r.IntN(max(most-least, 1))
}

var alphabets = []string{
	"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", " -_.,;:'\"\\/()[]{}!?@#%&*", "äöüßéñçøÅİıſǆΣςé", "日本語中文한국어", "אבגعربي", "😀🇩🇪👩‍👩‍👧", "\u2028\u00a0\u200b\ufb01",
}

func (g *generator) text(n int) string {
	var out strings.Builder
	letters := []rune(pickOne(g.r, alphabets...))
	for range n {
		if g.once(4) {
			letters = []rune(pickOne(g.r, alphabets...))
		}
		out.WriteRune(pickOne(g.r, letters...))
	}
	return out.String()
}

// shaped is a text of one of the forms that rules on texts ask for.
func (g *generator) shaped() string {
	n := g.r.IntN(1 << 30)
	return fmt.Sprintf(pickOne(g.r, "https://app%d.example.com", "https://app.example.com/callback/%d?a=b", "com.example.app%d:/callback", "http://127.0.0.1:%d",
		"user.%d@example.com", "a+b%d@sub.example.org", "urn:example:%d", "https://policy.example.com/%d", "Name %d", "name_%d", "name-%d.x", "+1.555%07d", "10.0.0.0/8 %d",
		"en-GB-%d", "en-GB", "de", "Europe/Berlin", "#a1b2c3", "${user.id}", "${user.name.given + ', ' + user.name.family}", "CN=%d, O=Example, C=US", `{"keys":[],"serial":%d}`,
		"6c796712-0f16-4062-815a-%012x", "http://crl.example.com/%d", "192.168.0.0/16"), n)
}

// matching makes a text that a pattern matches, about n characters long.
func (g *generator) matching(p *regexp.Regexp, n int) string {
	tree, err := syntax.Parse(p.String(), syntax.Perl)
	if err != nil {
		panic(err)
	}
	var out strings.Builder
	g.write(&out, tree.Simplify(), n)
	return out.String()
}

func (g *generator) write(out *strings.Builder, e *syntax.Regexp, n int) {
	times := 1
	switch e.Op {
	case syntax.OpLiteral:
		out.WriteString(string(e.Rune))
		return
	case syntax.OpCharClass:
		out.WriteRune(g.runeOf(e.Rune))
		return
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		out.WriteString(g.text(1))
		return
	case syntax.OpAlternate:
		g.write(out, pickOne(g.r, e.Sub...), n)
		return
	case syntax.OpStar:
		times = n
	case syntax.OpPlus:
		times = max(n, 1)
	case syntax.OpQuest:
		times = g.r.IntN(2)
	}
	for range times {
		for _, s := range e.Sub {
			g.write(out, s, max(n/max(len(e.Sub), 1), 1))
		}
	}
}

// runeOf picks a character of a class, an ASCII one in half of the cases.
func (g *generator) runeOf(ranges []rune) rune {
	for try := range 200 {
		i := g.r.IntN(len(ranges)/2) * 2
		if try < 20 && g.once(2) {
			i = 0 // classes are sorted
		}
		c := ranges[i] + rune(g.r.IntN(int(ranges[i+1]-ranges[i])+1))
		if c != 0 && c != utf8.RuneError && utf8.ValidRune(c) && (c < 0xfdd0 || c > 0xfdef) {
			return c
		}
	}
	return 'a'
}

// anything is a JSON value. Its numbers are whole, so that they can be
// compared as they are written.
func (g *generator) anything(depth int) any {
	switch g.r.IntN(7) {
	case 0:
		return g.text(g.r.IntN(30))
	case 1:
		return g.r.IntN(1 << 30)
	case 2:
		return g.once(2)
	case 3, 4:
		if depth == 0 {
			return "end"
		}
		out := []any{}
		for range g.r.IntN(4) {
			out = append(out, g.anything(depth-1))
		}
		return out
	}
	out := object{}
	for range g.r.IntN(4) {
		if depth > 0 {
			out[g.text(1+g.r.IntN(10))] = g.anything(depth - 1)
		}
	}
	return out
}
