package test

import (
	"net/url"
	"testing"
	"time"
)

const (
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeAccess    = "urn:ietf:params:oauth:token-type:access_token"
)

// exchanging is an application that exchanges tokens for Orders.
func (w *world) exchanging(change object) string {
	w.t.Helper()
	all := object{"grantTypes": []string{"TOKEN_EXCHANGE"}}
	for k, v := range change {
		all[k] = v
	}
	return w.service("CLIENT_SECRET_POST", all)
}

// exchange asks for a token for another; change adds parameters.
func (w *world) exchange(app, subject string, change url.Values) response {
	w.t.Helper()
	f := url.Values{"grant_type": {grantExchange}, "client_id": {app}, "client_secret": {w.secretOf(app)}, "subject_token": {subject}, "subject_token_type": {typeAccess}}
	for k, v := range change {
		f[k] = v
	}
	return w.form("POST", "/"+w.env+"/as/token", f)
}

// fronted signs ada on at an application that calls a custom resource, and is
// what it gets: the access token is for whoever serves that.
func (w *world) fronted() (app string, tokens response) {
	w.t.Helper()
	app = w.refreshing(nil)
	w.api(app, object{"name": "Shop", "audience": "https://shop.example.com", "accessTokenValiditySeconds": 3600})
	code := (&person{w: w}).code(app, "ada", url.Values{"scope": {"openid Shop:read"}})
	return app, w.redeem(app, code, nil).want(200)
}

// TestExchangedTokenEnds with whatever the token that it comes from ends with:
// its authorization, its user, the client that it is issued to.
func TestExchangedTokenEnds(t *testing.T) {
	for name, end := range map[string]func(w *world, user, app, service string, tokens response){
		"authorization revoked": func(w *world, _, app, _ string, tokens response) {
			w.form("POST", "/"+w.env+"/as/revoke", url.Values{"token": {tokens.text("refresh_token")}, "client_id": {app}}).want(200)
		},
		"that token revoked": func(w *world, _, app, _ string, tokens response) {
			w.form("POST", "/"+w.env+"/as/revoke", url.Values{"token": {tokens.text("access_token")}, "client_id": {app}}).want(200)
		},
		"refresh token reused": func(w *world, _, app, _ string, tokens response) {
			w.refresh(app, tokens.text("refresh_token"), nil).want(200)
			w.refresh(app, tokens.text("refresh_token"), nil).want(400)
		},
		"user disabled": func(w *world, user, _, _ string, _ response) {
			w.manage("PUT", "/users/"+user+"/enabled", object{"enabled": false}).want(200)
		},
		"new password": func(w *world, user, _, _ string, _ response) { w.password(user, "An0ther!Passphrase", false) },
		"service disabled": func(w *world, _, _, service string, _ response) {
			w.manage("PUT", "/applications/"+service, w.changed("/applications/"+service, object{"enabled": false})).want(200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			user := w.user("ada")
			service := w.exchanging(nil)
			witness := w.manage("GET", "/resources?filter="+url.QueryEscape(`name eq "Orders"`), nil).want(200).body["_embedded"].(object)["resources"].([]any)[0].(object)["id"]
			secret := w.manage("GET", "/resources/"+text(witness)+"/secret", nil).want(200).text("secret")
			ask := url.Values{"client_id": {text(witness)}, "client_secret": {secret}}
			w.manage("PUT", "/resources/"+text(witness), w.changed("/resources/"+text(witness), object{"introspectEndpointAuthMethod": "CLIENT_SECRET_POST"})).want(200)
			app, tokens := w.fronted()
			given := w.exchange(service, tokens.text("access_token"), nil).want(200).text("access_token")
			ask.Set("token", given)
			if r := w.form("POST", "/"+w.env+"/as/introspect", ask).want(200); r.body["active"] != true || r.text("sub") != user {
				t.Fatalf("%s", r.raw)
			}
			w.pass(time.Second)
			end(w, user, app, service, tokens)
			if r := w.form("POST", "/"+w.env+"/as/introspect", ask).want(200); r.raw != `{"active":false}` {
				t.Errorf("the exchanged token: %s", r.raw)
			}
			if name != "service disabled" {
				w.exchange(service, tokens.text("access_token"), nil).refused(400, "invalid_request", "subject_token")
			}
		})
	}
}

// TestExchangeIsBounded: a token is handed on five times and not a sixth, gets
// no longer life by it, and no more than the client is granted.
func TestExchangeIsBounded(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	service := w.exchanging(nil)
	_, tokens := w.fronted()
	subject := tokens.text("access_token")
	end := claims(t, subject)["exp"]
	w.pass(55 * time.Minute)
	w.admin = w.token()
	for i := range 5 {
		r := w.exchange(service, subject, url.Values{"actor_token": {w.admin}, "actor_token_type": {typeAccess}}).want(200)
		subject = r.text("access_token")
		if c := claims(t, subject); c["exp"] != end || r.body["expires_in"] != 300.0 || c["scope"] != "Orders:read" || c["sub"] == nil {
			t.Errorf("exchange %d: %s, %v", i+1, r.raw, c)
		}
	}
	w.exchange(service, subject, url.Values{"actor_token": {w.admin}, "actor_token_type": {typeAccess}}).refused(400, "invalid_request", "actor_token")
	act, depth := claims(t, subject)["act"], 0
	for o, isObject := act.(object); isObject; o, isObject = o["act"].(object) {
		depth++
		if o["sub"] != w.worker.ApplicationID {
			t.Errorf("actor %d is %v", depth, o)
		}
	}
	if depth != 5 {
		t.Errorf("%d actors", depth)
	}
	w.exchange(service, subject, nil).want(200)
	w.userinfo(subject).refused(403, "insufficient_scope", "")
	if r := w.send("GET", "/v1/environments", "", header{"Authorization": "Bearer " + subject}); r.StatusCode != 401 {
		t.Errorf("the API takes an exchanged token: %d", r.StatusCode)
	}
}

// TestExchangeOfAnothersToken: a token that is for the platform is exchanged by
// the client that it was issued to, and by nobody who came by it.
func TestExchangeOfAnothersToken(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	w.exchange(w.exchanging(nil), w.tokens(w.refreshing(nil)).text("access_token"), nil).refused(400, "invalid_request", "subject_token")
}

// TestExchangeAcrossEnvironments: a token of one environment is worth nothing to
// a client of another, as subject or as actor.
func TestExchangeAcrossEnvironments(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	_, theirs := w.fronted()
	w.env = w.send("POST", "/v1/environments", `{"name": "Other", "type": "SANDBOX", "region": "EU"}`,
		header{"Authorization": "Bearer " + w.admin, "Content-Type": "application/json"}).want(201).text("id")
	w.user("ada")
	service := w.exchanging(nil)
	_, ours := w.fronted()
	w.exchange(service, theirs.text("access_token"), nil).refused(400, "invalid_request", "subject_token")
	w.exchange(service, ours.text("access_token"), url.Values{"actor_token": {theirs.text("access_token")}, "actor_token_type": {typeAccess}}).refused(400, "invalid_request", "actor_token")
	w.exchange(service, ours.text("access_token"), nil).want(200)
}
