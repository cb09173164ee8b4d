package platform

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pixy/internal/kind"
)

// changed is a document after a PUT, as the management API takes it.
func changed(t testing.TB, k kind.Kind, before, sent string) string {
	t.Helper()
	_, raw, told := held(t, k, before, sent)
	if told != "" {
		return told
	}
	return raw
}

// TestApplicationTypes holds every type against every protocol.
func TestApplicationTypes(t *testing.T) {
	const only = "type must be PORTAL_LINK_APP with the protocol EXTERNAL_LINK, and with no other"
	for _, noun := range []string{"WEB_APP", "NATIVE_APP", "SINGLE_PAGE_APP", "WORKER", "SERVICE", "CUSTOM_APP", "PORTAL_LINK_APP", "TEMPLATE_APP", "PING_ONE_ADMIN_CONSOLE", "PING_ONE_PORTAL", "PING_ONE_SELF_SERVICE"} {
		for _, protocol := range []string{"OPENID_CONNECT", "SAML", "WS_FED", "EXTERNAL_LINK"} {
			var want []string
			foreign := protocol == "SAML" || protocol == "WS_FED"
			if foreign {
				want = append(want, "protocol "+protocol+" applications are not supported by this server; it serves OPENID_CONNECT, and stores EXTERNAL_LINK")
			}
			if !foreign && (protocol == "EXTERNAL_LINK") != (noun == "PORTAL_LINK_APP") {
				want = append(want, only)
			}
			if noun == "TEMPLATE_APP" || strings.HasPrefix(noun, "PING_ONE_") {
				want = append(want, "type "+noun+" applications can't be created")
			}
			_, told := accepted(t, applications(), fmt.Sprintf(`{"name":"A","enabled":true,"type":%q,"protocol":%q,"homePageUrl":"https://a"}`, noun, protocol))
			if told != strings.Join(want, "\n") {
				t.Errorf("%s with %s: %q, not %q", noun, protocol, told, want)
			}
		}
	}
}

// A link has the fields of a link only; what clients send beside is left out.
func TestExternalLink(t *testing.T) {
	const link = `{"name":"L","enabled":true,"type":"PORTAL_LINK_APP","protocol":"EXTERNAL_LINK"`
	body, told := accepted(t, applications(), link+`,"homePageUrl":"https://a/b","externalId":"x","grantTypes":["IMPLICIT"],"pkceEnforcement":"REQUIRED","redirectUris":["*"]}`)
	if want := `{"enabled":true,"externalId":"x","hiddenFromAppPortal":false,"homePageUrl":"https://a/b","name":"L","protocol":"EXTERNAL_LINK","type":"PORTAL_LINK_APP"}`; told != "" || string(encoded(t, body)) != want {
		t.Errorf("%s %v", told, body)
	}
	if _, told := accepted(t, applications(), link+`}`); told != "homePageUrl must not be null" {
		t.Errorf("without a page: %s", told)
	}
}

func TestApplicationIsChanged(t *testing.T) {
	before, _ := accepted(t, applications(), `{"name":"A","enabled":true,"type":"NATIVE_APP","protocol":"OPENID_CONNECT",
		"mobile":{"bundleId":"com.example","integrityDetection":{"mode":"DISABLED"},"passcodeGracePeriod":5,"passcodeRefreshDuration":{"duration":30,"timeUnit":"SECONDS"}}}`)
	was := string(encoded(t, before))
	put := func(more string) string {
		return changed(t, applications(), was, `{"name":"A","enabled":true,"type":"NATIVE_APP","protocol":"OPENID_CONNECT"`+more+`}`)
	}
	if got := put(``); got != was {
		t.Errorf("the same again is\n%s\nnot\n%s", got, was)
	}
	for more, says := range map[string]string{
		`,"mobile":{"bundleId":"com.other"}`:                    "mobile.bundleId must not be changed once it is set",
		`,"assignActorRoles":true`:                              "assignActorRoles must not be changed once it is set",
		`,"redirectUris":["https://a","https://b","https://a"]`: "redirectUris must not have 'https://a' twice",
	} {
		if got := put(more); got != says {
			t.Errorf("%s: %s", more, got)
		}
	}
	if got := changed(t, applications(), was, `{"name":"A","enabled":true,"type":"WEB_APP","protocol":"SAML"}`); got != "type must not be changed once it is set\nprotocol must not be changed once it is set" {
		t.Errorf("another type: %s", got)
	}
	// What the platform made may be changed, though nobody may make it.
	console, details, err := NewApplication(kind.Body{"name": "C", "enabled": true, "type": "PING_ONE_PORTAL", "protocol": "OPENID_CONNECT"}, "r")
	if err != nil || len(details) > 0 {
		t.Fatal(details, err)
	}
	if got := changed(t, applications(), string(encoded(t, console)), `{"name":"Other","enabled":false,"type":"PING_ONE_PORTAL","protocol":"OPENID_CONNECT","applyDefaultTheme":false}`); !strings.Contains(got, `"name":"Other"`) || !strings.Contains(got, `"applyDefaultTheme":false`) {
		t.Errorf("the portal: %s", got)
	}
}

