package manage

import (
	"encoding/json"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// hooks are what a kind does beyond its table, all in one place. What one
// leaves out does nothing.
type hooks struct {
	// create refuses a new document before its body is looked at.
	create func(tx *store.Tx, r Request, p place) error
	// fields are those that the environment adds to the kind's.
	fields func(tx *store.Tx) ([]kind.Field, error)
	// keep refuses a body for what other documents say.
	keep func(tx *store.Tx, p place, body kind.Body) error
	// born are the members that Pixy adds to a new body.
	born func(p place, raw json.RawMessage, g kind.Gift) (json.RawMessage, error)
	// write changes the next body of a document that stands.
	write func(tx *store.Tx, body kind.Body)
	// remove refuses a deletion.
	remove func(tx *store.Tx, r Request, p place, d store.Document) error
	// gone is done when a document is deleted.
	gone func(tx *store.Tx, was kind.Body) error
	// show adds members that hang on other documents.
	show func(tx *store.Tx, id string, out kind.Body) error
}

// hooks of the kind of a place.
func (a *API) hooks(p place) hooks {
	h := a.special[p.spec.Name]
	if h.create == nil {
		h.create = func(*store.Tx, Request, place) error { return nil }
	}
	if h.fields == nil {
		h.fields = func(*store.Tx) ([]kind.Field, error) { return nil, nil }
	}
	if h.keep == nil {
		h.keep = func(*store.Tx, place, kind.Body) error { return nil }
	}
	if h.born == nil {
		h.born = func(place, json.RawMessage, kind.Gift) (json.RawMessage, error) { return nil, nil }
	}
	if h.write == nil {
		h.write = func(*store.Tx, kind.Body) {}
	}
	if h.remove == nil {
		h.remove = func(*store.Tx, Request, place, store.Document) error { return nil }
	}
	if h.gone == nil {
		h.gone = func(*store.Tx, kind.Body) error { return nil }
	}
	if h.show == nil {
		h.show = func(*store.Tx, string, kind.Body) error { return nil }
	}
	return h
}

// allHooks is the table.
func (a *API) allHooks() map[string]hooks {
	return map[string]hooks{
		"user":            {fields: facts.CustomFields},
		"groupMembership": {create: a.mayJoin},
		"groupNesting":    {create: a.mayJoin},
		"roleAssignment": {create: a.mayAssign, remove: mayTakeRole,
			born: func(p place, raw json.RawMessage, _ kind.Gift) (json.RawMessage, error) { return scopeOf(p, raw) }},
		"agreement":         {keep: a.mayEnable},
		"agreementLanguage": {show: showCurrentRevision},
		"agreementRevision": {remove: mayRemoveRevision},
		"resource":          {keep: audienceIsFree},
		"application":       {keep: keySigns},
		"key":               {born: func(_ place, _ json.RawMessage, g kind.Gift) (json.RawMessage, error) { return g.Key, nil }},
		"keyRotationPolicy": {gone: retireBoth, born: func(_ place, _ json.RawMessage, g kind.Gift) (json.RawMessage, error) {
			return json.Marshal(kind.Body{"currentKeyId": g.KeyID, "rotatedAt": platform.Stamp(g.Now)})
		}},
		"environment": {remove: a.mayEndEnvironment, write: func(tx *store.Tx, body kind.Body) {
			statusOf(tx, body)
			products(body, a.vault.NewID)
		}, born: func(_ place, raw json.RawMessage, g kind.Gift) (json.RawMessage, error) {
			body, err := kind.Decode(raw)
			products(body, g.NewID)
			bill := kind.Body{"billOfMaterials": body["billOfMaterials"]}
			if err != nil {
				return nil, err
			}
			return json.Marshal(bill)
		}},
	}
}

// keySigns refuses a key for the tokens of an application that is not published,
// because nobody could verify them.
func keySigns(tx *store.Tx, _ place, body kind.Body) error {
	id := kind.At(body, "signing.key.id")
	if id == "" {
		return nil
	}
	key, _, err := facts.Get[platform.Key](tx, "key", id)
	if err != nil || key.Published() {
		return err
	}
	return fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "signing.key.id",
		Message: "must be a key that was made with the usageType SIGNING, and with RSA, with Ed25519, or with EC and the keyLength 256"})
}

// audienceIsFree refuses an audience that another resource has: a token for the
// one could be used at the other (RFC 9068 §5). And one that is an application's
// id: an access token for it could be taken for an ID token.
func audienceIsFree(tx *store.Tx, p place, body kind.Body) error {
	audience := kind.At(body, "audience")
	if audience == "" {
		return nil
	}
	switch other, err := tx.Find("resource", kind.Equal("audience", audience)); {
	case err == nil && other.ID != p.id:
		return fault.Taken.Detailed(fault.Detail{Code: "UNIQUENESS_VIOLATION", Target: "audience", Message: "A resource with the specified audience already exists"})
	case err != nil && !isMissing(err):
		return err
	case len(audience) > 64:
		return nil
	}
	_, err := tx.Get("application", audience)
	switch {
	case isMissing(err):
		return nil
	case err != nil:
		return err
	}
	return fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "audience", Message: "must not be the id of an application"})
}

// retireBoth lets the keys of a policy that is deleted be published until the
// tokens they signed have expired.
func retireBoth(tx *store.Tx, was kind.Body) error {
	for _, key := range []string{kind.At(was, "currentKeyId"), kind.At(was, "nextKeyId")} {
		if err := retire(tx, key); err != nil {
			return err
		}
	}
	return nil
}

// mayEndEnvironment refuses to end an environment in which the actor lives, or
// somebody who administers the whole organization: the server would have
// nobody left to restore it.
func (a *API) mayEndEnvironment(tx *store.Tx, r Request, p place, _ store.Document) error {
	if r.Actor.Environment == p.id {
		return fault.Needed.Detailed(fault.Detail{Code: "CONSTRAINT_VIOLATION", Message: "The environment can't be ended by an actor that lives in it"})
	}
	docs, err := tx.List("roleAssignment", store.Query{Where: kind.Equal("scope.id", r.Actor.Organization)})
	for _, d := range docs {
		as, err := facts.Decode[platform.RoleAssignment](d)
		if err != nil {
			return err
		}
		lives, err := livesIn(tx, p.id, as.Parent)
		if err != nil {
			return err
		}
		if lives {
			return fault.Needed.Detailed(fault.Detail{Code: "CONSTRAINT_VIOLATION", Message: "An administrator of the organization lives in the environment"})
		}
	}
	return err
}
