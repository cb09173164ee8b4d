package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// manner is a way to hang up in the middle of a request.
type manner struct {
	name     string
	complete bool // the server gets the whole request
	do       func(h *half, r *rand.Rand) error
}

// soon bounds what one waits before it hangs up on a node that works.
const soon = 20 * time.Millisecond

func manners() []manner {
	all := func(h *half) error { return h.send(len(h.raw)) }
	return []manner{
		{"in the headers", false, func(h *half, r *rand.Rand) error { return h.send(1 + r.IntN(h.head-1)) }},
		{"before the end", false, func(h *half, r *rand.Rand) error {
			return h.send(len(h.raw) - 1 - r.IntN(min(len(h.raw)-h.head, 60)+1))
		}},
		{"at once", true, func(h *half, _ *rand.Rand) error { return all(h) }},
		{"soon", true, func(h *half, r *rand.Rand) error {
			err := all(h)
			time.Sleep(time.Duration(r.Int64N(int64(soon))))
			return err
		}},
		{"in the answer", true, func(h *half, r *rand.Rand) error {
			if err := errors.Join(h.conn.SetReadBuffer(1<<10), all(h), h.conn.SetReadDeadline(time.Now().Add(30*time.Second))); err != nil {
				return err
			}
			_, err := h.conn.Read(make([]byte, 1+r.IntN(200)))
			return err
		}},
	}
}

// hanger is a client that hangs up on whatever it asks for.
type hanger struct {
	*client
	pause time.Duration
	list  int // users at a time
	mu    *sync.Mutex
	hung  map[string]int  // by manner
	names map[string]bool // of users it asked for, and whether the server got all of that
}

// work hangs up until ctx ends.
func (x *hanger) work(ctx context.Context) error {
	for ctx.Err() == nil {
		ways := manners()
		if err := x.step(ways[x.r.IntN(len(ways))]); err != nil {
			return err
		}
		time.Sleep(time.Duration(x.r.Int64N(int64(x.pause))))
	}
	return nil
}

// step hangs up on a new user, a code, a refresh token or a long list.
func (x *hanger) step(m manner) error {
	switch x.r.IntN(5) {
	case 0, 1:
		name := fmt.Sprintf("hung-%s-%d", x.name, x.next.Add(1))
		x.mu.Lock()
		x.names[name] = m.complete
		x.mu.Unlock()
		return x.hang(m, x.c.making(name, goodPassword))
	case 2:
		return x.hang(m, x.c.managing("GET", fmt.Sprintf("/users?limit=%d", x.list), "", nil))
	case 3:
		return x.code(m)
	default:
		return x.rotation(m)
	}
}

// hang sends a request and hangs up. What stands at the end of the body means
// nothing, so that a server that takes a part for the whole would do it.
func (x *hanger) hang(m manner, q request) error {
	switch q.media {
	case "":
	case mediaForm:
		q.body += "&padding=" + strings.Repeat("x", 30)
	default:
		q.body += strings.Repeat(" ", 40)
	}
	h, err := x.c.dial(x.node(), q)
	if err != nil {
		return err
	}
	err = m.do(h, x.r)
	x.mu.Lock()
	x.hung[m.name]++
	x.mu.Unlock()
	if err := errors.Join(err, h.hangUp(x.r.IntN(2) == 0)); err != nil {
		return fmt.Errorf("to hang up %s: %w", m.name, err)
	}
	return nil
}

// begin is a chain with its code, which is not redeemed.
func (x *hanger) begin() (*chain, error) {
	p := &person{c: x.c}
	code, a := p.code(through(x.node()), x.c.app, x.signs, goodPassword)
	if code == "" {
		return nil, fmt.Errorf("a sign-on beside those who hang up: %s", a)
	}
	ch := &chain{app: x.c.app, code: code}
	x.l.change(func() { x.l.chains = append(x.l.chains, ch) })
	return ch, nil
}

// take notes the tokens of an answer.
func (x *hanger) take(ch *chain, a answer) error {
	if !a.acked() {
		return fmt.Errorf("what was hung up on before its end is as good as before, and not: %s", a)
	}
	x.l.change(func() {
		if ch.token != "" {
			ch.old = append(ch.old, ch.token)
		}
		ch.token, ch.access = a.text("refresh_token"), a.text("access_token")
	})
	return nil
}

// code hangs up on a redemption: a code of which the server got the half is good
// still.
func (x *hanger) code(m manner) error {
	ch, err := x.begin()
	if err != nil {
		return err
	}
	if err := x.hang(m, x.c.redeeming(ch.app, ch.code)); err != nil || m.complete {
		return err
	}
	return x.take(ch, x.c.redeem(x.node(), ch.app, ch.code))
}

