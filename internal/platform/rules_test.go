package platform

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// byKind resolves the default of a kind to an id that names the kind.
func byKind(of string) (string, error) { return "default-" + of, nil }

// accepted is a new document as the management API takes it: fields and rules.
func accepted(t testing.TB, k kind.Kind, sent string) (kind.Body, string) {
	t.Helper()
	out, _, told := held(t, k, "", sent)
	return out, told
}

// held holds a document against fields and rules: in place of what stood
// before, or as a new one when that is "". It returns what would be kept, also
// as JSON, and what is wrong.
func held(t testing.TB, k kind.Kind, before, sent string) (out kind.Body, kept, told string) {
	t.Helper()
	var was kind.Body
	var stood json.RawMessage
	mode := kind.Create
	if before != "" {
		mode, stood = kind.Replace, json.RawMessage(before)
		var err error
		if was, err = kind.Decode(stood); err != nil {
			t.Fatal(err)
		}
	}
	body, err := kind.Decode([]byte(sent))
	if err != nil {
		t.Fatal(err)
	}
	filled := k.Fill(body, was)
	table := k.Table().All(filled)
	if was != nil {
		table = k.Table().All(was)
	}
	out, details, err := kind.Accept(table, mode, was, filled, byKind)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(details) == 0 {
		if details, err = k.Refuse(stood, raw); err != nil {
			t.Fatal(err)
		}
	}
	var all []string
	for _, d := range details {
		all = append(all, d.Target+" "+d.Message)
	}
	return out, string(raw), strings.Join(all, "\n")
}

func TestApplicationDefaults(t *testing.T) {
	// covers: RFC 8252 §8.5/1
	cases := []struct{ kind, grants, responses, auth string }{
		{"WEB_APP", `["AUTHORIZATION_CODE"]`, `["CODE"]`, AuthBasic},
		{"NATIVE_APP", `["AUTHORIZATION_CODE","IMPLICIT"]`, `["TOKEN","ID_TOKEN","CODE"]`, AuthNone},
		{"SINGLE_PAGE_APP", `["IMPLICIT"]`, `["TOKEN","ID_TOKEN"]`, AuthNone},
		{"WORKER", `["CLIENT_CREDENTIALS"]`, `["TOKEN"]`, AuthBasic},
		{"SERVICE", `["CLIENT_CREDENTIALS"]`, `["TOKEN"]`, AuthBasic},
		{"CUSTOM_APP", `["DEVICE_CODE","REFRESH_TOKEN"]`, `null`, AuthNone},
	}
	for _, c := range cases {
		for _, sent := range []string{"", `,"grantTypes":null,"tokenEndpointAuthMethod":null`} {
			body, told := accepted(t, applications(), `{"name":"A","enabled":true,"type":"`+c.kind+`","protocol":"OPENID_CONNECT"`+sent+`}`)
			grants, _ := json.Marshal(body["grantTypes"])
			responses, _ := json.Marshal(body["responseTypes"])
			if told != "" || string(grants) != c.grants || string(responses) != c.responses || body["tokenEndpointAuthMethod"] != c.auth || body["pkceEnforcement"] != PKCEOptional {
				t.Errorf("%s%s: %s %s %v %v %s", c.kind, sent, grants, responses, body["tokenEndpointAuthMethod"], body["pkceEnforcement"], told)
			}
			if (body["mobile"] != nil) != (c.kind == "NATIVE_APP") {
				t.Errorf("%s: mobile is %v", c.kind, body["mobile"])
			}
			if got := kind.At(body, "signing.keyRotationPolicy.id"); got != "default-keyRotationPolicy" {
				t.Errorf("%s: the key rotation policy is %q", c.kind, got)
			}
		}
	}
	// On a change the type that stands counts, not the one that is sent.
	before := kind.Body{"type": "WORKER", "protocol": "OPENID_CONNECT"}
	if filled := applications().Fill(kind.Body{"type": "NATIVE_APP"}, before); filled["tokenEndpointAuthMethod"] != AuthBasic || filled["mobile"] != nil {
		t.Errorf("filled by the type that is sent: %v", filled)
	}
}

