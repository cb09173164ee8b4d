package test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// status is that of a flow, as its browser sees it.
func (p *person) status(flow string) string {
	p.w.t.Helper()
	return p.send("GET", "/"+p.w.env+"/flows/"+flow, "").want(200).text("status")
}

// links are the actions that an answer offers.
func links(r response) (out []string) {
	all, _ := r.body["_links"].(object)
	for name := range all {
		if name != "self" && name != "signOnPage" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// TestUserCodes: how a code may be typed, that all wrong ones look the same, and
// that a flow ends at the fifth.
// covers: RFC 8628 §5.1/1
func TestUserCodes(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.device(nil)
	code := w.askDevice(app, nil).want(200).text("user_code")
	for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " ") + " "} {
		p := &person{w: w}
		if r := p.types(p.enters(""), typed).want(200); r.text("status") != "USERNAME_PASSWORD_REQUIRED" {
			t.Errorf("%q: %s", typed, r.raw)
		}
	}
	spent, denied, expired := w.askDevice(app, nil), w.askDevice(app, nil), w.askDevice(w.device(object{"name": "Brief", "deviceTimeout": 1}), nil)
	p := &person{w: w}
	p.allows(spent.text("user_code"), "ada")
	w.poll(app, spent.text("device_code"), nil).want(200)
	flow := p.enters("")
	p.types(flow, denied.text("user_code")).want(200)
	p.decides(flow, false).want(200)
	gone, off := w.device(object{"name": "Gone"}), w.device(object{"name": "Off"})
	left, disabled := w.askDevice(gone, nil).text("user_code"), w.askDevice(off, nil).text("user_code")
	w.manage("DELETE", "/applications/"+gone, nil).want(204)
	w.disable(off)
	w.pass(time.Second)
	flow = p.enters("")
	masked := func(r response) string {
		return regexp.MustCompile(`"id":"[^"]*"`).ReplaceAllString(r.raw, "")
	}
	first := ""
	for i, typed := range []string{"BCDF-BCDF", spent.text("user_code"), denied.text("user_code"), expired.text("user_code")} {
		r := p.types(flow, typed).want(400)
		if r.detail()["target"] != "userCode" || i > 0 && masked(r) != first {
			t.Errorf("%d: %s", i, r.raw)
		}
		first = masked(r)
	}
	other := &person{w: w}
	if r := other.types(other.enters(""), left).want(400); masked(r) != first {
		t.Errorf("of an application that is gone: %s", r.raw)
	}
	if r := p.types(flow, disabled).want(200); r.text("status") != "FAILED" {
		t.Errorf("the fifth wrong code: %s", r.raw)
	}
	p.types(flow, code).want(400)
	if s := p.status(flow); s != "FAILED" {
		t.Errorf("the flow goes on: %s", s)
	}
	if r := p.types(p.enters(""), ""); r.StatusCode != 400 {
		t.Errorf("no code: %s", r.raw)
	}
}

