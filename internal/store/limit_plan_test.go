package store

import (
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// dropped are the statements that hold the limits.
func (p *opened) dropped(t *testing.T) (texts []string) {
	t.Helper()
	s := &recorder{}
	tx := &Tx{env: "e1", work: &work{statements: new(atomic.Int64), session: s, dialect: p.engine.dialect(), write: true}}
	if err := limited(Limits{Source: 1, Env: 1}).trim(tx, "a"); err != nil || len(s.texts) != 2 {
		t.Fatal(s.texts, err)
	}
	return s.texts
}

// recorder takes what is to be written, and writes nothing.
type recorder struct {
	session
	texts []string
}

func (r *recorder) exec(text string, _ []any) (int64, error) {
	r.texts = append(r.texts, text)
	return 0, nil
}

// TestLimitPlans asks both databases how they would hold the limits: each looks
// along an index of its own, and finds what it deletes by another one and its key.
func TestLimitPlans(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		p := openFresh(t, newFile(t))
		for i, want := range []string{
			"SEARCH ticket USING INDEX ticket_source (source=? AND placed<?); SCALAR SUBQUERY 1; SEARCH ticket USING COVERING INDEX ticket_source (source=?)",
			"SEARCH ticket USING INDEX ticket_placed (env=? AND kind=? AND placed<?); SCALAR SUBQUERY 1; SEARCH ticket USING COVERING INDEX ticket_sampled (env=? AND kind=?)",
		} {
			var steps []string
			p.view(t, "e1", func(tx *Tx) error {
				return tx.each("EXPLAIN QUERY PLAN "+p.dropped(t)[i], []any{"x", int64(1)}, func(r row) error {
					var id, parent, unused int
					var step string
					err := r.Scan(&id, &parent, &unused, &step)
					steps = append(steps, step)
					return err
				})
			})
			plan := strings.Join(steps, "; ")
			if !strings.Contains(plan, want) || !strings.Contains(plan, "INDEX sqlite_autoindex_ticket_1 (kind=? AND key=?)") || strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("the plan is %q", plan)
			}
		}
	})
	t.Run("postgres", func(t *testing.T) {
		p := openFresh(t, newPostgres(t))
		conn, err := pgx.Connect(t.Context(), p.source)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), postgresTickets); err != nil {
			t.Fatal(err)
		}
		for _, before := range []string{"", "ANALYZE ticket"} {
			if _, err := conn.Exec(t.Context(), before); err != nil {
				t.Fatal(err)
			}
			for i, want := range [][]string{{"ticket_source", "ticket_source"}, {"ticket_sampled", "ticket_placed"}} {
				plan := explainPrepared(t, conn, p.dropped(t)[i])
				used := regexp.MustCompile(`Index (?:Only )?Scan(?: Backward)? (?:using|on) \w+`).FindAllString(plan, -1)
				if len(used) != 3 || !strings.HasPrefix(used[0], "Index Only Scan") || !strings.HasSuffix(used[0], want[0]) || !strings.HasSuffix(used[1], want[1]) ||
					!strings.HasSuffix(used[2], "ticket_pkey") || strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, "key = ANY ($") {
					t.Errorf("after %q the plan is\n%s", before, plan)
				}
			}
		}
	})
}

// postgresTickets writes tickets of seven sources, and as many of none.
const postgresTickets = `
INSERT INTO ticket (kind, key, id, env, owner, client, family, expires, spent, version, body, source, placed, sampled)
	SELECT 'flow', sha256(n::text::bytea), 'i' || n, 'e1', 'o' || n, 'c', '', 1000000 + n, 0, 1, json_build_object('text', repeat('x', 1500)),
		CASE WHEN n % 2 = 0 THEN '' ELSE 'flow e1 ' || n % 7 END, n, CASE WHEN n % 64 = 1 THEN 1 ELSE 0 END FROM generate_series(1, 20000) n;

SET plan_cache_mode = force_generic_plan;
`

func explainPrepared(t *testing.T, conn *pgx.Conn, text string) string {
	t.Helper()
	if _, err := conn.Exec(t.Context(), "DEALLOCATE ALL; PREPARE asked AS "+text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	rows, err := conn.Query(t.Context(), "EXPLAIN (COSTS OFF) EXECUTE asked(NULL, NULL)", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "\n")
}
