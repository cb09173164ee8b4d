package manage

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// activityFields are the members of an activity, with what a filter may use.
func activityFields() []kind.Field {
	text := func(name string, ops ...kind.Op) kind.Field {
		return kind.Field{Name: name, Type: kind.Text, Filter: ops, Indexed: name == "correlationId"}
	}
	object := func(name string, fields ...kind.Field) kind.Field {
		return kind.Field{Name: name, Type: kind.Object, Fields: fields}
	}
	in := object("environment", text("id"))
	id := kind.Field{Name: "id", Type: kind.Text, Filter: []kind.Op{kind.Eq}, Indexed: true}
	resource := object("", id, text("type", kind.Eq), text("name"), in, object("population", text("id", kind.Eq)))
	times := []kind.Op{kind.Gt, kind.Ge, kind.Lt, kind.Le}
	return []kind.Field{
		{Name: "recordedAt", Type: kind.Time, Filter: times, Indexed: true},
		text("correlationId", kind.Eq), in,
		object("actors",
			object("client", text("id", kind.Eq), text("type"), text("name"), text("href"), in),
			object("user", text("id", kind.Eq), text("type"), text("name", kind.Eq), text("href"), in)),
		object("action", text("type", kind.Eq), text("description")),
		{Name: "resources", Type: kind.List, Items: &resource},
		object("source", text("ipAddress")),
		object("result", text("status", kind.Eq), text("description")),
	}
}

// activityFilter is the members as a filter names them: those of the one
// element of a list stand in the list.
func activityFilter() []kind.Field {
	fields := activityFields()
	for i, f := range fields {
		if f.Items != nil {
			fields[i] = kind.Field{Name: f.Name, Type: kind.Object, Fields: f.Items.Fields}
		}
	}
	return fields
}

// activityQuery are the members of a POST that reads the audit log.
func activityQuery() []kind.Field {
	return []kind.Field{{Name: "filter", Type: kind.Text}, {Name: "limit", Type: kind.Number}}
}

// listActivities answers with a page of the audit log, the newest first. A POST
// brings the filter in its body.
func (a *API) listActivities(ctx context.Context, r Request) (Answer, error) {
	return a.activities(ctx, r, "activities", kind.Expr{})
}

// listUserActivities are the events of users only.
func (a *API) listUserActivities(ctx context.Context, r Request) (Answer, error) {
	return a.activities(ctx, r, "userActivities", kind.Equal("resources.type", "USER"))
}

func (a *API) activities(ctx context.Context, r Request, key string, always kind.Expr) (Answer, error) {
	if err := narrow(r); err != nil {
		return Answer{}, err
	}
	body, err := accepted(r.Body, activityQuery())
	if err != nil {
		return Answer{}, err
	}
	text := kind.At(body, "filter")
	if also := r.Query.Get("filter"); also != "" && text != "" {
		return Answer{}, fault.Malformed.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "filter", Message: "must be in the query or in the body, not in both"})
	} else if also != "" {
		text = also
	}
	if n, given := body["limit"].(int64); given {
		if r.Query = maps.Clone(r.Query); r.Query == nil {
			r.Query = url.Values{}
		}
		r.Query.Set("limit", strconv.FormatInt(n, 10))
	}
	path, _, _ := strings.Cut(r.Path, "?")
	page, err := kind.ReadPage(r.Query, nil, path+"\x00"+text, a.cursors)
	if err != nil {
		return Answer{}, err
	}
	where := always
	if text != "" {
		given, err := kind.Filter(activityFilter(), text)
		if err != nil {
			return Answer{}, err
		}
		where = kind.All(always, given)
	}
	var events []store.Event
	err = a.db.View(ctx, r.env(), func(tx *store.Tx) (err error) {
		events, err = tx.Events(store.Query{Where: where, After: page.After, Limit: page.Limit + 1, Within: a.patient})
		return err
	})
	if errors.Is(err, store.ErrSlow) {
		return Answer{}, kind.Slow(activityFilter())
	}
	if err != nil {
		return Answer{}, err
	}
	next := ""
	if len(events) > page.Limit {
		events = events[:page.Limit]
		last := events[len(events)-1]
		query := url.Values{}
		if text != "" {
			query.Set("filter", text)
		}
		next = nextPage(a.base+path, query, kind.Cursor{Created: last.Recorded, ID: last.ID}.Sign(path+"\x00"+text, a.cursors), page.Limit)
	}
	return a.activityPage(r, key, events, next)
}

func (a *API) activityPage(r Request, key string, events []store.Event, next string) (Answer, error) {
	var items []any
	for _, e := range events {
		item, err := a.showActivity(r, e)
		if err != nil {
			return Answer{}, err
		}
		items = append(items, item)
	}
	body := a.page(r, key, items)
	delete(body, "count") // nobody counts the audit log
	if next != "" {
		body["_links"].(kind.Body)["next"] = kind.Href(next)
	}
	return Answer{Status: http.StatusOK, Body: body}, nil
}

func (a *API) readActivity(ctx context.Context, r Request) (Answer, error) {
	if err := narrow(r); err != nil {
		return Answer{}, err
	}
	var events []store.Event
	err := a.db.View(ctx, r.env(), func(tx *store.Tx) (err error) {
		events, err = tx.Events(store.Query{Where: kind.Equal("id", r.IDs["activity"]), Limit: 1})
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	if len(events) == 0 {
		return Answer{}, notFound(&kind.Spec{Title: "Activity"}, r.IDs["activity"], r.env())
	}
	body, err := a.showActivity(r, events[0])
	return Answer{Status: http.StatusOK, Body: body}, err
}

func (a *API) showActivity(r Request, e store.Event) (kind.Body, error) {
	var b eventBody
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return nil, err
	}
	environment := a.base + "/v1/environments/" + r.env()
	actors := kind.Body{}
	actor := func(noun, plural, id, name string) {
		if id == "" {
			return
		}
		who := kind.Body{"id": id, "type": strings.ToUpper(noun), "environment": kind.Body{"id": b.Environment}, "href": a.base + "/v1/environments/" + b.Environment + "/" + plural + "/" + id}
		if name != "" {
			who["name"] = name
		}
		actors[noun] = who
	}
	actor("client", "applications", e.Client, b.ClientName)
	actor("user", "users", e.Actor, b.Username)
	resource := kind.Body{"id": e.Target, "type": b.Type, "environment": kind.Body{"id": r.env()}}
	if b.Name != "" {
		resource["name"] = b.Name
	}
	if e.Population != "" {
		resource["population"] = kind.Body{"id": e.Population}
	}
	out := kind.Body{
		"_links": kind.Body{"self": kind.Href(environment + "/activities/" + e.ID)}, "id": e.ID, "environment": kind.Body{"id": r.env()},
		"recordedAt": platform.Stamp(e.Recorded), "createdAt": platform.Stamp(e.Recorded), "correlationId": e.Correlation,
		"actors": actors, "action": kind.Body{"type": e.Action, "description": sentence(e.Action)}, "resources": []any{resource},
		"result": kind.Body{"status": e.Result, "description": b.Description},
	}
	if b.RemoteIP != "" {
		out["source"] = kind.Body{"ipAddress": b.RemoteIP}
	}
	return out, nil
}
