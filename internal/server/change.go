package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// create answers POST on a collection.
func (s *Server) create(k kind.Kind) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		p := s.place(r, k)
		sent, err := readJSON(r)
		if err != nil {
			return err
		}
		p.id = s.newID()
		gift, err := s.gift(r, k, p, sent)
		if err != nil {
			return err
		}
		var out kind.Body
		err = s.db.Update(r.Context(), p.env, func(tx *store.Tx) error {
			if err := s.parentExists(tx, p); err != nil {
				return err
			}
			raw, err := s.accept(tx, k, p, kind.Create, store.Document{}, sent)
			if err != nil {
				return err
			}
			d, err := s.keepNew(tx, k, p, raw, gift)
			if err != nil {
				return err
			}
			out, err = s.show(tx, k, p, d)
			return err
		})
		if err != nil {
			return err
		}
		w.Header().Set("Location", p.self+"/"+p.id)
		return writeJSON(w, http.StatusCreated, out)
	}
}

// gift makes what a new document needs and no write may take the time for.
func (s *Server) gift(r *http.Request, k kind.Kind, p place, sent kind.Body) (kind.Gift, error) {
	who := actorOf(r.Context())
	g := kind.Gift{Environment: p.env, Organization: who.organization, ID: p.id, Now: s.now().UTC(), NewID: s.newID, Actor: who.ID}
	var err error
	switch k.Table().Needs {
	case kind.NeedSecret:
		g.Secret, err = s.newSecret(p.env, p.id)
	case kind.NeedKey:
		g.KeyID = s.newID()
		g.Key, err = s.newSigningKey(p.id, g.KeyID)
	case kind.NeedHash:
		g.Hash, g.ForceChange, err = s.importedPassword(r, p.env, sent)
	}
	return g, err
}

// importedPassword hashes the password that comes with a new user, held
// against the policy of the population it is to be in.
func (s *Server) importedPassword(r *http.Request, env string, sent kind.Body) (hash string, force bool, err error) {
	if mediaOf(r) != platform.ImportMedia || sent["password"] == nil {
		return "", false, nil
	}
	object, _ := sent["password"].(kind.Body)
	body, details := kind.Accept([]kind.Field{secretField("value").Needed(), {Name: "forceChange", Type: kind.Boolean}}, kind.Create, nil, object, nil)
	if len(details) > 0 {
		return "", false, fault.Invalid.Detailed(details...)
	}
	if err := platform.InClear("password.value", kind.At(body, "value")); err != nil {
		return "", false, err
	}
	p := person{User: platform.User{Username: kind.At(sent, "username"), Email: kind.At(sent, "email")}}
	population := kind.At(sent, "population.id")
	err = s.db.View(r.Context(), env, func(tx *store.Tx) error {
		if population != "" {
			if _, err := tx.Get("population", population); err != nil {
				return missing(err, fault.Invalid.Detailed(refersToNothing("population.id", population)))
			}
		}
		p.Policy, err = passwordPolicy(tx, population)
		return err
	})
	if err != nil {
		return "", false, err
	}
	hash, unmet, err := s.newPassword(r.Context(), p, "", kind.At(body, "value"))
	if err == nil && len(unmet) > 0 {
		err = platform.Refuse("password", unmet)
	}
	force, _ = body["forceChange"].(bool)
	return hash, force, err
}

