package client

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	validator "github.com/pb33f/libopenapi-validator"
)

// operationsOf are the operations of the management API, in the order in which
// a path comes before what stands under it.
func operationsOf(document map[string]any) []operation {
	var out []operation
	for path, item := range document["paths"].(map[string]any) {
		for method, o := range item.(map[string]any) {
			if method == "parameters" || !strings.HasPrefix(path, "/v1/") {
				continue
			}
			out = append(out, newOperation(document, strings.ToUpper(method), path, o.(map[string]any)))
		}
	}
	slices.SortFunc(out, func(a, b operation) int {
		if d := strings.Count(a.Path, "/") - strings.Count(b.Path, "/"); d != 0 {
			return d
		}
		return strings.Compare(a.Path+a.Method, b.Path+b.Method)
	})
	return out
}

func newOperation(document map[string]any, method, path string, o map[string]any) operation {
	out := operation{Method: method, Path: path}
	asked, _ := o["parameters"].([]any)
	for _, p := range asked {
		out.Asks = append(out.Asks, resolve(document, p.(map[string]any))["name"].(string))
	}
	if body, ok := o["requestBody"].(map[string]any); ok {
		for media, content := range body["content"].(map[string]any) {
			out.Media = append(out.Media, media)
			if media == "application/json" {
				out.Schema = resolve(document, content.(map[string]any)["schema"].(map[string]any))
			}
		}
		slices.Sort(out.Media)
	}
	for status, response := range o["responses"].(map[string]any) {
		if !strings.HasPrefix(status, "2") {
			continue
		}
		_, _ = fmt.Sscan(status, &out.Status)
		content, _ := response.(map[string]any)["content"].(map[string]any)
		if answer, ok := content["application/json"].(map[string]any); ok {
			schema := resolve(document, answer["schema"].(map[string]any))
			properties, _ := schema["properties"].(map[string]any)
			embedded, _ := properties["_embedded"].(map[string]any)
			plurals, _ := embedded["properties"].(map[string]any)
			for plural := range plurals {
				out.Plural = plural
			}
		}
	}
	return out
}

func resolve(document, schema map[string]any) map[string]any {
	ref, ok := schema["$ref"].(string)
	if !ok {
		return schema
	}
	var at any = document
	for _, name := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		at = at.(map[string]any)[name]
	}
	return at.(map[string]any)
}

// closeAnswers lets the schemas of answers admit no member but those they
// name, so that the server gives nothing that is not described. For clients
// they stay open.
func closeAnswers(document map[string]any) {
	var shut func(schema map[string]any, self bool)
	seen := map[string]bool{}
	shut = func(schema map[string]any, self bool) {
		if ref, ok := schema["$ref"].(string); ok && !seen[ref] {
			seen[ref] = true
			shut(resolve(document, schema), true)
			return
		}
		properties, has := schema["properties"].(map[string]any)
		if has && self {
			schema["unevaluatedProperties"] = false
		}
		for _, p := range properties {
			shut(p.(map[string]any), true)
		}
		for _, inner := range []string{"items", "additionalProperties"} {
			if s, ok := schema[inner].(map[string]any); ok {
				shut(s, true)
			}
		}
		all, _ := schema["allOf"].([]any)
		for _, part := range all {
			if then, ok := part.(map[string]any)["then"].(map[string]any); ok {
				shut(then, false)
			}
		}
	}
	for path, item := range document["paths"].(map[string]any) {
		for method, o := range item.(map[string]any) {
			if method == "parameters" || !strings.HasPrefix(path, "/v1/") {
				continue
			}
			for _, response := range o.(map[string]any)["responses"].(map[string]any) {
				content, _ := resolve(document, response.(map[string]any))["content"].(map[string]any)
				for _, answer := range content {
					shut(answer.(map[string]any)["schema"].(map[string]any), true)
				}
			}
		}
	}
}

// check is the validator of one path: that of a document with the path and what
// it refers to.
func (c *contract) check(path string) validator.Validator {
	c.t.Helper()
	if v := c.checks[path]; v != nil {
		return v
	}
	part := map[string]any{"openapi": c.document["openapi"], "info": c.document["info"], "paths": map[string]any{path: c.document["paths"].(map[string]any)[path]}}
	components := map[string]any{}
	part["components"] = components
	var collect func(any)
	collect = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				collect(e)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				names := strings.Split(ref, "/")
				group, name := names[2], names[3]
				if components[group] == nil {
					components[group] = map[string]any{}
				}
				if found := components[group].(map[string]any); found[name] == nil {
					found[name] = resolve(c.document, v)
					collect(found[name])
				}
				return
			}
			for _, e := range v {
				collect(e)
			}
		}
	}
	collect(part["paths"])
	raw, err := json.Marshal(part)
	if err != nil {
		c.t.Fatal(err)
	}
	c.checks[path] = newValidator(c.t, raw)
	return c.checks[path]
}
