package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/test/pg"
)

// line leads to a server until it is cut: then nothing comes through any more,
// and nobody is told.
type line struct {
	net.Listener
	cut chan struct{}
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &line{Listener: l, cut: make(chan struct{})}
	var open sync.Map
	t.Cleanup(func() {
		l.Close()
		open.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
	})
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(from, true)
			server, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			open.Store(server, true)
			go n.copy(server, from)
			go n.copy(from, server)
		}
	}()
	return n
}

func (n *line) copy(to, from net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		got, err := from.Read(buffer)
		select {
		case <-n.cut:
			return // and nothing is closed
		default:
		}
		if _, failed := to.Write(buffer[:got]); err != nil || failed != nil {
			to.Close()
			return
		}
	}
}

// backPromise is how soon all goes on when the machine of a primary is gone
// without a word and another one can be reached: a statement, or a COMMIT, that
// waits for the dead one, then the try to connect to it. Here, connections to it
// are still accepted; where they are not, that takes dialTime.
const backPromise = statementTime + silence + connectTime + 2*time.Second

// TestSilentHost: power or network of the first of two hosts is gone, so that no
// connection to it ends and none begins.
func TestSilentHost(t *testing.T) {
	s, _ := ownServer(t, pg.Options{Port: freePort(t)})
	other, _ := ownServer(t, pg.Options{Port: freePort(t)}) // what the dead one still holds must not matter
	for _, c := range []struct {
		name   string
		atWork bool // when it happens
	}{{"under load", true}, {"at rest", false}} {
		t.Run(c.name, func(t *testing.T) {
			n := newLine(t, s.Address())
			source := fmt.Sprintf("postgres://pixy@%s,%s/postgres?sslmode=disable", n.Addr(), other.Address())
			db := mustOpen(t, source, Options{Readers: 8})
			var cut time.Time
			var kept atomic.Int64 // when, in nanoseconds since the epoch
			var next atomic.Int64
			work := func(ctx context.Context) {
				for ctx.Err() == nil {
					err := db.Update(context.Background(), "e1", putting(fmt.Sprint(c.name, next.Add(1))))
					switch {
					case err == nil:
						kept.Store(time.Now().UnixNano())
					case errors.Is(err, fault.Unreachable), errors.Is(err, fault.Unconfirmed), errors.Is(err, fault.Busy):
					default:
						t.Errorf("told %v", err)
					}
				}
			}
			run := func(d time.Duration, during func()) {
				ctx, cancel := context.WithTimeout(context.Background(), d)
				defer cancel()
				var all sync.WaitGroup
				for range 24 {
					all.Go(func() { work(ctx) })
				}
				during()
				all.Wait()
			}
			back := time.Duration(0)
			cutIt := func() {
				close(n.cut)
				cut = time.Now()
				time.Sleep(50 * time.Millisecond) // for what was through already
				kept.Store(0)
			}
			watch := func() {
				for ; kept.Load() == 0 && time.Since(cut) < 3*backPromise; time.Sleep(time.Millisecond) {
				}
				back = time.Since(cut)
			}
			if c.atWork {
				run(backPromise+2*time.Second, func() { time.Sleep(time.Second); cutIt(); watch() })
			} else {
				run(time.Second, func() {})
				time.Sleep(restTime + 100*time.Millisecond)
				cutIt()
				run(backPromise, watch)
			}
			t.Logf("kept again %s after the host fell silent, %s is promised", back.Round(time.Millisecond), backPromise)
			if back > backPromise {
				t.Errorf("nothing is kept for %s", back)
			}
		})
	}
}
