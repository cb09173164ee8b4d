package test

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// TestOneOfAHundred redeems one code a hundred times at once: one gets tokens,
// the others are refused, and their reuse revokes what the one got, by one
// write.
// covers: OIDC Core §3.1.3.2/4, OIDC Core §16.9/1
func TestOneOfAHundred(t *testing.T) {
	// covers: RFC 6749 §4.1.2/5, RFC 6749 §4.1.2/6, RFC 6749 §10.5/4, RFC 6749 §10.5/5
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := person{w: w}
	code := p.code(app, "ada", nil)
	answers := make([]response, 100)
	var begin, done sync.WaitGroup
	begin.Add(1)
	for i := range answers {
		done.Go(func() {
			begin.Wait()
			answers[i] = w.redeem(app, code, nil)
		})
	}
	begin.Done()
	done.Wait()
	var won []string
	for _, r := range answers {
		switch {
		case r.StatusCode == 200:
			won = append(won, r.text("access_token"))
		case r.StatusCode != 400 || r.text("error") != "invalid_grant":
			t.Errorf("%d %s", r.StatusCode, r.raw)
		}
	}
	if len(won) != 1 {
		t.Fatalf("%d redemptions got tokens, want 1", len(won))
	}
	w.userinfo(won[0]).refused(401, "invalid_token", "revoked")
	if n := w.number("SELECT count(*) FROM ticket WHERE kind = 'ended'"); n != 1 {
		t.Errorf("%d tickets revoke the tokens, want 1", n)
	}
	if n := w.number("SELECT version FROM ticket WHERE kind = 'code'"); n != 2 {
		t.Errorf("the code was written %d times, want twice: put and spent", n)
	}
}

// number asks the database behind the server's back.
func (w *world) number(query string) (n int) {
	w.t.Helper()
	driver := "sqlite"
	if onPostgres() {
		driver = "pgx"
	}
	db, err := sql.Open(driver, w.source)
	w.must(err)
	defer db.Close()
	w.must(db.QueryRow(query).Scan(&n))
	return n
}

// TestMistakesAtRedemption makes every mistake but the verifier's: none of
// them may change anything, so the true client still gets its tokens.
// covers: OIDC Core §3.1.3.2/2, OIDC Core §3.1.3.2/3, OIDC Core §3.1.3.2/5
func TestMistakesAtRedemption(t *testing.T) {
	// covers: RFC 6749 §4.1.2/5, RFC 6749 §4.1.2/6, RFC 6749 §4.1.3/10, RFC 6749 §4.1.3/11, RFC 6749 §4.1.3/12, RFC 6749 §5.2/1, RFC 6749 §10.5/6, RFC 6749 §10.6/1
	// covers: Certification Basic/OIDCCAuthCodeReuse, Certification FAPI2/EnsureAuthorizationCodeIsBoundToClient, Certification FAPI2/AttemptReuseAuthorizationCodeAfterOneSecond
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	other := w.application(object{"redirectUris": []string{callback}})
	p := person{w: w}
	code := p.code(app, "ada", nil)
	for range 6 {
		w.redeem(other, code, nil).refused(400, "invalid_grant", "issued to another application")
		w.redeem(other, code, url.Values{"code_verifier": {strings.Repeat("w", 43)}}).refused(400, "invalid_grant", "issued to another application")
		w.redeem(app, code, url.Values{"redirect_uri": {callback + "/"}, "code_verifier": {strings.Repeat("w", 43)}}).refused(400, "invalid_grant", "redirect_uri differs")
		w.redeem(app, code, url.Values{"redirect_uri": {""}}).refused(400, "invalid_grant", "redirect_uri differs")
		w.redeem(app, "x"+code[1:], nil).refused(400, "invalid_grant", "unknown")
		w.redeem("00000000-0000-4000-8000-000000000000", code, nil).refused(401, "invalid_client", "Invalid client credentials")
	}
	w.redeem(app, "", nil).refused(400, "invalid_request", "code is missing")
	first := w.redeem(app, code, nil).want(200).text("access_token")

	// The same mistakes with the spent code revoke nothing either.
	w.redeem(other, code, nil).refused(400, "invalid_grant", "issued to another application")
	w.redeem(app, code, url.Values{"redirect_uri": {callback + "/"}}).refused(400, "invalid_grant", "redirect_uri differs")
	w.userinfo(first).want(200)
	w.redeem(app, code, nil).refused(400, "invalid_grant", "used before")
	w.userinfo(first).refused(401, "invalid_token", "revoked")
}

