package test

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
)

// api makes a custom resource with a scope and grants it to an application.
func (w *world) api(app string, change object) (resource, scope string) {
	w.t.Helper()
	body := object{"name": "Orders", "audience": "https://orders.example.com", "accessTokenValiditySeconds": 600}
	for k, v := range change {
		body[k] = v
	}
	resource = w.manage("POST", "/resources", body).want(201).text("id")
	name := text(body["name"]) + ":read"
	scope = w.manage("POST", "/resources/"+resource+"/scopes", object{"name": name}).want(201).text("id")
	w.manage("POST", "/applications/"+app+"/grants", object{"resource": object{"id": resource}, "scopes": []object{{"id": scope}}}).want(201)
	return resource, scope
}

// TestCustomResourceShapesAccessTokens: audience, lifetime, scope and claims are
// the resource's, and such a token is of no use at the management API.
// covers: RFC 9068 §3/3, RFC 9068 §3/4
// covers: OIDC Core §16.8/1
func TestCustomResourceShapesAccessTokens(t *testing.T) {
	// covers: RFC 6750 §5.2/3, RFC 6750 §5.3/7
	w := newWorld(t)
	app := w.application(nil)
	user := w.user("ada")
	w.manage("PATCH", "/users/"+user, object{"name": object{"given": "Ada", "family": "Lovelace"}}).want(200)
	resource, _ := w.api(app, nil)
	w.manage("POST", "/resources/"+resource+"/attributes", object{"name": "customer", "value": "${user.name.given + ' ' + user.name.family}"}).want(201)
	w.manage("POST", "/resources/"+resource+"/attributes", object{"name": "iss", "value": "evil"}).want(400)

	p := &person{w: w}
	r := w.redeem(app, p.code(app, "ada", url.Values{"scope": {"openid Orders:read"}}), nil).want(200)
	c := claims(t, r.text("access_token"))
	if aud, _ := c["aud"].([]any); len(aud) != 1 || aud[0] != "https://orders.example.com" {
		t.Errorf("the audience is %v", c["aud"])
	}
	if life := c["exp"].(float64) - c["iat"].(float64); life != 600 || r.body["expires_in"] != 600.0 {
		t.Errorf("it lives %v seconds, and says %v", life, r.body["expires_in"])
	}
	if c["customer"] != "Ada Lovelace" || c["scope"] != "openid Orders:read" || c["sub"] != user {
		t.Errorf("the claims are %v", c)
	}
	w.userinfo(r.text("access_token")).want(200)
	w.send("GET", "/v1/environments", "", header{"Authorization": "Bearer " + r.text("access_token")}).want(401)
}

// TestScopesOfSeveralResources are refused unless the application allows them.
// covers: RFC 9068 §3/2, RFC 9068 §3/5
func TestScopesOfSeveralResources(t *testing.T) {
	w := newWorld(t)
	app := w.application(nil)
	w.user("ada")
	w.api(app, nil)
	w.api(app, object{"name": "Stock", "audience": "https://stock.example.com", "accessTokenValiditySeconds": 300})
	p := &person{w: w}
	both := url.Values{"scope": {"Orders:read Stock:read"}}
	if got := p.authorize(app, both).want(302).query("error"); got != "invalid_scope" {
		t.Errorf("scopes of two resources: %q", got)
	}
	w.manage("PUT", "/applications/"+app, w.changed("/applications/"+app, object{"requestScopesForMultipleResourcesEnabled": true})).want(200)
	c := claims(t, w.redeem(app, p.code(app, "ada", both), nil).want(200).text("access_token"))
	if aud, _ := c["aud"].([]any); len(aud) != 2 || !slices.Contains(aud, any("https://stock.example.com")) {
		t.Errorf("the audience is %v", c["aud"])
	}
	if life := c["exp"].(float64) - c["iat"].(float64); life != 300 {
		t.Errorf("it lives %v seconds, not as long as the shorter of the two", life)
	}
}

