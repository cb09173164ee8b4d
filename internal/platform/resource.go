package platform

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// The types of resources.
const (
	ResourceOpenID   = "OPENID_CONNECT"
	ResourcePlatform = "PINGONE_API"
	ResourceCustom   = "CUSTOM"
)

// Resource is an API with scopes. Audience and lifetime are those of access
// tokens for it.
type Resource struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Audience string `json:"audience"`
	Validity int    `json:"accessTokenValiditySeconds"`
	// IntrospectAuth is how the resource authenticates to ask about tokens.
	IntrospectAuth string `json:"introspectEndpointAuthMethod"`
}

// ResourceScope is a scope of a resource.
type ResourceScope struct {
	Name         string   `json:"name"`
	Description  string   `json:"description"`
	Parent       string   `json:"parent"`
	Predefined   bool     `json:"predefined"`   // made with the environment
	MappedClaims []string `json:"mappedClaims"` // ids of the resource's attributes
}

// Releases are the names of the scopes that a claim of the resource of OpenID
// Connect is bound to: those that map its attribute, and the one that releases
// the standard claim of its name. Without any every sign-on has it.
func Releases(scopes []ResourceScope, attribute, claim string) []string {
	var out []string
	for _, s := range scopes {
		if slices.Contains(s.MappedClaims, attribute) {
			out = append(out, s.Name)
		}
	}
	for _, s := range OIDCScopes() {
		if slices.Contains(s.Claims, claim) && !slices.Contains(out, s.Name) {
			out = append(out, s.Name)
		}
	}
	return out
}

// OIDCScope is a scope of OpenID Connect and the claims it releases at the
// userinfo endpoint (OpenID Connect Core §5.4).
type OIDCScope struct {
	Name        string
	Description string
	Claims      []string
}

// OIDCScopes are the scopes of the resource openid, with the claims they
// release.
func OIDCScopes() []OIDCScope {
	return []OIDCScope{
		{"openid", "Sign in with OpenID Connect", []string{"sub"}},
		{"profile", "Read the user's profile", []string{"name", "given_name", "middle_name", "family_name", "nickname", "preferred_username", "picture", "zoneinfo", "locale", "updated_at"}},
		{"email", "Read the user's e-mail address", []string{"email", "email_verified"}},
		{"address", "Read the user's postal address", []string{"address"}},
		{"phone", "Read the user's phone number", []string{"phone_number"}},
	}
}

func selfScopes() []OIDCScope {
	return []OIDCScope{
		{Name: "p1:read:user", Description: "Read the own user"},
		{Name: "p1:update:user", Description: "Change the own user"},
		{Name: "p1:read:sessions", Description: "Read the own sessions"},
		{Name: "p1:delete:sessions", Description: "End the own sessions"},
		{Name: "p1:reset:userPassword", Description: "Change the own password"},
		{Name: "p1:validate:userPassword", Description: "Check the own password"},
		{Name: "p1:read:userPassword", Description: "Read the state of the own password"},
		{Name: "p1:create:device", Description: "Add an own device"},
		{Name: "p1:read:device", Description: "Read the own devices"},
		{Name: "p1:update:device", Description: "Change an own device"},
		{Name: "p1:delete:device", Description: "Remove an own device"},
	}
}

func resources() kind.Kind {
	return &kind.Of[Resource]{
		Spec: kind.Spec{
			Name: "resource", Plural: "resources", Title: "Resource", Parents: inEnvironment(),
			Methods: readWrite(), Area: "resources", Beside: "resourceSecret", Needs: kind.NeedSecret,
			Owns: []string{"scope", "resourceAttribute", "applicationResource"},
			Fields: []kind.Field{
				uniqueName(), description(),
				with(choice("type", ResourceOpenID, ResourcePlatform, ResourceCustom).As(kind.Immutable), ResourceCustom).FilterBy(kind.Eq),
				text("audience", 256),
				with(number("accessTokenValiditySeconds", 300, 2592000), 3600),
				choice("introspectEndpointAuthMethod", AuthNone, AuthBasic, AuthPost),
				object("applicationPermissionsSettings", maybe("claimEnabled")),
			},
			Links: []kind.Link{
				{Rel: "scopes", Path: "{self}/scopes"}, {Rel: "attributes", Path: "{self}/attributes"}, {Rel: "secret", Path: "{self}/secret"},
			},
		},
		Prepare: func(sent, before kind.Body) kind.Body {
			filled := kind.Body{"audience": sent["name"], "introspectEndpointAuthMethod": AuthBasic}
			if before != nil && kind.At(before, "type") != ResourceCustom {
				filled = kind.Body{"audience": before["audience"]}
			}
			for member, v := range sent {
				if v != nil {
					filled[member] = v
				}
			}
			return filled
		},
		Rules: resourceRules,
		Entries: func(r Resource, g kind.Gift) []kind.Entry {
			return []kind.Entry{
				{Kind: "resourceSecret", ID: g.ID, Body: Secret{Sealed: g.Secret}},
				{Kind: "resourceAttribute", ID: g.NewID(), Body: kind.Body{"name": "sub", "value": "${user.id}", "type": MappingCore, "parent": g.ID, "resource": byID(g.ID)}},
			}
		},
		Stays: func(r Resource) error {
			return mustStay(r.Type != ResourceCustom, "cannot delete the resources of the platform")
		},
	}
}

