// Package test drives the whole server through the wire.
package test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pixy/internal/server"
	"pixy/internal/store"
)

// The vector of RFC 7636, appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

const (
	callback     = "https://app.example.com/callback"
	goodPassword = "2FederateM0re!"
	mediaSignOn  = "application/vnd.pingidentity.usernamePassword.check+json"
	mediaSet     = "application/vnd.pingidentity.password.set+json"
)

// world is a server in this process on a database of its own, with a clock
// that only the test moves.
type world struct {
	t      testing.TB
	server *server.Server
	config server.Config
	db     *store.DB
	source string // of the database
	base   string
	log    *logBuffer
	secret secrets // that went over the wire
	worker server.Worker
	env    string
	admin  string // a worker's access token

	mu  sync.Mutex
	now time.Time
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// cheap is a password hash that costs nothing, where its cost doesn't matter.
func cheap() server.HashCost { return server.HashCost{Memory: 64, Time: 1, Lanes: 1} }

func newWorld(t testing.TB, change ...func(*server.Config)) *world {
	t.Helper()
	first, err := born()
	if err != nil {
		t.Fatal(err)
	}
	return first.world(t, change...)
}

// world is a world on a copy of the database.
func (first newborn) world(t testing.TB, change ...func(*server.Config)) *world {
	t.Helper()
	w := &world{t: t, base: "http://pixy.test", log: &logBuffer{}, source: first.copied(t), now: began()}
	w.worker, w.env = first.worker, first.worker.EnvironmentID
	db, c, err := openWorld(t.Context(), w.source, w.clock)
	w.must(err)
	w.db = db
	t.Cleanup(func() { w.must(db.Close()) })
	c.PublicURL, c.Log = w.base, slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, f := range change {
		f(&c)
	}
	w.base, w.config = c.PublicURL, c
	t.Cleanup(func() {
		for _, what := range w.secret.spilled(w.log.String()) {
			t.Errorf("the log holds a secret: %s", what)
		}
	})
	w.server, err = server.New(c)
	w.must(err)
	t.Cleanup(func() { w.server.Stop() }) // before the database is closed
	w.admin = w.token()
	return w
}

// began is when every world begins.
func began() time.Time { return time.Date(2026, 3, 23, 16, 37, 59, 659e6, time.UTC) }

// openWorld opens a database, and is what a server on it is made of.
func openWorld(ctx context.Context, source string, clock func() time.Time) (*store.DB, server.Config, error) {
	sealer, err := store.NewSealer(make([]byte, 32))
	if err != nil {
		return nil, server.Config{}, err
	}
	db, err := store.Open(ctx, source, store.Options{Now: clock, Remember: server.Remembered()})
	if err != nil {
		return nil, server.Config{}, err
	}
	c := server.Config{Store: db, Sealer: sealer, PublicURL: "http://pixy.test", Version: "test", Now: clock, HashCost: cheap()}
	return db, c, db.Claim(ctx, sealer)
}

// newborn is a database after the first start of a server, and its worker.
type newborn struct {
	file     []byte // of SQLite
	template string // of PostgreSQL
	worker   server.Worker
}

// born is made once and copied for every world: making its keys takes longer
// than most tests.
var born = sync.OnceValues(firstStart)

func firstStart() (out newborn, err error) {
	dir, err := os.MkdirTemp("", "pixy-world")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir)
	file, ctx := filepath.Join(dir, "pixy.db"), context.Background()
	source := "file:" + file
	if onPostgres() {
		if source, out.template, err = emptyPostgres(); err != nil {
			return out, err
		}
	}
	db, c, err := openWorld(ctx, source, began)
	if err != nil {
		return out, err
	}
	s, err := server.New(c)
	if err == nil {
		_, err = s.Bootstrap(ctx, server.Bootstrap{}, func(w server.Worker) error { out.worker = w; return nil }, nil)
		s.Stop()
	}
	if err = errors.Join(err, db.Close()); err != nil || onPostgres() {
		return out, err
	}
	out.file, err = os.ReadFile(file)
	return out, err
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(w.worker.ApplicationID+":"+w.worker.Secret))
}

type header map[string]string

// response is an answer, its body read.
type response struct {
	t testing.TB
	*http.Response
	raw  string
	body map[string]any
}

// send makes one request. A path that begins with http is taken as it is.
func (w *world) send(method, path, body string, headers ...header) response {
	w.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = w.base + path
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for _, h := range headers {
		for name, value := range h {
			r.Header.Set(name, value)
		}
	}
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	resp := rec.Result()
	raw, err := io.ReadAll(resp.Body)
	w.must(err)
	out := response{t: w.t, Response: resp, raw: string(raw)}
	_ = json.Unmarshal(raw, &out.body) // not every body is JSON
	w.secret.overhear(body, out)
	return out
}

func (w *world) form(method, path string, form url.Values, headers ...header) response {
	w.t.Helper()
	return w.send(method, path, form.Encode(), append(headers, header{"Content-Type": "application/x-www-form-urlencoded"})...)
}

// manage calls the management API in the world's environment.
func (w *world) manage(method, path string, body any, headers ...header) response {
	w.t.Helper()
	raw, err := json.Marshal(body)
	w.must(err)
	text := string(raw)
	if body == nil {
		text = ""
	}
	all := append([]header{{"Authorization": "Bearer " + w.admin, "Content-Type": "application/json"}}, headers...)
	return w.send(method, "/v1/environments/"+w.env+path, text, all...)
}

func (r response) want(status int) response {
	r.t.Helper()
	if r.StatusCode != status {
		r.t.Fatalf("%d, want %d: %s %s", r.StatusCode, status, r.Header.Get("Location"), r.raw)
	}
	return r
}

