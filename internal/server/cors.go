package server

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// allowOrigin answers a page of another origin. Endpoints that are called
// without the session cookie let every origin read their answers; those that
// act with it decide when they know the application (trustOrigin).
func (s *Server) allowOrigin(w http.ResponseWriter, r *http.Request, t trust) {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || t != anyOrigin {
		return
	}
	s.exposeTo(w, origin, s.anyClientTrusts(r, origin))
}

func (s *Server) exposeTo(w http.ResponseWriter, origin string, credentials bool) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Correlation-Id, DPoP-Nonce, WWW-Authenticate")
	if credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}

// trustOrigin lets a page act with the session cookie when its origin is the
// application's, and refuses every other origin but our own: otherwise any
// page could take a code for a public client from a person who is signed on.
func (s *Server) trustOrigin(w http.ResponseWriter, r *http.Request, app platform.Application) error {
	origin := r.Header.Get("Origin")
	if err := s.originOf(r, app); err != nil || origin == "" || origin == s.base {
		return err
	}
	s.exposeTo(w, origin, true)
	return nil
}

// originOf refuses a request of a page that is neither the application's nor
// ours. Without an Origin a program calls; or a browser, for a page that can't
// read the answer (an image, a frame, fetch without CORS): then the browser says
// in Sec-Fetch-Site that it is another's (Fetch Metadata §2.3).
func (s *Server) originOf(r *http.Request, app platform.Application) error {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	switch {
	case origin == "" && (site == "cross-site" || site == "same-site"):
		return fault.OriginForeign.Compared("an origin of the application", "none, "+site)
	case origin == "" || origin == s.base || oauth.TrustsOrigin(app, origin):
		return nil
	}
	return fault.OriginForeign.Compared("an origin of the application", printable(origin))
}

// preflight answers OPTIONS (Fetch §3.2). For an origin that is not trusted
// the answer has no CORS headers, and the browser goes no further.
func (s *Server) preflight(w http.ResponseWriter, r *http.Request, methods map[string]Route, allowed string) {
	w.Header().Set("Allow", allowed)
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	route := methods["GET"]
	if wanted, ok := methods[r.Header.Get("Access-Control-Request-Method")]; ok {
		route = wanted
	}
	if origin != "" {
		switch route.trust {
		case anyOrigin:
			s.exposeTo(w, origin, s.anyClientTrusts(r, origin))
		case clientOrigin:
			if app, ok := s.clientOf(r); ok && oauth.TrustsOrigin(app, origin) {
				s.exposeTo(w, origin, true)
			}
		}
	}
	if w.Header().Get("Access-Control-Allow-Origin") != "" {
		w.Header().Set("Access-Control-Allow-Methods", allowed)
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, Accept-Language, Content-Language, Correlation-Id, DPoP, Range, X-Requested-With, X-Api-Key, X-client-version, "+
			"X-Amz-Date, X-Amz-Security-Token, X-Ping-External-Transaction-ID, X-Ping-External-Session-ID")
		w.Header().Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
}

// clientOf finds the application that a request with the session cookie is
// about: by its client_id, by the ID token it brings, or by its flow.
func (s *Server) clientOf(r *http.Request) (app platform.Application, ok bool) {
	env := r.PathValue("env")
	err := s.db.Look(r.Context(), env, func(tx *store.Tx) error {
		query := r.URL.Query()
		id := cmp.Or(query.Get("client_id"), oauth.HintAudience(query.Get("id_token_hint")))
		if flowID := cmp.Or(r.PathValue("flow"), query.Get("flowId")); id == "" && flowID != "" {
			t, err := s.records.Flows.Get(tx, flowID)
			if err != nil {
				return err
			}
			id = t.Body.Flow.Client
		}
		a, _, err := facts.Get[platform.Application](tx, "application", id)
		app = a
		return err
	})
	if err != nil && !isMissing(err) {
		s.logRefusal(r, faultOf(err))
	}
	return app, err == nil
}

// maxClients bounds how many applications anyClientTrusts looks at: of those
// in whose table the origin's host stands somewhere.
const maxClients = 50

// patience is how long they may be looked for. Whose origin is not found in
// time sends no credentials.
const patience = 50 * time.Millisecond

// anyClientTrusts reports whether an application of the environment trusts an
// origin: then its pages may send credentials also to the endpoints that do
// not need them, as browser SDKs do.
func (s *Server) anyClientTrusts(r *http.Request, origin string) bool {
	env := r.PathValue("env")
	host := strings.TrimPrefix(strings.TrimPrefix(origin, "https://"), "http://")
	if env == "" || host == origin || len(origin) > 300 {
		return false
	}
	trusted := false
	err := s.db.Look(r.Context(), env, func(tx *store.Tx) error {
		docs, err := tx.List("application", store.Query{Where: kind.Expr{Op: kind.Mentions, Value: host}, Limit: maxClients, Within: patience})
		for _, d := range docs {
			app, err := facts.Decode[platform.Application](d)
			if err != nil {
				return err
			}
			trusted = trusted || app.Enabled && oauth.TrustsOrigin(app, origin)
		}
		return err
	})
	if err != nil && !errors.Is(err, store.ErrSlow) {
		s.logRefusal(r, faultOf(err))
	}
	return trusted
}
