package platform

import "pixy/internal/kind"

// Resource is an API with scopes.
type Resource struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // OPENID_CONNECT, PINGONE_API, CUSTOM
	Audience string `json:"audience"`
}

// ResourceScope is a scope of a resource.
type ResourceScope struct {
	Name   string `json:"name"`
	Parent string `json:"parent"`
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
	}
}

func resources() kind.Kind {
	return &kind.Of[Resource]{Spec: kind.Spec{
		Name: "resource", Plural: "resources", Title: "Resource", Parent: "environment",
		Methods: readOnly(), Area: "resources",
		Fields: []kind.Field{
			name().FilterBy(kind.Eq), description(),
			choice("type", "OPENID_CONNECT", "PINGONE_API", "CUSTOM"),
			text("audience", 256),
			number("accessTokenValiditySeconds", 300, 2592000),
		},
		Links: []kind.Link{{Rel: "scopes", Path: "{self}/scopes"}},
	}}
}

func scopes() kind.Kind {
	return &kind.Of[ResourceScope]{Spec: kind.Spec{
		Name: "scope", Plural: "scopes", Title: "Scope", Parent: "resource",
		Methods: readOnly(), Area: "resources",
		Fields: []kind.Field{name().FilterBy(kind.Eq), description(), parent("resource")},
		Links:  []kind.Link{{Rel: "resource", Path: "{env}/resources/{resource.id}"}},
	}}
}
