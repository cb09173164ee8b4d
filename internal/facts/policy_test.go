package facts

import (
	"testing"

	"pixy/internal/kind"
	"pixy/internal/store"
)

// TestPolicy picks the sign-on policy of a request, its actions in the order of
// their priority.
func TestPolicy(t *testing.T) {
	w := newWorld(t)
	action := func(id, policy, noun string, priority int) {
		w.put(t, "signOnPolicyAction", id, kind.Body{"type": noun, "priority": priority, "parent": policy})
	}
	policy := func(id, name string, isDefault bool) {
		w.put(t, "signOnPolicy", id, kind.Body{"name": name, "default": isDefault})
	}
	policy("p1", "Single", true)
	action("1", "p1", "LOGIN", 1)
	policy("p2", "Multi", false)
	action("2", "p2", "MULTI_FACTOR_AUTHENTICATION", 2)
	action("3", "p2", "LOGIN", 1)
	policy("p3", "Named", false)
	action("4", "p3", "IDENTIFIER_FIRST", 1)
	assign := func(id, app, policy string, priority int) {
		w.put(t, "signOnPolicyAssignment", id, kind.Body{"parent": app, "signOnPolicy": ref(policy), "priority": priority})
	}
	assign("a", "app", "p1", 2)
	assign("b", "app", "p3", 1)
	assign("c", "lost", "gone", 1)
	w.in(t, "e1", func(tx *store.Tx) error {
		for _, c := range []struct {
			app  string
			acr  []string
			want string
		}{
			{"free", nil, "Single"}, {"free", []string{"Multi"}, "Multi"}, {"free", []string{"Named"}, "Single"}, {"free", []string{"None", "Multi"}, "Multi"},
			{"app", nil, "Named"}, {"app", []string{"Single"}, "Single"}, {"app", []string{"Multi"}, "Named"},
		} {
			p, err := Policy(tx, c.app, c.acr)
			if err != nil || p.Name != c.want {
				t.Errorf("%s asks for %v: %+v, %v", c.app, c.acr, p, err)
			}
			if p.Name == "Multi" && (len(p.Actions) != 2 || p.Actions[0].Type != "LOGIN" || p.ID != "p2") {
				t.Errorf("the actions are %+v", p.Actions)
			}
		}
		if p, err := Policy(tx, "lost", nil); err == nil {
			t.Errorf("an assigned policy that is not there: %+v", p)
		}
		return nil
	})
	w.in(t, "e2", func(tx *store.Tx) error {
		if p, err := Policy(tx, "free", nil); err == nil {
			t.Errorf("an environment without policies: %+v", p)
		}
		return nil
	})
}
