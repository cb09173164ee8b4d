package manage

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// read answers GET on an element.
func (a *API) read(k kind.Kind, under string) handler {
	return func(ctx context.Context, r Request) (Answer, error) {
		p := a.where(r, k, under)
		if err := checkWords(r); err != nil {
			return Answer{}, err
		}
		out := Answer{Status: http.StatusOK}
		err := a.db.View(ctx, p.env, func(tx *store.Tx) error {
			d, err := a.element(tx, r, k, p)
			if err != nil {
				return err
			}
			if out.Body, err = a.show(tx, k, p, d); err != nil {
				return err
			}
			if p.spec.Beside == "" && len(p.spec.Counts) == 0 && len(r.Query["expand"]) == 0 {
				out.Updated = d.Updated
			}
			return a.enrich(tx, r, p, out.Body)
		})
		return out, err
	}
}

// element is the document of a place. Of what there is one, it is the table's
// defaults before it is first written, with Version 0.
func (a *API) element(tx *store.Tx, r Request, k kind.Kind, p place) (store.Document, error) {
	d, _, err := a.get(tx, r, p)
	if !p.spec.Single || err == nil || !isMissing(err) {
		return d, err
	}
	if err := a.parentExists(tx, r, p); err != nil {
		return d, err
	}
	body, _, err := kind.Accept(p.spec.Fields, kind.Create, nil, k.Fill(kind.Body{}, nil), a.defaults(tx))
	if err != nil {
		return d, err
	}
	raw, err := json.Marshal(body)
	environment, missing := a.homeOf(tx, "environment").Get("environment", p.env)
	return store.Document{Kind: p.spec.Name, ID: p.id, Created: environment.Created, Updated: environment.Created, Body: raw}, errors.Join(err, missing)
}

// list answers GET on a collection, a page at a time.
func (a *API) list(k kind.Kind, under string) handler {
	return func(ctx context.Context, r Request) (Answer, error) {
		p := a.where(r, k, under)
		if err := checkWords(r); err != nil {
			return Answer{}, err
		}
		fields := p.spec.Every()
		name := p.self + "\x00" + r.Query.Get("filter") + "\x00" + r.Query.Get("order")
		page, err := kind.ReadPage(r.Query, fields, name, a.cursors)
		if err != nil {
			return Answer{}, err
		}
		var where kind.Expr
		if text := r.Query.Get("filter"); text != "" {
			if where, err = kind.Filter(fields, text); err != nil {
				return Answer{}, err
			}
		}
		if page.Order == (kind.Order{}) {
			page.Order = p.spec.Natural(where)
		}
		ctx, cancel := a.hurry(ctx)
		defer cancel()
		out, err := a.listPage(ctx, r, k, p, page, where, name)
		if errors.Is(err, store.ErrSlow) {
			err = kind.Slow(fields)
		}
		return Answer{Status: http.StatusOK, Body: out}, err
	}
}

// maxCount is up to where the elements of a list are counted.
const maxCount = 10_000

func (a *API) listPage(ctx context.Context, r Request, k kind.Kind, p place, page kind.Page, where kind.Expr, name string) (kind.Body, error) {
	items, links := []any{}, kind.Body{"self": kind.Href(a.base + r.Path)}
	out := kind.Body{}
	err := a.db.View(ctx, p.env, func(tx *store.Tx) error {
		if err := a.parentExists(tx, r, p); err != nil {
			return err
		}
		match := kind.All(a.narrowed(r, p), where)
		docs, err := home(tx, p.spec).List(p.spec.Name, store.Query{Where: match, Order: page.Order, After: page.After, Limit: page.Limit + 1, Within: a.patient})
		if err != nil {
			return err
		}
		if len(docs) > page.Limit {
			docs = docs[:page.Limit]
			cursor, err := cursorOf(docs[len(docs)-1], page.Order)
			if err != nil {
				return err
			}
			links["next"] = kind.Href(nextPage(p.self, r.Query, cursor.Sign(name, a.cursors), page.Limit))
		}
		if p, err = a.customized(tx, p); err != nil {
			return err
		}
		if err := a.ahead(tx, r, p, docs); err != nil {
			return err
		}
		for _, d := range docs {
			if ctx.Err() != nil {
				return store.ErrSlow
			}
			item, err := a.show(tx, k, p, d)
			if err != nil {
				return err
			}
			if err := a.enrich(tx, r, p, item); err != nil {
				return err
			}
			items = append(items, item)
		}
		total, err := home(tx, p.spec).Count(p.spec.Name, match, maxCount+1, a.patient)
		if total <= maxCount {
			out["count"] = total
		}
		return err
	})
	if p.env != "" {
		links["environment"] = kind.Href(a.base + "/v1/environments/" + p.env)
	}
	out["_links"], out["_embedded"], out["size"] = links, kind.Body{listKey(p.spec): items}, len(items)
	return out, err
}

