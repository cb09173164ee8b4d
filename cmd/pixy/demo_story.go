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
	"time"
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
	verifier, challenge string // of the app, with its state and nonce
	state, nonce        string
	flow, code, access  string
}

func newStory(ctx context.Context, base string, worker map[string]string, p printer) *story {
	return &story{ctx: ctx, base: base, worker: worker, print: p, client: &http.Client{Timeout: 10 * time.Second,
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

// act begins a part of the story.
func (s *story) act(title string) {
	if s.err == nil {
		s.print.act(title)
	}
}

// prepare is the administrator's part: everything that exists before anybody
// signs in.
func (s *story) prepare() {
	s.act("The administrator prepares an environment, a person and an application")
	s.admin = s.send(step{title: "get a token for the management API", from: administrator, method: "POST", path: "/" + s.worker["envID"] + "/as/token",
		form: url.Values{"grant_type": {"client_credentials"}}, auth: basic(s.worker), want: 200, show: []string{"access_token"}}).text("access_token")
	s.env = s.manage("create an environment", "POST", "", fields{{"name", "Demo " + chance(4)}, {"type", "SANDBOX"}, {"region", "NA"}}, 201, "id").text("id")
	population := s.manage("create a population", "POST", "/populations", fields{{"name", "People"}}, 201, "id").text("id")
	s.user = s.manage("create a user", "POST", "/users", fields{{"username", demoUser}, {"email", "ada@example.com"},
		{"population", map[string]string{"id": population}}}, 201, "id").text("id")
	s.send(step{title: "set her password", from: administrator, method: "PUT", path: "/v1/environments/" + s.env + "/users/" + s.user + "/password",
		media: "application/vnd.pingidentity.password.set+json", body: fields{{"value", demoPassword}, {"forceChange", false}},
		auth: "Bearer " + s.admin, want: 200, show: []string{"status"}, is: map[string]string{"status": "OK"}})
	s.clientID = s.manage("create the native application; its PKCE enforcement is S256_REQUIRED", "POST", "/applications", fields{
		{"name", "Demo app"}, {"enabled", true}, {"type", "NATIVE_APP"}, {"protocol", "OPENID_CONNECT"},
		{"grantTypes", []string{"AUTHORIZATION_CODE"}}, {"responseTypes", []string{"CODE"}}, {"redirectUris", []string{demoRedirect}},
		{"tokenEndpointAuthMethod", "NONE"}, {"pkceEnforcement", "S256_REQUIRED"}}, 201, "id", "pkceEnforcement").text("id")
}

// signIn is the workflow up to the code.
func (s *story) signIn() {
	s.act("The native app begins a sign-in, and the person signs in in the browser")
	s.verifier, s.state, s.nonce = chance(32), chance(16), chance(16)
	s.challenge = challengeOf(s.verifier)
	s.compute("the app invents a verifier and keeps it; it will send only the challenge",
		[]string{"code_verifier", s.verifier, "SHA-256", fmt.Sprintf("%x", sha256.Sum256([]byte(s.verifier))), "as base64url: challenge", s.challenge}, "")
	at := s.send(step{title: "the app opens the browser at authorize", from: browser, method: "GET", path: "/" + s.env + "/as/authorize", query: url.Values{
		"response_type": {"code"}, "client_id": {s.clientID}, "redirect_uri": {demoRedirect}, "scope": {"openid"}, "state": {s.state}, "nonce": {s.nonce},
		"code_challenge": {s.challenge}, "code_challenge_method": {"S256"}}, want: 302, show: []string{"Location", "flowId", "ST"}})
	s.session, s.flow = at.cookie, at.member("flowId")
	s.send(step{title: "look at the flow", from: browser, method: "GET", path: "/" + s.env + "/flows/" + s.flow, want: 200,
		show: []string{"status"}, is: map[string]string{"status": "USERNAME_PASSWORD_REQUIRED"}})
	s.session = s.send(step{title: "check the password; the session cookie is a new one from here on", from: browser, method: "POST",
		path: "/" + s.env + "/flows/" + s.flow, media: "application/vnd.pingidentity.usernamePassword.check+json",
		body: fields{{"username", demoUser}, {"password", demoPassword}}, want: 200, show: []string{"status", "ST"}, is: map[string]string{"status": "COMPLETED"}}).cookie
	s.code = s.send(step{title: "resume; the code goes to the app, with the state it sent and the issuer it asked", from: browser, method: "GET",
		path: "/" + s.env + "/as/resume", query: url.Values{"flowId": {s.flow}}, want: 302, show: []string{"Location", "code", "state", "iss"},
		is: map[string]string{"state": s.state, "iss": s.issuer()}}).member("code")
}

func (s *story) issuer() string { return s.base + "/" + s.env + "/as" }

// challengeOf is the S256 challenge of a verifier (RFC 7636 §4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// steal is the attack that PKCE is against: the code was intercepted.
func (s *story) steal() {
	s.act("A malicious app has intercepted the code, and tries to redeem it")
	s.send(s.redemption(thief, "without a verifier", "").refused())
	guess := s.redemption(thief, "with a verifier it made up; the code stays good for the true app", chance(32)).refused()
	guess.because = s.comparison(guess.form.Get("code_verifier"))
	s.send(guess)
}

// redeem is the end of the workflow.
func (s *story) redeem() {
	s.act("The native app redeems the code with its verifier")
	s.compute("Pixy compares what the verifier gives with the challenge it has kept",
		append([]string{"code_verifier", s.verifier}, s.comparison(s.verifier)...), "")
	tokens := s.send(s.redemption(app, "with the verifier: equal", s.verifier))
	s.access = tokens.text("access_token")
	s.identity(tokens.text("id_token"))
	s.send(step{title: "ask who signed in", from: app, method: "GET", path: "/" + s.env + "/as/userinfo", auth: "Bearer " + s.access, want: 200,
		show: []string{"sub"}, is: map[string]string{"sub": s.user}})
}

// replay is the last try: the code once more.
func (s *story) replay() {
	s.act("The malicious app tries the code once more; say it has even learned the verifier")
	s.send(s.redemption(thief, "a code used twice is a sign of theft: what it gave is revoked", s.verifier).refused())
	s.send(step{title: "the access token is revoked; the person signs in again", from: app, method: "GET", path: "/" + s.env + "/as/userinfo",
		auth: "Bearer " + s.access, want: 401, show: []string{"error", "error_description"}, is: map[string]string{"error": "invalid_token"}})
}

// redemption is a token request with the code of the sign-in.
func (s *story) redemption(from, title, verifier string) step {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {s.code}, "client_id": {s.clientID}, "redirect_uri": {demoRedirect}}
	if verifier != "" {
		form.Set("code_verifier", verifier)
	}
	return step{title: title, from: from, method: "POST", path: "/" + s.env + "/as/token", form: form, want: 200,
		show: []string{"access_token", "id_token", "scope", "expires_in"}}
}

// refused is the same request where it must fail.
func (x step) refused() step {
	x.want, x.show, x.is = 400, []string{"error", "error_description"}, map[string]string{"error": "invalid_grant"}
	return x
}

// comparison is what Pixy does with a verifier (RFC 7636 §4.6).
func (s *story) comparison(verifier string) []string {
	return []string{"base64url(SHA-256)", challengeOf(verifier), "kept code_challenge", s.challenge}
}

func (s *story) manage(title, method, path string, body fields, want int, show ...string) answer {
	if s.env != "" {
		path = "/" + s.env + path
	}
	return s.send(step{title: title, from: administrator, method: method, path: "/v1/environments" + path, media: "application/json", body: body,
		auth: "Bearer " + s.admin, want: want, show: show})
}

// compute shows a computation, in pairs of a name and a value.
func (s *story) compute(title string, pairs []string, wrong string) {
	if s.err != nil {
		return
	}
	s.steps++
	s.print.compute(s.steps, title, pairs, wrong)
	s.judge(title, wrong)
}

// identity shows the claims of the ID token, which the app holds against what
// it asked for. The token came straight from the issuer, so its signature is
// left unchecked, as OpenID Connect Core §3.1.3.7 allows where there is TLS.
func (s *story) identity(token string) {
	claims, wrong := payload(token)
	if wrong == "" {
		wrong = differs(map[string]string{"iss": s.issuer(), "sub": s.user, "aud": s.clientID, "nonce": s.nonce},
			func(name string) string { return display(claims[name]) })
	}
	var pairs []string
	for _, name := range []string{"iss", "sub", "aud", "nonce", "acr", "amr", "auth_time", "sid"} {
		pairs = append(pairs, name, display(claims[name]))
	}
	s.compute("the ID token says to whom, who signed in, and how", pairs, wrong)
}

// payload reads the claims of a JWT, or says what is wrong with it.
func payload(token string) (claims map[string]any, wrong string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, "the token is no JWT"
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil {
		return nil, "the token's payload can't be read: " + err.Error()
	}
	return claims, ""
}