// TestDeviceFlow walks through the flow by its links.
func TestDeviceFlow(t *testing.T) {
	w := newWorld(t)
	ada := w.user("ada")
	app := w.device(nil)
	asked := w.askDevice(app, url.Values{"scope": {"openid"}}).want(200)
	p := &person{w: w}
	flow := p.enters("?user_code=" + strings.ToLower(asked.text("user_code")))
	r := p.send("GET", "/"+w.env+"/flows/"+flow, "").want(200)
	if r.text("status") != "USER_CODE_REQUIRED" || !slices.Equal(links(r), []string{"deviceAuthGrant.userCode.verify"}) ||
		r.body["deviceAuthGrant"].(object)["userCode"] != asked.text("user_code") || len(r.body["_embedded"].(object)) != 0 {
		t.Errorf("%s", r.raw)
	}
	p.signOn(flow, "ada", goodPassword).want(400) // first the code, confirmed
	w.poll(app, asked.text("device_code"), nil).refused(400, "authorization_pending", "")
	r = p.types(flow, asked.text("user_code")).want(200)
	if !slices.Equal(links(r), []string{"session.reset", "usernamePassword.check"}) || r.body["_embedded"].(object)["application"].(object)["name"] != "Television" {
		t.Errorf("%s", r.raw)
	}
	r = p.signOn(flow, "ada", goodPassword).want(200)
	if r.text("status") != "DAG_CONSENT_REQUIRED" || !slices.Equal(links(r), []string{"deviceAuthGrant.consent", "session.reset"}) ||
		r.body["_embedded"].(object)["user"].(object)["id"] != ada || r.body["session"] == nil {
		t.Errorf("%s", r.raw)
	}
	if to := p.resume(flow).want(302).Header.Get("Location"); !strings.Contains(to, "/signon/") {
		t.Errorf("resume leads to %s", to)
	}
	p.act(flow, "deviceAuthGrant.consent", object{}).want(400)
	p.act(flow, "deviceAuthGrant.consent", object{"accept": "yes"}).want(400)
	r = p.decides(flow, true).want(200)
	if r.text("status") != "COMPLETED" || len(links(r)) != 0 || r.body["_embedded"].(object)["user"].(object)["id"] != ada {
		t.Errorf("%s", r.raw)
	}
	if to := p.resume(flow).want(302).Header.Get("Location"); !strings.Contains(to, "/signon/") {
		t.Errorf("resume hands out %s", to)
	}
	p.decides(flow, false).want(400)
	w.poll(app, asked.text("device_code"), nil).want(200)
	if r := w.manage("GET", "/activities?filter="+url.QueryEscape(`recordedat gt "2026-01-01T00:00:00Z"`), nil); strings.Count(r.raw, "USER.ACCESS_ALLOWED") != 1 || strings.Count(r.raw, "PASSWORD.CHECK_SUCCEEDED") != 1 {
		t.Errorf("the events of sign-on and decision: %s", r.raw)
	}
}

// TestDeviceSession: who is signed on in the browser is asked for the decision
// only, as far as the policy allows, and another account may take over.
func TestDeviceSession(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	bob := w.user("bob")
	app := w.device(nil)
	p := &person{w: w}
	p.code(w.application(nil), "ada", nil)
	asked := w.askDevice(app, nil).want(200)
	flow := p.enters("")
	if r := p.types(flow, asked.text("user_code")).want(200); r.text("status") != "DAG_CONSENT_REQUIRED" || r.body["_embedded"].(object)["user"].(object)["username"] != "ada" {
		t.Fatalf("%s", r.raw)
	}
	if r := p.act(flow, "session.reset", object{}).want(200); r.text("status") != "USERNAME_PASSWORD_REQUIRED" {
		t.Fatalf("%s", r.raw)
	}
	p.signOn(flow, "bob", goodPassword).want(200)
	p.decides(flow, true).want(200)
	id := claims(t, w.poll(app, asked.text("device_code"), nil).want(200).text("id_token"))
	if id["sub"] != bob {
		t.Errorf("sub is %v", id["sub"])
	}
	w.pass(9 * time.Hour) // the policy asks again after eight
	asked = w.askDevice(app, nil).want(200)
	if r := p.types(p.enters(""), asked.text("user_code")).want(200); r.text("status") != "USERNAME_PASSWORD_REQUIRED" {
		t.Errorf("%s", r.raw)
	}
}

// TestDeviceFlowIsBoundToItsBrowser: neither a stranger nor who planted the
// token from before the sign-on can decide; a session that has ended can't
// either.
func TestDeviceFlowIsBoundToItsBrowser(t *testing.T) {
	w := newWorld(t)
	ada := w.user("ada")
	w.user("bob")
	app := w.device(nil)
	asked := w.askDevice(app, nil).want(200)
	p, none := &person{w: w}, &person{w: w}
	flow := p.enters("")
	p.types(flow, asked.text("user_code")).want(200)
	planted := &person{w: w, st: p.st}
	p.signOn(flow, "ada", goodPassword).want(200)
	other := &person{w: w}
	other.enters("")
	for name, attacker := range map[string]*person{"no cookie": none, "another browser": other, "the token from before": planted} {
		if r := attacker.decides(flow, true); r.StatusCode != 401 {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.raw)
		}
	}
	// Somebody else signs on in another tab: the decision is no longer ada's.
	tab := p.tab(w.application(nil), url.Values{"prompt": {"login"}})
	p.signOn(tab, "bob", goodPassword).want(200)
	if r := p.decides(flow, true).want(200); r.text("status") != "USERNAME_PASSWORD_REQUIRED" {
		t.Errorf("in bob's session: %s", r.raw)
	}
	p.signOn(flow, "ada", goodPassword).want(200)
	// The session is ended by an administrator.
	sessions := w.manage("GET", "/users/"+ada+"/sessions", nil).body["_embedded"].(object)["sessions"].([]any)
	for _, s := range sessions {
		w.manage("DELETE", "/users/"+ada+"/sessions/"+text(s.(object)["id"]), nil).want(204)
	}
	if r := p.decides(flow, true).want(200); r.text("status") != "USERNAME_PASSWORD_REQUIRED" {
		t.Errorf("without a session: %s", r.raw)
	}
	w.poll(app, asked.text("device_code"), nil).refused(400, "authorization_pending", "")
}

