package test

import (
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"
)

// refresh asks for new tokens; change adds parameters, or takes them away with
// "".
func (w *world) refresh(app, token string, change url.Values, headers ...header) response {
	w.t.Helper()
	f := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {app}}
	for k, v := range change {
		if f[k] = v; len(v) == 1 && v[0] == "" {
			delete(f, k)
		}
	}
	return w.form("POST", "/"+w.env+"/as/token", f, headers...)
}

// refreshing is an application that gets refresh tokens.
func (w *world) refreshing(change object) string {
	w.t.Helper()
	all := object{"name": "Refreshing", "grantTypes": []string{"AUTHORIZATION_CODE", "REFRESH_TOKEN"}}
	for k, v := range change {
		all[k] = v
	}
	return w.application(all)
}

// tokens signs ada on and redeems the code.
func (w *world) tokens(app string) response {
	w.t.Helper()
	return w.redeem(app, (&person{w: w}).code(app, "ada", nil), nil).want(200)
}

// TestRefresh rotates a token, and ends the family when an old one comes back.
func TestRefresh(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(nil)
	first := w.tokens(app)
	second := w.refresh(app, first.text("refresh_token"), nil).want(200)
	if second.text("refresh_token") == first.text("refresh_token") || second.text("access_token") == first.text("access_token") {
		t.Fatalf("nothing is new: %s", second.raw)
	}
	before, after := claims(t, first.text("id_token")), claims(t, second.text("id_token"))
	for _, same := range []string{"iss", "sub", "aud", "auth_time", "sid", "acr"} {
		if text(before[same]) != text(after[same]) {
			t.Errorf("%s was %v and is %v", same, before[same], after[same])
		}
	}
	w.refresh(app, first.text("refresh_token"), nil).refused(400, "invalid_grant", "used before")
	w.refresh(app, second.text("refresh_token"), nil).refused(400, "invalid_grant", "revoked")
	w.userinfo(second.text("access_token")).refused(401, "invalid_token", "revoked")
	w.userinfo(first.text("access_token")).refused(401, "invalid_token", "revoked")
}

// TestRefreshSparesAccessTokens where the application says so.
func TestRefreshSparesAccessTokens(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(object{"additionalRefreshTokenReplayProtectionEnabled": false})
	first := w.tokens(app)
	second := w.refresh(app, first.text("refresh_token"), nil).want(200)
	w.refresh(app, first.text("refresh_token"), nil).refused(400, "invalid_grant", "used before")
	w.refresh(app, second.text("refresh_token"), nil).refused(400, "invalid_grant", "revoked")
	w.userinfo(second.text("access_token")).want(200)
}

// TestRefreshInParallel sends one token a hundred times at once: without a grace
// period one wins, and its tokens die with the family.
func TestRefreshInParallel(t *testing.T) {
	for _, grace := range []int{0, 30} {
		t.Run(fmt.Sprintf("grace of %d s", grace), func(t *testing.T) {
			w := newWorld(t)
			w.user("ada")
			app := w.refreshing(object{"refreshTokenRollingGracePeriodDuration": grace})
			token := w.tokens(app).text("refresh_token")
			answers := w.refreshAtOnce(app, token, 100)
			good, successors := 0, map[string]bool{}
			var won response
			for _, r := range answers {
				if r.StatusCode == 200 {
					good, won = good+1, r
					successors[r.text("refresh_token")] = true
				} else if r.text("error") != "invalid_grant" {
					t.Errorf("%d %s", r.StatusCode, r.raw)
				}
			}
			t.Logf("%d of %d succeed, with %d successors", good, len(answers), len(successors))
			if grace == 0 {
				if good != 1 {
					t.Fatalf("%d succeed", good)
				}
				w.userinfo(won.text("access_token")).refused(401, "invalid_token", "revoked")
				w.refresh(app, won.text("refresh_token"), nil).refused(400, "invalid_grant", "revoked")
				return
			}
			if good != len(answers) || len(successors) != 1 {
				t.Fatalf("%d succeed, with the successors %v", good, successors)
			}
			w.pass(time.Duration(grace) * time.Second)
			w.refresh(app, token, nil).refused(400, "invalid_grant", "used before")
			w.refresh(app, won.text("refresh_token"), nil).refused(400, "invalid_grant", "revoked")
			w.userinfo(won.text("access_token")).refused(401, "invalid_token", "revoked")
		})
	}
}

func (w *world) refreshAtOnce(app, token string, n int) []response {
	w.t.Helper()
	answers := make([]response, n)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = w.refresh(app, token, nil) })
	}
	all.Wait()
	return answers
}
