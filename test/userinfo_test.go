package test

import (
	"net/url"
	"testing"
)

// TestUserinfoLeavesOut claims that have no value, rather than say null or "".
// covers: OIDC Core §5.3.2/3
func TestUserinfoLeavesOut(t *testing.T) {
	w := newWorld(t)
	user := w.manage("POST", "/users", object{"username": "ada", "email": "ada@example.com", "nickname": "A", "title": nil, "name": object{"given": "Ada"}, "address": object{"locality": "London"}}).want(201).text("id")
	w.password(user, goodPassword, false)
	w.manage("PATCH", "/users/"+user, object{"nickname": nil, "name": object{"given": nil}, "address": object{"locality": nil}}).want(200)
	app := w.application(nil)
	w.grantScopes(app, "profile", "email", "address", "phone")
	w.manage("POST", "/applications/"+app+"/attributes", object{"name": "nothing", "value": "${user.title}", "required": false}).want(201)
	r := w.redeem(app, (&person{w: w}).code(app, "ada", url.Values{"scope": {"openid profile email address phone"}}), nil).want(200)
	for where, got := range map[string]object{"userinfo": w.userinfo(r.text("access_token")).want(200).body, "the ID token": claims(t, r.text("id_token"))} {
		for name, v := range got {
			o, isObject := v.(object)
			if v == nil || v == "" || isObject && len(o) == 0 {
				t.Errorf("%s has %s: %v", where, name, v)
			}
		}
	}
}

// TestUserinfoRequests sends the token in each way, and in more than one.
func TestUserinfoRequests(t *testing.T) {
	w := newWorld(t)
	user, app := w.user("ada"), w.application(nil)
	token := w.redeem(app, (&person{w: w}).code(app, "ada", nil), nil).want(200).text("access_token")
	path, bearer := "/"+w.env+"/as/userinfo", header{"Authorization": "Bearer " + token}
	in := url.Values{"access_token": {token}}
	for name, r := range map[string]response{"GET": w.send("GET", path, "", bearer), "POST": w.send("POST", path, "", bearer), "POST, a form": w.form("POST", path, in)} {
		if r.StatusCode != 200 || r.text("sub") != user || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.raw)
		}
	}
	w.form("POST", path, in, bearer).refused(400, "invalid_request", "in the header and in the body")
	w.form("POST", path, url.Values{"access_token": {token, token}}).refused(400, "invalid_request", "more than once")
	w.send("GET", path+"?"+in.Encode(), "").refused(401, "invalid_token", "access token is required")
	w.send("POST", path, `{"access_token": "`+token+`"}`, header{"Content-Type": "application/json"}).refused(400, "invalid_request", "application/x-www-form-urlencoded")
	w.send("PUT", path, "", bearer).refused(405, "invalid_request", "PUT is not allowed")
	w.manage("DELETE", "/users/"+user, nil).want(204)
	w.userinfo(token).refused(401, "invalid_token", "")
}
