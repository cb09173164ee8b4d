package manage

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// The media types of /users/{id}/password.
const (
	mediaCheck          = "application/vnd.pingidentity.password.check+json"
	mediaSet            = "application/vnd.pingidentity.password.set+json"
	mediaReset          = "application/vnd.pingidentity.password.reset+json"
	mediaUnlockPassword = "application/vnd.pingidentity.password.unlock+json"
	mediaSendRecovery   = "application/vnd.pingidentity.password.sendRecoveryCode+json"
	mediaRecover        = "application/vnd.pingidentity.password.recover+json"
)

func passwordFields() []kind.Field {
	id := func(name string) kind.Field {
		return kind.Field{Name: name, Type: kind.Object, Fields: []kind.Field{{Name: "id", Type: kind.Text}}}
	}
	return []kind.Field{
		{Name: "status", Type: kind.Text, Enum: []string{"OK", "NO_PASSWORD", "PASSWORD_EXPIRED", "PASSWORD_LOCKED_OUT", "MUST_CHANGE_PASSWORD", "EXTERNAL"}},
		id("user"), id("passwordPolicy"), {Name: "lastChangedAt", Type: kind.Time}, {Name: "secondsUntilUnlock", Type: kind.Number},
	}
}

func secretField(name string) kind.Field {
	return kind.Field{Name: name, Type: kind.Text, MinLen: 1, MaxLen: flow.MaxPassword}
}

// userPlace is the place of the user of a request.
func (a *API) userPlace(r Request) place {
	p := a.where(r, a.byName["user"], "environment")
	p.self = a.base + "/v1/environments/" + p.env + "/users"
	return p
}

// user reads the user of a request, as far as the roles reach.
func (a *API) user(tx *store.Tx, r Request) (facts.Person, error) {
	d, _, err := a.get(tx, r, a.userPlace(r))
	if err != nil {
		return facts.Person{}, err
	}
	return facts.PersonOf(tx, d)
}

func (a *API) viewUser(ctx context.Context, r Request) (p facts.Person, err error) {
	err = a.db.View(ctx, r.env(), func(tx *store.Tx) error {
		p, err = a.user(tx, r)
		return err
	})
	return p, err
}

func (a *API) readPassword(ctx context.Context, r Request) (Answer, error) {
	p, err := a.viewUser(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	return a.answerPassword(r, p), nil
}

// answerPassword is the state of a password.
func (a *API) answerPassword(r Request, p facts.Person) Answer {
	base := a.base + "/v1/environments/" + r.env()
	self := base + "/users/" + p.ID + "/password"
	links := kind.Body{
		"self": kind.Href(self), "environment": kind.Href(base), "user": kind.Href(base + "/users/" + p.ID),
		"passwordPolicy": kind.Href(base + "/passwordPolicies/" + p.PolicyID),
	}
	for _, rel := range []string{"check", "reset", "set", "recover", "unlock"} {
		links["password."+rel] = kind.Href(self)
	}
	now := a.now()
	body := kind.Body{
		"_links": links, "environment": kind.Body{"id": r.env()}, "user": kind.Body{"id": p.ID}, "passwordPolicy": kind.Body{"id": p.PolicyID},
		"status": p.Credential.Status(p.Policy, now),
	}
	if !p.Credential.ChangedAt.IsZero() {
		body["lastChangedAt"] = platform.Stamp(p.Credential.ChangedAt)
	}
	if p.Credential.Locked(now) && !p.Credential.UnlockAt.IsZero() {
		body["secondsUntilUnlock"] = p.Credential.SecondsUntilUnlock(now)
	}
	return Answer{Status: http.StatusOK, Body: body}
}

// postPassword is what POST does on a password, by media type.
func (a *API) postPassword(ctx context.Context, r Request) (Answer, error) {
	switch r.Media {
	case mediaUnlockPassword:
		return a.setCredential(ctx, r, "PASSWORD.UNLOCKED", func(c platform.Credential, _ time.Time) platform.Credential { return c.Unlock() })
	case mediaSendRecovery:
		if _, err := a.viewUser(ctx, r); err != nil {
			return Answer{}, err
		}
		return Answer{}, fault.RequestFailed.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "email", Message: "This server can't send e-mail yet, so it sends no recovery codes"})
	case mediaRecover:
		if _, err := a.viewUser(ctx, r); err != nil {
			return Answer{}, err
		}
		return Answer{}, fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "recoveryCode", Message: "The provided password recovery code was invalid or expired"})
	}
	return a.checkPassword(ctx, r)
}

