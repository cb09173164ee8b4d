package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// barrier holds whoever comes until so many have. On SQLite, where nobody runs
// beside another, it holds nobody.
type barrier struct {
	n    int
	mu   sync.Mutex
	come int
	open chan struct{}
}

func (p *opened) barrier(n int) *barrier {
	b := &barrier{n: n, open: make(chan struct{})}
	if !p.isPostgres() {
		close(b.open)
	}
	return b
}

// wait is passed at once by those who come again, after all have come.
func (b *barrier) wait() {
	b.mu.Lock()
	if b.come++; b.come == b.n {
		select {
		case <-b.open:
		default:
			close(b.open)
		}
	}
	b.mu.Unlock()
	<-b.open
}

// racers is how many run beside one another, and more than the retries of one.
const racers = 6

// race runs fn for each racer, in Updates beside one another, and returns what
// each was told.
func (p *opened) race(fn func(n int, tx *Tx, met *barrier) error) []error {
	told, met := make([]error, racers), p.barrier(racers)
	together(racers, racers, func(n int) {
		told[n] = p.Update(context.Background(), "e1", func(tx *Tx) error { return fn(n, tx, met) })
	})
	return told
}

func count(errs []error, is error) (n int) {
	for _, err := range errs {
		if errors.Is(err, is) || is == nil && err == nil {
			n++
		}
	}
	return n
}

type counter struct{ N int }

// testRaceDocument: all have read the same version before one writes. None of
// the changes is lost.
func testRaceDocument(t *testing.T, p *opened) {
	p.put(t, "e1", "thing", "a", `{"N":0}`)
	told := p.race(func(_ int, tx *Tx, met *barrier) error {
		d, err := tx.Get("thing", "a")
		if err != nil {
			return err
		}
		met.wait()
		var c counter
		if err := json.Unmarshal(d.Body, &c); err != nil {
			return err
		}
		d.Body = fmt.Appendf(nil, `{"N":%d}`, c.N+1)
		_, err = tx.Put(d)
		return err
	})
	if err := errors.Join(told...); err != nil {
		t.Error(err)
	}
	if d, _ := p.get(t, "e1", "thing", "a"); string(d.Body) != `{"N":`+strconv.Itoa(racers)+`}` || d.Version != racers+1 {
		t.Errorf("after %d changes it is %s, version %d", racers, d.Body, d.Version)
	}
}

func testRaceTicket(t *testing.T, p *opened) {
	counters := Tickets[counter]{Kind: "counter", Life: time.Hour}
	p.update(t, "e1", func(tx *Tx) error { _, err := counters.Put(tx, "s", Ticket[counter]{}); return err })
	told := p.race(func(_ int, tx *Tx, met *barrier) error {
		c, err := counters.Get(tx, "s")
		if err != nil {
			return err
		}
		met.wait()
		c.Body.N++
		_, err = counters.Save(tx, "s", c)
		return err
	})
	if err := errors.Join(told...); err != nil {
		t.Error(err)
	}
	p.view(t, "e1", func(tx *Tx) error {
		c, err := counters.Get(tx, "s")
		if c.Body.N != racers {
			t.Errorf("after %d changes it is %d", racers, c.Body.N)
		}
		return err
	})
}

// testRaceEnd: a session is ended by its ID while its browser signs on again,
// which moves it, and applications join. Whoever is acknowledged has come before
// the end, and the end has seen him.
func testRaceEnd(t *testing.T, p *opened) {
	sessions := Tickets[counter]{Kind: "session", Life: time.Hour}
	for round := range 10 {
		id := fmt.Sprint("id", round)
		p.update(t, "e1", func(tx *Tx) error {
			_, err := sessions.Put(tx, id+"-0", Ticket[counter]{ID: id})
			return err
		})
		seen := -1
		told := p.race(func(n int, tx *Tx, met *barrier) error {
			s, err := sessions.ByID(tx, id)
			met.wait()
			if err != nil {
				return err
			}
			s.Body.N++
			switch {
			case n == 0:
				seen = s.Body.N - 1
				return sessions.DeleteID(tx, s)
			case n%2 == 0:
				_, err = sessions.SaveID(tx, s)
			default:
				_, err = sessions.Move(tx, fmt.Sprint(id, "-", n), s)
			}
			return err
		})
		kept, missed := count(told[1:], nil), count(told[1:], ErrMissing)
		if told[0] != nil || kept != seen || kept+missed != racers-1 {
			t.Errorf("the end had seen %d changes, and %d were acknowledged: %v", seen, kept, told)
		}
		p.view(t, "e1", func(tx *Tx) error {
			_, err := sessions.ByID(tx, id)
			wantMissing(t, err)
			return nil
		})
	}
}

