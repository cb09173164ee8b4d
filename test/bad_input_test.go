package test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pixy/internal/kind"
	"pixy/internal/server"
)

// attack is one way to send nonsense to an endpoint.
type attack struct {
	name    string
	applies func(server.Route) bool
	request func(r server.Route, path string) *http.Request
}

func anyRoute(server.Route) bool   { return true }
func withBody(r server.Route) bool { return len(r.Media) > 0 }
func takesForm(r server.Route) bool {
	return withBody(r) && r.Media[0] == "application/x-www-form-urlencoded"
}
func takesJSON(r server.Route) bool { return withBody(r) && !takesForm(r) }
func withID(r server.Route) bool {
	return regexp.MustCompile(`\{[a-zA-Z]+\}`).MatchString(r.Path) && !strings.Contains(r.Path, "{name}")
}
func readsQuery(r server.Route) bool {
	return strings.HasSuffix(r.Path, "/authorize") || strings.HasSuffix(r.Path, "/resume") || strings.Contains(r.Path, "/signon/")
}
func managesList(r server.Route) bool {
	whole := regexp.MustCompile(`/(sessions|totalIdentities|activeIdentityCounts|applicationPermissions|\{key\}/applications)$`)
	return r.Method == "GET" && r.Many != "" && !whole.MatchString(r.Path)
}

func media(r server.Route) string {
	return strings.ReplaceAll(r.Media[0], "<action>", "usernamePassword.check")
}

// body sends text with the endpoint's own media type.
func body(text string) func(server.Route, string) *http.Request {
	return func(r server.Route, path string) *http.Request {
		req := httptest.NewRequest(r.Method, path, strings.NewReader(text))
		req.Header.Set("Content-Type", media(r))
		return req
	}
}

func query(text string) func(server.Route, string) *http.Request {
	return func(r server.Route, path string) *http.Request {
		return httptest.NewRequest(r.Method, path+"?"+text, nil)
	}
}

