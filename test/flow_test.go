package test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pixy/internal/platform"
	"pixy/internal/server"
)

// tab is a sign-on in a tab of a browser.
func (p *person) tab(app string, change url.Values) string {
	p.w.t.Helper()
	return p.authorize(app, change).want(302).query("flowId")
}

// TestTwoTabs begins two sign-ons in one browser and finishes them in either
// order, and interleaved.
func TestTwoTabs(t *testing.T) {
	for _, order := range []string{"AaBb", "BbAa", "ABab", "ABba", "BAab"} {
		t.Run(order, func(t *testing.T) {
			w := newWorld(t)
			w.user("ada")
			app := w.application(nil)
			p := &person{w: w}
			flows := map[rune]string{'A': p.tab(app, nil), 'B': p.tab(app, nil)}
			for _, step := range order {
				if step < 'a' {
					p.signOn(flows[step], "ada", goodPassword).want(200)
					continue
				}
				code := p.resume(flows[step-'a'+'A']).want(302).query("code")
				w.redeem(app, code, nil).want(200)
			}
		})
	}
}

// TestAnotherUserInTheSecondTab signs on as somebody else: the session is the
// second user's, and the first flow can't be finished in it.
func TestAnotherUserInTheSecondTab(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	bob := w.user("bob")
	app := w.application(nil)
	p := &person{w: w}
	a, b := p.tab(app, nil), p.tab(app, nil)
	p.signOn(a, "ada", goodPassword).want(200)
	p.signOn(b, "bob", goodPassword).want(200)
	if r := p.resume(a); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("the flow of the user who is gone: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
	token := w.redeem(app, p.resume(b).query("code"), nil).want(200).text("access_token")
	if sub := w.userinfo(token).text("sub"); sub != bob {
		t.Errorf("sub is %s, want bob %s", sub, bob)
	}
	code := p.authorize(app, nil).query("code")
	if got := claims(t, w.redeem(app, code, nil).want(200).text("id_token"))["sub"]; got != bob {
		t.Errorf("the session is %v's", got)
	}
}

// TestFlowIsBoundToItsBrowser lets another browser try every step, knowing the
// flow's id.
// covers: OIDC Core §3.1.2.3/5
func TestFlowIsBoundToItsBrowser(t *testing.T) {
	// covers: RFC 6749 §3.1/1, RFC 6749 §10.12/5
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	victim, none, other := &person{w: w}, &person{w: w}, &person{w: w}
	other.tab(app, nil)
	flow := victim.tab(app, nil)
	before := victim.st
	for name, attacker := range map[string]*person{"no cookie": none, "another cookie": other} {
		path := "/" + w.env + "/flows/" + flow
		if r := attacker.send("GET", path, ""); r.StatusCode != 401 || r.text("code") != "ACCESS_FAILED" || r.detail()["code"] != "INVALID_TOKEN" {
			t.Errorf("%s: GET %d %s", name, r.StatusCode, r.raw)
		}
		if r := attacker.signOn(flow, "ada", goodPassword); r.StatusCode != 401 {
			t.Errorf("%s: POST %d %s", name, r.StatusCode, r.raw)
		}
	}
	victim.signOn(flow, "ada", goodPassword).want(200)
	// A token planted before the sign-on is worth nothing after it.
	for name, attacker := range map[string]*person{"no cookie": none, "another cookie": other, "the cookie from before": {w: w, st: before}} {
		if r := attacker.resume(flow); r.StatusCode != 401 || strings.Contains(r.Header.Get("Location"), "code=") {
			t.Errorf("%s: resume %d %s", name, r.StatusCode, r.Header.Get("Location"))
		}
		if r := attacker.send("GET", "/"+w.env+"/flows/"+flow, ""); r.StatusCode != 401 {
			t.Errorf("%s: GET after the sign-on %d %s", name, r.StatusCode, r.raw)
		}
	}
	victim.resume(flow).want(302)
	if r := victim.resume(flow); r.StatusCode != 409 {
		t.Errorf("a second resume: %d", r.StatusCode)
	}
}

func TestFlowExpires(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, nil)
	w.pass(14 * time.Minute)
	p.signOn(flow, "ada", "wrong").want(400) // an interaction
	w.pass(14 * time.Minute)
	p.send("GET", "/"+w.env+"/flows/"+flow, "").want(200)
	w.pass(time.Minute)
	if r := p.send("GET", "/"+w.env+"/flows/"+flow, ""); r.StatusCode != 404 || r.text("code") != "NOT_FOUND" {
		t.Errorf("%d %s", r.StatusCode, r.raw)
	}
	if r := p.signOn(flow, "ada", goodPassword); r.StatusCode != 404 {
		t.Errorf("%d %s", r.StatusCode, r.raw)
	}
	page := p.send("GET", "/"+w.env+"/signon/?flowId="+flow, "")
	again := regexp.MustCompile(`href="([^"]*/as/authorize[^"]*)"`).FindStringSubmatch(page.raw)
	if page.StatusCode != 404 || again == nil {
		t.Fatalf("the page has no way to start again: %d %s", page.StatusCode, page.raw)
	}
	flow = p.send("GET", strings.ReplaceAll(again[1], "&amp;", "&"), "").want(302).query("flowId")
	p.signOn(flow, "ada", goodPassword).want(200)
	if r := p.resume(flow); r.query("state") != "st4te" || r.query("code") == "" {
		t.Errorf("started again: %s", r.Header.Get("Location"))
	}
	stranger := &person{w: w}
	w.pass(16 * time.Minute)
	if page := stranger.send("GET", "/"+w.env+"/signon/?flowId="+flow, ""); strings.Contains(page.raw, "/as/authorize") {
		t.Error("a stranger is shown the request of another browser")
	}
}

