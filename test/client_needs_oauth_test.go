package test

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// covers: RFC 9207 §2/1, RFC 9207 §2.3/1, RFC 9207 §2.3/2, RFC 9207 §2.3/3
// covers: OIDC Discovery §4.3/3
func TestClientNeedsOAuth(t *testing.T) {
	// covers: RFC 6749 §4.4.2/4, RFC 6749 §5.2/2
	needsRun(t, []needsStatement{
		{"a worker tries HTTP Basic first, then body parameters", needsAutoDetect},
		{"a bad secret: 401 invalid_client, JSON", func(w *world) {
			bad := header{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(w.worker.ApplicationID+":wrong"))}
			basic := w.form("POST", "/"+w.env+"/as/token", url.Values{"grant_type": {"client_credentials"}}, bad)
			id := needsWorker(w, "CLIENT_SECRET_POST")
			post := w.form("POST", "/"+w.env+"/as/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {"wrong"}})
			for _, r := range []response{basic, post} {
				r.refused(401, "invalid_client", "")
				if r.Header.Get("Content-Type") != "application/json" {
					w.t.Errorf("the Content-Type is %q", r.Header.Get("Content-Type"))
				}
			}
		}},
		{"Content-Type is exactly application/json on token, discovery, userinfo and jwks; token_type", func(w *world) {
			w.user("ada")
			app := w.application(nil)
			p := &person{w: w}
			tokens := w.redeem(app, p.code(app, "ada", nil), nil).want(200)
			for what, r := range map[string]response{"token": tokens, "userinfo": w.userinfo(tokens.text("access_token")).want(200),
				"discovery": w.send("GET", "/"+w.env+"/as/.well-known/openid-configuration", "").want(200), "jwks": w.send("GET", "/"+w.env+"/as/jwks", "").want(200),
				"token refused": w.redeem(app, "x", nil).want(400)} {
				if h := r.Header.Get("Content-Type"); h != "application/json" {
					w.t.Errorf("%s: the Content-Type is %q", what, h)
				}
			}
			if !strings.EqualFold(tokens.text("token_type"), "bearer") || !needsIs(tokens.body["expires_in"], "int") {
				w.t.Errorf("%s", tokens.raw)
			}
		}},
		{"iss in the redirect if announced", func(w *world) {
			w.user("ada")
			app := w.application(nil)
			d := w.send("GET", "/"+w.env+"/as/.well-known/openid-configuration", "").want(200)
			p := &person{w: w}
			flow := p.tab(app, nil)
			p.signOn(flow, "ada", goodPassword).want(200)
			back, refused := p.resume(flow), p.authorize(app, url.Values{"response_type": {"nonsense"}})
			for _, r := range []response{back, refused} {
				if d.body["authorization_response_iss_parameter_supported"] != true || r.query("iss") != d.text("issuer") {
					w.t.Errorf("announced: %v, sent: %s", d.body["authorization_response_iss_parameter_supported"], r.Header.Get("Location"))
				}
			}
		}},
		{"the issuer is equal to the URL asked, byte for byte", func(w *world) {
			for _, env := range []string{w.env, needsNewEnvironment(w)} {
				asked := w.base + "/" + env + "/as"
				if got := w.send("GET", asked+"/.well-known/openid-configuration", "").want(200).text("issuer"); got != asked {
					w.t.Errorf("asked %s, got %s", asked, got)
				}
			}
		}},
		{"prompt=none without a session: login_required and 'User authentication is required'", func(w *world) {
			app := w.application(nil)
			p := &person{w: w}
			r := p.authorize(app, url.Values{"prompt": {"none"}})
			if r.query("error") != "login_required" || !strings.Contains(r.query("error_description"), "User authentication is required") {
				w.t.Errorf("%s", r.Header.Get("Location"))
			}
		}},
		{"response_mode=pi.flow: POST with an empty body and the parameters in the query", needsSilent},
		{"response_modes_supported names pi.flow", func(w *world) {
			d := w.send("GET", "/"+w.env+"/as/.well-known/openid-configuration", "").want(200)
			if !slices.Contains(needsTexts(d.body["response_modes_supported"]), "pi.flow") {
				w.t.Errorf("%v", d.body["response_modes_supported"])
			}
		}},
		{"oauth2-proxy starts only if discovery answers", func(w *world) {
			d := w.send("GET", "/"+w.env+"/as/.well-known/openid-configuration", "").want(200)
			needsTyped(w.t, "discovery", d.body, map[string]string{"issuer": "url", "authorization_endpoint": "url", "token_endpoint": "url", "jwks_uri": "url",
				"userinfo_endpoint": "url", "id_token_signing_alg_values_supported": "texts", "response_types_supported": "texts", "subject_types_supported": "texts"})
		}},
		{"oauth2-proxy needs email in the id_token or userinfo", func(w *world) {
			w.user("ada")
			app := w.application(nil)
			w.grantScopes(app, "email", "profile")
			p := &person{w: w}
			tokens := w.redeem(app, p.code(app, "ada", url.Values{"scope": {"openid email profile"}}), nil).want(200)
			needsMembers(w.t, "userinfo", w.userinfo(tokens.text("access_token")).want(200).body, object{"email": "ada@example.com"})
		}},
		{"about 24 token requests in one run", func(w *world) {
			for range 30 {
				w.form("POST", "/"+w.env+"/as/token", url.Values{"grant_type": {"client_credentials"}}, header{"Authorization": w.basic()}).want(200)
			}
		}},
	})
}

