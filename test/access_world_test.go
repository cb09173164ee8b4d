package test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pixy/internal/platform"
	"pixy/internal/server"
	"pixy/internal/store"
)

// guardedWorld is a world with two populations, two applications and two
// environments, of each one that narrow roles reach and one that they don't.
type guardedWorld struct {
	*maker
	db    *store.DB
	org   string
	other string            // an environment
	in    map[string]string // ids by their names in paths, inside of what narrow roles reach
	out   map[string]string // and outside of it
	stand map[string]string // ids of what stands at a path
}

func newGuardedWorld(t *testing.T) *guardedWorld {
	w := &guardedWorld{stand: map[string]string{}}
	w.maker = newMaker(t, propertySeed(t), 1, func(c *server.Config) { w.db = c.Store })
	w.org = text(w.call("GET", "/v1/environments/"+w.env, "").want(200).body["organization"].(object)["id"])
	w.other = w.call("POST", "/v1/environments", `{"name": "Other", "type": "SANDBOX", "region": "EU"}`).want(201).text("id")
	w.in, w.out = w.side("inside"), w.side("outside")
	return w
}

// side is a population with a user and a group in it, and an application.
func (w *guardedWorld) side(name string) map[string]string {
	w.t.Helper()
	ids := map[string]string{"environment": w.env, "organization": w.org}
	ids["population"] = w.manage("POST", "/populations", object{"name": name}).want(201).text("id")
	within := object{"id": ids["population"]}
	ids["user"] = w.manage("POST", "/users", object{"username": name, "email": name + "@example.com", "population": within}).want(201).text("id")
	ids["group"] = w.manage("POST", "/groups", object{"name": name, "population": within}).want(201).text("id")
	ids["application"] = w.application(object{"name": name})
	return ids
}

// holderOf makes a worker application in an environment with one role, none
// when role is "", and returns its id and an access token.
func (w *guardedWorld) holderOf(env, role, scopeType, scope string) (id, token string) {
	w.t.Helper()
	at := "/v1/environments/" + env + "/applications"
	id = w.call("POST", at, jsonOf(object{"name": "Holder of " + role, "enabled": true, "type": "WORKER", "protocol": "OPENID_CONNECT"})).want(201).text("id")
	secret := w.call("GET", at+"/"+id+"/secret", "").want(200).text("secret")
	w.grant(env, id, role, scopeType, scope)
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	basic := header{"Authorization": "Basic " + basicOf(id, secret)}
	form.Del("client_id")
	form.Del("client_secret")
	return id, w.form("POST", "/"+env+"/as/token", form, basic).want(200).text("access_token")
}

// grant gives a role through the API, or past it where the worker of this world
// may not give it.
func (w *guardedWorld) grant(env, actor, role, scopeType, scope string) {
	w.t.Helper()
	of, ok := roleCalled(role)
	if !ok {
		w.t.Fatalf("there is no role %s", role)
	}
	body := jsonOf(object{"role": object{"id": of.ID}, "scope": object{"id": scope, "type": scopeType}})
	if w.call("POST", "/v1/environments/"+env+"/applications/"+actor+"/roleAssignments", body).StatusCode == 201 {
		return
	}
	s := platform.Scope{ID: scope, Type: scopeType}
	if scopeType == "POPULATION" || scopeType == "APPLICATION" {
		s.Environment = w.env
	}
	e := platform.Assign(strings.ReplaceAll(role, " ", "-")+"-of-"+actor, actor, role, s)
	raw, err := json.Marshal(e.Body)
	w.must(err)
	w.must(w.db.Update(w.t.Context(), "", func(tx *store.Tx) error {
		_, err := tx.Put(store.Document{Kind: e.Kind, ID: e.ID, Body: raw})
		return err
	}))
}

func roleCalled(name string) (platform.Role, bool) {
	all := platform.Roles()
	i := slices.IndexFunc(all, func(r platform.Role) bool { return r.Name == name })
	if i < 0 {
		return platform.Role{}, false
	}
	return all[i], true
}

// scopeOf is the scope of a type that the tests give roles at.
func (w *guardedWorld) scopeOf(scopeType string) string {
	switch scopeType {
	case "ORGANIZATION":
		return w.org
	case "ENVIRONMENT":
		return w.env
	case "POPULATION":
		return w.in["population"]
	}
	return w.in["application"]
}

const nowhere = "6c796712-0f16-4062-815a-e0a92f4a2143"

// pathOf is a route's path with ids of documents that stand: those of a side,
// or else others, made at need.
func (w *guardedWorld) pathOf(r server.Route, side map[string]string) string {
	w.t.Helper()
	at, parent := "", ""
	for _, segment := range strings.Split(strings.Trim(r.Path, "/"), "/") {
		name, isID := strings.CutPrefix(segment, "{")
		name = strings.TrimSuffix(name, "}")
		if !isID {
			at += "/" + segment
			continue
		}
		if id := side[name]; id != "" && strings.Count(r.Path, "{"+name+"}") == 1 {
			parent = id
		} else {
			parent = w.standing(at, name, parent)
		}
		at += "/" + parent
	}
	return at
}

// standing is the id of a document at the path of its collection.
func (w *guardedWorld) standing(at, name, parent string) string {
	w.t.Helper()
	if id := w.stand[at]; id != "" {
		return id
	}
	spec, id := w.kinds[name], ""
	switch {
	case spec == nil || slices.Contains(cannotBeMade, name):
	case name == "roleAssignment": // who has a role can be changed by fewer
	case slices.Contains(spec.Methods, "POST"):
		id = w.makeAt(spec, at, parent).id
	case slices.Contains(spec.Methods, "LIST"):
		list, _ := w.call("GET", at, "").want(200).body["_embedded"].(object)[listKey(spec)].([]any)
		if len(list) > 0 {
			first, _ := list[0].(object)
			id = text(first["id"])
		}
	}
	if id == "" {
		id = nowhere
	}
	w.stand[at] = id
	return id
}
