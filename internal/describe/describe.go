// Package describe writes down what the server serves: as an OpenAPI document
// for tools, as a reference for people, and held against the operations of
// PingOne's management API. All of it comes from the table of routes and the
// tables of fields; nothing here is said a second time that they say.
package describe

//go:generate go test pixy/test -run TestDescriptions -update

import "pixy/internal/server"

// Files are the generated files, by their paths from the root of the module.
func Files(routes []server.Route) (map[string][]byte, error) {
	document, err := OpenAPI(routes)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"docs/openapi.json":     document,
		"docs/api.md":           Reference(routes),
		"docs/compatibility.md": Compatibility(routes),
	}, nil
}
