package platform

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"time"

	"pixy/internal/kind"
)

// Application is an application: an OAuth client, when its protocol is OpenID
// Connect.
type Application struct {
	Name                         string   `json:"name"`
	Enabled                      bool     `json:"enabled"`
	Type                         string   `json:"type"`
	Protocol                     string   `json:"protocol"`
	GrantTypes                   []string `json:"grantTypes"`
	ResponseTypes                []string `json:"responseTypes"`
	RedirectURIs                 []string `json:"redirectUris"`
	AllowWildcardInRedirectURIs  bool     `json:"allowWildcardInRedirectUris"`
	TokenEndpointAuthMethod      string   `json:"tokenEndpointAuthMethod"`
	PKCEEnforcement              string   `json:"pkceEnforcement"`
	PARRequirement               string   `json:"parRequirement"`
	PARTimeout                   int      `json:"parTimeout"` // seconds
	RequireSignedRequestObject   bool     `json:"requireSignedRequestObject"`
	SupportUnsignedRequestObject bool     `json:"supportUnsignedRequestObject"`
	LoginPageURL                 string   `json:"loginPageUrl"`
	HomePageURL                  string   `json:"homePageUrl"`
	InitiateLoginURI             string   `json:"initiateLoginUri"`
	PostLogoutRedirectURIs       []string `json:"postLogoutRedirectUris"`
	// IdPSignoff lets the application end sessions by an ID token alone.
	IdPSignoff bool `json:"idpSignoff"`
	// BackChannelLogoutURI is where the application hears that a session has
	// ended, or "".
	BackChannelLogoutURI string `json:"backChannelLogoutUri"`
	CORSSettings         *struct {
		Behavior string   `json:"behavior"`
		Origins  []string `json:"origins"`
	} `json:"corsSettings"`
	// JWKS is a JSON Web Key Set as a text, JWKSURL where one is.
	JWKS          string          `json:"jwks"`
	JWKSURL       string          `json:"jwksUrl"`
	AccessControl json.RawMessage `json:"accessControl"`
	// The lifetimes of refresh tokens, in seconds: of each, of all that follow
	// one another (0 for ever), and of one that was rotated.
	RefreshTokenDuration           int   `json:"refreshTokenDuration"`
	RefreshTokenRollingDuration    int   `json:"refreshTokenRollingDuration"`
	RefreshTokenRollingGracePeriod int   `json:"refreshTokenRollingGracePeriodDuration"`
	AdditionalReplayProtection     *bool `json:"additionalRefreshTokenReplayProtectionEnabled"`
	// Of device codes: their lifetime and the time between two polls, in
	// seconds, and where the person enters the user code.
	DeviceTimeout               int    `json:"deviceTimeout"`
	DevicePollingInterval       int    `json:"devicePollingInterval"`
	DevicePathID                string `json:"devicePathId"`
	DeviceCustomVerificationURI string `json:"deviceCustomVerificationUri"`

	MultipleResources bool  `json:"requestScopesForMultipleResourcesEnabled"`
	IncludeX5t        bool  `json:"includeX5t"`
	IncludeTyp        *bool `json:"includeTyp"`
	Signing           struct {
		KeyRotationPolicy Reference `json:"keyRotationPolicy"`
		// Key signs in place of the policy's, by the algorithm that it is for.
		// PingOne has no such member.
		Key Reference `json:"key"`
	} `json:"signing"`
}

// RefreshReplayProtection reports whether the reuse of a refresh token ends the
// access tokens of its family too; it does unless the application says no.
func (a Application) RefreshReplayProtection() bool {
	return a.AdditionalReplayProtection == nil || *a.AdditionalReplayProtection
}

// The values of pkceEnforcement.
const (
	PKCEOptional     = "OPTIONAL"
	PKCERequired     = "REQUIRED"
	PKCES256Required = "S256_REQUIRED"
)

// The values of tokenEndpointAuthMethod.
const (
	AuthNone          = "NONE"
	AuthBasic         = "CLIENT_SECRET_BASIC"
	AuthPost          = "CLIENT_SECRET_POST"
	AuthSecretJWT     = "CLIENT_SECRET_JWT"
	AuthPrivateKeyJWT = "PRIVATE_KEY_JWT"
)

