package test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/oauth"
)

const bye = "https://app.example.com/bye?a=b&c=d" // its text in JSON is another

// leaving makes an application that people are signed off from.
func (w *world) leaving(change object) string {
	w.t.Helper()
	body := object{"postLogoutRedirectUris": []string{"https://app.example.com/", bye}, "idpSignoff": true}
	for k, v := range change {
		body[k] = v
	}
	return w.application(body)
}

// hint signs a person on to an application, and is the ID token.
func (p *person) hint(app, username string) string {
	p.w.t.Helper()
	var code string
	if r := p.authorize(app, nil).want(302); r.query("code") != "" {
		code = r.query("code")
	} else {
		p.signOn(r.query("flowId"), username, goodPassword).want(200)
		code = p.resume(r.query("flowId")).want(302).query("code")
	}
	return p.w.redeem(app, code, nil).want(200).text("id_token")
}

func (p *person) signoff(parameters url.Values, headers ...header) response {
	p.w.t.Helper()
	return p.send("GET", "/"+p.w.env+"/as/signoff?"+parameters.Encode(), "", headers...)
}

// signedOn reports whether a browser's session still counts.
func (p *person) signedOn(app string) bool {
	p.w.t.Helper()
	return p.authorize(app, url.Values{"prompt": {"none"}}).want(302).query("code") != ""
}

// TestSignoff ends the session at once for a hint that belongs to it, whether
// the request comes by GET or by POST, and goes back with the state.
//
// covers: OIDC RP-Initiated Logout §2/5, OIDC RP-Initiated Logout §2/6
// covers: Certification RPLogout/OIDCCRpInitiatedLogout, Certification RPLogout/OIDCCRpInitiatedLogoutNoState
// covers: Certification RPLogout/OIDCCRpInitiatedLogoutNoPostLogoutRedirectUri, Certification RPLogout/OIDCCRpInitiatedLogoutOnlyState
func TestSignoff(t *testing.T) {
	w := newWorld(t, https)
	w.user("ada")
	app := w.leaving(nil)
	for _, c := range []struct {
		name, method string
		add          url.Values
		to           string
	}{
		{"to the URI with state", "GET", url.Values{"post_logout_redirect_uri": {bye}, "state": {"a&b"}}, bye + "&state=a%26b"},
		{"by POST", "POST", url.Values{"post_logout_redirect_uri": {bye}, "state": {"s"}}, bye + "&state=s"},
		{"without state", "GET", url.Values{"post_logout_redirect_uri": {bye}}, bye},
		{"with its client_id", "GET", url.Values{"post_logout_redirect_uri": {bye}, "client_id": {app}}, bye},
		{"without a URI", "GET", url.Values{}, "https://pixy.test/" + w.env + "/signedoff/"},
		{"with a state alone", "GET", url.Values{"state": {"s"}}, "https://pixy.test/" + w.env + "/signedoff/"},
		{"with what changes nothing", "GET", url.Values{"logout_hint": {"bob"}, "ui_locales": {"de"}}, "https://pixy.test/" + w.env + "/signedoff/"},
	} {
		p := &person{w: w}
		c.add.Set("id_token_hint", p.hint(app, "ada"))
		token, other := p.st, &person{w: w}
		other.hint(app, "ada")
		var r response
		if c.method == "GET" {
			r = p.signoff(c.add)
		} else {
			r = p.send("POST", "/"+w.env+"/as/signoff", c.add.Encode(), header{"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://app.example.com", "Sec-Fetch-Site": "cross-site"})
		}
		if r.want(302).Header.Get("Location") != c.to {
			t.Errorf("%s: to %s, want %s", c.name, r.Header.Get("Location"), c.to)
		}
		if p.st = token; p.signedOn(app) {
			t.Errorf("%s: the session goes on", c.name)
		}
		if !other.signedOn(app) {
			t.Errorf("%s: the session of another browser has ended", c.name)
		}
	}
	page := w.send("GET", "/"+w.env+"/signedoff/", "").want(200)
	if !strings.Contains(page.raw, "You are signed out") {
		t.Errorf("the page says %s", page.raw)
	}
}

