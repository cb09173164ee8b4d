package oauth

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// request is an authorize request that is accepted, with some parameters
// changed: name, value, name, value. The value "-" takes a parameter away.
func request(changes ...string) Authorization {
	a := Authorization{
		Form: Form{"client_id": {"me"}, "redirect_uri": {"https://a/cb"}, "response_type": {"code"}, "scope": {"openid profile"}, "state": {"st"}, "nonce": {"no"},
			"code_challenge": {rfcChallenge}, "code_challenge_method": {"S256"}},
		Client: &Client{ID: "me", Scopes: ofOpenID("profile"), Application: platform.Application{Enabled: true, Type: "WEB_APP", RedirectURIs: []string{"https://a/cb"},
			GrantTypes: []string{"AUTHORIZATION_CODE"}, ResponseTypes: []string{"CODE"}, PKCEEnforcement: platform.PKCES256Required, PARRequirement: "OPTIONAL"}},
	}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "-" {
			delete(a.Form, changes[i])
		} else {
			a.Form[changes[i]] = []string{changes[i+1]}
		}
	}
	return a
}

func TestAccept(t *testing.T) {
	// covers: RFC 6749 §3.1/7
	a := request("prompt", "login consent", "max_age", "300", "login_hint", "joe", "acr_values", "Multi_Factor Single_Factor", "response_mode", "query", "unknown", "x")
	got, err := a.Accept()
	age := 300
	want := Request{ClientID: "me", RedirectURI: "https://a/cb", Types: []string{"code"}, Mode: "query", State: "st", Nonce: "no", Scopes: []string{"openid", "profile"},
		Challenge: Challenge{rfcChallenge, "S256"}, Prompts: []string{"login", "consent"}, MaxAge: &age, LoginHint: "joe", ACRValues: []string{"Multi_Factor", "Single_Factor"}}
	want.Query = a.Form.Again()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("accepted as %+v, %v", got, err)
	}
	if got, err := request().Accept(); err != nil || got.Mode != ModeQuery || got.MaxAge != nil || got.Prompts != nil {
		t.Errorf("accepted as %+v, %v", got, err)
	}
	// A request that is kept in a flow comes back as it was.
	raw, _ := json.Marshal(want)
	var back Request
	if err := json.Unmarshal(raw, &back); err != nil || !reflect.DeepEqual(back, want) {
		t.Errorf("%s came back as %+v, %v", raw, back, err)
	}
}

