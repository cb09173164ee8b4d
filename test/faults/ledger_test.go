package faults

import (
	"fmt"
	"maps"
	"slices"
	"sync"
)

// ledger is what nodes have acknowledged, and what nobody knows. It is the only
// witness: after a fault, the database is held against it.
type ledger struct {
	mu        sync.Mutex
	users     map[string]string // id: username
	passwords map[string]*changes
	chains    []*chain
	spent     []spending // what was used, and must never be good again
	counts    map[string]int
	wrong     []string // what should not have been answered
	// lenient is set while there may be reasons to refuse anything.
	lenient bool
}

// changes are a user's passwords, changed by one client, one after the other.
type changes struct {
	kept    string
	old     string   // the one before, "" when there is none
	unknown []string // since the last one that was kept
}

// chain is one authorization: a code, and the refresh tokens that follow.
type chain struct {
	app, code string
	token     string   // the last refresh token that came
	access    string   // and the access token beside it
	old       []string // those that were rotated, the last one last
	unsure    bool     // token was sent, and nobody knows what became of it
	ended     bool     // the family was revoked, or a token was sent twice
}

// spending is a code or a refresh token that has been good once.
type spending struct{ app, code, token string }

func newLedger() *ledger {
	return &ledger{users: map[string]string{}, passwords: map[string]*changes{}, counts: map[string]int{}}
}

// count notes what became of a write, and what is wrong with the answer. It says
// whether the write was acknowledged.
func (l *ledger) count(what string, a answer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if wrong := a.wrong(); wrong != "" {
		l.wrong = append(l.wrong, what+": "+wrong)
	}
	switch {
	case a.acked():
		l.counts[what]++
	case a.unknown():
		l.counts["unknown"]++
	default:
		l.counts["refused"]++
	}
	return a.acked()
}

// accuse notes what should not be.
func (l *ledger) accuse(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

// unrefused accuses a node of a refusal for which there is no reason.
func (l *ledger) unrefused(what string, a answer) {
	if a.refused() && !l.lenient {
		l.accuse("%s was refused without a reason: %s", what, a)
	}
}

func (l *ledger) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// total is how many writes were acknowledged.
func (l *ledger) total() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for what, count := range l.counts {
		if what != "unknown" && what != "refused" {
			n += count
		}
	}
	return n
}

// summary is the counts, in the order of their names.
func (l *ledger) summary() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := ""
	for _, what := range slices.Sorted(maps.Keys(l.counts)) {
		text += fmt.Sprintf(", %d %s", l.counts[what], what)
	}
	return text[min(2, len(text)):]
}

// findings are what was wrong under load and what a check found.
func (l *ledger) findings() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.wrong)
}

// settled is what check has found.
type settled struct {
	checked int // writes that were looked for
	lost    int // that are not there
	doubles int // codes and tokens that were good twice
}

func (s *settled) add(o settled) {
	s.checked, s.lost, s.doubles = s.checked+o.checked, s.lost+o.lost, s.doubles+o.doubles
}

// checker holds a database against a ledger, by one node that is up.
type checker struct {
	c   *cluster
	l   *ledger
	n   *node
	mu  sync.Mutex
	sum settled
}

// check looks for everything that was acknowledged since the last check, and
// uses once more whatever was used. What it has checked is taken from the
// ledger, but for what has been spent, which checkSpent tries again.
func (c *cluster) check(n *node, l *ledger) settled {
	k := &checker{c: c, l: l, n: n}
	var users, passwords, chains []func()
	for id, name := range l.users {
		users = append(users, func() { k.user(id, name) })
	}
	for id, p := range l.passwords {
		passwords = append(passwords, func() { k.password(id, p) })
	}
	for _, ch := range l.chains {
		chains = append(chains, func() { k.chain(ch) })
	}
	k.run(slices.Concat(users, passwords, chains))
	l.users, l.passwords, l.chains = map[string]string{}, map[string]*changes{}, nil
	return k.sum
}

