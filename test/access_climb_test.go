package test

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

// bossIn makes a user in the inner population who has the role Environment Admin
// through a group of that population that is in a group with the role.
func (w *guardedWorld) bossIn() (boss, group string) {
	w.t.Helper()
	in := object{"id": w.in["population"]}
	boss = w.manage("POST", "/users", object{"username": "boss", "email": "boss@example.com", "population": in}).want(201).text("id")
	w.password(boss, goodPassword, false)
	admins := w.manage("POST", "/groups", object{"name": "Administrators"}).want(201).text("id")
	w.call("POST", w.here("/groups/"+admins+"/roleAssignments"), jsonOf(w.assignmentOf("Environment Admin", "ENVIRONMENT", w.env))).want(201)
	group = w.manage("POST", "/groups", object{"name": "Operators", "population": in}).want(201).text("id")
	w.manage("POST", "/groups/"+group+"/memberOfGroups", object{"id": admins}).want(201)
	w.manage("POST", "/users/"+boss+"/memberOfGroups", object{"id": group}).want(201)
	return boss, group
}

func (w *guardedWorld) setPassword(token, user string) response {
	w.t.Helper()
	return w.withMedia(token, "PUT", w.here("/users/"+user+"/password"), `{"value": "An0ther!Passphrase"}`, mediaSet)
}

// TestNobodyHidesRoles: a user stays out of reach of who has fewer roles, into
// however many groups it is put, and whatever is taken from it.
func TestNobodyHidesRoles(t *testing.T) {
	w := newGuardedWorld(t)
	boss, group := w.bossIn()
	_, weak := w.holderOf(w.env, "Identity Data Admin", "POPULATION", w.in["population"])
	hidden := func(when string) {
		t.Helper()
		if r := w.setPassword(weak, boss); r.StatusCode != 403 {
			t.Errorf("%s: the password of an administrator is set: %d %s", when, r.StatusCode, r.raw)
		}
	}
	hidden("at first")
	for path, what := range map[string]string{"/users/" + boss + "/memberOfGroups/" + group: "takes the user out of the group", "/groups/" + group: "deletes the group"} {
		w.denied("who has fewer roles "+what, weak, "DELETE", w.here(path), nil)
	}
	hidden("when the group was tried")
	joined, last := 0, response{}
	for i := range 600 {
		id := w.manage("POST", "/groups", object{"name": fmt.Sprint("Junk ", i), "population": object{"id": w.in["population"]}}).want(201).text("id")
		if last = w.manage("POST", "/users/"+boss+"/memberOfGroups", object{"id": id}); last.StatusCode != 201 {
			break
		}
		joined++
	}
	if joined != 498 || last.StatusCode != 400 {
		t.Errorf("%d groups were joined beside the two, then %d %s", joined, last.StatusCode, last.raw)
	}
	hidden("in five hundred groups")
}

// TestNarrowReach: who manages one population takes neither what users in other
// ones are made in, nor groups that are not in its population.
func TestNarrowReach(t *testing.T) {
	w := newGuardedWorld(t)
	_, weak := w.holderOf(w.env, "Identity Data Admin", "POPULATION", w.in["population"])
	w.denied("a population of its own as the default", weak, "PUT", w.here("/populations/"+w.in["population"]), object{"name": "inside", "default": true})
	user := w.manage("POST", "/users", object{"username": "new", "email": "new@example.com"}).want(201).text("id")
	if r := w.as(weak, "GET", w.here("/users/"+user), nil); !endingOf(r, hidden) {
		t.Errorf("a user of the default population is shown: %d", r.StatusCode)
	}
	w.denied("a membership of a group out of reach", weak, "POST", w.here("/users/"+w.in["user"]+"/memberOfGroups"), object{"id": w.out["group"]})
}

// TestNoLockByMistake: a POST on a user that does not say what is asked for does
// nothing.
func TestNoLockByMistake(t *testing.T) {
	w := newGuardedWorld(t)
	for _, h := range []header{{"Authorization": "Bearer " + w.admin}, {"Authorization": "Bearer " + w.admin, "Content-Type": "application/json"}} {
		w.send("POST", w.here("/users/"+w.in["user"]), "", h).want(415)
		w.send("POST", w.here("/users/"+w.in["user"]), "{}", h).want(415)
	}
	account := w.manage("GET", "/users/"+w.in["user"], nil).want(200).body["account"].(object)
	if account["status"] != "OK" {
		t.Errorf("the account is %v", account)
	}
}

