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

// token answers a token request (RFC 6749 §3.2): the client authenticates, its
// grant type decides on the one ticket it spends, the tokens are signed after
// the commit.
func (s *Server) token(w http.ResponseWriter, r *http.Request) error {
	form, err := clientForm(r, oauth.TokenParameters())
	if err != nil {
		return err
	}
	if _, err := oauth.Pick(form, nil); err != nil {
		return err
	}
	var c issuing
	var roles []platform.RoleAssignment
	c.caller, err = s.caller(r, form, func(tx *store.Tx, client *oauth.Client) error {
		if roles, err = facts.Assignments(tx, client.ID); err != nil {
			return err
		}
		c.signer, err = s.vault.SignerOf(tx, client.Application)
		return err
	})
	if err != nil {
		return err
	}
	grant, err := oauth.Pick(form, c.client)
	if err != nil {
		return err
	}
	jkt, err := s.proof(w, r, "")
	if err != nil {
		return err
	}
	x := oauth.Exchange{Form: form, Client: *c.client, Now: s.now(), Roles: roles, JKT: jkt}
	if x.Presented, err = s.readTokens(r, grant, form); err != nil {
		return err
	}
	out, err := s.redeem(r.Context(), grant, x, c.realm.Environment)
	if err != nil {
		return err
	}
	body, err := s.answer(r.Context(), c, out)
	if err != nil {
		return err
	}
	s.metrics.Issued(grant.Type, body)
	return writeJSON(w, http.StatusOK, body)
}

// readTokens verifies the access tokens that a grant reads; one that is not good
// is left out.
func (s *Server) readTokens(r *http.Request, g oauth.Grant, form oauth.Form) (map[string]*oauth.Access, error) {
	out := map[string]*oauth.Access{}
	for _, name := range g.Reads {
		if form.Get(name) == "" {
			continue
		}
		claims, err := s.verified(r.Context(), form.Get(name), r.PathValue("env"), "", nil)
		if err != nil && !isTokenError(err) {
			return nil, err
		}
		if err == nil {
			out[name] = &claims
		}
	}
	return out, nil
}

// spender decides on the ticket that a grant spends, as it is in this write.
type spender func(tx *store.Tx, g oauth.Grant, x oauth.Exchange, secret string) (oauth.Outcome, error)

// spender is that of the form field that names the ticket.
func (s *Server) spender(field string) spender {
	switch field {
	case "code":
		return s.spendCode
	case "refresh_token":
		return s.spendRefresh
	case "device_code":
		return s.spendDevice
	}
	return s.spendCIBA
}

// redeem lets the grant decide. Where it spends a ticket, that is one write:
// of many who redeem a code at the same time, one does.
func (s *Server) redeem(ctx context.Context, g oauth.Grant, x oauth.Exchange, env string) (out oauth.Outcome, err error) {
	if g.Spends == "" {
		out = g.Decide(x)
		return out, out.Refuse
	}
	spend := s.spender(g.Spends)
	err = s.db.Update(ctx, env, func(tx *store.Tx) error {
		x.Now = tx.Now()
		out, err = spend(tx, g, x, x.Form.Get(g.Spends))
		if err == nil && !out.Keeps() {
			err = out.Refuse // nothing is promised, so nothing is waited for
		}
		return err
	})
	if err == nil {
		err = out.Refuse
	}
	return out, err
}

// spendCode decides on an authorization code. When somebody else spends it
// between the reading and the spending, the rule is asked once more.
func (s *Server) spendCode(tx *store.Tx, g oauth.Grant, x oauth.Exchange, code string) (oauth.Outcome, error) {
	for range 2 {
		t, err := s.readCode(tx, &x, code)
		if err != nil {
			return oauth.Outcome{}, err
		}
		out := g.Decide(x)
		switch {
		case out.Code != nil:
			t.Body = *out.Code
			_, err = s.records.Codes.Save(tx, code, t)
			return out, err
		case out.End != nil:
			return out, s.endFamily(tx, *out.End)
		case !out.Spend:
			return out, nil
		}
		if spent, err := s.records.Codes.Spend(tx, code, out.Last(x)); err != nil || spent {
			if err == nil && out.Refresh != nil {
				err = s.putRefresh(tx, *out.Refresh)
			}
			return out, err
		}
	}
	return oauth.Outcome{}, fault.Stale
}

// readCode reads the ticket of a code and its user; a code that there is none
// of is nil.
func (s *Server) readCode(tx *store.Tx, x *oauth.Exchange, code string) (t store.Ticket[oauth.Code], err error) {
	t, err = s.records.Codes.Get(tx, code)
	if isMissing(err) {
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
