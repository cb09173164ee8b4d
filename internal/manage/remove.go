package manage

import (
	"context"
	"errors"
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
		if len(p.spec.Frees)+len(p.spec.Owns) > 0 {
			if err := a.clear(ctx, r, k, p); err != nil {
				return Answer{}, err
			}
		}
		err := a.update(ctx, r, p.env, func(tx *store.Tx, r Request) error {
			d, err := a.removable(tx, r, k, p)
			if err != nil {
				return err
			}
			if p.spec.Name == "environment" {
				return a.removeEnvironment(tx, r, p, d)
			}
			return a.removeAll(tx, r, p, d)
		})
		switch {
		case err == nil:
			a.endClient(ctx, p)
		case errors.Is(err, fault.Missing):
			if unconfirmed := a.db.Confirm(ctx, p.env); unconfirmed != nil {
				err = unconfirmed
			}
		}
		return Answer{Status: http.StatusNoContent}, err
	}
}

// removable is the document of a place, when it may be deleted.
func (a *API) removable(tx *store.Tx, r Request, k kind.Kind, p place) (store.Document, error) {
	d, _, err := a.get(tx, r, p)
	if err != nil {
		return d, err
	}
	if err := mayTouch(tx, r); err != nil {
		return d, err
	}
	if err := k.Undeletable(d.Body); err != nil {
		return d, err
	}
	if err := a.hooks(p).remove(tx, r, p, d); err != nil || p.spec.Name == "environment" {
		return d, err
	}
	return d, a.unneeded(tx, p)
}

// batch is how many documents go in one write.
const batch = 500

// clear deletes what goes with the one that is to go, as long as there are
// more than a write should take.
func (a *API) clear(ctx context.Context, r Request, k kind.Kind, p place) error {
	for {
		n := 0
		err := a.update(ctx, r, p.env, func(tx *store.Tx, r Request) (err error) {
			if _, err = a.removable(tx, r, k, p); err != nil {
				return err
			}
			if n, err = a.following(tx, p); err == nil && n > batch {
				err = a.removeFollowing(tx, r, p, batch)
			}
			return err
		})
		if err != nil || n <= batch {
			return err
		}
	}
}

// following counts what goes with a document, up to more than a batch.
func (a *API) following(tx *store.Tx, p place) (int, error) {
	total := 0
	for _, f := range p.spec.Follows() {
		n, err := tx.Count(f.Kind, kind.Equal(f.Path, p.id), batch+1, 0)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// removeFollowing deletes what goes with a document, at most limit of each
// kind; 0 is all.
func (a *API) removeFollowing(tx *store.Tx, r Request, p place, limit int) error {
	for _, f := range p.spec.Follows() {
		docs, err := tx.List(f.Kind, store.Query{Where: kind.Equal(f.Path, p.id), Limit: limit})
		if err != nil {
			return err
		}
		for _, d := range docs {
			body, err := facts.Body(d)
			if err != nil {
				return err
			}
			spec := a.byName[f.Kind].Table()
			inner := place{spec: spec, env: p.env, id: d.ID, under: p.spec.Name, parent: kind.At(body, "parent")}
			if spec.By != "" {
				inner.id = kind.At(body, spec.By+".id")
			}
			if err := a.removeAll(tx, r, inner, d); err != nil {
				return err
			}
		}
	}
	return nil
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
		if spec.Above || slices.ContainsFunc(p.spec.Follows(), func(f kind.Free) bool { return f.Kind == spec.Name }) {
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

// removeAll deletes a document, what goes with it, and what stands beside it.
func (a *API) removeAll(tx *store.Tx, r Request, p place, d store.Document) error {
	if err := a.removeFollowing(tx, r, p, 0); err != nil {
		return err
	}
	if p.spec.Beside != "" {
		if err := tx.Delete(p.spec.Beside, p.id); err != nil && !isMissing(err) {
			return err
		}
	}
	if err := a.unassign(tx, r, p); err != nil {
		return err
	}
	if err := home(tx, p.spec).Delete(d.Kind, d.ID); err != nil {
		return err
	}
	return a.follow(tx, r, p, d, store.Document{}, "DELETED")
}

// unassign deletes the role assignments of an actor that goes, and those whose
// scope goes.
func (a *API) unassign(tx *store.Tx, r Request, p place) error {
	var where kind.Expr
	switch p.spec.Name {
	case "user", "group":
		where = kind.Equal("parent", p.id)
	case "population":
		where = kind.Equal("scope.id", p.id)
	case "application":
		where = kind.Expr{Op: kind.Or, Args: []kind.Expr{kind.Equal("parent", p.id), kind.Equal("scope.id", p.id)}}
	default:
		return nil
	}
	spec := a.byName["roleAssignment"].Table()
	docs, err := home(tx, spec).List(spec.Name, store.Query{Where: where})
	for _, d := range docs {
		if err := home(tx, spec).Delete(d.Kind, d.ID); err != nil {
			return err
		}
		if err := a.record(tx, r, place{spec: spec, env: p.env, id: d.ID}, nil, nil, "DELETED"); err != nil {
			return err
		}
	}
	return err
}

// endTickets ends with a user who goes, or is disabled, what he has. What an
// application has is of no use while it is not enabled, and ended after the
// write (endClient); it must not come back to life with it.
func (a *API) endTickets(tx *store.Tx, r Request, p place, was, is kind.Body) error {
	gone, disabled := len(is) == 0, was["enabled"] == true && is["enabled"] == false
	switch {
	case p.spec.Ends == kind.HoldsAsOwner && (gone || disabled):
		return a.endUser(tx, r, p.id)
	case p.spec.Ends == kind.HoldsAsClient && was["enabled"] == false && is["enabled"] == true:
		left, err := tx.HasClient(p.id)
		if err == nil && left {
			err = fault.Busy.Because(errTicketsLeft)
		}
		return err
	}
	return nil
}

// errTicketsLeft says that an application that is to be enabled has tickets from
// before it was disabled.
var errTicketsLeft = errors.New("the application's tickets are not all ended yet")

// endClient ends what an application has that is disabled or deleted, as far as
// it comes: what is left is of no use to anybody, and goes when it expires, or
// before the application is enabled again.
func (a *API) endClient(ctx context.Context, p place) {
	if p.spec.Ends == kind.HoldsAsClient {
		_ = a.db.EndClient(ctx, p.env, p.id)
	}
}
