package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pixy/test/pg"
)

// pair is a primary and its synchronous standby, as docs and deploy have them:
// nodes are given both addresses, and find the one to write to. Each server has
// one of two names, by which the other waits for it, and keeps its port when it
// is made anew.
type pair struct {
	t                testing.TB
	primary, standby *pg.Server
	names            map[*pg.Server]string
	database         string
	link             *proxy // from the standby to the primary
}

// linkDelay is how long what the primary writes is on its way to the standby. When
// the primary is killed, what is on its way is lost, as when a machine dies.
const linkDelay = 30 * time.Millisecond

// newPair starts both; the primary waits for the standby.
func newPair(t testing.TB) *pair {
	t.Helper()
	p := &pair{t: t, names: map[*pg.Server]string{}}
	primary, err := pg.Start(p.options("db1", freePort(t)))
	if errors.Is(err, pg.ErrAbsent) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	must(t, err)
	p.primary, p.names[primary] = primary, "db1"
	t.Cleanup(func() {
		for s := range p.names {
			must(t, s.Remove())
		}
	})
	p.database, err = primary.Fresh("template1")
	must(t, err)
	p.attach("db2", freePort(t))
	p.synchronous()
	return p
}

func (p *pair) options(name string, port int) pg.Options {
	return pg.Options{Durable: true, Port: port, Settings: map[string]string{"cluster_name": name}}
}

func freePort(t testing.TB) int {
	t.Helper()
	return portOf(t, freeAddress(t))
}

func portOf(t testing.TB, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	must(t, err)
	port, err := strconv.Atoi(text)
	must(t, err)
	return port
}

// attach makes a standby out of a copy of the primary, with all its settings.
func (p *pair) attach(name string, port int) {
	p.t.Helper()
	p.link = listening(p.t, &proxy{to: p.primary.Address(), answers: true})
	o := p.options(name, port)
	o.Standby, o.Through = p.primary, p.link.address
	s, err := pg.Start(o)
	must(p.t, err)
	p.standby, p.names[s] = s, name
	p.link.set(linkDelay)
}

// set changes a setting of a server, as an operator does.
func (p *pair) set(s *pg.Server, name, value string) {
	p.t.Helper()
	must(p.t, s.Exec(fmt.Sprintf("ALTER SYSTEM SET %s = '%s'", name, value)))
	must(p.t, s.Exec("SELECT pg_reload_conf()"))
}

// waitsFor is the setting whose copy is the trap.
const waitsFor = "synchronous_standby_names"

// synchronous has the primary wait for the standby, once that has caught up, and
// the standby for nobody, should it be promoted.
func (p *pair) synchronous() {
	p.t.Helper()
	p.until("the standby streams", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", 1)
	p.set(p.primary, waitsFor, p.names[p.standby])
	p.set(p.standby, waitsFor, "")
	p.until("the standby is synchronous", "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'", 1)
}

// until waits until a statement counts so many on the primary.
func (p *pair) until(what, statement string, want int) {
	p.t.Helper()
	got := -1
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		if got = p.count(statement); got == want {
			return
		}
	}
	p.t.Fatalf("%s: %d after 20s, not %d", what, got, want)
}

// count is the number that a statement finds on the primary.
func (p *pair) count(statement string) (n int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.primary.URL("postgres"))
	must(p.t, err)
	err = conn.QueryRow(ctx, statement).Scan(&n)
	must(p.t, errors.Join(err, conn.Close(ctx)))
	return n
}

// kill ends the primary at once.
func (p *pair) kill() {
	p.t.Helper()
	p.link.cut()
	must(p.t, p.primary.Kill())
}

// promote makes the standby the primary; the old one is the standby that is to be.
func (p *pair) promote() {
	p.t.Helper()
	must(p.t, p.standby.Promote())
	p.primary, p.standby = p.standby, p.primary
}

// rebuild throws away the server that was the primary, whose last transactions
// may be nowhere else, and makes a standby in its place.
func (p *pair) rebuild() {
	p.t.Helper()
	old := p.standby
	name, port := p.names[old], portOf(p.t, old.Address())
	must(p.t, old.Remove())
	delete(p.names, old)
	p.attach(name, port)
	p.synchronous()
}

// source is what nodes are given.
func (p *pair) source() database {
	hosts := p.primary.Address() + "," + p.standby.Address()
	u := url.URL{Scheme: "postgres", User: url.User("pixy"), Host: hosts, Path: "/" + p.database,
		RawQuery: "target_session_attrs=read-write&sslmode=disable"}
	return database{name: "PostgreSQL", source: u.String(), server: p.primary}
}
