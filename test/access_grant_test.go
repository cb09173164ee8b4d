package test

import (
	"strings"
	"testing"
)

// assignmentOf is the body that gives a role at a scope.
func (w *guardedWorld) assignmentOf(role, scopeType, scope string) object {
	w.t.Helper()
	of, ok := roleCalled(role)
	if !ok {
		w.t.Fatalf("there is no role %s", role)
	}
	return object{"role": object{"id": of.ID}, "scope": object{"id": scope, "type": scopeType}}
}

const sameOrBroader = "Must have role at the same or broader scope"

// TestGranting gives roles out: only who holds the role, or one that may assign
// it by section 7 of the wire facts, at the same or a broader scope, may.
func TestGranting(t *testing.T) {
	w := newGuardedWorld(t)
	inside, outside := w.in["population"], w.out["population"]
	type gift struct {
		role, scopeType, scope string
	}
	user, application := "/users/"+w.in["user"], "/applications/"+w.in["application"]
	for _, c := range []struct {
		holds       gift
		to          string
		may, mayNot []gift
	}{
		{gift{"Organization Admin", "ORGANIZATION", w.org}, application,
			[]gift{{"Environment Admin", "ORGANIZATION", w.org}, {"Environment Admin", "ENVIRONMENT", w.other}},
			[]gift{{"Identity Data Admin", "ENVIRONMENT", w.env}, {"Client Application Developer", "ENVIRONMENT", w.env}}},
		{gift{"Environment Admin", "ORGANIZATION", w.org}, application,
			[]gift{{"Environment Admin", "ENVIRONMENT", w.other}, {"Identity Data Admin", "POPULATION", inside}, {"Configuration Read Only", "ORGANIZATION", w.org}, {"DaVinci Admin", "ENVIRONMENT", w.env}, {"Custom Roles Admin", "ORGANIZATION", w.org}},
			[]gift{{"Organization Admin", "ORGANIZATION", w.org}}},
		{gift{"Environment Admin", "ENVIRONMENT", w.env}, application,
			[]gift{{"Environment Admin", "ENVIRONMENT", w.env}, {"Identity Data Admin", "ENVIRONMENT", w.env}, {"Identity Data Admin", "POPULATION", outside},
				{"Client Application Developer", "APPLICATION", w.in["application"]}, {"Application Owner", "APPLICATION", w.in["application"]}, {"Help Desk Admin", "POPULATION", inside}},
			[]gift{{"Environment Admin", "ORGANIZATION", w.org}, {"Environment Admin", "ENVIRONMENT", w.other}, {"Identity Data Admin", "ENVIRONMENT", w.other}, {"Organization Admin", "ORGANIZATION", w.org}}},
		{gift{"Identity Data Admin", "ENVIRONMENT", w.env}, user,
			[]gift{{"Identity Data Admin", "ENVIRONMENT", w.env}, {"Identity Data Read Only", "POPULATION", inside}, {"Help Desk Admin", "ENVIRONMENT", w.env}},
			[]gift{{"Environment Admin", "ENVIRONMENT", w.env}, {"Client Application Developer", "ENVIRONMENT", w.env}, {"Identity Data Admin", "ENVIRONMENT", w.other}, {"Application Owner", "APPLICATION", w.in["application"]}}},
		{gift{"Identity Data Admin", "POPULATION", inside}, user,
			[]gift{{"Identity Data Admin", "POPULATION", inside}, {"Help Desk Admin", "POPULATION", inside}},
			[]gift{{"Identity Data Admin", "POPULATION", outside}, {"Identity Data Admin", "ENVIRONMENT", w.env}, {"Help Desk Admin", "ENVIRONMENT", w.env}, {"Configuration Read Only", "ENVIRONMENT", w.env}}},
	} {
		_, token := w.holderOf(w.env, c.holds.role, c.holds.scopeType, c.holds.scope)
		at := w.here(c.to + "/roleAssignments")
		for _, g := range c.may {
			r := w.as(token, "POST", at, w.assignmentOf(g.role, g.scopeType, g.scope))
			if r.StatusCode != 201 {
				t.Errorf("%v may not give %v: %d %s", c.holds, g, r.StatusCode, r.raw)
				continue
			}
			w.call("DELETE", at+"/"+r.text("id"), "").want(204)
		}
		for _, g := range c.mayNot {
			r := w.as(token, "POST", at, w.assignmentOf(g.role, g.scopeType, g.scope))
			said, _ := r.detail()["message"].(string)
			if r.StatusCode != 400 && r.StatusCode != 403 || !strings.HasPrefix(said, sameOrBroader) {
				t.Errorf("%v gives %v: %d %s", c.holds, g, r.StatusCode, r.raw)
			}
		}
	}
	for _, to := range []string{user, application} {
		if r := w.call("GET", w.here(to+"/roleAssignments"), "").want(200); !strings.Contains(r.raw, `"size":0`) {
			t.Errorf("roles are left: %s", r.raw)
		}
	}
}

