package client

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// signIn is the person's part: it opens the authorize URL, fills in the form of
// the hosted page, and returns where the browser is sent in the end.
func signIn(authorize string) (*url.URL, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	var arrived *url.URL
	browser := http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), redirect) {
			arrived = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	resp, err := browser.Get(authorize)
	if err != nil {
		return nil, err
	}
	page, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	action := regexp.MustCompile(`action="([^"]*)"`).FindSubmatch(page)
	if action == nil {
		return nil, fmt.Errorf("%s: no form on the page: %s", resp.Status, page)
	}
	resp, err = browser.PostForm(strings.ReplaceAll(string(action[1]), "&amp;", "&"), url.Values{"action": {"signon"}, "username": {username}, "password": {password}})
	if err != nil {
		return nil, err
	}
	if err := resp.Body.Close(); err != nil || arrived == nil {
		return nil, fmt.Errorf("the browser ends at %s: %s %v", resp.Request.URL, resp.Status, err)
	}
	return arrived, nil
}

const redirect = "https://app.example.com/callback"

// TestGoClients signs in with golang.org/x/oauth2 and coreos/go-oidc, as public
// clients, whose tokens are signed by each algorithm, and as confidential ones.
func TestGoClients(t *testing.T) {
	// covers: Certification Basic/OIDCCServerTest, Certification Basic/OIDCCServerTestClientSecretPost
	p := start(t)
	p.prepare()
	p.app("native", map[string]any{"type": "NATIVE_APP", "tokenEndpointAuthMethod": "NONE", "redirectUris": []string{redirect}})
	p.app("basic", map[string]any{"type": "WEB_APP", "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC", "redirectUris": []string{redirect}})
	p.app("post", map[string]any{"type": "WEB_APP", "tokenEndpointAuthMethod": "CLIENT_SECRET_POST", "redirectUris": []string{redirect}})
	for name, key := range map[string]map[string]any{
		"PS256": {"algorithm": "RSA", "keyLength": 2048, "signatureAlgorithm": "SHA256withRSAandMGF1"},
		"ES256": {"algorithm": "EC", "keyLength": 256, "signatureAlgorithm": "SHA256withECDSA"},
		"EdDSA": {"algorithm": "Ed25519", "keyLength": 256, "signatureAlgorithm": "Ed25519"},
	} {
		key["name"], key["usageType"], key["subjectDN"], key["validityPeriod"] = name, "SIGNING", "CN=Tokens", 365
		p.app(name, map[string]any{"type": "NATIVE_APP", "tokenEndpointAuthMethod": "NONE", "redirectUris": []string{redirect},
			"signing": map[string]any{"key": map[string]any{"id": p.manage("POST", "/keys", key, 201)["id"]}}})
	}
	provider, err := oidc.NewProvider(t.Context(), p.issuer())
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range p.Apps {
		t.Run(name, func(t *testing.T) {
			config := oauth2.Config{ClientID: id, Endpoint: provider.Endpoint(), RedirectURL: redirect, Scopes: []string{oidc.ScopeOpenID, "profile", "email"}}
			if name == "basic" || name == "post" {
				config.ClientSecret = p.secret(name)
			}
			code := func(verifier string) string {
				arrived, err := signIn(config.AuthCodeURL("state-1", oidc.Nonce("nonce-1"), oauth2.S256ChallengeOption(verifier)))
				if err != nil {
					t.Fatal(err)
				}
				if q := arrived.Query(); q.Get("state") != "state-1" || q.Get("iss") != p.issuer() {
					t.Fatalf("arrived at %s", arrived)
				}
				return arrived.Query().Get("code")
			}
			verifier := oauth2.GenerateVerifier()
			stolen := code(verifier)
			var refused *oauth2.RetrieveError
			told := config // the library tries the other way to authenticate after a refusal, unless it is told
			told.Endpoint.AuthStyle = cmp.Or(map[string]oauth2.AuthStyle{"basic": oauth2.AuthStyleInHeader}[name], oauth2.AuthStyleInParams)
			if _, err := told.Exchange(t.Context(), stolen, oauth2.VerifierOption(oauth2.GenerateVerifier())); !errors.As(err, &refused) || refused.ErrorCode != "invalid_grant" {
				t.Errorf("another verifier: %v", err)
			}
			token, err := config.Exchange(t.Context(), stolen, oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			checkIdentity(t, provider, &config, token)
			want := map[string]string{"native": "RS256", "basic": "RS256", "post": "RS256"}[name]
			if alg := algorithm(t, token.AccessToken); alg != cmp.Or(want, name) {
				t.Errorf("the access token is signed by %s", alg)
			}
		})
	}
}

func checkIdentity(t *testing.T, provider *oidc.Provider, config *oauth2.Config, token *oauth2.Token) {
	t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: config.ClientID}).Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil || id.Nonce != "nonce-1" {
		t.Errorf("nonce %q, at_hash: %v", id.Nonce, err)
	}
	info, err := provider.UserInfo(context.Background(), config.TokenSource(context.Background(), token))
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
