package test

import (
	"regexp"
	"strings"
	"testing"
)

// TestQuestionsAboutPaths asks about every path what a browser or a link
// checker asks, OPTIONS and HEAD, also where the path can't exist: that leads
// to no error of the server, and gives no page of another origin credentials.
func TestQuestionsAboutPaths(t *testing.T) {
	w := newWorld(t)
	asked := 0
	for _, r := range w.server.Routes() {
		for _, id := range []string{w.env, "%00", "%ff%fe", "..%2f..%2fetc", strings.Repeat("a", 10000), "00000000-0000-4000-8000-000000000000"} {
			path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(strings.TrimSuffix(r.Path, "{$}"), id) + "?client_id=%00&flowId=%ff"
			options := w.send("OPTIONS", path, "", header{"Origin": foreign, "Access-Control-Request-Method": r.Method})
			head := w.send("HEAD", path, "", header{"Origin": foreign})
			for method, a := range map[string]response{"OPTIONS": options, "HEAD": head} {
				asked++
				if a.StatusCode >= 500 || len(a.Header.Get("Correlation-Id")) != 36 || a.Header.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s %.80s: %d %v", method, path, a.StatusCode, a.Header)
				}
			}
			if options.StatusCode == 204 && !strings.Contains(options.Header.Get("Allow"), r.Method) {
				t.Errorf("OPTIONS %.80s: Allow is %q, without %s", path, options.Header.Get("Allow"), r.Method)
			}
		}
	}
	if strings.Contains(w.log.String(), `"level":"ERROR"`) {
		t.Error("the log has an error")
	}
	t.Logf("%d questions about %d endpoints", asked, len(w.server.Routes()))
}
