package test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const grantCIBA = "urn:openid:params:grant-type:ciba"

// teller is an application that asks for people who are elsewhere.
type teller struct {
	w          *world
	id, secret string
}

func (w *world) teller(change object) teller {
	w.t.Helper()
	body := object{"name": "Teller", "type": "WEB_APP", "grantTypes": []string{"CIBA", "REFRESH_TOKEN", "AUTHORIZATION_CODE"}, "tokenEndpointAuthMethod": "CLIENT_SECRET_POST"}
	for k, v := range change {
		body[k] = v
	}
	id := w.application(body)
	return teller{w, id, w.manage("GET", "/applications/"+id+"/secret", nil).want(200).text("secret")}
}

// ask names a person by a parameter; change adds others, or takes them away
// with "".
func (c teller) ask(hint, value string, change url.Values) response {
	c.w.t.Helper()
	f := url.Values{"client_id": {c.id}, "client_secret": {c.secret}, "scope": {"openid"}, hint: {value}}
	for k, v := range change {
		f[k] = v
	}
	return c.w.form("POST", "/"+c.w.env+"/as/cibaAuthorization", f)
}

func (c teller) poll(asked response) response {
	c.w.t.Helper()
	return c.w.form("POST", "/"+c.w.env+"/as/token", url.Values{"grant_type": {grantCIBA}, "auth_req_id": {asked.text("auth_req_id")}, "client_id": {c.id}, "client_secret": {c.secret}})
}

// opens follows the link of a request and returns the flow.
func (p *person) opens(asked response) string {
	p.w.t.Helper()
	return p.send("GET", strings.TrimPrefix(asked.text("approval_uri"), p.w.base), "").want(302).query("flowId")
}

// TestCIBA is the whole way: a client names a person, that person allows it, the
// client gets the tokens once.
func TestCIBA(t *testing.T) {
	w := newWorld(t)
	ada, c := w.user("ada"), w.teller(nil)
	asked := c.ask("login_hint", "ada", url.Values{"binding_message": {"W4SCT"}}).want(200)
	if len(asked.text("auth_req_id")) != 36 || asked.body["expires_in"] != 120.0 || asked.body["interval"] != 2.0 ||
		!strings.HasPrefix(asked.text("approval_uri"), "http://pixy.test/"+w.env+"/approve/") || strings.Contains(asked.text("approval_uri"), asked.text("auth_req_id")) {
		t.Fatalf("the answer is %s", asked.raw)
	}
	if !strings.Contains(w.log.String(), asked.text("approval_uri")) {
		t.Error("the log does not say where the person decides")
	}
	const before = "The request could not be completed. There was an issue processing the request.: "
	c.poll(asked).refused(400, "authorization_pending", before+"The authorization request is still pending. (Correlation ID")
	c.poll(asked).refused(400, "slow_down", before+"The authorization request is still pending. Please slow down the poll requests. (Correlation ID")
	p := &person{w: w}
	flow := p.opens(asked)
	if page := p.send("GET", "/"+w.env+"/signon/?flowId="+flow, "").want(200); !strings.Contains(page.raw, `value="ada"`) || !strings.Contains(page.raw, "Teller") {
		t.Errorf("the page is %s", page.raw)
	}
	r := p.signOn(flow, "ada", goodPassword).want(200)
	if g := r.body["deviceAuthGrant"].(object); r.text("status") != "DAG_CONSENT_REQUIRED" || g["bindingMessage"] != "W4SCT" || g["userCode"] != nil {
		t.Errorf("%s", r.raw)
	}
	if page := p.send("GET", "/"+w.env+"/signon/?flowId="+flow, "").want(200); !strings.Contains(page.raw, "W4SCT") || !strings.Contains(page.raw, "Know who you are") {
		t.Errorf("the page is %s", page.raw)
	}
	p.submit(flow, url.Values{"action": {"accept"}}).want(303)
	if page := p.send("GET", "/"+w.env+"/signon/?flowId="+flow, "").want(200); !strings.Contains(page.raw, "Access was given") {
		t.Errorf("the page is %s", page.raw)
	}
	got := c.poll(asked).want(200)
	id := claims(t, got.text("id_token"))
	if id["sub"] != ada || id["aud"] != c.id || id["acr"] != "Single_Factor" || id["sid"] == nil || got.text("refresh_token") == "" {
		t.Errorf("%s %v", got.raw, id)
	}
	c.poll(asked).refused(400, "invalid_grant", "The auth_req_id was used before")
	if r := p.send("GET", strings.TrimPrefix(asked.text("approval_uri"), w.base), "", header{"Accept": "text/html"}); r.StatusCode != 410 || !strings.Contains(r.raw, "nothing to decide on") {
		t.Errorf("the link of a decision: %d %s", r.StatusCode, r.raw)
	}
}

