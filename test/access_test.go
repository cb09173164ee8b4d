package test

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pixy/internal/platform"
	"pixy/internal/server"
)

func basicOf(id, secret string) string {
	return base64.StdEncoding.EncodeToString([]byte(id + ":" + secret))
}

// roleAreas is what each role may do, written out: the areas of the management
// API that it may read, and those that it may read and write.
var roleAreas = map[string]struct{ reads, writes string }{
	"Organization Admin": {"roles audit", "organizations environments licenses roleAssignments"},
	"Environment Admin": {"roles licenses audit", "environments secrets roleAssignments " +
		"applications policies resources populations groups keys branding agreements identityProviders languages notifications gateways schemas mfa"},
	"Identity Data Admin":          {"roles environments licenses policies schemas audit branding", "users passwords sessions groups populations roleAssignments mfa"},
	"Client Application Developer": {"roles environments licenses resources policies keys branding roleAssignments", "applications secrets"},
	"Application Owner":            {"roles", "applications secrets"},
	"Identity Data Read Only":      {"roles environments licenses users passwords sessions groups populations policies schemas audit", ""},
	"Configuration Read Only": {"roles environments licenses audit roleAssignments " +
		"applications policies resources populations groups keys branding agreements identityProviders languages notifications gateways schemas mfa", ""},
	"Help Desk Admin":    {"roles environments licenses users groups populations policies", "passwords sessions"},
	"Custom Roles Admin": {"roles", ""},
	// Roles of products that Pixy is not: they permit nothing.
	"DaVinci Admin": {}, "DaVinci Admin Read Only": {}, "Advanced Identity Cloud Super Admin": {}, "Advanced Identity Cloud Tenant Admin": {},
	"Authorize Gateway Policy Evaluator": {}, "PingFederate Administrator": {}, "PingFederate Auditor": {}, "PingFederate Crypto Administrator": {},
	"PingFederate Expression Administrator": {}, "PingFederate User Administrator": {},
}

// The sentences of PingOne for who has no token, and who has no role.
const (
	noAccessSentence = "The request could not be completed. You do not have access to this resource."
	badTokenSentence = "The authorization token is either missing or invalid, or it has expired."
)

// caller is somebody who calls the management API.
type caller struct {
	name          string
	authorization string
	role, scope   string // of a holder of a role
	elsewhere     bool   // the role is of another environment
}

func (c caller) String() string { return c.name }

// The ways a request may end.
type ending string

const (
	unknown ending = "401"
	refused ending = "403"
	hidden  ending = "403 or 404"
	passed  ending = "neither 401 nor 403"
	either  ending = "let through, or 403 or 404"
)

func endingOf(r response, expected ending) bool {
	switch expected {
	case unknown:
		return r.StatusCode == 401 && r.text("code") == "ACCESS_FAILED" && r.text("message") == noAccessSentence &&
			r.detail()["code"] == "INVALID_TOKEN" && r.detail()["target"] == "Authentication Credentials" && r.detail()["message"] == badTokenSentence
	case refused:
		return r.StatusCode == 403 && r.text("code") == "ACCESS_FAILED" && r.text("message") == noAccessSentence
	case hidden:
		return endingOf(r, refused) || r.StatusCode == 404 && r.text("code") == "NOT_FOUND"
	}
	if expected == either && endingOf(r, hidden) {
		return true
	}
	return r.StatusCode != 401 && r.StatusCode != 403 && r.StatusCode < 500
}

// expected is how a request at a route ends. inside tells that its path is
// inside of the narrow scopes.
func (c caller) expected(r server.Route, inside bool) ending {
	if c.role == "" {
		return unknown
	}
	areas, write := roleAreas[c.role], r.Write
	mayWrite := slices.Contains(strings.Fields(areas.writes), r.Area)
	mayRead := mayWrite || slices.Contains(strings.Fields(areas.reads), r.Area)
	inEnvironment := strings.HasPrefix(r.Path, "/v1/environments/{environment}")
	switch {
	case !mayRead || write && !mayWrite:
		return refused
	case c.scope == "ORGANIZATION":
		return passed
	case !inEnvironment && write:
		return refused
	case !inEnvironment:
		return passed
	case c.elsewhere:
		return refused
	case c.scope == "ENVIRONMENT":
		return passed
	}
	return c.narrowly(r, inside)
}

