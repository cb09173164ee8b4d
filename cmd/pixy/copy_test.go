package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pixy/internal/store"
)

// crowded is a database with more rows than are copied at once, in each table
// but one.
func crowded(t *testing.T, source string) string {
	t.Helper()
	db, err := store.Open(t.Context(), source, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tickets := store.Tickets[struct{ Text string }]{Kind: "session", Life: time.Hour}
	for batch := range 20 {
		err := db.Update(t.Context(), fmt.Sprint("e", batch), func(tx *store.Tx) error {
			for n := range 400 {
				id := fmt.Sprint("t", n)
				_, put := tx.Put(store.Document{Kind: "thing", ID: id, Body: fmt.Appendf(nil, `{"n":%d,"text":"<ü>"}`, n)})
				_, ticket := tickets.Put(tx, fmt.Sprint(batch, id), store.Ticket[struct{ Text string }]{ID: id, Owner: id})
				err := errors.Join(put, ticket, tx.Tally("things", id, 1),
					tx.Record(store.Event{ID: id, Target: id, Action: "THING.CREATED", Result: "SUCCESS", Body: []byte(`{"a":1.0}`)}))
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return source
}

// TestCopyIsKilled kills a copy again and again, which goes on each time; what is
// unfinished is served by nobody.
func TestCopyIsKilled(t *testing.T) {
	for name, way := range map[string]func() (from, to string){
		"file to postgres": func() (string, string) {
			to, _ := emptyPostgres(t)
			return crowded(t, "file:"+filepath.Join(t.TempDir(), "from.db")), to
		},
		"postgres to file": func() (string, string) {
			from, _ := emptyPostgres(t)
			return crowded(t, from), "file:" + filepath.Join(t.TempDir(), "to.db")
		},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := way()
			kills, reached := 0, int64(0)
			for pause := 60 * time.Millisecond; pause < time.Minute && copyKilled(t, from, to, pause); pause += 40 * time.Millisecond {
				n := written(t, to)
				if n > 0 && !marked(t, to) {
					break // it was killed when all was done
				}
				if n < reached {
					t.Fatalf("there were %d rows, and %d after another kill", reached, n)
				}
				if n > reached {
					kills++
				}
				if reached = n; n > 0 {
					servedByNobody(t, to)
				}
			}
			t.Logf("%d kills between the first row and the last", kills)
			if kills < 2 {
				t.Errorf("only %d kills came in the middle of the copy", kills)
			}
			target := "file:" + filepath.Join(t.TempDir(), "copy of the copy.db")
			of, errOut, code := runProcess(t, "store", "copy", to, target)
			original, errOriginal, codeOriginal := runProcess(t, "store", "copy", from, "file:"+filepath.Join(t.TempDir(), "straight.db"))
			if code != exitOK || codeOriginal != exitOK || sums(of) == "" || sums(of) != sums(original) {
				t.Errorf("copied is\n%s%s\nand it was\n%s%s", of, errOut, original, errOriginal)
			}
		})
	}
}

// copyKilled starts a copy, kills it after a while, and says whether it was not
// finished by then.
func copyKilled(t *testing.T, from, to string, after time.Duration) bool {
	t.Helper()
	path, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	command := exec.Command(path, "store", "copy", from, to)
	command.Stdout, command.Stderr = &out, &out
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = command.Process.Kill() }) // it may have ended
	err = command.Wait()
	timer.Stop()
	switch code := command.ProcessState.ExitCode(); {
	case code == exitOK:
		if got := sums(out.String()); strings.Count(got, "\n") != 3 {
			t.Errorf("the finished copy says\n%s", out.String())
		}
		return false
	case code >= 0: // it was not killed
		t.Fatalf("the copy failed: %v\n%s", err, out.String())
	}
	return true
}

// written counts the rows of a copy, its mark left out.
func written(t *testing.T, source string) (all int64) {
	t.Helper()
	if path := strings.TrimPrefix(source, "file:"); path != source {
		if _, err := os.Stat(path); err != nil {
			return 0
		}
	}
	db := rawOpen(t, source)
	defer db.Close()
	for _, table := range []string{"document WHERE kind <> 'unfinishedCopy'", "ticket", "event", "tally"} {
		var n int64
		if err := db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
			return 0 // it was killed before there were tables
		}
		all += n
	}
	return all
}