// TestLockout counts the failures of a user and of a name that nobody has; the
// answers must not differ.
func TestLockout(t *testing.T) {
	// covers: RFC 6749 §10.10/1, RFC 6749 §10.10/4
	w := newWorld(t)
	ada := w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, nil)
	masked := func(r response) string {
		return fmt.Sprint(r.StatusCode, regexp.MustCompile(`"id":"[^"]*"`).ReplaceAllString(r.raw, ""))
	}
	for i := range 7 {
		known := p.signOn(flow, "Ada", "wrong")
		unknown := p.signOn(flow, "nobody", "wrong")
		if masked(known) != masked(unknown) {
			t.Errorf("try %d tells a known name from an unknown one:\n%s\n%s", i, known.raw, unknown.raw)
		}
		want := "INVALID_CREDENTIALS"
		if i >= 4 {
			want = "PASSWORD_LOCKED_OUT"
		}
		if known.detail()["code"] != want {
			t.Errorf("try %d: %s", i, known.raw)
		}
	}
	if r := p.signOn(flow, "ada", goodPassword); r.detail()["code"] != "PASSWORD_LOCKED_OUT" || r.detail()["innerError"].(object)["secondsUntilUnlock"] != 900.0 {
		t.Errorf("the right password past the limit: %d %s", r.StatusCode, r.raw)
	}
	if state := w.manage("GET", "/users/"+ada, nil).body["account"].(object); state["status"] != "LOCKED" || state["canAuthenticate"] != false {
		t.Errorf("account is %v", state)
	}
	w.pass(14 * time.Minute)
	p.signOn(flow, "ada", goodPassword).want(400)
	w.pass(time.Minute)
	p.signOn(flow, "ada", goodPassword).want(200)
}

// TestParallelGuesses may not try more passwords than the policy allows.
func TestParallelGuesses(t *testing.T) {
	// covers: RFC 6749 §10.10/4
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	const guesses = 40
	done := make(chan response, guesses)
	for range guesses {
		p := &person{w: w}
		flow := p.tab(app, nil)
		go func() { done <- p.signOn(flow, "ada", "wrong") }()
	}
	told := 0
	for range guesses {
		if r := <-done; r.detail()["code"] == "INVALID_CREDENTIALS" {
			told++
		}
	}
	if told != 4 {
		t.Errorf("%d guesses were told that they are wrong, want 4 before the lockout", told)
	}
}

