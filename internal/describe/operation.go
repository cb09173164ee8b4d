package describe

import (
	"slices"
	"strconv"
	"strings"

	"pixy/internal/kind"
	"pixy/internal/server"
)

// operation describes a route; a page for a person has none.
func (b *builder) operation(r server.Route) (object, error) {
	if !isManagement(r) {
		return b.protocolOperation(r), nil
	}
	one, many := b.names.resource(r.Path)
	name := one
	if r.Many != "" {
		name = many
	}
	b.tag(tagOf(r.Path), "")
	out := object{
		{"operationId", verb(r) + name},
		{"summary", title(verb(r)) + " " + words(name)},
		{"description", permission(r)},
		{"tags", []string{tagOf(r.Path)}},
	}
	if asked := b.queryParameters(r); len(asked) > 0 {
		out = out.and("parameters", asked)
	}
	if len(r.Media) > 0 {
		body, err := b.requestBody(r, b.schemaName(r, r.Takes, one))
		if err != nil {
			return nil, err
		}
		out = out.and("requestBody", body)
	}
	responses, err := b.responses(r, b.schemaName(r, r.Gives, one))
	return out.and("responses", responses).and("security", []object{{{"bearer", []string{}}}}), err
}

// schemaName is the name of what fields of a route make: the kind's, wherever
// that is served, or else that of the path.
func (b *builder) schemaName(r server.Route, fields []kind.Field, one string) string {
	if spec := b.kinds.of(r, fields); spec != nil {
		return title(spec.Name)
	}
	return one
}

// tagOf groups operations by the collection they belong to.
func tagOf(path string) string {
	segments := strings.Split(strings.TrimPrefix(path, v1+"/"), "/")
	if len(segments) > 2 && segments[0] == "environments" {
		return segments[2]
	}
	return segments[0]
}

func permission(r server.Route) string {
	what := "read"
	if r.Write {
		what = "write"
	}
	return "Needs a role that may " + what + " " + words(r.Area) + "."
}

// queryParameters are limit, cursor, order and filter of a list, and what a GET
// can ask for beyond the resource. What is no kind's has no order, and is
// listed whole when it has nothing to filter by, or is a kind's elsewhere.
func (b *builder) queryParameters(r server.Route) []any {
	var out []any
	spec := b.kinds[r.Path]
	attributes := filters(r.Gives, "")
	if r.Many != "" && r.Method == "GET" && (spec != nil || len(attributes) > 0 && b.kinds.of(r, r.Gives) == nil) {
		out = []any{refTo("parameters", "limit"), refTo("parameters", "cursor")}
		if spec != nil {
			out = append(out, refTo("parameters", "order"))
			attributes = append([]string{"id (eq)", "createdAt and updatedAt (eq gt ge lt le)"}, attributes...)
		}
		out = append(out, query("filter", "An expression of SCIM (RFC 7644 §3.4.2.2) on: "+strings.Join(attributes, ", ")+".", str("")))
	}
	if spec == nil {
		spec = b.kinds[strings.TrimSuffix(r.Path, "/"+lastSegment(r.Path))]
	}
	if r.Method == "GET" && spec != nil {
		out = append(out, refTo("parameters", "expand"))
		if has(spec.Fields, "memberOfGroupIDs") {
			out = append(out, refTo("parameters", "include"))
		}
	}
	return out
}

func lastSegment(path string) string { return path[strings.LastIndex(path, "/")+1:] }

// filters are the attributes that a filter may use, with their operators.
func filters(fields []kind.Field, path string) []string {
	var out []string
	for _, f := range fields {
		var ops []string
		for _, op := range f.Filter {
			ops = append(ops, string(op))
		}
		if f.Through != nil {
			ops = []string{"[id eq]"}
		}
		if len(ops) > 0 {
			out = append(out, path+f.Name+" ("+strings.Join(ops, " ")+")")
		}
		out = append(out, filters(f.Fields, path+f.Name+".")...)
		if f.Items != nil {
			out = append(out, filters(f.Items.Fields, path+f.Name+".")...)
		}
	}
	return out
}

