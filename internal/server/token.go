package server

import (
	"context"
	"errors"
	"net/http"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// token answers a token request (RFC 6749 §3.2): the client authenticates, its
// grant type decides on the one ticket it spends, the tokens are signed after
// the commit.
func (s *Server) token(w http.ResponseWriter, r *http.Request) error {
	form, err := tokenForm(r)
	if err != nil {
		return err
	}
	if _, err := oauth.Pick(form, nil); err != nil {
		return err
	}
	facts, err := s.tokenFacts(r, form)
	if err != nil {
		return err
	}
	grant, err := oauth.Pick(form, facts.client)
	if err != nil {
		return err
	}
	out, err := s.redeem(r.Context(), grant, form, facts)
	if err != nil {
		return err
	}
	return s.issue(w, out, facts)
}

// tokenForm reads the parameters, which belong in the body alone.
func tokenForm(r *http.Request) (oauth.Form, error) {
	query, err := readQuery(r)
	if err != nil {
		return nil, err
	}
	if err := query.Misplaced(oauth.TokenParameters()); err != nil {
		return nil, err
	}
	form, err := readForm(r)
	if err != nil {
		return nil, err
	}
	return form, form.Wrong(oauth.TokenParameters())
}

// tokenFacts are what the token endpoint loads before it decides.
type tokenFacts struct {
	realm  oauth.Realm
	client *oauth.Client
	signer oauth.Signer
	roles  []platform.RoleAssignment
}

func (s *Server) tokenFacts(r *http.Request, form oauth.Form) (f tokenFacts, err error) {
	credentials, err := oauth.ReadCredentials(r.Header.Get("Authorization"), form)
	if err != nil {
		return f, err
	}
	var sealed []string
	err = s.db.View(r.Context(), r.PathValue("env"), func(tx *store.Tx) error {
		if f.realm, err = s.realm(tx); err != nil {
			return err
		}
		if f.client, err = s.client(tx, credentials.ID); err != nil || f.client == nil {
			return err
		}
		if f.roles, err = roleAssignments(tx, f.client.ID); err != nil {
			return err
		}
		if sealed, err = liveSecrets(tx, f.client.ID); err != nil {
			return err
		}
		f.signer, err = s.signer(tx)
		return err
	})
	if err != nil {
		return f, err
	}
	secrets, err := s.unsealSecrets(f.realm.Environment, credentials.ID, sealed)
	if err != nil {
		return f, err
	}
	return f, oauth.Authenticate(credentials, f.client, secrets)
}

// redeem lets the grant decide. Where it spends a ticket, that is one write:
// of many who redeem a code at the same time, one does.
func (s *Server) redeem(ctx context.Context, g oauth.Grant, form oauth.Form, facts tokenFacts) (out oauth.Outcome, err error) {
	x := oauth.Exchange{Form: form, Client: *facts.client, Now: s.now(), Roles: facts.roles}
	if g.Spends == "" {
		out = g.Decide(x)
		return out, out.Refuse
	}
	err = s.db.Update(ctx, facts.realm.Environment, func(tx *store.Tx) error {
		x.Now = tx.Now()
		out, err = s.spendCode(tx, g, x, form.Get(g.Spends))
		return err
	})
	if err == nil {
		err = out.Refuse
	}
	return out, err
}

// spendCode decides on a code as it is in this write. When somebody else spends
// it between the reading and the spending, the rule is asked once more.
func (s *Server) spendCode(tx *store.Tx, g oauth.Grant, x oauth.Exchange, code string) (oauth.Outcome, error) {
	for range 2 {
		t, err := s.readCode(tx, &x, code)
		if err != nil {
			return oauth.Outcome{}, err
		}
		out := g.Decide(x)
		switch {
		case out.Keep != nil:
			t.Body = *out.Keep
			_, err = s.records.codes.Save(tx, code, t)
			return out, err
		case out.Revoke != "":
			_, err = tx.EndFamily(out.Revoke, tx.Now().Add(oauth.TokenLife))
			return out, err
		case !out.Spend:
			return out, nil
		}
		if spent, err := s.records.codes.Spend(tx, code, tx.Now().Add(oauth.TokenLife)); err != nil || spent {
			return out, err
		}
	}
	return oauth.Outcome{}, fault.Stale
}

// readCode reads the ticket of a code and its user; a code that there is none
// of is nil.
func (s *Server) readCode(tx *store.Tx, x *oauth.Exchange, code string) (t store.Ticket[oauth.Code], err error) {
	t, err = s.records.codes.Get(tx, code)
	if errors.Is(err, store.ErrMissing) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	c := t.Body
	c.Spent = !t.Spent.IsZero()
	x.Code = &c
	x.UserActive, err = userActive(tx, c.User)
	return t, err
}

// issue signs and answers (RFC 6749 §5.1).
func (s *Server) issue(w http.ResponseWriter, out oauth.Outcome, facts tokenFacts) error {
	now, client := s.now(), facts.client.ID
	access := facts.realm.AccessClaims(out.Issue, client, s.newID(), now)
	token, err := facts.signer.Sign(access)
	if err != nil {
		return err
	}
	body := kind.Body{"access_token": token, "token_type": "Bearer", "expires_in": int(oauth.TokenLife.Seconds())}
	if access.Scope != "" {
		body["scope"] = access.Scope
	}
	if out.Issue.WantsIdentity() {
		identity := facts.realm.IdentityClaims(out.Issue, client, s.newID(), token, now)
		if body["id_token"], err = facts.signer.Sign(identity); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, body)
}

// userinfo answers with the claims that the token's scopes release (OpenID
// Connect Core §5.3).
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) error {
	token := bearerToken(r)
	if token == "" && r.Method == http.MethodPost {
		form, err := readForm(r)
		if err != nil {
			return err
		}
		if err := form.Wrong([]string{"access_token"}); err != nil {
			return err
		}
		token = form.Get("access_token")
	}
	if token == "" {
		return fault.BearerMissing
	}
	env := r.PathValue("env")
	claims, err := s.verified(r.Context(), token, env)
	if err != nil {
		return badToken(err, fault.BearerInvalid)
	}
	scopes := oauth.Words(claims.Scope)
	if claims.Subject == "" || !(oauth.Issue{Scopes: scopes}).WantsIdentity() {
		return fault.BearerScope
	}
	var body map[string]any
	err = s.db.View(r.Context(), env, func(tx *store.Tx) error {
		u, d, err := readDocument[platform.User](tx, "user", claims.Subject)
		body = oauth.UserInfo(d.ID, u, d.Updated, scopes)
		return missing(err, fault.BearerInvalid)
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, body)
}
