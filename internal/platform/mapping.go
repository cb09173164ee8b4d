package platform

import (
	"slices"
	"strings"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// AttributeMapping is a claim that an application's ID tokens and userinfo
// answers get, or, of a resource, its access tokens.
type AttributeMapping struct {
	Name        string   `json:"name"`
	Value       string   `json:"value"`
	MappingType string   `json:"mappingType"` // of an application's
	Type        string   `json:"type"`        // of a resource's
	IDToken     *bool    `json:"idToken"`
	UserInfo    *bool    `json:"userInfo"`
	OIDCScopes  []string `json:"oidcScopes"`
	Parent      string   `json:"parent"`
}

// The types of a mapping. What is CORE is made with its application.
const (
	MappingCore   = "CORE"
	MappingCustom = "CUSTOM"
)

// subjectMapping is the mapping that every application has.
func subjectMapping(application string) kind.Body {
	return kind.Body{"name": "sub", "value": "${user.id}", "required": true, "mappingType": MappingCore, "idToken": true, "userInfo": true,
		"parent": application, "application": byID(application)}
}

func expression() kind.Field {
	f := text("value", 2048).Needed()
	f.Shape = wrongExpression
	return f
}

func claimName() kind.Field {
	f := name().As(kind.Immutable).FilterBy(kind.Eq)
	f.Unique = true
	return f
}

func attributeMappings() kind.Kind {
	return &kind.Of[AttributeMapping]{
		Spec: kind.Spec{
			Name: "attributeMapping", Plural: "attributes", Title: "Attribute mapping", Parents: []string{"application"},
			Methods: readWrite(), Area: "applications",
			Fields: []kind.Field{
				parent("application"), claimName(), expression(),
				kind.Field{Name: "required", Type: kind.Boolean}.Needed(),
				with(choice("mappingType", MappingCore, "SCOPE", MappingCustom).As(kind.ReadOnly), MappingCustom),
				text("nameFormat", 256),
				flag("idToken", true), flag("userInfo", true),
				texts("oidcScopes", 50, text("", 256)),
			},
			Links: []kind.Link{{Rel: "application", Path: "{env}/applications/{application.id}"}},
		},
		Rules: mappingRules(reservedClaims()...),
		Stays: func(m AttributeMapping) error {
			return mustStay(m.MappingType == MappingCore, "cannot delete a core attribute mapping")
		},
	}
}

func resourceAttributes() kind.Kind {
	return &kind.Of[AttributeMapping]{
		Spec: kind.Spec{
			Name: "resourceAttribute", Plural: "attributes", Title: "Resource attribute", Parents: []string{"resource"},
			Methods: readWrite(), Area: "resources",
			Fields: []kind.Field{
				parent("resource"), claimName(), expression(),
				with(choice("type", MappingCore, MappingCustom, "PREDEFINED").As(kind.ReadOnly), MappingCustom),
				maybe("idToken"), maybe("userInfo"),
			},
			Links: []kind.Link{{Rel: "resource", Path: "{env}/resources/{resource.id}"}},
		},
		Rules: mappingRules(append(reservedClaims(), "sub")...),
		Stays: func(m AttributeMapping) error {
			return mustStay(m.Type == MappingCore, "cannot delete a core attribute")
		},
	}
}

// reservedClaims are the claims that the server itself writes.
func reservedClaims() []string {
	return []string{"acr", "act", "amr", "aud", "azp", "at_hash", "auth_time", "c_hash", "client_id", "cnf", "env", "exp", "fam", "iat", "iss", "jti", "nbf", "nonce", "org", "scope", "sid", "sub_jwk", "typ"}
}

func mappingRules(reserved ...string) func(*AttributeMapping, AttributeMapping) []fault.Detail {
	return func(_ *AttributeMapping, m AttributeMapping) []fault.Detail {
		var out []fault.Detail
		if (slices.Contains(reserved, strings.ToLower(m.Name)) || strings.HasPrefix(strings.ToLower(m.Name), "p1.")) && !(m.MappingType == MappingCore) && m.Type != MappingCore {
			out = append(out, fault.Detail{Code: "INVALID_VALUE", Target: "name", Message: "must not be the name of a claim that the server writes itself: " + m.Name})
		}
		if m.IDToken != nil && m.UserInfo != nil && !*m.IDToken && !*m.UserInfo {
			out = append(out, fault.Detail{Code: "INVALID_VALUE", Target: "idToken", Message: "must not be false together with userInfo"})
		}
		return out
	}
}
