package test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestClientNeedsLists(t *testing.T) {
	needsRun(t, []needsStatement{
		{"a list has _links.self, _embedded, count and size", func(w *world) {
			r := w.manage("GET", "/populations", nil).want(200)
			list := needsList(r, "populations")
			needsMembers(w.t, "populations", r.body, object{"count": 1, "size": 1, "_links.self.href": w.base + "/v1/environments/" + w.env + "/populations"})
			if len(list) != 1 || needsText(list[0], "_links.self.href") != w.base+"/v1/environments/"+w.env+"/populations/"+needsText(list[0], "id") {
				w.t.Errorf("the population is %v", list)
			}
			if needsAt(r.body, "_links.next") != nil {
				w.t.Errorf("a whole list has a next page: %s", r.raw)
			}
			none := w.manage("GET", "/groups", nil).want(200)
			needsMembers(w.t, "no groups", none.body, object{"_embedded.groups": []any{}, "count": 0, "size": 0})
		}},
		{"paging follows _links.next.href as given, an absolute URL", needsPaging},
		{"limit and cursor: a cursor that somebody made up is refused", func(w *world) {
			for _, q := range []string{"limit=0", "limit=-1", "limit=x", "cursor=x", "cursor=" + strings.Repeat("A", 64)} {
				needsError(w.t, q, w.manage("GET", "/users?"+q, nil), 400, "INVALID_REQUEST")
			}
		}},
		{"filter=username eq \"x\" is used", needsUserFilter},
		{"filter=population.id eq \"...\" is used", func(w *world) {
			b := w.manage("POST", "/populations", object{"name": "B"}).want(201).text("id")
			w.user("ada")
			bob := w.manage("POST", "/users", object{"username": "bob", "email": "b@example.com", "population": object{"id": b}}).want(201).text("id")
			r := w.manage("GET", "/users?filter="+url.QueryEscape(`population.id eq "`+b+`"`), nil).want(200)
			needsMembers(w.t, "the users of a population", r.body, object{"size": 1, "count": 1, "_embedded.users.0.id": bob})
		}},
		{"an application in a list needs protocol, a resource its type", needsListed},
		{"items of /applications/{id}/attributes need application.id", needsAttributes},
		{"grants need application.id and resource.id", needsGrants},
		{"assignments need application.id and signOnPolicy.id", needsAssignments},
		{"scopes need resource.id", func(w *world) {
			id := needsResource(w, "openid")
			for _, s := range needsList(w.manage("GET", "/resources/"+id+"/scopes", nil).want(200), "scopes") {
				one := w.manage("GET", "/resources/"+id+"/scopes/"+needsText(s, "id"), nil).want(200).body
				needsMembers(w.t, "a listed scope", s, object{"resource.id": id})
				needsMembers(w.t, "a scope", one, object{"resource.id": id, "name": s["name"]})
			}
		}},
		{"actions need signOnPolicy.id, type and priority", func(w *world) {
			policy := needsText(needsFind(needsList(w.manage("GET", "/signOnPolicies", nil).want(200), "signOnPolicies"), "name", "Multi_Factor"), "id")
			list := needsList(w.manage("GET", "/signOnPolicies/"+policy+"/actions", nil).want(200), "actions")
			if len(list) != 2 {
				w.t.Fatalf("%d actions", len(list))
			}
			for i, kind := range []string{"LOGIN", "MULTI_FACTOR_AUTHENTICATION"} {
				a := needsFind(list, "type", kind)
				one := w.manage("GET", "/signOnPolicies/"+policy+"/actions/"+needsText(a, "id"), nil).want(200).body
				for _, body := range []object{a, one} {
					needsMembers(w.t, kind, body, object{"signOnPolicy.id": policy, "type": kind, "priority": i + 1})
				}
			}
		}},
	})
}

