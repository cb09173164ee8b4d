package describe

import (
	"slices"
	"strings"

	"pixy/internal/flow"
	"pixy/internal/server"
)

// protocol is what the standards say about an endpoint outside the management
// API, whose parameters no table of fields holds.
type protocol struct {
	name, summary string
	takes, needs  []string // parameters of the query, where the route has none
	gives         object   // the responses of a success
	refusal       string   // the shared response of a 4xx
	guard         string   // the security scheme, "" for none
}

// protocols are the endpoints by their paths; what a path's last segments do
// not name here is a page.
func protocols() map[string]protocol {
	authorize := protocol{name: "authorize", summary: "Asks for an authorization code (RFC 6749 §4.1.1, RFC 7636 §4.3)", refusal: "BadRequest",
		needs: []string{"response_type", "client_id", "redirect_uri"},
		gives: redirect("To the sign-on page, or to the application with what was asked for and state.").and("200", answer("With response_mode=pi.flow: the flow, or the authorizeResponse.", free()))}
	resume := protocol{name: "resume", summary: "Ends a flow: gives the application its code", refusal: "BadRequest",
		takes: []string{"flowId"}, needs: []string{"flowId"},
		gives: redirect("To the application with code and state.").and("200", answer("With response_mode=pi.flow: the authorizeResponse.", free()))}
	token := protocol{name: "token", summary: "Exchanges a grant for tokens (RFC 6749 §3.2)", refusal: "OAuthRefusal", guard: "client",
		needs: []string{"grant_type"},
		gives: object{{"200", answer("The tokens.", tokens())}}}
	signoff := protocol{name: "signoff", summary: "Ends the browser's session (OpenID Connect RP-Initiated Logout §2)", refusal: "BadRequest",
		gives: redirect("To the post_logout_redirect_uri with state, or to a page that says so.").and("200", object{{"description", "A page that asks the person."}})}
	idpSignoff := protocol{name: "idpSignoff", summary: "Ends the session that an ID token names, without its cookie", refusal: "BadRequest",
		needs: []string{"id_token_hint"},
		gives: redirect("To the post_logout_redirect_uri with state, or a browser to a page that says so.").and("204", object{{"description", "The session is over."}})}
	par := protocol{name: "pushedRequest", summary: "Keeps an authorize request and names it (RFC 9126 §2)", refusal: "OAuthRefusal", guard: "client",
		gives: object{{"201", answer("The request_uri.", object{{"type", "object"}, {"required", []string{"request_uri", "expires_in"}}, {"properties", object{{"request_uri", str("")}, {"expires_in", object{{"type", "integer"}}}}}})}}}
	introspect := protocol{name: "introspect", summary: "Says whether a token is good, and what is in it (RFC 7662 §2)", refusal: "OAuthRefusal", guard: "client",
		needs: []string{"token"},
		gives: object{{"200", answer("The token.", object{{"type", "object"}, {"required", []string{"active"}}, {"properties", object{{"active", object{{"type", "boolean"}}}}}})}}}
	revoke := protocol{name: "revoke", summary: "Ends a token (RFC 7009 §2)", refusal: "OAuthRefusal", guard: "client",
		needs: []string{"token"}, gives: object{{"200", object{{"description", "It is ended, or was never good."}}}}}
	device := protocol{name: "deviceAuthorization", summary: "Gives a device the code that it waits with (RFC 8628 §3.1)", refusal: "OAuthRefusal", guard: "client",
		gives: object{{"200", answer("The codes.", codes())}}}
	ciba := protocol{name: "backchannelAuthentication", summary: "Asks a person who is elsewhere (OpenID Connect CIBA §7)", refusal: "OAuthRefusal", guard: "client",
		needs: []string{"scope"},
		gives: object{{"200", answer("What to ask the token endpoint with.", object{{"type", "object"}, {"required", []string{"auth_req_id", "expires_in"}}, {"properties", object{
			{"auth_req_id", str("")}, {"expires_in", object{{"type", "integer"}}}, {"interval", object{{"type", "integer"}}}, {"approval_uri", str("")}}}})}}}
	userinfo := protocol{name: "userinfo", summary: "The claims of the person who signed on (OpenID Connect Core §5.3)", refusal: "OAuthRefusal", guard: "bearer",
		gives: object{{"200", answer("The claims.", object{{"type", "object"}, {"required", []string{"sub"}}, {"properties", object{{"sub", str("")}}}})}}}
	discovery := protocol{name: "discovery", summary: "Describes the issuer (OpenID Connect Discovery §4, RFC 8414 §3)", refusal: "NotFound",
		gives: object{{"200", answer("The metadata.", object{{"type", "object"}, {"required", []string{"issuer", "jwks_uri"}}, {"properties", object{{"issuer", str("")}, {"jwks_uri", str("")}}}})}}}
	metadata := discovery
	metadata.name = "serverMetadata"
	return map[string]protocol{
		"/healthz": {name: "health", summary: "Says that the process is up", gives: object{{"200", answer("It is.", status())}}},
		"/readyz":  {name: "ready", summary: "Says whether the database answers", gives: object{{"200", answer("It does.", status())}}, refusal: "Unavailable"},
		"/{env}/as/.well-known/openid-configuration":       discovery,
		"/.well-known/oauth-authorization-server/{env}/as": metadata,
		"/{env}/as/jwks": {name: "keys", summary: "The public keys of the tokens (RFC 7517 §5)", refusal: "NotFound",
			gives: object{{"200", answer("The keys.", object{{"type", "object"}, {"required", []string{"keys"}}, {"properties", object{{"keys", object{{"type", "array"}, {"items", free()}}}}}})}}},
		"/{env}/as/authorize": authorize,
		"/{env}/as/resume":    resume,
		"/{env}/as/signoff":   signoff, "/{env}/as/idpSignoff": idpSignoff,
		"/{env}/as/token": token,
		"/{env}/as/par":   par, "/{env}/as/device_authorization": device, "/{env}/as/cibaAuthorization": ciba, "/{env}/as/introspect": introspect, "/{env}/as/revoke": revoke,
		"/{env}/as/userinfo": userinfo,
		"/{env}/flows/{flow}": {name: "flow", summary: "A sign-on: its status, and as links the actions it admits", refusal: "BadRequest",
			gives: object{{"200", answer("The flow.", refTo("schemas", "Flow"))}}},
	}
}

