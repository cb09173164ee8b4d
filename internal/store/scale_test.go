package store

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pixy/internal/kind"
)

// BenchmarkPlans prints how both databases run what lists of users ask for. It
// measures nothing: it fails when a plan reads every document, or all of an
// environment to find one.
//
// PostgreSQL is asked with 100,000 users in it, and for the generic plan, which
// it takes after a few executions of a prepared statement.
func BenchmarkPlans(b *testing.B) {
	file := mustOpen(b, "file:"+filepath.Join(b.TempDir(), "pixy.db"), Options{})
	name, err := postgresServer(b).Fresh("template1")
	if err != nil {
		b.Fatal(err)
	}
	url := postgresServer(b).URL(name)
	shared := mustOpen(b, url, Options{})
	conn := fillPostgres(b, url, 100_000)
	fmt.Println("\nhow SQLite and PostgreSQL run it")
	for _, a := range planned() {
		lite, post := planOfSQLite(b, file, a), planOfPostgres(b, conn, shared, a)
		fmt.Printf("\n%s\n  %s\n  SQLite      %s\n  PostgreSQL  %s\n", a.name, textOf(b, shared, a.run), lite, strings.ReplaceAll(post, "\n", "\n              "))
		for database, plan := range map[string]string{"SQLite": lite, "PostgreSQL": post} {
			if wrong := a.wrong(plan); wrong != "" {
				b.Errorf("%s: %s %s", a.name, database, wrong)
			}
		}
	}
}

// TestPostgresPlans asks PostgreSQL, with fewer users, for what BenchmarkPlans
// prints.
func TestPostgresPlans(t *testing.T) {
	url := newPostgres(t)
	db := mustOpen(t, url, Options{})
	conn := fillPostgres(t, url, 20_000)
	for _, a := range planned() {
		plan := planOfPostgres(t, conn, db, a)
		if wrong := a.wrong(plan); wrong != "" {
			t.Errorf("%s: %s:\n%s", a.name, wrong, plan)
		}
	}
}

// asking is one thing that the store is asked for, its statement and plans.
type asking struct {
	name  string
	index string // what a plan must use; "" when several will do
	run   func(*Tx) error
}

// wrong says what is wrong with a plan, or "". Where an index finds what is
// asked for, a list must not be read from its beginning instead.
func (a asking) wrong(plan string) string {
	switch {
	case strings.Contains(plan, "SCAN document") || strings.Contains(plan, "Seq Scan on document"):
		return "reads every document"
	case a.index != "" && !strings.Contains(plan, a.index):
		return "does not use the index " + a.index
	case a.index != "" && strings.Contains(plan, "document_created"):
		return "reads the list of all users"
	}
	return ""
}

// planned is what lists of users ask for: a page of 100, and whether there is
// another; the bound on how long it may read; the order that the API chooses.
func planned() []asking {
	const within = 2 * time.Second
	page := func(where kind.Expr, order kind.Order, after Cursor) func(*Tx) error {
		return func(tx *Tx) error {
			_, err := tx.List("user", Query{Where: where, Order: order, After: after, Limit: 101, Within: within})
			return err
		}
	}
	list := func(where kind.Expr) func(*Tx) error { return page(where, kind.Order{}, Cursor{}) }
	count := func(where kind.Expr) func(*Tx) error {
		return func(tx *Tx) error { _, err := tx.Count("user", where, 10_001, within); return err }
	}
	get := func(tx *Tx) error { _, err := tx.Get("user", "u"); return err }
	begins := func(path string) kind.Expr { return kind.Expr{Op: kind.Sw, Path: path, Value: "jo"} }
	by := func(path string) kind.Order { return kind.Order{Path: path, Type: kind.Text} }
	in := kind.Equal("population.id", "p1")
	both := kind.Expr{Op: kind.And, Args: []kind.Expr{in, begins("usernameKey")}}
	member := kind.Expr{Op: kind.Among, Kind: "groupMembership", Path: "group.id", Value: "g1"}
	time1, name1 := Cursor{Created: time.UnixMilli(1), ID: "x"}, Cursor{Value: "joe", ID: "x"}
	return []asking{
		{name: "a user by id", run: get},
		{name: "users", run: list(kind.Expr{})},
		{name: "users, the next page", run: page(kind.Expr{}, kind.Order{}, time1)},
		{name: "username eq", index: "user_username", run: list(kind.Equal("usernameKey", "joe"))},
		{name: "username sw", index: "user_username", run: page(begins("usernameKey"), by("usernameKey"), Cursor{})},
		{name: "username sw, the next page", index: "user_username", run: page(begins("usernameKey"), by("usernameKey"), name1)},
		{name: "email eq", index: "user_email", run: list(kind.Equal("emailKey", "joe@example.com"))},
		{name: "email sw", index: "user_email", run: page(begins("emailKey"), by("emailKey"), Cursor{})},
		{name: "email sw, the next page", index: "user_email", run: page(begins("emailKey"), by("emailKey"), name1)},
		{name: "externalId eq", index: "user_external_id", run: list(kind.Equal("externalId", "e1"))},
		{name: "memberOfGroups eq", index: "group_membership_group", run: list(member)},
		{name: "population.id eq", index: "user_population", run: list(in)},
		{name: "population.id eq, the next page", index: "user_population", run: page(in, kind.Order{}, time1)},
		{name: "population.id eq and username sw", run: page(both, by("usernameKey"), Cursor{})},
		{name: "count of a population", index: "user_population", run: count(in)},
		{name: "count of a prefix", index: "user_username", run: count(begins("usernameKey"))},
	}
}

