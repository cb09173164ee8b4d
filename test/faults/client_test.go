package faults

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// The vector of RFC 7636, appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

const (
	callback     = "https://app.example.com/callback"
	goodPassword = "2FederateM0re!"

	mediaForm   = "application/x-www-form-urlencoded"
	mediaJSON   = "application/json"
	mediaAction = "application/vnd.pingidentity.%s+json"
)

type object = map[string]any

// answer is what a node answered, or why nobody knows.
type answer struct {
	status int // 0 when there was no answer
	header http.Header
	body   object // when it is JSON
	raw    string
	err    error // there was no answer, or half of one
}

// trouble says that the node could not, in the form of the endpoint: an
// application hears of it by the redirect (RFC 6749 §4.1.2.1).
func (a answer) trouble() bool {
	return a.status >= 500 || a.query("error") == "temporarily_unavailable" || a.query("error") == "server_error"
}

// acked says that the node has promised that it is done.
func (a answer) acked() bool {
	return a.err == nil && a.status >= 200 && a.status < 400 && a.query("error") == ""
}

// unknown says that nobody knows whether it is done.
func (a answer) unknown() bool { return a.err != nil || a.trouble() }

// refused says that it is not done, and won't be.
func (a answer) refused() bool { return !a.acked() && !a.unknown() }

func (a answer) text(name string) string {
	s, _ := a.body[name].(string)
	return s
}

// query is a parameter of the redirect, "" when there is none.
func (a answer) query(name string) string {
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		return ""
	}
	return u.Query().Get(name)
}

// cookie is the session token that the answer sets, "" when it sets none.
func (a answer) cookie() string {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == "ST" {
			return c.Value
		}
	}
	return ""
}

func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("%d %s %s", a.status, a.header.Get("Location"), strings.TrimSpace(a.raw))
}

// want is an error when the answer has another status.
func (a answer) want(status int) error {
	if a.err != nil || a.status != status {
		return fmt.Errorf("%d was expected, and came: %s", status, a)
	}
	return nil
}

// wrong says what is wrong with an answer, whatever was asked: a server in
// trouble says 503 and when to come back, and nothing else.
func (a answer) wrong() string {
	switch {
	case a.query("error") == "server_error":
		return fmt.Sprintf("a server in trouble is temporarily unavailable, and not: %s", a)
	case a.err != nil || a.status < 500:
		return ""
	case a.status != http.StatusServiceUnavailable:
		return fmt.Sprintf("a server in trouble answers 503, and not: %s", a)
	case a.header.Get("Retry-After") == "":
		return fmt.Sprintf("a 503 has a Retry-After: %s", a)
	}
	return ""
}

// request is what is sent to a node.
type request struct {
	method, path, media, body string
	bearer, session           string // "" for none
	worker                    bool   // with the worker's own credentials
}

// compose is a request as HTTP has it.
func (c *cluster) compose(n *node, q request) (*http.Request, error) {
	r, err := http.NewRequest(q.method, "http://"+n.address+q.path, strings.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	if q.method == http.MethodGet { // a body, be it empty, keeps the transport from asking again when the answer is lost
		r.Body, r.GetBody = io.NopCloser(strings.NewReader("")), nil
	}
	r.Header.Set("Accept", mediaJSON)
	if q.media != "" {
		r.Header.Set("Content-Type", q.media)
	}
	if q.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+q.bearer)
	}
	if q.worker {
		r.SetBasicAuth(c.worker, c.secret)
	}
	if q.session != "" {
		r.Header.Set("Cookie", "ST="+q.session)
	}
	return r, nil
}

// send sends a request to a node and reads the answer.
func (c *cluster) send(n *node, q request) answer {
	r, err := c.compose(n, q)
	if err != nil {
		return answer{err: err}
	}
	began := time.Now()
	a := read(c.http.Do(r))
	if f := c.observer.Load(); f != nil && *f != nil {
		(*f)(n, began, a)
	}
	return a
}

