package manage

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// grace is how long an environment that is to be deleted can be restored.
const grace = 30 * 24 * time.Hour

// statusOf sets the times that go with an environment's status.
func statusOf(tx *store.Tx, body kind.Body) {
	if body["status"] == platform.EnvironmentActive {
		delete(body, "softDeletedAt")
		delete(body, "hardDeletedAllowedAt")
	} else if body["softDeletedAt"] == nil {
		body["softDeletedAt"], body["hardDeletedAllowedAt"] = platform.Stamp(tx.Now()), platform.Stamp(tx.Now().Add(grace))
	}
}

func encoded(d store.Document, body kind.Body) (store.Document, error) {
	var err error
	d.Body, err = json.Marshal(body)
	return d, err
}

// removeEnvironment deletes a SANDBOX at once. A PRODUCTION environment is only
// marked, and deleted by a second DELETE after its time of grace. What is in a
// deleted one is purged afterwards, and until then nobody reaches it.
func (a *API) removeEnvironment(tx *store.Tx, r Request, p place, d store.Document) error {
	body, err := facts.Body(d)
	if err != nil {
		return err
	}
	if body["type"] == "PRODUCTION" && body["status"] == platform.EnvironmentActive {
		body["status"] = platform.EnvironmentDeletePending
		_, err := a.putBody(tx, r, p, d, body)
		return err
	}
	if allowed := kind.At(body, "hardDeletedAllowedAt"); allowed > platform.Stamp(tx.Now()) && body["type"] == "PRODUCTION" {
		return fault.Needed.Detailed(fault.Detail{Code: "CONSTRAINT_VIOLATION",
			Message: "The environment is to be deleted, and can be restored until " + allowed + "; make it a SANDBOX to delete it at once"})
	}
	if err := tx.Alone(d.ID); err != nil { // who writes to it finds it gone, afterwards
		return err
	}
	root := home(tx, p.spec)
	assignments, err := root.List("roleAssignment", store.Query{Where: kind.Expr{Op: kind.Or, Args: []kind.Expr{
		kind.Equal("scope.id", d.ID), kind.Equal("scope.environment", d.ID)}}})
	if err != nil {
		return err
	}
	for _, as := range assignments {
		if err := root.Delete(as.Kind, as.ID); err != nil {
			return err
		}
	}
	if err := root.Delete(d.Kind, d.ID); err != nil {
		return err
	}
	if _, err := root.Put(store.Document{Kind: purged, ID: d.ID, Body: []byte(`{}`)}); err != nil {
		return err
	}
	return a.follow(tx, r, p, d, store.Document{}, "DELETED")
}

// purged is the kind of the mark that what was in a deleted environment is
// still there.
const purged = "purgedEnvironment"

// Purge deletes what was in deleted environments.
func (a *API) Purge(ctx context.Context) error {
	var marks []store.Document
	err := a.db.View(ctx, "", func(tx *store.Tx) (err error) {
		marks, err = tx.List(purged, store.Query{Limit: 100})
		return err
	})
	for _, mark := range marks {
		if err := a.db.Purge(ctx, mark.ID); err != nil {
			return err
		}
		err := a.db.Update(ctx, "", func(tx *store.Tx) error { return tx.Delete(purged, mark.ID) })
		if err != nil && !errors.Is(err, store.ErrMissing) {
			return err
		}
	}
	return err
}
