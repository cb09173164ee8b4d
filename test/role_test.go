package test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"pixy/internal/platform"
	"pixy/internal/server"
	"pixy/internal/store"
)

// governed is a world in which a test can give out roles: there is no endpoint
// for it yet.
type governed struct {
	*world
	db *store.DB
}

func newGoverned(t *testing.T) governed {
	g := governed{}
	g.world = newWorld(t, func(c *server.Config) { g.db = c.Store })
	return g
}

func (g governed) assign(actor, role, scopeType, scope string) {
	g.t.Helper()
	e := platform.Assign(strings.ReplaceAll(role, " ", "-")+"-of-"+actor, actor, role, platform.Scope{ID: scope, Type: scopeType})
	raw, err := json.Marshal(e.Body)
	g.must(err)
	g.must(g.db.Update(g.t.Context(), "", func(tx *store.Tx) error {
		_, err := tx.Put(store.Document{Kind: e.Kind, ID: e.ID, Body: raw})
		return err
	}))
}

// holder makes a worker application with one role and returns its id.
func (g governed) holder(role, scopeType, scope string) string {
	g.t.Helper()
	id := g.application(object{"name": role, "type": "WORKER", "grantTypes": []string{"CLIENT_CREDENTIALS"}, "tokenEndpointAuthMethod": "CLIENT_SECRET_POST"})
	g.assign(id, role, scopeType, scope)
	return id
}

// token is a worker application's access token.
func (g governed) token(id string) string {
	g.t.Helper()
	secret := g.manage("GET", "/applications/"+id+"/secret", nil).want(200).text("secret")
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	return g.form("POST", "/"+g.env+"/as/token", form).want(200).text("access_token")
}

// organization is the id of the server's one organization.
func (g governed) organization() string {
	g.t.Helper()
	r := g.send("GET", "/v1/environments/"+g.env, "", header{"Authorization": "Bearer " + g.admin}).want(200)
	return text(r.body["organization"].(object)["id"])
}

func (g governed) environment(name string) string {
	g.t.Helper()
	return g.send("POST", "/v1/environments", `{"name": "`+name+`", "type": "SANDBOX", "region": "EU"}`,
		header{"Authorization": "Bearer " + g.admin, "Content-Type": "application/json"}).want(201).text("id")
}

// TestRoles lets workers with one role each call the management API: here, in
// another environment, and above all environments. The expectations are those
// of the roles' descriptions, written out.
func TestRoles(t *testing.T) {
	g := newGoverned(t)
	other := g.environment("Other")
	organization := g.organization()
	here, there := "/v1/environments/"+g.env, "/v1/environments/"+other
	body := map[string]string{
		"/users": `{"username": "NAME", "email": "a@example.com"}`, "/populations": `{"name": "NAME"}`, "/signOnPolicies": `{"name": "NAME"}`,
		"/applications": `{"name": "NAME", "enabled": true, "type": "WEB_APP", "protocol": "OPENID_CONNECT"}`,
		"/environments": `{"name": "NAME", "type": "SANDBOX", "region": "EU"}`,
	}
	names := 0
	for _, c := range []struct {
		role, scopeType, scope string
		may, mayNot            []string
	}{
		{"Organization Admin", "ORGANIZATION", organization,
			[]string{"POST /v1/environments", "GET /v1/environments", "GET " + here, "GET /v1/roles"},
			[]string{"GET " + here + "/users", "POST " + here + "/users", "POST " + here + "/applications", "GET " + here + "/passwordPolicies"}},
		{"Environment Admin", "ENVIRONMENT", g.env,
			[]string{"POST " + here + "/applications", "POST " + here + "/signOnPolicies", "POST " + here + "/populations", "GET " + here + "/resources", "GET " + here, "GET /v1/environments"},
			[]string{"POST /v1/environments", "POST " + there + "/applications", "GET " + there, "GET " + there + "/applications", "GET " + here + "/users"}},
		{"Environment Admin", "ORGANIZATION", organization,
			[]string{"POST " + here + "/applications", "POST " + there + "/applications"},
			[]string{"POST /v1/environments", "GET " + there + "/users"}},
		{"Identity Data Admin", "ENVIRONMENT", g.env,
			[]string{"POST " + here + "/users", "POST " + here + "/populations", "GET " + here + "/passwordPolicies"},
			[]string{"POST " + here + "/applications", "GET " + here + "/applications", "GET " + there + "/users", "POST " + there + "/users", "POST " + here + "/signOnPolicies"}},
		{"Client Application Developer", "ENVIRONMENT", g.env,
			[]string{"POST " + here + "/applications", "GET " + here + "/applications", "GET " + here + "/signOnPolicies"},
			[]string{"GET " + here + "/users", "POST " + here + "/users", "POST " + here + "/signOnPolicies", "GET " + there + "/applications"}},
	} {
		token := g.token(g.holder(c.role, c.scopeType, c.scope))
		call := func(what string) response {
			method, path, _ := strings.Cut(what, " ")
			sent := ""
			if method == "POST" {
				names++
				sent = strings.Replace(body[path[strings.LastIndex(path, "/"):]], "NAME", fmt.Sprint("name", names), 1)
			}
			return g.send(method, path, sent, header{"Authorization": "Bearer " + token, "Content-Type": "application/json"})
		}
		for _, what := range c.may {
			if r := call(what); r.StatusCode >= 300 {
				t.Errorf("%s of the %s may not %s: %d %s", c.role, c.scopeType, what, r.StatusCode, r.raw)
			}
		}
		for _, what := range c.mayNot {
			if r := call(what); r.StatusCode != 403 || r.text("code") != "ACCESS_FAILED" || r.detail()["code"] != "INSUFFICIENT_PERMISSIONS" {
				t.Errorf("%s of the %s may %s: %d %s", c.role, c.scopeType, what, r.StatusCode, r.raw)
			}
		}
	}
}

