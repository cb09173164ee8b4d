package test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func (w *world) jwks() *jose.JSONWebKeySet {
	w.t.Helper()
	var set jose.JSONWebKeySet
	w.must(json.Unmarshal([]byte(w.send("GET", "/"+w.env+"/as/jwks", "").want(200).raw), &set))
	return &set
}

// TestTokens verifies tokens as a client does, with a library and by hand, and
// holds their claims against the request.
// covers: RFC 9068 §2.1/1, RFC 9068 §2.1/2, RFC 9068 §2.1/3, RFC 9068 §2.1/4, RFC 9068 §2.2/1, RFC 9068 §2.2/2, RFC 9068 §2.2/3, RFC 9068 §2.2/5
// covers: RFC 9068 §2.2/7, RFC 9068 §2.2/8, RFC 9068 §2.2.3/1, RFC 9068 §3/3, RFC 9068 §4/1
// covers: OIDC Core §2/1, OIDC Core §2/2, OIDC Core §2/4, OIDC Core §2/5, OIDC Core §2/6, OIDC Core §2/9, OIDC Core §2/12, OIDC Core §2/19
// covers: OIDC Core §2/21, OIDC Core §3.1.3.3/1, OIDC Core §3.1.3.3/2, OIDC Core §3.1.3.3/3, OIDC Core §3.1.3.3/4, OIDC Core §3.1.3.7/10
// covers: OIDC Core §10.1/2, OIDC Core §10.1/3, OIDC Core §10.1/5, OIDC Core §15.1/1
// covers: OIDC Discovery §3/20, OIDC Discovery §4.3/4
func TestTokens(t *testing.T) {
	// covers: RFC 6749 §5.1/1, RFC 6749 §5.1/2, RFC 6749 §5.1/3, RFC 6749 §5.1/6
	// covers: RFC 6750 §5.2/10, RFC 6750 §5.3/6, RFC 6750 §5.3/7
	// covers: Certification Basic/OIDCCServerTest, Certification Basic/OIDCCIdTokenSignature
	w := newWorld(t)
	user, app := w.user("ada"), w.application(nil)
	p := &person{w: w}
	answer := w.redeem(app, p.code(app, "ada", url.Values{"nonce": {"n-0S6"}}), nil).want(200)
	if answer.Header.Get("Cache-Control") != "no-store" || answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", answer.Header)
	}
	if answer.text("token_type") != "Bearer" || answer.body["expires_in"] != 3600.0 || answer.text("scope") != "openid" || answer.text("refresh_token") != "" {
		t.Errorf("%s", answer.raw)
	}
	access, id := answer.text("access_token"), answer.text("id_token")
	for _, token := range []string{access, id} {
		parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
		w.must(err)
		if kid := parsed.Headers[0].KeyID; len(w.jwks().Key(kid)) != 1 {
			t.Errorf("kid %q is not in the JWKS", kid)
		}
		var c object
		w.must(parsed.Claims(w.jwks(), &c))
		w.verifyByHand(token)
	}
	issuer, now := w.base+"/"+w.env+"/as", float64(w.clock().Unix())
	a := claims(t, access)
	for name, want := range map[string]any{"iss": issuer, "sub": user, "client_id": app, "scope": "openid", "env": w.env, "iat": now, "exp": now + 3600, "acr": "Single_Factor", "auth_time": now} {
		if a[name] != want {
			t.Errorf("access token: %s is %v, want %v", name, a[name], want)
		}
	}
	if aud, ok := a["aud"].([]any); !ok || len(aud) != 1 || aud[0] != "https://api.pingone.com" {
		t.Errorf("access token: aud is %v", a["aud"])
	}
	i := claims(t, id)
	hash := sha256.Sum256([]byte(access))
	for name, want := range map[string]any{"iss": issuer, "sub": user, "aud": app, "nonce": "n-0S6", "acr": "Single_Factor", "auth_time": now, "iat": now, "exp": now + 3600,
		"sid": a["sid"], "at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]), "env": w.env} {
		if i[name] != want {
			t.Errorf("ID token: %s is %v, want %v", name, i[name], want)
		}
	}
	if amr, ok := i["amr"].([]any); !ok || len(amr) != 1 || amr[0] != "pwd" {
		t.Errorf("ID token: amr is %v", i["amr"])
	}
	if c := claims(t, w.admin); c["sub"] != nil || c["sid"] != nil || c["scope"] != nil || c["client_id"] != w.worker.ApplicationID || c["env"] != w.env || c["org"] == nil {
		t.Errorf("worker token: %v", c)
	}
}

