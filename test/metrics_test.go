package test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pixy/internal/server"
	"pixy/internal/watch"
)

// measured is a world that counts, and how its metrics are read.
func measured(t *testing.T) (*world, func() string) {
	m := watch.NewMetrics("test")
	w := newWorld(t, func(c *server.Config) { c.Metrics = m })
	return w, func() string {
		rec := httptest.NewRecorder()
		m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
		body, err := io.ReadAll(rec.Result().Body)
		w.must(err)
		if rec.Code != http.StatusOK {
			t.Fatalf("the metrics answer %d: %s", rec.Code, body)
		}
		return string(body)
	}
}

// series is the value of every series in a scrape, by its name and labels.
func series(scrape string) map[string]float64 {
	out := map[string]float64{}
	for _, line := range strings.Split(scrape, "\n") {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			n, err := strconv.ParseFloat(line[i+1:], 64)
			if err == nil {
				out[line[:i]] = n
			}
		}
	}
	return out
}

// round is what people and programs do, well and badly, with names, paths,
// methods and environments that are new each time.
func (w *world) round(n int) {
	w.t.Helper()
	name := fmt.Sprintf("person%d", n)
	user := w.user(name)
	app := w.application(object{"name": "Application" + name, "grantTypes": []string{"AUTHORIZATION_CODE", "REFRESH_TOKEN", "IMPLICIT"}, "responseTypes": []string{"CODE", "TOKEN", "ID_TOKEN"}})
	p := &person{w: w}
	flow := p.authorize(app, nil).want(302).query("flowId")
	p.signOn(flow, name, "wrong password").want(400)
	p.signOn(flow, "nobody-"+name, goodPassword).want(400)
	p.signOn(flow, name, goodPassword).want(200)
	code := p.resume(flow).want(302).query("code")
	w.redeem(app, code, url.Values{"code_verifier": {strings.Repeat("w", 43)}}).want(400)
	code = (&person{w: w}).code(app, name, nil)
	w.userinfo(w.redeem(app, code, nil).want(200).text("access_token")).want(200)
	w.redeem(app, code, nil).want(400)
	p.authorize(app, url.Values{"response_type": {"token id_token"}, "nonce": {name}}).want(302)
	w.manage("GET", "/users/"+user, nil).want(200)
	w.send("GET", "/v1/environments/"+strings.Repeat("f", n%50+1)+"/users/"+user, "", header{"Authorization": "Bearer " + name}).want(401)
	w.send("GET", "/"+name+"/as/authorize?client_id="+name, "")
	w.send("GET", "/unknown/"+name+"/"+user, "", header{"User-Agent": name, "X-Forwarded-For": "203.0.113.9", "Traceparent": "00-" + strings.Repeat("a", 32) + "-" + strings.Repeat("b", 16) + "-01"})
	w.send("GET", "//"+name+"/../x", "")
	w.send(fmt.Sprintf("RARE%d", n), "/"+w.env+"/as/token", "")
	w.send(fmt.Sprintf("ODD%d", n), "/unknown/"+name, "")
	w.form("POST", "/"+w.env+"/as/token", url.Values{"grant_type": {"urn:" + name}}, header{"Authorization": w.basic()}).want(400)
	p.act(flow, "made."+name, object{}).want(415)
	w.must(w.server.Sweep(w.t.Context()))
}

// TestSeriesAreBounded runs for many people, and sees no series that it has not
// seen for the first: nothing that comes from outside makes one.
func TestSeriesAreBounded(t *testing.T) {
	w, scrape := measured(t)
	// Two rounds: what a sweep counts shows after the next.
	w.round(1000)
	w.round(1001)
	before := slices.Sorted(maps.Keys(series(scrape())))
	const rounds = 30
	for n := range rounds {
		w.round(n)
	}
	text := scrape()
	after := slices.Sorted(maps.Keys(series(text)))
	t.Logf("%d series after two rounds, %d after %d more, %d bytes", len(before), len(after), rounds, len(text))
	for _, s := range after {
		if !slices.Contains(before, s) && !strings.HasPrefix(s, "go_") && !strings.HasPrefix(s, "process_") {
			t.Errorf("a new series: %s", s)
		}
	}
	if len(after) > 1500 {
		t.Errorf("%d series", len(after))
	}
	checkNothingPersonal(t, w, text)
	for _, rule := range labels(text, "rule") {
		if !slices.Contains(rules(t), rule) {
			t.Errorf("the rule %q is not in the catalogue", rule)
		}
	}
	for _, route := range labels(text, "route") {
		if route != watch.Unknown && !slices.ContainsFunc(w.server.Routes(), func(r server.Route) bool { return r.Path == route }) {
			t.Errorf("the route %q is not in the table", route)
		}
	}
}

func checkNothingPersonal(t *testing.T, w *world, text string) {
	t.Helper()
	for _, what := range []string{`[0-9a-f]{8}-[0-9a-f]{4}-`, `person\d`, `nobody-`, `\d+\.\d+\.\d+\.\d+`, `@`, `eyJ`, `RARE`, `ODD`, `callback`, `aaaaaaaa`, w.env, w.worker.ApplicationID, `pixy\.test`} {
		if found := regexp.MustCompile(what).FindString(text); found != "" {
			t.Errorf("it holds %q", found)
		}
	}
	for _, what := range w.secret.spilled(text) {
		t.Errorf("it holds a secret: %s", what)
	}
}

