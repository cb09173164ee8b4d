package test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// needsEndpoints is what there is in PingOne's management API below an
// environment, and what its other tools read there: the methods, then a path.
const needsEndpoints = `
GET activeIdentityCounts
GET,PUT adminConfig
GET,POST agreements
GET,PUT,DELETE agreements/{id}
GET,POST agreements/{id}/languages
GET,PUT,DELETE agreements/{id}/languages/{id}
GET,POST agreements/{id}/languages/{id}/revisions
GET,DELETE agreements/{id}/languages/{id}/revisions/{id}
GET,POST applications
GET,PUT,DELETE applications/{id}
GET,POST,DELETE applications/{id}/secret
GET,POST applications/{id}/grants
GET,PUT,DELETE applications/{id}/grants/{id}
GET,POST applications/{id}/signOnPolicyAssignments
GET,PUT,DELETE applications/{id}/signOnPolicyAssignments/{id}
GET,POST applications/{id}/flowPolicyAssignments
GET,PUT,DELETE applications/{id}/flowPolicyAssignments/{id}
GET,POST applications/{id}/roleAssignments
GET,DELETE applications/{id}/roleAssignments/{id}
GET,POST applications/{id}/attributes
GET,PUT,DELETE applications/{id}/attributes/{id}
GET,PUT applications/{id}/metadata
GET,POST applications/{id}/pushCredentials
GET,POST activities
GET activities/{id}
GET,PUT billOfMaterials
GET,PUT brandingSettings
GET capabilities
GET,POST certificates
GET,DELETE certificates/{id}
GET certificates/{id}/applications
GET,POST customDomains
GET,POST deviceAuthenticationPolicies
GET,POST fido2Policies
GET flowPolicies
GET flowPolicies/{id}
GET,POST forms
GET,POST gateways
GET,PUT,DELETE gateways/{id}
GET,POST groups
GET,PUT,DELETE groups/{id}
GET,POST groups/{id}/memberOfGroups
GET,DELETE groups/{id}/memberOfGroups/{id}
GET,POST groups/{id}/roleAssignments
GET,DELETE groups/{id}/roleAssignments/{id}
GET,POST identityProviders
GET,PUT,DELETE identityProviders/{id}
GET,POST identityProviders/{id}/attributes
GET,PUT,DELETE identityProviders/{id}/attributes/{id}
GET,POST images
GET,POST keys
GET,PUT,DELETE keys/{id}
GET keys/{id}/applications
GET,POST keys/{id}/csr
GET,POST keyRotationPolicies
GET,PUT,DELETE keyRotationPolicies/{id}
GET,POST languages
GET,PUT,DELETE languages/{id}
GET,POST languages/{id}/status
GET,PUT,DELETE languages/{id}/status/{id}
GET,PUT mfaSettings
GET,PUT notificationsSettings
GET,POST notificationsPolicies
GET,POST passwordPolicies
GET,PUT,DELETE passwordPolicies/{id}
GET,POST phoneDeliverySettings
GET,POST populations
GET,PUT,DELETE populations/{id}
GET,PUT populations/{id}/defaultIdentityProvider
GET,POST propagation/plans
GET propagation/revisions/id:latest
GET,POST propagation/stores
GET,PUT recaptchaConfig
GET,POST resources
GET,PUT,DELETE resources/{id}
GET resources/{id}/applicationPermissions
GET,POST resources/{id}/applicationResources
GET,PUT,DELETE resources/{id}/applicationResources/{id}
GET,POST resources/{id}/attributes
GET,PUT,DELETE resources/{id}/attributes/{id}
GET,POST,DELETE resources/{id}/secret
GET,POST resources/{id}/scopes
GET,PUT,DELETE resources/{id}/scopes/{id}
GET,POST riskPolicySets
GET,POST roles
GET,PUT,DELETE roles/{id}
GET schemas
GET schemas/{id}
GET,POST schemas/{id}/attributes
GET,PATCH,PUT,DELETE schemas/{id}/attributes/{id}
GET,PUT,DELETE sessions/me
GET,POST signOnPolicies
GET,PUT,DELETE signOnPolicies/{id}
GET,POST signOnPolicies/{id}/actions
GET,PUT,DELETE signOnPolicies/{id}/actions/{id}
GET,POST subscriptions
GET templates
GET,POST templates/general/contents
GET,POST themes
GET,PUT,DELETE themes/{id}
GET,PUT themes/{id}/default
GET totalIdentities
GET,POST trustedEmailDomains
GET userActivities
GET,POST users
GET,POST,PUT,PATCH,DELETE users/{id}
GET,POST users/{id}/agreementConsents/{id}
GET users/{id}/agreementConsents
GET,POST users/{id}/applicationRoles
DELETE users/{id}/applicationRoles/{id}
GET,POST users/{id}/devices
GET,PUT users/{id}/enabled
GET,PUT users/{id}/identityProvider
GET users/{id}/linkedAccounts
GET,DELETE users/{id}/linkedAccounts/{id}
GET,POST users/{id}/memberOfGroups
GET,DELETE users/{id}/memberOfGroups/{id}
GET,PUT users/{id}/mfaEnabled
GET,POST,PUT users/{id}/password
GET,PUT users/{id}/population
GET,POST users/{id}/roleAssignments
GET,DELETE users/{id}/roleAssignments/{id}
GET users/{id}/sessions
GET,DELETE users/{id}/sessions/{id}
GET users/{id}/verifyTransactions
POST verifications
PUT status
PUT type
`

