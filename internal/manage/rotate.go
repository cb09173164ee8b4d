package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"pixy/internal/facts"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// announce is how long before it signs a key is published, so that whoever
// remembers the JWKS knows it in time.
const announce = 14 * 24 * time.Hour

// Rotate changes the signing keys that are due, in all environments, and
// deletes those whose tokens have all expired.
func (a *API) Rotate(ctx context.Context) error {
	after := store.Cursor{}
	var failed []error
	for {
		var environments []store.Document
		err := a.db.View(ctx, "", func(tx *store.Tx) (err error) {
			environments, err = tx.List("environment", store.Query{After: after, Limit: 100})
			return err
		})
		if err != nil || len(environments) == 0 {
			return errors.Join(append(failed, err)...)
		}
		for _, e := range environments {
			if err := a.rotateIn(ctx, e.ID); err != nil {
				failed = append(failed, fmt.Errorf("rotating the keys of environment %s: %w", e.ID, err))
			}
			after = store.Cursor{Created: e.Created, ID: e.ID}
		}
	}
}

func (a *API) rotateIn(ctx context.Context, env string) error {
	var policies []store.Document
	var retired bool
	err := a.db.View(ctx, env, func(tx *store.Tx) (err error) {
		if policies, err = tx.List("keyRotationPolicy", store.Query{}); err != nil {
			return err
		}
		n, err := tx.Count("key", expired(tx.Now()), 1, 0)
		retired = n > 0
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range policies {
		p, err := facts.Decode[platform.KeyRotationPolicy](d)
		if err != nil {
			return err
		}
		now := a.now().UTC()
		if !p.Due(now.Add(announce)) || p.NextKeyID != "" && !p.Due(now) {
			continue
		}
		if err := a.rotate(ctx, env, d, p); err != nil {
			return err
		}
	}
	if !retired {
		return nil
	}
	return a.db.Change(ctx, env, removeRetired)
}

// rotate gives a policy its next key, when it has none, and lets that one sign
// when it is time.
func (a *API) rotate(ctx context.Context, env string, d store.Document, p platform.KeyRotationPolicy) error {
	id, now := a.vault.NewID(), a.now().UTC()
	var made json.RawMessage
	var err error
	if p.NextKeyID == "" {
		if made, err = a.vault.Key(ctx, env, id, platform.SigningKeyOf(p.Name, p), now); err != nil {
			return err
		}
	}
	return a.db.Change(ctx, env, func(tx *store.Tx) error {
		current, err := tx.Get(d.Kind, d.ID)
		if err != nil || current.Version != d.Version { // somebody else was here: next time
			return ignoreMissing(err)
		}
		body, err := facts.Body(current)
		if err != nil {
			return err
		}
		if made != nil {
			if _, err := tx.Put(store.Document{Kind: "key", ID: id, Body: made}); err != nil {
				return err
			}
			body["nextKeyId"] = id
		}
		if p.Due(tx.Now()) {
			if err := retire(tx, p.CurrentKeyID); err != nil {
				return err
			}
			body["currentKeyId"], body["rotatedAt"] = body["nextKeyId"], platform.Stamp(tx.Now())
			delete(body, "nextKeyId")
		}
		if current.Body, err = json.Marshal(body); err != nil {
			return err
		}
		if _, err := tx.Put(current); err != nil || !p.Due(tx.Now()) {
			return err
		}
		return RecordEvent(tx, a.vault.NewID(), Who{Environment: env}, What{Action: "KEY_ROTATION_POLICY.ROTATED", Type: "KEY_ROTATION_POLICY", ID: d.ID, Name: p.Name})
	})
}

func ignoreMissing(err error) error {
	if isMissing(err) {
		return nil
	}
	return err
}

// retire remembers when a key signed last.
func retire(tx *store.Tx, id string) error {
	d, err := tx.Get("key", id)
	if err != nil {
		return ignoreMissing(err)
	}
	body, err := facts.Body(d)
	if err != nil {
		return err
	}
	body["retiredAt"] = platform.Stamp(tx.Now())
	if d.Body, err = json.Marshal(body); err != nil {
		return err
	}
	_, err = tx.Put(d)
	return err
}

// expired is the condition on keys whose tokens have all expired.
func expired(now time.Time) kind.Expr {
	return kind.Expr{Op: kind.Lt, Path: "retiredAt", Type: kind.Time, Value: now.Add(-platform.Overlap)}
}

// removeRetired deletes the keys whose tokens have all expired, but not those
// that applications name themselves.
func removeRetired(tx *store.Tx) error {
	docs, err := tx.List("key", store.Query{Where: expired(tx.Now()), Limit: 100})
	for _, d := range docs {
		named, err := tx.Count("application", kind.Equal("signing.key.id", d.ID), 1, 0)
		if err != nil {
			return err
		}
		if named > 0 {
			continue
		}
		if err := tx.Delete(d.Kind, d.ID); err != nil {
			return err
		}
	}
	return err
}

// maxShown bounds how many applications of a key are shown.
const maxShown = 200

// keyApplications are the applications whose tokens a key signs.
func (a *API) keyApplications(ctx context.Context, r Request) (Answer, error) {
	if err := narrow(r); err != nil {
		return Answer{}, err
	}
	k := a.byName["application"]
	p := place{spec: k.Table(), env: r.env(), under: "environment", self: a.base + "/v1/environments/" + r.env() + "/applications"}
	var items []any
	err := a.db.View(ctx, r.env(), func(tx *store.Tx) error {
		if _, err := tx.Get("key", r.IDs["key"]); err != nil {
			return facts.Missing(err, notFound(a.byName["key"].Table(), r.IDs["key"], r.env()))
		}
		docs, err := signedWith(tx, r.IDs["key"])
		for _, d := range docs {
			item, err := a.show(tx, k, p, d)
			if err != nil {
				return err
			}
			items = append(items, item)
		}
		return err
	})
	return Answer{Status: http.StatusOK, Body: a.page(r, "applications", items)}, err
}

// signedWith are the applications that name a key, and those that name a policy
// whose current key it is and no key.
func signedWith(tx *store.Tx, key string) ([]store.Document, error) {
	out, err := tx.List("application", store.Query{Where: kind.Equal("signing.key.id", key), Limit: maxShown})
	if err != nil {
		return nil, err
	}
	policies, err := tx.List("keyRotationPolicy", store.Query{Where: kind.Equal("currentKeyId", key)})
	if err != nil {
		return nil, err
	}
	for _, policy := range policies {
		docs, err := tx.List("application", store.Query{Where: kind.Equal("signing.keyRotationPolicy.id", policy.ID), Limit: maxShown})
		if err != nil {
			return nil, err
		}
		for _, d := range docs {
			app, err := facts.Decode[platform.Application](d)
			if err != nil {
				return nil, err
			}
			if app.Signing.Key.ID == "" {
				out = append(out, d)
			}
		}
	}
	return out, nil
}
