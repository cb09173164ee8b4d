package oauth

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// asking is a good authentication request.
func asking() Authorization {
	return Authorization{
		Form:   Form{"scope": {"openid"}, "login_hint": {"ada"}},
		Client: &Client{ID: "me", Application: platform.Application{GrantTypes: []string{"CIBA"}, TokenEndpointAuthMethod: platform.AuthBasic}},
	}
}

// TestCIBAOrder makes every pair of mistakes at once: the earlier one is
// told.
func TestCIBAOrder(t *testing.T) {
	set := func(name, value string) func(Authorization) {
		return func(a Authorization) { a.Form[name] = []string{value} }
	}
	all := []struct {
		name    string
		make    func(Authorization)
		refused *fault.Fault
	}{
		{"not allowed", func(a Authorization) { a.Client.GrantTypes = []string{"DEVICE_CODE"} }, fault.CIBANotAllowed},
		{"a public client", func(a Authorization) { a.Client.TokenEndpointAuthMethod = platform.AuthNone }, fault.CIBANotAllowed},
		{"a restriction", func(a Authorization) { a.Client.AccessControl = []byte(`{"role":{}}`) }, fault.AccessControlled},
		{"a request object", set("request", "eyJ"), fault.CIBAObject},
		{"another resource", set("resource", "https://other"), fault.TargetUnknown},
		{"no scope", set("scope", ""), fault.ScopeOpenID},
		{"no hint", func(a Authorization) { delete(a.Form, "login_hint") }, fault.HintCount},
		{"two hints", set("id_token_hint", "x"), fault.HintCount},
		{"a long message", set("binding_message", strings.Repeat("é", 65)), fault.BindingBroken},
		{"a message of two lines", set("binding_message", "a\nb"), fault.BindingBroken},
		{"no time", set("requested_expiry", "0"), fault.ExpiryBroken},
		{"words for a time", set("requested_expiry", "soon"), fault.ExpiryBroken},
		{"a time before", set("requested_expiry", "-1"), fault.ExpiryBroken},
	}
	for i, first := range all {
		for _, second := range all[i:] {
			a := asking()
			second.make(a)
			first.make(a)
			if first.name == "no hint" && second.name == "two hints" {
				continue // together they are one
			}
			if _, err := a.AcceptCIBA(noon); !refuses(err, first.refused) {
				t.Errorf("%s and %s: %v", first.name, second.name, err)
			}
		}
	}
}

func TestAcceptCIBA(t *testing.T) {
	for _, c := range []struct {
		expiry string
		life   time.Duration
	}{{"", 120 * time.Second}, {"1", time.Second}, {"600", 600 * time.Second}, {"601", 600 * time.Second}, {"2147483647", 600 * time.Second}} {
		a := asking()
		a.Form["requested_expiry"], a.Form["binding_message"], a.Form["acr_values"] = []string{c.expiry}, []string{strings.Repeat("é", 64)}, []string{"High Low"}
		p, err := a.AcceptCIBA(noon)
		want := Pending{ClientID: "me", Scopes: []string{"openid"}, ACRValues: []string{"High", "Low"}, Message: strings.Repeat("é", 64), Interval: 2, ExpiresAt: noon.Add(c.life)}
		if err != nil || !reflect.DeepEqual(p, want) {
			t.Errorf("%q: %+v, %v", c.expiry, p, err)
		}
	}
	for hint := range map[string]bool{"login_hint": true, "id_token_hint": true, "login_hint_token": true} {
		a := asking()
		delete(a.Form, "login_hint")
		a.Form[hint] = []string{"x"}
		if _, err := a.AcceptCIBA(noon); err != nil {
			t.Errorf("%s alone: %v", hint, err)
		}
	}
}

// TestPollOfCIBA reads its own parameter.
func TestPollOfCIBA(t *testing.T) {
	x := polling()
	if out := decideCIBA(x); !refuses(out.Refuse, fault.PendingMissing) || !strings.Contains(out.Refuse.Error(), "auth_req_id") {
		t.Errorf("%v", out.Refuse)
	}
	x.Form = Form{"auth_req_id": {"r"}}
	if out := decideCIBA(x); out.Refuse != nil || out.Issue.Subject != "u" {
		t.Errorf("%+v", out)
	}
}
