package server

import (
	"net/http"
	"strings"

	"pixy/internal/fault"
	"pixy/internal/oauth"
	"pixy/internal/store"
)

// idpSignoff ends the session that an ID token names, without its cookie, for
// an application that may do so (PingOne's endpoint for browser SDKs, whose
// cookies browsers hold back).
func (s *Server) idpSignoff(w http.ResponseWriter, r *http.Request) error {
	form, _, err := readParameters(r)
	if err != nil {
		return err
	}
	if err := oauth.LogoutForm(form); err != nil {
		return err
	}
	known, err := s.logoutFacts(r, form)
	if err != nil {
		return err
	}
	if client := known.logout.Client; client != nil {
		_ = s.trustOrigin(w, r, client.Application)
	}
	if err := oauth.First(oauth.IdPSignoffChecks(), known.logout); err != nil {
		return err
	}
	if err := s.endNamed(r, known); err != nil {
		return err
	}
	if on := known.on; on != nil && on.Session == known.logout.Hint.Session {
		s.dropSessionCookie(w, known.realm.Environment)
	}
	if known.logout.To() == "" && !strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	s.leave(w, known)
	return nil
}

// endNamed ends the session of the hint, when it is its user's. One that is
// over already is as good, once that is kept.
func (s *Server) endNamed(r *http.Request, known logoutFacts) error {
	hint := known.logout.Hint
	err := s.db.Look(r.Context(), known.realm.Environment, func(tx *store.Tx) error {
		t, err := s.records.Sessions.ByID(tx, hint.Session)
		if isMissing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		subject, err := s.subject(tx, known.logout.Client.ID, t.Owner)
		if err != nil {
			return err
		}
		if !hint.Names(oauth.SignedOn{Session: t.ID, Subject: subject}) {
			return fault.HintSession.Compared(subject, hint.Subject)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.endSession(r, known, hint.Session)
}
