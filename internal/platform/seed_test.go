package platform

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pixy/internal/kind"
)

// sealedKey is a key as the shell makes it.
func sealedKey(t testing.TB) json.RawMessage {
	t.Helper()
	k := FirstSigningKey()
	k.IssuerDN, k.SerialNumber, k.StartsAt, k.ExpiresAt = k.SubjectDN, 1, "2026-03-01T12:00:00.000Z", "2027-03-01T12:00:00.000Z"
	k.Default, k.Public, k.Sealed, k.Certificate = true, json.RawMessage(`{"kty":"RSA"}`), "sealed", []byte{1, 2, 3}
	raw, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// firstDocuments are those of an empty database, and those of a second
// environment created by its worker.
func firstDocuments(t *testing.T) []kind.Entry {
	t.Helper()
	n := 0
	newID := func() string { n++; return fmt.Sprintf("id-%d", n) }
	entries, err := First{Environment: "e1", Application: "worker", Secret: "sealed", KeyID: "k1", Key: sealedKey(t), Now: noon, NewID: newID}.Entries()
	if err != nil {
		t.Fatal(err)
	}
	root := kind.Body{"name": "Second", "type": "SANDBOX", "region": "EU", "status": "ACTIVE", "organization": idOf(entries, "organization"), "license": idOf(entries, "license"),
		"billOfMaterials": kind.Body{"products": []any{kind.Body{"type": "PING_ONE_BASE"}}}}
	entries = append(entries, kind.Entry{Root: true, Kind: "environment", ID: "e2", Body: root})
	second, err := environments().With(json.RawMessage(`{"name":"Second"}`), kind.Gift{ID: "e2", Now: noon, NewID: newID, Key: sealedKey(t), KeyID: "k2", Actor: "worker"})
	if err != nil {
		t.Fatal(err)
	}
	return append(entries, second...)
}

func idOf(entries []kind.Entry, noun string) kind.Body {
	return byID(entries[slices.IndexFunc(entries, func(e kind.Entry) bool { return e.Kind == noun })].ID)
}

func scopeOf(e kind.Entry) string {
	if e.Root {
		return ""
	}
	return e.Env
}

// TestSeedResolves: everything that a first document refers to stands among
// them, in the same environment or, for what stands above, in the root scope.
func TestSeedResolves(t *testing.T) {
	entries := firstDocuments(t)
	there := map[string]bool{}
	for _, e := range entries {
		key := scopeOf(e) + "/" + e.Kind + "/" + e.ID
		if there[key] || e.ID == "" || (!e.Root && e.Env == "") {
			t.Errorf("%s stands twice, or nowhere", key)
		}
		there[key] = true
	}
	checked := 0
	for _, e := range entries {
		k := kindOf(e.Kind)
		if k == nil {
			if beside := []string{"secret", "resourceSecret", "credential"}; !slices.Contains(beside, e.Kind) {
				t.Errorf("%s is no kind", e.Kind)
			}
			continue
		}
		s, body := k.Table(), bodyOf(t, e)
		if s.Above != e.Root {
			t.Errorf("%s %v stands above: %v", e.Kind, body["name"], e.Root)
		}
		for _, ref := range kind.References(s.Every(), body) {
			checked++
			if !there[scopeOf(e)+"/"+ref.Kind+"/"+ref.ID] {
				t.Errorf("%s %v refers by %s to %s %s, which is not there", e.Kind, body["name"], ref.Target, ref.Kind, ref.ID)
			}
		}
		switch id := kind.At(body, "parent"); {
		case e.Kind == "roleAssignment":
			checked++
			where := map[string]string{ScopeOrganization: "/organization/", ScopeEnvironment: "/environment/"}[kind.At(body, "scope.type")]
			if !there[where+kind.At(body, "scope.id")] || !there["e1/application/"+id] {
				t.Errorf("the assignment %v points nowhere", body)
			}
		case len(s.Parents) == 1 && s.Parents[0] != "" && s.Parents[0] != "environment":
			checked++
			if parent := s.Parents[0]; !there[scopeOf(e)+"/"+parent+"/"+id] || kind.At(body, parent+".id") != id {
				t.Errorf("%s %v stands under %s %q, which is not there", e.Kind, body["name"], parent, id)
			}
		case id != "":
			t.Errorf("%s %v has the parent %s", e.Kind, body["name"], id)
		}
	}
	if checked < 100 {
		t.Errorf("only %d references were found", checked)
	}
}

func bodyOf(t *testing.T, e kind.Entry) kind.Body {
	t.Helper()
	raw, err := json.Marshal(e.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := kind.Decode(raw)
	if err != nil {
		t.Fatalf("%s: %v", e.Kind, err)
	}
	return body
}

func kindOf(name string) kind.Kind {
	for _, k := range Kinds() {
		if k.Table().Name == name {
			return k
		}
	}
	return nil
}

// TestSeedIsAcceptable: what Pixy writes itself is what the API would take, so
// that an administrator can read a seeded document and send it back: nothing
// changes.
func TestSeedIsAcceptable(t *testing.T) {
	seen, unique := map[string]int{}, map[string]bool{}
	for _, e := range firstDocuments(t) {
		k := kindOf(e.Kind)
		if k == nil {
			continue
		}
		seen[e.Kind]++
		s, body := k.Table(), bodyOf(t, e)
		fields := s.All(body)
		shown := kind.Show(fields, body)
		after, details, err := kind.Accept(fields, kind.Replace, body, k.Fill(shown, body), byKind)
		if len(details) > 0 || err != nil {
			t.Errorf("%s %v: %v, %v", e.Kind, body["name"], details, err)
			continue
		}
		raw := encoded(t, after)
		if details, err := k.Refuse(encoded(t, body), raw); len(details) > 0 || err != nil {
			t.Errorf("%s %v: %v, %v", e.Kind, body["name"], details, err)
		}
		// Beside the table's members stand those that only the store needs.
		indexed := maps.Clone(body)
		s.Index(indexed)
		rest := maps.Clone(indexed)
		maps.DeleteFunc(rest, func(name string, _ any) bool {
			return name == "parent" || name == "uniqueKey" || name == "default" && !slices.ContainsFunc(fields, func(f kind.Field) bool { return f.Name == "default" })
		})
		if stands, ok := body["unique"]; ok {
			rest["unique"] = stands
		}
		// A seeded LOGIN action lacks a default of the table: registration.confirmIdentityProviderAttributes.
		if was := encoded(t, rest); string(was) != string(raw) && e.Kind != "signOnPolicyAction" {
			t.Errorf("%s %v becomes\n%s\nwhen it is sent back, from\n%s", e.Kind, body["name"], raw, was)
		}
		if text := kind.At(indexed, "unique") + kind.At(indexed, "uniqueKey"); text != "" {
			key := scopeOf(e) + "/" + e.Kind + "/" + text
			if unique[key] {
				t.Errorf("%s stands twice", key)
			}
			unique[key] = true
		}
	}
	want := map[string]int{"environment": 2, "organization": 1, "license": 1, "role": 19, "roleAssignment": 6, "application": 7, "attributeMapping": 7, "population": 2,
		"passwordPolicy": 6, "signOnPolicy": 4, "signOnPolicyAction": 6, "resource": 4, "resourceAttribute": 4, "scope": 34, "key": 2, "keyRotationPolicy": 2, "theme": 2,
		"schema": 2, "schemaAttribute": 2 * len(userAttributes()), "template": 14, "language": 2, "deviceAuthenticationPolicy": 2}
	if !maps.Equal(seen, want) {
		t.Errorf("there are %v", seen)
	}
}

// Each environment has one default of what the table of fields takes a default
// for, and the server has one organization and licence.
func TestSeedDefaults(t *testing.T) {
	defaults := map[string]int{}
	for _, e := range firstDocuments(t) {
		if bodyOf(t, e)["default"] == true {
			defaults[scopeOf(e)+"/"+e.Kind]++
		}
	}
	want := map[string]int{"/organization": 1, "/license": 1}
	for _, env := range []string{"e1", "e2"} {
		for _, noun := range []string{"theme", "key", "keyRotationPolicy", "passwordPolicy", "population", "signOnPolicy", "language", "deviceAuthenticationPolicy"} {
			want[env+"/"+noun] = 1
		}
	}
	if !maps.Equal(defaults, want) {
		t.Errorf("the defaults are %v", defaults)
	}
	each(t, func(k *kind.Spec, path string, f kind.Field) {
		if f.Default == kind.TheDefault && defaults["e1/"+f.Fields[0].Ref]+defaults["/"+f.Fields[0].Ref] != 1 {
			t.Errorf("%s.%s is by default the default %s, of which there is none", k.Name, path, f.Fields[0].Ref)
		}
	})
}

// The creator of an environment gets two roles on it, nobody gets them without
// a creator.
func TestSeedRoles(t *testing.T) {
	for actor, want := range map[string][]string{"worker": {"Identity Data Admin", "Client Application Developer"}, "": nil} {
		var got []string
		for _, e := range Seed(Environment{}, kind.Gift{ID: "e", NewID: func() string { return "i" }, Key: json.RawMessage(`{}`), Actor: actor}) {
			a, ok := e.Body.(RoleAssignment)
			if !ok {
				continue
			}
			if !e.Root || e.Kind != "roleAssignment" || a.Parent != actor || a.Scope != (Scope{ID: "e", Type: ScopeEnvironment}) {
				t.Errorf("assigned %+v", e)
			}
			role, _ := RoleByID(a.Role.ID)
			got = append(got, role.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the creator %q gets %q", actor, got)
		}
	}
}

// The worker of an empty database may do everything, in two steps at most: what
// it holds, and what it may give.
func TestFirstWorker(t *testing.T) {
	entries := firstDocuments(t)
	organization := kind.At(idOf(entries, "organization"), "id")
	var mine []RoleAssignment
	got := map[string]Scope{}
	for _, e := range entries {
		if a, ok := e.Body.(RoleAssignment); ok && a.Scope.ID != "e2" {
			role, _ := RoleByID(a.Role.ID)
			got[role.Name], mine = a.Scope, append(mine, a)
		}
	}
	everywhere, here := Scope{ID: organization, Type: ScopeOrganization}, Scope{ID: "e1", Type: ScopeEnvironment}
	if want := map[string]Scope{"Organization Admin": everywhere, "Environment Admin": everywhere, "Identity Data Admin": here, "Client Application Developer": here}; !maps.Equal(got, want) {
		t.Errorf("the worker has %v", got)
	}
	for _, k := range Kinds() {
		for _, write := range []bool{false, true} {
			env := "e1"
			if k.Table().Above {
				env = ""
			}
			if a := (Access{Area: k.Table().Area, Write: write, Environment: env, Organization: organization}); !Reaches(mine, a).Everywhere && k.Table().Area != "roles" {
				t.Errorf("the worker may not do %+v", a)
			}
		}
	}
}

// TestRoleEntries: what /v1/roles shows says what the roles permit.
func TestRoleEntries(t *testing.T) {
	entries, all := RoleEntries(), areas()
	if len(entries) != len(Roles()) {
		t.Fatalf("%d entries of %d roles", len(entries), len(Roles()))
	}
	for i, r := range Roles() {
		e, body := entries[i], bodyOf(t, entries[i])
		if !e.Root || e.Kind != "role" || e.ID != r.ID || body["name"] != r.Name || body["type"] != "PLATFORM" {
			t.Errorf("%s stands as %+v", r.Name, e)
		}
		may := map[string]bool{}
		for _, p := range body["permissions"].([]any) {
			p := p.(kind.Body)
			area := kind.At(p, "classifier")
			for _, verb := range []string{"read", "create", "update", "delete"} {
				if kind.At(p, "id") == area+":"+verb+":"+area {
					may[area+":"+verb] = true
				}
			}
		}
		for _, area := range all {
			for verb, write := range map[string]bool{"read": false, "create": true, "update": true, "delete": true} {
				if got := may[area+":"+verb]; got != r.permits(Access{Area: area, Write: write}) {
					t.Errorf("%s shows %s:%s: %v", r.Name, area, verb, got)
				}
			}
		}
	}
}