// needsEach calls every endpoint, with made-up ids and an empty object.
func needsEach(f func(method, path string)) {
	for _, line := range strings.Split(strings.TrimSpace(needsEndpoints), "\n") {
		methods, path, _ := strings.Cut(line, " ")
		for _, method := range strings.Split(methods, ",") {
			f(method, strings.ReplaceAll(path, "{id}", needsNobody))
		}
	}
}

func TestClientNeedsEndpoints(t *testing.T) {
	needsRun(t, []needsStatement{
		{"never 500, 501, 502, 503, 504, 408 or 429 for not built yet, but 404, 405 or 400", needsNothingRetried},
		{"a method that a path does not have: 405", func(w *world) {
			for _, path := range []string{"/populations", "/users", "/applications", "/groups", "/resources"} {
				r := w.manage("DELETE", path, nil)
				needsError(w.t, "DELETE "+path, r, 405, "METHOD_NOT_ALLOWED")
				if !strings.Contains(r.Header.Get("Allow"), "POST") {
					w.t.Errorf("DELETE %s: Allow is %q", path, r.Header.Get("Allow"))
				}
			}
			needsError(w.t, "PATCH of an application", w.manage("PATCH", "/applications/"+w.application(nil), object{}), 405, "METHOD_NOT_ALLOWED")
		}},
		{"every list of the environment has the shape of a list", needsEveryList},
	})
}

func needsNothingRetried(w *world) {
	allowed := []int{200, 201, 400, 404, 405, 415}
	needsEach(func(method, path string) {
		sent := any(object{})
		if method == "GET" || method == "DELETE" {
			sent = nil
		}
		r := w.manage(method, "/"+path, sent)
		if needsRetried(r.StatusCode) || !slices.Contains(allowed, r.StatusCode) || r.text("code") == "UNEXPECTED_ERROR" {
			w.t.Errorf("%s %s: %d %s", method, path, r.StatusCode, r.raw)
		}
		if r.StatusCode >= 400 {
			needsError(w.t, method+" "+path, r, r.StatusCode, r.text("code"))
		} else if h := r.Header.Get("Content-Type"); h != "application/json" {
			w.t.Errorf("%s %s: the Content-Type is %q", method, path, h)
		}
	})
	for _, path := range []string{"/organizations/" + needsNobody, "/organizations/" + needsNobody + "/licenses", "/roles/" + needsNobody,
		"/nothing", "/"} {
		needsError(w.t, "GET "+path, needsCall(w, "GET", path, nil), 404, "NOT_FOUND")
	}
	// The provider takes a 403 in an environment for a question whether it is there.
	if r := needsCall(w, "GET", "/environments/"+needsNobody+"/users", nil); r.StatusCode != 404 {
		needsError(w.t, "the users of no environment", r, 403, "ACCESS_FAILED")
	}
}

// needsEveryList reads every list that is served right below the environment,
// and those that clients must find.
func needsEveryList(w *world) {
	must := []string{"agreements", "applications", "gateways", "groups", "identityProviders", "keyRotationPolicies", "keys", "languages",
		"passwordPolicies", "populations", "resources", "roles", "schemas", "signOnPolicies", "templates", "themes", "users"}
	single := []string{"activities", "activeIdentityCounts", "adminConfig", "billOfMaterials", "brandingSettings", "capabilities", "mfaSettings",
		"notificationsSettings", "recaptchaConfig", "totalIdentities", "userActivities"}
	plain := regexp.MustCompile(`^[a-zA-Z0-9]+$`)
	needsEach(func(method, path string) {
		if method != "GET" || !plain.MatchString(path) || slices.Contains(single, path) {
			return
		}
		r := w.manage("GET", "/"+path, nil)
		if r.StatusCode == 404 && !slices.Contains(must, path) {
			return
		}
		if r.StatusCode != 200 {
			w.t.Errorf("GET %s: %d %s", path, r.StatusCode, r.raw)
			return
		}
		list, ok := needsAt(r.body, "_embedded."+path).([]any)
		if !ok || r.body["size"] != float64(len(list)) || needsText(r.body, "_links.self.href") != w.base+"/v1/environments/"+w.env+"/"+path {
			w.t.Errorf("GET %s: no list: %s", path, r.raw)
			return
		}
		if n, ok := r.body["count"]; ok && !needsIs(n, "int") {
			w.t.Errorf("GET %s: count is %v", path, n)
		}
	})
}
