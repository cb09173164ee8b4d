package manage

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/facts"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

func (w *world) rotateKeys(t *testing.T) {
	t.Helper()
	if err := w.Rotate(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// policy is the default rotation policy of an environment.
func (w *world) policy(t *testing.T, env string) (p platform.KeyRotationPolicy) {
	t.Helper()
	w.view(t, env, func(tx *store.Tx) error {
		d, err := facts.Default(tx, "keyRotationPolicy")
		if err != nil {
			return err
		}
		p, err = facts.Decode[platform.KeyRotationPolicy](d)
		return err
	})
	return p
}

// published are the keys of an environment's JWKS.
func (w *world) published(t *testing.T, env string) (keys []jose.JSONWebKey) {
	t.Helper()
	w.view(t, env, func(tx *store.Tx) (err error) {
		keys, err = facts.PublicKeys(tx)
		return err
	})
	return keys
}

func ids(keys []jose.JSONWebKey) []string {
	var out []string
	for _, k := range keys {
		out = append(out, k.KeyID)
	}
	return out
}

// wantKeys holds the current and the next key, and what is published.
func (w *world) wantKeys(t *testing.T, when, current, next string, published ...string) {
	t.Helper()
	p := w.policy(t, "e1")
	keys := ids(w.published(t, "e1"))
	slices.Sort(keys)
	slices.Sort(published)
	if p.CurrentKeyID != current || p.NextKeyID != next || !slices.Equal(keys, published) {
		t.Fatalf("%s: %s signs, %q is next, published are %v; want %s, %q and %v", when, p.CurrentKeyID, p.NextKeyID, keys, current, next, published)
	}
}

// TestRotation is the whole life of two keys: the next one is published 14 days
// before it signs, and the one before stays published until the last token that
// it signed has expired.
// covers: OIDC Core §10.1.1/1
func TestRotation(t *testing.T) {
	w := newWorld(t)
	sign := func(kid string) string {
		t.Helper()
		var s oauth.Signer
		w.view(t, "e1", func(tx *store.Tx) (err error) {
			s, err = w.vault.Signer(tx, "")
			return err
		})
		if s.KeyID != kid {
			t.Fatalf("%s signs, not %s", s.KeyID, kid)
		}
		token, err := s.Sign(oauth.Access{Issuer: "i", ClientID: "c", Expires: w.clock.time().Add(days(30)).Unix()}, "")
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	verifies := func(token string) bool {
		_, err := oauth.Signed(token, w.published(t, "e1"))
		return err == nil
	}

	// Until 14 days before nothing happens, however often it is asked for.
	for _, day := range []int{0, 1, 50, 75} {
		w.at(day, 0)
		w.rotateKeys(t)
		w.wantKeys(t, "early", "k1", "", "k1")
	}
	w.at(76, -time.Millisecond)
	w.rotateKeys(t)
	w.wantKeys(t, "a moment before the announcement", "k1", "", "k1")

	w.at(76, 0)
	w.rotateKeys(t)
	k2 := w.policy(t, "e1").NextKeyID
	if k2 == "" || k2 == "k1" {
		t.Fatalf("14 days before, the next key is %q", k2)
	}
	w.wantKeys(t, "announced", "k1", k2, "k1", k2)
	sign("k1")
	for _, day := range []int{76, 77, 89} { // no other key is made meanwhile
		w.at(day, time.Hour)
		w.rotateKeys(t)
		w.wantKeys(t, "announced before", "k1", k2, "k1", k2)
	}
	w.at(90, -time.Millisecond)
	w.rotateKeys(t)
	w.wantKeys(t, "a moment before its time", "k1", k2, "k1", k2)
	last := sign("k1")

	w.at(90, 0)
	w.rotateKeys(t)
	w.wantKeys(t, "rotated", k2, "", "k1", k2)
	if got := w.policy(t, "e1").RotatedAt; got != platform.Stamp(w.day(90)) {
		t.Errorf("rotated at %s", got)
	}
	if first := sign(k2); !verifies(last) || !verifies(first) {
		t.Error("the tokens of before and after do not verify both")
	}
	for range 3 { // nor is it rotated twice
		w.rotateKeys(t)
		w.wantKeys(t, "rotated once", k2, "", "k1", k2)
	}
	// A token lives 30 days at most; its key is there until it has expired.
	w.at(120, -2*time.Second)
	w.rotateKeys(t)
	if !verifies(last) {
		t.Error("the last token of the key before does not verify to its end")
	}
	w.at(121, 0)
	w.rotateKeys(t)
	w.wantKeys(t, "31 days later", k2, "", "k1", k2)
	w.at(121, time.Millisecond)
	w.rotateKeys(t)
	w.wantKeys(t, "a moment after", k2, "", k2)
	if w.has(t, "e1", "key", "k1") {
		t.Error("the key of before is still there")
	}

	// And so on, from the time when it was rotated.
	w.at(166, -time.Millisecond)
	w.rotateKeys(t)
	w.wantKeys(t, "before the next announcement", k2, "", k2)
	w.at(166, 0)
	w.rotateKeys(t)
	k3 := w.policy(t, "e1").NextKeyID
	w.wantKeys(t, "the next announcement", k2, k3, k2, k3)
	w.at(180, 0)
	w.rotateKeys(t)
	w.wantKeys(t, "the next rotation", k3, "", k2, k3)
	sign(k3)
}

// TestRotationLate: a server that was off at the time rotates when it is
// started, once, and keeps the key before for its tokens.
func TestRotationLate(t *testing.T) {
	w := newWorld(t)
	w.at(400, 0)
	w.rotateKeys(t)
	k2 := w.policy(t, "e1").CurrentKeyID
	if k2 == "k1" {
		t.Fatal("the key is not rotated")
	}
	w.wantKeys(t, "late", k2, "", "k1", k2)
	w.rotateKeys(t)
	w.wantKeys(t, "again", k2, "", "k1", k2)
	w.at(431, 0)
	w.rotateKeys(t)
	w.wantKeys(t, "31 days later", k2, "", "k1", k2)
	w.at(432, 0)
	w.rotateKeys(t)
	w.wantKeys(t, "32 days later", k2, "", k2)
}

// TestRotationTogether: of many that rotate at once, as nodes on one database
// do, one makes the key.
func TestRotationTogether(t *testing.T) {
	w := newWorld(t)
	for _, day := range []int{76, 90} {
		w.at(day, 0)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := w.Rotate(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if keys := w.published(t, "e1"); len(keys) != 2 {
			t.Errorf("on day %d there are the keys %v", day, ids(keys))
		}
	}
	if p := w.policy(t, "e1"); p.CurrentKeyID == "k1" || p.NextKeyID != "" {
		t.Errorf("the policy is %+v", p)
	}
}

// TestRotationOfPolicies: each policy has its own time and its own keys, in
// every environment, and what is done leaves an event.
func TestRotationOfPolicies(t *testing.T) {
	w := newWorld(t)
	const path = "/v1/environments/{environment}/keyRotationPolicies"
	made, err := w.call(t, "POST", path, map[string]string{"environment": "e1"}, kind.Body{
		"name": "Monthly", "algorithm": "RSA", "dn": "CN=Monthly, O=x", "keyLength": number("2048"), "signatureAlgorithm": "SHA256withRSA", "usageType": "SIGNING", "rotationPeriod": number("30"),
	})
	if err != nil {
		t.Fatal(err)
	}
	id, _ := made.Body["id"].(string)
	read := func() (p platform.KeyRotationPolicy) {
		t.Helper()
		w.view(t, "e1", func(tx *store.Tx) (err error) {
			p, _, err = facts.Get[platform.KeyRotationPolicy](tx, "keyRotationPolicy", id)
			return err
		})
		return p
	}
	m1 := read().CurrentKeyID
	if m1 == "" || m1 == "k1" || !slices.Contains(ids(w.published(t, "e1")), m1) {
		t.Fatalf("the policy signs with %q, published are %v", m1, ids(w.published(t, "e1")))
	}
	w.at(16, 0)
	w.rotateKeys(t)
	m2 := read().NextKeyID
	w.wantKeys(t, "the other policy", "k1", "", "k1", m1, m2)
	w.at(30, 0)
	w.rotateKeys(t)
	if p := read(); p.CurrentKeyID != m2 || p.NextKeyID != "" {
		t.Errorf("after its 30 days: %+v", p)
	}
	w.wantKeys(t, "the other policy", "k1", "", "k1", m1, m2)

	var key platform.Key
	w.view(t, "e1", func(tx *store.Tx) (err error) {
		key, _, err = facts.Get[platform.Key](tx, "key", m2)
		return err
	})
	if key.SubjectDN != "CN=Monthly, O=x" || key.Name != "Monthly" || key.KeyLength != 2048 || key.UsageType != platform.UsageSigning {
		t.Errorf("the new key is %+v", key)
	}
	var events []store.Event
	w.view(t, "e1", func(tx *store.Tx) (err error) {
		events, err = tx.Events(store.Query{Where: kind.Equal("action.type", "KEY_ROTATION_POLICY.ROTATED")})
		return err
	})
	if len(events) == 0 || events[0].Target != id || !events[0].Recorded.Equal(w.day(30)) || strings.Contains(string(events[0].Body), key.Sealed) {
		t.Errorf("the events are %+v", events)
	}
}

// TestRotationGoesOn: no environment keeps the others from it, and a caller who
// is gone is told.
func TestRotationGoesOn(t *testing.T) {
	w := newWorld(t)
	// More environments than are read at once, which have no keys.
	w.update(t, "", func(tx *store.Tx) error {
		for n := range 150 {
			w.clock.move(time.Millisecond)
			if _, err := tx.Put(store.Document{Kind: "environment", ID: "e" + string(rune('a'+n/26)) + string(rune('a'+n%26)), Body: []byte(`{"status":"ACTIVE"}`)}); err != nil {
				return err
			}
		}
		return nil
	})
	last, err := w.vault.Key(t.Context(), "eft", "last", platform.FirstSigningKey(), beginning)
	if err != nil {
		t.Fatal(err)
	}
	w.update(t, "eft", func(tx *store.Tx) error {
		_, key := tx.Put(store.Document{Kind: "key", ID: "last", Body: last})
		_, policy := tx.Put(store.Document{Kind: "keyRotationPolicy", ID: "p", Body: []byte(`{"default":true,"name":"Default","dn":"CN=x","keyLength":2048,"validityPeriod":365,"rotationPeriod":30,"currentKeyId":"last","rotatedAt":"` + platform.Stamp(beginning) + `"}`)})
		return errors.Join(key, policy)
	})
	w.at(31, 0)
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := w.Rotate(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("for somebody who is gone: %v", err)
	}
	w.rotateKeys(t)
	if p := w.policy(t, "eft"); p.CurrentKeyID == "last" {
		t.Errorf("the last environment's key is not rotated: %+v", p)
	}
	w.wantKeys(t, "the first environment", "k1", "", "k1")
}
