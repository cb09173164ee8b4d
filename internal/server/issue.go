package server

import (
	"context"
	"slices"
	"strings"

	"pixy/internal/facts"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// answer signs the tokens of an outcome and is the body of the token response
// (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
func (s *Server) answer(ctx context.Context, c issuing, out oauth.Outcome) (kind.Body, error) {
	added, err := s.mapped(ctx, c, out.Issue)
	if err != nil {
		return nil, err
	}
	body, err := s.accessToken(ctx, c, out.Issue, added)
	if err != nil {
		return nil, err
	}
	if out.Refresh != nil {
		body["refresh_token"] = oauth.RefreshToken(s.refreshKey, c.realm.Environment, out.Refresh.Family, out.Refresh.Generation)
	}
	if out.IssuedType != "" {
		body["issued_token_type"] = out.IssuedType
	}
	if out.Issue.WantsIdentity() {
		with := oauth.Beside{AccessToken: c.signer.LeftHash(body["access_token"].(string))}
		body["id_token"], err = s.identityToken(ctx, c, out.Issue, with, added)
	}
	return body, err
}

// accessToken signs an access token, and is what every answer says of one.
func (s *Server) accessToken(ctx context.Context, c issuing, i oauth.Issue, added mapped) (kind.Body, error) {
	now, target := s.now(), c.client.Target(i)
	claims := c.realm.AccessClaims(i, target, c.client.ID, s.vault.NewID(), now)
	whole, err := oauth.With(claims, added.forAPI)
	if err != nil {
		return nil, err
	}
	token, err := sign(ctx, func() (string, error) { return c.signer.Sign(whole, c.client.AccessType()) })
	if err != nil {
		return nil, err
	}
	body := kind.Body{"access_token": token, "token_type": "Bearer", "expires_in": claims.Expires - claims.IssuedAt}
	if i.JKT != "" {
		body["token_type"] = "DPoP"
	}
	if len(i.Scopes) > 0 {
		body["scope"] = strings.Join(i.Scopes, " ")
	}
	return body, nil
}

func (s *Server) identityToken(ctx context.Context, c issuing, i oauth.Issue, with oauth.Beside, added mapped) (string, error) {
	claims, err := oauth.With(c.realm.IdentityClaims(i, c.client.ID, s.vault.NewID(), with, s.now()), added.forClient)
	if err != nil {
		return "", err
	}
	return sign(ctx, func() (string, error) { return c.signer.Sign(claims, "") })
}

// mapped is the claims that attribute mappings add: those of the resources to
// the access token, those of the application to the ID token.
type mapped struct{ forAPI, forClient map[string]any }

func (s *Server) mapped(ctx context.Context, c issuing, i oauth.Issue) (m mapped, err error) {
	if i.Subject == "" {
		return m, nil
	}
	target := c.client.Target(i)
	var attributes, own []platform.AttributeMapping
	var user kind.Body
	err = s.db.Look(ctx, c.realm.Environment, func(tx *store.Tx) error {
		if own, err = facts.ClientMappings(tx, c.client.ID); err != nil {
			return err
		}
		for _, id := range target.Resources {
			more, err := facts.Mappings(tx, "resourceAttribute", id)
			if err != nil {
				return err
			}
			attributes = append(attributes, more...)
		}
		if len(target.Resources) == 0 && onlySubject(own) {
			return nil
		}
		user, err = facts.UserFacts(tx, s.api.Kinds()["user"], i.Subject, slices.Concat(attributes, own))
		return err
	})
	if err != nil || user == nil {
		return m, err
	}
	m.forAPI = oauth.Mapped(attributes, user, i.Scopes, func(m platform.AttributeMapping) bool { return m.Name != "sub" })
	m.forClient = oauth.Mapped(own, user, i.Scopes, func(m platform.AttributeMapping) bool { return m.IDToken == nil || *m.IDToken })
	return m, nil
}

// subject is what a user is called towards an application: the id, unless a
// mapping says otherwise.
func (s *Server) subject(tx *store.Tx, client, user string) (string, error) {
	own, err := facts.ClientMappings(tx, client)
	if err != nil || plainSubject(own) {
		return user, err
	}
	known, err := facts.UserFacts(tx, s.api.Kinds()["user"], user, own)
	if err != nil {
		return "", err
	}
	var scopes []string // those that a mapping waits for were granted, or the token calls the user by the id
	for _, m := range own {
		scopes = append(scopes, m.OIDCScopes...)
	}
	named := oauth.Mapped(own, known, scopes, func(m platform.AttributeMapping) bool { return m.Name == "sub" && (m.IDToken == nil || *m.IDToken) })
	if subject, ok := named["sub"].(string); ok {
		return subject, nil
	}
	return user, nil
}

// onlySubject reports that mappings say of a user nothing but the id.
func onlySubject(mappings []platform.AttributeMapping) bool {
	return !slices.ContainsFunc(mappings, func(m platform.AttributeMapping) bool { return m.Name != "sub" || m.Value != "${user.id}" })
}

// plainSubject reports that the subject of the mappings is the user's id, as
// it is without any.
func plainSubject(mappings []platform.AttributeMapping) bool {
	return !slices.ContainsFunc(mappings, func(m platform.AttributeMapping) bool { return m.Name == "sub" && m.Value != "${user.id}" })
}
