package flow

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
)

// TestIdentifierFirst walks the whole way: a name, its password, and back.
func TestIdentifierFirst(t *testing.T) {
	p := policy("p", "IDENTIFIER_FIRST")
	f := Start(Flow{ID: "f", Policy: p, Browser: "b", RemoteIP: "192.0.2.9"}, nil, Demand{}, noon)
	if f.Status != SignOnRequired || !f.Interactive() {
		t.Fatalf("begins as %s", ends(f))
	}
	x := facts()
	x.Now, x.Body = noon.Add(Life/2), kind.Body{"username": "Joe"}
	named := lookUp(f, x)
	if named.Refuse != nil || named.Credential != nil || named.Flow.Status != PasswordRequired || named.Flow.Hint != "Joe" || named.Flow.User != "" || !named.Flow.ExpiresAt.Equal(x.Now.Add(Life)) || !named.Flow.Interactive() {
		t.Fatalf("with a name: %+v", named)
	}
	// Whether anybody has the name does not show.
	nobody := Facts{Now: x.Now, Body: x.Body}
	if got := lookUp(f, nobody); !reflect.DeepEqual(got, named) {
		t.Errorf("a name that nobody has: %+v\nnot %+v", got, named)
	}
	wrong := facts()
	wrong.Verified, wrong.Credential.Failures = false, 0
	turn := checkPassword(named.Flow, wrong)
	if !errors.Is(turn.Refuse, fault.BadCredentials) || turn.Flow.Status != PasswordRequired || turn.Flow.Hint != "Joe" || turn.Credential.Failures != 1 {
		t.Errorf("a wrong password: %+v", turn)
	}
	turn = checkPassword(named.Flow, x)
	if got := turn.Flow; turn.Refuse != nil || got.Status != Completed || got.User != "u" || got.Hint != "joe" {
		t.Errorf("the right password: %+v, %v", got, turn.Refuse)
	}
	// Another person at the same browser begins with another name.
	back := restart(named.Flow, x).Flow
	if back.Status != SignOnRequired || back.Hint != "" || back.User != "" {
		t.Errorf("begun anew: %+v", back)
	}
	// Where both ways are asked for, one sign-on is both.
	both := running(UsernamePasswordRequired)
	both.Policy = policy("p", "LOGIN", "IDENTIFIER_FIRST")
	if got := checkPassword(both, facts()).Flow; got.Status != Completed {
		t.Errorf("both ways: %s", ends(got))
	}
	both.Policy = policy("p", "LOGIN", "IDENTIFIER_FIRST ?")
	if got := checkPassword(both, facts()).Flow; ends(got) != notEvaluated {
		t.Errorf("both ways, a condition nobody evaluates: %s", ends(got))
	}
}

// TestForbiddenMoves applies nothing where the status does not admit it, in a
// flow of IDENTIFIER_FIRST as in any other.
func TestForbiddenMoves(t *testing.T) {
	for status, forbidden := range map[string][]string{
		UsernamePasswordRequired: {"user.lookup", "password.reset"},
		SignOnRequired:           {"usernamePassword.check", "password.reset"},
		PasswordRequired:         {"user.lookup", "password.reset"},
		MustChangePassword:       {"user.lookup", "usernamePassword.check"},
		PasswordExpired:          {"user.lookup", "usernamePassword.check"},
		Completed:                {"user.lookup", "usernamePassword.check", "password.reset", "session.reset"},
		Failed:                   {"user.lookup", "usernamePassword.check", "password.reset", "session.reset"},
	} {
		for _, media := range forbidden {
			a, err := running(status).Find(media)
			var f *fault.Fault
			if !errors.As(err, &f) || !errors.Is(err, fault.ActionNotOffered) || a.Apply != nil || !strings.Contains(f.Details[0].Message, media) || !strings.Contains(f.Details[0].Message, status) {
				t.Errorf("%s in %s: %v", media, status, err)
			}
		}
	}
}

