package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// hold keeps the writer busy until the returned function is called. What is
// put in the queue meanwhile is one batch.
func (p *opened) hold(t *testing.T) (release func()) {
	t.Helper()
	started, stop := make(chan struct{}), make(chan struct{})
	var held sync.WaitGroup
	held.Go(func() {
		err := p.Update(context.Background(), "", func(*Tx) error {
			close(started)
			<-stop
			time.Sleep(2 * maxHold) // its batch is over
			return nil
		})
		if err != nil {
			t.Error("the holder:", err)
		}
	})
	<-started
	return func() { close(stop); held.Wait() }
}

// together runs the closures in one batch, on PostgreSQL beside one another, and returns what each was told.
func (p *opened) together(t *testing.T, fns ...func(*Tx) error) []error {
	t.Helper()
	if p.isPostgres() {
		told := make([]error, len(fns))
		together(len(fns), len(fns), func(n int) { told[n] = p.Update(context.Background(), "e1", fns[n]) })
		return told
	}
	release := p.hold(t)
	told := make([]error, len(fns))
	var all sync.WaitGroup
	w, first, last := p.lite().writer, fns[0], fns[len(fns)-1]
	fns = slices.Clone(fns)
	fns[0] = func(tx *Tx) error { w.hold = time.Minute; return first(tx) } // however slow the machine is
	fns[len(fns)-1] = func(tx *Tx) error { w.hold = maxHold; return last(tx) }
	for i, fn := range fns {
		all.Go(func() { told[i] = p.Update(context.Background(), "e1", fn) })
		p.queued(t, i+1)
	}
	release()
	all.Wait()
	return told
}

