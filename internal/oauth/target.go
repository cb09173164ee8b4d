package oauth

import (
	"slices"
	"strings"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

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

// maxResources bounds how many resources a request names.
const maxResources = 10

// mayTarget refuses audiences of resources of which the application is granted
// nothing (RFC 8707 §2).
func (c *Client) mayTarget(audiences []string) error {
	if len(audiences) > maxResources {
		return fault.TargetUnknown.Compared("at most 10 resources", "more")
	}
	for _, a := range audiences {
		if len(c.named([]string{a})) == 0 {
			return fault.TargetUnknown.Compared("the audience of a resource with a grant", a[:min(len(a), maxKept)])
		}
	}
	return nil
}

// within are those of the scopes that belong to resources with one of the
// audiences, or to no resource of their own.
func (c *Client) within(scopes, audiences []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool {
		of := c.resources([]string{s})
		return len(of) > 0 && !slices.ContainsFunc(of, func(g GrantedScope) bool { return slices.Contains(audiences, g.Resource.Audience) })
	})
}

// narrow restricts an issue to the resources that the token request names,
// which must be among those it is for (RFC 8707 §2.2), and refuses one that is
// for several where the application may not have that.
func (x Exchange) narrow(i Issue) (Issue, error) {
	asked := x.Form["resource"]
	if len(asked) > maxResources {
		return i, fault.TargetUnknown.Compared("at most 10 resources", "more")
	}
	all := x.Client.Target(i).Audience
	for _, a := range asked {
		if !slices.Contains(all, a) {
			return i, fault.TargetUnknown.Compared(strings.Join(all, " "), a[:min(len(a), maxKept)])
		}
	}
	if len(asked) > 0 {
		i.Resources, i.Scopes = asked, x.Client.within(i.Scopes, asked)
	}
	return i, x.Client.oneResource(i.Scopes)
}
