package oauth

import (
	"cmp"
	"slices"
	"strings"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// decideClient lets a client act for itself (RFC 6749 §4.4). A scope asks for a
// token for a resource. Without one the token is for the platform's API, where
// role assignments are looked up at each request: then there must be some.
func decideClient(x Exchange) Outcome {
	audiences := x.Form["resource"]
	if x.Form.Get("scope") == "" && len(x.Roles) > 0 && len(audiences) == 0 {
		return Outcome{Issue: Issue{JKT: x.JKT}}
	}
	if x.Form.Get("scope") == "" && x.Client.ofResources(audiences) == "" {
		return Outcome{Refuse: fault.NoRoles}
	}
	scopes, err := x.customScopes(audiences, fault.ScopeNotGrantable)
	if err != nil {
		return Outcome{Refuse: err}
	}
	i, err := x.narrow(Issue{Scopes: scopes, JKT: x.JKT})
	if err != nil {
		return Outcome{Refuse: err}
	}
	return Outcome{Issue: i}
}

// customScopes are the scopes of custom resources that a request asks for, or
// all that the client is granted, of resources with one of the audiences when
// there are any. Scopes of the platform, and none of a resource (openid and its
// kind are about a user), get the refusal.
func (x Exchange) customScopes(audiences []string, refusal *fault.Fault) ([]string, error) {
	asked := cmp.Or(x.Form.Get("scope"), x.Client.ofResources(audiences))
	scopes, err := GrantScopes(asked, audiences, &x.Client)
	if err != nil {
		return nil, err
	}
	of := x.Client.resources(scopes)
	if len(of) == 0 || slices.ContainsFunc(of, func(g GrantedScope) bool { return g.Resource.Type != platform.ResourceCustom }) {
		return nil, refusal.Compared("scopes of custom resources", asked)
	}
	return slices.DeleteFunc(scopes, func(s string) bool { return len(x.Client.resources([]string{s})) == 0 }), nil
}

// ofResources are the scopes of custom resources that a client is granted: of
// those with one of the audiences, when there are any.
func (c *Client) ofResources(audiences []string) string {
	var out []string
	for _, g := range c.Scopes {
		if g.Resource.Type == platform.ResourceCustom && (len(audiences) == 0 || slices.Contains(audiences, g.Resource.Audience)) {
			out = append(out, g.Name)
		}
	}
	return strings.Join(out, " ")
}