// testRaceSpend: all have seen that the ticket is good before one spends it, and
// each leaves something when he has.
func testRaceSpend(t *testing.T, p *opened) {
	codes := Tickets[counter]{Kind: "code", Life: time.Hour}
	for round := range 20 {
		secret := fmt.Sprint("s", round)
		p.update(t, "e1", func(tx *Tx) error { _, err := codes.Put(tx, secret, Ticket[counter]{}); return err })
		var won atomic.Int32
		told := p.race(func(n int, tx *Tx, met *barrier) error {
			if _, err := codes.Get(tx, secret); err != nil {
				return err
			}
			met.wait()
			first, err := codes.Spend(tx, secret, tx.Now().Add(time.Hour))
			if err != nil || !first {
				return errors.Join(err, fault.CodeSpent)
			}
			won.Add(1)
			_, err = tx.Put(Document{Kind: "token", ID: secret + fmt.Sprint(n), Body: []byte(`{}`)})
			return err
		})
		if n := count(told, nil); n != 1 || count(told, fault.CodeSpent) != racers-1 {
			t.Errorf("%d of %d were told that they spent it: %v", n, racers, told)
		}
	}
	p.view(t, "e1", func(tx *Tx) error {
		n, err := tx.Count("token", kind.Expr{}, 0, 0)
		if n != 20 {
			t.Errorf("20 tickets were spent %d times", n)
		}
		return err
	})
}

// testRaceUnique: all have looked for the name and found that it is free.
func testRaceUnique(t *testing.T, p *opened) {
	told := p.race(func(n int, tx *Tx, met *barrier) error {
		if _, err := tx.Find("user", kind.Equal("usernameKey", "joe")); err != ErrMissing {
			return errors.Join(err, fault.Invalid) // what the rule says of a name that is taken
		}
		met.wait()
		_, err := tx.Put(Document{Kind: "user", ID: fmt.Sprint(n), Body: []byte(`{"usernameKey":"joe"}`)})
		return err
	})
	if n := count(told, nil); n != 1 || count(told, fault.Invalid) != racers-1 {
		t.Errorf("%d of %d have the name: %v", n, racers, told)
	}
}

// testRaceRefresh is the rotation of a refresh token, the reuse of an old one,
// and the end of the family, all at once: whatever comes first, nobody
// rotates a family that has ended.
func testRaceRefresh(t *testing.T, p *opened) {
	families := Tickets[counter]{Kind: "refresh", Life: time.Hour}
	for round := range 20 {
		family := fmt.Sprint("f", round)
		p.update(t, "e1", func(tx *Tx) error {
			_, err := families.Put(tx, family, Ticket[counter]{Family: family})
			return err
		})
		var rotated, ended atomic.Int32
		told := p.race(func(n int, tx *Tx, met *barrier) error {
			f, err := families.Get(tx, family)
			if err != nil {
				return err
			}
			met.wait()
			if n == 0 {
				if _, err := families.Spend(tx, family, tx.Now().Add(time.Hour)); err != nil {
					return err
				}
				ended.Add(1)
				_, err := tx.EndFamily(family, tx.Now().Add(time.Hour))
				return err
			}
			if !f.Spent.IsZero() || f.Body.N != 0 {
				return fault.RefreshReused
			}
			f.Body.N++
			if _, err := families.Save(tx, family, f); err != nil {
				return err
			}
			rotated.Add(1)
			return nil
		})
		if n := count(told, nil); n < 1 || n > 2 || told[0] != nil {
			t.Errorf("%d of %d succeeded: %v", n, racers, told)
		}
		p.view(t, "e1", func(tx *Tx) error {
			f, err := families.Get(tx, family)
			over, missed := tx.Ended(family)
			if f.Spent.IsZero() || !over || f.Body.N > 1 {
				t.Errorf("in the end: %+v, ended %t", f, over)
			}
			return errors.Join(err, missed)
		})
	}
}

