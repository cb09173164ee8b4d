package manage

import (
	"context"
	"net/http"

	"pixy/internal/facts"
	"pixy/internal/flow"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

func sessionFields() []kind.Field {
	id := func(name string) kind.Field {
		return kind.Field{Name: name, Type: kind.Object, Fields: []kind.Field{{Name: "id", Type: kind.Text}}}
	}
	return []kind.Field{
		id("user"), {Name: "activeAt", Type: kind.Time}, {Name: "expiresAt", Type: kind.Time}, {Name: "userAgent", Type: kind.Text},
		{Name: "lastSignOn", Type: kind.Object, Fields: []kind.Field{{Name: "at", Type: kind.Time}, {Name: "remoteIp", Type: kind.Text}}},
	}
}

// maxSessions bounds how many sessions of a user are listed, those that live
// longest first.
const maxSessions = 200

// listSessions answers with the sessions of a user.
func (a *API) listSessions(ctx context.Context, r Request) (Answer, error) {
	var items []any
	err := a.db.View(ctx, r.env(), func(tx *store.Tx) error {
		p, err := a.user(tx, r)
		if err != nil {
			return err
		}
		tickets, err := a.records.Sessions.Owned(tx, p.ID, maxSessions)
		for _, t := range tickets {
			if a.records.Sessions.Live(t, tx.Now()) {
				items = append(items, a.showSession(r, t))
			}
		}
		return err
	})
	return Answer{Status: http.StatusOK, Body: a.page(r, "sessions", items)}, err
}

func (a *API) session(tx *store.Tx, r Request) (store.Ticket[flow.Session], error) {
	p, err := a.user(tx, r)
	if err != nil {
		return store.Ticket[flow.Session]{}, err
	}
	id := r.IDs["session"]
	t, err := a.records.Sessions.LiveByID(tx, id)
	if err == nil && t.Owner != p.ID {
		err = store.ErrMissing
	}
	return t, facts.Missing(err, notFound(&kind.Spec{Title: "Session"}, id, r.env()))
}

func (a *API) readSession(ctx context.Context, r Request) (Answer, error) {
	var out kind.Body
	err := a.db.View(ctx, r.env(), func(tx *store.Tx) error {
		t, err := a.session(tx, r)
		out = a.showSession(r, t)
		return err
	})
	return Answer{Status: http.StatusOK, Body: out}, err
}

// endSession ends a session: its browser signs on anew.
func (a *API) endSession(ctx context.Context, r Request) (Answer, error) {
	err := a.update(ctx, r, r.env(), func(tx *store.Tx, r Request) error {
		t, err := a.session(tx, r)
		if err != nil {
			return err
		}
		if err := mayTouch(tx, r); err != nil {
			return err
		}
		*r.ended = true
		if err := a.records.EndSession(tx, t); err != nil {
			return err
		}
		return a.Record(tx, r, What{Action: "SESSION.DELETED", Type: "SESSION", ID: t.ID, Name: t.Body.Username})
	})
	return Answer{Status: http.StatusNoContent}, err
}

func (a *API) showSession(r Request, t store.Ticket[flow.Session]) kind.Body {
	user := a.base + "/v1/environments/" + r.env() + "/users/" + t.Owner
	s := t.Body
	signOn := kind.Body{"at": platform.Stamp(s.SignedOn)}
	if s.RemoteIP != "" {
		signOn["remoteIp"] = s.RemoteIP
	}
	created := s.Created
	if created.IsZero() {
		created = s.SignedOn
	}
	out := kind.Body{
		"_links": kind.Body{"self": kind.Href(user + "/sessions/" + t.ID), "user": kind.Href(user), "environment": kind.Href(a.base + "/v1/environments/" + r.env())},
		"id":     t.ID, "environment": kind.Body{"id": r.env()}, "user": kind.Body{"id": t.Owner},
		"createdAt": platform.Stamp(created), "activeAt": platform.Stamp(s.LastActive()), "expiresAt": platform.Stamp(t.Expires), "lastSignOn": signOn,
	}
	if s.Agent != "" {
		out["userAgent"] = s.Agent
	}
	return out
}
