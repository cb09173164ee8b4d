package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// The parties of the story.
const (
	administrator = "administrator"
	app           = "native app"
	browser       = "browser"
	thief         = "malicious app"
	pixy          = "Pixy"
)

// The person of the story.
const (
	demoUser     = "ada"
	demoPassword = "2FederateM0re!"
	demoRedirect = "http://127.0.0.1/callback"
)

// story is one run of the workflow and of the attack on it. When a step is not
// as expected, err is set and the later steps do nothing.
type story struct {
	ctx    context.Context
	base   string
	worker map[string]string
	print  printer
	client *http.Client
	steps  int
	err    error

	admin               string // the administrator's access token
	env, user, clientID string
	session             string // the browser's ST cookie
	verifier, challenge string
	flow, code, access  string
}

func newStory(ctx context.Context, base string, worker map[string]string, p printer) *story {
	return &story{ctx: ctx, base: base, worker: worker, print: p, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func readBootstrap(data string) (map[string]string, error) {
	raw, err := os.ReadFile(filepath.Join(data, "bootstrap.json"))
	if err != nil {
		return nil, err
	}
	var worker map[string]string
	return worker, json.Unmarshal(raw, &worker)
}

// play tells the story in its five acts.
func (s *story) play() {
	s.print.begin(s.base)
	s.prepare()
	s.signIn()
	s.steal()
	s.redeem()
	s.replay()
	s.print.end(s.steps, s.err)
}

// prepare is the administrator's part: everything that exists before anybody
// signs in.
func (s *story) prepare() {
	s.print.act("The administrator prepares an environment, a person and an application")
	s.admin = s.send(step{title: "get a token for the management API", from: administrator, method: "POST", path: "/" + s.worker["envID"] + "/as/token",
		form: url.Values{"grant_type": {"client_credentials"}}, auth: basic(s.worker), want: 200, show: []string{"access_token"}}).text("access_token")
	s.env = s.manage("create an environment", "POST", "", fields{{"name", "Demo " + chance(4)}, {"type", "SANDBOX"}, {"region", "NA"}}, 201, "id").text("id")
	population := s.manage("create a population", "POST", "/populations", fields{{"name", "People"}}, 201, "id").text("id")
	s.user = s.manage("create a user", "POST", "/users", fields{{"username", demoUser}, {"email", "ada@example.com"},
		{"population", map[string]string{"id": population}}}, 201, "id").text("id")
	s.send(step{title: "set her password", from: administrator, method: "PUT", path: "/v1/environments/" + s.env + "/users/" + s.user + "/password",
		media: "application/vnd.pingidentity.password.set+json", body: fields{{"value", demoPassword}, {"forceChange", false}},
		auth: "Bearer " + s.admin, want: 200, show: []string{"status"}})
	s.clientID = s.manage("create the native application; its PKCE enforcement is S256_REQUIRED", "POST", "/applications", fields{
		{"name", "Demo app"}, {"enabled", true}, {"type", "NATIVE_APP"}, {"protocol", "OPENID_CONNECT"},
		{"grantTypes", []string{"AUTHORIZATION_CODE"}}, {"responseTypes", []string{"CODE"}}, {"redirectUris", []string{demoRedirect}},
		{"tokenEndpointAuthMethod", "NONE"}, {"pkceEnforcement", "S256_REQUIRED"}}, 201, "id", "pkceEnforcement").text("id")
}

// signIn is the workflow up to the code.
func (s *story) signIn() {
	s.print.act("The native app begins a sign-in, and the person signs in in the browser")
	s.verifier = chance(32)
	sum := sha256.Sum256([]byte(s.verifier))
	s.challenge = base64.RawURLEncoding.EncodeToString(sum[:])
	s.compute("the app invents a verifier and keeps it; it will send only the challenge",
		"code_verifier", s.verifier, "SHA-256", fmt.Sprintf("%x", sum), "as base64url: challenge", s.challenge)
	at := s.send(step{title: "authorize", from: browser, method: "GET", path: "/" + s.env + "/as/authorize", query: url.Values{
		"response_type": {"code"}, "client_id": {s.clientID}, "redirect_uri": {demoRedirect}, "scope": {"openid"}, "state": {"af0ifjsldkj"},
		"code_challenge": {s.challenge}, "code_challenge_method": {"S256"}}, want: 302, show: []string{"Location", "ST"}})
	s.session, s.flow = at.cookie, at.locationQuery("flowId")
	s.send(step{title: "look at the flow", from: browser, method: "GET", path: "/" + s.env + "/flows/" + s.flow, want: 200,
		show: []string{"status"}, is: map[string]string{"status": "USERNAME_PASSWORD_REQUIRED"}})
	s.session = s.send(step{title: "check the password; the session cookie is a new one from here on", from: browser, method: "POST",
		path: "/" + s.env + "/flows/" + s.flow, media: "application/vnd.pingidentity.usernamePassword.check+json",
		body: fields{{"username", demoUser}, {"password", demoPassword}}, want: 200, show: []string{"status", "ST"}, is: map[string]string{"status": "COMPLETED"}}).cookie
	s.code = s.send(step{title: "resume; the code travels to the app through the browser", from: browser, method: "GET", path: "/" + s.env + "/as/resume",
		query: url.Values{"flowId": {s.flow}}, want: 302, show: []string{"Location"}}).locationQuery("code")
}

// steal is the attack that PKCE is against: the code was intercepted.
func (s *story) steal() {
	s.print.act("A malicious app has intercepted the code, and tries to redeem it")
	s.redemption(thief, "without a verifier", "", 400, "invalid_grant")
	s.redemption(thief, "with a verifier it made up; the code stays good for the true app", chance(32), 400, "invalid_grant")
}

// redeem is the end of the workflow.
func (s *story) redeem() {
	s.print.act("The native app redeems the code with its verifier")
	sum := sha256.Sum256([]byte(s.verifier))
	s.compute("Pixy compares what the verifier gives with the challenge it has kept",
		"code_verifier", s.verifier, "base64url(SHA-256)", base64.RawURLEncoding.EncodeToString(sum[:]), "kept code_challenge", s.challenge)
	tokens := s.redemption(app, "with the verifier: equal", s.verifier, 200, "")
	s.access = tokens.text("access_token")
	s.claims("the ID token says who signed in, and how", tokens.text("id_token"), "iss", "sub", "aud", "acr", "amr", "auth_time", "sid")
	s.send(step{title: "ask who signed in", from: app, method: "GET", path: "/" + s.env + "/as/userinfo", auth: "Bearer " + s.access, want: 200,
		show: []string{"sub"}, is: map[string]string{"sub": s.user}})
}

// replay is the last try: the code once more.
func (s *story) replay() {
	s.print.act("The malicious app tries the code once more, even with the right verifier")
	s.redemption(thief, "a code used twice is a sign of theft: what it gave is revoked", s.verifier, 400, "invalid_grant")
	s.send(step{title: "the access token is revoked; the person signs in again", from: app, method: "GET", path: "/" + s.env + "/as/userinfo",
		auth: "Bearer " + s.access, want: 401, show: []string{"error", "error_description"}, is: map[string]string{"error": "invalid_token"}})
}

func (s *story) redemption(from, title, verifier string, want int, refusal string) answer {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {s.code}, "client_id": {s.clientID}, "redirect_uri": {demoRedirect}}
	if verifier != "" {
		form.Set("code_verifier", verifier)
	}
	x := step{title: title, from: from, method: "POST", path: "/" + s.env + "/as/token", form: form, want: want, show: []string{"access_token", "id_token", "scope", "expires_in"}}
	if refusal != "" {
		x.show, x.is = []string{"error", "error_description"}, map[string]string{"error": refusal}
	}
	return s.send(x)
}

func (s *story) manage(title, method, path string, body fields, want int, show ...string) answer {
	if s.env != "" {
		path = "/" + s.env + path
	}
	return s.send(step{title: title, from: administrator, method: method, path: "/v1/environments" + path, media: "application/json", body: body,
		auth: "Bearer " + s.admin, want: want, show: show})
}

// compute shows a computation, in pairs of a name and a value.
func (s *story) compute(title string, pairs ...string) {
	if s.err == nil {
		s.steps++
		s.print.compute(s.steps, title, pairs)
	}
}

// claims shows members of a token's payload.
func (s *story) claims(title, token string, names ...string) {
	if s.err != nil {
		return
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		s.err = fmt.Errorf("the ID token is no JWT: %q", token)
		return
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]any
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if s.err = err; err != nil {
		return
	}
	var pairs []string
	for _, n := range names {
		pairs = append(pairs, n, display(claims[n]))
	}
	s.compute(title, pairs...)
}