func (p *opened) queued(t *testing.T, n int) {
	t.Helper()
	for range 2000 {
		if len(p.lite().writer.queue) >= n {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%d are in the queue, want %d", len(p.lite().writer.queue), n)
}

func putting(id string) func(*Tx) error {
	return func(tx *Tx) error {
		_, err := tx.Put(Document{Kind: "thing", ID: id, Body: []byte(`{}`)})
		return err
	}
}

func testSavepoints(t *testing.T, p *opened) {
	boom := errors.New("boom")
	largest := 0
	var fns []func(*Tx) error
	for n := range 50 {
		fns = append(fns, func(tx *Tx) error {
			largest = max(largest, len(p.lite().writer.batch))
			if err := putting(fmt.Sprint(n))(tx); err != nil || n%10 != 3 {
				return err
			}
			return boom
		})
	}
	told := p.together(t, fns...)
	for n, err := range told {
		fails := n%10 == 3
		if fails && err != boom || !fails && err != nil {
			t.Errorf("closure %d is told %v", n, err)
		}
		if p.has(t, "e1", "thing", fmt.Sprint(n)) == fails {
			t.Errorf("closure %d is kept: %t", n, fails)
		}
	}
	if largest < 2 {
		t.Error("no two closures shared a transaction")
	}
	// Refused by the database itself, in the middle of a batch.
	told = p.together(t, putting("new"), putting("0"), putting("newer"))
	if told[0] != nil || !errors.Is(told[1], fault.Taken) || told[2] != nil {
		t.Errorf("told %v", told)
	}
	if !p.has(t, "e1", "thing", "new") || !p.has(t, "e1", "thing", "newer") {
		t.Error("the neighbours of a refused closure are not kept")
	}
}

func testPanic(t *testing.T, p *opened) {
	told := p.together(t, putting("a"), func(tx *Tx) error {
		if err := putting("b")(tx); err != nil {
			return err
		}
		var none []int
		_ = none[len(p.source)]
		return nil
	}, putting("c"))
	if told[0] != nil || told[2] != nil {
		t.Errorf("the neighbours are told %v", told)
	}
	if told[1] == nil || !strings.Contains(told[1].Error(), "index out of range") || !strings.Contains(told[1].Error(), "writer_test.go") {
		t.Errorf("the panic is told as %v", told[1])
	}
	if !p.has(t, "e1", "thing", "a") || p.has(t, "e1", "thing", "b") || !p.has(t, "e1", "thing", "c") {
		t.Error("not the right things are kept")
	}
}

func testGoexit(t *testing.T, p *opened) {
	if err := p.Update(t.Context(), "e1", func(tx *Tx) error {
		if err := putting("a")(tx); err != nil {
			return err
		}
		runtime.Goexit()
		return nil
	}); err == nil {
		t.Error("a closure without an end is no error")
	}
	p.update(t, "e1", putting("b"))
	if p.has(t, "e1", "thing", "a") || !p.has(t, "e1", "thing", "b") {
		t.Error("not the right things are kept")
	}
}

func testGone(t *testing.T, p *opened) {
	release := p.hold(t)
	ctx, leave := context.WithCancel(context.Background())
	var ran atomic.Bool
	told := make(chan error)
	go func() {
		told <- p.Update(ctx, "e1", func(*Tx) error { ran.Store(true); return nil })
	}()
	p.queued(t, 1)
	leave()
	// He is told at once, not when his turn comes.
	if err := <-told; !errors.Is(err, context.Canceled) {
		t.Errorf("who is gone is told %v", err)
	}
	release()
	p.update(t, "e1", putting("after"))
	if ran.Load() {
		t.Error("the closure of somebody who is gone ran")
	}
	if err := p.Update(ctx, "e1", putting("never")); !errors.Is(err, context.Canceled) {
		t.Errorf("who comes and is gone is told %v", err)
	}
}

func testGoneInTurn(t *testing.T, p *opened) {
	ctx, leave := context.WithCancel(context.Background())
	err := p.Update(ctx, "e1", func(tx *Tx) error {
		leave()
		time.Sleep(10 * time.Millisecond)
		return putting("a")(tx)
	})
	if err != nil || !p.has(t, "e1", "thing", "a") {
		t.Errorf("told %v", err)
	}
}

func testBusy(t *testing.T, p *opened) {
	release := p.hold(t)
	var all sync.WaitGroup
	var kept atomic.Int64
	for n := range maxQueue {
		all.Go(func() {
			if err := p.Update(context.Background(), "e1", putting(fmt.Sprint(n))); err == nil {
				kept.Add(1)
			}
		})
	}
	p.queued(t, maxQueue)
	wantFault(t, p.Update(context.Background(), "e1", putting("too many")), fault.Busy)
	release()
	all.Wait()
	if kept.Load() != maxQueue {
		t.Errorf("%d of %d are kept", kept.Load(), maxQueue)
	}
	p.update(t, "e1", putting("after"))
}

func testOver(t *testing.T, p *opened) {
	var late *Tx
	p.update(t, "e1", func(tx *Tx) error { late = tx.Root(); return nil })
	if _, err := late.Get("user", "u1"); err == nil || errors.Is(err, ErrMissing) {
		t.Errorf("a transaction that is over reads: %v", err)
	}
	p.view(t, "e1", func(tx *Tx) error { late = tx; return nil })
	if _, err := late.List("user", Query{}); err == nil {
		t.Error("a view that is over reads")
	}
}

func testNow(t *testing.T, p *opened) {
	p.update(t, "e1", func(tx *Tx) error {
		before := tx.Now()
		p.clock.now = p.clock.now.Add(time.Hour)
		if tx.Now() != before || tx.Root().Now() != before {
			t.Error("time goes on in a transaction")
		}
		if before.Location() != time.UTC || before.Nanosecond() != 987000000 {
			t.Errorf("the time is %v", before)
		}
		return nil
	})
}

func testDurable(t *testing.T, p *opened) {
	var kept sync.Map
	var all sync.WaitGroup
	all.Go(func() {
		together(32, 100000, func(n int) {
			if err := p.Update(context.Background(), "e1", putting(fmt.Sprint(n))); err == nil {
				kept.Store(n, true)
			} else if !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		})
	})
	time.Sleep(20 * time.Millisecond)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if err := p.Update(t.Context(), "e1", putting("late")); !errors.Is(err, ErrClosed) {
		t.Errorf("an update after closing is told %v", err)
	}
	if err := p.Ping(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("a ping after closing is told %v", err)
	}
	again := openFresh(t, p.source)
	n := 0
	kept.Range(func(id, _ any) bool {
		n++
		if !again.has(t, "e1", "thing", fmt.Sprint(id)) {
			t.Errorf("%v was acknowledged and is not there", id)
		}
		return true
	})
	if n == 0 {
		t.Error("nothing was kept before closing")
	}
}

func testCloseFinishes(t *testing.T, p *opened) {
	release := p.hold(t)
	var all sync.WaitGroup
	const many = 600 // more than two batches
	for n := range many {
		all.Go(func() {
			if err := p.Update(context.Background(), "e1", putting(fmt.Sprint(n))); err != nil {
				t.Error(err)
			}
		})
	}
	p.queued(t, many)
	all.Go(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	for closing := false; !closing; time.Sleep(time.Millisecond) {
		p.lite().writer.mu.RLock()
		closing = p.lite().writer.closed
		p.lite().writer.mu.RUnlock()
	}
	release()
	all.Wait()
	again := openFresh(t, p.source)
	again.view(t, "e1", func(tx *Tx) error {
		n, err := tx.Count("thing", kind.Expr{}, 0, 0)
		if n != many {
			t.Errorf("%d of %d are kept", n, many)
		}
		return err
	})
}

// TestCrash takes what is on disk while the database is open, as a process
// that is killed leaves it.
func TestCrash(t *testing.T) {
	p := openFresh(t, newFile(t))
	together(32, 500, func(n int) {
		if err := p.Update(context.Background(), "e1", putting(fmt.Sprint(n))); err != nil {
			t.Error(err)
		}
	})
	path := strings.TrimPrefix(p.source, "file:")
	left := t.TempDir() + "/left.db"
	for _, part := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + part)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(left+part, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := openFresh(t, "file:"+left)
	again.view(t, "e1", func(tx *Tx) error {
		n, err := tx.Count("thing", kind.Expr{}, 0, 0)
		if n != 500 {
			t.Errorf("%d of 500 are there", n)
		}
		return err
	})
}

// testPanicInScan: a panic while a row is read is an error, and the connection is
// as good as before.
func testPanicInScan(t *testing.T, p *opened) {
	p.put(t, "e1", "user", "u", `{}`)
	for name, run := range map[string]func(context.Context, string, func(*Tx) error) error{"update": p.Update, "view": p.View} {
		err := run(t.Context(), "e1", func(tx *Tx) error {
			return tx.each("SELECT id FROM document WHERE env = $1", []any{"e1"}, func(row) error { panic("in a row") })
		})
		if err == nil || !strings.Contains(err.Error(), "in a row") {
			t.Errorf("%s: %v", name, err)
		}
		if err := run(t.Context(), "e1", func(tx *Tx) error { _, err := tx.Get("user", "u"); return err }); err != nil {
			t.Errorf("after the %s: %v", name, err)
		}
	}
}