// checkPassword is password.check: it verifies, and counts failures as a
// sign-on does.
func (a *API) checkPassword(ctx context.Context, r Request) (Answer, error) {
	body, err := accepted(r.Body, []kind.Field{secretField("password").Needed()})
	if err != nil {
		return Answer{}, err
	}
	p, err := a.viewUser(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	right, err := a.vault.Verify(ctx, p.Credential.Hash, kind.At(body, "password"))
	if err != nil {
		return Answer{}, err
	}
	p, err = a.updatePassword(ctx, r, p, "PASSWORD.CHECK_SUCCEEDED", func(c platform.Credential, now time.Time) (platform.Credential, error) {
		return c.Checked(right, "password", p.Policy, now)
	})
	if err != nil {
		return Answer{}, err
	}
	return a.answerPassword(r, p), nil
}

// change is a password that is to be set, from password.set or password.reset.
type change struct {
	member   string // of the body that holds it
	password string
	current  string // given by its owner, or ""
	force    bool
}

func readChange(r Request) (change, error) {
	c := change{member: "value"}
	fields := []kind.Field{secretField("value").Needed(), {Name: "forceChange", Type: kind.Boolean}}
	if r.Media == mediaReset {
		c.member = "newPassword"
		fields = []kind.Field{secretField("currentPassword"), secretField("newPassword").Needed(), {Name: "forceChange", Type: kind.Boolean}}
	}
	body, err := accepted(r.Body, fields)
	c.current, c.password = kind.At(body, "currentPassword"), kind.At(body, c.member)
	c.force, _ = body["forceChange"].(bool)
	return c, err
}

// changePassword is password.set and password.reset. With the current password
// it is the owner who changes it, and a wrong one counts as a failed sign-on.
func (a *API) changePassword(ctx context.Context, r Request) (Answer, error) {
	c, err := readChange(r)
	if err != nil {
		return Answer{}, err
	}
	p, err := a.viewUser(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	right := true
	if c.current != "" {
		if right, err = a.vault.Verify(ctx, p.Credential.Hash, c.current); err != nil {
			return Answer{}, err
		}
	}
	hash := ""
	if right {
		if hash, err = a.hashOf(ctx, r, p, c); err != nil {
			return Answer{}, err
		}
	}
	action := map[string]string{mediaSet: "PASSWORD.SET", mediaReset: "PASSWORD.RESET"}[r.Media]
	p, err = a.updatePassword(ctx, r, p, action, func(old platform.Credential, now time.Time) (platform.Credential, error) {
		if c.current != "" {
			if checked, err := old.Checked(right, "currentPassword", p.Policy, now); err != nil {
				return checked, err
			}
			if err := platform.Young(p.Policy, old, now); err != nil {
				return old, err
			}
		}
		next := old.WithPassword(hash, now, p.Policy)
		next.MustChange = c.force
		return next, nil
	})
	if err != nil {
		return Answer{}, err
	}
	return a.answerPassword(r, p), nil
}

// hashOf is the hash of a password that is to be set: one that an administrator
// brings along, or a new one when it meets the policy.
func (a *API) hashOf(ctx context.Context, r Request, p facts.Person, c change) (string, error) {
	if r.Media == mediaSet {
		encoded, err := platform.Encoded(c.member, c.password)
		if err != nil || encoded {
			return c.password, err
		}
	}
	hash, unmet, err := a.vault.NewPassword(ctx, p, c.current, c.password)
	if err == nil && len(unmet) > 0 {
		target := "password"
		if c.current != "" {
			target = "newPassword"
		}
		err = platform.Refuse(target, unmet)
	}
	return hash, err
}

// maxTries bounds how often a password is verified again because it changed
// meanwhile.
const maxTries = 3

// again does what is refused as stale once more: somebody else changed the
// password between its verification and the write.
func again(do handler) handler {
	return func(ctx context.Context, r Request) (Answer, error) {
		for range maxTries {
			out, err := do(ctx, r)
			if !errors.Is(err, fault.Stale) {
				return out, err
			}
		}
		return Answer{}, fault.Busy.Because(errors.New("the password changed at every try"))
	}
}

// updatePassword decides on the credential as it is in the write, and keeps
// what the decision leaves, a refusal's traces included.
func (a *API) updatePassword(ctx context.Context, r Request, p facts.Person, action string, decide func(platform.Credential, time.Time) (platform.Credential, error)) (facts.Person, error) {
	var refuse error
	var out facts.Person
	err := a.update(ctx, r, r.env(), func(tx *store.Tx, r Request) error {
		now, err := a.user(tx, r)
		if err != nil {
			return err
		}
		if err := mayTouch(tx, r); err != nil {
			return err
		}
		if now.Credential.Hash != p.Credential.Hash {
			return fault.Stale
		}
		out = now
		out.Credential, refuse = decide(now.Credential, tx.Now())
		return a.keepPassword(tx, r, now, out.Credential, action, refuse)
	})
	if err == nil {
		err = refuse
	}
	return out, err
}

// keepPassword keeps a credential that changed, and the event. A new password
// ends the sign-ons with the old one.
func (a *API) keepPassword(tx *store.Tx, r Request, was facts.Person, next platform.Credential, action string, refuse error) error {
	w := What{Action: action, Type: "USER", ID: was.ID, Name: was.User.Username, Population: was.User.Population.ID}
	switch {
	case refuse != nil && next.Locked(tx.Now()) && !was.Credential.Locked(tx.Now()):
		w.Action, w.Failure = "PASSWORD.LOCKED", "Password locked after too many failures"
	case refuse != nil:
		w.Action, w.Failure = "PASSWORD.CHECK_FAILED", "Password check failed"
	}
	if err := a.Record(tx, r, w); err != nil || reflect.DeepEqual(next, was.Credential) {
		return err
	}
	if next.Hash != was.Credential.Hash {
		if err := a.endUser(tx, r, was.ID); err != nil {
			return err
		}
	}
	return facts.KeepCredential(tx, was, next)
}

// importedPassword is the hash of the password that comes with a new user: one
// made elsewhere as it is, one in clear held against the policy of the
// population that the user is to be in.
func (a *API) importedPassword(ctx context.Context, r Request) (hash string, force bool, err error) {
	if r.Media != platform.ImportMedia || r.Body["password"] == nil {
		return "", false, nil
	}
	object, ok := r.Body["password"].(kind.Body)
	if !ok {
		return "", false, fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "password", Message: "must be an object"})
	}
	whole, err := accepted(kind.Body{"password": object}, []kind.Field{{Name: "password", Type: kind.Object,
		Fields: []kind.Field{secretField("value").Needed(), {Name: "forceChange", Type: kind.Boolean}}}})
	if err != nil {
		return "", false, err
	}
	body, _ := whole["password"].(kind.Body)
	force, _ = body["forceChange"].(bool)
	value := kind.At(body, "value")
	encoded, err := platform.Encoded("password.value", value)
	if err != nil || encoded {
		return value, force, err
	}
	p := facts.Person{User: platform.User{Username: kind.At(r.Body, "username"), Email: kind.At(r.Body, "email")}}
	population := kind.At(r.Body, "population.id")
	err = a.db.View(ctx, r.env(), func(tx *store.Tx) error {
		if population != "" {
			if _, err := tx.Get("population", population); err != nil {
				return facts.Missing(err, fault.Invalid.Detailed(refersToNothing("population.id", population)))
			}
		}
		p.Policy, p.PolicyID, err = facts.PasswordPolicy(tx, population)
		return err
	})
	if err != nil {
		return "", false, err
	}
	hash, unmet, err := a.vault.NewPassword(ctx, p, "", value)
	if err == nil && len(unmet) > 0 {
		err = platform.Refuse("password", unmet)
	}
	return hash, force, err
}
