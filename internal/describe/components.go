package describe

import "strconv"

// What all operations share: links, errors, pages.

func str(description string) object {
	return object{{"type", "string"}}.andIf(description != "", "description", description)
}

func stamp() object {
	return object{{"type", "string"}, {"format", "date-time"}, {"readOnly", true}}
}

func commonSchemas() object {
	return object{
		{"Link", object{{"type", "object"}, {"required", []string{"href"}}, {"properties", object{{"href", object{{"type", "string"}, {"format", "uri"}}}}}}},
		{"Links", object{{"type", "object"}, {"description", "The links of HAL, by their relation."}, {"readOnly", true}, {"additionalProperties", refTo("schemas", "Link")}}},
		{"Reference", object{{"type", "object"}, {"required", []string{"id"}}, {"readOnly", true}, {"properties", object{{"id", str("")}}}}},
		{"Error", object{
			{"type", "object"},
			{"description", "PingOne's error model."},
			{"required", []string{"id", "code", "message"}},
			{"properties", object{
				{"id", str("The Correlation-Id of the answer.")},
				{"code", str("INVALID_DATA, INVALID_REQUEST, ACCESS_FAILED, NOT_FOUND, ...")},
				{"message", str("")},
				{"details", object{{"type", "array"}, {"items", refTo("schemas", "ErrorDetail")}}},
			}},
		}},
		{"ErrorDetail", object{
			{"type", "object"},
			{"required", []string{"code", "message"}},
			{"properties", object{
				{"code", str("INVALID_VALUE, REQUIRED_VALUE, UNIQUENESS_VIOLATION, ...")},
				{"target", str("The member or parameter that is wrong, by its dotted path.")},
				{"message", str("")},
				{"innerError", object{{"type", "object"}, {"description", "What the value was held against."}}},
			}},
		}},
		{"Flow", flowSchema()},
		{"OAuthError", object{
			{"type", "object"},
			{"description", "The error of RFC 6749 §5.2."},
			{"required", []string{"error"}},
			{"properties", object{{"error", str("")}, {"error_description", str("")}}},
		}},
	}
}

func commonHeaders() object {
	return object{
		{"Correlation-Id", object{{"description", "The id that the log lines of the request have, too."}, {"schema", str("")}}},
		{"Location", object{{"description", "The URL of the new resource."}, {"schema", object{{"type", "string"}, {"format", "uri"}}}}},
		{"Allow", object{{"description", "The methods that the path has."}, {"schema", str("")}}},
		{"Retry-After", object{{"description", "Seconds to wait."}, {"schema", object{{"type", "integer"}}}}},
	}
}

// refusal is a response with an error in it.
func refusal(description, schema string, headers ...string) object {
	h := object{{"Correlation-Id", refTo("headers", "Correlation-Id")}}
	for _, name := range headers {
		h = h.and(name, refTo("headers", name))
	}
	return object{{"description", description}, {"headers", h}, {"content", object{{"application/json", object{{"schema", refTo("schemas", schema)}}}}}}
}

// refusals are the shared refusals, by the status they come with.
var refusals = map[int]string{
	400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed",
	409: "Conflict", 413: "TooLarge", 415: "UnsupportedMediaType", 503: "Unavailable",
}

func commonResponses() object {
	return object{
		{"BadRequest", refusal("The request is malformed, or its data is not valid; details has every violation.", "Error")},
		{"Unauthorized", refusal("The access token is missing, invalid or expired.", "Error")},
		{"Forbidden", refusal("No role assignment of the actor permits this.", "Error")},
		{"NotFound", refusal("There is no such resource.", "Error")},
		{"MethodNotAllowed", refusal("The path does not have this method.", "Error", "Allow")},
		{"Conflict", refusal("The resource was changed at the same time.", "Error")},
		{"TooLarge", refusal("The body is too large.", "Error")},
		{"UnsupportedMediaType", refusal("The Content-Type is none that the endpoint takes.", "Error")},
		{"Unavailable", refusal("The server is busy.", "Error", "Retry-After")},
		{"OAuthRefusal", refusal("The request is refused.", "OAuthError")},
	}
}

// refuse refers to the shared refusals of some statuses.
func refuse(out object, statuses ...int) object {
	for _, s := range statuses {
		out = out.and(strconv.Itoa(s), refTo("responses", refusals[s]))
	}
	return out
}

func query(name, description string, schema object) object {
	return object{{"name", name}, {"in", "query"}, {"description", description}, {"schema", schema}}
}

func commonParameters() object {
	return object{
		{"limit", query("limit", "How many elements a page has at most. A larger number than the server's is taken for that.", object{{"type", "integer"}, {"minimum", 1}})},
		{"cursor", query("cursor", "Where a page begins, as _links.next has it.", str(""))},
		{"expand", query("expand", "What the resource refers to and the answer shall have in _embedded: population, for example.", str(""))},
		{"include", query("include", "memberOfGroupIDs, memberOfGroupNames or both, separated by a comma: the groups of a user.", str(""))},
		{"order", query("order", "The attribute to order by, with - before it for the reverse.", str(""))},
	}
}

// pathParameters are the variable segments of a path.
func pathParameters(path string) []object {
	var out []object
	for _, name := range parameters(path) {
		what := "The id of the " + words(name) + "."
		if name == "env" {
			what = "The id of the environment."
		}
		out = append(out, object{{"name", name}, {"in", "path"}, {"required", true}, {"description", what},
			{"schema", object{{"type", "string"}, {"maxLength", 64}, {"pattern", "^[A-Za-z0-9_-]+$"}}}})
	}
	return out
}
