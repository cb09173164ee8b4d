package test

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestResumeByForeignPage refuses a page of another origin before a code exists.
func TestResumeByForeignPage(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	flow := p.authorize(app, url.Values{"response_mode": {"pi.flow"}}).want(200).text("id")
	p.signOn(flow, "ada", goodPassword).want(200)
	r := p.send("GET", "/"+w.env+"/as/resume?flowId="+flow, "", header{"Origin": foreign})
	if r.StatusCode != 403 || r.body == nil {
		t.Errorf("%d %s", r.StatusCode, r.Header.Get("Content-Type"))
	}
	if n := w.number("SELECT count(*) FROM ticket WHERE kind = 'code'"); n != 0 {
		t.Errorf("%d codes were made for a foreign page", n)
	}
	if r := p.resume(flow); r.StatusCode != 200 {
		t.Errorf("the flow was taken from its browser: %d", r.StatusCode)
	}
}

// TestFailuresAreForgottenAlike counts the failures of a name that nobody has as long as
// those of a real one.
func TestFailuresAreForgottenAlike(t *testing.T) {
	for _, after := range []time.Duration{time.Minute, 61 * time.Minute, 25 * time.Hour} {
		w := newWorld(t)
		w.user("ada")
		app := w.application(nil)
		p := &person{w: w}
		flow := p.tab(app, nil)
		for range 4 {
			p.signOn(flow, "ada", "wrong")
			p.signOn(flow, "nobody", "wrong")
		}
		w.pass(after)
		w.must(w.server.Sweep(t.Context()))
		flow = p.tab(app, nil)
		known, unknown := p.signOn(flow, "ada", "wrong"), p.signOn(flow, "nobody", "wrong")
		if known.detail()["code"] != unknown.detail()["code"] {
			t.Errorf("after %v the fifth failure tells them apart: %v, %v", after, known.detail()["code"], unknown.detail()["code"])
		}
	}
}

// TestDisabledUserIsNotConfirmed tells nobody that the password of a disabled user is
// right, not at the fifth try either.
func TestDisabledUserIsNotConfirmed(t *testing.T) {
	w := newWorld(t)
	id := w.manage("POST", "/users", object{"username": "ada", "email": "a@b.c", "enabled": false}).want(201).text("id")
	w.password(id, goodPassword, false)
	app := w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, nil)
	for i := range 5 {
		right, wrong := p.signOn(flow, "ada", goodPassword).detail()["code"], p.signOn(flow, "nobody", "wrong").detail()["code"]
		if right != wrong {
			t.Errorf("try %d: %v, %v", i+1, right, wrong)
		}
	}
}

// TestLastActionStays keeps one action in every policy.
func TestLastActionStays(t *testing.T) {
	w := newWorld(t)
	list := w.manage("GET", "/signOnPolicies?filter="+url.QueryEscape(`name eq "Single_Factor"`), nil).want(200).body
	policy := text(list["_embedded"].(object)["signOnPolicies"].([]any)[0].(object)["id"])
	action := text(w.manage("GET", "/signOnPolicies/"+policy+"/actions", nil).body["_embedded"].(object)["actions"].([]any)[0].(object)["id"])
	if r := w.manage("DELETE", "/signOnPolicies/"+policy+"/actions/"+action, nil); r.StatusCode != 400 {
		t.Errorf("%d %s", r.StatusCode, r.raw)
	}
}

// TestRedirectURIInThePolicy lets no redirect URI add a directive to the policy of
// the page.
func TestRedirectURIInThePolicy(t *testing.T) {
	// covers: RFC 6749 §10.14/1
	w := newWorld(t)
	for _, uri := range []string{"https://app.example.com;sandbox/cb", "https://app.example.com,default-src/cb"} {
		r := w.manage("POST", "/applications", object{"name": "App", "enabled": true, "type": "NATIVE_APP", "protocol": "OPENID_CONNECT", "redirectUris": []string{uri},
			"grantTypes": []string{"AUTHORIZATION_CODE"}, "responseTypes": []string{"CODE"}})
		if r.StatusCode != 201 {
			continue
		}
		p := &person{w: w}
		flow := p.authorize(r.text("id"), url.Values{"redirect_uri": {uri}}).query("flowId")
		csp := p.send("GET", "/"+w.env+"/signon/?flowId="+flow, "").Header.Get("Content-Security-Policy")
		if strings.Contains(csp, "com;") || strings.Contains(csp, "com,") {
			t.Errorf("%s", csp)
		}
	}
}

