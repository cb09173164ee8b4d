package test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"pixy/internal/server"
)

// listener is an application that hears of the end of sessions.
type listener struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	tokens []string
	query  string // of the last request
	wrong  []string
}

func listen(t *testing.T) *listener {
	t.Helper()
	l := &listener{status: 200}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := r.ParseForm()
		l.mu.Lock()
		defer l.mu.Unlock()
		if err != nil || r.Method != "POST" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || len(r.PostForm) != 1 || r.URL.Path != "/bcl" {
			l.wrong = append(l.wrong, r.Method+" "+r.URL.Path+" "+r.PostForm.Encode())
		}
		l.query = r.URL.RawQuery
		l.tokens = append(l.tokens, r.PostForm.Get("logout_token"))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(l.status)
	}))
	t.Cleanup(func() {
		l.Close()
		if len(l.wrong) > 0 {
			t.Errorf("the application got %q", l.wrong)
		}
	})
	return l
}

func (l *listener) answer(status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status = status
}

// heard waits for as many tokens, and then a little for one too many.
func (l *listener) heard(t *testing.T, n int) []string {
	t.Helper()
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.tokens)
	}
	for end := time.Now().Add(5 * time.Second); count() < n && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(30 * time.Millisecond)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tokens) != n {
		t.Fatalf("the application heard %d times, want %d", len(l.tokens), n)
	}
	return append([]string{}, l.tokens...)
}

// TestBackChannelLogout tells an application that a session has ended, with a
// token that OpenID Connect Back-Channel Logout §2.4 describes.
//
// covers: OIDC Back-Channel Logout §2.1/1, OIDC Back-Channel Logout §2.2/2, OIDC Back-Channel Logout §2.4/1, OIDC Back-Channel Logout §2.4/2
// covers: OIDC Back-Channel Logout §2.4/3, OIDC Back-Channel Logout §2.4/4, OIDC Back-Channel Logout §2.4/5, OIDC Back-Channel Logout §2.4/6
// covers: OIDC Back-Channel Logout §2.4/7, OIDC Back-Channel Logout §2.4/8, OIDC Back-Channel Logout §2.4/9, OIDC Back-Channel Logout §2.4/10
// covers: OIDC Back-Channel Logout §2.4/12, OIDC Back-Channel Logout §2.4/14, OIDC Back-Channel Logout §2.6/3, OIDC Back-Channel Logout §2.6/4
// covers: Certification BackChannel/OIDCCBackChannelRpInitiatedLogout
func TestBackChannelLogout(t *testing.T) {
	w := newWorld(t)
	ada := w.user("ada")
	app, other, bystander := listen(t), listen(t), listen(t)
	client := w.leaving(object{"backChannelLogoutUri": app.URL + "/bcl"})
	named := w.leaving(object{"name": "Named", "backChannelLogoutUri": other.URL + "/bcl?a=b&c"})
	w.callUsers(named, "${user.username}")
	w.leaving(object{"name": "Bystander", "backChannelLogoutUri": bystander.URL + "/bcl"})
	quiet := w.leaving(object{"name": "Quiet"})
	p, second := &person{w: w}, &person{w: w}
	hint := p.hint(client, "ada")
	p.hint(named, "ada") // without interaction
	p.hint(quiet, "ada")
	p.hint(client, "ada")
	second.hint(client, "ada")
	p.signoff(url.Values{"id_token_hint": {hint}}).want(302)
	token := app.heard(t, 1)[0]
	c := w.logoutToken(token)
	if c["iss"] != w.base+"/"+w.env+"/as" || c["aud"] != client || c["sub"] != ada || c["sid"] != claims(t, hint)["sid"] || c["nonce"] != nil {
		t.Errorf("the claims are %v", c)
	}
	iat, exp := c["iat"].(float64), c["exp"].(float64)
	if now := float64(w.clock().Unix()); iat != now || exp <= now || exp > now+120 || text(c["jti"]) == "" {
		t.Errorf("iat %v, exp %v, jti %v", iat, exp, c["jti"])
	}
	event, ok := c["events"].(object)["http://schemas.openid.net/event/backchannel-logout"].(object)
	if !ok || len(event) != 0 || len(c["events"].(object)) != 1 {
		t.Errorf("the events are %v", c["events"])
	}
	if c := w.logoutToken(other.heard(t, 1)[0]); c["sub"] != "ada" || c["aud"] != named {
		t.Errorf("the application that calls her otherwise hears %v", c)
	}
	if other.query != "a=b&c" {
		t.Errorf("the query of its URI arrives as %q", other.query)
	}
	for _, member := range []string{"backchannel_logout_supported", "backchannel_logout_session_supported"} {
		if w.send("GET", "/"+w.env+"/as/.well-known/openid-configuration", "").want(200).body[member] != true {
			t.Errorf("%s is not announced", member)
		}
	}
	bystander.heard(t, 0)
	if n := w.number("SELECT count(*) FROM ticket WHERE kind = 'notice'"); n != 0 {
		t.Errorf("%d notices are left", n)
	}
	// A logout token is neither an access token nor a hint.
	w.userinfo(token).want(401)
	w.send("GET", "/"+w.env+"/as/idpSignoff?id_token_hint="+token, "", header{"Accept": "application/json"}).want(400)
}

