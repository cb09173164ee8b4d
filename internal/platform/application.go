package platform

import (
	"encoding/json"
	"net/url"
	"time"

	"pixy/internal/kind"
)

// Application is an OpenID Connect application: an OAuth client.
type Application struct {
	Name                        string   `json:"name"`
	Enabled                     bool     `json:"enabled"`
	Type                        string   `json:"type"`
	Protocol                    string   `json:"protocol"`
	GrantTypes                  []string `json:"grantTypes"`
	ResponseTypes               []string `json:"responseTypes"`
	RedirectURIs                []string `json:"redirectUris"`
	AllowWildcardInRedirectURIs bool     `json:"allowWildcardInRedirectUris"`
	TokenEndpointAuthMethod     string   `json:"tokenEndpointAuthMethod"`
	PKCEEnforcement             string   `json:"pkceEnforcement"`
	PARRequirement              string   `json:"parRequirement"`
	RequireSignedRequestObject  bool     `json:"requireSignedRequestObject"`
	LoginPageURL                string   `json:"loginPageUrl"`
	HomePageURL                 string   `json:"homePageUrl"`
	InitiateLoginURI            string   `json:"initiateLoginUri"`
	CORSSettings                *struct {
		Behavior string   `json:"behavior"`
		Origins  []string `json:"origins"`
	} `json:"corsSettings"`
	AccessControl json.RawMessage `json:"accessControl"`
}

// The values of pkceEnforcement.
const (
	PKCEOptional     = "OPTIONAL"
	PKCERequired     = "REQUIRED"
	PKCES256Required = "S256_REQUIRED"
)

// The values of tokenEndpointAuthMethod that Pixy serves.
const (
	AuthNone  = "NONE"
	AuthBasic = "CLIENT_SECRET_BASIC"
	AuthPost  = "CLIENT_SECRET_POST"
)

func applications() kind.Kind {
	return &kind.Of[Application]{
		Spec: kind.Spec{
			Name: "application", Plural: "applications", Title: "Application", Parent: "environment",
			Methods: readWrite(), Area: "applications", Beside: "secret", Needs: kind.NeedSecret,
			Owns: []string{"grant", "signOnPolicyAssignment"}, Ends: kind.HoldsAsClient,
			NotFound: "Unable to find Application with ID: '%s' in Environment '%s'",
			Fields:   applicationFields(),
			Links: []kind.Link{
				{Rel: "metadata", Path: "{self}/metadata"},
				{Rel: "attributes", Path: "{self}/attributes"},
				{Rel: "pushCredentials", Path: "{self}/pushCredentials"},
				{Rel: "secret", Path: "{self}/secret"},
				{Rel: "grants", Path: "{self}/grants"},
				{Rel: "signOnPolicyAssignments", Path: "{self}/signOnPolicyAssignments"},
				{Rel: "keyRotationPolicy", Path: "{env}/keyRotationPolicies/{signing.keyRotationPolicy.id}"},
			},
		},
		Prepare: byType,
		Rules:   applicationRules,
		Entries: func(_ Application, g kind.Gift) []kind.Entry {
			return []kind.Entry{{Kind: "secret", ID: g.ID, Body: Secret{Sealed: g.Secret}}}
		},
		Shown: func(id string, a Application, _ json.RawMessage, _ time.Time) (kind.Body, error) {
			return kind.Body{"clientId": id}, nil
		},
	}
}

// Secret is the sealed client secret that stands beside an application.
type Secret struct {
	Sealed   string          `json:"sealed"`
	Previous *PreviousSecret `json:"previous,omitempty"`
}

