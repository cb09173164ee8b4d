package flow

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pixy/internal/platform"
)

// session is one that signed on some seconds ago.
func session(seconds int) *Session {
	return &Session{ID: "s", User: "u", Username: "joe", SignedOn: noon.Add(-time.Duration(seconds) * time.Second), Done: []string{"LOGIN"}, AMR: []string{"pwd"}, Browsers: []string{"b0"}}
}

// byName is the session of somebody who has signed on since there is
// IDENTIFIER_FIRST.
func byName(s *Session) *Session {
	s.Done = append(s.Done, "IDENTIFIER_FIRST")
	return s
}

func TestStart(t *testing.T) {
	age := func(seconds int) Demand { return Demand{MaxAge: &seconds} }
	login, aged, multi := policy("p", "LOGIN"), policy("p", "LOGIN 100"), policy("p", "LOGIN", "MULTI_FACTOR_AUTHENTICATION")
	cases := []struct {
		name    string
		policy  Policy
		session *Session
		demand  Demand
		status  string
		failure string
	}{
		{"no session", login, nil, Demand{}, UsernamePasswordRequired, ""},
		{"the name first", policy("p", "IDENTIFIER_FIRST"), nil, Demand{}, SignOnRequired, ""},
		{"the name first, a session", policy("p", "IDENTIFIER_FIRST"), byName(session(1)), Demand{}, Completed, ""},
		{"the name first, a session from before that was kept", policy("p", "IDENTIFIER_FIRST"), session(1), Demand{}, SignOnRequired, ""},
		{"the name first, a session that is too old", policy("p", "IDENTIFIER_FIRST 100"), byName(session(101)), Demand{}, SignOnRequired, ""},
		{"the name first, prompt=login", policy("p", "IDENTIFIER_FIRST"), byName(session(1)), Demand{Fresh: true}, SignOnRequired, ""},
		{"the name first, then a second factor", policy("p", "IDENTIFIER_FIRST", "MULTI_FACTOR_AUTHENTICATION"), byName(session(1)), Demand{}, Failed, "NO_USABLE_DEVICES"},
		{"two ways to sign on", policy("p", "LOGIN", "IDENTIFIER_FIRST"), nil, Demand{}, UsernamePasswordRequired, ""},
		{"two ways to sign on, the name first", policy("p", "IDENTIFIER_FIRST", "LOGIN"), nil, Demand{}, SignOnRequired, ""},
		{"no session, condition on its age", aged, nil, Demand{}, UsernamePasswordRequired, ""},
		{"session", login, session(1e6), Demand{}, Completed, ""},
		{"session within the age", aged, session(100), Demand{}, Completed, ""},
		{"session beyond the age", aged, session(101), Demand{}, UsernamePasswordRequired, ""},
		{"prompt=login", login, session(1), Demand{Fresh: true}, UsernamePasswordRequired, ""},
		{"prompt=login and max_age", login, session(1), Demand{Fresh: true, MaxAge: new(int)}, UsernamePasswordRequired, ""},
		{"within max_age", login, session(60), age(60), Completed, ""},
		{"beyond max_age", login, session(61), age(60), UsernamePasswordRequired, ""},
		{"max_age=0", login, session(1), age(0), UsernamePasswordRequired, ""},
		{"max_age=0 in the same instant", login, session(0), age(0), UsernamePasswordRequired, ""},
		{"max_age can't excuse the policy", aged, session(101), age(1000), UsernamePasswordRequired, ""},
		{"nothing to do though somebody is signed on", policy("p"), session(1), Demand{}, Failed, "REQUEST_FAILED"},
		{"nothing to do and nobody is signed on", policy("p"), nil, Demand{}, Failed, "REQUEST_FAILED"},
		{"a second factor is asked first for the password", multi, nil, Demand{}, UsernamePasswordRequired, ""},
		{"a second factor that the session has not", multi, session(1), Demand{}, Failed, "NO_USABLE_DEVICES"},
		{"a second factor alone", policy("p", "MULTI_FACTOR_AUTHENTICATION"), nil, Demand{}, Failed, "NO_USABLE_DEVICES"},
		{"a condition nobody evaluates", policy("p", "LOGIN ?"), nil, Demand{}, Failed, "REQUEST_FAILED"},
		{"a condition nobody evaluates, with a session", policy("p", "LOGIN ?"), session(1), Demand{}, Failed, "REQUEST_FAILED"},
		{"a second factor under such a condition", policy("p", "LOGIN", "MULTI_FACTOR_AUTHENTICATION ?"), session(1), Demand{}, Failed, "REQUEST_FAILED"},
		{"an unknown action", policy("p", "LOGIN", "PING_DANCE"), session(1), Demand{}, Failed, "REQUEST_FAILED"},
	}
	for _, other := range []string{"IDENTITY_PROVIDER", "PROGRESSIVE_PROFILING", "AGREEMENT", "PINGID_WINLOGIN_PASSWORDLESS_AUTHENTICATION", "PINGID_AUTHENTICATION", "", "login"} {
		cases = append(cases, struct {
			name    string
			policy  Policy
			session *Session
			demand  Demand
			status  string
			failure string
		}{"the action " + other, policy("p", other), nil, Demand{}, Failed, "REQUEST_FAILED"})
	}
	for _, c := range cases {
		f := Start(Flow{ID: "f", Policy: c.policy}, c.session, c.demand, noon)
		failure := ""
		if f.Failure != nil {
			failure = f.Failure.Code
		}
		if f.Status != c.status || failure != c.failure {
			t.Errorf("%s: %s %q", c.name, f.Status, failure)
		}
		if f.Status == Completed && (f.User != "u" || f.Session != "s" || !f.AuthTime.Equal(c.session.SignedOn) || !slices.Equal(f.AMR, []string{"pwd"})) {
			t.Errorf("%s: completed as %+v", c.name, f)
		}
		if (f.Status == UsernamePasswordRequired || f.Status == SignOnRequired) && (f.User != "" || f.Session != "") {
			t.Errorf("%s: a flow that waits for a password already has a user: %+v", c.name, f)
		}
		if !f.CreatedAt.Equal(noon) || !f.ExpiresAt.Equal(noon.Add(Life)) {
			t.Errorf("%s: created %v, expires %v", c.name, f.CreatedAt, f.ExpiresAt)
		}
		if c.session != nil && f.Hint != "joe" {
			t.Errorf("%s: the username to offer is %q", c.name, f.Hint)
		}
	}
	if f := Start(Flow{Policy: login, Hint: "ann"}, session(1), Demand{Fresh: true}, noon); f.Hint != "ann" {
		t.Errorf("the request's hint comes first, not %q", f.Hint)
	}
}

