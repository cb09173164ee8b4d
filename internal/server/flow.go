package server

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// openFlow reads a flow for the browser that presents a session token.
func (s *Server) openFlow(tx *store.Tx, id, token string) (store.Ticket[flowRecord], browser, error) {
	t, err := s.records.flows.Get(tx, id)
	if errors.Is(err, store.ErrMissing) {
		return t, browser{}, fault.FlowMissing
	}
	if err != nil {
		return t, browser{}, err
	}
	b, err := s.browser(tx, token)
	switch {
	case err != nil:
		return t, b, err
	case !t.Body.Flow.BelongsTo(b.hash, b.session):
		return t, b, fault.FlowForeign
	case t.Body.Flow.Expired(tx.Now()):
		return t, b, fault.FlowMissing.Compared("an interaction within 15 minutes", "none since "+platform.Stamp(t.Body.Flow.ExpiresAt.Add(-flow.Life)))
	}
	return t, b, nil
}

// readFlow shows a flow (GET /{env}/flows/{flow}).
func (s *Server) readFlow(w http.ResponseWriter, r *http.Request) error {
	env := r.PathValue("env")
	var shown shownFlow
	err := s.db.View(r.Context(), env, func(tx *store.Tx) (err error) {
		shown, err = s.showFlow(tx, r.PathValue("flow"), sessionToken(r))
		return err
	})
	if err != nil {
		return err
	}
	if err := s.trustOrigin(w, r, shown.app); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.flowView(env, shown.record, shown.person, shown.policy))
}

// shownFlow is a flow and what its answer or its page needs beside it.
type shownFlow struct {
	record flowRecord
	app    platform.Application
	person person
	policy kind.Body // when a new password is due
	signed *flow.Session
	ticket store.Ticket[flowRecord]
}

func (s *Server) showFlow(tx *store.Tx, id, token string) (out shownFlow, err error) {
	t, b, err := s.openFlow(tx, id, token)
	if err != nil {
		return out, err
	}
	out.record, out.signed, out.ticket = t.Body, b.session, t
	f := t.Body.Flow
	if out.app, _, err = readDocument[platform.Application](tx, "application", f.Client); err != nil {
		return out, missing(err, fault.FlowMissing)
	}
	if !out.app.Enabled {
		return out, fault.FlowMissing.Compared("an enabled application", "a disabled one")
	}
	if f.User == "" {
		return out, nil
	}
	if out.person, err = s.userByID(tx, f.User); err != nil {
		return out, missing(err, fault.FlowMissing)
	}
	if f.Status == flow.MustChangePassword || f.Status == flow.PasswordExpired {
		out.policy, err = s.policyView(tx, out.person.User.Population.ID)
	}
	return out, err
}

// missing turns the absence of a document into a refusal.
func missing(err error, refusal *fault.Fault) error {
	if errors.Is(err, store.ErrMissing) {
		return refusal.Because(err)
	}
	return err
}

func (s *Server) policyView(tx *store.Tx, population string) (kind.Body, error) {
	d, err := passwordPolicyDocument(tx, population)
	if err != nil {
		return nil, err
	}
	body, err := decode[kind.Body](d)
	if err != nil {
		return nil, err
	}
	out := kind.Show(s.kinds["passwordPolicy"].Table().Fields, body)
	out["id"] = d.ID
	return out, nil
}

func (s *Server) flowView(env string, record flowRecord, p person, policy kind.Body) kind.Body {
	f := record.Flow
	return f.View(flow.Shown{
		Environment: env, Self: s.flowURL(env, f.ID), SignOnPage: s.signOnURL(env, f.ID), Resume: s.resumeURL(env, f.ID),
		UserID: p.ID, User: p.User, Policy: policy,
	})
}

// actOnFlow applies the action that Content-Type names (POST /{env}/flows/{flow}).
func (s *Server) actOnFlow(w http.ResponseWriter, r *http.Request) error {
	media, ok := strings.CutPrefix(mediaOf(r), flow.MediaPrefix)
	action, isJSON := strings.CutSuffix(media, flow.MediaSuffix)
	if !ok || !isJSON {
		return fault.WrongMedia.Saying("application/vnd.pingidentity.<action>+json, such as application/vnd.pingidentity.usernamePassword.check+json")
	}
	env := r.PathValue("env")
	m := move{env: env, flow: r.PathValue("flow"), token: sessionToken(r), action: action, ip: remoteIP(r)}
	shown, err := s.look(r.Context(), m)
	if err != nil {
		return err
	}
	if err := s.trustOrigin(w, r, shown.app); err != nil {
		return err
	}
	if m.body, err = readJSON(r); err != nil {
		return err
	}
	made, err := s.make(r.Context(), m)
	if err != nil {
		return err
	}
	if made.token != "" {
		s.setSessionCookie(w, env, made.token)
	}
	return writeJSON(w, http.StatusOK, s.flowView(env, made.record, made.person, made.policy))
}

// look opens the flow of a move and checks that it admits the action, before
// a body is read.
func (s *Server) look(ctx context.Context, m move) (shown shownFlow, err error) {
	err = s.db.View(ctx, m.env, func(tx *store.Tx) error {
		if shown, err = s.showFlow(tx, m.flow, m.token); err != nil {
			return err
		}
		_, err = shown.record.Flow.Find(m.action)
		return err
	})
	return shown, err
}

// move is one action of a browser on a flow.
type move struct {
	env, flow, token, action, ip string
	body                         kind.Body
}

// made is what a move led to.
type made struct {
	record flowRecord
	person person
	policy kind.Body
	token  string // the session token, when it changed
}

// maxTries bounds how often a move is made again because a password changed
// between its verification and the write.
const maxTries = 3

