package test

import (
	"net/url"
	"testing"
	"time"

	"pixy/internal/server"
)

// sessionsOf is how many sessions the management API shows of a user.
func (w *world) sessionsOf(user string) int {
	w.t.Helper()
	w.admin = w.token()
	list, _ := w.manage("GET", "/users/"+user+"/sessions", nil).want(200).body["_embedded"].(object)["sessions"].([]any)
	return len(list)
}

// TestEndedSessionsRefreshNothing ends a session in every way there is: what was
// issued for it is refreshed no more, and the browser has to sign on.
//
// covers: OIDC Back-Channel Logout §2.7/1
func TestEndedSessionsRefreshNothing(t *testing.T) {
	for name, end := range map[string]func(w *world, p *person, user, hint string){
		"signoff": func(w *world, p *person, user, hint string) { p.signoff(url.Values{"id_token_hint": {hint}}).want(302) },
		"idpSignoff": func(w *world, p *person, user, hint string) {
			w.send("GET", "/"+w.env+"/as/idpSignoff?id_token_hint="+hint, "").want(204)
		},
		"DELETE": func(w *world, p *person, user, hint string) {
			w.manage("DELETE", "/users/"+user+"/sessions/"+text(claims(w.t, hint)["sid"]), nil).want(204)
		},
		"a new password": func(w *world, p *person, user, hint string) { w.password(user, "An0ther-passWord!", false) },
		"disabling": func(w *world, p *person, user, hint string) {
			w.manage("PUT", "/users/"+user+"/enabled", object{"enabled": false}).want(200)
			w.manage("PUT", "/users/"+user+"/enabled", object{"enabled": true}).want(200)
		},
	} {
		w := newWorld(t)
		ada := w.user("ada")
		app := w.refreshing(object{"idpSignoff": true})
		p := &person{w: w}
		first := w.redeem(app, p.code(app, "ada", nil), nil).want(200)
		tokens := w.refresh(app, first.text("refresh_token"), nil).want(200)
		token := p.st
		end(w, p, ada, first.text("id_token"))
		p.st = token
		if r := w.refresh(app, tokens.text("refresh_token"), nil); r.StatusCode != 400 || r.text("error") != "invalid_grant" {
			t.Errorf("after %s the refresh token gets %d %s", name, r.StatusCode, r.raw)
		}
		if p.signedOn(app) || w.sessionsOf(ada) != 0 {
			t.Errorf("after %s the session goes on", name)
		}
	}
}

// TestSessionsRest lets a session that nobody uses count no more: each sign-on
// without interaction, and each refresh, is a use.
func TestSessionsRest(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Sessions.Idle = 10 * time.Minute })
	ada := w.user("ada")
	app := w.refreshing(object{"idpSignoff": true})
	p := &person{w: w}
	token := w.redeem(app, p.code(app, "ada", nil), nil).want(200).text("refresh_token")
	for range 3 {
		w.pass(9 * time.Minute)
		if !p.signedOn(app) {
			t.Fatal("a sign-on without interaction is no use of the session")
		}
	}
	for range 3 {
		w.pass(9 * time.Minute)
		token = w.refresh(app, token, nil).want(200).text("refresh_token")
	}
	if !p.signedOn(app) || w.sessionsOf(ada) != 1 {
		t.Fatal("the session rests although it is used")
	}
	w.pass(10 * time.Minute)
	if p.signedOn(app) || w.sessionsOf(ada) != 0 {
		t.Error("a session that rested goes on")
	}
	w.refresh(app, token, nil).refused(400, "invalid_grant", "session")
}

// TestSessionsDoNotRest unless the server is told so; they end some time after
// the last sign-on, and the cookie with them.
func TestSessionsDoNotRest(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Sessions.Life = 2 * time.Hour })
	ada := w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, nil)
	for _, c := range p.signOn(flow, "ada", goodPassword).want(200).Cookies() {
		if c.MaxAge != 2*60*60 || !c.Expires.Equal(w.clock().Add(2*time.Hour).Truncate(time.Second)) {
			t.Errorf("the cookie %s lasts for %d s, until %v", c.Name, c.MaxAge, c.Expires)
		}
	}
	w.pass(119 * time.Minute)
	if !p.signedOn(app) {
		t.Error("the session has ended early")
	}
	w.pass(time.Minute)
	if p.signedOn(app) || w.sessionsOf(ada) != 0 {
		t.Error("the session goes on")
	}
}

// TestUseIsNotedOnceAMinute writes the ticket of a session no more often.
func TestUseIsNotedOnceAMinute(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	p.code(app, "ada", nil)
	version := func() int { return w.number("SELECT version FROM ticket WHERE kind = 'session'") }
	before := version()
	for range 3 {
		w.pass(10 * time.Second)
		p.signedOn(app)
	}
	if n := version(); n != before {
		t.Errorf("half a minute of use made version %d of %d", n, before)
	}
	w.pass(30 * time.Second)
	p.signedOn(app)
	p.signedOn(app)
	if n := version(); n != before+1 {
		t.Errorf("a minute later it is version %d, it was %d", n, before)
	}
}

// TestTokenIsNewAtEverySignOn: what was planted or read before is worth nothing
// afterwards.
func TestTokenIsNewAtEverySignOn(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, nil)
	tokens := []string{p.st}
	for range 3 {
		p.signOn(flow, "ada", goodPassword).want(200)
		p.resume(flow).want(302)
		tokens = append(tokens, p.st)
		flow = p.tab(app, url.Values{"prompt": {"login"}})
	}
	for i, token := range tokens {
		thief := &person{w: w, st: token}
		if current := i == len(tokens)-1; thief.signedOn(app) != current {
			t.Errorf("token %d of %d counts: %t", i+1, len(tokens), !current)
		}
	}
}