// Two actions of one type are two demands: what the first one was good for must
// not pass over the second one's condition.
func TestSecondActionOfATypeIsNotPassedOver(t *testing.T) {
	cases := []struct {
		name   string
		policy Policy
		want   string
	}{
		{"a condition nobody evaluates", policy("p", "LOGIN", "LOGIN ?"), Failed},
		{"a session that is too old for the second", policy("p", "LOGIN", "LOGIN 100"), UsernamePasswordRequired},
	}
	for _, c := range cases {
		if f := Start(Flow{Policy: c.policy}, session(101), Demand{}, noon); f.Status != c.want {
			t.Errorf("%s, with a session: %s, not %s", c.name, f.Status, c.want)
		}
	}
	f := running(UsernamePasswordRequired)
	f.Policy = policy("p", "LOGIN", "LOGIN ?")
	if got := checkPassword(f, facts()).Flow.Status; got != Failed {
		t.Errorf("a condition nobody evaluates, with a password: %s", got)
	}
}

// What somebody else has done in this browser is not done by whoever signs on
// now.
func TestNextPersonDoesNotInheritActions(t *testing.T) {
	old := session(101)
	old.Done = []string{"MULTI_FACTOR_AUTHENTICATION", "LOGIN"}
	f := Start(Flow{Policy: policy("p", "MULTI_FACTOR_AUTHENTICATION", "LOGIN 100")}, old, Demand{}, noon)
	if f.Status != UsernamePasswordRequired || len(f.AMR) > 0 {
		t.Fatalf("an old session: %+v", f)
	}
	x := facts()
	x.UserID = "another"
	if got := checkPassword(f, x).Flow; got.Status != Failed {
		t.Errorf("the second factor of %s counts for %s: %s", old.User, got.User, got.Status)
	}
}

