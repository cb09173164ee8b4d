package platform

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pixy/internal/kind"
)

// each calls do with every field of every kind, and its dotted path; elements
// of lists stand at path[].
func each(t *testing.T, do func(k *kind.Spec, path string, f kind.Field)) {
	t.Helper()
	var walk func(k *kind.Spec, path string, fields []kind.Field)
	walk = func(k *kind.Spec, path string, fields []kind.Field) {
		for _, f := range fields {
			do(k, path+f.Name, f)
			walk(k, path+f.Name+".", f.Fields)
			if f.Items != nil {
				do(k, path+f.Name+"[]", *f.Items)
				walk(k, path+f.Name+"[].", f.Items.Fields)
			}
		}
	}
	for _, k := range Kinds() {
		walk(k.Table(), "", k.Table().Every())
	}
}

// at finds the field at a dotted path.
func at(fields []kind.Field, path string) (kind.Field, bool) {
	head, rest, deeper := strings.Cut(path, ".")
	for _, f := range fields {
		if f.Name == head && deeper {
			return at(f.Fields, rest)
		} else if f.Name == head {
			return f, true
		}
	}
	return kind.Field{}, false
}

// areas are what roles permit, and what kinds are of.
func areas() []string {
	out := []string{"unknown", ""}
	for _, r := range Roles() {
		out = slices.Concat(out, r.Reads, r.Writes)
	}
	for _, k := range Kinds() {
		out = append(out, k.Table().Area, k.Table().Birth)
		for _, p := range k.Table().Parts {
			out = append(out, p.Area)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// The tables are read by handlers of every kind, so they must be whole.
func TestKindsAreWhole(t *testing.T) {
	names, served := map[string]bool{}, map[string]bool{}
	for _, k := range Kinds() {
		s := k.Table()
		if names[s.Name] {
			t.Errorf("%s stands twice", s.Name)
		}
		names[s.Name] = true
		for _, parent := range s.Parents {
			if place := parent + "/" + s.Plural; served[place] {
				t.Errorf("two kinds are served at %s", place)
			} else {
				served[place] = true
			}
		}
	}
	permitted := func(area string, write bool) bool {
		return slices.ContainsFunc(Roles(), func(r Role) bool { return r.permits(Access{Area: area, Write: write}) })
	}
	for _, k := range Kinds() {
		s := k.Table()
		if s.Name == "" || s.Plural == "" || s.Title == "" || s.Area == "" || len(s.Methods) == 0 || len(s.Parents) == 0 {
			t.Errorf("%s lacks something: %+v", s.Name, s)
		}
		for _, parent := range s.Parents {
			if parent != "" && !names[parent] {
				t.Errorf("%s stands under %s, which is no kind", s.Name, parent)
			}
		}
		for _, m := range s.Methods {
			if !slices.Contains([]string{"LIST", "POST", "GET", "PUT", "PATCH", "DELETE"}, m) || s.Single && (m == "LIST" || m == "POST" || m == "DELETE") {
				t.Errorf("%s has the method %s", s.Name, m)
			}
		}
		if !permitted(s.Area, false) {
			t.Errorf("no role may read %s (%s)", s.Plural, s.Area)
		}
		writes := slices.ContainsFunc(s.Methods, func(m string) bool { return m != "LIST" && m != "GET" })
		if writes && !permitted(s.Area, true) || s.Birth != "" && !permitted(s.Birth, true) {
			t.Errorf("no role may write %s (%s)", s.Plural, s.Area)
		}
		for _, owned := range s.Owns {
			if o := kindOf(owned); o == nil || !slices.Contains(o.Table().Parents, s.Name) {
				t.Errorf("%s owns %s, which does not stand under it", s.Name, owned)
			}
		}
		// What can be written under a document goes with it.
		for _, parent := range s.Parents {
			if p := kindOf(parent); p != nil && parent != "environment" && slices.Contains(s.Methods, "POST") && slices.Contains(p.Table().Methods, "DELETE") && !s.Above && !slices.Contains(p.Table().Owns, s.Name) {
				t.Errorf("%s is left when its %s is deleted", s.Name, parent)
			}
		}
		if strings.Count(s.NotFound, "%") > 2 || s.NotFound != "" && !strings.Contains(s.NotFound, "%") {
			t.Errorf("%s: %s", s.Name, s.NotFound)
		}
	}
}

// Every path that a table names leads to a field, of the kind that is meant.
func TestKindsPathsExist(t *testing.T) {
	refersTo := func(name, path, to string) bool {
		k := kindOf(name)
		if k == nil {
			return false
		}
		f, found := at(k.Table().Every(), path)
		return found && f.Ref == to
	}
	for _, k := range Kinds() {
		s := k.Table()
		every := s.Every()
		for _, r := range s.Reach {
			to := map[string]string{ScopePopulation: "population", ScopeApplication: "application"}[r.Scope]
			if !(r.Path == "id" && s.Name == to) && !refersTo(s.Name, r.Path, to) {
				t.Errorf("%s is reached by %+v", s.Name, r)
			}
		}
		for _, c := range s.Counts {
			if !refersTo(c.Kind, c.Path, s.Name) {
				t.Errorf("%s counts %+v, which refers to something else", s.Name, c)
			}
			if f, found := at(every, c.Field); found && (f.Type != kind.Number || f.Access == kind.Written && !strings.Contains(c.Field, ".") && c.Field != "assignedEnvironmentsCount") {
				t.Errorf("%s counts into %s", s.Name, c.Field)
			}
		}
		for _, f := range s.Frees {
			if !refersTo(f.Kind, f.Path, s.Name) {
				t.Errorf("%s frees %+v, which refers to something else", s.Name, f)
			}
		}
		if s.By != "" && !refersTo(s.Name, s.By+".id", s.By) {
			t.Errorf("%s bears the id of a %s, which it does not refer to", s.Name, s.By)
		}
		for _, v := range s.Variants {
			f, found := at(every, v.By)
			for _, is := range v.Is {
				if !found || !slices.Contains(f.Enum, is) {
					t.Errorf("%s has a variant %s of %s, which it never is", s.Name, is, v.By)
				}
			}
		}
		for _, p := range s.Parts {
			for _, f := range p.Fields {
				path := f.Name
				if p.At != "" {
					path = p.At + "." + f.Name
				}
				if whole, found := at(every, path); !found || whole.Type != f.Type || whole.Ref != f.Ref && s.Name != "user" {
					t.Errorf("the part %s of %s has %s, which the whole has not so", p.Path, s.Name, path)
				}
			}
		}
		for _, l := range s.Links {
			for _, m := range regexp.MustCompile(`\{([^}]*)\}`).FindAllStringSubmatch(l.Path, -1) {
				_, found := at(every, m[1])
				noun, isID := strings.CutSuffix(m[1], ".id")
				if !found && !(isID && kindOf(noun) != nil) && !slices.Contains([]string{"top", "env", "self", "id"}, m[1]) {
					t.Errorf("the link %s of %s takes %s, which there is not", l.Rel, s.Name, m[1])
				}
			}
		}
	}
	each(t, func(k *kind.Spec, path string, f kind.Field) {
		if f.Ref != "" && kindOf(f.Ref) == nil {
			t.Errorf("%s.%s refers to %s, which is no kind", k.Name, path, f.Ref)
		}
		if f.Within != "" {
			if within, found := at(k.Every(), f.Within); !found || !slices.Contains(kindOf(f.Ref).Table().Parents, within.Ref) {
				t.Errorf("%s.%s stands within %s, which is not its parent", k.Name, path, f.Within)
			}
		}
		if f.Through != nil {
			through := kindOf(f.Through.Kind)
			if through == nil || !slices.Contains(through.Table().Parents, k.Name) {
				t.Errorf("%s.%s is found by %s, which does not stand under it", k.Name, path, f.Through.Kind)
			} else if in, found := at(through.Table().Fields, f.Through.Path); !found || in.Type != kind.Text {
				t.Errorf("%s.%s is found by %+v", k.Name, path, f.Through)
			}
		}
	})
}

// What the code of package kind takes for granted of a table.
func TestKindsFieldsAreSound(t *testing.T) {
	uniques := map[string]string{}
	each(t, func(k *kind.Spec, path string, f kind.Field) {
		where := k.Name + "." + path
		if f.Unique && !f.Indexed {
			if uniques[k.Name] != "" || strings.Contains(path, ".") || f.Type != kind.Text && f.Type != kind.Object {
				t.Errorf("%s is unique, and so is %s: a body has one such key", where, uniques[k.Name])
			}
			uniques[k.Name] = path
		}
		if f.Solo && (f.Type != kind.Boolean || strings.Contains(path, ".") || f.Name != "default") {
			t.Errorf("%s is true in one", where)
		}
		// What the store writes beside the members must not be one of them. (The
		// member unique of a schema attribute is: the index of names overwrites it.)
		if reserved := []string{"parent", "uniqueKey", "id", "createdAt", "updatedAt", "environment", "_links"}; slices.Contains(reserved, path) {
			t.Errorf("%s is written by the store", where)
		}
		if base, isKey := strings.CutSuffix(path, "Key"); isKey {
			if f, found := at(k.Every(), base); found && f.Fold {
				t.Errorf("%s is written by the store", where)
			}
		}
		if f.Fold && f.Type != kind.Text {
			t.Errorf("%s is folded", where)
		}
		if f.Type == kind.List && f.Items == nil {
			t.Errorf("%s has no elements", where)
		}
		written := slices.Contains(k.Methods, "POST") || slices.Contains(k.Methods, "PUT")
		if f.Type == kind.List && f.Access == kind.Written && written && f.MaxLen == 0 {
			t.Errorf("%s is a list without bound", where)
		}
		if f.Max != 0 && f.Min > f.Max || f.MaxLen != 0 && f.MinLen > f.MaxLen {
			t.Errorf("%s has empty bounds", where)
		}
		// Show and Replace know nothing of elements.
		if strings.Contains(path, "[]") && (f.Access == kind.Given || f.Access == kind.Hidden) {
			t.Errorf("%s would be shown", where)
		}
		// A filter joins the names of a path with '_', and reads no others.
		if len(f.Filter) > 0 && strings.Count(path, ".") > 1 && !regexp.MustCompile(`^[A-Za-z.]+$`).MatchString(path) {
			t.Errorf("%s can't be filtered by", where)
		}
		if strings.Contains(f.Name, "_") && !strings.HasPrefix(path, "minCharacters.") {
			t.Errorf("%s has a '_'", where)
		}
		if f.Default == nil || f.Default == kind.TheDefault {
			return
		}
		plain := f
		plain.Default, plain.Access, plain.Required = nil, kind.Written, false
		raw, err := json.Marshal(kind.Body{f.Name: f.Default})
		if err != nil {
			t.Fatal(err)
		}
		sent, err := kind.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, details, err := kind.Accept([]kind.Field{plain}, kind.Create, nil, sent, byKind); len(details) > 0 || err != nil {
			t.Errorf("the default of %s is refused: %v, %v", where, details, err)
		}
		out, _, err := kind.Accept([]kind.Field{f}, kind.Create, nil, kind.Body{}, byKind)
		if got, _ := json.Marshal(out); err != nil || f.Type != kind.Object && string(got) != string(raw) {
			t.Errorf("the default of %s is %s", where, got)
		}
	})
}
