package store

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pixy/internal/kind"
)

// BenchmarkPlans prints how both databases run what lists of users ask for. It
// measures nothing: it fails when a plan reads every document, or all of an
// environment to find one.
//
// The store does not write to PostgreSQL yet. Its schema and its statements are
// shown to one all the same, where a PostgreSQL is installed: the two tokens of
// the schema are replaced, and 100,000 users are in it. The plan is the generic
// one, which PostgreSQL takes after a few executions of a prepared statement.
func BenchmarkPlans(b *testing.B) {
	db, err := Open(b.Context(), "file:"+filepath.Join(b.TempDir(), "pixy.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	asked := planned()
	for i := range asked {
		explainSQLite(b, db, &asked[i])
	}
	explainPostgres(b, asked)
	fmt.Println("\nhow SQLite and PostgreSQL run it")
	for _, a := range asked {
		fmt.Printf("\n%s\n  %s\n  SQLite      %s\n  PostgreSQL  %s\n", a.name, strings.TrimSpace(a.text), a.sqlite, a.postgres)
		if strings.Contains(a.sqlite, "SCAN document") || !strings.Contains(a.sqlite, a.index) {
			b.Errorf("%s: SQLite reads what it need not, and not by %q", a.name, a.index)
		}
		if asked := !strings.HasPrefix(a.postgres, notAsked); asked && (strings.Contains(a.postgres, "Seq Scan on document") || !strings.Contains(a.postgres, a.index)) {
			b.Errorf("%s: PostgreSQL reads what it need not, and not by %q", a.name, a.index)
		}
	}
}

// asking is one thing that the store is asked for, its statement and plans.
type asking struct {
	name             string
	index            string // what a plan must use; "" when several will do
	run              func(*Tx) error
	text             string
	sqlite, postgres string
}

func planned() []asking {
	after := Cursor{Created: time.UnixMilli(1), ID: "x"}
	page := func(where kind.Expr, order kind.Order, after Cursor) func(*Tx) error {
		return func(tx *Tx) error {
			_, err := tx.List("user", Query{Where: where, Order: order, After: after, Limit: 101})
			return err
		}
	}
	list := func(where kind.Expr, after Cursor) func(*Tx) error { return page(where, kind.Order{}, after) }
	count := func(where kind.Expr) func(*Tx) error {
		return func(tx *Tx) error { _, err := tx.Count("user", where, 10_001, 0); return err }
	}
	get := func(tx *Tx) error { _, err := tx.Get("user", "u"); return err }
	name, named := kind.Equal("usernameKey", "joe"), kind.Expr{Op: kind.Sw, Path: "usernameKey", Value: "jo"}
	mail, mailed := kind.Equal("emailKey", "joe@example.com"), kind.Expr{Op: kind.Sw, Path: "emailKey", Value: "jo"}
	within := kind.Equal("population.id", "p1")
	both := kind.Expr{Op: kind.And, Args: []kind.Expr{within, named}}
	none := Cursor{}
	return []asking{
		{name: "a user by id", run: get},
		{name: "users", run: list(kind.Expr{}, none)},
		{name: "users, the next page", run: list(kind.Expr{}, after)},
		{name: "username eq", index: "user_username", run: list(name, none)},
		{name: "username sw", run: list(named, none)},
		{name: "username sw, the next page", run: list(named, after)},
		{name: "email eq", index: "user_email", run: list(mail, none)},
		{name: "email sw", run: list(mailed, none)},
		{name: "population.id eq", index: "user_population", run: list(within, none)},
		{name: "population.id eq, the next page", index: "user_population", run: list(within, after)},
		{name: "population.id eq and username sw", run: list(both, none)},
		{name: "count of a population", index: "user_population", run: count(within)},
		{name: "count of a prefix", index: "user_username", run: count(named)},
	}
}

// explainSQLite runs what is asked for with nothing prepared, and explains the
// one statement over documents that this leaves.
func explainSQLite(b *testing.B, db *DB, a *asking) {
	b.Helper()
	err := db.Update(b.Context(), "e1", func(tx *Tx) error {
		s := tx.work.session
		for text, st := range s.statements {
			if strings.Contains(text, "document") {
				st.Close()
				delete(s.statements, text)
			}
		}
		_ = a.run(tx) // there is nothing to be found
		for text := range s.statements {
			if strings.Contains(text, "document") {
				a.text = text
			}
		}
		rows, err := s.conn.QueryContext(b.Context(), "EXPLAIN QUERY PLAN "+a.text, slices.Repeat([]any{"x"}, strings.Count(a.text, "$"))...)
		if err != nil {
			return err
		}
		defer rows.Close()
		var steps []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			steps = append(steps, step)
		}
		a.sqlite = strings.Join(steps, "; ")
		return rows.Err()
	})
	if err != nil {
		b.Fatalf("%s: %s: %v", a.name, a.text, err)
	}
}

// notAsked begins the reason why there is no plan.
const notAsked = "not asked: "

// explainPostgres fills in the plans of PostgreSQL, or why there are none.
func explainPostgres(b *testing.B, asked []asking) {
	b.Helper()
	servers, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		b.Fatal(err)
	}
	if len(servers) == 0 {
		for i := range asked {
			asked[i].postgres = notAsked + "no PostgreSQL server in /usr/lib/postgresql"
		}
		return
	}
	p := startPostgres(b, servers[len(servers)-1])
	var script strings.Builder
	script.WriteString(postgresSchema(b))
	script.WriteString(postgresUsers)
	for i, a := range asked {
		text := strings.ReplaceAll(a.text, "COLLATE BINARY", `COLLATE "C"`)
		nulls := slices.Repeat([]string{"NULL"}, strings.Count(text, "$")) // a generic plan hangs on no value
		fmt.Fprintf(&script, "PREPARE s%d AS %s;\n\\echo -- %d\nEXPLAIN (COSTS OFF) EXECUTE s%[1]d(%[4]s);\n", i, text, i, strings.Join(nulls, ", "))
	}
	out := p.sql(script.String())
	for _, part := range strings.Split(out, "-- ")[1:] {
		n, plan, _ := strings.Cut(part, "\n")
		i, err := strconv.Atoi(strings.TrimSpace(n))
		if err != nil {
			b.Fatalf("psql answers %q", part)
		}
		asked[i].postgres = strings.ReplaceAll(strings.TrimSpace(plan), "\n", "\n              ")
	}
}

