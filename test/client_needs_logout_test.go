package test

import (
	"net/url"
	"testing"
)

// TestClientNeedsLogout signs off as the clients do, from discovery alone.
//
// covers: OIDC RP-Initiated Logout §2.1/1, OIDC RP-Initiated Logout §2.1/2
func TestClientNeedsLogout(t *testing.T) {
	goes := func(w *world, endpoint, method string, headers ...header) response {
		w.user("ada")
		p := &person{w: w}
		parameters := url.Values{"id_token_hint": {p.hint(w.leaving(object{"redirectUris": []string{callback, spa + "/callback"}}), "ada")}}
		if endpoint == "end_session_endpoint" {
			parameters.Set("post_logout_redirect_uri", bye)
		}
		to := w.send("GET", "/"+w.env+"/as/.well-known/openid-configuration", "").want(200).text(endpoint)
		if method == "POST" {
			return p.send(method, to, parameters.Encode(), append(headers, header{"Content-Type": "application/x-www-form-urlencoded"})...)
		}
		return p.send(method, to+"?"+parameters.Encode(), "", headers...)
	}
	needsRun(t, []needsStatement{
		{"zitadel ends the session by POST with a form", func(w *world) {
			if to := goes(w, "end_session_endpoint", "POST").want(302).Header.Get("Location"); to != bye {
				w.t.Errorf("to %s", to)
			}
		}},
		{"the browser SDKs end the session by GET, 302 to a registered URI", func(w *world) {
			r := goes(w, "end_session_endpoint", "GET", header{"Origin": spa, "Accept": "*/*"}).want(302)
			if r.Header.Get("Location") != bye || r.Header.Get("Access-Control-Allow-Origin") != spa {
				w.t.Errorf("%v", r.Header)
			}
		}},
		{"ping_end_idp_session_endpoint is preferred for logout, 204 by fetch", func(w *world) {
			r := goes(w, "ping_end_idp_session_endpoint", "GET", header{"Origin": spa, "Accept": "*/*"}).want(204)
			if r.Header.Get("Access-Control-Allow-Origin") != spa || r.Header.Get("Access-Control-Allow-Credentials") != "true" {
				w.t.Errorf("%v", r.Header)
			}
		}},
	}, https)
}
