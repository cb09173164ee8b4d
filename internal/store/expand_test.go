package store

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	sqlComment = regexp.MustCompile(`--[^\n]*`)
	newTable   = regexp.MustCompile(`^CREATE TABLE (\w+) \(`)
	newIndex   = regexp.MustCompile(`^CREATE (UNIQUE )?INDEX \w+ ON (\w+) `)
	newColumn  = regexp.MustCompile(`^ALTER TABLE (\w+) ADD COLUMN \w+ `)
	storage    = regexp.MustCompile(`^{{postgres}} ALTER TABLE (\w+) SET \([a-z_0-9 =.,]+\)$`)
)

// unused are indexes that no statement of the release before has used.
func unused() []string { return []string{"ticket_family"} }

// narrowing are the statements of a migration that a program which knows only
// the tables before would stumble over: all but new tables, new columns that need
// no value, and indexes, which must not be unique on a table that is there
// already; how PostgreSQL stores a table, and the end of an unused index. A file changes one of those at most: its transaction locks them, and
// with two it could deadlock with requests, which read them in another order.
func narrowing(script string) (bad []string) {
	var made, changed []string
	for _, s := range strings.Split(sqlComment.ReplaceAllString(script, ""), ";") {
		s = strings.Join(strings.Fields(s), " ")
		index, column, stored := newIndex.FindStringSubmatch(s), newColumn.FindStringSubmatch(s), storage.FindStringSubmatch(s)
		switch table := newTable.FindStringSubmatch(s); {
		case s == "":
		case table != nil:
			made = append(made, table[1])
		case index != nil && slices.Contains(made, index[2]):
		case index != nil && index[1] == "":
			changed = append(changed, index[2])
		case column != nil && !strings.Contains(s, "UNIQUE") && !strings.Contains(s, ",") &&
			(strings.Contains(s, " DEFAULT ") || !strings.Contains(s, "NOT NULL")):
			changed = append(changed, column[1])
		case stored != nil:
			changed = append(changed, stored[1])
		case slices.Contains(unused(), strings.TrimPrefix(s, "DROP INDEX ")):
		default:
			bad = append(bad, s)
		}
	}
	slices.Sort(changed)
	if changed = slices.Compact(changed); len(changed) > 1 {
		bad = append(bad, "two tables: "+strings.Join(changed, ", "))
	}
	return bad
}

// TestMigrationsExpand holds every migration to what nodes of the release before
// can live with: they go on while it is applied, and after it.
func TestMigrationsExpand(t *testing.T) {
	names, err := fs.Glob(schema, "schema/*.sql")
	if err != nil || len(names) < 2 {
		t.Fatal(names, err)
	}
	for _, name := range names[1:] { // before the first there is no release
		text, err := schema.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bad := narrowing(string(text)); len(bad) > 0 {
			t.Errorf("%s is not for nodes of the release before: %q", name, bad)
		}
	}
}

func TestNarrowing(t *testing.T) {
	for _, good := range []string{
		"CREATE TABLE a (b TEXT NOT NULL);\nCREATE UNIQUE INDEX c ON a (b);",
		"-- DROP TABLE a;\nCREATE INDEX c ON document (env);",
		"ALTER TABLE ticket ADD COLUMN b BIGINT NOT NULL DEFAULT 0",
		"ALTER TABLE ticket ADD COLUMN b TEXT",
		"{{postgres}} ALTER TABLE ticket SET (autovacuum_vacuum_scale_factor = 0.02)", "DROP INDEX ticket_family",
		"ALTER TABLE ticket ADD COLUMN b TEXT; ALTER TABLE ticket ADD COLUMN c TEXT; CREATE INDEX d ON ticket (b); CREATE TABLE e (f TEXT);",
	} {
		if bad := narrowing(good); len(bad) > 0 {
			t.Errorf("%q is refused", bad)
		}
	}
	for _, bad := range []string{
		"DROP TABLE ticket", "ALTER TABLE ticket SET (fillfactor = 50)", "{{postgres}} ALTER TABLE ticket SET (a = 1), DROP COLUMN body", "DROP TABLE ticket_family", "DROP INDEX ticket_id", "ALTER TABLE ticket DROP COLUMN body", "ALTER TABLE ticket RENAME COLUMN body TO b", "ALTER TABLE ticket RENAME TO t",
		"ALTER TABLE ticket ALTER COLUMN body TYPE TEXT", "ALTER TABLE ticket ADD COLUMN b BIGINT NOT NULL", "CREATE UNIQUE INDEX c ON document (env)",
		"ALTER TABLE ticket ADD COLUMN b TEXT, DROP COLUMN body", "ALTER TABLE ticket ADD COLUMN b TEXT UNIQUE", "UPDATE ticket SET spent = 0", "DELETE FROM event",
		"CREATE TABLE a (b TEXT); DROP TABLE event", "ALTER TABLE ticket ADD COLUMN b TEXT; ALTER TABLE event ADD COLUMN b TEXT", "ALTER TABLE ticket ADD COLUMN b TEXT; CREATE INDEX c ON event (env)",
	} {
		if len(narrowing(bad)) == 0 {
			t.Errorf("%q is admitted", bad)
		}
	}
}