// PreviousSecret is a secret that was replaced and lives on for a while.
type PreviousSecret struct {
	Sealed    string    `json:"sealed"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// typeDefaults are what an application of a type gets when the request leaves
// it out.
type typeDefaults struct {
	grants, responses []any
	auth              string
}

func defaultsOf(applicationType string) typeDefaults {
	switch applicationType {
	case "NATIVE_APP":
		return typeDefaults{[]any{"AUTHORIZATION_CODE", "IMPLICIT"}, []any{"TOKEN", "ID_TOKEN", "CODE"}, AuthNone}
	case "SINGLE_PAGE_APP":
		return typeDefaults{[]any{"IMPLICIT"}, []any{"TOKEN", "ID_TOKEN"}, AuthNone}
	case "CUSTOM_APP":
		return typeDefaults{[]any{"DEVICE_CODE", "REFRESH_TOKEN"}, nil, AuthNone}
	case "WORKER", "SERVICE":
		return typeDefaults{[]any{"CLIENT_CREDENTIALS"}, []any{"TOKEN"}, AuthBasic}
	}
	return typeDefaults{[]any{"AUTHORIZATION_CODE"}, []any{"CODE"}, AuthBasic}
}

// byType fills in what PingOne adds by the type of the application.
func byType(sent, before kind.Body) kind.Body {
	applicationType, _ := sent["type"].(string)
	if before != nil {
		applicationType = kind.At(before, "type")
	}
	d := defaultsOf(applicationType)
	filled := kind.Body{"grantTypes": d.grants, "tokenEndpointAuthMethod": d.auth}
	if d.responses != nil {
		filled["responseTypes"] = d.responses
	}
	if applicationType == "NATIVE_APP" {
		filled["mobile"] = kind.Body{
			"integrityDetection":      kind.Body{"mode": "DISABLED"},
			"passcodeRefreshDuration": kind.Body{"duration": json.Number("30"), "timeUnit": "SECONDS"},
			"passcodeGracePeriod":     json.Number("5"),
		}
	}
	for member, value := range sent {
		if value != nil {
			filled[member] = value
		}
	}
	return filled
}

// applicationFields is the table of PingOne's OIDC applications. What hangs on
// the type is filled in by byType.
func applicationFields() []kind.Field {
	uri := kind.Field{Type: kind.Text, MinLen: 1, MaxLen: 2048, Shape: wrongRedirectURI}
	origin := kind.Field{Type: kind.Text, MinLen: 1, MaxLen: 256, Shape: wrongOrigin}
	return []kind.Field{
		name(),
		description(),
		kind.Field{Name: "enabled", Type: kind.Boolean}.Needed(),
		choice("type", "WEB_APP", "NATIVE_APP", "SINGLE_PAGE_APP", "WORKER", "SERVICE", "CUSTOM_APP").Needed().As(kind.Immutable),
		choice("protocol", "OPENID_CONNECT").Needed().As(kind.Immutable),
		texts("grantTypes", 10, choice("", "AUTHORIZATION_CODE", "IMPLICIT", "REFRESH_TOKEN", "CLIENT_CREDENTIALS", "DEVICE_CODE", "TOKEN_EXCHANGE", "CIBA")),
		texts("responseTypes", 3, choice("", "TOKEN", "ID_TOKEN", "CODE")),
		texts("redirectUris", 100, uri),
		texts("postLogoutRedirectUris", 100, uri),
		choice("tokenEndpointAuthMethod", AuthNone, AuthBasic, AuthPost, "PRIVATE_KEY_JWT", "CLIENT_SECRET_JWT"),
		with(choice("pkceEnforcement", PKCEOptional, PKCERequired, PKCES256Required), PKCEOptional),
		{Name: "allowWildcardInRedirectUris", Type: kind.Boolean},
		flag("assignActorRoles", false).As(kind.Immutable),
		flag("hiddenFromAppPortal", false),
		flag("idpSignoff", false),
		flag("requestScopesForMultipleResourcesEnabled", false),
		flag("requireSignedRequestObject", false),
		flag("additionalRefreshTokenReplayProtectionEnabled", true),
		with(number("refreshTokenDuration", 60, 2147483647), 2592000),
		with(number("refreshTokenRollingDuration", 60, 2147483647), 15552000),
		number("refreshTokenRollingGracePeriodDuration", 0, 86400),
		choice("refreshTokenType", "JSON_WEB_TOKEN", "OPAQUE_TOKEN"),
		with(choice("parRequirement", "REQUIRED", "OPTIONAL"), "OPTIONAL"),
		with(number("parTimeout", 1, 600), 60),
		with(number("deviceTimeout", 1, 3600), 600),
		with(number("devicePollingInterval", 1, 60), 5),
		text("devicePathId", 50),
		text("deviceCustomVerificationUri", 2048),
		kind.Field{Name: "corsSettings", Type: kind.Object, Fields: []kind.Field{
			choice("behavior", "ALLOW_NO_ORIGINS", "ALLOW_SPECIFIC_ORIGINS").Needed(), texts("origins", 40, origin),
		}},
		with(object("signing", kind.ID("keyRotationPolicy", "keyRotationPolicy").OrDefault()), kind.Body{}),
		webURL("homePageUrl"), webURL("initiateLoginUri"), webURL("targetLinkUri"), webURL("loginPageUrl"),
		text("jwks", 16384), webURL("jwksUrl"),
		{Name: "includeX5t", Type: kind.Boolean},
		{Name: "opSessionCheckEnabled", Type: kind.Boolean},
		{Name: "supportUnsignedRequestObject", Type: kind.Boolean},
		{Name: "accessControl", Type: kind.Opaque},
		{Name: "icon", Type: kind.Opaque},
		{Name: "kerberos", Type: kind.Opaque},
		{Name: "mobile", Type: kind.Opaque},
		{Name: "tags", Type: kind.Opaque},
	}
}

func webURL(name string) kind.Field {
	f := text(name, 2048)
	f.Shape = func(s string) string {
		if u, err := url.Parse(s); err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
			return "must be an absolute http or https URL"
		}
		return ""
	}
	return f
}