// TestOwnEnvironmentStays: nobody who lives in an environment ends it, and nobody
// who administers no more than it.
func TestOwnEnvironmentStays(t *testing.T) {
	w := newGuardedWorld(t)
	_, near := w.holderOf(w.env, "Environment Admin", "ENVIRONMENT", w.env)
	_, far := w.holderOf(w.other, "Environment Admin", "ENVIRONMENT", w.env)
	at := "/v1/environments/" + w.env
	for who, token := range map[string]string{"who lives there": near, "who administers it": far, "the administrator of the organization": w.admin} {
		w.refusedAsAny(who, token, "PUT", at+"/status", object{"status": "DELETE_PENDING"})
		if token != w.admin {
			w.refusedAsAny(who, token, "PUT", at+"/type", object{"type": "SANDBOX"})
		}
		w.refusedAsAny(who, token, "DELETE", at, nil)
	}
	if got := w.call("GET", at, "").want(200).text("status"); got != "ACTIVE" {
		t.Errorf("the environment is %s", got)
	}
}

// refusedAsAny expects a 400 or a 403.
func (w *guardedWorld) refusedAsAny(who, token, method, path string, body any) {
	w.t.Helper()
	if r := w.as(token, method, path, body); r.StatusCode != 400 && r.StatusCode != 403 {
		w.t.Errorf("%s: %s %s is %d %s", who, method, path, r.StatusCode, r.raw)
	}
}

// TestTokensEndWithTheAccount: a token of a user who is locked, or has a new
// password, opens nothing.
func TestTokensEndWithTheAccount(t *testing.T) {
	for name, end := range map[string]func(w *guardedWorld, user string){
		"a lock": func(w *guardedWorld, user string) {
			w.withMedia(w.admin, "POST", w.here("/users/"+user), "{}", "application/vnd.pingidentity.account.lock+json").want(200)
		},
		"a new password": func(w *guardedWorld, user string) { w.setPassword(w.admin, user).want(200) },
	} {
		w := newGuardedWorld(t)
		user := w.user("ada")
		app := w.application(nil)
		p := &person{w: w.world}
		token := w.redeem(app, p.code(app, "ada", nil), nil).want(200).text("access_token")
		w.userinfo(token).want(200)
		w.pass(1e9)
		end(w, user)
		if r := w.userinfo(token); r.StatusCode != 401 {
			t.Errorf("after %s: userinfo is %d %s", name, r.StatusCode, r.raw)
		}
		if r := w.as(token, "GET", w.here("/users/"+user), nil); r.StatusCode != 401 {
			t.Errorf("after %s: /v1 is %d %s", name, r.StatusCode, r.raw)
		}
	}
}

// slowBody does something before its first byte is read.
type slowBody struct {
	io.Reader
	first func()
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.first != nil {
		b.first()
		b.first = nil
	}
	return b.Reader.Read(p)
}

// TestRolesCountWhenWritten: an administrator whose role goes while its body
// comes in writes nothing.
func TestRolesCountWhenWritten(t *testing.T) {
	w := newGuardedWorld(t)
	id, weak := w.holderOf(w.env, "Environment Admin", "ENVIRONMENT", w.env)
	at := w.here("/applications/" + id + "/roleAssignments")
	assignment := w.listedIDs(w.admin, at, "roleAssignments")[0]
	to := w.here("/users/" + w.in["user"] + "/roleAssignments")
	body := &slowBody{strings.NewReader(jsonOf(w.assignmentOf("Environment Admin", "ENVIRONMENT", w.env))), func() {
		w.call("DELETE", at+"/"+assignment, "").want(204)
	}}
	r := httptest.NewRequest("POST", w.base+to, body)
	r.Header.Set("Authorization", "Bearer "+weak)
	r.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	w.server.ServeHTTP(answer, r)
	if body.first != nil || answer.Code != 403 && answer.Code != 400 {
		t.Errorf("it is %d %s", answer.Code, answer.Body)
	}
	if got := w.listedIDs(w.admin, to, "roleAssignments"); len(got) != 0 {
		t.Errorf("the user has the assignments %v", got)
	}
}

// TestSingleUnderNothing: the one document of a parent that is not there is not
// there either.
func TestSingleUnderNothing(t *testing.T) {
	w := newGuardedWorld(t)
	_, owner := w.holderOf(w.env, "Application Owner", "APPLICATION", w.in["application"])
	for _, path := range []string{"/applications/" + nowhere + "/metadata", "/applications/" + nowhere + "/pushCredentials", "/applications/" + nowhere + "/secret"} {
		w.manage("GET", path, nil).want(404)
	}
	for _, id := range []string{nowhere, w.out["application"]} {
		if r := w.as(owner, "GET", w.here("/applications/"+id+"/metadata"), nil); !endingOf(r, hidden) {
			t.Errorf("the metadata of an application out of reach: %d %s", r.StatusCode, r.raw)
		}
	}
}