func TestApplicationRules(t *testing.T) {
	// covers: RFC 6749 §4.4/1
	const app = `{"name":"A","enabled":true,"type":"WEB_APP","protocol":"OPENID_CONNECT"`
	cases := []struct{ sent, says string }{
		{``, ""},
		{`,"allowWildcardInRedirectUris":false`, ""},
		{`,"allowWildcardInRedirectUris":true`, "allowWildcardInRedirectUris must be false or left out: this server compares redirect URIs exactly"},
		{`,"grantTypes":["CLIENT_CREDENTIALS"],"tokenEndpointAuthMethod":"NONE"`, "tokenEndpointAuthMethod must not be NONE with the grant type CLIENT_CREDENTIALS"},
		{`,"grantTypes":["CLIENT_CREDENTIALS"],"tokenEndpointAuthMethod":"CLIENT_SECRET_POST"`, ""},
		{`,"corsSettings":{"behavior":"ALLOW_NO_ORIGINS"}`, ""},
		{`,"corsSettings":{"behavior":"ALLOW_SPECIFIC_ORIGINS"}`, "corsSettings.origins must not be empty"},
		{`,"corsSettings":{"behavior":"ALLOW_SPECIFIC_ORIGINS","origins":[]}`, "corsSettings.origins must not be empty"},
		{`,"corsSettings":{"behavior":"ALLOW_SPECIFIC_ORIGINS","origins":["https://a"]}`, ""},
		{`,"corsSettings":{"origins":["https://a/"]}`, "corsSettings.behavior must not be null"},
		{`,"redirectUris":["https://a/*"]`, "redirectUris[0] Wildcards are not allowed in redirect URIs."},
		{`,"redirectUris":["https://a/","x"],"postLogoutRedirectUris":["y"]`, "redirectUris[1] must be an absolute URI, such as https://app.example.com/callback or com.example.app:/callback\npostLogoutRedirectUris[0] must be an absolute URI"},
		{`,"refreshTokenDuration":59`, "refreshTokenDuration must be between 60 and 2147483647"},
		{`,"refreshTokenDuration":600,"refreshTokenRollingDuration":600`, ""},
		{`,"refreshTokenDuration":601,"refreshTokenRollingDuration":600`, "refreshTokenDuration must not be more than refreshTokenRollingDuration, which is 600"},
		{`,"refreshTokenDuration":15552001`, "refreshTokenDuration must not be more than refreshTokenRollingDuration, which is 15552000"},
		{`,"jwks":"{\"keys\":[]}"`, ""},
		{`,"jwks":"{\"keys\":[{\"kty\":\"unheard of\"}]}"`, ""},
		{`,"jwks":"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"`, ""},
		{`,"jwks":"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}]}"`, "jwks must have public keys only"},
		{`,"jwks":"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMko\"}]}"`, "jwks must have public keys only"},
		{`,"jwks":"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}"`, "jwks must have keys of RFC 7517; key 1 is none"},
		{`,"jwks":"{\"keys\":[1]}"`, "jwks must have keys of RFC 7517; key 1 is none"},
		{`,"jwks":"{}"`, "jwks must be a JSON Web Key Set"},
		{`,"jwks":"{\"keys\":{}}"`, "jwks must be a JSON Web Key Set"},
		{`,"jwks":"-----BEGIN PUBLIC KEY-----"`, "jwks must be a JSON Web Key Set"},
		{`,"loginPageUrl":"javascript:alert(1)"`, "loginPageUrl must be an absolute http or https URL"},
		{`,"loginPageUrl":"https://a/sign-on?x"`, ""},
		{`,"homePageUrl":"//a"`, "homePageUrl must be an absolute http or https URL"},
		{`,"pkceEnforcement":"NONE"`, "pkceEnforcement must be one of OPTIONAL, REQUIRED, S256_REQUIRED"},
		// Every rule that is broken is told at once.
		{`,"allowWildcardInRedirectUris":true,"grantTypes":["CLIENT_CREDENTIALS"],"tokenEndpointAuthMethod":"NONE","corsSettings":{"behavior":"ALLOW_SPECIFIC_ORIGINS"}`,
			"tokenEndpointAuthMethod must not be NONE with the grant type CLIENT_CREDENTIALS\ncorsSettings.origins"},
	}
	for _, c := range cases {
		_, told := accepted(t, applications(), app+c.sent+`}`)
		if (told == "") != (c.says == "") || !strings.Contains(told, c.says) {
			t.Errorf("%s: %q, not %q", c.sent, told, c.says)
		}
	}
}