// TestNobodyGrants are the roles that may not give any.
func TestNobodyGrants(t *testing.T) {
	w := newGuardedWorld(t)
	at := w.here("/users/" + w.in["user"] + "/roleAssignments")
	for _, c := range []struct{ role, scopeType string }{
		{"Client Application Developer", "ENVIRONMENT"}, {"Configuration Read Only", "ENVIRONMENT"}, {"Identity Data Read Only", "ENVIRONMENT"},
		{"Help Desk Admin", "ENVIRONMENT"}, {"Application Owner", "APPLICATION"}, {"Custom Roles Admin", "ORGANIZATION"},
	} {
		_, token := w.holderOf(w.env, c.role, c.scopeType, w.scopeOf(c.scopeType))
		w.denied(c.role, token, "POST", at, w.assignmentOf(c.role, c.scopeType, w.scopeOf(c.scopeType)))
	}
}

// TestWrongGrants are assignments that nobody can make.
func TestWrongGrants(t *testing.T) {
	w := newGuardedWorld(t)
	for _, actor := range []string{"/users/" + w.in["user"], "/applications/" + w.in["application"], "/groups/" + w.in["group"]} {
		at := w.here(actor + "/roleAssignments")
		good := w.assignmentOf("Identity Data Read Only", "ENVIRONMENT", w.env)
		made := w.as(w.admin, "POST", at, good).want(201)
		r := w.as(w.admin, "POST", at, good).want(400)
		if d := r.detail(); r.text("code") != "INVALID_DATA" || d["code"] != "UNIQUENESS_VIOLATION" || d["target"] != "role" || d["message"] != "May not assign duplicate Role" {
			t.Errorf("a duplicate: %s", r.raw)
		}
		w.as(w.admin, "POST", at, w.assignmentOf("Identity Data Read Only", "POPULATION", w.in["population"])).want(201) // another scope is no duplicate
		for what, body := range map[string]object{
			"a role where it does not apply":    w.assignmentOf("Organization Admin", "ENVIRONMENT", w.env),
			"a role where it can't apply":       w.assignmentOf("Identity Data Admin", "APPLICATION", w.in["application"]),
			"an environment that is not there":  w.assignmentOf("Identity Data Admin", "ENVIRONMENT", nowhere),
			"a population that is not there":    w.assignmentOf("Identity Data Admin", "POPULATION", nowhere),
			"an application that is not there":  w.assignmentOf("Client Application Developer", "APPLICATION", nowhere),
			"an environment for a population":   w.assignmentOf("Identity Data Admin", "POPULATION", w.env),
			"an organization that is not there": w.assignmentOf("Organization Admin", "ORGANIZATION", nowhere),
			"no role":                           {"scope": good["scope"]},
			"no scope":                          {"role": good["role"]},
			"a role that is none":               {"role": object{"id": nowhere}, "scope": good["scope"]},
			"a scope type that is none":         w.assignmentOf("Identity Data Admin", "GALAXY", w.env),
		} {
			if r := w.as(w.admin, "POST", at, body); r.StatusCode != 400 || isModel(r) != "" {
				if said, _ := r.detail()["message"].(string); r.StatusCode != 403 || !strings.HasPrefix(said, sameOrBroader) {
					t.Errorf("%s: %d %s", what, r.StatusCode, r.raw)
				}
			}
		}
		w.as(w.admin, "DELETE", at+"/"+made.text("id"), nil).want(204)
		w.as(w.admin, "POST", at, good).want(201)
	}
}

// TestRolesThroughGroups gives a group a role: its members have it as long as
// they are members.
func TestRolesThroughGroups(t *testing.T) {
	w := newGuardedWorld(t)
	ada, app := w.user("ada"), w.application(object{"name": "Sign-on", "type": "WORKER"})
	w.as(w.admin, "POST", w.here("/applications/"+app+"/roleAssignments"), w.assignmentOf("Client Application Developer", "ENVIRONMENT", w.env)).want(201)
	group := w.manage("POST", "/groups", object{"name": "Administrators"}).want(201).text("id")
	p := &person{w: w.world}
	token := w.redeem(app, p.code(app, "ada", nil), nil).want(200).text("access_token")
	users := w.here("/users")
	w.as(token, "GET", users, nil).want(403)
	w.as(w.admin, "POST", w.here("/groups/"+group+"/roleAssignments"), w.assignmentOf("Client Application Developer", "ENVIRONMENT", w.env)).want(201)
	w.as(token, "GET", w.here("/applications"), nil).want(403)
	w.manage("POST", "/users/"+ada+"/memberOfGroups", object{"id": group}).want(201)
	w.as(token, "GET", w.here("/applications"), nil).want(200)
	w.as(token, "GET", users, nil).want(403)
	w.manage("DELETE", "/users/"+ada+"/memberOfGroups/"+group, nil).want(204)
	w.as(token, "GET", w.here("/applications"), nil).want(403)
}