// logoutToken verifies a logout token with the published keys.
func (w *world) logoutToken(token string) object {
	w.t.Helper()
	t, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	w.must(err)
	if typ := t.Headers[0].ExtraHeaders[jose.HeaderType]; typ != "logout+jwt" {
		w.t.Errorf("typ is %v", typ)
	}
	w.verifyByHand(token)
	return claims(w.t, token)
}

// TestEveryEndIsTold ends sessions in every way there is.
func TestEveryEndIsTold(t *testing.T) {
	for name, end := range map[string]func(w *world, p *person, client, user, hint string){
		"idpSignoff": func(w *world, p *person, client, user, hint string) {
			w.send("GET", "/"+w.env+"/as/idpSignoff?id_token_hint="+hint, "").want(204)
		},
		"DELETE of the session": func(w *world, p *person, client, user, hint string) {
			w.manage("DELETE", "/users/"+user+"/sessions/"+text(claims(w.t, hint)["sid"]), nil).want(204)
		},
		"a new password": func(w *world, p *person, client, user, hint string) { w.password(user, "An0ther-passWord!", false) },
		"disabling": func(w *world, p *person, client, user, hint string) {
			w.manage("PUT", "/users/"+user+"/enabled", object{"enabled": false}).want(200)
		},
		"a lock": func(w *world, p *person, client, user, hint string) {
			w.manage("POST", "/users/"+user, nil, header{"Content-Type": "application/vnd.pingidentity.account.lock+json"}).want(200)
		},
		"DELETE of the user": func(w *world, p *person, client, user, hint string) {
			w.manage("DELETE", "/users/"+user, nil).want(204)
		},
		"another user's sign-on": func(w *world, p *person, client, user, hint string) {
			w.user("bob")
			flow := p.tab(client, url.Values{"prompt": {"login"}})
			p.signOn(flow, "bob", goodPassword).want(200)
		},
	} {
		w := newWorld(t)
		ada := w.user("ada")
		app := listen(t)
		client := w.leaving(object{"backChannelLogoutUri": app.URL + "/bcl"})
		p := &person{w: w}
		hint := p.hint(client, "ada")
		// Signing on again goes on with the session, which is no end.
		flow := p.tab(client, url.Values{"prompt": {"login"}})
		p.signOn(flow, "ada", goodPassword).want(200)
		app.heard(t, 0)
		end(w, p, client, ada, hint)
		if c := w.logoutToken(app.heard(t, 1)[0]); c["sid"] != claims(t, hint)["sid"] || c["sub"] != ada {
			t.Errorf("after %s the application hears %v", name, c)
		}
	}
}

// TestDeafApplications are told again with growing waits, and then no more. The
// sign-off waits for none of them.
//
// covers: OIDC Back-Channel Logout §2.5/2
func TestDeafApplications(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := listen(t)
	client := w.leaving(object{"backChannelLogoutUri": app.URL + "/bcl"})
	p := &person{w: w}
	app.answer(500)
	p.signoff(url.Values{"id_token_hint": {p.hint(client, "ada")}}).want(302)
	seen := map[string]bool{}
	for try, wait := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour} {
		for _, token := range app.heard(t, try+1) {
			seen[text(claims(t, token)["jti"])] = true
		}
		w.pass(wait - time.Second)
		w.must(w.server.Sweep(t.Context()))
		app.heard(t, try+1)
		w.pass(time.Second)
		w.must(w.server.Sweep(t.Context()))
	}
	app.heard(t, 5)
	if n := w.number("SELECT count(*) FROM ticket WHERE kind = 'notice'"); n != 0 || len(seen) != 4 {
		t.Errorf("%d notices are left, the first tries had %d names", n, len(seen))
	}
	if log := w.log.String(); !strings.Contains(log, `"givenUp":true`) || strings.Count(log, "did not hear") != 5 {
		t.Errorf("the log does not say that the application was given up: %s", log)
	}
	w.pass(24 * time.Hour)
	w.must(w.server.Sweep(t.Context()))
	app.heard(t, 5)
}

