package test

import "slices"

// Here is what the property tests know of the kinds beyond their tables of
// fields: rules between fields, and where the wire facts make exceptions.

// answersCreationWith200 are the kinds whose POST answers 200 by PingOne's
// OpenAPI file (Appendix A.1); 201, as everything else, is taken too.
var answersCreationWith200 = []string{"identityProvider", "language"}

// cannotBeMade are the kinds that must refer to something this server has not.
var cannotBeMade = []string{"flowPolicyAssignment"}

// defaulted are the members without a default in their table that a kind's
// rules fill in.
var defaulted = []string{
	"application.grantTypes", "application.responseTypes", "application.tokenEndpointAuthMethod", "application.mobile",
	"resource.audience", "resource.introspectEndpointAuthMethod", "key.issuerDN",
}

// pins are values that a kind's rules demand together.
func (m *maker) pins(kindName string) object {
	switch kindName {
	case "application":
		if m.g.once(5) {
			return object{"protocol": "EXTERNAL_LINK", "type": "PORTAL_LINK_APP"}
		}
		return object{"protocol": "OPENID_CONNECT", "type": pickOne(m.g.r, "WEB_APP", "NATIVE_APP", "SINGLE_PAGE_APP", "WORKER", "SERVICE", "CUSTOM_APP")}
	case "environment": // a PRODUCTION one is not gone when it is deleted
		return object{"type": "SANDBOX"}
	case "identityProvider": // SAML would need a certificate
		return object{"type": pickOne(m.g.r, "OPENID_CONNECT", "GOOGLE", "APPLE", "FACEBOOK", "PAYPAL", "MICROSOFT", "GITHUB")}
	case "resource": // the others are the platform's
		return object{"type": "CUSTOM"}
	case "agreement": // it can't be enabled before it has a language
		return object{"enabled": false}
	case "agreementRevision": // one that is effective can't be deleted
		return object{"effectiveAt": pickOne(m.g.r, "2031-01-01T00:00:00.000Z", "2040-02-29T23:59:59.999Z")}
	case "keyRotationPolicy":
		return object{"keyLength": 2048, "rotationPeriod": 60, "validityPeriod": 365}
	case "key":
		if m.g.once(2) {
			return object{"algorithm": "RSA", "keyLength": 2048, "signatureAlgorithm": pickOne(m.g.r, "SHA256withRSA", "SHA384withRSA", "SHA256withRSAandMGF1"), "serialNumber": 1 + m.g.r.IntN(1e9)}
		}
		if m.g.once(3) {
			return object{"algorithm": "Ed25519", "keyLength": 256, "signatureAlgorithm": "Ed25519", "serialNumber": 1 + m.g.r.IntN(1e9)}
		}
		return object{"algorithm": "EC", "keyLength": 256, "signatureAlgorithm": "SHA256withECDSA", "serialNumber": 1 + m.g.r.IntN(1e9)}
	case "roleAssignment":
		return pickOne(m.g.r,
			object{"role": object{"id": m.roleNamed("Identity Data Read Only")}, "scope": object{"type": "ENVIRONMENT", "id": m.env}},
			object{"role": object{"id": m.roleNamed("Identity Data Admin")}, "scope": object{"type": "POPULATION", "id": m.refers("population", "")}},
			object{"role": object{"id": m.roleNamed("Client Application Developer")}, "scope": object{"type": "APPLICATION", "id": m.refers("application", "")}})
	case "signOnPolicyAction":
		return object{"condition": pickOne[any](m.g.r, object{"secondsSince": "${session.lastSignOn.at}", "greater": 1 + m.g.r.IntN(1e6)},
			object{"or": []any{object{"ipRange": []any{"10.0.0.0/8"}, "contains": "${flow.request.http.remoteIp}"}, object{"not": object{"value": "${user.population.id}", "equals": "x"}}}})}
	}
	return nil
}

// roleNamed is the id of a role.
func (m *maker) roleNamed(name string) string {
	m.t.Helper()
	list, _ := m.call("GET", "/v1/roles", "").want(200).body["_embedded"].(object)["roles"].([]any)
	for _, e := range list {
		if o, _ := e.(object); o["name"] == name {
			return text(o["id"])
		}
	}
	m.t.Fatalf("there is no role %s", name)
	return ""
}

// repairs make a body fit the rules that its kind has between its fields.
var repairs = map[string]func(b object){
	"application": func(b object) {
		delete(b, "allowWildcardInRedirectUris")
		if s, _ := b["signing"].(object); s != nil {
			delete(s, "key") // not every key signs tokens
		}
		method := b["tokenEndpointAuthMethod"]
		if grants, _ := b["grantTypes"].([]any); (method == "NONE" || method == nil) && (slices.Contains(grants, any("CLIENT_CREDENTIALS")) || grants == nil) {
			b["tokenEndpointAuthMethod"] = "CLIENT_SECRET_POST"
		}
		if n, given := b["refreshTokenDuration"].(int64); given { // any two of them fit, and the default
			b["refreshTokenDuration"] = min(n, 2592000)
		}
		if n, given := b["refreshTokenRollingDuration"].(int64); given {
			b["refreshTokenRollingDuration"] = max(n, 2592000)
		}
		if c, _ := b["corsSettings"].(object); c != nil && c["behavior"] == "ALLOW_SPECIFIC_ORIGINS" {
			c["origins"] = []any{"https://app.example.com"}
		}
	},
	"passwordPolicy": func(b object) {
		least, _ := b["minAgeDays"].(int64)
		if most, given := b["maxAgeDays"].(int64); given && least >= most {
			delete(b, "minAgeDays")
		}
	},
	"attributeMapping": func(b object) {
		if b["idToken"] == false {
			delete(b, "userInfo")
		}
	},
	"resourceAttribute": func(b object) {
		if b["idToken"] == false {
			delete(b, "userInfo")
		}
	},
}