func TestNewPassword(t *testing.T) {
	for status, prepare := range map[string]func(w *world, ada string){
		"MUST_CHANGE_PASSWORD": func(w *world, ada string) { w.password(ada, "F1rst-passWord!", true) },
		"PASSWORD_EXPIRED":     func(w *world, ada string) { w.password(ada, "F1rst-passWord!", false); w.pass(183 * 24 * time.Hour) },
	} {
		t.Run(status, func(t *testing.T) {
			w := newWorld(t)
			ada, app := w.user("ada"), w.application(nil)
			prepare(w, ada)
			p := &person{w: w}
			flow := p.tab(app, nil)
			r := p.signOn(flow, "ada", "F1rst-passWord!").want(200)
			if r.text("status") != status || r.body["_embedded"].(object)["passwordPolicy"] == nil || r.body["_embedded"].(object)["user"] == nil {
				t.Fatalf("%s", r.raw)
			}
			if r := p.resume(flow); !strings.Contains(r.Header.Get("Location"), "/signon/") {
				t.Errorf("resume before the change: %d %s", r.StatusCode, r.Header.Get("Location"))
			}
			if r := p.signOn(flow, "ada", "F1rst-passWord!"); r.StatusCode != 400 || r.text("code") != "INVALID_REQUEST" {
				t.Errorf("an action that is not offered: %d %s", r.StatusCode, r.raw)
			}
			if r := p.act(flow, "password.reset", object{"currentPassword": "wrong", "newPassword": "S3cond-passWord!"}); r.detail()["message"] != "The current password provided for the user is invalid" {
				t.Errorf("%s", r.raw)
			}
			if r := p.act(flow, "password.reset", object{"currentPassword": "F1rst-passWord!", "newPassword": "abc"}); r.detail()["target"] != "newPassword" ||
				r.detail()["message"] != "New password did not satisfy password policy requirements" {
				t.Errorf("%s", r.raw)
			}
			if r := p.act(flow, "password.reset", object{"currentPassword": "F1rst-passWord!", "newPassword": goodPassword}); !strings.Contains(r.raw, `"history"`) {
				t.Errorf("an old password: %s", r.raw)
			}
			r = p.act(flow, "password.reset", object{"currentPassword": "F1rst-passWord!", "newPassword": "S3cond+phraSe!"}).want(200)
			if r.text("status") != "COMPLETED" {
				t.Fatalf("%s", r.raw)
			}
			w.redeem(app, p.resume(flow).query("code"), nil).want(200)
			again := &person{w: w}
			again.signOn(again.tab(app, nil), "ada", "S3cond+phraSe!").want(200)
		})
	}
}

// TestUnsupportedPolicies must never be passed: not with the password, not with
// a session.
// covers: OIDC Core §3.1.2.1/18
func TestUnsupportedPolicies(t *testing.T) {
	login := object{"type": "LOGIN", "priority": 1}
	for name, c := range map[string]struct {
		actions []object
		code    string
	}{
		"second factor": {[]object{login, {"type": "MULTI_FACTOR_AUTHENTICATION", "priority": 2}}, "NO_USABLE_DEVICES"},
		"profiling": {[]object{login, {"type": "PROGRESSIVE_PROFILING", "priority": 2, "preventMultiplePromptsPerFlow": true, "promptIntervalSeconds": 60, "promptText": "More",
			"attributes": []object{{"name": "nickname", "required": true}}}}, "REQUEST_FAILED"},
		"unknown condition": {[]object{{"type": "LOGIN", "priority": 1, "condition": object{"anonymousNetwork": []string{}, "valid": "${flow.request.http.remoteIp}"}}}, "REQUEST_FAILED"},
		"no action":         {nil, "REQUEST_FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.user("ada")
			app := w.application(nil)
			policy := w.manage("POST", "/signOnPolicies", object{"name": "Odd"}).want(201).text("id")
			for _, a := range c.actions {
				w.manage("POST", "/signOnPolicies/"+policy+"/actions", a).want(201)
			}
			p := &person{w: w}
			p.code(app, "ada", nil) // a session by another policy
			w.manage("POST", "/applications/"+app+"/signOnPolicyAssignments", object{"signOnPolicy": object{"id": policy}, "priority": 1}).want(201)
			for _, change := range []url.Values{nil, {"prompt": {"login"}}, {"prompt": {"none"}}} {
				at := p.authorize(app, change)
				if flow := at.query("flowId"); flow != "" {
					r := p.signOn(flow, "ada", goodPassword).want(200)
					if r.text("status") != "FAILED" || r.body["error"].(object)["code"] != c.code {
						t.Errorf("%v: %s", change, r.raw)
					}
					at = p.resume(flow)
				}
				if e := at.query("error"); at.query("code") != "" || (e != "access_denied" && e != "login_required") {
					t.Errorf("%v: %s", change, at.Header.Get("Location"))
				}
			}
		})
	}
}

