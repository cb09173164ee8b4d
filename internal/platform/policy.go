package platform

import (
	"encoding/json"
	"regexp"
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
			Name: "signOnPolicy", Plural: "signOnPolicies", Title: "Sign-on policy", Parent: "environment",
			Methods: readWrite(), Area: "policies", Owns: []string{"signOnPolicyAction"},
			Fields: []kind.Field{n, description(), flag("default", false).As(kind.ReadOnly)},
			Links:  []kind.Link{{Rel: "actions", Path: "{self}/actions"}},
		},
		Stays: func(p SignOnPolicy) error {
			if p.Default {
				return fault.Needed.Detailed(fault.Detail{Code: "CONSTRAINT_VIOLATION", Message: "cannot delete the default policy"})
			}
			return nil
		},
	}
}

func wrongPolicyName(s string) string {
	if regexp.MustCompile(`^[a-zA-Z0-9_. -]+$`).MatchString(s) || strings.Contains(s, "://") && !strings.ContainsAny(s, " \t") {
		return ""
	}
	return "must consist of letters, digits, '_', '.', '-' and spaces, or be an absolute URI"
}

func signOnPolicyActions() kind.Kind {
	enabled := flag("enabled", false).Needed()
	return &kind.Of[SignOnPolicyAction]{
		Spec: kind.Spec{
			Name: "signOnPolicyAction", Plural: "actions", Title: "Sign-on policy action", Parent: "signOnPolicy",
			Methods: readWrite(), Area: "policies", Last: "Cannot delete last action from the policy",
			Fields: []kind.Field{
				choice("type", "LOGIN", "MULTI_FACTOR_AUTHENTICATION", "IDENTIFIER_FIRST", "IDENTITY_PROVIDER", "PROGRESSIVE_PROFILING",
					"AGREEMENT", "PINGID_WINLOGIN_PASSWORDLESS_AUTHENTICATION", "PINGID_AUTHENTICATION").Needed(),
				number("priority", 1, 0).Needed(),
				parent("signOnPolicy"),
				{Name: "condition", Type: kind.Opaque},
				object("recovery", enabled),
				object("registration", enabled),
				choice("noDevicesMode", "BYPASS", "BLOCK"),
			},
		},
	}
}

func signOnPolicyAssignments() kind.Kind {
	return &kind.Of[SignOnPolicyAssignment]{Spec: kind.Spec{
		Name: "signOnPolicyAssignment", Plural: "signOnPolicyAssignments", Title: "Sign-on policy assignment", Parent: "application",
		Methods: readWrite(), Area: "applications",
		Fields: []kind.Field{
			parent("application"),
			kind.ID("signOnPolicy", "signOnPolicy").Needed(),
			number("priority", 1, 0).Needed(),
		},
		Links: []kind.Link{
			{Rel: "application", Path: "{env}/applications/{application.id}"},
			{Rel: "signOnPolicy", Path: "{env}/signOnPolicies/{signOnPolicy.id}"},
		},
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
	var characters []kind.Field
	for _, c := range classes() {
		characters = append(characters, number(c, 0, 5))
	}
	return &kind.Of[PasswordPolicy]{
		Spec: kind.Spec{
			Name: "passwordPolicy", Plural: "passwordPolicies", Title: "Password policy", Parent: "environment",
			Methods: readWrite(), Area: "policies",
			Fields: []kind.Field{
				uniqueName(), description(),
				flag("default", false).As(kind.ReadOnly),
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
			},
			Counts: []kind.Count{{Field: "populationCount", Kind: "population", Path: "passwordPolicy.id"}},
		},
		Rules: func(_ *PasswordPolicy, p PasswordPolicy) []fault.Detail {
			if p.MinAgeDays > 0 && p.MaxAgeDays > 0 && p.MinAgeDays >= p.MaxAgeDays {
				return []fault.Detail{{Code: "INVALID_VALUE", Target: "minAgeDays", Message: "must be less than maxAgeDays"}}
			}
			return nil
		},
		Stays: func(p PasswordPolicy) error {
			if p.Default {
				return fault.Needed.Detailed(fault.Detail{Code: "CONSTRAINT_VIOLATION", Message: "Default Password Policy can not be deleted"})
			}
			return nil
		},
	}
}

func standardPolicy() kind.Body {
	return kind.Body{
		"name": "Standard", "nameKey": "standard", "default": true,
		"description":         "A standard policy that incorporates industry best practices",
		"excludesProfileData": true, "notSimilarToCurrent": true, "excludesCommonlyUsed": true,
		"maxAgeDays": 182, "minAgeDays": 1, "maxRepeatedCharacters": 2, "minUniqueCharacters": 5,
		"history":       kind.Body{"count": 6, "retentionDays": 365},
		"lockout":       kind.Body{"failureCount": 5, "durationSeconds": 900},
		"length":        kind.Body{"min": 8, "max": 255},
		"minCharacters": kind.Body{upperCase: 1, lowerCase: 1, digits: 1, symbols: 1},
	}
}

// TooYoung reports whether the password was changed so lately that the policy
// does not let its owner change it again. One that must be changed may be.
func (p PasswordPolicy) TooYoung(c Credential, now time.Time) bool {
	return p.MinAgeDays > 0 && !c.MustChange && now.Before(c.ChangedAt.AddDate(0, 0, p.MinAgeDays))
}
