package store

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestMigrationGivesWay updates the tables while somebody holds a lock that is in
// the way, as a dump does: those who come behind don't wait for the end of that,
// and when it comes, the tables are updated.
func TestMigrationGivesWay(t *testing.T) {
	source := newPostgres(t)
	if err := mustOpen(t, source, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	connect := func() *pgx.Conn {
		t.Helper()
		c, err := pgx.Connect(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(t.Context()) })
		return c
	}
	exec := func(c *pgx.Conn, text string) {
		t.Helper()
		if _, err := c.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	holder, behind := connect(), connect()
	exec(holder, "DROP INDEX ticket_pushed; DROP INDEX ticket_seen; CREATE INDEX ticket_family ON ticket (family); DELETE FROM goose_db_version WHERE version_id = 5")
	const hold = "LOCK TABLE goose_db_version IN SHARE MODE" // the update adds a row
	exec(holder, "BEGIN; "+hold)
	opened := make(chan error, 1)
	go func() {
		db, err := Open(t.Context(), source, Options{})
		if err == nil {
			err = db.Close()
		}
		opened <- err
	}()
	for waiting := 0; waiting == 0; time.Sleep(5 * time.Millisecond) {
		if err := behind.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'goose_db_version'::regclass").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	exec(behind, "BEGIN; SET lock_timeout = '10s'; "+hold+"; COMMIT")
	took := time.Since(began)
	t.Logf("who came behind the update waited %s", took.Round(time.Millisecond))
	if took > 2*migrateLockTime {
		t.Errorf("who came behind the update waited %s", took)
	}
	select {
	case err := <-opened:
		t.Fatal("the tables are updated already, or never:", err)
	default:
	}
	exec(holder, "COMMIT")
	if err := <-opened; err != nil {
		t.Error(err)
	}
	var n int
	if err := holder.QueryRow(t.Context(), "SELECT count(*) FROM pg_indexes WHERE indexname IN ('ticket_pushed', 'ticket_seen', 'ticket_family')").Scan(&n); err != nil || n != 2 {
		t.Error(n, err)
	}
}