// TestTwoDecisions: who comes second decides nothing.
func TestTwoDecisions(t *testing.T) {
	w := newWorld(t)
	ada := w.user("ada")
	w.user("bob")
	app := w.device(nil)
	asked := w.askDevice(app, nil).want(200)
	var flows []string
	people := []*person{{w: w}, {w: w}, {w: w}}
	for i, name := range []string{"ada", "bob", "bob"} {
		flows = append(flows, people[i].enters(""))
		people[i].types(flows[i], asked.text("user_code")).want(200)
		people[i].signOn(flows[i], name, goodPassword).want(200)
	}
	people[0].decides(flows[0], true).want(200)
	if r := people[1].decides(flows[1], true).want(200); r.text("status") != "FAILED" {
		t.Errorf("%s", r.raw)
	}
	people[2].decides(flows[2], false).want(200)
	id := claims(t, w.poll(app, asked.text("device_code"), nil).want(200).text("id_token"))
	if id["sub"] != ada {
		t.Errorf("sub is %v", id["sub"])
	}
}

// TestDeviceOfSomebodyWhoIsGone: between the decision and the tokens the user
// is disabled, deleted or locked, or the application disabled.
func TestDeviceOfSomebodyWhoIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		leave   func(w *world, user, app string)
		status  int
		refusal string
	}{
		"disabled": {func(w *world, user, _ string) {
			w.manage("PUT", "/users/"+user+"/enabled", object{"enabled": false}).want(200)
		}, 400, "invalid_grant"},
		"deleted":        {func(w *world, user, _ string) { w.manage("DELETE", "/users/"+user, nil).want(204) }, 400, "invalid_grant"},
		"a new password": {func(w *world, user, _ string) { w.password(user, "S3cond+phraSe!", false) }, 400, "invalid_grant"},
		"the application": {func(w *world, _, app string) {
			w.disable(app)
		}, 401, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ada, app := w.user("ada"), w.device(nil)
			asked := w.askDevice(app, nil).want(200)
			p := &person{w: w}
			p.allows(asked.text("user_code"), "ada")
			c.leave(w, ada, app)
			w.poll(app, asked.text("device_code"), nil).refused(c.status, c.refusal, "")
		})
	}
}

