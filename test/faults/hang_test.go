package faults

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The bounds that hold while no COMMIT ends: for the answer to a write, which may
// wait five seconds for its turn, four for a lock and five for its COMMIT, each
// with a second more; and for a read.
const (
	unconfirmedPromise = 17 * time.Second
	readPromise        = 3 * time.Second
)

// TestFailoverHangs has the primary wait for a standby that isn't there: the one
// that a copied setting names after a promotion, and one that was killed. Writes
// are answered 503, and never as if they were kept; reads go on; and when the
// reason is gone, so is the trouble, without a restart.
func TestFailoverHangs(t *testing.T) {
	faultTest(t)
	r, p := chance(t), newPair(t)
	c := started(t, p.source(), 3)
	l := newLedger()
	clients, err := c.newLoad(l, r, 60) // more than the nodes have connections
	must(t, err)
	for _, h := range []hang{
		{"the standby is gone and comes back", func() { must(t, p.standby.Kill()) }, func() { must(t, p.standby.Run()) }},
		{"the standby is gone for good", func() { must(t, p.standby.Kill()) }, func() { p.set(p.primary, waitsFor, "") }},
		{"a setting was copied", func() {
			p.copied()
			p.kill()
			p.promote()
		}, func() { p.set(p.primary, waitsFor, "") }},
	} {
		t.Run(h.name, func(t *testing.T) { c.hangs(t, p, l, clients, h) })
	}
}

// hang is a reason why no COMMIT ends, how it comes, and how an operator ends it.
type hang struct {
	name       string
	begin, end func()
}

// copied makes the standby anew, as a copy of the primary with the setting that
// names this standby.
func (p *pair) copied() {
	p.t.Helper()
	p.rebuild()
	old := p.standby
	name, port := p.names[old], portOf(p.t, old.Address())
	must(p.t, old.Remove())
	delete(p.names, old)
	p.attach(name, port)
	p.until("the standby is synchronous", "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'", 1)
}

const inWait = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

func (c *cluster) hangs(t *testing.T, p *pair, l *ledger, clients []*client, h hang) {
	t.Helper()
	before, stop := context.WithTimeout(t.Context(), time.Second)
	work(before, clients)
	stop()
	h.begin()
	w, reads := &waits{}, &waits{}
	known := l.total()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
	defer cancel()
	c.observe(w.add)
	var all sync.WaitGroup
	all.Go(func() { work(ctx, clients) })
	for _, n := range c.nodes {
		all.Go(func() { c.reads(ctx, n, clients[0].changing, reads) })
	}
	most := 0
	for ctx.Err() == nil {
		most = max(most, p.count(inWait))
		time.Sleep(100 * time.Millisecond)
	}
	all.Wait()
	c.observe(nil)
	slowest, answers, without := w.figures()
	slowestRead, read, failed := reads.figures()
	if n := l.total() - known; n > 0 {
		t.Errorf("%d writes were acknowledged while none could be kept", n)
	}
	p.until("nobody waits any more for the standby", inWait, 0)
	cured := time.Now()
	h.end()
	again := c.back(t, l, cured)
	sum := c.settle(t, l, h.name)
	figures(t, "%d answers while no COMMIT ended, slowest %s, %d times none; %d reads among them, slowest %s, %d failed; up to %d COMMITs waited at once; a node wrote again after: %s; %d looked for, %d lost, %d doubles",
		answers, slowest.Round(time.Millisecond), without, read, slowestRead.Round(time.Millisecond), failed, most, spread(again), sum.checked, sum.lost, sum.doubles)
	if slowest > unconfirmedPromise || without > 0 {
		t.Errorf("every request is answered within %s; the slowest took %s, and %d had no answer", unconfirmedPromise, slowest, without)
	}
	if late := slices.Max(again); late > servicePromise {
		t.Errorf("a node wrote again after %s, and should within %s", late, servicePromise)
	}
	if slowestRead > readPromise || failed > 0 || read == 0 {
		t.Errorf("a read is answered within %s; the slowest took %s, and %d of %d failed", readPromise, slowestRead, failed, read)
	}
}

// back waits until each node has answered a write well, and tells how long after.
func (c *cluster) back(t *testing.T, l *ledger, after time.Time) (took []time.Duration) {
	t.Helper()
	var again atomic.Pointer[time.Time]
	again.Store(&after)
	for i, at := range c.firstWrites(l, after, &again)() {
		if at.IsZero() {
			t.Fatalf("%s does not write any more\n%s", c.nodes[i].name, c.nodes[i].log.tail())
		}
		took = append(took, at.Sub(after))
	}
	return took
}

// reads reads a user at a node until ctx ends.
func (c *cluster) reads(ctx context.Context, n *node, user string, w *waits) {
	for ctx.Err() == nil {
		began := time.Now()
		a := c.manage(n, "GET", "/users/"+user, "", nil)
		if a.err == nil {
			a.err = a.want(http.StatusOK)
		}
		w.add(n, began, a)
		time.Sleep(20 * time.Millisecond)
	}
}
