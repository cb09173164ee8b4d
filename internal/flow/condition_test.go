package flow

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// What a condition of the tables below comes to.
const (
	holds     = "holds"
	not       = "does not hold"
	undecided = "asks about the user"
	unknown   = "is not evaluated"
)

// condition is one of a policy's, and what it comes to: for the user u of the
// population p1, who signed on 50 seconds ago, and while nobody is known. Both
// times the browser is at 10.1.2.3.
type condition struct {
	raw         string
	known, none string
}

func conditions() []condition {
	const (
		inside  = `{"ipRange":["192.0.2.0/24","10.0.0.0/8"],"contains":"${flow.request.http.remoteIp}"}`
		outside = `{"ipRange":["192.0.2.0/24","2001:db8::/32"],"contains":"${flow.request.http.remoteIp}"}`
		here    = `{"value":"${user.population.id}","equals":"p1"}`
		there   = `{"value":"${user.population.id}","equals":"p2"}`
		old     = `{"secondsSince":"${session.lastSignOn.at}","greater":49}`
		young   = `{"secondsSince":"${session.lastSignOn.at}","greater":50}`
		strange = `{"value":"${user.mfaEnabled}","equals":"true"}`
	)
	one := func(op, inner string) string { return `{"` + op + `":` + inner + `}` }
	list := func(op string, inner ...string) string {
		all := ""
		for i, c := range inner {
			if i > 0 {
				all += ","
			}
			all += c
		}
		return `{"` + op + `":[` + all + `]}`
	}
	all := []condition{
		{inside, holds, holds},
		{outside, not, not},
		{`{"ipRange":["10.1.2.3/32"],"contains":"${flow.request.http.remoteIp}"}`, holds, holds},
		{`{"ipRange":["10.1.2.2/32"],"contains":"${flow.request.http.remoteIp}"}`, not, not},
		{`{"ipRange":["0.0.0.0/0"],"contains":"${flow.request.http.remoteIp}"}`, holds, holds},
		{`{"ipRange":["::/0"],"contains":"${flow.request.http.remoteIp}"}`, not, not},
		{here, holds, undecided},
		{there, not, undecided},
		{`{"value":"${user.population.id}","equals":""}`, not, undecided},
		{`{"value":"${user.population.id}","equals":"P1"}`, not, undecided},
		{`{"value":"${user.id}","equals":"u"}`, holds, undecided},
		{`{"value":"${user.id}","equals":"v"}`, not, undecided},
		{old, holds, holds},
		{young, not, holds}, // nobody has signed on: that is longer ago than anything

		{one("not", inside), not, not},
		{one("not", outside), holds, holds},
		{one("not", here), not, undecided},
		{one("not", there), holds, undecided},
		{one("not", one("not", here)), holds, undecided},
		{list("and", inside), holds, holds},
		{list("and", inside, here), holds, undecided},
		{list("and", inside, there), not, undecided},
		{list("and", outside, here), not, not},
		{list("and", here, outside), not, not},
		{list("and", inside, old, here), holds, undecided},
		{list("and", inside, young), not, holds},
		{list("or", outside, here), holds, undecided},
		{list("or", there, outside), not, undecided},
		{list("or", here, inside), holds, holds},
		{list("or", outside, list("and", inside, one("not", there))), holds, undecided},
		{one("not", list("or", outside, there)), holds, undecided},

		// What is not evaluated spoils the whole, unless the rest decides it
		// whatever that would have come to.
		{one("not", strange), unknown, unknown},
		{one("not", one("not", strange)), unknown, unknown},
		{list("and", inside, strange), unknown, unknown},
		{list("and", strange, inside), unknown, unknown},
		{list("and", strange, here), unknown, unknown},
		{list("and", strange, outside), not, not},
		{list("or", outside, strange), unknown, unknown},
		{list("or", strange, there), unknown, unknown},
		{list("or", strange, inside), holds, holds},
		{one("not", list("or", outside, strange)), unknown, unknown},
		{list("and", inside, list("or", strange, outside)), unknown, unknown},
	}
	for _, raw := range []string{
		strange, `{}`, `[]`, `[` + inside + `]`, `true`, `0`, `"x"`, `{`, inside + `x`, `{"a":1}`,
		`{"value":"${user.population.id}"}`, `{"equals":"p1"}`, `{"value":"${user.population.id}","equals":7}`, `{"value":"${user.population.id}","equals":["p1"]}`,
		`{"value":"${user.population.id}","equals":null}`, `{"value":"${user.population.id}","EQUALS":"p2"}`, `{"Value":"${user.population.id}","equals":"p2"}`, `{"OR":[]}`, `{"or":[]}`, `{"and":[]}`, `{"And":[` + outside + `]}`, `{"Not":` + inside + `}`,
		`{"ipRange":["::ffff:10.0.0.0/104"],"contains":"${flow.request.http.remoteIp}"}`, `{"ipRange":["10.0.0.0/8","any"],"contains":"${flow.request.http.remoteIp}"}`,
		`{"value":"user.population.id","equals":"p1"}`, `{"value":"${user.population.name}","equals":"p1"}`, `{"value":"${user.population.id}","equals":"p1","not":null}`, `{"value":"${user.population.id}","contains":"p"}`,
		`{"ipRange":["10.0.0.0/8"]}`, `{"ipRange":["10.0.0.0/8"],"contains":"${flow.request.http.remoteAddress}"}`, `{"ipRange":"10.0.0.0/8","contains":"${flow.request.http.remoteIp}"}`,
		`{"ipRange":["10.0.0.0"],"contains":"${flow.request.http.remoteIp}"}`, `{"ipRange":["10.0.0.0/33"],"contains":"${flow.request.http.remoteIp}"}`, `{"ipRange":["any"],"contains":"${flow.request.http.remoteIp}"}`,
		`{"ipRange":["192.0.2.0/24","any"],"contains":"${flow.request.http.remoteIp}"}`, `{"ipRange":[7],"contains":"${flow.request.http.remoteIp}"}`, `{"ipRange":null,"contains":"${flow.request.http.remoteIp}"}`,
		`{"ipRange":["10.0.0.0/8"],"contains":"${flow.request.http.remoteIp}","secondsSince":"${session.lastSignOn.at}"}`,
		`{"and":{}}`, `{"and":null}`, `{"and":"x"}`, `{"or":null}`, `{"not":null}`, `{"not":[]}`, `{"not":{}}`, `{"and":[{}]}`, `{"or":[null]}`, `{"and":[` + inside + `,7]}`,
		`{"and":[` + inside + `],"or":[` + inside + `]}`, `{"and":[` + outside + `],"a":1}`, `{"not":` + inside + `,"a":1}`,
		`{"secondsSince":"${session.lastSignOn.at}","greater":null}`, `{"secondsSince":"${session.lastSignOn.withAuthenticator.mfa.at}","greater":60}`, `{"highRisk":true}`, `{"geovelocity":{}}`,
	} {
		all = append(all, condition{raw, unknown, unknown})
	}
	return all
}