// accept holds a body against the kind's fields, its rules, and the documents
// it refers to; all that is wrong is told at once.
func (s *Server) accept(tx *store.Tx, k kind.Kind, p place, mode kind.Mode, before store.Document, sent kind.Body) (json.RawMessage, error) {
	var was kind.Body
	var err error
	if mode == kind.Replace {
		if was, err = bodyOf(before); err != nil {
			return nil, err
		}
	}
	body, details := kind.Accept(p.spec.Fields, mode, was, k.Fill(sent, was), defaults(tx))
	for _, ref := range kind.References(p.spec.Fields, body) {
		switch found, err := tx.Get(ref.Kind, ref.ID); {
		case errors.Is(err, store.ErrMissing):
			details = append(details, refersToNothing(ref.Target, ref.ID))
		case err != nil:
			return nil, err
		case ref.Within != "":
			other, err := bodyOf(found)
			if err != nil {
				return nil, err
			}
			if kind.At(other, "parent") != kind.At(body, ref.Within) {
				details = append(details, refersToNothing(ref.Target, ref.ID))
			}
		}
	}
	if p.parent != "" {
		body["parent"], body[p.spec.Parent] = p.parent, kind.Body{"id": p.parent}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	if len(details) == 0 {
		if details, err = k.Refuse(before.Body, raw); err != nil {
			return nil, err
		}
	}
	if len(details) > 0 {
		return nil, fault.Invalid.Detailed(details...)
	}
	return raw, nil
}

func refersToNothing(target, id string) fault.Detail {
	return fault.Detail{Code: "INVALID_VALUE", Target: target, Message: fmt.Sprintf("refers to '%s', which does not exist here", id)}
}

// keepNew keeps a new document and what comes with it.
func (s *Server) keepNew(tx *store.Tx, k kind.Kind, p place, raw json.RawMessage, g kind.Gift) (store.Document, error) {
	d, err := tx.Put(store.Document{Kind: p.spec.Name, ID: p.id, Body: raw})
	if err != nil {
		return d, taken(p.spec, err)
	}
	entries, err := k.With(raw, g)
	if err != nil {
		return d, err
	}
	return d, keepEntries(tx, entries)
}

// keepEntries keeps the documents that come with a new one, each in its scope.
func keepEntries(tx *store.Tx, entries []kind.Entry) error {
	for _, e := range entries {
		raw, err := json.Marshal(e.Body)
		if err != nil {
			return err
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

// taken names the field whose value stands in another document already.
func taken(spec *kind.Spec, err error) error {
	if !errors.Is(err, fault.Taken) {
		return err
	}
	for _, f := range spec.Fields {
		if f.Unique {
			return fault.Taken.Detailed(fault.Detail{Code: "UNIQUENESS_VIOLATION", Target: f.Name,
				Message: "A resource with the specified " + f.Name + " already exists"}).Because(err)
		}
	}
	return err
}

// change answers PUT and PATCH on an element.
func (s *Server) change(k kind.Kind) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		p := s.place(r, k)
		sent, err := readJSON(r)
		if err != nil {
			return err
		}
		var out kind.Body
		err = s.db.Update(r.Context(), p.env, func(tx *store.Tx) error {
			d, was, err := p.get(tx)
			if err != nil {
				return err
			}
			if err := outranks(tx, r, p.id); err != nil {
				return err
			}
			after := sent
			if r.Method == http.MethodPatch {
				after = kind.Merge(was, sent)
			}
			if d.Body, err = s.accept(tx, k, p, kind.Replace, d, after); err != nil {
				return err
			}
			if d, err = tx.Put(d); err != nil {
				return taken(p.spec, err)
			}
			out, err = s.show(tx, k, p, d)
			return err
		})
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, out)
	}
}

// remove answers DELETE on an element: what it owns goes with it, its tickets
// end, and what another document refers to stays.
func (s *Server) remove(k kind.Kind) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		p := s.place(r, k)
		err := s.db.Update(r.Context(), p.env, func(tx *store.Tx) error {
			d, _, err := p.get(tx)
			if err != nil {
				return err
			}
			if err := outranks(tx, r, p.id); err != nil {
				return err
			}
			if err := k.Undeletable(d.Body); err != nil {
				return err
			}
			if err := s.unneeded(tx, p); err != nil {
				return err
			}
			return s.removeAll(tx, p)
		})
		if err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

// unneeded refuses to delete what another document refers to, and the last of
// those of which one must stay.
func (s *Server) unneeded(tx *store.Tx, p place) error {
	if p.spec.Last != "" {
		n, err := tx.Count(p.spec.Name, kind.Equal("parent", p.parent))
		if err != nil {
			return err
		}
		if n == 1 {
			return fault.Needed.Detailed(fault.Detail{Code: "CONSTRAINT_VIOLATION", Message: p.spec.Last})
		}
	}
	for _, other := range s.kinds {
		spec := other.Table()
		if spec.Name == "environment" {
			continue
		}
		for _, path := range kind.ReferencePaths(spec.Fields, p.spec.Name) {
			n, err := tx.Count(spec.Name, kind.Equal(path, p.id))
			if err != nil {
				return err
			}
			if n > 0 {
				return fault.Needed.Detailed(fault.Detail{Code: "CONSTRAINT_VIOLATION",
					Message: fmt.Sprintf("The %s is in use: %d %s refer to it", p.spec.Title, n, spec.Plural)})
			}
		}
	}
	return nil
}

func (s *Server) removeAll(tx *store.Tx, p place) error {
	for _, owned := range p.spec.Owns {
		docs, err := tx.List(owned, store.Query{Where: kind.Equal("parent", p.id)})
		if err != nil {
			return err
		}
		for _, d := range docs {
			if err := tx.Delete(owned, d.ID); err != nil {
				return err
			}
		}
	}
	if p.spec.Beside != "" {
		if err := tx.Delete(p.spec.Beside, p.id); err != nil && !errors.Is(err, store.ErrMissing) {
			return err
		}
	}
	switch p.spec.Ends {
	case kind.HoldsAsOwner:
		if err := tx.EndOwner(p.id); err != nil {
			return err
		}
	case kind.HoldsAsClient:
		if err := tx.EndClient(p.id); err != nil {
			return err
		}
	}
	return tx.Delete(p.spec.Name, p.id)
}
