package test

import (
	"net/url"
	"slices"
	"testing"
)

func TestClientNeedsCalls(t *testing.T) {
	needsRun(t, []needsStatement{
		{"SDK: token, environments (list, one, POST, PUT, DELETE)", func(w *world) {
			w.form("POST", "/"+w.env+"/as/token", url.Values{"grant_type": {"client_credentials"}}, header{"Authorization": w.basic()}).want(200)
			needsCall(w, "GET", "/environments", nil).want(200)
			made := needsCall(w, "POST", "/environments", object{"name": "New", "type": "SANDBOX", "region": "EU"}).want(201)
			at := "/environments/" + made.text("id")
			license := needsText(made.body, "license.id")
			needsCall(w, "GET", at, nil).want(200)
			put := needsCall(w, "PUT", at, object{"name": "Renamed", "description": "d", "type": "SANDBOX", "region": "EU", "license": object{"id": license}}).want(200)
			needsMembers(w.t, "PUT", put.body, object{"name": "Renamed", "description": "d", "id": made.text("id"), "license.id": license, "createdAt": made.text("createdAt")})
			if r := needsCall(w, "DELETE", at, nil).want(204); r.raw != "" {
				w.t.Errorf("a body: %s", r.raw)
			}
			needsError(w.t, "GET after DELETE", needsCall(w, "GET", at, nil), 404, "NOT_FOUND")
		}},
		{"SDK: populations (GET, POST, PUT, DELETE)", func(w *world) {
			id := w.manage("POST", "/populations", object{"name": "P"}).want(201).text("id")
			needsMembers(w.t, "PUT", w.manage("PUT", "/populations/"+id, object{"name": "Q", "description": "d"}).want(200).body, object{"name": "Q", "description": "d"})
			needsMembers(w.t, "PUT without a description", w.manage("PUT", "/populations/"+id, object{"name": "Q"}).want(200).body, object{"description": nil})
			w.manage("DELETE", "/populations/"+id, nil).want(204)
		}},
		{"SDK: users (GET, POST, PUT, PATCH, DELETE, /enabled, /password GET and PUT)", needsUserCalls},
		{"SDK: applications (/secret GET and POST, /attributes, /grants, /signOnPolicyAssignments)", needsApplicationCalls},
		{"SDK: resources and their scopes", func(w *world) {
			id := w.manage("POST", "/resources", object{"name": "Orders", "audience": "https://orders.example.com", "accessTokenValiditySeconds": 600}).want(201).text("id")
			read := w.manage("GET", "/resources/"+id, nil).want(200)
			needsMembers(w.t, "resource", read.body, object{"type": "CUSTOM", "audience": "https://orders.example.com", "accessTokenValiditySeconds": 600})
			scope := w.manage("POST", "/resources/"+id+"/scopes", object{"name": "orders:read", "description": "Read orders"}).want(201)
			needsMembers(w.t, "scope", scope.body, object{"resource.id": id, "name": "orders:read"})
			w.manage("PUT", "/resources/"+id+"/scopes/"+scope.text("id"), object{"name": "orders:read", "description": "d"}).want(200)
			w.manage("DELETE", "/resources/"+id+"/scopes/"+scope.text("id"), nil).want(204)
			w.manage("DELETE", "/resources/"+id, nil).want(204)
			openid := needsResource(w, "openid")
			if r := w.manage("DELETE", "/resources/"+openid, nil); r.StatusCode != 400 && r.StatusCode != 403 && r.StatusCode != 405 {
				w.t.Errorf("the resource openid may be deleted: %d", r.StatusCode)
			}
		}},
		{"SDK: signOnPolicies and their actions", func(w *world) {
			id := w.manage("POST", "/signOnPolicies", object{"name": "Mine"}).want(201).text("id")
			action := w.manage("POST", "/signOnPolicies/"+id+"/actions", object{"type": "LOGIN", "priority": 1, "recovery": object{"enabled": true},
				"registration": object{"enabled": false}}).want(201)
			needsMembers(w.t, "action", action.body, object{"signOnPolicy.id": id, "type": "LOGIN", "priority": 1, "recovery.enabled": true})
			last := w.manage("DELETE", "/signOnPolicies/"+id+"/actions/"+action.text("id"), nil).want(400)
			needsMembers(w.t, "the last action", last.body, object{"details.0.message": "Cannot delete last action from the policy"})
			w.manage("DELETE", "/signOnPolicies/"+id, nil).want(204)
		}},
		{"Terraform adds groups and memberships", needsGroupCalls},
		{"Terraform adds resources looked up by type and name", func(w *world) {
			list := needsList(w.manage("GET", "/resources", nil).want(200), "resources")
			for name, kind := range map[string]string{"openid": "OPENID_CONNECT", "PingOne API": "PINGONE_API"} {
				found := needsFind(list, "name", name)
				needsMembers(w.t, name, found, object{"type": kind})
				if other := needsFind(list, "type", kind); needsText(other, "id") != needsText(found, "id") {
					w.t.Errorf("two resources of the type %s", kind)
				}
			}
		}},
		{"Terraform's data sources filter environments, populations, licenses, roles and flow policies", needsFilters},
		{"pingcli: platform export reads every resource kind", needsExport},
		{"pingone-mcp-server: environments, billOfMaterials get and replace, totalIdentities", func(w *world) {
			env := "/environments/" + needsNewEnvironment(w)
			read := needsCall(w, "GET", env, nil).want(200)
			needsCall(w, "PUT", env, read.body).want(200)
			put := needsCall(w, "PUT", env+"/billOfMaterials", object{"products": []object{{"type": "PING_ONE_BASE"}, {"type": "PING_ONE_MFA"}}}).want(200)
			got := needsCall(w, "GET", env+"/billOfMaterials", nil).want(200)
			for what, body := range map[string]object{"PUT": put.body, "GET": got.body} {
				needsMembers(w.t, what, body, object{"products.0.type": "PING_ONE_BASE", "products.1.type": "PING_ONE_MFA", "products.2": nil})
			}
			needsError(w.t, "an unknown product", needsCall(w, "PUT", env+"/billOfMaterials", object{"products": []object{{"type": "TOASTER"}}}), 400, "INVALID_DATA")
			filter := url.QueryEscape(`startDate eq "2026-03-22" and endDate eq "2026-03-23"`)
			if r := w.manage("GET", "/totalIdentities?filter="+filter, nil); r.StatusCode == 200 {
				needsTyped(w.t, "totalIdentities", r.body, map[string]string{"_embedded.totalIdentities": "list"})
			} else {
				needsError(w.t, "totalIdentities", r, 404, "NOT_FOUND")
			}
		}},
	})
}

