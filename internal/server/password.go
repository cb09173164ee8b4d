package server

import (
	"context"
	"net/http"
	"reflect"
	"runtime"
	"time"

	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// hasher computes password hashes, a few at a time: each takes a core and the
// memory of its cost. Who has waited too long in a long line is sent away.
type hasher struct {
	cost   platform.HashCost
	chance func([]byte)
	slots  chan struct{}
	line   chan struct{}
	nobody string
}

// maxLine is how many may wait for a hash, for each that is computed.
const maxLine = 64

func newHasher(cost platform.HashCost, slots int, chance func([]byte)) *hasher {
	if slots <= 0 {
		slots = runtime.GOMAXPROCS(0)
	}
	var random [64]byte
	chance(random[:])
	return &hasher{
		cost: cost, chance: chance, slots: make(chan struct{}, slots), line: make(chan struct{}, slots*maxLine),
		nobody: platform.NobodysHash(random[:platform.SaltSize], random[platform.SaltSize:], cost),
	}
}

// enter waits for a slot; leave gives it back.
func (h *hasher) enter(ctx context.Context) (leave func(), err error) {
	select {
	case h.line <- struct{}{}:
	default:
		return nil, fault.TooManyHashes
	}
	defer func() { <-h.line }()
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// verify reports whether a password has a hash. Without a hash the answer is
// no, and takes as long.
func (h *hasher) verify(ctx context.Context, stored, password string) (bool, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	if stored == "" {
		_, err := platform.VerifyPassword(h.nobody, password)
		return false, err
	}
	return platform.VerifyPassword(stored, password)
}

func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	salt := make([]byte, platform.SaltSize)
	h.chance(salt)
	return platform.HashPassword(password, salt, h.cost), nil
}

// newPassword holds a password against the person's policy, and hashes it when
// it meets it. current is the current password when it is known, or "".
func (s *Server) newPassword(ctx context.Context, p person, current, password string) (hash string, unmet []platform.Unmet, err error) {
	c := platform.Candidate{Password: password, Current: current, User: p.User}
	if unmet = p.Policy.Unmet(c); len(unmet) > 0 {
		return "", unmet, nil
	}
	if c.Reused, err = s.reused(ctx, p, password); err != nil {
		return "", nil, err
	}
	if unmet = p.Policy.Unmet(c); len(unmet) > 0 {
		return "", unmet, nil
	}
	hash, err = s.hasher.hash(ctx, password)
	return hash, nil, err
}

func (s *Server) reused(ctx context.Context, p person, password string) (bool, error) {
	if p.Policy.History.Count == 0 {
		return false, nil
	}
	hashes := []string{p.Credential.Hash}
	for _, old := range p.Credential.History {
		hashes = append(hashes, old.Hash)
	}
	for _, h := range hashes {
		if h == "" {
			continue
		}
		if same, err := s.hasher.verify(ctx, h, password); err != nil || same {
			return same, err
		}
	}
	return false, nil
}

// The media types of /users/{id}/password.
const (
	mediaCheck = "application/vnd.pingidentity.password.check+json"
	mediaSet   = "application/vnd.pingidentity.password.set+json"
	mediaReset = "application/vnd.pingidentity.password.reset+json"
)

func (s *Server) readPassword(w http.ResponseWriter, r *http.Request) error {
	p, err := s.passwordOwner(r)
	if err != nil {
		return err
	}
	return s.answerPassword(w, r, p)
}

func (s *Server) passwordOwner(r *http.Request) (p person, err error) {
	env, id := r.PathValue("environment"), r.PathValue("user")
	err = s.db.View(r.Context(), env, func(tx *store.Tx) error {
		p, err = s.userByID(tx, id)
		return missing(err, notFound(s.kinds["user"].Table(), id, env))
	})
	return p, err
}

// answerPassword is the state of a password.
func (s *Server) answerPassword(w http.ResponseWriter, r *http.Request, p person) error {
	env := r.PathValue("environment")
	base := s.base + "/v1/environments/" + env
	self := base + "/users/" + p.ID + "/password"
	var policyID string
	err := s.db.View(r.Context(), env, func(tx *store.Tx) error {
		d, err := passwordPolicyDocument(tx, p.User.Population.ID)
		policyID = d.ID
		return err
	})
	if err != nil {
		return err
	}
	now := s.now()
	body := kind.Body{
		"_links": kind.Body{
			"self": kind.Href(self), "environment": kind.Href(base), "user": kind.Href(base + "/users/" + p.ID),
			"passwordPolicy": kind.Href(base + "/passwordPolicies/" + policyID),
			"password.check": kind.Href(self), "password.reset": kind.Href(self), "password.set": kind.Href(self),
		},
		"environment": kind.Body{"id": env}, "user": kind.Body{"id": p.ID}, "passwordPolicy": kind.Body{"id": policyID},
		"status": p.Credential.Status(p.Policy, now),
	}
	if !p.Credential.ChangedAt.IsZero() {
		body["lastChangedAt"] = platform.Stamp(p.Credential.ChangedAt)
	}
	if p.Credential.Locked(now) {
		body["secondsUntilUnlock"] = p.Credential.SecondsUntilUnlock(now)
	}
	return writeJSON(w, http.StatusOK, body)
}

// checkPassword is password.check: it verifies, and counts failures as a
// sign-on does.
func (s *Server) checkPassword(w http.ResponseWriter, r *http.Request) error {
	body, err := accepted(r, []kind.Field{secretField("password").Needed()})
	if err != nil {
		return err
	}
	p, err := s.passwordOwner(r)
	if err != nil {
		return err
	}
	right, err := s.hasher.verify(r.Context(), p.Credential.Hash, kind.At(body, "password"))
	if err != nil {
		return err
	}
	p, err = s.updatePassword(r, p, func(c platform.Credential, now time.Time) (platform.Credential, error) {
		return c.Checked(right, "password", p.Policy, now)
	})
	if err != nil {
		return err
	}
	return s.answerPassword(w, r, p)
}

// changePassword is password.set and password.reset. With the current password
// it is the owner who changes it, and a wrong one counts as a failed sign-on.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) error {
	member, fields := "value", []kind.Field{secretField("value").Needed(), {Name: "forceChange", Type: kind.Boolean}}
	if mediaOf(r) == mediaReset {
		member = "newPassword"
		fields = []kind.Field{secretField("currentPassword"), secretField("newPassword").Needed(), {Name: "forceChange", Type: kind.Boolean}}
	}
	body, err := accepted(r, fields)
	if err != nil {
		return err
	}
	p, err := s.passwordOwner(r)
	if err != nil {
		return err
	}
	current, password := kind.At(body, "currentPassword"), kind.At(body, member)
	if mediaOf(r) == mediaSet {
		if err := platform.InClear(member, password); err != nil {
			return err
		}
	}
	right := true
	if current != "" {
		if right, err = s.hasher.verify(r.Context(), p.Credential.Hash, current); err != nil {
			return err
		}
	}
	hash := ""
	if right {
		var unmet []platform.Unmet
		if hash, unmet, err = s.newPassword(r.Context(), p, current, password); err != nil {
			return err
		}
		if len(unmet) > 0 {
			return platform.Refuse(map[bool]string{true: "newPassword", false: "password"}[current != ""], unmet)
		}
	}
	force, _ := body["forceChange"].(bool)
	p, err = s.updatePassword(r, p, func(c platform.Credential, now time.Time) (platform.Credential, error) {
		if current != "" {
			if checked, err := c.Checked(right, "currentPassword", p.Policy, now); err != nil {
				return checked, err
			}
			if err := platform.Young(p.Policy, c, now); err != nil {
				return c, err
			}
		}
		c = c.WithPassword(hash, now, p.Policy)
		c.MustChange = force
		return c, nil
	})
	if err != nil {
		return err
	}
	return s.answerPassword(w, r, p)
}

