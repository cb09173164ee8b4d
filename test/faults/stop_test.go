package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"
)

// The promises of a stop: the exit comes within so long of the signal, and for
// so long after it a node takes requests as before. One that begins at the very
// end of that may find the port closed.
const (
	stopPromise  = 5 * time.Second
	drainPromise = 500 * time.Millisecond
	drainMargin  = 100 * time.Millisecond
)

// farewell is one stop, and what clients were told meanwhile.
type farewell struct {
	n        *node
	signal   atomic.Int64 // when it was sent, in nanoseconds; 0 before
	underWay atomic.Int64 // requests that began before the signal and were answered after it
	l        *ledger
}

// hear accuses the node of every request that it took and did not answer.
func (f *farewell) hear(n *node, began time.Time, a answer) {
	if n != f.n {
		return
	}
	signal := time.Unix(0, f.signal.Load())
	before := f.signal.Load() == 0 || began.Before(signal)
	if f.signal.Load() != 0 && before && a.err == nil {
		f.underWay.Add(1)
	}
	if (before || began.Before(signal.Add(drainPromise-drainMargin))) && a.unknown() {
		f.l.accuse("a request to %s that began %s after its signal: %s", n.name, began.Sub(signal), a)
	}
}

// stopFigures is what some stops came to.
type stopFigures struct {
	stops    int
	underWay int64
	slowest  time.Duration
}

func (s *stopFigures) add(t *testing.T, f *farewell, took time.Duration, ended error) {
	t.Helper()
	s.stops, s.underWay, s.slowest = s.stops+1, s.underWay+f.underWay.Load(), max(s.slowest, took)
	if ended != nil || took > stopPromise {
		t.Errorf("the stop took %s, and should take %s at most, with exit code 0: %v\n%s", took, stopPromise, ended, f.n.log.tail())
	}
}

// TestStop asks a node to stop in the middle of its work, on PostgreSQL one of
// two: it answers all that it has taken, also requests of which it got the half
// when it was asked, and ends in time and well. When it is back, everything that
// was acknowledged is there.
func TestStop(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		r, nodes := chance(t), 1
		if d.server != nil {
			nodes = 2
		}
		c := started(t, d, nodes)
		l := newLedger()
		clients, err := c.newLoad(l, r, 8)
		must(t, err)
		var sum settled
		var s stopFigures
		for range rounds(t, 10) {
			f := &farewell{n: c.any(r), l: l}
			c.observe(f.hear)
			took, ended := stopOnce(t, f, clients, r)
			c.observe(nil)
			s.add(t, f, took, ended)
			sum.add(c.check(c.nodes[0], l))
		}
		sum.add(c.checkSpent(c.nodes[0], l, 1000))
		figures(t, "%d stops, slowest %s, %d requests under way at the signal and all answered; %d writes acknowledged (%s), %d looked for, %d lost, %d doubles",
			s.stops, s.slowest.Round(time.Millisecond), s.underWay, l.total(), l.summary(), sum.checked, sum.lost, sum.doubles)
		if found := l.findings(); len(found) > 0 {
			t.Error(few(found))
		}
	})
}

// stopOnce stops a node at some moment of the load and starts it again. It
// returns how long the stop took, and how the process ended.
func stopOnce(t *testing.T, f *farewell, clients []*client, r *rand.Rand) (took time.Duration, ended error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { work(ctx, clients); close(done) }()
	time.Sleep(300*time.Millisecond + time.Duration(r.Int64N(int64(500*time.Millisecond))))
	slow := make(chan error)
	const writers = 4
	for i := range writers {
		go func() {
			slow <- f.slowWriter(clients[0].c, fmt.Sprintf("slow-%s-%d", clients[0].name, clients[0].next.Add(1)), i)
		}()
	}
	time.Sleep(200 * time.Millisecond) // each has sent its half
	f.signal.Store(time.Now().UnixNano())
	took, ended = f.n.stop()
	for range writers {
		if err := <-slow; err != nil {
			t.Errorf("a request of which half came before the signal and the rest after the drain: %v", err)
		}
	}
	must(t, f.n.start())
	_, err := f.n.ready()
	must(t, err)
	time.Sleep(100 * time.Millisecond)
	cancel()
	<-done
	return took, ended
}

// slowWriter makes a user by a request whose second half comes when the port is
// closed.
func (f *farewell) slowWriter(c *cluster, name string, i int) error {
	h, err := c.dial(f.n, c.making(name, goodPassword))
	if err != nil {
		return err
	}
	defer h.conn.Close()
	if err := h.send(h.head + (i+1)*20); err != nil {
		return err
	}
	time.Sleep(200*time.Millisecond + drainPromise + 300*time.Millisecond)
	a := h.rest()
	if f.l.count("slow users", a) {
		f.l.change(func() { f.l.users[a.text("id")] = name })
	}
	return a.want(201)
}

// TestStopSlowly stops a node whose database takes two seconds for a statement,
// while one client never sends the end of its request: requests may be cut off,
// the exit comes in time and well, and nothing acknowledged is lost.
func TestStopSlowly(t *testing.T) {
	faultTest(t)
	d, p := distant(t)
	c := started(t, d, 1)
	l, r := newLedger(), chance(t)
	clients, err := c.newLoad(l, r, 24)
	must(t, err)
	n := c.nodes[0]
	var sum settled
	var s stopFigures
	for i := range rounds(t, 5) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { work(ctx, clients); close(done) }()
		time.Sleep(500 * time.Millisecond)
		p.set(2 * time.Second)
		h, err := c.dial(n, c.making(fmt.Sprintf("never-%d", i), goodPassword))
		must(t, err)
		must(t, h.send(len(h.raw)-10))
		time.Sleep(2*time.Second + time.Duration(r.Int64N(int64(2*time.Second))))
		took, ended := n.stop()
		s.add(t, &farewell{n: n}, took, ended)
		cancel()
		<-done
		must(t, h.hangUp(false))
		p.set(0)
		must(t, n.start())
		_, err = n.ready()
		must(t, err)
		sum.add(c.check(n, l))
	}
	figures(t, "%d stops, slowest %s, with 2 s a statement and a request that never ends; %d writes acknowledged (%s), %d looked for, %d lost, %d doubles",
		s.stops, s.slowest.Round(time.Millisecond), l.total(), l.summary(), sum.checked, sum.lost, sum.doubles)
	if found := l.findings(); len(found) > 0 {
		t.Error(few(found))
	}
}