func TestResourceRules(t *testing.T) {
	body, told := accepted(t, resources(), `{"name":"R"}`)
	if want := `{"accessTokenValiditySeconds":3600,"audience":"R","introspectEndpointAuthMethod":"CLIENT_SECRET_BASIC","name":"R","nameKey":"r","type":"CUSTOM"}`; told != "" || string(encoded(t, body)) != want {
		t.Errorf("%s %s", told, encoded(t, body))
	}
	for sent, says := range map[string]string{
		`{"name":"R","audience":"https://api.example.com","accessTokenValiditySeconds":300}`: "",
		`{"name":"R","type":"PINGONE_API"}`:                                                  "type must be CUSTOM: the others are the platform's",
		`{"name":"R","audience":"https://api.PingOne.com"}`:                                  "audience must not contain 'pingone'",
		`{"name":"R","audience":"urn:pingidentity"}`:                                         "audience must not contain 'pingidentity'",
		`{"name":"My PingOne","audience":"mine"}`:                                            "",
		`{"name":"My PingOne"}`:                                                              "audience must not contain 'pingone'", // its name is its audience
		`{"name":"R","accessTokenValiditySeconds":299}`:                                      "accessTokenValiditySeconds must be between 300 and 2592000",
		`{"name":"R","accessTokenValiditySeconds":2592001}`:                                  "accessTokenValiditySeconds must be between 300 and 2592000",
		`{"name":"R","introspectEndpointAuthMethod":"SECRET"}`:                               "introspectEndpointAuthMethod must be one of NONE, CLIENT_SECRET_BASIC, CLIENT_SECRET_POST",
	} {
		if _, told := accepted(t, resources(), sent); told != says {
			t.Errorf("%s: %q", sent, told)
		}
	}
	const openid = `{"accessTokenValiditySeconds":3600,"name":"openid","nameKey":"openid","type":"OPENID_CONNECT"}`
	const api = `{"accessTokenValiditySeconds":3600,"audience":"https://api.pingone.com","name":"PingOne API","nameKey":"pingone api","type":"PINGONE_API"}`
	const platforms = "name must not be changed, nor the audience: the resource is the platform's"
	for _, c := range []struct{ before, sent, want string }{
		{openid, `{"name":"openid"}`, openid},
		{openid, `{"name":"openid","type":"CUSTOM"}`, "type must not be changed once it is set"},
		{openid, `{"name":"openid","accessTokenValiditySeconds":600}`, strings.Replace(openid, "3600", "600", 1)},
		{openid, `{"name":"other"}`, platforms},
		{openid, `{"name":"openid","audience":"mine"}`, platforms},
		{api, `{"name":"PingOne API"}`, api},
		{api, `{"name":"PingOne API","audience":"mine"}`, platforms},
		{api, `{"name":"API"}`, platforms},
	} {
		if got := changed(t, resources(), c.before, c.sent); got != c.want {
			t.Errorf("%s, then %s: %s", c.before, c.sent, got)
		}
	}
	entries, err := resources().With(json.RawMessage(`{"name":"R"}`), kind.Gift{ID: "r", Secret: "sealed", NewID: func() string { return "n" }})
	if err != nil || len(entries) != 2 || entries[0].Kind != "resourceSecret" || entries[0].ID != "r" || entries[0].Body.(Secret).Sealed != "sealed" || entries[1].Kind != "resourceAttribute" || entries[1].ID != "n" {
		t.Errorf("with a resource come %+v, %v", entries, err)
	}
}

func TestScopeNames(t *testing.T) {
	for name, good := range map[string]bool{"read": true, "p1:read:user:x": true, "a!#[]~": true, "read write": false, "a\\\"b": false, `a\\b`: false, "caf\u00e9": false, "a\\nb": false, "\u007f": false} {
		if _, told := accepted(t, kindOf("scope"), `{"name":"`+name+`"}`); (told == "") != good {
			t.Errorf("%q: %s", name, told)
		}
	}
}

