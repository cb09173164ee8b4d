package manage

import (
	"encoding/json"
	"fmt"

	"pixy/internal/kind"
	"pixy/internal/store"
)

// home is the transaction bound to where the documents of a kind are kept: the
// environment of the request, or the scope above all environments.
func home(tx *store.Tx, spec *kind.Spec) *store.Tx {
	if spec.Above {
		return tx.Root()
	}
	return tx
}

// homeOf is home, by the name of the kind.
func (a *API) homeOf(tx *store.Tx, noun string) *store.Tx {
	k, known := a.byName[noun]
	if !known {
		return tx
	}
	return home(tx, k.Table())
}

// diary is the transaction bound to where an event is looked for: that of an
// environment in itself, and that of what stands above all, or is gone, where
// the actor lives.
func (p place) diary(tx *store.Tx, r Request, gone bool) *store.Tx {
	switch {
	case p.spec.Name == "environment" && !gone:
		return tx.Root().In(p.id)
	case p.env == "":
		return tx.Root().In(r.Actor.Environment)
	}
	return tx
}

// livesIn reports whether an actor is an application or a user of an
// environment.
func livesIn(tx *store.Tx, env, actor string) (bool, error) {
	there := tx.Root().In(env)
	for _, noun := range []string{"application", "user"} {
		if _, err := there.Get(noun, actor); !isMissing(err) {
			return err == nil, err
		}
	}
	return false, nil
}

// Keep keeps the documents that come with a new one, or with the first start,
// each in its scope. kinds are by name.
func Keep(tx *store.Tx, kinds map[string]kind.Kind, entries []kind.Entry) error {
	for _, e := range entries {
		raw, err := json.Marshal(e.Body)
		if err != nil {
			return err
		}
		if k, known := kinds[e.Kind]; known {
			body, err := kind.Decode(raw)
			if err != nil {
				return err
			}
			k.Table().Index(body)
			if raw, err = json.Marshal(body); err != nil {
				return err
			}
		}
		scope := tx
		switch {
		case e.Root:
			scope = tx.Root()
		case e.Env != "":
			scope = tx.Root().In(e.Env)
		}
		if _, err := scope.Put(store.Document{Kind: e.Kind, ID: e.ID, Body: raw}); err != nil {
			return fmt.Errorf("keeping %s %s: %w", e.Kind, e.ID, err)
		}
	}
	return nil
}
