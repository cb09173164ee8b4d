package platform

import (
	"regexp"
	"slices"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

func schemas() kind.Kind {
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "schema", Plural: "schemas", Title: "Schema", Parents: inEnvironment(), Methods: readOnly(), Area: "schemas",
		Fields: []kind.Field{name(), description(), maybe("allowsContainsOperator")},
		Links:  []kind.Link{{Rel: "attributes", Path: "{self}/attributes"}},
	}}
}

// SchemaAttribute is a member that users may have.
type SchemaAttribute struct {
	Name             string `json:"name"`
	SchemaType       string `json:"schemaType"`
	Type             string `json:"type"`
	Enabled          bool   `json:"enabled"`
	Required         bool   `json:"required"`
	MultiValued      bool   `json:"multiValued"`
	EnumeratedValues []struct {
		Value    string `json:"value"`
		Archived bool   `json:"archived"`
	} `json:"enumeratedValues"`
}

// CustomFields are the members of users that the attributes of a schema add to
// those that all users have.
func CustomFields(attributes []SchemaAttribute) []kind.Field {
	out := []kind.Field{}
	for _, a := range attributes {
		if a.SchemaType != "CUSTOM" {
			continue
		}
		f := text(a.Name, 2048)
		switch a.Type {
		case "BOOLEAN":
			f = maybe(a.Name)
		case "JSON", "COMPLEX":
			f = kind.Field{Name: a.Name, Type: kind.Opaque}
		}
		for _, v := range a.EnumeratedValues {
			if !v.Archived {
				f.Enum = append(f.Enum, v.Value)
			}
		}
		if a.MultiValued {
			f = texts(a.Name, 100, f)
		}
		if f.Required = a.Required; !a.Enabled {
			f.Access = kind.Hidden // what users have stays for when it is enabled again
		}
		out = append(out, f)
	}
	return out
}

func schemaAttributes() kind.Kind {
	n := name().As(kind.Immutable).FilterBy(kind.Eq)
	n.Unique, n.Pattern = true, regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
	return &kind.Of[SchemaAttribute]{
		Spec: kind.Spec{
			Name: "schemaAttribute", Plural: "attributes", Title: "Schema attribute", Parents: []string{"schema"}, Methods: append(readWrite(), "PATCH"), Area: "schemas",
			Fields: []kind.Field{
				n, description(), text("displayName", 256), with(kind.Field{Name: "enabled", Type: kind.Boolean}, true), text("ldapAttribute", 256).As(kind.ReadOnly),
				flag("required", false), parent("schema"), with(choice("schemaType", "CORE", "STANDARD", "CUSTOM").As(kind.ReadOnly), "CUSTOM").FilterBy(kind.Eq),
				{Name: "subAttributes", Type: kind.Opaque, Access: kind.ReadOnly},
				choice("type", "STRING", "JSON", "BOOLEAN", "COMPLEX").Needed().As(kind.Immutable), flag("unique", false).As(kind.Immutable), flag("multiValued", false).As(kind.Immutable),
				texts("enumeratedValues", 100, object("", text("value", 256).Needed(), maybe("archived"), description())),
				object("regexValidation", text("pattern", 1024).Needed(), text("requirements", 1024).Needed(),
					texts("valuesPatternShouldMatch", 20, text("", 256)), texts("valuesPatternShouldNotMatch", 20, text("", 256))),
			},
		},
		Rules: func(_ *SchemaAttribute, a SchemaAttribute) []fault.Detail {
			reserved := []string{"id", "account", "lastSignOn", "createdAt", "updatedAt", "environment", "password", "type"}
			named := func(f kind.Field) bool { return f.Name == a.Name }
			if a.SchemaType != "CUSTOM" || !slices.Contains(reserved, a.Name) && !slices.ContainsFunc(UserFields(), named) {
				return nil
			}
			return []fault.Detail{{Code: "INVALID_VALUE", Target: "name", Message: "is the name of a member that every user has"}}
		},
		Stays: func(a SchemaAttribute) error {
			return mustStay(a.SchemaType != "CUSTOM", "cannot delete an attribute of the platform")
		},
	}
}

// userAttributes are the attributes of the schema User, from the table of
// users.
func userAttributes() []kind.Body {
	var out []kind.Body
	for _, f := range UserFields() {
		if f.Access != kind.Written && f.Access != kind.Kept || f.Name == "lifecycle" || f.Name == "verifyStatus" {
			continue
		}
		body := kind.Body{"name": f.Name, "enabled": true, "required": f.Required, "schemaType": "STANDARD", "type": attributeType(f), "unique": f.Unique, "multiValued": false}
		if f.Required {
			body["schemaType"] = "CORE"
		}
		if f.Type == kind.Object {
			var sub []any
			for _, inner := range f.Fields {
				sub = append(sub, kind.Body{"name": inner.Name, "enabled": true, "required": inner.Required, "type": attributeType(inner)})
			}
			body["subAttributes"] = sub
		}
		out = append(out, body)
	}
	return out
}

