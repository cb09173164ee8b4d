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
		for database, plan := range map[string]string{"SQLite": a.sqlite, "PostgreSQL": a.postgres} {
			if wrong := a.wrong(plan); wrong != "" {
				b.Errorf("%s: %s %s", a.name, database, wrong)
			}
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

// wrong says what is wrong with a plan, or "". Where an index finds what is
// asked for, a list must not be read from its beginning instead.
func (a asking) wrong(plan string) string {
	switch {
	case strings.HasPrefix(plan, notAsked):
		return ""
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
		rows, err := s.conn.QueryContext(b.Context(), "EXPLAIN QUERY PLAN "+a.text, slices.Repeat([]any{"x"}, parameters(a.text))...)
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

// parameters is how many a statement has; one may stand in several places.
func parameters(text string) int {
	n := 0
	for strings.Contains(text, "$"+strconv.Itoa(n+1)) {
		n++
	}
	return n
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
		nulls := slices.Repeat([]string{"NULL"}, parameters(text)) // a generic plan hangs on no value
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

// postgresUsers writes 100,000 users of five populations, each in one of a
// thousand groups and with what stands beside it.
const postgresUsers = `
INSERT INTO document SELECT 'e1', 'user', md5('u' || n), 1, n, n, jsonb_build_object(
	'username', 'scale-' || n, 'usernameKey', 'scale-' || n, 'email', 'scale-' || n || '@example.com', 'emailKey', 'scale-' || n || '@example.com',
	'enabled', true, 'population', jsonb_build_object('id', 'p' || n % 5), 'externalId', 'e' || n) FROM generate_series(1, 100000) n;
INSERT INTO document SELECT 'e1', 'groupMembership', md5('m' || n), 1, n, n, jsonb_build_object(
	'parent', md5('u' || n), 'group', jsonb_build_object('id', 'g' || n % 1000)) FROM generate_series(1, 100000) n;
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
