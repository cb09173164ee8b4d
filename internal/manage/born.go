package manage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// keyGift makes the key of an environment, of a rotation policy, or of itself.
// It takes its time only for a body that can be kept.
func (a *API) keyGift(ctx context.Context, r Request, p place, g *kind.Gift) error {
	k := a.byName[p.spec.Name]
	body, details, err := kind.Accept(p.spec.Fields, kind.Create, nil, k.Fill(r.Body, nil), func(string) (string, error) { return "any", nil })
	if err != nil {
		return err
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if len(details) == 0 {
		if details, err = k.Refuse(nil, raw); err != nil {
			return err
		}
	}
	if len(details) > 0 {
		return nil // accept tells them, with what else is wrong
	}
	env, id, spec := p.env, a.vault.NewID(), platform.Key{}
	switch p.spec.Name {
	case "environment":
		env, spec = p.id, platform.FirstSigningKey()
	case "keyRotationPolicy":
		policy, err := kind.Read[platform.KeyRotationPolicy](p.spec.Name, raw)
		if err != nil {
			return err
		}
		spec = platform.SigningKeyOf(policy.Name, policy)
	default:
		id = p.id
		if spec, err = kind.Read[platform.Key](p.spec.Name, raw); err != nil {
			return err
		}
	}
	g.KeyID = id
	g.Key, err = a.vault.Key(ctx, env, id, spec, g.Now)
	return err
}

// born adds to the body of a new document what Pixy itself puts into it.
func born(p place, raw json.RawMessage, g kind.Gift) (json.RawMessage, error) {
	var more json.RawMessage
	var err error
	switch p.spec.Name {
	case "key":
		more = g.Key
	case "keyRotationPolicy":
		more, err = json.Marshal(kind.Body{"currentKeyId": g.KeyID, "rotatedAt": platform.Stamp(g.Now)})
	case "roleAssignment":
		more, err = scopeOf(p, raw)
	case "environment":
		more, err = products(raw, g.NewID)
	}
	if err != nil || more == nil {
		return raw, err
	}
	body, err := kind.Decode(raw)
	if err != nil {
		return nil, err
	}
	added, err := kind.Decode(more)
	if err != nil {
		return nil, err
	}
	return json.Marshal(kind.Merge(body, added))
}

// scopeOf adds to a scope within an environment which one that is.
func scopeOf(p place, raw json.RawMessage) (json.RawMessage, error) {
	as, err := kind.Read[platform.RoleAssignment](p.spec.Name, raw)
	if err != nil || as.Scope.Type != platform.ScopePopulation && as.Scope.Type != platform.ScopeApplication {
		return nil, err
	}
	as.Scope.Environment = p.env
	return json.Marshal(kind.Body{"scope": as.Scope})
}

// products gives the products of a bill of materials their ids.
func products(raw json.RawMessage, newID func() string) (json.RawMessage, error) {
	body, err := kind.Decode(raw)
	if err != nil {
		return nil, err
	}
	bill, _ := body["billOfMaterials"].(kind.Body)
	list, _ := bill["products"].([]any)
	for _, e := range list {
		if product, ok := e.(kind.Body); ok {
			product["id"] = newID()
		}
	}
	return json.Marshal(kind.Body{"billOfMaterials": bill})
}

// mayCreate holds a new document against what only its kind knows, before it
// is accepted.
func (a *API) mayCreate(tx *store.Tx, r Request, p place) error {
	switch p.spec.Name {
	case "groupMembership", "groupNesting":
		return a.mayJoin(tx, r, p)
	case "roleAssignment":
		return a.mayAssign(tx, r, p)
	}
	return nil
}

// mayJoin refuses to make a member of a group whose roles the actor does not
// hold, and a group a member of itself.
func (a *API) mayJoin(tx *store.Tx, r Request, p place) error {
	groups, err := facts.Nested(tx, []string{p.id})
	if err != nil {
		return err
	}
	if slices.Contains(groups, p.parent) {
		return fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "id", Message: "must not be the group itself, nor one that is nested in it"})
	}
	for _, id := range groups {
		if err := outranks(tx, r, id); err != nil {
			return err
		}
	}
	return nil
}

// mayAssign refuses a role that the actor may not give, one that does not
// apply to the scope, and one that is assigned already.
func (a *API) mayAssign(tx *store.Tx, r Request, p place) error {
	role, ok := platform.RoleByID(kind.At(r.Body, "role.id"))
	scope := platform.Scope{ID: kind.At(r.Body, "scope.id"), Type: kind.At(r.Body, "scope.type")}
	if !ok || scope.ID == "" || !slices.Contains(role.ApplicableTo, scope.Type) {
		if ok && slices.Contains([]string{platform.ScopeOrganization, platform.ScopeEnvironment, platform.ScopePopulation, platform.ScopeApplication}, scope.Type) {
			return fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "scope.type",
				Message: fmt.Sprintf("the role %s does not apply to %s; it applies to %v", role.Name, scope.Type, role.ApplicableTo)})
		}
		return nil // the table of fields says what is wrong
	}
	if err := a.scopeExists(tx, scope); err != nil {
		return err
	}
	if scope.Type == platform.ScopePopulation || scope.Type == platform.ScopeApplication {
		scope.Environment = p.env
	}
	if !platform.MayAssign(r.Actor.Assignments, role.ID, scope) {
		return fault.NotAssignable.Compared("a role that may assign "+role.Name, "the assignments of "+r.Actor.ID)
	}
	there, err := facts.Assignments(tx, p.parent)
	if slices.ContainsFunc(there, func(as platform.RoleAssignment) bool { return as.Role.ID == role.ID && as.Scope == scope }) {
		return fault.Taken.Detailed(fault.Detail{Code: "UNIQUENESS_VIOLATION", Target: "role", Message: "May not assign duplicate Role"})
	}
	return err
}

// scopeExists refuses a scope that is not there. That of a population or an
// application is one of the environment of the request.
func (a *API) scopeExists(tx *store.Tx, scope platform.Scope) error {
	var err error
	switch scope.Type {
	case platform.ScopeOrganization:
		_, err = a.homeOf(tx, "organization").Get("organization", scope.ID)
	case platform.ScopeEnvironment:
		_, err = a.homeOf(tx, "environment").Get("environment", scope.ID)
	case platform.ScopePopulation:
		_, err = tx.Get("population", scope.ID)
	case platform.ScopeApplication:
		_, err = tx.Get("application", scope.ID)
	}
	return facts.Missing(err, fault.Invalid.Detailed(refersToNothing("scope.id", scope.ID)))
}

// mayDelete refuses to take a role away that the actor could not give, and to
// delete the revision of an agreement that is in force.
func (a *API) mayDelete(tx *store.Tx, r Request, p place, d store.Document) error {
	switch p.spec.Name {
	case "roleAssignment":
		as, err := facts.Decode[platform.RoleAssignment](d)
		if err == nil && !platform.MayAssign(r.Actor.Assignments, as.Role.ID, as.Scope) {
			err = fault.NotAssignable.Compared("a role that may assign this one", "the assignments of "+r.Actor.ID)
		}
		return err
	case "agreementRevision":
		current, err := currentRevision(tx, p.parent)
		if err == nil && current == d.ID {
			err = fault.Needed.Detailed(fault.Detail{Code: "CONSTRAINT_VIOLATION", Message: "A currently effective revision cannot be deleted."})
		}
		return err
	}
	return nil
}
