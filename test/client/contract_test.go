package client

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/errors"
	"golang.org/x/oauth2"
)

// contract is a server held against the document that describes it.
type contract struct {
	*pixy
	document   map[string]any
	checks     map[string]validator.Validator // by path: the whole document takes minutes
	operations []operation
	ids        map[string]string // of one element, by the path of its collection
	bodies     map[string]string // that an operation took, by its key
	kinds      map[string]string // the collection of a kind's elements
	lesser     string            // a token that permits nothing here
	client     string            // the id and secret of the worker with that token
	numbers    int
	failures   int
}

// operation is one operation of the document.
type operation struct {
	Method, Path string
	Media        []string
	Status       int // of its success
	Plural       string
	Asks         []string       // its query parameters
	Schema       map[string]any // of the first media type's body
}

func (o operation) key() string { return o.Method + " " + o.Path }

// element is whether the path ends with an id, and the collection it is in.
func (o operation) element() (collection string, is bool) {
	i := strings.LastIndex(o.Path, "/")
	return o.Path[:i], strings.HasPrefix(o.Path[i:], "/{")
}

// TestDocument holds docs/openapi.json against the OpenAPI 3.1 specification.
func TestDocument(t *testing.T) {
	raw, err := os.ReadFile("../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if valid, wrong := newValidator(t, raw, config.WithSchemaCache(nil)).ValidateDocument(); !valid {
		t.Error(told(wrong))
	}
}

// TestContract calls every operation of the management API, once so that it
// succeeds and then so that it is refused in each way it can be, and holds
// requests and answers against docs/openapi.json.
func TestContract(t *testing.T) {
	c := newContract(t)
	c.createAll()
	c.readAll()
	c.askAll()
	c.protocol()
	c.writeAll()
	c.refuseAll()
	c.signOn() // the new passwords ended the session
	c.findAll()
	c.deleteAll()
	t.Logf("%d operations, %d with a body", len(c.operations), len(c.bodies))
}