func applications() kind.Kind {
	return &kind.Of[Application]{
		Spec: kind.Spec{
			Name: "application", Plural: "applications", Title: "Application", Parents: inEnvironment(),
			Methods: readWrite(), Area: "applications", Beside: "secret", Needs: kind.NeedSecret,
			Owns: []string{"grant", "signOnPolicyAssignment", "flowPolicyAssignment", "attributeMapping"}, Ends: kind.HoldsAsClient,
			NotFound: "Unable to find Application with ID: '%s' in Environment '%s'",
			Fields:   ApplicationFields(),
			Variants: []kind.Variant{
				{By: "protocol", Is: []string{"OPENID_CONNECT"}, Fields: oidcFields()},
				{By: "protocol", Is: []string{"EXTERNAL_LINK"}, Fields: []kind.Field{webURL("homePageUrl").Needed(), text("externalId", 1024)}},
				{By: "type", Is: []string{"PING_ONE_PORTAL", "PING_ONE_SELF_SERVICE"}, Fields: []kind.Field{flag("applyDefaultTheme", true), maybe("enableDefaultThemeFooter")}},
			},
			Links: []kind.Link{
				{Rel: "metadata", Path: "{self}/metadata"},
				{Rel: "pushCredentials", Path: "{self}/pushCredentials"},
				{Rel: "attributes", Path: "{self}/attributes"},
				{Rel: "secret", Path: "{self}/secret"},
				{Rel: "grants", Path: "{self}/grants"},
				{Rel: "signOnPolicyAssignments", Path: "{self}/signOnPolicyAssignments"},
				{Rel: "roleAssignments", Path: "{self}/roleAssignments"},
				{Rel: "keyRotationPolicy", Path: "{env}/keyRotationPolicies/{signing.keyRotationPolicy.id}"},
			},
			Reach: []kind.Reach{{Scope: ScopeApplication, Path: "id"}},
		},
		Prepare: byType,
		Rules:   applicationRules,
		Entries: func(a Application, g kind.Gift) []kind.Entry {
			if a.Protocol != "OPENID_CONNECT" {
				return nil
			}
			return []kind.Entry{
				{Kind: "secret", ID: g.ID, Body: Secret{Sealed: g.Secret}},
				{Kind: "attributeMapping", ID: g.NewID(), Body: subjectMapping(g.ID)},
			}
		},
		Shown: func(id string, a Application, _ json.RawMessage, _ time.Time) (kind.Body, error) {
			if a.Protocol != "OPENID_CONNECT" {
				return nil, nil
			}
			return kind.Body{"clientId": id}, nil
		},
		Stays: func(a Application) error {
			return mustStay(strings.HasPrefix(a.Type, "PING_ONE_"), "cannot delete the applications of the platform")
		},
	}
}

