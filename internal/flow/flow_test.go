package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// action is an action of a policy; "LOGIN 60" is due again after 60 seconds,
// "LOGIN ?" has a condition that nobody evaluates.
func action(text string) platform.SignOnPolicyAction {
	name, condition, _ := strings.Cut(text, " ")
	a := platform.SignOnPolicyAction{Type: name}
	switch condition {
	case "":
	case "?":
		a.Condition = json.RawMessage(`{"value":"${user.mfaEnabled}","equals":"true"}`)
	default:
		a.Condition = json.RawMessage(`{"secondsSince":"${session.lastSignOn.at}","greater":` + condition + `}`)
	}
	return a
}

func policy(name string, actions ...string) Policy {
	p := Policy{ID: name, Name: name}
	for _, a := range actions {
		p.Actions = append(p.Actions, action(a))
	}
	return p
}

// running is a flow that waits in a status.
func running(status string) Flow {
	f := Flow{ID: "f", Client: "c", ClientName: "App", Policy: policy("Single_Factor", "LOGIN"), Status: status, CreatedAt: noon.Add(-time.Minute), ExpiresAt: noon.Add(time.Minute), Browser: "b"}
	switch status {
	case UsernamePasswordRequired, SignOnRequired:
	case UserCodeRequired:
		f.Client, f.ClientName, f.Policy, f.Asked = "", "", Policy{}, Asked{Kind: ForDevice}
	case DAGConsentRequired:
		f.User, f.Hint, f.Session, f.AMR, f.AuthTime, f.Asked = "u", "joe", "s", []string{"pwd"}, noon.Add(-time.Minute), request().Asked
	case PasswordRequired:
		f.Hint = "joe"
	default:
		f.User, f.Hint, f.AMR, f.AuthTime = "u", "joe", []string{"pwd"}, noon.Add(-time.Minute)
	}
	return f
}

// facts are those of a user who gives the right password, and for password.reset
// a new one that the policy takes.
func facts() Facts {
	x := Facts{Now: noon, RemoteIP: "192.0.2.1", UserID: "u", User: platform.User{Username: "joe", Enabled: true, Population: platform.Reference{ID: "p1"}}, Verified: true, NewHash: "new",
		Credential: platform.Credential{Hash: "old", ChangedAt: noon.AddDate(0, 0, -1), Failures: 2}}
	x.Policy.Lockout.FailureCount, x.Policy.Lockout.DurationSeconds = 3, 900
	x.Policy.MaxAgeDays, x.Policy.History.Count, x.Policy.History.RetentionDays = 10, 6, 365
	return x
}

func statuses() []string {
	return []string{UsernamePasswordRequired, SignOnRequired, PasswordRequired, MustChangePassword, PasswordExpired, UserCodeRequired, DAGConsentRequired, Completed, Failed}
}

// TestEveryStatusAndAction holds the table: what each status offers, and that
// it admits nothing else.
func TestEveryStatusAndAction(t *testing.T) {
	offers := map[string][]string{
		UsernamePasswordRequired: {"usernamePassword.check", "session.reset"},
		SignOnRequired:           {"user.lookup", "session.reset"},
		PasswordRequired:         {"usernamePassword.check", "session.reset"},
		MustChangePassword:       {"password.reset", "session.reset"},
		PasswordExpired:          {"password.reset", "session.reset"},
		UserCodeRequired:         {"deviceAuthGrant.userCode.verify"},
		DAGConsentRequired:       {"deviceAuthGrant.consent", "session.reset"},
		Completed:                nil,
		Failed:                   nil,
	}
	media := []string{"usernamePassword.check", "password.reset", "session.reset", "user.lookup", "deviceAuthGrant.userCode.verify", "deviceAuthGrant.consent", "otp.check", "device.select", "password.forgot", "user.register", "", "usernamePassword", "usernamePassword.check2"}
	if len(Table()) != len(statuses()) {
		t.Errorf("the table has %d rows for %d statuses", len(Table()), len(statuses()))
	}
	for _, status := range statuses() {
		f := Flow{Status: status}
		if got := f.Offers(); !slices.Equal(got, offers[status]) {
			t.Errorf("%s offers %v", status, got)
		}
		for _, m := range media {
			a, err := f.Find(m)
			known := slices.Contains(media[:6], m)
			switch {
			case slices.Contains(offers[status], m):
				if err != nil || a.Media != m || a.Apply == nil {
					t.Errorf("%s does not admit %s: %v", status, m, err)
				}
				if b, err := f.Find(strings.ToUpper(m)); err != nil || b.Media != m {
					t.Errorf("media types are compared without case: %v", err)
				}
			case known && !errors.Is(err, fault.ActionNotOffered):
				t.Errorf("%s and %s: %v", status, m, err)
			case !known && !errors.Is(err, fault.WrongMedia):
				t.Errorf("%s and %q: %v", status, m, err)
			}
		}
	}
	for _, status := range []string{"", "OTP_REQUIRED"} {
		if got := (Flow{Status: status}).Offers(); got != nil {
			t.Errorf("the status %q offers %v", status, got)
		}
	}
}

