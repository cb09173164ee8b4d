package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pixy/internal/fault"
	"pixy/test/pg"
)

// ownServer is a server that a test may ill-treat, and a database on it.
func ownServer(t *testing.T, o pg.Options) (*pg.Server, *opened) {
	t.Helper()
	postgresServer(t) // or it is skipped
	s, err := pg.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Remove(); err != nil {
			t.Error(err)
		}
	})
	p := &opened{clock: newClock(), source: s.URL("postgres")}
	p.DB = mustOpen(t, p.source, Options{Now: p.clock.time, Readers: 4})
	return s, p
}

// run runs a statement in a transaction of a test.
func run(tx *Tx, text string) error {
	return tx.failed(tx.work.session.each(0, text, nil, func(row) error { return nil }), "run")
}

// TestUnconfirmed has a synchronous standby that doesn't answer: no COMMIT may
// pass for success, and none hangs longer than is promised.
func TestUnconfirmed(t *testing.T) {
	s, p := ownServer(t, pg.Options{Durable: true})
	p.put(t, "e1", "thing", "before", `{}`)
	reload := func(names string) {
		t.Helper()
		if err := s.Exec("ALTER SYSTEM SET synchronous_standby_names = '" + names + "'"); err != nil {
			t.Fatal(err)
		}
		if err := s.Exec("SELECT pg_reload_conf()"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
	}
	reload("nobody")
	start := time.Now()
	err := p.Update(t.Context(), "e1", putting("unconfirmed"))
	took := time.Since(start)
	wantFault(t, err, fault.Unconfirmed)
	t.Logf("unconfirmed after %v, %v is promised", took, commitTime)
	if took > commitTime+silence {
		t.Errorf("it took %v", took)
	}
	// Somebody ends the wait: PostgreSQL says COMMIT, and warns.
	told := make(chan error)
	go func() { told <- p.Update(context.Background(), "e1", putting("cancelled")) }()
	for cancelled := false; !cancelled; time.Sleep(10 * time.Millisecond) {
		cancelled = s.Exec("DO $$ BEGIN IF NOT EXISTS (SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep') THEN RAISE 'nobody'; END IF; END $$") == nil
	}
	wantFault(t, <-told, fault.Unconfirmed)
	p.get(t, "e1", "thing", "before") // reads go on
	reload("")
	p.update(t, "e1", putting("after"))
}

// TestLostConnection ends the connection of a transaction in its middle, and
// while many are at work.
func TestLostConnection(t *testing.T) {
	s, p := ownServer(t, pg.Options{})
	const others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pixy' AND pid <> pg_backend_pid()"
	err := p.Update(t.Context(), "e1", func(tx *Tx) error {
		if err := putting("lost")(tx); err != nil {
			return err
		}
		if err := s.Exec(others); err != nil {
			t.Error(err)
		}
		_ = putting("on")(tx) // whoever goes on is told in the end
		return nil
	})
	wantFault(t, err, fault.Unreachable)
	wantFault(t, p.View(t.Context(), "e1", func(tx *Tx) error {
		if err := run(tx, "SELECT 1"); err != nil {
			return err
		}
		if err := s.Exec(others); err != nil {
			t.Error(err)
		}
		_, err := tx.Get("thing", "lost")
		return err
	}), fault.Unreachable)
	if p.has(t, "e1", "thing", "lost") {
		t.Error("half of a transaction is kept")
	}
	var kept, lost atomic.Int32
	var all sync.WaitGroup
	all.Go(func() {
		for range 20 {
			if err := s.Exec(others); err != nil {
				t.Error(err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	all.Go(func() {
		together(8, 400, func(n int) {
			id := fmt.Sprint("n", n)
			err := p.Update(context.Background(), "e1", putting(id))
			switch {
			case err == nil && !p.eventually(id):
				t.Errorf("%s was acknowledged and is not there", id)
			case err == nil:
				kept.Add(1)
			case errors.Is(err, fault.Unreachable), errors.Is(err, fault.Unconfirmed):
				lost.Add(1)
			default:
				t.Errorf("told %v", err)
			}
		})
	})
	all.Wait()
	t.Logf("%d kept, %d told that they may not be", kept.Load(), lost.Load())
	p.update(t, "e1", putting("after"))
}

// eventually looks for a document while connections are lost.
func (p *opened) eventually(id string) bool {
	for range 100 {
		err := p.View(context.Background(), "e1", func(tx *Tx) error { _, err := tx.Get("thing", id); return err })
		if err == nil {
			return true
		}
		if errors.Is(err, ErrMissing) {
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

// TestServerRestarts kills the server: calls are refused at once, and served
// again without opening the database again.
func TestServerRestarts(t *testing.T) {
	s, p := ownServer(t, pg.Options{Durable: true})
	p.put(t, "e1", "thing", "kept", `{}`)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, call := range []func() error{
		func() error { return p.Update(t.Context(), "e1", putting("a")) },
		func() error { return p.Ping(t.Context()) },
		func() error { return p.Change(t.Context(), "e1", putting("b")) },
	} {
		start := time.Now()
		if err := call(); !errors.Is(err, fault.Unreachable) {
			t.Errorf("without a server: %v", err)
		}
		if took := time.Since(start); took > connectTime {
			t.Errorf("it took %v to be refused", took)
		}
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for p.Update(t.Context(), "e1", putting("again")) != nil {
		if time.Since(start) > 5*time.Second {
			t.Fatal("it does not come back")
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("served %v after the server was", time.Since(start).Round(time.Millisecond))
	if !p.has(t, "e1", "thing", "kept") {
		t.Error("what was acknowledged is lost")
	}
}

// TestRefusals has PostgreSQL refuse in every way that has an answer of its own.
func TestRefusals(t *testing.T) {
	p := openFresh(t, newPostgres(t))
	raise := func(state string) func(*Tx) error {
		return func(tx *Tx) error {
			return run(tx, "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '"+state+"'; END $$")
		}
	}
	for state, want := range map[string]*fault.Fault{
		"53100": fault.Full, "58030": fault.Full, "53300": fault.Busy, "55P03": fault.Busy, "57014": fault.Busy, "40001": fault.Busy, "40P01": fault.Busy,
		"57P01": fault.Unreachable, "57P03": fault.Unreachable, "25006": fault.Unreachable, "08006": fault.Unreachable, "23505": fault.Taken, "22P05": fault.Unstorable,
	} {
		wantFault(t, p.Update(t.Context(), "e1", raise(state)), want)
		wantFault(t, p.View(t.Context(), "e1", raise(state)), want)
	}
	var f *fault.Fault
	if err := p.Update(t.Context(), "e1", raise("42703")); err == nil || errors.As(err, &f) {
		t.Errorf("what nobody expects is %v", err)
	}
	tries := 0
	wantFault(t, p.Update(t.Context(), "e1", func(tx *Tx) error { tries++; return raise("40001")(tx) }), fault.Busy)
	if tries != triesOfConflict {
		t.Errorf("a conflict was tried %d times, not %d", tries, triesOfConflict)
	}
	// What befell it before takes nothing from the tries of another reason.
	why := []error{fault.Busy.Because(errConflict), fault.Busy.Because(errConflict), fault.Taken, fault.Stale, fault.Stale, nil}
	tries = 0
	p.update(t, "e1", func(*Tx) error { tries++; return why[tries-1] })
	p.update(t, "e1", putting("after"))
}

// TestDeadlock lets two transactions wait for each other: both end well.
func TestDeadlock(t *testing.T) {
	p := openFresh(t, newPostgres(t))
	p.put(t, "e1", "thing", "a", `{}`)
	p.put(t, "e1", "thing", "b", `{}`)
	met := p.barrier(2)
	together(2, 2, func(n int) {
		order := [][]string{{"a", "b"}, {"b", "a"}}[n]
		err := p.Update(context.Background(), "e1", func(tx *Tx) error {
			for i, id := range order {
				d, err := tx.Get("thing", id)
				if err == nil {
					_, err = tx.Put(d)
				}
				if err != nil {
					return err
				}
				if i == 0 {
					met.wait()
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// TestBounds: a statement, a lock and a free connection are waited for so long.
func TestBounds(t *testing.T) {
	p := openFresh(t, newPostgres(t)+"&statement_timeout=300&lock_timeout=200")
	for name, fn := range map[string]func(*Tx) error{
		"a statement": func(tx *Tx) error { return run(tx, "SELECT pg_sleep(10)") },
		"a lock": func(tx *Tx) error {
			told := make(chan error)
			go func() {
				told <- p.Update(context.Background(), "e1", func(tx *Tx) error { return run(tx, "LOCK TABLE tally") })
			}()
			if err := run(tx, "LOCK TABLE tally"); err != nil {
				return err
			}
			return <-told
		},
	} {
		start := time.Now()
		wantFault(t, p.Update(t.Context(), "e1", fn), fault.Busy)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	if err := p.Update(t.Context(), "e1", putting("after")); err != nil {
		t.Error(err)
	}
}

// TestUnsafeServers are refused, or warned of.
func TestUnsafeServers(t *testing.T) {
	source := newPostgres(t)
	if db, err := Open(t.Context(), source+"&synchronous_commit=off", Options{}); err == nil || !strings.Contains(err.Error(), "synchronous_commit") {
		t.Errorf("without synchronous_commit: %v", errors.Join(err, db.Close()))
	}
	var log bytes.Buffer
	mustOpen(t, source, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if !strings.Contains(log.String(), "fsync=off") {
		t.Errorf("nothing is said of a server without fsync: %s", log.String())
	}
}

// TestPurgedByTwo: one node is at some rows when another one comes to them, and
// then stops. The other deletes what is left before it says that nothing is.
func TestPurgedByTwo(t *testing.T) {
	source := newPostgres(t)
	first, second := mustOpen(t, source, Options{}), mustOpen(t, source, Options{})
	tickets := Tickets[struct{}]{Kind: "code", Life: time.Hour}
	err := first.Update(t.Context(), "e1", func(tx *Tx) error {
		for n := range pgChunk + 100 {
			if _, err := tickets.Put(tx, fmt.Sprint(n), Ticket[struct{}]{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	at, over := make(chan struct{}), make(chan error)
	go func() {
		over <- first.Update(context.Background(), "", func(tx *Tx) error {
			_, err := tx.exec("DELETE FROM ticket WHERE (kind, key) IN (SELECT kind, key FROM ticket WHERE env = 'e1' LIMIT $1)", int64(pgChunk))
			close(at)
			time.Sleep(500 * time.Millisecond) // the other waits for it
			return err
		})
	}()
	<-at
	if err := errors.Join(second.Purge(t.Context(), "e1"), <-over); err != nil {
		t.Fatal(err)
	}
	err = second.View(t.Context(), "", func(tx *Tx) error {
		left, err := tx.any("SELECT 1 FROM ticket WHERE env = 'e1' LIMIT 1")
		if left {
			t.Error("rows of a purged environment are left")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// beside runs SQL beside the store.
func beside(t *testing.T, source, text string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), source)
	if err == nil {
		_, err = conn.Exec(t.Context(), text)
		err = errors.Join(err, conn.Close(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLocksThatDoNotLock: a database that takes the calls and does nothing is
// refused. Here its functions stand before the real ones.
func TestLocksThatDoNotLock(t *testing.T) {
	source := newPostgres(t)
	beside(t, source, `CREATE SCHEMA sham;
		CREATE FUNCTION sham.pg_advisory_xact_lock(bigint) RETURNS void LANGUAGE sql AS '';
		CREATE FUNCTION sham.pg_try_advisory_xact_lock_shared(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'`)
	other, err := Open(t.Context(), source+"&search_path=sham,pg_catalog,public", Options{})
	if err == nil || !strings.Contains(err.Error(), "do not lock") {
		t.Errorf("opened with locks that do not lock: %v", errors.Join(err, other.Close()))
	}
}

// TestStandbyIsPassedOver: of several hosts, the one to write to is found.
func TestStandbyIsPassedOver(t *testing.T) {
	primary, _ := ownServer(t, pg.Options{Port: freePort(t)})
	standby, err := pg.Start(pg.Options{Standby: primary, Port: freePort(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer standby.Remove()
	hosts := standby.Address() + "," + primary.Address()
	p := openFresh(t, "postgres://pixy@"+hosts+"/postgres")
	p.put(t, "e1", "thing", "a", `{}`)
	if _, err := Open(t.Context(), "postgres://pixy@"+standby.Address()+"/postgres", Options{}); err == nil {
		t.Error("a standby is written to")
	}
}

// TestOpenTogether lets many nodes start on an empty database.
func TestOpenTogether(t *testing.T) {
	source := newPostgres(t)
	start := time.Now()
	together(4, 4, func(int) {
		db, err := Open(context.Background(), source, Options{})
		if err != nil {
			t.Error(err)
			return
		}
		if err := errors.Join(db.Ping(context.Background()), db.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Logf("four nodes made the tables in %v", time.Since(start).Round(time.Millisecond))
	conn, err := pgx.Connect(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var versions int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) - count(DISTINCT version_id) FROM goose_db_version").Scan(&versions); err != nil || versions != 0 {
		t.Errorf("%d migrations ran twice, %v", versions, err)
	}
}
