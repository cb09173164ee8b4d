package test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

const orders, bills = "https://orders.example.com", "https://bills.example.com"

// targets are two applications that may ask for two resources: one at a time,
// and both at once.
func (w *world) targets() (one, several string) {
	w.t.Helper()
	one, several = w.browserApp(nil), w.browserApp(object{"name": "Several", "requestScopesForMultipleResourcesEnabled": true})
	for _, name := range []string{"Orders", "Bills"} {
		resource, scope := w.api(one, object{"name": name, "audience": "https://" + strings.ToLower(name) + ".example.com"})
		w.manage("POST", "/applications/"+several+"/grants", object{"resource": object{"id": resource}, "scopes": []object{{"id": scope}}}).want(201)
	}
	return one, several
}

func audience(t *testing.T, token string) (out []string) {
	t.Helper()
	list, ok := claims(t, token)["aud"].([]any)
	if !ok {
		t.Fatalf("aud is %v", claims(t, token)["aud"])
	}
	for _, v := range list {
		out = append(out, text(v))
	}
	return out
}

// TestResourceAtAuthorize: the resources that a request names (RFC 8707) are those
// its tokens are for, in front and at the token endpoint, and leave out the scopes
// of others.
func TestResourceAtAuthorize(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	one, several := w.targets()
	p := &person{w: w}
	for _, c := range []struct {
		app       string
		resources []string
		scope     string
		aud       []string
		granted   string
	}{
		{one, []string{orders}, "openid Orders:read Bills:read", []string{orders}, "openid Orders:read"},
		{one, []string{orders}, "openid", []string{orders}, "openid"},
		{one, nil, "openid Bills:read", []string{bills}, "openid Bills:read"},
		{several, []string{orders, bills}, "openid Orders:read Bills:read", []string{orders, bills}, "openid Orders:read Bills:read"},
		{several, []string{bills}, "openid Orders:read Bills:read", []string{bills}, "openid Bills:read"},
	} {
		change := url.Values{"response_type": {"code token"}, "scope": {c.scope}}
		if c.resources != nil {
			change["resource"] = c.resources
		}
		g := p.end(p.authorize(c.app, change), "ada").given()
		tokens := w.redeem(c.app, g.Get("code"), nil).want(200)
		for what, token := range map[string]string{"in front": g.Get("access_token"), "by the code": tokens.text("access_token")} {
			got := audience(t, token)
			slices.Sort(got)
			want := slices.Sorted(slices.Values(c.aud))
			if !slices.Equal(got, want) || claims(t, token)["scope"] != c.granted {
				t.Errorf("%v, %s, %s: %v %v", c.resources, c.scope, what, got, claims(t, token)["scope"])
			}
		}
	}
	// The token endpoint narrows further, and never widens.
	code := p.nextCode(several, url.Values{"scope": {"openid Orders:read Bills:read"}, "resource": {orders, bills}})
	narrow := w.redeem(several, code, url.Values{"resource": {bills}}).want(200)
	if got := audience(t, narrow.text("access_token")); !slices.Equal(got, []string{bills}) || narrow.text("scope") != "openid Bills:read" {
		t.Errorf("%v %s", got, narrow.raw)
	}
	code = p.nextCode(several, url.Values{"scope": {"openid Orders:read Bills:read"}, "resource": {orders}})
	w.redeem(several, code, url.Values{"resource": {bills}}).refused(400, "invalid_target", "")
	w.redeem(several, code, nil).want(200)
}

// TestWrongResourcesAtAuthorize names resources that the application has nothing
// of, or too many.
func TestWrongResourcesAtAuthorize(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	one, _ := w.targets()
	p := &person{w: w}
	for name, c := range map[string]struct {
		resources []string
		scope     string
		code      string
	}{
		"nobody's":             {[]string{"https://nobody.example.com"}, "openid", "invalid_target"},
		"one of two":           {[]string{orders, "https://nobody.example.com"}, "openid", "invalid_target"},
		"the platform's":       {[]string{"https://api.pingone.com"}, "openid", "invalid_target"},
		"a slash more":         {[]string{orders + "/"}, "openid", "invalid_target"},
		"scopes of two":        {nil, "openid Orders:read Bills:read", "invalid_scope"},
		"more than one can do": {slices.Repeat([]string{orders}, 11), "openid", "invalid_target"},
	} {
		change := url.Values{"scope": {c.scope}}
		if c.resources != nil {
			change["resource"] = c.resources
		}
		p.authorize(one, change).errs(c.code, "")
		if r := w.push(one, change); r.StatusCode != 400 || r.text("error") != c.code {
			t.Errorf("%s, pushed: %d %s", name, r.StatusCode, r.raw)
		}
	}
}
