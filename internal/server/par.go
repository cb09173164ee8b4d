package server

import (
	"net/http"
	"strings"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/store"
)

// requestURI begins the request_uri of every pushed request (RFC 9126 §2.2).
const requestURI = "urn:ietf:params:oauth:request_uri:"

// par keeps an authorize request that the client sends itself, and gives it a
// name that is good once (RFC 9126 §2).
func (s *Server) par(w http.ResponseWriter, r *http.Request, form oauth.Form, c caller) error {
	jkt, err := s.proof(w, r, "")
	if err != nil {
		return err
	}
	a := oauth.Authorization{Form: form, Client: c.client}
	if form.Get("request_uri") == "" {
		if a, err = s.signedParts(r, a, c); err != nil {
			return err
		}
	}
	if a, err = s.hintedAhead(r, a, c); err != nil {
		return err
	}
	if a, err = a.Push(form.Get("client_id"), jkt); err != nil {
		return err
	}
	token := s.vault.NewToken()
	err = s.db.Update(r.Context(), c.realm.Environment, func(tx *store.Tx) error {
		expires := tx.Now().Add(time.Duration(c.client.PARTimeout) * time.Second)
		_, err := s.records.Pushed.Put(tx, token, store.Ticket[facts.PushedRequest]{Client: c.client.ID, Source: c.source(r), Expires: expires,
			Body: facts.PushedRequest{ClientID: c.client.ID, Form: a.Form, Signed: a.Signed, Subject: a.Subject, Username: a.Username}})
		return err
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, kind.Body{"request_uri": requestURI + token, "expires_in": c.client.PARTimeout})
}

// pushed is the request that a request_uri names. It is good once, for the
// client that pushed it; what stands beside it in the query counts for nothing
// (RFC 9126 §4).
func (s *Server) pushed(r *http.Request, a oauth.Authorization) (oauth.Authorization, error) {
	uri := a.Form.Get("request_uri")
	token, ours := strings.CutPrefix(uri, requestURI)
	refusal := fault.RequestURIUnknown.Compared("a request_uri from this server", "another")
	if !ours {
		return a, fault.RequestURIForeign.Compared(requestURI+"...", uri)
	}
	if !isToken(token) || len(a.Form["request_uri"]) > 1 || len(a.Form["client_id"]) != 1 {
		return a, refusal
	}
	err := s.db.Update(r.Context(), r.PathValue("env"), func(tx *store.Tx) error {
		t, err := s.records.Pushed.Get(tx, token)
		if isMissing(err) || err == nil && t.Body.ClientID != a.Form.Get("client_id") {
			return refusal
		}
		if err != nil {
			return err
		}
		first, err := s.records.Pushed.Spend(tx, token, t.Expires)
		if err == nil && !first {
			err = refusal
		}
		a.Form, a.Pushed, a.Signed, a.Subject, a.Username = t.Body.Form, true, t.Body.Signed, t.Body.Subject, t.Body.Username
		return err
	})
	return a, err
}
