package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// caller is a client that has authenticated, and what is needed to issue
// tokens to it.
type caller struct {
	realm  oauth.Realm
	client *oauth.Client
	signer oauth.Signer
	roles  []platform.RoleAssignment
}

// caller authenticates the client of a request to one of the endpoints that
// clients call themselves (RFC 6749 §2.3). An assertion is good for one of
// them.
func (s *Server) caller(r *http.Request, form oauth.Form) (c caller, err error) {
	credentials, err := oauth.ReadCredentials(r.Header.Get("Authorization"), form)
	if err != nil {
		return c, err
	}
	err = s.db.View(r.Context(), r.PathValue("env"), func(tx *store.Tx) error {
		if c, err = s.issuing(tx, credentials.ID); err != nil || c.client == nil {
			return err
		}
		c.roles, err = facts.Assignments(tx, c.client.ID)
		return err
	})
	if err != nil {
		return c, err
	}
	var keys oauth.Keys
	if c.client != nil && credentials.Method == c.client.TokenEndpointAuthMethod {
		kid := ""
		if credentials.Assertion != nil {
			kid = credentials.Assertion.KeyID
		}
		if keys, err = s.keysFor(r.Context(), c, credentials.Method, kid); err != nil {
			return c, err
		}
	}
	if err := oauth.Authenticate(credentials, c.client, keys, c.realm.Issuer, s.now()); err != nil {
		return c, err
	}
	return c, s.assertedOnce(r, credentials)
}

// issuing is what tokens for a client need; its client is nil when there is
// none with this id.
func (s *Server) issuing(tx *store.Tx, id string) (c caller, err error) {
	if c.realm, err = s.realm(tx); err != nil {
		return c, err
	}
	if c.client, err = s.client(tx, id); err != nil || c.client == nil {
		return c, err
	}
	c.signer, err = s.vault.SignerOf(tx, c.client.Application)
	return c, err
}

// keysFor is what a client's credentials, or what it has signed, are held
// against: its secrets, or for PRIVATE_KEY_JWT its public keys.
func (s *Server) keysFor(ctx context.Context, c caller, method, kid string) (keys oauth.Keys, err error) {
	switch method {
	case platform.AuthNone:
	case platform.AuthPrivateKeyJWT:
		if keys.Public, err = s.keySets.Of(ctx, c.client.Application, kid); err != nil {
			err = fault.ClientDenied.Because(err)
		}
	default:
		var sealed []string
		err = s.db.View(ctx, c.realm.Environment, func(tx *store.Tx) error {
			sealed, err = facts.LiveSecrets(tx, c.client.ID)
			return err
		})
		if err == nil {
			keys.Secrets, err = s.vault.Secrets(c.realm.Environment, "secret", c.client.ID, sealed)
		}
	}
	return keys, err
}

// assertedOnce refuses an assertion that was used before (RFC 7523 §3).
func (s *Server) assertedOnce(r *http.Request, c oauth.Credentials) error {
	if c.Assertion == nil {
		return nil
	}
	return s.once(r, "assertion\x00"+c.ID+"\x00"+c.Assertion.ID, c.Assertion.LastUse(), fault.AssertionReused)
}

// once lets a name through the first time that it comes, and refuses it until
// then.
func (s *Server) once(r *http.Request, name string, until time.Time, refusal *fault.Fault) error {
	return s.db.Update(r.Context(), r.PathValue("env"), func(tx *store.Tx) error {
		_, err := s.records.Seen.Put(tx, tx.Env()+"\x00"+name, store.Ticket[struct{}]{Expires: until})
		if errors.Is(err, fault.Taken) {
			return refusal
		}
		return err
	})
}