// TestSignoffTakesTheCookies: both cookies go as they came, with the same path
// and attributes.
func TestSignoffTakesTheCookies(t *testing.T) {
	w := newWorld(t, https)
	w.user("ada")
	app := w.leaving(nil)
	p := &person{w: w}
	hint := p.hint(app, "ada")
	came := map[string]*http.Cookie{}
	for _, c := range p.authorize(app, url.Values{"prompt": {"login"}}).Cookies() {
		came[c.Name] = c
	}
	went := p.signoff(url.Values{"id_token_hint": {hint}}).want(302).Cookies()
	if len(went) != 2 {
		t.Fatalf("%d cookies go: %v", len(went), went)
	}
	for _, c := range went {
		was := came[c.Name]
		if was == nil || c.Value != "" || c.MaxAge >= 0 || !c.Expires.Before(w.clock()) ||
			c.Path != was.Path || c.Secure != was.Secure || c.HttpOnly != was.HttpOnly || c.SameSite != was.SameSite {
			t.Errorf("%s goes as %v, came as %v", c.Name, c, was)
		}
	}
	if p.st != "" {
		t.Errorf("the browser keeps %q", p.st)
	}
}

// TestSignoffRefused shows a page, and redirects nowhere, for a request that
// proves to be nobody's.
//
// covers: OIDC RP-Initiated Logout §2/2, OIDC RP-Initiated Logout §2/4, OIDC RP-Initiated Logout §2/7, OIDC RP-Initiated Logout §3/3
// covers: OIDC RP-Initiated Logout §4/1, OIDC RP-Initiated Logout §4/2
// covers: Certification RPLogout/OIDCCRpInitiatedLogoutBadLogoutRedirectUri, Certification RPLogout/OIDCCRpInitiatedLogoutModifiedIdTokenHint
// covers: Certification RPLogout/OIDCCRpInitiatedLogoutQueryAddedToLogoutRedirectUri, Certification RPLogout/OIDCCRpInitiatedLogoutBadIdTokenHint
func TestSignoffRefused(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app, other := w.leaving(nil), w.leaving(object{"name": "Other", "postLogoutRedirectUris": []string{"https://other.example.com/bye"}})
	disabled := w.leaving(object{"name": "Disabled", "postLogoutRedirectUris": []string{"https://disabled.example.com/bye"}})
	p := &person{w: w}
	hint, gone := p.hint(app, "ada"), p.hint(disabled, "ada")
	access := w.redeem(app, p.authorize(app, nil).query("code"), nil).text("access_token")
	w.manage("PUT", "/applications/"+disabled, object{"name": "Disabled", "enabled": false, "type": "NATIVE_APP", "protocol": "OPENID_CONNECT", "grantTypes": []string{"AUTHORIZATION_CODE"},
		"postLogoutRedirectUris": []string{"https://disabled.example.com/bye"}}).want(200)
	for _, c := range []struct {
		name, target string
		parameters   url.Values
	}{
		{"a URI that nobody has", "post_logout_redirect_uri", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {"https://evil.example.com/"}}},
		{"a URI with more query", "post_logout_redirect_uri", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye + "&foo=bar"}}},
		{"a URI with a query", "post_logout_redirect_uri", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {"https://app.example.com/?foo=bar"}}},
		{"a URI of another application", "post_logout_redirect_uri", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {"https://other.example.com/bye"}}},
		{"a redirect URI of the sign-on", "post_logout_redirect_uri", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {callback}}},
		{"a URI that nobody has, without a hint", "post_logout_redirect_uri", url.Values{"post_logout_redirect_uri": {"https://evil.example.com/"}}},
		{"a URI of a disabled application, without a hint", "post_logout_redirect_uri", url.Values{"post_logout_redirect_uri": {"https://disabled.example.com/bye"}}},
		{"a URI of another application than client_id's", "post_logout_redirect_uri", url.Values{"client_id": {app}, "post_logout_redirect_uri": {"https://other.example.com/bye"}}},
		{"a hint by nobody (alg none)", "id_token_hint", url.Values{"id_token_hint": {signedByNobody(hint)}, "post_logout_redirect_uri": {bye}}},
		{"a hint by a foreign key", "id_token_hint", url.Values{"id_token_hint": {forged(t, hint)}, "post_logout_redirect_uri": {bye}}},
		{"a hint that was changed", "id_token_hint", url.Values{"id_token_hint": {changed(t, hint)}, "post_logout_redirect_uri": {bye}}},
		{"a hint that is no token", "id_token_hint", url.Values{"id_token_hint": {"a.b.c"}}},
		{"an access token", "id_token_hint", url.Values{"id_token_hint": {access}}},
		{"a hint of a disabled application", "id_token_hint", url.Values{"id_token_hint": {gone}}},
		{"a hint and another client_id", "client_id", url.Values{"id_token_hint": {hint}, "client_id": {other}}},
		{"a client_id that nobody has", "client_id", url.Values{"client_id": {"nobody"}}},
		{"two hints", "", url.Values{"id_token_hint": {hint, hint}}},
		{"a state that is too long", "", url.Values{"id_token_hint": {hint}, "state": {strings.Repeat("s", 8192)}}},
	} {
		page := p.signoff(c.parameters, header{"Accept": "text/html"})
		if page.StatusCode != 400 || page.Header.Get("Location") != "" || !strings.Contains(page.raw, "You were not signed out") || !strings.Contains(page.raw, c.target) {
			t.Errorf("%s: %d to %q: %s", c.name, page.StatusCode, page.Header.Get("Location"), page.raw)
		}
		answer := p.signoff(c.parameters, header{"Accept": "application/json"})
		if c.target != "" && (answer.StatusCode != 400 || answer.detail()["target"] != c.target) {
			t.Errorf("%s, for a program: %d %s", c.name, answer.StatusCode, answer.raw)
		}
		if !p.signedOn(app) {
			t.Fatalf("%s: the session has ended", c.name)
		}
	}
}