func free() object { return object{{"type", "object"}} }
func status() object {
	return object{{"type", "object"}, {"required", []string{"status"}}, {"properties", object{{"status", str("")}}}}
}

func tokens() object {
	return object{{"type", "object"}, {"required", []string{"access_token", "token_type", "expires_in"}}, {"properties", object{
		{"access_token", str("")}, {"token_type", str("")}, {"expires_in", object{{"type", "integer"}}},
		{"scope", str("")}, {"id_token", str("")}, {"refresh_token", str("")},
	}}}
}

func codes() object {
	number := object{{"type", "integer"}}
	return object{{"type", "object"}, {"required", []string{"device_code", "user_code", "verification_uri", "expires_in"}}, {"properties", object{
		{"device_code", str("")}, {"user_code", str("")}, {"verification_uri", str("")}, {"verification_uri_complete", str("")},
		{"expires_in", number}, {"interval", number},
	}}}
}

// flowSchema is the flow resource.
func flowSchema() object {
	var states []string
	for _, row := range flow.Table() {
		states = append(states, row.Status)
	}
	return object{{"type", "object"}, {"required", []string{"_links", "id", "status"}}, {"properties", object{
		{"_links", refTo("schemas", "Links")}, {"_embedded", free()}, {"id", str("")}, {"environment", refTo("schemas", "Reference")},
		{"resumeUrl", str("")}, {"status", str("").and("enum", states)}, {"createdAt", stamp()}, {"expiresAt", stamp()},
		{"session", refTo("schemas", "Reference")}, {"deviceAuthGrant", free()}, {"error", free()},
	}}}
}

func answer(description string, schema object) object {
	return object{{"description", description}, {"content", object{{"application/json", object{{"schema", schema}}}}}}
}

func redirect(description string) object {
	return object{{"302", object{{"description", description}, {"headers", object{{"Location", refTo("headers", "Location")}}}}}}
}

// protocolOperation describes an endpoint outside the management API, nil for
// a page.
func (b *builder) protocolOperation(r server.Route) object {
	p, ok := protocols()[template(r.Path)]
	if !ok {
		return nil
	}
	tag, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.Path, "/{env}"), "/"), "/")
	tag = map[string]string{"as": "OpenID Connect", ".well-known": "OpenID Connect", "flows": "sign-on"}[tag]
	if tag == "" {
		tag = "operation"
	}
	b.tag(tag, "")
	out := object{
		{"operationId", strings.ToLower(r.Method) + title(p.name)}, {"summary", p.summary}, {"tags", []string{tag}},
	}
	if len(r.Parameters) > 0 {
		p.takes = r.Parameters
	}
	if r.Method == "GET" && len(p.takes) > 0 {
		var parameters []object
		for _, name := range p.takes {
			parameters = append(parameters, object{{"name", name}, {"in", "query"}, {"required", slices.Contains(p.needs, name)}, {"schema", str("")}})
		}
		out = out.and("parameters", parameters)
	}
	if len(r.Media) > 0 {
		out = out.and("requestBody", protocolBody(r, p))
	}
	responses := p.gives
	switch p.refusal {
	case "":
	case "Unavailable":
		responses = responses.and("503", refTo("responses", p.refusal))
	default:
		responses = responses.and("4XX", refTo("responses", p.refusal))
	}
	out = out.and("responses", responses)
	return out.andIf(p.guard != "", "security", []object{{{p.guard, []string{}}}, {}})
}

// protocolBody is a form, or the action of a flow by its media type.
func protocolBody(r server.Route, p protocol) object {
	if strings.Contains(r.Path, "/flows/") {
		return object{{"content", flowActions()}}
	}
	properties := object{}
	for _, name := range p.takes {
		properties = properties.and(name, str(""))
	}
	content := object{}
	for _, m := range r.Media {
		content = content.and(m, object{{"schema", object{{"type", "object"}}.andIf(len(p.needs) > 0 && p.guard == "client", "required", p.needs).and("properties", properties)}})
	}
	return object{{"content", content}}
}

func flowActions() object {
	content, seen := object{}, map[string]bool{}
	for _, row := range flow.Table() {
		for _, a := range row.Actions {
			if !seen[a.Media] {
				content = content.and(flow.MediaPrefix+a.Media+flow.MediaSuffix, object{{"schema", members(a.Body, sent)}})
			}
			seen[a.Media] = true
		}
	}
	return content
}
