package faults

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestFailoverLost loses what only a primary without its standby had: it is
// there to be seen, and was never confirmed. Nobody who asked once more was told
// that it is done, so nothing that was promised is lost; and no node goes on as
// if it were there.
func TestFailoverLost(t *testing.T) {
	faultTest(t)
	p := newPair(t)
	c := started(t, p.source(), 3)
	a, b, third := c.nodes[0], c.nodes[1], c.nodes[2]
	revoked, rotated, single := c.tokens(t, c.app), c.tokens(t, c.grace), c.tokens(t, c.app)
	changed, err := c.application(a, object{"name": "Changed"})
	must(t, err)
	must(t, p.standby.Kill())

	var told sync.WaitGroup
	twice := func(what string, ask func(*node) answer) {
		told.Go(func() {
			for i, n := range []*node{a, b} { // the second finds it done
				time.Sleep(time.Duration(i) * time.Second) // as Retry-After says
				if got := ask(n); got.status != http.StatusServiceUnavailable || !strings.Contains(got.raw, "did not confirm") {
					t.Errorf("%s, asked for the time %d: %s", what, i+1, got)
				}
			}
		})
	}
	twice("the revocation of a refresh token", func(n *node) answer { return c.revoke(n, c.app, revoked.token) })
	twice("a rotation", func(n *node) answer { return c.refresh(n, c.grace, rotated.token) })
	twice("the revocation of an access token", func(n *node) answer { return c.revoke(n, c.app, single.access) })
	told.Wait() // who changes an application is alone in its environment
	twice("the change of an application", func(n *node) answer { return c.alter(n, changed, object{"enabled": false}) })
	told.Wait()
	seen := map[string]bool{
		"the end of the family":           c.userinfo(third, revoked.access).refused(),
		"the end of the access token":     c.userinfo(third, single.access).refused(),
		"the change of the application":   c.opens(a, changed).refused() && c.opens(b, changed).refused() && c.opens(third, changed).refused(),
		"nothing that nobody asked about": c.userinfo(third, rotated.access).acked(),
	}

	p.kill()
	must(t, p.standby.Run())
	p.promote()
	back := c.back(t, newLedger(), time.Now())
	lost := map[string]bool{
		"the end of the family":         c.userinfo(a, revoked.access).acked() && c.refresh(b, c.app, revoked.token).acked(),
		"the end of the access token":   c.userinfo(b, single.access).acked(),
		"the rotation":                  c.refresh(third, c.grace, rotated.token).acked(),
		"the change of the application": c.opens(a, changed).acked(),
	}
	for _, facts := range []map[string]bool{seen, lost} {
		for what, is := range facts {
			if !is {
				t.Errorf("%s was not there before, or is there after the failover: the test does not test it", what)
			}
		}
	}
	c.agree(t, changed)
	figures(t, "4 writes asked for twice were never confirmed, seen, and lost; a node wrote again after: %s", spread(back))
}

// tokens signs somebody on.
func (c *cluster) tokens(t *testing.T, app string) *chain {
	t.Helper()
	name := fmt.Sprintf("lost-%d", time.Now().UnixNano())
	must(t, c.user(c.nodes[0], name, goodPassword).want(http.StatusCreated))
	code, last := (&person{c: c}).code(through(c.nodes[0]), app, name, goodPassword)
	if code == "" {
		t.Fatalf("the sign-on: %s", last)
	}
	a := c.redeem(c.nodes[0], app, code)
	must(t, a.want(http.StatusOK))
	return &chain{app: app, token: a.text("refresh_token"), access: a.text("access_token")}
}

// alter replaces an application.
func (c *cluster) alter(n *node, app string, change object) answer {
	return c.manage(n, "PUT", "/applications/"+app, mediaJSON, native(change))
}

// opens begins a sign-on, which a node refuses when the application that it
// remembers is disabled.
func (c *cluster) opens(n *node, app string) answer {
	return c.send(n, request{method: "GET", path: "/" + c.env + "/as/authorize?" + asked(app).Encode()})
}

// agree changes the application as often as was tried before, so that one of the
// changes has the number of the last one that was lost, and holds every node
// against each.
func (c *cluster) agree(t *testing.T, app string) {
	t.Helper()
	for i := range 2 {
		must(t, c.alter(c.nodes[i], app, object{"name": fmt.Sprint("Changed again ", i)}).want(http.StatusOK))
		time.Sleep(time.Second) // the promise
		for _, n := range append(c.nodes, c.nodes...) {
			if got := c.opens(n, app); !got.acked() {
				t.Errorf("%s still has the application that was lost: %s", n.name, got)
			}
		}
	}
}
