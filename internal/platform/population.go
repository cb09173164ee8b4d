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
			Name: "population", Plural: "populations", Title: "Population", Parent: "environment",
			Methods: readWrite(), Area: "populations",
			Fields: []kind.Field{
				uniqueName(),
				description(),
				flag("default", false).As(kind.ReadOnly),
				with(text("preferredLanguage", 32), "en"),
				kind.ID("passwordPolicy", "passwordPolicy"),
				kind.ID("theme", "theme").OrDefault(),
				texts("alternativeIdentifiers", 10, text("", 64)),
			},
			Links:  []kind.Link{{Rel: "theme", Path: "{env}/themes/{theme.id}"}},
			Counts: []kind.Count{{Field: "userCount", Kind: "user", Path: "population.id"}},
		},
		Stays: func(p Population) error {
			if p.Default {
				return fault.Needed.Detailed(fault.Detail{Code: "CONSTRAINT_VIOLATION", Message: "cannot delete the default population"})
			}
			return nil
		},
	}
}
