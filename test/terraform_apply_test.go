package test

import (
	"net/url"
	"testing"
)

// TestTerraform makes the calls of an apply, a refresh, a re-plan, an update
// with nothing in it and a destroy, for a configuration with one of everything:
// twice, as what was destroyed can be applied again.
func TestTerraform(t *testing.T) {
	run, done := tfEnvironment(t)
	for range 2 {
		tfLife(run)
	}
	done()
}

func tfLife(run *tfRun) {
	theme := tfBranding(run)
	rotation, group, population := tfIdentities(run, theme)
	ada := tfUser(run, population, group)
	orders, scopes := tfOrders(run)
	policy := tfPolicy(run)
	apps := tfApplications(run, rotation)
	tfApplicationParts(run, apps, orders, scopes, policy)

	run.refresh()
	run.replan()
	tfSignOn(run, apps["native"], orders)
	run.refreshUser(ada)
	run.putBack()
	run.replan()
	run.destroy()
	tfBrandingGone(run)
}

// tfBranding is a theme and the branding settings, which are only replaced.
func tfBranding(run *tfRun) (theme string) {
	theme = run.apply(&tfResource{name: "theme", in: "/themes", send: needsTheme("Terraform")}).id
	needsMembers(run.t, "theme default", run.manage("GET", "/themes/"+theme+"/default", nil).want(200).body, object{"default": false})
	put := run.manage("PUT", "/brandingSettings", object{"companyName": "Example"}).want(200)
	needsMembers(run.t, "branding settings", put.body, object{"companyName": "Example"})
	run.same("branding settings: GET after PUT", put.body, run.manage("GET", "/brandingSettings", nil).want(200).body)
	return theme
}

// tfBrandingGone destroys the branding settings: the provider puts empty ones.
func tfBrandingGone(run *tfRun) {
	needsMembers(run.t, "branding settings", run.manage("GET", "/brandingSettings", nil).want(200).body, object{"companyName": "Example"})
	run.manage("PUT", "/brandingSettings", object{}).want(200)
	needsMembers(run.t, "branding settings, destroyed", run.manage("GET", "/brandingSettings", nil).want(200).body, object{"companyName": nil})
}

// tfIdentities is a key rotation policy, a password policy, two populations
// and a group.
func tfIdentities(run *tfRun, theme string) (rotation, group, population string) {
	rotation = run.apply(&tfResource{name: "key rotation policy", in: "/keyRotationPolicies", send: object{"name": "Terraform", "algorithm": "RSA",
		"dn": "CN=Terraform, OU=Platform, O=Example, L=Vienna, ST=Vienna, C=AT", "keyLength": 2048, "signatureAlgorithm": "SHA256withRSA", "usageType": "SIGNING",
		"rotationPeriod": 60, "validityPeriod": 180}}).id
	passwords := run.apply(&tfResource{name: "password policy", in: "/passwordPolicies", moves: []string{"populationCount"}, send: object{"name": "Terraform", "description": "Long",
		"default": false, "excludesCommonlyUsed": true, "excludesProfileData": true, "notSimilarToCurrent": true, "length": object{"min": 12, "max": 255},
		"history": object{"count": 6, "retentionDays": 365}, "lockout": object{"failureCount": 5, "durationSeconds": 900}, "maxAgeDays": 182, "minAgeDays": 1,
		"maxRepeatedCharacters": 2, "minUniqueCharacters": 5, "minComplexity": 7,
		"minCharacters": object{"ABCDEFGHIJKLMNOPQRSTUVWXYZ": 1, "abcdefghijklmnopqrstuvwxyz": 1, "0123456789": 1, "~!@#$%^&*()-_=+[]{}|;:,.<>/?": 1}}}).id
	population = run.apply(&tfResource{name: "population", in: "/populations", moves: []string{"userCount"}, send: object{"name": "Customers", "description": "They buy",
		"passwordPolicy": object{"id": passwords}, "theme": object{"id": theme}, "preferredLanguage": "en"}}).id
	least := run.apply(&tfResource{name: "population with no more than a name", in: "/populations", moves: []string{"userCount"}, send: object{"name": "Others"}})
	// The provider polls the new population for its theme.
	if id := needsText(least.read, "theme.id"); !needsID.MatchString(id) || id == theme {
		run.t.Errorf("the theme of a new population is %q", id)
	}
	for _, name := range []string{"strange", "stranger"} { // not in the configuration: the destroy finds them by filter
		run.manage("POST", "/users", object{"username": name, "email": name + "@example.com", "population": object{"id": least.id}}).want(201)
	}
	group = run.apply(&tfResource{name: "group", in: "/groups", moves: []string{"directMemberCounts", "directMemberCounts.users", "totalMemberCounts", "totalMemberCounts.users"},
		send: object{"name": "Buyers", "description": "May buy", "population": object{"id": population}, "externalId": "b-1"}}).id
	return rotation, group, population
}

