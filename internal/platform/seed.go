package platform

import (
	"encoding/json"

	"pixy/internal/kind"
)

// PlatformAudience is the audience of tokens for the management API and of
// tokens that name no other resource. It is PingOne's, whatever the host.
const PlatformAudience = "https://api.pingone.com"

// Seed returns what a new environment is born with, and the roles that its
// creator gets on it.
func Seed(_ Environment, g kind.Gift) []kind.Entry {
	s := seed{g: g}
	s.add("theme", kind.Body{"name": "Default", "default": true})
	s.add("keyRotationPolicy", kind.Body{"name": "Default", "default": true, "algorithm": "RSA", "rotationPeriod": 90})
	s.entries = append(s.entries, kind.Entry{Env: g.ID, Kind: "signingKey", ID: g.KeyID, Body: json.RawMessage(g.Key)})
	standard := s.add("passwordPolicy", standardPolicy())
	s.add("population", kind.Body{
		"name": "Default", "nameKey": "default", "description": "Automatically created population.", "default": true,
		"preferredLanguage": "en", "passwordPolicy": byID(standard), "theme": byID(s.entries[0].ID),
	})
	single := s.policy("Single_Factor", "A sign-on with one factor", true)
	s.action(single, 1, loginAction())
	multi := s.policy("Multi_Factor", "A sign-on with two factors", false)
	s.action(multi, 1, loginAction())
	s.action(multi, 2, kind.Body{"type": "MULTI_FACTOR_AUTHENTICATION", "noDevicesMode": "BLOCK"})
	s.resources()
	s.creator()
	return s.entries
}

type seed struct {
	g       kind.Gift
	entries []kind.Entry
}

func (s *seed) add(noun string, body kind.Body) string {
	id := s.g.NewID()
	s.entries = append(s.entries, kind.Entry{Env: s.g.ID, Kind: noun, ID: id, Body: body})
	return id
}

func (s *seed) policy(name, description string, isDefault bool) string {
	return s.add("signOnPolicy", kind.Body{"name": name, "nameKey": kind.FoldText(name), "description": description, "default": isDefault})
}

func (s *seed) action(policy string, priority int, body kind.Body) {
	body["priority"], body["parent"], body["signOnPolicy"] = priority, policy, byID(policy)
	s.add("signOnPolicyAction", body)
}

// loginAction is the LOGIN action of a new policy: a session that is older
// than eight hours signs in again, as PingOne's default does.
func loginAction() kind.Body {
	return kind.Body{
		"type": "LOGIN", "recovery": kind.Body{"enabled": false}, "registration": kind.Body{"enabled": false},
		"condition": kind.Body{"secondsSince": "${session.lastSignOn.at}", "greater": 28800},
	}
}

func (s *seed) resources() {
	openid := s.add("resource", kind.Body{"name": "openid", "type": "OPENID_CONNECT"})
	for _, scope := range OIDCScopes() {
		s.scope(openid, scope.Name, scope.Description)
	}
	s.scope(openid, "offline_access", "Ask for a refresh token")
	api := s.add("resource", kind.Body{"name": "PingOne API", "type": "PINGONE_API", "audience": PlatformAudience, "accessTokenValiditySeconds": 3600})
	for _, scope := range selfScopes() {
		s.scope(api, scope.Name, scope.Description)
	}
}

func (s *seed) scope(resource, name, description string) {
	s.add("scope", kind.Body{"name": name, "description": description, "parent": resource, "resource": byID(resource)})
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