// rotation hangs up on a refresh.
func (x *hanger) rotation(m manner) error {
	ch, err := x.begin()
	if err != nil {
		return err
	}
	if err := x.take(ch, x.c.redeem(x.node(), ch.app, ch.code)); err != nil {
		return err
	}
	if err := x.hang(m, x.c.refreshing(ch.app, ch.token)); err != nil {
		return err
	}
	if m.complete {
		x.l.change(func() { ch.unsure = true })
		return nil
	}
	return x.take(ch, x.c.refresh(x.node(), ch.app, ch.token))
}

// The neighbours and those who hang up; and how much more a node may have in its
// hands when they are gone than after their first second. Who leaks has hundreds.
const (
	neighbours = 6
	hangers    = 6
	slack      = 8
)

// TestHangUp lets clients hang up in the middle of requests, in every manner:
// their neighbours are not harmed, what was hung up on is done wholly or not at
// all, and nothing is left of it.
func TestHangUp(t *testing.T) {
	onBoth(t, func(t *testing.T, d database) {
		hangUp(t, d, &hanger{pause: 30 * time.Millisecond, list: 300}, func() {})
	})
	t.Run("slow PostgreSQL", func(t *testing.T) {
		faultTest(t)
		d, p := distant(t)
		// Of each user in a list the password is read, by a statement of its own.
		hangUp(t, d, &hanger{pause: 300 * time.Millisecond, list: 20}, func() { p.set(30 * time.Millisecond) })
	})
}

func hangUp(t *testing.T, d database, x *hanger, slow func()) {
	t.Helper()
	r := chance(t)
	c := started(t, d, 1)
	n := c.nodes[0]
	must(t, c.populate(n, 300)) // so that there is a long list
	l := newLedger()
	clients, err := c.newLoad(l, r, neighbours+hangers)
	must(t, err)
	slow()
	w := &waits{}
	c.observe(func(n *node, began time.Time, a answer) {
		w.add(n, began, a)
		if a.unknown() {
			l.accuse("a neighbour was told: %s", a)
		}
	})
	x.mu, x.hung, x.names = new(sync.Mutex), map[string]int{}, map[string]bool{}
	x.together(t, clients, time.Second)
	c.http.CloseIdleConnections()
	before := n.rest(t)
	x.together(t, clients, time.Duration(rounds(t, 10))*time.Second)
	c.http.CloseIdleConnections()
	after := n.rest(t)
	m, err := n.metrics()
	must(t, err)
	done := x.settle(t, d, l)
	sum := c.check(n, l)
	slowest, answers, _ := w.figures()
	figures(t, "hung up %s; %d of those that asked for a user got one; neighbours had %d answers, slowest %s, and %d writes acknowledged; %d looked for, %d lost, %d doubles; before: %s; after: %s",
		x.summary(), done, answers, slowest.Round(time.Millisecond), l.total(), sum.checked, sum.lost, sum.doubles, before, after)
	if after.files > before.files+slack || after.goroutines > before.goroutines+slack || after.opened > before.opened+slack {
		t.Errorf("after all have gone the node has %s; before they came it had %s", after, before)
	}
	if failed := m.failed(); failed > 0 {
		t.Errorf("the node counts %d failures of its own, where clients have left", failed)
	}
	if found := l.findings(); len(found) > 0 {
		t.Error(few(found))
	}
}

// together lets the first clients work, and the others hang up.
func (x *hanger) together(t *testing.T, clients []*client, last time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), last)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { work(ctx, clients[:neighbours]) })
	for _, k := range clients[neighbours:] {
		one := *x
		one.client = k
		all.Go(func() {
			if err := one.work(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// settle holds the rows of the database against what was hung up on. It returns
// how many of the users that were asked for are there.
func (x *hanger) settle(t *testing.T, d database, l *ledger) (done int) {
	t.Helper()
	rows := d.users(t)
	for _, name := range rows.names {
		complete, hung := x.names[name]
		if hung && !complete {
			l.accuse("%s was made, though the server got no more than a part of the request", name)
		}
		if hung {
			done++
		}
	}
	for _, torn := range rows.torn() {
		l.accuse("half done: %s", torn)
	}
	return done
}

// summary is how often they hung up, in which manner.
func (x *hanger) summary() (text string) {
	for _, name := range slices.Sorted(maps.Keys(x.hung)) {
		text += fmt.Sprintf(", %d times %s", x.hung[name], name)
	}
	return text[min(2, len(text)):]
}