// narrowly is how a request in the environment ends for who has a role for a
// population or an application. What is of the whole environment may be closed
// to it or not, but not to write.
func (c caller) narrowly(r server.Route, inside bool) ending {
	segments := strings.Split(strings.TrimPrefix(r.Path, "/v1/environments/{environment}/"), "/")
	nouns := map[string]string{"populations": "POPULATION", "users": "POPULATION", "groups": "POPULATION", "applications": "APPLICATION"}
	switch {
	case nouns[segments[0]] != c.scope && r.Write:
		return hidden
	case nouns[segments[0]] != c.scope:
		return either
	case len(segments) > 1 && inside:
		return passed
	case len(segments) > 1:
		return hidden
	case r.Write: // what is created: it depends on where
		return either
	}
	return passed // a list, of what it may see
}

// callers are everybody who calls, and what becomes of strangers.
func (w *guardedWorld) callers() []caller {
	w.t.Helper()
	bearer := func(token string) string { return "Bearer " + token }
	app := w.application(object{"name": "Sign-on"})
	w.user("nobody-special")
	p := &person{w: w.world}
	tokens := w.redeem(app, p.code(app, "nobody-special", nil), nil).want(200)
	_, foreign := w.holderOf(w.other, "Environment Admin", "ENVIRONMENT", w.other)
	out := []caller{
		{name: "nobody"},
		{name: "a garbage token", authorization: bearer("garbage.garbage.garbage")},
		{name: "a basic secret", authorization: w.basic()},
		{name: "a changed token", authorization: bearer(w.admin[:len(w.admin)-8] + "AAAAAAAA")},
		{name: "an ID token", authorization: bearer(tokens.text("id_token"))},
		{name: "a user without roles", authorization: bearer(tokens.text("access_token")), role: "none"},
		{name: "a worker of another environment", authorization: bearer(foreign), role: "Environment Admin", scope: "ENVIRONMENT", elsewhere: true},
	}
	for _, r := range platform.Roles() {
		for _, scope := range r.ApplicableTo {
			_, token := w.holderOf(w.env, r.Name, scope, w.scopeOf(scope))
			out = append(out, caller{name: r.Name + " of the " + scope, authorization: bearer(token), role: r.Name, scope: scope})
		}
	}
	return out
}

// TestEveryRouteIsGuarded sends every caller to every route of the management
// API. Who may what is computed from the table above and from the area that the
// route declares.
func TestEveryRouteIsGuarded(t *testing.T) {
	t.Parallel()
	w := newGuardedWorld(t)
	callers := w.callers()
	counts := map[ending]int{}
	for _, r := range w.server.Routes() {
		if !strings.HasPrefix(r.Path, "/v1/") {
			continue
		}
		if r.Area == "" {
			t.Errorf("%s %s declares no permission", r.Method, r.Path)
		}
		for _, inside := range []bool{true, false} {
			path := w.pathOf(r, map[bool]map[string]string{true: w.in, false: w.out}[inside])
			for _, c := range callers {
				if !inside && c.scope != "POPULATION" && c.scope != "APPLICATION" {
					continue // to others it is the same as inside
				}
				expected := c.expected(r, inside)
				if r.Method == "DELETE" && r.Path == "/v1/environments/{environment}" && c.scope == "ENVIRONMENT" && expected == passed {
					continue // it could delete its own environment only
				}
				counts[expected]++
				if a := w.tryOut(r, path, c, expected); !endingOf(a, expected) {
					t.Errorf("%s: %s %s (%s, inside %v) answers %d, want %s: %.300s", c, r.Method, path, r.Area, inside, a.StatusCode, expected, a.raw)
				}
			}
		}
	}
	t.Logf("%d callers, %v", len(callers), counts)

	w.pass(2 * time.Hour)
	for _, r := range w.server.Routes() {
		if !strings.HasPrefix(r.Path, "/v1/") {
			continue
		}
		path := idInPath.ReplaceAllString(r.Path, w.env)
		expired := caller{name: "an expired token", authorization: "Bearer " + w.admin}
		if a := w.tryOut(r, path, expired, unknown); !endingOf(a, unknown) {
			t.Errorf("%s: %s %s answers %d: %.300s", expired, r.Method, path, a.StatusCode, a.raw)
		}
	}
}