// spy remembers the last statement of a session.
type spy struct {
	session
	text string
}

func (s *spy) each(limit time.Duration, text string, args []any, scan func(row) error) error {
	s.text = text
	return s.session.each(limit, text, args, scan)
}

// textOf is the statement that fn runs.
func textOf(b testing.TB, db *DB, fn func(*Tx) error) string {
	b.Helper()
	var s spy
	err := db.View(b.Context(), "e1", func(tx *Tx) error {
		s.session = tx.work.session
		_ = fn(&Tx{work: &work{session: &s, dialect: tx.work.dialect, now: tx.Now(), statements: tx.work.statements}, env: "e1"}) // there is nothing to be found
		return nil
	})
	if err != nil || s.text == "" {
		b.Fatalf("no statement was run: %v", err)
	}
	return s.text
}

func planOfSQLite(b *testing.B, db *DB, a asking) string {
	b.Helper()
	text := textOf(b, db, a.run)
	var steps []string
	err := db.View(b.Context(), "e1", func(tx *Tx) error {
		return tx.each("EXPLAIN QUERY PLAN "+text, slices.Repeat([]any{"x"}, parameters(text)), func(r row) error {
			var id, parent, unused int
			var step string
			err := r.Scan(&id, &parent, &unused, &step)
			steps = append(steps, step)
			return err
		})
	})
	if err != nil {
		b.Fatalf("%s: %s: %v", a.name, text, err)
	}
	return strings.Join(steps, "; ")
}

// parameters is how many a statement has; one may stand in several places.
func parameters(text string) int {
	n := 0
	for strings.Contains(text, "$"+strconv.Itoa(n+1)) {
		n++
	}
	return n
}

func planOfPostgres(b testing.TB, conn *pgx.Conn, db *DB, a asking) string {
	b.Helper()
	text := textOf(b, db, a.run)
	nulls := strings.Join(slices.Repeat([]string{"NULL"}, parameters(text)), ", ") // a generic plan hangs on no value
	if _, err := conn.Exec(b.Context(), "DEALLOCATE ALL; PREPARE asked AS "+text); err != nil {
		b.Fatalf("%s: %s: %v", a.name, text, err)
	}
	rows, err := conn.Query(b.Context(), "EXPLAIN (COSTS OFF) EXECUTE asked("+nulls+")", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		b.Fatal(err)
	}
	steps, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		b.Fatalf("%s: %s: %v", a.name, text, err)
	}
	return strings.Join(steps, "\n")
}

func fillPostgres(b testing.TB, url string, users int) *pgx.Conn {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close(context.Background()) })
	if _, err := conn.Exec(b.Context(), strings.ReplaceAll(postgresUsers, "{{users}}", strconv.Itoa(users))); err != nil {
		b.Fatal(err)
	}
	return conn
}

// postgresUsers writes users of five populations, each in one of a
// thousand groups and with what stands beside it.
const postgresUsers = `
INSERT INTO document SELECT 'e1', 'user', md5('u' || n), 1, n, n, jsonb_build_object(
	'username', 'scale-' || n, 'usernameKey', 'scale-' || n, 'email', 'scale-' || n || '@example.com', 'emailKey', 'scale-' || n || '@example.com',
	'enabled', true, 'population', jsonb_build_object('id', 'p' || n % 5), 'externalId', 'e' || n) FROM generate_series(1, {{users}}) n;
INSERT INTO document SELECT 'e1', 'groupMembership', md5('m' || n), 1, n, n, jsonb_build_object(
	'parent', md5('u' || n), 'group', jsonb_build_object('id', 'g' || n % 1000)) FROM generate_series(1, {{users}}) n;
INSERT INTO document SELECT 'e1', 'credential', md5('u' || n), 1, n, n, '{}' FROM generate_series(1, {{users}}) n;
ANALYZE;
SET plan_cache_mode = force_generic_plan;
`
