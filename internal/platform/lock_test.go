package platform

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"pixy/internal/fault"
)

// forEver is no time: an administrator's lock without an end.
var forEver time.Time

// An administrator's lock is not ended by what ends a lockout.
func TestLockOfAnAdministrator(t *testing.T) {
	p := standard(t) // five failures, 900 seconds
	old := Credential{Hash: "h", Failures: 3, FailedAt: noon.Add(-time.Minute), ChangedAt: noon}
	years := noon.AddDate(100, 0, 0)
	c := old.Lock(noon, forEver)
	if !c.Held || !c.Locked(noon) || !c.Locked(years) || !c.LockedAt.Equal(noon) || c.Hash != "h" || old.Held {
		t.Fatalf("locked: %+v", c)
	}
	for _, now := range []time.Time{noon, noon.Add(900 * time.Second), years} {
		if got := c.Status(p, now); got != "PASSWORD_LOCKED_OUT" {
			t.Errorf("at %v the state is %s", now, got)
		}
	}
	// Right and wrong passwords are refused alike, change nothing, and no time
	// of unlocking is told.
	for _, right := range []bool{true, false} {
		held := c
		for n := range 20 {
			now := noon.Add(time.Duration(n) * time.Hour)
			next, err := held.Checked(right, "password", p, now)
			var f *fault.Fault
			if !errors.As(err, &f) || !errors.Is(err, fault.LockedOut) || f.Details[0].Code != "PASSWORD_LOCKED_OUT" || f.Details[0].Target != "password" || f.Details[0].Inner != nil {
				t.Fatalf("a password that is right: %v: %v", right, err)
			}
			if !reflect.DeepEqual(next, held) {
				t.Fatalf("a password that is right: %v: the credential became %+v", right, next)
			}
		}
	}
	for what, next := range map[string]Credential{
		"failures forgiven": c.Forgiven(), "a sign-on": c.SignedOn(years, "::1"), "a new password": c.WithPassword("g", years, p),
		"one failure": c.Failed(p, noon), "one failure, long after": c.Failed(p, years), "a failure where none locks": c.Failed(PasswordPolicy{}, years),
	} {
		if !next.Held || !next.Locked(years) || !next.UnlockAt.IsZero() || !next.LockedAt.Equal(noon) {
			t.Errorf("%s ends the lock: %+v", what, next)
		}
	}
	if next := c.Forgiven(); next.Failures != 0 || !next.FailedAt.IsZero() {
		t.Errorf("the failures are forgiven under the lock: %+v", next)
	}
	// Unlock ends it, and forgets the failures.
	free := c.Unlock()
	if want := (Credential{Hash: "h", ChangedAt: noon, NotBefore: noon}); !reflect.DeepEqual(free, want) {
		t.Errorf("unlocked: %+v", free)
	}
	if next, err := free.Checked(true, "password", p, noon); err != nil || next.Locked(noon) {
		t.Errorf("after unlocking: %+v, %v", next, err)
	}
}

// A lock with an end ends by itself; and leaves failures to count as ever.
func TestLockUntil(t *testing.T) {
	p := standard(t)
	until := noon.Add(2 * time.Hour)
	c := Credential{Hash: "h", ChangedAt: noon}.Lock(noon, until)
	for _, now := range []time.Time{noon, noon.Add(901 * time.Second), until.Add(-1)} {
		next, err := c.Checked(true, "password", p, now)
		var f *fault.Fault
		if !errors.As(err, &f) || f.Details[0].Inner["secondsUntilUnlock"] != c.SecondsUntilUnlock(now) || !reflect.DeepEqual(next, c) {
			t.Errorf("at %v: %+v, %v", now, next, err)
		}
		if got := c.Forgiven(); !got.Locked(now) {
			t.Errorf("forgiven at %v, the lock is gone: %+v", now, got)
		}
	}
	if c.SecondsUntilUnlock(noon) != 7200 || c.Locked(until) || c.Status(p, until) != "OK" {
		t.Errorf("the lock ends after %d seconds; then it is %s", c.SecondsUntilUnlock(noon), c.Status(p, until))
	}
	if on, err := c.Checked(true, "password", p, until); err != nil || on.Locked(until) || on.Failures != 0 {
		t.Errorf("a right password after the lock: %+v, %v", on, err)
	}
	// Whatever came in between: five wrong passwords lock out again, for as long
	// as the policy says, and that lockout is forgiven by time as ever.
	for name, begin := range map[string]Credential{"at once": c, "after a sign-on": c.SignedOn(until, ""), "after a new password": c.WithPassword("g", until, p), "after failures before": Credential{Hash: "h", Failures: 4, FailedAt: noon}.Lock(noon, until)} {
		next, now := begin, until.Add(time.Minute)
		for n := 1; n <= 5; n++ {
			if next.Locked(now) {
				t.Fatalf("%s: locked before failure %d: %+v", name, n, next)
			}
			next, _ = next.Checked(false, "password", p, now)
			if next.Failures != n {
				t.Fatalf("%s: failure %d: %+v", name, n, next)
			}
		}
		if next.Held || !next.UnlockAt.Equal(now.Add(900*time.Second)) || !next.LockedAt.Equal(now) {
			t.Errorf("%s: five failures: %+v", name, next)
		}
		after, err := next.Checked(true, "password", p, now.Add(900*time.Second))
		if err != nil || after.Failures != 0 || !after.UnlockAt.IsZero() || after.Held {
			t.Errorf("%s: after that lockout: %+v, %v", name, after, err)
		}
	}
}

