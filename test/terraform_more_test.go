package test

import (
	"strings"
	"testing"
)

// TestTerraformMore takes the resources through the same life that a product
// has beside its users and applications: what it is signed with, how people
// are asked, who may administer it.
func TestTerraformMore(t *testing.T) {
	run, done := tfEnvironment(t)
	agreement := tfAgreement(run)
	google := tfProviders(run)
	tfActions(run, google, agreement)
	tfAdministrators(run)
	tfKeys(run)
	tfOthers(run)

	run.refresh()
	run.replan()
	run.putBack()
	run.replan()
	run.destroy()
	done()
}

// tfAgreement is a language, and an agreement with its text in it. What is
// effective in the future may still be deleted.
func tfAgreement(run *tfRun) string {
	run.apply(&tfResource{name: "language", in: "/languages", send: object{"locale": "de", "enabled": true}})
	agreement := run.apply(&tfResource{name: "agreement", in: "/agreements", send: object{"name": "Terms", "description": "What we agree on", "enabled": false,
		"reconsentPeriodDays": 31}})
	in := agreement.at() + "/languages"
	language := run.apply(&tfResource{name: "agreement language", in: in, moves: []string{"currentRevision", "currentRevision.id"}, send: object{"displayName": "Deutsch", "locale": "de",
		"enabled": true, "userExperience": object{"acceptCheckboxText": "Ich stimme zu", "continueButtonText": "Weiter", "declineButtonText": "Ablehnen"}}})
	needsMembers(run.t, "agreement language", language.read, object{"agreement.id": agreement.id})
	revision := run.apply(&tfResource{name: "agreement revision", in: language.at() + "/revisions", noPut: true, send: object{"contentType": "text/plain",
		"effectiveAt": "2036-01-01T00:00:00.000Z", "requireReconsent": true, "text": "Bitte zustimmen."}})
	needsMembers(run.t, "agreement revision", revision.read, object{"agreement.id": agreement.id, "language.id": language.id})
	return agreement.id
}

// tfProviders are an attribute of the schema and identity providers, whose
// secrets the provider reads into its state.
func tfProviders(run *tfRun) string {
	schema := needsList(run.manage("GET", "/schemas", nil).want(200), "schemas")[0]
	run.apply(&tfResource{name: "schema attribute", in: "/schemas/" + needsText(schema, "id") + "/attributes", send: object{"name": "favouriteTea", "displayName": "Favourite tea",
		"description": "Green or black", "enabled": true, "type": "STRING", "unique": false, "multiValued": false, "required": false,
		"enumeratedValues": []object{{"value": "green", "archived": false}, {"value": "black", "archived": false}}}})
	google := run.apply(&tfResource{name: "identity provider", in: "/identityProviders", send: object{"name": "Google", "description": "Sign in with Google", "enabled": true, "type": "GOOGLE",
		"clientId": "google-client", "clientSecret": "google-secret-1"}})
	oidc := run.apply(&tfResource{name: "identity provider OIDC", in: "/identityProviders", send: object{"name": "Partner", "enabled": false, "type": "OPENID_CONNECT",
		"authorizationEndpoint": "https://idp.example.com/authorize", "clientId": "partner", "clientSecret": "partner-secret-1", "issuer": "https://idp.example.com",
		"jwksEndpoint": "https://idp.example.com/jwks", "scopes": []string{"openid", "email"}, "tokenEndpoint": "https://idp.example.com/token",
		"tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC", "userInfoEndpoint": "https://idp.example.com/userinfo", "pkceMethod": "S256"}})
	mapped := run.apply(&tfResource{name: "identity provider attribute", in: oidc.at() + "/attributes", send: object{"name": "email", "value": "${providerAttributes.email}", "update": "EMPTY_ONLY"}})
	needsMembers(run.t, "identity provider attribute", mapped.read, object{"identityProvider.id": oidc.id, "mappingType": "CUSTOM"})
	return google.id
}

// tfActions is a sign-on policy with an action of every other type. All but
// the last can be deleted.
func tfActions(run *tfRun, provider, agreement string) {
	policy := run.apply(&tfResource{name: "sign-on policy", in: "/signOnPolicies", send: object{"name": "https://example.com/policies/strong", "description": "Everything"}}).id
	population := needsText(needsFind(needsList(run.manage("GET", "/populations", nil).want(200), "populations"), "default", true), "id")
	for i, action := range []object{
		{"type": "IDENTIFIER_FIRST", "recovery": object{"enabled": true}, "registration": object{"enabled": true, "population": object{"id": population}, "confirmIdentityProviderAttributes": true},
			"discoveryRules":  []object{{"condition": object{"contains": "@example.com", "value": "${identifier}"}, "identityProvider": object{"id": provider}}},
			"socialProviders": []object{{"id": provider}},
			"condition":       object{"or": []object{{"secondsSince": "${session.lastSignOn.withAuthenticator.pwd.at}", "greater": 3600}, {"value": "${user.population.id}", "equals": population}}}},
		{"type": "MULTI_FACTOR_AUTHENTICATION", "noDevicesMode": "BLOCK", "sms": object{"enabled": true}, "email": object{"enabled": true}, "authenticator": object{"enabled": true},
			"condition": object{"ipRange": []string{"192.168.0.0/16", "10.0.0.0/8"}, "contains": "${flow.request.http.remoteIp}"}},
		{"type": "AGREEMENT", "agreement": object{"id": agreement}},
		{"type": "PROGRESSIVE_PROFILING", "preventMultiplePromptsPerFlow": true, "promptIntervalSeconds": 7776000, "promptText": "Tell us more",
			"attributes": []object{{"name": "name.given", "required": true}, {"name": "nickname", "required": false}}},
		{"type": "IDENTITY_PROVIDER", "identityProvider": object{"id": provider}, "acrValues": "high", "passUserContext": true},
	} {
		action["priority"], action["signOnPolicy"] = i+1, object{"id": policy}
		stays := ""
		if i == 0 { // the destroy comes to it last
			stays = "Cannot delete last action from the policy"
		}
		made := run.apply(&tfResource{name: "action " + text(action["type"]), in: "/signOnPolicies/" + policy + "/actions", stays: stays, send: action})
		needsMembers(run.t, "action", made.read, object{"signOnPolicy.id": policy, "type": action["type"], "priority": i + 1})
	}
}

