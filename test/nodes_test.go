package test

import (
	"net/url"
	"sync"
	"testing"
	"time"

	"pixy/internal/server"
)

// nodeBeside is another node on the world's database, at the same time.
func (w *world) nodeBeside() *world {
	w.t.Helper()
	db, _, err := openWorld(w.t.Context(), w.source, w.clock)
	w.must(err)
	w.t.Cleanup(func() { w.must(db.Close()) })
	n := &world{t: w.t, source: w.source, base: w.base, log: w.log, worker: w.worker, env: w.env, admin: w.admin, config: w.config, db: db}
	n.config.Store = db
	n.server, err = server.New(n.config)
	w.must(err)
	w.t.Cleanup(n.server.Stop)
	return n
}

// needsPostgres skips what needs two processes on one database.
func needsPostgres(t *testing.T) {
	t.Helper()
	if !onPostgres() {
		t.Skip("SQLite serves one node: PIXY_TEST_DATABASE=postgres runs this")
	}
}

// policyNamed is a sign-on policy of the environment.
func (w *world) policyNamed(name string) object {
	w.t.Helper()
	for _, p := range w.manage("GET", "/signOnPolicies", nil).want(200).body["_embedded"].(object)["signOnPolicies"].([]any) {
		if p.(object)["name"] == name {
			return p.(object)
		}
	}
	w.t.Fatalf("there is no sign-on policy %s", name)
	return nil
}

// TestOtherNodeObeys changes things on one node, while another one remembers
// what they were: that one obeys within a second.
func TestOtherNodeObeys(t *testing.T) {
	needsPostgres(t)
	a := newGuardedWorld(t)
	b := a.nodeBeside()
	a.user("ada")
	app := a.application(nil)
	worker, admin := a.holderOf(a.env, "Environment Admin", "ENVIRONMENT", a.env)
	secret := a.secretOf(worker)
	policy := a.policyNamed("Single_Factor")
	for _, c := range []struct {
		name   string
		change func()
		probe  func() string // on the other node
	}{
		{"a policy is changed",
			func() {
				policy["name"] = "Renamed"
				a.manage("PUT", "/signOnPolicies/"+text(policy["id"]), policy).want(200)
			},
			func() string {
				p := person{w: b}
				return text(claims(t, b.redeem(app, p.code(app, "ada", nil), nil).want(200).text("id_token"))["acr"])
			}},
		{"an application is disabled",
			func() {
				body := a.manage("GET", "/applications/"+app, nil).want(200).body
				body["enabled"] = false
				a.manage("PUT", "/applications/"+app, body).want(200)
			},
			func() string {
				p := person{w: b}
				return p.authorize(app, nil).Status
			}},
		{"a secret is rotated",
			func() { a.manage("POST", "/applications/"+worker+"/secret", object{}).want(200) },
			func() string {
				return b.form("POST", "/"+b.env+"/as/token", url.Values{"grant_type": {"client_credentials"}}, header{"Authorization": "Basic " + basicOf(worker, secret)}).Status
			}},
		{"a role is taken away",
			func() {
				list := a.manage("GET", "/applications/"+worker+"/roleAssignments", nil).want(200)
				for _, as := range list.body["_embedded"].(object)["roleAssignments"].([]any) {
					a.manage("DELETE", "/applications/"+worker+"/roleAssignments/"+text(as.(object)["id"]), nil).want(204)
				}
			},
			func() string {
				return b.send("GET", "/v1/environments/"+b.env+"/populations", "", header{"Authorization": "Bearer " + admin}).Status
			}},
		{"the key is rotated",
			func() {
				a.pass(400 * 24 * time.Hour)
				a.must(a.server.Sweep(t.Context()))
			},
			func() string { return kid(t, b.token()) }},
	} {
		was := c.probe()
		if again := c.probe(); again != was {
			t.Errorf("%s: before that, it is %s, then %s", c.name, was, again)
		}
		c.change()
		changed := time.Now()
		for c.probe() == was && time.Since(changed) < 5*time.Second {
			time.Sleep(time.Millisecond)
		}
		took := time.Since(changed)
		t.Logf("%s: %s, then %s on the other node after %v", c.name, was, c.probe(), took.Round(time.Millisecond))
		if took > time.Second {
			t.Errorf("%s: obeyed after %v, a second is promised", c.name, took)
		}
	}
}

// TestNodesTellOnce lets two nodes find the same notices at the same time: an
// application hears of each session's end once.
func TestNodesTellOnce(t *testing.T) {
	needsPostgres(t)
	a := newWorld(t)
	b := a.nodeBeside()
	a.user("ada")
	app := listen(t)
	client := a.leaving(object{"backChannelLogoutUri": app.URL + "/bcl"})
	app.answer(503)
	const sessions = 20
	for range sessions {
		p := &person{w: a}
		p.signoff(url.Values{"id_token_hint": {p.hint(client, "ada")}}).want(302)
	}
	a.server.Stop() // and the tries under way are over
	tried := len(app.tokens)
	app.answer(200)
	a.pass(2 * time.Minute)
	c := a.nodeBeside()
	for range 3 {
		var both sync.WaitGroup
		for _, n := range []*world{b, c} {
			both.Go(func() { a.must(n.server.Sweep(t.Context())) })
		}
		both.Wait()
	}
	app.heard(t, tried+sessions)
}
