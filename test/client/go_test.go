package client

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// oauth2Clients are coreos/go-oidc with golang.org/x/oauth2, as public clients,
// whose tokens are signed by each algorithm, and as confidential ones.
func (f *foreignClients) oauth2Clients(t *testing.T) {
	f.app("native", map[string]any{"type": "NATIVE_APP", "tokenEndpointAuthMethod": "NONE", "redirectUris": []string{redirect}})
	f.app("basic", map[string]any{"type": "WEB_APP", "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC", "redirectUris": []string{redirect}})
	f.app("post", map[string]any{"type": "WEB_APP", "tokenEndpointAuthMethod": "CLIENT_SECRET_POST", "redirectUris": []string{redirect}})
	for name, key := range map[string]map[string]any{
		"PS256": {"algorithm": "RSA", "keyLength": 2048, "signatureAlgorithm": "SHA256withRSAandMGF1"},
		"ES256": {"algorithm": "EC", "keyLength": 256, "signatureAlgorithm": "SHA256withECDSA"},
		"EdDSA": {"algorithm": "Ed25519", "keyLength": 256, "signatureAlgorithm": "Ed25519"},
	} {
		key["name"], key["usageType"], key["subjectDN"], key["validityPeriod"] = name, "SIGNING", "CN=Tokens", 365
		f.app(name, map[string]any{"type": "NATIVE_APP", "tokenEndpointAuthMethod": "NONE", "redirectUris": []string{redirect},
			"signing": map[string]any{"key": map[string]any{"id": f.manage("POST", "/keys", key, 201)["id"]}}})
	}
	ctx := oidc.ClientContext(t.Context(), f.http)
	provider, err := oidc.NewProvider(ctx, f.issuer())
	if err != nil {
		t.Fatal(err)
	}
	c := client{f, "coreos/go-oidc", moduleVersion(t, ".", "github.com/coreos/go-oidc/v3") + " with x/oauth2 " + moduleVersion(t, ".", "golang.org/x/oauth2")}
	for _, name := range []string{"native", "basic", "post", "PS256", "ES256", "EdDSA"} {
		t.Run(name, func(t *testing.T) {
			app := oauth2App{f, ctx, provider, oauth2.Config{ClientID: f.Apps[name], Endpoint: provider.Endpoint(), RedirectURL: redirect, Scopes: []string{oidc.ScopeOpenID, "profile", "email"}}, f.person(t)}
			if name == "basic" || name == "post" {
				app.config.ClientSecret = f.secret(name)
			}
			var token *oauth2.Token
			c.can(t, "sign-in", func(t *testing.T) { token = app.signIn(t, name) })
			c.can(t, "userinfo", func(t *testing.T) { app.userInfo(t, token) })
			c.can(t, "silent sign-in", func(t *testing.T) {
				verifier := oauth2.GenerateVerifier()
				if _, err := app.config.Exchange(ctx, app.code(t, verifier, oauth2.SetAuthURLParam("prompt", "none")).Get("code"), oauth2.VerifierOption(verifier)); err != nil {
					t.Error(err)
				}
			})
			c.can(t, "refresh", func(t *testing.T) { app.refresh(t, token) })
		})
	}
}

// oauth2App is an application that uses them.
type oauth2App struct {
	*foreignClients
	ctx      context.Context
	provider *oidc.Provider
	config   oauth2.Config
	who      *person
}

// code is what the person brings back.
func (a oauth2App) code(t *testing.T, verifier string, options ...oauth2.AuthCodeOption) url.Values {
	t.Helper()
	arrived, _, err := a.who.open(a.config.AuthCodeURL("state-1", append(options, oidc.Nonce("nonce-1"), oauth2.S256ChallengeOption(verifier))...))
	if err != nil {
		t.Fatal(err)
	}
	q := arrived.Query()
	if q.Get("state") != "state-1" || q.Get("iss") != a.issuer() {
		t.Fatalf("arrived at %s", arrived)
	}
	return q
}

// signIn redeems a code, but not with another verifier.
func (a oauth2App) signIn(t *testing.T, name string) *oauth2.Token {
	verifier := oauth2.GenerateVerifier()
	stolen := a.code(t, verifier).Get("code")
	var refused *oauth2.RetrieveError
	told := a.config // the library tries the other way to authenticate after a refusal, unless it is told
	told.Endpoint.AuthStyle = cmp.Or(map[string]oauth2.AuthStyle{"basic": oauth2.AuthStyleInHeader}[name], oauth2.AuthStyleInParams)
	if _, err := told.Exchange(a.ctx, stolen, oauth2.VerifierOption(oauth2.GenerateVerifier())); !errors.As(err, &refused) || refused.ErrorCode != "invalid_grant" {
		t.Errorf("another verifier: %v", err)
	}
	token, err := a.config.Exchange(a.ctx, stolen, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	id := a.identity(t, token)
	if err := id.VerifyAccessToken(token.AccessToken); err != nil || id.Nonce != "nonce-1" {
		t.Errorf("nonce %q, at_hash: %v", id.Nonce, err)
	}
	want := map[string]string{"native": "RS256", "basic": "RS256", "post": "RS256"}[name]
	if alg := algorithm(t, token.AccessToken); alg != cmp.Or(want, name) {
		t.Errorf("the access token is signed by %s", alg)
	}
	return token
}

// algorithm is that in the header of a JWT.
func algorithm(t *testing.T, token string) string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	var h struct{ Alg string }
	if err := errors.Join(err, json.Unmarshal(raw, &h)); err != nil {
		t.Fatal(err)
	}
	return h.Alg
}

func (a oauth2App) identity(t *testing.T, token *oauth2.Token) *oidc.IDToken {
	t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id, err := a.provider.Verifier(&oidc.Config{ClientID: a.config.ClientID}).Verify(a.ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (a oauth2App) userInfo(t *testing.T, token *oauth2.Token) {
	id := a.identity(t, token)
	info, err := a.provider.UserInfo(a.ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Name string `json:"name"`
	}
	if err := info.Claims(&claims); err != nil || info.Subject != id.Subject || info.Email != "ada@example.com" || claims.Name != "Ada Lovelace" {
		t.Errorf("userinfo: %+v %+v %v", info, claims, err)
	}
}

// refresh has the library find that the access token is over.
func (a oauth2App) refresh(t *testing.T, token *oauth2.Token) {
	again, err := a.config.TokenSource(a.ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil {
		t.Fatal(err)
	}
	if again.AccessToken == token.AccessToken || again.RefreshToken == token.RefreshToken {
		t.Error("the tokens are the old ones")
	}
	if before, after := a.identity(t, token), a.identity(t, again); before.Subject != after.Subject {
		t.Errorf("%s has become %s", before.Subject, after.Subject)
	}
	a.userInfo(t, again)
}
