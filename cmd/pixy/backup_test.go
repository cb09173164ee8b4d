package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"pixy/internal/store"
	"pixy/test/pg"
)

// postgres is the server of this package's tests, started when the first of them
// asks.
var (
	postgresStarted atomic.Bool
	postgres        = sync.OnceValues(func() (*pg.Server, error) {
		postgresStarted.Store(true)
		return pg.Start(pg.Options{})
	})
)

func postgresServer(t *testing.T) *pg.Server {
	t.Helper()
	s, err := postgres()
	if errors.Is(err, pg.ErrAbsent) && os.Getenv("CI") == "" {
		postgresStarted.Store(false)
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// emptyPostgres is the source of a database without tables, and its name.
func emptyPostgres(t *testing.T) (source, name string) {
	t.Helper()
	s := postgresServer(t)
	name, err := s.Fresh("template1")
	if err != nil {
		t.Fatal(err)
	}
	return s.URL(name), name
}

// rawOpen opens a database beside the server.
func rawOpen(t *testing.T, source string) *sql.DB {
	t.Helper()
	driver := "sqlite"
	if store.IsPostgres(source) {
		driver = "pgx"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// load is clients that make users, and know which were acknowledged.
type load struct {
	mu    sync.Mutex
	names []string
	over  chan struct{}
	work  sync.WaitGroup
}

func startLoad(t *testing.T, p *process) *load {
	t.Helper()
	l := &load{over: make(chan struct{})}
	_, token := p.token()
	url := p.url + "/v1/environments/" + p.bootstrap()["envID"] + "/users"
	for worker := range 4 {
		l.work.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.over:
					return
				default:
				}
				name := fmt.Sprintf("u%d-%d", worker, n)
				status, err := makeUser(url, token, name)
				if err != nil || status != http.StatusCreated {
					t.Errorf("making %s: %d, %v", name, status, err)
					return
				}
				l.mu.Lock()
				l.names = append(l.names, name)
				l.mu.Unlock()
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

func makeUser(url, token, name string) (int, error) {
	r, err := http.NewRequest("POST", url, strings.NewReader(`{"username":"`+name+`","email":"u@example.com"}`))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// acknowledged are the users that there are for certain, when there are some.
func (l *load) acknowledged(t *testing.T, least int) []string {
	t.Helper()
	for range 1000 {
		l.mu.Lock()
		names := slices.Clone(l.names)
		l.mu.Unlock()
		if len(names) >= least {
			return names
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not even %d users were made", least)
	return nil
}

func (l *load) end() {
	select {
	case <-l.over:
	default:
		close(l.over)
	}
	l.work.Wait()
}

// restored starts a server on what was restored, and holds it to what was
// acknowledged before: every user is there, each with the event of its making and
// no event without its user, the count of them is right, and the server works.
func restored(t *testing.T, from *process, source string, acknowledged []string, env ...string) {
	t.Helper()
	users, events := restoredRows(t, source)
	for _, name := range acknowledged {
		if users[name] == "" {
			t.Errorf("%s was acknowledged before the backup began, and is not in it", name)
		}
	}
	for name, id := range users {
		if !events[id] {
			t.Errorf("%s is in the backup without its event", name)
		}
	}
	if len(events) != len(users) {
		t.Errorf("the backup has %d users, and %d events of users made", len(users), len(events))
	}
	data := t.TempDir()
	for _, name := range []string{"master.key", "bootstrap.json"} {
		raw, err := os.ReadFile(filepath.Join(from.data, name))
		if errors.Is(err, os.ErrNotExist) && len(env) > 0 {
			continue // the key is in env
		}
		if err := errors.Join(err, os.WriteFile(filepath.Join(data, name), raw, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, data, env, "--database", source)
	status, token := p.token()
	path := "/environments/" + p.bootstrap()["envID"] + "/users"
	_, list := p.call(token, "GET", path+"?limit=1", "")
	if count, _ := list["count"].(float64); status != http.StatusOK || int(count) != len(users) {
		t.Errorf("the server on the backup gives a token with %d, and counts %v users of %d", status, list["count"], len(users))
	}
	if status, err := makeUser(p.url+"/v1"+path, token, "after-the-backup"); err != nil || status != http.StatusCreated {
		t.Errorf("making a user on the backup: %d, %v", status, err)
	}
	p.stop()
	t.Logf("%d users were acknowledged before the backup, %d are in it", len(acknowledged), len(users))
}

// restoredRows reads the ids of the users by their names, and for which there is
// an event that says they were made.
func restoredRows(t *testing.T, source string) (users map[string]string, events map[string]bool) {
	t.Helper()
	db := rawOpen(t, source)
	defer db.Close()
	users, events = map[string]string{}, map[string]bool{}
	each := func(text string, use func(a, b string)) {
		rows, err := db.Query(text)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var a, b string
			if err := rows.Scan(&a, &b); err != nil {
				t.Fatal(err)
			}
			use(a, b)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	each("SELECT body ->> 'username', id FROM document WHERE kind = 'user'", func(name, id string) { users[name] = id })
	each("SELECT target, id FROM event WHERE action = 'USER.CREATED'", func(target, _ string) { events[target] = true })
	return users, events
}

// runProcess runs a command of the program in a process of its own.
func runProcess(t *testing.T, args ...string) (out, errOut string, code int) {
	t.Helper()
	path, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // one that was to end may serve
	defer cancel()
	command := exec.CommandContext(ctx, path, args...)
	command.Stdout, command.Stderr = &o, &e
	err = command.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return o.String(), e.String(), command.ProcessState.ExitCode()
}

// TestBackupOfRunningServer backs up under load, and restores.
func TestBackupOfRunningServer(t *testing.T) {
	p := start(t, t.TempDir(), nil)
	l := startLoad(t, p)
	for round := range 3 {
		file := filepath.Join(t.TempDir(), "backup.db")
		before := l.acknowledged(t, 100*(round+1))
		began := time.Now()
		out, errOut, code := runProcess(t, "backup", "--data", p.data, file)
		t.Logf("the backup took %v", time.Since(began))
		if code != exitOK || errOut != "" || !strings.Contains(out, "keep that too ("+filepath.Join(p.data, "master.key")+")") {
			t.Fatalf("exit code %d, %s%s", code, out, errOut)
		}
		if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
			t.Errorf("the backup is %v, %v", info, err)
		}
		restored(t, p, "file:"+file, before)
	}
	l.end()
	p.stop()
}

// TestDumpOfRunningServer does with PostgreSQL's own programs, as pixy backup says
// that it be done, what TestBackupOfRunningServer does with a file. Of a server
// without load, the dump is equal.
func TestDumpOfRunningServer(t *testing.T) {
	source, _ := emptyPostgres(t)
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	env := "PIXY_MASTER_KEY=" + base64.StdEncoding.EncodeToString(key)
	p := start(t, t.TempDir(), []string{env}, "--database", source)
	l := startLoad(t, p)
	before := l.acknowledged(t, 200)
	restored(t, p, dumped(t, source), before, env)
	l.end()

	again := dumped(t, source)
	of, _, code := runProcess(t, "store", "copy", source, "file:"+filepath.Join(t.TempDir(), "1.db"))
	what, _, codeAgain := runProcess(t, "store", "copy", again, "file:"+filepath.Join(t.TempDir(), "2.db"))
	if code != exitOK || codeAgain != exitOK || sums(of) != sums(what) || sums(of) == "" {
		t.Errorf("the server has\n%s\nand what was restored\n%s", of, what)
	}
	restored(t, p, again, l.acknowledged(t, 0), env)
	p.stop()
}

// dumped is a database that was restored from a dump of another, made by the
// command that pixy backup names.
func dumped(t *testing.T, source string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pixy.dump")
	_, errOut, code := runProcess(t, "backup", "--database", source, file)
	_, command, found := strings.Cut(strings.TrimSpace(errOut), ": pg_dump ")
	if code != exitFailed || !found {
		t.Fatalf("exit code %d, %s", code, errOut)
	}
	s := postgresServer(t)
	target, _ := emptyPostgres(t)
	for _, line := range []string{s.Tool("pg_dump") + " " + command, s.Tool("pg_restore") + " --exit-on-error --dbname='" + target + "' '" + file + "'"} {
		if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	return target
}

// sums are the lines of a copy's answer that have checksums.
func sums(out string) string {
	var found []string
	for _, line := range strings.Split(out, "\n") {
		if strings.Contains(line, " sha256 ") {
			found = append(found, line)
		}
	}
	return strings.Join(found, "\n")
}