// needsPaging walks lists page by page, with a filter too, while users come
// and go.
func needsPaging(w *world) {
	for i := range 7 {
		w.manage("POST", "/users", object{"username": fmt.Sprintf("u%d", i), "email": "u@example.com"}).want(201)
	}
	w.manage("POST", "/users", object{"username": "other", "email": "o@example.com"}).want(201)
	for _, q := range []string{"limit=3", "limit=3&filter=" + url.QueryEscape(`username sw "u"`)} {
		var seen []string
		next := w.base + "/v1/environments/" + w.env + "/users?" + q
		for page := 0; next != ""; page++ {
			if page > 5 {
				w.t.Fatalf("%s: no end", q)
			}
			r := w.send("GET", next, "", header{"Authorization": "Bearer " + w.admin}).want(200)
			list := needsList(r, "users")
			if r.body["size"] != float64(len(list)) || len(list) > 3 {
				w.t.Errorf("%s: size %v of %d", q, r.body["size"], len(list))
			}
			for _, u := range list {
				seen = append(seen, needsText(u, "username"))
			}
			if next = needsText(r.body, "_links.next.href"); next != "" && !strings.HasPrefix(next, w.base+"/v1/environments/"+w.env+"/users?") {
				w.t.Fatalf("%s: the next page is at %s", q, next)
			}
		}
		want := []string{"u0", "u1", "u2", "u3", "u4", "u5", "u6"}
		if q == "limit=3" {
			want = append(want, "other")
		}
		slices.Sort(seen)
		slices.Sort(want)
		if !slices.Equal(seen, want) {
			w.t.Errorf("%s: saw %v", q, seen)
		}
	}
	first := w.manage("GET", "/users?limit=3", nil).want(200)
	list := needsList(first, "users")
	for _, u := range list {
		w.manage("DELETE", "/users/"+needsText(u, "id"), nil).want(204)
	}
	second := w.send("GET", needsText(first.body, "_links.next.href"), "", header{"Authorization": "Bearer " + w.admin}).want(200)
	for _, u := range needsList(second, "users") {
		if needsFind(list, "id", u["id"]) != nil {
			w.t.Errorf("%s is on two pages", needsText(u, "username"))
		}
	}
	if second.body["size"] != 3.0 {
		w.t.Errorf("the second page after the first was deleted: %s", second.raw)
	}
}

func needsUserFilter(w *world) {
	ada := w.user("ada")
	w.user("adam")
	for filter, want := range map[string]int{`username eq "ada"`: 1, `username eq "ADA"`: 1, `username sw "ad"`: 2, `username eq "nobody"`: 0,
		`email eq "ada@example.com"`: 1, `username eq "ada" and email eq "ada@example.com"`: 1, `username eq "ada" or username eq "adam"`: 2,
		`username eq "ada" and (email eq "x@example.com" or enabled eq true)`: 1} {
		r := w.manage("GET", "/users?filter="+url.QueryEscape(filter), nil).want(200)
		list := needsList(r, "users")
		if len(list) != want || r.body["size"] != float64(want) || r.body["count"] != float64(want) {
			w.t.Errorf("%s: %d, size %v, count %v", filter, len(list), r.body["size"], r.body["count"])
		}
		if want == 1 && needsText(list[0], "id") != ada {
			w.t.Errorf("%s: another user: %v", filter, list[0])
		}
	}
	for _, filter := range []string{`username`, `username eq`, `color eq "x"`, `username zz "x"`} {
		needsError(w.t, filter, w.manage("GET", "/users?filter="+url.QueryEscape(filter), nil), 400, "INVALID_REQUEST")
	}
	wrong := w.manage("GET", "/users?filter="+url.QueryEscape(`color eq "x"`), nil)
	if !strings.Contains(wrong.raw, "username") {
		w.t.Errorf("an unfilterable attribute: the answer names no filterable one: %s", wrong.raw)
	}
}

func needsListed(w *world) {
	for _, kind := range []string{"WEB_APP", "NATIVE_APP", "SINGLE_PAGE_APP", "WORKER", "SERVICE", "CUSTOM_APP"} {
		w.manage("POST", "/applications", object{"name": kind, "enabled": true, "type": kind, "protocol": "OPENID_CONNECT"}).want(201)
	}
	w.manage("POST", "/applications", object{"name": "Link", "enabled": true, "type": "PORTAL_LINK_APP", "protocol": "EXTERNAL_LINK",
		"homePageUrl": "https://example.com"}).want(201)
	protocols := []any{"OPENID_CONNECT", "EXTERNAL_LINK"}
	list := needsList(w.manage("GET", "/applications?limit=100", nil).want(200), "applications")
	if len(list) < 8 {
		w.t.Errorf("%d applications", len(list))
	}
	for _, a := range list {
		needsTyped(w.t, "application "+needsText(a, "name"), a, map[string]string{"id": "id", "name": "text", "enabled": "bool", "type": "text", "protocol": "text"})
		if !slices.Contains(protocols, a["protocol"]) {
			w.t.Errorf("%v has the protocol %v", a["name"], a["protocol"])
		}
	}
	w.manage("POST", "/resources", object{"name": "Mine"}).want(201)
	for _, r := range needsList(w.manage("GET", "/resources", nil).want(200), "resources") {
		want := map[string]string{"openid": "OPENID_CONNECT", "PingOne API": "PINGONE_API", "Mine": "CUSTOM"}[needsText(r, "name")]
		if want == "" || r["type"] != want {
			w.t.Errorf("resource %v has the type %v", r["name"], r["type"])
		}
	}
}

