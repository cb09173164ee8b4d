package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// sealer knows master keys by their first byte.
func sealer(t testing.TB, keys ...byte) *Sealer {
	t.Helper()
	var raw [][]byte
	for _, b := range keys {
		raw = append(raw, bytes.Repeat([]byte{b}, 32))
	}
	s, err := NewSealer(raw[0], raw[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSeal(t *testing.T) {
	s := sealer(t, 1)
	for _, plain := range []string{"", "a", strings.Repeat("long ", 10000)} {
		sealed, err := s.Seal("e1", "key", "k1", []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(sealed, "v1."+s.keys[0].id+".") || plain != "" && len(plain) > 5 && strings.Contains(sealed, plain) {
			t.Errorf("sealed is %.60s", sealed)
		}
		again, err := s.Seal("e1", "key", "k1", []byte(plain))
		if err != nil || again == sealed {
			t.Errorf("the same twice, %v", err)
		}
		// Another Sealer of the same key, as after a restart.
		if got, err := sealer(t, 1).Unseal("e1", "key", "k1", sealed); err != nil || string(got) != plain {
			t.Errorf("unsealed is %.60q, %v", got, err)
		}
	}
}

func TestUnsealRefuses(t *testing.T) {
	s := sealer(t, 1)
	sealed, err := s.Seal("e1", "key", "k1", []byte("private"))
	if err != nil {
		t.Fatal(err)
	}
	flipped := sealed[:len(sealed)-3] + map[bool]string{true: "B", false: "A"}[sealed[len(sealed)-3] == 'A'] + sealed[len(sealed)-2:]
	cases := []struct {
		name          string
		s             *Sealer
		env, kind, id string
		sealed        string
		otherKey      bool
	}{
		{"another env", s, "e2", "key", "k1", sealed, false},
		{"another kind", s, "e1", "keys", "k1", sealed, false},
		{"another id", s, "e1", "key", "k2", sealed, false},
		{"shifted", s, "e1", "ke", "yk1", sealed, false},
		{"another key", sealer(t, 2), "e1", "key", "k1", sealed, true},
		{"another key that pretends", sealer(t, 2), "e1", "key", "k1", strings.Replace(sealed, s.keys[0].id, sealer(t, 2).keys[0].id, 1), false},
		{"a changed byte", s, "e1", "key", "k1", flipped, false},
		{"shortened", s, "e1", "key", "k1", sealed[:len(sealed)-4], false},
		{"nothing", s, "e1", "key", "k1", "", false},
		{"no parts", s, "e1", "key", "k1", "v1." + s.keys[0].id, false},
		{"nothing sealed", s, "e1", "key", "k1", "v1." + s.keys[0].id + ".", false},
		{"another version", s, "e1", "key", "k1", "v2" + sealed[2:], false},
		{"no base64", s, "e1", "key", "k1", sealed + "!", false},
	}
	for _, c := range cases {
		plain, err := c.s.Unseal(c.env, c.kind, c.id, c.sealed)
		if err == nil || plain != nil || errors.Is(err, ErrOtherKey) != c.otherKey {
			t.Errorf("%s: %q, %v", c.name, plain, err)
		}
	}
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := NewSealer(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes is taken", n)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); strings.Contains(text, s.keys[0].id) {
		t.Errorf("a sealer is printed as %s", text)
	}
}

// TestDerive: a key for each purpose, the same after a restart, another one for
// another master key, and none that tells of the others.
func TestDerive(t *testing.T) {
	seen := map[string]string{}
	for key := range byte(3) {
		for _, purpose := range []string{"", "cursor", "Cursor", "cursor\x00", "cursors", strings.Repeat("long ", 1000)} {
			got := sealer(t, key).Derive(purpose)
			if len(got) != 32 || !bytes.Equal(got, sealer(t, key).Derive(purpose)) {
				t.Errorf("derived for %.20q: %x, again %x", purpose, got, sealer(t, key).Derive(purpose))
			}
			if other, ok := seen[string(got)]; ok {
				t.Errorf("%.20q and %.20q have the same key", purpose, other)
			}
			seen[string(got)] = purpose
			if bytes.Equal(got, bytes.Repeat([]byte{key}, 32)) {
				t.Errorf("the master key itself is derived for %.20q", purpose)
			}
		}
	}
	s := sealer(t, 1)
	got := s.Derive("cursor")
	clear(got) // what the caller does with his key is his
	if bytes.Equal(s.Derive("cursor"), got) {
		t.Error("a derived key is shared")
	}
	if text := fmt.Sprintf("%v %+v %#v", s, s, s); strings.Contains(text, fmt.Sprintf("%x", s.keys[0].root)) || strings.Contains(text, string(s.keys[0].root)) {
		t.Errorf("a sealer is printed as %s", text)
	}
}

func testClaim(t *testing.T, p *opened) {
	// Two nodes that start at the same time: one key wins.
	var first atomic.Int64
	together(2, 2, func(n int) {
		switch err := p.Claim(context.Background(), sealer(t, byte(n))); {
		case err == nil:
			first.Add(1)
		case err != ErrOtherKey:
			t.Error(err)
		}
	})
	if first.Load() != 1 {
		t.Errorf("%d keys own the database", first.Load())
	}
	owners := 0
	for n := range 5 {
		err := p.Claim(t.Context(), sealer(t, byte(n)))
		if err == nil {
			owners++
		} else if err != ErrOtherKey {
			t.Error(err)
		}
	}
	if owners != 1 {
		t.Errorf("%d keys own the database", owners)
	}
	p.update(t, "", func(tx *Tx) error {
		d, err := tx.Get(checkKindName, checkID)
		if err != nil {
			return err
		}
		d.Body = []byte(`{"sealed":"nonsense"}`)
		_, err = tx.Put(d)
		return err
	})
	if err := p.Claim(t.Context(), sealer(t, 0)); err == nil || errors.Is(err, ErrOtherKey) {
		t.Errorf("a damaged check says %v", err)
	}
}
