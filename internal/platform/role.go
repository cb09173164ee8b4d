package platform

import (
	"slices"

	"pixy/internal/kind"
)

// RoleAssignment lets an actor, a worker application or a user, do within a
// scope what a role permits.
type RoleAssignment struct {
	Actor string    `json:"actor"`
	Role  Reference `json:"role"`
	Scope Scope     `json:"scope"`
}

// Scope is where a role assignment holds: an ORGANIZATION or an ENVIRONMENT.
type Scope struct {
	ID   string `json:"id"`
	Type string `json:"type"`
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

// Role is one of the platform's roles. Reads and Writes are areas; who may
// write an area may read it.
type Role struct {
	ID           string
	Name         string
	Description  string
	ApplicableTo []string
	Reads        []string
	Writes       []string
}

// Roles are the platform's roles. Their ids are the same on every server, so
// that configuration can be carried from one to another.
func Roles() []Role {
	return []Role{
		{ID: "70712a0a-0000-4000-8000-000000000001", Name: "Organization Admin", ApplicableTo: []string{"ORGANIZATION"},
			Description: "Creates environments and reads the organization.",
			Reads:       []string{"roles"}, Writes: []string{"environments"}},
		{ID: "70712a0a-0000-4000-8000-000000000002", Name: "Environment Admin", ApplicableTo: []string{"ORGANIZATION", "ENVIRONMENT"},
			Description: "Configures environments: applications, policies, resources, populations.",
			Reads:       []string{"roles", "environments"}, Writes: []string{"applications", "policies", "resources", "populations", "secrets"}},
		{ID: "70712a0a-0000-4000-8000-000000000003", Name: "Identity Data Admin", ApplicableTo: []string{"ENVIRONMENT", "POPULATION"},
			Description: "Manages users and populations.",
			Reads:       []string{"roles", "environments", "policies"}, Writes: []string{"users", "populations"}},
		{ID: "70712a0a-0000-4000-8000-000000000004", Name: "Client Application Developer", ApplicableTo: []string{"ENVIRONMENT", "APPLICATION"},
			Description: "Manages applications and their secrets.",
			Reads:       []string{"roles", "environments", "resources", "policies"}, Writes: []string{"applications", "secrets"}},
	}
}

// Permits reports whether one of the assignments permits the access.
func Permits(assignments []RoleAssignment, a Access) bool {
	roles := Roles()
	for _, as := range assignments {
		i := slices.IndexFunc(roles, func(r Role) bool { return r.ID == as.Role.ID })
		if i >= 0 && roles[i].permits(a) && as.Scope.covers(a) {
			return true
		}
	}
	return false
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
	case s.Type == "ORGANIZATION":
		return s.ID == a.Organization
	case a.Environment == "":
		return !a.Write
	default:
		return s.Type == "ENVIRONMENT" && s.ID == a.Environment
	}
}

// Holds reports whether an actor with these assignments holds every one of the
// others, at the same or a broader scope: only such an actor may see or change
// the secret of an application that has them.
func Holds(mine, others []RoleAssignment) bool {
	for _, o := range others {
		if !slices.ContainsFunc(mine, func(m RoleAssignment) bool {
			return m.Role == o.Role && (m.Scope == o.Scope || m.Scope.Type == "ORGANIZATION" && o.Scope.Type != "ORGANIZATION")
		}) {
			return false
		}
	}
	return true
}

// Assign is the document that gives an actor a role, by the role's name.
func Assign(id, actor, role string, scope Scope) kind.Entry {
	body := RoleAssignment{Actor: actor, Scope: scope}
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
		permissions := []any{}
		for _, area := range r.Reads {
			permissions = append(permissions, permission(area, "read"))
		}
		for _, area := range r.Writes {
			permissions = append(permissions, permission(area, "read"), permission(area, "write"))
		}
		out = append(out, kind.Entry{Root: true, Kind: "role", ID: r.ID, Body: kind.Body{
			"name": r.Name, "description": r.Description, "applicableTo": r.ApplicableTo, "permissions": permissions,
		}})
	}
	return out
}

func permission(area, verb string) kind.Body {
	return kind.Body{"id": area + ":" + verb, "classifier": area, "description": verb + " " + area}
}

func roles() kind.Kind {
	permission := kind.Field{Type: kind.Object, Fields: []kind.Field{text("id", 0), text("classifier", 0), text("description", 0)}}
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "role", Plural: "roles", Title: "Role", Methods: readOnly(), Area: "roles",
		Fields: []kind.Field{
			name(), description(),
			texts("applicableTo", 0, text("", 0)),
			texts("permissions", 0, permission),
		},
	}}
}
