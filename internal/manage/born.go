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
func (a *API) born(p place, raw json.RawMessage, g kind.Gift) (json.RawMessage, error) {
	more, err := a.hooks(p).born(p, raw, g)
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
func products(body kind.Body, newID func() string) {
	bill, _ := body["billOfMaterials"].(kind.Body)
	list, _ := bill["products"].([]any)
	for _, e := range list {
		if product, ok := e.(kind.Body); ok && product["id"] == nil {
			product["id"] = newID()
		}
	}
}

// mayJoin refuses to make a member of a group that is not reached, or is
// stronger than the actor; and a group a member of itself. There is a bound on
// how many groups somebody may be in.
func (a *API) mayJoin(tx *store.Tx, r Request, p place) error {
	k := a.byName["group"]
	target := place{spec: k.Table(), env: p.env, id: p.id, under: "environment"}
	if _, _, err := a.get(tx, r, target); err != nil {
		return facts.Missing(err, fault.Invalid.Detailed(refersToNothing("id", p.id)))
	}
	above, err := facts.Nested(tx, []string{p.id})
	if err != nil {
		return err
	}
	if slices.Contains(above, p.parent) {
		return fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "id", Message: "must not be the group itself, nor one that is nested in it"})
	}
	there, err := tx.Count(p.spec.Name, kind.Equal("parent", p.parent), facts.MaxGroups, 0)
	if err == nil && there+len(above) >= facts.MaxGroups/2 {
		err = fault.TooManyGroups.Saying(facts.MaxGroups / 2)
	}
	if err != nil {
		return err
	}
	return outranks(tx, r, "group", p.id)
}

// mayAssign refuses a role that the actor may not give, one that does not
// apply to the scope, and one that is assigned already.
func (a *API) mayAssign(tx *store.Tx, r Request, p place) error {
	role, ok := platform.RoleByID(kind.At(r.Body, "role.id"))
	scope := platform.Scope{ID: kind.At(r.Body, "scope.id"), Type: kind.At(r.Body, "scope.type")}
	types := []string{platform.ScopeOrganization, platform.ScopeEnvironment, platform.ScopePopulation, platform.ScopeApplication}
	switch {
	case !ok || scope.ID == "" || !slices.Contains(types, scope.Type):
		return nil // the table of fields says what is wrong
	case !slices.Contains(role.ApplicableTo, scope.Type):
		return fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "scope.type",
			Message: fmt.Sprintf("the role %s does not apply to %s; it applies to %v", role.Name, scope.Type, role.ApplicableTo)})
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

// mayTakeRole refuses to take a role away that the actor could not give.
func mayTakeRole(_ *store.Tx, r Request, _ place, d store.Document) error {
	as, err := facts.Decode[platform.RoleAssignment](d)
	if err == nil && !platform.MayAssign(r.Actor.Assignments, as.Role.ID, as.Scope) {
		err = fault.NotAssignable.Compared("a role that may assign this one", "the assignments of "+r.Actor.ID)
	}
	return err
}
