package test

import (
	"strings"
	"testing"

	"pixy/internal/server"
)

func TestClientNeedsHosts(t *testing.T) {
	needsRun(t, []needsStatement{
		{"auth and api may be one name", func(w *world) {
			needsCall(w, "GET", "/environments/"+w.env, nil).want(200)
			issuer := w.send("GET", "/"+w.env+"/as/.well-known/openid-configuration", "").want(200).text("issuer")
			if issuer != "https://id.example.com/"+w.env+"/as" {
				w.t.Errorf("the issuer is %q", issuer)
			}
		}},
		{"behind a proxy that rewrites the host, _links and issuer come from configuration", func(w *world) {
			inner := "http://10.0.0.7:8443"
			forwarded := header{"Authorization": "Bearer " + w.admin, "X-Forwarded-Host": "evil.example.com", "Forwarded": "host=evil.example.com"}
			list := w.send("GET", inner+"/v1/environments/"+w.env+"/populations?limit=1", "", forwarded).want(200)
			one := w.send("GET", inner+"/v1/environments/"+w.env, "", forwarded).want(200)
			discovery := w.send("GET", inner+"/"+w.env+"/as/.well-known/openid-configuration", "", forwarded).want(200)
			for _, r := range []response{list, one, discovery} {
				if strings.Contains(r.raw, "10.0.0.7") || strings.Contains(r.raw, "evil.example.com") {
					w.t.Errorf("the host of the request is in %s", r.raw)
				}
			}
			needsMembers(w.t, "environment", one.body, object{"_links.self.href": "https://id.example.com/v1/environments/" + w.env})
			needsMembers(w.t, "discovery", discovery.body, object{"token_endpoint": "https://id.example.com/" + w.env + "/as/token"})
		}},
		{"Ping's OIDC SDK refuses an http issuer", func(w *world) {
			d := w.send("GET", "/"+w.env+"/as/.well-known/openid-configuration", "").want(200)
			for name, v := range d.body {
				if s, ok := v.(string); ok && !strings.HasPrefix(s, "https://id.example.com/") {
					w.t.Errorf("%s is %q", name, s)
				}
			}
		}},
	}, func(c *server.Config) { c.PublicURL = "https://id.example.com" })
}

// needsSamples are bodies of things that have no other requirement than an
// environment, by the plural under which they are made.
func needsSamples(name string) map[string]object {
	return map[string]object{
		"populations":    {"name": name},
		"groups":         {"name": name},
		"users":          {"username": name, "email": name + "@example.com"},
		"applications":   {"name": name, "enabled": true, "type": "WEB_APP", "protocol": "OPENID_CONNECT", "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC"},
		"resources":      {"name": name},
		"signOnPolicies": {"name": name},
		"passwordPolicies": {"name": name, "excludesCommonlyUsed": true, "excludesProfileData": false, "notSimilarToCurrent": false,
			"length": object{"min": 8, "max": 255}},
		"keyRotationPolicies": {"name": name, "algorithm": "RSA", "dn": "CN=" + name + ", O=Example, C=US", "keyLength": 2048,
			"signatureAlgorithm": "SHA256withRSA", "usageType": "SIGNING"},
		"themes": needsTheme(name),
	}
}

func needsTheme(name string) object {
	return object{"template": "split", "default": false, "configuration": object{"name": name, "logoType": "NONE", "backgroundType": "COLOR",
		"backgroundColor": "#EDEDED", "bodyTextColor": "#4A4A4A", "cardColor": "#FFFFFF", "buttonColor": "#2996CC", "buttonTextColor": "#FFFFFF",
		"headingTextColor": "#686F77", "linkTextColor": "#2996CC"}}
}

func TestClientNeedsAnswers(t *testing.T) {
	needsRun(t, []needsStatement{
		{"Content-Type is application/json, on errors too", needsJSON},
		{"POST create 201, PUT, PATCH and GET 200, DELETE 204 with no body", needsStatuses},
		{"a missing thing: 404 with id, code NOT_FOUND and message", needsMissing},
		{"errors need code and message, details their code too", needsErrorModel},
		{"a retried code is never sent: UNEXPECTED_ERROR", func(w *world) {
			for plural := range needsSamples("x") {
				for _, body := range []string{"", "{", "[]", "null", `"x"`, "{}", `{"name": {}}`, `{"name": 1e400}`, "{\"name\": \"\\u0000\"}"} {
					r := w.send("POST", "/v1/environments/"+w.env+"/"+plural, body, header{"Authorization": "Bearer " + w.admin, "Content-Type": "application/json"})
					if needsRetried(r.StatusCode) || r.text("code") == "UNEXPECTED_ERROR" || r.StatusCode < 400 {
						w.t.Errorf("POST %s %s: %d %s", plural, body, r.StatusCode, r.raw)
					}
				}
			}
		}},
	})
}