// TestRefusingApplication is not told again what it would refuse again, and no
// redirect of it is followed.
//
// covers: OIDC Back-Channel Logout §2.5/3
func TestRefusingApplication(t *testing.T) {
	w := newWorld(t)
	ada := w.user("ada")
	app := listen(t)
	client := w.leaving(object{"backChannelLogoutUri": app.URL + "/bcl"})
	for i, status := range []int{400, 302, 404} {
		for range 2 {
			p := &person{w: w}
			p.hint(client, "ada")
		}
		app.answer(status)
		w.manage("PUT", "/users/"+ada+"/enabled", object{"enabled": false}).want(200)
		app.heard(t, 2*i+2)
		w.pass(2 * time.Hour)
		w.admin = w.token()
		w.manage("PUT", "/users/"+ada+"/enabled", object{"enabled": true}).want(200)
		w.must(w.server.Sweep(t.Context()))
		app.heard(t, 2*i+2)
	}
	if log := w.log.String(); strings.Count(log, `"givenUp":true`) != 6 {
		t.Errorf("the log does not say that the application was given up: %s", log)
	}
}

// TestStopKeepsNotices: what was not sent before a stop is sent by the server
// that runs next.
func TestStopKeepsNotices(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := listen(t)
	client := w.leaving(object{"backChannelLogoutUri": app.URL + "/bcl"})
	p := &person{w: w}
	hint := p.hint(client, "ada")
	w.server.Stop()
	p.signoff(url.Values{"id_token_hint": {hint}}).want(302)
	app.heard(t, 0)
	next, err := server.New(w.config)
	w.must(err)
	t.Cleanup(next.Stop)
	w.must(next.Sweep(t.Context()))
	app.heard(t, 1)
}

// TestDeafForAWhile tells all when the application is back, and asks it once
// while it is not.
func TestDeafForAWhile(t *testing.T) {
	w := newWorld(t)
	ada := w.user("ada")
	app := listen(t)
	client := w.leaving(object{"backChannelLogoutUri": app.URL + "/bcl"})
	for range 3 {
		p := &person{w: w}
		p.hint(client, "ada")
	}
	app.answer(503)
	w.manage("PUT", "/users/"+ada+"/enabled", object{"enabled": false}).want(200)
	app.heard(t, 1)
	w.must(w.server.Sweep(t.Context()))
	app.heard(t, 1)
	app.answer(204)
	w.pass(time.Minute)
	w.must(w.server.Sweep(t.Context()))
	tokens := app.heard(t, 4)
	sessions := map[string]bool{}
	for _, token := range tokens[1:] {
		sessions[text(claims(t, token)["sid"])] = true
	}
	if len(sessions) != 3 {
		t.Errorf("the application heard of %d sessions, want 3", len(sessions))
	}
}

// TestNoticesAreLookedForWhenThereAre: what ends no session does not let the
// server look for what is due.
func TestNoticesAreLookedForWhenThereAre(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	bob := w.user("bob")
	app := listen(t)
	client := w.leaving(object{"backChannelLogoutUri": app.URL + "/bcl"})
	p := &person{w: w}
	app.answer(503)
	p.signoff(url.Values{"id_token_hint": {p.hint(client, "ada")}}).want(302)
	app.heard(t, 1)
	w.pass(time.Minute)
	p.hint(client, "ada")
	p.signOn(p.tab(client, url.Values{"prompt": {"login"}}), "ada", goodPassword).want(200)
	w.manage("POST", "/populations", object{"name": "Others"}).want(201)
	w.manage("PATCH", "/users/"+bob, object{"nickname": "Bobby"}).want(200)
	app.heard(t, 1)
	w.manage("DELETE", "/users/"+bob, nil).want(204)
	app.heard(t, 2)
}

