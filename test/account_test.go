package test

import (
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"pixy/internal/store"
)

const mediaImport = "application/vnd.pingidentity.user.import+json"

// TestImportedPasswords sign on, and their hash becomes one of our own then.
func TestImportedPasswords(t *testing.T) {
	salted := sha512.Sum512([]byte(goodPassword + "saltsalt"))
	for name, hash := range map[string]string{
		"ssha512": "{SSHA512}" + base64.StdEncoding.EncodeToString(append(salted[:], "saltsalt"...)),
		// python3: passlib.hash.pbkdf2_sha256 form, hashlib.pbkdf2_hmac('sha256', b'2FederateM0re!', b'saltsaltsalt', 1000)
		"pbkdf2": "$pbkdf2-sha256$1000$c2FsdHNhbHRzYWx0$q/1qq73y6KTCB9wyzTj7jWJaFwtJowIIcNQf7f7gclY",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			app := w.application(nil)
			r := w.manage("POST", "/users", object{"username": "ada", "email": "ada@example.com", "password": object{"value": hash}}, header{"Content-Type": mediaImport}).want(201)
			before := w.stored("credential", r.text("id"))
			p := &person{w: w}
			flow := p.tab(app, nil)
			p.signOn(flow, "ada", "wrong").want(400)
			p.signOn(flow, "ada", goodPassword).want(200)
			after := w.stored("credential", r.text("id"))
			if !strings.Contains(before, hash) || strings.Contains(after, hash) || !strings.Contains(after, `"$argon2id$`) {
				t.Errorf("before the sign-on %s, after it %s", before, after)
			}
			again := &person{w: w}
			again.signOn(again.tab(app, nil), "ada", goodPassword).want(200)
		})
	}
}

// TestLockedAccount: an administrator's lock ends sessions and refuses the right
// password, until it is ended or its time comes.
func TestLockedAccount(t *testing.T) {
	w := newWorld(t)
	app := w.application(nil)
	user := w.user("ada")
	p := &person{w: w}
	p.code(app, "ada", nil)
	lock := func(body object) {
		w.manage("POST", "/users/"+user, body, header{"Content-Type": "application/vnd.pingidentity.account.lock+json"}).want(200)
	}
	lock(object{})
	if got := p.authorize(app, url.Values{"prompt": {"none"}}).want(302).query("error"); got != "login_required" {
		t.Errorf("the session of a locked account: %q", got)
	}
	flow := p.tab(app, nil)
	if d := p.signOn(flow, "ada", goodPassword).want(400).detail(); d["code"] != "PASSWORD_LOCKED_OUT" {
		t.Errorf("the right password of a locked account: %v", d)
	}
	w.pass(24 * time.Hour)
	flow = p.tab(app, nil)
	p.signOn(flow, "ada", goodPassword).want(400)
	w.manage("POST", "/users/"+user, nil, header{"Content-Type": "application/vnd.pingidentity.account.unlock+json", "Authorization": "Bearer " + w.token()}).want(200)
	p.signOn(flow, "ada", goodPassword).want(200)
}

// TestSessions are listed, and ended one at a time.
func TestSessions(t *testing.T) {
	w := newWorld(t)
	app := w.application(nil)
	user, other := w.user("ada"), w.user("bob")
	one, two := &person{w: w}, &person{w: w}
	one.code(app, "ada", nil)
	two.code(app, "ada", nil)
	list := w.manage("GET", "/users/"+user+"/sessions", nil).want(200).body["_embedded"].(object)["sessions"].([]any)
	if len(list) != 2 {
		t.Fatalf("%d sessions of two browsers", len(list))
	}
	ended := text(list[0].(object)["id"])
	w.manage("GET", "/users/"+user+"/sessions/"+ended, nil).want(200)
	w.manage("DELETE", "/users/"+other+"/sessions/"+ended, nil).want(404)
	w.manage("DELETE", "/users/"+user+"/sessions/"+ended, nil).want(204)
	w.manage("DELETE", "/users/"+user+"/sessions/"+ended, nil).want(404)
	signedOn := 0
	for _, p := range []*person{one, two} {
		if p.authorize(app, url.Values{"prompt": {"none"}}).want(302).query("code") != "" {
			signedOn++
		}
	}
	if signedOn != 1 {
		t.Errorf("%d of two browsers are signed on after one session was ended", signedOn)
	}
}

// TestUserDisabledAndBack has no session and no token any more, and gets none back
// when it is enabled again.
func TestUserDisabledAndBack(t *testing.T) {
	w := newWorld(t)
	app := w.application(nil)
	user := w.user("ada")
	p := &person{w: w}
	token := w.redeem(app, p.code(app, "ada", nil), nil).want(200).text("access_token")
	w.manage("PUT", "/users/"+user+"/enabled", object{"enabled": false}).want(200)
	w.userinfo(token).want(401)
	w.manage("PUT", "/users/"+user+"/enabled", object{"enabled": true}).want(200)
	if got := p.authorize(app, url.Values{"prompt": {"none"}}).want(302).query("error"); got != "login_required" {
		t.Errorf("the session of a user who was disabled: %q", got)
	}
}