// TestNobodyClimbs lets who may do everything with users try to get the roles of
// others: those given to a user, and those of a group.
func TestNobodyClimbs(t *testing.T) {
	w := newGuardedWorld(t)
	own, member, plain := w.user("own"), w.user("member"), w.user("plain")
	admins := w.manage("POST", "/groups", object{"name": "Administrators"}).want(201).text("id")
	w.manage("POST", "/users/"+member+"/memberOfGroups", object{"id": admins}).want(201)
	strong := w.assignmentOf("Environment Admin", "ENVIRONMENT", w.env)
	given := w.as(w.admin, "POST", w.here("/users/"+own+"/roleAssignments"), strong).want(201).text("id")
	through := w.as(w.admin, "POST", w.here("/groups/"+admins+"/roleAssignments"), strong).want(201).text("id")
	for _, role := range []string{"Identity Data Admin", "Help Desk Admin"} {
		_, token := w.holderOf(w.env, role, "ENVIRONMENT", w.env)
		for name, user := range map[string]string{"a user with a role": own, "a member of a group with a role": member} {
			set := func(media string, body object) response {
				return w.withMedia(token, "PUT", w.here("/users/"+user+"/password"), jsonOf(body), "application/vnd.pingidentity."+media+"+json")
			}
			if r := set("password.set", object{"value": "An0ther!Passphrase"}); !endingOf(r, hidden) {
				t.Errorf("%s sets the password of %s: %d %s", role, name, r.StatusCode, r.raw)
			}
			if r := set("password.reset", object{"newPassword": "An0ther!Passphras3"}); !endingOf(r, hidden) {
				t.Errorf("%s resets the password of %s: %d %s", role, name, r.StatusCode, r.raw)
			}
			w.denied(role+" changes "+name, token, "PATCH", w.here("/users/"+user), object{"email": "mine@example.com"})
			w.denied(role+" disables "+name, token, "PUT", w.here("/users/"+user+"/enabled"), object{"enabled": false})
			w.denied(role+" deletes "+name, token, "DELETE", w.here("/users/"+user), nil)
		}
		w.denied(role+" adds a user to a group with a role", token, "POST", w.here("/users/"+plain+"/memberOfGroups"), object{"id": admins})
		w.denied(role+" takes a user out of a group with a role", token, "DELETE", w.here("/users/"+member+"/memberOfGroups/"+admins), nil)
		w.denied(role+" deletes a group with a role", token, "DELETE", w.here("/groups/"+admins), nil)
		w.denied(role+" takes a role away", token, "DELETE", w.here("/users/"+own+"/roleAssignments/"+given), nil)
		w.denied(role+" takes a group's role away", token, "DELETE", w.here("/groups/"+admins+"/roleAssignments/"+through), nil)
		w.denied(role+" puts a group into one with a role", token, "POST", w.here("/groups/"+w.in["group"]+"/memberOfGroups"), object{"id": admins})
	}
}

// TestRolesAreWithdrawn takes a role away with the API: the token that was
// issued before permits nothing more.
func TestRolesAreWithdrawn(t *testing.T) {
	w := newGuardedWorld(t)
	id, token := w.holderOf(w.env, "Identity Data Admin", "ENVIRONMENT", w.env)
	w.as(token, "GET", w.here("/users"), nil).want(200)
	at := w.here("/applications/" + id + "/roleAssignments")
	all := w.listedIDs(w.admin, at, "roleAssignments")
	if len(all) != 1 {
		t.Fatalf("the worker has the assignments %v", all)
	}
	w.as(token, "DELETE", at+"/"+all[0], nil) // may it or not, it is gone then
	w.as(w.admin, "DELETE", at+"/"+all[0], nil)
	if r := w.as(token, "GET", w.here("/users"), nil); !endingOf(r, refused) {
		t.Errorf("a role that was withdrawn still permits: %d %s", r.StatusCode, r.raw)
	}
}

// TestEnvironmentAdminOfOne does to its own environment what its role permits,
// and not to another.
func TestEnvironmentAdminOfOne(t *testing.T) {
	w := newGuardedWorld(t)
	third := w.call("POST", "/v1/environments", `{"name": "Third", "type": "SANDBOX", "region": "EU"}`).want(201)
	_, token := w.holderOf(w.env, "Environment Admin", "ENVIRONMENT", third.text("id"))
	at := "/v1/environments/" + third.text("id")
	body := third.body
	body["description"] = "Mine"
	w.as(token, "PUT", at, body).want(200)
	w.denied("a new environment", token, "POST", "/v1/environments", object{"name": "Fourth", "type": "SANDBOX", "region": "EU"})
	w.denied("replacing another environment", token, "PUT", "/v1/environments/"+w.other, body)
	w.denied("deleting another environment", token, "DELETE", "/v1/environments/"+w.other, nil)
	if r := w.as(token, "DELETE", at, nil); r.StatusCode != 204 && !endingOf(r, refused) { // the wire facts don't say who may
		t.Errorf("deleting its own environment: %d %s", r.StatusCode, r.raw)
	}
	w.call("DELETE", at, "")
	if r := w.as(token, "GET", at, nil); !endingOf(r, hidden) {
		t.Errorf("the environment that was deleted: %d %s", r.StatusCode, r.raw)
	}
}