func resourceRules(before *Resource, r Resource) []fault.Detail {
	if before != nil && before.Type != ResourceCustom {
		if before.Name != r.Name || before.Audience != r.Audience {
			return []fault.Detail{{Code: "INVALID_VALUE", Target: "name", Message: "must not be changed, nor the audience: the resource is the platform's"}}
		}
		return nil
	}
	if before == nil && r.Type != ResourceCustom {
		return []fault.Detail{{Code: "INVALID_VALUE", Target: "type", Message: "must be CUSTOM: the others are the platform's"}}
	}
	for _, taken := range []string{"pingone", "pingidentity"} {
		if strings.Contains(strings.ToLower(r.Audience), taken) {
			return []fault.Detail{{Code: "INVALID_VALUE", Target: "audience", Message: "must not contain '" + taken + "'"}}
		}
	}
	return nil
}

func scopes() kind.Kind {
	n := name().FilterBy(kind.Eq, kind.Sw)
	n.Unique = true
	n.Shape = func(s string) string {
		if strings.ContainsFunc(s, func(r rune) bool { return r <= 0x20 || r > 0x7e || r == '"' || r == '\\' }) {
			return "must consist of the characters of a scope (RFC 6749 §3.3): visible ASCII without '\"' and '\\'"
		}
		return ""
	}
	return &kind.Of[ResourceScope]{Rules: scopeRules, Stays: func(s ResourceScope) error {
		return mustStay(s.Predefined, "cannot delete the scopes of the platform")
	}, Spec: kind.Spec{
		Name: "scope", Plural: "scopes", Title: "Scope", Parents: []string{"resource"},
		Methods: readWrite(), Area: "resources",
		Fields: []kind.Field{n, description(), parent("resource"), texts("schemaAttributes", 100, text("", 256)), texts("mappedClaims", 100, text("", 256)), maybe("predefined").As(kind.Hidden)},
		Links:  []kind.Link{{Rel: "resource", Path: "{env}/resources/{resource.id}"}},
	}}
}

// scopeRules refuses the names of OpenID Connect's own scopes: another resource
// that had one would be asked for with every sign-on.
func scopeRules(before *ResourceScope, s ResourceScope) []fault.Detail {
	if before != nil && before.Predefined && before.Name != s.Name {
		return []fault.Detail{{Code: "INVALID_VALUE", Target: "name", Message: "must not be changed: the scope is the platform's"}}
	}
	own := slices.ContainsFunc(OIDCScopes(), func(o OIDCScope) bool { return o.Name == s.Name }) || s.Name == "offline_access"
	if !own || before != nil && before.Name == s.Name {
		return nil
	}
	return []fault.Detail{{Code: "INVALID_VALUE", Target: "name", Message: "must not be the name of a scope of OpenID Connect"}}
}

// applicationResources are the resources of applications within a custom
// resource. They are stored; nothing is decided by them.
func applicationResources() kind.Kind {
	type stored struct {
		Parent string `json:"parent"`
	}
	return &kind.Of[stored]{
		Spec: kind.Spec{
			Name: "applicationResource", Plural: "applicationResources", Title: "Application resource", Parents: []string{"resource"},
			Methods: readWrite(), Area: "resources",
			Fields: []kind.Field{uniqueName(), description()},
		},
		Shown: func(_ string, r stored, _ json.RawMessage, _ time.Time) (kind.Body, error) {
			return kind.Body{"parent": kind.Body{"type": "PING_ONE_RESOURCE", "id": r.Parent}}, nil
		},
	}
}
