package server

import (
	"bytes"
	"cmp"
	"net/http"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/store"
	"pixy/internal/web"
)

// openApproval begins a flow that ends in a decision for a client elsewhere, in
// the browser that asks for the page, and shows it.
func (s *Server) openApproval(w http.ResponseWriter, r *http.Request, start func(*store.Tx, flow.Flow, browser) (flow.Flow, error)) error {
	env := r.PathValue("env")
	id, fresh := s.vault.NewID(), newBrowser(s.vault.NewToken())
	var b browser
	err := s.db.Update(r.Context(), env, func(tx *store.Tx) error {
		if _, err := s.realm(tx); err != nil {
			return err
		}
		var err error
		if b, err = s.browser(tx, sessionToken(r)); err != nil {
			return err
		}
		reuse, err := s.known(tx, b)
		if err != nil {
			return err
		}
		if !reuse {
			b = fresh
		}
		f, err := start(tx, flow.Flow{ID: id, Browser: b.hash, RemoteIP: remoteIP(r), Population: b.population}, b)
		if err != nil {
			return err
		}
		if err := s.settle(tx, f, ""); err != nil {
			return err
		}
		_, err = s.records.Flows.Put(tx, id, store.Ticket[facts.FlowRecord]{ID: id, Owner: b.hash, Client: f.Client, Source: sourceOf(r), Expires: f.ExpiresAt, Body: facts.FlowRecord{Flow: f}})
		return err
	})
	if err != nil {
		return err
	}
	s.setSessionCookie(w, env, b.token)
	redirect(w, s.signOnURL(env, id))
	return nil
}

// waiting are the tickets of a kind of what clients wait for.
func (s *Server) waiting(kind string) store.Tickets[oauth.Pending] {
	if kind == flow.ForCIBA {
		return s.records.CIBA
	}
	return s.records.Devices
}

// requested is what a person can decide on, by the id that the flow has or by
// the user code in the body; nil when there is nothing that still could.
func (s *Server) requested(tx *store.Tx, asked flow.Asked, body kind.Body) (*flow.Request, error) {
	id := cmp.Or(asked.ID, oauth.ReadUserCode(kind.At(body, "userCode")))
	t, err := s.waiting(asked.Kind).ByID(tx, id)
	if isMissing(err) || err == nil && !openTicket(tx, t) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	client, err := s.client(tx, t.Body.ClientID)
	if err != nil || client == nil || !client.Enabled {
		return nil, err
	}
	found := flow.Asked{Kind: asked.Kind, ID: t.ID, Scopes: t.Body.Scopes, User: t.Body.User, Message: t.Body.Message}
	if asked.Kind == flow.ForDevice {
		found.Code = oauth.ShowUserCode(t.ID)
	}
	policy, err := facts.Policy(tx, client.ID, t.Body.ACRValues)
	return &flow.Request{Client: client.ID, ClientName: client.Name, Policy: policy, Asked: found}, err
}

func openTicket(tx *store.Tx, t store.Ticket[oauth.Pending]) bool {
	return t.Spent.IsZero() && t.Body.Open(tx.Now())
}

// settle keeps what a flow has decided for the client that waits, in the write
// in which it ended. Who comes second decides nothing, and is not told that he
// has: where others write at the same time, the move that found the request open
// is made again.
func (s *Server) settle(tx *store.Tx, f flow.Flow, family string) error {
	if !f.Approved() && !f.Denied() {
		return nil
	}
	tickets := s.waiting(f.Asked.Kind)
	t, err := tickets.ByID(tx, f.Asked.ID)
	switch {
	case isMissing(err) || err == nil && !openTicket(tx, t):
		if f.Approved() {
			return fault.Stale
		}
		return nil
	case err != nil:
		return err
	}
	t.Body.Denied = f.Denied()
	if f.Approved() {
		client, err := s.client(tx, f.Client)
		if err == nil && client == nil {
			err = facts.Lacking("application "+f.Client, store.ErrMissing)
		}
		if err != nil {
			return err
		}
		if err := s.useSession(tx, f.Session, client); err != nil {
			return err
		}
		t.Owner, t.Family = f.User, family
		t.Body.Approval = &oauth.Approval{User: f.User, Session: f.Session, Family: family, ACR: f.Policy.Name, AMR: f.AMR, AuthTime: f.AuthTime}
	}
	t.Freed = f.Approved()
	_, err = tickets.SaveID(tx, t)
	return err
}

// renderApproval writes the page for a code, or for the decision.
func (s *Server) renderApproval(b *bytes.Buffer, env string, shown shownFlow, t *tried) error {
	f := shown.record.Flow
	action := s.signOnURL(env, f.ID)
	if f.Status == flow.UserCodeRequired {
		page := web.UserCode{Action: action, Code: f.Asked.Code, Given: f.Asked.Code != ""}
		if t != nil {
			page.Code, page.Given, page.Alert = t.userCode, false, alertOf(t.fault)
		}
		return s.pages.UserCode(b, page)
	}
	page := web.Consent{Client: web.Client{Name: f.ClientName}, Action: action, Username: shown.person.User.Username, Code: f.Asked.Code, Message: f.Asked.Message, Scopes: shown.scopes}
	if t != nil {
		page.Alert = alertOf(t.fault)
	}
	return s.pages.Consent(b, page)
}

// renderDecided writes the page that ends a flow for a client elsewhere.
func (s *Server) renderDecided(b *bytes.Buffer, f flow.Flow) error {
	device := f.Asked.Kind == flow.ForDevice
	page := web.Done{Title: "Access was not given"}
	switch {
	case f.Approved() && device:
		page.Title, page.Explanation = "You can go back to your device", f.ClientName+" has access now. You can close this page."
	case f.Approved():
		page.Title, page.Explanation = "Access was given", f.ClientName+" has access now. You can close this page."
	case f.Denied() && f.Failure.Code == "access_denied":
		page.Explanation = f.ClientName + " is told that you do not allow it. To try again, start anew there."
	case device:
		page.Explanation = f.Failure.Message + ". To try again, start anew on your device."
	default:
		page.Explanation = f.Failure.Message + ". To try again, open the link once more."
	}
	return s.pages.Done(b, page)
}