// changed is a resource as it is read, with changes.
func (w *world) changed(path string, change object) object {
	w.t.Helper()
	body := w.manage("GET", path, nil).want(200).body
	for k, v := range change {
		body[k] = v
	}
	return body
}

// TestClientCredentialsForResource: a scope of a custom resource asks for a token
// for it; without roles and without scope it is for all that is granted.
func TestClientCredentialsForResource(t *testing.T) {
	w := newWorld(t)
	app := w.application(object{"type": "SERVICE", "grantTypes": []string{"CLIENT_CREDENTIALS"}, "responseTypes": []string{"TOKEN"}, "tokenEndpointAuthMethod": "CLIENT_SECRET_POST", "pkceEnforcement": "OPTIONAL"})
	w.api(app, nil)
	secret := w.manage("GET", "/applications/"+app+"/secret", nil).want(200).text("secret")
	ask := func(scope string) response {
		f := url.Values{"grant_type": {"client_credentials"}, "client_id": {app}, "client_secret": {secret}}
		if scope != "" {
			f.Set("scope", scope)
		}
		return w.form("POST", "/"+w.env+"/as/token", f)
	}
	for _, scope := range []string{"Orders:read", ""} {
		r := ask(scope).want(200)
		if c := claims(t, r.text("access_token")); c["scope"] != "Orders:read" || c["sub"] != nil {
			t.Errorf("scope %q: %v", scope, c)
		}
	}
	ask("openid").refused(400, "invalid_scope", "custom resources")
	ask("Stock:read").refused(400, "invalid_scope", "granted")
}

// TestAttributeMappings appear where they say: in ID tokens, at userinfo, with
// the scopes they are bound to.
func TestAttributeMappings(t *testing.T) {
	w := newWorld(t)
	app := w.application(nil)
	user := w.user("ada")
	w.manage("PATCH", "/users/"+user, object{"nickname": "Countess", "externalId": "E1"}).want(200)
	for _, m := range []object{
		{"name": "nick", "value": "${user.nickname}", "required": true},
		{"name": "only_token", "value": "x-${user.externalId}", "required": false, "userInfo": false},
		{"name": "only_info", "value": "fixed", "required": false, "idToken": false},
		{"name": "with_email", "value": "yes", "required": false, "oidcScopes": []string{"email"}},
		{"name": "nothing", "value": "${user.title}", "required": false},
	} {
		w.manage("POST", "/applications/"+app+"/attributes", m).want(201)
	}
	for _, bad := range []object{
		{"name": "aud", "value": "evil", "required": false},
		{"name": "x", "value": "${user.name.given.toUpperCase()}", "required": false},
		{"name": "nick", "value": "again", "required": false},
		{"name": "y", "value": "z", "required": false, "idToken": false, "userInfo": false},
	} {
		w.manage("POST", "/applications/"+app+"/attributes", bad).want(400)
	}
	p := &person{w: w}
	r := w.redeem(app, p.code(app, "ada", nil), nil).want(200)
	id, info := claims(t, r.text("id_token")), w.userinfo(r.text("access_token")).want(200).body
	for claim, want := range map[string][2]any{
		"sub": {user, user}, "nick": {"Countess", "Countess"}, "only_token": {"x-E1", nil}, "only_info": {nil, "fixed"}, "with_email": {nil, nil}, "nothing": {nil, nil},
	} {
		if id[claim] != want[0] || info[claim] != want[1] {
			t.Errorf("%s: %v in the ID token, %v at userinfo; want %v", claim, id[claim], info[claim], want)
		}
	}
	if id["aud"] != app || id["exp"] == nil {
		t.Errorf("the mappings spoiled the ID token: %v", id)
	}
}

