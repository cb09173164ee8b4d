package manage

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

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
		var out kind.Body
		err := a.db.View(ctx, p.env, func(tx *store.Tx) error {
			d, err := a.element(tx, r, k, p)
			if err != nil {
				return err
			}
			if out, err = a.show(tx, k, p, d); err != nil {
				return err
			}
			return a.enrich(tx, r, p, out)
		})
		return Answer{Status: http.StatusOK, Body: out}, err
	}
}

// element is the document of a place. Of what there is one, it is the table's
// defaults before it is first written, with Version 0.
func (a *API) element(tx *store.Tx, r Request, k kind.Kind, p place) (store.Document, error) {
	d, _, err := a.get(tx, r, p)
	if !p.spec.Single || err == nil || !errors.Is(err, store.ErrMissing) {
		return d, err
	}
	body, _, err := kind.Accept(p.spec.Fields, kind.Create, nil, k.Fill(kind.Body{}, nil), a.defaults(tx))
	if err != nil {
		return d, err
	}
	raw, err := json.Marshal(body)
	if p.parent != "" {
		body["parent"] = p.parent
	}
	environment, missing := a.homeOf(tx, "environment").Get("environment", p.env)
	return store.Document{Kind: p.spec.Name, ID: p.id, Created: environment.Created, Updated: environment.Created, Body: raw}, errors.Join(err, missing)
}

// list answers GET on a collection, a page at a time.
func (a *API) list(k kind.Kind, under string) handler {
	return func(ctx context.Context, r Request) (Answer, error) {
		p := a.where(r, k, under)
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
			page.Order = kind.Natural(fields, where)
		}
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
		for _, d := range docs {
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
		if !platform.Reaches(role, platform.Access{Area: "environments", Organization: r.Actor.Organization}).Everywhere {
			continue
		}
		switch as.Scope.Type {
		case platform.ScopeOrganization:
			return kind.Expr{}
		case platform.ScopeEnvironment:
			ids = append(ids, as.Scope.ID)
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

// show is a document as the API answers with it.
func (a *API) show(tx *store.Tx, k kind.Kind, p place, d store.Document) (kind.Body, error) {
	body, err := facts.Body(d)
	if err != nil {
		return nil, err
	}
	var beside json.RawMessage
	if p.spec.Beside != "" {
		b, err := tx.Get(p.spec.Beside, d.ID)
		if err != nil && !isMissing(err) {
			return nil, err
		}
		beside = b.Body
	}
	more, err := k.Show(d.ID, d.Body, beside, tx.Now())
	if err != nil {
		return nil, err
	}
	out := kind.Show(p.spec.All(body), body)
	for name, v := range more {
		out[name] = v
	}
	if err := a.counts(home(tx, p.spec), p.spec, d.ID, out); err != nil {
		return nil, err
	}
	out["id"], out["createdAt"], out["updatedAt"] = d.ID, platform.Stamp(d.Created), platform.Stamp(d.Updated)
	if p.spec.By != "" {
		if err := standFor(tx, p, body, out); err != nil {
			return nil, err
		}
	}
	if p.spec.Name == "agreementLanguage" {
		current, err := currentRevision(tx, d.ID)
		if err != nil {
			return nil, err
		}
		if current != "" {
			out["currentRevision"] = kind.Body{"id": current}
		}
	}
	id, _ := out["id"].(string)
	at := kind.Place{Top: a.base + "/v1", Self: p.self + "/" + id}
	if p.spec.Single {
		at.Self = p.self
	}
	if p.env != "" {
		at.Environment = a.base + "/v1/environments/" + p.env
		out["environment"] = kind.Body{"id": p.env}
	}
	out["_links"] = kind.Hrefs(p.spec.Links, out, at)
	return out, nil
}

// counts adds the members that count other documents.
func (a *API) counts(tx *store.Tx, spec *kind.Spec, id string, out kind.Body) error {
	for _, c := range spec.Counts {
		var n int
		var err error
		if c.Tally {
			n, err = tx.Tallied(tallyName(c, id))
		} else {
			n, err = tx.Count(c.Kind, kind.Equal(c.Path, id), 0, 0)
		}
		if err != nil {
			return err
		}
		if outer, inner, nested := strings.Cut(c.Field, "."); nested {
			out[outer] = kind.Body{inner: n}
		} else {
			out[c.Field] = n
		}
	}
	return nil
}

func tallyName(c kind.Count, id string) string { return c.Kind + " " + c.Path + " " + id }

// standFor gives a document that stands for another one that one's id and name.
func standFor(tx *store.Tx, p place, body, out kind.Body) error {
	id := kind.At(body, p.spec.By+".id")
	other, err := tx.Get(p.spec.By, id)
	if err != nil {
		return facts.Lacking(p.spec.By+" "+id, err)
	}
	named, err := facts.Body(other)
	out["id"], out["name"] = id, named["name"]
	return err
}

// enrich adds what a request asks for beyond the document: include for the
// groups of a user, expand for what a document refers to.
func (a *API) enrich(tx *store.Tx, r Request, p place, out kind.Body) error {
	id, _ := out["id"].(string)
	for _, wanted := range words(r.Query.Get("include")) {
		if p.spec.Name != "user" || wanted != "memberOfGroupIDs" && wanted != "memberOfGroupNames" {
			continue
		}
		values, err := groupsOf(tx, id, wanted == "memberOfGroupNames")
		if err != nil {
			return err
		}
		out[wanted] = values
	}
	for _, rel := range words(r.Query.Get("expand")) {
		if err := a.expand(tx, r, p, rel, out); err != nil {
			return err
		}
	}
	return nil
}

func groupsOf(tx *store.Tx, user string, names bool) ([]any, error) {
	_, all, err := facts.GroupsOf(tx, user)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, id := range all {
		if !names {
			out = append(out, id)
			continue
		}
		g, _, err := facts.Get[platform.Group](tx, "group", id)
		if err != nil {
			return nil, facts.Lacking("group "+id, err)
		}
		out = append(out, g.Name)
	}
	return out, nil
}

// expand embeds what a document refers to, or stands for. What is asked for and
// is not there is left out.
func (a *API) expand(tx *store.Tx, r Request, p place, rel string, out kind.Body) error {
	k, known := a.byName[rel]
	id := kind.At(out, rel+".id")
	if p.spec.By == rel {
		id, _ = out["id"].(string)
	}
	if !known || id == "" || k.Table().Above {
		return nil
	}
	other := place{spec: k.Table(), env: p.env, id: id, self: a.base + "/v1/environments/" + p.env + "/" + k.Table().Plural}
	d, err := tx.Get(rel, id)
	if err != nil {
		return facts.Lacking(rel+" "+id, err)
	}
	may := platform.Reaches(r.Actor.Assignments, platform.Access{Area: k.Table().Area, Environment: p.env, Organization: r.Actor.Organization})
	body, err := facts.Body(d)
	if err != nil || !within(may, k.Table(), id, body) {
		return err
	}
	shown, err := a.show(tx, k, other, d)
	if err != nil {
		return err
	}
	embedded, _ := out["_embedded"].(kind.Body)
	if embedded == nil {
		embedded = kind.Body{}
	}
	embedded[rel], out["_embedded"] = shown, embedded
	return nil
}

func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func splitPath(path string) []string { return strings.Split(path, "/") }

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

// nothing answers with an empty collection, for what clients read on their way.
func (a *API) nothing(key string) handler {
	return func(_ context.Context, r Request) (Answer, error) {
		return Answer{Status: http.StatusOK, Body: a.page(r, key, nil)}, nil
	}
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
