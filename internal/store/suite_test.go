package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/test/pg"
)

// database is one kind of database the suite runs over.
type database struct {
	name   string
	source func(t *testing.T) string // of a fresh one
}

func databases() []database {
	return []database{{"sqlite", newFile}, {"postgres", newPostgres}}
}

func newFile(t *testing.T) string { return "file:" + filepath.Join(t.TempDir(), "pixy.db") }

// server is the PostgreSQL server of this package's tests, started when the
// first of them asks.
var server = sync.OnceValues(func() (*pg.Server, error) { return pg.Start(pg.Options{}) })

func TestMain(m *testing.M) {
	status := m.Run()
	if s, err := server(); err == nil {
		if err := s.Remove(); err != nil {
			fmt.Fprintln(os.Stderr, "removing PostgreSQL:", err)
			status = 1
		}
	}
	os.Exit(status)
}

// newPostgres is a PostgreSQL database without tables.
func newPostgres(t *testing.T) string {
	t.Helper()
	s := postgresServer(t)
	name, err := s.Fresh("template1")
	if err != nil {
		t.Fatal(err)
	}
	return s.URL(name)
}

func postgresServer(t testing.TB) *pg.Server {
	t.Helper()
	s, err := server()
	if errors.Is(err, pg.ErrAbsent) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// lite is the SQLite database of a test that is about it.
func (p *opened) lite() *sqlite { return p.engine.(*sqlite) }

func lite(tx *Tx) *liteSession { return tx.work.session.(*liteSession) }

func (p *opened) isPostgres() bool { return IsPostgres(p.source) }

// clock is a time that tests move. It is moved only between transactions.
type clock struct{ now time.Time }

func newClock() *clock {
	return &clock{time.Date(2026, 3, 1, 12, 0, 0, 987654321, time.FixedZone("east", 3600))}
}

func (c *clock) time() time.Time { return c.now }

// opened is an open database of one test.
type opened struct {
	*DB
	clock  *clock
	source string
}

func TestSuite(t *testing.T) {
	cases := []struct {
		name string
		test func(*testing.T, *opened)
	}{
		{"documents are kept, changed and deleted", testDocuments},
		{"an id or a unique value is taken once", testUnique},
		{"a document changed by somebody else is stale", testStale},
		{"environments don't see each other", testEnvironments},
		{"names that can't stand in a statement are refused", testNames},
		{"filters", testFilters},
		{"filters on pieces of texts, parents and mentions", testPieces},
		{"filters that make no sense are refused", testFilterErrors},
		{"pages", testPages},
		{"pages of a filter with an order of its own", testSortedPages},
		{"pages in another order", testOrderedPages},
		{"counting up to a limit", testCountLimit},
		{"reading ahead", testAhead},
		{"reading is bounded", testSlow},
		{"a filter takes more forms than are kept prepared", testManyStatements},
		{"tickets are kept and found", testTickets},
		{"a ticket of another environment is missing", testTicketEnvironments},
		{"a ticket is saved by version", testTicketSave},
		{"a ticket is spent once", testSpend},
		{"tickets of an owner", testOwned},
		{"tickets of all environments", testEverywhere},
		{"tickets end with their owner and client", testEnding},
		{"a family ends once", testEndFamily},
		{"of one source the newest tickets stay", testLimitSource},
		{"of an environment about the newest tickets stay", testLimitEnv},
		{"a limit holds for many at once", testLimitTogether},
		{"sweep", testSweep},
		{"a sweep goes in steps", testSteps},
		{"sweeping some kinds", testSweepKinds},
		{"counting tickets", testCounting},
		{"events are kept with what they report", testEvents},
		{"filters on events", testEventFilters},
		{"pages of events", testEventPages},
		{"events of another environment", testEventEnvironments},
		{"sweeping events", testSweepEvents},
		{"tallies", testTallies},
		{"tallies of many at once", testTalliesTogether},
		{"purging an environment", testPurge},
		{"a panic undoes its closure only", testPanic},
		{"a caller who leaves in his turn is told", testGoneInTurn},
		{"a view is one state and does not write", testView},
		{"a transaction ends with its closure", testOver},
		{"one time in a transaction", testNow},
		{"what was acknowledged is there after closing", testDurable},
		{"the key's owner", testClaim},
		{"what is done is counted", testStats},
		{"nobody's change of a document is lost", testRaceDocument},
		{"nobody's change of a ticket is lost", testRaceTicket},
		{"what is ended stays ended, with all that was changed before", testRaceEnd},
		{"of many who spend a ticket, one does", testRaceSpend},
		{"of many who take a name, one gets it", testRaceUnique},
		{"rotation, reuse and end of a family", testRaceRefresh},
		{"a change is alone", testChangeAlone},
		{"what is referred to stays", testReferred},
		{"sweeping together", testSweepTogether},
		{"texts that can't be kept", testUnstorable},
		{"a node obeys what it changes", testLook},
		{"a look sees what a view does", testLookSees},
		{"a look recalls what it made", testRecall},
		{"a panic while a row is read", testPanicInScan},
		{"an update looks at what is remembered", testLooking},
		{"the memory is bounded", testRemembersLittle},
		{"the master key is replaced beside writers", testReseal},
		{"a replacement of the key is stopped and goes on", testResealStopped},
		{"a replacement of the key that makes no sense", testResealRefuses},
		{"nothing is kept under a key that was replaced", testResealFence},
		{"a replacement of the key waits for what is under way", testResealWaits},
		{"nodes say which keys they know", testAttend},
		{"a node and a replacement of the key begin at once", testAttendRace},
		{"a database without a root", testRootless},
	}
	for _, d := range databases() {
		t.Run(d.name, func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) { c.test(t, openFresh(t, d.source(t))) })
			}
		})
	}
}

