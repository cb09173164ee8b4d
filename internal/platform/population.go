package platform

import (
	"pixy/internal/fault"
	"pixy/internal/kind"
)

// Population is a set of users with a password policy of its own.
type Population struct {
	Name           string    `json:"name"`
	Default        bool      `json:"default"`
	PasswordPolicy Reference `json:"passwordPolicy"`
}

func populations() kind.Kind {
	return &kind.Of[Population]{
		Spec: kind.Spec{
			Name: "population", Plural: "populations", Title: "Population", Parents: inEnvironment(),
			Methods: readWrite(), Area: "populations",
			Fields: []kind.Field{
				uniqueName(),
				description(),
				theDefault(),
				with(text("preferredLanguage", 32), "en"),
				kind.ID("passwordPolicy", "passwordPolicy"),
				kind.ID("theme", "theme").OrDefault(),
				texts("alternativeIdentifiers", 10, text("", 64)),
				kind.ID("defaultIdentityProvider", "identityProvider").As(kind.Hidden),
			},
			Parts:  []kind.Part{{Path: "defaultIdentityProvider", At: "defaultIdentityProvider", Fields: []kind.Field{{Name: "id", Type: kind.Text, Ref: "identityProvider", MaxLen: 64}}}},
			Links:  []kind.Link{{Rel: "theme", Path: "{env}/themes/{theme.id}"}, {Rel: "passwordPolicy", Path: "{env}/passwordPolicies/{passwordPolicy.id}"}},
			Counts: []kind.Count{{Field: "userCount", Kind: "user", Path: "population.id", Tally: true}},
			Reach:  []kind.Reach{{Scope: ScopePopulation, Path: "id"}},
		},
		Stays: func(p Population) error { return mustStay(p.Default, "cannot delete the default population") },
	}
}

// mustStay refuses to delete what is the environment's default.
func mustStay(isDefault bool, sentence string) error {
	if !isDefault {
		return nil
	}
	return fault.Needed.Detailed(fault.Detail{Code: "CONSTRAINT_VIOLATION", Message: sentence})
}
