package faults

import (
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"pixy/test/pg"
)

// proxy stands between nodes and a database, and delays what nodes send: each
// statement, or batch of them, comes so much later. Between a standby and its
// primary it delays what the primary sends.
type proxy struct {
	address string // where nodes connect
	to      string
	answers bool // are delayed in place of what is asked
	mu      sync.Mutex
	delay   time.Duration
	changed chan struct{} // closed when the delay changes
	open    map[net.Conn]bool
	over    bool // what is opened is closed at once
}

// newProxy listens until the test ends.
func newProxy(t testing.TB, to string) *proxy { return listening(t, &proxy{to: to}) }

func listening(t testing.TB, p *proxy) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p.address, p.changed, p.open = l.Addr().String(), make(chan struct{}), map[net.Conn]bool{}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(from) })
		}
	})
	t.Cleanup(func() {
		must(t, l.Close())
		p.set(0)
		p.end()
		all.Wait()
	})
	return p
}

// set changes the delay, also of what is on its way.
func (p *proxy) set(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = delay
	close(p.changed)
	p.changed = make(chan struct{})
}

// end closes all connections, also those that are being made.
func (p *proxy) end() {
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
	p.cut()
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close() // it may be closed already
	}
}

func (p *proxy) keep(c net.Conn, is bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[c] = is; !is {
		delete(p.open, c)
	}
	if is && p.over {
		_ = c.Close() // its copying ends by that
	}
}

// hold waits until what came at some time may go on.
func (p *proxy) hold(came time.Time) {
	for {
		p.mu.Lock()
		delay, changed := p.delay, p.changed
		p.mu.Unlock()
		left := delay - time.Since(came)
		if left <= 0 {
			return
		}
		select {
		case <-time.After(left):
		case <-changed:
		}
	}
}

func (p *proxy) serve(from net.Conn) {
	to, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = from.Close() // the node is told by that
		return
	}
	p.keep(from, true)
	p.keep(to, true)
	var both sync.WaitGroup
	both.Go(func() {
		_ = p.copy(to, from, !p.answers)
		_ = to.Close() // as the other side has done
	})
	both.Go(func() {
		_ = p.copy(from, to, p.answers)
		_ = from.Close() // as the other side has done
	})
	both.Wait()
	p.keep(from, false)
	p.keep(to, false)
}

// copy copies what one side sends, later when it is the side that is delayed.
func (p *proxy) copy(to io.Writer, from io.Reader, later bool) error {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if later {
				p.hold(time.Now())
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// distant is a PostgreSQL database behind a proxy.
func distant(t testing.TB) (database, *proxy) {
	t.Helper()
	_, text, err := net.SplitHostPort(freeAddress(t))
	must(t, err)
	port, err := strconv.Atoi(text)
	must(t, err)
	s, err := pg.Start(pg.Options{Durable: true, Port: port})
	if errors.Is(err, pg.ErrAbsent) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, s.Remove()) })
	name, err := s.Fresh("template1")
	must(t, err)
	p := newProxy(t, s.Address())
	u := url.URL{Scheme: "postgres", User: url.User("pixy"), Host: p.address, Path: name, RawQuery: "sslmode=disable"}
	return database{name: "PostgreSQL", source: u.String(), server: s}, p
}