// tryOut makes a request that does nothing: its body is empty or refused, and
// what a caller may delete is not there.
func (w *guardedWorld) tryOut(r server.Route, path string, c caller, expected ending) response {
	w.t.Helper()
	if r.Method == "DELETE" && strings.HasSuffix(r.Path, "}") && (expected == passed || expected == either) {
		path = regexp.MustCompile(`[^/]+$`).ReplaceAllString(path, nowhere)
	}
	h, body := header{}, ""
	if c.authorization != "" {
		h["Authorization"] = c.authorization
	}
	if len(r.Media) > 0 {
		h["Content-Type"], body = r.Media[0], "{}"
	}
	if strings.HasSuffix(r.Path, "/password") && body != "" {
		body = `{"password": "x", "value": "x"}`
	}
	return w.send(r.Method, path, body, h)
}

// TestRolesAreAllInTheTable keeps the table above from missing a role.
func TestRolesAreAllInTheTable(t *testing.T) {
	for _, r := range platform.Roles() {
		if _, ok := roleAreas[r.Name]; !ok {
			t.Errorf("the table of roles lacks %s", r.Name)
		}
	}
	if n := len(platform.Roles()); n != len(roleAreas) {
		t.Errorf("there are %d roles, and %d in the table", n, len(roleAreas))
	}
}

// TestNoWayAround asks for every route without a token by other ways than its
// own path and method: none leads past the guard.
func TestNoWayAround(t *testing.T) {
	w := newGuardedWorld(t)
	for _, r := range w.server.Routes() {
		if !strings.HasPrefix(r.Path, "/v1/") || r.Method != "GET" {
			continue
		}
		path := w.pathOf(r, w.in)
		if a := w.send("HEAD", path, "", header{}); a.StatusCode != 401 {
			t.Errorf("HEAD %s: %d", path, a.StatusCode)
		}
		for _, way := range []string{path + "/", path + "/.", "/" + path, strings.Replace(path, "/v1", "/v1/.", 1), strings.Replace(path, "/v1", "/V1", 1), strings.Replace(path, "/v1", "/v1%2f", 1),
			"/x/.." + path, path + "?access_token=" + w.admin, path + "?limit=1", path + ";x=1", path + "%00", path + "#x"} {
			a := w.send("GET", way, "", header{"X-Forwarded-User": "admin", "X-HTTP-Method-Override": "GET", "X-Original-URL": path, "Cookie": "access_token=" + w.admin})
			if a.StatusCode < 300 || a.StatusCode >= 500 {
				t.Errorf("GET %s: %d %.200s", way, a.StatusCode, a.raw)
			}
		}
		for name, authorization := range map[string]string{"no scheme": w.admin, "another scheme": "Token " + w.admin, "two tokens": "Bearer " + w.admin + ", Bearer " + w.admin, "nothing": "Bearer ", "an unsigned token": "Bearer " + unsigned(w.admin)} {
			if a := w.send("GET", path, "", header{"Authorization": authorization}); !endingOf(a, unknown) {
				t.Errorf("%s: GET %s: %d %.200s", name, path, a.StatusCode, a.raw)
			}
		}
	}
}

// unsigned is a token with the algorithm none in place of its signature.
func unsigned(token string) string {
	parts := strings.Split(token, ".")
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
}