func TestConditionsOnTheAge(t *testing.T) {
	cases := []struct {
		raw string
		age time.Duration // -1 is not evaluated
	}{
		{`{"secondsSince":"${session.lastSignOn.at}","greater":28800}`, 8 * time.Hour},
		{`{"secondsSince":"${session.lastSignOn.withAuthenticator.pwd.at}","greater":1}`, time.Second},
		{`{"secondsSince":"${session.lastSignOn.at}","greater":1000000000}`, 1e9 * time.Second},
		{`{"and":[{"secondsSince":"${session.lastSignOn.at}","greater":1}]}`, time.Second},
		{`{"or":[{"secondsSince":"${session.lastSignOn.at}","greater":60}]}`, time.Minute},
		{`{"not":{"not":{"secondsSince":"${session.lastSignOn.at}","greater":60}}}`, time.Minute},
		{`{}`, -1}, {`[]`, -1}, {`true`, -1}, {`{`, -1}, {`"x"`, -1},
		{`{"secondsSince":"${session.lastSignOn.at}"}`, -1},
		{`{"greater":1}`, -1},
		{`{"secondsSince":"${session.lastSignOn.at}","greater":"1"}`, -1},
		{`{"secondsSince":"${session.lastSignOn.at}","greater":0}`, -1},
		{`{"secondsSince":"${session.lastSignOn.at}","greater":-1}`, -1},
		{`{"secondsSince":"${session.lastSignOn.at}","greater":1e12}`, -1},
		{`{"secondsSince":"${session.lastSignOn.at}","less":1}`, -1},
		{`{"secondsSince":"${session.lastSignOn.at}","greater":1,"not":true}`, -1},
		{`{"secondsSince":"${session.lastSignOn.withAuthenticator.mfa.at}","greater":1}`, -1},
		{`{"secondsSince":1,"greater":1}`, -1},
	}
	for _, c := range cases {
		p := Policy{Actions: []platform.SignOnPolicyAction{{Type: "LOGIN", Condition: json.RawMessage(c.raw)}}}
		s := session(0)
		s.SignedOn = noon.Add(-c.age)
		within, beyond := Completed, UsernamePasswordRequired
		if c.age < 0 {
			within, beyond, s.SignedOn = Failed, Failed, noon
		}
		if got := Start(Flow{Policy: p}, s, Demand{}, noon).Status; got != within {
			t.Errorf("%s, within the age: %s", c.raw, got)
		}
		s.SignedOn = s.SignedOn.Add(-time.Second)
		if got := Start(Flow{Policy: p}, s, Demand{}, noon).Status; got != beyond {
			t.Errorf("%s, beyond the age: %s", c.raw, got)
		}
		// Without a session there is no age, and a sign-on is due.
		if got := Start(Flow{Policy: p}, nil, Demand{}, noon).Status; got != beyond {
			t.Errorf("%s, without a session: %s", c.raw, got)
		}
	}
}

func TestChoose(t *testing.T) {
	single, multi := policy("Single", "LOGIN 60"), policy("Multi", "LOGIN 60", "MULTI_FACTOR_AUTHENTICATION")
	noMFA, lax, looser, none := policy("NoMFA", "LOGIN 60"), policy("Lax", "LOGIN"), policy("Looser", "LOGIN 6000"), policy("None")
	all := []Policy{none, lax, looser, noMFA, single, multi}
	cases := []struct {
		name     string
		acr      []string
		assigned []Policy
		fallback Policy
		want     string
	}{
		{"nothing asked", nil, nil, single, "Single"},
		{"a stronger one", []string{"Multi"}, nil, single, "Multi"},
		{"an equal one", []string{"NoMFA"}, nil, single, "NoMFA"},
		{"the default itself", []string{"Single"}, nil, single, "Single"},
		{"the first that there is", []string{"Unknown", "Multi", "Single"}, nil, single, "Multi"},
		{"names are compared exactly", []string{"multi"}, nil, single, "Single"},
		{"never weaker: no second factor", []string{"NoMFA", "Single"}, nil, multi, "Multi"},
		{"never weaker: no condition", []string{"Lax"}, nil, single, "Single"},
		{"never weaker: a longer session", []string{"Looser"}, nil, single, "Single"},
		{"never weaker: nothing to do", []string{"None"}, nil, single, "Single"},
		{"assigned, by priority", nil, []Policy{multi, single}, lax, "Multi"},
		{"assigned, as asked", []string{"Single"}, []Policy{multi, single}, lax, "Single"},
		{"one that is not assigned", []string{"Lax", "None"}, []Policy{multi}, lax, "Multi"},
	}
	for _, c := range cases {
		if got := Choose(c.acr, c.assigned, c.fallback, all); got.Name != c.want {
			t.Errorf("%s: %s, not %s", c.name, got.Name, c.want)
		}
	}
	if fmt.Sprint(all) != fmt.Sprint([]Policy{none, lax, looser, noMFA, single, multi}) {
		t.Error("choosing changed the list")
	}
	if got := Choose([]string{"Multi"}, nil, single, nil); got.Name != "Single" {
		t.Errorf("without a list there is the default: %s", got.Name)
	}
}

