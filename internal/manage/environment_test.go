package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/store"
)

func number(text string) json.Number { return json.Number(text) }

// TestPurge deletes a SANDBOX: nobody reaches it from then on, what was in it
// goes with the next purge, and nothing of another environment does.
func TestPurge(t *testing.T) {
	w := newWorld(t)
	const environments, one = "/v1/environments", "/v1/environments/{environment}"
	create := func(name string) string {
		t.Helper()
		var license string
		w.view(t, "", func(tx *store.Tx) error {
			d, err := tx.Find("license", kind.Expr{})
			license = d.ID
			return err
		})
		made, err := w.call(t, "POST", environments, map[string]string{}, kind.Body{"name": name, "type": "SANDBOX", "region": "NA", "license": kind.Body{"id": license}})
		if err != nil {
			t.Fatalf("%v", detailed(err))
		}
		id, _ := made.Body["id"].(string)
		return id
	}
	a, b := create("A"), create("B")
	content := func(env string) (n int) {
		t.Helper()
		w.view(t, env, func(tx *store.Tx) error {
			for noun := range w.Kinds() {
				if noun == "environment" {
					continue
				}
				found, err := tx.Count(noun, kind.Expr{}, 0, 0)
				if err != nil {
					return err
				}
				n += found
			}
			events, err := tx.Events(store.Query{})
			n += len(events)
			return err
		})
		return n
	}
	for _, env := range []string{a, b} {
		w.update(t, env, func(tx *store.Tx) error {
			_, err := w.records.Codes.Put(tx, "secret "+env, store.Ticket[oauth.Code]{Owner: "u"})
			return errors.Join(err, tx.Tally("users", "u", 1))
		})
	}
	if content(a) < 20 || content(a) != content(b) {
		t.Fatalf("the environments begin with %d and %d documents", content(a), content(b))
	}
	before, first := content(b), content("e1")
	if err := w.Purge(context.Background()); err != nil || content(a) != before {
		t.Errorf("with nothing deleted, a purge leaves %d of %d, %v", content(a), before, err)
	}

	if _, err := w.call(t, "DELETE", one, map[string]string{"environment": a}, nil); err != nil {
		t.Fatalf("%v", detailed(err))
	}
	if _, err := w.call(t, "GET", one, map[string]string{"environment": a}, nil); !errors.Is(err, fault.Missing) {
		t.Errorf("the deleted environment: %v", err)
	}
	if _, err := w.call(t, "GET", one+"/populations", map[string]string{"environment": a}, nil); !errors.Is(err, fault.Missing) {
		t.Errorf("what is in it: %v", err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := w.Purge(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("for somebody who is gone: %v", err)
	}
	for range 2 {
		if err := w.Purge(context.Background()); err != nil {
			t.Fatal(err)
		}
		if content(a) != 0 {
			t.Errorf("%d are left", content(a))
		}
	}
	w.view(t, a, func(tx *store.Tx) error {
		_, err := w.records.Codes.Get(tx, "secret "+a)
		n, errTally := tx.Tallied("users")
		if !errors.Is(err, store.ErrMissing) || n != 0 {
			t.Errorf("left are a ticket, %v, and %d in tallies", err, n)
		}
		return errTally
	})
	w.view(t, b, func(tx *store.Tx) error {
		_, err := w.records.Codes.Get(tx, "secret "+b)
		n, errTally := tx.Tallied("users")
		if n != 1 || content(b) != before {
			t.Errorf("the other environment has %d of %d, and %d in tallies", content(b), before, n)
		}
		return errors.Join(err, errTally)
	})
	if content("e1") < first {
		t.Errorf("the first environment has %d of %d", content("e1"), first)
	}
	if w.has(t, "", purged, a) || !w.has(t, "", "environment", b) {
		t.Error("the mark of the deleted environment is still there, or the other environment is not")
	}
	if answer, err := w.call(t, "GET", one, map[string]string{"environment": b}, nil); err != nil || answer.Body["name"] != "B" {
		t.Errorf("the other environment: %v, %v", answer.Body, err)
	}
	// The name is free again.
	create("A")
}

// TestPurgeOfMany: what is deleted meanwhile is not passed over.
func TestPurgeOfMany(t *testing.T) {
	w := newWorld(t)
	for n := range 130 {
		env := fmt.Sprint("gone", n)
		w.update(t, env, func(tx *store.Tx) error {
			_, err := tx.Put(store.Document{Kind: "user", ID: "u", Body: []byte(`{}`)})
			_, mark := tx.Root().Put(store.Document{Kind: purged, ID: env, Body: []byte(`{}`)})
			return errors.Join(err, mark)
		})
	}
	for range 2 { // some at a time
		if err := w.Purge(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 130 {
		if env := fmt.Sprint("gone", n); w.has(t, env, "user", "u") || w.has(t, "", purged, env) {
			t.Errorf("%s is still there", env)
		}
	}
}

// TestDeletingTheFirstEnvironment is refused: its worker would delete itself.
func TestDeletingTheFirstEnvironment(t *testing.T) {
	w := newWorld(t)
	if _, err := w.call(t, "DELETE", "/v1/environments/{environment}", map[string]string{"environment": "e1"}, nil); !errors.Is(err, fault.Needed) {
		t.Errorf("deleting the actor's environment: %v", err)
	}
	if err := w.Purge(context.Background()); err != nil || !w.has(t, "e1", "application", "worker") {
		t.Errorf("after a purge: %v", err)
	}
}

// detailed is an error with all that it tells.
func detailed(err error) string {
	var f *fault.Fault
	if errors.As(err, &f) {
		return fmt.Sprintf("%v %+v", err, f.Details)
	}
	return fmt.Sprint(err)
}