// The claims that the server writes itself can't be mapped (section 5.2 of the
// wire facts), and a claim that goes nowhere is none.
func TestMappingRules(t *testing.T) {
	for _, name := range []string{"acr", "amr", "aud", "auth_time", "client_id", "env", "exp", "iat", "iss", "jti", "org", "scope", "sid", "nonce", "at_hash", "nbf", "cnf"} {
		for noun, more := range map[string]string{"attributeMapping": `,"required":false`, "resourceAttribute": ``} {
			_, told := accepted(t, kindOf(noun), `{"name":"`+name+`","value":"x"`+more+`}`)
			if told != "name must not be the name of a claim that the server writes itself: "+name {
				t.Errorf("%s %s: %q", noun, name, told)
			}
		}
	}
	for sent, says := range map[string]string{
		`{"name":"n","value":"${user.id}","required":true}`:                                  "",
		`{"name":"n","value":"${user.id}","required":true,"idToken":false}`:                  "",
		`{"name":"n","value":"${user.id}","required":true,"userInfo":false}`:                 "",
		`{"name":"n","value":"${user.id}","required":true,"idToken":false,"userInfo":false}`: "idToken must not be false together with userInfo",
		`{"name":"acr","value":"x","required":true,"idToken":false,"userInfo":false}`:        "name must not be the name of a claim that the server writes itself: acr\nidToken must not be false together with userInfo",
		`{"name":"n","value":"${user.id","required":true}`:                                   "value must be a text or an expression such as ${user.name.given + ' ' + user.name.family}: '${' has no '}'",
		`{"name":"n","value":"","required":true}`:                                            "value must not be empty",
		`{"name":"n","value":"x"}`:                                                           "required must not be null",
	} {
		body, told := accepted(t, attributeMappings(), sent)
		if told != says {
			t.Errorf("%s: %q", sent, told)
		}
		if says == "" && body["mappingType"] != MappingCustom {
			t.Errorf("%s is %v", sent, body["mappingType"])
		}
	}
	if _, told := accepted(t, resourceAttributes(), `{"name":"sub","value":"x"}`); !strings.HasPrefix(told, "name must not be the name of a claim") {
		t.Errorf("a resource has its sub: %s", told)
	}
	// What is CORE may be changed in its value, not in its name.
	core := string(encoded(t, bodyOf(t, kind.Entry{Body: subjectMapping("a")})))
	if got := changed(t, attributeMappings(), core, `{"name":"sub","value":"${user.username}","required":true,"application":{"id":"b"}}`); !strings.Contains(got, `"value":"${user.username}"`) || !strings.Contains(got, `"mappingType":"CORE"`) || !strings.Contains(got, `"application":{"id":"a"}`) {
		t.Errorf("the subject is changed to %s", got)
	}
	if got := changed(t, attributeMappings(), core, `{"name":"who","value":"x","required":true}`); got != "name must not be changed once it is set" {
		t.Errorf("another name: %s", got)
	}
	coreOf := `{"name":"sub","value":"${user.id}","type":"CORE","parent":"r","resource":{"id":"r"}}`
	if got := changed(t, resourceAttributes(), coreOf, `{"name":"sub","value":"${user.username}"}`); !strings.Contains(got, `"value":"${user.username}"`) {
		t.Errorf("the subject of a resource is changed to %s", got)
	}
}

