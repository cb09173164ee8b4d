package test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// needsDefaults makes an application of every type with no more than is
// required and reads what PingOne adds.
func needsDefaults(w *world) {
	policy := needsDefaultRotation(w)
	w.manage("GET", "/keyRotationPolicies/"+policy, nil).want(200)
	all := object{"assignActorRoles": false, "parRequirement": "OPTIONAL", "parTimeout": 60, "idpSignoff": false, "requireSignedRequestObject": false,
		"additionalRefreshTokenReplayProtectionEnabled": true, "refreshTokenDuration": 2592000, "refreshTokenRollingDuration": 15552000,
		"hiddenFromAppPortal": false, "signing.keyRotationPolicy.id": policy, "pkceEnforcement": "OPTIONAL", "deviceTimeout": 600,
		"devicePollingInterval": 5, "requestScopesForMultipleResourcesEnabled": false, "enabled": true, "protocol": "OPENID_CONNECT"}
	for kind, own := range map[string]object{
		"NATIVE_APP": {"grantTypes": []string{"AUTHORIZATION_CODE", "IMPLICIT"}, "responseTypes": []string{"TOKEN", "ID_TOKEN", "CODE"}, "tokenEndpointAuthMethod": "NONE",
			"mobile.integrityDetection.mode": "DISABLED", "mobile.passcodeGracePeriod": 5, "mobile.passcodeRefreshDuration": object{"duration": 30, "timeUnit": "SECONDS"}},
		"SINGLE_PAGE_APP": {"grantTypes": []string{"IMPLICIT"}, "responseTypes": []string{"TOKEN", "ID_TOKEN"}, "tokenEndpointAuthMethod": "NONE", "mobile": nil},
		"WEB_APP":         {"grantTypes": []string{"AUTHORIZATION_CODE"}, "responseTypes": []string{"CODE"}, "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC", "mobile": nil},
		"WORKER":          {"grantTypes": []string{"CLIENT_CREDENTIALS"}, "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC", "mobile": nil},
		"SERVICE":         {"grantTypes": []string{"CLIENT_CREDENTIALS"}, "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC", "mobile": nil},
		"CUSTOM_APP":      {"grantTypes": []string{"DEVICE_CODE", "REFRESH_TOKEN"}, "tokenEndpointAuthMethod": "NONE", "mobile": nil},
	} {
		made := w.manage("POST", "/applications", object{"name": kind, "enabled": true, "type": kind, "protocol": "OPENID_CONNECT"}).want(201)
		read := w.manage("GET", "/applications/"+made.text("id"), nil).want(200)
		listed := needsFind(needsList(w.manage("GET", "/applications", nil).want(200), "applications"), "id", made.text("id"))
		for what, body := range map[string]object{"created": made.body, "read": read.body, "listed": listed} {
			needsMembers(w.t, kind+" "+what, body, all)
			needsMembers(w.t, kind+" "+what, body, own)
			needsMembers(w.t, kind+" "+what, body, object{"clientId": made.text("id"), "type": kind})
		}
	}
}

// needsDefaultRotation is the rotation policy that an application gets when
// none is asked for.
func needsDefaultRotation(w *world) string {
	return needsText(w.manage("GET", "/applications/"+w.application(nil), nil).want(200).body, "signing.keyRotationPolicy.id")
}

func needsPutReplaces(w *world) {
	least := object{"name": "App", "enabled": true, "type": "WEB_APP", "protocol": "OPENID_CONNECT", "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC"}
	more := object{"description": "d", "parTimeout": 30, "parRequirement": "REQUIRED", "refreshTokenDuration": 3600, "refreshTokenRollingDuration": 7200,
		"hiddenFromAppPortal": true, "idpSignoff": true, "additionalRefreshTokenReplayProtectionEnabled": false, "pkceEnforcement": "REQUIRED",
		"redirectUris": []string{callback}, "homePageUrl": "https://example.com", "requireSignedRequestObject": true,
		"corsSettings": object{"behavior": "ALLOW_SPECIFIC_ORIGINS", "origins": []string{"https://example.com"}}}
	for k, v := range least {
		more[k] = v
	}
	made := w.manage("POST", "/applications", more).want(201)
	needsMembers(w.t, "created", made.body, more)
	at := "/applications/" + made.text("id")
	for _, r := range []response{w.manage("PUT", at, least).want(200), w.manage("GET", at, nil).want(200)} {
		needsMembers(w.t, "replaced", r.body, object{"description": nil, "parTimeout": 60, "parRequirement": "OPTIONAL", "refreshTokenDuration": 2592000,
			"refreshTokenRollingDuration": 15552000, "hiddenFromAppPortal": false, "idpSignoff": false,
			"additionalRefreshTokenReplayProtectionEnabled": true, "pkceEnforcement": "OPTIONAL", "homePageUrl": nil, "corsSettings": nil,
			"requireSignedRequestObject": false, "id": made.text("id"), "createdAt": made.text("createdAt")})
	}
	for field, value := range map[string]any{"type": "NATIVE_APP", "protocol": "SAML"} {
		changed := object{field: value}
		for k, v := range least {
			if k != field {
				changed[k] = v
			}
		}
		needsError(w.t, "another "+field, w.manage("PUT", at, changed), 400, "INVALID_DATA")
	}
}