// TestTransitions applies every action in every status that admits it, with
// every kind of facts, and holds the next status against the table's row.
func TestTransitions(t *testing.T) {
	with := func(changes ...func(*Facts)) Facts {
		x := facts()
		for _, change := range changes {
			change(&x)
		}
		return x
	}
	wrong := func(x *Facts) { x.Verified = false }
	locked := func(x *Facts) { x.Credential.UnlockAt = noon.Add(time.Minute) }
	disabled := func(x *Facts) { x.User.Enabled = false }
	mustChange := func(x *Facts) { x.Credential.MustChange = true }
	expired := func(x *Facts) { x.Credential.ChangedAt = noon.AddDate(0, 0, -11) }
	unmet := func(x *Facts) { x.Unmet = []platform.Unmet{{Rule: "length", Message: "too short"}} }
	unverified := func(x *Facts) { x.User.Lifecycle.Status = "VERIFICATION_REQUIRED" }
	nobody := func(x *Facts) {
		x.UserID, x.User, x.Credential, x.Verified = "", platform.User{}, platform.Credential{}, false
	}
	named := func(actions ...string) func(*Facts) { return func(x *Facts) { x.Request = request(actions...) } }
	here := func(x *Facts) { x.Session = &Session{ID: "s", User: "u", SignedOn: noon, Done: []string{"LOGIN"}} }
	says := func(member string, v any) func(*Facts) { return func(x *Facts) { x.Body = kind.Body{member: v} } }
	cases := []struct {
		name, media string
		policy      Policy
		x           Facts
		next        string // "" is the status it had
		refused     *fault.Fault
	}{
		{"right", "usernamePassword.check", policy("p", "LOGIN"), with(), Completed, nil},
		{"right, condition on the session", "usernamePassword.check", policy("p", "LOGIN 60"), with(), Completed, nil},
		{"wrong", "usernamePassword.check", policy("p", "LOGIN"), with(wrong, func(x *Facts) { x.Credential.Failures = 0 }), "", fault.BadCredentials},
		{"wrong, the last time", "usernamePassword.check", policy("p", "LOGIN"), with(wrong), "", fault.LockedOut},
		{"nobody has the name", "usernamePassword.check", policy("p", "LOGIN"), with(nobody), "", fault.BadCredentials},
		{"right but locked", "usernamePassword.check", policy("p", "LOGIN"), with(locked), "", fault.LockedOut},
		{"wrong and locked", "usernamePassword.check", policy("p", "LOGIN"), with(locked, wrong), "", fault.LockedOut},
		{"disabled", "usernamePassword.check", policy("p", "LOGIN"), with(disabled), "", fault.LockedOut},
		{"must change", "usernamePassword.check", policy("p", "LOGIN"), with(mustChange), MustChangePassword, nil},
		{"expired", "usernamePassword.check", policy("p", "LOGIN"), with(expired), PasswordExpired, nil},
		{"must change and expired", "usernamePassword.check", policy("p", "LOGIN"), with(mustChange, expired), MustChangePassword, nil},
		{"disabled before must change", "usernamePassword.check", policy("p", "LOGIN"), with(mustChange, disabled), "", fault.LockedOut},
		{"a mail address that is not verified", "usernamePassword.check", policy("p", "LOGIN"), with(unverified), Failed, nil},
		{"not verified and must change", "usernamePassword.check", policy("p", "LOGIN"), with(unverified, mustChange), Failed, nil},
		{"not verified and wrong", "usernamePassword.check", policy("p", "LOGIN"), with(unverified, wrong), "", fault.LockedOut},
		{"a second factor", "usernamePassword.check", policy("p", "LOGIN", "MULTI_FACTOR_AUTHENTICATION"), with(), Failed, nil},
		{"another action", "usernamePassword.check", policy("p", "LOGIN", "AGREEMENT"), with(), Failed, nil},
		{"a condition nobody evaluates", "usernamePassword.check", policy("p", "LOGIN", "AGREEMENT ?"), with(), Failed, nil},

		{"new password", "password.reset", policy("p", "LOGIN"), with(mustChange), Completed, nil},
		{"wrong current password", "password.reset", policy("p", "LOGIN"), with(wrong, func(x *Facts) { x.Credential.Failures = 0 }), "", fault.WrongPassword},
		{"wrong current password, the last time", "password.reset", policy("p", "LOGIN"), with(wrong), "", fault.LockedOut},
		{"right current password but locked", "password.reset", policy("p", "LOGIN"), with(locked), "", fault.LockedOut},
		{"disabled meanwhile", "password.reset", policy("p", "LOGIN"), with(disabled), "", fault.BadCredentials},
		{"too weak", "password.reset", policy("p", "LOGIN"), with(unmet), "", fault.Invalid},
		{"wrong current and too weak", "password.reset", policy("p", "LOGIN"), with(wrong, unmet, func(x *Facts) { x.Credential.Failures = 0 }), "", fault.WrongPassword},
		{"a second factor", "password.reset", policy("p", "LOGIN", "MULTI_FACTOR_AUTHENTICATION"), with(), Failed, nil},

		{"a name", "user.lookup", policy("p", "LOGIN"), with(), PasswordRequired, nil},
		{"a name that nobody has", "user.lookup", policy("p", "LOGIN"), with(nobody), PasswordRequired, nil},
		{"a name of a locked user", "user.lookup", policy("p", "LOGIN"), with(locked, disabled), PasswordRequired, nil},
		{"a name for another server", "user.lookup", discovering("LOGIN", "oe"), with(), Failed, nil},

		{"a code", "deviceAuthGrant.userCode.verify", policy("p", "LOGIN"), with(named("LOGIN")), UsernamePasswordRequired, nil},
		{"a code of an application that asks for the name", "deviceAuthGrant.userCode.verify", policy("p", "LOGIN"), with(named("IDENTIFIER_FIRST")), SignOnRequired, nil},
		{"a code, with a session", "deviceAuthGrant.userCode.verify", policy("p", "LOGIN"), with(named("LOGIN"), here), DAGConsentRequired, nil},
		{"a code, with a session that is not enough", "deviceAuthGrant.userCode.verify", policy("p", "LOGIN"), with(named("LOGIN", "MULTI_FACTOR_AUTHENTICATION"), here), Failed, nil},
		{"a code of nothing", "deviceAuthGrant.userCode.verify", policy("p", "LOGIN"), with(), "", fault.UserCodeWrong},
		{"allowed", "deviceAuthGrant.consent", policy("p", "LOGIN"), with(named("LOGIN"), here), Completed, nil},
		{"denied", "deviceAuthGrant.consent", policy("p", "LOGIN"), with(named("LOGIN"), here, says("accept", false)), Failed, nil},
		{"denied by nobody who is here", "deviceAuthGrant.consent", policy("p", "LOGIN"), with(named("LOGIN"), says("accept", false)), Failed, nil},
		{"allowed too late", "deviceAuthGrant.consent", policy("p", "LOGIN"), with(here), Failed, nil},
		{"allowed without a session", "deviceAuthGrant.consent", policy("p", "LOGIN"), with(named("LOGIN")), begin, nil},
		{"allowed in another session", "deviceAuthGrant.consent", policy("p", "LOGIN"), with(named("LOGIN"), here, func(x *Facts) { x.Session.ID = "t" }), begin, nil},
		{"allowed in somebody else's session", "deviceAuthGrant.consent", policy("p", "LOGIN"), with(named("LOGIN"), here, func(x *Facts) { x.Session.User = "v" }), begin, nil},
		{"allowed by somebody who is gone", "deviceAuthGrant.consent", policy("p", "LOGIN"), with(named("LOGIN"), here, nobody), begin, nil},
		{"allowed by somebody who is disabled", "deviceAuthGrant.consent", policy("p", "LOGIN"), with(named("LOGIN"), here, disabled), begin, nil},

		{"again", "session.reset", policy("p", "LOGIN"), with(), begin, nil},
		{"again, although the session was enough", "session.reset", policy("p", "LOGIN 60"), with(), begin, nil},
		{"again with nothing to do", "session.reset", policy("p"), with(), Failed, nil},
	}
	applied := map[string]bool{}
	for _, row := range Table() {
		for _, c := range cases {
			f := running(row.Status)
			f.Policy = c.policy
			first := UsernamePasswordRequired
			if row.Status == SignOnRequired || row.Status == PasswordRequired {
				f.Policy, first = identifierFirst(c.policy), SignOnRequired
			}
			if c.x.Body == nil {
				c.x.Body = kind.Body{"username": "joe", "password": "secret", "userCode": "BCDF-GHJK", "accept": true}
			}
			a, err := f.Find(c.media)
			if err != nil {
				continue
			}
			applied[row.Status+" "+c.media] = true
			before := fmt.Sprintf("%+v %+v", f, c.x)
			turn := a.Apply(f, c.x)
			name := row.Status + ", " + c.name
			want := c.next
			switch want {
			case "":
				want = row.Status
			case begin:
				want = first
			}
			if turn.Flow.Status != want || !refuses(turn.Refuse, c.refused) {
				t.Errorf("%s: %s, %v; not %s", name, turn.Flow.Status, turn.Refuse, want)
			}
			if want != row.Status && !slices.Contains(row.Next, want) {
				t.Errorf("%s leads to %s, which the table does not say", name, want)
			}
			if after := fmt.Sprintf("%+v %+v", f, c.x); after != before {
				t.Errorf("%s changed its arguments", name)
			}
			if !turn.Flow.ExpiresAt.Equal(noon.Add(Life)) || turn.Flow.ID != "f" || turn.Flow.Browser != "b" || !turn.Flow.CreatedAt.Equal(f.CreatedAt) {
				t.Errorf("%s: the flow became %+v", name, turn.Flow)
			}
			if c.refused != nil && turn.Flow.User != f.User {
				t.Errorf("%s: a refusal left the user %q", name, turn.Flow.User)
			}
			if turn.Flow.Status == Completed && turn.Flow.User != "u" {
				t.Errorf("%s: completed without a user", name)
			}
		}
	}
	for _, row := range Table() {
		for _, a := range row.Actions {
			if !applied[row.Status+" "+a.Media] {
				t.Errorf("%s in %s was not applied", a.Media, row.Status)
			}
		}
	}
}

