package server

import (
	"net/http"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/store"
)

// ciba lets a client wait for a person who is elsewhere (OpenID Connect
// CIBA §7.1, §7.3). There is nothing yet that reaches the person, so the answer
// and the log say at which page that one decides: nobody else can do anything
// there.
func (s *Server) ciba(w http.ResponseWriter, r *http.Request, form oauth.Form, c caller) error {
	now := s.now().UTC()
	pending, err := oauth.Authorization{Form: form, Client: c.client}.AcceptCIBA(now)
	if err != nil {
		return err
	}
	if pending.User, err = s.hintedUser(r, c, form); err != nil {
		return err
	}
	secret, id := s.vault.NewToken(), s.vault.NewToken()
	err = s.db.Update(r.Context(), c.realm.Environment, func(tx *store.Tx) error {
		_, err := s.records.CIBA.Put(tx, secret, store.Ticket[oauth.Pending]{ID: id, Owner: pending.User, Client: c.client.ID, Expires: pending.ExpiresAt, Body: pending})
		return err
	})
	if err != nil {
		return err
	}
	page := s.base + s.prefix(c.realm.Environment) + "/approve/" + id
	s.log.InfoContext(r.Context(), "a person is asked to decide", "application", c.client.Name, "user", pending.User, "page", page)
	return writeJSON(w, http.StatusOK, kind.Body{
		"auth_req_id": secret, "expires_in": int(pending.ExpiresAt.Sub(now) / time.Second), "interval": pending.Interval, "approval_uri": page,
	})
}

// approvePage begins the flow in which the person whom a client named decides
// (GET /{env}/approve/{approval}).
func (s *Server) approvePage(w http.ResponseWriter, r *http.Request) error {
	return s.openApproval(w, r, func(tx *store.Tx, f flow.Flow, b browser) (flow.Flow, error) {
		request, err := s.requested(tx, flow.Asked{Kind: flow.ForCIBA, ID: r.PathValue("approval")}, nil)
		if err != nil {
			return f, err
		}
		if request == nil {
			return f, fault.ApprovalMissing
		}
		p, err := facts.ByID(tx, request.Asked.User)
		if err != nil {
			return f, facts.Missing(err, fault.ApprovalMissing)
		}
		f.Hint = p.User.Username
		return flow.AskPerson(f, *request, b.session, tx.Now()), nil
	})
}
