package client

import (
	"cmp"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// example is a body that an operation takes, with its media type. What is not
// here is made from the schema. {/collection} stands for the id of the element
// that the test made in that collection, {n} for a number.
// {+/collection} for that of a new one. Media "" is application/json.
type example struct{ key, media, body string }

const env = "/v1/environments/{environment}"

// The roles of the platform that the test gives out; their ids are the same on
// every server.
const (
	environmentAdmin = "70712a0a-0000-4000-8000-000000000002"
	identityReader   = "70712a0a-0000-4000-8000-000000000006"
)

// needMail are the media types of actions that need a mail to have been sent.
var needMail = []string{mediaVendor + "password.sendRecoveryCode+json", mediaVendor + "password.recover+json"}

// barren are the collections that have nothing in them yet.
var barren = []string{
	"/certificates", "/flowPolicies", "/gateways", "/applications/{application}/flowPolicyAssignments", "/applications/{application}/pushCredentials",
	"/users/{user}/agreementConsents", "/users/{user}/devices", "/users/{user}/linkedAccounts",
}

const mediaVendor = "application/vnd.pingidentity."

// examples are in the order in which creations must come.
var examples = []example{
	{"POST /v1/environments", "", `{"name": "Contract {n}", "type": "SANDBOX", "region": "EU"}`},
	{"POST " + env + "/populations", "", `{"name": "Population {n}"}`},
	{"POST " + env + "/users", "", `{"username": "contract{n}", "email": "contract@example.com"}`},
	{"POST " + env + "/users", mediaVendor + "user.import+json", `{"username": "import{n}", "email": "import@example.com", "password": {"value": "2FederateM0re!"}}`},
	{"POST " + env + "/groups", "", `{"name": "Group {n}"}`},
	{"POST " + env + "/groups/{group}/memberOfGroups", "", `{"id": "{+/groups}"}`},
	{"POST " + env + "/users/{user}/memberOfGroups", "", `{"id": "{+/groups}"}`},
	{"POST " + env + "/applications", "", `{"name": "App {n}", "enabled": true, "type": "WEB_APP", "protocol": "OPENID_CONNECT", "redirectUris": ["https://app.example.com/callback"]}`},
	{"POST " + env + "/applications/{application}/attributes", "", `{"name": "claim{n}", "value": "${user.email}", "required": false}`},
	{"POST " + env + "/resources", "", `{"name": "api{n}"}`},
	{"POST " + env + "/resources/{resource}/scopes", "", `{"name": "read{n}"}`},
	{"POST " + env + "/resources/{resource}/attributes", "", `{"name": "claim{n}", "value": "${user.email}"}`},
	{"POST " + env + "/applications/{application}/grants", "", `{"resource": {"id": "{/resources}"}, "scopes": [{"id": "{/resources/{resource}/scopes}"}]}`},
	{"POST " + env + "/signOnPolicies", "", `{"name": "Policy_{n}"}`},
	{"POST " + env + "/signOnPolicies/{signOnPolicy}/actions", "", `{"type": "LOGIN", "priority": {n}}`},
	{"POST " + env + "/applications/{application}/signOnPolicyAssignments", "", `{"signOnPolicy": {"id": "{/signOnPolicies}"}, "priority": {n}}`},
	{"POST " + env + "/applications/{application}/roleAssignments", "", `{"role": {"id": "` + environmentAdmin + `"}, "scope": {"id": "{/v1/environments}", "type": "ENVIRONMENT"}}`},
	{"POST " + env + "/users/{user}/roleAssignments", "", `{"role": {"id": "` + environmentAdmin + `"}, "scope": {"id": "{/v1/environments}", "type": "ENVIRONMENT"}}`},
	{"POST " + env + "/groups/{group}/roleAssignments", "", `{"role": {"id": "` + environmentAdmin + `"}, "scope": {"id": "{/v1/environments}", "type": "ENVIRONMENT"}}`},
	{"POST " + env + "/keys", "", `{"name": "Key {n}", "algorithm": "RSA", "keyLength": 2048, "signatureAlgorithm": "SHA256withRSA", "subjectDN": "CN=Contract", "usageType": "SIGNING", "validityPeriod": 365}`},
	{"POST " + env + "/agreements", "", `{"name": "Agreement {n}", "enabled": false}`},
	{"POST " + env + "/keyRotationPolicies", "", `{"name": "Rotation {n}", "algorithm": "RSA", "keyLength": 2048, "signatureAlgorithm": "SHA256withRSA", "usageType": "SIGNING", "dn": "CN=Contract"}`},
	{"POST " + env + "/identityProviders", "", `{"name": "Provider {n}", "enabled": true, "type": "GOOGLE", "clientId": "one", "clientSecret": "two"}`},
	{"POST " + env + "/identityProviders/{identityProvider}/attributes", "", `{"name": "attribute{n}", "value": "${providerAttributes.email}", "update": "EMPTY_ONLY"}`},
	{"POST " + env + "/themes", "", `{"template": "split", "configuration": {"name": "Theme {n}", "backgroundType": "NONE", "bodyTextColor": "#000000", "buttonColor": "#000000", "buttonTextColor": "#FFFFFF",
		"cardColor": "#FFFFFF", "headingTextColor": "#000000", "linkTextColor": "#000000", "logoType": "NONE"}}`},
	{"PATCH " + env + "/users/{user}", "", `{"title": "Countess", "nickname": null, "name": {"given": "Ada", "family": null}}`},
	{"PUT /v1/environments/{environment}/type", "", `{"type": "SANDBOX"}`},
	{"PUT /v1/environments/{environment}/status", "", `{"status": "ACTIVE"}`},
	{"PUT " + env + "/users/{user}/password", mediaVendor + "password.set+json", `{"value": "` + encoded(password) + `"}`},
	{"PUT " + env + "/users/{user}/password", mediaVendor + "password.reset+json", `{"newPassword": "3FederateM0re!"}`},
	{"POST " + env + "/users/{user}/password", mediaVendor + "password.check+json", `{"password": "` + password + `"}`},
}

// more are further bodies of creations: the variants of a kind, and all that
// one can have.
var more = []example{
	{"POST /v1/environments", "", `{"name": "Production {n}", "type": "PRODUCTION", "region": "NA", "description": "Another one",
		"billOfMaterials": {"solutionType": "CUSTOMER", "products": [{"type": "PING_ONE_MFA", "bookmarks": [{"name": "Help", "href": "https://help.example.com"}]}]}}`},
	{"POST " + env + "/applications", "", `{"name": "App {n}", "enabled": true, "type": "NATIVE_APP", "protocol": "OPENID_CONNECT", "mobile": {"bundleId": "com.example.app", "passcodeGracePeriod": 7}}`},
	{"POST " + env + "/applications", "", `{"name": "App {n}", "enabled": true, "type": "SINGLE_PAGE_APP", "protocol": "OPENID_CONNECT", "corsSettings": {"behavior": "ALLOW_SPECIFIC_ORIGINS", "origins": ["https://app.example.com"]}}`},
	{"POST " + env + "/applications", "", `{"name": "App {n}", "enabled": false, "type": "WORKER", "protocol": "OPENID_CONNECT", "description": "Works"}`},
	{"POST " + env + "/applications", "", `{"name": "App {n}", "enabled": true, "type": "SERVICE", "protocol": "OPENID_CONNECT"}`},
	{"POST " + env + "/applications", "", `{"name": "App {n}", "enabled": true, "type": "CUSTOM_APP", "protocol": "OPENID_CONNECT", "devicePathId": "device{n}"}`},
	{"POST " + env + "/applications", "", `{"name": "App {n}", "enabled": true, "type": "PORTAL_LINK_APP", "protocol": "EXTERNAL_LINK", "homePageUrl": "https://link.example.com"}`},
	{"POST " + env + "/applications", "", `{"name": "App {n}", "enabled": true, "type": "WEB_APP", "protocol": "OPENID_CONNECT", "grantTypes": ["AUTHORIZATION_CODE", "REFRESH_TOKEN"], "responseTypes": ["CODE"],
		"postLogoutRedirectUris": ["https://app.example.com/bye"], "accessControl": {"group": {"type": "ANY_GROUP", "groups": [{"id": "{/groups}"}]}}, "refreshTokenDuration": 3600, "icon": {"id": "icon", "href": "https://app.example.com/icon.png"}}`},
	{"POST " + env + "/users", "", `{"username": "whole{n}", "email": "whole@example.com", "name": {"given": "Ada", "family": "Lovelace", "middle": "King", "formatted": "Ada Lovelace", "honorificPrefix": "Lady"},
		"address": {"streetAddress": "12 St James's Square", "locality": "London", "region": "London", "postalCode": "SW1Y 4JH", "countryCode": "GB"}, "externalId": "x{n}", "locale": "en", "nickname": "Ada", "title": "Countess",
		"type": "person", "mobilePhone": "+44.2071234567", "primaryPhone": "+44.2071234567", "photo": {"href": "https://example.com/ada.png"}, "preferredLanguage": "en", "timezone": "Europe/London",
		"enabled": false, "population": {"id": "{/populations}"}}`},
	{"POST " + env + "/users", mediaVendor + "user.import+json", `{"username": "import{n}", "email": "import@example.com", "population": {"id": "{/populations}"}, "password": {"value": "` + encoded(password) + `", "forceChange": true}}`},
	{"POST " + env + "/populations", "", `{"name": "Population {n}", "description": "With a policy", "passwordPolicy": {"id": "{/passwordPolicies}"}, "preferredLanguage": "en"}`},
	{"POST " + env + "/groups", "", `{"name": "Group {n}", "description": "Of a population", "population": {"id": "{/populations}"}, "externalId": "g{n}", "customData": {"any": ["thing", 1]}}`},
	{"POST " + env + "/resources", "", `{"name": "whole{n}", "description": "All of it", "audience": "https://api{n}.example.com", "accessTokenValiditySeconds": 600}`},
	{"POST " + env + "/passwordPolicies", "", `{"name": "Policy {n}", "excludesCommonlyUsed": true, "excludesProfileData": true, "notSimilarToCurrent": true, "length": {"min": 8, "max": 64}, "minCharacters": {"0123456789": 2},
		"minUniqueCharacters": 3, "maxRepeatedCharacters": 2, "maxAgeDays": 90, "minAgeDays": 1, "history": {"count": 3, "retentionDays": 100}, "lockout": {"failureCount": 3, "durationSeconds": 60}, "minComplexity": 7}`},
	{"POST " + env + "/signOnPolicies/{signOnPolicy}/actions", "", `{"type": "LOGIN", "priority": {n}, "recovery": {"enabled": true}, "registration": {"enabled": false}, "condition": {"secondsSince": "${session.lastSignOn.at}", "greater": 60}}`},
	{"POST " + env + "/signOnPolicies/{signOnPolicy}/actions", "", `{"type": "IDENTIFIER_FIRST", "priority": {n}}`},
	{"POST " + env + "/signOnPolicies/{signOnPolicy}/actions", "", `{"type": "MULTI_FACTOR_AUTHENTICATION", "priority": {n}, "noDevicesMode": "BLOCK", "email": {"enabled": true}}`},
	{"POST " + env + "/signOnPolicies/{signOnPolicy}/actions", "", `{"type": "AGREEMENT", "priority": {n}, "agreement": {"id": "{/agreements}"}}`},
	{"POST " + env + "/signOnPolicies/{signOnPolicy}/actions", "", `{"type": "PROGRESSIVE_PROFILING", "priority": {n}, "attributes": [{"name": "nickname", "required": true}], "preventMultiplePromptsPerFlow": true, "promptIntervalSeconds": 60, "promptText": "Who?"}`},
	{"POST " + env + "/signOnPolicies/{signOnPolicy}/actions", "", `{"type": "IDENTITY_PROVIDER", "priority": {n}, "identityProvider": {"id": "{/identityProviders}"}}`},
	{"POST " + env + "/identityProviders", "", `{"name": "Provider {n}", "enabled": true, "type": "OPENID_CONNECT", "clientId": "one", "clientSecret": "two", "issuer": "https://id.example.com", "authorizationEndpoint": "https://id.example.com/a",
		"jwksEndpoint": "https://id.example.com/j", "tokenEndpoint": "https://id.example.com/t", "scopes": ["openid"], "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC"}`},
	{"POST " + env + "/keys", "", `{"name": "Key {n}", "algorithm": "EC", "keyLength": 256, "signatureAlgorithm": "SHA256withECDSA", "subjectDN": "CN=Contract", "usageType": "SIGNING", "validityPeriod": 365}`},
}

// questions are further GETs.
var questions = []string{
	env + "/users/{user} ?expand=population", env + "/users/{user} ?include=memberOfGroupIDs,memberOfGroupNames",
	env + "/users ?limit=1&order=-username", env + "/users ?filter=username sw \"c\" and population.id eq \"x\"", env + "/users ?filter=memberOfGroups[id eq \"x\"]",
	env + "/users/{user}/memberOfGroups ?expand=group", env + "/applications ?filter=type eq \"WEB_APP\"&order=name",
	env + "/activities ?limit=2&filter=recordedat gt \"2020-01-01T00:00:00Z\"", "/v1/environments ?filter=name sw \"Con\"",
}

// encoded is a password as {SSHA512}, which no policy is held against.
func encoded(text string) string {
	salt := []byte("contract")
	sum := sha512.Sum512(append([]byte(text), salt...))
	return "{SSHA512}" + base64.StdEncoding.EncodeToString(append(sum[:], salt...))
}

// inOrder is the operations, those with examples first and in their order.
func (c *contract) inOrder() []operation {
	place := func(o operation) int {
		if i := slices.IndexFunc(examples, func(e example) bool { return e.key == o.key() }); i >= 0 {
			return i
		}
		return len(examples)
	}
	out := slices.Clone(c.operations)
	slices.SortStableFunc(out, func(a, b operation) int { return place(a) - place(b) })
	return out
}

// example is a body for an operation, of its first media type.
func (c *contract) example(o operation) (media, body string) {
	media = "application/json"
	for _, e := range examples {
		if e.key == o.key() {
			return cmp.Or(e.media, media), c.named(e.body)
		}
	}
	if len(o.Media) > 0 && !slices.Contains(o.Media, media) {
		media = o.Media[0]
	}
	return media, c.made(o.Schema)
}

// exampleFor is a body of one media type, "" when there is no example.
func (c *contract) exampleFor(o operation, media string) (string, string) {
	for _, e := range examples {
		if e.key == o.key() && cmp.Or(e.media, "application/json") == media {
			return media, c.named(e.body)
		}
	}
	return media, ""
}

// made is a body of what a schema requires.
func (c *contract) made(schema map[string]any) string {
	c.numbers++
	raw, err := json.Marshal(c.value("", schema))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(raw)
}

func (c *contract) value(name string, schema map[string]any) any {
	if enum, ok := schema["enum"].([]any); ok {
		return enum[0]
	}
	switch schema["type"] {
	case "string":
		return c.text(name, schema)
	case "integer":
		least, _ := schema["minimum"].(float64)
		return max(least, 1)
	case "boolean":
		return true
	case "array":
		if least, _ := schema["minItems"].(float64); least > 0 {
			return []any{c.value(name, schema["items"].(map[string]any))}
		}
		return []any{}
	}
	out := map[string]any{}
	required, _ := schema["required"].([]any)
	for _, member := range required {
		out[member.(string)] = c.value(name+"."+member.(string), schema["properties"].(map[string]any)[member.(string)].(map[string]any))
	}
	return out
}

// text is an id when the member refers to something, else a word.
func (c *contract) text(name string, schema map[string]any) string {
	what, _ := schema["description"].(string)
	if _, kind, refers := strings.Cut(what, "document of the kind "); refers {
		kind, _, _ = strings.Cut(kind, ".")
		return c.ids[c.kinds[kind]]
	}
	if schema["format"] == "date-time" {
		return "2030-01-01T00:00:00.000Z"
	}
	return fmt.Sprintf("%s%d", name[strings.LastIndex(name, ".")+1:], c.numbers)
}
