package oauth

import (
	"slices"
	"strings"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

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
// only when none remains is the request refused. Scopes of several resources
// must be allowed to the application: an access token for one could be used at
// the other.
func GrantScopes(requested string, c *Client) ([]string, error) {
	if strings.ContainsFunc(requested, func(r rune) bool { return r < 0x20 || r > 0x7e || r == '"' || r == '\\' }) {
		return nil, fault.ScopeBroken
	}
	return c.grant(Words(requested))
}

// grant is GrantScopes of scopes that are names already.
func (c *Client) grant(asked []string) ([]string, error) {
	var out []string
	for _, s := range asked {
		if s == "openid" || slices.ContainsFunc(c.Scopes, func(g GrantedScope) bool { return g.Name == s }) {
			out = append(out, s)
		}
	}
	if len(asked) > 0 && len(out) == 0 {
		return nil, fault.ScopeUnknown.Compared("openid, or one of the application's grants", strings.Join(asked, " "))
	}
	if resources := c.resources(out); len(resources) > 1 && !c.MultipleResources {
		return nil, fault.ScopeMixed.Compared("scopes of one resource", strings.Join(asked, " "))
	}
	return out, nil
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

// Target is what an access token with some scopes is for: the audiences, how
// long it lives, and the custom resources that add claims.
type Target struct {
	Audience  []string
	Life      time.Duration
	Resources []string // the ids
}

// Target is that of an issue: of its scopes and of the resources that were
// asked for by their audience. Without a resource it is the platform's API.
func (c *Client) Target(i Issue) Target {
	t := Target{Life: TokenLife}
	found := slices.Concat(c.resources(i.Scopes), c.named(i.Resources))
	for _, g := range found {
		if slices.Contains(t.Audience, g.Resource.Audience) || len(i.Resources) > 0 && !slices.Contains(i.Resources, g.Resource.Audience) {
			continue
		}
		life := time.Duration(g.Resource.Validity) * time.Second
		if life > 0 && (len(t.Audience) == 0 || life < t.Life) {
			t.Life = life
		}
		t.Audience = append(t.Audience, g.Resource.Audience)
		if g.Resource.Type == platform.ResourceCustom {
			t.Resources = append(t.Resources, g.ResourceID)
		}
	}
	if len(t.Audience) == 0 {
		t.Audience = []string{platform.PlatformAudience}
	}
	return t
}

// named are the resources with one of the audiences of which the application
// is granted something.
func (c *Client) named(audiences []string) []GrantedScope {
	var out []GrantedScope
	for _, g := range c.Scopes {
		known := slices.ContainsFunc(out, func(o GrantedScope) bool { return o.ResourceID == g.ResourceID })
		if !known && g.Resource.Type != platform.ResourceOpenID && slices.Contains(audiences, g.Resource.Audience) {
			out = append(out, g)
		}
	}
	return out
}

// AccessType is the typ of the application's access tokens (RFC 9068 §2.1):
// there is one unless includeTyp says no.
func (c *Client) AccessType() string {
	if c.IncludeTyp != nil && !*c.IncludeTyp {
		return ""
	}
	return TypeAccess
}