// A client has a secret and the mapping of its subject; a link has neither.
func TestApplicationComesWithSecretAndSubject(t *testing.T) {
	client, link := json.RawMessage(`{"protocol":"OPENID_CONNECT"}`), json.RawMessage(`{"protocol":"EXTERNAL_LINK"}`)
	gift := kind.Gift{ID: "i", Secret: "sealed", NewID: func() string { return "new" }}
	entries, err := applications().With(client, gift)
	if err != nil || len(entries) != 2 || entries[0].ID != "i" || entries[0].Kind != "secret" || entries[0].Body.(Secret).Sealed != "sealed" {
		t.Fatalf("beside an application stands %+v, %v", entries, err)
	}
	if body := entries[1].Body.(kind.Body); entries[1].ID != "new" || entries[1].Kind != "attributeMapping" || body["name"] != "sub" || body["value"] != "${user.id}" || body["required"] != true || body["parent"] != "i" {
		t.Errorf("its subject is %+v", entries[1])
	}
	if shown, err := applications().Show("i", client, nil, noon); err != nil || fmt.Sprint(shown) != "map[clientId:i]" {
		t.Errorf("shown: %v, %v", shown, err)
	}
	if entries, err := applications().With(link, gift); err != nil || len(entries) > 0 {
		t.Errorf("beside a link stands %+v, %v", entries, err)
	}
	if shown, err := applications().Show("i", link, nil, noon); err != nil || len(shown) > 0 {
		t.Errorf("of a link is shown %v, %v", shown, err)
	}
}

func TestWrongRedirectURI(t *testing.T) {
	// covers: RFC 6749 §3.1.2/1, RFC 6749 §3.1.2/3
	const invalid, relative = "must be a valid URI", "must be an absolute URI"
	cases := []struct{ uri, says string }{
		{"https://app.example.com/cb?x=1&y=%20", ""},
		{"http://127.0.0.1:8080/cb", ""},
		{"http://[::1]/cb", ""},
		{"http://localhost", ""},
		{"com.example.app:/cb", ""},
		{"com.example.app://cb", ""},
		{"com.example.app:cb", ""},
		{"myapp://auth/cb?x", ""},
		{"HTTPS://app.example.com/cb", ""},
		{"https://*.example.com/cb", "Wildcards"},
		{"https://app.example.com/*", "Wildcards"},
		{"*", "Wildcards"},
		{"app.example.com/cb", relative},
		{"/cb", relative},
		{"//app.example.com/cb", relative},
		{"?x", relative},
		{"https://app.example.com/cb#", "fragment"},
		{"https://app.example.com/cb#x", "fragment"},
		{"com.example.app:/cb#x", "fragment"},
		{"https://user@app.example.com/cb", "user information"},
		{"https://user:pw@app.example.com/cb", "user information"},
		{"https://@app.example.com/cb", "user information"},
		{"https:///cb", "must have a host"},
		{"https:cb", "must have a host"},
		{"http:/cb", "must have a host"},
		{"https://:8080/cb", "must have a host"},
		{"HTTPS:/cb", "must have a host"},
		{"javascript:alert(1)", "scheme javascript"},
		{"JavaScript:alert(1)", "scheme javascript"},
		{"data:text/html,x", "scheme data"},
		{"vbscript:x", "scheme vbscript"},
		{"file:///etc/passwd", "scheme file"},
		{"blob:https://app.example.com/x", "scheme blob"},
		{"about:blank", "scheme about"},
		{"https://app.example.com/c b", invalid},
		{" https://app.example.com/cb", invalid},
		{"https://app.example.com/cb\n", invalid},
		{"https://app.example.com/cb\r\nX: y", invalid},
		{"https://app.example.com\\@evil.com/cb", invalid},
		{`https://app.example.com/"`, invalid},
		{"https://app.example.com/<x>", invalid},
		{"https://app.example.com/{x}", invalid},
		{"https://app.example.com/`", invalid},
		{"https://app.example.com/é", invalid},
		{"https://exämple.com/", invalid},
		{"https://app.example.com/\x7f", invalid},
		{"https://app.example.com/%zz", invalid},
		{"https://app.example.com:port/", invalid},
		{"https://[::1/cb", invalid},
		{"1app:/cb", invalid},
		{":cb", invalid},
	}
	for _, c := range cases {
		if got := wrongRedirectURI(c.uri); (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%q: %q, not %q", c.uri, got, c.says)
		}
	}
}