// TestCreator gives who makes an environment the roles to fill it, there and
// nowhere else.
func TestCreator(t *testing.T) {
	g := newGoverned(t)
	token := g.token(g.holder("Organization Admin", "ORGANIZATION", g.organization()))
	as := header{"Authorization": "Bearer " + token, "Content-Type": "application/json"}
	made := "/v1/environments/" + g.send("POST", "/v1/environments", `{"name": "Mine", "type": "SANDBOX", "region": "EU"}`, as).want(201).text("id")
	foreign := "/v1/environments/" + g.environment("Not mine")
	for path, status := range map[string]int{made: 201, foreign: 403, "/v1/environments/" + g.env: 403} {
		g.send("POST", path+"/users", `{"username": "ada", "email": "a@example.com"}`, as).want(status)
		g.send("POST", path+"/applications", `{"name": "App", "enabled": true, "type": "WEB_APP", "protocol": "OPENID_CONNECT"}`, as).want(status)
		g.send("POST", path+"/signOnPolicies", `{"name": "Policy"}`, as).want(403)
	}
}

// TestSecretNeedsAllRoles shows and changes the secret of an application only
// for who holds every role that the application has.
func TestSecretNeedsAllRoles(t *testing.T) {
	g := newGoverned(t)
	id := g.holder("Client Application Developer", "ENVIRONMENT", g.env)
	as := header{"Authorization": "Bearer " + g.token(id), "Content-Type": "application/json"}
	here := "/v1/environments/" + g.env + "/applications/"
	plain, stronger := g.application(nil), g.holder("Identity Data Admin", "ENVIRONMENT", g.env)
	g.send("GET", here+plain+"/secret", "", as).want(200)
	g.send("GET", here+id+"/secret", "", as).want(200)
	for _, method := range []string{"GET", "POST"} {
		g.send(method, here+stronger+"/secret", "{}", as).want(403)
		g.send(method, here+g.worker.ApplicationID+"/secret", "{}", as).want(403)
	}
}

// TestRolesAreLookedUp takes a role away: the token that was issued before
// permits nothing more.
func TestRolesAreLookedUp(t *testing.T) {
	g := newGoverned(t)
	id := g.holder("Identity Data Admin", "ENVIRONMENT", g.env)
	as := header{"Authorization": "Bearer " + g.token(id)}
	users := "/v1/environments/" + g.env + "/users"
	g.send("GET", users, "", as).want(200)
	g.must(g.db.Update(t.Context(), "", func(tx *store.Tx) error { return tx.Delete("roleAssignment", "Identity-Data-Admin-of-"+id) }))
	g.send("GET", users, "", as).want(403)

	// A disabled application's token is no longer one.
	other := g.holder("Identity Data Admin", "ENVIRONMENT", g.env)
	as = header{"Authorization": "Bearer " + g.token(other)}
	g.send("GET", users, "", as).want(200)
	app := g.manage("GET", "/applications/"+other, nil).want(200).body
	app["enabled"] = false
	g.manage("PUT", "/applications/"+other, app).want(200)
	g.send("GET", users, "", as).want(401)
}

