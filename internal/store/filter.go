package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"pixy/internal/kind"
)

// where is a condition as it is being written.
type where struct {
	args    []any             // of the whole statement; $1 is the environment
	columns map[string]access // of the table, by the path that names them
	dialect dialect
}

func (tx *Tx) where(columns map[string]access) where {
	return where{columns: columns, dialect: tx.work.dialect}
}

// bind adds an argument and returns its placeholder.
func (w *where) bind(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

// condition writes an Expr. A comparison with something absent is not true,
// but for Ne; Not is true wherever its condition is not.
func (w *where) condition(e kind.Expr) (string, error) {
	switch e.Op {
	case "":
		return "TRUE", nil
	case kind.And:
		return w.join(e.Args, " AND ", "TRUE")
	case kind.Or:
		return w.join(e.Args, " OR ", "FALSE")
	case kind.Not:
		if len(e.Args) != 1 {
			return "", fmt.Errorf("a filter's not has %d conditions", len(e.Args))
		}
		inner, err := w.condition(e.Args[0])
		return "((" + inner + ") IS NOT TRUE)", err
	case kind.Among:
		return w.among(e)
	case kind.Mentions:
		text := "CAST(body AS TEXT)"
		return "(replace(" + text + ", " + w.bind(e.Value) + ", '') <> " + text + ")", nil
	}
	return w.comparison(e)
}

// among looks for documents that name this one as their parent.
func (w *where) among(e kind.Expr) (string, error) {
	a, err := w.accessor(e.Path, kind.Text)
	if err == nil {
		err = checkKind(e.Kind)
	}
	return "(id IN (SELECT ((body ->> 'parent') COLLATE " + w.dialect.collation + ") FROM document WHERE env = $1 AND kind = '" + e.Kind + "' AND " + a.text + " = " + w.bind(e.Value) + "))", err
}

func (w *where) join(parts []kind.Expr, by, none string) (string, error) {
	if len(parts) == 0 {
		return none, nil
	}
	texts := make([]string, len(parts))
	for i, part := range parts {
		var err error
		if texts[i], err = w.condition(part); err != nil {
			return "", err
		}
	}
	return "(" + strings.Join(texts, by) + ")", nil
}

func (w *where) comparison(e kind.Expr) (string, error) {
	a, err := w.accessor(e.Path, e.Type)
	if err != nil {
		return "", err
	}
	switch e.Op {
	case kind.Pr:
		return a.present(), nil
	case kind.Sw:
		return w.prefix(a, e)
	case kind.Co, kind.Ew:
		return w.piece(a, e)
	}
	sign, err := a.operator(e.Op)
	if err != nil {
		return "", fmt.Errorf("the filter on %s: %w", e.Path, err)
	}
	v, err := w.value(a, e.Value)
	if err != nil {
		return "", fmt.Errorf("the filter on %s: %w", e.Path, err)
	}
	return a.text + " " + sign + " " + w.bind(v), nil
}

// prefix is a range, which an index can serve in every collation of bytes.
func (w *where) prefix(a access, e kind.Expr) (string, error) {
	p, ok := e.Value.(string)
	if !ok || a.kind != kind.Text {
		return "", fmt.Errorf("the filter on %s: only a text starts with a text", e.Path)
	}
	if p == "" {
		return a.text + " IS NOT NULL", nil
	}
	from := a.text + " >= " + w.bind(p)
	end, ok := behind(p)
	if !ok {
		return "(" + from + ")", nil
	}
	return "(" + from + " AND " + a.text + " < " + w.bind(end) + ")", nil
}

// among reports that a condition looks for few documents through others: they
// are then sorted, rather than found in the order of all.
func among(e kind.Expr) bool {
	return e.Op == kind.Among || e.Op == kind.And && slices.ContainsFunc(e.Args, among)
}

// piece is a text that stands in another, or at its end. No index serves it.
func (w *where) piece(a access, e kind.Expr) (string, error) {
	p, ok := e.Value.(string)
	if !ok || a.kind != kind.Text {
		return "", fmt.Errorf("the filter on %s: only a text has a text in it", e.Path)
	}
	if p == "" {
		return a.text + " IS NOT NULL", nil
	}
	if e.Op == kind.Co {
		return "(replace(" + a.text + ", " + w.bind(p) + ", '') <> " + a.text + ")", nil
	}
	return "(substr(" + a.text + ", length(" + a.text + ") - " + w.bind(int64(utf8.RuneCountInString(p)-1)) + ") = " + w.bind(p) + ")", nil
}

// behind is the first text that sorts after everything that starts with p, if
// there is one. UTF-8 sorts as its code points do, and a surrogate is none.
func behind(p string) (string, bool) {
	for p != "" {
		r, size := utf8.DecodeLastRuneInString(p)
		p = p[:len(p)-size]
		switch {
		case r == 0xD7FF:
			return p + "\uE000", true
		case r < utf8.MaxRune:
			return p + string(r+1), true
		}
	}
	return "", false
}

// access is how a statement reads a value, and of which type it then is.
type access struct {
	text   string
	kind   kind.Type
	column bool // one of the table's own, not part of the body
}

// documentColumns are the columns of a document that a filter can name.
func documentColumns() map[string]access {
	return map[string]access{
		"id":        {"id", kind.Text, true},
		"createdAt": {"created", kind.Time, true},
		"updatedAt": {"updated", kind.Time, true},
	}
}

func (w *where) accessor(path string, t kind.Type) (access, error) {
	if a, ok := w.columns[path]; ok {
		return a, nil
	}
	if !plain(path) {
		return access{}, fmt.Errorf("%q is not a path", path)
	}
	names := strings.Split(path, ".")
	above, last := "body", names[len(names)-1]
	for _, name := range names[:len(names)-1] {
		above += " -> '" + name + "'"
	}
	text := "(" + above + " ->> '" + last + "')"
	switch t {
	case kind.Text, kind.Time:
		text = "(" + text + " COLLATE " + w.dialect.collation + ")" // as the indexes have it
	case kind.Number:
		text = w.dialect.number("("+above+" -> '"+last+"')", text)
	}
	return access{text, t, false}, nil
}

func (a access) present() string {
	switch {
	case a.column:
		return "TRUE"
	case a.kind == kind.Text:
		return "(" + a.text + " <> '')"
	case a.kind == kind.List:
		return "(" + a.text + " <> '[]')"
	case a.kind == kind.Object:
		return "(" + a.text + " <> '{}')"
	}
	return "(" + a.text + " IS NOT NULL)"
}

func (a access) operator(op kind.Op) (string, error) {
	switch op {
	case kind.Eq:
		return "=", nil
	case kind.Ne:
		return "IS DISTINCT FROM", nil
	}
	if a.kind == kind.Boolean {
		return "", fmt.Errorf("a boolean can't be compared with %s", op)
	}
	switch op {
	case kind.Gt:
		return ">", nil
	case kind.Ge:
		return ">=", nil
	case kind.Lt:
		return "<", nil
	case kind.Le:
		return "<=", nil
	}
	return "", fmt.Errorf("%q is not an operator", op)
}

// timeForm is how a body has a time: of fixed width, so that texts sort as the
// times do.
const timeForm = "2006-01-02T15:04:05.000Z"

// value is v as the driver must get it for the comparison.
func (w *where) value(a access, v any) (any, error) {
	switch a.kind {
	case kind.Text:
		if s, ok := v.(string); ok {
			return s, nil
		}
	case kind.Number:
		switch n := v.(type) {
		case int64, float64:
			return n, nil
		case int:
			return int64(n), nil
		}
	case kind.Boolean:
		if b, ok := v.(bool); ok {
			return w.dialect.boolean(b), nil
		}
	case kind.Time:
		if t, ok := v.(time.Time); ok && a.column {
			return millis(t), nil
		} else if ok {
			return t.UTC().Format(timeForm), nil
		}
	}
	return nil, fmt.Errorf("a value of type %T doesn't fit", v)
}

// plain says whether a kind or a path can stand in a statement as it is: names
// of letters and digits, the first a letter, joined by dots.
func plain(text string) bool {
	for name := range strings.SplitSeq(text, ".") {
		if name == "" {
			return false
		}
		for i := range len(name) {
			c := name[i]
			letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
			if !letter && (i == 0 || c < '0' || '9' < c) {
				return false
			}
		}
	}
	return true
}
