package server

import (
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
	var body map[string]any
	err := s.ofUserinfo(w, r, func(tx *store.Tx, claims oauth.Access, of facts.Standing) (err error) {
		scopes := oauth.Words(claims.Scope)
		if claims.Subject == "" || !(oauth.Issue{Scopes: scopes}).WantsIdentity() {
			return nil
		}
		body, err = s.released(tx, claims.ClientID, of, scopes)
		return err
	})
	if err != nil {
		return badToken(err, fault.BearerInvalid)
	}
	if body == nil {
		return fault.BearerScope
	}
	return writeJSON(w, http.StatusOK, body)
}

// released is the claims of a user that the scopes release to an application.
func (s *Server) released(tx *store.Tx, client string, of facts.Standing, scopes []string) (map[string]any, error) {
	out := oauth.UserInfo(of.Document.ID, of.User, of.Document.Updated, scopes)
	mappings, err := facts.ClientMappings(tx, client)
	if err != nil || onlySubject(mappings) {
		return out, err
	}
	known, err := facts.UserFacts(tx, s.api.Kinds()["user"], of.Document.ID, mappings)
	for name, v := range oauth.Mapped(mappings, known, scopes, func(m platform.AttributeMapping) bool { return m.UserInfo == nil || *m.UserInfo }) {
		out[name] = v
	}
	return out, err
}

// ofUserinfo verifies the token of a userinfo request: in the header or, of a
// bearer token, in the body (RFC 6750 §2).
func (s *Server) ofUserinfo(w http.ResponseWriter, r *http.Request, also reading) error {
	env := r.PathValue("env")
	token, _ := credentials(r)
	sent, err := bodyToken(r)
	switch {
	case err != nil:
		return err
	case sent != "" && token != "":
		return fault.BearerTwice
	case sent == "" && token == "":
		return fault.BearerMissing
	case sent == "":
		_, err = s.presented(w, r, env, "", also)
		return err
	}
	claims, err := s.verified(r.Context(), sent, env, "", also)
	if err == nil && claims.Confirm != nil {
		err = tokenError("it is bound to a key and came as a bearer token")
	}
	return err
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
