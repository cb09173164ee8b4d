package flow

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// TestWrongCodes ends a flow at the fifth, also when a right one stands between
// a restart; nothing is decided by it.
func TestWrongCodes(t *testing.T) {
	f := AskCode(Flow{ID: "f", Browser: "b"}, "", noon)
	for n := 1; n <= maxCodes; n++ {
		turn := verifyCode(f, Facts{Now: noon})
		f = turn.Flow
		if last := n == maxCodes; last != (f.Status == Failed) || last == errors.Is(turn.Refuse, fault.UserCodeWrong) || f.Asked.Failures != n || f.Denied() {
			t.Fatalf("wrong code %d: %+v", n, turn)
		}
	}
	f = AskCode(Flow{ID: "f", Browser: "b"}, "", noon)
	for range maxCodes - 1 {
		f = verifyCode(f, Facts{Now: noon}).Flow
	}
	if f = verifyCode(f, Facts{Now: noon, Request: request("LOGIN")}).Flow; f.Status != UsernamePasswordRequired || f.Asked.Failures != maxCodes-1 {
		t.Errorf("a right code after wrong ones: %+v", f)
	}
}

// TestCodeTellsWhatItIsFor: the application, its policy and the request are the
// code's; of the flow stay its browser and its past.
func TestCodeTellsWhatItIsFor(t *testing.T) {
	f := AskCode(Flow{ID: "f", Browser: "b", RemoteIP: "192.0.2.1"}, "XXXX-XXXX", noon)
	if f.Status != UserCodeRequired || !f.CreatedAt.Equal(noon) || !f.ExpiresAt.Equal(noon.Add(Life)) || !f.Approves() || f.Approved() || f.Denied() {
		t.Errorf("the flow begins as %+v", f)
	}
	session := &Session{ID: "s", User: "u", Username: "joe", SignedOn: noon.Add(-time.Hour), Done: []string{"LOGIN"}, AMR: []string{"pwd"}}
	got := verifyCode(f, Facts{Now: noon.Add(time.Minute), Request: request("LOGIN"), Session: session, Population: "p1"}).Flow
	want := Flow{ID: "f", Browser: "b", RemoteIP: "192.0.2.1", Client: "c", ClientName: "App", Policy: policy("p", "LOGIN"), Status: DAGConsentRequired,
		CreatedAt: noon, ExpiresAt: noon.Add(time.Minute + Life), User: "u", Session: "s", Hint: "joe", Population: "p1", AMR: session.AMR, Done: session.Done,
		AuthTime: session.SignedOn, Before: session.SignedOn, BeforeUser: "u", Asked: request().Asked}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestSignOnForADevice: the sign-on is remembered before the person decides.
func TestSignOnForADevice(t *testing.T) {
	for _, c := range []struct {
		name  string
		apply func(Flow, Facts) Turn
		from  string
	}{{"password", checkPassword, UsernamePasswordRequired}, {"new password", resetPassword, MustChangePassword}} {
		f := running(c.from)
		f.Asked = request().Asked
		turn := c.apply(f, facts())
		if turn.Flow.Status != DAGConsentRequired || !turn.SignedOn || turn.Credential.LastSignOn == nil || turn.Flow.Approved() || turn.Flow.Denied() {
			t.Errorf("%s: %+v", c.name, turn)
		}
		if plain := c.apply(running(c.from), facts()); plain.Flow.Status != Completed || !plain.SignedOn {
			t.Errorf("%s without a device: %+v", c.name, plain)
		}
	}
	x := facts()
	x.Verified = false
	if turn := checkPassword(running(UsernamePasswordRequired), x); turn.SignedOn {
		t.Error("a wrong password signs on")
	}
}

// TestDecision says how each end counts for who waits elsewhere.
func TestDecision(t *testing.T) {
	asked := request().Asked
	for _, c := range []struct {
		name             string
		f                Flow
		approved, denied bool
	}{
		{"allowed", Flow{Status: Completed, Asked: asked}, true, false},
		{"a sign-on of this browser", Flow{Status: Completed}, false, false},
		{"a sign-on that failed", Flow{Status: Failed}, false, false},
		{"to be decided", Flow{Status: DAGConsentRequired, Asked: asked}, false, false},
		{"denied", Flow{Status: DAGConsentRequired, Asked: asked}.Cancel(), false, true},
		{"cancelled before the sign-on", Flow{Status: UsernamePasswordRequired, Asked: asked}.Cancel(), false, true},
		{"cancelled by the one person", Flow{Status: DAGConsentRequired, User: "u", Asked: Asked{Kind: ForCIBA, ID: "i", User: "u"}}.Cancel(), false, true},
		{"cancelled by nobody knows whom", Flow{Status: UsernamePasswordRequired, Asked: Asked{Kind: ForCIBA, ID: "i", User: "u"}}.Cancel(), false, false},
		{"cancelled by somebody else", Flow{Status: DAGConsentRequired, User: "v", Asked: Asked{Kind: ForCIBA, ID: "i", User: "u"}}.Cancel(), false, false},
		{"cancelled before the code", AskCode(Flow{}, "BCDF-GHJK", noon).Cancel(), false, false},
	} {
		if c.f.Approved() != c.approved || c.f.Denied() != c.denied {
			t.Errorf("%s: approved %v, denied %v", c.name, c.f.Approved(), c.f.Denied())
		}
	}
}

// TestOnePerson: a request for one person is decided on by nobody else, with or
// without a session.
func TestOnePerson(t *testing.T) {
	r := *request("LOGIN")
	r.Asked = Asked{Kind: ForCIBA, ID: "i", User: "u", Scopes: []string{"openid"}, Message: "W4SCT"}
	session := func(user string) *Session {
		return &Session{ID: "s", User: user, Username: user, SignedOn: noon, Done: []string{"LOGIN"}, AMR: []string{"pwd"}}
	}
	begun := Flow{ID: "f", Browser: "b", Hint: "joe"}
	for name, c := range map[string]struct {
		session *Session
		status  string
	}{"no session": {nil, UsernamePasswordRequired}, "the person's": {session("u"), DAGConsentRequired}, "somebody else's": {session("v"), UsernamePasswordRequired}} {
		f := AskPerson(begun, r, c.session, noon)
		if f.Status != c.status || f.Hint != "joe" || f.Client != "c" || !reflect.DeepEqual(f.Asked, r.Asked) || !f.CreatedAt.Equal(noon) || !f.ExpiresAt.Equal(noon.Add(Life)) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	f := AskPerson(begun, r, nil, noon)
	if turn := checkPassword(f, facts()); turn.Flow.Status != DAGConsentRequired || !turn.SignedOn {
		t.Errorf("the person: %+v", turn)
	}
	x := facts()
	x.UserID = "v"
	turn := checkPassword(f, x)
	if turn.Flow.Status != Failed || turn.SignedOn || turn.Refuse != nil || turn.Flow.Denied() || turn.Credential.Failures != 0 || turn.Credential.LastSignOn != nil {
		t.Errorf("somebody else: %+v", turn)
	}
	x.Verified = false
	if turn := checkPassword(f, x); !errors.Is(turn.Refuse, fault.LockedOut) {
		t.Errorf("somebody else with a wrong password learns nothing: %v", turn.Refuse)
	}
	// However the flow came to be another's, the decision is not.
	f = running(DAGConsentRequired)
	f.Asked = r.Asked
	f.Asked.User = "w"
	x = facts()
	x.Session, x.Request, x.Body = session("u"), &r, kind.Body{"accept": true}
	if turn := consent(f, x); turn.Flow.Status == Completed {
		t.Error("somebody else allows it")
	}
	if raw := AskPerson(begun, r, nil, noon).View(Shown{})["deviceAuthGrant"].(kind.Body); raw["bindingMessage"] != "W4SCT" || raw["userCode"] != nil {
		t.Errorf("shown is %v", raw)
	}
}

// TestApprovalView shows what is decided on, and nothing of an application
// before the code was right.
func TestApprovalView(t *testing.T) {
	show := func(f Flow) string {
		view := f.View(Shown{Self: "self"})
		raw, err := json.Marshal(kind.Body{"a": view["deviceAuthGrant"], "e": view["_embedded"]})
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	for _, c := range []struct{ got, want string }{
		{show(AskCode(Flow{}, "", noon)), `{"a":{},"e":{}}`},
		{show(AskCode(Flow{}, "BCDF-GHJK", noon)), `{"a":{"userCode":"BCDF-GHJK"},"e":{}}`},
		{show(running(DAGConsentRequired)), `{"a":{"scopes":["openid"],"userCode":"BCDF-GHJK"},"e":{"application":{"name":"App"}}}`},
		{show(running(Completed)), `{"a":null,"e":{"application":{"name":"App"}}}`},
	} {
		if c.got != c.want {
			t.Errorf("%s, not %s", c.got, c.want)
		}
	}
}

// TestRestartKeepsWhatIsAsked: another account decides on the same request.
func TestRestartKeepsWhatIsAsked(t *testing.T) {
	f := restart(running(DAGConsentRequired), facts()).Flow
	if f.Status != UsernamePasswordRequired || f.User != "" || f.Session != "" || !reflect.DeepEqual(f.Asked, request().Asked) {
		t.Errorf("%+v", f)
	}
}