// verifyByHand checks RS256 with nothing but the standard library.
func (w *world) verifyByHand(token string) {
	w.t.Helper()
	parts := strings.Split(token, ".")
	var head struct{ Alg, Kid string }
	raw, err := base64.RawURLEncoding.DecodeString(parts[0])
	w.must(err)
	w.must(json.Unmarshal(raw, &head))
	var set struct {
		Keys []struct{ Kty, Use, Kid, N, E string }
	}
	w.must(json.Unmarshal([]byte(w.send("GET", "/"+w.env+"/as/jwks", "").raw), &set))
	for _, k := range set.Keys {
		if k.Kid != head.Kid || k.Kty != "RSA" || k.Use != "sig" || head.Alg != "RS256" {
			continue
		}
		n, err := base64.RawURLEncoding.DecodeString(k.N)
		w.must(err)
		signature, err := base64.RawURLEncoding.DecodeString(parts[2])
		w.must(err)
		sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		w.must(rsa.VerifyPKCS1v15(&rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}, crypto.SHA256, sum[:], signature))
		return
	}
	w.t.Errorf("no key for %+v", head)
}

// TestUserinfo releases what the scopes say, and no more.
// covers: OIDC Core §3.1.2.1/3, OIDC Core §3.1.2.2/2, OIDC Core §3.1.2.4/1, OIDC Core §3.1.3.2/6, OIDC Core §5.2/5, OIDC Core §5.2/6, OIDC Core §5.3/2
// covers: OIDC Core §5.3/3, OIDC Core §5.3.1/1, OIDC Core §5.3.2/1, OIDC Core §5.3.2/4, OIDC Core §5.3.2/7, OIDC Core §5.3.2/8, OIDC Core §5.3.2/9
// covers: OIDC Core §5.6/1
func TestUserinfo(t *testing.T) {
	// covers: RFC 6749 §3.3/1, RFC 6749 §3.3/2, RFC 6749 §5.1/5, RFC 6749 §10.3/5
	// covers: RFC 6750 §2.1/2
	// covers: Certification Basic/OIDCCUserInfoGet, Certification Basic/OIDCCUserInfoPostHeader, Certification Basic/OIDCCUserInfoPostBody
	// covers: Certification Basic/OIDCCScopeEmail, Certification Basic/OIDCCScopeAddress, Certification Basic/OIDCCScopePhone, Certification Basic/OIDCCScopeAll
	w := newWorld(t)
	ada := w.manage("POST", "/users", object{"username": "ada", "email": "ada@example.com", "name": object{"given": "Ada", "family": "Lovelace"},
		"primaryPhone": "+44.1", "address": object{"locality": "London", "countryCode": "GB"}}).want(201).text("id")
	w.password(ada, goodPassword, false)
	app := w.application(nil)
	all := "openid profile email address phone offline_access p1:read:user"
	p := &person{w: w}
	before := w.redeem(app, p.code(app, "ada", url.Values{"scope": {all}}), nil).want(200)
	if before.text("scope") != "openid" {
		t.Errorf("scopes without a grant: %q", before.text("scope"))
	}
	w.grantScopes(app, "profile", "email", "address", "phone", "offline_access")
	for scope, want := range map[string]string{
		"openid":         `{"sub":"` + ada + `"}`,
		"openid email":   `{"email":"ada@example.com","email_verified":false,"sub":"` + ada + `"}`,
		"openid phone":   `{"phone_number":"+44.1","sub":"` + ada + `"}`,
		"openid address": `{"address":{"country":"GB","locality":"London"},"sub":"` + ada + `"}`,
		all:              `"name":"Ada Lovelace"`,
	} {
		tokens := w.redeem(app, p.authorize(app, url.Values{"scope": {scope}, "claims_locales": {"de"}}).query("code"), nil).want(200)
		for _, method := range []string{"GET", "POST"} {
			r := w.send(method, "/"+w.env+"/as/userinfo", "", header{"Authorization": "Bearer " + tokens.text("access_token")}).want(200)
			if !strings.Contains(r.raw, want) || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s: %s, want %s", method, scope, r.raw, want)
			}
		}
		r := w.form("POST", "/"+w.env+"/as/userinfo", url.Values{"access_token": {tokens.text("access_token")}}).want(200)
		if !strings.Contains(r.raw, want) {
			t.Errorf("token in the body: %s", r.raw)
		}
	}
	w.redeem(app, p.authorize(app, url.Values{"scope": {""}}).query("code"), nil).want(200)
	token := w.redeem(app, p.authorize(app, url.Values{"scope": {"email"}}).query("code"), nil).want(200)
	if token.text("id_token") != "" {
		t.Error("an ID token without the scope openid")
	}
	w.userinfo(token.text("access_token")).refused(403, "insufficient_scope", "openid")
	w.userinfo("").refused(401, "invalid_token", "required")
	w.userinfo(w.admin).refused(403, "insufficient_scope", "")
	p.authorize(app, url.Values{"scope": {"nothing"}}).expectError(t, "invalid_scope", "granted")
}

