package server

import (
	"context"
	"errors"
	"fmt"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/manage"
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
// else in clear. Of several nodes that find the same database empty, one makes
// all this; the others let drop undo what keep did.
func (s *Server) Bootstrap(ctx context.Context, b Bootstrap, keep func(Worker) error, drop func() error) (bool, error) {
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
	first, err := s.firstEntries(ctx, &b)
	if err != nil {
		return false, err
	}
	if err := keep(Worker(b)); err != nil {
		return false, err
	}
	err = s.db.Change(ctx, "", func(tx *store.Tx) error {
		switch _, err := tx.Find("organization", kind.Expr{}); {
		case err == nil:
			return errNotEmpty
		case !isMissing(err):
			return err
		}
		return manage.Keep(tx, s.api.Kinds(), first)
	})
	switch {
	case errors.Is(err, errNotEmpty):
		return false, drop()
	case err != nil && !errors.Is(err, fault.Unconfirmed): // else they may be good
		return false, errors.Join(err, drop())
	}
	return err == nil, err
}

var errNotEmpty = errors.New("another node has made the first environment meanwhile")

func (s *Server) empty(ctx context.Context) (empty bool, err error) {
	err = s.db.View(ctx, "", func(tx *store.Tx) error {
		_, err := tx.Find("organization", kind.Expr{})
		if empty = isMissing(err); empty {
			return nil
		}
		return err
	})
	return empty, err
}

// firstEntries are the documents of the first start. What b leaves open is
// made up and written into it.
func (s *Server) firstEntries(ctx context.Context, b *Bootstrap) ([]kind.Entry, error) {
	if b.EnvironmentID == "" {
		b.EnvironmentID = s.vault.NewID()
	}
	if b.ApplicationID == "" {
		b.ApplicationID = s.vault.NewID()
	}
	first := platform.First{Environment: b.EnvironmentID, Application: b.ApplicationID, KeyID: s.vault.NewID(), Now: s.now().UTC(), NewID: s.vault.NewID}
	var err error
	if first.Secret, b.Secret, err = s.vault.Secret(b.EnvironmentID, "secret", b.ApplicationID, b.Secret); err != nil {
		return nil, err
	}
	if first.Key, err = s.vault.Key(ctx, b.EnvironmentID, first.KeyID, platform.FirstSigningKey(), first.Now); err != nil {
		return nil, err
	}
	return first.Entries()
}