// narrowed is the condition on what a list is about: the parent, and what the
// roles reach. Of the environments an actor sees those it may read.
func (a *API) narrowed(r Request, p place) kind.Expr {
	if p.spec.Name == "environment" {
		return visible(r)
	}
	if p.parent != "" {
		return kind.Equal("parent", p.parent)
	}
	return reached(r.reach, p.spec)
}

func visible(r Request) kind.Expr {
	var ids []string
	for _, as := range r.Actor.Assignments {
		role := []platform.RoleAssignment{as}
		narrow := as.Scope.Environment != ""
		if !narrow && !platform.Reaches(role, platform.Access{Area: "environments", Organization: r.Actor.Organization}).Everywhere {
			continue
		}
		switch as.Scope.Type {
		case platform.ScopeOrganization:
			return kind.Expr{}
		case platform.ScopeEnvironment:
			ids = append(ids, as.Scope.ID)
		default: // who reaches a part of it may see where that is
			ids = append(ids, as.Scope.Environment)
		}
	}
	return kind.OneOf("id", ids)
}

// cursorOf is the place of a document in an order.
func cursorOf(d store.Document, order kind.Order) (kind.Cursor, error) {
	if order.Path == "" {
		return kind.Cursor{Created: d.Created, ID: d.ID}, nil
	}
	body, err := facts.Body(d)
	if err != nil {
		return kind.Cursor{}, err
	}
	c := kind.Cursor{ID: d.ID, Value: body[order.Path]}
	if n, isNumber := c.Value.(json.Number); isNumber {
		c.Value, err = n.Int64()
	}
	return c, err
}

func nextPage(self string, query url.Values, cursor string, limit int) string {
	q := url.Values{"cursor": {cursor}, "limit": {strconv.Itoa(limit)}}
	for name, values := range query {
		if name != "cursor" && name != "limit" {
			q[name] = values
		}
	}
	return self + "?" + q.Encode()
}

// defaults finds the environment's default document of a kind.
func (a *API) defaults(tx *store.Tx) kind.Defaults {
	return func(noun string) (string, error) {
		d, err := facts.Default(a.homeOf(tx, noun), noun)
		if isMissing(err) {
			return "", nil
		}
		return d.ID, err
	}
}

// noPermissions are the application permissions of a resource: none.
func (a *API) noPermissions(ctx context.Context, r Request) (Answer, error) {
	err := a.db.View(ctx, r.env(), func(tx *store.Tx) error {
		_, _, err := a.get(tx, r, a.where(r, a.byName["resource"], "environment"))
		return err
	})
	return Answer{Status: http.StatusOK, Body: a.page(r, "permissions", nil)}, err
}

// page is a collection that is not cut into pages.
func (a *API) page(r Request, key string, items []any) kind.Body {
	if items == nil {
		items = []any{}
	}
	links := kind.Body{"self": kind.Href(a.base + r.Path), "environment": kind.Href(a.base + "/v1/environments/" + r.env())}
	return kind.Body{"_links": links, "_embedded": kind.Body{key: items}, "count": len(items), "size": len(items)}
}

// narrow refuses an endpoint of a whole environment to roles that reach only a
// part of it.
func narrow(r Request) error {
	if r.reach.Everywhere {
		return nil
	}
	return fault.NotPermitted.Compared("a role for the environment", "roles for populations or applications")
}