func needsUserCalls(w *world) {
	id := w.manage("POST", "/users", object{"username": "ada", "email": "ada@example.com", "name": object{"given": "Ada", "family": "Lovelace"}}).want(201).text("id")
	at := "/users/" + id
	needsMembers(w.t, "no password yet", w.manage("GET", at+"/password", nil).want(200).body, object{"status": "NO_PASSWORD", "user.id": id, "environment.id": w.env})
	set := w.manage("PUT", at+"/password", object{"value": goodPassword, "forceChange": false}, header{"Content-Type": mediaSet}).want(200)
	needsMembers(w.t, "password", set.body, object{"status": "OK", "user.id": id})
	needsTyped(w.t, "password", set.body, map[string]string{"lastChangedAt": "time", "passwordPolicy.id": "id"})
	patched := w.manage("PATCH", at, object{"nickname": "Countess", "name": object{"family": nil}}).want(200)
	needsMembers(w.t, "PATCH", patched.body, object{"nickname": "Countess", "username": "ada", "name.given": "Ada", "name.family": nil})
	put := w.manage("PUT", at, object{"username": "ada", "email": "ada@example.com"}).want(200)
	needsMembers(w.t, "PUT", put.body, object{"nickname": nil, "name": nil, "username": "ada"})
	w.manage("GET", at+"/enabled", nil).want(200)
	w.manage("PUT", at+"/enabled", object{"enabled": true}).want(200)
	w.manage("DELETE", at, nil).want(204)
	needsError(w.t, "GET after DELETE", w.manage("GET", at, nil), 404, "NOT_FOUND")
}

