package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// simStart is when each simulation begins, in Unix milliseconds.
const simStart = 1_780_000_000_000

// theatre is a database on which one simulation after the other takes place.
type theatre struct {
	stage stage
	judge *DB
	nodes []*node
	clock *atomic.Int64
	plays int
}

func (h *theatre) node(db *DB) *node { return &node{db: db, clock: h.clock} }

// pgTheatre has two nodes on PostgreSQL.
func pgTheatre(t *testing.T) *theatre {
	source := newPostgres(t) + "&deadlock_timeout=1ms"
	h := &theatre{clock: new(atomic.Int64)}
	for range 2 {
		n := h.node(nil)
		n.db = mustOpen(t, source, Options{Now: n.now, Remember: []string{"user"}, Readers: 8})
		n.db.engine.(*postgres).ears.close() // who hears when, no seed tells
		h.nodes = append(h.nodes, n)
	}
	watch, err := pgx.Connect(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { watch.Close(context.Background()) })
	h.stage, h.judge = pgStage{watch}, h.nodes[0].db
	return h
}

// liteTheatre has one node, on SQLite, with a table that can't be committed.
func liteTheatre(t *testing.T) *theatre {
	h := &theatre{clock: new(atomic.Int64), stage: liteStage{}}
	n := h.node(nil)
	n.db = mustOpen(t, newFile(t), Options{Now: n.now, Remember: []string{"user"}})
	s := n.db.engine.(*sqlite).writer.session
	err := errors.Join(s.do("CREATE TABLE orphan (a INTEGER PRIMARY KEY, b INTEGER REFERENCES orphan DEFERRABLE INITIALLY DEFERRED)"), s.do("PRAGMA foreign_keys = 1"))
	if err != nil {
		t.Fatal(err)
	}
	h.nodes, h.judge = []*node{n}, n.db
	return h
}

// play draws a simulation from a seed, and runs it.
func (h *theatre) play(seed uint64) (*sim, error) {
	chance := rand.New(rand.NewPCG(seed, 5))
	h.plays++
	h.clock.Store(simStart)
	s := &sim{stage: h.stage, judge: h.judge, chance: chance, came: make(chan arrival, 100),
		world: world{env: fmt.Sprint("e", h.plays), clock: h.clock, newest: map[string]int{"a": 1, "x": 1, "y": 1}}}
	s.loyal, s.risk = []int{0, 4, 8}[chance.IntN(3)], []int{0, 10, 50}[chance.IntN(3)]
	s.focus = chance.IntN(6)
	if chance.IntN(2) == 0 {
		s.grace = 2 * time.Minute
	}
	for _, n := range h.nodes {
		n.skew.Store(0)
		n.seen = map[string]int64{}
	}
	all := simKinds()
	kinds := slices.Sorted(maps.Keys(all))
	chance.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	kinds = kinds[:2+chance.IntN(3)]
	s.removable = slices.Contains(kinds, "purge")
	for n := range 3 + chance.IntN(3) {
		a := &actor{sim: s, n: n, node: h.nodes[n%len(h.nodes)], chance: rand.New(rand.NewPCG(seed, uint64(100+n))), turn: make(chan fate)}
		a.db = &DB{engine: watched{a.node.db.engine, a}, now: a.node.db.now, cache: a.node.db.cache, meter: a.node.db.meter}
		for m := range 1 + chance.IntN(3) {
			r := &request{actor: a, id: fmt.Sprint(n, ".", m), what: kinds[a.chance.IntN(len(kinds))]}
			all[r.what](r)
			a.requests = append(a.requests, r)
		}
		s.actors = append(s.actors, a)
	}
	if q, ok := h.judge.engine.(*sqlite); ok {
		q.writer.hold = []time.Duration{0, time.Hour}[chance.IntN(2)]
	}
	if err := s.prepare(); err != nil {
		return s, err
	}
	if err := s.run(); err != nil {
		return s, err
	}
	if err := s.check(); err != nil {
		return s, err
	}
	_, err := h.judge.Sweep(context.Background(), time.UnixMilli(simStart).AddDate(10, 0, 0))
	return s, err
}

// report is what led to a failure.
func (s *sim) report() string {
	text := strings.Join(s.course, "\n")
	for _, r := range s.requests() {
		text += fmt.Sprintf("\n%s %s %s, steps %d to %d, lost %t: %+v, %v", r.id, r.what, r.on, r.begun, r.told, r.lost, r.note, r.err)
	}
	return text
}

// TestSimulation runs one simulation after the other, each from a seed of its
// own, as many as are asked for or there is time for.
func TestSimulation(t *testing.T) {
	for _, d := range []struct {
		name string
		open func(*testing.T) *theatre
	}{{"postgres", pgTheatre}, {"sqlite", liteTheatre}} {
		t.Run(d.name, func(t *testing.T) {
			h := d.open(t)
			a := asked(t)
			begin, n, steps, again, same := time.Now(), 0, int64(0), 0, 0
			for ; n < a.runs && time.Since(begin) < a.limit; n++ {
				s := h.mustPlay(t, a.seed(n))
				steps += s.step.Load()
				if n%10 == 0 {
					again++
					if slices.Equal(s.course, h.mustPlay(t, a.seed(n)).course) {
						same++
					}
				}
			}
			took := time.Since(begin)
			t.Logf("figures: %d simulations of %d steps in %v; of %d that were run again, %d took the same course", n, steps, took.Round(time.Millisecond), again, same)
			if n == 0 || same == 0 {
				t.Error("the seed doesn't tell what happens")
			}
		})
	}
}

func (h *theatre) mustPlay(t *testing.T, seed uint64) *sim {
	t.Helper()
	s, err := h.play(seed)
	if err != nil {
		t.Fatalf("%v\nagain with: PIXY_SIM_SEED=%d go test ./internal/store -run %s\n%s", err, seed, t.Name(), s.report())
	}
	return s
}

// campaign is which simulations are to be run.
type campaign struct {
	one   string // the seed of all of them, or ""
	runs  int
	limit time.Duration
}

func asked(t *testing.T) campaign {
	a := campaign{os.Getenv("PIXY_SIM_SEED"), 200, 2 * time.Second}
	if os.Getenv("PIXY_FAULTS") == "1" {
		a.runs, a.limit = 3000, time.Hour
	}
	if a.one != "" {
		a.runs, a.limit = 1, time.Hour
	}
	if n := os.Getenv("PIXY_SIM_RUNS"); n != "" {
		var err error
		if a.runs, err = strconv.Atoi(n); err != nil {
			t.Fatal(err)
		}
		a.limit = time.Hour
	}
	return a
}

// seed is that of the nth simulation. A text that is no number is 0.
func (a campaign) seed(n int) uint64 {
	if a.one == "" {
		return uint64(n) + 1
	}
	seed, _ := strconv.ParseUint(a.one, 10, 64)
	return seed
}