// needsTypes are the members of every kind with their types, as the field
// tables declare them.
func needsTypes() map[string]map[string]string {
	dated := func(m map[string]string) map[string]string {
		m["id"], m["environment.id"], m["_links.self.href"] = "id", "id", "url"
		return m
	}
	return map[string]map[string]string{
		"populations": dated(map[string]string{"name": "text", "default": "bool", "userCount": "int", "createdAt": "time", "updatedAt": "time",
			"theme.id": "id", "preferredLanguage": "text", "description": "text?", "passwordPolicy.id": "id?"}),
		"users": dated(map[string]string{"username": "text", "email": "text", "enabled": "bool", "mfaEnabled": "bool", "createdAt": "time", "updatedAt": "time",
			"population.id": "id", "account.canAuthenticate": "bool", "account.status": "text", "lifecycle.status": "text", "emailVerified": "bool?",
			"identityProvider.type": "text", "verifyStatus": "text", "lastSignOn.at": "time?", "lastSignOn.remoteIp": "text?"}),
		"groups": dated(map[string]string{"name": "text", "createdAt": "time?", "updatedAt": "time?", "directMemberCounts.users": "int?", "totalMemberCounts.users": "int?"}),
		"applications": dated(map[string]string{"name": "text", "enabled": "bool", "type": "text", "protocol": "text", "createdAt": "time", "updatedAt": "time",
			"grantTypes": "texts?", "responseTypes": "texts?", "redirectUris": "texts?", "postLogoutRedirectUris": "texts?", "assignActorRoles": "bool?", "parTimeout": "int?",
			"refreshTokenDuration": "int?", "refreshTokenRollingDuration": "int?", "deviceTimeout": "int?", "devicePollingInterval": "int?", "idpSignoff": "bool?",
			"hiddenFromAppPortal": "bool?", "requireSignedRequestObject": "bool?", "additionalRefreshTokenReplayProtectionEnabled": "bool?",
			"requestScopesForMultipleResourcesEnabled": "bool?", "signing.keyRotationPolicy.id": "id?", "corsSettings.origins": "texts?", "mobile.passcodeGracePeriod": "int?"}),
		"resources":      dated(map[string]string{"name": "text", "type": "text", "audience": "text?", "accessTokenValiditySeconds": "int?", "createdAt": "time?", "updatedAt": "time?"}),
		"signOnPolicies": dated(map[string]string{"name": "text", "default": "bool", "createdAt": "time", "updatedAt": "time"}),
		"passwordPolicies": dated(map[string]string{"name": "text", "default": "bool", "excludesCommonlyUsed": "bool", "excludesProfileData": "bool", "notSimilarToCurrent": "bool",
			"length.min": "int?", "length.max": "int?", "history.count": "int?", "history.retentionDays": "int?", "lockout.failureCount": "int?",
			"lockout.durationSeconds": "int?", "maxAgeDays": "int?", "minAgeDays": "int?", "maxRepeatedCharacters": "int?", "minUniqueCharacters": "int?",
			"populationCount": "int?", "createdAt": "time", "updatedAt": "time", "minCharacters.0123456789": "int?"}),
		"keyRotationPolicies": dated(map[string]string{"name": "text", "algorithm": "text", "dn": "text", "keyLength": "int", "signatureAlgorithm": "text", "usageType": "text",
			"rotationPeriod": "int", "validityPeriod": "int", "currentKeyId": "id", "nextKeyId": "id?", "rotatedAt": "time?"}),
		"keys": dated(map[string]string{"name": "text", "algorithm": "text", "keyLength": "int", "signatureAlgorithm": "text", "subjectDN": "text", "usageType": "text",
			"validityPeriod": "int", "default": "bool?", "startsAt": "time", "expiresAt": "time", "createdAt": "time?", "status": "text?", "issuerDN": "text?"}),
		"themes": dated(map[string]string{"default": "bool", "template": "text", "configuration.backgroundType": "text", "configuration.logoType": "text",
			"configuration.bodyTextColor": "text", "configuration.buttonColor": "text", "configuration.cardColor": "text"}),
		"roles":   {"id": "id", "name": "text", "applicableTo": "texts", "permissions": "list", "description": "text?"},
		"schemas": dated(map[string]string{"name": "text"}),
	}
}

