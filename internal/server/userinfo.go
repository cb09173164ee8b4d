package server

import (
	"context"
	"net/http"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// userinfo answers with the claims that the token's scopes release (OpenID
// Connect Core §5.3).
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) error {
	claims, err := s.ofUserinfo(w, r)
	if err != nil {
		return badToken(err, fault.BearerInvalid)
	}
	env := r.PathValue("env")
	scopes := oauth.Words(claims.Scope)
	if claims.Subject == "" || !(oauth.Issue{Scopes: scopes}).WantsIdentity() {
		return fault.BearerScope
	}
	body, err := s.claims(r.Context(), env, claims.ClientID, claims.Subject, scopes)
	if err != nil {
		return facts.Missing(err, fault.BearerInvalid)
	}
	return writeJSON(w, http.StatusOK, body)
}

// claims are those of a user that the scopes release to an application, or
// ErrMissing.
func (s *Server) claims(ctx context.Context, env, client, user string, scopes []string) (out map[string]any, err error) {
	err = s.db.Look(ctx, env, func(tx *store.Tx) error {
		u, d, err := facts.Get[platform.User](tx, "user", user)
		if err != nil {
			return err
		}
		out = oauth.UserInfo(d.ID, u, d.Updated, scopes)
		mappings, err := facts.ClientMappings(tx, client)
		if err != nil {
			return err
		}
		known, err := facts.UserFacts(tx, s.api.Kinds()["user"], d.ID, mappings)
		for name, v := range oauth.Mapped(mappings, known, scopes, func(m platform.AttributeMapping) bool { return m.UserInfo == nil || *m.UserInfo }) {
			out[name] = v
		}
		return err
	})
	return out, err
}

// ofUserinfo is the claims of the token of a userinfo request: in the header or,
// of a bearer token, in the body (RFC 6750 §2).
func (s *Server) ofUserinfo(w http.ResponseWriter, r *http.Request) (oauth.Access, error) {
	env := r.PathValue("env")
	token, _ := credentials(r)
	sent, err := bodyToken(r)
	switch {
	case err != nil:
		return oauth.Access{}, err
	case sent != "" && token != "":
		return oauth.Access{}, fault.BearerTwice
	case sent == "" && token == "":
		return oauth.Access{}, fault.BearerMissing
	case sent == "":
		return s.presented(w, r, env, "")
	}
	claims, err := s.verified(r.Context(), sent, env, "")
	if err == nil && claims.Confirm != nil {
		err = tokenError("it is bound to a key and came as a bearer token")
	}
	return claims, err
}

// bodyToken is the access token in a form body, or "".
func bodyToken(r *http.Request) (string, error) {
	if r.Method != http.MethodPost {
		return "", nil
	}
	form, err := readForm(r)
	if err != nil {
		return "", err
	}
	return form.Get("access_token"), form.Wrong([]string{"access_token"})
}