func newContract(t *testing.T) *contract {
	raw, err := os.ReadFile("../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	c := &contract{pixy: start(t), document: document, checks: map[string]validator.Validator{}, operations: operationsOf(document), ids: map[string]string{}, bodies: map[string]string{}, kinds: map[string]string{}}
	for _, o := range c.operations {
		if collection, is := o.element(); is {
			name := strings.Trim(o.Path[len(collection)+1:], "{}")
			c.kinds[name] = cmp.Or(c.kinds[name], collection)
		}
	}
	c.prepare()
	c.lesser = c.lesserToken()
	closeAnswers(document)
	return c
}

func newValidator(t testing.TB, raw []byte, options ...config.Option) validator.Validator {
	t.Helper()
	document, err := libopenapi.NewDocument(raw)
	if err != nil {
		t.Fatal(err)
	}
	v, wrong := validator.NewValidator(document, append(options, config.WithFormatAssertions(), config.WithoutSecurityValidation())...)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	return v
}

// index is the place of an element in an array.
var index = regexp.MustCompile(`\[\d+\]`)

// told is what a validator found, in lines; the same about every element of an
// array is told once.
func told(wrong []*errors.ValidationError) string {
	var lines []string
	for _, e := range wrong {
		if len(e.SchemaValidationErrors) == 0 {
			lines = append(lines, "\n    "+e.Message+": "+e.Reason)
		}
		for _, s := range e.SchemaValidationErrors {
			lines = append(lines, "\n    "+index.ReplaceAllString(s.FieldPath, "[]")+": "+s.Reason)
		}
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "")
}

// call is one request of the test.
type call struct {
	template                         string // of the path, as the document has it
	method, path, media, body, token string // a token "id:secret" is Basic
	as                               string // the method under which the answer is described, when not method
	refused                          bool   // the request itself need not fit the document
	orElse                           int    // another status that will do
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// call makes a request and holds both sides of it against the document.
func (c *contract) call(r call) answer {
	c.t.Helper()
	request := c.request(r)
	resp, err := c.http.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		c.t.Fatal(err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(raw))
	var valid bool
	var wrong []*errors.ValidationError
	if again := c.request(r); r.refused || resp.StatusCode >= 400 {
		if r.as != "" {
			again.Method = r.as
		}
		valid, wrong = c.check(r.template).ValidateHttpResponse(again, resp)
	} else {
		valid, wrong = c.check(r.template).ValidateHttpRequestResponse(again, resp)
	}
	if !valid {
		c.fail("%s %s %.300s\n%d %.300s%s", r.method, r.path, r.body, resp.StatusCode, strings.ReplaceAll(string(raw), c.base, ""), told(wrong))
	}
	out := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	_ = json.Unmarshal(raw, &out.body) // a 204 has none
	return out
}

func (c *contract) request(r call) *http.Request {
	c.t.Helper()
	request, err := http.NewRequest(r.method, c.base+r.path, strings.NewReader(r.body))
	if err != nil {
		c.t.Fatal(err)
	}
	switch id, secret, basic := strings.Cut(r.token, ":"); {
	case basic:
		request.SetBasicAuth(id, secret)
	case r.token != "":
		request.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.media != "" {
		request.Header.Set("Content-Type", r.media)
	}
	return request
}

// maxFailures ends a run in which everything is wrong.
const maxFailures = 200

func (c *contract) fail(format string, args ...any) {
	c.t.Helper()
	c.t.Errorf(format, args...)
	if c.failures++; c.failures > maxFailures {
		c.t.Fatal("too much is wrong")
	}
}

// fill puts ids in the place of a path's variables; "" when one is not known.
func (c *contract) fill(path string) string {
	var out []string
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			if s = c.ids[strings.Join(segments[:i], "/")]; s == "" {
				return ""
			}
		}
		out = append(out, s)
	}
	return strings.Join(out, "/")
}

// named puts ids in the place of {/collection} in a body, by the end of the
// collection's path, those of new elements in the place of {+/collection}, and
// numbers in the place of {n}.
func (c *contract) named(body string) string {
	c.t.Helper()
	for path, id := range c.ids {
		short := strings.TrimPrefix(path, env)
		body = strings.ReplaceAll(body, "{"+short+"}", id)
		if strings.Contains(body, "{+"+short+"}") {
			i := slices.IndexFunc(c.operations, func(o operation) bool { return o.Method == "POST" && o.Path == path })
			fresh, _ := c.create(c.operations[i]).body["id"].(string)
			body = strings.ReplaceAll(body, "{+"+short+"}", fresh)
		}
	}
	c.numbers++
	return strings.ReplaceAll(body, "{n}", fmt.Sprint(c.numbers))
}

// protocol calls the endpoints outside the management API that answer with
// JSON, a redirect or a refusal.
func (c *contract) protocol() {
	c.t.Helper()
	mine, form := "/"+c.pixy.env, "application/x-www-form-urlencoded"
	worker := c.client
	for _, r := range []struct {
		call
		status int
	}{
		{call{template: "/healthz", method: "GET", path: "/healthz"}, 200},
		{call{template: "/readyz", method: "GET", path: "/readyz"}, 200},
		{call{template: "/{env}/as/.well-known/openid-configuration", method: "GET", path: mine + "/as/.well-known/openid-configuration"}, 200},
		{call{template: "/.well-known/oauth-authorization-server/{env}/as", method: "GET", path: "/.well-known/oauth-authorization-server" + mine + "/as"}, 200},
		{call{template: "/{env}/as/jwks", method: "GET", path: mine + "/as/jwks"}, 200},
		{call{template: "/{env}/as/jwks", method: "GET", path: "/" + unknown + "/as/jwks"}, 404},
		{call{template: "/{env}/as/token", method: "POST", path: mine + "/as/token", media: form, body: "grant_type=client_credentials", token: worker}, 200},
		{call{template: "/{env}/as/token", method: "POST", path: mine + "/as/token", media: form, body: "grant_type=client_credentials", token: "x:y"}, 401},
		{call{template: "/{env}/as/token", method: "POST", path: mine + "/as/token", media: form, body: "grant_type=nothing", token: worker}, 400},
		{call{template: "/{env}/as/userinfo", method: "GET", path: mine + "/as/userinfo"}, 401},
		{call{template: "/{env}/flows/{flow}", method: "GET", path: mine + "/flows/" + unknown}, 404},
	} {
		if a := c.call(r.call); a.status != r.status {
			c.fail("%s %s: %d, want %d: %s", r.method, r.path, a.status, r.status, a.raw)
		}
	}
}

// signOn lets the user of the test sign on, so that there is a session.
func (c *contract) signOn() {
	c.t.Helper()
	mine := c.pixy.env
	defer func() { c.pixy.env = mine }()
	c.pixy.env = c.ids["/v1/environments"]
	if user := "/users/" + c.ids[env+"/users"]; c.Apps["native"] == "" {
		c.manage("PATCH", user, map[string]string{"username": username}, 200)
		c.send("PUT", user+"/password", mediaVendor+"password.set+json", map[string]string{"value": password}, 200)
		c.app("native", map[string]any{"type": "NATIVE_APP", "tokenEndpointAuthMethod": "NONE", "redirectUris": []string{redirect}})
	}
	config := oauth2.Config{ClientID: c.Apps["native"], Endpoint: oauth2.Endpoint{AuthURL: c.issuer() + "/authorize"}, RedirectURL: redirect, Scopes: []string{"openid"}}
	if _, _, err := c.person(c.t).open(config.AuthCodeURL("state", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))); err != nil {
		c.t.Fatal(err)
	}
	delete(c.ids, env+"/users/{user}/sessions")
}

// lesserToken is the token of a worker that may only read, and only in another
// environment than the test's; "" when the server gives out no roles.
func (c *contract) lesserToken() string {
	c.t.Helper()
	assign := env + "/applications/{application}/roleAssignments"
	if !slices.ContainsFunc(c.operations, func(o operation) bool { return o.Path == assign && o.Method == "POST" }) {
		return ""
	}
	c.app("lesser", map[string]any{"type": "WORKER", "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC", "grantTypes": []string{"CLIENT_CREDENTIALS"}, "responseTypes": []string{"TOKEN"}})
	secret := c.secret("lesser") // who lacks the worker's role may not read it afterwards
	c.client = c.Apps["lesser"] + ":" + secret
	role := map[string]any{"role": map[string]string{"id": identityReader}, "scope": map[string]string{"id": c.pixy.env, "type": "ENVIRONMENT"}}
	c.manage("POST", "/applications/"+c.Apps["lesser"]+"/roleAssignments", role, 201)
	r, err := http.NewRequest("POST", c.issuer()+"/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		c.t.Fatal(err)
	}
	r.SetBasicAuth(c.Apps["lesser"], secret)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	token, _ := c.do(r, 200)["access_token"].(string)
	return token
}
