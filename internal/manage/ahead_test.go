package manage

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"testing"

	"pixy/internal/kind"
	"pixy/internal/store"
)

// TestPagesCostTheSame lists many and few of every kind that is shown with other
// documents: with the same statements, and as each is shown alone.
func TestPagesCostTheSame(t *testing.T) {
	w := newWorld(t)
	const few, many = 3, 60
	id := func(noun string, n int) string { return fmt.Sprintf("%s-%02d", noun, n) }
	w.update(t, "e1", func(tx *store.Tx) error {
		for n := range many {
			for noun, body := range map[string]string{
				"user":            fmt.Sprintf(`{"usernameKey":"u%d","username":"u%[1]d","population":{"id":%q}}`, n, id("population", n)),
				"credential":      fmt.Sprintf(`{"lastSignOn":{"remoteIp":"10.0.0.%d"},"hash":"x"}`, n),
				"population":      fmt.Sprintf(`{"name":"p%d"}`, n),
				"group":           fmt.Sprintf(`{"name":"g%d"}`, n),
				"groupMembership": fmt.Sprintf(`{"parent":"user-00","group":{"id":%q},"type":"DIRECT"}`, id("group", n)),
				"application":     fmt.Sprintf(`{"name":"a%d","protocol":"OPENID_CONNECT","type":"NATIVE_APP"}`, n),
			} {
				at := id(noun, n)
				switch noun {
				case "credential":
					at = id("user", n)
				case "groupMembership":
					at = place{spec: w.byName[noun].Table(), parent: "user-00", id: id("group", n)}.document()
				}
				if _, err := tx.Put(store.Document{Kind: noun, ID: at, Body: []byte(body)}); err != nil {
					return err
				}
			}
			for _, name := range []string{"user population.id " + id("population", n), "groupMembership group.id " + id("group", n)} {
				if err := tx.Tally(name, "x", n); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for _, c := range []struct{ path, noun, key, expand string }{
		{"/users", "user", "users", ""},
		{"/users", "user", "users", "population"},
		{"/populations", "population", "populations", ""},
		{"/groups", "group", "groups", ""},
		{"/applications", "application", "applications", ""},
		{"/users/{user}/memberOfGroups", "group", "groupMemberships", ""},
	} {
		path := "/v1/environments/{environment}" + c.path
		query := url.Values{}
		if c.expand != "" {
			query.Set("expand", c.expand)
		}
		ids := map[string]string{"environment": "e1", "user": "user-00"}
		list := func(limit int) (items []any, statements int64) {
			query.Set("limit", fmt.Sprint(limit))
			before := w.db.Stats().Statements
			body := w.shown(t, path, ids, query)
			embedded, _ := body["_embedded"].(kind.Body)
			items, _ = embedded[c.key].([]any)
			return items, w.db.Stats().Statements - before
		}
		some, cheap := list(few)
		all, dear := list(many)
		if len(some) != few || len(all) != many || cheap != dear {
			t.Errorf("%s expand=%s: %d statements for %d, %d for %d", c.path, c.expand, cheap, len(some), dear, len(all))
		}
		query.Del("limit")
		for _, item := range all {
			ids[c.noun] = kind.At(item.(kind.Body), "id")
			alone := w.shown(t, path+"/{"+c.noun+"}", ids, query)
			for _, shown := range []kind.Body{item.(kind.Body), alone} {
				delete(shown, "_links") // here a path says only a part of where it is
			}
			if !reflect.DeepEqual(alone, item) {
				t.Fatalf("%s expand=%s: in the list %v, alone %v", c.path, c.expand, item, alone)
			}
		}
	}
}

// shown is the body of an answer as it is read on the wire.
func (w *world) shown(t *testing.T, path string, ids map[string]string, query url.Values) kind.Body {
	t.Helper()
	answer, err := w.ask(t, "GET", path, ids, query, nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	raw, err := json.Marshal(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := kind.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