// request is what a code stands for, of an application with such a policy.
func request(actions ...string) *Request {
	return &Request{Client: "c", ClientName: "App", Policy: policy("p", actions...), Asked: Asked{Kind: ForDevice, ID: "BCDFGHJK", Code: "BCDF-GHJK", Scopes: []string{"openid"}}}
}

// begin stands for the status in which a policy's first action begins.
const begin = "BEGIN"

// identifierFirst is the policy with IDENTIFIER_FIRST in place of LOGIN.
func identifierFirst(p Policy) Policy {
	p.Actions = slices.Clone(p.Actions)
	for i := range p.Actions {
		if p.Actions[i].Type == "LOGIN" {
			p.Actions[i].Type = "IDENTIFIER_FIRST"
		}
	}
	return p
}

// discovering is a policy of one action that sends the names with one of the
// pieces to an identity provider.
func discovering(action string, pieces ...string) Policy {
	p := policy("p", action)
	for _, piece := range pieces {
		r := platform.DiscoveryRule{IdentityProvider: platform.Reference{ID: "idp"}}
		r.Condition.Contains, r.Condition.Value = piece, "${identifier}"
		p.Actions[0].DiscoveryRules = append(p.Actions[0].DiscoveryRules, r)
	}
	return p
}

func refuses(err error, entry *fault.Fault) bool {
	if entry == nil {
		return err == nil
	}
	return errors.Is(err, entry)
}