func needsJSON(w *world) {
	made := w.manage("POST", "/populations", object{"name": "A"}).want(201)
	at := "/populations/" + made.text("id")
	user := w.user("ada")
	app := w.application(nil)
	for what, r := range map[string]response{
		"created":       made,
		"read":          w.manage("GET", at, nil).want(200),
		"replaced":      w.manage("PUT", at, object{"name": "B"}).want(200),
		"patched":       w.manage("PATCH", "/users/"+user, object{"title": "Countess"}).want(200),
		"listed":        w.manage("GET", "/populations", nil).want(200),
		"environments":  needsCall(w, "GET", "/environments", nil).want(200),
		"bill":          w.manage("GET", "/billOfMaterials", nil).want(200),
		"password":      w.manage("GET", "/users/"+user+"/password", nil).want(200),
		"secret":        w.manage("GET", "/applications/"+app+"/secret", nil).want(200),
		"no token":      w.send("GET", "/v1/environments", "").want(401),
		"invalid":       w.manage("POST", "/populations", object{}).want(400),
		"missing":       w.manage("GET", "/populations/"+needsNobody, nil).want(404),
		"no such path":  w.manage("GET", "/nothing", nil).want(404),
		"wrong method":  w.manage("PATCH", at, object{}).want(405),
		"wrong media":   w.manage("POST", "/populations", object{}, header{"Content-Type": "text/xml"}).want(415),
		"wrong accept":  w.manage("GET", at, nil, header{"Accept": "application/hal+json"}).want(200),
		"wrong filter":  w.manage("GET", "/users?filter=%28", nil).want(400),
		"import of one": w.manage("POST", "/users", object{"username": "bob", "email": "bob@example.com"}, header{"Content-Type": needsMediaImport}).want(201),
	} {
		if h := r.Header.Get("Content-Type"); h != "application/json" {
			w.t.Errorf("%s: the Content-Type is %q", what, h)
		}
		if r.body == nil {
			w.t.Errorf("%s: no JSON object: %s", what, r.raw)
		}
		if r.StatusCode >= 400 {
			needsError(w.t, what, r, r.StatusCode, r.text("code"))
		}
	}
}

// needsMediaImport is the media type with which Terraform creates users.
const needsMediaImport = "application/vnd.pingidentity.user.import+json"

func needsStatuses(w *world) {
	for plural, body := range needsSamples("One") {
		made := w.manage("POST", "/"+plural, body)
		if made.StatusCode != 201 {
			w.t.Errorf("POST %s: %d %s", plural, made.StatusCode, made.raw)
			continue
		}
		at := w.base + "/v1/environments/" + w.env + "/" + plural + "/" + made.text("id")
		if made.Header.Get("Location") != at || needsText(made.body, "_links.self.href") != at {
			w.t.Errorf("POST %s: Location %q, self %q, want %q", plural, made.Header.Get("Location"), needsText(made.body, "_links.self.href"), at)
		}
		below := "/" + plural + "/" + made.text("id")
		w.manage("GET", below, nil).want(200)
		if r := w.manage("PUT", below, body); r.StatusCode != 200 || r.text("id") != made.text("id") {
			w.t.Errorf("PUT %s: %d %s", plural, r.StatusCode, r.raw)
		}
		if plural == "users" {
			w.manage("PATCH", below, object{"nickname": "a"}).want(200)
		}
		if plural == "applications" {
			if secret := w.manage("POST", below+"/secret", object{}).want(200).text("secret"); len(secret) < 64 {
				w.t.Errorf("POST secret: %q", secret)
			}
		}
		if r := w.manage("DELETE", below, nil); r.StatusCode != 204 || r.raw != "" || r.Header.Get("Content-Type") != "" {
			w.t.Errorf("DELETE %s: %d %q %q", plural, r.StatusCode, r.raw, r.Header.Get("Content-Type"))
		}
		needsError(w.t, "GET after DELETE of "+plural, w.manage("GET", below, nil), 404, "NOT_FOUND")
	}
}