func needsApplicationCalls(w *world) {
	app := w.application(object{"type": "WEB_APP", "tokenEndpointAuthMethod": "CLIENT_SECRET_POST"})
	at := "/applications/" + app
	first := w.manage("GET", at+"/secret", nil).want(200)
	self := w.base + "/v1/environments/" + w.env + at
	needsMembers(w.t, "secret", first.body, object{"environment.id": w.env, "previous": nil, "_links.self.href": self + "/secret", "_links.application.href": self})
	until := w.clock().AddDate(0, 0, 1).UTC().Format("2006-01-02T15:04:05.000Z")
	second := w.manage("POST", at+"/secret", object{"previous": object{"expiresAt": until}}).want(200)
	if second.text("secret") == first.text("secret") || len(second.text("secret")) < 64 {
		w.t.Errorf("the new secret is %q", second.text("secret"))
	}
	needsMembers(w.t, "with a previous one", w.manage("GET", at+"/secret", nil).want(200).body, object{"secret": second.text("secret"),
		"previous.secret": first.text("secret"), "previous.expiresAt": until})
	w.manage("DELETE", at+"/secret", nil).want(204)
	needsMembers(w.t, "after DELETE", w.manage("GET", at+"/secret", nil).want(200).body, object{"secret": second.text("secret"), "previous": nil})
	mapping := w.manage("POST", at+"/attributes", object{"name": "mail", "value": "${user.email}", "required": true}).want(201).text("id")
	put := w.manage("PUT", at+"/attributes/"+mapping, object{"name": "mail", "value": "${user.username}", "required": false}).want(200)
	needsMembers(w.t, "mapping", put.body, object{"value": "${user.username}", "required": false, "name": "mail"})
	w.manage("DELETE", at+"/attributes/"+mapping, nil).want(204)
	for _, below := range []string{"attributes", "grants", "signOnPolicyAssignments", "roleAssignments"} {
		needsList(w.manage("GET", at+"/"+below, nil).want(200), below)
	}
	w.manage("DELETE", at, nil).want(204)
	for _, below := range []string{"", "/secret", "/attributes", "/grants", "/signOnPolicyAssignments"} {
		needsError(w.t, "GET "+below+" after DELETE", w.manage("GET", at+below, nil), 404, "NOT_FOUND")
	}
}

func needsGroupCalls(w *world) {
	ada := w.user("ada")
	group := w.manage("POST", "/groups", object{"name": "Engineers", "description": "d", "externalId": "e-1"}).want(201)
	id := group.text("id")
	needsMembers(w.t, "group", group.body, object{"name": "Engineers", "description": "d", "externalId": "e-1", "environment.id": w.env})
	at := "/users/" + ada + "/memberOfGroups"
	made := w.manage("POST", at, object{"id": id}).want(201)
	read := w.manage("GET", at+"/"+id, nil).want(200)
	listed := needsList(w.manage("GET", at, nil).want(200), "groupMemberships")
	for what, body := range map[string]object{"created": made.body, "read": read.body, "listed": needsFind(listed, "id", id)} {
		needsMembers(w.t, what, body, object{"id": id, "name": "Engineers", "type": "DIRECT", "environment.id": w.env})
	}
	with := w.manage("GET", "/users/"+ada+"?include=memberOfGroupIDs,memberOfGroupNames", nil).want(200)
	needsMembers(w.t, "include", with.body, object{"memberOfGroupIDs": []string{id}, "memberOfGroupNames": []string{"Engineers"}})
	needsMembers(w.t, "without include", w.manage("GET", "/users/"+ada, nil).want(200).body, object{"memberOfGroupIDs": nil, "memberOfGroupNames": nil})
	filter := url.QueryEscape(`memberOfGroups[id eq "` + id + `"]`)
	needsMembers(w.t, "members", w.manage("GET", "/users?filter="+filter, nil).want(200).body, object{"size": 1, "_embedded.users.0.id": ada})
	w.manage("DELETE", at+"/"+id, nil).want(204)
	needsError(w.t, "no longer a member", w.manage("GET", at+"/"+id, nil), 404, "NOT_FOUND")
	w.manage("DELETE", "/groups/"+id, nil).want(204)
}