// TestWriter is about what only SQLite has: one writer, for whom others queue.
func TestWriter(t *testing.T) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *opened)
	}{
		{"an error undoes its closure only", testSavepoints},
		{"what goes behind others", testLast},
		{"a closure that ends the goroutine", testGoexit},
		{"a caller who is gone is skipped", testGone},
		{"a full queue is busy", testBusy},
		{"closing finishes what waits", testCloseFinishes},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, openFresh(t, newFile(t))) })
	}
}

func openFresh(t *testing.T, source string) *opened {
	t.Helper()
	c := newClock()
	p := &opened{clock: c, source: source}
	readers := 2
	if p.isPostgres() {
		readers = 8 // writers too
	}
	p.DB = mustOpen(t, source, Options{Now: c.time, Readers: readers})
	return p
}

func mustOpen(t testing.TB, source string, o Options) *DB {
	t.Helper()
	db, err := Open(t.Context(), source, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return db
}

// update runs fn and expects no error.
func (p *opened) update(t *testing.T, env string, fn func(*Tx) error) {
	t.Helper()
	if err := p.Update(context.Background(), env, fn); err != nil {
		t.Fatal(err)
	}
}

// view runs fn and expects no error.
func (p *opened) view(t *testing.T, env string, fn func(*Tx) error) {
	t.Helper()
	if err := p.View(context.Background(), env, fn); err != nil {
		t.Fatal(err)
	}
}

func (p *opened) put(t *testing.T, env, kind, id, body string) Document {
	t.Helper()
	var d Document
	p.update(t, env, func(tx *Tx) (err error) {
		d, err = tx.Put(Document{Kind: kind, ID: id, Body: []byte(body)})
		return err
	})
	return d
}

func (p *opened) get(t *testing.T, env, kind, id string) (d Document, err error) {
	t.Helper()
	p.view(t, env, func(tx *Tx) error {
		d, err = tx.Get(kind, id)
		d.Body = tight(d.Body)
		return nil
	})
	return d, err
}

// tight is a body as it was put: PostgreSQL has spaces and an order of its own.
func tight(body []byte) []byte {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return body
	}
	body, _ = json.Marshal(v) // it was JSON
	return body
}

// has says whether there is such a document.
func (p *opened) has(t *testing.T, env, kind, id string) bool {
	t.Helper()
	_, err := p.get(t, env, kind, id)
	if err != nil && !errors.Is(err, ErrMissing) {
		t.Fatal(err)
	}
	return err == nil
}

func wantFault(t *testing.T, err error, want *fault.Fault) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

func wantMissing(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrMissing) {
		t.Fatalf("error is %v, want ErrMissing", err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
