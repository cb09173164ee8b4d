package oauth

import (
	"slices"
	"strings"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

const scopeOpenID = "openid"

// GrantedScope is a scope of a resource that an application may ask for.
type GrantedScope struct {
	Name        string
	Description string
	ResourceID  string
	Resource    platform.Resource
}

// GrantScopes returns the scopes of a request that the application is granted,
// in the order asked for. openid needs no grant. Others are left out, as
// RFC 6749 §3.3 lets a server do, and the token response says which remain;
// only when none remains is the request refused. Of resources only those with
// one of the audiences count, when there are any (RFC 8707 §2).
func GrantScopes(requested string, audiences []string, c *Client) ([]string, error) {
	if strings.ContainsFunc(requested, func(r rune) bool { return r < 0x20 || r > 0x7e || r == '"' || r == '\\' }) {
		return nil, fault.ScopeBroken
	}
	granted, err := c.grant(Words(requested))
	if err != nil {
		return nil, err
	}
	if len(audiences) > 0 {
		granted = c.within(granted, audiences)
	}
	if err := c.oneResource(granted); err != nil {
		return nil, err
	}
	return granted, nil
}

// grant is GrantScopes of scopes that are names already.
func (c *Client) grant(asked []string) ([]string, error) {
	var out []string
	for _, s := range asked {
		if s == scopeOpenID || slices.ContainsFunc(c.Scopes, func(g GrantedScope) bool { return g.Name == s }) {
			out = append(out, s)
		}
	}
	if len(asked) > 0 && len(out) == 0 {
		return nil, fault.ScopeUnknown.Compared("openid, or one of the application's grants", strings.Join(asked, " "))
	}
	return out, nil
}

// oneResource refuses scopes of several resources, unless the application may
// ask for them: an access token for one could be used at the other.
func (c *Client) oneResource(scopes []string) error {
	if resources := c.resources(scopes); len(resources) > 1 && !c.MultipleResources {
		return fault.ScopeMixed.Compared("scopes of one resource", strings.Join(scopes, " "))
	}
	return nil
}

// resources are the resources that the scopes belong to, apart from that of
// OpenID Connect. A name that two resources have belongs to both.
func (c *Client) resources(scopes []string) []GrantedScope {
	var out []GrantedScope
	for _, s := range scopes {
		for _, g := range c.Scopes {
			known := slices.ContainsFunc(out, func(o GrantedScope) bool { return o.ResourceID == g.ResourceID })
			if g.Name == s && !known && g.Resource.Type != platform.ResourceOpenID {
				out = append(out, g)
			}
		}
	}
	return out
}