func attacks() []attack {
	big := strings.Repeat("a", 10<<20)
	return []attack{
		{"broken JSON", takesJSON, body(`{"name": `)},
		{"JSON that is no object", takesJSON, body(`[1, 2, 3]`)},
		{"two JSON values", takesJSON, body(`{} {}`)},
		{"a JSON string", takesJSON, body(`"x"`)},
		{"deep JSON", takesJSON, body(strings.Repeat(`{"a":`, 100000))},
		{"a JSON member twice", takesJSON, body(`{"name": "a", "name": "a"}`)},
		{"JSON that is not UTF-8", takesJSON, body("{\"name\": \"\xff\xfe\"}")},
		{"JSON with NUL", takesJSON, body(`{"name": "a\u0000b", "username": "a\u0000b", "password": "\u0000", "value": "\u0000", "newPassword": "\u0000", "type": "\u0000", "previous": {"expiresAt": "\u0000"}, "scopes": [{"id": "\u0000"}], "id": "\u0000"}`)},
		{"JSON with half a surrogate pair", takesJSON, body(`{"name": "\ud800", "username": "\ud800", "password": "\ud800", "value": "\ud800", "newPassword": "\ud800", "type": "\ud800", "previous": {"expiresAt": "\ud800"}, "scopes": "\ud800", "id": "\ud800"}`)},
		{"wrong JSON types", takesJSON, body(`{"name": 1, "username": [], "password": {}, "value": 1e400, "newPassword": true, "type": 7, "enabled": "yes", "priority": "x", "previous": 1, "id": 7}`)},
		{"huge numbers", takesJSON, body(`{"name": "x", "type": "LOGIN", "priority": 1e999999, "refreshTokenDuration": 99999999999999999999, "value": 1e308, "password": 1e308, "previous": 1e308}`)},
		{"a body of 10 MB", withBody, func(r server.Route, path string) *http.Request { return body(big)(r, path) }},
		{"a body of 10 MB of unknown length", withBody, func(r server.Route, path string) *http.Request {
			req := body(big)(r, path)
			req.ContentLength = -1
			return req
		}},
		{"a wrong media type", withBody, func(r server.Route, path string) *http.Request {
			req := httptest.NewRequest(r.Method, path, strings.NewReader("<x/>"))
			req.Header.Set("Content-Type", "text/xml")
			return req
		}},
		{"a media type that is none", withBody, func(r server.Route, path string) *http.Request {
			req := httptest.NewRequest(r.Method, path, strings.NewReader("x"))
			req.Header.Set("Content-Type", ";;\x01//")
			return req
		}},
		{"a body without a media type", withBody, func(r server.Route, path string) *http.Request {
			return httptest.NewRequest(r.Method, path, strings.NewReader("x=1"))
		}},
		{"a broken form", takesForm, body("a=%zz&b=%")},
		{"a form that is not UTF-8", takesForm, body("grant_type=%ff%fe&client_id=%ff&code=%ff&username=%ff&flowId=%ff&access_token=%ff")},
		{"a form with NUL", takesForm, body("grant_type=authorization_code%00&client_id=%00&code=%00&username=%00&flowId=%00&access_token=%00")},
		{"a form with everything twice", takesForm, body("grant_type=authorization_code&grant_type=authorization_code&client_id=a&client_id=b&code=1&code=2&username=a&username=b&flowId=1&flowId=2&action=x&action=y&access_token=1&access_token=2")},
		{"a broken query", readsQuery, query("a=%zz")},
		{"a query that is not UTF-8", readsQuery, query("client_id=%ff&redirect_uri=%ff&flowId=%ff&state=%ff")},
		{"a query with NUL", readsQuery, query("client_id=%00&redirect_uri=%00&flowId=%00")},
		{"a query with everything twice", readsQuery, query("client_id=a&client_id=a&redirect_uri=b&redirect_uri=b&flowId=1&flowId=1")},
		{"no parameters", readsQuery, query("")},
		{"a filter that is none", managesList, query("filter=" + url.QueryEscape(`((((name eq`))},
		{"a filter with NUL", managesList, query("filter=" + url.QueryEscape("name eq \"\x00\""))},
		{"a deep filter", managesList, query("filter=" + strings.Repeat("(", 2000))},
		{"a long filter", managesList, query("filter=" + url.QueryEscape(strings.Repeat(`name eq "x" or `, 500)+`name eq "x"`))},
		{"a limit that is none", managesList, query("limit=-1")},
		{"a limit twice", managesList, query("limit=1&limit=2")},
		{"a cursor that is none", managesList, query("cursor=%00%ff")},
		{"a broken list query", managesList, query("limit=%zz")},
		{"an unknown method", anyRoute, func(r server.Route, path string) *http.Request { return httptest.NewRequest("BREW", path, nil) }},
		{"an id with NUL", withID, func(r server.Route, path string) *http.Request { return spoiled(r, "%00") }},
		{"an id that is not UTF-8", withID, func(r server.Route, path string) *http.Request { return spoiled(r, "%ff%fe") }},
		{"an id with a slash", withID, func(r server.Route, path string) *http.Request { return spoiled(r, "..%2f..%2fetc") }},
		{"an id of 10 kB", withID, func(r server.Route, path string) *http.Request { return spoiled(r, strings.Repeat("a", 10000)) }},
		{"an id of nothing", withID, func(r server.Route, path string) *http.Request {
			return spoiled(r, "00000000-0000-4000-8000-000000000000")
		}},
	}
}

// spoiled puts an id that can't be one into the path.
func spoiled(r server.Route, id string) *http.Request {
	path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(strings.TrimSuffix(r.Path, "{$}"), id)
	return httptest.NewRequest(r.Method, "http://pixy.test"+path, nil)
}