// TestCIBAHints: each hint names its person, and one who is unknown or disabled
// is told from nobody.
func TestCIBAHints(t *testing.T) {
	w := newWorld(t)
	ada, c, other := w.user("ada"), w.teller(nil), w.teller(object{"name": "Other"})
	gone := w.user("gone")
	w.manage("PUT", "/users/"+gone+"/enabled", object{"enabled": false}).want(200)
	sign := func(with teller, claims object) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(with.secret)}, nil)
		w.must(err)
		token, err := jwt.Signed(signer).Claims(claims).Serialize()
		w.must(err)
		return token
	}
	issuer := w.base + "/" + w.env + "/as"
	identity := func(c teller, user string) string {
		asked := c.ask("login_hint", user, nil).want(200)
		p := &person{w: w}
		flow := p.opens(asked)
		p.signOn(flow, user, goodPassword).want(200)
		p.decides(flow, true).want(200)
		return c.poll(asked).want(200).text("id_token")
	}
	mine, foreign := identity(c, "ada"), identity(other, "ada")
	for name, h := range map[string]struct{ hint, value, refusal string }{
		"a name":                     {"login_hint", "ada", ""},
		"a name in capitals":         {"login_hint", "ADA", ""},
		"an id":                      {"login_hint", ada, ""},
		"nobody":                     {"login_hint", "nobody", "unknown_user_id"},
		"somebody disabled":          {"login_hint", "gone", "unknown_user_id"},
		"somebody disabled by id":    {"login_hint", gone, "unknown_user_id"},
		"an ID token":                {"id_token_hint", mine, ""},
		"an ID token of another":     {"id_token_hint", foreign, "invalid_request"},
		"no ID token":                {"id_token_hint", "eyJ", "invalid_request"},
		"a signed hint":              {"login_hint_token", sign(c, object{"iss": c.id, "aud": issuer, "sub": ada}), ""},
		"a hint another signed":      {"login_hint_token", sign(other, object{"iss": c.id, "aud": issuer, "sub": ada}), "invalid_request"},
		"a hint of another":          {"login_hint_token", sign(c, object{"iss": other.id, "aud": issuer, "sub": ada}), "invalid_request"},
		"a hint for another server":  {"login_hint_token", sign(c, object{"iss": c.id, "aud": "https://other", "sub": ada}), "invalid_request"},
		"a hint about nobody":        {"login_hint_token", sign(c, object{"iss": c.id, "aud": issuer}), "invalid_request"},
		"a hint about somebody gone": {"login_hint_token", sign(c, object{"iss": c.id, "aud": issuer, "sub": gone}), "unknown_user_id"},
		"a hint that has expired":    {"login_hint_token", sign(c, object{"iss": c.id, "aud": issuer, "sub": ada, "exp": w.clock().Add(-time.Hour).Unix()}), "invalid_request"},
	} {
		r := c.ask(h.hint, h.value, nil)
		if h.refusal != "" {
			r.refused(400, h.refusal, "")
			continue
		}
		if p := (&person{w: w}); r.StatusCode != 200 || !strings.Contains(p.send("GET", "/"+w.env+"/signon/?flowId="+p.opens(r), "").raw, `value="ada"`) {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.raw)
		}
	}
}

// TestCIBARequestRefusals: who may ask, and how.
func TestCIBARequestRefusals(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	c := w.teller(nil)
	c.ask("login_hint", "ada", url.Values{"id_token_hint": {"x"}}).refused(400, "invalid_request", "exactly one")
	c.ask("login_hint", "", nil).refused(400, "invalid_request", "exactly one")
	c.ask("login_hint", "ada", url.Values{"login_hint": {"ada", "ada"}}).refused(400, "invalid_request", "more than once")
	c.ask("login_hint", "ada", url.Values{"scope": {"profile"}}).refused(400, "invalid_scope", "")
	c.ask("login_hint", "ada", url.Values{"binding_message": {"a\x07b"}}).refused(400, "invalid_binding_message", "64 printable")
	c.ask("login_hint", "ada", url.Values{"requested_expiry": {"x"}}).refused(400, "invalid_request", "number of seconds")
	c.ask("login_hint", "ada", url.Values{"client_secret": {"wrong-secret"}}).refused(401, "invalid_client", "")
	w.teller(object{"name": "Codes", "grantTypes": []string{"AUTHORIZATION_CODE"}}).ask("login_hint", "ada", nil).refused(400, "unauthorized_client", "grantTypes lack CIBA")
	if r := c.ask("login_hint", "ada", url.Values{"requested_expiry": {"30"}}).want(200); r.body["expires_in"] != 30.0 {
		t.Errorf("%s", r.raw)
	}
}

