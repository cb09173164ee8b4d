package facts

import (
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

// Assignments are the role assignments of an actor itself.
func Assignments(tx *store.Tx, id string) ([]platform.RoleAssignment, error) {
	return All[platform.RoleAssignment](tx.Root(), "roleAssignment", kind.Equal("parent", id))
}

// UserAssignments are the role assignments of a user: its own, and those of
// its groups.
func UserAssignments(tx *store.Tx, id string) ([]platform.RoleAssignment, error) {
	out, err := Assignments(tx, id)
	if err != nil {
		return nil, err
	}
	_, groups, err := GroupsOf(tx, id)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		more, err := Assignments(tx, g)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}
