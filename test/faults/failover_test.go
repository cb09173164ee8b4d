package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The promise: so long after the promotion every node writes again.
const servicePromise = 5 * time.Second

// TestFailover kills the primary under load, promotes its synchronous standby, and
// makes a standby of the killed one, again and again, the one way and the other;
// in the end the two change places in good order. No node is started again.
func TestFailover(t *testing.T) {
	faultTest(t)
	r, p := chance(t), newPair(t)
	c := started(t, p.source(), 3)
	l := newLedger()
	clients, err := c.newLoad(l, r, 8)
	must(t, err)
	var sum settled
	var gaps outages
	rounds := rounds(t, 5)
	for round := range rounds {
		gaps.add(c.failover(t, p, l, clients, func() time.Time {
			p.kill()
			time.Sleep(time.Duration(r.Int64N(int64(time.Second))))
			p.promote()
			return time.Now()
		}, p.rebuild))
		sum.add(c.settle(t, l, fmt.Sprintf("the kill %d", round+1)))
	}
	changed := c.failover(t, p, l, clients, func() time.Time {
		must(t, p.primary.Demote(p.standby))
		p.primary, p.standby = p.standby, p.primary
		return time.Now()
	}, p.synchronous)
	sum.add(c.settle(t, l, "the exchange"))
	sum.add(c.checkSpent(c.nodes[1], l, 5000))
	figures(t, "%d kills of the primary, %d writes acknowledged (%s), %d looked for, %d lost, %d doubles; without service on a node: %s from the kill, %s from the promotion; in a planned exchange: %s",
		rounds, l.total(), l.summary(), sum.checked, sum.lost, sum.doubles, spread(gaps.fromFault), spread(gaps.fromPromotion), spread(changed.fromFault))
	for _, gap := range append(gaps.fromPromotion, changed.fromPromotion...) {
		if gap > servicePromise {
			t.Errorf("a node wrote again %s after the promotion, and should within %s", gap, servicePromise)
		}
	}
	if found := l.findings(); len(found) > 0 {
		t.Error(few(found))
	}
}

// outages is how long nodes did not write, one figure a node and fault.
type outages struct{ fromFault, fromPromotion []time.Duration }

func (o *outages) add(more outages) {
	o.fromFault = append(o.fromFault, more.fromFault...)
	o.fromPromotion = append(o.fromPromotion, more.fromPromotion...)
}

// failover makes a fault under load, which returns when there is a primary again,
// waits until every node has written, and mends what is left while the load goes
// on.
func (c *cluster) failover(t *testing.T, p *pair, l *ledger, clients []*client, fault func() time.Time, mend func()) (o outages) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { work(ctx, clients); close(done) }()
	defer func() { cancel(); <-done }()
	time.Sleep(time.Second)
	began := time.Now()
	var again atomic.Pointer[time.Time]
	first := c.firstWrites(l, began, &again)
	promoted := fault()
	again.Store(&promoted)
	for i, at := range first() {
		if at.IsZero() {
			t.Fatalf("%s does not write any more\n%s", c.nodes[i].name, c.nodes[i].log.tail())
		}
		o.fromFault = append(o.fromFault, at.Sub(began))
		o.fromPromotion = append(o.fromPromotion, max(0, at.Sub(promoted)))
	}
	mend()
	time.Sleep(500 * time.Millisecond)
	return o
}

// firstWrites asks each node to write, again and again, until each has answered
// well what it was asked after it had failed, or after there was a primary again.
// It returns at once; the function that it returns waits, and tells when each node
// did, or the zero time.
func (c *cluster) firstWrites(l *ledger, after time.Time, again *atomic.Pointer[time.Time]) func() []time.Time {
	at := make([]time.Time, len(c.nodes))
	var all sync.WaitGroup
	for i, n := range c.nodes {
		all.Go(func() {
			down := false
			for try := 0; time.Since(after) < 60*time.Second; try++ {
				name := fmt.Sprintf("first-%d-%d-%d", after.UnixNano(), i, try)
				down = down || again.Load() != nil
				a := c.user(n, name, goodPassword)
				l.unrefused("a new user", a)
				if l.count("users", a) {
					l.change(func() { l.users[a.text("id")] = name })
				}
				if down && a.acked() {
					at[i] = time.Now()
					return
				}
				down = down || !a.acked()
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	return func() []time.Time { all.Wait(); return at }
}

// settle holds the database against the ledger, when the load has ended.
func (c *cluster) settle(t *testing.T, l *ledger, after string) settled {
	t.Helper()
	sum := c.check(c.any(rand.New(rand.NewPCG(uint64(l.total()), 0))), l)
	if found := l.findings(); len(found) > 0 {
		t.Fatalf("after %s:\n%s", after, few(found))
	}
	return sum
}

// spread is the median and the slowest of some times.
func spread(all []time.Duration) string {
	all = slices.Sorted(slices.Values(all))
	return fmt.Sprintf("median %s, longest %s", all[len(all)/2].Round(time.Millisecond), all[len(all)-1].Round(time.Millisecond))
}