// signedByNobody is a token with the alg none, forged one with another key's
// signature, changed one with another subject.
func signedByNobody(token string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(token, ".")[1] + "."
}

func forged(t *testing.T, token string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	out, err := oauth.Signer{KeyID: kid(t, token), Key: key, Algorithm: jose.RS256}.Sign(claims(t, token), "")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func changed(t *testing.T, token string) string {
	t.Helper()
	parts, c := strings.Split(token, "."), claims(t, token)
	c["nonce"] = "another"
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	parts[1] = base64.RawURLEncoding.EncodeToString(raw)
	return strings.Join(parts, ".")
}

// TestSignoffHint takes a hint that has expired, and one whose session is over,
// but not that of another environment.
//
// covers: OIDC RP-Initiated Logout §2/8
func TestSignoffHint(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.leaving(nil)
	p := &person{w: w}
	hint := p.hint(app, "ada")
	w.pass(48 * time.Hour)
	if to := p.signoff(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye}}).want(302).Header.Get("Location"); to != bye {
		t.Errorf("a hint that has expired goes to %s", to)
	}
	if to := p.signoff(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye}}).want(302).Header.Get("Location"); to != bye {
		t.Errorf("a second sign-off goes to %s", to)
	}
	w.admin = w.token()
	env := w.send("POST", "/v1/environments", `{"name":"Other","type":"SANDBOX","region":"NA","license":{"id":"`+w.license()+`"}}`,
		header{"Authorization": "Bearer " + w.admin, "Content-Type": "application/json"}).want(201).text("id")
	w.send("GET", "/"+env+"/as/signoff?id_token_hint="+hint, "").want(400)
}

// TestSignoffSubject compares the user by what the application's ID tokens call
// him.
func TestSignoffSubject(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.leaving(nil)
	w.callUsers(app, "${user.username}")
	p := &person{w: w}
	hint := p.hint(app, "ada")
	if claims(t, hint)["sub"] != "ada" {
		t.Fatalf("sub is %v", claims(t, hint)["sub"])
	}
	p.signoff(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye}}).want(302)
	if p.signedOn(app) {
		t.Error("the session goes on")
	}
}

// callUsers maps the subject of an application's ID tokens.
func (w *world) callUsers(app, value string) {
	w.t.Helper()
	list := w.manage("GET", "/applications/"+app+"/attributes", nil).want(200).body["_embedded"].(object)["attributes"].([]any)
	w.manage("PUT", "/applications/"+app+"/attributes/"+text(list[0].(object)["id"]), object{"name": "sub", "value": value, "required": true}).want(200)
}

// TestSignoffWithoutValues: a parameter without a value counts as left out,
// however often it comes.
func TestSignoffWithoutValues(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app, p := w.leaving(nil), &person{w: w}
	for _, by := range []string{"GET signoff", "POST signoff", "GET idpSignoff"} {
		method, endpoint, _ := strings.Cut(by, " ")
		parameters := url.Values{"id_token_hint": {"", p.hint(app, "ada"), ""}, "client_id": {"", ""}, "post_logout_redirect_uri": {"", bye}, "state": {"", "", ""}, "ui_locales": {"", ""}}.Encode()
		to, body := "/"+w.env+"/as/"+endpoint, ""
		if method == "POST" {
			body = parameters
			to += "?client_id=&state="
		} else {
			to += "?" + parameters
		}
		r := p.send(method, to, body, header{"Content-Type": "application/x-www-form-urlencoded"})
		if r.StatusCode != 302 || r.Header.Get("Location") != bye || p.signedOn(app) {
			t.Errorf("%s: %d to %q %s", by, r.StatusCode, r.Header.Get("Location"), r.raw)
		}
	}
}