// TestCIBAIsForOnePerson: with the link alone nobody does anything, neither a
// yes nor a no.
func TestCIBAIsForOnePerson(t *testing.T) {
	w := newWorld(t)
	ada := w.user("ada")
	w.user("bob")
	c, other := w.teller(nil), w.teller(object{"name": "Other"})
	asked := c.ask("login_hint", "ada", nil).want(200)
	bob := &person{w: w}
	bob.code(w.application(nil), "bob", nil) // signed on already
	flow := bob.opens(asked)
	if s := bob.status(flow); s != "USERNAME_PASSWORD_REQUIRED" {
		t.Errorf("bob's session counts: %s", s)
	}
	if r := bob.signOn(flow, "bob", goodPassword).want(200); r.text("status") != "FAILED" {
		t.Errorf("bob signs on: %s", r.raw)
	}
	stranger := &person{w: w}
	flow = stranger.opens(asked)
	stranger.submit(flow, url.Values{"action": {"cancel"}}).want(303)
	if page := stranger.send("GET", "/"+w.env+"/signon/?flowId="+flow, "").want(200); !strings.Contains(page.raw, "open the link once more") {
		t.Errorf("a stranger cancels: %s", page.raw)
	}
	c.poll(asked).refused(400, "authorization_pending", "")
	teller{w, other.id, other.secret}.poll(asked).refused(400, "invalid_grant", "another application")
	w.poll(w.device(nil), asked.text("auth_req_id"), nil).refused(400, "invalid_grant", "unknown")
	p := &person{w: w}
	p.code(w.application(object{"name": "Mine"}), "ada", nil)
	flow = p.opens(asked)
	if s := p.status(flow); s != "DAG_CONSENT_REQUIRED" {
		t.Errorf("ada's session does not count: %s", s)
	}
	p.decides(flow, false).want(200)
	c.poll(asked).refused(400, "access_denied", "The authorization request has been denied.")

	late := c.ask("login_hint", "ada", nil).want(200)
	w.pass(2 * time.Minute)
	c.poll(late).refused(400, "expired_token", "The authorization request for the provided auth_req_id has expired.")
	for _, path := range []string{strings.TrimPrefix(late.text("approval_uri"), w.base), "/" + w.env + "/approve/00000000-0000-4000-8000-000000000000"} {
		if r := p.send("GET", path, ""); r.StatusCode != 410 {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.raw)
		}
	}
	gone := c.ask("login_hint", "ada", nil).want(200)
	w.manage("DELETE", "/users/"+ada, nil).want(204)
	c.poll(gone).refused(400, "invalid_grant", "unknown")
}

// TestCIBAHintUnderAnotherName: an ID token that calls the user something else
// than the id finds nobody, not even a user who has that for an id.
func TestCIBAHintUnderAnotherName(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	c := w.teller(nil)
	w.callUsers(c.id, "${user.username}")
	asked := c.ask("login_hint", "ada", nil).want(200)
	p := &person{w: w}
	flow := p.opens(asked)
	p.signOn(flow, "ada", goodPassword).want(200)
	p.decides(flow, true).want(200)
	id := c.poll(asked).want(200).text("id_token")
	if claims(t, id)["sub"] != "ada" {
		t.Fatalf("%v", claims(t, id))
	}
	c.ask("id_token_hint", id, nil).refused(400, "unknown_user_id", "")
}

// TestCIBAPolicy: a policy that the person's session can't fulfil ends the flow
// as it begins, and the client hears of it.
func TestCIBAPolicy(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	c := w.teller(nil)
	policy := w.manage("POST", "/signOnPolicies", object{"name": "Odd"}).want(201).text("id")
	w.manage("POST", "/signOnPolicies/"+policy+"/actions", object{"type": "LOGIN", "priority": 1}).want(201)
	w.manage("POST", "/signOnPolicies/"+policy+"/actions", object{"type": "MULTI_FACTOR_AUTHENTICATION", "priority": 2}).want(201)
	w.manage("POST", "/applications/"+c.id+"/signOnPolicyAssignments", object{"signOnPolicy": object{"id": policy}, "priority": 1}).want(201)
	p := &person{w: w}
	p.code(w.application(nil), "ada", nil)
	asked := c.ask("login_hint", "ada", nil).want(200)
	if s := p.status(p.opens(asked)); s != "FAILED" {
		t.Errorf("the flow is %s", s)
	}
	c.poll(asked).refused(400, "access_denied", "")
}
