package facts

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// join makes a member, a user or a group, one of a group.
func (w *world) join(t *testing.T, noun, member, group string) {
	t.Helper()
	w.put(t, noun, member+"."+group, kind.Body{"parent": member, "group": ref(group)})
}

func (w *world) groups(t *testing.T, user string) (direct, all []string) {
	t.Helper()
	w.in(t, "e1", func(tx *store.Tx) (err error) {
		direct, all, err = GroupsOf(tx, user)
		return err
	})
	return direct, all
}

// TestGroupsOf follows groups in groups, however they are nested: in a ring, in
// themselves, in one another by many ways.
func TestGroupsOf(t *testing.T) {
	w := newWorld(t)
	for _, m := range [][2]string{{"none", ""}, {"one", "a"}, {"two", "b"}, {"two", "z"}, {"self", "s"}, {"ring", "r1"}, {"diamond", "d1"}, {"both", "r2"}, {"both", "r1"}} {
		if m[1] != "" {
			w.join(t, "groupMembership", m[0], m[1])
		}
	}
	for _, n := range [][2]string{
		{"b", "c"}, {"c", "d"}, // b is in c, and that in d
		{"s", "s"},
		{"r1", "r2"}, {"r2", "r3"}, {"r3", "r1"}, {"r3", "r2"},
		{"d1", "d2"}, {"d1", "d3"}, {"d2", "d4"}, {"d3", "d4"}, {"d4", "d1"},
		{"q", "a"}, // a has a group in it, which makes no member of a one of q
	} {
		w.join(t, "groupNesting", n[0], n[1])
	}
	// The same names elsewhere are other groups.
	w.in(t, "e2", func(tx *store.Tx) error {
		_, err := tx.Put(store.Document{Kind: "groupNesting", ID: "x", Body: []byte(`{"parent":"a","group":{"id":"foreign"}}`)})
		return err
	})
	for user, want := range map[string][2][]string{
		"none": {nil, nil}, "nobody": {nil, nil}, "": {nil, nil},
		"one":     {{"a"}, {"a"}},
		"two":     {{"b", "z"}, {"b", "z", "c", "d"}},
		"self":    {{"s"}, {"s"}},
		"ring":    {{"r1"}, {"r1", "r2", "r3"}},
		"both":    {{"r1", "r2"}, {"r1", "r2", "r3"}},
		"diamond": {{"d1"}, {"d1", "d2", "d3", "d4"}},
	} {
		direct, all := w.groups(t, user)
		slices.Sort(direct)
		slices.Sort(all)
		slices.Sort(want[1])
		if !slices.Equal(direct, want[0]) || !slices.Equal(all, want[1]) {
			t.Errorf("%q is in %v, and with that in %v; want %v and %v", user, direct, all, want[0], want[1])
		}
	}
}

// TestManyGroups: past the bound nothing is decided by a part of the groups.
func TestManyGroups(t *testing.T) {
	w := newWorld(t)
	w.join(t, "groupMembership", "u", "g0")
	w.in(t, "e1", func(tx *store.Tx) error {
		for n := range MaxGroups + 50 {
			if _, err := tx.Put(store.Document{Kind: "groupNesting", ID: fmt.Sprint(n), Body: fmt.Appendf(nil, `{"parent":"g%d","group":{"id":"g%d"}}`, n, n+1)}); err != nil {
				return err
			}
		}
		return nil
	})
	w.in(t, "e1", func(tx *store.Tx) error {
		if _, all, err := GroupsOf(tx, "u"); !errors.Is(err, fault.TooManyGroups) {
			t.Errorf("%d groups, %v", len(all), err)
		}
		given := []string{"g900", "x"}
		all, err := Nested(tx, given)
		if len(all) < 100 || given[0] != "g900" || given[1] != "x" || len(given) != 2 {
			t.Errorf("from %v there are %d", given, len(all))
		}
		return err
	})
}

// TestUserAssignments are a user's own roles and those of its groups, also of
// those they are nested in.
func TestUserAssignments(t *testing.T) {
	w := newWorld(t)
	w.join(t, "groupMembership", "u", "a")
	w.join(t, "groupNesting", "a", "b")
	w.join(t, "groupNesting", "b", "a")
	w.in(t, "", func(tx *store.Tx) error {
		for _, parent := range []string{"u", "a", "b", "c", "v"} {
			body := fmt.Appendf(nil, `{"parent":%q,"role":{"id":"role of %s"},"scope":{"id":"e1","type":"ENVIRONMENT"}}`, parent, parent)
			if _, err := tx.Put(store.Document{Kind: "roleAssignment", ID: parent, Body: body}); err != nil {
				return err
			}
		}
		return nil
	})
	for user, want := range map[string][]string{"u": {"role of a", "role of b", "role of u"}, "v": {"role of v"}, "nobody": nil} {
		w.in(t, "e1", func(tx *store.Tx) error {
			all, err := UserAssignments(tx, user)
			var roles []string
			for _, as := range all {
				roles = append(roles, as.Role.ID)
			}
			slices.Sort(roles)
			if !slices.Equal(roles, want) {
				t.Errorf("%s has %v", user, roles)
			}
			return err
		})
	}
}

