package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load is clients that write what they can, each request to any node, into one
// ledger.
type load struct {
	c    *cluster
	l    *ledger
	next atomic.Int64 // of names
	name string
}

// client is one of them, with a user of its own to sign in as and one whose
// password it changes.
type client struct {
	*load
	r        *rand.Rand
	signs    string // username
	changing string // id
	mine     []*chain
}

// newLoad makes clients; the nodes are up.
func (c *cluster) newLoad(l *ledger, r *rand.Rand, clients int) ([]*client, error) {
	shared := &load{c: c, l: l, name: fmt.Sprintf("%06x", r.IntN(1<<24))}
	out := make([]*client, clients)
	for i := range out {
		k := &client{load: shared, r: rand.New(rand.NewPCG(r.Uint64(), uint64(i))), signs: fmt.Sprintf("signs-%s-%d", shared.name, i)}
		if err := c.user(c.nodes[0], k.signs, goodPassword).want(http.StatusCreated); err != nil {
			return nil, err
		}
		a := c.user(c.nodes[0], fmt.Sprintf("changes-%s-%d", shared.name, i), goodPassword)
		if err := a.want(http.StatusCreated); err != nil {
			return nil, err
		}
		k.changing = a.text("id")
		out[i] = k
	}
	return out, nil
}

// work runs the clients until ctx ends and returns when each has had its last
// answer.
func work(ctx context.Context, clients []*client) {
	var all sync.WaitGroup
	for _, k := range clients {
		k.mine = nil
		all.Go(func() {
			for ctx.Err() == nil {
				if !k.step() {
					time.Sleep(10 * time.Millisecond) // the node is gone, maybe
				}
			}
		})
	}
	all.Wait()
}

// step does one thing, and says whether it was acknowledged.
func (k *client) step() bool {
	switch n := k.r.IntN(10); {
	case n < 2:
		return k.makeUser()
	case n < 4:
		return k.changePassword()
	case n < 6 || len(k.mine) == 0:
		return k.signOn()
	case n < 9:
		return k.rotate(k.mine[k.r.IntN(len(k.mine))])
	default:
		return k.endFamily(k.mine[k.r.IntN(len(k.mine))])
	}
}

func (k *client) node() *node { return k.c.any(k.r) }

func (k *client) makeUser() bool {
	name := fmt.Sprintf("made-%s-%d", k.name, k.next.Add(1))
	a := k.c.user(k.node(), name, goodPassword)
	k.l.unrefused("a new user", a)
	if !k.l.count("users", a) {
		return false
	}
	k.l.change(func() { k.l.users[a.text("id")] = name })
	return true
}

// maxUnknown is how many passwords of a user may be unknown: trying more of them
// would lock the user out.
const maxUnknown = 2

func (k *client) changePassword() bool {
	full := false
	k.l.change(func() {
		p := k.l.passwords[k.changing]
		full = p != nil && len(p.unknown) == maxUnknown
	})
	if full {
		return false
	}
	// No character may stand more than twice in a row.
	password := goodPassword + strings.Join(strings.Split(fmt.Sprint(k.next.Add(1)), ""), "-")
	a := k.c.setPassword(k.node(), k.changing, password)
	k.l.unrefused("a new password", a)
	acked := k.l.count("passwords", a)
	k.l.change(func() {
		p := k.l.passwords[k.changing]
		switch {
		case p == nil && acked:
			k.l.passwords[k.changing] = &changes{kept: password}
		case p == nil: // what was there before is unknown, too
		case acked:
			*p = changes{kept: password, old: p.kept}
		case a.unknown():
			p.unknown = append(p.unknown, password)
		}
	})
	return acked
}

// signOn walks from authorize to token, each step at any node.
func (k *client) signOn() bool {
	p := &person{c: k.c}
	code, a := p.code(route{k.node(), k.node(), k.node(), nil}, k.c.app, k.signs, goodPassword)
	k.l.unrefused("a step of a sign-on", a)
	if code == "" {
		k.l.count("sign-ons", a)
		return false
	}
	k.l.count("sign-ons", a)
	ch := &chain{app: k.c.app, code: code}
	k.l.change(func() { k.l.chains = append(k.l.chains, ch) })
	if k.r.IntN(4) == 0 {
		return k.race(ch)
	}
	a = k.c.redeem(k.node(), ch.app, code)
	k.l.unrefused("a code", a)
	if !k.l.count("codes", a) {
		return false
	}
	k.l.change(func() { ch.token, ch.access = a.text("refresh_token"), a.text("access_token") })
	k.mine = append(k.mine, ch)
	return true
}

// race redeems a code at two nodes at once. Who comes second ends the family.
func (k *client) race(ch *chain) bool {
	nodes, answers := [2]*node{k.node(), k.node()}, [2]answer{}
	var both sync.WaitGroup
	for i := range answers {
		both.Go(func() { answers[i] = k.c.redeem(nodes[i], ch.app, ch.code) })
	}
	both.Wait()
	good := 0
	for _, a := range answers {
		if k.l.count("codes raced for", a) {
			good++
			k.l.change(func() { ch.token, ch.access = a.text("refresh_token"), a.text("access_token") })
		}
	}
	k.l.change(func() { ch.ended, ch.unsure = answers[0].refused() || answers[1].refused(), true })
	if good > 1 {
		k.l.accuse("twice: the code %s, at once", ch.code)
	}
	return good > 0
}

func (k *client) rotate(ch *chain) bool {
	a := k.c.refresh(k.node(), ch.app, ch.token)
	k.l.unrefused("a refresh token", a)
	acked := k.l.count("rotations", a)
	k.l.change(func() {
		if acked {
			ch.old = append(ch.old, ch.token)
			ch.token, ch.access = a.text("refresh_token"), a.text("access_token")
		} else {
			ch.unsure = true
		}
	})
	if !acked {
		k.forget(ch)
	}
	return acked
}

func (k *client) endFamily(ch *chain) bool {
	a := k.c.revoke(k.node(), ch.app, ch.token)
	k.l.unrefused("a revocation", a)
	acked := k.l.count("revocations", a)
	k.l.change(func() { ch.ended, ch.unsure = acked, !acked })
	k.forget(ch)
	return acked
}

// forget leaves a chain to the check.
func (k *client) forget(gone *chain) {
	kept := k.mine[:0]
	for _, ch := range k.mine {
		if ch != gone {
			kept = append(kept, ch)
		}
	}
	k.mine = kept
}
