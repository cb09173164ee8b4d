package manage

import (
	"context"
	"net/http"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// readPart answers GET on a piece of a document.
func (a *API) readPart(k kind.Kind, under string, part kind.Part) handler {
	return func(ctx context.Context, r Request) (Answer, error) {
		p := a.where(r, k, under)
		var out kind.Body
		err := a.db.View(ctx, p.env, func(tx *store.Tx) error {
			_, body, err := a.get(tx, r, p)
			out = a.showPart(p, part, body)
			return err
		})
		return Answer{Status: http.StatusOK, Body: out}, err
	}
}

// showPart is a piece of a document as the API answers with it.
func (a *API) showPart(p place, part kind.Part, body kind.Body) kind.Body {
	if part.At != "" {
		body, _ = body[part.At].(kind.Body)
	}
	out := kind.Show(part.Fields, body)
	links := kind.Body{"self": kind.Href(p.self + "/" + p.id + "/" + part.Path), p.spec.Name: kind.Href(p.self + "/" + p.id)}
	if p.env != "" {
		links["environment"] = kind.Href(a.base + "/v1/environments/" + p.env)
	}
	out["_links"] = links
	return out
}

// writePart answers PUT on a piece of a document.
func (a *API) writePart(k kind.Kind, under string, part kind.Part) handler {
	return func(ctx context.Context, r Request) (Answer, error) {
		p := a.where(r, k, under)
		var out kind.Body
		err := a.update(ctx, r, p.env, func(tx *store.Tx, r Request) error {
			before, was, err := a.get(tx, r, p)
			if err != nil {
				return err
			}
			if err := mayTouch(tx, r); err != nil {
				return err
			}
			next, err := a.acceptPart(tx, r, p, part, was)
			if err != nil {
				return err
			}
			if err := mayLeave(r, p, was, next); err != nil {
				return err
			}
			if next["status"] == platform.EnvironmentDeletePending && was["status"] == platform.EnvironmentActive {
				if err := a.hooks(p).remove(tx, r, p, before); err != nil {
					return err
				}
			}
			after, err := a.putBody(tx, r, p, before, next)
			if err != nil {
				return err
			}
			if part.Whole {
				out, err = a.show(tx, k, p, after)
				return err
			}
			out = a.showPart(p, part, next)
			return nil
		})
		return Answer{Status: http.StatusOK, Body: out}, err
	}
}

// acceptPart holds a body against a part's fields and returns the document
// with it.
func (a *API) acceptPart(tx *store.Tx, r Request, p place, part kind.Part, was kind.Body) (kind.Body, error) {
	inner := was
	if part.At != "" {
		inner, _ = was[part.At].(kind.Body)
	}
	body, details, err := kind.Accept(part.Fields, kind.Replace, inner, r.Body, a.defaults(tx))
	if err != nil {
		return nil, err
	}
	more, err := a.unresolved(tx, kind.References(part.Fields, body), body)
	if err != nil {
		return nil, err
	}
	if details = append(details, more...); len(details) > 0 {
		return nil, fault.Invalid.Detailed(details...)
	}
	next := kind.Merge(was, kind.Body{})
	if part.At != "" {
		next[part.At] = body
		return next, nil
	}
	for name, v := range body {
		next[name] = v
	}
	return next, nil
}

// putBody keeps a document's next body and what follows from it.
func (a *API) putBody(tx *store.Tx, r Request, p place, before store.Document, next kind.Body) (store.Document, error) {
	p.spec.Index(next)
	a.hooks(p).write(tx, next)
	after, err := encoded(before, next)
	if err != nil {
		return after, err
	}
	return a.replace(tx, r, p, before, after)
}
