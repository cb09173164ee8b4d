package kind

import (
	"fmt"
	"slices"
	"strings"
)

// Place is where a document is served: the management API's base, its
// environment's path and its own, all absolute URLs.
type Place struct{ Top, Environment, Self string }

// Hrefs returns the _links of a document: self, environment, and those of the
// table whose placeholders the body can fill.
func Hrefs(links []Link, body Body, p Place) Body {
	out := Body{"self": Href(p.Self)}
	if p.Environment != "" {
		out["environment"] = Href(p.Environment)
	}
	for _, l := range links {
		if path, ok := fill(l.Path, body, p); ok {
			out[l.Rel] = Href(path)
		}
	}
	return out
}

// Href is a link in the form of HAL.
func Href(to string) Body { return Body{"href": to} }

func fill(path string, body Body, p Place) (string, bool) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(path, "{")
		out.WriteString(before)
		if !found {
			return out.String(), true
		}
		name, after, _ := strings.Cut(rest, "}")
		value := ""
		switch name {
		case "top":
			value = p.Top
		case "env":
			value = p.Environment
		case "self":
			value = p.Self
		default:
			value = At(body, name)
		}
		if value == "" {
			return "", false
		}
		out.WriteString(value)
		path = after
	}
}

// Show returns the members of a stored body that the table of fields names:
// keys that only the store needs stay hidden.
func Show(fields []Field, body Body) Body {
	out := Body{}
	for i := range fields {
		f := &fields[i]
		v, ok := body[f.Name]
		if !ok || f.Access == Given || f.Access == Confided || f.Access == Hidden {
			continue
		}
		out[f.Name] = shown(f, v)
	}
	return out
}

func shown(f *Field, v any) any {
	switch inner := v.(type) {
	case Body:
		if f.Type == Object {
			return Show(f.Fields, inner)
		}
	case []any:
		if f.Type != List || f.Items == nil {
			break
		}
		out := make([]any, len(inner))
		for i, e := range inner {
			out[i] = shown(f.Items, e)
		}
		return out
	}
	return v
}

// References returns the (kind, id) of everything that a body refers to.
func References(fields []Field, body Body) []Reference {
	return references(fields, body, "")
}

// Reference is a mention of another document, where in the body it stands, and
// where the body names that document's parent.
type Reference struct{ Kind, ID, Target, Within string }

func references(fields []Field, body Body, path string) []Reference {
	var out []Reference
	for i := range fields {
		f := &fields[i]
		target := path + f.Name
		switch v := body[f.Name].(type) {
		case string:
			if f.Ref != "" {
				out = append(out, Reference{f.Ref, v, target, f.Within})
			}
		case Body:
			out = append(out, references(f.Fields, v, target+".")...)
		case []any:
			if f.Items == nil {
				continue
			}
			for i, e := range v {
				at := fmt.Sprintf("%s[%d]", target, i)
				switch e := e.(type) {
				case Body:
					out = append(out, references(f.Items.Fields, e, at+".")...)
				case string:
					if f.Items.Ref != "" {
						out = append(out, Reference{f.Items.Ref, e, at, f.Items.Within})
					}
				}
			}
		}
	}
	return out
}

// ReferencePaths returns the dotted paths at which documents with these fields
// refer to a kind. Elements of arrays have no path: inLists reports that there
// are such.
func ReferencePaths(fields []Field, to string) (paths []string, inLists bool) {
	for i := range fields {
		f := &fields[i]
		if f.Ref == to {
			paths = append(paths, f.Name)
		}
		inner, lists := ReferencePaths(f.Fields, to)
		for _, p := range inner {
			paths = append(paths, f.Name+"."+p)
		}
		inLists = inLists || lists
		if f.Items != nil {
			inner, lists := ReferencePaths(append(slices.Clone(f.Items.Fields), Field{Ref: f.Items.Ref, Name: "element"}), to)
			inLists = inLists || lists || len(inner) > 0
		}
	}
	return paths, inLists
}