// labels are the values that a label has in a scrape.
func labels(text, name string) []string {
	found := map[string]bool{}
	for _, m := range regexp.MustCompile(`[{,]`+name+`="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		found[m[1]] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// rules are the names in the catalogue of refusals.
func rules(t *testing.T) (out []string) {
	t.Helper()
	files, err := filepath.Glob("../internal/fault/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:Rule:\s*|= [a-z]+\()"([^"]+)"`).FindAllStringSubmatch(string(raw), -1) {
			out = append(out, m[1])
		}
	}
	return out
}

// TestMetricsCount: one thing done is one counted.
func TestMetricsCount(t *testing.T) {
	w, scrape := measured(t)
	w.user("ada")
	app := w.application(object{"grantTypes": []string{"AUTHORIZATION_CODE", "REFRESH_TOKEN"}})
	before := series(scrape())
	p := &person{w: w}
	flow := p.authorize(app, nil).want(302).query("flowId")
	p.signOn(flow, "ada", "wrong password").want(400)
	p.signOn(flow, "ada", goodPassword).want(200)
	code := p.resume(flow).want(302).query("code")
	w.redeem(app, code, nil).want(200)
	w.redeem(app, code, nil).want(400)
	w.send("GET", "/nothing/here/at/all", "").want(404)
	w.send("BREW", "/"+w.env+"/as/token", "").want(405)
	w.pass(31 * 24 * time.Hour)
	w.must(w.server.Sweep(t.Context()))
	after := series(scrape())
	for name, want := range map[string]float64{
		`pixy_http_requests_total{method="GET",route="/{env}/as/authorize",status="302"}`:  1,
		`pixy_http_requests_total{method="POST",route="/{env}/flows/{flow}",status="400"}`: 1,
		`pixy_http_requests_total{method="POST",route="/{env}/flows/{flow}",status="200"}`: 1,
		`pixy_http_requests_total{method="POST",route="/{env}/as/token",status="200"}`:     1,
		`pixy_http_requests_total{method="POST",route="/{env}/as/token",status="400"}`:     1,
		`pixy_http_requests_total{method="GET",route="unknown",status="404"}`:              1,
		`pixy_http_requests_total{method="other",route="/{env}/as/token",status="405"}`:    1,
		`pixy_http_request_duration_seconds_count{method="POST",route="/{env}/as/token"}`:  2,
		`pixy_http_requests_in_flight`:                                                               0,
		`pixy_refusals_total{rule="flow.credentials"}`:                                               1,
		`pixy_refusals_total{rule="code.spent"}`:                                                     1,
		`pixy_flow_steps_total{action="usernamePassword.check",status="USERNAME_PASSWORD_REQUIRED"}`: 1,
		`pixy_flow_steps_total{action="usernamePassword.check",status="COMPLETED"}`:                  1,
		`pixy_sign_ons_total{result="failed"}`:                                                       1,
		`pixy_sign_ons_total{result="succeeded"}`:                                                    1,
		`pixy_tokens_issued_total{grant_type="authorization_code",token="access_token"}`:             1,
		`pixy_tokens_issued_total{grant_type="authorization_code",token="id_token"}`:                 1,
		`pixy_hash_duration_seconds_count`:                                                           2,
		`pixy_sweeps_total{result="ok"}`:                                                             1,
		`pixy_store_swept_tickets_total{kind="code"}`:                                                1,
		`pixy_store_swept_tickets_total{kind="flow"}`:                                                1,
	} {
		if n := after[name] - before[name]; n != want {
			t.Errorf("%s: %v, want %v", name, n, want)
		}
	}
	if after[`pixy_store_transactions_total{outcome="ok",work="update"}`] <= before[`pixy_store_transactions_total{outcome="ok",work="update"}`] {
		t.Error("no update was counted")
	}
	if _, counted := after[`pixy_store_tickets{kind="session"}`]; after[`pixy_build_info{go="`+goVersion(scrape())+`",version="test"}`] != 1 || counted && after[`pixy_store_tickets{kind="session"}`] != 0 {
		t.Error("no build info, or sessions that are over")
	}
}

func goVersion(text string) string { return labels(text, "go")[0] }

// TestMetricsOfDomain has a domain's requests under the routes of the main host.
func TestMetricsOfDomain(t *testing.T) {
	w := newWorld(t)
	w.config.Domains, w.config.Metrics = []server.Domain{{Host: "login.test", Environment: w.env}}, watch.NewMetrics("test")
	s, err := server.New(w.config)
	w.must(err)
	t.Cleanup(s.Stop)
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://login.test/as/jwks", nil))
	rec := httptest.NewRecorder()
	w.config.Metrics.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	if n := series(rec.Body.String())[`pixy_http_requests_total{method="GET",route="/{env}/as/jwks",status="200"}`]; n != 1 {
		t.Errorf("counted %v times: %v", n, labels(rec.Body.String(), "route"))
	}
}
