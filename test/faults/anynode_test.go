package faults

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestAnyNode walks through sign-ons whose every step another node takes, each
// killed after its step: authorize on A, flow on B, resume on C, token on A again.
func TestAnyNode(t *testing.T) {
	faultTest(t)
	r := chance(t)
	c := started(t, postgres(t, nil), 3)
	const people = 8
	kills, steps := 0, 0
	began := time.Now()
	for round := range rounds(t, 30) {
		order := r.Perm(len(c.nodes))
		a, b, third := c.nodes[order[0]], c.nodes[order[1]], c.nodes[order[2]]
		walk := newWalk(t, c, round, people)
		restart := func(n *node) {
			must(t, n.start())
			_, err := n.ready()
			must(t, err)
		}
		walk.each(func(w *walker) error { return w.authorize(a) })
		a.kill()
		walk.each(func(w *walker) error { return w.signOn(b) })
		b.kill()
		walk.each(func(w *walker) error { return w.resume(third) })
		restart(a)
		third.kill()
		walk.each(func(w *walker) error { return w.redeem(a) })
		restart(b)
		a.kill()
		walk.each(func(w *walker) error { return w.userinfo(b) })
		restart(a)
		restart(third)
		walk.each(func(w *walker) error { return w.refresh(third) })
		kills, steps = kills+4, steps+6*people
	}
	figures(t, "%d kills, %d steps by nodes of which each was killed after its step, all done, in %s", kills, steps, time.Since(began).Round(time.Second))
}

// walk is some people who sign on side by side.
type walk struct {
	t      *testing.T
	people []*walker
}

type walker struct {
	person
	username            string
	flowID, code        string
	access, refreshable string
}

func newWalk(t *testing.T, c *cluster, round, people int) *walk {
	t.Helper()
	w := &walk{t: t}
	for i := range people {
		name := fmt.Sprintf("walker-%d-%d", round, i)
		must(t, c.user(c.nodes[i%len(c.nodes)], name, goodPassword).want(http.StatusCreated))
		w.people = append(w.people, &walker{person: person{c: c}, username: name})
	}
	return w
}

// each lets everybody do a step at once.
func (w *walk) each(step func(*walker) error) {
	w.t.Helper()
	failed := make(chan error, len(w.people))
	for _, p := range w.people {
		go func() { failed <- step(p) }()
	}
	for range w.people {
		if err := <-failed; err != nil {
			w.t.Error(err)
		}
	}
	if w.t.Failed() {
		w.t.FailNow()
	}
}

func (w *walker) authorize(n *node) error {
	a := w.person.authorize(n, w.c.app)
	w.flowID = a.query("flowId")
	return a.want(http.StatusFound)
}

func (w *walker) signOn(n *node) error {
	return w.person.signOn(n, w.flowID, w.username, goodPassword).want(http.StatusOK)
}

func (w *walker) resume(n *node) error {
	a := w.person.resume(n, w.flowID)
	w.code = a.query("code")
	return a.want(http.StatusFound)
}

func (w *walker) redeem(n *node) error {
	a := w.c.redeem(n, w.c.app, w.code)
	w.access, w.refreshable = a.text("access_token"), a.text("refresh_token")
	return a.want(http.StatusOK)
}

func (w *walker) userinfo(n *node) error {
	a := w.c.userinfo(n, w.access)
	if a.text("sub") == "" {
		return fmt.Errorf("userinfo names nobody: %s", a)
	}
	return a.want(http.StatusOK)
}

func (w *walker) refresh(n *node) error {
	return w.c.refresh(n, w.c.app, w.refreshable).want(http.StatusOK)
}
