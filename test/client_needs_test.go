package test

import (
	"encoding/json"
	"math"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pixy/internal/server"
)

// needsStatement is a statement of client-needs, in short, and its test in a
// world of its own.
type needsStatement struct {
	words string
	check func(*world)
}

// needsRun tests statements over http.
func needsRun(t *testing.T, statements []needsStatement, change ...func(*server.Config)) {
	t.Helper()
	for _, s := range statements {
		t.Run(s.words, func(t *testing.T) {
			t.Parallel()
			s.check(newWorld(t, change...))
		})
	}
}

// needsElsewhere are the statements that can't be tested in this process:
// they are about sockets, or about how browsers behave. Where names the test.
func needsElsewhere() []struct{ words, file, where, reason string } {
	return []struct{ words, file, where, reason string }{
		{"The Go SDK, the provider and the Go client speak https only, on 443", "../cmd/pixy/serve_test.go", "func TestDevelopmentCertificate(",
			"needs a socket; the port is a setting (--listen), and no test may take 443"},
		{"A dotted name behind an own certificate", "../cmd/pixy/serve_test.go", "func TestOwnCertificate(", "needs a socket"},
		{"openid-client and oauth4webapi sign in over https from discovery alone", "client/node_test.go", "nodeClients(", "a foreign client against the running binary"},
		{"coreos/go-oidc signs in from discovery alone", "client/go_test.go", "oauth2Clients(", "a foreign client against the running binary"},
		{"zitadel ends the session by POST with a form", "client/zitadel_test.go", "rp.EndSession(", "a foreign client against the running binary"},
		{"oauth2-proxy: a refresh token and a new access token on refresh", "client/proxy_test.go", "cookie-refresh", "a foreign client against the running binary"},
		{"@forgerock/oidc-client posts to authorize with response_mode=pi.flow", "client/node/forgerock.test.mjs", "response_mode=pi.flow", "a foreign client in a browser"},
		{"ping_end_idp_session_endpoint is preferred for logout: 204 by fetch", "client/node/forgerock.test.mjs", "/as/idpSignoff", "a foreign client in a browser"},
		{"Ping's OIDC SDK refuses an http issuer", "client/node/ping.test.mjs", "sign-in", "a foreign client in a browser"},
		{"oidc-client-ts signs in", "client/node/oidc-client-ts.test.mjs", "oidc-client-ts", "a foreign client in a browser"},
		{"The hosted page: fields are visible, Enter works", "client/node/pages.test.mjs", "Enter", "needs a browser"},
		{"Custom-domain form: /as/authorize without an environment id", "domain_test.go", "func TestDomain(", "needs a domain in the configuration"},
		{"Chromium blocks third-party cookies unless the profile allows them", "client/node/origins.test.mjs", "private window", "needs a browser"},
		{"X-Frame-Options on the redirect target matters without pi.flow", "", "", "the redirect target is the application's page, not the server's; pi.flow is announced"},
		{"About 24 token requests in one run come from a real provider", "", "", "only their number is tested here, not Terraform itself"},
		{"pingcli and pingone-mcp-server were not run", "", "", "their calls are tested, not the programs"},
	}
}

// TestClientNeedsElsewhere prints where the rest of the statements is tested,
// and holds that the tests are there.
func TestClientNeedsElsewhere(t *testing.T) {
	for _, e := range needsElsewhere() {
		t.Logf("%s | %s %s | %s", e.words, strings.TrimPrefix(e.file, "../"), strings.Trim(e.where, "("), e.reason)
		if e.file == "" {
			continue
		}
		text, err := os.ReadFile(e.file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), e.where) {
			t.Errorf("%s: %s has no %q", e.words, e.file, e.where)
		}
	}
}

// needsCall calls the management API at a path below /v1.
func needsCall(w *world, method, path string, body any, headers ...header) response {
	w.t.Helper()
	text := ""
	if body != nil {
		raw, err := json.Marshal(body)
		w.must(err)
		text = string(raw)
	}
	all := append([]header{{"Authorization": "Bearer " + w.admin, "Content-Type": "application/json"}}, headers...)
	return w.send(method, "/v1"+path, text, all...)
}