// tfUser makes a user with the import media type, then reads whether it is
// enabled, says whether it has a second factor and puts it into a group.
func tfUser(run *tfRun, population, group string) *tfResource {
	user := run.apply(&tfResource{name: "user", in: "/users", media: needsMediaImport, moves: []string{"updatedAt"}, send: object{"username": "ada", "email": "ada@example.com",
		"enabled": true, "population": object{"id": population}, "name": object{"given": "Ada", "family": "Lovelace"}, "nickname": "Countess", "locale": "en-GB",
		"address":    object{"streetAddress": "12 St James's Square", "locality": "London", "countryCode": "GB", "postalCode": "SW1Y 4JH"},
		"externalId": "u-1", "title": "Analyst", "type": "tf", "primaryPhone": "+44.2000000000", "mobilePhone": "+44.7000000000",
		"preferredLanguage": "en-GB", "timezone": "Europe/London", "photo": object{"href": "https://example.com/ada.png"},
		"lifecycle": object{"status": "ACCOUNT_OK"}, "password": object{"value": "2FederateM0re!Ada", "forceChange": false}}})
	needsMembers(run.t, "enabled", run.manage("GET", user.at()+"/enabled", nil).want(200).body, object{"enabled": true})
	needsMembers(run.t, "mfaEnabled", run.manage("PUT", user.at()+"/mfaEnabled", object{"mfaEnabled": false}).want(200).body, object{"mfaEnabled": false})
	run.apply(&tfResource{name: "group membership", in: user.at() + "/memberOfGroups", send: object{"id": group}, noPut: true})
	members := run.manage("GET", "/users?filter="+url.QueryEscape(`population.id eq "`+population+`"`), nil).want(200)
	needsMembers(run.t, "the population's users", members.body, object{"size": 1, "_embedded.users.0.id": user.id})
	return user
}

// refreshUser forgets what a sign-on has changed of a user.
func (run *tfRun) refreshUser(user *tfResource) {
	read := run.manage("GET", user.at(), nil).want(200).body
	run.same("user after a sign-on", user.read, read, "lastSignOn", "updatedAt")
	user.read = read
}

// tfOrders is a custom resource with scopes and an attribute.
func tfOrders(run *tfRun) (resource string, scopes []string) {
	resource = run.apply(&tfResource{name: "resource", in: "/resources", send: object{"name": "Orders", "description": "What was bought",
		"audience": "https://orders.example.com", "accessTokenValiditySeconds": 1800, "introspectEndpointAuthMethod": "CLIENT_SECRET_BASIC"}}).id
	at := "/resources/" + resource
	for _, name := range []string{"orders:read", "orders:write"} {
		scopes = append(scopes, run.apply(&tfResource{name: "scope " + name, in: at + "/scopes", send: object{"name": name, "description": "For " + name}}).id)
	}
	run.apply(&tfResource{name: "resource attribute", in: at + "/attributes", send: object{"name": "buyer", "value": "${user.name.family}"}})
	secret := run.manage("GET", at+"/secret", nil).want(200)
	run.same("resource secret: re-plan", secret.body, run.manage("GET", at+"/secret", nil).want(200).body)
	return resource, scopes
}

// tfPolicy is a sign-on policy with a LOGIN action. The provider leaves the
// last action to its policy when the server does not delete it.
func tfPolicy(run *tfRun) string {
	policy := run.apply(&tfResource{name: "sign-on policy", in: "/signOnPolicies", send: object{"name": "Terraform", "description": "Password"}}).id
	run.apply(&tfResource{name: "sign-on policy action", in: "/signOnPolicies/" + policy + "/actions", stays: "Cannot delete last action from the policy",
		send: object{"signOnPolicy": object{"id": policy}, "type": "LOGIN", "priority": 1, "recovery": object{"enabled": true}, "registration": object{"enabled": false},
			"condition": object{"secondsSince": "${session.lastSignOn.at}", "greater": 3600}}})
	return policy
}

