package test

import (
	"strings"
	"testing"
	"time"
)

// tfDefault is the one element of a collection that is the default.
func tfDefault(w *world, plural string) object {
	w.t.Helper()
	var found object
	for _, e := range needsList(w.manage("GET", "/"+plural, nil).want(200), plural) {
		if e["default"] == true {
			if found != nil {
				w.t.Errorf("%s has two defaults: %v and %v", plural, found["name"], e["name"])
			}
			found = e
		}
	}
	if found == nil {
		w.t.Fatalf("%s has no default", plural)
	}
	return found
}

// tfRefused holds a refusal to delete what is protected against its message.
func tfRefused(w *world, path, words string) {
	w.t.Helper()
	r := w.manage("DELETE", path, nil)
	needsError(w.t, "DELETE "+path, r, 400, r.text("code"))
	if said := text(r.detail()["message"]); !strings.Contains(said, words) {
		w.t.Errorf("DELETE %s: %q, want %q", path, said, words)
	}
	w.manage("GET", path, nil).want(200)
}

// TestTerraformDefaults makes another element of a collection the default, as
// the provider's resources for defaults do, and back. The default can't be
// deleted, nor be made none.
func TestTerraformDefaults(t *testing.T) {
	for plural, words := range map[string]string{"populations": "cannot delete", "signOnPolicies": "cannot delete the default policy",
		"passwordPolicies": "Default Password Policy can not be deleted"} {
		t.Run(plural, func(t *testing.T) {
			w := newWorld(t)
			old := tfDefault(w, plural)
			body := needsSamples("Mine")[plural]
			made := w.manage("POST", "/"+plural, body).want(201)
			needsMembers(t, "made", made.body, object{"default": false})
			at, was := "/"+plural+"/"+made.text("id"), "/"+plural+"/"+needsText(old, "id")
			body["default"] = true
			needsMembers(t, "PUT", w.manage("PUT", at, body).want(200).body, object{"default": true})
			needsMembers(t, "the old default", w.manage("GET", was, nil).want(200).body, object{"default": false, "name": old["name"]})
			if now := tfDefault(w, plural); now["id"] != made.text("id") {
				t.Errorf("the default is %v", now["name"])
			}
			tfRefused(w, at, words)
			body["default"] = false
			if r := w.manage("PUT", at, body); needsRetried(r.StatusCode) || tfDefault(w, plural)["id"] != made.text("id") {
				t.Errorf("the default was made none: %d %s", r.StatusCode, r.raw)
			}
			tfUses(w, plural, made.text("id"))
			again := w.manage("GET", was, nil).want(200).body
			again["default"] = true
			w.manage("PUT", was, again).want(200)
			for _, u := range needsList(w.manage("GET", "/users", nil).want(200), "users") {
				w.manage("DELETE", "/users/"+needsText(u, "id"), nil).want(204)
			}
			w.manage("DELETE", at, nil).want(204)
		})
	}
}

// tfUses holds that a new default is used where nothing else is said.
func tfUses(w *world, plural, id string) {
	w.t.Helper()
	switch plural {
	case "populations":
		needsMembers(w.t, "a new user", w.manage("GET", "/users/"+w.user("ada"), nil).want(200).body, object{"population.id": id})
	case "passwordPolicies": // of a population that names none
		population := w.manage("POST", "/populations", object{"name": "P"}).want(201).text("id")
		ada := w.manage("POST", "/users", object{"username": "ada", "email": "a@example.com", "population": object{"id": population}}).want(201).text("id")
		w.password(ada, goodPassword, false)
		needsMembers(w.t, "a new password", w.manage("GET", "/users/"+ada+"/password", nil).want(200).body, object{"passwordPolicy.id": id})
	case "signOnPolicies":
		w.user("ada")
		w.manage("POST", "/signOnPolicies/"+id+"/actions", object{"type": "LOGIN", "priority": 1}).want(201)
		app := w.application(nil)
		p := &person{w: w}
		needsMembers(w.t, "ID token", claims(w.t, w.redeem(app, p.code(app, "ada", nil), nil).want(200).text("id_token")), object{"acr": "Mine"})
	}
}

