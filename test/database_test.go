package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"pixy/test/pg"
)

// onPostgres says whether the worlds are on PostgreSQL: PIXY_TEST_DATABASE is
// "postgres". All tests of this package run on either database.
func onPostgres() bool { return os.Getenv("PIXY_TEST_DATABASE") == "postgres" }

// postgres is the server of this package's tests.
var postgres = sync.OnceValues(func() (*pg.Server, error) { return pg.Start(pg.Options{}) })

func TestMain(m *testing.M) {
	status := m.Run()
	if onPostgres() {
		if s, err := postgres(); err != nil || s.Remove() != nil {
			fmt.Fprintln(os.Stderr, "PostgreSQL did not start, or could not be removed:", err)
			status = 1
		}
	}
	os.Exit(status)
}

func emptyPostgres() (source, name string, err error) {
	s, err := postgres()
	if err != nil {
		return "", "", err
	}
	name, err = s.Fresh("template1")
	return s.URL(name), name, err
}

// copied is the source of a copy of the database.
func (first newborn) copied(t testing.TB) string {
	t.Helper()
	if first.template == "" {
		file := filepath.Join(t.TempDir(), "pixy.db")
		if err := os.WriteFile(file, first.file, 0o600); err != nil {
			t.Fatal(err)
		}
		return "file:" + file
	}
	s, err := postgres()
	if err != nil {
		t.Fatal(err)
	}
	name, err := s.Fresh(first.template)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Exec("DROP DATABASE " + name); err != nil {
			t.Error(err)
		}
	})
	return s.URL(name)
}

// onDisk is all that is on disk, by where it stands.
func (w *world) onDisk() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	if onPostgres() {
		s, err := postgres()
		w.must(err)
		dump, err := exec.Command(s.Tool("pg_dump"), w.source).Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			w.t.Fatalf("pg_dump: %s", exit.Stderr)
		}
		w.must(err)
		out["the dump"] = string(dump)
		return out
	}
	files, err := filepath.Glob(strings.TrimPrefix(w.source, "file:") + "*")
	w.must(err)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		w.must(err)
		out[filepath.Base(file)] = string(raw)
	}
	return out
}
