package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"pixy/internal/facts"
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
	known, err := s.tokenFacts(r, form)
	if err != nil {
		return err
	}
	grant, err := oauth.Pick(form, known.client)
	if err != nil {
		return err
	}
	out, err := s.redeem(r.Context(), grant, form, known)
	if err != nil {
		return err
	}
	return s.issue(w, r, out, known)
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
		if f.roles, err = facts.Assignments(tx, f.client.ID); err != nil {
			return err
		}
		if sealed, err = facts.LiveSecrets(tx, f.client.ID); err != nil {
			return err
		}
		f.signer, err = s.vault.Signer(tx, f.client.Signing.KeyRotationPolicy.ID)
		return err
	})
	if err != nil {
		return f, err
	}
	secrets, err := s.vault.Secrets(f.realm.Environment, "secret", credentials.ID, sealed)
	if err != nil {
		return f, err
	}
	return f, oauth.Authenticate(credentials, f.client, secrets)
}

// redeem lets the grant decide. Where it spends a ticket, that is one write:
// of many who redeem a code at the same time, one does.
func (s *Server) redeem(ctx context.Context, g oauth.Grant, form oauth.Form, known tokenFacts) (out oauth.Outcome, err error) {
	x := oauth.Exchange{Form: form, Client: *known.client, Now: s.now(), Roles: known.roles}
	if g.Spends == "" {
		out = g.Decide(x)
		return out, out.Refuse
	}
	err = s.db.Update(ctx, known.realm.Environment, func(tx *store.Tx) error {
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
			_, err = s.records.Codes.Save(tx, code, t)
			return out, err
		case out.Revoke != "":
			_, err = tx.EndFamily(out.Revoke, t.Expires) // a spent code lives as long as its tokens
			return out, err
		case !out.Spend:
			return out, nil
		}
		if spent, err := s.records.Codes.Spend(tx, code, tx.Now().Add(x.Client.Target(out.Issue.Scopes).Life)); err != nil || spent {
			return out, err
		}
	}
	return oauth.Outcome{}, fault.Stale
}

// readCode reads the ticket of a code and its user; a code that there is none
// of is nil.
func (s *Server) readCode(tx *store.Tx, x *oauth.Exchange, code string) (t store.Ticket[oauth.Code], err error) {
	t, err = s.records.Codes.Get(tx, code)
	if errors.Is(err, store.ErrMissing) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	c := t.Body
	c.Spent = !t.Spent.IsZero()
	x.Code = &c
	x.UserActive, err = facts.Active(tx, c.User)
	return t, err
}

// issue signs and answers (RFC 6749 §5.1).
func (s *Server) issue(w http.ResponseWriter, r *http.Request, out oauth.Outcome, known tokenFacts) error {
	now, client := s.now(), known.client.ID
	target := known.client.Target(out.Issue.Scopes)
	forAPI, forClient, err := s.mapped(r.Context(), known, out.Issue, target)
	if err != nil {
		return err
	}
	access, err := oauth.With(known.realm.AccessClaims(out.Issue, target, client, s.vault.NewID(), now), forAPI)
	if err != nil {
		return err
	}
	token, err := known.signer.Sign(access)
	if err != nil {
		return err
	}
	body := kind.Body{"access_token": token, "token_type": "Bearer", "expires_in": int(target.Life.Seconds())}
	if len(out.Issue.Scopes) > 0 {
		body["scope"] = strings.Join(out.Issue.Scopes, " ")
	}
	if out.Issue.WantsIdentity() {
		identity, err := oauth.With(known.realm.IdentityClaims(out.Issue, client, s.vault.NewID(), token, now), forClient)
		if err != nil {
			return err
		}
		if body["id_token"], err = known.signer.Sign(identity); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, body)
}

// mapped is the claims that attribute mappings add: those of the resources to
// the access token, those of the application to the ID token.
func (s *Server) mapped(ctx context.Context, known tokenFacts, i oauth.Issue, t oauth.Target) (forAPI, forClient map[string]any, err error) {
	if i.Subject == "" {
		return nil, nil, nil
	}
	var attributes, own []platform.AttributeMapping
	var user kind.Body
	err = s.db.View(ctx, known.realm.Environment, func(tx *store.Tx) error {
		if own, err = facts.ClientMappings(tx, known.client.ID); err != nil {
			return err
		}
		for _, id := range t.Resources {
			more, err := facts.Mappings(tx, "resourceAttribute", id)
			if err != nil {
				return err
			}
			attributes = append(attributes, more...)
		}
		if len(t.Resources) == 0 && len(own) <= 1 && plainSubject(own) {
			return nil
		}
		user, err = facts.UserFacts(tx, s.api.Kinds()["user"], i.Subject, slices.Concat(attributes, own))
		return err
	})
	if err != nil || user == nil {
		return nil, nil, err
	}
	forAPI = oauth.Mapped(attributes, user, i.Scopes, func(m platform.AttributeMapping) bool { return m.Name != "sub" })
	forClient = oauth.Mapped(own, user, i.Scopes, func(m platform.AttributeMapping) bool { return m.IDToken == nil || *m.IDToken })
	return forAPI, forClient, nil
}

// plainSubject reports that the subject of the mappings is the user's id, as
// it is without any.
func plainSubject(mappings []platform.AttributeMapping) bool {
	return !slices.ContainsFunc(mappings, func(m platform.AttributeMapping) bool { return m.Name == "sub" && m.Value != "${user.id}" })
}

// userinfo answers with the claims that the token's scopes release (OpenID
// Connect Core §5.3).
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) error {
	token := bearerToken(r)
	if r.Method == http.MethodPost {
		form, err := readForm(r)
		if err != nil {
			return err
		}
		if err := form.Wrong([]string{"access_token"}); err != nil {
			return err
		}
		if sent := form.Get("access_token"); sent != "" && token != "" {
			return fault.BearerTwice
		} else if sent != "" {
			token = sent
		}
	}
	if token == "" {
		return fault.BearerMissing
	}
	env := r.PathValue("env")
	claims, err := s.verified(r.Context(), token, env, "")
	if err != nil {
		return badToken(err, fault.BearerInvalid)
	}
	scopes := oauth.Words(claims.Scope)
	if claims.Subject == "" || !(oauth.Issue{Scopes: scopes}).WantsIdentity() {
		return fault.BearerScope
	}
	var body map[string]any
	err = s.db.View(r.Context(), env, func(tx *store.Tx) error {
		u, d, err := facts.Get[platform.User](tx, "user", claims.Subject)
		if err != nil {
			return facts.Missing(err, fault.BearerInvalid)
		}
		body = oauth.UserInfo(d.ID, u, d.Updated, scopes)
		mappings, err := facts.ClientMappings(tx, claims.ClientID)
		if err != nil {
			return err
		}
		user, err := facts.UserFacts(tx, s.api.Kinds()["user"], d.ID, mappings)
		for name, v := range oauth.Mapped(mappings, user, scopes, func(m platform.AttributeMapping) bool { return m.UserInfo == nil || *m.UserInfo }) {
			body[name] = v
		}
		return err
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, body)
}