// testChangeAlone: who is alone sees all who were before him, and nobody else
// writes in his environment, while others do in theirs.
func testChangeAlone(t *testing.T, p *opened) {
	var inside atomic.Int32
	var all sync.WaitGroup
	for n := range 40 {
		all.Go(func() {
			var err error
			if n%4 == 0 {
				err = p.Change(context.Background(), "e1", func(tx *Tx) error {
					before, err := tx.Count("thing", kind.Expr{}, 0, 0)
					if inside.Load() != 0 {
						t.Error("somebody else is inside")
					}
					time.Sleep(2 * time.Millisecond)
					after, again := tx.Count("thing", kind.Expr{}, 0, 0)
					if before != after || inside.Load() != 0 {
						t.Errorf("there were %d, then %d", before, after)
					}
					return errors.Join(err, again)
				})
			} else {
				err = p.Update(context.Background(), "e1", func(tx *Tx) error {
					err := putting(fmt.Sprint(n))(tx)
					inside.Add(1)
					time.Sleep(time.Millisecond)
					inside.Add(-1)
					return err
				})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if p.isPostgres() { // and on SQLite nobody is beside anybody
		p.update(t, "e1", func(*Tx) error {
			if err := p.Change(context.Background(), "e2", putting("beside")); err != nil {
				t.Error(err)
			}
			return p.Update(context.Background(), "e1", putting("beside"))
		})
	}
}

// testReferred: a document is deleted only when nothing refers to it, and what
// refers is made only where it is, by many who do both at once.
func testReferred(t *testing.T, p *opened) {
	for round := range 20 {
		parent := fmt.Sprint("p", round)
		p.put(t, "e1", "parent", parent, `{}`)
		refused := errors.New("refused")
		told := make([]error, 2)
		together(2, 2, func(n int) {
			if n == 0 {
				told[n] = p.Update(context.Background(), "e1", func(tx *Tx) error {
					if _, err := tx.Get("parent", parent); err != nil {
						return refused
					}
					time.Sleep(time.Millisecond)
					_, err := tx.Put(Document{Kind: "child", ID: parent, Body: []byte(`{"parent":"` + parent + `"}`)})
					return err
				})
				return
			}
			told[n] = p.Change(context.Background(), "e1", func(tx *Tx) error {
				if n, err := tx.Count("child", kind.Equal("parent", parent), 1, 0); err != nil || n > 0 {
					return errors.Join(err, refused)
				}
				time.Sleep(time.Millisecond)
				return tx.Delete("parent", parent)
			})
		})
		if count(told, nil) != 1 || count(told, refused) != 1 {
			t.Errorf("round %d: %v", round, told)
		}
	}
}

// testSweepTogether lets two nodes sweep the same tickets.
func testSweepTogether(t *testing.T, p *opened) {
	codes := Tickets[counter]{Kind: "code", Life: time.Minute}
	const many = 3 * pgChunk
	p.update(t, "e1", func(tx *Tx) error {
		for n := range many {
			if _, err := codes.Put(tx, fmt.Sprint(n), Ticket[counter]{}); err != nil {
				return err
			}
		}
		return nil
	})
	later := p.clock.now.Add(time.Hour)
	var swept atomic.Int64
	together(4, 4, func(int) {
		n, err := p.Sweep(context.Background(), later)
		swept.Add(n)
		if err != nil {
			t.Error(err)
		}
	})
	rest, err := p.Sweep(t.Context(), later)
	if swept.Load()+rest != many || err != nil {
		t.Errorf("%d and %d of %d were swept, %v", swept.Load(), rest, many, err)
	}
}

// testUnstorable: a text that not every database can keep is refused, and
// nothing is found by it.
func testUnstorable(t *testing.T, p *opened) {
	codes := Tickets[counter]{Kind: "code", Life: time.Minute}
	for _, text := range []string{"a\x00b", "\xff", "\x00"} {
		wantFault(t, p.Update(t.Context(), "e1", putting(text)), fault.Unstorable)
		wantFault(t, p.Update(t.Context(), text, putting("a")), fault.Unstorable)
		wantFault(t, p.Update(t.Context(), "e1", func(tx *Tx) error {
			_, err := codes.Put(tx, "secret", Ticket[counter]{Client: text})
			return err
		}), fault.Unstorable)
		p.view(t, "e1", func(tx *Tx) error {
			_, err := tx.Get("thing", text)
			wantMissing(t, err)
			found, err := tx.List("thing", Query{Where: kind.Equal("name", text)})
			if len(found) > 0 {
				t.Errorf("%q finds %v", text, found)
			}
			return err
		})
	}
	// In the body of a ticket it is what a client sent.
	notes := Tickets[note]{Kind: "note", Life: time.Minute}
	p.update(t, "e1", func(tx *Tx) error {
		_, err := notes.Put(tx, "s", Ticket[note]{Body: note{Text: "a\x00b"}})
		return err
	})
	p.view(t, "e1", func(tx *Tx) error {
		n, err := notes.Get(tx, "s")
		if n.Body.Text != "a\x00b" {
			t.Errorf("kept is %q", n.Body.Text)
		}
		return err
	})
}
