package oauth

import (
	"reflect"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// ofResource are scopes of a resource that is called by its id.
func ofResource(id, noun string, validity int, names ...string) (out []GrantedScope) {
	for _, name := range names {
		out = append(out, GrantedScope{Name: name, ResourceID: id, Resource: platform.Resource{Name: id, Type: noun, Audience: "https://" + id, Validity: validity}})
	}
	return out
}

func ofOpenID(names ...string) []GrantedScope {
	return ofResource("openid", platform.ResourceOpenID, 3600, names...)
}

func ofPlatform(names ...string) []GrantedScope {
	out := ofResource("platform", platform.ResourcePlatform, 3600, names...)
	for i := range out {
		out[i].Resource.Audience = platform.PlatformAudience
	}
	return out
}

func custom(id string, validity int, names ...string) []GrantedScope {
	return ofResource(id, platform.ResourceCustom, validity, names...)
}

// granted is a client with the scopes.
func granted(multiple bool, all ...[]GrantedScope) *Client {
	c := &Client{ID: "me", Application: platform.Application{MultipleResources: multiple}}
	for _, some := range all {
		c.Scopes = append(c.Scopes, some...)
	}
	return c
}

// covers: OIDC Core §3.1.2.1/3, OIDC Core §14/3, OIDC Core §14/4
func TestGrantScopes(t *testing.T) {
	// covers: RFC 6749 §3.3/2, RFC 6749 §10.3/5
	few := granted(false, ofOpenID("profile"), ofPlatform("p1:read:user", "p1:update:user"))
	resources := [][]GrantedScope{ofOpenID("profile", "email"), ofPlatform("p1:read:user"), custom("a", 600, "a:read", "a:write"), custom("b", 900, "b:read")}
	single, several := granted(false, resources...), granted(true, resources...)
	cases := []struct {
		client  *Client
		asked   string
		want    []string
		refused *fault.Fault
	}{
		{few, "", nil, nil},
		{few, "openid", []string{"openid"}, nil},
		{few, "profile openid", []string{"profile", "openid"}, nil},
		{few, "openid openid", []string{"openid"}, nil},
		{few, "openid email", []string{"openid"}, nil},
		{few, "p1:read:user", []string{"p1:read:user"}, nil},
		{few, "email", nil, fault.ScopeUnknown},
		{few, "OPENID", nil, fault.ScopeUnknown},
		{few, "p1:read", nil, fault.ScopeUnknown},
		{few, "openid\tprofile", nil, fault.ScopeBroken},
		{few, "openid\n", nil, fault.ScopeBroken},
		{few, `open"id`, nil, fault.ScopeBroken},
		{few, `openid\`, nil, fault.ScopeBroken},
		{few, "openid é", nil, fault.ScopeBroken},
		{few, "openid \x00", nil, fault.ScopeBroken},
		{few, "openid \x7f", nil, fault.ScopeBroken},

		// openid and its kind go with any resource, and with none.
		{single, "openid profile email", []string{"openid", "profile", "email"}, nil},
		{single, "a:write openid a:read profile", []string{"a:write", "openid", "a:read", "profile"}, nil},
		{single, "openid p1:read:user", []string{"openid", "p1:read:user"}, nil},
		{single, "a:read b:read", nil, fault.ScopeMixed},
		{single, "openid b:read a:read", nil, fault.ScopeMixed},
		{single, "a:read p1:read:user", nil, fault.ScopeMixed},
		// What is not granted is left out, and mixes nothing.
		{single, "a:read c:read", []string{"a:read"}, nil},
		{several, "a:read b:read", []string{"a:read", "b:read"}, nil},
		{several, "b:read p1:read:user openid a:read", []string{"b:read", "p1:read:user", "openid", "a:read"}, nil},
		{several, "c:read", nil, fault.ScopeUnknown},
		{&Client{}, "openid", []string{"openid"}, nil},
		{&Client{}, "profile", nil, fault.ScopeUnknown},
	}
	for _, c := range cases {
		got, err := GrantScopes(c.asked, nil, c.client)
		if !refuses(err, c.refused) || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q, several resources %t: %q, %v", c.asked, c.client.MultipleResources, got, err)
		}
	}
}

// TestScopesOfTwoResourcesAtAuthorize is the same at the authorize endpoint.
func TestScopesOfTwoResourcesAtAuthorize(t *testing.T) {
	for multiple, refused := range map[bool]*fault.Fault{false: fault.ScopeMixed, true: nil} {
		a := request("scope", "openid a:read b:read")
		a.Client.Scopes, a.Client.MultipleResources = append(custom("a", 0, "a:read"), custom("b", 0, "b:read")...), multiple
		r, err := a.Accept()
		if !refuses(err, refused) || err == nil && !reflect.DeepEqual(r.Scopes, []string{"openid", "a:read", "b:read"}) {
			t.Errorf("several resources %t: %+v, %v", multiple, r.Scopes, err)
		}
	}
}

func TestTarget(t *testing.T) {
	c := granted(true, ofOpenID("profile"), ofPlatform("p1:read:user"), custom("a", 600, "a:read", "a:write"), custom("b", 300, "b:read"), custom("long", 2592000, "long:read"))
	for _, x := range []struct {
		scopes string
		want   Target
	}{
		{"", Target{Audience: []string{platform.PlatformAudience}, Life: time.Hour}},
		{"openid profile", Target{Audience: []string{platform.PlatformAudience}, Life: time.Hour}},
		{"unknown", Target{Audience: []string{platform.PlatformAudience}, Life: time.Hour}},
		{"p1:read:user", Target{Audience: []string{platform.PlatformAudience}, Life: time.Hour}},
		{"a:read", Target{[]string{"https://a"}, 10 * time.Minute, []string{"a"}}},
		{"a:read a:write openid", Target{[]string{"https://a"}, 10 * time.Minute, []string{"a"}}},
		{"a:read b:read", Target{[]string{"https://a", "https://b"}, 5 * time.Minute, []string{"a", "b"}}},
		{"b:read a:read", Target{[]string{"https://b", "https://a"}, 5 * time.Minute, []string{"b", "a"}}},
		{"long:read", Target{[]string{"https://long"}, 30 * 24 * time.Hour, []string{"long"}}},
		{"long:read a:read", Target{[]string{"https://long", "https://a"}, 10 * time.Minute, []string{"long", "a"}}},
		{"a:read long:read", Target{[]string{"https://a", "https://long"}, 10 * time.Minute, []string{"a", "long"}}},
		{"long:read p1:read:user", Target{[]string{"https://long", platform.PlatformAudience}, time.Hour, []string{"long"}}},
		{"p1:read:user long:read a:read", Target{[]string{platform.PlatformAudience, "https://long", "https://a"}, 10 * time.Minute, []string{"long", "a"}}},
	} {
		if got := c.Target(Issue{Scopes: Words(x.scopes)}); !reflect.DeepEqual(got, x.want) {
			t.Errorf("%q: %+v, not %+v", x.scopes, got, x.want)
		}
	}
	// A resource that says nothing of its lifetime has the usual one.
	if got := granted(false, custom("c", 0, "c:read")).Target(Issue{Scopes: []string{"c:read"}}); got.Life != TokenLife {
		t.Errorf("without a lifetime: %v", got.Life)
	}
	// The claims have what the target says.
	got := realm().AccessClaims(Issue{}, c.Target(Issue{Scopes: []string{"b:read", "a:read"}}), "c", "j", noon)
	if !reflect.DeepEqual(got.Audience, []string{"https://b", "https://a"}) || got.Expires-got.IssuedAt != 300 {
		t.Errorf("the claims are %+v", got)
	}
}

func TestDecideClient(t *testing.T) {
	// covers: RFC 6749 §3.3/2
	roles := []platform.RoleAssignment{{Parent: "me"}}
	a, b := custom("a", 600, "a:read", "a:write"), custom("b", 600, "b:read")
	cases := []struct {
		name    string
		client  *Client
		roles   []platform.RoleAssignment
		scope   string
		want    []string
		refused *fault.Fault
	}{
		{"with a role", granted(false), roles, "", nil, nil},
		{"with a role and grants", granted(false, a, b), roles, "", nil, nil},
		{"without anything", granted(false), nil, "", nil, fault.NoRoles},
		{"granted openid and its kind only", granted(false, ofOpenID("profile")), nil, "", nil, fault.NoRoles},
		{"granted scopes of the platform only", granted(false, ofPlatform("p1:read:user")), nil, "", nil, fault.NoRoles},
		{"with a scope of no resource", granted(false), roles, "openid", nil, fault.ScopeNotGrantable},
		{"with profile", granted(false, ofOpenID("profile")), roles, "profile", nil, fault.ScopeNotGrantable},
		{"with openid and profile", granted(false, ofOpenID("profile"), a), nil, "openid profile", nil, fault.ScopeNotGrantable},
		{"a scope of the platform", granted(false, ofPlatform("p1:read:user")), roles, "p1:read:user", nil, fault.ScopeNotGrantable},
		{"one that is not granted", granted(false, a), roles, "b:read", nil, fault.ScopeUnknown},
		{"a broken one", granted(false, a), roles, "a:read\x00", nil, fault.ScopeBroken},

		{"asked for", granted(false, a), nil, "a:read", []string{"a:read"}, nil},
		{"asked for, with a role", granted(false, a), roles, "a:read", []string{"a:read"}, nil},
		{"asked for both", granted(false, a), nil, "a:write a:read a:write", []string{"a:write", "a:read"}, nil},
		{"asked for one of two", granted(false, a), nil, "a:write b:read", []string{"a:write"}, nil},
		{"all that is granted", granted(false, a), nil, "", []string{"a:read", "a:write"}, nil},
		{"all that is granted of custom resources", granted(false, ofOpenID("profile"), ofPlatform("p1:read:user"), a), nil, "", []string{"a:read", "a:write"}, nil},
		{"openid and its kind are about a user", granted(false, ofOpenID("profile", "email"), a), nil, "openid a:read profile", []string{"a:read"}, nil},
		{"of two resources", granted(false, a, b), nil, "a:read b:read", nil, fault.ScopeMixed},
		{"of two resources, where that is allowed", granted(true, a, b), nil, "a:read b:read", []string{"a:read", "b:read"}, nil},
		{"all of two resources", granted(true, a, b), nil, "", []string{"a:read", "a:write", "b:read"}, nil},
		{"all of two resources at once", granted(false, a, b), nil, "", nil, fault.ScopeMixed},
		{"of a custom one and the platform", granted(true, a, ofPlatform("p1:read:user")), roles, "a:read p1:read:user", nil, fault.ScopeNotGrantable},
		{"of a custom one and the platform, not allowed", granted(false, a, ofPlatform("p1:read:user")), nil, "a:read p1:read:user", nil, fault.ScopeMixed},
	}
	for _, c := range cases {
		x := Exchange{Client: *c.client, Roles: c.roles, Now: noon}
		for _, form := range []Form{{"scope": {c.scope}}, {}} {
			if x.Form = form; c.scope != "" && len(form) == 0 {
				continue
			}
			out := decideClient(x)
			if !refuses(out.Refuse, c.refused) || out.Spend || out.Code != nil || out.End != nil || !reflect.DeepEqual(out.Issue, Issue{Scopes: c.want}) {
				t.Errorf("%s: %+v", c.name, out)
			}
			if out.Issue.WantsIdentity() {
				t.Errorf("%s: an ID token about nobody", c.name)
			}
		}
	}
}
