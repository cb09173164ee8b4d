package test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const grantDevice = "urn:ietf:params:oauth:grant-type:device_code"

// device makes an application for devices and returns its id.
func (w *world) device(change object) string {
	w.t.Helper()
	body := object{"name": "Television", "type": "CUSTOM_APP", "grantTypes": []string{"DEVICE_CODE", "REFRESH_TOKEN"}, "responseTypes": nil,
		"redirectUris": nil, "pkceEnforcement": "OPTIONAL"}
	for k, v := range change {
		body[k] = v
	}
	return w.application(body)
}

// disable switches an application off.
func (w *world) disable(app string) {
	w.t.Helper()
	body := w.manage("GET", "/applications/"+app, nil).want(200).body
	body["enabled"] = false
	w.manage("PUT", "/applications/"+app, body).want(200)
}

// askDevice asks for a device code; change adds parameters.
func (w *world) askDevice(app string, change url.Values, headers ...header) response {
	w.t.Helper()
	f := url.Values{"client_id": {app}, "scope": {"openid"}}
	for k, v := range change {
		f[k] = v
	}
	return w.form("POST", "/"+w.env+"/as/device_authorization", f, headers...)
}

// poll asks for the tokens of a device code; change adds parameters.
func (w *world) poll(app, device string, change url.Values, headers ...header) response {
	w.t.Helper()
	f := url.Values{"grant_type": {grantDevice}, "client_id": {app}, "device_code": {device}}
	for k, v := range change {
		f[k] = v
	}
	return w.form("POST", "/"+w.env+"/as/token", f, headers...)
}

// enters opens the page for codes and returns the flow.
func (p *person) enters(query string) string {
	p.w.t.Helper()
	return p.send("GET", "/"+p.w.env+"/device/activate"+query, "").want(302).query("flowId")
}

func (p *person) types(flow, code string) response {
	p.w.t.Helper()
	return p.act(flow, "deviceAuthGrant.userCode.verify", object{"userCode": code})
}

func (p *person) decides(flow string, accept bool) response {
	p.w.t.Helper()
	return p.act(flow, "deviceAuthGrant.consent", object{"accept": accept})
}

// allows takes a person from the code to the end.
func (p *person) allows(code, username string) string {
	p.w.t.Helper()
	flow := p.enters("")
	if r := p.types(flow, code).want(200); r.text("status") == "USERNAME_PASSWORD_REQUIRED" {
		p.signOn(flow, username, goodPassword).want(200)
	}
	if r := p.decides(flow, true).want(200); r.text("status") != "COMPLETED" {
		p.w.t.Fatalf("after the consent: %s", r.raw)
	}
	return flow
}