// TestApplicationDisabledAndBack: what it had is of no use at once, is gone soon,
// and does not come back with it, also when the server was ended before all of it
// was gone.
func TestApplicationDisabledAndBack(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(nil)
	got := w.tokens(app)
	set := func(enabled bool) {
		body := w.manage("GET", "/applications/"+app, nil).want(200).body
		body["enabled"] = enabled
		w.manage("PUT", "/applications/"+app, body).want(200)
	}
	left := func() (is bool) {
		w.must(w.db.View(t.Context(), w.env, func(tx *store.Tx) (err error) {
			is, err = tx.HasClient(app)
			return err
		}))
		return is
	}
	if !left() {
		t.Fatal("an application with a refresh token has no tickets")
	}
	if set(false); left() {
		t.Error("the tickets of a disabled application are still there")
	}
	w.refresh(app, got.text("refresh_token"), nil).want(401)
	old := store.Tickets[struct{}]{Kind: "old", Life: time.Hour}
	w.must(w.db.Update(t.Context(), w.env, func(tx *store.Tx) error {
		for n := range 1200 { // more than are ended in one write
			if _, err := old.Put(tx, fmt.Sprint(app, n), store.Ticket[struct{}]{Client: app}); err != nil {
				return err
			}
		}
		return nil
	}))
	if set(true); left() {
		t.Error("what a disabled application had has come back with it")
	}
	w.refresh(app, got.text("refresh_token"), nil).want(400)
	w.tokens(app)
	if w.manage("DELETE", "/applications/"+app, nil).want(204); left() {
		t.Error("the tickets of a deleted application are still there")
	}
}

// TestKeyRotation: a key is published before it signs, and as long as its tokens
// live; a token that the old one signed is good meanwhile.
// covers: OIDC Core §10.1/4, OIDC Core §10.1.1/1
func TestKeyRotation(t *testing.T) {
	w := newWorld(t)
	keys := func() int {
		return len(w.send("GET", "/"+w.env+"/as/jwks", "").want(200).body["keys"].([]any))
	}
	sweep := func(d time.Duration) {
		w.pass(d)
		w.must(w.server.Sweep(t.Context()))
	}
	const day = 24 * time.Hour
	if sweep(75 * day); keys() != 1 {
		t.Errorf("%d keys two weeks before it is time", keys())
	}
	if sweep(2 * day); keys() != 2 {
		t.Errorf("%d keys when the next one is announced", keys())
	}
	w.pass(13*day - time.Minute)
	old := w.token()
	if sweep(2 * time.Minute); keys() != 2 {
		t.Errorf("%d keys after the rotation", keys())
	}
	fresh := w.token()
	if kid(t, old) == kid(t, fresh) {
		t.Error("the key did not change")
	}
	for _, token := range []string{old, fresh} {
		w.send("GET", "/v1/environments", "", header{"Authorization": "Bearer " + token}).want(200)
	}
	if sweep(30 * day); keys() != 2 {
		t.Errorf("%d keys while tokens of the old one may live", keys())
	}
	if sweep(2 * day); keys() != 1 {
		t.Errorf("%d keys after that", keys())
	}
}

// TestEntityTags: who has the answer already gets 304 and no body.
func TestEntityTags(t *testing.T) {
	w := newWorld(t)
	user := w.user("ada")
	r := w.manage("GET", "/users/"+user, nil).want(200)
	tag := r.Header.Get("ETag")
	if tag == "" || w.manage("GET", "/signOnPolicies/"+w.first("signOnPolicies"), nil).Header.Get("Last-Modified") == "" {
		t.Fatalf("no tag, or no time: %v", r.Header)
	}
	if secret := w.manage("GET", "/users/"+user+"/password", nil).want(200); secret.Header.Get("Cache-Control") != "no-store" || secret.Header.Get("ETag") != "" {
		t.Errorf("the state of a password may be kept by caches: %v", secret.Header)
	}
	if again := w.manage("GET", "/users/"+user, nil, header{"If-None-Match": tag}); again.StatusCode != 304 || again.raw != "" {
		t.Errorf("%d %s", again.StatusCode, again.raw)
	}
	w.manage("PATCH", "/users/"+user, object{"nickname": "Countess"}, header{"If-Match": `"other"`}).want(200)
	w.manage("GET", "/users/"+user, nil, header{"If-None-Match": tag}).want(200)
}