func TestWrongOrigin(t *testing.T) {
	for _, good := range []string{"https://app.example.com", "http://localhost:3000", "https://app.example.com:8443", "http://[::1]:3000", "http://127.0.0.1"} {
		if got := wrongOrigin(good); got != "" {
			t.Errorf("%s: %s", good, got)
		}
	}
	for _, bad := range []string{"", "null", "*", "app.example.com", "//app.example.com", "https://", "https://app.example.com/", "https://app.example.com/cb", "https://app.example.com?x",
		"https://app.example.com#x", "https://user@app.example.com", "ftp://app.example.com", "com.example.app://x", "HTTPS://app.example.com", "https://app.example.com:x", " https://app.example.com", "https://a b"} {
		if wrongOrigin(bad) == "" {
			t.Errorf("%q was taken", bad)
		}
	}
}

// A browser sends its origin in lower case, without the default port (RFC 6454
// §6.1); origins are compared exactly, so one that no browser sends would never
// match and its owner would never learn why. Wildcards are refused in words.
func TestWrongOriginThatNoBrowserSends(t *testing.T) {
	for _, bad := range []string{"https://*.example.com", "https://*", "https://App.example.com", "https://app.example.com:443", "http://app.example.com:80", "https://app.example.com:"} {
		if wrongOrigin(bad) == "" {
			t.Errorf("%q was taken", bad)
		}
	}
}

// covers: OIDC Core §5.1/6
func TestWrongEmail(t *testing.T) {
	for _, good := range []string{"joe@example.com", "joe.o'neil+tag@sub.example.com", "j@localhost", "jöe@example.com"} {
		if got := wrongEmail(good); got != "" {
			t.Errorf("%s: %s", good, got)
		}
	}
	for _, bad := range []string{"joe", "joe@", "@example.com", "joe@@example.com", "Joe <joe@example.com>", "<joe@example.com>", "joe@example.com, ann@example.com", " joe@example.com",
		"joe@example.com\n", "joe@example.com\r\nBcc: ann@example.com", "joe @example.com", "joe@exa mple.com", "joe.@example.com", "(x)joe@example.com", "joe@example.com (Joe)"} {
		if got := wrongEmail(bad); got != "must be a well-formed email address" {
			t.Errorf("%q: %q", bad, got)
		}
	}
}