// TestHangingApplication holds up neither the sign-off nor other applications.
func TestHangingApplication(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	release := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(hangs.Close)
	t.Cleanup(func() { close(release) })
	app := listen(t)
	p := &person{w: w}
	for i := range 4 {
		p.hint(w.leaving(object{"name": "Slow " + strconv.Itoa(i), "backChannelLogoutUri": hangs.URL + "/bcl"}), "ada")
	}
	client := w.leaving(object{"backChannelLogoutUri": app.URL + "/bcl"})
	hint := p.hint(client, "ada")
	began := time.Now()
	p.signoff(url.Values{"id_token_hint": {hint}}).want(302)
	app.heard(t, 1)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestNoticesEnd with their application, and are not sent where it no longer
// wants to hear.
func TestNoticesEnd(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := listen(t)
	for name, end := range map[string]func(client string){
		"DELETE": func(client string) { w.manage("DELETE", "/applications/"+client, nil).want(204) },
		"without a URI": func(client string) {
			w.manage("PUT", "/applications/"+client, object{"name": "App", "enabled": true, "type": "NATIVE_APP", "protocol": "OPENID_CONNECT", "grantTypes": []string{"AUTHORIZATION_CODE"}}).want(200)
		},
	} {
		client := w.leaving(object{"backChannelLogoutUri": app.URL + "/bcl"})
		p := &person{w: w}
		hint := p.hint(client, "ada")
		app.answer(500)
		before := len(app.tokens)
		p.signoff(url.Values{"id_token_hint": {hint}}).want(302)
		app.heard(t, before+1)
		app.answer(200)
		end(client)
		w.pass(time.Minute)
		w.must(w.server.Sweep(t.Context()))
		app.heard(t, before+1)
		if n := w.number("SELECT count(*) FROM ticket WHERE kind = 'notice'"); n != 0 {
			t.Errorf("%s: %d notices are left", name, n)
		}
	}
}

// TestBackChannelURI takes https, and http on this machine, and shows the
// member only where it is set.
//
// covers: OIDC Back-Channel Logout §2.2/1, OIDC Back-Channel Logout §2.2/3
func TestBackChannelURI(t *testing.T) {
	w := newWorld(t)
	for uri, good := range map[string]bool{
		"https://app.example.com/bcl?a=b": true, "http://127.0.0.1:9000/bcl": true, "http://[::1]/bcl": true, "http://localhost:9000/bcl": true,
		"http://app.example.com/bcl": false, "https://app.example.com/bcl#a": false, "com.example.app:/bcl": false, "/bcl": false, "https://u@app.example.com": false,
		"http://127.0.0.1.example.com/bcl": false, "": false,
	} {
		r := w.manage("POST", "/applications", object{"name": uri, "enabled": true, "type": "WEB_APP", "protocol": "OPENID_CONNECT", "backChannelLogoutUri": uri})
		if good != (r.StatusCode == 201) || good && r.text("backChannelLogoutUri") != uri {
			t.Errorf("%q: %d %s", uri, r.StatusCode, r.raw)
		}
	}
	if raw := w.manage("GET", "/applications/"+w.application(nil), nil).want(200).raw; strings.Contains(raw, "backChannel") {
		t.Errorf("an application without one shows %s", raw)
	}
}

// TestLinkLocalIsNotCalled: cloud providers serve credentials there.
func TestLinkLocalIsNotCalled(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	client := w.leaving(object{"backChannelLogoutUri": "https://169.254.169.254/bcl"})
	p := &person{w: w}
	p.signoff(url.Values{"id_token_hint": {p.hint(client, "ada")}}).want(302)
	for end := time.Now().Add(5 * time.Second); !strings.Contains(w.log.String(), "may be called") && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	if !strings.Contains(w.log.String(), "not an address that may be called") {
		t.Errorf("the log says %s", w.log)
	}
}

// TestPlainSignOnWritesNoSession more than it did: without a back-channel the
// code of a sign-on leaves the session alone.
func TestPlainSignOnWritesNoSession(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := listen(t)
	for uri, version := range map[string]int{"": 1, app.URL + "/bcl": 2} {
		change := object{"name": uri}
		if uri != "" {
			change["backChannelLogoutUri"] = uri
		} else {
			change["name"] = "Plain"
		}
		client := w.leaving(change)
		p := &person{w: w}
		hint := p.hint(client, "ada")
		if n := w.number("SELECT version FROM ticket WHERE kind = 'session' AND id = '" + text(claims(t, hint)["sid"]) + "'"); n != version {
			t.Errorf("with the URI %q the session was written %d times, want %d", uri, n, version)
		}
	}
}