// TestSignoffAsks asks the person when any page could have sent the request,
// and ends the session on his word alone.
//
// covers: OIDC RP-Initiated Logout §2/11, OIDC RP-Initiated Logout §2/12, OIDC RP-Initiated Logout §3/2
// covers: Certification RPLogout/OIDCCRpInitiatedLogoutNoParams, Certification RPLogout/OIDCCRpInitiatedLogoutNoIdTokenHint
func TestSignoffAsks(t *testing.T) {
	w := newWorld(t, https)
	w.user("ada")
	w.user("bob")
	app := w.leaving(nil)
	p, bob := &person{w: w}, &person{w: w}
	own, foreignHint := p.hint(app, "ada"), bob.hint(app, "bob")
	elsewhere := &person{w: w}
	earlier := elsewhere.hint(app, "ada")
	for _, c := range []struct {
		name       string
		parameters url.Values
		to         string
	}{
		{"nothing", url.Values{}, "https://pixy.test/" + w.env + "/signedoff/"},
		{"a registered URI without a hint", url.Values{"post_logout_redirect_uri": {bye}, "state": {"s"}}, bye + "&state=s"},
		{"client_id and URI", url.Values{"client_id": {app}, "post_logout_redirect_uri": {bye}}, bye},
		{"the hint of somebody else", url.Values{"id_token_hint": {foreignHint}, "post_logout_redirect_uri": {bye}}, bye},
		{"the hint of another session of the same user", url.Values{"id_token_hint": {earlier}, "post_logout_redirect_uri": {bye}}, bye},
	} {
		page := p.signoff(c.parameters).want(200)
		if !strings.Contains(page.raw, "Do you want to sign out?") || !strings.Contains(page.raw, "ada") || !p.signedOn(app) {
			t.Fatalf("%s: %s", c.name, page.raw)
		}
		form := formOf(t, page.raw)
		press := func(action string, headers ...header) response {
			return p.send("POST", form, url.Values{"action": {action}}.Encode(), append(headers, header{"Content-Type": "application/x-www-form-urlencoded"})...)
		}
		press("signoff", header{"Sec-Fetch-Site": "cross-site", "Accept": "text/html"}).want(403)
		press("signoff", header{"Origin": foreign}).want(403)
		p.send("GET", form+"&action=signoff", "").want(200)
		p.send("POST", form+"&action=signoff", "", header{"Content-Type": "application/x-www-form-urlencoded"}).want(200)
		if kept := press("cancel", header{"Sec-Fetch-Site": "same-origin"}).want(200); !strings.Contains(kept.raw, "still signed in") || !p.signedOn(app) {
			t.Fatalf("%s: who stays sees %s", c.name, kept.raw)
		}
		if to := press("signoff", header{"Sec-Fetch-Site": "same-origin"}).want(302).Header.Get("Location"); to != c.to {
			t.Errorf("%s: to %s, want %s", c.name, to, c.to)
		}
		if p.signedOn(app) {
			t.Errorf("%s: the session goes on", c.name)
		}
		p.hint(app, "ada")
	}
	if !bob.signedOn(app) || !elsewhere.signedOn(app) || own == "" {
		t.Error("a session of another browser has ended")
	}
}

// formOf is where the first form of a page leads.
func formOf(t *testing.T, page string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, `<form method="post" action="`)
	action, _, closed := strings.Cut(rest, `"`)
	if !ok || !closed {
		t.Fatalf("no form in %s", page)
	}
	action = strings.ReplaceAll(action, "&amp;", "&")
	if !strings.Contains(action, "?") {
		action += "?"
	}
	return action
}

// TestSignoffOfNobody redirects nowhere by itself when there is neither a
// session nor a hint: the person may follow a link.
func TestSignoffOfNobody(t *testing.T) {
	w := newWorld(t)
	w.leaving(nil)
	p := &person{w: w}
	page := p.signoff(url.Values{"post_logout_redirect_uri": {bye}, "state": {"s"}}).want(200)
	if !strings.Contains(page.raw, "You are signed out") || !strings.Contains(page.raw, `href="https://app.example.com/bye?a=b&amp;c=d&amp;state=s"`) {
		t.Errorf("the page shows %s", page.raw)
	}
	if page := p.signoff(nil).want(200); strings.Contains(page.raw, "Return to") {
		t.Errorf("without a URI: %s", page.raw)
	}
}

