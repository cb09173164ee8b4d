package oauth

import (
	"slices"
	"strings"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// decideClient lets a client act for itself (RFC 6749 §4.4). A scope asks for a
// token for a resource. Without one the token is for the platform's API, where
// role assignments are looked up at each request: then there must be some.
func decideClient(x Exchange) Outcome {
	asked := x.Form.Get("scope")
	if asked == "" && len(x.Roles) > 0 && len(x.Form["resource"]) == 0 {
		return Outcome{Issue: Issue{JKT: x.JKT}}
	}
	if asked == "" {
		asked = x.Client.ofResources(x.Form["resource"])
	}
	if asked == "" {
		return Outcome{Refuse: fault.NoRoles}
	}
	scopes, err := GrantScopes(asked, x.Form["resource"], &x.Client)
	if err != nil {
		return Outcome{Refuse: err}
	}
	for _, g := range x.Client.resources(scopes) {
		if g.Resource.Type != platform.ResourceCustom {
			return Outcome{Refuse: fault.ScopeNotGrantable.Compared("scopes of custom resources", asked)}
		}
	}
	if len(x.Client.resources(scopes)) == 0 { // openid and its kind are about a user
		return Outcome{Refuse: fault.ScopeNotGrantable.Compared("scopes of custom resources", asked)}
	}
	own := slices.DeleteFunc(scopes, func(s string) bool { return len(x.Client.resources([]string{s})) == 0 })
	i, err := x.narrow(Issue{Scopes: own, JKT: x.JKT})
	if err != nil {
		return Outcome{Refuse: err}
	}
	return Outcome{Issue: i}
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
