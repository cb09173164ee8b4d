package server

import (
	"context"
	"net/http"
	"strings"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// actOnFlow applies the action that Content-Type names (POST /{env}/flows/{flow}).
func (s *Server) actOnFlow(w http.ResponseWriter, r *http.Request) error {
	media, ok := strings.CutPrefix(mediaOf(r), flow.MediaPrefix)
	action, isJSON := strings.CutSuffix(media, flow.MediaSuffix)
	if !ok || !isJSON {
		return fault.WrongMedia.Saying("application/vnd.pingidentity.<action>+json, such as application/vnd.pingidentity.usernamePassword.check+json")
	}
	body, err := readJSON(r)
	if err != nil {
		return err
	}
	m := moveOf(r, r.PathValue("flow"), action, body)
	m.admit = func(app platform.Application) error { return s.trustOrigin(w, r, app) }
	made, err := s.make(r.Context(), m)
	if err != nil {
		return err
	}
	if made.token != "" {
		s.setSessionCookie(w, m.env, made.token)
	}
	return writeJSON(w, http.StatusOK, s.flowView(m.env, made.record, made.person, made.policy))
}

// move is one action of a browser on a flow. admit may refuse it for the sake
// of the application, when it is given.
type move struct {
	env, flow, token, action string
	ip, agent, correlation   string
	body                     kind.Body
	admit                    func(platform.Application) error
}

// maxAgent bounds what is kept of a browser's User-Agent, in bytes.
const maxAgent = 256

func moveOf(r *http.Request, flow, action string, body kind.Body) move {
	agent := strings.ToValidUTF8(r.UserAgent(), "")
	return move{env: r.PathValue("env"), flow: flow, token: sessionToken(r), action: action, body: body,
		ip: remoteIP(r), agent: agent[:min(len(agent), maxAgent)], correlation: correlation(r.Context())}
}

// made is what a move led to.
type made struct {
	record facts.FlowRecord
	person facts.Person
	policy kind.Body
	token  string // the session token, when it changed
	ended  bool   // the session of somebody else has
}

// maxTries bounds how often a move is made again because a password changed
// between its verification and the write.
const maxTries = 3

// make applies a move: the known are found first, hashing included, then one
// write decides on the flow and the credential as they are by then.
func (s *Server) make(ctx context.Context, m move) (made, error) {
	for range maxTries {
		out, again, err := s.try(ctx, m)
		if !again {
			return out, err
		}
	}
	return made{}, fault.Stale
}

func (s *Server) try(ctx context.Context, m move) (out made, again bool, err error) {
	action, p, known, err := s.look(ctx, m)
	if err != nil {
		return out, false, err
	}
	if err := s.verdict(ctx, action, p, &known); err != nil {
		return out, false, err
	}
	token, session := s.vault.NewToken(), s.vault.NewID()
	var refuse error
	err = s.db.Update(ctx, m.env, func(tx *store.Tx) error {
		tx = tx.Looking()
		known.Now = tx.Now()
		current, err := s.samePerson(tx, action, p, known.Body)
		if err != nil {
			return err
		}
		if again = current.Credential.Hash != p.Credential.Hash; again {
			return nil
		}
		known.Credential, known.User = current.Credential, current.User
		out, refuse, err = s.keepTurn(tx, m, current, known, token, session)
		return err
	})
	if err == nil && out.ended {
		s.notifier.ring()
	}
	if err == nil && !again {
		s.count(action, out, refuse)
	}
	if err == nil && !again {
		err = refuse
	}
	return out, again, err
}

// count counts a move that was made, well or not.
func (s *Server) count(a flow.Action, out made, refuse error) {
	s.metrics.Stepped(a.Media, out.record.Flow.Status)
	switch {
	case out.token != "":
		s.metrics.SignedOn(true)
	case refuse != nil && a.Needs == flow.NeedVerdict:
		s.metrics.SignedOn(false)
	}
}

// look opens the flow of a move, finds the action it admits, checks the body,
// and reads the person the action is about.
func (s *Server) look(ctx context.Context, m move) (action flow.Action, p facts.Person, known flow.Facts, err error) {
	err = s.db.Look(ctx, m.env, func(tx *store.Tx) error {
		shown, err := s.showFlow(tx, m.flow, m.token)
		if err != nil {
			return err
		}
		if m.admit != nil {
			if err := m.admit(shown.app); err != nil {
				return err
			}
		}
		if action, err = shown.record.Flow.Find(m.action); err != nil {
			return err
		}
		body, details, err := kind.Accept(action.Body, kind.Create, nil, m.body, nil)
		if err != nil {
			return err
		}
		if len(details) > 0 {
			return fault.Invalid.Detailed(details...)
		}
		if body, err = shown.record.Flow.Named(body); err != nil {
			return err
		}
		p, err = s.samePerson(tx, action, shown.person, body)
		known = flow.Facts{Body: body, RemoteIP: m.ip, UserID: p.ID, Policy: p.Policy}
		return err
	})
	return action, p, known, err
}

// verdict verifies the password of an action and, where it needs one, hashes
// the new password.
func (s *Server) verdict(ctx context.Context, a flow.Action, p facts.Person, x *flow.Facts) (err error) {
	if a.Secret == "" {
		return nil
	}
	password := kind.At(x.Body, a.Secret)
	if x.Verified, err = s.vault.Verify(ctx, p.Credential.Hash, password); err != nil || !x.Verified {
		return err
	}
	if a.Needs != flow.NeedNewPassword {
		if s.vault.Upgradable(p.Credential.Hash) {
			x.Rehash, err = s.vault.Hash(ctx, password)
		}
		return err
	}
	x.NewHash, x.Unmet, err = s.vault.NewPassword(ctx, p, password, kind.At(x.Body, "newPassword"))
	return err
}

// samePerson reads the person an action is about: by the username in the body,
// or the one who has proved the password already.
func (s *Server) samePerson(tx *store.Tx, a flow.Action, p facts.Person, body kind.Body) (facts.Person, error) {
	switch {
	case a.Needs == flow.NeedNothing, a.Needs == flow.NeedRequest && p.ID == "":
		return facts.Person{}, nil
	case a.Secret == "", a.Needs == flow.NeedNewPassword:
		found, err := facts.ByID(tx, p.ID)
		return found, facts.Missing(err, fault.FlowMissing)
	}
	username := kind.At(body, "username")
	found, err := facts.Named(tx, username)
	if err != nil || found.ID != "" {
		return found, err
	}
	t, err := s.records.Nobody.Get(tx, nobodyKey(tx.Env(), username))
	if isMissing(err) {
		return found, nil
	}
	if found.Version = t.Version; tx.Now().Before(t.Expires) {
		found.Credential = t.Body
	}
	return found, err
}

// nobodyKey names a username in its environment: a ticket is found by its key
// alone, and unlike a token a name is the same everywhere.
func nobodyKey(env, username string) string { return env + "\x00" + kind.FoldText(username) }

// keepTurn applies the action to the flow as it is now and keeps what changed.
func (s *Server) keepTurn(tx *store.Tx, m move, p facts.Person, known flow.Facts, token, session string) (out made, refuse, err error) {
	t, b, err := s.openFlow(tx, m.flow, m.token)
	if err != nil {
		return out, nil, err
	}
	action, err := t.Body.Flow.Find(m.action)
	if err != nil {
		return out, nil, err
	}
	known.Session, known.Population = b.session, b.population
	if action.Needs == flow.NeedRequest {
		if known.Request, err = s.requested(tx, t.Body.Flow.Asked, known.Body); err != nil {
			return out, nil, err
		}
	}
	turn := action.Apply(t.Body.Flow, known)
	if turn.Credential != nil {
		if err := s.keepCredential(tx, p, kind.At(known.Body, "username"), *turn.Credential); err != nil {
			return out, nil, err
		}
	}
	if err := s.recordTurn(tx, m, t.Body.Flow, p, action, turn); err != nil {
		return out, nil, err
	}
	if turn.SignedOn {
		signed := turn.Flow.SignOn(b.session, session, p.User.Username, b.hash)
		signed.Agent = m.agent
		turn.Flow.Session, turn.Flow.Browser = signed.ID, newBrowser(token).hash
		if out.ended, err = s.replaceSession(tx, b, token, signed); err != nil {
			return out, nil, err
		}
		out.token = token
	}
	if err := s.settle(tx, turn.Flow, s.vault.NewID()); err != nil {
		return out, nil, err
	}
	t.Body.Flow, t.Client, t.Expires = turn.Flow, turn.Flow.Client, turn.Flow.ExpiresAt
	// What took a hash, or somebody who is signed on, is not for anybody to do often.
	t.Freed = action.Secret != "" || turn.Flow.Session != ""
	if _, err := s.records.Flows.Save(tx, m.flow, t); err != nil {
		return out, nil, err
	}
	out.record = t.Body
	return out, turn.Refuse, s.showMade(tx, &out, p)
}

// showMade adds to what a move led to the person who is signed on now, and the
// policy of a password that must be changed.
func (s *Server) showMade(tx *store.Tx, out *made, p facts.Person) (err error) {
	f := out.record.Flow
	switch f.User {
	case "":
		return nil
	case p.ID:
		out.person = p
	default:
		if out.person, err = facts.ByID(tx, f.User); err != nil {
			return facts.Missing(err, fault.FlowMissing)
		}
	}
	if f.Status == flow.MustChangePassword || f.Status == flow.PasswordExpired {
		out.policy, err = s.policyView(tx, p.PolicyID)
	}
	return err
}

// keepCredential writes a credential back, that of nobody as a ticket.
func (s *Server) keepCredential(tx *store.Tx, p facts.Person, username string, c platform.Credential) error {
	if p.ID != "" {
		return facts.KeepCredential(tx, p, c)
	}
	key := nobodyKey(tx.Env(), username)
	t := store.Ticket[platform.Credential]{Version: p.Version, Body: c, Expires: c.Forgotten(p.Policy)}
	put := s.records.Nobody.Save
	if p.Version == 0 {
		put = s.records.Nobody.Put
	}
	_, err := put(tx, key, t)
	return err
}

// replaceSession gives the browser its session under a new token, as at every
// sign-on, or a new session in place of somebody else's, which has ended. When
// the old one was ended meanwhile, or changed, it is fault.Stale.
func (s *Server) replaceSession(tx *store.Tx, b browser, token string, signed flow.Session) (ended bool, err error) {
	next := store.Ticket[flow.Session]{ID: signed.ID, Owner: signed.User, Body: signed, Version: b.version}
	if b.session != nil && b.session.ID == signed.ID {
		_, err = s.records.Sessions.Move(tx, token, next)
		return false, err
	}
	if b.session != nil {
		old := store.Ticket[flow.Session]{ID: b.session.ID, Version: b.version, Body: *b.session}
		if err := s.records.EndSession(tx, old); err != nil {
			return false, err
		}
	}
	_, err = s.records.Sessions.Put(tx, token, next)
	return b.session != nil, err
}
