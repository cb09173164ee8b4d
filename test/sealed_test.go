package test

import (
	"strings"
	"testing"
)

// TestGivenSecretsAreSealed: a secret that a body brings is not kept in clear,
// is shown to who may change it and to nobody else, and stays when a replacement
// leaves it out.
func TestGivenSecretsAreSealed(t *testing.T) {
	w := newGuardedWorld(t)
	const secret = "the secret of an identity provider"
	made := w.manage("POST", "/identityProviders", object{"name": "G", "enabled": true, "type": "GOOGLE", "clientId": "c", "clientSecret": secret}).want(201)
	id := made.text("id")
	first := w.stored("identityProvider", id)
	if made.text("clientSecret") != secret || strings.Contains(first, secret) || !strings.Contains(first, `"clientSecret":"v1.`) {
		t.Errorf("the answer is %s, and kept is %s", made.raw, first)
	}
	for role, shown := range map[string]bool{"Environment Admin": true, "Configuration Read Only": false} {
		_, token := w.holderOf(w.env, role, "ENVIRONMENT", w.env)
		for _, path := range []string{"/identityProviders/" + id, "/identityProviders"} {
			r := w.as(token, "GET", w.here(path), nil).want(200)
			if strings.Contains(r.raw, secret) != shown || !strings.Contains(r.raw, id) {
				t.Errorf("%s sees %s", role, r.raw)
			}
		}
	}
	w.manage("PUT", "/identityProviders/"+id, w.changed("/identityProviders/"+id, nil)).want(200)
	if again := w.stored("identityProvider", id); again != first {
		t.Errorf("a replacement with what was read changed it: %s", again)
	}
	without := w.changed("/identityProviders/"+id, object{"clientId": "d"})
	delete(without, "clientSecret")
	w.manage("PUT", "/identityProviders/"+id, without).want(200)
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