func TestBelongsTo(t *testing.T) {
	waiting, done := Flow{Browser: "b", Status: UsernamePasswordRequired}, Flow{Browser: "b", Status: Completed, Session: "s"}
	failed, doneWithout := Flow{Browser: "b", Status: Failed}, Flow{Browser: "b", Status: Completed}
	mine, other := &Session{ID: "s", Browsers: []string{"x", "b"}}, &Session{ID: "t", Browsers: []string{"x"}}
	descendant := &Session{ID: "t", Browsers: []string{"b"}}
	cases := []struct {
		name    string
		f       Flow
		browser string
		session *Session
		want    bool
	}{
		{"no cookie", waiting, "", nil, false},
		{"no cookie but a session", waiting, "", mine, false},
		{"its browser", waiting, "b", nil, true},
		{"its browser, whatever the session", waiting, "b", other, true},
		{"another browser", waiting, "c", nil, false},
		{"another browser with another session", waiting, "c", other, false},
		{"the session that replaced its browser's token", waiting, "c", mine, true},
		{"completed: the session that completed it", done, "c", mine, true},
		{"completed: the token planted before the sign-on", done, "b", nil, false},
		{"completed: the same browser with another session", done, "b", other, false},
		{"completed: another session of the same lineage", done, "c", descendant, false},
		{"completed without a session: its browser", doneWithout, "b", nil, true},
		{"failed: its browser", failed, "b", nil, true},
		{"failed: another", failed, "c", other, false},
	}
	for _, c := range cases {
		if got := c.f.BelongsTo(c.browser, c.session); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestSignOnLineage(t *testing.T) {
	f := Flow{User: "u", AuthTime: noon, Done: []string{"LOGIN"}, AMR: []string{"pwd"}, RemoteIP: "192.0.2.1"}
	first := f.SignOn(nil, "s1", "joe", "b0")
	if !first.Created.Equal(noon) || first.RemoteIP != "192.0.2.1" {
		t.Errorf("the first session is of %v, from %s", first.Created, first.RemoteIP)
	}
	if first.ID != "s1" || first.User != "u" || first.Username != "joe" || !first.SignedOn.Equal(noon) || !slices.Equal(first.Browsers, []string{"b0"}) || !slices.Equal(first.Done, f.Done) {
		t.Errorf("the first session is %+v", first)
	}
	last := first
	for n := 1; n <= 20; n++ {
		before := slices.Clone(last.Browsers)
		f.AuthTime = noon.Add(time.Duration(n) * time.Minute)
		next := f.SignOn(&last, "new", "joe", fmt.Sprintf("b%d", n))
		if next.ID != "s1" || !next.Created.Equal(noon) || !next.SignedOn.Equal(f.AuthTime) {
			t.Fatalf("the same user's session goes on, not %s of %v, signed on %v", next.ID, next.Created, next.SignedOn)
		}
		if len(next.Browsers) != min(n+1, maxBrowsers) || next.Browsers[0] != fmt.Sprintf("b%d", n) {
			t.Fatalf("after %d sign-ons the session remembers %v", n+1, next.Browsers)
		}
		if !slices.Equal(last.Browsers, before) {
			t.Fatalf("the sign-on changed the session before: %v", last.Browsers)
		}
		last = next
	}
	if !(Flow{Browser: "b13"}).BelongsTo("now", &last) || (Flow{Browser: "b12"}).BelongsTo("now", &last) {
		t.Errorf("a flow of the eighth last token belongs to the session, an older one does not: %v", last.Browsers)
	}
	f.User = "v"
	if got := f.SignOn(&last, "s2", "ann", "b21"); got.ID != "s2" || !got.Created.Equal(f.AuthTime) || got.User != "v" || got.Browsers[0] != "b21" || len(got.Browsers) != maxBrowsers {
		t.Errorf("another user's sign-on is another session of the same browser: %+v", got)
	}
}
