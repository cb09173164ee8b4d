package server

import (
	"errors"
	"net/http"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// unfold is an authorize request with the parameters that stand elsewhere put in
// place: in a request that the client pushed, in a request object, in a
// login_hint_token. What is wrong with those is told where the rest allows.
func (s *Server) unfold(r *http.Request, form oauth.Form) (oauth.Authorization, error) {
	a := oauth.Authorization{Form: form}
	if form.Get("request_uri") != "" {
		return s.pushed(r, a)
	}
	if form.Get("request") == "" && form.Get("login_hint_token") == "" || len(form["client_id"]) != 1 {
		return a, nil
	}
	c, err := s.clientOfForm(r, form)
	if err != nil || c.client == nil {
		return a, err
	}
	a.Client = c.client
	return s.signedParts(r, a, c)
}

// clientOfForm is the application that a form names.
func (s *Server) clientOfForm(r *http.Request, form oauth.Form) (c caller, err error) {
	err = s.db.Look(r.Context(), r.PathValue("env"), func(tx *store.Tx) error {
		c, err = s.named(tx, form.Get("client_id"))
		return err
	})
	return c, err
}

// signedParts reads what the client of a request has signed.
func (s *Server) signedParts(r *http.Request, a oauth.Authorization, c caller) (oauth.Authorization, error) {
	if err := a.Form.Wrong([]string{"request", "login_hint_token"}); err != nil {
		return a, err
	}
	if text := a.Form.Get("request"); text != "" {
		o, keys, err := s.object(r, c, text, fault.ObjectBroken)
		if err != nil {
			return a, err
		}
		if a, err = a.Unfold(o, keys, c.realm.Issuer, s.now()); err != nil {
			return a, err
		}
	}
	if a.Form.Get("login_hint_token") == "" {
		return a, nil
	}
	user, err := s.hintedByObject(r, c, a.Form.Get("login_hint_token"))
	if err != nil {
		return a, err
	}
	err = s.db.Look(r.Context(), c.realm.Environment, func(tx *store.Tx) error {
		u, _, err := facts.Get[platform.User](tx, "user", user)
		if err != nil {
			return facts.Missing(err, fault.HintBroken.Saying("login_hint_token"))
		}
		a.Username = u.Username
		a.Subject, err = s.subject(tx, c.client.ID, user)
		return err
	})
	return a, err
}

// object reads a JWT of a client, and finds what it can be verified with.
// refusal is for one that can't be.
func (s *Server) object(r *http.Request, c caller, text string, refusal *fault.Fault) (o oauth.Object, keys oauth.Keys, err error) {
	if o, err = oauth.ReadObject(text); err != nil {
		return o, keys, refusal.Because(err)
	}
	if o.Method == platform.AuthNone {
		return o, keys, nil
	}
	if o.Method == platform.AuthSecretJWT && c.client.TokenEndpointAuthMethod == platform.AuthNone { // OpenID Connect Core §10.1
		return o, keys, refusal.Compared("a signature by a key of the public client", "one by a secret")
	}
	if keys, err = s.keysFor(r.Context(), c, o.Method, o.KeyID); errors.Is(err, fault.ClientDenied) {
		err = refusal.Because(err)
	}
	return o, keys, err
}
