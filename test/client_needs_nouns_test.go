package test

import (
	"net/url"
	"slices"
	"testing"
)

func TestClientNeedsNouns(t *testing.T) {
	needsRun(t, []needsStatement{
		{"populations need theme.id, default and preferredLanguage right after create", needsPopulation},
		{"users: enabled true by default, mfaEnabled, lifecycle, account, verifyStatus, identityProvider", func(w *world) {
			made := w.manage("POST", "/users", object{"username": "ada", "email": "ada@example.com"}).want(201)
			read := w.manage("GET", "/users/"+made.text("id"), nil).want(200)
			list := needsList(w.manage("GET", "/users", nil).want(200), "users")
			population := needsText(needsFind(needsList(w.manage("GET", "/populations", nil).want(200), "populations"), "default", true), "id")
			for what, body := range map[string]object{"created": made.body, "read": read.body, "listed": list[0]} {
				needsMembers(w.t, what, body, object{"enabled": true, "mfaEnabled": false, "lifecycle.status": "ACCOUNT_OK", "account.status": "OK",
					"account.canAuthenticate": true, "verifyStatus": "NOT_INITIATED", "identityProvider.type": "PING_ONE",
					"population.id": population, "username": "ada", "email": "ada@example.com", "environment.id": w.env})
			}
		}},
		{"users: PUT must keep population and enabled", needsUserPut},
		{"users: PUT /enabled answers {\"enabled\": ...}", needsEnabled},
		{"users: PUT /users/{id}/mfaEnabled is called on create", func(w *world) {
			ada := w.user("ada")
			r := w.manage("PUT", "/users/"+ada+"/mfaEnabled", object{"mfaEnabled": true}).want(200)
			self := w.base + "/v1/environments/" + w.env + "/users/" + ada
			needsMembers(w.t, "mfaEnabled", r.body, object{"mfaEnabled": true, "_links.self.href": self + "/mfaEnabled", "_links.user.href": self})
			needsMembers(w.t, "the user", w.manage("GET", "/users/"+ada, nil).want(200).body, object{"mfaEnabled": true, "enabled": true})
			needsMembers(w.t, "mfaEnabled, read", w.manage("GET", "/users/"+ada+"/mfaEnabled", nil).want(200).body, object{"mfaEnabled": true})
			needsError(w.t, "no boolean", w.manage("PUT", "/users/"+ada+"/mfaEnabled", object{"mfaEnabled": "yes"}), 400, "INVALID_DATA")
		}},
		{"Terraform creates users with the import media type", needsImport},
		{"deleting a population first lists its users by filter", needsPopulationDelete},
		{"applications echo PingOne's defaults", needsDefaults},
		{"applications: PUT replaces, what is not sent goes back to its default", needsPutReplaces},
		{"GET /environments/{id} needs name, type, region, license.id, organization.id, createdAt", needsEnvironment},
		{"GET /environments/{id}/billOfMaterials must answer", func(w *world) {
			for _, env := range []string{w.env, needsNewEnvironment(w)} {
				r := needsCall(w, "GET", "/environments/"+env+"/billOfMaterials", nil).want(200)
				needsTyped(w.t, "billOfMaterials", r.body, map[string]string{"products": "list", "createdAt": "time?", "updatedAt": "time?"})
				needsMembers(w.t, "billOfMaterials", r.body, object{"_links.self.href": w.base + "/v1/environments/" + env + "/billOfMaterials"})
			}
		}},
		{"the environment comes with an OPENID_CONNECT resource and its scopes, found by name", needsOpenID},
		{"the environment comes with a PINGONE_API resource", func(w *world) {
			w.env = needsNewEnvironment(w)
			api := needsFind(needsList(w.manage("GET", "/resources", nil).want(200), "resources"), "type", "PINGONE_API")
			needsMembers(w.t, "PingOne API", api, object{"name": "PingOne API", "audience": "https://api.pingone.com"})
			scopes := needsList(w.manage("GET", "/resources/"+needsText(api, "id")+"/scopes", nil).want(200), "scopes")
			if needsFind(scopes, "name", "p1:read:user") == nil {
				w.t.Errorf("no scope p1:read:user: %v", scopes)
			}
		}},
		{"a default sign-on policy must exist", func(w *world) {
			w.env = needsNewEnvironment(w)
			list := needsList(w.manage("GET", "/signOnPolicies", nil).want(200), "signOnPolicies")
			n := 0
			for _, p := range list {
				if p["default"] == true {
					n++
				}
			}
			policy := needsFind(list, "default", true)
			needsMembers(w.t, "the default policy", policy, object{"name": "Single_Factor"})
			actions := needsList(w.manage("GET", "/signOnPolicies/"+needsText(policy, "id")+"/actions", nil).want(200), "actions")
			if n != 1 || needsFind(actions, "type", "LOGIN") == nil {
				w.t.Errorf("%d default policies, actions %v", n, actions)
			}
		}},
	})
}