// observer hears of an answer that has just come from a node, and when it was
// asked for.
type observer func(n *node, began time.Time, a answer)

// observe lets f hear of every answer from now on; nil ends that.
func (c *cluster) observe(f observer) { c.observer.Store(&f) }

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 20

func read(resp *http.Response, err error) answer {
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw), err: err}
	_ = json.Unmarshal(raw, &a.body) // not every body is JSON
	return a
}

func (c *cluster) form(n *node, path string, form url.Values) answer {
	return c.send(n, c.forming(path, form))
}

func (c *cluster) forming(path string, form url.Values) request {
	return request{method: "POST", path: "/" + c.env + path, media: mediaForm, body: form.Encode()}
}

// manage calls the management API in the environment; body is JSON, or nil.
func (c *cluster) manage(n *node, method, path, media string, body any) answer {
	return c.send(n, c.managing(method, path, media, body))
}

func (c *cluster) managing(method, path, media string, body any) request {
	text := ""
	if body != nil {
		raw, err := json.Marshal(body)
		must(c.t, err)
		text = string(raw)
	}
	return request{method: method, path: "/v1/environments/" + c.env + path, media: media, body: text, bearer: c.admin}
}

// login gets a token for the worker.
func (c *cluster) login(n *node) error {
	a := c.send(n, request{method: "POST", path: "/" + c.env + "/as/token", media: mediaForm, body: "grant_type=client_credentials", worker: true})
	c.admin = a.text("access_token")
	return a.want(http.StatusOK)
}

// furnish gets a token for the worker, and makes the applications.
func (c *cluster) furnish() (err error) {
	n := c.nodes[0]
	if err := c.login(n); err != nil {
		return err
	}
	if c.app, err = c.application(n, object{"name": "No grace"}); err != nil {
		return err
	}
	if c.grace, err = c.application(n, object{"name": "Grace", "refreshTokenRollingGracePeriodDuration": 60}); err != nil {
		return err
	}
	c.device, err = c.application(n, object{"name": "Device", "type": "CUSTOM_APP", "grantTypes": []string{"DEVICE_CODE"}, "responseTypes": nil,
		"redirectUris": nil, "pkceEnforcement": "OPTIONAL"})
	return err
}

// application makes an application and returns its id. What is not given is
// that of a native application that must use S256 and gets refresh tokens.
func (c *cluster) application(n *node, change object) (string, error) {
	a := c.manage(n, "POST", "/applications", mediaJSON, native(change))
	return a.text("id"), a.want(http.StatusCreated)
}

// native is the body of a native application, with some fields changed.
func native(change object) object {
	body := object{"name": "App", "enabled": true, "type": "NATIVE_APP", "protocol": "OPENID_CONNECT",
		"grantTypes": []string{"AUTHORIZATION_CODE", "REFRESH_TOKEN"}, "responseTypes": []string{"CODE"}, "redirectUris": []string{callback},
		"tokenEndpointAuthMethod": "NONE", "pkceEnforcement": "S256_REQUIRED"}
	for name, value := range change {
		body[name] = value
	}
	return body
}

// user makes a user with a password.
func (c *cluster) user(n *node, username, password string) answer {
	return c.send(n, c.making(username, password))
}

func (c *cluster) making(username, password string) request {
	return c.managing("POST", "/users", fmt.Sprintf(mediaAction, "user.import"), object{"username": username, "email": username + "@example.com",
		"password": object{"value": hashed(password, username)}})
}

// hashed encodes a password as directories do, so that making many users costs
// the server no hashes.
func hashed(password, salt string) string {
	sum := sha512.Sum512([]byte(password + salt))
	return "{SSHA512}" + base64.StdEncoding.EncodeToString(append(sum[:], salt...))
}

