package platform

import (
	"pixy/internal/fault"
	"pixy/internal/kind"
)

// PlatformAudience is the audience of tokens for the management API and of
// tokens that name no other resource. It is PingOne's, whatever the host.
const PlatformAudience = "https://api.pingone.com"

// Seed returns what a new environment is born with, and the roles that its
// creator gets on it.
func Seed(_ Environment, g kind.Gift) []kind.Entry {
	s := seed{g: g}
	theme := s.add("theme", defaultTheme())
	s.entries = append(s.entries, kind.Entry{Env: g.ID, Kind: "key", ID: g.KeyID, Body: g.Key})
	s.rotation = s.add("keyRotationPolicy", defaultRotation(g.KeyID, g.Now))
	standard := s.add("passwordPolicy", standardPolicy())
	s.add("passwordPolicy", basicPolicy())
	s.add("passwordPolicy", passphrasePolicy())
	s.add("population", kind.Body{
		"name": "Default", "description": "Automatically created population.", "default": true,
		"preferredLanguage": "en", "passwordPolicy": byID(standard), "theme": byID(theme),
	})
	single := s.policy("Single_Factor", "A sign-on with one factor", true)
	s.action(single, 1, loginAction())
	multi := s.policy("Multi_Factor", "A sign-on with two factors", false)
	s.action(multi, 1, loginAction())
	s.action(multi, 2, kind.Body{"type": "MULTI_FACTOR_AUTHENTICATION", "noDevicesMode": "BLOCK"})
	s.resources()
	s.applications()
	s.reading()
	s.creator()
	return s.entries
}

type seed struct {
	g        kind.Gift
	entries  []kind.Entry
	rotation string // the id of the key rotation policy
}

func (s *seed) add(noun string, body kind.Body) string {
	id := s.g.NewID()
	s.entries = append(s.entries, kind.Entry{Env: s.g.ID, Kind: noun, ID: id, Body: body})
	return id
}

func (s *seed) policy(name, description string, isDefault bool) string {
	return s.add("signOnPolicy", kind.Body{"name": name, "description": description, "default": isDefault})
}

func (s *seed) action(policy string, priority int, body kind.Body) {
	body["priority"], body["parent"], body["signOnPolicy"] = priority, policy, byID(policy)
	s.add("signOnPolicyAction", body)
}

// applications are those that every environment of PingOne has.
func (s *seed) applications() {
	for _, a := range []struct{ name, noun string }{
		{"PingOne Admin Console", "PING_ONE_ADMIN_CONSOLE"}, {"PingOne Application Portal", "PING_ONE_PORTAL"}, {"PingOne Self-Service - MyAccount", "PING_ONE_SELF_SERVICE"},
	} {
		body, _, _ := NewApplication(kind.Body{"name": a.name, "enabled": true, "type": a.noun, "protocol": "OPENID_CONNECT", "pkceEnforcement": PKCES256Required}, s.rotation)
		id := s.add("application", body)
		s.add("attributeMapping", subjectMapping(id))
	}
}

// NewApplication is the body of an application that Pixy makes itself: what
// was sent for it, held against the table like any other.
func NewApplication(sent kind.Body, rotation string) (kind.Body, []fault.Detail, error) {
	k := applications()
	filled := k.Fill(sent, nil)
	return kind.Accept(k.Table().All(filled), kind.Create, nil, filled, func(string) (string, error) { return rotation, nil })
}

// reading is what clients read on their way: the schema of users, the names of
// the templates, the language, a policy for second factors.
func (s *seed) reading() {
	schema := s.add("schema", kind.Body{"name": "User", "description": "Schema of the users", "allowsContainsOperator": true})
	for _, body := range userAttributes() {
		body["parent"], body["schema"] = schema, byID(schema)
		s.add("schemaAttribute", body)
	}
	for _, name := range templateNames() {
		s.add("template", kind.Body{"name": name, "displayName": name, "deliveryMethods": []any{"Email"}})
	}
	s.add("language", kind.Body{"locale": "en", "name": "English", "default": true, "enabled": true, "customerAdded": false})
	policy := kind.Body{"name": "Default Device Authentication Policy", "default": true}
	for _, f := range factors() {
		policy[f.Name] = f.Default
	}
	s.add("deviceAuthenticationPolicy", policy)
}

// loginAction is the LOGIN action of a new policy: a session that is older
// than eight hours signs in again, as PingOne's default does.
func loginAction() kind.Body {
	return kind.Body{
		"type": "LOGIN", "recovery": kind.Body{"enabled": false}, "registration": kind.Body{"enabled": false, "confirmIdentityProviderAttributes": false},
		"condition": kind.Body{"secondsSince": "${session.lastSignOn.at}", "greater": 28800},
	}
}

func (s *seed) resources() {
	openid := s.resource(kind.Body{"name": "openid", "type": ResourceOpenID, "accessTokenValiditySeconds": 3600})
	for _, scope := range OIDCScopes() {
		s.scope(openid, scope.Name, scope.Description)
	}
	s.scope(openid, "offline_access", "Ask for a refresh token")
	api := s.resource(kind.Body{"name": "PingOne API", "type": ResourcePlatform, "audience": PlatformAudience, "accessTokenValiditySeconds": 3600})
	for _, scope := range selfScopes() {
		s.scope(api, scope.Name, scope.Description)
	}
}

func (s *seed) resource(body kind.Body) string {
	id := s.add("resource", body)
	s.add("resourceAttribute", kind.Body{"name": "sub", "value": "${user.id}", "type": MappingCore, "parent": id, "resource": byID(id)})
	return id
}

func (s *seed) scope(resource, name, description string) {
	s.add("scope", kind.Body{"name": name, "description": description, "parent": resource, "resource": byID(resource), "predefined": true})
}

// creator gives whoever created the environment the two roles that PingOne
// gives: Identity Data Admin and Client Application Developer.
func (s *seed) creator() {
	if s.g.Actor == "" {
		return
	}
	for _, role := range []string{"Identity Data Admin", "Client Application Developer"} {
		s.entries = append(s.entries, Assign(s.g.NewID(), s.g.Actor, role, Scope{ID: s.g.ID, Type: "ENVIRONMENT"}))
	}
}