// TestSession signs on once and is asked again only when the request or the
// policy says so.
// covers: OIDC Core §2/10, OIDC Core §3.1.2.1/16, OIDC Core §3.1.2.1/17, OIDC Core §3.1.2.1/21, OIDC Core §3.1.2.1/23, OIDC Core §3.1.2.1/24
// covers: OIDC Core §3.1.2.1/28, OIDC Core §3.1.2.3/1, OIDC Core §3.1.2.3/2, OIDC Core §3.1.2.3/3, OIDC Core §3.1.2.3/4, OIDC Core §5.5.1.1/3
// covers: OIDC Core §15.1/2, OIDC Core §15.1/5, OIDC Core §15.1/6, OIDC Core §15.1/7
func TestSession(t *testing.T) {
	// covers: RFC 6749 §3.1/1
	// covers: Certification Basic/OIDCCPromptNoneLoggedIn, Certification Basic/OIDCCPromptNoneNotLoggedIn, Certification Basic/OIDCCMaxAge10000
	// covers: Certification Basic/OIDCCEnsureRequestWithAcrValuesSucceeds, Certification Basic/OIDCCEnsureRequestWithoutNonceSucceedsForCodeFlow
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	began := w.clock().Unix()
	first := claims(t, w.redeem(app, p.code(app, "ada", url.Values{"nonce": {"n1"}}), nil).want(200).text("id_token"))
	w.pass(time.Hour)
	for name, c := range map[string]struct {
		change url.Values
		silent bool
	}{
		"nothing asked":    {nil, true},
		"prompt none":      {url.Values{"prompt": {"none"}}, true},
		"prompt consent":   {url.Values{"prompt": {"consent"}}, true},
		"prompt login":     {url.Values{"prompt": {"login"}}, false},
		"select account":   {url.Values{"prompt": {"select_account"}}, false},
		"max_age old":      {url.Values{"max_age": {"10000"}}, true},
		"max_age young":    {url.Values{"max_age": {"60"}}, false},
		"max_age zero":     {url.Values{"max_age": {"0"}}, false},
		"acr of before":    {url.Values{"acr_values": {"Single_Factor"}}, true},
		"acr of no policy": {url.Values{"acr_values": {"urn:nothing"}}, true},
	} {
		at := p.authorize(app, c.change)
		if (at.query("code") != "") != c.silent {
			t.Errorf("%s: %s", name, at.Header.Get("Location"))
		}
		if !c.silent {
			continue
		}
		id := claims(t, w.redeem(app, at.query("code"), nil).want(200).text("id_token"))
		if id["sid"] != first["sid"] || id["auth_time"] != float64(began) || id["acr"] != "Single_Factor" || id["nonce"] != nil {
			t.Errorf("%s: %v", name, id)
		}
	}
	p.authorize(app, url.Values{"prompt": {"none"}, "max_age": {"60"}}).expectError(t, "login_required", "User authentication is required")
	w.pass(7*time.Hour + time.Second)
	if at := p.authorize(app, nil); at.query("flowId") == "" {
		t.Errorf("a session of eight hours: %s", at.Header.Get("Location"))
	}
	// Signing on again keeps the session's id and renews its time.
	second := claims(t, w.redeem(app, p.code(app, "ada", nil), nil).want(200).text("id_token"))
	if second["sid"] != first["sid"] || second["auth_time"] == first["auth_time"] {
		t.Errorf("signed on again: %v, before: %v", second, first)
	}
	stranger := &person{w: w}
	stranger.authorize(app, url.Values{"prompt": {"none"}}).expectError(t, "login_required", "User authentication is required")
}

func (r response) expectError(t *testing.T, code, words string) {
	t.Helper()
	if r.query("error") != code || !strings.Contains(r.query("error_description"), words) || r.query("code") != "" {
		t.Errorf("%d %s, want %s ...%s...", r.StatusCode, r.Header.Get("Location"), code, words)
	}
}