// make applies a move: the facts are found first, hashing included, then one
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
	shown, err := s.look(ctx, m)
	if err != nil {
		return out, false, err
	}
	action, err := shown.record.Flow.Find(m.action)
	if err != nil {
		return out, false, err
	}
	body, details := kind.Accept(action.Body, kind.Create, nil, m.body, nil)
	if len(details) > 0 {
		return out, false, fault.Invalid.Detailed(details...)
	}
	facts, p, err := s.flowFacts(ctx, m, action, shown, body)
	if err != nil {
		return out, false, err
	}
	facts.RemoteIP = m.ip
	token, session := s.newToken(), s.newID()
	var refuse error
	err = s.db.Update(ctx, m.env, func(tx *store.Tx) error {
		again = false
		facts.Now = tx.Now()
		current, err := s.samePerson(tx, m, action, p, body)
		if err != nil {
			return err
		}
		if current.Credential.Hash != p.Credential.Hash {
			again = true
			return nil
		}
		facts.Credential, facts.User = current.Credential, current.User
		out, refuse, err = s.keepTurn(tx, m, current, facts, token, session)
		return err
	})
	if err == nil && !again {
		err = refuse
	}
	return out, again, err
}

// flowFacts finds what an action needs: the person, and the verdict on the
// password.
func (s *Server) flowFacts(ctx context.Context, m move, a flow.Action, shown shownFlow, body kind.Body) (flow.Facts, person, error) {
	x := flow.Facts{Body: body}
	if a.Needs == flow.NeedNothing {
		return x, person{}, nil
	}
	var p person
	err := s.db.View(ctx, m.env, func(tx *store.Tx) (err error) {
		p, err = s.samePerson(tx, m, a, shown.person, body)
		return err
	})
	if err != nil {
		return x, p, err
	}
	x.UserID, x.Policy = p.ID, p.Policy
	if x.Verified, err = s.hasher.verify(ctx, p.Credential.Hash, kind.At(body, a.Secret)); err != nil || !x.Verified || a.Needs != flow.NeedNewPassword {
		return x, p, err
	}
	x.NewHash, x.Unmet, err = s.newPassword(ctx, p, kind.At(body, a.Secret), kind.At(body, "newPassword"))
	return x, p, err
}

// samePerson reads the person an action is about: by the username in the body,
// or the one who has proved the password already.
func (s *Server) samePerson(tx *store.Tx, m move, a flow.Action, p person, body kind.Body) (person, error) {
	switch {
	case a.Needs == flow.NeedNothing:
		return person{}, nil
	case a.Needs == flow.NeedNewPassword:
		found, err := s.userByID(tx, p.ID)
		return found, missing(err, fault.FlowMissing)
	}
	username := kind.At(body, "username")
	found, err := s.userNamed(tx, username)
	if err != nil || found.ID != "" {
		return found, err
	}
	t, err := s.records.nobody.Get(tx, nobodyKey(username))
	if errors.Is(err, store.ErrMissing) || err == nil && !tx.Now().Before(t.Expires) {
		return found, nil
	}
	found.Credential = t.Body
	return found, err
}

func nobodyKey(username string) string { return kind.FoldText(username) }

// keepTurn applies the action to the flow as it is now and keeps what changed.
func (s *Server) keepTurn(tx *store.Tx, m move, p person, facts flow.Facts, token, session string) (out made, refuse, err error) {
	t, b, err := s.openFlow(tx, m.flow, m.token)
	if err != nil {
		return out, nil, err
	}
	action, err := t.Body.Flow.Find(m.action)
	if err != nil {
		return out, nil, err
	}
	turn := action.Apply(t.Body.Flow, facts)
	if turn.Credential != nil {
		if err := s.keepCredential(tx, p, kind.At(facts.Body, "username"), *turn.Credential); err != nil {
			return out, nil, err
		}
	}
	out.person = p
	if turn.Flow.Status == flow.Completed {
		signed := turn.Flow.SignOn(b.session, session, p.User.Username, b.hash)
		turn.Flow.Session = signed.ID
		if err := s.replaceSession(tx, b, token, signed); err != nil {
			return out, nil, err
		}
		out.token = token
	}
	t.Body.Flow, t.Expires = turn.Flow, turn.Flow.ExpiresAt
	if _, err := s.records.flows.Save(tx, m.flow, t); err != nil {
		return out, nil, err
	}
	out.record = t.Body
	if s := turn.Flow.Status; s == flow.UsernamePasswordRequired {
		out.person = person{}
	}
	if turn.Flow.Status == flow.MustChangePassword || turn.Flow.Status == flow.PasswordExpired {
		out.policy, err = s.policyView(tx, p.User.Population.ID)
	}
	return out, turn.Refuse, err
}

// keepCredential writes a credential back, that of nobody as a ticket.
func (s *Server) keepCredential(tx *store.Tx, p person, username string, c platform.Credential) error {
	if p.ID != "" {
		return keepCredential(tx, p, c)
	}
	key := nobodyKey(username)
	if err := s.records.nobody.Delete(tx, key); err != nil {
		return err
	}
	t := store.Ticket[platform.Credential]{Body: c}
	if c.Locked(tx.Now()) {
		t.Expires = c.UnlockAt
	}
	_, err := s.records.nobody.Put(tx, key, t)
	return err
}

// replaceSession gives the browser its new session in place of the old one: a
// session token is new at every sign-on.
func (s *Server) replaceSession(tx *store.Tx, b browser, token string, signed flow.Session) error {
	if b.session != nil {
		if err := s.records.sessions.Delete(tx, b.token); err != nil {
			return err
		}
	}
	_, err := s.records.sessions.Put(tx, token, store.Ticket[flow.Session]{ID: signed.ID, Owner: signed.User, Body: signed})
	return err
}
