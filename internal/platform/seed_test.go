package platform

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"pixy/internal/kind"
)

// firstDocuments are those of an empty database, and those of a second
// environment created by its worker.
func firstDocuments(t *testing.T) []kind.Entry {
	t.Helper()
	n := 0
	newID := func() string { n++; return fmt.Sprintf("id-%d", n) }
	entries, err := First{Environment: "e1", Application: "worker", Secret: "sealed", KeyID: "k1", Key: json.RawMessage(`{}`), NewID: newID}.Entries()
	if err != nil {
		t.Fatal(err)
	}
	root := kind.Body{"name": "Second", "nameKey": "second", "type": "SANDBOX", "region": "EU", "organization": idOf(entries, "organization"), "license": idOf(entries, "license")}
	entries = append(entries, kind.Entry{Root: true, Kind: "environment", ID: "e2", Body: root})
	second, err := environments().With(json.RawMessage(`{"name":"Second"}`), kind.Gift{ID: "e2", NewID: newID, Key: json.RawMessage(`{}`), KeyID: "k2", Actor: "worker"})
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
// them, in the same environment or, for what an environment refers to, in the
// root scope.
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
		body := bodyOf(t, e)
		if k := kindOf(e.Kind); k != nil {
			for _, ref := range kind.References(k.Table().Fields, body) {
				checked++
				if !there[scopeOf(e)+"/"+ref.Kind+"/"+ref.ID] {
					t.Errorf("%s %v refers by %s to %s %s, which is not there", e.Kind, body["name"], ref.Target, ref.Kind, ref.ID)
				}
			}
			if parent := k.Table().Parent; parent != "" && parent != "environment" {
				checked++
				id := kind.At(body, "parent")
				if !there[scopeOf(e)+"/"+parent+"/"+id] || kind.At(body, parent+".id") != id {
					t.Errorf("%s %v stands under %s %q, which is not there", e.Kind, body["name"], parent, id)
				}
			}
		}
		if e.Kind == "roleAssignment" {
			checked++
			role, scope := kind.At(body, "role.id"), kind.At(body, "scope.id")
			where := map[string]string{"ORGANIZATION": "/organization/", "ENVIRONMENT": "/environment/"}[kind.At(body, "scope.type")]
			if !there["/role/"+role] || !there[where+scope] || !there["e1/application/"+kind.At(body, "actor")] {
				t.Errorf("the assignment %v points nowhere", body)
			}
		}
	}
	if checked < 20 {
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
// that an administrator can read a seeded document and send it back.
func TestSeedIsAcceptable(t *testing.T) {
	seen := map[string]int{}
	for _, e := range firstDocuments(t) {
		k := kindOf(e.Kind)
		if k == nil {
			continue
		}
		seen[e.Kind]++
		body := bodyOf(t, e)
		for _, mode := range []kind.Mode{kind.Create, kind.Replace} {
			var before kind.Body
			if mode == kind.Replace {
				before = body
			}
			after, details := kind.Accept(k.Table().Fields, mode, before, k.Fill(kind.Show(k.Table().Fields, body), before), func(of string) string { return "default" })
			if len(details) > 0 {
				t.Errorf("%s %v, mode %d: %v", e.Kind, body["name"], mode, details)
				continue
			}
			raw, err := json.Marshal(after)
			if err != nil {
				t.Fatal(err)
			}
			if details, err := k.Refuse(nil, raw); len(details) > 0 || err != nil {
				t.Errorf("%s %v: %v, %v", e.Kind, body["name"], details, err)
			}
			// What is searched by must be there, as the table would make it.
			for _, f := range k.Table().Fields {
				if f.Fold && body[f.Name] != nil && body[f.Name+"Key"] != kind.FoldText(body[f.Name].(string)) {
					t.Errorf("%s %v has the key %v", e.Kind, body["name"], body[f.Name+"Key"])
				}
			}
		}
	}
	for noun, want := range map[string]int{"environment": 2, "role": 4, "application": 1, "population": 2, "passwordPolicy": 2, "signOnPolicy": 4, "signOnPolicyAction": 6, "resource": 4} {
		if seen[noun] != want {
			t.Errorf("%d of %s, not %d", seen[noun], noun, want)
		}
	}
}

func TestSeedDefaults(t *testing.T) {
	for _, env := range []string{"e1", "e2"} {
		defaults := map[string]int{}
		for _, e := range firstDocuments(t) {
			if scopeOf(e) == env && bodyOf(t, e)["default"] == true {
				defaults[e.Kind]++
			}
		}
		for _, noun := range []string{"theme", "keyRotationPolicy", "passwordPolicy", "population", "signOnPolicy"} {
			if defaults[noun] != 1 {
				t.Errorf("%s has %d defaults of %s", env, defaults[noun], noun)
			}
		}
	}
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
			if !e.Root || a.Actor != actor || a.Scope != (Scope{"e", "ENVIRONMENT"}) {
				t.Errorf("assigned %+v", e)
			}
			i := slices.IndexFunc(Roles(), func(r Role) bool { return r.ID == a.Role.ID })
			got = append(got, Roles()[i].Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the creator %q gets %q", actor, got)
		}
	}
}

// The tables are read by handlers of every kind, so they must be whole.
func TestKindsAreWhole(t *testing.T) {
	names := map[string]bool{}
	for _, k := range Kinds() {
		names[k.Table().Name] = true
	}
	for _, k := range Kinds() {
		s := k.Table()
		if s.Name == "" || s.Plural == "" || s.Title == "" || s.Area == "" || len(s.Methods) == 0 {
			t.Errorf("%s lacks something: %+v", s.Name, s)
		}
		if s.Parent != "" && !names[s.Parent] {
			t.Errorf("%s stands under %s, which is no kind", s.Name, s.Parent)
		}
		for _, owned := range s.Owns {
			if o := kindOf(owned); o == nil || o.Table().Parent != s.Name {
				t.Errorf("%s owns %s, which does not stand under it", s.Name, owned)
			}
		}
		for _, c := range s.Counts {
			if kindOf(c.Kind) == nil || !slices.Contains(kind.ReferencePaths(kindOf(c.Kind).Table().Fields, s.Name), c.Path) {
				t.Errorf("%s counts %s by %s, which refers to something else", s.Name, c.Kind, c.Path)
			}
		}
		permitted := slices.ContainsFunc(Roles(), func(r Role) bool { return slices.Contains(slices.Concat(r.Reads, r.Writes), s.Area) })
		if !permitted {
			t.Errorf("no role may read %s (%s)", s.Plural, s.Area)
		}
	}
}
