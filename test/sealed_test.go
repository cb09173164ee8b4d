package test

import (
	"strings"
	"testing"
)

// TestGivenSecretsAreSealed: what a body keeps and never shows is not kept in
// clear, and stays when a replacement leaves it out.
func TestGivenSecretsAreSealed(t *testing.T) {
	w := newWorld(t)
	const secret = "the secret of an identity provider"
	made := w.manage("POST", "/identityProviders", object{"name": "G", "enabled": true, "type": "GOOGLE", "clientId": "c", "clientSecret": secret}).want(201)
	id := made.text("id")
	first := w.stored("identityProvider", id)
	if strings.Contains(made.raw, secret) || strings.Contains(first, secret) || !strings.Contains(first, `"clientSecret":"v1.`) {
		t.Errorf("the answer is %s, and kept is %s", made.raw, first)
	}
	w.manage("PUT", "/identityProviders/"+id, w.changed("/identityProviders/"+id, object{"clientId": "d"})).want(200)
	if again := w.stored("identityProvider", id); !strings.Contains(again, between(first, `"clientSecret":"`, `"`)) {
		t.Errorf("the secret was lost: %s", again)
	}
	w.manage("POST", "/identityProviders", object{"name": "H", "enabled": true, "type": "GOOGLE", "clientId": "c", "clientSecret": 7}).want(400)
}

// between is what stands between two texts.
func between(s, before, after string) string {
	_, rest, _ := strings.Cut(s, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}
