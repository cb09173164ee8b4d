package server

import (
	"net/http"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/oauth"
	"pixy/internal/store"
)

// identity is the claims of an ID token that this environment has signed, at
// whatever host, and that somebody gives back. Another text is a token error.
func (s *Server) identity(tx *store.Tx, text string) (oauth.Identity, error) {
	keys, err := facts.PublicKeys(tx)
	if err != nil {
		return oauth.Identity{}, err
	}
	claims, err := oauth.VerifyIdentity(text, keys, s.issuers(tx.Env())...)
	if err != nil {
		err = tokenError(err.Error())
	}
	return claims, err
}

// identityOf is identity of a token that was issued to a client.
func (s *Server) identityOf(tx *store.Tx, client, text string) (oauth.Identity, error) {
	claims, err := s.identity(tx, text)
	if err == nil && claims.Audience != client {
		err = tokenError("it was issued to another application")
	}
	return claims, err
}

// hinted holds an id_token_hint against the keys of the environment, and the
// browser's session against the user whom the request's hints name.
func (s *Server) hinted(tx *store.Tx, a *oauth.Authorization, f *authorizeFacts) error {
	if text := a.Form.Get("id_token_hint"); text != "" && a.Subject == "" {
		claims, err := s.identityOf(tx, f.client.ID, text)
		if isTokenError(err) {
			f.hint = fault.HintBroken.Saying("id_token_hint").Because(err)
			return nil
		}
		if err != nil {
			return err
		}
		a.Subject = claims.Subject
	}
	if a.Subject == "" || f.browser.session == nil {
		return nil
	}
	subject, err := s.subject(tx, f.client.ID, f.browser.session.User)
	f.foreign = subject != a.Subject
	return err
}

// hintedAhead is a request that is pushed with the user in place of its
// id_token_hint.
func (s *Server) hintedAhead(r *http.Request, a oauth.Authorization, c caller) (oauth.Authorization, error) {
	text := a.Form.Get("id_token_hint")
	if text == "" || a.Subject != "" {
		return a, nil
	}
	err := s.db.Look(r.Context(), c.realm.Environment, func(tx *store.Tx) error {
		claims, err := s.identityOf(tx, c.client.ID, text)
		a.Subject = claims.Subject
		return err
	})
	return a, badToken(err, fault.HintBroken.Saying("id_token_hint"))
}

// hintedByObject is the id of the user whom a login_hint_token names.
func (s *Server) hintedByObject(r *http.Request, c caller, text string) (string, error) {
	o, keys, err := s.object(r, c, text, fault.HintBroken.Saying("login_hint_token"))
	if err != nil {
		return "", err
	}
	return c.client.HintedUser(o, keys, c.realm.Issuer, s.now())
}

// hintedUser is the id of the enabled user whom the hint of a request names
// (CIBA §7.1).
func (s *Server) hintedUser(r *http.Request, c caller, form oauth.Form) (user string, err error) {
	if text := form.Get("login_hint_token"); text != "" {
		if user, err = s.hintedByObject(r, c, text); err != nil {
			return "", err
		}
	}
	err = s.db.Look(r.Context(), c.realm.Environment, func(tx *store.Tx) error {
		switch {
		case user != "":
		case form.Get("id_token_hint") != "":
			user, err = s.hintedByToken(tx, c, form.Get("id_token_hint"))
		default:
			user, err = hintedByName(tx, form.Get("login_hint"))
		}
		if err != nil {
			return err
		}
		active, err := facts.Active(tx, user)
		if err == nil && !active {
			err = fault.HintedUnknown
		}
		return err
	})
	return user, err
}

// hintedByName finds a user by name or else by id.
func hintedByName(tx *store.Tx, hint string) (string, error) {
	p, err := facts.Named(tx, hint)
	if err == nil && p.ID == "" {
		p.ID = hint
	}
	return p.ID, err
}

// hintedByToken finds the user of an ID token that the client got before. One
// under another name than the id is not found.
func (s *Server) hintedByToken(tx *store.Tx, c caller, text string) (string, error) {
	claims, err := s.identityOf(tx, c.client.ID, text)
	if err != nil {
		return "", badToken(err, fault.HintBroken.Saying("id_token_hint"))
	}
	if active, err := facts.Active(tx, claims.Subject); err != nil || !active {
		return "", err // whom nobody has for an id is nobody
	}
	subject, err := s.subject(tx, c.client.ID, claims.Subject)
	if err == nil && subject != claims.Subject {
		err = fault.HintedUnknown.Compared("the id of a user", "another name")
	}
	return claims.Subject, err
}