func attributeType(f kind.Field) string {
	switch f.Type {
	case kind.Object:
		return "COMPLEX"
	case kind.Boolean:
		return "BOOLEAN"
	}
	return "STRING"
}

func identityProviders() kind.Kind {
	oidc := []kind.Field{
		webURL("authorizationEndpoint").Needed(), text("clientId", 1024).Needed(), text("clientSecret", 16384).Needed().As(kind.Confided), webURL("discoveryEndpoint"),
		text("issuer", 1024).Needed(), webURL("jwksEndpoint").Needed(), needed(texts("scopes", 50, text("", 256))), webURL("tokenEndpoint").Needed(),
		choice("tokenEndpointAuthMethod", AuthBasic, AuthPost, AuthNone).Needed(), webURL("userInfoEndpoint"), choice("pkceMethod", "S256", "NONE"),
	}
	saml := []kind.Field{
		maybe("authnRequestSigned"), text("idpEntityId", 1024).Needed(), text("spEntityId", 1024).Needed(),
		object("idpVerification", needed(texts("certificates", 20, kind.ID("", "certificate")))).Needed(),
		object("spSigning", text("algorithm", 64), kind.ID("key", "key").Needed()),
		choice("ssoBinding", "HTTP_POST", "HTTP_REDIRECT").Needed(), webURL("ssoEndpoint").Needed(), choice("sloBinding", "HTTP_POST", "HTTP_REDIRECT"),
		webURL("sloEndpoint"), webURL("sloResponseEndpoint"), number("sloWindow", 1, 24),
	}
	social := []string{"GOOGLE", "LINKEDIN", "LINKEDIN_OIDC", "TWITTER", "AMAZON", "YAHOO", "MICROSOFT", "GITHUB"}
	secret := text("clientSecret", 16384).Needed().As(kind.Confided)
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "identityProvider", Plural: "identityProviders", Title: "Identity provider", Parents: inEnvironment(), Methods: readWrite(), Area: "identityProviders",
		Owns: []string{"identityProviderAttribute"},
		Fields: []kind.Field{
			uniqueName(), description(), kind.Field{Name: "enabled", Type: kind.Boolean}.Needed(), image("icon"), image("loginButtonIcon"),
			object("registration", kind.ID("population", "population")),
			choice("type", append([]string{"FACEBOOK", "APPLE", "PAYPAL", "OPENID_CONNECT", "SAML"}, social...)...).Needed().As(kind.Immutable).FilterBy(kind.Eq),
		},
		Variants: []kind.Variant{
			{By: "type", Is: []string{"OPENID_CONNECT"}, Fields: oidc},
			{By: "type", Is: []string{"SAML"}, Fields: saml},
			{By: "type", Is: append(social, "PAYPAL"), Fields: []kind.Field{text("clientId", 1024).Needed(), secret}},
			{By: "type", Is: []string{"FACEBOOK"}, Fields: []kind.Field{text("appId", 1024).Needed(), text("appSecret", 16384).Needed().As(kind.Confided)}},
			{By: "type", Is: []string{"APPLE"}, Fields: []kind.Field{text("clientId", 1024).Needed(), text("clientSecretSigningKey", 32768).Needed().As(kind.Confided), text("keyId", 64).Needed(), text("teamId", 64).Needed()}},
			{By: "type", Is: []string{"PAYPAL"}, Fields: []kind.Field{text("clientEnvironment", 32)}},
			{By: "type", Is: []string{"MICROSOFT"}, Fields: []kind.Field{text("tenantId", 64)}},
		},
		Links: []kind.Link{{Rel: "attributes", Path: "{self}/attributes"}},
	}}
}

func identityProviderAttributes() kind.Kind {
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "identityProviderAttribute", Plural: "attributes", Title: "Identity provider attribute", Parents: []string{"identityProvider"}, Methods: readWrite(), Area: "identityProviders",
		Fields: []kind.Field{
			claimName(), text("value", 2048).Needed(), choice("update", "EMPTY_ONLY", "ALWAYS").Needed(),
			with(choice("mappingType", MappingCore, MappingCustom).As(kind.ReadOnly), MappingCustom), parent("identityProvider"),
		},
	}}
}
