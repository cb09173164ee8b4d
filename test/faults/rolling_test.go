package faults

import (
	"context"
	"os"
	"testing"
	"time"
)

// TestRollingUpgrade replaces two nodes of the release before, whose program
// PIXY_FAULTS_RELEASE is, one after the other, while clients are at work at both:
// the old one goes on beside the new, and nothing that either acknowledged is lost.
func TestRollingUpgrade(t *testing.T) {
	path := os.Getenv("PIXY_FAULTS_RELEASE")
	if path == "" {
		t.Skip("PIXY_FAULTS_RELEASE is the program of the release to upgrade from")
	}
	d := postgres(t, nil)
	c := newCluster(t, d, 2)
	for _, n := range c.nodes {
		n.program = path
	}
	c.start()
	must(t, c.furnish())
	l := newLedger()
	clients, err := c.newLoad(l, chance(t), 8)
	must(t, err)
	// Of a node that stops, a client may be told anything: stops are TestStop's.
	var stopping *node
	c.observe(func(n *node, _ time.Time, a answer) {
		if n != stopping && a.unknown() {
			l.accuse("while another node was upgraded %s answered: %s", n.name, a)
		}
	})
	var sum settled
	for _, n := range c.nodes {
		stopping = n
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { work(ctx, clients); close(done) }()
		time.Sleep(time.Second)
		if _, err := n.stop(); err != nil {
			t.Error(err)
		}
		n.program = ""
		must(t, n.start())
		_, err := n.ready()
		must(t, err)
		time.Sleep(2 * time.Second) // one beside the other
		cancel()
		<-done
		for _, by := range c.nodes {
			sum.add(c.check(by, l))
		}
	}
	for _, by := range c.nodes {
		sum.add(c.checkSpent(by, l, 1000))
	}
	figures(t, "2 nodes upgraded one after the other; %d writes acknowledged (%s), %d looked for, %d lost, %d doubles", l.total(), l.summary(), sum.checked, sum.lost, sum.doubles)
	if found := l.findings(); len(found) > 0 {
		t.Error(few(found))
	}
}