func needsMissing(w *world) {
	app, user, resource := w.application(nil), w.user("ada"), needsResource(w, "openid")
	policy := needsText(needsFind(needsList(w.manage("GET", "/signOnPolicies", nil).want(200), "signOnPolicies"), "default", true), "id")
	group := w.manage("POST", "/groups", object{"name": "G"}).want(201).text("id")
	for _, path := range []string{"/populations", "/groups", "/users", "/applications", "/resources", "/signOnPolicies", "/passwordPolicies",
		"/keyRotationPolicies", "/keys", "/themes", "/schemas", "/identityProviders", "/agreements", "/roles",
		"/applications/" + app + "/attributes", "/applications/" + app + "/grants", "/applications/" + app + "/signOnPolicyAssignments",
		"/applications/" + app + "/roleAssignments", "/users/" + user + "/memberOfGroups", "/users/" + user + "/roleAssignments",
		"/users/" + user + "/sessions", "/groups/" + group + "/roleAssignments", "/resources/" + resource + "/scopes",
		"/resources/" + resource + "/attributes", "/signOnPolicies/" + policy + "/actions"} {
		needsError(w.t, "GET "+path, w.manage("GET", path+"/"+needsNobody, nil), 404, "NOT_FOUND")
		r := w.manage("DELETE", path+"/"+needsNobody, nil)
		if r.StatusCode != 404 && r.StatusCode != 405 || r.text("code") == "" || r.text("message") == "" {
			w.t.Errorf("DELETE %s: %d %s", path, r.StatusCode, r.raw)
		}
	}
	for _, path := range []string{"/users/" + needsNobody + "/enabled", "/users/" + needsNobody + "/password", "/users/" + needsNobody + "/memberOfGroups",
		"/applications/" + needsNobody + "/secret", "/applications/" + needsNobody + "/grants", "/resources/" + needsNobody + "/scopes",
		"/signOnPolicies/" + needsNobody + "/actions"} {
		needsError(w.t, "GET "+path, w.manage("GET", path, nil), 404, "NOT_FOUND")
	}
	for path, message := range map[string]string{
		"/environments/" + needsNobody:                            "Unable to find environment with ID: '" + needsNobody + "'",
		"/environments/" + w.env + "/applications/" + needsNobody: "Unable to find Application with ID: '" + needsNobody + "' in Environment ",
	} {
		if r := needsCall(w, "GET", path, nil).want(404); !strings.HasPrefix(r.text("message"), message) {
			w.t.Errorf("%s: %q", path, r.text("message"))
		}
	}
}

// needsResource is the id of a resource, found by its name in the list.
func needsResource(w *world, name string) string {
	w.t.Helper()
	found := needsFind(needsList(w.manage("GET", "/resources", nil).want(200), "resources"), "name", name)
	if found == nil {
		w.t.Fatalf("no resource is named %s", name)
	}
	return needsText(found, "id")
}

func needsErrorModel(w *world) {
	for plural := range needsSamples("x") {
		r := w.manage("POST", "/"+plural, object{"name": object{}, "username": object{}, "enabled": "yes"})
		needsError(w.t, "POST "+plural, r, 400, "INVALID_DATA")
		if r.detail()["code"] == nil || r.detail()["target"] == nil {
			w.t.Errorf("POST %s: no detail with code and target: %s", plural, r.raw)
		}
	}
	w.user("ada")
	taken := w.manage("POST", "/users", object{"username": "ADA", "email": "b@example.com"})
	needsError(w.t, "a username twice", taken, 400, "INVALID_DATA")
	needsMembers(w.t, "a username twice", taken.body, object{"details.0.code": "UNIQUENESS_VIOLATION", "details.0.target": "username"})
	empty := w.manage("POST", "/users", object{"username": "", "email": "nobody"})
	needsError(w.t, "an empty username", empty, 400, "INVALID_DATA")
	if list, _ := empty.body["details"].([]any); len(list) < 2 {
		w.t.Errorf("not all violations in one answer: %s", empty.raw)
	}
	unknown := w.send("GET", "/v1/environments", "", header{"Authorization": "Bearer x.y.z"})
	needsError(w.t, "a token of no use", unknown, 401, "ACCESS_FAILED")
	needsMembers(w.t, "a token of no use", unknown.body, object{"details.0.code": "INVALID_TOKEN", "details.0.target": "Authentication Credentials",
		"details.0.message": "The authorization token is either missing or invalid, or it has expired."})

	// The JS SDK shows details[0] of the errors of pi.flow.
	app := w.application(nil)
	p := &person{w: w}
	r := p.signOn(p.tab(app, nil), "ada", "wrong")
	needsError(w.t, "a wrong password in a flow", r, 400, "INVALID_DATA")
	if r.detail()["code"] == nil || r.detail()["message"] == nil {
		w.t.Errorf("a wrong password in a flow: %s", r.raw)
	}
}
