package server

import (
	"context"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/store"
)

// published lets everybody keep keys and metadata for five minutes, and after
// that ask whether they have changed. No key is missed: it is published two weeks
// before a rotation lets it sign, and until the last of its tokens has expired.
const published = "public, max-age=300"

// discovery describes an environment's issuer (OpenID Connect Discovery §4,
// RFC 8414 §3). The issuer comes from the configuration, never from the Host
// header.
func (s *Server) discovery(w http.ResponseWriter, r *http.Request) error {
	issuer := s.issuer(r.PathValue("env"))
	return s.publish(w, r, "discovery "+issuer, func(keys []jose.JSONWebKey) any { return oauth.Metadata(issuer, oauth.AlgorithmsOf(keys)) })
}

// jwks publishes the keys of an environment's tokens (RFC 7517 §5).
func (s *Server) jwks(w http.ResponseWriter, r *http.Request) error {
	return s.publish(w, r, "jwks", func(keys []jose.JSONWebKey) any { return jose.JSONWebKeySet{Keys: keys} })
}

// publish answers with what is made of an environment's keys.
func (s *Server) publish(w http.ResponseWriter, r *http.Request, name string, body func([]jose.JSONWebKey) any) error {
	var made tagged
	err := s.db.Look(r.Context(), r.PathValue("env"), func(tx *store.Tx) (err error) {
		if _, err = s.realm(tx); err != nil {
			return err
		}
		made, err = store.Recall(tx, name, func() (tagged, error) {
			keys, err := facts.PublicKeys(tx)
			if err != nil {
				return tagged{}, err
			}
			return tag(body(keys))
		})
		return err
	})
	if err != nil {
		return err
	}
	made.write(w, r, published)
	return nil
}

// healthz says that the process is up.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, kind.Body{"status": "UP"})
}

// maxPing bounds how long readyz waits for the database.
const maxPing = 2 * time.Second

// readyz says that the database answers, and that the server does not stop.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	if s.stopping.Load() {
		return fault.Stopping
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxPing)
	defer cancel()
	if err := s.db.Ping(ctx); err != nil {
		return fault.Busy.Because(err)
	}
	return writeJSON(w, http.StatusOK, kind.Body{"status": "READY"})
}