// populate makes users, whom nobody signs in as, from some connections.
func (c *cluster) populate(n *node, users int) error {
	const connections = 16
	failed := make([]error, connections)
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() {
			for k := i; k < users && failed[i] == nil; k += connections {
				failed[i] = c.user(n, fmt.Sprintf("member-%06d", k), goodPassword).want(http.StatusCreated)
			}
		})
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// setPassword changes a user's password.
func (c *cluster) setPassword(n *node, user, password string) answer {
	return c.manage(n, "PUT", "/users/"+user+"/password", fmt.Sprintf(mediaAction, "password.set"), object{"value": password, "forceChange": false})
}

// checkPassword is acked when the password is right.
func (c *cluster) checkPassword(n *node, user, password string) answer {
	return c.manage(n, "POST", "/users/"+user+"/password", fmt.Sprintf(mediaAction, "password.check"), object{"password": password})
}

// person is a browser: it keeps the session cookie.
type person struct {
	c       *cluster
	session string
}

func (p *person) send(n *node, q request) answer {
	q.session = p.session
	a := p.c.send(n, q)
	if st := a.cookie(); st != "" {
		p.session = st
	}
	return a
}

// asked is an authorize request for an application.
func asked(app string) url.Values {
	return url.Values{"response_type": {"code"}, "client_id": {app}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {"st4te"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}
}

// authorize begins a flow, whose id is the answer's query "flowId"; with a
// session, the answer has the code.
func (p *person) authorize(n *node, app string) answer {
	return p.send(n, request{method: "GET", path: "/" + p.c.env + "/as/authorize?" + asked(app).Encode()})
}

// act makes a move in a flow.
func (p *person) act(n *node, flow, action string, body object) answer {
	raw, err := json.Marshal(body)
	if err != nil {
		return answer{err: err}
	}
	return p.send(n, request{method: "POST", path: "/" + p.c.env + "/flows/" + flow, media: fmt.Sprintf(mediaAction, action), body: string(raw)})
}

func (p *person) signOn(n *node, flow, username, password string) answer {
	return p.act(n, flow, "usernamePassword.check", object{"username": username, "password": password})
}

// resume ends a flow; the answer's query "code" is the code.
func (p *person) resume(n *node, flow string) answer {
	return p.send(n, request{method: "GET", path: "/" + p.c.env + "/as/resume?flowId=" + flow})
}

// route is the nodes that take the steps of a sign-on.
type route struct{ authorize, flow, resume, token *node }

// through is a route by one node.
func through(n *node) route { return route{n, n, n, n} }

// code signs a person on, and returns the answer that has the code; or the
// first answer that nothing follows on.
func (p *person) code(to route, app, username, password string) (code string, last answer) {
	last = p.authorize(to.authorize, app)
	if !last.acked() || last.query("code") != "" {
		return last.query("code"), last
	}
	flow := last.query("flowId")
	if last = p.signOn(to.flow, flow, username, password); !last.acked() {
		return "", last
	}
	last = p.resume(to.resume, flow)
	return last.query("code"), last
}

// redeem exchanges a code.
func (c *cluster) redeem(n *node, app, code string) answer { return c.send(n, c.redeeming(app, code)) }

func (c *cluster) redeeming(app, code string) request {
	return c.forming("/as/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {app}, "redirect_uri": {callback}, "code_verifier": {verifier}})
}

// refresh exchanges a refresh token.
func (c *cluster) refresh(n *node, app, token string) answer {
	return c.send(n, c.refreshing(app, token))
}

func (c *cluster) refreshing(app, token string) request {
	return c.forming("/as/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {app}})
}

// revoke ends the family of a refresh token.
func (c *cluster) revoke(n *node, app, token string) answer {
	return c.form(n, "/as/revoke", url.Values{"token": {token}, "client_id": {app}})
}

// userinfo is acked when the access token is good.
func (c *cluster) userinfo(n *node, token string) answer {
	return c.send(n, request{method: "GET", path: "/" + c.env + "/as/userinfo", bearer: token})
}