func TestVerifierFailures(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := person{w: w}
	for failures := range 7 {
		code := p.code(app, "ada", url.Values{"prompt": {"login"}})
		for i := range failures {
			r := w.redeem(app, code, url.Values{"code_verifier": {strings.Repeat("w", 43)}})
			if words := "does not match"; i < 5 {
				r.refused(400, "invalid_grant", words)
			} else {
				r.refused(400, "invalid_grant", "five wrong code_verifiers")
			}
		}
		if r := w.redeem(app, code, nil); (r.StatusCode == 200) != (failures < 5) {
			t.Errorf("after %d wrong verifiers the right one gets %d %s", failures, r.StatusCode, r.raw)
		}
	}
}

// TestCodeOfAnotherEnvironment presents a code where it was not issued, to an
// application that exists there.
func TestCodeOfAnotherEnvironment(t *testing.T) {
	// covers: RFC 6749 §4.1.3/11
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := person{w: w}
	code := p.code(app, "ada", nil)
	home := w.env
	w.env = w.send("POST", "/v1/environments", `{"name": "Other", "type": "SANDBOX", "region": "EU"}`,
		header{"Authorization": "Bearer " + w.admin, "Content-Type": "application/json"}).want(201).text("id")
	there := w.application(nil)
	w.redeem(there, code, nil).refused(400, "invalid_grant", "unknown in this environment")
	w.redeem(app, code, nil).refused(401, "invalid_client", "")
	w.env = home
	w.redeem(app, code, nil).want(200)
}

// covers: OIDC Core §3.1.3.2/3, OIDC Core §16.9/1
func TestCodeExpires(t *testing.T) {
	// covers: RFC 6749 §4.1.2/2, RFC 6749 §4.1.2/3, RFC 6749 §4.1.3/11, RFC 6749 §10.5/4
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := person{w: w}
	code := p.code(app, "ada", nil)
	w.pass(10*time.Minute - time.Millisecond)
	w.redeem(app, code, nil).want(200)
	code = p.code(app, "ada", url.Values{"prompt": {"login"}})
	w.pass(10 * time.Minute)
	w.redeem(app, code, nil).refused(400, "invalid_grant", "expired")
}

// TestLateReuse reuses a code after it would have expired: its tokens live, so
// it must still revoke them.
func TestLateReuse(t *testing.T) {
	// covers: RFC 6749 §4.1.2/6, RFC 6749 §10.5/5
	// covers: Certification Basic/OIDCCAuthCodeReuseAfter30Seconds
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := person{w: w}
	code := p.code(app, "ada", nil)
	token := w.redeem(app, code, nil).want(200).text("access_token")
	w.pass(30 * time.Minute)
	w.must(w.server.Sweep(t.Context()))
	w.userinfo(token).want(200)
	w.redeem(app, code, nil).refused(400, "invalid_grant", "used before")
	w.userinfo(token).refused(401, "invalid_token", "revoked")
}

// TestGoneMeanwhile takes away the user or the application between two steps.
func TestGoneMeanwhile(t *testing.T) {
	for name, gone := range map[string]func(w *world, user, app string){
		"user deleted": func(w *world, user, _ string) { w.manage("DELETE", "/users/"+user, nil).want(204) },
		"application deleted": func(w *world, _, app string) {
			w.manage("DELETE", "/applications/"+app, nil).want(204)
		},
		"application disabled": func(w *world, _, app string) {
			body := w.manage("GET", "/applications/"+app, nil).want(200).body
			body["enabled"] = false
			w.manage("PUT", "/applications/"+app, body).want(200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			user, app := w.user("ada"), w.application(nil)
			p := person{w: w}
			token := w.redeem(app, p.code(app, "ada", nil), nil).want(200).text("access_token")
			code := p.code(app, "ada", url.Values{"prompt": {"login"}})
			flow := p.authorize(app, url.Values{"prompt": {"login"}}).query("flowId")
			gone(w, user, app)
			if r := w.redeem(app, code, nil); r.StatusCode < 400 || r.StatusCode >= 500 {
				t.Errorf("redeem: %d %s", r.StatusCode, r.raw)
			}
			w.userinfo(token).refused(401, "invalid_token", "invalid, expired or revoked")
			if r := p.signOn(flow, "ada", goodPassword); r.StatusCode < 400 || r.StatusCode >= 500 {
				t.Errorf("sign on: %d %s", r.StatusCode, r.raw)
			}
			if r := p.authorize(app, url.Values{"prompt": {"none"}}); strings.Contains(r.Header.Get("Location"), "code=") {
				t.Errorf("authorize: %d %s", r.StatusCode, fmt.Sprint(r.Header))
			}
		})
	}
}
