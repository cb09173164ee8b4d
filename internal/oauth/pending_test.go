package oauth

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// polling is a poll of what somebody has allowed.
func polling() Exchange {
	return Exchange{
		Form: Form{"device_code": {"d"}}, Client: Client{ID: "me"}, Now: noon, UserActive: true, JKT: "key",
		Pending: &Pending{ClientID: "me", Scopes: []string{"openid"}, ExpiresAt: noon.Add(time.Second), Interval: 5,
			Approval: &Approval{User: "u", Session: "s", Family: "f", ACR: "Single_Factor", AMR: []string{"pwd"}, AuthTime: noon.Add(-time.Minute)}},
	}
}

// pollFlaws are what can be wrong with a poll, in the order in which it is told.
func pollFlaws() []flaw {
	open := func(x *Exchange) { x.Pending.Approval = nil }
	return []flaw{
		{"no code", func(x *Exchange) { delete(x.Form, "device_code") }, fault.PendingMissing},
		{"unknown", func(x *Exchange) { x.Pending = nil }, fault.PendingUnknown},
		{"another client's", func(x *Exchange) { x.Client.ID = "you" }, fault.PendingForeign},
		{"spent", func(x *Exchange) { x.Pending.Spent = true }, fault.PendingSpent},
		{"expired", func(x *Exchange) { x.Pending.ExpiresAt = x.Now }, fault.PendingExpired},
		{"denied", func(x *Exchange) { x.Pending.Denied = true }, fault.PendingDenied},
		{"too early", func(x *Exchange) { open(x); x.Pending.PolledAt = x.Now.Add(-time.Second) }, fault.PendingTooSoon},
		{"open", open, fault.PendingOpen},
		{"user gone", func(x *Exchange) { x.UserActive = false }, fault.PendingUserGone},
		{"another resource", func(x *Exchange) { x.Form["resource"] = []string{"https://other"} }, fault.TargetUnknown},
	}
}

// TestPollOrder makes every pair of flaws at once: the earlier one is told.
// Nothing but the client's own poll of what is open is remembered.
func TestPollOrder(t *testing.T) {
	all := pollFlaws()
	for i, first := range all {
		for _, second := range all[i:] {
			x := polling()
			second.make(&x)
			if x.Pending == nil && first.name != "no code" {
				continue
			}
			if x.Pending != nil || first.name == "no code" {
				first.make(&x)
			}
			out := decideDevice(x)
			if !refuses(out.Refuse, first.refused) {
				t.Errorf("%s and %s: %v", first.name, second.name, out.Refuse)
			}
			if out.Spend || out.Refresh != nil || out.End != nil || !reflect.DeepEqual(out.Issue, Issue{}) {
				t.Errorf("%s and %s: something is issued: %+v", first.name, second.name, out)
			}
			if kept := first.name == "too early" || first.name == "open"; (out.Pending != nil) != kept {
				t.Errorf("%s and %s: kept is %+v", first.name, second.name, out.Pending)
			}
		}
	}
}

func TestPollIssues(t *testing.T) {
	x := polling()
	want := Outcome{Spend: true, Issue: Issue{Subject: "u", Scopes: []string{"openid"}, Session: "s", Family: "f", ACR: "Single_Factor", AMR: []string{"pwd"},
		AuthTime: noon.Add(-time.Minute), JKT: "key"}}
	if out := decideDevice(x); !reflect.DeepEqual(out, want) {
		t.Errorf("got %+v", out)
	}
	x.Pending.PolledAt = x.Now // slow_down is a kind of authorization_pending
	if out := decideDevice(x); out.Refuse != nil {
		t.Errorf("what is allowed is told at once: %v", out.Refuse)
	}
	x.Client.GrantTypes = []string{"REFRESH_TOKEN"}
	x.Client.RefreshTokenDuration = 60
	if r := decideDevice(x).Refresh; r == nil || r.User != "u" || r.Session != "s" || r.Family != "f" || r.Generation != 1 {
		t.Errorf("the refresh token is %+v", r)
	}
}

// TestPace polls at times since the beginning; each early poll makes the
// interval five seconds longer, for good.
func TestPace(t *testing.T) {
	p := Pending{ClientID: "me", ExpiresAt: noon.Add(time.Hour), Interval: 5}
	for _, c := range []struct {
		at       time.Duration
		slow     bool
		interval int
	}{
		{0, false, 5}, // the first poll is never early
		{5 * time.Second, false, 5},
		{9501 * time.Millisecond, false, 5}, // half a second is the way's
		{14 * time.Second, true, 10},
		{23 * time.Second, true, 15},
		{38 * time.Second, false, 15},
		{38 * time.Second, true, 20},
		{58 * time.Second, false, 20},
	} {
		x := Exchange{Form: Form{"device_code": {"d"}}, Client: Client{ID: "me"}, Now: noon.Add(c.at), Pending: &p}
		out := decideDevice(x)
		want := fault.PendingOpen
		if c.slow {
			want = fault.PendingTooSoon
		}
		if !refuses(out.Refuse, want) || out.Pending == nil || out.Pending.Interval != c.interval || !out.Pending.PolledAt.Equal(x.Now) {
			t.Fatalf("after %v: %v, %+v", c.at, out.Refuse, out.Pending)
		}
		if p.PolledAt.Equal(x.Now) && c.at > 0 && !c.slow {
			t.Fatal("the poll changed its argument")
		}
		p = *out.Pending
	}
}