func TestSignedOn(t *testing.T) {
	turn := checkPassword(running(UsernamePasswordRequired), facts())
	f, c := turn.Flow, turn.Credential
	if f.User != "u" || f.Hint != "joe" || !f.AuthTime.Equal(noon) || !slices.Equal(f.AMR, []string{"pwd"}) || !slices.Equal(f.Done, []string{"LOGIN", "IDENTIFIER_FIRST"}) || !slices.Equal(f.Fresh, f.Done) || f.RemoteIP != "192.0.2.1" || f.Population != "p1" {
		t.Errorf("the flow knows %+v", f)
	}
	if c.Failures != 0 || c.LastSignOn == nil || c.LastSignOn.At != "2026-03-01T12:00:00.000Z" || c.LastSignOn.RemoteIP != "192.0.2.1" || c.Hash != "old" {
		t.Errorf("the credential remembers %+v", c)
	}
	// A flow that goes on, or ends without a user, is no sign-on yet.
	unfinished := running(UsernamePasswordRequired)
	unfinished.Policy = policy("Multi_Factor", "LOGIN", "MULTI_FACTOR_AUTHENTICATION")
	turn = checkPassword(unfinished, facts())
	if turn.Credential.LastSignOn != nil || turn.Credential.Failures != 0 || turn.Flow.Failure.Code != "NO_USABLE_DEVICES" {
		t.Errorf("an unfinished sign-on: %+v, %+v", turn.Credential, turn.Flow.Failure)
	}
	x := facts()
	x.Credential.MustChange = true
	if turn = checkPassword(running(UsernamePasswordRequired), x); turn.Credential == nil || turn.Credential.Failures != 0 || !turn.Credential.MustChange || turn.Credential.LastSignOn != nil {
		t.Errorf("a password that must be changed: %+v", turn.Credential)
	}
	x.Credential.Failures = 0
	if turn = checkPassword(running(UsernamePasswordRequired), x); turn.Credential != nil {
		t.Errorf("nothing changed, nothing is kept: %+v", turn.Credential)
	}
}