// TestBadInput sends every attack to every endpoint of the route table, so that
// a new endpoint can't be forgotten. The answer is a documented 4xx in the
// endpoint's form, soon, and the log holds no secret.
func TestBadInput(t *testing.T) {
	// covers: RFC 6749 §10.3/1, RFC 6749 §10.14/1
	w := newWorld(t)
	user, app := w.user("ada"), w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, nil)
	code := p.code(app, "ada", nil)
	policy := w.manage("POST", "/signOnPolicies", object{"name": "Other"}).want(201).text("id")
	ids := strings.NewReplacer("{env}", w.env, "{environment}", w.env, "{flow}", p.tab(app, url.Values{"prompt": {"login"}}), "{user}", user, "{application}", app,
		"{signOnPolicy}", policy, "{$}", "", "{name}", "nothing.css", "{resource}", w.first("resources"), "{population}", w.first("populations"),
		"{passwordPolicy}", w.first("passwordPolicies"), "{role}", "70712a0a-0000-4000-8000-000000000001")
	sent, slowest := 0, time.Duration(0)
	for _, r := range w.server.Routes() {
		path := w.base + regexp.MustCompile(`\{\w+\}`).ReplaceAllString(ids.Replace(r.Path), "00000000-0000-4000-8000-000000000000")
		for _, a := range attacks() {
			if !a.applies(r) {
				continue
			}
			req := a.request(r, path)
			if strings.HasPrefix(r.Path, "/v1/") {
				req.Header.Set("Authorization", "Bearer "+w.admin)
			}
			req.Header.Set("Cookie", "ST="+p.st)
			rec := httptest.NewRecorder()
			began := time.Now()
			w.server.ServeHTTP(rec, req)
			slowest = max(slowest, time.Since(began))
			sent++
			if problem := wrongAnswer(rec, a, r); problem != "" {
				t.Errorf("%s %s with %s: %s: %d %.300s", r.Method, r.Path, a.name, problem, rec.Code, rec.Body)
			}
		}
	}
	t.Logf("%d bad requests to %d endpoints, the slowest answered in %v", sent, len(w.server.Routes()), slowest)
	if slowest > 5*time.Second {
		t.Errorf("an answer took %v", slowest)
	}
	for name, secret := range map[string]string{"password": goodPassword, "code": code, "session token": p.st, "client secret": w.worker.Secret,
		"access token": w.admin, "verifier": verifier} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log holds the %s", name)
		}
	}
	_ = flow
}

// first is the id of the first element of a collection.
func (w *world) first(plural string) string {
	w.t.Helper()
	list := w.manage("GET", "/"+plural, nil).want(200).body["_embedded"].(object)[plural].([]any)
	return text(list[0].(object)["id"])
}

// wrongAnswer says what is wrong with the answer to an attack, or "".
func wrongAnswer(rec *httptest.ResponseRecorder, a attack, r server.Route) string {
	id := rec.Header().Get("Correlation-Id")
	if rec.Code < 300 && harmless(a, r) {
		return ""
	}
	switch {
	case rec.Code < 400 || rec.Code > 499:
		return "not a 4xx"
	case len(id) != 36:
		return "no correlation id"
	case !strings.Contains(rec.Body.String(), id):
		return "the body does not have the correlation id"
	}
	body, contentType := rec.Body.String(), rec.Header().Get("Content-Type")
	isPage := strings.HasPrefix(contentType, "text/html") && strings.Contains(body, "<h1")
	isPlatform := contentType == "application/json" && strings.Contains(body, `"code":"`) && strings.Contains(body, `"message":"`)
	isOAuth := contentType == "application/json" && strings.Contains(body, `"error":"`) && strings.Contains(body, `"error_description":"`)
	if !isPage && !isPlatform && !isOAuth {
		return "not a documented body (" + contentType + ")"
	}
	return ""
}

// harmless are the attacks that an endpoint rightly takes no notice of: members
// of a body that it does not know, or does not write.
func harmless(a attack, r server.Route) bool {
	broken, ok := brokenMembers()[a.name]
	if !ok {
		return false
	}
	return !slices.ContainsFunc(r.Takes, func(f kind.Field) bool {
		kept := f.Access == kind.ReadOnly || f.Access == kind.Hidden || f.Access == kind.Kept && r.Method != "POST"
		return !kept && slices.Contains(broken, f.Name)
	})
}

// brokenMembers are the members that an attack breaks, by its name.
func brokenMembers() map[string][]string {
	text := []string{"name", "username", "password", "value", "newPassword", "type", "previous", "scopes", "id"}
	return map[string][]string{
		"JSON with NUL": text, "JSON with half a surrogate pair": text, "wrong JSON types": append(text, "enabled", "priority"),
		"huge numbers": {"priority", "refreshTokenDuration", "value", "password", "previous"},
	}
}

// TestEveryRouteIsServed asks for each route as the table lists it: none may be
// unknown to the mux.
func TestEveryRouteIsServed(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	for _, r := range w.server.Routes() {
		key := r.Method + " " + r.Path
		if seen[key] {
			t.Errorf("%s stands twice in the table", key)
		}
		seen[key] = true
		path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(strings.TrimSuffix(r.Path, "{$}"), w.env)
		req := httptest.NewRequest(r.Method, w.base+path, nil)
		rec := httptest.NewRecorder()
		w.server.ServeHTTP(rec, req)
		if rec.Code == http.StatusMethodNotAllowed || strings.Contains(rec.Body.String(), "There is nothing at this path") {
			t.Errorf("%s: %d %s", key, rec.Code, rec.Body)
		}
	}
	fmt.Fprintln(t.Output(), len(seen), "endpoints")
}
