package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// need is what a step can't be done without.
type need struct{ rows, signatures, hashes int }

// work is one row of the table: what a caller does, and what is needed for it, by
// step.
type work struct {
	name  string
	do    func(*caller) error
	needs map[string]need
}

// works are measured in this order. Every caller has signed in before.
func works() []work {
	authorize, redeem := need{rows: 1}, need{rows: 1, signatures: 2}
	return []work{
		{"SSO sign-in (authorize, token)", (*caller).sso, map[string]need{"authorize": authorize, "token": redeem}},
		{"refresh_token", (*caller).renew, map[string]need{"refresh": {rows: 1, signatures: 2}}},
		{"client_credentials", (*caller).clientCredentials, map[string]need{"client": {signatures: 1}}},
		{"introspect", (*caller).introspect, map[string]need{"introspect": {}}},
		{"userinfo", (*caller).userinfo, map[string]need{"userinfo": {}}},
		{"discovery", (*caller).discovery, map[string]need{"discovery": {}}},
		{"JWKS", (*caller).jwks, map[string]need{"jwks": {}}},
		{"sign-in with password (5 requests)", (*caller).signIn, map[string]need{
			"start": {rows: 1}, "flow": {}, "check": {rows: 1, hashes: 1}, "resume": {rows: 1}, "token": redeem}},
	}
}

// caller is one client with a connection of its own: a browser and its application.
type caller struct {
	*conn
	native, web     application
	username        string
	cookie          string
	access, refresh string // of the native application
	inspected       string // an access token of the other one
}

func (c *caller) sso() error {
	a, err := c.want(http.StatusFound, c.authorize("authorize", "", c.native.id))
	if err != nil {
		return err
	}
	return c.redeem(a)
}

func (c *caller) authorize(step, prompt, app string) request {
	q := url.Values{"response_type": {"code"}, "client_id": {app}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {"af0ifjsldkj"},
		"code_challenge": {challenge()}, "code_challenge_method": {"S256"}}
	if prompt != "" {
		q.Set("prompt", prompt)
	}
	return request{step: step, method: http.MethodGet, path: "/" + env + "/as/authorize?" + q.Encode(), header: c.cookie}
}

// redeem redeems the code that an answer brings.
func (c *caller) redeem(a answer) error {
	a, err := c.tokens(a, c.native)
	c.access, c.refresh = a.text("access_token"), a.text("refresh_token")
	return err
}

func (c *caller) tokens(a answer, app application) (answer, error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {a.query("code")}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	if app.header == "" {
		form.Set("client_id", app.id)
	}
	return c.want(http.StatusOK, tokenRequest("token", form, app.header))
}

// register gets the token that introspect asks about.
func (c *caller) register() error {
	a, err := c.want(http.StatusFound, c.authorize("", "", c.web.id))
	if err != nil {
		return err
	}
	a, err = c.tokens(a, c.web)
	c.inspected = a.text("access_token")
	return err
}

func (c *caller) renew() error {
	a, err := c.want(http.StatusOK, tokenRequest("refresh", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.refresh}, "client_id": {c.native.id}}, ""))
	c.refresh = a.text("refresh_token")
	return err
}

func (c *caller) clientCredentials() error {
	_, err := c.want(http.StatusOK, tokenRequest("client", url.Values{"grant_type": {"client_credentials"}}, basic(worker, secret)))
	return err
}

func (c *caller) introspect() error {
	a, err := c.want(http.StatusOK, request{step: "introspect", method: http.MethodPost, path: "/" + env + "/as/introspect", header: form + c.web.header, body: "token=" + c.inspected})
	if err == nil && len(a.body) < 50 {
		err = errors.New("the token is not active")
	}
	return err
}

func (c *caller) userinfo() error {
	_, err := c.want(http.StatusOK, request{step: "userinfo", method: http.MethodGet, path: "/" + env + "/as/userinfo", header: bearer(c.access)})
	return err
}

func (c *caller) discovery() error {
	_, err := c.want(http.StatusOK, request{step: "discovery", method: http.MethodGet, path: "/" + env + "/as/.well-known/openid-configuration"})
	return err
}

func (c *caller) jwks() error {
	_, err := c.want(http.StatusOK, request{step: "jwks", method: http.MethodGet, path: "/" + env + "/as/jwks"})
	return err
}

// signIn is the whole workflow of a browser that nobody knows yet.
func (c *caller) signIn() error {
	c.cookie = ""
	a, err := c.want(http.StatusFound, c.authorize("start", "login", c.native.id))
	if err != nil {
		return err
	}
	c.cookie = a.cookies()
	id := a.query("flowId")
	flow := "/" + env + "/flows/" + id
	if _, err = c.want(http.StatusOK, request{step: "flow", method: http.MethodGet, path: flow, header: c.cookie}); err != nil {
		return err
	}
	a, err = c.want(http.StatusOK, request{step: "check", method: http.MethodPost, path: flow, header: c.cookie + "Content-Type: application/vnd.pingidentity.usernamePassword.check+json\r\n",
		body: fmt.Sprintf(`{"username":%q,"password":%q}`, c.username, password)})
	if err != nil {
		return err
	}
	c.cookie = a.cookies()
	if a, err = c.want(http.StatusFound, request{step: "resume", method: http.MethodGet, path: "/" + env + "/as/resume?flowId=" + id, header: c.cookie}); err != nil {
		return err
	}
	return c.redeem(a)
}