// tfApplications are OIDC applications of four types, with what the provider
// sends for each.
func tfApplications(run *tfRun, rotation string) map[string]string {
	base := object{"enabled": true, "protocol": "OPENID_CONNECT", "description": "Made by configuration", "assignActorRoles": false, "hiddenFromAppPortal": false,
		"idpSignoff": false, "requireSignedRequestObject": false, "additionalRefreshTokenReplayProtectionEnabled": true, "parRequirement": "OPTIONAL", "parTimeout": 60,
		"allowWildcardInRedirectUris": false}
	configuration := map[string]object{
		"native": {"type": "NATIVE_APP", "grantTypes": []string{"AUTHORIZATION_CODE"}, "responseTypes": []string{"CODE"}, "tokenEndpointAuthMethod": "NONE",
			"pkceEnforcement": "S256_REQUIRED", "redirectUris": []string{callback}, "postLogoutRedirectUris": []string{"https://app.example.com/bye"},
			"signing": object{"keyRotationPolicy": object{"id": rotation}}},
		"spa": {"type": "SINGLE_PAGE_APP", "grantTypes": []string{"AUTHORIZATION_CODE"}, "responseTypes": []string{"CODE"}, "tokenEndpointAuthMethod": "NONE",
			"pkceEnforcement": "S256_REQUIRED", "redirectUris": []string{spa + "/callback"}, "corsSettings": object{"behavior": "ALLOW_SPECIFIC_ORIGINS", "origins": []string{spa}}},
		"web": {"type": "WEB_APP", "grantTypes": []string{"AUTHORIZATION_CODE", "REFRESH_TOKEN"}, "responseTypes": []string{"CODE"}, "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC",
			"pkceEnforcement": "OPTIONAL", "redirectUris": []string{callback}, "homePageUrl": "https://app.example.com", "initiateLoginUri": "https://app.example.com/login",
			"refreshTokenDuration": 86400, "refreshTokenRollingDuration": 2592000, "refreshTokenRollingGracePeriodDuration": 30},
		"worker": {"type": "WORKER", "grantTypes": []string{"CLIENT_CREDENTIALS"}, "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC"},
	}
	ids := map[string]string{}
	for _, name := range []string{"native", "spa", "web", "worker"} {
		send := object{"name": "Terraform " + name}
		for _, part := range []object{base, configuration[name]} {
			for member, value := range part {
				send[member] = value
			}
		}
		ids[name] = run.apply(&tfResource{name: "application " + name, in: "/applications", send: send}).id
		secret := run.manage("GET", "/applications/"+ids[name]+"/secret", nil).want(200)
		run.same("secret of "+name+": re-plan", secret.body, run.manage("GET", "/applications/"+ids[name]+"/secret", nil).want(200).body)
	}
	return ids
}

// tfApplicationParts are grants, a mapping, the assignment of a policy and of
// a role.
func tfApplicationParts(run *tfRun, apps map[string]string, orders string, scopes []string, policy string) {
	openid := needsResource(run.world, "openid")
	list := needsList(run.manage("GET", "/resources/"+openid+"/scopes", nil).want(200), "scopes")
	email, profile := needsText(needsFind(list, "name", "email"), "id"), needsText(needsFind(list, "name", "profile"), "id")
	native := "/applications/" + apps["native"]
	run.apply(&tfResource{name: "grant of openid", in: native + "/grants", send: object{"resource": object{"id": openid}, "scopes": []object{{"id": email}, {"id": profile}}}})
	run.apply(&tfResource{name: "grant of orders", in: native + "/grants", send: object{"resource": object{"id": orders}, "scopes": []object{{"id": scopes[0]}, {"id": scopes[1]}}}})
	run.apply(&tfResource{name: "attribute mapping", in: native + "/attributes", send: object{"name": "family", "value": "${user.name.family}", "required": false,
		"idToken": true, "userInfo": true}})
	run.apply(&tfResource{name: "sign-on policy assignment", in: native + "/signOnPolicyAssignments", send: object{"signOnPolicy": object{"id": policy}, "priority": 1}})
	role := object{"role": object{"id": needsRole(run.world, "Identity Data Admin")}, "scope": object{"id": run.env, "type": "ENVIRONMENT"}}
	run.apply(&tfResource{name: "role assignment", in: "/applications/" + apps["worker"] + "/roleAssignments", send: role, noPut: true})
	twice := run.manage("POST", "/applications/"+apps["worker"]+"/roleAssignments", role)
	needsError(run.t, "the same role twice", twice, 400, "INVALID_DATA")
	needsMembers(run.t, "the same role twice", twice.body, object{"details.0.code": "UNIQUENESS_VIOLATION", "details.0.target": "role", "details.0.message": "May not assign duplicate Role"})
}

// tfSignOn signs the user on through what was configured: policy, password,
// mapping, scopes of the resource.
func tfSignOn(run *tfRun, app, orders string) {
	p := &person{w: run.world}
	flow := p.authorize(app, url.Values{"scope": {"openid email"}}).want(302).query("flowId")
	p.signOn(flow, "ada", "2FederateM0re!Ada").want(200)
	tokens := run.redeem(app, p.resume(flow).want(302).query("code"), nil).want(200)
	needsMembers(run.t, "ID token", claims(run.t, tokens.text("id_token")), object{"family": "Lovelace", "acr": "Terraform"})
	needsMembers(run.t, "userinfo", run.userinfo(tokens.text("access_token")).want(200).body, object{"email": "ada@example.com", "family": "Lovelace"})

	code := p.authorize(app, url.Values{"scope": {"openid orders:read"}}).want(302).query("code")
	tokens = run.redeem(app, code, nil).want(200)
	access := claims(run.t, tokens.text("access_token"))
	needsMembers(run.t, "access token", access, object{"aud": []string{"https://orders.example.com"}, "buyer": "Lovelace"})
	if tokens.body["expires_in"] != 1800.0 {
		run.t.Errorf("expires_in is %v; the resource %s says 1800", tokens.body["expires_in"], orders)
	}
}