func TestOpen(t *testing.T) {
	open := Pending{ExpiresAt: noon.Add(time.Second)}
	spent, denied, allowed := open, open, open
	spent.Spent, denied.Denied, allowed.Approval = true, true, &Approval{}
	for _, c := range []struct {
		name string
		p    Pending
		at   time.Time
		want bool
	}{
		{"open", open, noon, true}, {"at its end", open, noon.Add(time.Second), false},
		{"spent", spent, noon, false}, {"denied", denied, noon, false}, {"allowed", allowed, noon, false},
	} {
		if got := c.p.Open(c.at); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestAcceptDevice(t *testing.T) {
	client := func(change func(*Client)) *Client {
		c := &Client{ID: "me", Application: platform.Application{GrantTypes: []string{"DEVICE_CODE"}, DeviceTimeout: 600, DevicePollingInterval: 5}}
		if change != nil {
			change(c)
		}
		return c
	}
	for _, c := range []struct {
		name    string
		client  *Client
		scope   string
		refused *fault.Fault
	}{
		{"openid", client(nil), "openid", nil},
		{"no scope", client(nil), "", nil},
		{"a scope that is not granted", client(nil), "nothing", fault.ScopeUnknown},
		{"a broken scope", client(nil), "a\"b", fault.ScopeBroken},
		{"no device codes", client(func(c *Client) { c.GrantTypes = []string{"AUTHORIZATION_CODE"} }), "openid", fault.DeviceNotAllowed},
		{"a restriction", client(func(c *Client) { c.AccessControl = []byte(`{"role":{"type":"ADMIN_USERS_ONLY"}}`) }), "openid", fault.AccessControlled},
	} {
		p, err := Authorization{Form: Form{"scope": {c.scope}}, Client: c.client}.AcceptDevice(noon)
		if !refuses(err, c.refused) {
			t.Errorf("%s: %v", c.name, err)
		}
		if want := (Pending{ClientID: "me", Scopes: Words(c.scope), ExpiresAt: noon.Add(10 * time.Minute), Interval: 5}); err == nil && !reflect.DeepEqual(p, want) {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
}

func TestVerificationURI(t *testing.T) {
	for _, c := range []struct{ path, custom, plain, complete string }{
		{"", "", "https://p/e/device/activate", "https://p/e/device/activate?user_code=BCDF-GHJK"},
		{"go", "", "https://p/e/device/go", "https://p/e/device/go?user_code=BCDF-GHJK"},
		{"go", "https://tv.example/link", "https://tv.example/link", "https://tv.example/link?user_code=BCDF-GHJK"},
		{"", "https://tv.example/?a=b", "https://tv.example/?a=b", "https://tv.example/?a=b&user_code=BCDF-GHJK"},
	} {
		client := Client{Application: platform.Application{DevicePathID: c.path, DeviceCustomVerificationURI: c.custom}}
		if plain, complete := client.VerificationURI("https://p/e", "BCDF-GHJK"); plain != c.plain || complete != c.complete {
			t.Errorf("%s, %s: %s %s", c.path, c.custom, plain, complete)
		}
	}
}

func TestUserCode(t *testing.T) {
	seen := map[rune]bool{}
	for n := range uint64(100000) {
		code := UserCode(n * 0x9e3779b97f4a7c15)
		if len(code) != 8 || ReadUserCode(code) != code {
			t.Fatalf("%d becomes %q, read as %q", n, code, ReadUserCode(code))
		}
		for _, r := range code {
			seen[r] = true
		}
	}
	for _, r := range "AEIOUY0123456789" {
		if seen[r] {
			t.Errorf("a code has %q", r)
		}
	}
	if len(seen) != 20 || UserCode(0) == UserCode(1) || UserCode(1<<34) == UserCode(0) {
		t.Errorf("%d letters", len(seen))
	}
	for typed, want := range map[string]string{
		"BCDF-GHJK": "BCDFGHJK", "bcdfghjk": "BCDFGHJK", " b c d f  g-h-j-k\t": "BCDFGHJK", "BCDF\u2011GHJK": "BCDFGHJK", "BCDF\u2013GHJK": "BCDFGHJK", "\u00a0BCDFGHJK": "BCDFGHJK",
		"": "", "BCDFGHJ": "", "BCDFGHJKL": "", "BCDFGHJA": "", "BCDF.GHJK": "", "BCDFGHJ\u212a": "", "BCDF%GHJ": "", "ßCDFGHJK": "", "BCDF_GHJK": "", strings.Repeat("-", 2000) + "BCDFGHJK": "",
	} {
		if got := ReadUserCode(typed); got != want {
			t.Errorf("%q is read as %q", typed, got)
		}
	}
	if ShowUserCode("BCDFGHJK") != "BCDF-GHJK" || ShowUserCode("") != "" {
		t.Error("a code is shown with a dash, nothing as nothing")
	}
}

func TestInWords(t *testing.T) {
	c := &Client{Scopes: []GrantedScope{{Name: "read:notes", Description: "Read your notes"}, {Name: "bare"}}}
	got := c.InWords([]string{"openid", "offline_access", "read:notes", "bare", "gone"})
	want := []string{"Know who you are", "Keep this access while you are away", "Read your notes", "bare", "gone"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}