// TestDevice is the whole way: a device asks, a person allows, the device gets
// its tokens once.
// covers: RFC 8628 §3.2/1, RFC 8628 §3.2/2, RFC 8628 §3.2/3, RFC 8628 §3.2/4, RFC 8628 §5.2/1
func TestDevice(t *testing.T) {
	w := newWorld(t)
	ada, app := w.user("ada"), w.device(nil)
	asked := w.askDevice(app, nil).want(200)
	device, code := asked.text("device_code"), asked.text("user_code")
	if !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(code) || len(device) != 36 ||
		asked.text("verification_uri") != "http://pixy.test/"+w.env+"/device/activate" || asked.text("verification_uri_complete") != asked.text("verification_uri")+"?user_code="+code ||
		asked.body["expires_in"] != 600.0 || asked.body["interval"] != 5.0 || len(asked.body) != 6 {
		t.Fatalf("the answer is %s", asked.raw)
	}
	w.poll(app, device, nil).refused(400, "authorization_pending", "The authorization request is still pending.")
	p := &person{w: w}
	began := w.clock()
	p.allows(code, "ada")
	got := w.poll(app, device, nil).want(200)
	id := claims(t, got.text("id_token"))
	if id["sub"] != ada || id["aud"] != app || id["acr"] != "Single_Factor" || id["amr"].([]any)[0] != "pwd" || id["auth_time"] != float64(began.Unix()) || id["sid"] == nil {
		t.Errorf("the ID token is %v", id)
	}
	if got.text("token_type") != "Bearer" || got.text("scope") != "openid" || got.text("refresh_token") == "" {
		t.Errorf("the tokens are %s", got.raw)
	}
	if sub := w.userinfo(got.text("access_token")).text("sub"); sub != ada {
		t.Errorf("sub is %s", sub)
	}
	w.poll(app, device, nil).refused(400, "invalid_grant", "used before")
	w.form("POST", "/"+w.env+"/as/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.text("refresh_token")}, "client_id": {app}}).want(200)
	w.userinfo(got.text("access_token")).want(200)
}

// TestDeviceSettings: path, page, lifetime and interval are the application's.
// covers: RFC 8628 §3.2/4, RFC 8628 §3.3/2
func TestDeviceSettings(t *testing.T) {
	w := newWorld(t)
	app := w.device(object{"devicePathId": "go", "deviceTimeout": 60, "devicePollingInterval": 7})
	r := w.askDevice(app, nil).want(200)
	if !strings.HasSuffix(r.text("verification_uri"), "/device/go") || r.body["expires_in"] != 60.0 || r.body["interval"] != 7.0 {
		t.Errorf("%s", r.raw)
	}
	custom := w.askDevice(w.device(object{"name": "Custom", "deviceCustomVerificationUri": "https://tv.example/link"}), nil).want(200)
	if custom.text("verification_uri") != "https://tv.example/link" || custom.text("verification_uri_complete") != "https://tv.example/link?user_code="+custom.text("user_code") {
		t.Errorf("%s", custom.raw)
	}
	w.pass(time.Minute)
	w.poll(app, r.text("device_code"), nil).refused(400, "expired_token", "The authorization request for the provided device_code has expired.")
	p := &person{w: w}
	p.types(p.enters(""), r.text("user_code")).want(400)
}

// TestDeviceRequestRefusals: who may ask, and how.
// covers: RFC 8628 §3.1/3, RFC 8628 §3.1/4, RFC 8628 §3.1/5
func TestDeviceRequestRefusals(t *testing.T) {
	w := newWorld(t)
	app := w.device(nil)
	w.askDevice(w.application(nil), nil).refused(400, "unauthorized_client", "grantTypes lack DEVICE_CODE")
	w.askDevice(app, url.Values{"scope": {""}, "something": {"else"}}).want(200)
	w.askDevice(app, url.Values{"scope": {"nothing"}}).refused(400, "invalid_scope", "None of the requested scopes")
	w.askDevice(app, url.Values{"scope": {"openid", "openid"}}).refused(400, "invalid_request", "more than once")
	w.askDevice("00000000-0000-4000-8000-000000000000", nil).refused(401, "invalid_client", "Invalid client credentials")
	w.form("POST", "/"+w.env+"/as/device_authorization?client_id="+app, url.Values{}).refused(400, "invalid_request", "in the query")
	secret := w.device(object{"name": "Box", "tokenEndpointAuthMethod": "CLIENT_SECRET_POST"})
	w.askDevice(secret, nil).refused(401, "invalid_client", "Unsupported authentication method")
	w.askDevice(secret, url.Values{"client_secret": {"wrong-secret"}}).refused(401, "invalid_client", "Invalid client credentials")
	key := w.manage("GET", "/applications/"+secret+"/secret", nil).want(200).text("secret")
	code := w.askDevice(secret, url.Values{"client_secret": {key}}).want(200).text("device_code")
	w.poll(secret, code, nil).refused(401, "invalid_client", "")
	w.poll(secret, code, url.Values{"client_secret": {key}}).refused(400, "authorization_pending", "")
	if r := w.send("GET", "/"+w.env+"/as/device_authorization", ""); r.StatusCode != 405 {
		t.Errorf("GET: %d", r.StatusCode)
	}
}

// TestPollTexts are the literal descriptions that PingOne's clients compare.
func TestPollTexts(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.device(object{"deviceTimeout": 60})
	const before = "The request could not be completed. There was an issue processing the request.: "
	says := func(r response, code, sentence string) {
		t.Helper()
		if r.StatusCode != 400 || r.text("error") != code || r.text("error_description") != before+sentence+" (Correlation ID: "+r.Header.Get("Correlation-Id")+")" {
			t.Errorf("%d %s", r.StatusCode, r.raw)
		}
	}
	asked := w.askDevice(app, nil).want(200)
	says(w.poll(app, asked.text("device_code"), nil), "authorization_pending", "The authorization request is still pending.")
	says(w.poll(app, asked.text("device_code"), nil), "slow_down", "The authorization request is still pending. Please slow down the poll requests.")
	w.pass(9 * time.Second) // the interval is 10 by now
	says(w.poll(app, asked.text("device_code"), nil), "slow_down", "The authorization request is still pending. Please slow down the poll requests.")
	w.pass(15 * time.Second)
	says(w.poll(app, asked.text("device_code"), nil), "authorization_pending", "The authorization request is still pending.")
	p := &person{w: w}
	flow := p.enters("")
	p.types(flow, asked.text("user_code")).want(200)
	p.signOn(flow, "ada", goodPassword).want(200)
	if r := p.decides(flow, false).want(200); r.text("status") != "FAILED" || r.body["error"].(object)["code"] != "access_denied" {
		t.Errorf("denied: %s", r.raw)
	}
	says(w.poll(app, asked.text("device_code"), nil), "access_denied", "The authorization request has been denied.")
	w.pass(36 * time.Second)
	says(w.poll(app, asked.text("device_code"), nil), "expired_token", "The authorization request for the provided device_code has expired.")
	w.poll(app, "00000000-0000-4000-8000-000000000000", nil).refused(400, "invalid_grant", "Request denied: The device_code is unknown")
	w.poll(app, "", nil).refused(400, "invalid_request", "The parameter device_code is missing")
}

// TestDeviceCodeIsItsClients: no other application gets anything with it, and
// its tries change nothing.
func TestDeviceCodeIsItsClients(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app, other, none := w.device(nil), w.device(object{"name": "Other"}), w.application(nil)
	asked := w.askDevice(app, nil).want(200)
	w.poll(other, asked.text("device_code"), nil).refused(400, "invalid_grant", "another application")
	w.poll(app, asked.text("device_code"), nil).refused(400, "authorization_pending", "")
	p := &person{w: w}
	p.allows(asked.text("user_code"), "ada")
	w.poll(other, asked.text("device_code"), nil).refused(400, "invalid_grant", "another application")
	w.poll(none, asked.text("device_code"), nil).refused(400, "unauthorized_client", "")
	w.poll(app, asked.text("user_code"), nil).refused(400, "invalid_grant", "unknown")
	w.redeem(app, asked.text("device_code"), nil).refused(400, "unauthorized_client", "")
	w.poll(app, asked.text("device_code"), nil).want(200)
}

// TestManyPolls lets many of a client's requests ask at the same time: one gets
// the tokens, and they stay good.
func TestManyPolls(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.device(nil)
	asked := w.askDevice(app, nil).want(200)
	p := &person{w: w}
	p.allows(asked.text("user_code"), "ada")
	const polls = 40
	done := make(chan response, polls)
	for range polls {
		go func() { done <- w.poll(app, asked.text("device_code"), nil) }()
	}
	var tokens []response
	for range polls {
		if r := <-done; r.StatusCode == 200 {
			tokens = append(tokens, r)
		} else if r.text("error") != "invalid_grant" {
			t.Errorf("%d %s", r.StatusCode, r.raw)
		}
	}
	if len(tokens) != 1 {
		t.Fatalf("%d polls got tokens", len(tokens))
	}
	w.userinfo(tokens[0].text("access_token")).want(200)
}

// TestDeviceScopes: a refresh token by the application's rule, an ID token with
// openid only.
func TestDeviceScopes(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	for _, c := range []struct {
		grants            []string
		scope             string
		refresh, identity bool
	}{
		{[]string{"DEVICE_CODE"}, "openid", false, true},
		{[]string{"DEVICE_CODE", "REFRESH_TOKEN"}, "openid", true, true},
		{[]string{"DEVICE_CODE"}, "", false, false},
	} {
		app := w.device(object{"name": strings.Join(c.grants, " ") + c.scope, "grantTypes": c.grants})
		asked := w.askDevice(app, url.Values{"scope": {c.scope}}).want(200)
		p := &person{w: w}
		p.allows(asked.text("user_code"), "ada")
		r := w.poll(app, asked.text("device_code"), nil).want(200)
		if (r.text("refresh_token") != "") != c.refresh || (r.text("id_token") != "") != c.identity {
			t.Errorf("%v %q: %s", c.grants, c.scope, r.raw)
		}
	}
}

// TestDeviceWithDPoP binds the tokens to the key of the proof that comes with
// the poll (RFC 9449 §5), the refresh token of a public client too.
func TestDeviceWithDPoP(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.device(nil)
	asked := w.askDevice(app, nil).want(200)
	(&person{w: w}).allows(asked.text("user_code"), "ada")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	nonce := ""
	prove := func(jti string) header {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, &jose.SignerOptions{EmbedJWK: true, ExtraHeaders: map[jose.HeaderKey]any{"typ": "dpop+jwt"}})
		w.must(err)
		claims := object{"jti": jti, "htm": "POST", "htu": w.base + "/" + w.env + "/as/token", "iat": w.clock().Unix()}
		if nonce != "" {
			claims["nonce"] = nonce
		}
		proof, err := jwt.Signed(signer).Claims(claims).Serialize()
		w.must(err)
		return header{"DPoP": proof}
	}
	refused := w.poll(app, asked.text("device_code"), nil, prove("1"))
	refused.refused(400, "use_dpop_nonce", "")
	nonce = refused.Header.Get("DPoP-Nonce")
	got := w.poll(app, asked.text("device_code"), nil, prove("2")).want(200)
	if got.text("token_type") != "DPoP" || claims(t, got.text("access_token"))["cnf"] == nil {
		t.Errorf("%s", got.raw)
	}
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.text("refresh_token")}, "client_id": {app}}
	w.form("POST", "/"+w.env+"/as/token", refresh).refused(400, "invalid_grant", "another key")
	w.form("POST", "/"+w.env+"/as/token", refresh, prove("3")).want(200)
}