func (r response) text(name string) string {
	s, _ := r.body[name].(string)
	return s
}

// query is a parameter of the redirect.
func (r response) query(name string) string {
	u, err := r.Location()
	if err != nil {
		r.t.Helper()
		r.t.Fatalf("no redirect but %d: %s", r.StatusCode, r.raw)
	}
	return u.Query().Get(name)
}

// detail is the first detail of an error.
func (r response) detail() map[string]any {
	details, _ := r.body["details"].([]any)
	if len(details) == 0 {
		return map[string]any{}
	}
	d, _ := details[0].(map[string]any)
	return d
}

type object = map[string]any

// application makes an application and returns its id. What is not given is
// that of a native application that must use S256.
func (w *world) application(change object) string {
	w.t.Helper()
	body := object{"name": "App", "enabled": true, "type": "NATIVE_APP", "protocol": "OPENID_CONNECT", "grantTypes": []string{"AUTHORIZATION_CODE"},
		"responseTypes": []string{"CODE"}, "redirectUris": []string{callback}, "tokenEndpointAuthMethod": "NONE", "pkceEnforcement": "S256_REQUIRED"}
	for k, v := range change {
		body[k] = v
	}
	return w.manage("POST", "/applications", body).want(201).text("id")
}

// user makes a user with the good password and returns the id.
func (w *world) user(username string) string {
	w.t.Helper()
	id := w.manage("POST", "/users", object{"username": username, "email": username + "@example.com"}).want(201).text("id")
	w.password(id, goodPassword, false)
	return id
}

func (w *world) password(user, password string, force bool) {
	w.t.Helper()
	w.manage("PUT", "/users/"+user+"/password", object{"value": password, "forceChange": force}, header{"Content-Type": mediaSet}).want(200)
}

// person is a browser: it keeps the session cookie.
type person struct {
	w  *world
	st string
}

func (p *person) send(method, path, body string, headers ...header) response {
	p.w.t.Helper()
	if p.st != "" {
		headers = append(headers, header{"Cookie": "ST=" + p.st})
	}
	r := p.w.send(method, path, body, headers...)
	for _, c := range r.Cookies() {
		if c.Name == "ST" {
			p.st = c.Value
		}
	}
	return r
}

// authorize asks for a code for an application, with the challenge of the
// vector; change adds parameters, or takes them away with "".
func (p *person) authorize(app string, change url.Values) response {
	p.w.t.Helper()
	q := url.Values{"response_type": {"code"}, "client_id": {app}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {"st4te"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	for k, v := range change {
		if q[k] = v; len(v) == 1 && v[0] == "" {
			delete(q, k)
		}
	}
	return p.send("GET", "/"+p.w.env+"/as/authorize?"+q.Encode(), "")
}

func (p *person) act(flow, action string, body object) response {
	p.w.t.Helper()
	raw, err := json.Marshal(body)
	p.w.must(err)
	return p.send("POST", "/"+p.w.env+"/flows/"+flow, string(raw), header{"Content-Type": "application/vnd.pingidentity." + action + "+json"})
}

func (p *person) signOn(flow, username, password string) response {
	p.w.t.Helper()
	return p.act(flow, "usernamePassword.check", object{"username": username, "password": password})
}

func (p *person) resume(flow string) response {
	p.w.t.Helper()
	return p.send("GET", "/"+p.w.env+"/as/resume?flowId="+flow, "")
}

// code signs a person on and returns the code.
func (p *person) code(app, username string, change url.Values) string {
	p.w.t.Helper()
	flow := p.authorize(app, change).want(302).query("flowId")
	p.signOn(flow, username, goodPassword).want(200)
	return p.resume(flow).want(302).query("code")
}

// redeem exchanges a code; change adds parameters, or takes them away with "".
func (w *world) redeem(app, code string, change url.Values, headers ...header) response {
	w.t.Helper()
	f := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {app}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	for k, v := range change {
		if f[k] = v; len(v) == 1 && v[0] == "" {
			delete(f, k)
		}
	}
	return w.form("POST", "/"+w.env+"/as/token", f, headers...)
}

func (w *world) userinfo(token string) response {
	w.t.Helper()
	return w.send("GET", "/"+w.env+"/as/userinfo", "", header{"Authorization": "Bearer " + token})
}

// refused expects an OAuth error whose description has these words.
func (r response) refused(status int, code, words string) {
	r.t.Helper()
	if r.StatusCode != status || r.text("error") != code || !strings.Contains(r.text("error_description"), words) {
		r.t.Errorf("%d %s, want %d %s ...%s...", r.StatusCode, r.raw, status, code, words)
	}
}

func claims(t testing.TB, token string) object {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %q", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var c object
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func text(v any) string { return fmt.Sprint(v) }

// token is a new access token of the worker.
func (w *world) token() string {
	w.t.Helper()
	return w.form("POST", "/"+w.env+"/as/token", url.Values{"grant_type": {"client_credentials"}}, header{"Authorization": w.basic()}).want(200).text("access_token")
}

// stored is the body of a document of the world's environment, as it is kept.
func (w *world) stored(noun, id string) string {
	w.t.Helper()
	var body string
	w.must(w.db.View(w.t.Context(), w.env, func(tx *store.Tx) error {
		d, err := tx.Get(noun, id)
		body = compact(d.Body)
		return err
	}))
	return body
}

// compact is JSON without spaces, whatever the database makes of it.
func compact(raw []byte) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return string(raw)
	}
	return b.String()
}

// kid is the key id in the header of a JWT.
func kid(t testing.TB, token string) string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var h struct{ Kid string }
	if err := json.Unmarshal(raw, &h); err != nil || h.Kid == "" {
		t.Fatalf("no kid in %s: %v", raw, err)
	}
	return h.Kid
}
