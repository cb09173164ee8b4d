package store

import (
	"strings"
	"testing"
	"time"

	"pixy/internal/kind"
)

// TestPlans asks SQLite how it would run what the store writes: the index it
// must use, and what it must not do.
func TestPlans(t *testing.T) {
	p := openFresh(t, newFile(t))
	after := Cursor{Created: time.Now(), ID: "x"}
	list := func(k string, q Query) func(*Tx) error {
		return func(tx *Tx) error { _, err := tx.List(k, q); return err }
	}
	equal := func(k, path string) func(*Tx) error {
		return list(k, Query{Where: kind.Equal(path, "x"), After: after, Limit: 10})
	}
	count := func(k string, where kind.Expr) func(*Tx) error {
		return func(tx *Tx) error { _, err := tx.Count(k, where, 0, 0); return err }
	}
	events := func(q Query) func(*Tx) error {
		return func(tx *Tx) error { _, err := tx.Events(q); return err }
	}
	byName := kind.Order{Path: "usernameKey", Type: kind.Text}
	equal0 := func(k, path string) func(*Tx) error { return list(k, Query{Where: kind.Equal(path, "x"), Limit: 101}) }
	event := func(path string) func(*Tx) error {
		return func(tx *Tx) error { _, err := tx.Events(Query{Where: kind.Equal(path, "x"), Limit: 101}); return err }
	}
	prefix := kind.Expr{Op: kind.Sw, Path: "usernameKey", Value: "jo"}
	cases := []struct {
		name, index string
		run         func(*Tx) error
		sorts       bool // it may sort what it finds
	}{
		{"get", "sqlite_autoindex_document_1 (env=? AND kind=? AND id=?)", func(tx *Tx) error { _, err := tx.Get("user", "u"); return err }, false},
		{"delete", "sqlite_autoindex_document_1 (env=? AND kind=? AND id=?)", func(tx *Tx) error { return tx.Delete("user", "u") }, false},
		{"replace", "sqlite_autoindex_document_1 (env=? AND kind=? AND id=?)", func(tx *Tx) error {
			_, err := tx.Put(Document{Kind: "user", ID: "u", Version: 1, Body: []byte(`{}`)})
			return err
		}, false},
		{"list", "document_created (env=? AND kind=?)", list("user", Query{Limit: 10}), false},
		{"next page", "document_created (env=? AND kind=? AND (created,id)>(?,?))", list("user", Query{After: after, Limit: 10}), false},
		{"page before", "document_created (env=? AND kind=? AND (created,id)<(?,?))", list("user", Query{After: after, Limit: 10, Order: kind.Order{Descending: true}}), false},
		{"user by name", "user_username (env=? AND <expr>=?)", func(tx *Tx) error { _, err := tx.Find("user", kind.Equal("usernameKey", "joe")); return err }, true},
		{"users by name", "user_username (env=? AND <expr>>? AND <expr><?)", func(tx *Tx) error { _, err := tx.Count("user", prefix, 0, 0); return err }, false},
		{"users of a population", "user_population (env=? AND <expr>=? AND (created,id)>(?,?))", equal("user", "population.id"), false},
		{"users by email, counted", "user_email (env=? AND <expr>=?)", count("user", kind.Equal("emailKey", "x")), false},
		{"users by the beginning of an email", "user_email (env=? AND <expr>>? AND <expr><?)", count("user", kind.Expr{Op: kind.Sw, Path: "emailKey", Value: "jo"}), false},
		{"users by external id, counted", "user_external_id (env=? AND <expr>=?)", count("user", kind.Equal("externalId", "x")), false},
		{"users of a population, counted", "user_population (env=? AND <expr>=?)", count("user", kind.Equal("population.id", "x")), false},
		{"users by name, the first page", "user_username (env=?); USE TEMP B-TREE FOR LAST TERM OF ORDER BY", list("user", Query{Order: byName, Limit: 10}), true},
		{"users by name, backwards", "user_username (env=?); USE TEMP B-TREE FOR LAST TERM OF ORDER BY", list("user", Query{Order: kind.Order{Path: "usernameKey", Descending: true}, Limit: 10}), true},
		{"users by a beginning, by name", "user_username (env=? AND <expr>>? AND <expr><?); USE TEMP B-TREE FOR LAST TERM OF ORDER BY", list("user", Query{Where: prefix, Order: byName, Limit: 10}), true},
		{"unique in a population", "document_unique (env=? AND kind=? AND <expr>=?)", equal("population", "uniqueKey"), true},
		{"unique in a mapping", "document_unique (env=? AND kind=? AND <expr>=?)", count("attributeMapping", kind.Equal("uniqueKey", "x")), false},
		{"members of a group", "group_membership_group (env=? AND <expr>=? AND (created,id)>(?,?))", equal("groupMembership", "group.id"), false},
		{"members of a group, counted", "group_membership_group (env=? AND <expr>=?)", count("groupMembership", kind.Equal("group.id", "x")), false},
		{"users among the members of a group", "group_membership_group (env=? AND <expr>=?)", count("user", kind.Expr{Op: kind.Among, Kind: "groupMembership", Path: "group.id", Value: "x"}), false},
		{"users by email", "user_email (env=? AND <expr>=?)", equal0("user", "emailKey"), false},
		{"users by email, next page", "user_email (env=? AND <expr>=? AND (created,id)>(?,?))", equal("user", "emailKey"), false},
		{"users by external id", "user_external_id (env=? AND <expr>=?)", equal0("user", "externalId"), false},
		{"event by id", "event_id (env=? AND id=?)", event("id"), false},
		{"events of a request", "event_correlation (env=? AND correlation=?)", event("correlationId"), false},
		{"events of a target", "event_target (env=? AND target=?)", event("resources.id"), false},
		{"by a beginning, next page", "user_username (env=? AND <expr>>? AND <expr><?)", list("user", Query{Where: prefix, Order: kind.Order{Path: "usernameKey"}, After: Cursor{Value: "joe", ID: "x"}, Limit: 101}), true},
		{"by parent", "document_parent (env=? AND kind=? AND <expr>=? AND (created,id)>(?,?))", equal("scope", "parent"), false},
		{"ticket by secret", "sqlite_autoindex_ticket_1 (kind=? AND key=?)", func(tx *Tx) error { _, err := sessions().Get(tx, "s"); return err }, false},
		{"spend", "sqlite_autoindex_ticket_1 (kind=? AND key=?)", func(tx *Tx) error { _, err := sessions().Spend(tx, "s", tx.Now()); return err }, false},
		{"save", "sqlite_autoindex_ticket_1 (kind=? AND key=?)", func(tx *Tx) error {
			_, err := sessions().Save(tx, "s", Ticket[note]{Version: 1})
			return err
		}, false},
		{"ticket by id", "ticket_id (env=? AND id=?)", func(tx *Tx) error { _, err := sessions().ByID(tx, "i"); return err }, false},
		{"delete by id", "ticket_id (env=? AND id=?)", func(tx *Tx) error { return sessions().DeleteID(tx, Ticket[note]{ID: "i"}) }, false},
		{"move", "ticket_id (env=? AND id=?)", func(tx *Tx) error {
			_, err := sessions().Move(tx, "s", Ticket[note]{ID: "i"})
			return err
		}, false},
		{"owned", "ticket_owner (env=? AND owner=? AND kind=?)", func(tx *Tx) error { _, err := sessions().Owned(tx, "o", 5); return err }, true},
		{"has owner", "ticket_owner (env=? AND owner=? AND kind=?)", func(tx *Tx) error { _, err := sessions().HasOwner(tx, "o"); return err }, false},
		{"end owner", "ticket_owner (env=? AND owner=?)", func(tx *Tx) error { return tx.EndOwner("o") }, false},
		{"has client", "ticket_client (env=? AND client=?)", func(tx *Tx) error { _, err := tx.HasClient("c"); return err }, false},
		{"events", "sqlite_autoindex_event_1 (env=?)", events(Query{Limit: 10}), false},
		{"next page of events", "sqlite_autoindex_event_1 (env=? AND (recorded,id)<(?,?))", events(Query{After: after, Limit: 10}), false},
		{"events of some time", "sqlite_autoindex_event_1 (env=? AND recorded>? AND recorded<?)", events(Query{Limit: 10, Where: kind.All(
			kind.Expr{Op: kind.Gt, Path: "recordedAt", Type: kind.Time, Value: time.Now()}, kind.Expr{Op: kind.Lt, Path: "recordedAt", Type: kind.Time, Value: time.Now()})}), false},
		{"tally", "sqlite_autoindex_tally_1 (env=? AND name=?)", func(tx *Tx) error { _, err := tx.Tallied("users"); return err }, false},
		{"ended", "sqlite_autoindex_ticket_1 (kind=? AND key=?)", func(tx *Tx) error { _, err := tx.Ended("f"); return err }, false},
	}
	for _, c := range cases {
		plan := p.plan(t, c.run)
		if !strings.Contains(plan, c.index) || strings.Contains(plan, "SCAN") || !c.sorts && strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s: the plan is %q, want %s", c.name, plan, c.index)
		}
	}
	if _, err := p.Sweep(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if plan := p.explain(t, p.lite().writer.session, "DELETE FROM ticket"); !strings.Contains(plan, "ticket_expires (expires>? AND expires<?)") || !strings.Contains(plan, "sqlite_autoindex_ticket_1 (kind=? AND key=?)") {
		t.Errorf("sweep: the plan is %q", plan)
	}
	for _, k := range []string{"pushed", "seen"} { // of which there may be many
		if _, err := p.Sweep(t.Context(), time.Now(), k); err != nil {
			t.Fatal(err)
		}
		if plan := p.explain(t, p.lite().writer.session, "DELETE FROM ticket WHERE (kind, key) IN (SELECT kind, key FROM ticket WHERE kind = '"+k); !strings.Contains(plan, "ticket_"+k+" (kind=? AND expires>? AND expires<?)") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("sweeping the tickets %s: the plan is %q", k, plan)
		}
	}
	if _, err := p.SweepEvents(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if plan := p.explain(t, p.lite().writer.session, "DELETE FROM event"); !strings.Contains(plan, "event_recorded (recorded>? AND recorded<?)") || !strings.Contains(plan, "sqlite_autoindex_event_1 (env=? AND recorded=? AND id=?)") {
		t.Errorf("sweeping events: the plan is %q", plan)
	}
	if err := p.EndClient(t.Context(), "e1", "c"); err != nil {
		t.Fatal(err)
	}
	if plan := p.explain(t, p.lite().writer.session, "DELETE FROM ticket WHERE (kind, key) IN (SELECT kind, key FROM ticket WHERE env = $1 AND client"); !strings.Contains(plan, "ticket_client (env=? AND client=?)") {
		t.Errorf("ending a client: the plan is %q", plan)
	}
	if err := p.Purge(t.Context(), "e1"); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"ticket", "document", "event", "tally"} {
		if plan := p.explain(t, p.lite().writer.session, "DELETE FROM "+table+" WHERE ("); strings.Contains(plan, "SCAN") || !strings.Contains(plan, "(env=?)") {
			t.Errorf("purging %ss: the plan is %q", table, plan)
		}
	}
}

// plan runs fn with nothing prepared and explains the one statement it leaves.
func (p *opened) plan(t *testing.T, fn func(*Tx) error) (plan string) {
	t.Helper()
	p.Update(t.Context(), "e1", func(tx *Tx) error {
		for text, st := range lite(tx).statements {
			if text != "SAVEPOINT closure" {
				st.Close()
				delete(lite(tx).statements, text)
			}
		}
		_ = fn(tx) // there is nothing to be found
		plan = p.explain(t, lite(tx), "")
		return nil
	})
	return plan
}

// explain explains the statement of the session that starts so and is over
// one of the tables.
func (p *opened) explain(t *testing.T, s *liteSession, starts string) string {
	t.Helper()
	var plan []string
	for text := range s.statements {
		if !strings.HasPrefix(text, starts) || !strings.ContainsAny(text, "$") {
			continue
		}
		// As many arguments as any statement has; the plan depends on none.
		args := make([]any, strings.Count(text, "$"))
		for i := range args {
			args[i] = "x"
		}
		rows, err := s.conn.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		rows.Close()
	}
	return strings.Join(plan, "; ")
}
