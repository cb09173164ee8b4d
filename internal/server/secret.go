package server

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// newSecret makes a client secret, sealed for its application.
func (s *Server) newSecret(env, id string) (sealed string, err error) {
	sealed, _, err = s.sealedSecret(env, id, "")
	return sealed, err
}

// sealedSecret seals a given secret, or a new one: 64 characters from 384
// random bits.
func (s *Server) sealedSecret(env, id, given string) (sealed, plain string, err error) {
	if plain = given; plain == "" {
		random := make([]byte, 48)
		s.chance(random)
		plain = base64.RawURLEncoding.EncodeToString(random)
	}
	sealed, err = s.sealer.Seal(env, "secret", id, []byte(plain))
	return sealed, plain, err
}

// liveSecrets are the sealed secrets that an application may authenticate
// with: the current one and, while it lives, the previous one.
func liveSecrets(tx *store.Tx, app string) ([]string, error) {
	secret, _, err := readDocument[platform.Secret](tx, "secret", app)
	if errors.Is(err, store.ErrMissing) {
		return nil, nil
	}
	out := []string{secret.Sealed}
	if p := secret.Previous; p != nil && tx.Now().Before(p.ExpiresAt) {
		out = append(out, p.Sealed)
	}
	return out, err
}

func (s *Server) unsealSecrets(env, app string, sealed []string) ([]string, error) {
	var out []string
	for _, text := range sealed {
		plain, err := s.sealer.Unseal(env, "secret", app, text)
		if err != nil {
			return nil, err
		}
		out = append(out, string(plain))
	}
	return out, nil
}

// readSecret answers GET .../applications/{id}/secret.
func (s *Server) readSecret(w http.ResponseWriter, r *http.Request) error {
	var stored platform.Secret
	err := s.db.View(r.Context(), r.PathValue("environment"), func(tx *store.Tx) error {
		var err error
		stored, _, err = s.secretOf(tx, r)
		return err
	})
	if err != nil {
		return err
	}
	return s.answerSecret(w, r, stored)
}

// secretOf reads the secret of the request's application, for an actor who
// holds all roles that the application has.
func (s *Server) secretOf(tx *store.Tx, r *http.Request) (platform.Secret, store.Document, error) {
	id := r.PathValue("application")
	stored, d, err := readDocument[platform.Secret](tx, "secret", id)
	if err != nil {
		return stored, d, missing(err, notFound(s.kinds["application"].Table(), id, tx.Env()))
	}
	return stored, d, outranks(tx, r, id)
}

// outranks refuses an actor who lacks a role that the application or user has:
// who may change it could otherwise act with its roles, or take them away.
func outranks(tx *store.Tx, r *http.Request, id string) error {
	theirs, err := roleAssignments(tx, id)
	if err == nil && !platform.Holds(actorOf(r.Context()).Assignments, theirs) {
		err = fault.NotPermitted.Compared("every role of "+id+", at the same or a broader scope", "fewer")
	}
	return err
}

// The bounds on how long a previous secret may live on.
const (
	minPrevious = time.Minute
	maxPrevious = 30 * 24 * time.Hour
)

// rotateSecret answers POST .../applications/{id}/secret. The old secret dies
// at once, unless the body gives it time.
func (s *Server) rotateSecret(w http.ResponseWriter, r *http.Request) error {
	body, err := accepted(r, []kind.Field{{Name: "previous", Type: kind.Object, Fields: []kind.Field{{Name: "expiresAt", Type: kind.Time, Required: true}}}})
	if err != nil {
		return err
	}
	env := r.PathValue("environment")
	sealed, err := s.newSecret(env, r.PathValue("application"))
	if err != nil {
		return err
	}
	var next platform.Secret
	err = s.db.Update(r.Context(), env, func(tx *store.Tx) error {
		old, d, err := s.secretOf(tx, r)
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
		if d.Body, err = json.Marshal(next); err != nil {
			return err
		}
		_, err = tx.Put(d)
		return err
	})
	if err != nil {
		return err
	}
	return s.answerSecret(w, r, next)
}

func (s *Server) answerSecret(w http.ResponseWriter, r *http.Request, stored platform.Secret) error {
	env, app := r.PathValue("environment"), r.PathValue("application")
	sealed := []string{stored.Sealed}
	if stored.Previous != nil && s.now().Before(stored.Previous.ExpiresAt) {
		sealed = append(sealed, stored.Previous.Sealed)
	}
	plain, err := s.unsealSecrets(env, app, sealed)
	if err != nil {
		return err
	}
	base := s.base + "/v1/environments/" + env
	body := kind.Body{
		"_links": kind.Body{
			"self": kind.Href(base + "/applications/" + app + "/secret"), "environment": kind.Href(base), "application": kind.Href(base + "/applications/" + app),
		},
		"environment": kind.Body{"id": env}, "secret": plain[0],
	}
	if len(plain) > 1 {
		body["previous"] = kind.Body{"secret": plain[1], "expiresAt": platform.Stamp(stored.Previous.ExpiresAt)}
	}
	return writeJSON(w, http.StatusOK, body)
}
