package faults

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// history is what clients have done, with the times. Of any moment it can tell
// what was acknowledged by then: a ledger of that moment.
type history struct {
	mu    sync.Mutex
	deeds []deed
	next  int // of names
	wrong []string

	unknown int // writes of which the node has said that it could not
	// lenient is set while the node may be unable to write.
	lenient bool
}

// deed is one write. Before it was answered, nobody knows what became of it.
type deed struct {
	began, ended time.Time
	sure, unsure func(*past)
}

// past is a ledger of one moment.
type past struct {
	*ledger
	names [][2]string // ids and usernames
	codes map[string]*chain
	came  []*chain
	fresh []*chain // with codes that nobody has redeemed, which are good
	acked int
}

// at is what was acknowledged at a moment: the last of it, and so much of the rest
// as can be looked for in a moment. What was under way at the time is unknown.
func (h *history) at(moment time.Time, r *rand.Rand) *past {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &past{ledger: newLedger(), codes: map[string]*chain{}}
	slices.SortFunc(h.deeds, func(a, b deed) int { return a.began.Compare(b.began) }) // those of one client come one after the other
	for _, d := range h.deeds {
		switch {
		case d.ended.Before(moment):
			d.sure(p)
			p.acked++
		case d.began.Before(moment):
			d.unsure(p)
		}
	}
	const most = 24
	for _, user := range some(p.names, most, r) {
		p.users[user[0]] = user[1]
	}
	for _, ch := range some(p.came, most, r) {
		if ch.token == "" && !ch.unsure {
			p.fresh = append(p.fresh, ch)
		} else {
			p.chains = append(p.chains, ch)
		}
	}
	return p
}

// some are the last of many and, as many again, any others.
func some[T any](of []T, most int, r *rand.Rand) []T {
	if len(of) <= most {
		return of
	}
	early, out := of[:len(of)-most/2], slices.Clone(of[len(of)-most/2:])
	for _, i := range r.Perm(len(early))[:most-len(out)] {
		out = append(out, early[i])
	}
	return out
}

// never is when a write is acknowledged that isn't.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// note keeps a write that began then and was answered now, and says whether it
// was acknowledged.
func (h *history) note(began time.Time, what string, a answer, sure, unsure func(*past)) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	ended := time.Now()
	switch wrong := a.wrong(); {
	case wrong != "":
		h.wrong = append(h.wrong, what+": "+wrong)
	case a.refused(), a.unknown() && !h.lenient:
		h.wrong = append(h.wrong, fmt.Sprintf("%s: %s", what, a))
	case a.unknown():
		ended = never
		h.unknown++
	}
	h.deeds = append(h.deeds, deed{began: began, ended: ended, sure: sure, unsure: unsure})
	return a.acked()
}

// number is one that was not given before.
func (h *history) number() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	return h.next
}

// goesOn says that there are fewer writes than that, and nothing was wrong.
func (h *history) goesOn(writes int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.deeds) < writes && len(h.wrong) == 0
}

// writeHistory lets clients write until there are so many writes in all.
func (c *cluster) writeHistory(h *history, r *rand.Rand, clients, writes int) []string {
	var all sync.WaitGroup
	for i := range clients {
		k := &chronicler{c: c, n: c.nodes[0], h: h, r: rand.New(rand.NewPCG(r.Uint64(), uint64(i)))}
		all.Go(func() {
			for k.begin(); h.goesOn(writes); {
				k.round()
			}
		})
	}
	all.Wait()
	return h.wrong
}

// chronicler is a client with a user of its own.
type chronicler struct {
	c            *cluster
	n            *node
	h            *history
	r            *rand.Rand
	signs, users string // a username, and the id of one whose password changes
}

func (k *chronicler) begin() {
	k.signs, _ = k.user()
	_, k.users = k.user()
}

// user makes a user, and goes on until it is made.
func (k *chronicler) user() (name, id string) {
	for made := false; !made && k.h.goesOn(math.MaxInt); {
		name, id, made = k.makeUser()
	}
	return name, id
}

func (k *chronicler) makeUser() (name, id string, made bool) {
	name = fmt.Sprintf("past-%d", k.h.number())
	began := time.Now()
	a := k.c.user(k.n, name, goodPassword)
	id = a.text("id")
	return name, id, k.h.note(began, "a user", a, func(p *past) { p.names = append(p.names, [2]string{id, name}) }, func(*past) {})
}

func (k *chronicler) round() {
	k.makeUser()
	k.setPassword()
	for range 2 {
		k.signOn(k.r.IntN(4))
	}
}

func (k *chronicler) setPassword() {
	user := k.users
	// No character may stand more than twice in a row.
	password := goodPassword + strings.Join(strings.Split(fmt.Sprint(k.h.number()), ""), "-")
	began := time.Now()
	a := k.c.setPassword(k.n, user, password)
	if !k.h.note(began, "a password", a, func(p *past) {
		old := goodPassword
		if now := p.passwords[user]; now != nil {
			old = now.kept
		}
		p.passwords[user] = &changes{kept: password, old: old}
	}, func(p *past) {
		if p.passwords[user] == nil {
			p.passwords[user] = &changes{kept: goodPassword}
		}
		p.passwords[user].unknown = append(p.passwords[user].unknown, password)
	}) {
		_, k.users = k.user() // who guesses at more passwords is locked out
	}
}

// signOn gets a code, and goes on with it so far: not at all, to the tokens, to
// new ones, to the end of the family.
func (k *chronicler) signOn(far int) {
	app := k.c.app
	began := time.Now()
	code, a := (&person{c: k.c}).code(through(k.n), app, k.signs, goodPassword)
	if !k.h.note(began, "a code", a, func(p *past) {
		ch := &chain{app: app, code: code}
		p.codes[code], p.came = ch, append(p.came, ch)
	}, func(*past) {}) || far == 0 {
		return
	}
	began = time.Now()
	a = k.c.redeem(k.n, app, code)
	token, access := a.text("refresh_token"), a.text("access_token")
	unsure := func(p *past) { p.codes[code].unsure = true }
	if !k.h.note(began, "a redemption", a, func(p *past) { p.codes[code].token, p.codes[code].access = token, access }, unsure) {
		return
	}
	last := token
	for range far - 1 {
		began = time.Now()
		a := k.c.refresh(k.n, app, last)
		token, access := a.text("refresh_token"), a.text("access_token")
		if !k.h.note(began, "a rotation", a, func(p *past) {
			ch := p.codes[code]
			ch.old, ch.token, ch.access = append(ch.old, ch.token), token, access
		}, unsure) {
			return
		}
		last = token
	}
	if far == 3 {
		began = time.Now()
		k.h.note(began, "a revocation", k.c.revoke(k.n, app, last), func(p *past) { p.codes[code].ended = true }, unsure)
	}
}
