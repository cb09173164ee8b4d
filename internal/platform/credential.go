package platform

import (
	"encoding/json"
	"slices"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// Credential is what a sign-in changes about a user: the password's hash and
// its history, failures, lockout, the last sign-on. It stands beside the user
// under the same id, so that a sign-in never rewrites the user.
type Credential struct {
	Hash       string    `json:"hash,omitempty"` // PHC string
	ChangedAt  time.Time `json:"changedAt,omitzero"`
	MustChange bool      `json:"mustChange,omitempty"`
	History    []OldHash `json:"history,omitempty"`
	Failures   int       `json:"failures,omitempty"`
	FailedAt   time.Time `json:"failedAt,omitzero"` // the last failure
	LockedAt   time.Time `json:"lockedAt,omitzero"`
	UnlockAt   time.Time `json:"unlockAt,omitzero"`
	// Held is true while an administrator's lock holds, which failures
	// forgotten and right passwords do not end.
	Held bool `json:"held,omitempty"`
	// NotBefore is since when tokens count: those issued before a lock or a new
	// password do not.
	NotBefore  time.Time   `json:"notBefore,omitzero"`
	LastSignOn *LastSignOn `json:"lastSignOn,omitempty"`
}

// OldHash is a password that was used before.
type OldHash struct {
	Hash  string    `json:"hash"`
	Until time.Time `json:"until"`
}

// LastSignOn is when and from where a user signed on last.
type LastSignOn struct {
	At       string `json:"at"`
	RemoteIP string `json:"remoteIp,omitempty"`
}

// ReadCredential decodes a stored credential; a user without one has none.
func ReadCredential(body json.RawMessage) (Credential, error) {
	if body == nil {
		return Credential{}, nil
	}
	return kind.Read[Credential]("credential", body)
}

// Locked reports whether the account is locked out at this time.
func (c Credential) Locked(now time.Time) bool {
	return c.Held && c.UnlockAt.IsZero() || now.Before(c.UnlockAt)
}

// Takes reports whether a token that was issued then still counts.
func (c Credential) Takes(issued, now time.Time) bool {
	return !(c.Held && c.Locked(now)) && !issued.Before(c.NotBefore.Truncate(time.Second))
}

// Lock is an administrator's: until a time, or until it is ended.
func (c Credential) Lock(now, until time.Time) Credential {
	c.LockedAt, c.UnlockAt, c.Held, c.NotBefore = now, until, true, now
	return c
}

// Unlock ends every lock, and forgets the failures.
func (c Credential) Unlock() Credential {
	c.Held, c.Failures, c.FailedAt, c.LockedAt, c.UnlockAt = false, 0, time.Time{}, time.Time{}, time.Time{}
	return c
}

// SecondsUntilUnlock is the rest of the lockout, rounded up.
func (c Credential) SecondsUntilUnlock(now time.Time) int {
	return int((c.UnlockAt.Sub(now) + time.Second - 1) / time.Second)
}

// Failed counts a wrong password. The failure that reaches the policy's limit
// locks the account. The count begins anew when the lockout is over, and when
// the last failure is as long ago as a lockout lasts: so many tries in that
// time are as few as with the lockout.
func (c Credential) Failed(p PasswordPolicy, now time.Time) Credential {
	lockout := time.Duration(p.Lockout.DurationSeconds) * time.Second
	if c.Held && c.Locked(now) {
		return c
	}
	c.Held = false
	if !c.FailedAt.IsZero() && now.Sub(c.FailedAt) >= lockout || !c.UnlockAt.IsZero() && !c.Locked(now) {
		c = c.Forgiven()
	}
	c.Failures++
	c.FailedAt = now
	if p.Lockout.FailureCount > 0 && c.Failures >= p.Lockout.FailureCount {
		c.LockedAt, c.UnlockAt = now, now.Add(lockout)
	}
	return c
}

// Forgotten is when the failures count no more.
func (c Credential) Forgotten(p PasswordPolicy) time.Time {
	return c.FailedAt.Add(time.Duration(p.Lockout.DurationSeconds) * time.Second)
}

// Forgiven has no failures. An administrator's lock stays.
func (c Credential) Forgiven() Credential {
	if c.Held {
		c.Failures, c.FailedAt = 0, time.Time{}
		return c
	}
	return c.Unlock()
}

// SignedOn forgets the failures and remembers the sign-on.
func (c Credential) SignedOn(now time.Time, ip string) Credential {
	c = c.Forgiven()
	c.LastSignOn = &LastSignOn{At: Stamp(now), RemoteIP: ip}
	return c
}

// WithPassword takes a new password's hash. The one it replaces goes into the
// history, as far back as the policy looks.
func (c Credential) WithPassword(hash string, now time.Time, p PasswordPolicy) Credential {
	if c.Hash != "" && p.History.Count > 0 {
		c.History = append([]OldHash{{Hash: c.Hash, Until: now}}, c.History...)
		c.History = c.History[:min(len(c.History), p.History.Count)]
		if days := p.History.RetentionDays; days > 0 {
			c.History = slices.DeleteFunc(c.History, func(o OldHash) bool { return o.Until.Before(now.AddDate(0, 0, -days)) })
		}
	}
	c.Hash, c.ChangedAt, c.MustChange, c.NotBefore = hash, now, false, now
	return c.Forgiven()
}

// Status is the state of the password as the API names it.
func (c Credential) Status(p PasswordPolicy, now time.Time) string {
	switch {
	case c.Hash == "":
		return "NO_PASSWORD"
	case c.Locked(now):
		return "PASSWORD_LOCKED_OUT"
	case c.MustChange:
		return "MUST_CHANGE_PASSWORD"
	case p.MaxAgeDays > 0 && now.After(c.ChangedAt.AddDate(0, 0, p.MaxAgeDays)):
		return "PASSWORD_EXPIRED"
	}
	return "OK"
}

// Checked is the credential after a password was verified, and the refusal
// when it was wrong or the account is locked.
func (c Credential) Checked(right bool, target string, p PasswordPolicy, now time.Time) (Credential, error) {
	switch {
	case c.Locked(now):
		return c, c.LockedOut(target, now)
	case right:
		return c.Forgiven(), nil
	}
	c = c.Failed(p, now)
	if c.Locked(now) {
		return c, c.LockedOut(target, now)
	}
	message := "The provided password did not match provisioned password"
	if target == "currentPassword" {
		message = "The current password provided for the user is invalid"
	}
	refusal := fault.WrongPassword.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: target, Message: message})
	if p.Lockout.FailureCount > 0 {
		refusal.Details[0].Inner = map[string]any{"failuresRemaining": max(0, p.Lockout.FailureCount-c.Failures)}
	}
	return c, refusal
}

// LockedOut is the refusal of a locked account.
func (c Credential) LockedOut(target string, now time.Time) error {
	d := fault.Detail{Code: "PASSWORD_LOCKED_OUT", Target: target, Message: "Too many unsuccessful sign-on attempts. Your account is locked."}
	if !c.UnlockAt.IsZero() {
		d.Inner = map[string]any{"secondsUntilUnlock": c.SecondsUntilUnlock(now)}
	}
	return fault.LockedOut.Detailed(d)
}