func TestClientChecks(t *testing.T) {
	// covers: RFC 6749 §3.1.2.2/3, RFC 6749 §10.6/3
	twice := func(name string) Authorization {
		a := request()
		a.Form[name] = append(a.Form[name], a.Form[name][0])
		return a
	}
	with := func(change func(*Authorization)) Authorization {
		a := request()
		change(&a)
		return a
	}
	cases := []struct {
		name    string
		a       Authorization
		refused *fault.Fault
	}{
		{"good", request(), nil},
		{"no client_id", request("client_id", "-"), fault.ClientMissing},
		{"empty client_id", request("client_id", ""), fault.ClientMissing},
		{"two client_ids", twice("client_id"), fault.ClientMissing},
		{"unknown", with(func(a *Authorization) { a.Client = nil }), fault.ClientUnknown},
		{"disabled", with(func(a *Authorization) { a.Client.Enabled = false }), fault.ClientUnknown},
		{"no redirect_uri", request("redirect_uri", "-"), fault.RedirectMissing},
		{"no redirect_uri with pi.flow", request("redirect_uri", "-", "response_mode", "pi.flow"), nil},
		{"two redirect_uris", twice("redirect_uri"), fault.RedirectMissing},
		{"two redirect_uris with pi.flow", with(func(a *Authorization) {
			a.Form["redirect_uri"] = []string{"https://a/cb", "https://evil.com"}
			a.Form["response_mode"] = []string{"pi.flow"}
		}), fault.RedirectMissing},
		{"another redirect_uri", request("redirect_uri", "https://a/cb?"), fault.RedirectMismatch},
		{"another redirect_uri with pi.flow", request("redirect_uri", "https://evil.com", "response_mode", "pi.flow"), fault.RedirectMismatch},
		{"none registered", with(func(a *Authorization) { a.Client.RedirectURIs = nil }), fault.RedirectMismatch},

		// What comes later must not hide that the redirect URI is not proven.
		{"wrong client before anything", with(func(a *Authorization) { a.Client = nil; a.Form = Form{"client_id": {"x"}} }), fault.ClientUnknown},
		{"wrong redirect_uri before a missing challenge", request("redirect_uri", "https://evil.com", "code_challenge", "-", "response_type", "x"), fault.RedirectMismatch},
	}
	for _, c := range cases {
		if err := First(ClientChecks(), c.a); !refuses(err, c.refused) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A parameter without a value counts as left out (RFC 6749 §3.1), also for
// pi.flow, which needs no redirect_uri.
func TestEmptyRedirectURICountsAsLeftOut(t *testing.T) {
	// covers: RFC 6749 §3.1/6
	if err := First(ClientChecks(), request("redirect_uri", "", "response_mode", "pi.flow")); err != nil {
		t.Errorf("redirect_uri= under pi.flow: %v", err)
	}
	if err := First(ClientChecks(), request("redirect_uri", "")); !refuses(err, fault.RedirectMissing) {
		t.Errorf("redirect_uri= without pi.flow: %v", err)
	}
}

// mistake is one thing wrong with a request whose redirect URI is proven, in
// the order in which the checks stand.
type mistake struct {
	name    string
	make    func(*Authorization)
	refused *fault.Fault
}

func mistakes() []mistake {
	set := func(name, value string) func(*Authorization) {
		return func(a *Authorization) { a.Form[name] = []string{value} }
	}
	return []mistake{
		{"a parameter twice", func(a *Authorization) { a.Form["state"] = []string{"a", "b"} }, fault.ParameterRepeated},
		{"an unknown response_type", set("response_type", "code x"), fault.ResponseTypeUnknown},
		{"no grant type", func(a *Authorization) { a.Client.GrantTypes = []string{"IMPLICIT"} }, fault.ResponseNotAllowed},
		{"PAR demanded", func(a *Authorization) { a.Client.PARRequirement = "REQUIRED" }, fault.PARRequired},
		{"a signature demanded", func(a *Authorization) { a.Client.RequireSignedRequestObject = true }, fault.SignatureRequired},
		{"access control", func(a *Authorization) { a.Client.AccessControl = json.RawMessage(`{"group":{}}`) }, fault.AccessControlled},
		{"response_mode", set("response_mode", "jwt"), fault.ResponseModeUnknown},
		{"tokens in clear", func(a *Authorization) {
			a.Form["response_type"], a.Form["redirect_uri"] = []string{"code token"}, []string{"http://a/cb"}
			a.Client.ResponseTypes, a.Client.GrantTypes = append(a.Client.ResponseTypes, "TOKEN"), append(a.Client.GrantTypes, "IMPLICIT")
			a.Client.RedirectURIs = append(a.Client.RedirectURIs, "http://a/cb")
		}, fault.RedirectInClear},
		{"prompt", set("prompt", "select"), fault.PromptUnknown},
		{"max_age", set("max_age", "-1"), fault.MaxAgeBroken},
		{"scope", set("scope", "email"), fault.ScopeUnknown},
		{"no nonce", func(a *Authorization) {
			a.Form["response_type"], a.Form["nonce"] = []string{"code id_token"}, nil
			a.Client.ResponseTypes, a.Client.GrantTypes = append(a.Client.ResponseTypes, "ID_TOKEN"), append(a.Client.GrantTypes, "IMPLICIT")
		}, fault.NonceMissing},
		{"resource", set("resource", "https://api"), fault.TargetUnknown},
		{"challenge", set("code_challenge", ""), fault.ChallengeMethodAlone},
		{"dpop_jkt", set("dpop_jkt", "x"), fault.ThumbprintBroken},
	}
}

// TestRequestOrder makes every pair of mistakes at once: the earlier is told.
func TestRequestOrder(t *testing.T) {
	all := mistakes()
	if len(all) != len(RequestChecks()) {
		t.Fatalf("%d mistakes for %d checks", len(all), len(RequestChecks()))
	}
	for i, first := range all {
		for _, second := range all[i:] {
			a := request()
			second.make(&a)
			first.make(&a)
			if got, err := a.Accept(); !refuses(err, first.refused) || !reflect.DeepEqual(got, Request{}) {
				t.Errorf("%s and %s: %+v, %v", first.name, second.name, got, err)
			}
		}
		a := request()
		first.make(&a)
		if err := First(ClientChecks(), a); err != nil {
			t.Errorf("%s is no matter of the redirect URI: %v", first.name, err)
		}
	}
}

// covers: OIDC Core §3.1.2.2/1, OIDC Core §3.1.2.2/3
func TestRequestChecks(t *testing.T) {
	// covers: RFC 6749 §3.1/6, RFC 6749 §3.1.1/3
	cases := []struct {
		name, value string
		refused     *fault.Fault
	}{
		{"response_type", "token", fault.ResponseNotAllowed},
		{"response_type", "code id_token", fault.ResponseNotAllowed},
		{"response_type", "none", fault.ResponseTypeUnknown},
		{"response_type", "code none", fault.ResponseTypeUnknown},
		{"response_type", "CODE", fault.ResponseTypeUnknown},
		{"response_type", "-", fault.ResponseTypeMissing},
		{"response_mode", "pi.flow", nil},
		{"response_mode", "query", nil},
		{"response_mode", "", nil},
		{"response_mode", "form_post", nil},
		{"response_mode", "fragment", nil},
		{"response_mode", "query.jwt", fault.ResponseModeUnknown},
		{"state", "a\x00", fault.ParameterBroken},
		{"nonce", "\xff", fault.ParameterBroken},
		{"login_hint", strings.Repeat("a", 8193), fault.ParameterBroken},
		{"state", "", nil},
		{"scope", "", nil},
		{"scope", "openid\\", fault.ScopeBroken},
		{"code_challenge_method", "plain", fault.ChallengePlain},
		{"code_challenge_method", "", fault.ChallengePlain},
		{"code_challenge", rfcChallenge + "=", fault.ChallengeMalformed},
		{"prompt", "none", nil},
		{"prompt", "none none", nil},
		{"prompt", "login", nil},
		{"prompt", "login consent select_account", nil},
		{"prompt", "", nil},
		{"prompt", " ", nil},
		{"prompt", "none login", fault.PromptUnknown},
		{"prompt", "login none", fault.PromptUnknown},
		{"prompt", "Login", fault.PromptUnknown},
		{"prompt", "create", fault.PromptUnknown},
		{"max_age", "0", nil},
		{"max_age", "00", nil},
		{"max_age", "2147483647", nil},
		{"max_age", "2147483648", fault.MaxAgeBroken},
		{"max_age", "-0", fault.MaxAgeBroken},
		{"max_age", "+1", fault.MaxAgeBroken},
		{"max_age", "1.0", fault.MaxAgeBroken},
		{"max_age", "1e2", fault.MaxAgeBroken},
		{"max_age", "0x10", fault.MaxAgeBroken},
		{"max_age", "1_000", fault.MaxAgeBroken},
		{"max_age", " 1", fault.MaxAgeBroken},
		{"max_age", "99999999999999999999", fault.MaxAgeBroken},
	}
	for _, c := range cases {
		if _, err := request(c.name, c.value).Accept(); !refuses(err, c.refused) {
			t.Errorf("%s=%.40q: %v", c.name, c.value, err)
		}
	}
	if r, err := request("max_age", "0").Accept(); err != nil || r.MaxAge == nil || *r.MaxAge != 0 {
		t.Errorf("max_age=0 is a demand, not none: %+v, %v", r.MaxAge, err)
	}
}

func TestClientThatDemandsMore(t *testing.T) {
	cases := []struct {
		name    string
		change  func(*platform.Application)
		refused *fault.Fault
	}{
		{"no response type", func(a *platform.Application) { a.ResponseTypes = []string{"TOKEN", "ID_TOKEN"} }, fault.ResponseNotAllowed},
		{"signed request object", func(a *platform.Application) { a.RequireSignedRequestObject = true }, fault.SignatureRequired},
		{"no PAR requirement", func(a *platform.Application) { a.PARRequirement = "" }, nil},
		{"empty access control", func(a *platform.Application) { a.AccessControl = json.RawMessage(`{}`) }, nil},
		{"a role in access control", func(a *platform.Application) {
			a.AccessControl = json.RawMessage(`{"role":{"type":"ADMIN_USERS_ONLY"}}`)
		}, fault.AccessControlled},
		{"access control that is no object", func(a *platform.Application) { a.AccessControl = json.RawMessage(`[]`) }, fault.AccessControlled},
		{"unknown enforcement", func(a *platform.Application) { a.PKCEEnforcement = "" }, nil},
	}
	for _, c := range cases {
		a := request()
		c.change(&a.Client.Application)
		if _, err := a.Accept(); !refuses(err, c.refused) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestMetadataNamesWhatExists(t *testing.T) {
	m := Metadata("https://x/e/as", []string{"RS256"})
	if m["issuer"] != "https://x/e/as" || m["token_endpoint"] != "https://x/e/as/token" {
		t.Errorf("issuer %v, token endpoint %v", m["issuer"], m["token_endpoint"])
	}
	for _, grant := range m["grant_types_supported"].([]string) {
		if _, err := Pick(Form{"grant_type": {grant}}, nil); err != nil && grant != "implicit" { // that one has no token request
			t.Errorf("the grant type %s is announced: %v", grant, err)
		}
	}
	for _, mode := range m["response_modes_supported"].([]string) {
		if _, err := request("response_mode", mode).Accept(); err != nil {
			t.Errorf("the response mode %s is announced: %v", mode, err)
		}
	}
	for _, method := range m["code_challenge_methods_supported"].([]string) {
		if _, err := CheckChallenge(platform.PKCEOptional, rfcChallenge, method); err != nil {
			t.Errorf("the challenge method %s is announced: %v", method, err)
		}
	}
	if _, err := json.Marshal(m); err != nil {
		t.Error(err)
	}
}

// TestAgain remembers what is known, and not without bound.
func TestAgain(t *testing.T) {
	f := Form{"client_id": {"c"}, "state": {"a b"}, "junk": {strings.Repeat("x", 9000)}, "nonce": {""}}
	if got := f.Again(); got != "client_id=c&state=a+b" {
		t.Errorf("remembers %q", got)
	}
	f["state"] = []string{strings.Repeat("x", maxAgain)}
	if got := f.Again(); got != "" {
		t.Errorf("remembers %d bytes", len(got))
	}
}
