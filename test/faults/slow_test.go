package faults

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// The bounds that hold while the database is slow: for an answer, which is the
// server's time for writing one, for /healthz, and for the first sign-on after
// the delay has gone.
const (
	answerPromise = 40 * time.Second
	healthPromise = time.Second
	againPromise  = 5 * time.Second
)

// TestSlowDatabase delays every statement between a node and PostgreSQL, by two
// seconds and then by more than the node waits for one: it answers late, or 503,
// and says all the while that it lives. When the delay goes, it goes on at once.
func TestSlowDatabase(t *testing.T) {
	faultTest(t)
	d, p := distant(t)
	c := started(t, d, 1)
	l, r := newLedger(), chance(t)
	clients, err := c.newLoad(l, r, 24) // more than the node has connections
	must(t, err)
	for _, delay := range []time.Duration{2 * time.Second, 8 * time.Second} {
		t.Run(delay.String(), func(t *testing.T) {
			w := &waits{}
			c.observe(w.add)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			done := make(chan struct{})
			go func() { work(ctx, clients); close(done) }()
			time.Sleep(time.Second)
			w.reset()
			p.set(delay)
			health := c.healthy(t, ctx)
			<-done
			cancel()
			p.set(0)
			back := again(t, c)
			c.observe(nil)
			sum := c.check(c.nodes[0], l)
			slowest, answers, without := w.figures()
			figures(t, "%d answers while every statement took %s, slowest %s, %d times no answer; /healthz within %s; a sign-on %s after the delay was gone; %s; %d looked for, %d lost, %d doubles",
				answers, delay, slowest.Round(time.Millisecond), without, health.Round(time.Millisecond), back.Round(time.Millisecond), l.summary(), sum.checked, sum.lost, sum.doubles)
			if slowest > answerPromise || without > 0 {
				t.Errorf("every request is answered within %s; the slowest took %s, and %d had no answer", answerPromise, slowest, without)
			}
			if health > healthPromise || back > againPromise {
				t.Errorf("/healthz took %s, and should take %s at most; the first sign-on came after %s, and should after %s", health, healthPromise, back, againPromise)
			}
			if found := l.findings(); len(found) > 0 {
				t.Error(few(found))
			}
		})
	}
}

// healthy asks /healthz until ctx ends, and returns the longest it took.
func (c *cluster) healthy(t *testing.T, ctx context.Context) (slowest time.Duration) {
	t.Helper()
	for ctx.Err() == nil {
		began := time.Now()
		if err := c.send(c.nodes[0], request{method: "GET", path: "/healthz"}).want(http.StatusOK); err != nil {
			t.Error(err)
		}
		slowest = max(slowest, time.Since(began))
		time.Sleep(20 * time.Millisecond)
	}
	return slowest
}

// again signs a person on as soon as that works, and returns how long it took.
func again(t *testing.T, c *cluster) time.Duration {
	t.Helper()
	began := time.Now()
	name := fmt.Sprintf("again-%d", began.UnixNano())
	last := ""
	for time.Since(began) < 30*time.Second {
		if a := c.user(c.nodes[0], name, goodPassword); !a.acked() && a.status != http.StatusBadRequest { // it may have been made by the first try
			last = a.String()
			continue
		}
		p := &person{c: c}
		code, a := p.code(through(c.nodes[0]), c.app, name, goodPassword)
		if code != "" {
			return time.Since(began)
		}
		last = a.String()
	}
	t.Fatalf("nobody can sign on any more: %s", last)
	return 0
}

// waits is how long answers took.
type waits struct {
	mu               sync.Mutex
	slowest          time.Duration
	answers, without int
}

func (w *waits) add(_ *node, began time.Time, a answer) {
	took := time.Since(began)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slowest = max(w.slowest, took)
	if a.err != nil {
		w.without++
	} else {
		w.answers++
	}
}

func (w *waits) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slowest, w.answers, w.without = 0, 0, 0
}

func (w *waits) figures() (slowest time.Duration, answers, without int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.slowest, w.answers, w.without
}