func TestDiscoveryRuleApplies(t *testing.T) {
	for _, c := range []struct {
		contains, value, username string
		want                      bool
	}{
		{"@example.com", "${identifier}", "joe@example.com", true},
		{"@EXAMPLE.com", "${identifier}", "Joe@Example.COM", true},
		{"@example.com", "${identifier}", "joe@example.org", false},
		{"stra\u00dfe", "${identifier}", "STRASSE", true},
		{"", "${identifier}", "joe", true},
		{"@example.com", "${identifier}", "", false},
		{"@example.com", "${user.email}", "joe", true}, // not evaluated, and never passed over
		{"@example.com", "", "joe", true},
	} {
		var r DiscoveryRule
		r.Condition.Contains, r.Condition.Value = c.contains, c.value
		if got := r.Applies(c.username); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestNamesAndDescriptions(t *testing.T) {
	for _, bad := range "$+<=>^`|~" {
		if told := wrongDescription("a" + string(bad) + "b"); !strings.Contains(told, "must not contain '"+string(bad)+"'") {
			t.Errorf("%c: %q", bad, told)
		}
	}
	for _, good := range []string{"", "It's a \"test\": 100% (\u00fc) - #1, [x]/{y}!?*&@;_\\\n"} {
		if told := wrongDescription(good); told != "" {
			t.Errorf("%q: %s", good, told)
		}
	}
	for _, blank := range []string{" ", "\\t", "\u00a0\u3000"} {
		if _, told := accepted(t, environments(), `{"name":"`+blank+`","type":"SANDBOX","region":"EU"}`); told != "name must not be empty" {
			t.Errorf("an environment named %q: %q", blank, told)
		}
	}
}

// What a new environment gets when nothing is said.
func TestEnvironmentDefaults(t *testing.T) {
	body, told := accepted(t, environments(), `{"name":"E","type":"SANDBOX","region":"EU","status":"DELETE_PENDING"}`)
	want := `{"billOfMaterials":{"products":[{"type":"PING_ONE_BASE"}]},"license":{"id":"default-license"},"name":"E","nameKey":"e","organization":{"id":"default-organization"},"region":"EU","status":"ACTIVE","type":"SANDBOX"}`
	if got := string(encoded(t, body)); told != "" || got != want {
		t.Errorf("%s %s", told, got)
	}
	// Type, organization and products have endpoints of their own.
	if got := changed(t, environments(), want, `{"name":"F","type":"PRODUCTION","region":"EU","organization":{"id":"o"},"billOfMaterials":{"products":[]},"status":"DELETE_PENDING"}`); got != strings.NewReplacer(`"name":"E"`, `"name":"F"`, `"nameKey":"e"`, `"nameKey":"f"`).Replace(want) {
		t.Errorf("changed: %s", got)
	}
	if got := changed(t, environments(), want, `{"name":"E","type":"SANDBOX","region":"NA"}`); got != "region must not be changed once it is set" {
		t.Errorf("another region: %s", got)
	}
}

// A user keeps what has an endpoint of its own.
func TestUserIsChanged(t *testing.T) {
	body, told := accepted(t, users(), `{"username":"Joe","email":"joe@example.com","population":{"id":"p"},"enabled":false,"mfaEnabled":true,"name":{"given":"Joe"},"emailVerified":true,"memberOfGroupIDs":["g"]}`)
	const want = `{"email":"joe@example.com","emailKey":"joe@example.com","enabled":false,"identityProvider":{"type":"PING_ONE"},"lifecycle":{"status":"ACCOUNT_OK"},"mfaEnabled":true,"name":{"given":"Joe"},` +
		`"population":{"id":"p"},"username":"Joe","usernameKey":"joe","verifyStatus":"NOT_INITIATED"}`
	if got := string(encoded(t, body)); told != "" || got != want {
		t.Fatalf("%s %s", told, got)
	}
	got := changed(t, users(), want, `{"username":"Joe","email":"ann@example.com","population":{"id":"q"},"enabled":true,"mfaEnabled":false}`)
	if want := strings.NewReplacer("joe@example.com", "ann@example.com", `"name":{"given":"Joe"},`, "").Replace(want); got != want {
		t.Errorf("changed: %s, not %s", got, want)
	}
}

// The schema of users names what the table of users has.
func TestUserAttributes(t *testing.T) {
	got := map[string]string{}
	for _, a := range userAttributes() {
		got[a["name"].(string)] = fmt.Sprint(a["type"], " ", a["schemaType"], " ", a["required"], " ", a["unique"])
	}
	for name, want := range map[string]string{"username": "STRING CORE true true", "email": "STRING CORE true false", "name": "COMPLEX STANDARD false false", "address": "COMPLEX STANDARD false false",
		"enabled": "BOOLEAN STANDARD false false", "population": "COMPLEX STANDARD false false", "nickname": "STRING STANDARD false false", "photo": "COMPLEX STANDARD false false"} {
		if got[name] != want {
			t.Errorf("%s is %q", name, got[name])
		}
	}
	for _, hidden := range []string{"lifecycle", "verifyStatus", "emailVerified", "identityProvider", "memberOfGroups", "memberOfGroupIDs"} {
		if got[hidden] != "" {
			t.Errorf("%s is in the schema", hidden)
		}
	}
	if !slices.ContainsFunc(userAttributes(), func(a kind.Body) bool { return a["name"] == "name" && len(a["subAttributes"].([]any)) == 6 }) {
		t.Error("a name has six parts")
	}
}
