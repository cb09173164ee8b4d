package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBackupUnderLoad backs up again and again beside a writer, and finds in
// each backup what was acknowledged before, whole.
func TestBackupUnderLoad(t *testing.T) {
	p := openFresh(t, newFile(t))
	p.populate(t, 2000)
	ctx, stop := context.WithCancel(t.Context())
	acknowledged := make(chan int, 1) // how many writes
	acknowledged <- 0
	over := make(chan error, 1)
	go func() {
		for n := 1; ctx.Err() == nil; n++ {
			if err := p.Update(t.Context(), "e2", func(tx *Tx) error { return pair(tx, n) }); err != nil {
				over <- err
				return
			}
			<-acknowledged
			acknowledged <- n
		}
		over <- nil
	}()
	for round := range 5 {
		before := <-acknowledged
		acknowledged <- before
		file := filepath.Join(t.TempDir(), "a #1?%.db")
		counts, err := Backup(t.Context(), p.source, file)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("the backup is %v, %v", info, err)
		}
		kept := pairs(t, uriOf(file))
		t.Logf("round %d: %d acknowledged before the backup, %d in it, %v", round, before, kept, counts)
		if kept < before || counts[0].Rows != int64(2000+kept) {
			t.Errorf("%d were acknowledged before the backup began, %d are in it, and it counts %v", before, kept, counts)
		}
		if beside, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*unfinished*")); beside != nil {
			t.Errorf("left behind: %v", beside)
		}
	}
	stop()
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// pair writes two things that belong together.
func pair(tx *Tx, n int) error {
	id := fmt.Sprintf("%06d", n)
	_, err := tx.Put(Document{Kind: "thing", ID: id, Body: []byte(`{}`)})
	return errors.Join(err, tx.Record(Event{ID: id, Target: id, Action: "THING.CREATED", Result: "SUCCESS", Body: []byte(`{}`)}))
}

// pairs counts them in a database, each of which must be there as a whole, and
// all those before it.
func pairs(t *testing.T, source string) int {
	t.Helper()
	db := mustOpen(t, source, Options{})
	n := 0
	err := db.View(t.Context(), "e2", func(tx *Tx) error {
		things, err := tx.List("thing", Query{})
		events, list := tx.Events(Query{})
		n = len(things)
		if n != len(events) || n > 0 && things[n-1].ID != fmt.Sprintf("%06d", n) {
			t.Errorf("%d things and %d events are in the backup", n, len(events))
		}
		for i := range min(n, len(events)) {
			if things[i].ID != events[n-1-i].ID {
				t.Errorf("thing %s is with event %s", things[i].ID, events[n-1-i].ID)
			}
		}
		return errors.Join(err, list)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBackupRefuses(t *testing.T) {
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	p := openFresh(t, newFile(t))
	p.populate(t, 600)
	unfinished := newFile(t)
	ctx, report := stopAfter(t, 1)
	if _, err := Copy(ctx, p.source, unfinished, report); err == nil {
		t.Fatal("the copy was not stopped")
	}
	for name, content := range map[string]string{"there": "precious", "empty.db": ""} {
		if err := os.WriteFile(in(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ from, file, want string }{
		{p.source, in("there"), "is there already"},
		{p.source, in("none/backup"), "no such file or directory"},
		{"file:" + in("none.db"), in("backup"), "there is no database file"},
		{"file:" + in("empty.db"), in("backup"), "is not a database of Pixy"},
		{unfinished, in("backup"), "unfinished copy"},
		{damaged(t), in("backup"), "the backup is not good and was removed"},
		{"postgres://joe:secret@db/pixy?pool_max_conns=3", in("backup"), "pg_dump --format=custom --file='" + in("backup") + "' 'postgres://joe@db/pixy'"},
	} {
		_, err := Backup(t.Context(), c.from, c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
			t.Errorf("of %s to %s: %v, want %s", Named(c.from), c.file, err, c.want)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Backup(stopped, p.source, in("backup")); err == nil || err.Error() != "the backup was stopped, and what was written is removed" {
		t.Error("a backup that was stopped:", err)
	}
	kept, err := os.ReadFile(in("there"))
	names, _ := filepath.Glob(in("*"))
	if err != nil || string(kept) != "precious" || len(names) != 2 {
		t.Errorf("left behind: %v, and %q, %v", names, kept, err)
	}
}

// damaged is a database file of which a page was overwritten.
func damaged(t *testing.T) string {
	t.Helper()
	p := openFresh(t, newFile(t))
	p.populate(t, 600)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	raw := rawOpen(t, p.source)
	var page, size int64
	if err := raw.QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = 'ticket_client'").Scan(&page); err != nil {
		t.Fatal(err)
	}
	if err := raw.QueryRow("PRAGMA page_size").Scan(&size); err != nil {
		t.Fatal(err)
	}
	raw.Close()
	f, err := os.OpenFile(strings.TrimPrefix(p.source, "file:"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(make([]byte, size/2), (page-1)*size+size/2)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return p.source
}
