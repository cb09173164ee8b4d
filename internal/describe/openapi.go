package describe

import (
	"fmt"
	"strings"

	"pixy/internal/server"
)

// OpenAPI is the OpenAPI 3.1 document of the routes.
func OpenAPI(routes []server.Route) ([]byte, error) {
	b := &builder{names: newNames(routes, newKinds()), kinds: newKinds(), schemas: map[string]string{}}
	for _, r := range commonSchemas() {
		if _, err := b.component(r.name, r.value.(object)); err != nil {
			return nil, err
		}
	}
	paths, item, at := object{}, object{}, ""
	for _, r := range sorted(routes) {
		operation, err := b.operation(r)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
		}
		if operation == nil {
			continue
		}
		if path := template(r.Path); path != at {
			if at != "" {
				paths = paths.and(at, item)
			}
			at, item = path, object{{"parameters", pathParameters(path)}}
			if len(parameters(path)) == 0 {
				item = object{}
			}
		}
		item = item.and(strings.ToLower(r.Method), operation)
	}
	paths = paths.and(at, item)
	out, err := encode(object{
		{"openapi", "3.1.0"},
		{"info", object{
			{"title", "Pixy"},
			{"version", "1"},
			{"summary", "The management API of PingOne's platform, and OpenID Connect with PKCE."},
			{"description", info},
		}},
		{"servers", []object{{{"url", "/"}, {"description", "This server"}}}},
		{"tags", b.tags},
		{"paths", paths},
		{"components", object{
			{"schemas", b.components},
			{"parameters", commonParameters()},
			{"responses", commonResponses()},
			{"headers", commonHeaders()},
			{"securitySchemes", object{
				{"bearer", object{{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}, {"description", "An access token of a worker application with role assignments."}}},
				{"client", object{{"type", "http"}, {"scheme", "basic"}, {"description", "The client's id and secret."}}},
			}},
		}},
	}, "  ")
	return append(out, '\n'), err
}

const info = "Generated from the table of routes and the tables of fields. Pages for a person's browser are left out. " +
	"What a request has beyond the members of its schema is ignored."

// builder collects what the operations refer to.
type builder struct {
	names      names
	kinds      kinds
	components object
	schemas    map[string]string // the text of a component, by its name
	tags       []object
}

// component adds a schema under a name and returns the reference to it.
func (b *builder) component(name string, schema object) (object, error) {
	raw, err := encode(schema, "")
	if err != nil {
		return nil, err
	}
	had, there := b.schemas[name]
	if there && had != string(raw) {
		return nil, fmt.Errorf("two schemas have the name %s", name)
	}
	if !there {
		b.schemas[name] = string(raw)
		b.components = b.components.and(name, schema)
	}
	return refTo("schemas", name), nil
}

func (b *builder) tag(name, description string) {
	for _, t := range b.tags {
		if t[0].value == name {
			return
		}
	}
	b.tags = append(b.tags, object{{"name", name}}.andIf(description != "", "description", description))
}

func refTo(what, name string) object { return object{{"$ref", "#/components/" + what + "/" + name}} }