// needsNewEnvironment makes an environment and returns its id.
func needsNewEnvironment(w *world) string {
	w.t.Helper()
	return needsCall(w, "POST", "/environments", object{"name": "New", "type": "SANDBOX", "region": "EU"}).want(201).text("id")
}

func needsPopulation(w *world) {
	themes := needsList(w.manage("GET", "/themes", nil).want(200), "themes")
	theme := needsText(needsFind(themes, "default", true), "id")
	made := w.manage("POST", "/populations", object{"name": "P", "description": "people"}).want(201)
	read := w.manage("GET", "/populations/"+made.text("id"), nil).want(200)
	listed := needsFind(needsList(w.manage("GET", "/populations", nil).want(200), "populations"), "id", made.text("id"))
	replaced := w.manage("PUT", "/populations/"+made.text("id"), object{"name": "P", "description": "people"}).want(200)
	for what, body := range map[string]object{"created": made.body, "read": read.body, "listed": listed, "replaced": replaced.body} {
		needsMembers(w.t, what, body, object{"theme.id": theme, "default": false, "preferredLanguage": "en", "userCount": 0, "name": "P", "description": "people",
			"_links.theme.href": w.base + "/v1/environments/" + w.env + "/themes/" + theme})
	}
	w.manage("GET", "/themes/"+theme, nil).want(200)
	born := needsFind(needsList(w.manage("GET", "/populations", nil).want(200), "populations"), "default", true)
	needsMembers(w.t, "the default population", born, object{"theme.id": theme, "preferredLanguage": "en"})
}

func needsUserPut(w *world) {
	b := w.manage("POST", "/populations", object{"name": "B"}).want(201).text("id")
	id := w.manage("POST", "/users", object{"username": "ada", "email": "ada@example.com", "population": object{"id": b}, "nickname": "A"}).want(201).text("id")
	w.manage("PUT", "/users/"+id+"/enabled", object{"enabled": false}).want(200)
	for _, r := range []response{
		w.manage("PUT", "/users/"+id, object{"username": "ada", "email": "ada@example.org"}).want(200),
		w.manage("GET", "/users/"+id, nil).want(200),
	} {
		needsMembers(w.t, "after PUT", r.body, object{"population.id": b, "enabled": false, "email": "ada@example.org", "nickname": nil})
	}
	read := w.manage("GET", "/users/"+id, nil).want(200).body
	needsMembers(w.t, "PUT of what was read", w.manage("PUT", "/users/"+id, read).want(200).body, object{"population.id": b, "enabled": false})
	moved := w.manage("PUT", "/users/"+id+"/population", object{"id": needsText(needsFind(needsList(w.manage("GET", "/populations", nil).want(200), "populations"), "default", true), "id")}).want(200)
	needsMembers(w.t, "moved", w.manage("GET", "/users/"+id, nil).want(200).body, object{"population.id": moved.text("id"), "enabled": false})
}

func needsEnabled(w *world) {
	ada, app := w.user("ada"), w.application(nil)
	at := "/users/" + ada + "/enabled"
	self := w.base + "/v1/environments/" + w.env + at
	for _, enabled := range []bool{false, true} {
		needsMembers(w.t, "PUT", w.manage("PUT", at, object{"enabled": enabled}).want(200).body, object{"enabled": enabled, "_links.self.href": self})
		needsMembers(w.t, "GET", w.manage("GET", at, nil).want(200).body, object{"enabled": enabled, "_links.self.href": self})
		needsMembers(w.t, "the user", w.manage("GET", "/users/"+ada, nil).want(200).body, object{"enabled": enabled})
		p := &person{w: w}
		if r := p.signOn(p.tab(app, nil), "ada", goodPassword); (r.StatusCode == 200) != enabled {
			w.t.Errorf("enabled %v, and the sign-on: %d %s", enabled, r.StatusCode, r.raw)
		}
	}
	needsError(w.t, "no boolean", w.manage("PUT", at, object{"enabled": "false"}), 400, "INVALID_DATA")
}

