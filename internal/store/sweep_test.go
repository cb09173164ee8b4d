package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// testSteps: a sweep asks for the next chunk in the same Update only until its
// time is over, rests outside of it, and ends with its context: at once when that
// is cancelled, and before a deadline.
func testSteps(t *testing.T, p *opened) {
	const rounds = 5
	chunk := p.engine.dialect().chunk
	run := func(ctx context.Context, took time.Duration, called func()) (steps, chunks int, n int64, err error) {
		n, err = p.sweep(ctx, "e1", last, func() step {
			steps++
			return step{func(*Tx) (int64, error) {
				called()
				time.Sleep(took)
				if chunks++; chunks == rounds {
					return chunk - 1, nil
				}
				return chunk, nil
			}, func() {}}
		})
		return steps, chunks, n, err
	}
	nothing := func() {}
	if steps, chunks, n, err := run(t.Context(), stepTime, nothing); steps != rounds || chunks != rounds || n != rounds*chunk-1 || err != nil {
		t.Errorf("slow chunks: %d steps, %d chunks, %d rows, %v", steps, chunks, n, err)
	}
	gone, leave := context.WithCancel(t.Context())
	if steps, chunks, n, err := run(gone, stepTime, leave); steps != 1 || chunks != 1 || n != chunk || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled in a step: %d steps, %d chunks, %d rows, %v", steps, chunks, n, err)
	}
	late, cancel := context.WithTimeout(t.Context(), lastStep-time.Millisecond)
	defer cancel()
	if steps, _, n, err := run(late, stepTime, nothing); steps != 0 || n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("near the deadline: %d steps, %d rows, %v", steps, n, err)
	}
}

// testSweepKinds: those of some kinds go earlier than the others, which one step
// passes in the order of their end.
func testSweepKinds(t *testing.T, p *opened) {
	now := p.clock.now
	pushed, seen := Tickets[note]{Kind: "pushed"}, Tickets[note]{Kind: "seen"}
	p.update(t, "e1", func(tx *Tx) error {
		for n := range 3 * pgChunk {
			for _, k := range []Tickets[note]{pushed, seen, codes()} {
				if _, err := k.Put(tx, fmt.Sprint(n), Ticket[note]{Expires: now.Add(time.Duration(n%7) * time.Second)}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	n, err := p.Sweep(t.Context(), now.Add(3*time.Second), "pushed", "seen")
	gone := 0
	for i := range 3 * pgChunk {
		if i%7 < 3 {
			gone += 2
		}
	}
	if err := errors.Join(err, p.CountTickets(t.Context())); err != nil || n != int64(gone) {
		t.Errorf("%d are swept, want %d, %v", n, gone, err)
	}
	left := p.Stats().Tickets
	if want := int64(3*pgChunk - gone/2); left["pushed"] != want || left["seen"] != want || left["code"] != 3*pgChunk {
		t.Errorf("left are %v, want %d pushed and seen", left, want)
	}
}

// testCounting: few tickets are counted, of many a sample tells to a few percent.
func testCounting(t *testing.T, p *opened) {
	const many = 20 * sampled
	p.update(t, "e1", func(tx *Tx) error {
		for n := range many {
			if _, err := codes().Put(tx, fmt.Sprint(n), Ticket[note]{}); err != nil {
				return err
			}
		}
		_, err := sessions().Put(tx, "one", Ticket[note]{})
		return err
	})
	if err := p.CountTickets(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := p.Stats().Tickets
	if n := got["code"]; len(got) != 2 || got["session"] != 1 || n < many*9/10 || n > many*11/10 || n == many {
		t.Errorf("counted %v, of %d", got, many)
	}
}

// testLast: what goes behind others shares their COMMIT, has one of its own when
// nobody comes, and is refused after the end.
func testLast(t *testing.T, p *opened) {
	ctx := t.Context()
	if err := p.write(ctx, "update", "e1", last, putting("alone")); err != nil {
		t.Fatal(err)
	}
	begun, goOn, over := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	go func() {
		over <- p.Update(ctx, "e1", func(tx *Tx) error {
			close(begun)
			<-goOn
			return putting("first")(tx)
		})
	}()
	<-begun
	before := p.Stats().Commits.Count
	go func() { over <- p.write(ctx, "update", "e1", last, putting("last")) }()
	for len(p.lite().writer.behind) == 0 {
		time.Sleep(time.Millisecond)
	}
	close(goOn)
	if err := errors.Join(<-over, <-over); err != nil {
		t.Fatal(err)
	}
	if n := p.Stats().Commits.Count - before; n != 1 {
		t.Errorf("%d commits for two", n)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.write(ctx, "update", "e1", last, putting("late")); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}