// TestGrantOfOneResource takes scopes of the grant's own resource, and one grant a
// resource.
func TestGrantOfOneResource(t *testing.T) {
	w := newWorld(t)
	app := w.application(nil)
	var ids []string
	for _, res := range w.manage("GET", "/resources", nil).body["_embedded"].(object)["resources"].([]any) {
		ids = append(ids, text(res.(object)["id"]))
	}
	scope := text(w.manage("GET", "/resources/"+ids[1]+"/scopes", nil).body["_embedded"].(object)["scopes"].([]any)[0].(object)["id"])
	if r := w.manage("POST", "/applications/"+app+"/grants", object{"resource": object{"id": ids[0]}, "scopes": []object{{"id": scope}}}); r.StatusCode != 400 {
		t.Errorf("a scope of another resource: %d", r.StatusCode)
	}
	good := object{"resource": object{"id": ids[1]}, "scopes": []object{{"id": scope}}}
	w.manage("POST", "/applications/"+app+"/grants", good).want(201)
	if r := w.manage("POST", "/applications/"+app+"/grants", good); r.StatusCode != 400 {
		t.Errorf("a second grant of the resource: %d", r.StatusCode)
	}
}

// TestActionName names the action as it is written.
func TestActionName(t *testing.T) {
	w := newWorld(t)
	ada, app := w.user("ada"), w.application(nil)
	w.password(ada, "F1rst-passWord!", true)
	p := &person{w: w}
	flow := p.tab(app, nil)
	p.signOn(flow, "ada", "F1rst-passWord!").want(200)
	if r := p.signOn(flow, "ada", "F1rst-passWord!"); !strings.Contains(r.raw, "usernamePassword.check") {
		t.Errorf("%s", r.raw)
	}
}

// TestMemberTwice refuses a member that is sent twice.
func TestMemberTwice(t *testing.T) {
	w := newWorld(t)
	r := w.send("POST", "/v1/environments/"+w.env+"/users", `{"username":"a1","username":"a2","email":"a@b.c"}`, header{"Authorization": "Bearer " + w.admin, "Content-Type": "application/json"})
	if r.StatusCode != 400 {
		t.Errorf("%d %s", r.StatusCode, r.text("username"))
	}
}

// TestTakenAndWrong: a value that another resource has is told with all else that
// is wrong, and the resource's own value is not taken.
func TestTakenAndWrong(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	bob := w.user("bob")
	told := func(r response) (all string) {
		for _, d := range r.want(400).body["details"].([]any) {
			all += text(d.(object)["code"]) + " " + text(d.(object)["target"]) + "; "
		}
		return all
	}
	const both = "INVALID_VALUE email; UNIQUENESS_VIOLATION username; "
	if got := told(w.manage("POST", "/users", object{"username": "ADA", "email": "none"})); got != both {
		t.Errorf("a new user: %s", got)
	}
	if got := told(w.manage("PUT", "/users/"+bob, object{"username": "ada", "email": "none"})); got != both {
		t.Errorf("a user who takes a name: %s", got)
	}
	if got := told(w.manage("PUT", "/users/"+bob, object{"username": "Bob", "email": "none"})); got != "INVALID_VALUE email; " {
		t.Errorf("a user who keeps a name: %s", got)
	}
	w.manage("POST", "/populations", object{"name": "Taken"}).want(201)
	if got := told(w.manage("POST", "/populations", object{"name": "taken", "description": 7})); got != "INVALID_VALUE description; UNIQUENESS_VIOLATION name; " {
		t.Errorf("a population: %s", got)
	}
}
