package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
)

// A simulation lets a few actors ask the store for what a server does, and lets
// one of them go on at a time, from one statement to the next. Which one, what
// it asks for, what the clocks say and what breaks comes from one seed. Then
// what each was told and what is kept are held against what the store promises.
//
//	PIXY_SIM_SEED=17 go test ./internal/store -run TestSimulation   one seed, PIXY_SIM_RUNS times
//	PIXY_SIM_RUNS=20000 ...                                         so many seeds
//	PIXY_FAULTS=1 ...                                               3,000 seeds
//
// Two things the databases decide, so that a seed may need some runs: who is the
// first of several who wait for the same lock and are let go at once, and which
// transaction of a deadlock is undone.

// fate is what becomes of an actor who goes on.
type fate string

const (
	goesOn    fate = "goes on"
	conflicts fate = "conflicts"      // with another transaction, in its next statement
	isCut     fate = "is cut off"     // nothing it sends arrives
	isMute    fate = "gets no answer" // what it sends arrives
	crashes   fate = "crashes"        // is cut off, and nobody is told
)

// stuck is when a simulation doesn't wait for an actor any more.
const stuck = 20 * time.Second

// stage is the database that is simulated on.
type stage interface {
	// asleep counts those who wait for another actor, of those who are under way.
	asleep(s *sim, all []*actor) (int, error)
	// strike does to the session of an actor what its fate is. When its next
	// statement is to fail, it returns how.
	strike(s session, f fate) error
	// settled waits until the database knows that a connection is lost.
	settled(pid uint32) error
}

// sim is one simulation.
type sim struct {
	world
	stage  stage
	judge  *DB // beside the simulation
	actors []*actor
	chance *rand.Rand
	came   chan arrival
	step   atomic.Int64
	course []string // what was done, a line each
	loyal  int      // of 10 steps, in how many the same actor goes on
	risk   int      // of 1000 steps, how many have a fate
}

// state is where an actor is.
type state int

const (
	underWay state = iota // or asleep
	outside               // between requests, or in a closure that reads
	inside                // a closure that writes
	over
)

// actor makes one request after the other.
type actor struct {
	sim      *sim
	db       *DB // of its node
	node     *node
	chance   *rand.Rand
	requests []*request
	turn     chan fate
	cancel   context.CancelFunc // hangs up
	crashed  bool
	pid      atomic.Uint32 // of its connection to PostgreSQL
	entered  atomic.Bool   // the closure of this request has begun

	// What the scheduler knows.
	n      int
	at     state
	saw    string // the last statement, and what came of it
	gone   bool   // it has hung up
	queued int    // how many waited for SQLite's writer when it went on
}

// arrival tells the scheduler of an actor.
type arrival struct {
	actor *actor
	at    state
	saw   string
}

// live makes the requests.
func (a *actor) live() {
	defer func() { a.sim.came <- arrival{a, over, ""} }()
	for _, r := range a.requests {
		a.entered.Store(false)
		var ctx context.Context
		ctx, a.cancel = context.WithCancel(context.Background())
		a.pause(outside, "begins to "+r.what)
		r.begun = a.sim.step.Load()
		r.err = r.run(r, ctx)
		r.told = a.sim.step.Load()
		r.left = ctx.Err() != nil
		a.cancel()
		if r.lost = a.crashed; r.lost {
			return
		}
	}
}

// pause lets others go on, until it is this actor's turn.
func (a *actor) pause(at state, saw string) fate {
	a.sim.came <- arrival{a, at, saw}
	if f, goes := <-a.turn; goes {
		return f
	}
	return goesOn
}

// watched is the engine of an actor, who pauses after each statement.
type watched struct {
	engine
	actor *actor
}

func (w watched) update(ctx context.Context, env string, how manner, run func(session, bool) error) error {
	if how == last {
		how = shared // who waits for a lull of the writer, waits for no actor
	}
	return w.engine.update(ctx, env, how, func(real session, holds bool) error {
		s := &stepped{session: real, actor: w.actor, at: inside}
		if p, ok := real.(*pgSession); ok {
			w.actor.pid.Store(p.conn.Conn().PgConn().PID())
		}
		w.actor.entered.Store(true)
		s.pause("enters")
		return run(s, holds)
	})
}

func (w watched) view(ctx context.Context) (session, func(), error) {
	s, end, err := w.engine.view(ctx)
	if err == nil {
		s = &stepped{session: s, actor: w.actor, at: outside}
	}
	return s, end, err
}

// stepped is a session that pauses after each statement.
type stepped struct {
	session
	actor *actor
	at    state
	next  error // of the next statement
	lost  bool  // a statement was refused by fate
}

