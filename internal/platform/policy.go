package platform

import (
	"encoding/json"
	"strings"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// SignOnPolicy says which actions a sign-on needs; its name is the acr.
type SignOnPolicy struct {
	Name    string `json:"name"`
	Default bool   `json:"default"`
}

// SignOnPolicyAction is one step of a policy.
type SignOnPolicyAction struct {
	Type      string          `json:"type"`
	Priority  int             `json:"priority"`
	Condition json.RawMessage `json:"condition"`
	Parent    string          `json:"parent"`
	// DiscoveryRules of IDENTIFIER_FIRST send some names to an identity provider.
	DiscoveryRules []DiscoveryRule `json:"discoveryRules,omitempty"`
}

// DiscoveryRule sends the users whose name contains a text elsewhere.
type DiscoveryRule struct {
	Condition struct {
		Contains string `json:"contains"`
		Value    string `json:"value"`
	} `json:"condition"`
	IdentityProvider Reference `json:"identityProvider"`
}

// Applies reports whether the rule is about a username. One whose value is not
// the name that was typed is not evaluated: it then taken to apply, so
// that it is never passed over.
func (r DiscoveryRule) Applies(username string) bool {
	if r.Condition.Value != "${identifier}" {
		return true
	}
	return strings.Contains(kind.FoldText(username), kind.FoldText(r.Condition.Contains))
}

// SignOnPolicyAssignment gives an application a policy.
type SignOnPolicyAssignment struct {
	SignOnPolicy Reference `json:"signOnPolicy"`
	Priority     int       `json:"priority"`
	Parent       string    `json:"parent"`
}

func signOnPolicies() kind.Kind {
	n := uniqueName()
	n.Shape = wrongPolicyName
	return &kind.Of[SignOnPolicy]{
		Spec: kind.Spec{
			Name: "signOnPolicy", Plural: "signOnPolicies", Title: "Sign-on policy", Parents: inEnvironment(),
			Methods: readWrite(), Area: "policies", Owns: []string{"signOnPolicyAction"},
			Fields: []kind.Field{n, description(), theDefault()},
			Links:  []kind.Link{{Rel: "actions", Path: "{self}/actions"}},
		},
		Stays: func(p SignOnPolicy) error { return mustStay(p.Default, "cannot delete the default policy") },
	}
}

func wrongPolicyName(s string) string {
	if strings.Contains(s, "://") && !strings.ContainsAny(s, " \t") || !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_. -", r))
	}) {
		return ""
	}
	return "must consist of letters, digits, '_', '.', '-' and spaces, or be an absolute URI"
}

func signOnPolicyActions() kind.Kind {
	return &kind.Of[SignOnPolicyAction]{
		Spec: kind.Spec{
			Name: "signOnPolicyAction", Plural: "actions", Title: "Sign-on policy action", Parents: []string{"signOnPolicy"},
			Methods: readWrite(), Area: "policies", Order: "priority", Last: "Cannot delete last action from the policy",
			Fields: []kind.Field{
				choice("type", "LOGIN", "MULTI_FACTOR_AUTHENTICATION", "IDENTIFIER_FIRST", "IDENTITY_PROVIDER", "PROGRESSIVE_PROFILING",
					"AGREEMENT", "PINGID_WINLOGIN_PASSWORDLESS_AUTHENTICATION", "PINGID_AUTHENTICATION").Needed().As(kind.Immutable).FilterBy(kind.Eq),
				number("priority", 1, 0).Needed().FilterBy(kind.Eq),
				parent("signOnPolicy"),
				{Name: "condition", Type: kind.Opaque},
			},
			Variants: actionFields(),
			Links:    []kind.Link{{Rel: "signOnPolicy", Path: "{env}/signOnPolicies/{signOnPolicy.id}"}},
		},
		Rules: func(_ *SignOnPolicyAction, a SignOnPolicyAction) []fault.Detail {
			if wrong := wrongCondition(a.Condition); wrong != "" {
				return []fault.Detail{{Code: "INVALID_VALUE", Target: "condition", Message: wrong}}
			}
			return nil
		},
	}
}