func TestResetPassword(t *testing.T) {
	x := facts()
	x.Credential.MustChange = true
	turn := resetPassword(running(MustChangePassword), x)
	c := turn.Credential
	if c.Hash != "new" || c.MustChange || c.Failures != 0 || !c.ChangedAt.Equal(noon) || len(c.History) != 1 || c.History[0].Hash != "old" || c.LastSignOn == nil {
		t.Errorf("the credential became %+v", c)
	}
	if turn.Flow.User != "u" || !turn.Flow.AuthTime.Equal(noon) {
		t.Errorf("the flow became %+v", turn.Flow)
	}
	x.Unmet = []platform.Unmet{{Rule: "length", Message: "too short"}}
	turn = resetPassword(running(MustChangePassword), x)
	var f *fault.Fault
	if !errors.As(turn.Refuse, &f) || f.Details[0].Target != "newPassword" || f.Details[0].Message != "New password did not satisfy password policy requirements" || turn.Credential != nil {
		t.Errorf("a weak password: %v, %+v", turn.Refuse, turn.Credential)
	}
}

// TestLockout counts: the failure that reaches the limit locks, and from then
// on a right password is refused like a wrong one until the time is over.
func TestLockout(t *testing.T) {
	for _, who := range []string{"u", ""} {
		x := facts()
		x.UserID, x.Credential.Failures = who, 0
		f := running(UsernamePasswordRequired)
		for n := 1; n <= 3; n++ {
			x.Verified = false
			turn := checkPassword(f, x)
			if turn.Credential == nil || turn.Credential.Failures != n || turn.Credential.Locked(noon) != (n == 3) {
				t.Fatalf("%q, failure %d: %+v, %v", who, n, turn.Credential, turn.Refuse)
			}
			x.Credential, f = *turn.Credential, turn.Flow
		}
		for _, right := range []bool{true, false} {
			x.Verified = right
			turn := checkPassword(f, x)
			if !errors.Is(turn.Refuse, fault.LockedOut) || turn.Credential != nil || turn.Flow.Status != UsernamePasswordRequired || turn.Flow.User != "" {
				t.Errorf("%q, locked: %+v", who, turn)
			}
		}
		x.Now = noon.Add(900 * time.Second)
		x.Verified = false
		if turn := checkPassword(f, x); turn.Credential.Failures != 1 || !errors.Is(turn.Refuse, fault.BadCredentials) {
			t.Errorf("%q: the count begins anew after the lockout: %+v", who, turn.Credential)
		}
		x.Verified = true
		if turn := checkPassword(f, x); turn.Refuse != nil || turn.Credential.Failures != 0 || !turn.Credential.UnlockAt.IsZero() {
			t.Errorf("%q: after the lockout: %+v", who, turn)
		}
	}
	x := facts()
	x.Policy, x.Credential.Failures, x.Verified = platform.PasswordPolicy{}, 1000, false
	if turn := checkPassword(running(UsernamePasswordRequired), x); !errors.Is(turn.Refuse, fault.BadCredentials) {
		t.Errorf("a policy without lockout locks nobody: %v", turn.Refuse)
	}
}