// tfAdministrators are a user and nested groups with roles.
func tfAdministrators(run *tfRun) {
	counts := []string{"directMemberCounts", "directMemberCounts.users", "totalMemberCounts", "totalMemberCounts.users"}
	outer := run.apply(&tfResource{name: "outer group", in: "/groups", moves: counts, send: object{"name": "Staff"}})
	inner := run.apply(&tfResource{name: "inner group", in: "/groups", moves: counts, send: object{"name": "Help desk", "customData": object{"floor": "2"}}})
	nesting := run.apply(&tfResource{name: "group nesting", in: inner.at() + "/memberOfGroups", noPut: true, send: object{"id": outer.id}})
	needsMembers(run.t, "group nesting", nesting.read, object{"id": outer.id, "type": "DIRECT"})
	filtered := run.apply(&tfResource{name: "group by filter", in: "/groups", moves: counts, send: object{"name": "Londoners", "userFilter": `address.locality eq "London"`}})
	needsMembers(run.t, "group by filter", filtered.read, object{"userFilter": `address.locality eq "London"`})
	admin := run.apply(&tfResource{name: "administrator", in: "/users", media: needsMediaImport, send: object{"username": "admin", "email": "admin@example.com"}})
	for what, resource := range map[string]*tfResource{"user": admin, "group": outer} {
		for role, scope := range map[string]object{
			"Identity Data Admin":          {"id": needsText(admin.read, "population.id"), "type": "POPULATION"},
			"Environment Admin":            {"id": run.env, "type": "ENVIRONMENT"},
			"Client Application Developer": {"id": run.env, "type": "ENVIRONMENT"},
		} {
			made := run.apply(&tfResource{name: role + " of the " + what, in: resource.at() + "/roleAssignments", noPut: true,
				send: object{"role": object{"id": needsRole(run.world, role)}, "scope": scope}})
			needsTyped(run.t, "role assignment", made.read, map[string]string{"id": "id", "role.id": "id", "scope.id": "id", "scope.type": "text", "readOnly": "bool?", "environment.id": "id?"})
		}
	}
}

// tfKeys are keys of their own.
func tfKeys(run *tfRun) {
	for name, send := range map[string]object{
		"RSA": {"algorithm": "RSA", "keyLength": 2048, "signatureAlgorithm": "SHA256withRSA", "usageType": "SIGNING"},
		"EC":  {"algorithm": "EC", "keyLength": 256, "signatureAlgorithm": "SHA256withECDSA", "usageType": "ENCRYPTION"},
	} {
		send["name"], send["subjectDN"], send["validityPeriod"], send["default"] = "Terraform "+name, "CN=Terraform "+name+", OU=Platform, O=Example, L=Vienna, ST=Vienna, C=AT", 365, false
		key := run.apply(&tfResource{name: "key " + name, in: "/keys", send: send, update: object{"default": false, "usageType": send["usageType"]}})
		needsTyped(run.t, "key "+name, key.read, map[string]string{"startsAt": "time", "expiresAt": "time", "status": "text", "issuerDN": "text", "createdAt": "time?"})
		needsList(run.manage("GET", key.at()+"/applications", nil).want(200), "applications")
	}
}

// tfOthers are an application that is only a link, and a resource with
// application resources.
func tfOthers(run *tfRun) {
	link := run.apply(&tfResource{name: "external link", in: "/applications", send: object{"name": "Intranet", "description": "Inside", "enabled": true, "type": "PORTAL_LINK_APP",
		"protocol": "EXTERNAL_LINK", "homePageUrl": "https://intranet.example.com", "hiddenFromAppPortal": false}})
	needsMembers(run.t, "external link", link.read, object{"grantTypes": nil, "clientId": nil, "tokenEndpointAuthMethod": nil})
	resource := run.apply(&tfResource{name: "resource", in: "/resources", send: object{"name": "Stock"}})
	needsMembers(run.t, "resource", resource.read, object{"type": "CUSTOM", "audience": "Stock", "accessTokenValiditySeconds": 3600})
	part := run.apply(&tfResource{name: "application resource", in: resource.at() + "/applicationResources", send: object{"name": "shelf", "description": "A shelf"}})
	needsMembers(run.t, "application resource", part.read, object{"parent.type": "PING_ONE_RESOURCE", "parent.id": resource.id})
	for protocol, kind := range map[string]string{"SAML": "WEB_APP", "WS_FED": "WEB_APP"} {
		r := run.manage("POST", "/applications", object{"name": protocol, "enabled": true, "type": kind, "protocol": protocol})
		needsError(run.t, protocol, r, 400, "INVALID_DATA")
		if !strings.Contains(r.raw, protocol) && !strings.Contains(r.raw, "OPENID_CONNECT") {
			run.t.Errorf("the refusal of %s does not say what is served: %s", protocol, r.raw)
		}
	}
}