func TestWrongPolicyName(t *testing.T) {
	for _, good := range []string{"Single_Factor", "a.b-c d", "https://refeds.org/profile/mfa", "urn://x"} {
		if wrongPolicyName(good) != "" {
			t.Errorf("%q is a good name", good)
		}
	}
	for _, bad := range []string{"a/b", "é", "a\nb", "https://a b", "a:b"} {
		if wrongPolicyName(bad) == "" {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestNounRules(t *testing.T) {
	cases := []struct {
		k          kind.Kind
		sent, says string
	}{
		{users(), `{"username":"joe","email":"joe@example.com"}`, ""},
		{users(), `{"username":"joe","email":"joe","name":{"family":"D\u0000"},"address":{"countryCode":"de"},"timezone":"Berlin"}`,
			"email must be a well-formed email address\nname.family must not contain NUL or broken Unicode\naddress.countryCode must match ^[A-Z]{2}$\ntimezone must match ^\\w+/\\w+$"},
		{users(), `{"email":"joe@example.com"}`, "username must not be null"},
		{users(), `{"username":"","email":"joe@example.com"}`, "username must not be empty"},
		{users(), `{"username":"` + strings.Repeat("a", 129) + `","email":"joe@example.com"}`, "username must be at most 128 characters long"},
		{users(), `{"username":"a\nb","email":"joe@example.com"}`, "username must match"},
		{populations(), `{"name":"P"}`, ""},
		{populations(), `{}`, "name must not be null"},
		{grants(), `{"resource":{"id":"r"},"scopes":[{"id":"s"}]}`, ""},
		{grants(), `{"resource":{"id":"r"},"scopes":[]}`, "scopes must not be empty"},
		{grants(), `{"scopes":[{}]}`, "resource must not be null\nscopes[0].id must not be null"},
		{signOnPolicyAssignments(), `{"signOnPolicy":{"id":"p"},"priority":0}`, "priority must be between 1 and 2147483647"},
		{signOnPolicyActions(), `{"type":"LOGIN","priority":1,"recovery":{"enabled":true}}`, ""},
		{signOnPolicyActions(), `{"type":"LOGIN","priority":1,"recovery":{}}`, "recovery.enabled must not be null"},
		{signOnPolicyActions(), `{"type":"LOGIN","priority":1,"condition":{"and":[]}}`, "condition must have a list of 1 to 100 conditions"},
		{signOnPolicyActions(), `{"type":"AGREEMENT","priority":1}`, "agreement must not be null"},
		{signOnPolicyActions(), `{"type":"IDENTIFIER_FIRST","priority":0,"discoveryRules":[{}]}`, "priority must be between 1 and 2147483647\ndiscoveryRules[0].condition must not be null\ndiscoveryRules[0].identityProvider must not be null"},
		{signOnPolicyActions(), `{"type":"DANCE"}`, "type must be one of LOGIN"},
		{environments(), `{"name":"E","type":"SANDBOX","region":"EU"}`, ""},
		{environments(), `{"name":"E","type":"TOY","region":"XX"}`, "type must be one of PRODUCTION, SANDBOX\nregion must be one of AP"},
		{passwordPolicies(), `{"name":"P","excludesCommonlyUsed":true,"excludesProfileData":false,"notSimilarToCurrent":false,"minAgeDays":2,"maxAgeDays":2}`, "minAgeDays must be less than maxAgeDays"},
		{passwordPolicies(), `{"name":"P","excludesCommonlyUsed":true,"excludesProfileData":false,"notSimilarToCurrent":false,"minAgeDays":1,"maxAgeDays":2}`, ""},
		{passwordPolicies(), `{"name":"P"}`, "excludesCommonlyUsed must not be null\nexcludesProfileData must not be null\nnotSimilarToCurrent must not be null"},
		{passwordPolicies(), `{"name":"P","excludesCommonlyUsed":true,"excludesProfileData":false,"notSimilarToCurrent":false,"length":{"min":7,"max":256},"minCharacters":{"0123456789":6}}`,
			"length.min must be between 8 and 32\nlength.max must be between 64 and 255\nminCharacters.0123456789 must be between 0 and 5"},
	}
	for _, c := range cases {
		_, told := accepted(t, c.k, c.sent)
		if (told == "") != (c.says == "") || !strings.Contains(told, c.says) {
			t.Errorf("%s %s: %q, not %q", c.k.Table().Name, c.sent, told, c.says)
		}
	}
}

// A default document stays, and what is the platform's; PingOne's sentences.
func TestUndeletable(t *testing.T) {
	stays := []struct{ noun, body, says string }{
		{"population", `{"default":true}`, "cannot delete the default population"},
		{"signOnPolicy", `{"default":true}`, "cannot delete the default policy"},
		{"passwordPolicy", `{"default":true}`, "Default Password Policy can not be deleted"},
		{"theme", `{"default":true}`, "cannot delete the default theme"},
		{"language", `{"default":true}`, "cannot delete the default language"},
		{"key", `{"default":true}`, "cannot delete the default key"},
		{"certificate", `{"default":true}`, "cannot delete the default key"},
		{"keyRotationPolicy", `{"default":true}`, "cannot delete the default key rotation policy"},
		{"deviceAuthenticationPolicy", `{"default":true}`, "cannot delete the default device authentication policy"},
		{"application", `{"type":"PING_ONE_ADMIN_CONSOLE"}`, "cannot delete the applications of the platform"},
		{"application", `{"type":"PING_ONE_PORTAL"}`, "cannot delete the applications of the platform"},
		{"application", `{"type":"PING_ONE_SELF_SERVICE"}`, "cannot delete the applications of the platform"},
		{"resource", `{"type":"OPENID_CONNECT"}`, "cannot delete the resources of the platform"},
		{"resource", `{"type":"PINGONE_API"}`, "cannot delete the resources of the platform"},
		{"attributeMapping", `{"mappingType":"CORE"}`, "cannot delete a core attribute mapping"},
		{"resourceAttribute", `{"type":"CORE"}`, "cannot delete a core attribute"},
		{"schemaAttribute", `{"schemaType":"CORE"}`, "cannot delete an attribute of the platform"},
		{"schemaAttribute", `{"schemaType":"STANDARD"}`, "cannot delete an attribute of the platform"},
	}
	for _, c := range stays {
		if err := kindOf(c.noun).Undeletable(json.RawMessage(c.body)); !errors.Is(err, fault.Needed) || !strings.HasSuffix(err.Error(), c.says+"]") {
			t.Errorf("%s %s: %v", c.noun, c.body, err)
		}
	}
	const other = `{"default":false,"type":"CUSTOM","mappingType":"CUSTOM","schemaType":"CUSTOM"}`
	for _, k := range Kinds() {
		name := k.Table().Name
		if err := k.Undeletable(json.RawMessage(other)); err != nil {
			t.Errorf("another %s: %v", name, err)
		}
		if err := k.Undeletable(json.RawMessage(`{"default":true,"type":"CUSTOM","mappingType":"CUSTOM","schemaType":"CUSTOM"}`)); err != nil && !slices.ContainsFunc(stays, func(c struct{ noun, body, says string }) bool {
			return c.noun == name && strings.Contains(c.body, "default")
		}) {
			t.Errorf("a default %s: %v", name, err)
		}
	}
}

func TestShowUser(t *testing.T) {
	cases := []struct{ user, credential, want string }{
		{`{"enabled":true}`, ``, `{"account":{"canAuthenticate":true,"status":"OK"}}`},
		{`{"enabled":false}`, `{"failures":3}`, `{"account":{"canAuthenticate":false,"status":"OK"}}`},
		{`{"enabled":true}`, `{"lastSignOn":{"at":"2026-03-01T00:00:00.000Z","remoteIp":"::1"}}`, `{"account":{"canAuthenticate":true,"status":"OK"},"lastSignOn":{"at":"2026-03-01T00:00:00.000Z","remoteIp":"::1"}}`},
		{`{"enabled":true}`, `{"unlockAt":"2026-03-01T12:00:01.5Z"}`, `{"account":{"canAuthenticate":false,"secondsUntilUnlock":2,"status":"LOCKED","unlockAt":"2026-03-01T12:00:01.500Z"}}`},
		{`{"enabled":true}`, `{"unlockAt":"2026-03-01T12:00:00Z"}`, `{"account":{"canAuthenticate":true,"status":"OK"}}`},
	}
	for _, c := range cases {
		var beside json.RawMessage
		if c.credential != "" {
			beside = json.RawMessage(c.credential)
		}
		shown, err := users().Show("u", json.RawMessage(c.user), beside, noon)
		if raw, _ := json.Marshal(shown); err != nil || string(raw) != c.want {
			t.Errorf("%s %s: %s, %v", c.user, c.credential, raw, err)
		}
	}
	if _, err := users().Show("u", json.RawMessage(`{}`), json.RawMessage(`{"failures":"x"}`), noon); err == nil {
		t.Error("a broken credential must not be shown as none")
	}
}

func TestUserComesWithCredential(t *testing.T) {
	if e, err := users().With(json.RawMessage(`{}`), kind.Gift{ID: "u"}); err != nil || e != nil {
		t.Errorf("no password, no credential: %v, %v", e, err)
	}
	e, err := users().With(json.RawMessage(`{}`), kind.Gift{ID: "u", Hash: "h", ForceChange: true, Now: noon})
	if err != nil || len(e) != 1 || e[0].Kind != "credential" || e[0].ID != "u" {
		t.Fatalf("%+v, %v", e, err)
	}
	if c := e[0].Body.(Credential); c.Hash != "h" || !c.MustChange || !c.ChangedAt.Equal(noon) {
		t.Errorf("the credential is %+v", c)
	}
}
