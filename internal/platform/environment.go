package platform

import (
	"pixy/internal/kind"
)

// Environment is a realm of its own: users, applications, keys, issuer.
type Environment struct {
	Name         string    `json:"name"`
	Type         string    `json:"type"`
	Region       string    `json:"region"`
	Organization Reference `json:"organization"`
	License      Reference `json:"license"`
}

func environments() kind.Kind {
	return &kind.Of[Environment]{
		Spec: kind.Spec{
			Name: "environment", Plural: "environments", Title: "Environment",
			Methods: []string{"LIST", "POST", "GET"}, Area: "environments", Needs: kind.NeedKey,
			NotFound: "Unable to find environment with ID: '%s'",
			Fields: []kind.Field{
				uniqueName(),
				description(),
				choice("type", "PRODUCTION", "SANDBOX").Needed(),
				choice("region", "AP", "AU", "CA", "EU", "NA", "SG").Needed(),
				kind.ID("organization", "organization").OrDefault(),
				kind.ID("license", "license").OrDefault(),
				with(choice("status", "ACTIVE", "DELETE_PENDING"), "ACTIVE").As(kind.ReadOnly),
				billOfMaterials(),
			},
			Links: []kind.Link{
				{Rel: "organization", Path: "{top}/organizations/{organization.id}"},
				{Rel: "license", Path: "{top}/organizations/{organization.id}/licenses/{license.id}"},
				{Rel: "populations", Path: "{self}/populations"},
				{Rel: "users", Path: "{self}/users"},
				{Rel: "applications", Path: "{self}/applications"},
				{Rel: "resources", Path: "{self}/resources"},
				{Rel: "passwordPolicies", Path: "{self}/passwordPolicies"},
				{Rel: "signOnPolicies", Path: "{self}/signOnPolicies"},
			},
		},
		Entries: Seed,
	}
}

func uniqueName() kind.Field {
	f := name()
	f.Fold, f.Unique = true, true
	f.Filter = []kind.Op{kind.Eq, kind.Sw}
	return f
}

func billOfMaterials() kind.Field {
	product := kind.Field{Type: kind.Object, Fields: []kind.Field{
		text("id", 64), text("type", 64).Needed(), description(), {Name: "console", Type: kind.Opaque},
	}}
	return object("billOfMaterials", texts("products", 50, product))
}

// ByID is a reference in a body that Pixy writes itself.
func byID(id string) kind.Body { return kind.Body{"id": id} }
