package manage

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/store"
)

// remove answers DELETE on an element: what it owns goes with it, its tickets
// end, and what another document refers to stays.
func (a *API) remove(k kind.Kind, under string) handler {
	return func(ctx context.Context, r Request) (Answer, error) {
		p := a.where(r, k, under)
		if len(p.spec.Frees) > 0 {
			if err := a.free(ctx, r, k, p); err != nil {
				return Answer{}, err
			}
		}
		err := a.db.Update(ctx, p.env, func(tx *store.Tx) error {
			d, err := a.removable(tx, r, k, p)
			if err != nil {
				return err
			}
			if p.spec.Name == "environment" {
				return a.removeEnvironment(tx, r, p, d)
			}
			return a.removeAll(tx, r, p, d)
		})
		return Answer{Status: http.StatusNoContent}, err
	}
}

// removable is the document of a place, when it may be deleted.
func (a *API) removable(tx *store.Tx, r Request, k kind.Kind, p place) (store.Document, error) {
	d, _, err := a.get(tx, r, p)
	if err != nil {
		return d, err
	}
	if err := outranks(tx, r, p.id); err != nil {
		return d, err
	}
	if err := k.Undeletable(d.Body); err != nil {
		return d, err
	}
	if err := a.mayDelete(tx, r, p, d); err != nil || p.spec.Name == "environment" {
		return d, err
	}
	return d, a.unneeded(tx, p)
}

// freeBatch is how many documents that stand for another go in one write.
const freeBatch = 500

// free deletes the documents that stand for the one that is to go, as long as
// there are many.
func (a *API) free(ctx context.Context, r Request, k kind.Kind, p place) error {
	for {
		n := 0
		err := a.db.Update(ctx, p.env, func(tx *store.Tx) (err error) {
			if _, err = a.removable(tx, r, k, p); err == nil {
				n, err = a.freeSome(tx, p, freeBatch)
			}
			return err
		})
		if err != nil || n < freeBatch {
			return err
		}
	}
}

func (a *API) freeSome(tx *store.Tx, p place, limit int) (int, error) {
	total := 0
	for _, f := range p.spec.Frees {
		docs, err := tx.List(f.Kind, store.Query{Where: kind.Equal(f.Path, p.id), Limit: limit})
		if err != nil {
			return total, err
		}
		for _, d := range docs {
			body, err := facts.Body(d)
			if err != nil {
				return total, err
			}
			if err := tx.Delete(d.Kind, d.ID); err != nil {
				return total, err
			}
			if err := a.tally(place{spec: a.byName[f.Kind].Table()}, tx, d, store.Document{}, body, kind.Body{}); err != nil {
				return total, err
			}
		}
		total = max(total, len(docs))
	}
	return total, nil
}

// unneeded refuses to delete what another document refers to, and the last of
// those of which one must stay.
func (a *API) unneeded(tx *store.Tx, p place) error {
	if p.spec.Last != "" {
		n, err := tx.Count(p.spec.Name, kind.Equal("parent", p.parent), 2, 0)
		if err != nil {
			return err
		}
		if n == 1 {
			return fault.Needed.Detailed(fault.Detail{Code: "CONSTRAINT_VIOLATION", Message: p.spec.Last})
		}
	}
	for _, other := range a.kinds {
		spec := other.Table()
		if spec.Above || slices.ContainsFunc(p.spec.Frees, func(f kind.Free) bool { return f.Kind == spec.Name }) {
			continue
		}
		found, err := refers(tx, spec, p)
		if err != nil {
			return err
		}
		if found {
			message := p.spec.InUse
			if message == "" {
				message = fmt.Sprintf("The %s is in use: %s refer to it", p.spec.Title, spec.Plural)
			}
			return fault.Needed.Detailed(fault.Detail{Code: "CONSTRAINT_VIOLATION", Message: message})
		}
	}
	return nil
}

// refers reports whether a document of a kind refers to that of a place. One
// that goes with it doesn't count.
func refers(tx *store.Tx, spec *kind.Spec, p place) (bool, error) {
	paths, inLists := kind.ReferencePaths(spec.Every(), p.spec.Name)
	for _, path := range paths {
		found, err := tx.List(spec.Name, store.Query{Where: kind.Equal(path, p.id), Limit: 2})
		if err != nil {
			return false, err
		}
		for _, d := range found {
			if d.Kind != p.spec.Name || d.ID != p.document() {
				return true, nil
			}
		}
	}
	if !inLists {
		return false, nil
	}
	docs, err := tx.List(spec.Name, store.Query{Where: kind.Expr{Op: kind.Mentions, Value: p.id}})
	if err != nil {
		return false, err
	}
	for _, d := range docs {
		body, err := facts.Body(d)
		if err != nil {
			return false, err
		}
		for _, ref := range kind.References(spec.All(body), body) {
			if ref.Kind == p.spec.Name && ref.ID == p.id {
				return true, nil
			}
		}
	}
	return false, nil
}

// removeAll deletes a document, what it owns, and what stands beside it.
func (a *API) removeAll(tx *store.Tx, r Request, p place, d store.Document) error {
	if _, err := a.freeSome(tx, p, 0); err != nil {
		return err
	}
	for _, noun := range p.spec.Owns {
		owned := a.byName[noun].Table()
		docs, err := tx.List(noun, store.Query{Where: kind.Equal("parent", p.id)})
		if err != nil {
			return err
		}
		for _, other := range docs {
			inner := place{spec: owned, env: p.env, id: other.ID, under: p.spec.Name, parent: p.id}
			if err := a.removeAll(tx, r, inner, other); err != nil {
				return err
			}
		}
	}
	if p.spec.Beside != "" {
		if err := tx.Delete(p.spec.Beside, p.id); err != nil && !isMissing(err) {
			return err
		}
	}
	if err := endTickets(tx, p.spec.Ends, p.id); err != nil {
		return err
	}
	if err := a.unassign(tx, p); err != nil {
		return err
	}
	if err := home(tx, p.spec).Delete(d.Kind, d.ID); err != nil {
		return err
	}
	return a.follow(tx, r, p, d, store.Document{}, "DELETED")
}

// unassign deletes the role assignments of an actor that goes.
func (a *API) unassign(tx *store.Tx, p place) error {
	if p.spec.Name != "application" && p.spec.Name != "user" && p.spec.Name != "group" {
		return nil
	}
	root := a.homeOf(tx, "roleAssignment")
	docs, err := root.List("roleAssignment", store.Query{Where: kind.Equal("parent", p.id)})
	for _, d := range docs {
		if err := root.Delete(d.Kind, d.ID); err != nil {
			return err
		}
	}
	return err
}

func endTickets(tx *store.Tx, ends kind.Holder, id string) error {
	switch ends {
	case kind.HoldsAsOwner:
		return tx.EndOwner(id)
	case kind.HoldsAsClient:
		return tx.EndClient(id)
	}
	return nil
}