// ends is a flow's status, and the code of its failure behind a space.
func ends(f Flow) string {
	if f.Failure != nil {
		return f.Status + " " + f.Failure.Code
	}
	return f.Status
}

// conditional is a policy whose last action has a condition.
func conditional(raw string, actions ...string) Policy {
	p := policy("p", actions...)
	p.Actions[len(actions)-1].Condition = json.RawMessage(raw)
	return p
}

const (
	notEvaluated = Failed + " REQUEST_FAILED"
	noDevice     = Failed + " NO_USABLE_DEVICES"
)

// TestConditionsOfPolicies holds every condition at every kind of action, with
// and without a session: what is not evaluated ends the flow, and what asks
// about a user is never decided while there is none.
func TestConditionsOfPolicies(t *testing.T) {
	at := Flow{ID: "f", RemoteIP: "10.1.2.3", Population: "p1"}
	start := func(p Policy, s *Session) Flow {
		f := at
		f.Policy = p
		return Start(f, s, Demand{}, noon)
	}
	// after is the flow once the right password was given.
	after := func(f Flow) string {
		x := facts()
		x.RemoteIP = "10.1.2.3"
		if f.Status == SignOnRequired {
			x.Body = map[string]any{"username": "joe"}
			f = lookUp(f, x).Flow
		}
		return ends(checkPassword(f, x).Flow)
	}
	for _, c := range conditions() {
		for action, first := range map[string]string{"LOGIN": UsernamePasswordRequired, "IDENTIFIER_FIRST": SignOnRequired} {
			p := conditional(c.raw, action)
			want := map[string]string{holds: first, not: first, undecided: first, unknown: notEvaluated}[c.none]
			f := start(p, nil)
			if got := ends(f); got != want {
				t.Errorf("%s under %s, without a session: %s, not %s", action, c.raw, got, want)
			}
			if want == first && c.known != unknown {
				if got := after(f); got != Completed {
					t.Errorf("%s under %s, done: %s", action, c.raw, got)
				}
			}
			want = map[string]string{holds: first, not: Completed, unknown: notEvaluated}[c.known]
			if got := ends(start(p, byName(session(50)))); got != want {
				t.Errorf("%s under %s, with a session: %s, not %s", action, c.raw, got, want)
			}
			// A session that has not signed on in this way is none for it.
			if s := session(50); action == "IDENTIFIER_FIRST" && c.known != unknown {
				if got := ends(start(p, s)); got != first {
					t.Errorf("%s under %s, with a session of another kind: %s", action, c.raw, got)
				}
			}
		}
		for action, due := range map[string]string{"MULTI_FACTOR_AUTHENTICATION": noDevice, "AGREEMENT": notEvaluated, "PING_DANCE": notEvaluated} {
			p := conditional(c.raw, "LOGIN", action)
			f := start(p, nil)
			if f.Status != UsernamePasswordRequired {
				t.Errorf("%s under %s, without a session: %s", action, c.raw, ends(f))
			}
			want := map[string]string{holds: due, not: Completed, unknown: notEvaluated}[c.known]
			if got := ends(start(p, session(50))); got != want {
				t.Errorf("%s under %s, with a session: %s, not %s", action, c.raw, got, want)
			}
			if !strings.Contains(c.raw, "secondsSince") { // the sign-on is another one by then
				if got := after(f); got != want {
					t.Errorf("%s under %s, after the password: %s, not %s", action, c.raw, got, want)
				}
			}
			// Before the sign-on nobody is known.
			p = conditional(c.raw, action)
			p.Actions = append(p.Actions, policy("", "LOGIN").Actions...)
			want = map[string]string{holds: due, not: UsernamePasswordRequired, undecided: notEvaluated, unknown: notEvaluated}[c.none]
			if got := ends(start(p, nil)); got != want {
				t.Errorf("%s under %s, before the sign-on: %s, not %s", action, c.raw, got, want)
			}
		}
	}
}

