package faults

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestClockSteps moves a node's clock by an hour, to and fro, between requests
// and in the middle of them, and sweeps after each step: what was acknowledged
// stays, and nothing that was used is good again.
func TestClockSteps(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		r, k := chance(t), &clock{}
		c, servers := inside(t, d, k)
		l := newLedger()
		clients, err := c.newLoad(l, r, 6)
		must(t, err)
		var sum settled
		steps := []time.Duration{time.Hour, 0, -time.Hour, 0, time.Hour, -time.Hour, 0}
		n := max(rounds(t, len(steps)), 3)
		for i := range n {
			l.lenient = i%2 == 1 // the step comes in the middle
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			if l.lenient {
				time.AfterFunc(250*time.Millisecond, func() { k.set(steps[i%len(steps)]) })
			}
			work(ctx, clients)
			cancel()
			k.set(steps[i%len(steps)])
			must(t, servers[0].Sweep(t.Context()))
			must(t, c.login(c.nodes[0])) // its token may have expired
			sum.add(c.check(c.nodes[0], l))
		}
		for _, by := range []time.Duration{-time.Hour, 0, time.Hour} {
			k.set(by)
			sum.add(c.checkSpent(c.nodes[0], l, 1000))
		}
		figures(t, "%d steps of an hour, %d writes acknowledged (%s), %d looked for, %d lost, %d doubles", n, l.total(), l.summary(), sum.checked, sum.lost, sum.doubles)
		if found := l.findings(); len(found) > 0 {
			t.Error(few(found))
		}
	})
}

// TestClockSkew lets two nodes work on one database while the clock of one is off
// by half a minute: no step is refused because it was begun elsewhere, and
// nothing is good twice.
func TestClockSkew(t *testing.T) {
	faultTest(t)
	for name, by := range map[string]time.Duration{"ahead": 30 * time.Second, "behind": -30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			r := chance(t)
			c, _ := inside(t, postgres(t, nil), &clock{}, &clock{by: by})
			l := newLedger()
			clients, err := c.newLoad(l, r, 6)
			must(t, err)
			var sum settled
			n := rounds(t, 10)
			for i := range n {
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				work(ctx, clients)
				cancel()
				sum.add(c.check(c.nodes[i%2], l))
			}
			for _, node := range c.nodes {
				sum.add(c.checkSpent(node, l, 1000))
			}
			figures(t, "%d rounds, %d writes acknowledged (%s), %d looked for, %d lost, %d doubles", n, l.total(), l.summary(), sum.checked, sum.lost, sum.doubles)
			if found := l.findings(); len(found) > 0 {
				t.Error(few(found))
			}
		})
	}
}

// TestClockSkewRotation rotates a refresh token at one node and sends it again to
// the other, whose clock is behind: it has no grace period there either.
func TestClockSkewRotation(t *testing.T) {
	faultTest(t)
	c, _ := inside(t, postgres(t, nil), &clock{}, &clock{by: -30 * time.Second})
	ahead, behind := c.nodes[0], c.nodes[1]
	must(t, c.user(ahead, "ada-lovelace", goodPassword).want(http.StatusCreated))
	p := &person{c: c}
	code, a := p.code(through(ahead), c.app, "ada-lovelace", goodPassword)
	if code == "" {
		t.Fatal(a)
	}
	first := c.redeem(ahead, c.app, code)
	must(t, first.want(http.StatusOK))
	must(t, c.refresh(ahead, c.app, first.text("refresh_token")).want(http.StatusOK))
	again := c.refresh(behind, c.app, first.text("refresh_token"))
	if !again.refused() || !strings.Contains(again.text("error_description"), "used before") {
		t.Errorf("a token that was rotated, at a node whose clock is behind: %s", again)
	}
}
