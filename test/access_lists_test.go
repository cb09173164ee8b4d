package test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// as makes a request as somebody.
func (w *guardedWorld) as(token, method, path string, body any) response {
	w.t.Helper()
	text := ""
	if body != nil {
		text = jsonOf(body)
	}
	return w.withMedia(token, method, path, text, "application/json")
}

// withMedia makes a request as somebody with a body of a media type.
func (w *guardedWorld) withMedia(token, method, path, body, media string) response {
	w.t.Helper()
	return w.send(method, path, body, header{"Authorization": "Bearer " + token, "Content-Type": media})
}

// here is a path in the world's environment.
func (w *guardedWorld) here(path string) string { return "/v1/environments/" + w.env + path }

// listedIDs are the ids in a list, over all of its pages, each of which must
// count itself.
func (w *guardedWorld) listedIDs(token, path, plural string) []string {
	w.t.Helper()
	var ids []string
	for range 100 {
		r := w.as(token, "GET", path, nil).want(200)
		list, _ := r.body["_embedded"].(object)[plural].([]any)
		if fmt.Sprint(r.body["size"]) != fmt.Sprint(len(list)) {
			w.t.Errorf("GET %s: size is %v of %d", path, r.body["size"], len(list))
		}
		for _, e := range list {
			ids = append(ids, text(e.(object)["id"]))
		}
		links, _ := r.body["_links"].(object)
		next, _ := links["next"].(object)
		if next == nil {
			if n, counted := r.body["count"].(float64); counted && int(n) != len(ids) {
				w.t.Errorf("GET %s: count is %v of %d", path, n, len(ids))
			}
			return ids
		}
		path = text(next["href"])
	}
	w.t.Errorf("GET %s does not end", path)
	return ids
}

// sees expects a list to have exactly these elements, whatever it is asked for.
func (w *guardedWorld) sees(who, token, plural, at string, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	for _, query := range []string{"", "?limit=1", "?order=-createdAt", "?filter=" + url.QueryEscape(`createdAt ge "2000-01-01T00:00:00.000Z"`), "?expand=population&include=memberOfGroupNames"} {
		got := w.listedIDs(token, at+query, plural)
		if slices.Sort(got); !slices.Equal(got, want) {
			w.t.Errorf("%s sees of %s%s: %v, want %v", who, at, query, got, want)
		}
	}
}

// denied expects a request to be refused as one that the caller must not make.
func (w *guardedWorld) denied(what, token, method, path string, body any) {
	w.t.Helper()
	if r := w.as(token, method, path, body); !endingOf(r, hidden) {
		w.t.Errorf("%s: %s %s: %d %s", what, method, path, r.StatusCode, r.raw)
	}
}

func TestListsOfEnvironments(t *testing.T) {
	w := newGuardedWorld(t)
	_, everywhere := w.holderOf(w.env, "Organization Admin", "ORGANIZATION", w.org)
	_, here := w.holderOf(w.env, "Environment Admin", "ENVIRONMENT", w.env)
	_, there := w.holderOf(w.env, "Environment Admin", "ENVIRONMENT", w.other)
	w.sees("the organization's", everywhere, "environments", "/v1/environments", w.env, w.other)
	w.sees("the environment's", here, "environments", "/v1/environments", w.env)
	w.sees("the other's", there, "environments", "/v1/environments", w.other)
	w.denied("the environment's", here, "GET", "/v1/environments/"+w.other, nil)
	w.denied("the other's", there, "GET", "/v1/environments/"+w.env, nil)
	w.denied("the environment's, of one that is not there", here, "GET", "/v1/environments/"+nowhere, nil)
	for _, scope := range []string{"POPULATION", "APPLICATION"} {
		role := map[string]string{"POPULATION": "Identity Data Admin", "APPLICATION": "Client Application Developer"}[scope]
		_, narrow := w.holderOf(w.env, role, scope, w.scopeOf(scope))
		for _, id := range w.listedIDs(narrow, "/v1/environments", "environments") {
			if id != w.env {
				t.Errorf("%s of the %s sees the environment %s", role, scope, id)
			}
		}
		w.denied(role, narrow, "GET", "/v1/environments/"+w.other, nil)
	}
}