// TestBodies are the members that an action of IDENTIFIER_FIRST takes.
func TestBodies(t *testing.T) {
	accept := func(status, media, body string) []fault.Detail {
		a, err := running(status).Find(media)
		if err != nil {
			t.Fatal(err)
		}
		sent, err := kind.Decode([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		_, details, err := kind.Accept(a.Body, kind.Create, nil, sent, nil)
		if err != nil {
			t.Fatal(err)
		}
		return details
	}
	for _, c := range []struct {
		status, media, body string
		refused             []string // the targets
	}{
		{SignOnRequired, "user.lookup", `{"username":"joe"}`, nil},
		{SignOnRequired, "user.lookup", `{}`, []string{"username"}},
		{SignOnRequired, "user.lookup", `{"username":""}`, []string{"username"}},
		{SignOnRequired, "user.lookup", `{"username":7}`, []string{"username"}},
		{SignOnRequired, "user.lookup", `{"username":"` + strings.Repeat("a", 257) + `"}`, []string{"username"}},
		{PasswordRequired, "usernamePassword.check", `{"password":"x"}`, nil},
		{PasswordRequired, "usernamePassword.check", `{"username":"joe","password":"x"}`, nil},
		{PasswordRequired, "usernamePassword.check", `{"username":"joe"}`, []string{"password"}},
		{PasswordRequired, "usernamePassword.check", `{"password":""}`, []string{"password"}},
		{UsernamePasswordRequired, "usernamePassword.check", `{"password":"x"}`, []string{"username"}},
		{UsernamePasswordRequired, "usernamePassword.check", `{}`, []string{"username", "password"}},
	} {
		details := accept(c.status, c.media, c.body)
		var targets []string
		for _, d := range details {
			targets = append(targets, d.Target)
		}
		if !reflect.DeepEqual(targets, c.refused) {
			t.Errorf("%s in %s with %.60s refuses %v, not %v", c.media, c.status, c.body, targets, c.refused)
		}
	}
}

// TestNamed: the flow is about the name that it was given.
func TestNamed(t *testing.T) {
	for _, c := range []struct {
		status, hint, body, want string
		refused                  *fault.Fault
	}{
		{PasswordRequired, "Joe", `{"password":"x"}`, `{"password":"x","username":"Joe"}`, nil},
		{PasswordRequired, "Joe", `{"password":"x","username":""}`, `{"password":"x","username":"Joe"}`, nil},
		{PasswordRequired, "Joe", `{"password":"x","username":"joe"}`, `{"password":"x","username":"Joe"}`, nil},
		{PasswordRequired, "MÜLLER", `{"password":"x","username":"müller"}`, `{"password":"x","username":"MÜLLER"}`, nil},
		{PasswordRequired, "joe", `{"password":"x","username":"joan"}`, ``, fault.BadCredentials},
		{PasswordRequired, "joe", `{"password":"x","username":"joe "}`, ``, fault.BadCredentials},
		{UsernamePasswordRequired, "joe", `{"password":"x","username":"joan"}`, `{"password":"x","username":"joan"}`, nil},
		{UsernamePasswordRequired, "joe", `{"password":"x"}`, `{"password":"x"}`, nil},
		{SignOnRequired, "joe", `{"username":"joan"}`, `{"username":"joan"}`, nil},
		{MustChangePassword, "joe", `{"username":"joan"}`, `{"username":"joan"}`, nil},
	} {
		sent, err := kind.Decode([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Flow{Status: c.status, Hint: c.hint}.Named(sent)
		raw, _ := json.Marshal(got)
		if !refuses(err, c.refused) || err == nil && string(raw) != c.want {
			t.Errorf("%s of %s with %s: %s, %v", c.status, c.hint, c.body, raw, err)
		}
		if kept, _ := json.Marshal(sent); string(kept) != string(mustMarshal(t, c.body)) {
			t.Errorf("the body became %s", kept)
		}
	}
}

func mustMarshal(t *testing.T, text string) []byte {
	t.Helper()
	body, err := kind.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestDiscoveryRules: who belongs to an identity provider is not let in with a
// password; neither is anybody under a rule that is not understood.
func TestDiscoveryRules(t *testing.T) {
	strange := discovering("IDENTIFIER_FIRST", "@nowhere.example")
	strange.Actions[0].DiscoveryRules[0].Condition.Value = "${user.email}"
	nothing := discovering("IDENTIFIER_FIRST", "@nowhere.example")
	nothing.Actions[0].DiscoveryRules[0].Condition.Value = ""
	second := discovering("IDENTIFIER_FIRST", "@corp.example")
	second.Actions = append(policy("", "IDENTIFIER_FIRST").Actions, second.Actions...)
	for _, c := range []struct {
		name     string
		policy   Policy
		username string
		want     string
	}{
		{"no rules", policy("p", "IDENTIFIER_FIRST"), "joe@corp.example", PasswordRequired},
		{"another's domain", discovering("IDENTIFIER_FIRST", "@corp.example"), "joe@home.example", PasswordRequired},
		{"its domain", discovering("IDENTIFIER_FIRST", "@corp.example"), "joe@corp.example", notEvaluated},
		{"its domain in capitals", discovering("IDENTIFIER_FIRST", "@corp.example"), "JOE@CORP.EXAMPLE", notEvaluated},
		{"the rule in capitals", discovering("IDENTIFIER_FIRST", "@CORP.Example"), "joe@corp.example", notEvaluated},
		{"folded further", discovering("IDENTIFIER_FIRST", "@müller.example"), "joe@MÜLLER.example", notEvaluated},
		{"in the middle", discovering("IDENTIFIER_FIRST", "corp"), "joe@corp.example", notEvaluated},
		{"a part of it", discovering("IDENTIFIER_FIRST", "@corp.example"), "joe@corp", PasswordRequired},
		{"no pattern", discovering("IDENTIFIER_FIRST", "joe*"), "joe@corp.example", PasswordRequired},
		{"the second rule", discovering("IDENTIFIER_FIRST", "@nowhere.example", "@corp.example"), "joe@corp.example", notEvaluated},
		{"a rule without a text", discovering("IDENTIFIER_FIRST", ""), "joe@corp.example", notEvaluated},
		{"a rule about something else", strange, "joe@corp.example", notEvaluated},
		{"a rule about nothing", nothing, "joe@corp.example", notEvaluated},
		{"a rule of a second action", second, "joe@corp.example", notEvaluated},
	} {
		f := Start(Flow{ID: "f", Policy: c.policy, Browser: "b"}, nil, Demand{}, noon)
		x := facts()
		x.Body = kind.Body{"username": c.username}
		got := lookUp(f, x)
		if ends(got.Flow) != c.want || got.Refuse != nil || got.Credential != nil || got.Flow.User != "" {
			t.Errorf("%s: %s, %+v", c.name, ends(got.Flow), got)
		}
	}
}

// TestUnverifiedUser ends the flow of a user whose mail address is to be
// verified first, once the password was right: nobody else learns of it.
func TestUnverifiedUser(t *testing.T) {
	for status, good := range map[string]bool{"": true, platform.LifecycleOK: true, "VERIFICATION_REQUIRED": false, "account_ok": false, "ACCOUNT_GONE": false} {
		x := facts()
		x.User.Lifecycle.Status, x.Rehash = status, "better"
		for _, from := range []string{UsernamePasswordRequired, PasswordRequired} {
			turn := checkPassword(running(from), x)
			if good {
				if turn.Flow.Status != Completed || turn.Credential.LastSignOn == nil {
					t.Errorf("%q in %s: %s", status, from, ends(turn.Flow))
				}
				continue
			}
			c := turn.Credential
			if ends(turn.Flow) != notEvaluated || turn.Refuse != nil || len(turn.Flow.Done) > 0 || c == nil || c.LastSignOn != nil || c.Failures != 0 || c.Hash != "better" {
				t.Errorf("%q in %s: %+v, %+v", status, from, turn.Flow, c)
			}
		}
		x.Verified, x.Credential.Failures = false, 0
		if turn := checkPassword(running(UsernamePasswordRequired), x); !errors.Is(turn.Refuse, fault.BadCredentials) || turn.Flow.Status != UsernamePasswordRequired {
			t.Errorf("%q with a wrong password: %+v", status, turn)
		}
	}
}

// TestRehash: the hash of a right password is replaced by a better one, however
// the sign-on goes on, and of a wrong one never.
func TestRehash(t *testing.T) {
	with := func(changes ...func(*Facts)) Facts {
		x := facts()
		x.Rehash, x.Credential.Failures = "better", 0
		x.Credential.History = []platform.OldHash{{Hash: "older", Until: noon.AddDate(0, 0, -1)}}
		for _, change := range changes {
			change(&x)
		}
		return x
	}
	for _, c := range []struct {
		name   string
		x      Facts
		policy Policy
		status string
		hash   string // "" when the credential is not written
	}{
		{"completed", with(), policy("p", "LOGIN"), Completed, "better"},
		{"nothing better", with(func(x *Facts) { x.Rehash = "" }), policy("p", "LOGIN"), Completed, "old"},
		{"must change", with(func(x *Facts) { x.Credential.MustChange = true }), policy("p", "LOGIN"), MustChangePassword, "better"},
		{"must change, nothing better", with(func(x *Facts) { x.Credential.MustChange, x.Rehash = true, "" }), policy("p", "LOGIN"), MustChangePassword, ""},
		{"expired", with(func(x *Facts) { x.Credential.ChangedAt = noon.AddDate(0, 0, -11) }), policy("p", "LOGIN"), PasswordExpired, "better"},
		{"failed later", with(), policy("p", "LOGIN", "AGREEMENT"), Failed, "better"},
		{"wrong", with(func(x *Facts) { x.Verified = false }), policy("p", "LOGIN"), UsernamePasswordRequired, "old"},
		{"locked", with(func(x *Facts) { x.Credential.UnlockAt = noon.Add(1) }), policy("p", "LOGIN"), UsernamePasswordRequired, ""},
		{"held", with(func(x *Facts) { x.Credential.Held = true }), policy("p", "LOGIN"), UsernamePasswordRequired, ""},
		{"disabled", with(func(x *Facts) { x.User.Enabled = false }), policy("p", "LOGIN"), UsernamePasswordRequired, "old"},
	} {
		f := running(UsernamePasswordRequired)
		f.Policy = c.policy
		turn := checkPassword(f, c.x)
		hash := ""
		if turn.Credential != nil {
			hash = turn.Credential.Hash
			// It is the same password: neither new nor a used one.
			if !turn.Credential.ChangedAt.Equal(c.x.Credential.ChangedAt) || !reflect.DeepEqual(turn.Credential.History, c.x.Credential.History) || turn.Credential.MustChange != c.x.Credential.MustChange {
				t.Errorf("%s: the credential became %+v", c.name, turn.Credential)
			}
		}
		if turn.Flow.Status != c.status || hash != c.hash {
			t.Errorf("%s: %s with %q", c.name, ends(turn.Flow), hash)
		}
		if c.x.Credential.Hash != "old" {
			t.Errorf("%s: the facts were changed", c.name)
		}
	}
	// What is changed right away does not leave the better hash of the old one.
	x := with(func(x *Facts) { x.Credential.MustChange = true })
	if turn := resetPassword(running(MustChangePassword), x); turn.Credential.Hash != "new" || turn.Credential.History[0].Hash != "old" {
		t.Errorf("a new password: %+v", turn.Credential)
	}
}