// needsWorker makes a worker application with a role and returns its id.
func needsWorker(w *world, method string) string {
	w.t.Helper()
	id := w.manage("POST", "/applications", object{"name": "Worker " + method, "enabled": true, "type": "WORKER", "protocol": "OPENID_CONNECT",
		"grantTypes": []string{"CLIENT_CREDENTIALS"}, "tokenEndpointAuthMethod": method}).want(201).text("id")
	w.manage("POST", "/applications/"+id+"/roleAssignments", object{"role": object{"id": needsRole(w, "Identity Data Admin")},
		"scope": object{"id": w.env, "type": "ENVIRONMENT"}}).want(201)
	return id
}

// needsRole is the id of a role of the platform.
func needsRole(w *world, name string) string {
	w.t.Helper()
	role := needsFind(needsList(needsCall(w, "GET", "/roles", nil).want(200), "roles"), "name", name)
	if role == nil {
		w.t.Fatalf("no role is named %s", name)
	}
	return needsText(role, "id")
}

// needsAutoDetect does what the SDK does: a 4xx to Basic leads to a second try
// with the credentials in the body.
func needsAutoDetect(w *world) {
	for method, first := range map[string]int{"CLIENT_SECRET_BASIC": 200, "CLIENT_SECRET_POST": 401} {
		id := needsWorker(w, method)
		secret := w.manage("GET", "/applications/"+id+"/secret", nil).want(200).text("secret")
		basic := header{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))}
		r := w.form("POST", "/"+w.env+"/as/token", url.Values{"grant_type": {"client_credentials"}}, basic).want(first)
		if first == 401 {
			r.refused(401, "invalid_client", "")
			r = w.form("POST", "/"+w.env+"/as/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}).want(200)
		}
		w.send("GET", "/v1/environments/"+w.env+"/users", "", header{"Authorization": "Bearer " + r.text("access_token")}).want(200)
	}
}

// needsSilent signs in as @forgerock/oidc-client does in the background.
func needsSilent(w *world) {
	w.user("ada")
	app := w.application(object{"redirectUris": []string{callback, spa + "/callback"}})
	silent := "/" + w.env + "/as/authorize?" + url.Values{"response_type": {"code"}, "response_mode": {"pi.flow"}, "client_id": {app}, "prompt": {"none"}, "state": {"s"},
		"scope": {"openid"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}, "redirect_uri": {callback}}.Encode()
	p := &person{w: w}
	without := p.send("POST", silent, "", header{"Origin": spa})
	if without.StatusCode < 400 || without.StatusCode > 499 || without.detail()["code"] != "login_required" || !strings.Contains(text(without.detail()["message"]), "User authentication is required") {
		w.t.Errorf("without a session: %d %s", without.StatusCode, without.raw)
	}
	p.code(app, "ada", nil)
	with := p.send("POST", silent, "", header{"Origin": spa}).want(200)
	needsMembers(w.t, "with a session", with.body, object{"authorizeResponse.state": "s"})
	if h := with.Header.Get("Content-Type"); h != "application/json" {
		w.t.Errorf("the Content-Type is %q", h)
	}
	w.redeem(app, needsText(with.body, "authorizeResponse.code"), nil).want(200)
}