func TestPopulationRoles(t *testing.T) {
	w := newGuardedWorld(t)
	inside, outside := w.in["population"], w.out["population"]
	for _, role := range []string{"Identity Data Admin", "Identity Data Read Only", "Help Desk Admin"} {
		_, token := w.holderOf(w.env, role, "POPULATION", inside)
		w.sees(role, token, "users", w.here("/users"), w.in["user"])
		w.sees(role, token, "populations", w.here("/populations"), inside)
		w.sees(role, token, "groups", w.here("/groups"), w.in["group"])
		for _, filter := range []string{`population.id eq "` + outside + `"`, `username eq "outside"`, `not (username eq "inside")`, `id eq "` + w.out["user"] + `"`, `username eq "inside" and population.id eq "` + outside + `"`} {
			if ids := w.listedIDs(token, w.here("/users?filter="+url.QueryEscape(filter)), "users"); len(ids) > 0 {
				t.Errorf("%s sees with %s: %v", role, filter, ids)
			}
		}
		if ids := w.listedIDs(token, w.here("/users?filter="+url.QueryEscape(`username eq "outside" or username eq "inside"`)), "users"); !slices.Equal(ids, []string{w.in["user"]}) {
			t.Errorf("%s sees with or: %v", role, ids)
		}
	}
	_, token := w.holderOf(w.env, "Identity Data Admin", "POPULATION", inside)
	w.staysInside(token)
	w.as(token, "POST", w.here("/users"), object{"username": "new", "email": "a@example.com", "population": object{"id": inside}}).want(201)
	w.as(token, "PATCH", w.here("/users/"+w.in["user"]), object{"nickname": "Nick"}).want(200)
	w.as(token, "PUT", w.here("/users/"+w.in["user"]+"/enabled"), object{"enabled": true}).want(200)
	if r := w.call("GET", w.here("/users/"+w.out["user"]), "").want(200); r.body["nickname"] != nil || r.body["population"].(object)["id"] != outside {
		t.Errorf("the user outside was changed: %s", r.raw)
	}
	if r := w.call("GET", w.here("/users/"+w.in["user"]), "").want(200); r.body["population"].(object)["id"] != inside {
		t.Errorf("the user inside was moved: %s", r.raw)
	}
}

// staysInside tries what leads out of a population.
func (w *guardedWorld) staysInside(token string) {
	w.t.Helper()
	out, in := w.here("/users/"+w.out["user"]), w.here("/users/"+w.in["user"])
	to := object{"population": object{"id": w.out["population"]}}
	user := object{"username": "x", "email": "a@example.com"}
	w.denied("reading a user outside", token, "GET", out, nil)
	w.denied("changing a user outside", token, "PATCH", out, object{"nickname": "Nick"})
	w.denied("replacing a user outside", token, "PUT", out, user)
	w.denied("taking a user in", token, "PUT", out+"/population", object{"id": w.in["population"]})
	w.denied("moving a user out", token, "PUT", in+"/population", object{"id": w.out["population"]})
	w.denied("disabling a user outside", token, "PUT", out+"/enabled", object{"enabled": false})
	w.denied("the password of a user outside", token, "GET", out+"/password", nil)
	w.denied("the sessions of a user outside", token, "GET", out+"/sessions", nil)
	w.denied("the roles of a user outside", token, "GET", out+"/roleAssignments", nil)
	w.denied("a new user in the default population", token, "POST", w.here("/users"), user)
	w.denied("a new user outside", token, "POST", w.here("/users"), object{"username": "x", "email": "a@example.com", "population": to["population"]})
	w.denied("a new population", token, "POST", w.here("/populations"), object{"name": "New"})
	w.denied("changing a population outside", token, "PUT", w.here("/populations/"+w.out["population"]), object{"name": "Renamed"})
	w.denied("a group outside", token, "GET", w.here("/groups/"+w.out["group"]), nil)
	w.denied("a new group of the whole environment", token, "POST", w.here("/groups"), object{"name": "Everybody"})
	w.denied("a new group outside", token, "POST", w.here("/groups"), object{"name": "Outside", "population": to["population"]})
	w.denied("a user inside to a group outside", token, "POST", in+"/memberOfGroups", object{"id": w.out["group"]})
	w.denied("a user outside to a group inside", token, "POST", out+"/memberOfGroups", object{"id": w.in["group"]})
	w.denied("a group inside to a group outside", token, "POST", w.here("/groups/"+w.in["group"]+"/memberOfGroups"), object{"id": w.out["group"]})
	w.denied("a group outside to a group inside", token, "POST", w.here("/groups/"+w.out["group"]+"/memberOfGroups"), object{"id": w.in["group"]})
	w.denied("deleting a user outside", token, "DELETE", out, nil)
	w.as(token, "PATCH", in, to) // taken without effect, or refused: the caller looks
	if r := w.call("GET", in+"/memberOfGroups", "").want(200); !strings.Contains(r.raw, `"size":0`) {
		w.t.Errorf("the user inside is in a group: %s", r.raw)
	}
}

func TestApplicationRoles(t *testing.T) {
	w := newGuardedWorld(t)
	for _, role := range []string{"Client Application Developer", "Application Owner"} {
		_, token := w.holderOf(w.env, role, "APPLICATION", w.in["application"])
		w.sees(role, token, "applications", w.here("/applications"), w.in["application"])
		in, out := w.here("/applications/"+w.in["application"]), w.here("/applications/"+w.out["application"])
		read := w.as(token, "GET", in, nil).want(200)
		w.as(token, "PUT", in, read.body).want(200)
		w.as(token, "GET", in+"/secret", nil).want(200)
		w.as(token, "GET", in+"/grants", nil).want(200)
		w.denied(role, token, "GET", out, nil)
		w.denied(role, token, "PUT", out, read.body)
		w.denied(role, token, "DELETE", out, nil)
		for _, below := range []string{"/secret", "/grants", "/attributes", "/signOnPolicyAssignments", "/roleAssignments"} {
			w.denied(role, token, "GET", out+below, nil)
		}
		w.denied(role, token, "POST", out+"/secret", object{})
		w.denied(role, token, "POST", w.here("/applications"), object{"name": "New", "enabled": true, "type": "WEB_APP", "protocol": "OPENID_CONNECT"})
	}
}