// needsExport reads what an export of the platform's configuration reads.
func needsExport(w *world) {
	apps := needsList(w.manage("GET", "/applications", nil).want(200), "applications")
	var types []string
	for _, a := range apps {
		types = append(types, needsText(a, "type"))
		one := w.manage("GET", "/applications/"+needsText(a, "id"), nil).want(200)
		needsMembers(w.t, "application", one.body, object{"name": a["name"], "protocol": a["protocol"]})
	}
	for _, own := range []string{"PING_ONE_PORTAL", "PING_ONE_SELF_SERVICE", "PING_ONE_ADMIN_CONSOLE"} {
		if !slices.Contains(types, own) {
			w.t.Errorf("the environment has no application of the type %s: %v", own, types)
		}
	}
	for _, r := range needsList(w.manage("GET", "/resources", nil).want(200), "resources") {
		for _, below := range []string{"scopes", "attributes"} {
			needsList(w.manage("GET", "/resources/"+needsText(r, "id")+"/"+below, nil).want(200), below)
		}
	}
	for _, s := range needsList(w.manage("GET", "/schemas", nil).want(200), "schemas") {
		list := needsList(w.manage("GET", "/schemas/"+needsText(s, "id")+"/attributes", nil).want(200), "attributes")
		for _, a := range list {
			needsTyped(w.t, "schema attribute", a, map[string]string{"id": "id", "name": "text", "type": "text", "enabled": "bool", "schema.id": "id"})
		}
		if needsFind(list, "name", "username") == nil {
			w.t.Errorf("the schema %v has no username", s["name"])
		}
	}
	needsTyped(w.t, "brandingSettings", w.manage("GET", "/brandingSettings", nil).want(200).body, map[string]string{"_links.self.href": "url"})
	for _, theme := range needsList(w.manage("GET", "/themes", nil).want(200), "themes") {
		needsMembers(w.t, "theme default", w.manage("GET", "/themes/"+needsText(theme, "id")+"/default", nil).want(200).body, object{"default": theme["default"]})
	}
	needsTyped(w.t, "mfaSettings", w.manage("GET", "/mfaSettings", nil).want(200).body, map[string]string{"_links.self.href": "url"})
	needsTyped(w.t, "capabilities", w.manage("GET", "/capabilities", nil).want(200).body, map[string]string{"_links.self.href": "url"})
	for _, role := range needsList(needsCall(w, "GET", "/roles", nil).want(200), "roles") {
		needsTyped(w.t, "role", needsCall(w, "GET", "/roles/"+needsText(role, "id"), nil).want(200).body, map[string]string{"name": "text", "applicableTo": "texts"})
	}
}

// needsFilters sends the filters that the data sources make.
func needsFilters(w *world) {
	population := w.manage("POST", "/populations", object{"name": "People"}).want(201).text("id")
	group := w.manage("POST", "/groups", object{"name": "People"}).want(201).text("id")
	env := needsCall(w, "GET", "/environments/"+w.env, nil).want(200).body
	here, organization := "/environments/"+w.env, needsText(env, "organization.id")
	for _, c := range []struct {
		path, filter, plural string
		size                 int
	}{
		{"/environments", `name sw "` + needsText(env, "name")[:3] + `"`, "environments", 1},
		{"/environments", `id eq "` + w.env + `"`, "environments", 1},
		{"/environments", `organization.id eq "` + organization + `" and id eq "` + needsNobody + `"`, "environments", 0},
		{"/organizations", `name sw "nobody has this name"`, "organizations", 0},
		{"/organizations/" + organization + "/licenses", `status eq "ACTIVE"`, "licenses", 1},
		{"/organizations/" + organization + "/licenses", `(status eq "EXPIRED")`, "licenses", 0},
		{"/organizations/" + organization + "/licenses", `beginsAt lt "1999-01-01T00:00:00.000Z"`, "licenses", 0},
		{here + "/populations", `name sw "Peo"`, "populations", 1},
		{here + "/populations", `id eq "` + population + `"`, "populations", 1},
		{here + "/populations", `(name eq "People") OR (name eq "Nobody")`, "populations", 1},
		{here + "/groups", `name eq "People"`, "groups", 1},
		{here + "/groups", `id eq "` + group + `"`, "groups", 1},
		{here + "/roles", `type eq "CUSTOM"`, "roles", 0},
		{here + "/flowPolicies", `(trigger.type eq "AUTHENTICATION")`, "flowPolicies", 0},
		{here + "/users", `(username eq "nobody") and (enabled eq true)`, "users", 0},
	} {
		r := needsCall(w, "GET", c.path+"?filter="+url.QueryEscape(c.filter), nil)
		list, _ := needsAt(r.body, "_embedded."+c.plural).([]any)
		if r.StatusCode != 200 || len(list) != c.size || r.body["size"] != float64(c.size) {
			w.t.Errorf("GET %s, filter %s: %d %s", c.path, c.filter, r.StatusCode, r.raw)
		}
	}
}