// TestSharedMappings: those of the resource of OpenID Connect are for every
// application, and its own come before them. A mapping may name the groups.
func TestSharedMappings(t *testing.T) {
	w := newWorld(t)
	app := w.application(nil)
	user := w.user("ada")
	for _, name := range []string{"Readers", "Writers"} {
		group := w.manage("POST", "/groups", object{"name": name}).want(201).text("id")
		w.manage("POST", "/users/"+user+"/memberOfGroups", object{"id": group}).want(201)
	}
	filter := "?filter=" + url.QueryEscape(`type eq "OPENID_CONNECT"`)
	found := w.manage("GET", "/resources"+filter, nil).want(200).body["_embedded"].(object)["resources"].([]any)
	openid := text(found[0].(object)["id"])
	for _, m := range []object{{"name": "shared", "value": "of all"}, {"name": "own", "value": "of all"}, {"name": "groups", "value": "${user.memberOfGroupNames}"}} {
		w.manage("POST", "/resources/"+openid+"/attributes", m).want(201)
	}
	w.manage("POST", "/applications/"+app+"/attributes", object{"name": "own", "value": "of one", "required": false}).want(201)
	staff := w.manage("POST", "/resources/"+openid+"/attributes", object{"name": "staff", "value": "yes"}).want(201).text("id")
	scope := w.manage("POST", "/resources/"+openid+"/scopes", object{"name": "staff", "mappedClaims": []string{staff}}).want(201).text("id")
	w.manage("POST", "/resources/"+openid+"/attributes", object{"name": "phone_number", "value": "+44"}).want(201)
	p := &person{w: w}
	r := w.redeem(app, p.code(app, "ada", url.Values{"scope": {"openid"}}), nil).want(200)
	for where, got := range map[string]object{"the ID token": claims(t, r.text("id_token")), "userinfo": w.userinfo(r.text("access_token")).want(200).body} {
		groups := fmt.Sprint(got["groups"])
		if got["shared"] != "of all" || got["own"] != "of one" || groups != "[Readers Writers]" && groups != "[Writers Readers]" {
			t.Errorf("%s has %v", where, got)
		}
		if got["staff"] != nil || got["phone_number"] != nil {
			t.Errorf("%s has what is bound to scopes that are not granted: %v", where, got)
		}
	}
	granted := []object{{"id": scope}}
	for _, s := range w.manage("GET", "/resources/"+openid+"/scopes", nil).want(200).body["_embedded"].(object)["scopes"].([]any) {
		if s.(object)["name"] == "phone" {
			granted = append(granted, object{"id": s.(object)["id"]})
		}
	}
	w.manage("POST", "/applications/"+app+"/grants", object{"resource": object{"id": openid}, "scopes": granted}).want(201)
	p = &person{w: w}
	id := claims(t, w.redeem(app, p.code(app, "ada", url.Values{"scope": {"openid staff phone"}}), nil).want(200).text("id_token"))
	if id["staff"] != "yes" || id["phone_number"] != "+44" {
		t.Errorf("with the scopes the ID token has %v and %v", id["staff"], id["phone_number"])
	}
}

// TestSubjectMapping: the core mapping decides the subject that the application
// sees; it can be changed and not deleted.
func TestSubjectMapping(t *testing.T) {
	w := newWorld(t)
	app := w.application(nil)
	w.user("ada")
	list := w.manage("GET", "/applications/"+app+"/attributes", nil).want(200).body["_embedded"].(object)["attributes"].([]any)
	core := list[0].(object)
	if len(list) != 1 || core["name"] != "sub" || core["mappingType"] != "CORE" {
		t.Fatalf("the mappings of a new application are %v", list)
	}
	path := "/applications/" + app + "/attributes/" + text(core["id"])
	w.manage("DELETE", path, nil).want(400)
	core["value"] = "${user.username}"
	w.manage("PUT", path, core).want(200)
	p := &person{w: w}
	r := w.redeem(app, p.code(app, "ada", nil), nil).want(200)
	if id, info := claims(t, r.text("id_token")), w.userinfo(r.text("access_token")).want(200).body; id["sub"] != "ada" || info["sub"] != "ada" {
		t.Errorf("sub is %v in the ID token and %v at userinfo", id["sub"], info["sub"])
	}
}
