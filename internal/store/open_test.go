package store

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pixy/internal/kind"
)

// rawOpen opens the file beside the store, with one connection.
func rawOpen(t *testing.T, source string) *sql.DB {
	t.Helper()
	name, _, _ := strings.Cut(source, "?")
	db, err := openSQLite(name, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestSources(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	if err := os.Mkdir("a b", 0o700); err != nil {
		t.Fatal(err)
	}
	for source, path := range map[string]string{
		"file:" + folder + "/1.db":            "1.db",
		"file://" + folder + "/2.db":          "2.db",
		"file://localhost" + folder + "/3.db": "3.db",
		"file:4.db":                           "4.db",
		"file:a%20b/5.db":                     "a b/5.db",
		"file:6.db?_pragma=cache_size(-100)":  "6.db",
	} {
		db, err := Open(t.Context(), source, Options{})
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if err := db.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", source, err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", source, info.Mode(), err)
		}
		if err := errors.Join(db.Close(), db.Close()); err != nil {
			t.Error("close:", err)
		}
	}
}

func TestRefusedSources(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "text"), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		"postgres://joe:secret@127.0.0.1:1/pixy": "connection refused",
		"postgresql://joe:secret@:x/":            "the database's URL is not understood",
		"mysql:x":                                "mysql:... is not supported",
		"/var/lib/pixy.db":                       "should look like file:",
		"":                                       "should look like file:",
		"file:":                                  "has no file",
		"file::memory:":                          "has no file",
		"file:a#b":                               "%23",
		"file:%zz":                               "not understood",
		"file://elsewhere/x.db":                  "not understood",
		"file:" + folder + "/none/x.db":          "no such file or directory",
		"file:" + folder:                         "is a directory",
		"file:" + folder + "/text":               "is not a database",
		"file:" + folder + "/a.db?mode=memory":   "journal_mode memory",
		"file:" + folder + "/b.db?mode=ro":       "can't be written",
		"file:" + folder + "/c.db?_pragma=synchronous(OFF)":  "synchronous 0",
		"file:" + folder + "/d.db?_pragma=journal_mode(x);x": "can't be used",
	} {
		db, err := Open(t.Context(), source, Options{})
		if err == nil {
			db.Close()
			t.Errorf("%s is opened", source)
			continue
		}
		if text := err.Error(); !strings.Contains(text, want) || strings.Contains(text, "secret") || strings.Contains(text, "\n") {
			t.Errorf("%s: %s", source, text)
		}
	}
}

func TestFileOf(t *testing.T) {
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(folder, "vol", "pixy.db") // which is not there yet
	for from, to := range map[string]string{"a.db": "vol/pixy.db", "b.db": want, "c.db": "a.db", "d": "vol"} {
		if err := os.Symlink(to, filepath.Join(folder, from)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "vol"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vol/pixy.db", "a.db", "b.db", "c.db", "d/pixy.db", "vol/../d/pixy.db"} {
		if got, err := FileOf("file:" + folder + "/" + name + "?_pragma=x"); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", name, got, err, want)
		}
	}
}

func TestReadOnlyFolder(t *testing.T) {
	folder := t.TempDir()
	source := "file:" + filepath.Join(folder, "pixy.db")
	if os.Geteuid() == 0 {
		source = "file:/proc/pixy.db" // nobody can write there
	} else if err := os.Chmod(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), source, Options{})
	if err == nil {
		db.Close()
		t.Fatal("a database is opened that can't be written")
	}
	if !strings.Contains(err.Error(), "can't be written") {
		t.Error(err)
	}
}

func TestNewerVersion(t *testing.T) {
	p := openFresh(t, newFile(t))
	p.Close()
	raw := rawOpen(t, p.source)
	if _, err := raw.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, 1)"); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), p.source, Options{})
	if err == nil {
		db.Close()
	}
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "4711") {
		t.Fatalf("error is %v", err)
	}
}

// TestOpenIsFast prints how long it takes; the bound is far above that.
func TestOpenIsFast(t *testing.T) {
	source := newFile(t)
	for _, what := range []string{"fresh", "again"} {
		start := time.Now()
		db, err := Open(t.Context(), source, Options{})
		took := time.Since(start)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %v", what, took)
		if took > time.Second {
			t.Errorf("%s: opening takes %v", what, took)
		}
	}
}

// TestDamagedRows writes what the store never would.
func TestDamagedRows(t *testing.T) {
	p := openFresh(t, newFile(t))
	p.put(t, "e1", "user", "u1", `{"usernameKey":"joe"}`)
	p.keep(t, "e1", sessions(), "s1", Ticket[note]{ID: "id1", Owner: "u1"})
	raw := rawOpen(t, p.source)
	damage := func(statement string) {
		t.Helper()
		if _, err := raw.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	check := func(names []string, calls map[string]func(*Tx) error) {
		t.Helper()
		for call, fn := range calls {
			for _, run := range []func() error{
				func() error { return p.View(t.Context(), "e1", fn) },
				func() error { return p.Update(t.Context(), "e1", fn) },
			} {
				err := run()
				if err == nil || errors.Is(err, ErrMissing) {
					t.Errorf("%s of a damaged row returns %v", call, err)
					continue
				}
				for _, name := range names {
					if !strings.Contains(err.Error(), name) {
						t.Errorf("%s of a damaged row says %v, without %s", call, err, name)
					}
				}
			}
		}
	}
	get := func(tx *Tx) error { _, err := tx.Get("user", "u1"); return err }
	list := func(tx *Tx) error { _, err := tx.List("user", Query{}); return err }
	damage("UPDATE document SET version = 'many', body = '{\"usernameKey\":\"joe\"}'")
	check([]string{"user", "u1"}, map[string]func(*Tx) error{"get": get, "list": list})

	damage("DROP INDEX user_username")
	damage("DROP INDEX user_email")
	damage("DROP INDEX user_population")
	damage("DROP INDEX user_external_id")
	damage("DROP INDEX document_parent")
	damage("DROP INDEX document_unique")
	damage("UPDATE document SET version = 1, body = '{\"a\":'")
	check([]string{"user"}, map[string]func(*Tx) error{
		"filter": func(tx *Tx) error {
			_, err := tx.List("user", Query{Where: kind.Equal("a", "x")})
			return err
		},
		"count": func(tx *Tx) error { _, err := tx.Count("user", kind.Equal("a", "x"), 0, 0); return err },
	})

	read := map[string]func(*Tx) error{
		"get":   func(tx *Tx) error { _, err := sessions().Get(tx, "s1"); return err },
		"by id": func(tx *Tx) error { _, err := sessions().ByID(tx, "id1"); return err },
		"owned": func(tx *Tx) error { _, err := sessions().Owned(tx, "u1", 5); return err },
	}
	for _, statement := range []string{
		"UPDATE ticket SET body = '{'",
		"UPDATE ticket SET body = '[1]'",
		"UPDATE ticket SET body = '{}', expires = 'never'",
		"UPDATE ticket SET expires = 1e300",
	} {
		damage(statement)
		check([]string{"session", "id1"}, read)
	}
	// The database goes on.
	p.put(t, "e1", "thing", "t1", `{}`)
}