// A lock over a lockout, and one over another: the later word counts.
func TestLockOverLockout(t *testing.T) {
	p := standard(t)
	out := Credential{Hash: "h", Failures: 4, FailedAt: noon}.Failed(p, noon)
	if out.Held || !out.Locked(noon) {
		t.Fatalf("locked out: %+v", out)
	}
	over := noon.Add(900 * time.Second)
	for name, c := range map[string]struct {
		c    Credential
		want bool // locked when the lockout would be over
	}{
		"a lockout":                       {out, false},
		"then a lock":                     {out.Lock(noon, forEver), true},
		"then a shorter lock":             {out.Lock(noon, noon.Add(time.Second)), false},
		"then a longer lock":              {out.Lock(noon, over.Add(time.Second)), true},
		"a lock without end, then an end": {out.Lock(noon, forEver).Lock(noon, over), false},
		"an end, then none":               {out.Lock(noon, over).Lock(noon, forEver), true},
		"a lock, then unlocked":           {out.Lock(noon, forEver).Unlock(), false},
		"a lock until what is past":       {out.Lock(noon, noon.Add(-time.Hour)), false},
	} {
		if got := c.c.Locked(over); got != c.want {
			t.Errorf("%s: %v: %+v", name, got, c.c)
		}
	}
	if c := out.Lock(noon, noon.Add(-time.Hour)); c.Locked(noon) {
		t.Errorf("a lock until what is past locks: %+v", c)
	}
	if unlocked := out.Unlock(); unlocked.Failures != 0 || unlocked.Locked(noon) {
		t.Errorf("a lockout is unlocked, too: %+v", unlocked)
	}
}

// The lock is kept, and shown as PingOne shows it: without a time when it has
// no end.
func TestLockIsKeptAndShown(t *testing.T) {
	for name, c := range map[string]struct {
		c    Credential
		at   time.Time
		want string
	}{
		"without end":    {Credential{}.Lock(noon, forEver), noon.AddDate(1, 0, 0), `{"account":{"canAuthenticate":false,"lockedAt":"2026-03-01T12:00:00.000Z","status":"LOCKED"}}`},
		"until one":      {Credential{}.Lock(noon, noon.Add(time.Hour)), noon, `{"account":{"canAuthenticate":false,"lockedAt":"2026-03-01T12:00:00.000Z","secondsUntilUnlock":3600,"status":"LOCKED","unlockAt":"2026-03-01T13:00:00.000Z"}}`},
		"past":           {Credential{}.Lock(noon, noon.Add(time.Hour)), noon.Add(time.Hour), `{"account":{"canAuthenticate":true,"status":"OK"}}`},
		"unlocked again": {Credential{}.Lock(noon, forEver).Unlock(), noon, `{"account":{"canAuthenticate":true,"status":"OK"}}`},
	} {
		raw, err := json.Marshal(c.c)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ReadCredential(raw); err != nil || !reflect.DeepEqual(back, c.c) {
			t.Errorf("%s came back as %+v, %v", raw, back, err)
		}
		shown, err := users().Show("u", json.RawMessage(`{"enabled":true}`), raw, c.at)
		if got, _ := json.Marshal(shown); err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestForgotten(t *testing.T) {
	p := standard(t)
	c := Credential{}.Failed(p, noon)
	if got := c.Forgotten(p); !got.Equal(noon.Add(900 * time.Second)) {
		t.Errorf("the failure counts until %v", got)
	}
	if again := c.Failed(p, noon.Add(899*time.Second)); again.Failures != 2 {
		t.Errorf("before that: %+v", again)
	}
	if again := c.Failed(p, c.Forgotten(p)); again.Failures != 1 {
		t.Errorf("then: %+v", again)
	}
}