// TestConditionsOnTheAddress holds addresses against ranges. One that can't be
// read is in no range and outside of none.
func TestConditionsOnTheAddress(t *testing.T) {
	const raw = `{"ipRange":["10.0.0.0/8","2001:db8::/32"],"contains":"${flow.request.http.remoteIp}"}`
	for ip, want := range map[string]string{
		"10.1.2.3": noDevice, "10.255.255.255": noDevice, "11.0.0.0": Completed, "9.255.255.255": Completed,
		"::ffff:10.1.2.3": noDevice, "::ffff:11.1.2.3": Completed, "2001:db8::1": noDevice, "2001:DB8:0::1": noDevice, "2001:db8::1%eth0": noDevice, "2001:db9::1": Completed, "::1": Completed,
		"": notEvaluated, "10.1.2": notEvaluated, "10.1.2.3:80": notEvaluated, "[2001:db8::1]": notEvaluated, "localhost": notEvaluated, " 10.1.2.3": notEvaluated, "010.1.2.3": notEvaluated,
	} {
		p := conditional(raw, "LOGIN", "MULTI_FACTOR_AUTHENTICATION")
		if got := ends(Start(Flow{Policy: p, RemoteIP: ip}, session(1), Demand{}, noon)); got != want {
			t.Errorf("from %q: %s, not %s", ip, got, want)
		}
		// The address is that of who gives the password, whoever began the flow.
		x := facts()
		x.RemoteIP = ip
		f := running(UsernamePasswordRequired)
		f.Policy, f.RemoteIP = p, "11.0.0.0"
		if got := ends(checkPassword(f, x).Flow); got != want {
			t.Errorf("a password from %q: %s, not %s", ip, got, want)
		}
	}
}