func needsImport(w *world) {
	b := w.manage("POST", "/populations", object{"name": "B"}).want(201).text("id")
	made := w.manage("POST", "/users", object{"username": "ada", "email": "ada@example.com", "population": object{"id": b}, "enabled": true, "mfaEnabled": false,
		"name": object{"given": "Ada", "family": "Lovelace"}, "password": object{"value": goodPassword, "forceChange": false},
		"lifecycle": object{"status": "ACCOUNT_OK", "suppressVerificationCode": true}, "account": object{"canAuthenticate": true, "status": "OK"}},
		header{"Content-Type": needsMediaImport}).want(201)
	needsMembers(w.t, "imported", made.body, object{"enabled": true, "population.id": b, "name.given": "Ada", "lifecycle.status": "ACCOUNT_OK", "password": nil})
	p := &person{w: w}
	app := w.application(nil)
	if p.code(app, "ada", nil) == "" {
		w.t.Error("the imported user does not sign on")
	}
	off := w.manage("POST", "/users", object{"username": "bob", "email": "b@example.com", "enabled": false}, header{"Content-Type": needsMediaImport}).want(201)
	needsMembers(w.t, "imported and disabled", off.body, object{"enabled": false})
	force := w.manage("POST", "/users", object{"username": "eve", "email": "e@example.com", "password": object{"value": goodPassword, "forceChange": true}},
		header{"Content-Type": needsMediaImport}).want(201).text("id")
	needsMembers(w.t, "forced", w.manage("GET", "/users/"+force+"/password", nil).want(200).body, object{"status": "MUST_CHANGE_PASSWORD", "user.id": force})
}

func needsPopulationDelete(w *world) {
	b := w.manage("POST", "/populations", object{"name": "B"}).want(201).text("id")
	ada := w.manage("POST", "/users", object{"username": "ada", "email": "a@example.com", "population": object{"id": b}}).want(201).text("id")
	needsMembers(w.t, "with a user", w.manage("GET", "/populations/"+b, nil).want(200).body, object{"userCount": 1})
	if r := w.manage("DELETE", "/populations/"+b, nil); r.StatusCode != 400 || r.detail()["code"] == nil {
		w.t.Errorf("a population with a user is deleted: %d %s", r.StatusCode, r.raw)
	}
	filter := "/users?filter=" + url.QueryEscape(`population.id eq "`+b+`"`)
	for _, u := range needsList(w.manage("GET", filter, nil).want(200), "users") {
		if u["id"] != ada {
			w.t.Errorf("another's user %v", u["username"])
		}
		w.manage("DELETE", "/users/"+needsText(u, "id"), nil).want(204)
	}
	needsMembers(w.t, "no user left", w.manage("GET", filter, nil).want(200).body, object{"_embedded.users": []any{}, "size": 0})
	w.manage("DELETE", "/populations/"+b, nil).want(204)
	needsError(w.t, "gone", w.manage("GET", "/populations/"+b, nil), 404, "NOT_FOUND")
}

func needsEnvironment(w *world) {
	made := needsCall(w, "POST", "/environments", object{"name": "New", "description": "d", "type": "SANDBOX", "region": "EU"}).want(201)
	read := needsCall(w, "GET", "/environments/"+made.text("id"), nil).want(200)
	listed := needsFind(needsList(needsCall(w, "GET", "/environments", nil).want(200), "environments"), "id", made.text("id"))
	for what, body := range map[string]object{"created": made.body, "read": read.body, "listed": listed} {
		needsMembers(w.t, what, body, object{"name": "New", "description": "d", "type": "SANDBOX", "region": "EU", "status": "ACTIVE"})
		needsTyped(w.t, what, body, map[string]string{"license.id": "id", "organization.id": "id", "createdAt": "time", "updatedAt": "time", "id": "id"})
	}
	organization, license := needsText(read.body, "organization.id"), needsText(read.body, "license.id")
	needsCall(w, "GET", "/organizations/"+organization, nil).want(200)
	needsCall(w, "GET", "/organizations/"+organization+"/licenses/"+license, nil).want(200)
}

func needsOpenID(w *world) {
	w.env = needsNewEnvironment(w)
	openid := needsFind(needsList(w.manage("GET", "/resources", nil).want(200), "resources"), "name", "openid")
	needsMembers(w.t, "openid", openid, object{"type": "OPENID_CONNECT"})
	scopes := needsList(w.manage("GET", "/resources/"+needsText(openid, "id")+"/scopes", nil).want(200), "scopes")
	var names []string
	for _, s := range scopes {
		names = append(names, needsText(s, "name"))
	}
	for _, name := range []string{"openid", "profile", "email", "address", "phone", "offline_access"} {
		if !slices.Contains(names, name) {
			w.t.Errorf("no scope %s among %v", name, names)
		}
	}
}
