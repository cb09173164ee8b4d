package client

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/client/rs"
	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
)

// zitadelApp is a web application of zitadel's relying party: its handlers
// begin the sign-in and take its end.
type zitadelApp struct {
	*foreignClients
	id    string
	url   string
	party rp.RelyingParty
	who   *person
	// tokens and info are what the last sign-in has brought.
	tokens *oidc.Tokens[*oidc.IDTokenClaims]
	info   *oidc.UserInfo
}

// zitadelClients are zitadel's relying party and its resource server.
func (f *foreignClients) zitadelClients(t *testing.T) {
	c := client{f, "zitadel/oidc", moduleVersion(t, ".", "github.com/zitadel/oidc/v3")}
	basic := f.zitadelApp(t, "zitadel", map[string]any{"tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC"}, rp.WithAuthStyle(oauth2.AuthStyleInHeader))
	c.can(t, "sign-in", func(t *testing.T) {
		basic.signIn(t, "/login")
		if subject := basic.tokens.IDTokenClaims.Subject; subject == "" || basic.tokens.IDTokenClaims.Nonce != "" {
			t.Errorf("%+v", basic.tokens.IDTokenClaims)
		}
	})
	c.can(t, "userinfo", func(t *testing.T) {
		if basic.info.Email != "ada@example.com" || basic.info.Name != "Ada Lovelace" {
			t.Errorf("%+v", basic.info)
		}
	})
	c.can(t, "silent sign-in", func(t *testing.T) { basic.signIn(t, "/silent") })
	c.can(t, "form_post", func(t *testing.T) { basic.signIn(t, "/form") })
	c.can(t, "refresh", basic.refresh)
	c.can(t, "introspect", func(t *testing.T) { basic.introspect(t, true) })
	c.can(t, "revoke", func(t *testing.T) {
		if err := rp.RevokeToken(t.Context(), basic.party, basic.tokens.AccessToken, "access_token"); err != nil {
			t.Fatal(err)
		}
		basic.introspect(t, false)
	})
	c.can(t, "sign-off", basic.signOff)
	c.can(t, "JWT authentication", f.zitadelKey)
}

// zitadelKey is a client that signs instead of having a secret.
func (f *foreignClients) zitadelKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "key-1", Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	app := f.zitadelApp(t, "zitadel with a key", map[string]any{"tokenEndpointAuthMethod": "PRIVATE_KEY_JWT", "jwks": string(keys)}, rp.WithJWTProfile(rp.SignerFromKeyAndKeyID(private, "key-1")))
	app.signIn(t, "/login")
	app.refresh(t)
	server, err := rs.NewResourceServerJWTProfile(t.Context(), f.issuer(), app.id, "key-1", private, rs.WithClient(f.http))
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := rs.Introspect[*oidc.IntrospectionResponse](t.Context(), server, app.tokens.AccessToken); err != nil || !answer.Active {
		t.Errorf("introspection: %+v %v", answer, err)
	}
	if err := rp.RevokeToken(t.Context(), app.party, app.tokens.AccessToken, "access_token"); err != nil {
		t.Error(err)
	}
}

// zitadelApp serves an application until the test is over.
func (f *foreignClients) zitadelApp(t *testing.T, name string, settings map[string]any, options ...rp.Option) *zitadelApp {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	a := &zitadelApp{foreignClients: f, url: server.URL, who: f.person(t)}
	settings["type"] = "WEB_APP"
	settings["redirectUris"] = []string{a.url + "/callback"}
	settings["postLogoutRedirectUris"] = []string{a.url + "/goodbye"}
	f.app(name, settings)
	a.id = f.Apps[name]
	secret := ""
	if settings["tokenEndpointAuthMethod"] != "PRIVATE_KEY_JWT" {
		secret = f.secret(name)
	}
	cookies := httphelper.NewCookieHandler([]byte("0123456789abcdef0123456789abcdef"), nil, httphelper.WithUnsecure())
	var err error
	a.party, err = rp.NewRelyingPartyOIDC(t.Context(), f.issuer(), a.id, secret, a.url+"/callback", []string{"openid", "profile", "email"},
		append(options, rp.WithHTTPClient(f.http), rp.WithCookieHandler(cookies), rp.WithPKCE(cookies), rp.WithSigningAlgsFromDiscovery())...)
	if err != nil {
		t.Fatal(err)
	}
	state := func() string { return "state-1" }
	mux.Handle("/login", rp.AuthURLHandler(state, a.party))
	mux.Handle("/silent", rp.AuthURLHandler(state, a.party, rp.WithPromptURLParam("none")))
	mux.Handle("/form", rp.AuthURLHandler(state, a.party, rp.WithResponseModeURLParam(oidc.ResponseModeFormPost)))
	mux.Handle("/callback", rp.CodeExchangeHandler(rp.UserinfoCallback(a.signedIn), a.party))
	return a
}

