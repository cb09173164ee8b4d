package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// Bootstrap is what the first start on an empty database is told, or makes up.
type Bootstrap struct {
	EnvironmentID string
	ApplicationID string
	Secret        string
}

// Worker is the worker application of the first start, with which everything
// else is configured.
type Worker struct {
	EnvironmentID string
	ApplicationID string
	Secret        string
}

// Bootstrap makes, on an empty database, an organization, an environment and a
// worker application with the platform's roles, and reports true. On any other
// it changes nothing. The worker's credentials are handed to keep before they
// are good, so that they can't be lost in between; what they were is nowhere
// else in clear.
func (s *Server) Bootstrap(ctx context.Context, b Bootstrap, keep func(Worker) error) (bool, error) {
	for name, id := range map[string]string{"environment": b.EnvironmentID, "application": b.ApplicationID} {
		if id != "" && !isToken(id) {
			return false, fmt.Errorf("the bootstrap %s id must be a lower-case UUID, not %q", name, id)
		}
	}
	if n := len(b.Secret); n > 0 && n < 16 {
		return false, errors.New("the bootstrap secret must have at least 16 characters")
	}
	empty, err := s.empty(ctx)
	if err != nil || !empty {
		return false, err
	}
	first, err := s.firstEntries(&b)
	if err != nil {
		return false, err
	}
	if err := keep(Worker(b)); err != nil {
		return false, err
	}
	err = s.db.Update(ctx, "", func(tx *store.Tx) error {
		if _, err := tx.Find("organization", kind.Expr{}); !errors.Is(err, store.ErrMissing) {
			return errors.Join(errNotEmpty, err)
		}
		return keepEntries(tx, first)
	})
	return err == nil, err
}

var errNotEmpty = errors.New("another process has made the first environment meanwhile")

func (s *Server) empty(ctx context.Context) (empty bool, err error) {
	err = s.db.View(ctx, "", func(tx *store.Tx) error {
		_, err := tx.Find("organization", kind.Expr{})
		if empty = errors.Is(err, store.ErrMissing); empty {
			return nil
		}
		return err
	})
	return empty, err
}

// firstEntries are the documents of the first start. What b leaves open is
// made up and written into it.
func (s *Server) firstEntries(b *Bootstrap) ([]kind.Entry, error) {
	if b.EnvironmentID == "" {
		b.EnvironmentID = s.newID()
	}
	if b.ApplicationID == "" {
		b.ApplicationID = s.newID()
	}
	sealed, secret, err := s.sealedSecret(b.EnvironmentID, b.ApplicationID, b.Secret)
	if err != nil {
		return nil, err
	}
	b.Secret = secret
	organization, license, keyID := s.newID(), s.newID(), s.newID()
	key, err := s.newSigningKey(b.EnvironmentID, keyID)
	if err != nil {
		return nil, err
	}
	entries := platform.RoleEntries()
	root := func(noun, id string, body kind.Body) {
		entries = append(entries, kind.Entry{Root: true, Kind: noun, ID: id, Body: body})
	}
	root("organization", organization, kind.Body{"name": "Pixy", "default": true})
	root("license", license, kind.Body{"name": "Self-hosted", "default": true})
	root("environment", b.EnvironmentID, kind.Body{
		"name": "Administrators", "nameKey": "administrators", "description": "The first environment of this server",
		"type": "PRODUCTION", "region": "NA", "status": "ACTIVE",
		"organization": kind.Body{"id": organization}, "license": kind.Body{"id": license},
	})
	seeded := platform.Seed(platform.Environment{}, kind.Gift{ID: b.EnvironmentID, NewID: s.newID, Key: key, KeyID: keyID})
	worker, err := s.workerEntries(*b, organization, sealed, seeded)
	return slices.Concat(entries, seeded, worker), err
}

// workerEntries are the worker application and its roles. Its body goes
// through the table of applications like any other.
func (s *Server) workerEntries(b Bootstrap, organization, sealed string, seeded []kind.Entry) ([]kind.Entry, error) {
	rotation := seeded[slices.IndexFunc(seeded, func(e kind.Entry) bool { return e.Kind == "keyRotationPolicy" })].ID
	k := s.kinds["application"]
	body, details := kind.Accept(k.Table().Fields, kind.Create, nil, k.Fill(kind.Body{
		"name": "Pixy worker", "description": "The application that configures this server", "enabled": true,
		"type": "WORKER", "protocol": "OPENID_CONNECT", "tokenEndpointAuthMethod": platform.AuthBasic,
	}, nil), func(string) string { return rotation })
	if len(details) > 0 {
		return nil, fmt.Errorf("the worker application does not fit the table of applications: %v", details)
	}
	everywhere := platform.Scope{ID: organization, Type: "ORGANIZATION"}
	here := platform.Scope{ID: b.EnvironmentID, Type: "ENVIRONMENT"}
	return []kind.Entry{
		{Env: b.EnvironmentID, Kind: "application", ID: b.ApplicationID, Body: body},
		{Env: b.EnvironmentID, Kind: "secret", ID: b.ApplicationID, Body: platform.Secret{Sealed: sealed}},
		platform.Assign(s.newID(), b.ApplicationID, "Organization Admin", everywhere),
		platform.Assign(s.newID(), b.ApplicationID, "Environment Admin", everywhere),
		platform.Assign(s.newID(), b.ApplicationID, "Identity Data Admin", here),
		platform.Assign(s.newID(), b.ApplicationID, "Client Application Developer", here),
	}, nil
}