// TestTerraformThemeDefault takes the default theme through its own endpoint.
func TestTerraformThemeDefault(t *testing.T) {
	w := newWorld(t)
	old := needsText(tfDefault(w, "themes"), "id")
	id := w.manage("POST", "/themes", needsTheme("Mine")).want(201).text("id")
	put := w.manage("PUT", "/themes/"+id+"/default", object{"default": true}).want(200)
	needsMembers(t, "PUT", put.body, object{"default": true, "_links.self.href": w.base + "/v1/environments/" + w.env + "/themes/" + id + "/default"})
	needsMembers(t, "the old default", w.manage("GET", "/themes/"+old+"/default", nil).want(200).body, object{"default": false})
	if now := tfDefault(w, "themes"); now["id"] != id {
		t.Errorf("the default is %v", now)
	}
	tfRefused(w, "/themes/"+id, "default")
	w.manage("PUT", "/themes/"+old+"/default", object{"default": true}).want(200)
	w.manage("DELETE", "/themes/"+id, nil).want(204)
}

// TestTerraformProduction takes a production environment to its deletion and
// back: it is only marked.
func TestTerraformProduction(t *testing.T) {
	w := newWorld(t)
	made := needsCall(w, "POST", "/environments", object{"name": "Live", "type": "PRODUCTION", "region": "EU"}).want(201)
	at := "/environments/" + made.text("id")
	needsMembers(t, "made", made.body, object{"type": "PRODUCTION", "status": "ACTIVE"})
	pending := needsCall(w, "PUT", at+"/status", object{"status": "DELETE_PENDING"}).want(200)
	for _, body := range []object{pending.body, needsCall(w, "GET", at, nil).want(200).body} {
		needsMembers(t, "pending", body, object{"id": made.text("id"), "status": "DELETE_PENDING"})
		needsTyped(t, "pending", body, map[string]string{"softDeletedAt": "time", "hardDeletedAllowedAt": "time"})
	}
	active := needsCall(w, "PUT", at+"/status", object{"status": "ACTIVE"}).want(200)
	needsMembers(t, "active again", active.body, object{"status": "ACTIVE", "softDeletedAt": nil, "hardDeletedAllowedAt": nil, "name": "Live"})
	needsError(t, "a status of no use", needsCall(w, "PUT", at+"/status", object{"status": "GONE"}), 400, "INVALID_DATA")

	sandbox := "/environments/" + needsNewEnvironment(w)
	needsMembers(t, "promoted", needsCall(w, "PUT", sandbox+"/type", object{"type": "PRODUCTION"}).want(200).body, object{"type": "PRODUCTION"})
	needsMembers(t, "promoted, read", needsCall(w, "GET", sandbox, nil).want(200).body, object{"type": "PRODUCTION", "name": "New"})
	needsError(t, "a type of no use", needsCall(w, "PUT", sandbox+"/type", object{"type": "TOY"}), 400, "INVALID_DATA")
}

// TestTerraformProtected deletes what the provider knows the refusals of.
func TestTerraformProtected(t *testing.T) {
	w := newWorld(t)
	rotation := w.manage("GET", "/keyRotationPolicies/"+needsDefaultRotation(w), nil).want(200)
	tfRefused(w, "/keys/"+rotation.text("currentKeyId"), "The Key must not be in use")

	agreement := w.manage("POST", "/agreements", object{"name": "Terms", "enabled": false}).want(201).text("id")
	at := "/agreements/" + agreement
	enabled := w.manage("PUT", at, object{"name": "Terms", "enabled": true})
	needsError(t, "an agreement without a language", enabled, 400, "INVALID_DATA")
	needsMembers(t, "an agreement without a language", enabled.body,
		object{"details.0.message": "The agreement can not be enabled without supporting the default language configured for the environment."})
	language := tfDefault(w, "languages")
	mine := w.manage("POST", at+"/languages", object{"displayName": "Mine", "locale": language["locale"], "enabled": true}).want(201).text("id")
	stamp := w.clock().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")
	revision := w.manage("POST", at+"/languages/"+mine+"/revisions", object{"contentType": "text/plain", "effectiveAt": stamp, "requireReconsent": false, "text": "Agree."}).want(201)
	needsMembers(t, "the current revision", w.manage("GET", at+"/languages/"+mine, nil).want(200).body, object{"currentRevision.id": revision.text("id")})
	tfRefused(w, at+"/languages/"+mine+"/revisions/"+revision.text("id"), "A currently effective revision cannot be deleted.")
	needsMembers(t, "enabled", w.manage("PUT", at, object{"name": "Terms", "enabled": true}).want(200).body, object{"enabled": true})

	mapping := needsFind(needsList(w.manage("GET", "/applications/"+w.application(nil)+"/attributes", nil).want(200), "attributes"), "name", "sub")
	tfRefused(w, strings.TrimPrefix(needsText(mapping, "_links.self.href"), w.base+"/v1/environments/"+w.env), "")
	for _, e := range needsList(w.manage("GET", "/resources", nil).want(200), "resources") {
		tfRefused(w, "/resources/"+needsText(e, "id"), "")
	}
}