// needsAt is a member by its path, as in "population.id" or "scopes.0.id", nil
// where there is none.
func needsAt(body any, path string) any {
	for _, step := range strings.Split(path, ".") {
		switch b := body.(type) {
		case object:
			body = b[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(b) {
				return nil
			}
			body = b[i]
		default:
			return nil
		}
	}
	return body
}

func needsText(body any, path string) string {
	s, _ := needsAt(body, path).(string)
	return s
}

func needsTexts(v any) (out []string) {
	list, _ := v.([]any)
	for _, e := range list {
		s, _ := e.(string)
		out = append(out, s)
	}
	return out
}

// needsList is the list of an answer, under the name it must have.
func needsList(r response, plural string) (out []object) {
	r.t.Helper()
	list, ok := needsAt(r.body, "_embedded."+plural).([]any)
	if !ok {
		r.t.Fatalf("no list _embedded.%s: %d %s", plural, r.StatusCode, r.raw)
	}
	for _, e := range list {
		o, _ := e.(object)
		out = append(out, o)
	}
	return out
}

// needsFind is the element of a list whose member has a value.
func needsFind(list []object, path string, value any) object {
	for _, o := range list {
		if needsAt(o, path) == value {
			return o
		}
	}
	return nil
}

// needsMembers holds members of an answer against what they must be.
func needsMembers(t testing.TB, what string, body any, want object) {
	t.Helper()
	for path, value := range want {
		got, _ := json.Marshal(needsAt(body, path))
		wanted, _ := json.Marshal(value)
		if string(got) != string(wanted) {
			t.Errorf("%s: %s is %s, want %s", what, path, got, wanted)
		}
	}
}

var (
	needsID    = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	needsStamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
)

// needsTyped holds the members of an answer against their types: id, time,
// bool, int, text, texts, object. One with "?" behind it may be missing.
func needsTyped(t testing.TB, what string, body any, types map[string]string) {
	t.Helper()
	for path, name := range types {
		v := needsAt(body, path)
		short, optional := strings.CutSuffix(name, "?")
		if v == nil && optional {
			continue
		}
		if !needsIs(v, short) {
			t.Errorf("%s: %s is %T %v, not of type %s", what, path, v, v, short)
		}
	}
}

func needsIs(v any, name string) (ok bool) {
	text, isText := v.(string)
	switch name {
	case "id":
		return needsID.MatchString(text)
	case "time":
		_, err := time.Parse(time.RFC3339, text)
		return err == nil && needsStamp.MatchString(text)
	case "url":
		return strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")
	case "text":
		return isText
	case "bool":
		_, ok = v.(bool)
	case "int":
		n, number := v.(float64)
		ok = number && n == math.Trunc(n)
	case "object":
		_, ok = v.(object)
	case "list":
		_, ok = v.([]any)
	case "texts":
		list, is := v.([]any)
		ok = is && !slices.ContainsFunc(list, func(e any) bool { _, s := e.(string); return !s })
	}
	return ok
}

// needsError holds an answer against the error model.
func needsError(t testing.TB, what string, r response, status int, code string) {
	t.Helper()
	if r.StatusCode != status || r.text("code") != code || r.text("id") == "" || r.text("message") == "" {
		t.Errorf("%s: %d %s, want %d %s with id and message", what, r.StatusCode, r.raw, status, code)
	}
	if h := r.Header.Get("Content-Type"); h != "application/json" {
		t.Errorf("%s: the Content-Type is %q", what, h)
	}
	details, _ := r.body["details"].([]any)
	for _, d := range details {
		if needsText(d, "code") == "" || needsText(d, "message") == "" {
			t.Errorf("%s: a detail has no code or no message: %s", what, r.raw)
		}
	}
}

// needsRetried reports whether a status makes the SDK try again, for minutes.
func needsRetried(status int) bool {
	return slices.Contains([]int{http.StatusRequestTimeout, http.StatusTooManyRequests}, status) || status >= 500
}

// needsNobody is an id that nothing has.
const needsNobody = "00000000-0000-4000-8000-00000000dead"
