package platform

import (
	"slices"

	"pixy/internal/kind"
)

// RoleAssignment lets an actor, a worker application, a user or the members of
// a group, do within a scope what a role permits.
type RoleAssignment struct {
	Parent string    `json:"parent"` // the actor
	Role   Reference `json:"role"`
	Scope  Scope     `json:"scope"`
}

// The types of scopes, broad to narrow.
const (
	ScopeOrganization = "ORGANIZATION"
	ScopeEnvironment  = "ENVIRONMENT"
	ScopePopulation   = "POPULATION"
	ScopeApplication  = "APPLICATION"
)

// Scope is where a role assignment holds. Environment is that of a population
// or an application.
type Scope struct {
	ID          string `json:"id"`
	Type        string `json:"type"`
	Environment string `json:"environment,omitempty"`
}

// Access is what a request wants: an area of the management API, to read it
// or to write it, in an environment of an organization. Environment is "" for
// what stands above all environments.
type Access struct {
	Area         string
	Write        bool
	Environment  string
	Organization string
}

// Reach is how far the roles of an actor reach in what an Access wants:
// everywhere, or in these populations and applications only.
type Reach struct {
	Everywhere bool
	Within     []Scope
}

// None reports that nothing is reached.
func (r Reach) None() bool { return !r.Everywhere && len(r.Within) == 0 }

// IDs are the ids of the scopes of a type.
func (r Reach) IDs(scopeType string) []string {
	var out []string
	for _, s := range r.Within {
		if s.Type == scopeType {
			out = append(out, s.ID)
		}
	}
	return out
}

// Reaches computes how far the assignments reach.
func Reaches(assignments []RoleAssignment, a Access) Reach {
	var out Reach
	for _, as := range assignments {
		role, ok := RoleByID(as.Role.ID)
		if !ok || !role.permits(a) {
			continue
		}
		switch {
		case as.Scope.covers(a):
			out.Everywhere = true
		case a.Environment != "" && as.Scope.Environment == a.Environment:
			out.Within = append(out.Within, as.Scope)
		}
	}
	return out
}

func (r Role) permits(a Access) bool {
	return slices.Contains(r.Writes, a.Area) || (!a.Write && slices.Contains(r.Reads, a.Area))
}

// covers holds for an assignment of the organization everywhere in it, and for
// an assignment of an environment in that environment. Reading what stands
// above all environments (the roles, the list of environments) needs any
// assignment; writing there needs the organization's.
func (s Scope) covers(a Access) bool {
	switch {
	case s.Type == ScopeOrganization:
		return s.ID == a.Organization
	case a.Environment == "":
		return !a.Write
	default:
		return s.Type == ScopeEnvironment && s.ID == a.Environment
	}
}

// contains reports whether a scope is the same as another, or broader.
func (s Scope) contains(other Scope) bool {
	switch s.Type {
	case ScopeOrganization:
		return s.ID == other.ID || other.Type != ScopeOrganization
	case ScopeEnvironment:
		return s.ID == other.ID || s.ID == other.Environment
	}
	return s.ID == other.ID
}

// Holds reports whether an actor with these assignments is as strong as one with
// the others: of each it could give the role, or may do itself all that the
// role permits, at the same or a broader scope. Only such an actor may see or
// change what an application or a user with these roles signs in with.
func Holds(mine, others []RoleAssignment) bool {
	return !slices.ContainsFunc(others, func(o RoleAssignment) bool {
		return !MayAssign(mine, o.Role.ID, o.Scope) && !asStrong(mine, o)
	})
}

func asStrong(mine []RoleAssignment, o RoleAssignment) bool {
	other, ok := RoleByID(o.Role.ID)
	may := func(area string, write bool) bool {
		return slices.ContainsFunc(mine, func(m RoleAssignment) bool {
			role, known := RoleByID(m.Role.ID)
			return known && m.Scope.contains(o.Scope) && role.permits(Access{Area: area, Write: write})
		})
	}
	lacks := func(write bool) func(string) bool { return func(area string) bool { return !may(area, write) } }
	return ok && !slices.ContainsFunc(other.Writes, lacks(true)) && !slices.ContainsFunc(other.Reads, lacks(false))
}

// MayAssign reports whether an actor with these assignments may give a role at
// a scope: it holds the role itself, or one that may assign it, at the same or
// a broader scope.
func MayAssign(mine []RoleAssignment, role string, scope Scope) bool {
	return slices.ContainsFunc(mine, func(m RoleAssignment) bool {
		held, ok := RoleByID(m.Role.ID)
		given, known := RoleByID(role)
		return ok && known && m.Scope.contains(scope) && (held.ID == given.ID || slices.Contains(held.CanAssign, given.Name))
	})
}

// Assign is the document that gives an actor a role, by the role's name.
func Assign(id, actor, role string, scope Scope) kind.Entry {
	body := RoleAssignment{Parent: actor, Scope: scope}
	for _, r := range Roles() {
		if r.Name == role {
			body.Role.ID = r.ID
		}
	}
	return kind.Entry{Root: true, Kind: "roleAssignment", ID: id, Body: body}
}

// RoleEntries are the documents under which /v1/roles shows the roles.
func RoleEntries() []kind.Entry {
	var out []kind.Entry
	for _, r := range Roles() {
		out = append(out, kind.Entry{Root: true, Kind: "role", ID: r.ID, Body: kind.Body{
			"name": r.Name, "description": r.Description, "applicableTo": r.ApplicableTo, "permissions": r.permissions(), "type": "PLATFORM",
		}})
	}
	return out
}

func (r Role) permissions() []any {
	out := []any{}
	add := func(area string, verbs ...string) {
		for _, verb := range verbs {
			out = append(out, kind.Body{"id": area + ":" + verb + ":" + area, "classifier": area, "description": verb + " " + area})
		}
	}
	for _, area := range r.Reads {
		add(area, "read")
	}
	for _, area := range r.Writes {
		add(area, "read", "create", "update", "delete")
	}
	return out
}

func roles() kind.Kind {
	permission := kind.Field{Type: kind.Object, Fields: []kind.Field{text("id", 0), text("classifier", 0), text("description", 0)}}
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "role", Plural: "roles", Title: "Role", Parents: []string{"", "environment"}, Above: true, Methods: readOnly(), Area: "roles",
		Fields: []kind.Field{
			name().FilterBy(kind.Eq), description(),
			texts("applicableTo", 0, choice("", ScopeOrganization, ScopeEnvironment, ScopePopulation, ScopeApplication)),
			texts("permissions", 0, permission),
			choice("type", "PLATFORM", "CUSTOM").FilterBy(kind.Eq),
		},
	}}
}

func roleAssignments() kind.Kind {
	return &kind.Of[RoleAssignment]{Spec: kind.Spec{
		Name: "roleAssignment", Plural: "roleAssignments", Title: "Role assignment", Above: true,
		Parents: []string{"application", "user", "group"}, Methods: []string{"LIST", "POST", "GET", "DELETE"}, Area: "roleAssignments",
		Fields: []kind.Field{
			kind.ID("role", "role").Needed(),
			object("scope", text("id", 64).Needed(), choice("type", ScopeOrganization, ScopeEnvironment, ScopePopulation, ScopeApplication).Needed()).Needed(),
			flag("readOnly", false).As(kind.ReadOnly),
			parent("application"), parent("user"), parent("group"),
		},
		Links: []kind.Link{{Rel: "role", Path: "{top}/roles/{role.id}"}},
	}}
}