// TestPerson finds a user with the password policy of the population, and the
// credential that stands beside; nobody has the policy of the default one.
func TestPerson(t *testing.T) {
	w := newWorld(t)
	w.put(t, "passwordPolicy", "standard", kind.Body{"name": "Standard", "default": true})
	w.put(t, "passwordPolicy", "strict", kind.Body{"name": "Strict", "default": false})
	w.put(t, "population", "default", kind.Body{"default": true})
	w.put(t, "population", "special", kind.Body{"default": false, "passwordPolicy": ref("strict")})
	w.put(t, "user", "u1", kind.Body{"username": "Joe", "usernameKey": "joe", "enabled": true, "population": ref("special")})
	w.put(t, "user", "u2", kind.Body{"username": "Ann", "usernameKey": "ann", "enabled": false, "population": ref("default")})
	w.put(t, "user", "u3", kind.Body{"username": "Lost", "usernameKey": "lost", "population": ref("gone")})
	w.put(t, "credential", "u1", platform.Credential{Hash: "h", Failures: 2})
	w.in(t, "e1", func(tx *store.Tx) error {
		for _, c := range []struct{ name, id, policy, hash string }{{"joe", "u1", "strict", "h"}, {"JOE", "u1", "strict", "h"}, {"Ann", "u2", "standard", ""}, {"nobody", "", "standard", ""}, {"", "", "standard", ""}} {
			p, err := Named(tx, c.name)
			if err != nil || p.ID != c.id || p.PolicyID != c.policy || p.Credential.Hash != c.hash {
				t.Errorf("%q is %+v, %v", c.name, p, err)
			}
		}
		for id, want := range map[string]bool{"u1": true, "u2": false, "nobody": false} {
			if got, err := Active(tx, id); err != nil || got != want {
				t.Errorf("%s is active: %t, %v", id, got, err)
			}
		}
		if _, err := ByID(tx, "nobody"); !errors.Is(err, store.ErrMissing) {
			t.Errorf("nobody by id: %v", err)
		}
		// What the database lacks is not what a request asked for.
		if _, err := Named(tx, "lost"); err == nil || errors.Is(err, store.ErrMissing) {
			t.Errorf("a user without a population: %v", err)
		}
		return nil
	})
	// A credential is written once from where it was read.
	for _, id := range []string{"u1", "u2"} {
		var p Person
		w.in(t, "e1", func(tx *store.Tx) (err error) {
			p, err = ByID(tx, id)
			return err
		})
		w.in(t, "e1", func(tx *store.Tx) error { return KeepCredential(tx, p, platform.Credential{Hash: "new"}) })
		err := w.Update(t.Context(), "e1", func(tx *store.Tx) error { return KeepCredential(tx, p, platform.Credential{Hash: "later"}) })
		if !errors.Is(err, fault.Stale) && !errors.Is(err, fault.Taken) {
			t.Errorf("%s: written twice from one reading: %v", id, err)
		}
		w.in(t, "e1", func(tx *store.Tx) error {
			p, err := ByID(tx, id)
			if p.Credential.Hash != "new" {
				t.Errorf("%s has %q", id, p.Credential.Hash)
			}
			return err
		})
	}
}

// TestClientFacts are an application and the scopes of its grants, each with
// its resource.
func TestClientFacts(t *testing.T) {
	w := newWorld(t)
	w.put(t, "application", "a1", kind.Body{"protocol": "OPENID_CONNECT", "enabled": true, "requestScopesForMultipleResourcesEnabled": true})
	w.put(t, "application", "a2", kind.Body{"protocol": "EXTERNAL_LINK"})
	w.put(t, "application", "a3", kind.Body{"protocol": "OPENID_CONNECT"})
	w.put(t, "resource", "r1", kind.Body{"name": "openid", "type": platform.ResourceOpenID})
	w.put(t, "resource", "r2", kind.Body{"name": "API", "type": platform.ResourceCustom, "audience": "https://api", "accessTokenValiditySeconds": 600})
	for id, s := range map[string][2]string{"s1": {"profile", "r1"}, "s2": {"offline_access", "r1"}, "s3": {"api:read", "r2"}} {
		w.put(t, "scope", id, kind.Body{"name": s[0], "parent": s[1]})
	}
	w.put(t, "grant", "g1", kind.Body{"parent": "a1", "resource": ref("r1"), "scopes": []any{ref("s1"), ref("s2")}})
	w.put(t, "grant", "g2", kind.Body{"parent": "a1", "resource": ref("r2"), "scopes": []any{ref("s3")}})
	w.put(t, "grant", "g3", kind.Body{"parent": "a3", "resource": ref("r2"), "scopes": []any{ref("gone")}})
	w.in(t, "e1", func(tx *store.Tx) error {
		c, err := Client(tx, "a1")
		if err != nil || c == nil || c.ID != "a1" || !c.Enabled || !c.MultipleResources || len(c.Scopes) != 3 || c.Scopes[0].Name != "profile" || c.Scopes[1].Name != "offline_access" || c.Scopes[2].Name != "api:read" {
			t.Fatalf("the client is %+v, %v", c, err)
		}
		if target := c.Target(oauth.Issue{Scopes: []string{"api:read"}}); len(target.Audience) != 1 || target.Audience[0] != "https://api" || target.Life.Seconds() != 600 || !slices.Equal(target.Resources, []string{"r2"}) {
			t.Errorf("a token for the API is %+v", target)
		}
		for _, id := range []string{"a2", "none"} {
			if c, err := Client(tx, id); c != nil || err != nil {
				t.Errorf("%s is the client %+v, %v", id, c, err)
			}
		}
		if c, err := Client(tx, "a3"); err == nil || errors.Is(err, store.ErrMissing) {
			t.Errorf("a grant of a scope that is not there: %+v, %v", c, err)
		}
		return nil
	})
}