// marked says that a copy has the mark of one that is not finished.
func marked(t *testing.T, source string) bool {
	t.Helper()
	db := rawOpen(t, source)
	defer db.Close()
	var n int
	if err := db.QueryRow("SELECT count(*) FROM document WHERE kind = 'unfinishedCopy'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func servedByNobody(t *testing.T, source string) {
	t.Helper()
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "master.key"), []byte(strings.Repeat("A", 43)+"="), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errOut, code := runProcess(t, "serve", "--listen", "127.0.0.1:0", "--data", data, "--database", source)
	lines := strings.Split(strings.TrimSpace(errOut), "\n") // before the last are warnings of how PostgreSQL is set up
	if code != exitFailed || !strings.HasPrefix(lines[len(lines)-1], "pixy: the database is an unfinished copy of ") {
		t.Errorf("a half copy is served: %d, %s", code, errOut)
	}
}

// TestCopyOfRunningServer copies a file that a server has locked, and serves the
// copy.
func TestCopyOfRunningServer(t *testing.T) {
	p := start(t, t.TempDir(), nil)
	l := startLoad(t, p)
	before := l.acknowledged(t, 200)
	from := "file:" + filepath.Join(p.data, "pixy.db")
	to, _ := emptyPostgres(t)
	out, errOut, code := runProcess(t, "store", "copy", from, to)
	if code != exitOK || errOut != "" || !strings.Contains(out, "What was written to "+from+" later is not in the copy") ||
		!strings.Contains(out, "was served with ("+filepath.Join(p.data, "master.key")+")") {
		t.Fatalf("exit code %d, %s%s", code, out, errOut)
	}
	restored(t, p, to, before)
	l.end()
	p.stop()
}

func TestWrongCommands(t *testing.T) {
	folder := t.TempDir()
	const secret = "postgres://joe:hush@127.0.0.1:1/pixy?password=hush"
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{exitUsage, "goes on with \"copy\"", []string{"store"}},
		{exitUsage, "the argument TO is missing", []string{"store", "copy", "file:a"}},
		{exitUsage, "unexpected argument postgres://joe@127.0.0.1:1/pixy", []string{"store", "copy", "file:a", "file:b", secret}},
		{exitUsage, "--databas", []string{"backup", "--databas=" + secret, "file"}},
		{exitUsage, "the argument FILE is missing", []string{"backup"}},
		{exitFailed, "connection refused", []string{"store", "copy", secret, "file:" + folder + "/b.db"}},
		{exitFailed, "there is no database file", []string{"store", "copy", "file:" + folder + "/a.db", secret}},
		{exitFailed, "there is no database file", []string{"backup", "--data", folder, folder + "/backup.db"}},
		{exitFailed, "pg_dump", []string{"backup", "--database", secret, folder + "/backup.db"}},
	} {
		var out, errOut bytes.Buffer
		code := run(t.Context(), c.args, &out, &errOut)
		if text := errOut.String(); code != c.code || !strings.Contains(text, c.want) || strings.Contains(text, "hush") || strings.Count(text, "\n") != 1 || out.Len() > 0 {
			t.Errorf("%v: exit code %d, %s%s", c.args, code, text, out.String())
		}
	}
	if names, _ := filepath.Glob(folder + "/*"); names != nil {
		t.Errorf("left behind: %v", names)
	}
}

func TestBar(t *testing.T) {
	now := time.Unix(1000, 0)
	var out bytes.Buffer
	b := newBar(&out, func() time.Time { return now })
	for _, doing := range []string{"copying", "checking"} {
		for done := int64(0); done <= 12000; done += 500 {
			b.report(store.Progress{Doing: doing, Table: "event", Done: done, Total: 12000})
			now = now.Add(500 * time.Millisecond)
		}
	}
	b.clear()
	const want = `copying event: 5,000 of 12,000 rows, 41 %, 1,000 rows/s, 7s left
copying event: 10,000 of 12,000 rows, 83 %, 1,000 rows/s, 2s left
checking event: 2,500 of 12,000 rows, 20 %, 1,000 rows/s, 10s left
checking event: 7,500 of 12,000 rows, 62 %, 1,000 rows/s, 5s left
`
	if got := out.String(); got != want {
		t.Errorf("told is\n%s, want\n%s", got, want)
	}
}
