package platform

import "pixy/internal/kind"

// Group is a set of users, of one population or of all.
type Group struct {
	Name       string     `json:"name"`
	Population *Reference `json:"population"`
}

func groups() kind.Kind {
	return &kind.Of[Group]{Spec: kind.Spec{
		Name: "group", Plural: "groups", Title: "Group", Parents: inEnvironment(), Methods: readWrite(), Area: "groups",
		Owns: []string{"groupNesting"}, Frees: []kind.Free{{Kind: "groupMembership", Path: "group.id"}, {Kind: "groupNesting", Path: "group.id"}},
		Fields: []kind.Field{
			uniqueName(), description(),
			kind.ID("population", "population").As(kind.Immutable).FilterBy(kind.Eq),
			text("externalId", 1024).FilterBy(kind.Eq),
			text("userFilter", 2048),
			{Name: "customData", Type: kind.Opaque},
			text("displayName", 256).As(kind.ReadOnly),
			text("sourceId", 256).As(kind.ReadOnly), choice("sourceType", "GATEWAY", "IDP").As(kind.ReadOnly),
			object("directMemberCounts", number("users", 0, 0)).As(kind.ReadOnly),
		},
		Counts: []kind.Count{{Field: "directMemberCounts.users", Kind: "groupMembership", Path: "group.id", Tally: true}},
		Links: []kind.Link{
			{Rel: "population", Path: "{env}/populations/{population.id}"},
			{Rel: "roleAssignments", Path: "{self}/roleAssignments"}, {Rel: "memberOfGroups", Path: "{self}/memberOfGroups"},
		},
		Reach: []kind.Reach{{Scope: ScopePopulation, Path: "population.id"}},
	}}
}

// GroupMembership is a user's place in a group. Its id on the wire is the
// group's.
type GroupMembership struct {
	Group  Reference `json:"group"`
	Parent string    `json:"parent"` // the user
}

func groupMemberships() kind.Kind { return membership("groupMembership", "user") }

// groupNestings are groups that are members of groups.
func groupNestings() kind.Kind { return membership("groupNesting", "group") }

func membership(noun, member string) kind.Kind {
	group := kind.ID("group", "group").Needed().As(kind.Given)
	return &kind.Of[GroupMembership]{Spec: kind.Spec{
		Name: noun, Plural: "memberOfGroups", Title: "Group membership", Parents: []string{member},
		Methods: []string{"LIST", "POST", "GET", "DELETE"}, Area: "groups", Key: "groupMemberships", By: "group",
		Fields: []kind.Field{
			group,
			text("name", 256).As(kind.ReadOnly),
			with(choice("type", "DIRECT", "INDIRECT"), "DIRECT").As(kind.ReadOnly),
		},
		Links: []kind.Link{{Rel: "group", Path: "{env}/groups/{id}"}},
	}}
}
