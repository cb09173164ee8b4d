package test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRefreshTokenIsBound to its client, its user and its session: whatever of
// them goes takes the token with it.
// covers: RFC 6749 §10.4/2, RFC 6749 §10.4/4, RFC 6749 §10.4/5
func TestRefreshTokenIsBound(t *testing.T) {
	for name, c := range map[string]struct {
		gone func(w *world, user, app string)
		says string
	}{
		"user disabled": {func(w *world, user, _ string) {
			w.manage("PUT", "/users/"+user+"/enabled", object{"enabled": false}).want(200)
		}, "invalid_grant"},
		"user deleted": {func(w *world, user, _ string) { w.manage("DELETE", "/users/"+user, nil).want(204) }, "invalid_grant"},
		"user locked": {func(w *world, user, _ string) {
			w.manage("POST", "/users/"+user, object{}, header{"Content-Type": "application/vnd.pingidentity.account.lock+json"}).want(200)
		}, "invalid_grant"},
		"password changed": {func(w *world, user, _ string) { w.password(user, "An0ther!Passphrase", false) }, "invalid_grant"},
		"session ended": {func(w *world, user, _ string) {
			list := w.manage("GET", "/users/"+user+"/sessions", nil).want(200).body["_embedded"].(object)["sessions"].([]any)
			for _, s := range list {
				w.manage("DELETE", "/users/"+user+"/sessions/"+text(s.(object)["id"]), nil).want(204)
			}
		}, "invalid_grant"},
		"application deleted": {func(w *world, _, app string) { w.manage("DELETE", "/applications/"+app, nil).want(204) }, "invalid_client"},
		"application disabled": {func(w *world, _, app string) {
			w.manage("PUT", "/applications/"+app, w.changed("/applications/"+app, object{"enabled": false})).want(200)
		}, "invalid_client"},
		"grant type taken away": {func(w *world, _, app string) {
			w.manage("PUT", "/applications/"+app, w.changed("/applications/"+app, object{"grantTypes": []string{"AUTHORIZATION_CODE"}})).want(200)
		}, "unauthorized_client"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			user, app := w.user("ada"), w.refreshing(nil)
			p := &person{w: w}
			token := w.redeem(app, p.code(app, "ada", nil), nil).want(200).text("refresh_token")
			w.pass(time.Second)
			c.gone(w, user, app)
			if r := w.refresh(app, token, nil); r.StatusCode/100 != 4 || r.text("error") != c.says {
				t.Errorf("%d %s, want %s", r.StatusCode, r.raw, c.says)
			}
		})
	}
}

// TestRefreshTokenOfAnother client or environment is nothing, and stays good.
func TestRefreshTokenOfAnother(t *testing.T) {
	// covers: RFC 6749 §6/7, RFC 6749 §10.4/2
	// covers: OIDC Core §12.1/2, OIDC Core §12.1/3
	// covers: Certification FAPI2/RefreshToken
	w := newWorld(t)
	w.user("ada")
	app, other := w.refreshing(nil), w.refreshing(nil)
	token := w.tokens(app).text("refresh_token")
	w.refresh(other, token, nil).refused(400, "invalid_grant", "issued to another application")
	w.refresh(app, token, url.Values{"client_id": {""}}).refused(401, "invalid_client", "")
	home := w.env
	w.env = w.send("POST", "/v1/environments", `{"name": "Other", "type": "SANDBOX", "region": "EU"}`,
		header{"Authorization": "Bearer " + w.admin, "Content-Type": "application/json"}).want(201).text("id")
	w.refresh(w.refreshing(nil), token, nil).refused(400, "invalid_grant", "unknown in this environment")
	w.env = home
	w.refresh(app, token, nil).want(200)
}

// TestRefreshFollowsGrants: what is no longer granted is left out, and nothing
// that is granted since comes in.
func TestRefreshFollowsGrants(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(nil)
	resource, _ := w.api(app, nil)
	p := &person{w: w}
	r := w.redeem(app, p.code(app, "ada", url.Values{"scope": {"openid Orders:read"}}), nil).want(200)
	alone := w.redeem(app, p.codeAgain(app, url.Values{"scope": {"Orders:read"}}), nil).want(200)
	more := w.manage("POST", "/resources/"+resource+"/scopes", object{"name": "Orders:write"}).want(201).text("id")
	grants := w.manage("GET", "/applications/"+app+"/grants", nil).want(200).body["_embedded"].(object)["grants"].([]any)
	grant := "/applications/" + app + "/grants/" + text(grants[0].(object)["id"])
	w.manage("PUT", grant, object{"resource": object{"id": resource}, "scopes": []object{{"id": more}}}).want(200)
	got := w.refresh(app, r.text("refresh_token"), nil).want(200)
	if got.text("scope") != "openid" {
		t.Errorf("the scope is %q", got.text("scope"))
	}
	w.refresh(app, got.text("refresh_token"), url.Values{"scope": {"openid Orders:write"}}).refused(400, "invalid_scope", "more than was granted")
	w.refresh(app, alone.text("refresh_token"), nil).refused(400, "invalid_scope", "granted to the application")
}