// TestUserRoles lets a user with a role call the management API through a worker
// application that has it, too. Through any other application a user has none:
// who makes one could borrow the roles of who signs in at it.
func TestUserRoles(t *testing.T) {
	g := newGoverned(t)
	ada := g.user("ada")
	g.user("bob")
	g.assign(ada, "Identity Data Admin", "ENVIRONMENT", g.env)
	code := object{"type": "WORKER", "grantTypes": []string{"AUTHORIZATION_CODE"}}
	strong, weak, native := g.application(code), g.application(code), g.application(nil)
	g.assign(strong, "Identity Data Admin", "ENVIRONMENT", g.env)
	for _, c := range []struct {
		app, name string
		status    int
	}{{strong, "ada", 200}, {strong, "bob", 403}, {weak, "ada", 403}, {native, "ada", 403}} {
		p := &person{w: g.world}
		token := g.redeem(c.app, p.code(c.app, c.name, nil), url.Values{"client_id": {c.app}}).want(200).text("access_token")
		g.send("GET", "/v1/environments/"+g.env+"/users", "", header{"Authorization": "Bearer " + token}).want(c.status)
	}
}

// TestDisabledUser takes a user away, as an administrator or an import may do,
// between every two steps: nothing goes on.
func TestDisabledUser(t *testing.T) {
	g := newGoverned(t)
	ada, app := g.user("ada"), g.application(nil)
	p := &person{w: g.world}
	token := g.redeem(app, p.code(app, "ada", nil), nil).want(200).text("access_token")
	code := p.authorize(app, nil).query("code")
	waiting := p.tab(app, url.Values{"prompt": {"login"}})
	done := p.tab(app, url.Values{"prompt": {"login"}})
	p.signOn(done, "ada", goodPassword).want(200)
	g.must(g.db.Update(t.Context(), g.env, func(tx *store.Tx) error {
		d, err := tx.Get("user", ada)
		if err != nil {
			return err
		}
		d.Body = json.RawMessage(strings.Replace(compact(d.Body), `"enabled":true`, `"enabled":false`, 1))
		_, err = tx.Put(d)
		return err
	}))
	g.redeem(app, code, nil).refused(400, "invalid_grant", "disabled or deleted")
	g.userinfo(token).refused(401, "invalid_token", "invalid, expired or revoked")
	if r := p.resume(done); r.StatusCode != 401 {
		t.Errorf("a completed flow goes on: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
	q := &person{w: g.world}
	if r := q.signOn(q.tab(app, nil), "ada", goodPassword); r.detail()["code"] != "INVALID_CREDENTIALS" {
		t.Errorf("a disabled user signs on: %d %s", r.StatusCode, r.raw)
	}
	if r := p.signOn(waiting, "ada", goodPassword); r.StatusCode != 400 && r.StatusCode != 401 {
		t.Errorf("a waiting flow goes on: %d %s", r.StatusCode, r.raw)
	}
	p.authorize(app, url.Values{"prompt": {"none"}}).expectError(t, "login_required", "")
}

// TestWeakerActor may neither change nor delete an application with roles that
// it lacks.
func TestWeakerActor(t *testing.T) {
	g := newGoverned(t)
	body := g.manage("GET", "/applications/"+g.worker.ApplicationID, nil).want(200).body
	plain := g.application(nil)
	strong := g.admin
	g.admin = g.token(g.holder("Client Application Developer", "ENVIRONMENT", g.env))
	g.manage("PUT", "/applications/"+g.worker.ApplicationID, body).want(403)
	g.manage("DELETE", "/applications/"+g.worker.ApplicationID, nil).want(403)
	g.manage("DELETE", "/applications/"+plain, nil).want(204)
	g.admin = strong
	g.manage("PUT", "/applications/"+g.worker.ApplicationID, body).want(200)
}

// TestNewPasswordEndsSessions signs the browsers off that signed on with the
// old one.
func TestNewPasswordEndsSessions(t *testing.T) {
	w := newWorld(t)
	ada, app := w.user("ada"), w.application(nil)
	p := &person{w: w}
	p.code(app, "ada", nil)
	if p.authorize(app, nil).query("code") == "" {
		t.Error("no session to begin with")
	}
	w.password(ada, "S3cond+phraSe!", false)
	p.authorize(app, url.Values{"prompt": {"none"}}).expectError(t, "login_required", "")
}