// TestConditionsOnTheNextUser asks about whoever signs on now, not about the
// one whose session the browser has.
func TestConditionsOnTheNextUser(t *testing.T) {
	const raw = `{"value":"${user.population.id}","equals":"p1"}`
	p := conditional(raw, "LOGIN", "MULTI_FACTOR_AUTHENTICATION")
	f := Start(Flow{Policy: p, RemoteIP: "10.1.2.3", Population: "p1"}, session(1), Demand{Fresh: true}, noon)
	if f.Status != UsernamePasswordRequired || f.Population != "" {
		t.Fatalf("prompt=login: %+v", f)
	}
	x := facts()
	x.UserID, x.User.Population.ID = "v", "p2"
	if got := checkPassword(f, x).Flow; got.Status != Completed || got.Population != "p2" || got.User != "v" {
		t.Errorf("a user of another population: %s, %+v", ends(got), got)
	}
	x.User.Population.ID = "p1"
	if got := checkPassword(f, x).Flow; ends(got) != noDevice {
		t.Errorf("a user of that population: %s", ends(got))
	}
	again := restart(checkPassword(f, x).Flow, x).Flow
	if again.Status != UsernamePasswordRequired || again.Population != "" || again.User != "" {
		t.Errorf("begun anew: %+v", again)
	}
}

// TestFlowInTheMiddle: what was done in this flow is not asked for twice, even
// where the condition still holds; a session's is.
func TestFlowInTheMiddle(t *testing.T) {
	const inside = `{"ipRange":["0.0.0.0/0"],"contains":"${flow.request.http.remoteIp}"}`
	p := conditional(inside, "LOGIN")
	if got := ends(Start(Flow{Policy: p, RemoteIP: "10.1.2.3"}, session(1), Demand{}, noon)); got != UsernamePasswordRequired {
		t.Errorf("a session, where the condition holds: %s", got)
	}
	p = Policy{Actions: append(conditional(inside, "LOGIN").Actions, conditional(inside, "IDENTIFIER_FIRST").Actions...)}
	f := Start(Flow{Policy: p, RemoteIP: "10.1.2.3"}, nil, Demand{}, noon)
	got := checkPassword(f, facts()).Flow
	if got.Status != Completed || !got.AuthTime.Equal(noon) {
		t.Errorf("the password was given and the flow is %s", ends(got))
	}
	// A password that had to be changed counts once as well.
	x := facts()
	x.Credential.MustChange = true
	changing := checkPassword(f, x).Flow
	if changing.Status != MustChangePassword || len(changing.Done) > 0 || len(changing.Fresh) > 0 {
		t.Fatalf("a password that must be changed: %+v", changing)
	}
	x.Now = noon.Add(time.Minute)
	if got := resetPassword(changing, x).Flow; got.Status != Completed || !got.AuthTime.Equal(x.Now) {
		t.Errorf("it was changed and the flow is %s", ends(got))
	}
}