// TestIdPSignoff ends a session by an ID token alone, for an application that
// may.
func TestIdPSignoff(t *testing.T) {
	w := newWorld(t, https)
	w.user("ada")
	app, barred := w.leaving(nil), w.leaving(object{"name": "Barred", "idpSignoff": false})
	w.callUsers(app, "${user.username}")
	sdk := &person{w: w} // its cookies are held back
	for _, c := range []struct {
		name   string
		add    url.Values
		accept string
		status int
		to     string
	}{
		{"for a program", url.Values{}, "application/json", 204, ""},
		{"by fetch", url.Values{}, "*/*", 204, ""},
		{"for a person", url.Values{}, "text/html,*/*;q=0.8", 302, "https://pixy.test/" + w.env + "/signedoff/"},
		{"with a URI", url.Values{"post_logout_redirect_uri": {bye}, "state": {"s"}}, "*/*", 302, bye + "&state=s"},
		{"with its client_id", url.Values{"client_id": {app}}, "application/json", 204, ""},
	} {
		p, other := &person{w: w}, &person{w: w}
		c.add.Set("id_token_hint", p.hint(app, "ada"))
		other.hint(app, "ada")
		for range 2 { // the second time there is nothing left to end
			r := sdk.send("GET", "/"+w.env+"/as/idpSignoff?"+c.add.Encode(), "", header{"Accept": c.accept})
			if r.StatusCode != c.status || r.Header.Get("Location") != c.to || len(r.Cookies()) > 0 {
				t.Errorf("%s: %d to %q: %s", c.name, r.StatusCode, r.Header.Get("Location"), r.raw)
			}
		}
		if p.signedOn(app) || !other.signedOn(app) {
			t.Errorf("%s: the session goes on, or another has ended", c.name)
		}
	}
	p := &person{w: w}
	hint, foreignHint := p.hint(app, "ada"), p.hint(barred, "ada")
	for _, c := range []struct {
		name, target string
		parameters   url.Values
		status       int
	}{
		{"no hint", "id_token_hint", url.Values{}, 400},
		{"no hint but a client_id", "id_token_hint", url.Values{"client_id": {app}}, 400},
		{"a hint of an application that may not", "id_token_hint", url.Values{"id_token_hint": {foreignHint}}, 403},
		{"a hint by nobody", "id_token_hint", url.Values{"id_token_hint": {signedByNobody(hint)}}, 400},
		{"another client_id", "client_id", url.Values{"id_token_hint": {hint}, "client_id": {barred}}, 400},
		{"a URI that is not registered", "post_logout_redirect_uri", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye + "&c"}}, 400},
	} {
		r := sdk.send("GET", "/"+w.env+"/as/idpSignoff?"+c.parameters.Encode(), "", header{"Accept": "application/json"})
		if r.StatusCode != c.status || r.detail()["target"] != c.target || !p.signedOn(app) {
			t.Errorf("%s: %d %s", c.name, r.StatusCode, r.raw)
		}
	}
	// What the application calls the user now is not what the hint says.
	w.callUsers(app, "${user.email}")
	if r := sdk.send("GET", "/"+w.env+"/as/idpSignoff?id_token_hint="+hint, "", header{"Accept": "application/json"}); r.StatusCode != 400 || !p.signedOn(app) {
		t.Errorf("a hint that names another user: %d %s", r.StatusCode, r.raw)
	}
	w.callUsers(app, "${user.username}")
	// A browser that brings the cookie of the session loses it.
	if p.send("GET", "/"+w.env+"/as/idpSignoff?id_token_hint="+hint, "", header{"Accept": "*/*"}).want(204); p.st != "" {
		t.Error("the browser keeps the cookie of a session that has ended")
	}
}

