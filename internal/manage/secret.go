package manage

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// holder is whose secret a request is about: an application's or a resource's.
type holder struct {
	noun   string // "application"
	stored string // the kind of the document of the secret
	place  place
}

// secret makes the handler of an endpoint of a secret.
func (a *API) secret(noun, stored string, do func(context.Context, Request, holder) (Answer, error)) handler {
	return func(ctx context.Context, r Request) (Answer, error) {
		p := a.where(r, a.byName[noun], "environment")
		p.self = a.base + "/v1/environments/" + p.env + "/" + p.spec.Plural
		return do(ctx, r, holder{noun, stored, p})
	}
}

// secretOf reads the secret, for an actor who holds all roles that the
// application has.
func (a *API) secretOf(tx *store.Tx, r Request, h holder) (platform.Secret, store.Document, error) {
	if _, _, err := a.get(tx, r, h.place); err != nil {
		return platform.Secret{}, store.Document{}, err
	}
	stored, d, err := facts.Get[platform.Secret](tx, h.stored, h.place.id)
	if err != nil {
		return stored, d, facts.Missing(err, notFound(h.place.spec, h.place.id, h.place.env))
	}
	return stored, d, mayTouch(tx, r)
}

func (a *API) readSecret(ctx context.Context, r Request, h holder) (Answer, error) {
	var stored platform.Secret
	err := a.db.View(ctx, h.place.env, func(tx *store.Tx) (err error) {
		stored, _, err = a.secretOf(tx, r, h)
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	return a.answerSecret(h, stored)
}

// The bounds on how long a previous secret may live on.
const (
	minPrevious = time.Minute
	maxPrevious = 30 * 24 * time.Hour
)

func previousField() kind.Field {
	return kind.Field{Name: "previous", Type: kind.Object, Fields: []kind.Field{
		{Name: "expiresAt", Type: kind.Time, Required: true}, {Name: "secret", Type: kind.Text, Access: kind.ReadOnly}, {Name: "lastUsed", Type: kind.Time, Access: kind.ReadOnly}}}
}

// rotateSecret makes a new secret. The old one dies at once, unless the body
// gives it time.
func (a *API) rotateSecret(ctx context.Context, r Request, h holder) (Answer, error) {
	body, err := accepted(r.Body, []kind.Field{previousField()})
	if err != nil {
		return Answer{}, err
	}
	sealed, _, err := a.vault.Secret(h.place.env, h.stored, h.place.id, "")
	if err != nil {
		return Answer{}, err
	}
	var next platform.Secret
	err = a.update(ctx, r, h.place.env, func(tx *store.Tx, r Request) error {
		old, d, err := a.secretOf(tx, r, h)
		if err != nil {
			return err
		}
		next = platform.Secret{Sealed: sealed}
		if text := kind.At(body, "previous.expiresAt"); text != "" {
			until, _ := time.Parse(time.RFC3339, text) // accepted above
			if until.Before(tx.Now().Add(minPrevious)) || until.After(tx.Now().Add(maxPrevious)) {
				return fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "previous.expiresAt", Message: "must be between 1 minute and 30 days from now"})
			}
			next.Previous = &platform.PreviousSecret{Sealed: old.Sealed, ExpiresAt: until.UTC()}
		}
		return a.putSecret(tx, r, h, d, next, "SECRET_ROTATED")
	})
	if err != nil {
		return Answer{}, err
	}
	return a.answerSecret(h, next)
}

// endPreviousSecret ends the secret that was replaced and lives on.
func (a *API) endPreviousSecret(ctx context.Context, r Request, h holder) (Answer, error) {
	err := a.update(ctx, r, h.place.env, func(tx *store.Tx, r Request) error {
		stored, d, err := a.secretOf(tx, r, h)
		if err != nil {
			return err
		}
		stored.Previous = nil
		return a.putSecret(tx, r, h, d, stored, "SECRET_REVOKED")
	})
	return Answer{Status: http.StatusNoContent}, err
}

func (a *API) putSecret(tx *store.Tx, r Request, h holder, d store.Document, next platform.Secret, verb string) error {
	var err error
	if d.Body, err = json.Marshal(next); err != nil {
		return err
	}
	if _, err := tx.Put(d); err != nil {
		return err
	}
	return a.Record(tx, r, What{Action: EventNoun(h.noun) + "." + verb, Type: EventNoun(h.noun), ID: h.place.id})
}

func (a *API) answerSecret(h holder, stored platform.Secret) (Answer, error) {
	sealed := []string{stored.Sealed}
	if stored.Previous != nil && a.now().Before(stored.Previous.ExpiresAt) {
		sealed = append(sealed, stored.Previous.Sealed)
	}
	plain, err := a.vault.Secrets(h.place.env, h.stored, h.place.id, sealed)
	if err != nil {
		return Answer{}, err
	}
	self, environment := h.place.self+"/"+h.place.id, a.base+"/v1/environments/"+h.place.env
	body := kind.Body{
		"_links":      kind.Body{"self": kind.Href(self + "/secret"), "environment": kind.Href(environment), h.noun: kind.Href(self)},
		"environment": kind.Body{"id": h.place.env}, "secret": plain[0],
	}
	if len(plain) > 1 {
		body["previous"] = kind.Body{"secret": plain[1], "expiresAt": platform.Stamp(stored.Previous.ExpiresAt)}
	}
	return Answer{Status: http.StatusOK, Body: body}, nil
}

// accepted holds a body against a table of fields.
func accepted(sent kind.Body, fields []kind.Field) (kind.Body, error) {
	body, details, err := kind.Accept(fields, kind.Create, nil, sent, nil)
	if err != nil {
		return nil, err
	}
	if len(details) > 0 {
		return nil, fault.Invalid.Detailed(details...)
	}
	return body, nil
}
