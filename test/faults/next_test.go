package faults

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// nextTables are the tables of a release that is yet to come: what
// TestMigrationsExpand of the store admits, at the tables that every request reads
// and writes. Each text is a transaction, as each file of a release is.
func nextTables() []string {
	const version = ";\nINSERT INTO goose_db_version (version_id, is_applied) SELECT max(version_id) + 1, true FROM goose_db_version"
	return []string{
		"ALTER TABLE document ADD COLUMN later TEXT NOT NULL DEFAULT ''" + version,
		"CREATE INDEX later_document ON document (env, (body ->> 'later'), created, id) WHERE kind = 'user'" + version,
		"ALTER TABLE ticket ADD COLUMN later BIGINT;\nCREATE INDEX later_ticket ON ticket (later)" + version,
		"ALTER TABLE event ADD COLUMN later TEXT" + version,
		"ALTER TABLE tally ADD COLUMN later BIGINT NOT NULL DEFAULT 0" + version,
		"ALTER TABLE revision ADD COLUMN later BIGINT NOT NULL DEFAULT 0" + version,
		"CREATE TABLE later (id TEXT NOT NULL PRIMARY KEY)" + version,
	}
}

// TestNextRelease updates the tables, as the next release will, under two nodes
// that are at work: no request fails, then or later. A node of this release that
// is started afterwards refuses to.
func TestNextRelease(t *testing.T) {
	d := postgres(t, nil)
	c := started(t, d, 2)
	l := newLedger()
	clients, err := c.newLoad(l, chance(t), 8)
	must(t, err)
	c.observe(func(n *node, _ time.Time, a answer) {
		if a.unknown() {
			l.accuse("while the tables were updated %s answered: %s", n.name, a)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() { work(ctx, clients); close(done) }()
	time.Sleep(2 * time.Second) // every statement has been prepared
	before := l.total()
	took, err := migrateNext(d)
	must(t, err)
	<-done
	after := l.total() - before
	sum := c.check(c.nodes[0], l)
	figures(t, "tables updated in %s under load; %d writes acknowledged before and %d after, none failed; %d looked for, %d lost, %d doubles",
		took.Round(time.Millisecond), before, after, sum.checked, sum.lost, sum.doubles)
	if after == 0 {
		t.Error("nothing was written after the tables were updated")
	}
	if found := l.findings(); len(found) > 0 {
		t.Error(few(found))
	}
	_, stopped := c.nodes[1].stop()
	must(t, stopped)
	must(t, c.nodes[1].start())
	refused(t, c.nodes[1])
}

// migrateNext updates the tables, and returns how long that took.
func migrateNext(d database) (time.Duration, error) {
	began := time.Now()
	for _, text := range nextTables() {
		if err := command(d.server.Tool("psql"), "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", d.source, "-c", text); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// refused holds a node to not starting on tables that it doesn't know, and to
// saying so in one sentence.
func refused(t *testing.T, n *node) {
	t.Helper()
	_, err := n.ready()
	if err == nil {
		t.Fatal("a node serves on tables that are newer than it")
	}
	var exit *exec.ExitError
	lines := strings.Split(strings.TrimSpace(n.log.String()), "\n")
	last := lines[len(lines)-1]
	if !errors.As(n.ended, &exit) || exit.ExitCode() != 1 || !strings.HasPrefix(last, "pixy: the database was written by a newer version of Pixy") {
		t.Errorf("%v: %s", n.ended, last)
	}
}
