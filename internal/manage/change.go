package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// create answers POST on a collection.
func (a *API) create(k kind.Kind, under string) handler {
	return func(ctx context.Context, r Request) (Answer, error) {
		p := a.where(r, k, under)
		if p.id = a.vault.NewID(); p.spec.By != "" {
			p.id = kind.At(r.Body, "id")
			r.Body = kind.Body{p.spec.By: kind.Body{"id": r.Body["id"]}}
		}
		gift, err := a.gift(ctx, r, k, p)
		if err != nil {
			return Answer{}, err
		}
		way := a.db.Change
		if k.Table().Bulk {
			way = a.db.Update
		}
		var out kind.Body
		err = a.write(ctx, way, r, p.env, func(tx *store.Tx, r Request) error {
			if err := a.parentExists(tx, r, p); err != nil {
				return err
			}
			if err := mayTouch(tx, r); err != nil {
				return err
			}
			if err := a.hooks(p).create(tx, r, p); err != nil {
				return err
			}
			p, err := a.customized(tx, p)
			if err != nil {
				return err
			}
			raw, err := a.accept(tx, r, k, p, store.Document{}, r.Body)
			if err != nil {
				return err
			}
			d, err := a.keepNew(tx, r, k, p, raw, gift)
			if err != nil {
				return err
			}
			out, err = a.show(tx, k, p, d)
			return err
		})
		id, _ := out["id"].(string)
		return Answer{Status: http.StatusCreated, Body: out, Location: p.self + "/" + id}, err
	}
}

// gift makes what a new document needs and no write may take the time for.
func (a *API) gift(ctx context.Context, r Request, k kind.Kind, p place) (kind.Gift, error) {
	g := kind.Gift{Organization: r.Actor.Organization, ID: p.id, Now: a.now().UTC(), NewID: a.vault.NewID, Actor: r.Actor.ID}
	var err error
	switch k.Table().Needs {
	case kind.NeedSecret:
		g.Secret, _, err = a.vault.Secret(p.env, p.spec.Beside, p.id, "")
	case kind.NeedKey:
		err = a.keyGift(ctx, r, p, &g)
	case kind.NeedHash:
		g.Hash, g.ForceChange, err = a.importedPassword(ctx, r)
		g.Locked = r.Media == platform.ImportMedia && (kind.At(r.Body, "account.status") == "LOCKED")
	}
	return g, err
}

// accept holds a body against the kind's fields, its rules, and the documents
// it refers to; all that is wrong is told at once. before has Version 0 for
// what is new.
func (a *API) accept(tx *store.Tx, r Request, k kind.Kind, p place, before store.Document, sent kind.Body) (json.RawMessage, error) {
	var was kind.Body
	var err error
	mode := kind.Create
	if before.Version > 0 {
		mode = kind.Replace
		if was, err = facts.Body(before); err != nil {
			return nil, err
		}
	}
	filled := k.Fill(sent, was)
	table := p.spec.All(filled)
	if was != nil {
		table = p.spec.All(was)
	}
	body, details, err := kind.Accept(table, mode, was, filled, a.defaults(tx))
	if err != nil {
		return nil, err
	}
	more, err := a.unresolved(tx, kind.References(table, body), body)
	if err != nil {
		return nil, err
	}
	details = append(details, more...)
	if more, err = a.acceptCustom(tx, r, p, mode, was, body); err != nil {
		return nil, err
	}
	details = append(details, more...)
	settle(r, p, body)
	if len(details) == 0 {
		if err := a.sealGiven(p, table, was, body); err != nil {
			return nil, err
		}
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
		more, err := takenToo(home(tx, p.spec), p.spec, before.ID, body)
		if err != nil {
			return nil, err
		}
		return nil, fault.Invalid.Detailed(onTheWire(p.spec, append(details, more...))...)
	}
	if err := a.hooks(p).keep(tx, p, body); err != nil {
		return nil, err
	}
	return raw, mayLeave(r, p, was, body)
}

// settle writes into a body under what it stands, and its keys.
func settle(r Request, p place, body kind.Body) {
	if p.parent != "" {
		body["parent"] = p.parent
		if p.under != p.spec.By { // that member says in which group the group is
			body[p.under] = kind.Body{"id": p.parent}
		}
	}
	for member, noun := range p.spec.Under {
		body[member] = kind.Body{"id": r.IDs[noun]}
	}
	p.spec.Index(body)
}

// acceptCustom holds what was sent against the fields that the environment adds
// to the kind's, and puts what is kept of it into the body.
func (a *API) acceptCustom(tx *store.Tx, r Request, p place, mode kind.Mode, was, body kind.Body) ([]fault.Detail, error) {
	p, err := a.customized(tx, p)
	if err != nil || len(p.custom) == 0 {
		return nil, err
	}
	stood, _ := was[facts.Custom].(kind.Body)
	sent := r.Body
	if r.Method == "PATCH" {
		sent = kind.Merge(stood, r.Body)
	}
	custom, details, err := kind.Accept(p.custom, mode, stood, sent, a.defaults(tx))
	if len(custom) > 0 {
		body[facts.Custom] = custom
	}
	return details, err
}

// onTheWire names what is wrong with a reference by the id that stands for it in
// the body.
func onTheWire(spec *kind.Spec, details []fault.Detail) []fault.Detail {
	for i := range details {
		if spec.By != "" && (details[i].Target == spec.By+".id" || details[i].Target == spec.By) {
			details[i].Target = "id"
		}
	}
	return details
}