// ofPlatform are the types of the applications that every environment has.
func ofPlatform() []string {
	return []string{"PING_ONE_ADMIN_CONSOLE", "PING_ONE_PORTAL", "PING_ONE_SELF_SERVICE"}
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
	case "PING_ONE_ADMIN_CONSOLE", "PING_ONE_PORTAL", "PING_ONE_SELF_SERVICE":
		return typeDefaults{[]any{"AUTHORIZATION_CODE"}, []any{"CODE"}, AuthNone}
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
	if protocol, _ := sent["protocol"].(string); before == nil && protocol != "OPENID_CONNECT" || before != nil && kind.At(before, "protocol") != "OPENID_CONNECT" {
		return sent
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

// ApplicationFields are the fields of every application. What hangs on the
// type is filled in by byType.
func ApplicationFields() []kind.Field {
	return []kind.Field{
		name().FilterBy(kind.Eq, kind.Sw),
		description(),
		kind.Field{Name: "enabled", Type: kind.Boolean}.Needed().FilterBy(kind.Eq),
		choice("type", append([]string{"WEB_APP", "NATIVE_APP", "SINGLE_PAGE_APP", "WORKER", "SERVICE", "CUSTOM_APP", "PORTAL_LINK_APP", "TEMPLATE_APP"}, ofPlatform()...)...).
			Needed().As(kind.Immutable).FilterBy(kind.Eq),
		choice("protocol", "OPENID_CONNECT", "SAML", "WS_FED", "EXTERNAL_LINK").Needed().As(kind.Immutable).FilterBy(kind.Eq),
		object("accessControl", object("role", choice("type", "ADMIN_USERS_ONLY").Needed()),
			object("group", choice("type", "ANY_GROUP", "ALL_GROUPS").Needed(), needed(texts("groups", 100, kind.ID("", "group"))))),
		flag("hiddenFromAppPortal", false),
		image("icon"),
		webURL("loginPageUrl"),
	}
}

// oidcFields is PingOne's table of OpenID Connect applications.
func oidcFields() []kind.Field {
	uri := kind.Field{Type: kind.Text, MinLen: 1, MaxLen: 2048, Shape: wrongRedirectURI}
	origin := kind.Field{Type: kind.Text, MinLen: 1, MaxLen: 256, Shape: wrongOrigin}
	called := func(name string) kind.Field {
		f := text(name, 2048)
		f.Shape = wrongCalledURL
		return f
	}
	path := text("devicePathId", 50)
	path.Pattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,50}$`)
	return []kind.Field{
		texts("grantTypes", 10, choice("", "AUTHORIZATION_CODE", "IMPLICIT", "REFRESH_TOKEN", "CLIENT_CREDENTIALS", "DEVICE_CODE", "TOKEN_EXCHANGE", "CIBA")),
		texts("responseTypes", 3, choice("", "TOKEN", "ID_TOKEN", "CODE")),
		texts("redirectUris", 100, uri),
		texts("postLogoutRedirectUris", 100, uri),
		called("backChannelLogoutUri"),
		choice("tokenEndpointAuthMethod", AuthNone, AuthBasic, AuthPost, AuthPrivateKeyJWT, AuthSecretJWT),
		with(choice("pkceEnforcement", PKCEOptional, PKCERequired, PKCES256Required), PKCEOptional),
		maybe("allowWildcardInRedirectUris"),
		flag("assignActorRoles", false).As(kind.Immutable),
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
		path,
		text("deviceCustomVerificationUri", 2048),
		object("corsSettings", choice("behavior", "ALLOW_NO_ORIGINS", "ALLOW_SPECIFIC_ORIGINS").Needed(), texts("origins", 40, origin)),
		with(object("signing", kind.ID("keyRotationPolicy", "keyRotationPolicy").OrDefault(), kind.ID("key", "key")), kind.Body{}),
		webURL("homePageUrl"), webURL("initiateLoginUri"), webURL("targetLinkUri"),
		keySet("jwks"), called("jwksUrl"),
		maybe("includeX5t"), maybe("includeTyp"), maybe("opSessionCheckEnabled"), maybe("supportUnsignedRequestObject"),
		object("kerberos", kind.ID("key", "key").Needed()),
		mobile(),
		texts("tags", 10, choice("", "PING_FED_CONNECTION_INTEGRATION")),
		{Name: "template", Type: kind.Opaque},
	}
}

// mobile is the settings of a native application.
func mobile() kind.Field {
	secret := func(name string) kind.Field { return text(name, 32768).As(kind.Given) }
	return object("mobile",
		text("bundleId", 256).As(kind.Immutable), text("packageName", 256).As(kind.Immutable),
		text("huaweiAppId", 256).As(kind.Immutable), text("huaweiPackageName", 256).As(kind.Immutable),
		number("passcodeGracePeriod", 0, 3600),
		object("passcodeRefreshDuration", with(number("duration", 30, 60), 30).Needed(), choice("timeUnit", "SECONDS").Needed()),
		object("integrityDetection",
			texts("excludedPlatforms", 2, choice("", "IOS", "GOOGLE")), choice("mode", "ENABLED", "DISABLED"),
			object("cacheDuration", number("amount", 1, 100000), choice("units", "MINUTES", "HOURS")),
			object("googlePlay", secret("decryptionKey"), secret("serviceAccountCredentials"), secret("verificationKey"), choice("verificationType", "GOOGLE", "INTERNAL"))),
		object("push", object("numberMatching", choice("type", "SELECT_NUMBER", "ENTER_MANUALLY"))),
		text("uriPrefix", 256))
}

func needed(f kind.Field) kind.Field { return f.Needed() }

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