// checkSpent uses once more what was used in all rounds, at most so many.
func (c *cluster) checkSpent(n *node, l *ledger, most int) settled {
	k := &checker{c: c, l: l, n: n}
	var all []func()
	for _, s := range l.spent[max(0, len(l.spent)-most):] {
		all = append(all, func() { k.dead(s) })
	}
	k.run(all)
	return k.sum
}

// run does some checks at a time.
func (k *checker) run(checks []func()) {
	const atOnce = 8
	next := make(chan func())
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for f := range next {
				f()
			}
		})
	}
	for _, f := range checks {
		next <- f
	}
	close(next)
	all.Wait()
}

// found counts a write that must be there.
func (k *checker) found(is bool, format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sum.checked++
	if !is {
		k.sum.lost++
		k.l.accuse("lost: "+format, args...)
	}
}

// never counts what must not be good any more.
func (k *checker) never(is bool, format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sum.checked++
	if is {
		k.sum.doubles++
		k.l.accuse("twice: "+format, args...)
	}
}

func (k *checker) user(id, name string) {
	a := k.c.manage(k.n, "GET", "/users/"+id, "", nil)
	k.found(a.status == 200 && a.text("username") == name, "the user %s %s: %s", id, name, a)
}

func (k *checker) password(id string, p *changes) {
	if p.old != "" {
		a := k.c.checkPassword(k.n, id, p.old)
		k.found(a.refused(), "the change of the password of %s, whose old one is right: %s", id, a)
	}
	last := answer{}
	for _, password := range append(slices.Clone(p.unknown), p.kept) {
		if last = k.c.checkPassword(k.n, id, password); last.acked() {
			break
		}
	}
	k.found(last.acked(), "the password of %s, of %d possible ones: %s", id, 1+len(p.unknown), last)
}

// chain checks one authorization. The order matters: whatever is used twice ends
// the family.
func (k *checker) chain(ch *chain) {
	switch {
	case ch.token == "": // nobody knows whether the code was redeemed
		if k.c.redeem(k.n, ch.app, ch.code).acked() {
			k.never(k.c.redeem(k.n, ch.app, ch.code).acked(), "the code %s", ch.code)
		}
	case ch.ended:
		a := k.c.refresh(k.n, ch.app, ch.token)
		k.found(a.refused(), "the end of a family, whose refresh token is good: %s", a)
		a = k.c.userinfo(k.n, ch.access)
		k.found(a.refused(), "the end of a family, whose access token is good: %s", a)
	case ch.unsure:
		if k.c.refresh(k.n, ch.app, ch.token).acked() {
			k.dead(spending{app: ch.app, token: ch.token})
		}
	default:
		a := k.c.refresh(k.n, ch.app, ch.token)
		k.found(a.acked(), "the refresh token of generation %d: %s", len(ch.old)+1, a)
		k.dead(spending{app: ch.app, token: ch.token})
		after := k.c.refresh(k.n, ch.app, a.text("refresh_token"))
		k.found(after.refused(), "the end of a family, one of whose tokens came twice: %s", after)
	}
	for _, token := range ch.old {
		k.dead(spending{app: ch.app, token: token})
	}
	k.dead(spending{app: ch.app, code: ch.code})
	k.l.change(func() {
		k.l.spent = append(k.l.spent, spending{app: ch.app, code: ch.code})
		for _, token := range append(ch.old, ch.token) {
			k.l.spent = append(k.l.spent, spending{app: ch.app, token: token})
		}
	})
}

// dead uses what was used.
func (k *checker) dead(s spending) {
	if s.code != "" {
		a := k.c.redeem(k.n, s.app, s.code)
		k.never(!a.refused(), "a code: %s", a)
		return
	}
	a := k.c.refresh(k.n, s.app, s.token)
	k.never(!a.refused(), "a refresh token: %s", a)
}
