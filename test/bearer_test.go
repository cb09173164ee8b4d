package test

import (
	"net/url"
	"strings"
	"testing"
)

// TestChallenges names the scheme whenever there is no token that gives access,
// and what is wrong with the one that came.
//
// covers: RFC 6750 §3/1, RFC 6750 §3/6, RFC 6750 §3.1/1
func TestChallenges(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	mine := w.tokens(w.application(nil)).text("access_token")
	userinfo, management := "/"+w.env+"/as/userinfo", "/v1/environments/"+w.env+"/users"
	for _, c := range []struct {
		name, path, token string
		status            int
		says              []string
	}{
		{"nothing at userinfo", userinfo, "", 401, nil},
		{"nothing at the management API", management, "", 401, nil},
		{"no token of ours at userinfo", userinfo, "x", 401, []string{`error="invalid_token"`}},
		{"no token of ours at the management API", management, "x", 401, []string{`error="invalid_token"`}},
		{"a person's token at the management API", management, mine, 403, []string{`error="insufficient_scope"`}},
		{"a worker's token at userinfo", userinfo, w.admin, 403, []string{`error="insufficient_scope"`}},
	} {
		h := header{"Authorization": "Bearer " + c.token}
		if c.token == "" {
			h = nil
		}
		challenge := w.send("GET", c.path, "", h).want(c.status).Header.Get("WWW-Authenticate")
		if !strings.HasPrefix(challenge, `Bearer realm="`) || strings.Contains(challenge, "error=") != (c.says != nil) {
			t.Errorf("%s: %q", c.name, challenge)
		}
		for _, words := range c.says {
			if !strings.Contains(challenge, words) {
				t.Errorf("%s: %q lacks %s", c.name, challenge, words)
			}
		}
	}
	twice := w.form("POST", userinfo, url.Values{"access_token": {mine}}, header{"Authorization": "Bearer " + mine})
	twice.refused(400, "invalid_request", "in the header and in the body")
}