// TestUnknownNameTakesAsLong compares the time of a wrong password with that of
// an unknown name, at the real cost of a hash.
func TestUnknownNameTakesAsLong(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.HashCost = platform.DefaultHashCost() })
	w.user("ada")
	policy := w.manage("GET", "/passwordPolicies", nil).body["_embedded"].(object)["passwordPolicies"].([]any)[0].(object)
	policy["lockout"] = object{"failureCount": 100, "durationSeconds": 1}
	w.manage("PUT", "/passwordPolicies/"+text(policy["id"]), policy).want(200)
	app := w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, nil)
	median := func(username string) time.Duration {
		var took []time.Duration
		for range 15 {
			began := time.Now()
			p.signOn(flow, username, "wrong").want(400)
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	for try := range 4 {
		known, unknown := median("ada"), median("nobody")
		ratio := float64(known) / float64(unknown)
		t.Logf("known name %v, unknown name %v, ratio %.2f", known, unknown, ratio)
		if ratio > 0.8 && ratio < 1.25 {
			return
		}
		if try == 3 {
			t.Error("the time tells a known name from an unknown one")
		}
	}
}

// TestSweep deletes what has expired, flows an hour later than that.
func TestSweep(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	p.code(app, "ada", nil)
	p.tab(app, url.Values{"prompt": {"login"}})
	count := func() int { w.must(w.server.Sweep(t.Context())); return w.number("SELECT count(*) FROM ticket") }
	// A session, a code and two flows.
	for _, c := range []struct {
		after time.Duration
		left  int
	}{{0, 4}, {70 * time.Minute, 4}, {time.Minute, 3}, {10 * time.Minute, 1}, {30 * 24 * time.Hour, 0}} {
		w.pass(c.after)
		if n := count(); n != c.left {
			t.Errorf("%v later %d tickets are left, want %d", c.after, n, c.left)
		}
	}
}

// TestImportedUser comes with a password, held against the policy.
func TestImportedUser(t *testing.T) {
	w := newWorld(t)
	app := w.application(nil)
	post := func(change object) response {
		body := object{"username": "ada", "email": "ada@example.com"}
		for k, v := range change {
			body[k] = v
		}
		return w.manage("POST", "/users", body, header{"Content-Type": "application/vnd.pingidentity.user.import+json"})
	}
	for name, c := range map[string]struct {
		change object
		target string
	}{
		"weak":               {object{"password": object{"value": "abc"}}, "password"},
		"encoded":            {object{"password": object{"value": "{SSHA512}abc"}}, "password.value"},
		"no value":           {object{"password": object{"forceChange": true}}, "password.value"},
		"unknown population": {object{"password": object{"value": goodPassword}, "population": object{"id": "none"}}, "population.id"},
		"the own name":       {object{"password": object{"value": goodPassword}, "username": "2federateM0re"}, "password"},
	} {
		if r := post(c.change); r.StatusCode != 400 || r.detail()["target"] != c.target {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.raw)
		}
	}
	if r := post(object{"password": object{"value": goodPassword, "forceChange": true}}).want(201); strings.Contains(r.raw, "argon2") || r.body["password"] != nil {
		t.Errorf("the answer shows the password: %s", r.raw)
	}
	p := &person{w: w}
	if r := p.signOn(p.tab(app, nil), "ada", goodPassword).want(200); r.text("status") != "MUST_CHANGE_PASSWORD" {
		t.Errorf("%s", r.raw)
	}
}

// TestOwnerChangesForcedPassword changes through the API a password that must
// be changed, on the day it was set.
func TestOwnerChangesForcedPassword(t *testing.T) {
	w := newWorld(t)
	ada := w.user("ada")
	w.password(ada, "F1rst-passWord!", true)
	reset := header{"Content-Type": "application/vnd.pingidentity.password.reset+json"}
	w.manage("PUT", "/users/"+ada+"/password", object{"currentPassword": "F1rst-passWord!", "newPassword": "S3cond+phraSe!"}, reset).want(200)
	if r := w.manage("PUT", "/users/"+ada+"/password", object{"currentPassword": "S3cond+phraSe!", "newPassword": "Th1rd_sentenCe?"}, reset); r.StatusCode != 400 {
		t.Errorf("changed twice in a day: %d %s", r.StatusCode, r.raw)
	}
}

// TestNobodyInTwoEnvironments counts the failures of a name apart in each.
func TestNobodyInTwoEnvironments(t *testing.T) {
	w := newWorld(t)
	first := w.env
	other := w.send("POST", "/v1/environments", `{"name": "Other", "type": "SANDBOX", "region": "EU"}`,
		header{"Authorization": "Bearer " + w.admin, "Content-Type": "application/json"}).want(201).text("id")
	for _, env := range []string{first, other} {
		w.env = env
		p := &person{w: w}
		flow := p.tab(w.application(nil), nil)
		for i, want := range []string{"INVALID_CREDENTIALS", "INVALID_CREDENTIALS", "INVALID_CREDENTIALS", "INVALID_CREDENTIALS", "PASSWORD_LOCKED_OUT"} {
			if r := p.signOn(flow, "ghost", "wrong"); r.detail()["code"] != want {
				t.Errorf("%s, try %d: %s", env, i+1, r.raw)
			}
		}
	}
}

// TestLongACRValues are refused without much work.
func TestLongACRValues(t *testing.T) {
	w := newWorld(t)
	app := w.application(nil)
	var long strings.Builder
	for i := range 12000 {
		fmt.Fprintf(&long, "%x ", i)
	}
	began := time.Now()
	r := w.form("POST", "/"+w.env+"/as/authorize", url.Values{"client_id": {app}, "redirect_uri": {callback}, "acr_values": {long.String()}})
	took := time.Since(began)
	t.Logf("%d bytes of acr_values are refused in %v", long.Len(), took)
	if r.query("error") != "invalid_request" || took > 300*time.Millisecond {
		t.Errorf("%d after %v", r.StatusCode, took)
	}
}
