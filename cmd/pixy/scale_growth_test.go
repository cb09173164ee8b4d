package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// BenchmarkGrowth asks the same of a server whose database is small and large,
// and prints what an answer costs. Then it lets a million tickets expire, and
// prints how long answers take before they are swept and meanwhile. Nothing is
// asserted by time. PIXY_BENCH_MOST is the largest number of users,
// PIXY_BENCH_TICKETS of tickets.
func BenchmarkGrowth(b *testing.B) {
	users, tickets := number(b, "PIXY_BENCH_MOST", 1_000_000), number(b, "PIXY_BENCH_TICKETS", 5_000_000)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "users\ttickets\tstart\t\tanswers/s\tCPU each\tmedian\t99 %\tslowest\t")
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		if n > users {
			continue
		}
		g := grow(b, n)
		g.fill(b, 10_000, living)
		g.row(b, w)
		if n == users {
			g.fill(b, tickets, living)
			g.row(b, w)
			g.fill(b, min(tickets, 1_000_000), expired)
			g.sweep(b)
		}
		if err := os.RemoveAll(g.p.data); err != nil { // the next one needs the room
			b.Fatal(err)
		}
	}
	fmt.Printf("\nanswers by the size of the database; %d clients at full speed, then %d requests a second\n", busy, steadyRate)
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}

// grown is a server that is stopped, with users who have signed on.
type grown struct {
	*full
	realm   realm
	tickets int
	clients []*client
}

// grow makes a database with so many users, some of whom sign on.
func grow(b *testing.B, users int) *grown {
	b.Helper()
	g := &grown{full: seeded(b, users)}
	path := "/environments/" + g.p.bootstrap()["envID"]
	_, app := g.p.call(g.token, "POST", path+"/applications", `{"name":"Bench","enabled":true,"type":"NATIVE_APP","protocol":"OPENID_CONNECT",
		"grantTypes":["AUTHORIZATION_CODE","REFRESH_TOKEN"],"responseTypes":["CODE"],"redirectUris":["`+callback+`"],"pkceEnforcement":"S256_REQUIRED"}`)
	g.realm = realm{p: g.p, env: g.p.bootstrap()["envID"], secret: sharedPassword}
	g.realm.app, _ = app["id"].(string)
	for n := range steadyClients {
		g.realm.username = username(n * users / steadyClients)
		c, err := g.realm.browser()
		if err != nil {
			b.Fatal(err)
		}
		g.clients = append(g.clients, c)
	}
	g.p.stop()
	return g
}

// When the tickets expire that are filled in, in milliseconds from now.
const (
	living  = "86400000 + abs(random() % 2000000000)"
	expired = "-7200000 - abs(random() % 3600000)"
)

// fill copies tickets that the server itself has written, one of each kind,
// until there are so many more.
func (g *grown) fill(b *testing.B, n int, expires string) {
	b.Helper()
	began := time.Now()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(g.p.data, "pixy.db")+"?_pragma=synchronous(OFF)&_pragma=cache_size(-4000000)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	random := "substr(lower(hex(randomblob(18))), 1, 36)"
	insert := fmt.Sprintf(`WITH RECURSIVE
		n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d),
		model AS MATERIALIZED (SELECT row_number() OVER (ORDER BY kind) AS nr, ticket.*, count(*) OVER () AS kinds FROM ticket WHERE kind IN ('code', 'refresh', 'session') GROUP BY kind)
		INSERT INTO ticket (kind, key, id, env, owner, client, family, expires, spent, version, body)
		SELECT kind, randomblob(32), CASE id WHEN '' THEN '' ELSE %[2]s END, env, %[2]s, client, CASE family WHEN '' THEN '' ELSE %[2]s END, %d + %s, spent, version, body
		FROM n JOIN model ON nr = 1 + i %% kinds`, n, random, time.Now().UnixMilli(), expires)
	drop, create := indexes(b, db)
	if n < g.tickets { // few go faster into the indexes that there are
		drop, create = "", ""
	}
	for _, text := range []string{drop, insert, create, "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := db.ExecContext(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
	g.tickets += n
	info, err := os.Stat(filepath.Join(g.p.data, "pixy.db"))
	if err != nil {
		b.Fatal(err)
	}
	fmt.Printf("%d tickets more in %.0f s, %d MB\n", n, time.Since(began).Seconds(), info.Size()>>20)
}

// indexes are what drops and what makes those of the tickets.
func indexes(b *testing.B, db *sql.DB) (drop, create string) {
	b.Helper()
	err := db.QueryRowContext(b.Context(), `SELECT group_concat('DROP INDEX ' || name || ';', ' '), group_concat(sql || ';', ' ')
		FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'ticket' AND sql IS NOT NULL`).Scan(&drop, &create)
	if err != nil {
		b.Fatal(err)
	}
	return drop, create
}

// restart starts the server, and says after how long it answered.
func (g *grown) restart(b *testing.B) time.Duration {
	b.Helper()
	g.p = start(b, g.p.data, nil, "--metrics-listen", "127.0.0.1:0")
	g.realm.p = g.p
	status, token := g.p.token()
	took := time.Since(g.p.began)
	if status != 200 {
		b.Fatalf("no token: %d", status)
	}
	for _, c := range g.clients {
		if err := c.dial(g.realm, token); err != nil {
			b.Fatal(err)
		}
	}
	return took
}

// row measures, and adds its lines to the table.
func (g *grown) row(b *testing.B, w *tabwriter.Writer) {
	b.Helper()
	about := fmt.Sprintf("%d\t%d\t%s", g.size, g.tickets, digits(g.restart(b)))
	for _, op := range operations() {
		rate, cpu, err := g.flatOut(op)
		if err != nil {
			b.Fatal(err)
		}
		s := newSteady(g.clients, op)
		s.run(steadyTime)
		if s.failed != nil {
			b.Fatal(s.failed)
		}
		took := s.between(0, steadyTime)
		fmt.Fprintf(w, "%s\t%s\t%.0f\t%s\t%s\t\n", about, op.name, rate, digits(cpu), took)
		about = "\t\t"
	}
	g.p.stop()
}

// sweep lets the server come to the expired tickets while clients sign on.
func (g *grown) sweep(b *testing.B) {
	b.Helper()
	g.restart(b)
	s := newSteady(g.clients, operations()[0])
	var began, ended time.Duration
	var swept float64
	go func() {
		defer s.stop()
		for last := 0.0; s.age() < 30*time.Minute; time.Sleep(100 * time.Millisecond) {
			swept = g.p.swept()
			switch {
			case began == 0 && swept > 0:
				began = s.age()
			case began > 0 && swept == last && s.age() > ended+75*time.Second:
				return
			}
			if swept != last {
				last, ended = swept, s.age()
			}
		}
	}()
	go s.watch(filepath.Join(g.p.data, "pixy.db-wal"))
	s.run(time.Hour)
	if s.failed != nil {
		b.Fatal(s.failed)
	}
	fmt.Printf("\nsigning on %d times a second with a session: median, 99 %%, slowest\n%12s  %s\n%12s  %s\n%.0f tickets swept in %.1f s, %.0f/s; the journal had %d MB at most\n", steadyRate,
		"before", strings.ReplaceAll(s.between(5*time.Second, began), "\t", "  "), "sweeping", strings.ReplaceAll(s.between(began, ended), "\t", "  "),
		swept, (ended - began).Seconds(), swept/(ended-began).Seconds(), s.largest.Load()>>20)
	g.p.stop()
}