// unresolved tells which of the references of a body lead nowhere.
func (a *API) unresolved(tx *store.Tx, refs []kind.Reference, body kind.Body) ([]fault.Detail, error) {
	var out []fault.Detail
	for _, ref := range refs {
		scope := a.homeOf(tx, ref.Kind)
		switch found, err := scope.Get(ref.Kind, ref.ID); {
		case isMissing(err):
			out = append(out, refersToNothing(ref.Target, ref.ID))
		case err != nil:
			return nil, err
		case ref.Within != "":
			other, err := facts.Body(found)
			if err != nil {
				return nil, err
			}
			if kind.At(other, "parent") != kind.At(body, ref.Within) {
				out = append(out, refersToNothing(ref.Target, ref.ID))
			}
		}
	}
	return out, nil
}

func refersToNothing(target, id string) fault.Detail {
	return fault.Detail{Code: "INVALID_VALUE", Target: target, Message: fmt.Sprintf("refers to '%s', which does not exist here", id)}
}

// keepNew keeps a new document and what comes with it.
func (a *API) keepNew(tx *store.Tx, r Request, k kind.Kind, p place, raw json.RawMessage, g kind.Gift) (store.Document, error) {
	raw, err := a.born(p, raw, g)
	if err != nil {
		return store.Document{}, err
	}
	d, err := home(tx, p.spec).Put(store.Document{Kind: p.spec.Name, ID: p.document(), Body: raw})
	if err != nil {
		return d, taken(p.spec, err)
	}
	entries, err := k.With(raw, g)
	if err != nil {
		return d, err
	}
	if err := Keep(tx, a.byName, entries); err != nil {
		return d, err
	}
	if err := a.recordEntries(tx, r, p, entries); err != nil {
		return d, err
	}
	return d, a.follow(tx, r, p, store.Document{}, d, "CREATED")
}

// takenToo tells of a body that is refused for something else that its unique
// value stands in another document than id.
func takenToo(tx *store.Tx, spec *kind.Spec, id string, body kind.Body) ([]fault.Detail, error) {
	for _, f := range spec.Fields {
		path := "uniqueKey"
		if f.Indexed {
			path = f.Name + "Key"
		}
		if !f.Unique || kind.At(body, path) == "" {
			continue
		}
		switch other, err := tx.Find(spec.Name, kind.Equal(path, kind.At(body, path))); {
		case err == nil && other.ID != id:
			return []fault.Detail{takenValue(spec)}, nil
		case err != nil && !isMissing(err):
			return nil, err
		}
	}
	return nil, nil
}

// taken is the refusal of a document that the store has not put because
// another one has its unique value; other errors stay what they are.
func taken(spec *kind.Spec, err error) error {
	if !errors.Is(err, fault.Taken) {
		return err
	}
	return fault.Taken.Detailed(takenValue(spec)).Because(err)
}

// takenValue names the field whose value stands in another document already.
func takenValue(spec *kind.Spec) fault.Detail {
	target, message := "id", "A resource with the specified id already exists"
	for _, f := range spec.Fields {
		if f.Unique {
			target, message = f.Name, "A resource with the specified "+f.Name+" already exists"
		}
	}
	return fault.Detail{Code: "UNIQUENESS_VIOLATION", Target: target, Message: message}
}

// change answers PUT and PATCH on an element.
func (a *API) change(k kind.Kind, under string) handler {
	return func(ctx context.Context, r Request) (Answer, error) {
		p := a.where(r, k, under)
		out, err := a.rewrite(ctx, r, k, p, func(was kind.Body) kind.Body {
			if r.Method == "PATCH" {
				return kind.Merge(was, r.Body)
			}
			return r.Body
		})
		return Answer{Status: http.StatusOK, Body: out}, err
	}
}

// rewrite puts another body in place of a document's, and shows it. What an
// application that is disabled has is ended beside that.
func (a *API) rewrite(ctx context.Context, r Request, k kind.Kind, p place, next func(was kind.Body) kind.Body) (out kind.Body, err error) {
	for range maxEnablings {
		if out, err = a.rewriteOnce(ctx, r, k, p, next); !errors.Is(err, errTicketsLeft) {
			break
		}
		a.endClient(ctx, p)
	}
	if err == nil && out["enabled"] == false {
		a.endClient(ctx, p)
	}
	return out, err
}

// maxEnablings bounds how often an application is tried to be enabled whose tickets
// are being ended.
const maxEnablings = 3

func (a *API) rewriteOnce(ctx context.Context, r Request, k kind.Kind, p place, next func(was kind.Body) kind.Body) (out kind.Body, err error) {
	err = a.update(ctx, r, p.env, func(tx *store.Tx, r Request) error {
		before, err := a.element(tx, r, k, p)
		if err != nil {
			return err
		}
		was, err := facts.Body(before)
		if err != nil {
			return err
		}
		if err := mayTouch(tx, r); err != nil {
			return err
		}
		after := before
		if after.Body, err = a.accept(tx, r, k, p, before, next(was)); err != nil {
			return err
		}
		if after, err = a.replace(tx, r, p, before, after); err != nil {
			return err
		}
		out, err = a.show(tx, k, p, after)
		return err
	})
	return out, err
}

// replace puts a document in place of what it was, and does what follows.
func (a *API) replace(tx *store.Tx, r Request, p place, before, after store.Document) (store.Document, error) {
	kept, err := home(tx, p.spec).Put(after)
	if err != nil {
		return kept, taken(p.spec, err)
	}
	return kept, a.follow(tx, r, p, before, kept, "UPDATED")
}
