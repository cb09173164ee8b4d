package server

import (
	"net/http"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/store"
)

// backchannel lets a client wait for a person who is elsewhere (OpenID Connect
// CIBA §7.1, §7.3). There is nothing yet that reaches the person, so the answer
// and the log say at which page that one decides: nobody else can do anything
// there.
func (s *Server) backchannel(w http.ResponseWriter, r *http.Request) error {
	form, err := tokenForm(r)
	if err != nil {
		return err
	}
	if err := form.Wrong(oauth.BackchannelParameters()); err != nil {
		return err
	}
	c, err := s.caller(r, form)
	if err != nil {
		return err
	}
	now := s.now().UTC()
	pending, err := oauth.Authorization{Form: form, Client: c.client}.AcceptBackchannel(now)
	if err != nil {
		return err
	}
	if pending.User, err = s.hintedUser(r, c, form); err != nil {
		return err
	}
	secret, id := s.vault.NewToken(), s.vault.NewToken()
	err = s.db.Update(r.Context(), c.realm.Environment, func(tx *store.Tx) error {
		_, err := s.records.Backchannels.Put(tx, secret, store.Ticket[oauth.Pending]{ID: id, Owner: pending.User, Client: c.client.ID, Expires: pending.ExpiresAt, Body: pending})
		return err
	})
	if err != nil {
		return err
	}
	page := s.base + s.prefix(c.realm.Environment) + "/approve/" + id
	s.log.InfoContext(r.Context(), "a person is asked to decide", "correlationId", correlation(r.Context()), "application", c.client.Name, "user", pending.User, "page", page)
	return writeJSON(w, http.StatusOK, kind.Body{
		"auth_req_id": secret, "expires_in": int(pending.ExpiresAt.Sub(now) / time.Second), "interval": pending.Interval, "approval_uri": page,
	})
}

// hintedUser is the id of the enabled user whom the hint of a request names
// (CIBA §7.1).
func (s *Server) hintedUser(r *http.Request, c caller, form oauth.Form) (user string, err error) {
	if text := form.Get("login_hint_token"); text != "" {
		o, keys, err := s.object(r, c, text)
		if err != nil {
			return "", err
		}
		if user, err = c.client.HintedUser(o, keys, c.realm.Issuer, s.now()); err != nil {
			return "", err
		}
	}
	err = s.db.View(r.Context(), c.realm.Environment, func(tx *store.Tx) error {
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
	keys, err := facts.PublicKeys(tx)
	if err != nil {
		return "", err
	}
	claims, err := oauth.VerifyIdentity(text, keys, s.issuers(c.realm.Environment)...)
	if err != nil || claims.Audience != c.client.ID {
		return "", fault.HintBroken.Saying("id_token_hint").Because(err)
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

// approvePage begins the flow in which the person whom a client named decides
// (GET /{env}/approve/{approval}).
func (s *Server) approvePage(w http.ResponseWriter, r *http.Request) error {
	return s.openApproval(w, r, func(tx *store.Tx, f flow.Flow, b browser) (flow.Flow, error) {
		request, err := s.requested(tx, flow.Asked{Kind: flow.ForBackchannel, ID: r.PathValue("approval")}, nil)
		if err != nil {
			return f, err
		}
		if request == nil {
			return f, fault.ApprovalMissing
		}
		p, err := facts.ByID(tx, request.Asked.User)
		if err != nil {
			return f, facts.Missing(err, fault.ApprovalMissing)
		}
		f.Hint = p.User.Username
		return flow.AskPerson(f, *request, b.session, tx.Now()), nil
	})
}