// TestResourceAtTheTokenEndpoint narrows an access token to one of the resources
// of the authorization, and the refresh token to none (RFC 8707 §2.2).
// covers: RFC 9068 §2.2.3/2, RFC 9068 §3/1
func TestResourceAtTheTokenEndpoint(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(object{"requestScopesForMultipleResourcesEnabled": true})
	w.api(app, nil)
	w.api(app, object{"name": "Stock", "audience": "https://stock.example.com"})
	w.api(app, object{"name": "Mail", "audience": "https://mail.example.com"})
	const orders, stock, mail = "https://orders.example.com", "https://stock.example.com", "https://mail.example.com"
	p := &person{w: w}
	code := p.code(app, "ada", url.Values{"scope": {"openid Orders:read Stock:read"}})
	holds := func(r response, scope string, audience ...any) {
		t.Helper()
		c := claims(t, r.want(200).text("access_token"))
		if got, _ := c["aud"].([]any); r.text("scope") != scope || c["scope"] != scope || !slices.Equal(got, audience) {
			t.Errorf("scope %q, %v for %v; want %q for %v", r.text("scope"), c["scope"], got, scope, audience)
		}
	}
	w.redeem(app, code, url.Values{"resource": {mail}}).refused(400, "invalid_target", "")
	r := w.redeem(app, code, url.Values{"resource": {orders}})
	holds(r, "openid Orders:read", orders)
	next := func(resources ...string) response {
		return w.refresh(app, r.text("refresh_token"), url.Values{"resource": resources})
	}
	r = next(stock)
	holds(r, "openid Stock:read", stock)
	r = next(stock, orders)
	holds(r, "openid Orders:read Stock:read", orders, stock)
	r = next("")
	holds(r, "openid Orders:read Stock:read", orders, stock)
	next(mail).refused(400, "invalid_target", "")
	next(orders, "https://nobody.example.com").refused(400, "invalid_target", "")
	next(slices.Repeat([]string{orders}, 11)...).refused(400, "invalid_target", "")
	w.refresh(app, r.text("refresh_token"), url.Values{"resource": {orders}, "scope": {"Stock:read"}}).refused(400, "invalid_target", "")
	holds(next(orders), "openid Orders:read", orders)
}

// TestCodeReuseEndsTheFamily: a code that comes twice ends refresh tokens as
// well, those that were rotated since too.
func TestCodeReuseEndsTheFamily(t *testing.T) {
	// covers: RFC 6749 §4.1.2/6, RFC 6749 §10.5/5
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(object{"additionalRefreshTokenReplayProtectionEnabled": false})
	p := &person{w: w}
	code := p.code(app, "ada", nil)
	first := w.redeem(app, code, nil).want(200)
	second := w.refresh(app, first.text("refresh_token"), nil).want(200)
	w.pass(20 * 24 * time.Hour)
	w.must(w.server.Sweep(t.Context()))
	third := w.refresh(app, second.text("refresh_token"), nil).want(200)
	w.redeem(app, code, nil).refused(400, "invalid_grant", "used before")
	w.refresh(app, third.text("refresh_token"), nil).refused(400, "invalid_grant", "revoked")
	w.userinfo(third.text("access_token")).refused(401, "invalid_token", "revoked")
}

// TestRefreshAgainstRevocation sends both at the same time, many times: whoever
// comes first, in the end nothing is good.
func TestRefreshAgainstRevocation(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(object{"refreshTokenRollingGracePeriodDuration": 30})
	for round := range 20 {
		first := w.tokens(app)
		token := first.text("refresh_token")
		good := []string{first.text("access_token")}
		tokens := []string{token}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if i == round%8 {
					if r := w.form("POST", "/"+w.env+"/as/revoke", url.Values{"token": {token}, "client_id": {app}}); r.StatusCode != 200 {
						t.Errorf("revoke: %d %s", r.StatusCode, r.raw)
					}
					return
				}
				r := w.refresh(app, token, nil)
				mu.Lock()
				defer mu.Unlock()
				if r.StatusCode == 200 {
					good, tokens = append(good, r.text("access_token")), append(tokens, r.text("refresh_token"))
				} else if r.text("error") != "invalid_grant" {
					t.Errorf("%d %s", r.StatusCode, r.raw)
				}
			})
		}
		all.Wait()
		for _, a := range good {
			w.userinfo(a).refused(401, "invalid_token", "revoked")
		}
		for _, r := range tokens {
			w.refresh(app, r, nil).refused(400, "invalid_grant", "revoked")
		}
	}
}

// TestCodesAtOnceEndTheFamily redeems a code in parallel: the one who gets
// tokens can't refresh them.
func TestCodesAtOnceEndTheFamily(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(nil)
	code := (&person{w: w}).code(app, "ada", nil)
	var mu sync.Mutex
	won := ""
	came := atOnce(30, func() string {
		r := w.redeem(app, code, nil)
		mu.Lock()
		defer mu.Unlock()
		won += r.text("refresh_token")
		return fmt.Sprint(r.StatusCode)
	})
	if came["200"] != 1 || strings.Count(won, ".") != 2 {
		t.Fatalf("%v", came)
	}
	w.refresh(app, won, nil).refused(400, "invalid_grant", "revoked")
}