// actionFields are the fields of an action by its type.
func actionFields() []kind.Variant {
	on := kind.Field{Name: "enabled", Type: kind.Boolean}.Needed()
	factor := func(name string) kind.Field { return object(name, flag("enabled", false)) }
	registration := object("registration", on, object("external", webURL("href").Needed()), kind.ID("population", "population"),
		flag("confirmIdentityProviderAttributes", false))
	signOn := []kind.Field{
		maybe("enforceLockoutForIdentityProviders"),
		object("recovery", on), registration,
		texts("socialProviders", 20, kind.ID("", "identityProvider")),
	}
	gateway := object("", text("id", 64).Needed(), choice("type", "LDAP").Needed(), object("userType", text("id", 64).Needed()).Needed())
	return []kind.Variant{
		{By: "type", Is: []string{"LOGIN"}, Fields: append(signOn[:4:4], object("newUserProvisioning", needed(texts("gateways", 20, gateway))))},
		{By: "type", Is: []string{"IDENTIFIER_FIRST"}, Fields: append(signOn[:4:4], texts("discoveryRules", 100, object("",
			object("condition", text("contains", 256).Needed(), text("value", 256).Needed()).Needed(), kind.ID("identityProvider", "identityProvider").Needed())))},
		{By: "type", Is: []string{"MULTI_FACTOR_AUTHENTICATION"}, Fields: []kind.Field{
			factor("authenticator"), factor("boundBiometrics"), factor("email"), factor("securityKey"), factor("sms"), factor("voice"),
			texts("applications", 50, object("", text("id", 64).Needed(), factor("autoEnrollment"),
				object("deviceAuthorization", flag("enabled", false), choice("extraVerification", "disabled", "permissive", "restrictive")))),
			kind.ID("deviceAuthenticationPolicy", "deviceAuthenticationPolicy"),
			choice("noDevicesMode", "BYPASS", "BLOCK"),
		}},
		{By: "type", Is: []string{"IDENTITY_PROVIDER"}, Fields: []kind.Field{text("acrValues", 1024), kind.ID("identityProvider", "identityProvider").Needed(), maybe("passUserContext"), registration}},
		{By: "type", Is: []string{"AGREEMENT"}, Fields: []kind.Field{kind.ID("agreement", "agreement").Needed(), maybe("disableDeclineOption")}},
		{By: "type", Is: []string{"PROGRESSIVE_PROFILING"}, Fields: []kind.Field{
			needed(texts("attributes", 50, object("", text("name", 256).Needed(), kind.Field{Name: "required", Type: kind.Boolean}.Needed()))),
			kind.Field{Name: "preventMultiplePromptsPerFlow", Type: kind.Boolean}.Needed(),
			number("promptIntervalSeconds", 1, 0).Needed(), text("promptText", 1024).Needed(),
		}},
	}
}

func signOnPolicyAssignments() kind.Kind {
	return assignment("signOnPolicy", "signOnPolicies", "Sign-on policy assignment")
}

// flowPolicyAssignments have nothing to assign: there are no flow policies.
func flowPolicyAssignments() kind.Kind {
	return assignment("flowPolicy", "flowPolicies", "Flow policy assignment")
}

func assignment(of, plural, title string) kind.Kind {
	policy := kind.ID(of, of).Needed()
	policy.Unique = true // among the application's assignments
	return &kind.Of[SignOnPolicyAssignment]{Spec: kind.Spec{
		Name: of + "Assignment", Plural: of + "Assignments", Title: title, Parents: []string{"application"},
		Methods: readWrite(), Area: "applications", Order: "priority",
		Fields: []kind.Field{
			parent("application"),
			policy,
			number("priority", 1, 0).Needed().FilterBy(kind.Eq),
		},
		Links: []kind.Link{
			{Rel: "application", Path: "{env}/applications/{application.id}"},
			{Rel: of, Path: "{env}/" + plural + "/{" + of + ".id}"},
		},
	}}
}

func flowPolicies() kind.Kind {
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "flowPolicy", Plural: "flowPolicies", Title: "Flow policy", Parents: inEnvironment(), Methods: readOnly(), Area: "policies",
		Fields: []kind.Field{name(), maybe("enabled"), parent("application"), object("trigger", choice("type", "AUTHENTICATION").FilterBy(kind.Eq))},
	}}
}

// PasswordPolicy is the rules for the passwords of a population.
type PasswordPolicy struct {
	Name    string `json:"name"`
	Default bool   `json:"default"`
	Length  struct {
		Min int `json:"min"`
		Max int `json:"max"`
	} `json:"length"`
	MinCharacters         map[string]int `json:"minCharacters"`
	MinUniqueCharacters   int            `json:"minUniqueCharacters"`
	MaxRepeatedCharacters int            `json:"maxRepeatedCharacters"`
	ExcludesCommonlyUsed  bool           `json:"excludesCommonlyUsed"`
	ExcludesProfileData   bool           `json:"excludesProfileData"`
	NotSimilarToCurrent   bool           `json:"notSimilarToCurrent"`
	MaxAgeDays            int            `json:"maxAgeDays"`
	MinAgeDays            int            `json:"minAgeDays"`
	History               struct {
		Count         int `json:"count"`
		RetentionDays int `json:"retentionDays"`
	} `json:"history"`
	Lockout struct {
		FailureCount    int `json:"failureCount"`
		DurationSeconds int `json:"durationSeconds"`
	} `json:"lockout"`
	MinComplexity            int      `json:"minComplexity"` // days
	AlphabetSequence         sequence `json:"alphabetSequenceRule"`
	NumberSequence           sequence `json:"numberSequenceRule"`
	ShiftedNumberRowSequence sequence `json:"shiftedNumberRowSequenceRule"`
	QwertySequence           sequence `json:"qwertySequenceRule"`
}

