package server

import (
	"net/http"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// openFlow reads a flow for the browser that presents a session token.
func (s *Server) openFlow(tx *store.Tx, id, token string) (store.Ticket[facts.FlowRecord], browser, error) {
	t, err := s.records.Flows.Get(tx, id)
	if isMissing(err) {
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
	err := s.db.Look(r.Context(), env, func(tx *store.Tx) (err error) {
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
	record facts.FlowRecord
	app    platform.Application
	person facts.Person
	policy kind.Body // when a new password is due
	scopes []string  // in words, when the person decides on them
	signed *flow.Session
}

func (s *Server) showFlow(tx *store.Tx, id, token string) (out shownFlow, err error) {
	t, b, err := s.openFlow(tx, id, token)
	if err != nil {
		return out, err
	}
	out.record, out.signed = t.Body, b.session
	f := t.Body.Flow
	if f.Client == "" { // nobody knows yet what the flow is about
		return out, nil
	}
	if out.app, _, err = facts.Get[platform.Application](tx, "application", f.Client); err != nil {
		return out, facts.Missing(err, fault.FlowMissing)
	}
	if !out.app.Enabled {
		return out, fault.FlowMissing.Compared("an enabled application", "a disabled one")
	}
	if f.User == "" {
		return out, nil
	}
	if out.person, err = facts.ByID(tx, f.User); err != nil {
		return out, facts.Missing(err, fault.FlowMissing)
	}
	if f.Status == flow.MustChangePassword || f.Status == flow.PasswordExpired {
		out.policy, err = s.policyView(tx, out.person.PolicyID)
	}
	if f.Status == flow.DAGConsentRequired {
		out.scopes, err = s.inWords(tx, f)
	}
	return out, err
}

// inWords is what the client of a flow asks for, as its person reads it.
func (s *Server) inWords(tx *store.Tx, f flow.Flow) ([]string, error) {
	client, err := s.client(tx, f.Client)
	if err != nil || client == nil {
		return nil, err
	}
	return client.InWords(f.Asked.Scopes), nil
}

// policyView is a password policy as a flow's answer embeds it.
func (s *Server) policyView(tx *store.Tx, id string) (kind.Body, error) {
	d, err := tx.Get("passwordPolicy", id)
	if err != nil {
		return nil, facts.Lacking("password policy "+id, err)
	}
	body, err := facts.Body(d)
	if err != nil {
		return nil, err
	}
	out := kind.Show(s.passwordPolicy, body)
	out["id"] = d.ID
	return out, nil
}

func (s *Server) flowView(env string, record facts.FlowRecord, p facts.Person, policy kind.Body) kind.Body {
	f := record.Flow
	return f.View(flow.Shown{
		Environment: env, Self: s.flowURL(env, f.ID), SignOnPage: s.signOnURL(env, f.ID), Resume: s.resumeURL(env, f.ID),
		UserID: p.ID, User: p.User, Policy: policy,
	})
}
