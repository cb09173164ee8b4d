// Package faults pulls the plugs of Pixy: real processes on real databases are
// killed, stopped, slowed down and raced against one another, and what they
// have acknowledged is looked for afterwards. README.md says how to run it.
package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pixy/test/pg"
)

// built is the folder of the program, removed when the tests are over.
var built string

func TestMain(m *testing.M) {
	status := m.Run()
	if built != "" {
		_ = os.RemoveAll(built) // what is left is swept with the temporary folder
	}
	os.Exit(status)
}

// program builds pixy as a stranger would get it, once a test run.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "pixy-faults")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "pixy")
	if out, err := exec.Command("go", "build", "-o", path, "pixy/cmd/pixy").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// faultTest skips what nobody asked for: these tests take minutes, and keep the
// machine busy.
func faultTest(t *testing.T) {
	t.Helper()
	if os.Getenv("PIXY_FAULTS") != "1" {
		t.Skip("a fault test, which takes long: make test-faults runs it, or PIXY_FAULTS=1")
	}
}

// number is what a variable of the environment says, or the default.
func number(t testing.TB, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, and should be a number from 1", name, text)
	}
	return n
}

// rounds is how often a fault is made: what PIXY_FAULTS_ROUNDS says, or the
// test's own number.
func rounds(t testing.TB, otherwise int) int {
	t.Helper()
	return number(t, "PIXY_FAULTS_ROUNDS", otherwise)
}

// chance is a source of randomness whose seed is printed: PIXY_FAULTS_SEED
// repeats a run, as far as the machine lets it.
func chance(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(number(t, "PIXY_FAULTS_SEED", 1+rand.IntN(1_000_000)))
	t.Logf("seed: %d (PIXY_FAULTS_SEED repeats it)", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// figures prints what a test has measured, in one line.
func figures(t testing.TB, format string, args ...any) {
	t.Helper()
	fmt.Printf("figures: %s: %s\n", t.Name(), fmt.Sprintf(format, args...))
}

// database is one that a test may have for itself.
type database struct {
	name   string     // "SQLite"
	source string     // as --database takes it
	server *pg.Server // nil on SQLite
}

// sqlite is a file that is yet to be made.
func sqlite(t testing.TB) database {
	t.Helper()
	return database{name: "SQLite", source: "file:" + filepath.Join(t.TempDir(), "pixy.db")}
}

// postgres is an empty database on a server of its own, which writes to disk as
// one in service does.
func postgres(t testing.TB, settings map[string]string) database {
	t.Helper()
	s, err := pg.Start(pg.Options{Durable: true, Settings: settings})
	if errors.Is(err, pg.ErrAbsent) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, s.Remove()) })
	name, err := s.Fresh("template1")
	must(t, err)
	return database{name: "PostgreSQL", source: s.URL(name), server: s}
}

// onBoth runs a test on either database.
func onBoth(t *testing.T, test func(*testing.T, database)) {
	t.Helper()
	faultTest(t)
	t.Run("SQLite", func(t *testing.T) { test(t, sqlite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, postgres(t, nil)) })
}

func must(t testing.TB, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

// few joins texts, and says how many there are more.
func few(texts []string) string {
	const most = 10
	if len(texts) > most {
		texts = append(texts[:most:most], fmt.Sprintf("and %d more", len(texts)-most))
	}
	return strings.Join(texts, "\n")
}