// sequence bounds how long a run of neighbouring characters may be, 0 for no
// bound.
type sequence struct {
	MaxLength int `json:"maxLength"`
}

// The character classes of minCharacters, in the order in which PingOne tells
// what is missing.
const (
	upperCase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lowerCase = "abcdefghijklmnopqrstuvwxyz"
	digits    = "0123456789"
	symbols   = "~!@#$%^&*()-_=+[]{}|;:,.<>/?"
)

func classes() []string { return []string{upperCase, lowerCase, digits, symbols} }

func passwordPolicies() kind.Kind {
	return &kind.Of[PasswordPolicy]{
		Spec: kind.Spec{
			Name: "passwordPolicy", Plural: "passwordPolicies", Title: "Password policy", Parents: inEnvironment(),
			Methods: readWrite(), Area: "policies",
			Fields: PasswordPolicyFields(),
			Counts: []kind.Count{{Field: "populationCount", Kind: "population", Path: "passwordPolicy.id"}},
		},
		Rules: func(_ *PasswordPolicy, p PasswordPolicy) []fault.Detail {
			if p.MinAgeDays > 0 && p.MaxAgeDays > 0 && p.MinAgeDays >= p.MaxAgeDays {
				return []fault.Detail{{Code: "INVALID_VALUE", Target: "minAgeDays", Message: "must be less than maxAgeDays"}}
			}
			return nil
		},
		Stays: func(p PasswordPolicy) error {
			return mustStay(p.Default, "Default Password Policy can not be deleted")
		},
	}
}

// PasswordPolicyFields is the table of password policies.
func PasswordPolicyFields() []kind.Field {
	var characters []kind.Field
	for _, c := range classes() {
		characters = append(characters, number(c, 0, 5))
	}
	return []kind.Field{
		uniqueName(), description(),
		theDefault(),
		kind.Field{Name: "excludesCommonlyUsed", Type: kind.Boolean}.Needed(),
		kind.Field{Name: "excludesProfileData", Type: kind.Boolean}.Needed(),
		kind.Field{Name: "notSimilarToCurrent", Type: kind.Boolean}.Needed(),
		with(object("length", with(number("min", 8, 32), 8), with(number("max", 64, 255), 255)), kind.Body{"min": 8, "max": 255}),
		object("minCharacters", characters...),
		number("minUniqueCharacters", 1, 255),
		number("maxRepeatedCharacters", 1, 255),
		number("maxAgeDays", 1, 0),
		number("minAgeDays", 1, 0),
		object("history", number("count", 1, 24), number("retentionDays", 1, 0)),
		object("lockout", number("failureCount", 1, 100).Needed(), number("durationSeconds", 1, 0).Needed()),
		number("minComplexity", 1, 0),
		object("alphabetSequenceRule", number("maxLength", 2, 3)), object("numberSequenceRule", number("maxLength", 2, 3)),
		object("shiftedNumberRowSequenceRule", number("maxLength", 3, 3)), object("qwertySequenceRule", number("maxLength", 3, 3)),
	}
}

func standardPolicy() kind.Body {
	return kind.Body{
		"name": "Standard", "default": true,
		"description":         "A standard policy that incorporates industry best practices",
		"excludesProfileData": true, "notSimilarToCurrent": true, "excludesCommonlyUsed": true,
		"maxAgeDays": 182, "minAgeDays": 1, "maxRepeatedCharacters": 2, "minUniqueCharacters": 5,
		"history":       kind.Body{"count": 6, "retentionDays": 365},
		"lockout":       kind.Body{"failureCount": 5, "durationSeconds": 900},
		"length":        kind.Body{"min": 8, "max": 255},
		"minCharacters": kind.Body{upperCase: 1, lowerCase: 1, digits: 1, symbols: 1},
	}
}

// basicPolicy and passphrasePolicy are the others that an environment has.
func basicPolicy() kind.Body {
	return kind.Body{
		"name": "Basic", "default": false, "description": "A relaxed standard policy to allow for maximum customer flexibility",
		"excludesProfileData": false, "notSimilarToCurrent": false, "excludesCommonlyUsed": true,
		"lockout": kind.Body{"failureCount": 5, "durationSeconds": 900}, "length": kind.Body{"min": 8, "max": 255},
	}
}

func passphrasePolicy() kind.Body {
	return kind.Body{
		"name": "Passphrase", "default": false, "description": "A policy that encourages the use of passphrases",
		"excludesProfileData": true, "notSimilarToCurrent": true, "excludesCommonlyUsed": true, "minComplexity": 7,
		"lockout": kind.Body{"failureCount": 5, "durationSeconds": 900}, "length": kind.Body{"min": 8, "max": 255},
	}
}

// TooYoung reports whether the password was changed so lately that the policy
// does not let its owner change it again. One that must be changed may be.
func (p PasswordPolicy) TooYoung(c Credential, now time.Time) bool {
	return p.MinAgeDays > 0 && !c.MustChange && now.Before(c.ChangedAt.AddDate(0, 0, p.MinAgeDays))
}
