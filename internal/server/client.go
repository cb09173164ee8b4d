package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// caller is a client that has authenticated, or that a request names.
type caller struct {
	realm  oauth.Realm
	client *oauth.Client
	sealed []string // the secrets that it may authenticate with
}

// source is what a request of a client is counted under that anybody could have
// made, having nothing to prove; of others it is "".
func (c caller) source(r *http.Request) string {
	if c.client.TokenEndpointAuthMethod != platform.AuthNone {
		return ""
	}
	return sourceOf(r)
}

// issuing is a client and what its tokens are signed with.
type issuing struct {
	caller
	signer oauth.Signer
}

// clientForm reads the parameters of an endpoint that clients call themselves,
// which belong in the body alone: those by which they authenticate, and known.
func clientForm(r *http.Request, known []string) (oauth.Form, error) {
	known = slices.Concat(oauth.ClientParameters(), known)
	query, err := readQuery(r)
	if err != nil {
		return nil, err
	}
	if err := query.Given().Misplaced(known); err != nil {
		return nil, err
	}
	form, err := readForm(r)
	if err != nil {
		return nil, err
	}
	form = form.Given()
	return form, form.Wrong(known)
}

// fromClient lets an endpoint answer that clients call themselves, once the
// client has authenticated (RFC 6749 §2.3). The endpoint knows the parameters,
// each of which may come once unless it is one of a list.
func (s *Server) fromClient(parameters []string, handle func(http.ResponseWriter, *http.Request, oauth.Form, caller) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, err := clientForm(r, parameters)
		if err != nil {
			return err
		}
		c, err := s.caller(r, form, nil)
		if err != nil {
			return err
		}
		return handle(w, r, form, c)
	}
}

// caller authenticates the client of a request. An assertion is good for one of
// them. also loads what else is needed, in the same View.
func (s *Server) caller(r *http.Request, form oauth.Form, also func(*store.Tx, *oauth.Client) error) (c caller, err error) {
	credentials, err := oauth.ReadCredentials(r.Header.Get("Authorization"), form)
	if err != nil {
		return c, err
	}
	err = s.db.Look(r.Context(), r.PathValue("env"), func(tx *store.Tx) error {
		if c, err = s.named(tx, credentials.ID); err != nil || c.client == nil || also == nil {
			return err
		}
		return also(tx, c.client)
	})
	if err != nil {
		return c, err
	}
	return c, s.authenticate(r, credentials, c)
}

// authenticate holds credentials against the client that they name.
func (s *Server) authenticate(r *http.Request, credentials oauth.Credentials, c caller) (err error) {
	var keys oauth.Keys
	if c.client != nil && credentials.Method == c.client.TokenEndpointAuthMethod {
		if keys, err = s.keysFor(r.Context(), c, credentials.Method, credentials.KeyID()); err != nil {
			return err
		}
	}
	if err := oauth.Authenticate(credentials, c.client, keys, c.realm.Issuer, s.now()); err != nil {
		return err
	}
	return s.assertedOnce(r, credentials)
}

// named is the client with an id; its client is nil when there is none.
func (s *Server) named(tx *store.Tx, id string) (c caller, err error) {
	if c.realm, err = s.realm(tx); err != nil {
		return c, err
	}
	if c.client, err = s.client(tx, id); err != nil || c.client == nil {
		return c, err
	}
	c.sealed, err = facts.LiveSecrets(tx, id)
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
		keys.Secrets, err = s.vault.Secrets(c.realm.Environment, "secret", c.client.ID, c.sealed)
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