// TestDevicePages does it all with forms alone.
// covers: RFC 8628 §3.3/1, RFC 8628 §3.3.1/3, RFC 8628 §5.4/1, RFC 8628 §5.4/2
func TestDevicePages(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.device(nil)
	asked := w.askDevice(app, nil).want(200)
	p := &person{w: w}
	page := func(flow string) response { return p.send("GET", "/"+w.env+"/signon/?flowId="+flow, "") }
	holds := func(r response, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(r.raw, part) {
				t.Errorf("the page has no %q: %s", part, r.raw)
			}
		}
	}
	flow := p.send("GET", strings.TrimPrefix(asked.text("verification_uri_complete"), "http://pixy.test"), "").want(302).query("flowId")
	holds(page(flow).want(200), `value="`+asked.text("user_code")+`"`, "Check that this is the code", `value="cancel"`)
	wrong := p.submit(flow, url.Values{"action": {"code"}, "userCode": {"BCDF-BCDF"}}).want(400)
	holds(wrong, "That code is wrong", `value="BCDF-BCDF"`, `role="alert"`)
	p.submit(flow, url.Values{"action": {"code"}, "userCode": {asked.text("user_code")}}).want(303)
	holds(page(flow).want(200), "Sign in", "Television")
	p.submit(flow, url.Values{"action": {"signon"}, "username": {"ada"}, "password": {goodPassword}}).want(303)
	holds(page(flow).want(200), "Allow", "Television", asked.text("user_code"), "Know who you are", "Signed in as", "ada")
	to := p.submit(flow, url.Values{"action": {"accept"}}).want(303).Header.Get("Location")
	to = p.send("GET", strings.TrimPrefix(to, "http://pixy.test"), "").want(302).Header.Get("Location")
	holds(p.send("GET", strings.TrimPrefix(to, "http://pixy.test"), "").want(200), "You can go back to your device")
	w.poll(app, asked.text("device_code"), nil).want(200)

	for name, last := range map[string]url.Values{"deny": {"action": {"deny"}}, "cancel": {"action": {"cancel"}}} {
		asked = w.askDevice(app, nil).want(200)
		flow = p.enters("")
		p.submit(flow, url.Values{"action": {"code"}, "userCode": {asked.text("user_code")}}).want(303)
		p.submit(flow, last).want(303)
		holds(page(flow).want(200), "Access was not given", "Television is told that you do not allow it")
		if r := w.poll(app, asked.text("device_code"), nil); r.text("error") != "access_denied" {
			t.Errorf("%s: %s", name, r.raw)
		}
	}
	flow = p.enters("")
	p.submit(flow, url.Values{"action": {"cancel"}}).want(303)
	holds(page(flow).want(200), "Access was not given")
	for _, query := range []string{"?user_code=BCDF", "?user_code=" + url.QueryEscape(`"><b>`), "?user_code=" + strings.Repeat("-", 3000)} {
		if r := page(p.enters(query)).want(200); strings.Contains(r.raw, "Check that this is the code") {
			t.Errorf("%s is offered as a code", query)
		}
	}
	if r := p.send("GET", "/"+w.env+"/device/activate?user_code=a&user_code=b", ""); r.StatusCode != 400 {
		t.Errorf("two codes: %d", r.StatusCode)
	}
	if r := p.send("GET", "/00000000-0000-4000-8000-000000000000/device/activate", ""); r.StatusCode != 404 {
		t.Errorf("no environment: %d", r.StatusCode)
	}
	if r := p.send("GET", "/"+w.env+"/device/a%20b", ""); r.StatusCode != 404 {
		t.Errorf("a path that no application can have: %d", r.StatusCode)
	}
	p.submit(flow, url.Values{"action": {"code"}, "userCode": {"x"}}, header{"Sec-Fetch-Site": "cross-site"}).want(403)
}

// TestDevicePolicy: a policy that the server can't follow lets nobody in, and
// the device hears of it.
func TestDevicePolicy(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.device(nil)
	policy := w.manage("POST", "/signOnPolicies", object{"name": "Odd"}).want(201).text("id")
	w.manage("POST", "/signOnPolicies/"+policy+"/actions", object{"type": "LOGIN", "priority": 1}).want(201)
	w.manage("POST", "/signOnPolicies/"+policy+"/actions", object{"type": "MULTI_FACTOR_AUTHENTICATION", "priority": 2}).want(201)
	w.manage("POST", "/applications/"+app+"/signOnPolicyAssignments", object{"signOnPolicy": object{"id": policy}, "priority": 1}).want(201)
	asked := w.askDevice(app, nil).want(200)
	p := &person{w: w}
	flow := p.enters("")
	p.types(flow, asked.text("user_code")).want(200)
	if r := p.signOn(flow, "ada", goodPassword).want(200); r.text("status") != "FAILED" || r.body["error"].(object)["code"] != "NO_USABLE_DEVICES" {
		t.Errorf("%s", r.raw)
	}
	w.poll(app, asked.text("device_code"), nil).refused(400, "access_denied", "")
}

// TestDeviceHearsOfTheEnd: an application that got leave for a device takes part
// in the session of the person.
func TestDeviceHearsOfTheEnd(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := listen(t)
	client := w.device(object{"backChannelLogoutUri": app.URL + "/bcl"})
	asked := w.askDevice(client, nil).want(200)
	p := &person{w: w}
	p.allows(asked.text("user_code"), "ada")
	id := w.poll(client, asked.text("device_code"), nil).want(200).text("id_token")
	p.signoff(url.Values{"id_token_hint": {id}})
	c := w.logoutToken(app.heard(t, 1)[0])
	if c["aud"] != client || c["sid"] != claims(t, id)["sid"] {
		t.Errorf("the application hears %v", c)
	}
}