// requestBody is the body by its media types.
func (b *builder) requestBody(r server.Route, one string) (object, error) {
	u, name := sent, one+"Body"
	switch {
	case r.Method == "PUT":
		u = replaced
	case r.Method == "PATCH":
		u, name = merged, one+"Patch"
	case r.Method == "POST" && r.Status != 201:
		name = one + "Action"
	}
	content := object{}
	for _, m := range r.Media {
		name, own := name, b.kinds.takes(r)
		if special, ok := byMedia(m); ok {
			name = one + nameOf(m)
			if r.Status != 201 {
				own = shape{}
			}
			own.fields = append(own.fields, special...)
		}
		if special, _ := byMedia(m); u == replaced && special != nil {
			u = sent // an action, not a resource
		}
		schema, err := b.component(b.freeName(name, own.schema(u)), own.schema(u))
		if err != nil {
			return nil, err
		}
		content = content.and(m, object{{"schema", schema}})
	}
	return object{{"required", needsBody(r) && u != merged}, {"content", content}}, nil
}

// freeName is a name, or another one when a different schema has it already:
// what PUT takes may differ from what POST takes.
func (b *builder) freeName(name string, schema object) string {
	raw, _ := encode(schema, "") // component tells the error
	if had, taken := b.schemas[name]; taken && had != string(raw) && strings.HasSuffix(name, "Body") {
		return strings.TrimSuffix(name, "Body") + "Replacement"
	}
	return name
}

// nameOf is what a media type adds to the name of a schema: Check.
func nameOf(media string) string {
	action := strings.TrimSuffix(media[strings.LastIndex(media, ".")+1:], "+json")
	return title(action)
}

// needsBody is whether every body of a route has a member that is required.
func needsBody(r server.Route) bool {
	needed := func(f kind.Field) bool { return f.Required && f.Default == nil }
	for _, m := range r.Media {
		if special, ok := byMedia(m); !slices.ContainsFunc(r.Takes, needed) && !(ok && slices.ContainsFunc(special, needed)) {
			return false
		}
	}
	return true
}

// responses are the success and the refusals of a route.
func (b *builder) responses(r server.Route, one string) (object, error) {
	success := object{{"description", "Success."}}
	headers := object{{"Correlation-Id", refTo("headers", "Correlation-Id")}}
	if r.Status == 201 {
		headers = headers.and("Location", refTo("headers", "Location"))
	}
	success = success.and("headers", headers)
	if r.Status != 204 {
		schema, err := b.answer(r, one)
		if err != nil {
			return nil, err
		}
		success = success.and("content", object{{"application/json", object{{"schema", schema}}}})
	}
	out := refuse(object{{strconv.Itoa(r.Status), success}}, 400, 401, 403, 404, 405)
	if r.Write {
		out = refuse(out, 409)
	}
	if len(r.Media) > 0 {
		out = refuse(out, 413, 415)
	}
	return refuse(out, 503), nil
}

// answer is the schema of a success: a resource, or a page of them.
func (b *builder) answer(r server.Route, one string) (object, error) {
	properties := object{
		{"_links", refTo("schemas", "Links")},
		{"_embedded", object{{"type", "object"}, {"readOnly", true}, {"description", "What the parameter expand asked for."}}},
		{"id", object{{"type", "string"}, {"readOnly", true}}},
		{"environment", refTo("schemas", "Reference")},
		{"createdAt", stamp()},
		{"updatedAt", stamp()},
	}
	var required []string
	if _, elements := b.names.elements[r.Path]; r.Many == "" || elements || b.kinds.of(r, r.Gives) != nil {
		required = []string{"_links"}
	}
	own := b.kinds.gives(r)
	for _, m := range members(own.fields, shown) {
		switch v := m.value.(type) {
		case []string:
			required = append(required, v...)
		case object:
			properties = append(properties, v...)
		}
	}
	schema := append(objectOf(properties, required), own.conditions(shown)...)
	ref, err := b.component(one, schema)
	if err != nil || r.Many == "" {
		return ref, err
	}
	return b.component(one+"Page", page(r.Many, ref))
}

func page(key string, element object) object {
	return object{
		{"type", "object"},
		{"required", []string{"_links", "_embedded", "size"}},
		{"properties", object{
			{"_links", refTo("schemas", "Links")},
			{"_embedded", object{{"type", "object"}, {"required", []string{key}}, {"properties", object{{key, object{{"type", "array"}, {"items", element}}}}}}},
			{"count", object{{"type", "integer"}, {"minimum", 0}, {"description", "How many there are on all pages; left out when they are too many to count."}}},
			{"size", object{{"type", "integer"}, {"minimum", 0}, {"description", "How many this page has."}}},
		}},
	}
}
