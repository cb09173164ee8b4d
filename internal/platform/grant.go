package platform

import "pixy/internal/kind"

// Grant is the scopes of a resource that an application may ask for.
type Grant struct {
	Resource Reference   `json:"resource"`
	Scopes   []Reference `json:"scopes"`
	Parent   string      `json:"parent"`
}

func grants() kind.Kind {
	scope := kind.ID("", "scope")
	scope.Fields[0].Within = "resource.id"
	resource := kind.ID("resource", "resource").Needed()
	resource.Unique = true // among the application's grants
	return &kind.Of[Grant]{Spec: kind.Spec{
		Name: "grant", Plural: "grants", Title: "Grant", Parents: []string{"application"},
		Methods: readWrite(), Area: "applications",
		Fields: []kind.Field{
			parent("application"),
			resource,
			{Name: "scopes", Type: kind.List, Required: true, MinLen: 1, MaxLen: 200, Items: &scope},
		},
		Links: []kind.Link{
			{Rel: "application", Path: "{env}/applications/{application.id}"},
			{Rel: "resource", Path: "{env}/resources/{resource.id}"},
		},
	}}
}
