package platform

import (
	"encoding/json"
	"fmt"
	"strings"

	"pixy/internal/kind"
)

// Expression is the value of an attribute mapping: text in which ${...} stands
// for something about the user, such as ${user.name.given} or
// ${user.name.given + ', ' + user.name.family}.
type Expression []term

// term is a piece of text, or the path of a member.
type term struct {
	text string
	path string
}

// maxTerms bounds what an expression consists of.
const maxTerms = 50

// ParseExpression reads an expression. The error says what can't be evaluated:
// Pixy joins texts and members with '+', and knows nothing more of the
// language.
func ParseExpression(s string) (Expression, error) {
	var out Expression
	for s != "" {
		before, rest, found := strings.Cut(s, "${")
		if before != "" {
			out = append(out, term{text: before})
		}
		if !found {
			break
		}
		inner, after, closed := cutExpression(rest)
		if !closed {
			return nil, fmt.Errorf("'${' has no '}'")
		}
		terms, err := parseTerms(inner)
		if err != nil {
			return nil, err
		}
		out, s = append(out, terms...), after
	}
	if len(out) > maxTerms {
		return nil, fmt.Errorf("it has more than %d parts", maxTerms)
	}
	return out, nil
}

// cutExpression finds the brace that ends an expression; one inside quotes
// does not.
func cutExpression(s string) (inner, after string, closed bool) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case s[i] == '}' && !quoted:
			return s[:i], s[i+1:], true
		}
	}
	return "", "", false
}

func parseTerms(s string) ([]term, error) {
	var out []term
	for {
		s = strings.TrimSpace(s)
		var t term
		if rest, quoted := strings.CutPrefix(s, "'"); quoted {
			text, after, closed := strings.Cut(rest, "'")
			if !closed {
				return nil, fmt.Errorf("a quote is not closed")
			}
			t, s = term{text: text}, after
		} else {
			end := strings.IndexByte(s+"+", '+')
			path := strings.TrimSpace(strings.ReplaceAll(s[:end], "?.", "."))
			if !expressionPath(path) {
				return nil, fmt.Errorf("'%s' can't be evaluated; it must be a path such as user.name.given, or a text in single quotes", path)
			}
			t, s = term{path: path}, s[end:]
		}
		out = append(out, t)
		if s = strings.TrimSpace(s); s == "" {
			return out, nil
		}
		rest, joined := strings.CutPrefix(s, "+")
		if !joined {
			return nil, fmt.Errorf("only '+' joins the parts of an expression")
		}
		s = rest
	}
}

func expressionPath(s string) bool {
	names := strings.Split(s, ".")
	for _, name := range names {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool {
			return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_')
		}) {
			return false
		}
	}
	return len(names) > 1 && names[0] == "user"
}

// Value evaluates the expression on facts such as {"user": {...}}. A single
// path gives the member as it is; joined parts give a text. A member that is
// not there is nil, and nothing in a text.
func (e Expression) Value(facts kind.Body) any {
	if len(e) == 1 && e[0].path != "" {
		return member(facts, e[0].path)
	}
	var out strings.Builder
	for _, t := range e {
		out.WriteString(t.text)
		switch v := member(facts, t.path).(type) {
		case nil:
		case string:
			out.WriteString(v)
		default:
			raw, _ := json.Marshal(v) // it was decoded from JSON
			out.Write(raw)
		}
	}
	if out.Len() == 0 {
		return nil
	}
	return out.String()
}

func member(facts kind.Body, path string) any {
	if path == "" {
		return nil
	}
	var v any = facts
	for _, name := range strings.Split(path, ".") {
		o, ok := v.(kind.Body)
		if !ok {
			return nil
		}
		v = o[name]
	}
	return v
}

// wrongExpression is the Shape of a mapping's value.
func wrongExpression(s string) string {
	if _, err := ParseExpression(s); err != nil {
		return "must be a text or an expression such as ${user.name.given + ' ' + user.name.family}: " + err.Error()
	}
	return ""
}
