package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pixy/internal/kind"
)

func remembering() Options { return Options{Remember: []string{"application", "policy"}} }

// look is what a Look finds of an application, or recalls of it.
func look(t testing.TB, db *DB, id string) (body string) {
	t.Helper()
	err := db.Look(context.Background(), "e1", func(tx *Tx) (err error) {
		body, err = Recall(tx, "look "+id, func() (string, error) {
			d, err := tx.Get("application", id)
			return string(tight(d.Body)), err
		})
		return err
	})
	if err != nil && err != ErrMissing {
		t.Fatal(err)
	}
	return body
}

// set keeps an application, whatever it was.
func set(t testing.TB, db *DB, env, id, body string) {
	t.Helper()
	err := db.Change(context.Background(), env, func(tx *Tx) error {
		d, err := tx.Get("application", id)
		if err != nil && err != ErrMissing {
			return err
		}
		_, err = tx.Put(Document{Kind: "application", ID: id, Version: d.Version, Body: []byte(body)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// testLook: a node obeys at once what it changes itself, and remembers what is
// not changed.
func testLook(t *testing.T, p *opened) {
	db := mustOpen(t, p.source, remembering())
	set(t, db, "e1", "a", `{"n":0}`)
	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	defer func() { stop(); others.Wait() }()
	for range 3 { // who read meanwhile bring nothing back
		others.Go(func() {
			for ctx.Err() == nil {
				look(t, db, "a")
				look(t, db, "b")
			}
		})
	}
	for n := range 40 {
		if got, want := look(t, db, "a"), fmt.Sprintf(`{"n":%d}`, n); got != want {
			t.Fatalf("a look finds %s, want %s", got, want)
		}
		set(t, db, "e2", "a", `{"other":true}`)
		set(t, db, "e1", "a", fmt.Sprintf(`{"n":%d}`, n+1))
	}
	before := db.cache.hits.Load()
	look(t, db, "a")
	look(t, db, "a")
	if n := db.cache.hits.Load() - before; n < 1 {
		t.Errorf("%d of two looks are remembered", n)
	}
	count := func(want int) {
		t.Helper()
		err := db.Look(t.Context(), "e1", func(tx *Tx) error {
			all, err := tx.List("application", Query{Where: kind.Equal("tag", "x")})
			if len(all) != want {
				t.Errorf("a look finds %d applications, want %d", len(all), want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	count(0)
	count(0)
	set(t, db, "e1", "b", `{"tag":"x"}`)
	count(1)
	if err := db.Change(t.Context(), "e1", func(tx *Tx) error { return tx.Delete("application", "b") }); err != nil {
		t.Error(err)
	}
	count(0)
	if got := look(t, db, "b"); got != "" {
		t.Errorf("a deleted application is %s", got)
	}
	set(t, db, "e1", "b", `{"again":true}`) // that there is none is not remembered of one
	if got := look(t, db, "b"); got != `{"again":true}` {
		t.Errorf("a new application is %q", got)
	}
}

// testLookSees: what is not remembered is read, as in a View, and a View
// remembers nothing.
func testLookSees(t *testing.T, p *opened) {
	db := mustOpen(t, p.source, remembering())
	set(t, db, "e1", "a", `{}`)
	look(t, db, "a")
	hits := db.cache.hits.Load()
	err := db.View(t.Context(), "e1", func(tx *Tx) error { _, err := tx.Get("application", "a"); return err })
	if err != nil || db.cache.hits.Load() != hits {
		t.Errorf("a view is remembered (%v)", err)
	}
	p.put(t, "e1", "user", "u", `{}`) // by another DB
	err = db.Look(t.Context(), "e1", func(tx *Tx) error { _, err := tx.Get("user", "u"); return err })
	if err != nil {
		t.Errorf("what another process keeps: %v", err)
	}
}

// testRemembersLittle fills the memory past its bound.
func testRemembersLittle(t *testing.T, _ *opened) {
	c := newCache([]string{"application"}, false)
	large := []Document{{Body: make([]byte, 1<<20)}}
	for n := range 3 * maxRemembered >> 20 {
		c.put(fmt.Sprint("e", n%7), fmt.Sprint(n), 1, time.Now(), large)
		if c.bytes > maxRemembered {
			t.Fatalf("%d bytes are remembered, at most %d may be", c.bytes, maxRemembered)
		}
	}
	for n := range 3 * maxEnvironments {
		c.put(fmt.Sprint("small", n), "a", 1, time.Now(), nil)
	}
	for n := range 3 * maxRemembered >> 20 { // what is made counts as what it is made of
		m := c.put("e", fmt.Sprint(n), 1, time.Now(), nil)
		c.conclude(m, "e", fmt.Sprint(n), conclusion{nil, 1 << 20})
		if c.bytes > maxRemembered {
			t.Fatalf("%d bytes are remembered, at most %d may be", c.bytes, maxRemembered)
		}
	}
	if len(c.envs) > maxEnvironments {
		t.Errorf("%d environments are remembered, at most %d may be", len(c.envs), maxEnvironments)
	}
	for env := range c.envs {
		c.forget(env)
	}
	if c.bytes != 0 {
		t.Errorf("%d bytes are left of nothing", c.bytes)
	}
}

// TestStaleness measures how long it takes until one node obeys what another
// one has changed: with notifications, without them, and with the connection cut
// again and again on which the node listens and polls. What the product promises
// is a second.
func TestStaleness(t *testing.T) {
	source := newPostgres(t)
	a, b := mustOpen(t, source, remembering()), mustOpen(t, source, remembering())
	set(t, a, "e1", "a", `{"n":-1}`)
	for _, c := range []struct {
		name   string
		rounds int
		set    func(*testing.T, string)
	}{
		{"notified", 100, func(t *testing.T, body string) { set(t, a, "e1", "a", body) }},
		{"without notifications", 25, func(t *testing.T, body string) { setSilently(t, source, body) }},
		{"cut", 25, func(t *testing.T, body string) { set(t, a, "e1", "a", body) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "cut" {
				cutListeners(t, source)
			}
			var took []time.Duration
			for n := range c.rounds {
				look(t, b, "a") // it remembers
				want := fmt.Sprintf(`{"n":"%s%d"}`, c.name, n)
				c.set(t, want)
				changed := time.Now()
				for look(t, b, "a") != want {
					if time.Since(changed) > 5*time.Second {
						t.Fatalf("round %d: it is not obeyed after %v", n, time.Since(changed))
					}
					time.Sleep(200 * time.Microsecond)
				}
				took = append(took, time.Since(changed))
			}
			slices.Sort(took)
			p := func(percent int) time.Duration { return took[(len(took)-1)*percent/100].Round(10 * time.Microsecond) }
			t.Logf("obeyed on the other node after p50 %v, p99 %v, at most %v; %d looks were remembered", p(50), p(99), p(100), b.cache.hits.Load())
			if p(100) > time.Second {
				t.Errorf("a change was obeyed after %v, a second is promised", p(100))
			}
			if c.name == "notified" && p(50) > pollEvery/2 {
				t.Errorf("a notification is heard after %v: it was the poll", p(50))
			}
		})
	}
}

// setSilently changes the application as a node does whose notification is lost.
func setSilently(t *testing.T, source, body string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	err = pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE document SET version = version + 1, body = $1 WHERE kind = 'application'", body)
		_, raised := tx.Exec(t.Context(), "UPDATE revision SET n = n + 1 WHERE env = 'e1'")
		return errors.Join(err, raised)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// cutListeners ends every connection that listens, as often as one is made.
func cutListeners(t *testing.T, source string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			_, err := conn.Exec(context.Background(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query LIKE '%FROM revision WHERE env = ANY%'  AND pid <> pg_backend_pid()")
			if err != nil {
				t.Error(err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-over
		_ = conn.Close(context.Background())
	})
}

// lines are what is written to a log.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	select {
	case l <- string(line):
	default: // nobody looks at so many
	}
	return len(line), nil
}

// TestOtherBranch: a server that takes over lacks the last change that was seen
// on the old one, and gives its number to another: nobody is shown the lost one.
func TestOtherBranch(t *testing.T) {
	source := newPostgres(t)
	log, o := make(lines, 100), remembering()
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	db := mustOpen(t, source, o)
	set(t, db, "e1", "a", `{"enabled":true}`)
	set(t, db, "e1", "a", `{"lost":true}`)
	if got := look(t, db, "a"); got != `{"lost":true}` {
		t.Fatalf("a look finds %s", got)
	}
	conn, err := pgx.Connect(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	// The same database becomes the other one, at a stroke.
	_, err = conn.Exec(t.Context(), `UPDATE document SET body = '{"enabled":false}' WHERE kind = 'application';
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); time.Since(start) < 3*MaxStale; time.Sleep(20 * time.Millisecond) {
		var got string
		err := db.Look(t.Context(), "e1", func(tx *Tx) error {
			d, err := tx.Get("application", "a")
			got = string(tight(d.Body))
			return err
		})
		if late := time.Since(start) > MaxStale; late && (err != nil || got != `{"enabled":false}`) {
			t.Fatalf("a look finds %s (%v)", got, err)
		}
	}
	said := ""
	for len(log) > 0 {
		said += <-log
	}
	if strings.Count(said, "is not heard") != 1 || strings.Count(said, "is heard again") != 1 {
		t.Errorf("of a connection that was lost and is back, the log says %s", said)
	}
}