// Whoever tries names must not see which exist.
func TestUnknownNameLooksLikeAWrongPassword(t *testing.T) {
	known, unknown := facts(), facts()
	known.Verified, unknown.Verified = false, false
	unknown.UserID, unknown.User = "", platform.User{}
	disabled := facts()
	disabled.User.Enabled = false
	for failures := range 3 {
		known.Credential.Failures, unknown.Credential.Failures, disabled.Credential.Failures = failures, failures, 0
		a, b := checkPassword(running(UsernamePasswordRequired), known), checkPassword(running(UsernamePasswordRequired), unknown)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("known %+v\nunknown %+v", a, b)
		}
	}
	var a, b *fault.Fault
	known.Credential.Failures = 0
	errors.As(checkPassword(running(UsernamePasswordRequired), known).Refuse, &a)
	errors.As(checkPassword(running(UsernamePasswordRequired), disabled).Refuse, &b)
	if a.Message != b.Message || !reflect.DeepEqual(a.Details, b.Details) {
		t.Errorf("a disabled user is told from a wrong password: %v, %v", a, b)
	}
}

func TestRestartForgetsThePerson(t *testing.T) {
	f := running(MustChangePassword)
	f.Done, f.Fresh, f.Session, f.RemoteIP, f.Population = []string{"LOGIN"}, []string{"LOGIN"}, "s", "198.51.100.1", "p1"
	f.Failure = &Failure{}
	got := restart(f, facts()).Flow
	want := Flow{ID: "f", Client: "c", ClientName: "App", Policy: f.Policy, Status: UsernamePasswordRequired, CreatedAt: f.CreatedAt, ExpiresAt: noon.Add(Life), Browser: "b", RemoteIP: "192.0.2.1"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestLife(t *testing.T) {
	f := Flow{}.Touch(noon)
	for after, want := range map[time.Duration]bool{0: false, Life - 1: false, Life: true, Life + 1: true} {
		if got := f.Expired(noon.Add(after)); got != want {
			t.Errorf("after %v: expired %v", after, got)
		}
	}
	for _, status := range statuses() {
		if got := (Flow{Status: status}).Interactive(); got != (status != Completed && status != Failed) {
			t.Errorf("%s is interactive: %v", status, got)
		}
	}
	if f := running(MustChangePassword).Cancel(); f.Status != Failed || f.Failure.Code != "access_denied" {
		t.Errorf("cancelled: %+v", f)
	}
}

func TestView(t *testing.T) {
	shown := Shown{Environment: "e", Self: "self", SignOnPage: "page", Resume: "resume"}
	waiting := running(UsernamePasswordRequired)
	done := running(Completed)
	done.Session = "s"
	withUser := shown
	withUser.UserID, withUser.User = "u", platform.User{Username: "joe", Name: platform.UserName{Given: "Joe"}}
	withPolicy := withUser
	withPolicy.User.Name, withPolicy.Policy = platform.UserName{}, kind.Body{"length": 8}
	failed := running(UsernamePasswordRequired).fail("NO_USABLE_DEVICES", "none")
	const rest = `"createdAt":"2026-03-01T11:59:00.000Z","environment":{"id":"e"},%s"expiresAt":"2026-03-01T12:01:00.000Z","id":"f","resumeUrl":"resume",%s"status":"%s"}`
	cases := []struct {
		name string
		f    Flow
		s    Shown
		want string
	}{
		{"waiting", waiting, shown, `{"_embedded":{"application":{"name":"App"}},"_links":{"self":{"href":"self"},"session.reset":{"href":"self"},"signOnPage":{"href":"page"},"usernamePassword.check":{"href":"self"}},` +
			fmt.Sprintf(rest, "", "", UsernamePasswordRequired)},
		{"waiting for a name", running(SignOnRequired), shown, `{"_embedded":{"application":{"name":"App"}},"_links":{"self":{"href":"self"},"session.reset":{"href":"self"},"signOnPage":{"href":"page"},"user.lookup":{"href":"self"}},` +
			fmt.Sprintf(rest, "", "", SignOnRequired)},
		{"waiting for the password of a name", running(PasswordRequired), shown, `{"_embedded":{"application":{"name":"App"}},"_links":{"self":{"href":"self"},"session.reset":{"href":"self"},"signOnPage":{"href":"page"},"usernamePassword.check":{"href":"self"}},` +
			fmt.Sprintf(rest, "", "", PasswordRequired)},
		{"must change", running(MustChangePassword), withPolicy, `{"_embedded":{"application":{"name":"App"},"passwordPolicy":{"length":8},"user":{"id":"u","username":"joe"}},"_links":{"password.reset":{"href":"self"},"self":{"href":"self"},"session.reset":{"href":"self"},"signOnPage":{"href":"page"}},` +
			fmt.Sprintf(rest, "", "", MustChangePassword)},
		{"completed", done, withUser, `{"_embedded":{"application":{"name":"App"},"user":{"id":"u","name":{"given":"Joe"},"username":"joe"}},"_links":{"self":{"href":"self"},"signOnPage":{"href":"page"}},` +
			fmt.Sprintf(rest, "", `"session":{"id":"s"},`, Completed)},
		{"failed", failed, shown, `{"_embedded":{"application":{"name":"App"}},"_links":{"self":{"href":"self"},"signOnPage":{"href":"page"}},` +
			fmt.Sprintf(rest, `"error":{"code":"NO_USABLE_DEVICES","message":"none"},`, "", Failed)},
	}
	for _, c := range cases {
		raw, err := json.Marshal(c.f.View(c.s))
		if err != nil || string(raw) != c.want {
			t.Errorf("%s: %s, %v\nnot %s", c.name, raw, err, c.want)
		}
	}
}

// TestResetOfSomebodyElse refuses a new password whose facts were found for
// another user than the flow has by now.
func TestResetOfSomebodyElse(t *testing.T) {
	turn := resetPassword(Flow{ID: "f", Status: MustChangePassword, User: "bobby"}, Facts{Now: noon, UserID: "alice", Verified: true, NewHash: "h"})
	if turn.Refuse == nil || turn.Credential != nil || turn.Flow.Status != MustChangePassword {
		t.Errorf("%+v", turn)
	}
}
