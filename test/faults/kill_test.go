package faults

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The promise: so soon is a node ready that was killed, with so many users.
const (
	readyPromise = 2 * time.Second
	killUsers    = 10_000
)

// TestKill kills the process in the middle of what it does, again and again. On
// PostgreSQL one of two nodes is killed while the other goes on, and in every
// fifth round the database server too.
func TestKill(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		r, nodes := chance(t), 1
		if d.server != nil {
			nodes = 2
		}
		c := started(t, d, nodes)
		must(t, c.populate(c.nodes[0], number(t, "PIXY_FAULTS_USERS", killUsers)))
		l := newLedger()
		clients, err := c.newLoad(l, r, 8)
		must(t, err)
		var sum settled
		var ready []time.Duration
		kills := 0
		for range rounds(t, 50) {
			took := killOnce(t, c, d, clients, r, kills%5 == 4)
			ready, kills = append(ready, took), kills+1
			sum.add(c.check(c.nodes[0], l))
			if found := l.findings(); len(found) > 0 {
				t.Fatalf("after the kill %d:\n%s", kills, few(found))
			}
		}
		sum.add(c.checkSpent(c.nodes[0], l, 5000))
		slices.Sort(ready)
		figures(t, "%d kills, %d writes acknowledged (%s), %d looked for, %d lost, %d doubles; to ready: median %s, slowest %s",
			kills, l.total(), l.summary(), sum.checked, sum.lost, sum.doubles, ready[len(ready)/2].Round(time.Millisecond), ready[len(ready)-1].Round(time.Millisecond))
		if slowest := ready[len(ready)-1]; slowest > readyPromise {
			t.Errorf("a node was ready after %s, and should be within %s", slowest, readyPromise)
		}
		if found := l.findings(); len(found) > 0 {
			t.Error(few(found))
		}
	})
}

// killOnce kills a node at some moment of the load, and the database server with
// it when both is set. It returns how long the node took to be ready again.
func killOnce(t *testing.T, c *cluster, d database, clients []*client, r *rand.Rand, both bool) time.Duration {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { work(ctx, clients); close(done) }()
	time.Sleep(200*time.Millisecond + time.Duration(r.Int64N(int64(800*time.Millisecond))))
	victim := c.any(r)
	victim.kill()
	if both && d.server != nil {
		must(t, d.server.Kill())
		time.Sleep(time.Duration(r.Int64N(int64(300 * time.Millisecond))))
		must(t, d.server.Run())
	}
	must(t, victim.start())
	took, err := victim.ready()
	must(t, err)
	time.Sleep(time.Duration(r.Int64N(int64(300 * time.Millisecond))))
	cancel()
	<-done
	return took
}