// grantScopes lets an application ask for scopes of the resource openid.
func (w *world) grantScopes(app string, names ...string) {
	w.t.Helper()
	resource := w.manage("GET", "/resources?filter="+url.QueryEscape(`name eq "openid"`), nil).want(200).body["_embedded"].(object)["resources"].([]any)[0].(object)["id"]
	var scopes []object
	for _, s := range w.manage("GET", "/resources/"+text(resource)+"/scopes", nil).want(200).body["_embedded"].(object)["scopes"].([]any) {
		for _, name := range names {
			if s.(object)["name"] == name {
				scopes = append(scopes, object{"id": s.(object)["id"]})
			}
		}
	}
	w.manage("POST", "/applications/"+app+"/grants", object{"resource": object{"id": resource}, "scopes": scopes}).want(201)
}

// TestForgedTokens tries what a bearer token must not be.
// covers: RFC 9068 §4/10
func TestForgedTokens(t *testing.T) {
	// covers: RFC 6749 §7/1, RFC 6749 §10.3/3
	// covers: RFC 6750 §5.2/2
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	tokens := w.redeem(app, p.code(app, "ada", nil), nil).want(200)
	b64 := base64.RawURLEncoding.EncodeToString
	body := strings.Split(w.admin, ".")[1]
	kid := w.jwks().Keys[0].KeyID
	public, err := json.Marshal(w.jwks().Keys[0])
	w.must(err)
	hs := b64([]byte(`{"alg":"HS256","kid":"` + kid + `"}`))
	mac := hmac.New(sha256.New, public)
	mac.Write([]byte(hs + "." + body))
	elsewhere, err := firstStart()
	w.must(err)
	foreign := elsewhere.world(t)
	for name, token := range map[string]string{
		"none":                  "",
		"garbage":               "garbage",
		"alg none":              b64([]byte(`{"alg":"none"}`)) + "." + body + ".",
		"alg none, capitals":    b64([]byte(`{"alg":"NonE","kid":"`+kid+`"}`)) + "." + body + ".x",
		"HS256 with the public": hs + "." + body + "." + b64(mac.Sum(nil)),
		"signature cut off":     w.admin[:strings.LastIndex(w.admin, ".")+1],
		"claims changed":        strings.Replace(w.admin, body, b64([]byte(`{"iss":"`+w.base+"/"+w.env+`/as","aud":["https://api.pingone.com"],"client_id":"`+w.worker.ApplicationID+`","exp":9999999999,"env":"`+w.env+`"}`)), 1),
		"another server's":      foreign.admin,
		"an ID token":           tokens.text("id_token"),
		"too long":              strings.Repeat("a", 20000),
	} {
		r := w.send("GET", "/v1/environments", "", header{"Authorization": "Bearer " + token})
		if r.StatusCode != 401 || r.text("code") != "ACCESS_FAILED" || r.detail()["code"] != "INVALID_TOKEN" {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.raw)
		}
		w.userinfo(token).want(401)
	}
	if r := w.send("GET", "/v1/environments", "", header{"Authorization": "Bearer " + tokens.text("access_token")}); r.StatusCode != 403 || r.text("code") != "ACCESS_FAILED" {
		t.Errorf("a user without roles: %d %s", r.StatusCode, r.raw)
	}
	if r := w.send("GET", "/v1/environments", "", header{"Authorization": w.basic()}); r.StatusCode != 401 {
		t.Errorf("Basic: %d", r.StatusCode)
	}
	w.pass(3600e9)
	if r := w.send("GET", "/v1/environments", "", header{"Authorization": "Bearer " + w.admin}); r.StatusCode != 401 {
		t.Errorf("an expired token: %d", r.StatusCode)
	}
}

