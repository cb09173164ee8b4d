package test

import (
	"fmt"
	"testing"
)

// TestCustomAttributes: what the schema adds, users take, keep and show, and
// mappings put into tokens.
func TestCustomAttributes(t *testing.T) {
	w := newWorld(t)
	at := "/schemas/" + w.first("schemas") + "/attributes"
	add := func(change object) response {
		body := object{"name": "tea", "type": "STRING", "enabled": true}
		for k, v := range change {
			body[k] = v
		}
		return w.manage("POST", at, body)
	}
	tea := add(object{"enumeratedValues": []object{{"value": "green"}, {"value": "black"}, {"value": "old", "archived": true}}}).want(201)
	add(object{"name": "member", "type": "BOOLEAN"}).want(201)
	add(object{"name": "cups", "type": "JSON"}).want(201)
	add(object{"name": "tags", "multiValued": true}).want(201)
	for _, name := range []string{"id", "account", "nickname", "username", "memberOfGroups", "password", "population"} {
		if d := add(object{"name": name}).want(400).detail(); d["target"] != "name" {
			t.Errorf("%s as a custom attribute: %v", name, d)
		}
	}
	add(object{"name": "uniqueKey"}).want(201)
	add(object{"name": "usernameKey"}).want(201)

	user := w.user("ada")
	path := "/users/" + user
	shows := func(r response, want string) {
		t.Helper()
		if got := fmt.Sprintln(r.body["tea"], r.body["member"], r.body["cups"], r.body["tags"], r.body["uniqueKey"], r.body["nickname"]); got != want+"\n" {
			t.Errorf("it shows %swant %s", got, want)
		}
	}
	shows(w.manage("PUT", path, w.changed(path, object{"tea": "green", "member": true, "cups": object{"a": 1}, "tags": []string{"x", "y"}, "uniqueKey": "same", "nickname": "C"})).want(200), "green true map[a:1] [x y] same C")
	shows(w.manage("GET", path, nil).want(200), "green true map[a:1] [x y] same C")
	shows(w.manage("PATCH", path, object{"tea": "black", "member": nil}).want(200), "black <nil> map[a:1] [x y] same C")
	shows(w.manage("PATCH", path, object{"nickname": "D"}).want(200), "black <nil> map[a:1] [x y] same D")
	w.manage("PUT", path+"/enabled", object{"enabled": true}).want(200)
	shows(w.manage("GET", path, nil).want(200), "black <nil> map[a:1] [x y] same D")
	bob := w.manage("POST", "/users", object{"username": "bob", "email": "b@example.com", "tea": "green", "uniqueKey": "same", "usernameKey": "ada"}).want(201)
	if bob.body["tea"] != "green" || bob.body["usernameKey"] != "ada" {
		t.Errorf("a new user is %s", bob.raw)
	}
	for target, bad := range map[string]object{"tea": {"tea": "old"}, "member": {"member": "yes"}, "tags": {"tags": "x"}} {
		if d := w.manage("PATCH", path, bad).want(400).detail(); d["target"] != target {
			t.Errorf("%v is refused with %v", bad, d)
		}
	}

	app := w.application(nil)
	w.manage("POST", "/applications/"+app+"/attributes", object{"name": "favourite", "value": "${user.tea}", "required": false}).want(201)
	p := &person{w: w}
	r := w.redeem(app, p.code(app, "ada", nil), nil).want(200)
	if id, info := claims(t, r.text("id_token")), w.userinfo(r.text("access_token")).want(200).body; id["favourite"] != "black" || info["favourite"] != "black" {
		t.Errorf("the claim is %v in the ID token and %v at userinfo", id["favourite"], info["favourite"])
	}

	// What is disabled is not shown, and is there again when it is enabled.
	each := at + "/" + tea.text("id")
	w.manage("PATCH", each, object{"enabled": false}).want(200)
	shows(w.manage("PUT", path, w.changed(path, object{"nickname": "E"})).want(200), "<nil> <nil> map[a:1] [x y] same E")
	w.manage("PATCH", each, object{"enabled": true}).want(200)
	shows(w.manage("GET", path, nil).want(200), "black <nil> map[a:1] [x y] same E")
	w.manage("DELETE", each, nil).want(204)
	shows(w.manage("GET", path, nil).want(200), "<nil> <nil> map[a:1] [x y] same E")
}
