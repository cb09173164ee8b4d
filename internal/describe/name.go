package describe

import (
	"slices"
	"strings"

	"pixy/internal/kind"
	"pixy/internal/server"
)

// v1 is where the management API begins.
const v1 = "/v1"

func isManagement(r server.Route) bool { return strings.HasPrefix(r.Path, v1+"/") }

// template is a path as OpenAPI writes it.
func template(path string) string { return strings.TrimSuffix(path, "{$}") }

// parameters are the names of a path's variable segments.
func parameters(path string) []string {
	var out []string
	for _, segment := range strings.Split(template(path), "/") {
		if name, ok := parameter(segment); ok {
			out = append(out, name)
		}
	}
	return out
}

func parameter(segment string) (string, bool) {
	if !strings.HasPrefix(segment, "{") {
		return "", false
	}
	return strings.Trim(segment, "{}."), true
}

// anonymous is a path whose variable segments have no names.
func anonymous(path string) string {
	segments := strings.Split(template(path), "/")
	for i, s := range segments {
		if _, ok := parameter(s); ok {
			segments[i] = "{}"
		}
	}
	return strings.Join(segments, "/")
}

// names gives the resources of the management API their names.
type names struct {
	kinds    kinds
	elements map[string]string // by the path of a collection: its elements' parameter
	top      map[string]bool   // first segments that stand above all environments
}

func newNames(routes []server.Route, k kinds) names {
	n := names{k, map[string]string{}, map[string]bool{}}
	for _, r := range routes {
		segments := strings.Split(r.Path, "/")
		for i, s := range segments {
			if name, ok := parameter(s); ok {
				n.elements[strings.Join(segments[:i], "/")] = name
			}
		}
		if isManagement(r) {
			n.top[segments[2]] = true
		}
	}
	return n
}

// resource is the name of what stands at a path, one or many: ApplicationGrant
// and ApplicationGrants.
func (n names) resource(path string) (one, many string) {
	rest := strings.TrimPrefix(path, v1+"/")
	at := v1
	if inner, ok := strings.CutPrefix(rest, "environments/{environment}/"); ok {
		at, rest = v1+"/environments/{environment}", inner
		if first, _, _ := strings.Cut(inner, "/"); n.top[first] || n.isPart(first) {
			one = "Environment"
		}
	}
	for _, segment := range strings.Split(rest, "/") {
		at += "/" + segment
		if _, ok := parameter(segment); ok {
			continue
		}
		many = one + title(segment)
		one += n.singular(at, segment, one)
	}
	return one, many
}

// isPart is whether a segment under an environment is a piece of it.
func (n names) isPart(segment string) bool {
	spec := n.kinds[v1+"/environments"]
	return spec != nil && slices.ContainsFunc(spec.Parts, func(p kind.Part) bool { return p.Path == segment })
}

// singular is the name of one element of a collection, without the words that
// it shares with the name of what the collection stands under.
func (n names) singular(at, segment, above string) string {
	name, ok := n.elements[at]
	if spec := n.kinds[at]; spec != nil {
		name, ok = spec.Name, true
	}
	if !ok {
		return title(segment)
	}
	own, others := strings.Fields(words(name)), strings.Fields(words(above))
	for len(own) > 1 && len(others) > 0 && own[0] == others[0] {
		name, own, others = name[len(own[0]):], own[1:], others[1:]
	}
	return title(name)
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// words is a name as a sentence has it: "application grants".
func words(name string) string {
	var out strings.Builder
	for i, r := range name {
		upper := 'A' <= r && r <= 'Z'
		if upper && i > 0 && name[i-1] != '-' {
			out.WriteByte(' ')
		}
		out.WriteRune(r)
	}
	return strings.ToLower(out.String())
}

// verb is what a route does, as its operation is named.
func verb(r server.Route) string {
	switch {
	case r.Method == "GET" && r.Many != "":
		return "list"
	case r.Method == "GET":
		return "read"
	case r.Method == "POST" && r.Many != "":
		return "search"
	case r.Method == "POST" && r.Status == 201:
		return "create"
	case r.Method == "PUT":
		return "replace"
	case r.Method == "PATCH":
		return "update"
	}
	return strings.ToLower(r.Method)
}

// methods is the order in which the operations of a path are listed.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// sorted orders routes by path, and by method within one.
func sorted(routes []server.Route) []server.Route {
	out := slices.Clone(routes)
	slices.SortFunc(out, func(a, b server.Route) int {
		if c := strings.Compare(template(a.Path), template(b.Path)); c != 0 {
			return c
		}
		return slices.Index(methods, a.Method) - slices.Index(methods, b.Method)
	})
	return out
}