// TestClientAuthentication presents clients in every way there is.
// covers: OIDC Core §3.1.3.1/1, OIDC Core §3.1.3.2/1, OIDC Core §16.19/1, OIDC Core §16.19/2, OIDC Core §16.19/3, OIDC Core §16.19/4
func TestClientAuthentication(t *testing.T) {
	// covers: RFC 6749 §2.2/1, RFC 6749 §2.3/2, RFC 6749 §2.3.1/1, RFC 6749 §3.2.1/1, RFC 6749 §4.1.3/8, RFC 6749 §4.1.3/9, RFC 6749 §10.2/1, RFC 6749 §10.5/6
	w := newWorld(t)
	w.user("ada")
	ids, secrets := map[string]string{}, map[string]string{}
	for _, method := range []string{"NONE", "CLIENT_SECRET_BASIC", "CLIENT_SECRET_POST", "PRIVATE_KEY_JWT"} {
		ids[method] = w.application(object{"type": "WEB_APP", "tokenEndpointAuthMethod": method})
		secrets[method] = w.manage("GET", "/applications/"+ids[method]+"/secret", nil).want(200).text("secret")
	}
	p := &person{w: w}
	p.code(ids["NONE"], "ada", nil)
	basic := func(id, secret string) header {
		return header{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))}
	}
	for method, id := range ids {
		secret := secrets[method]
		if len(secret) != 64 {
			t.Errorf("%s: the secret has %d characters", method, len(secret))
		}
		none := url.Values{}
		post := url.Values{"client_secret": {secret}}
		for name, c := range map[string]struct {
			form    url.Values
			headers []header
			good    string // the method for which this is right
		}{
			"none":                  {none, nil, "NONE"},
			"basic":                 {url.Values{"client_id": {""}}, []header{basic(id, secret)}, "CLIENT_SECRET_BASIC"},
			"basic and id":          {none, []header{basic(id, secret)}, "CLIENT_SECRET_BASIC"},
			"post":                  {post, nil, "CLIENT_SECRET_POST"},
			"basic and post":        {post, []header{basic(id, secret)}, ""},
			"basic, wrong secret":   {none, []header{basic(id, secret+"x")}, ""},
			"basic, NUL behind":     {none, []header{basic(id, secret+"\x00")}, ""},
			"basic, empty secret":   {none, []header{basic(id, "")}, ""},
			"post, NUL behind":      {url.Values{"client_secret": {secret + "\x00"}}, nil, ""},
			"post, cut":             {url.Values{"client_secret": {secret[:63]}}, nil, ""},
			"basic of another":      {none, []header{basic(ids["NONE"], secret)}, ""},
			"no scheme":             {none, []header{{"Authorization": secret}}, ""},
			"bearer":                {none, []header{{"Authorization": "Bearer " + w.admin}}, ""},
			"an assertion":          {url.Values{"client_assertion": {"x"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}, nil, ""},
			"an unknown client":     {url.Values{"client_id": {"00000000-0000-4000-8000-000000000000"}}, nil, ""},
			"a client id of no use": {url.Values{"client_id": {"../../x\x00"}}, nil, ""},
		} {
			code := p.authorize(id, nil).query("code")
			r := w.redeem(id, code, c.form, c.headers...)
			if good := c.good == method; good != (r.StatusCode == 200) {
				t.Errorf("%s presented with %s: %d %s", method, name, r.StatusCode, r.raw)
			} else if !good && (r.StatusCode != 401 || r.text("error") != "invalid_client") && r.text("error") != "invalid_request" {
				t.Errorf("%s presented with %s: %d %s", method, name, r.StatusCode, r.raw)
			} else if r.StatusCode == 401 && r.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s presented with %s: no WWW-Authenticate", method, name)
			}
		}
	}
	r := w.redeem(ids["CLIENT_SECRET_BASIC"], "x", nil)
	r.refused(401, "invalid_client", "Request denied: Unsupported authentication method (Correlation ID: ")
	r = w.redeem(ids["CLIENT_SECRET_BASIC"], "x", nil, basic(ids["CLIENT_SECRET_BASIC"], "wrong"))
	r.refused(401, "invalid_client", "Request denied: Invalid client credentials (Correlation ID: ")
}

func TestGrantTypes(t *testing.T) {
	// covers: RFC 6749 §2.3.1/6, RFC 6749 §3.2/7, RFC 6749 §5.2/1, RFC 6749 §10.7/1
	w := newWorld(t)
	app := w.application(nil)
	form := func(f url.Values, h ...header) response { return w.form("POST", "/"+w.env+"/as/token", f, h...) }
	form(url.Values{"client_id": {app}}).refused(400, "invalid_request", "grant_type is missing")
	form(url.Values{"grant_type": {"password"}, "client_id": {app}}).refused(400, "unsupported_grant_type", "authorization_code")
	form(url.Values{"grant_type": {"client_credentials"}, "client_id": {app}}).refused(400, "unauthorized_client", "grantTypes")
	form(url.Values{"grant_type": {"client_credentials"}, "scope": {"x"}}, header{"Authorization": w.basic()}).refused(400, "invalid_scope", "")
	form(url.Values{"grant_type": {"authorization_code"}, "code": {"a", "b"}, "client_id": {app}}).refused(400, "invalid_request", "code was sent more than once")
	w.form("POST", "/"+w.env+"/as/token?client_secret=x", url.Values{"grant_type": {"client_credentials"}}, header{"Authorization": w.basic()}).refused(400, "invalid_request", "sent in the query")
	powerless := w.application(object{"type": "WORKER", "grantTypes": []string{"CLIENT_CREDENTIALS"}, "tokenEndpointAuthMethod": "CLIENT_SECRET_POST"})
	secret := w.manage("GET", "/applications/"+powerless+"/secret", nil).text("secret")
	form(url.Values{"grant_type": {"client_credentials"}, "client_id": {powerless}, "client_secret": {secret}}).refused(400, "unauthorized_client", "no role assignments")
}