// postgresSchema is the schema as PostgreSQL gets it.
func postgresSchema(b *testing.B) string {
	b.Helper()
	names, err := filepath.Glob("schema/*.sql")
	if err != nil {
		b.Fatal(err)
	}
	all := ""
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		all += strings.NewReplacer("{{bytes}}", "BYTEA", "{{collation}}", `"C"`).Replace(string(text)) + "\n"
	}
	return all
}

// postgresUsers writes 100,000 users of five populations, each with what stands
// beside it.
const postgresUsers = `
INSERT INTO document SELECT 'e1', 'user', md5('u' || n), 1, n, n, jsonb_build_object(
	'username', 'scale-' || n, 'usernameKey', 'scale-' || n, 'email', 'scale-' || n || '@example.com', 'emailKey', 'scale-' || n || '@example.com',
	'enabled', true, 'population', jsonb_build_object('id', 'p' || n % 5)) FROM generate_series(1, 100000) n;
INSERT INTO document SELECT 'e1', 'credential', md5('u' || n), 1, n, n, '{}' FROM generate_series(1, 100000) n;
ANALYZE;
SET plan_cache_mode = force_generic_plan;
`

// postgres is a PostgreSQL server of this benchmark, on a socket of its own.
type postgres struct {
	b        *testing.B
	bin, dir string
	as       []string // the command that gives up root, which PostgreSQL refuses
}

func startPostgres(b *testing.B, bin string) *postgres {
	b.Helper()
	dir, err := os.MkdirTemp("", "pixy-pg") // b.TempDir is closed to another user
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	p := &postgres{b: b, bin: bin, dir: dir}
	if os.Getuid() == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			b.Fatal(err)
		}
		uid, err := strconv.Atoi(nobody.Uid)
		if err == nil {
			err = os.Chown(dir, uid, -1)
		}
		if err != nil {
			b.Fatal(err)
		}
		p.as = []string{"setpriv", "--reuid", nobody.Uid, "--regid", nobody.Gid, "--clear-groups"}
	}
	p.command("", "initdb", "-D", dir+"/data", "-U", "pixy", "-A", "trust", "-E", "UTF8", "--no-sync")
	p.command("", "pg_ctl", "start", "-w", "-D", dir+"/data", "-l", dir+"/log", "-o", "-c listen_addresses= -c fsync=off -k "+dir)
	b.Cleanup(func() { p.command("", "pg_ctl", "stop", "-w", "-m", "immediate", "-D", dir+"/data") })
	return p
}

// sql runs a script in one connection.
func (p *postgres) sql(script string) string {
	p.b.Helper()
	return p.command(script, "psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-h", p.dir, "-U", "pixy", "-d", "postgres", "-f", "-")
}

func (p *postgres) command(input, name string, args ...string) string {
	p.b.Helper()
	line := append(append(slices.Clone(p.as), filepath.Join(p.bin, name)), args...)
	c := exec.Command(line[0], line[1:]...)
	c.Dir = p.dir
	var out, errOut strings.Builder
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(input), &out, &errOut
	if err := c.Run(); err != nil {
		p.b.Fatalf("%s: %v\n%s%s", name, err, out.String(), errOut.String())
	}
	return out.String()
}
