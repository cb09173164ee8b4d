package facts

import (
	"errors"
	"slices"

	"pixy/internal/flow"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// Client reads an application and the scopes it is granted; nil when there is
// none with this id. Others may share it: nobody may change it.
func Client(tx *store.Tx, id string) (*oauth.Client, error) {
	return store.Recall(tx, "client "+id, func() (*oauth.Client, error) { return client(tx, id) })
}

func client(tx *store.Tx, id string) (*oauth.Client, error) {
	app, _, err := Get[platform.Application](tx, "application", id)
	if errors.Is(err, store.ErrMissing) || err == nil && app.Protocol != "OPENID_CONNECT" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &oauth.Client{ID: id, Application: app}
	grants, err := All[platform.Grant](tx, "grant", kind.Equal("parent", id))
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		if err := addScopes(tx, c, g); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func addScopes(tx *store.Tx, c *oauth.Client, g platform.Grant) error {
	resource, _, err := Get[platform.Resource](tx, "resource", g.Resource.ID)
	if err != nil {
		return Lacking("resource "+g.Resource.ID, err)
	}
	for _, ref := range g.Scopes {
		scope, _, err := Get[platform.ResourceScope](tx, "scope", ref.ID)
		if err != nil {
			return Lacking("scope "+ref.ID, err)
		}
		c.Scopes = append(c.Scopes, oauth.GrantedScope{Name: scope.Name, Description: scope.Description, ResourceID: g.Resource.ID, Resource: resource})
	}
	return nil
}

// Policy picks the sign-on policy of a request.
func Policy(tx *store.Tx, client string, acr []string) (flow.Policy, error) {
	assigned, err := store.Recall(tx, "assigned policies "+client, func() ([]flow.Policy, error) { return assignedPolicies(tx, client) })
	if err != nil {
		return flow.Policy{}, err
	}
	var fallback flow.Policy
	var all []flow.Policy
	if len(assigned) == 0 {
		fallback, err = store.Recall(tx, "default policy", func() (flow.Policy, error) { return defaultPolicy(tx) })
		if err != nil {
			return flow.Policy{}, err
		}
	}
	if len(assigned) == 0 && len(acr) > 0 {
		if all, err = allPolicies(tx); err != nil {
			return flow.Policy{}, err
		}
	}
	return flow.Choose(acr, assigned, fallback, all), nil
}

func defaultPolicy(tx *store.Tx) (flow.Policy, error) {
	d, err := Default(tx, "signOnPolicy")
	if err != nil {
		return flow.Policy{}, Lacking("a default sign-on policy", err)
	}
	return policyOf(tx, d)
}

func assignedPolicies(tx *store.Tx, client string) ([]flow.Policy, error) {
	assignments, err := All[platform.SignOnPolicyAssignment](tx, "signOnPolicyAssignment", kind.Equal("parent", client))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(assignments, func(a, b platform.SignOnPolicyAssignment) int { return a.Priority - b.Priority })
	var out []flow.Policy
	for _, a := range assignments {
		d, err := tx.Get("signOnPolicy", a.SignOnPolicy.ID)
		if err != nil {
			return nil, Lacking("sign-on policy "+a.SignOnPolicy.ID, err)
		}
		p, err := policyOf(tx, d)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func allPolicies(tx *store.Tx) ([]flow.Policy, error) {
	docs, err := tx.List("signOnPolicy", store.Query{})
	if err != nil {
		return nil, err
	}
	var out []flow.Policy
	for _, d := range docs {
		p, err := policyOf(tx, d)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func policyOf(tx *store.Tx, d store.Document) (flow.Policy, error) {
	p, err := Decode[platform.SignOnPolicy](d)
	if err != nil {
		return flow.Policy{}, err
	}
	actions, err := All[platform.SignOnPolicyAction](tx, "signOnPolicyAction", kind.Equal("parent", d.ID))
	slices.SortStableFunc(actions, func(a, b platform.SignOnPolicyAction) int { return a.Priority - b.Priority })
	return flow.Policy{ID: d.ID, Name: p.Name, Actions: actions}, err
}
