package server

import (
	"net/http"
	"time"

	"pixy/internal/fault"
	"pixy/internal/oauth"
	"pixy/internal/store"
)

// revoke ends a token at the wish of the client that it was issued to (RFC 7009
// §2): with a refresh token its whole family, an access token alone. A token
// that is not good any more is as good as revoked.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request, form oauth.Form, c caller) error {
	token := form.Get("token")
	if token == "" {
		return fault.TokenMissing
	}
	var err error
	if _, _, ok := oauth.ReadRefreshToken(s.refreshKey, c.realm.Environment, token); ok {
		err = s.revokeRefresh(r, c, token)
	} else {
		err = s.revokeAccess(r, c, token)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Server) revokeRefresh(r *http.Request, c caller, token string) error {
	return s.db.Update(r.Context(), c.realm.Environment, func(tx *store.Tx) error {
		var x oauth.Exchange
		_, err := s.readRefresh(tx, &x, token)
		if err != nil || x.Refresh == nil {
			return err
		}
		if x.Refresh.ClientID != c.client.ID {
			return fault.RevokeForeign.Compared(x.Refresh.ClientID, c.client.ID)
		}
		return s.endFamily(tx, oauth.End{Family: x.Refresh.Family})
	})
}

func (s *Server) revokeAccess(r *http.Request, c caller, token string) error {
	claims, err := s.verified(r.Context(), token, c.realm.Environment, "", nil)
	switch {
	case isTokenError(err):
		if err := s.notIdentity(r, c, token); err != nil {
			return err
		}
		return s.db.Confirm(r.Context(), c.realm.Environment)
	case err != nil:
		return err
	case claims.ClientID != c.client.ID:
		return fault.RevokeForeign.Compared(claims.ClientID, c.client.ID)
	}
	return s.db.Update(r.Context(), c.realm.Environment, func(tx *store.Tx) error {
		_, err := tx.EndFamily(revokedToken(claims.ID), time.Unix(claims.Expires, 0))
		return err
	})
}

// notIdentity refuses an ID token, which can't be revoked (RFC 7009 §2.2.1).
func (s *Server) notIdentity(r *http.Request, c caller, token string) error {
	return s.db.Look(r.Context(), c.realm.Environment, func(tx *store.Tx) error {
		_, err := s.identity(tx, token)
		switch {
		case err == nil:
			return fault.TokenNotRevocable
		case isTokenError(err):
			return nil
		}
		return err
	})
}