func (s *stepped) pause(saw string) {
	f := s.actor.pause(s.at, saw)
	s.actor.crashed = f == crashes
	if f != goesOn {
		s.next = s.actor.sim.stage.strike(s.session, f)
	}
}

func (s *stepped) do(saw string, statement func() error) error {
	err := s.next
	if s.next = nil; err == nil {
		err = statement()
	} else {
		s.lost = true
	}
	if err != nil {
		saw += ": " + err.Error()
	}
	s.pause(saw)
	return err
}

func (s *stepped) exec(text string, args []any) (n int64, err error) {
	err = s.do(text, func() error { n, err = s.session.exec(text, args); return err })
	return n, err
}

func (s *stepped) each(limit time.Duration, text string, args []any, scan func(row) error) error {
	return s.do(text, func() error { return s.session.each(limit, text, args, scan) })
}

func (s *stepped) alone(env string) error {
	return s.do("alone", func() error { return s.session.alone(env) })
}

func (s *stepped) notify(env string, revision int64) error {
	return s.do("notify", func() error { return s.session.notify(env, revision) })
}

func (s *stepped) breaks(err error) bool { return s.lost || s.session.breaks(err) }

// run lets the actors live.
func (s *sim) run() error {
	for _, a := range s.actors {
		go a.live()
	}
	var last *actor
	defer s.abandon()
	for {
		if err := s.settle(last); err != nil {
			return err
		}
		able := slices.Concat(s.in(outside), s.in(inside))
		if len(able) == 0 {
			return nil
		}
		s.step.Add(1)
		s.tick()
		if !slices.Contains(able, last) || s.chance.IntN(10) >= s.loyal {
			last = able[s.chance.IntN(len(able))]
		}
		if err := s.move(last, s.draw(last)); err != nil {
			return err
		}
	}
}

// abandon lets everybody go on to the end, one way or another.
func (s *sim) abandon() {
	for _, a := range s.actors {
		close(a.turn)
	}
	for len(s.in(over)) < len(s.actors) {
		came := <-s.came
		came.actor.at = came.at
	}
}

// in are the actors who are in a state, in their order.
func (s *sim) in(at state) []*actor {
	return slices.DeleteFunc(slices.Clone(s.actors), func(a *actor) bool { return a.at != at })
}

// move lets an actor go on.
func (s *sim) move(a *actor, f fate) error {
	s.course = append(s.course, fmt.Sprintf("%4d actor %d, %s, %s", s.step.Load(), a.n, a.saw, f))
	pid := a.pid.Load()
	a.at = underWay
	if q, ok := s.judge.engine.(*sqlite); ok {
		a.queued = len(q.writer.queue)
	}
	a.turn <- f
	if f == isCut || f == isMute || f == crashes {
		return s.stage.settled(pid)
	}
	return nil
}

// draw is the fate of an actor's next step. Also somebody hangs up, now and then.
func (s *sim) draw(a *actor) fate {
	if s.chance.IntN(1000) >= s.risk {
		return goesOn
	}
	all := []fate{goesOn, conflicts, isCut, isMute, crashes}
	f := all[s.chance.IntN(len(all))]
	if who := s.actors[s.chance.IntN(len(s.actors))]; f == goesOn && who.at != over {
		who.gone = true
		who.cancel()
		s.course = append(s.course, fmt.Sprintf("     actor %d hangs up", who.n))
	}
	if a.at != inside {
		return goesOn
	}
	return f
}

// tick moves the clock of all, now and then far, and that of one node.
func (s *sim) tick() {
	if s.chance.IntN(8) == 0 {
		s.clock.Add(s.chance.Int64N([]int64{2, 2, 2, 15}[s.chance.IntN(4)] * minute))
	}
	if s.chance.IntN(100) == 0 {
		s.actors[s.chance.IntN(len(s.actors))].node.skew.Store((s.chance.Int64N(60) - 30) * minute)
	}
}

// settle waits until all who are under way wait for others.
func (s *sim) settle(moved *actor) error {
	end := time.Now().Add(stuck)
	for patience := time.Millisecond; time.Now().Before(end); {
		if moved == nil || moved.at != underWay || patience != time.Millisecond {
			busy := s.in(underWay)
			if len(busy) == 0 {
				return nil
			}
			n, err := s.stage.asleep(s, busy)
			if err != nil || n == len(busy) && len(s.came) == 0 && len(s.in(outside))+len(s.in(inside)) > 0 {
				return err
			}
		}
		select {
		case came := <-s.came:
			a := came.actor
			a.at, a.saw = came.at, came.saw
			a.gone = a.gone && came.at == inside
		case <-time.After(patience):
			patience = 300 * time.Microsecond
		}
	}
	return errors.New("nobody goes on")
}