func (a *zitadelApp) signedIn(w http.ResponseWriter, _ *http.Request, tokens *oidc.Tokens[*oidc.IDTokenClaims], state string, _ rp.RelyingParty, info *oidc.UserInfo) {
	a.tokens, a.info = tokens, info
	_, _ = w.Write([]byte("signed in with " + state)) // the test sees it when it is missing
}

// signIn begins at one of the application's URLs.
func (a *zitadelApp) signIn(t *testing.T, path string) {
	t.Helper()
	before := a.tokens
	at, page, err := a.who.open(a.url + path)
	if err != nil || page != "signed in with state-1" || a.tokens == before {
		t.Fatalf("the browser is at %v: %s %v", at, page, err)
	}
}

func (a *zitadelApp) refresh(t *testing.T) {
	tokens, err := rp.RefreshTokens[*oidc.IDTokenClaims](t.Context(), a.party, a.tokens.RefreshToken, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if tokens.AccessToken == a.tokens.AccessToken || tokens.RefreshToken == a.tokens.RefreshToken {
		t.Error("the tokens are the old ones")
	}
	info, err := rp.Userinfo[*oidc.UserInfo](t.Context(), tokens.AccessToken, tokens.Type(), a.tokens.IDTokenClaims.Subject, a.party)
	if err != nil || info.Email != "ada@example.com" {
		t.Errorf("userinfo: %+v %v", info, err)
	}
	tokens.IDTokenClaims = a.tokens.IDTokenClaims
	a.tokens = tokens
}

// introspect asks as a resource server.
func (a *zitadelApp) introspect(t *testing.T, active bool) {
	t.Helper()
	server, err := rs.NewResourceServerClientCredentials(t.Context(), a.issuer(), a.id, a.party.OAuthConfig().ClientSecret, rs.WithClient(a.http))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := rs.Introspect[*oidc.IntrospectionResponse](t.Context(), server, a.tokens.AccessToken)
	if err != nil || answer.Active != active {
		t.Fatalf("%+v %v", answer, err)
	}
	if active && (answer.ClientID != a.id || answer.Subject != a.tokens.IDTokenClaims.Subject) {
		t.Errorf("%+v", answer)
	}
}

// signOff ends the session from the application's server, then from the
// person's browser, which is not signed on any more afterwards.
func (a *zitadelApp) signOff(t *testing.T) {
	a.signIn(t, "/login")
	at, err := rp.EndSession(t.Context(), a.party, a.tokens.IDToken, a.url+"/goodbye", "state-2", "", nil)
	if err != nil || at == nil || at.String() != a.url+"/goodbye?state=state-2" {
		t.Fatalf("the application's server is sent to %v: %v", at, err)
	}
	query := url.Values{"id_token_hint": {a.tokens.IDToken}, "post_logout_redirect_uri": {a.url + "/goodbye"}}
	if at, _, err := a.who.open(a.party.GetEndSessionEndpoint() + "?" + query.Encode()); err != nil || at.String() != a.url+"/goodbye" {
		t.Fatalf("the browser is at %v: %v", at, err)
	}
	if at, page, err := a.who.open(a.url + "/silent"); err != nil || at.Query().Get("error") != "login_required" {
		t.Errorf("the browser is at %v: %s %v", at, page, err)
	}
}
