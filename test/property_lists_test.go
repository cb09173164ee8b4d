package test

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pixy/internal/kind"
)

// The values of the users that lists are held against a model with: some are
// the same without case, some mean something to a database.
func oddTexts() []string {
	return []string{"a", "A", "ab", "aB", "b", "a%", "%", "_", "a_b", "axb", "O'Brien", "Jürgen", "JÜRGEN", "jurgen", "Straße", "STRASSE", `\`, `a\`, `"q"`, "日本", "日本語", "😀", "a.b", "(a)", "eq", "*"}
}

// crowd makes users with odd values and returns them as they are read.
func (m *maker) crowd(n int) []object {
	m.t.Helper()
	populations := []string{m.refers("population", ""), m.make(m.kinds["population"], "environment").id}
	var out []object
	for i := range n {
		body := object{"username": fmt.Sprintf("%s %d", pickOne(m.g.r, oddTexts()...), i), "email": fmt.Sprintf("%s%d@example.com", pickOne(m.g.r, "a", "A", "b", "ab"), i),
			"population": object{"id": pickOne(m.g.r, populations...)}, "enabled": m.g.once(2)}
		for _, name := range []string{"nickname", "title", "externalId", "locale"} {
			if m.g.once(2) {
				body[name] = pickOne(m.g.r, oddTexts()...)
			}
		}
		if m.g.once(2) {
			body["name"] = object{"given": pickOne(m.g.r, oddTexts()...)}
		}
		r := m.call("POST", "/v1/environments/"+m.env+"/users", jsonOf(body))
		if r.StatusCode != 201 {
			m.t.Fatalf("%d %s\nsent %s", r.StatusCode, r.raw, jsonOf(body))
		}
		out = append(out, r.body)
		if m.g.once(2) {
			m.pass(1e6) // some are made in the same millisecond
		}
	}
	return out
}

// criterion is a filter, and what it means.
type criterion struct {
	text  string
	holds func(user object) bool
}

// criterion makes a random filter. It compares an attribute that may be
// missing only in ways whose meaning is beyond doubt.
func (m *maker) criterion(depth int) criterion {
	if depth > 0 && m.g.once(2) {
		a, b := m.criterion(depth-1), m.criterion(depth-1)
		return pickOne(m.g.r,
			criterion{fmt.Sprintf("(%s) and (%s)", a.text, b.text), func(u object) bool { return a.holds(u) && b.holds(u) }},
			criterion{fmt.Sprintf("(%s) or (%s)", a.text, b.text), func(u object) bool { return a.holds(u) || b.holds(u) }},
			criterion{fmt.Sprintf("not (%s)", a.text), func(u object) bool { return !a.holds(u) }})
	}
	path := pickOne(m.g.r, "username", "email", "nickname", "title", "externalId", "name.given", "USERNAME", "enabled", "population.id", "createdAt")
	switch path {
	case "enabled":
		want := m.g.once(2)
		return criterion{fmt.Sprintf("enabled eq %v", want), func(u object) bool { return u["enabled"] == want }}
	case "population.id":
		id := m.refers("population", "")
		return criterion{fmt.Sprintf("population.id eq %q", id), func(u object) bool { return kind.At(u, "population.id") == id }}
	case "createdAt":
		at := m.clock().Add(-1e6 * 10).UTC().Format("2006-01-02T15:04:05.000Z")
		op, sign := "ge", 1
		if m.g.once(2) {
			op, sign = "lt", -1
		}
		return criterion{fmt.Sprintf("createdAt %s %q", op, at), func(u object) bool { return (strings.Compare(text(u["createdAt"]), at) >= 0) == (sign > 0) }}
	}
	return m.comparison(path)
}

// comparison compares a text.
func (m *maker) comparison(path string) criterion {
	value := pickOne(m.g.r, oddTexts()...)
	if m.g.once(3) {
		value += " " + strconv.Itoa(m.g.r.IntN(40))
	}
	ops := map[string]func(a, b string) bool{"eq": func(a, b string) bool { return a == b }, "sw": strings.HasPrefix, "co": strings.Contains, "ew": strings.HasSuffix}
	op := pickOne(m.g.r, "eq", "sw", "co", "ew")
	if path == "externalId" {
		op = pickOne(m.g.r, "eq", "sw")
	}
	name := path
	if name == "USERNAME" {
		name = "username"
	}
	if optional := name != "username" && name != "email"; optional && m.g.once(6) {
		return criterion{path + " pr", func(u object) bool { return kind.At(u, name) != "" }}
	}
	folded := name == "username" || name == "email"
	return criterion{fmt.Sprintf("%s %s %s", path, pickOne(m.g.r, op, strings.ToUpper(op)), jsonOf(value)), func(u object) bool {
		is, to := kind.At(u, name), value
		if is == "" {
			return false
		}
		if folded {
			is, to = kind.FoldText(is), kind.FoldText(to)
		}
		return ops[op](is, to)
	}}
}

// everyPage follows a list of users to its end.
func (m *maker) everyPage(query url.Values, between func()) (users []object, refusal string) {
	m.t.Helper()
	path := "/v1/environments/" + m.env + "/users?" + query.Encode()
	for range 200 {
		r := m.call("GET", path, "")
		if r.StatusCode != 200 {
			return nil, fmt.Sprintf("%d %s", r.StatusCode, r.raw)
		}
		for _, e := range r.body["_embedded"].(object)["users"].([]any) {
			users = append(users, e.(object))
		}
		next, more := r.body["_links"].(object)["next"].(object)
		if !more {
			return users, ""
		}
		path = text(next["href"])
		between()
	}
	return nil, "the list has no end"
}

func idsOf(users []object) []string {
	out := []string{}
	for _, u := range users {
		out = append(out, text(u["id"]))
	}
	return out
}

// TestFiltersMeanWhatTheySay holds random filters over random users against a
// model of them.
func TestFiltersMeanWhatTheySay(t *testing.T) {
	t.Parallel()
	m := newMaker(t, propertySeed(t), 400)
	crowd := m.crowd(60)
	some, wrong := 0, 0
	for i := 0; i < 400 && wrong < 5; i++ {
		c := m.criterion(i % 4)
		var want []string
		for _, u := range crowd {
			if c.holds(u) {
				want = append(want, text(u["id"]))
			}
		}
		if len(want) > 0 && len(want) < len(crowd) {
			some++
		}
		found, refusal := m.everyPage(url.Values{"filter": {c.text}, "limit": {pickOne(m.g.r, "7", "50", "200")}}, func() {})
		got := idsOf(found)
		slices.Sort(got)
		slices.Sort(want)
		if refusal != "" || !slices.Equal(got, want) {
			wrong++
			t.Errorf("%s: %d users, want %d: %s\n%s", c.text, len(got), len(want), refusal, m.between(crowd, got, want))
		}
	}
	t.Logf("%d of 400 filters pick some", some)
}

// between tells which users one list has and the other does not.
func (m *maker) between(crowd []object, got, want []string) string {
	var out []string
	for _, u := range crowd {
		id := text(u["id"])
		if a, b := slices.Contains(got, id), slices.Contains(want, id); a != b {
			out = append(out, fmt.Sprintf("found %v, should %v: %v %v %v %v %v", a, b, u["username"], u["email"], u["nickname"], u["title"], u["externalId"]))
		}
	}
	return strings.Join(out[:min(len(out), 4)], "\n")
}

// TestPagesAreStable reads lists in every order, page by page, while users come
// and go. Who was there all the time is seen once, in order; nobody is seen
// twice.
func TestPagesAreStable(t *testing.T) {
	t.Parallel()
	m := newMaker(t, propertySeed(t), 500)
	crowd := m.crowd(40)
	users := "/v1/environments/" + m.env + "/users"
	for i, order := range []string{"", "createdAt", "-createdAt", "username", "-username", "email", "-email"} {
		gone, born := map[string]bool{}, 0
		between := func() {
			born++
			m.pass(1e6)
			m.call("POST", users, jsonOf(object{"username": fmt.Sprintf("%s new %d %d", pickOne(m.g.r, oddTexts()...), i, born), "email": fmt.Sprintf("new%d@example.com", born)})).want(201)
			if len(gone) < 4 {
				leaves := text(pickOne(m.g.r, crowd...)["id"])
				gone[leaves] = true
				m.call("DELETE", users+"/"+leaves, "")
			}
		}
		query := url.Values{"limit": {"3"}}
		if order != "" {
			query.Set("order", order)
		}
		seen, refusal := m.everyPage(query, between)
		ids := idsOf(seen)
		for _, u := range crowd {
			n := 0
			for _, id := range ids {
				if id == u["id"] {
					n++
				}
			}
			if n > 1 || n == 0 && !gone[text(u["id"])] {
				t.Errorf("order %q: %v was seen %d times %s", order, u["username"], n, refusal)
			}
		}
		if !inOrder(seen, order) {
			t.Errorf("order %q is not kept", order)
		}
		crowd = slices.DeleteFunc(crowd, func(u object) bool { return gone[text(u["id"])] })
	}
}

func inOrder(users []object, order string) bool {
	name, descending := strings.CutPrefix(order, "-")
	if name == "" {
		name = "createdAt"
	}
	return slices.IsSortedFunc(users, func(a, b object) int {
		c := strings.Compare(kind.FoldText(text(a[name])), kind.FoldText(text(b[name])))
		if descending {
			return -c
		}
		return c
	})
}

// TestCursorsAreSealed changes the cursor of a page, and takes it to other
// lists: each time it is refused.
func TestCursorsAreSealed(t *testing.T) {
	m := newMaker(t, propertySeed(t), 600)
	m.crowd(5)
	at := "/v1/environments/" + m.env
	cursorOf := func(path string) string {
		r := m.call("GET", path, "").want(200)
		u, err := url.Parse(text(r.body["_links"].(object)["next"].(object)["href"]))
		m.must(err)
		return u.Query().Get("cursor")
	}
	cursor, other := cursorOf(at+"/users?limit=2"), cursorOf(at+"/passwordPolicies?limit=1")
	good := at + "/users?limit=2&cursor="
	m.call("GET", good+cursor, "").want(200)
	for what, path := range map[string]string{
		"of another list": good + other, "to another list": at + "/populations?cursor=" + cursor, "in another order": good + cursor + "&order=-createdAt",
		"ordered by name": good + cursor + "&order=username", "with a filter": good + cursor + "&filter=" + url.QueryEscape(`enabled eq true`),
		"longer": good + cursor + "AA", "shorter": good + cursor[:len(cursor)-3], "nothing": good + "%20", "of another environment": "/v1/environments?cursor=" + cursor,
	} {
		if r := m.call("GET", path, ""); r.StatusCode != 400 || isModel(r) != "" || r.detail()["target"] != "cursor" {
			t.Errorf("a cursor %s: %d %s", what, r.StatusCode, r.raw)
		}
	}
	for i := range cursor {
		changed := []byte(cursor)
		if changed[i] ^= 1; changed[i] == '.' || changed[i] == '^' || changed[i] == '`' {
			changed[i] = 'A'
		}
		r := m.call("GET", good+url.QueryEscape(string(changed)), "")
		if r.StatusCode != 400 && i < len(cursor)-1 { // the last character has bits that mean nothing
			t.Errorf("a cursor changed at %d: %d", i, r.StatusCode)
		}
	}
}
