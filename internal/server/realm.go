package server

import (
	"errors"
	"fmt"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// realm is the environment of a request; an environment that does not exist,
// or is to be deleted, has no endpoints.
func (s *Server) realm(tx *store.Tx) (oauth.Realm, error) {
	e, err := facts.Environment(tx)
	if err == nil && e.Status == platform.EnvironmentDeletePending {
		err = store.ErrMissing
	}
	if err != nil {
		return oauth.Realm{}, facts.Missing(err, fault.Missing.Saying(fmt.Sprintf("Unable to find environment with ID: '%s'", tx.Env())))
	}
	return oauth.Realm{Issuer: s.issuer(tx.Env()), Environment: tx.Env(), Organization: e.Organization.ID, Region: e.Region}, nil
}

// client reads an application; nil when there is none with this id.
func (s *Server) client(tx *store.Tx, id string) (*oauth.Client, error) {
	if !isID(id) {
		return nil, nil
	}
	return facts.Client(tx, id)
}

func isMissing(err error) bool { return errors.Is(err, store.ErrMissing) }
