package facts

import (
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// Environment reads the environment that a transaction is bound to, or
// ErrMissing.
func Environment(tx *store.Tx) (platform.Environment, error) {
	e, _, err := Get[platform.Environment](tx.Root(), "environment", tx.Env())
	return e, err
}

// Organization is the id of this server's organization.
func Organization(tx *store.Tx) (string, error) {
	d, err := tx.Root().Find("organization", kind.Expr{})
	return d.ID, err
}

// Actor is who calls the management API, as the database has it now.
type Actor struct {
	ClientName, Username string
	Assignments          []platform.RoleAssignment
}

// ActorOf reads an actor of an environment: an application that acts for
// itself, or for a user. For a user it must be a worker application, and of the
// user's roles those count that the application is as strong as: who can make
// an application can't borrow the roles of who signs in at it.
func ActorOf(tx *store.Tx, env, client, user string) (Actor, error) {
	there := tx.Root().In(env)
	app, _, err := Get[platform.Application](there, "application", client)
	if err != nil || !app.Enabled {
		return Actor{}, Missing(err, fault.NotPermitted.Compared("an enabled application", "none"))
	}
	out := Actor{ClientName: app.Name}
	if out.Assignments, err = Assignments(there, client); err != nil || user == "" {
		return out, err
	}
	u, _, err := Get[platform.User](there, "user", user)
	if err != nil {
		return out, Missing(err, fault.NotPermitted.Compared("an enabled user", "none"))
	}
	own := out.Assignments
	out.Username, out.Assignments = u.Username, nil
	if !u.Enabled || app.Type != "WORKER" {
		return out, nil
	}
	theirs, err := UserAssignments(there, user)
	for _, as := range theirs {
		if platform.Holds(own, []platform.RoleAssignment{as}) {
			out.Assignments = append(out.Assignments, as)
		}
	}
	return out, err
}

// RolesOf are the role assignments of an application, of a user with those of
// its groups, or of a group with those that it is nested in.
func RolesOf(tx *store.Tx, noun, id string) ([]platform.RoleAssignment, error) {
	switch noun {
	case "user":
		return UserAssignments(tx, id)
	case "group":
		groups, err := Nested(tx, []string{id})
		if err != nil {
			return nil, err
		}
		return assignmentsOf(tx, groups)
	}
	return Assignments(tx, id)
}

func assignmentsOf(tx *store.Tx, ids []string) ([]platform.RoleAssignment, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return All[platform.RoleAssignment](tx.Root(), "roleAssignment", kind.OneOf("parent", ids))
}

// Assignments are the role assignments of an actor itself.
func Assignments(tx *store.Tx, id string) ([]platform.RoleAssignment, error) {
	return store.Recall(tx.Root(), "assignments "+id, func() ([]platform.RoleAssignment, error) {
		return All[platform.RoleAssignment](tx.Root(), "roleAssignment", kind.Equal("parent", id))
	})
}

// UserAssignments are the role assignments of a user: its own, and those of
// its groups.
func UserAssignments(tx *store.Tx, id string) ([]platform.RoleAssignment, error) {
	_, groups, err := GroupsOf(tx, id)
	if err != nil {
		return nil, err
	}
	return assignmentsOf(tx, append(groups, id))
}