// TestSignoffOrigins lets only pages of the application read the answers.
func TestSignoffOrigins(t *testing.T) {
	w := newWorld(t, https)
	w.user("ada")
	app := w.leaving(object{"redirectUris": []string{callback, spa + "/callback"}})
	for _, endpoint := range []string{"signoff", "idpSignoff"} {
		for origin, trusted := range map[string]bool{spa: true, foreign: false, "null": false} {
			p := &person{w: w}
			path := "/" + w.env + "/as/" + endpoint + "?id_token_hint=" + p.hint(app, "ada")
			ask := p.send("OPTIONS", path, "", header{"Origin": origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-requested-with"}).want(204)
			for _, r := range []response{ask, p.send("GET", path, "", header{"Origin": origin, "Accept": "*/*"})} {
				allow, credentials := r.Header.Get("Access-Control-Allow-Origin"), r.Header.Get("Access-Control-Allow-Credentials")
				if (allow == origin && credentials == "true") != trusted || !trusted && allow != "" {
					t.Errorf("%d by %s of %s: allow %q, credentials %q", r.StatusCode, endpoint, origin, allow, credentials)
				}
			}
			p.send("HEAD", path, "").want(405)
		}
	}
	if r := w.send("GET", "/"+w.env+"/signedoff/", "", header{"Origin": spa}); r.Header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Error("a fetch of signoff can't end on the page")
	}
}

// TestSignoffLeavesAnEvent tells who ended the session.
func TestSignoffLeavesAnEvent(t *testing.T) {
	w := newWorld(t)
	ada := w.user("ada")
	app := w.leaving(nil)
	p := &person{w: w}
	hint := p.hint(app, "ada")
	page := p.signoff(url.Values{"client_id": {app}}).want(200)
	p.send("POST", formOf(t, page.raw), "action=signoff", header{"Content-Type": "application/x-www-form-urlencoded"}).want(302)
	list := w.manage("GET", "/activities?filter="+url.QueryEscape(`action.type eq "SESSION.DELETED"`), nil).want(200)
	activities, _ := list.body["_embedded"].(object)["activities"].([]any)
	if len(activities) != 1 {
		t.Fatalf("%d events: %s", len(activities), list.raw)
	}
	actors := activities[0].(object)["actors"].(object)
	if actors["user"].(object)["id"] != ada || actors["client"].(object)["id"] != app || !strings.Contains(list.raw, text(claims(t, hint)["sid"])) {
		t.Errorf("the event says %s", list.raw)
	}
}

// TestSignoffAtDomain signs off where the person signed on: the pages and the
// cookies are the domain's, and the application hears from the issuer that its
// ID tokens have.
func TestSignoffAtDomain(t *testing.T) {
	w, _ := newDomain(t)
	w.user("ada")
	heard := listen(t)
	app := w.leaving(object{"backChannelLogoutUri": heard.URL + "/bcl"})
	p := &person{w: w}
	flow := p.send("GET", atDomain(app, nil), "").want(302).query("flowId")
	p.send("POST", domainURL+"/flows/"+flow, `{"username":"ada","password":"`+goodPassword+`"}`, header{"Content-Type": mediaSignOn}).want(200)
	code := p.send("GET", domainURL+"/as/resume?flowId="+flow, "").want(302).query("code")
	hint := w.form("POST", domainURL+"/as/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {app},
		"redirect_uri": {callback}, "code_verifier": {verifier}}).want(200).text("id_token")
	asked := p.send("GET", domainURL+"/as/signoff", "").want(200).withoutEnvironment(w)
	if form := formOf(t, asked.raw); form != domainURL+"/as/signoff?" {
		t.Errorf("the page's form leads to %s", form)
	}
	for _, c := range p.send("GET", atDomain(app, url.Values{"prompt": {"login"}}), "").Cookies() {
		if c.Path != "/" {
			t.Errorf("the cookie comes as %v", c)
		}
	}
	gone := p.send("GET", domainURL+"/as/signoff?id_token_hint="+hint, "").want(302)
	if to := gone.Header.Get("Location"); to != domainURL+"/signedoff/" {
		t.Errorf("to %s", to)
	}
	for _, c := range gone.Cookies() {
		if c.Path != "/" || c.Value != "" || c.MaxAge >= 0 {
			t.Errorf("the cookie goes as %v", c)
		}
	}
	w.send("GET", domainURL+"/signedoff/", "").want(200).withoutEnvironment(w)
	if c := claims(t, heard.heard(t, 1)[0]); c["iss"] != domainURL+"/as" || c["sid"] != claims(t, hint)["sid"] {
		t.Errorf("the application hears %v", c)
	}
	// The main host takes the hint as well.
	w.send("GET", w.base+"/"+w.env+"/as/idpSignoff?id_token_hint="+hint, "").want(204)
}
