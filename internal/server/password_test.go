package server

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
		if leave[i], err = h.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, giveUp := context.WithCancel(t.Context())
	came := make(chan error)
	for range 2 * maxLine {
		go func() {
			_, err := h.verify(ctx, "", "password")
			came <- err
		}()
	}
	for len(h.line) < 2*maxLine {
		time.Sleep(time.Millisecond)
	}
	if _, err := h.hash(t.Context(), "password"); !errors.Is(err, fault.TooManyHashes) {
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
	if _, err := h.hash(t.Context(), "password"); err != nil || len(h.line) > 0 || len(h.slots) > 0 {
		t.Errorf("afterwards: %v, %d in line, %d computing", err, len(h.line), len(h.slots))
	}
}

// TestNobodysPassword costs a hash and is never right, whatever is tried.
func TestNobodysPassword(t *testing.T) {
	h := testHasher(1)
	for _, password := range []string{"", "password", "\x00"} {
		if right, err := h.verify(t.Context(), "", password); right || err != nil {
			t.Errorf("%q: %v %v", password, right, err)
		}
	}
	stored, err := h.hash(t.Context(), "password")
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{"password": true, "password\x00": false, "Password": false, "": false} {
		if right, err := h.verify(t.Context(), stored, password); right != want || err != nil {
			t.Errorf("%q: %v %v", password, right, err)
		}
	}
	if _, err := h.verify(t.Context(), "$argon2id$broken", "password"); err == nil {
		t.Error("a broken hash is no error")
	}
}
