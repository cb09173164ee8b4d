package flow

import (
	"slices"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
)

// checkPassword is usernamePassword.check. One switch shows every way it can
// end; a right password past the lockout is refused like a wrong one.
func checkPassword(f Flow, x Facts) Turn {
	f = f.Touch(x.Now)
	c := x.Credential
	switch {
	case c.Locked(x.Now):
		return Turn{Flow: f, Refuse: c.LockedOut("username", x.Now)}
	case !x.Verified || !x.User.Enabled: // a disabled user's right password is not confirmed either
		return wrongPassword(f, x)
	}
	if x.Rehash != "" {
		c.Hash = x.Rehash
	}
	f.User, f.Population, f.AuthTime, f.AMR = x.UserID, x.User.Population.ID, x.Now, []string{"pwd"}
	f.Hint, f.RemoteIP = x.User.Username, x.RemoteIP
	if status := x.User.Lifecycle.Status; status != "" && status != platform.LifecycleOK {
		c = c.Forgiven()
		return Turn{Flow: f.fail("REQUEST_FAILED", "The user's e-mail address must be verified first, which this server does not support yet"), Credential: &c}
	}
	if !f.Asked.concerns(x.UserID) {
		c = c.Forgiven()
		return Turn{Flow: f.fail("access_denied", "Somebody else was asked to decide on this request"), Credential: &c}
	}
	if f.elsewhere(x.User.Username) {
		c = c.Forgiven()
		return Turn{Flow: f.fail("REQUEST_FAILED", signsOnElsewhere), Credential: &c}
	}
	switch c.Status(x.Policy, x.Now) {
	case "MUST_CHANGE_PASSWORD":
		f.Status = MustChangePassword
	case "PASSWORD_EXPIRED":
		f.Status = PasswordExpired
	default:
		return signedOn(f, x, c)
	}
	if c.Failures == 0 && x.Rehash == "" {
		return Turn{Flow: f}
	}
	c = c.Forgiven()
	return Turn{Flow: f, Credential: &c}
}

// resetPassword is password.reset, for a password that must be changed before
// the sign-on goes on.
func resetPassword(f Flow, x Facts) Turn {
	f = f.Touch(x.Now)
	c := x.Credential
	switch {
	case f.User != x.UserID: // the flow went on to somebody else meanwhile
		return Turn{Flow: f, Refuse: fault.ActionNotOffered.Compared("the user who proved the password", "another")}
	case c.Locked(x.Now) || !x.Verified:
		c, err := c.Checked(x.Verified, "currentPassword", x.Policy, x.Now)
		return Turn{Flow: f, Credential: &c, Refuse: err}
	case !x.User.Enabled:
		return Turn{Flow: f, Refuse: fault.BadCredentials.Compared("an enabled user", "a disabled one")}
	case len(x.Unmet) > 0:
		return Turn{Flow: f, Refuse: platform.Refuse("newPassword", x.Unmet)}
	}
	f.AuthTime, f.RemoteIP = x.Now, x.RemoteIP
	return signedOn(f, x, c.WithPassword(x.NewHash, x.Now, x.Policy))
}

// wrongPassword counts the failure. The refusal is the same for a name that
// nobody has.
func wrongPassword(f Flow, x Facts) Turn {
	c := x.Credential.Failed(x.Policy, x.Now)
	if c.Locked(x.Now) {
		return Turn{Flow: f, Credential: &c, Refuse: c.LockedOut("username", x.Now)}
	}
	return Turn{Flow: f, Credential: &c, Refuse: fault.BadCredentials.Compared("the user's password", "another, or the user is disabled or unknown")}
}

// signedOn goes on with the policy's next action. The credential remembers the
// sign-on only when the whole policy is done.
func signedOn(f Flow, x Facts, c platform.Credential) Turn {
	f.Done = append(slices.Clone(f.Done), actionLogin, actionIdentifier)
	f.Fresh = append(slices.Clone(f.Fresh), actionLogin, actionIdentifier)
	f = f.advance(x.Now)
	c = c.Forgiven()
	if f.signedOn() {
		c = c.SignedOn(x.Now, x.RemoteIP)
	}
	return Turn{Flow: f, Credential: &c, SignedOn: f.signedOn()}
}

// restart is session.reset: the flow begins anew, with nobody.
func restart(f Flow, x Facts) Turn {
	fresh := Flow{ID: f.ID, Client: f.Client, ClientName: f.ClientName, Policy: f.Policy, CreatedAt: f.CreatedAt, Browser: f.Browser, RemoteIP: x.RemoteIP, Before: f.Before, BeforeUser: f.BeforeUser, Asked: f.Asked}
	return Turn{Flow: fresh.Touch(x.Now).advance(x.Now)}
}

// lookUp is user.lookup: the name is taken, and the password asked for. That
// nobody has the name shows with the password only.
func lookUp(f Flow, x Facts) Turn {
	f = f.Touch(x.Now)
	f.Hint = kind.At(x.Body, "username")
	if f.elsewhere(f.Hint) {
		return Turn{Flow: f.fail("REQUEST_FAILED", signsOnElsewhere)}
	}
	f.Status = PasswordRequired
	return Turn{Flow: f}
}

const signsOnElsewhere = "The sign-on policy sends this user to an identity provider, which this server does not support yet"

// elsewhere reports whether a discovery rule of the policy sends a username to
// an identity provider.
func (f Flow) elsewhere(username string) bool {
	return slices.ContainsFunc(f.Policy.Actions, func(a platform.SignOnPolicyAction) bool {
		return slices.ContainsFunc(a.DiscoveryRules, func(r platform.DiscoveryRule) bool { return r.Applies(username) })
	})
}