// updatePassword decides on the credential as it is in the write, and keeps
// what the decision leaves, a refusal's traces included.
func (s *Server) updatePassword(r *http.Request, p person, decide func(platform.Credential, time.Time) (platform.Credential, error)) (person, error) {
	var refuse error
	var out person
	env := r.PathValue("environment")
	err := s.db.Update(r.Context(), env, func(tx *store.Tx) error {
		now, err := s.userByID(tx, p.ID)
		if err != nil {
			return missing(err, notFound(s.kinds["user"].Table(), p.ID, env))
		}
		if err := outranks(tx, r, p.ID); err != nil {
			return err
		}
		if now.Credential.Hash != p.Credential.Hash {
			return fault.Stale
		}
		out = now
		if out.Credential, refuse = decide(now.Credential, tx.Now()); reflect.DeepEqual(out.Credential, now.Credential) {
			return nil
		}
		if out.Credential.Hash != now.Credential.Hash { // sign-ons with the old password end
			if err := tx.EndOwner(p.ID); err != nil {
				return err
			}
		}
		return keepCredential(tx, now, out.Credential)
	})
	if err == nil {
		err = refuse
	}
	return out, err
}

func secretField(name string) kind.Field {
	return kind.Field{Name: name, Type: kind.Text, MinLen: 1, MaxLen: flow.MaxPassword}
}

// accepted reads a JSON body and holds it against a table of fields.
func accepted(r *http.Request, fields []kind.Field) (kind.Body, error) {
	sent, err := readJSON(r)
	if err != nil {
		return nil, err
	}
	body, details := kind.Accept(fields, kind.Create, nil, sent, nil)
	if len(details) > 0 {
		return nil, fault.Invalid.Detailed(details...)
	}
	return body, nil
}