func needsAttributes(w *world) {
	app := w.application(nil)
	at := "/applications/" + app + "/attributes"
	made := w.manage("POST", at, object{"name": "family", "value": "${user.name.family}", "required": false}).want(201)
	needsMembers(w.t, "a new mapping", made.body, object{"application.id": app, "name": "family", "value": "${user.name.family}", "required": false, "mappingType": "CUSTOM"})
	list := needsList(w.manage("GET", at, nil).want(200), "attributes")
	if len(list) != 2 {
		w.t.Errorf("%d mappings, want the one for sub and the new one", len(list))
	}
	for _, a := range list {
		needsMembers(w.t, "mapping", a, object{"application.id": app, "identityProvider": nil, "resource": nil, "schema": nil})
	}
	sub := needsFind(list, "name", "sub")
	needsMembers(w.t, "the mapping for sub", sub, object{"value": "${user.id}", "required": true, "mappingType": "CORE"})
	if r := w.manage("DELETE", at+"/"+needsText(sub, "id"), nil); r.StatusCode != 400 {
		w.t.Errorf("the mapping for sub may be deleted: %d %s", r.StatusCode, r.raw)
	}
	openid := needsResource(w, "openid")
	for _, a := range needsList(w.manage("GET", "/resources/"+openid+"/attributes", nil).want(200), "attributes") {
		needsMembers(w.t, "attribute of openid", a, object{"resource.id": openid, "application": nil, "identityProvider": nil, "schema": nil})
	}
}

func needsGrants(w *world) {
	app, openid := w.application(nil), needsResource(w, "openid")
	scopes := needsList(w.manage("GET", "/resources/"+openid+"/scopes", nil).want(200), "scopes")
	email, profile := needsText(needsFind(scopes, "name", "email"), "id"), needsText(needsFind(scopes, "name", "profile"), "id")
	at := "/applications/" + app + "/grants"
	made := w.manage("POST", at, object{"resource": object{"id": openid}, "scopes": []object{{"id": email}}}).want(201)
	one := at + "/" + made.text("id")
	read := w.manage("GET", one, nil).want(200)
	replaced := w.manage("PUT", one, object{"resource": object{"id": openid}, "scopes": []object{{"id": email}, {"id": profile}}}).want(200)
	list := needsList(w.manage("GET", at, nil).want(200), "grants")
	if len(list) != 1 {
		w.t.Fatalf("%d grants", len(list))
	}
	for what, body := range map[string]object{"created": made.body, "read": read.body, "replaced": replaced.body, "listed": list[0]} {
		needsMembers(w.t, what, body, object{"application.id": app, "resource.id": openid, "id": made.text("id")})
		needsTyped(w.t, what, body, map[string]string{"scopes": "list", "scopes.0.id": "id", "createdAt": "time", "updatedAt": "time"})
	}
	needsMembers(w.t, "replaced", list[0], object{"scopes.0.id": email, "scopes.1.id": profile})
}

func needsAssignments(w *world) {
	app := w.application(nil)
	policy := needsText(needsFind(needsList(w.manage("GET", "/signOnPolicies", nil).want(200), "signOnPolicies"), "name", "Single_Factor"), "id")
	at := "/applications/" + app + "/signOnPolicyAssignments"
	made := w.manage("POST", at, object{"signOnPolicy": object{"id": policy}, "priority": 1}).want(201)
	read := w.manage("GET", at+"/"+made.text("id"), nil).want(200)
	list := needsList(w.manage("GET", at, nil).want(200), "signOnPolicyAssignments")
	if len(list) != 1 {
		w.t.Fatalf("%d assignments", len(list))
	}
	for what, body := range map[string]object{"created": made.body, "read": read.body, "listed": list[0]} {
		needsMembers(w.t, what, body, object{"application.id": app, "signOnPolicy.id": policy, "priority": 1, "environment.id": w.env})
	}
}
