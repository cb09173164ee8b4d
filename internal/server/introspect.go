package server

import (
	"net/http"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// introspect says whether a token is good, and what is in it, to the
// application that it was issued to or the resource that it is for (RFC 7662
// §2).
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) error {
	form, err := clientForm(r, oauth.LookupParameters())
	if err != nil {
		return err
	}
	who, c, err := s.inspector(r, form)
	if err != nil {
		return err
	}
	token := form.Get("token")
	if token == "" {
		return fault.TokenMissing
	}
	body, err := s.inspect(r, who, c, token)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, body)
}

// inspector authenticates the caller: a confidential application, or a custom
// resource with its own secret.
func (s *Server) inspector(r *http.Request, form oauth.Form) (who oauth.Inspector, c caller, err error) {
	credentials, err := oauth.ReadCredentials(r.Header.Get("Authorization"), form)
	if err != nil {
		return who, c, err
	}
	var resource platform.Resource
	var sealed []string
	env := r.PathValue("env")
	err = s.db.Look(r.Context(), env, func(tx *store.Tx) error {
		if c, err = s.named(tx, credentials.ID); err != nil || c.client != nil || !isID(credentials.ID) {
			return err
		}
		resource, sealed, err = facts.ResourceSecrets(tx, credentials.ID)
		return err
	})
	if err != nil {
		return who, c, err
	}
	if resource.Type == platform.ResourceCustom {
		secrets, err := s.vault.Secrets(env, "resourceSecret", credentials.ID, sealed)
		if err != nil {
			return who, c, err
		}
		return oauth.Inspector{Audience: resource.Audience}, c, oauth.AuthenticateResource(credentials, resource, secrets)
	}
	if err := s.authenticate(r, credentials, c); err != nil {
		return who, c, err
	}
	if c.client.TokenEndpointAuthMethod == platform.AuthNone {
		return who, c, fault.ClientMethod.Compared("a client that authenticates", "a public one")
	}
	return oauth.Inspector{Client: c.client.ID}, c, nil
}

// inspect is the answer about a token, whatever it is.
func (s *Server) inspect(r *http.Request, who oauth.Inspector, c caller, token string) (any, error) {
	claims, err := s.verified(r.Context(), token, r.PathValue("env"), "", nil)
	switch {
	case err == nil && who.May(claims):
		return claims.Inspect(), nil
	case err == nil:
		return oauth.Inactive(), nil
	case !isTokenError(err):
		return nil, err
	case who.Client == "":
		return oauth.Inactive(), nil
	}
	if _, _, ok := oauth.ReadRefreshToken(s.refreshKey, r.PathValue("env"), token); ok {
		return s.inspectRefresh(r, c, token)
	}
	return s.inspectIdentity(r, c, token)
}

func (s *Server) inspectRefresh(r *http.Request, c caller, token string) (any, error) {
	var x oauth.Exchange
	err := s.db.Look(r.Context(), r.PathValue("env"), func(tx *store.Tx) (err error) {
		x.Now = tx.Now()
		_, err = s.readRefresh(tx, &x, token)
		return err
	})
	if err != nil || x.Refresh == nil || !x.UserActive || !x.SessionAlive || !x.Refresh.Good(*c.client, x.Generation, x.Ended, x.Now) {
		return oauth.Inactive(), err
	}
	return x.Refresh.Inspect(c.realm.Issuer), nil
}

// identityStillGood refuses an ID token whose session has ended, or whose user
// is gone: the subject need not be the user's id.
func (s *Server) identityStillGood(tx *store.Tx, claims oauth.Identity) error {
	t, err := s.records.Sessions.LiveByID(tx, claims.Session)
	if isMissing(err) {
		return tokenError("its session has ended")
	}
	if err != nil {
		return err
	}
	active, err := facts.Active(tx, t.Owner)
	if err == nil && !active {
		err = tokenError("its user is disabled or deleted")
	}
	return err
}

func (s *Server) inspectIdentity(r *http.Request, c caller, token string) (any, error) {
	var claims oauth.Identity
	err := s.db.Look(r.Context(), r.PathValue("env"), func(tx *store.Tx) (err error) {
		if claims, err = s.identityOf(tx, c.client.ID, token); err != nil {
			return err
		}
		return s.identityStillGood(tx, claims)
	})
	switch {
	case isTokenError(err), err == nil && claims.Expires <= s.now().Unix():
		return oauth.Inactive(), nil
	case err != nil:
		return nil, err
	}
	return claims.Inspect(), nil
}
