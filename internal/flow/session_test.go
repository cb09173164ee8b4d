package flow

import (
	"fmt"
	"testing"
	"time"
)

// TestIdle lets a session rest from its last use, if at all.
func TestIdle(t *testing.T) {
	signedOn := time.Unix(1000000, 0)
	used := Session{SignedOn: signedOn, Active: signedOn.Add(time.Hour)}
	for _, c := range []struct {
		session Session
		rest    time.Duration
		after   time.Duration
		idle    bool
	}{
		{Session{SignedOn: signedOn}, 0, 1000 * time.Hour, false},
		{Session{SignedOn: signedOn}, time.Hour, time.Hour - 1, false},
		{Session{SignedOn: signedOn}, time.Hour, time.Hour, true},
		{used, time.Hour, 2*time.Hour - 1, false},
		{used, time.Hour, 2 * time.Hour, true},
	} {
		if got := c.session.Idle(c.rest, signedOn.Add(c.after)); got != c.idle {
			t.Errorf("%v after, resting %v: idle %t", c.after, c.rest, got)
		}
	}
}

// TestUsed notes a use once a minute.
func TestUsed(t *testing.T) {
	signedOn := time.Unix(1000000, 0)
	s, changed := Session{SignedOn: signedOn}.Used(signedOn.Add(time.Minute - 1))
	if changed || !s.LastActive().Equal(signedOn) {
		t.Error("a use within the minute was noted")
	}
	at := signedOn.Add(time.Minute)
	if s, changed = s.Used(at); !changed || !s.LastActive().Equal(at) || !s.SignedOn.Equal(signedOn) {
		t.Errorf("a use after a minute was not noted: %+v", s)
	}
}

// TestJoin notes each application once, with what it calls the user now, and
// not without end.
func TestJoin(t *testing.T) {
	none := Session{}
	one, changed := none.Join(Party{"a", "ada", "https://x/as"})
	if !changed || len(one.Parties) != 1 || len(none.Parties) != 0 {
		t.Fatalf("%v %t", one.Parties, changed)
	}
	if _, changed := one.Join(Party{"a", "ada", "https://x/as"}); changed {
		t.Error("the same once more is a change")
	}
	renamed, changed := one.Join(Party{"a", "ADA", "https://x/as"})
	if !changed || len(renamed.Parties) != 1 || renamed.Parties[0].Subject != "ADA" || one.Parties[0].Subject != "ada" {
		t.Errorf("another name: %v, %v", renamed.Parties, one.Parties)
	}
	for i := range 2 * maxParties {
		one, _ = one.Join(Party{fmt.Sprint(i), "ada", "https://x/as"})
	}
	if len(one.Parties) != maxParties {
		t.Errorf("%d take part", len(one.Parties))
	}
}

// TestSignOnKeepsParties: a session that goes on keeps who takes part, one of
// somebody else begins without.
func TestSignOnKeepsParties(t *testing.T) {
	last := Session{ID: "s", User: "ada", Parties: []Party{{Client: "a", Subject: "ada"}}}
	if s := (Flow{User: "ada"}).SignOn(&last, "t", "ada", "h"); s.ID != "s" || len(s.Parties) != 1 {
		t.Errorf("the same user: %+v", s)
	}
	if s := (Flow{User: "bob"}).SignOn(&last, "t", "bob", "h"); s.ID != "t" || len(s.Parties) != 0 {
		t.Errorf("another user: %+v", s)
	}
}
