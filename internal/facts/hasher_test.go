package facts

import (
	"context"
	"errors"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

func testHasher(slots int) *hasher {
	return newHasher(platform.HashCost{Memory: 8, Time: 1, Lanes: 1}, slots, func(b []byte) { clear(b) })
}

// TestHashesAreBounded fills the slots and the line before them: who comes then
// is sent away at once, and who stops waiting leaves the line.
func TestHashesAreBounded(t *testing.T) {
	h := testHasher(2)
	leave := make([]func(), 2)
	for i := range leave {
		var err error
		if leave[i], err = h.enter(t.Context(), "test"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, giveUp := context.WithCancel(t.Context())
	came := make(chan error)
	for range 2 * maxLine {
		go func() {
			_, err := h.Verify(ctx, "", "password")
			came <- err
		}()
	}
	for len(h.line) < 2*maxLine {
		time.Sleep(time.Millisecond)
	}
	if _, err := h.Hash(t.Context(), "password"); !errors.Is(err, fault.TooManyHashes) {
		t.Errorf("the one too many gets %v", err)
	}
	giveUp()
	for range 2 * maxLine {
		if err := <-came; !errors.Is(err, context.Canceled) {
			t.Errorf("who gives up gets %v", err)
		}
	}
	for _, f := range leave {
		f()
	}
	if _, err := h.Hash(t.Context(), "password"); err != nil || len(h.line) > 0 || len(h.slots) > 0 {
		t.Errorf("afterwards: %v, %d in line, %d computing", err, len(h.line), len(h.slots))
	}
}

// TestNobodysPassword costs a hash and is never right, whatever is tried.
func TestNobodysPassword(t *testing.T) {
	h := testHasher(1)
	for _, password := range []string{"", "password", "\x00"} {
		if right, err := h.Verify(t.Context(), "", password); right || err != nil {
			t.Errorf("%q: %v %v", password, right, err)
		}
	}
	stored, err := h.Hash(t.Context(), "password")
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{"password": true, "password\x00": false, "Password": false, "": false} {
		if right, err := h.Verify(t.Context(), stored, password); right != want || err != nil {
			t.Errorf("%q: %v %v", password, right, err)
		}
	}
	if _, err := h.Verify(t.Context(), "$argon2id$broken", "password"); err == nil {
		t.Error("a broken hash is no error")
	}
}

// TestUpgradable: a hash that was made elsewhere, or at another cost, is to be
// made anew; one of ours is not.
func TestUpgradable(t *testing.T) {
	h := testHasher(1)
	stored, err := h.Hash(t.Context(), "password")
	if err != nil {
		t.Fatal(err)
	}
	cheaper := newHasher(platform.HashCost{Memory: 16, Time: 1, Lanes: 1}, 1, func(b []byte) { clear(b) })
	if h.Upgradable(stored) || !cheaper.Upgradable(stored) {
		t.Errorf("upgradable: %t, at another cost %t", h.Upgradable(stored), cheaper.Upgradable(stored))
	}
	if right, err := cheaper.Verify(t.Context(), stored, "password"); !right || err != nil {
		t.Errorf("a hash of another cost: %t, %v", right, err)
	}
}

// TestNewPassword holds a password against the policy, the history included,
// before it is hashed.
func TestNewPassword(t *testing.T) {
	chance := byte(0)
	h := newHasher(platform.HashCost{Memory: 8, Time: 1, Lanes: 1}, 1, func(b []byte) {
		chance++
		for i := range b {
			b[i] = chance
		}
	})
	hash := func(password string) string {
		out, err := h.Hash(t.Context(), password)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	p := Person{ID: "u", User: platform.User{Username: "joseph"}}
	p.Policy.Length.Min, p.Policy.History.Count, p.Policy.ExcludesProfileData = 8, 2, true
	p.Credential = platform.Credential{Hash: hash("the current one"), History: []platform.OldHash{{Hash: hash("the one before")}, {Hash: ""}}}
	for password, rule := range map[string]string{"short": "length", "the current one": "history", "the one before": "history", "my name is joseph": "excludesProfileData", "another one": "", "The current one": ""} {
		hash, unmet, err := h.NewPassword(t.Context(), p, "the current one", password)
		switch {
		case err != nil:
			t.Errorf("%q: %v", password, err)
		case rule == "":
			if right, err := h.Verify(t.Context(), hash, password); len(unmet) > 0 || !right || err != nil {
				t.Errorf("%q: %v, %q is its hash: %t, %v", password, unmet, hash, right, err)
			}
		case hash != "" || len(unmet) != 1 || unmet[0].Rule != rule:
			t.Errorf("%q breaks %v, not %s; hash %q", password, unmet, rule, hash)
		}
	}
	// A policy without a history asks for none.
	p.Policy.History.Count = 0
	p.Credential.History[0].Hash = "$argon2id$broken"
	if hash, unmet, err := h.NewPassword(t.Context(), p, "", "the current one"); hash == "" || len(unmet) > 0 || err != nil {
		t.Errorf("without a history: %q, %v, %v", hash, unmet, err)
	}
	p.Policy.History.Count = 2
	if hash, _, err := h.NewPassword(t.Context(), p, "", "another one"); hash != "" || err == nil {
		t.Errorf("a broken hash in the history: %q, %v", hash, err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	release, err := h.enter(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if _, _, err := h.NewPassword(gone, p, "", "another one"); !errors.Is(err, context.Canceled) {
		t.Errorf("for somebody who is gone: %v", err)
	}
}