func TestClientNeedsTypes(t *testing.T) {
	needsRun(t, []needsStatement{
		{"a wrong JSON type is fatal: booleans, ints, RFC 3339 times", func(w *world) {
			ada, app := w.user("ada"), w.application(nil)
			p := &person{w: w}
			p.code(app, "ada", nil)
			for plural, body := range needsSamples("One") {
				w.manage("POST", "/"+plural, body)
			}
			for plural, types := range needsTypes() {
				list := needsList(w.manage("GET", "/"+plural, nil).want(200), plural)
				if len(list) == 0 {
					w.t.Errorf("no %s to look at", plural)
				}
				for _, e := range list {
					needsTyped(w.t, plural+" in a list", e, types)
					needsTyped(w.t, plural, w.manage("GET", "/"+plural+"/"+needsText(e, "id"), nil).want(200).body, types)
				}
			}
			needsTyped(w.t, "password", w.manage("GET", "/users/"+ada+"/password", nil).want(200).body,
				map[string]string{"status": "text", "lastChangedAt": "time", "passwordPolicy.id": "id", "user.id": "id", "environment.id": "id"})
			needsTyped(w.t, "environment", needsCall(w, "GET", "/environments/"+w.env, nil).want(200).body,
				map[string]string{"name": "text", "type": "text", "region": "text", "license.id": "id", "organization.id": "id", "createdAt": "time", "updatedAt": "time"})
		}},
		{"a license and an organization decode into strict types", func(w *world) {
			organizations := needsList(needsCall(w, "GET", "/organizations", nil).want(200), "organizations")
			if len(organizations) != 1 {
				w.t.Fatalf("%d organizations", len(organizations))
			}
			needsTyped(w.t, "organization", organizations[0], map[string]string{"id": "id", "name": "text", "type": "text", "createdAt": "time", "updatedAt": "time"})
			r := needsCall(w, "GET", "/organizations/"+needsText(organizations[0], "id")+"/licenses", nil).want(200)
			for _, l := range needsList(r, "licenses") {
				needsTyped(w.t, "license", l, map[string]string{"id": "id", "name": "text", "status": "text", "package": "text?", "beginsAt": "time", "expiresAt": "time?",
					"organization.id": "id?", "environments.max": "int?", "environments.allowProduction": "bool?", "users.max": "int?", "users.allowPasswordPolicy": "bool?",
					"assignedEnvironmentsCount": "int?", "mfa.allowTotp": "bool?", "gateways.allowLdapGateway": "bool?"})
				needsMembers(w.t, "license", l, object{"status": "ACTIVE"})
			}
		}},
		{"a number is written as an integer, not as 1e+06 or 1.0", func(w *world) {
			w.manage("POST", "/applications", object{"name": "Long", "enabled": true, "type": "WEB_APP", "protocol": "OPENID_CONNECT",
				"refreshTokenDuration": 1000000, "refreshTokenRollingDuration": 2147483647}).want(201)
			w.manage("POST", "/resources", object{"name": "Long", "accessTokenValiditySeconds": 2592000}).want(201)
			for _, plural := range []string{"applications", "resources", "passwordPolicies", "populations", "keyRotationPolicies", "signOnPolicies"} {
				needsIntegers(w.t, plural, w.manage("GET", "/"+plural, nil).want(200).raw)
			}
		}},
	})
}

// needsIntegers holds that every number in a text is written as an integer.
func needsIntegers(t testing.TB, what, raw string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return
		}
		if n, ok := token.(json.Number); ok {
			if i, err := n.Int64(); err != nil || i > math.MaxInt32 {
				t.Errorf("%s: the number %s", what, n)
			}
		}
	}
}
