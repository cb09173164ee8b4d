package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pixy/internal/kind"
)

// ways are all the ways from one kind of database to another.
func ways(t *testing.T, test func(t *testing.T, from, to database)) {
	for _, from := range databases() {
		for _, to := range databases() {
			t.Run(from.name+" to "+to.name, func(t *testing.T) { test(t, from, to) })
		}
	}
}

// populate puts rows of all tables into a database, n documents among them.
func (p *opened) populate(t *testing.T, n int) {
	t.Helper()
	for first := 0; first < n; first += 1000 {
		p.update(t, "e1", func(tx *Tx) error {
			for i := first; i < min(n, first+1000); i++ {
				id := fmt.Sprintf("u%06d", i)
				_, err := tx.Put(Document{Kind: "user", ID: id, Body: fmt.Appendf(nil, `{"usernameKey":"Ü-%d","z":1,"a":[1.50,-0.0,12e2,{"c":"<é>","b":null}],"long":"%s"}`, i, strings.Repeat("x", i%300))})
				_, ticket := sessions().Put(tx, id, Ticket[note]{ID: id, Owner: id, Body: note{Text: "of " + id}})
				err = errors.Join(err, ticket, tx.Record(Event{ID: id, Action: "USER.CREATED", Target: id, Result: "SUCCESS", Body: []byte(`{"n":1.0}`)}),
					tx.Tally("users", id, 1))
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// unseen is who isn't told of the progress.
func unseen(Progress) {}

// stopAfter ends a copy after so many batches.
func stopAfter(t *testing.T, batches int) (context.Context, func(Progress)) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, func(Progress) {
		if batches--; batches == 0 {
			cancel()
		}
	}
}

func TestCopy(t *testing.T) {
	ways(t, func(t *testing.T, from, to database) {
		source := openFresh(t, from.source(t))
		key := make([]byte, masterKeyBytes)
		_, _ = rand.Read(key)
		sealer, err := NewSealer(key)
		if err != nil {
			t.Fatal(err)
		}
		if err := source.Claim(t.Context(), sealer); err != nil {
			t.Fatal(err)
		}
		source.populate(t, 1201) // more than two batches, and a part of one
		target := to.source(t)
		copied, err := Copy(t.Context(), source.source, target, unseen)
		if err != nil || copied.Resumed {
			t.Fatalf("copied %+v, %v", copied, err)
		}
		rows := map[string]int64{"document": 1202, "ticket": 1201, "event": 1201, "tally": shards}
		for _, s := range copied.Sums {
			if s.Rows != rows[s.Table] || len(s.Hash) != 64 {
				t.Errorf("copied %+v, want %d rows", s, rows[s.Table])
			}
			delete(rows, s.Table)
		}
		if len(rows) > 0 {
			t.Errorf("not copied: %v", rows)
		}
		other := openFresh(t, target)
		if err := other.Claim(t.Context(), sealer); err != nil {
			t.Error("the copy belongs to another key:", err)
		}
		for _, p := range []*opened{source, other} {
			p.view(t, "e1", func(tx *Tx) error {
				d, err := tx.Find("user", kind.Equal("usernameKey", "Ü-1200"))
				s, ticket := sessions().Get(tx, "u000007")
				n, tally := tx.Tallied("users")
				if d.ID != "u001200" || d.Version != 1 || !d.Created.Equal(instant(source.clock.time)) || s.Body.Text != "of u000007" || n != 1201 {
					t.Errorf("%s has %+v, %+v, %d", p.source, d, s, n)
				}
				return errors.Join(err, ticket, tally)
			})
		}
	})
}

// TestCopyKeepsBodies holds every value of a body against what the other database
// makes of it.
func TestCopyKeepsBodies(t *testing.T) {
	ways(t, func(t *testing.T, from, to database) {
		source := openFresh(t, from.source(t))
		body := `{"b":{"y":[],"x":{}},"a":[0.1,1e2,1E+2,100,1.10,-0,-5e-3,123456789012345678901234567890],"t":"\u00e9\"\\\n/<","n":null,"f":false}`
		source.put(t, "e1", "thing", "t1", body)
		target := to.source(t)
		if _, err := Copy(t.Context(), source.source, target, unseen); err != nil {
			t.Fatal(err)
		}
		var d Document
		openFresh(t, target).view(t, "e1", func(tx *Tx) (err error) {
			d, err = tx.Get("thing", "t1")
			return err
		})
		want, errWant := canonical([]byte(body))
		got, errGot := canonical(d.Body)
		if errWant != nil || errGot != nil || string(got) != string(want) {
			t.Errorf("kept is %s, want %s: %v, %v", got, want, errWant, errGot)
		}
	})
}

func TestCopyGoesOn(t *testing.T) {
	ways(t, func(t *testing.T, from, to database) {
		source := openFresh(t, from.source(t))
		source.populate(t, 1700)
		target := to.source(t)
		for _, batches := range []int{1, 3, 6, 9, 14} { // in each table, and while checking
			ctx, report := stopAfter(t, batches)
			if _, err := Copy(ctx, source.source, target, report); err == nil || !strings.Contains(err.Error(), "start it again") {
				t.Fatalf("after %d batches: %v", batches, err)
			}
			db, err := Open(t.Context(), target, Options{})
			if err == nil {
				db.Close()
			}
			if err == nil || !strings.Contains(err.Error(), "unfinished copy of "+Named(source.source)) {
				t.Fatalf("an unfinished copy is opened: %v", err)
			}
		}
		copied, err := Copy(t.Context(), source.source, target, unseen)
		if err != nil || !copied.Resumed {
			t.Fatalf("copied %+v, %v", copied, err)
		}
		again, err := Copy(t.Context(), target, to.source(t), unseen)
		if err != nil || fmt.Sprint(again.Sums) != fmt.Sprint(copied.Sums) {
			t.Errorf("the copy's copy is %v, %v, not %v", again.Sums, err, copied.Sums)
		}
	})
}

// TestCopyIsOneState writes to the source in the middle of a copy.
func TestCopyIsOneState(t *testing.T) {
	ways(t, func(t *testing.T, from, to database) {
		source := openFresh(t, from.source(t))
		source.populate(t, 600)
		target, n := to.source(t), 0
		_, err := Copy(t.Context(), source.source, target, func(Progress) {
			n++
			source.put(t, "a-first", "thing", fmt.Sprint("t", n), `{}`)
			source.put(t, "z-last", "thing", fmt.Sprint("t", n), `{}`)
		})
		if err != nil {
			t.Fatal(err)
		}
		copy := openFresh(t, target)
		if n == 0 || copy.has(t, "a-first", "thing", "t1") || copy.has(t, "z-last", "thing", "t1") {
			t.Error("what was written after the copy had begun is in it")
		}
	})
}

func TestCopyNoticesChanges(t *testing.T) {
	changes := map[string]func(t *testing.T, p *opened){
		"a row before": func(t *testing.T, p *opened) { p.put(t, "a", "thing", "t1", `{}`) },
		"a row is gone": func(t *testing.T, p *opened) {
			p.update(t, "e1", func(tx *Tx) error { return tx.Delete("user", "u000003") })
		},
		"a body": func(t *testing.T, p *opened) {
			p.update(t, "e1", func(tx *Tx) error {
				d, err := tx.Get("user", "u000003")
				d.Body = []byte(strings.Replace(string(d.Body), `1.5`, `1.6`, 1))
				_, put := tx.Put(d)
				return errors.Join(err, put)
			})
		},
		"a ticket is spent": func(t *testing.T, p *opened) {
			p.update(t, "e1", func(tx *Tx) error {
				_, err := sessions().Spend(tx, "u000003", tx.Now().Add(time.Hour))
				return err
			})
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			source := openFresh(t, newFile(t))
			source.populate(t, 600)
			target := newFile(t)
			ctx, report := stopAfter(t, 6)
			if _, err := Copy(ctx, source.source, target, report); err == nil {
				t.Fatal("the copy was not stopped")
			}
			change(t, source)
			_, err := Copy(t.Context(), source.source, target, unseen)
			if err == nil || !strings.Contains(err.Error(), "has changed since it was begun: empty "+target) {
				t.Errorf("error is %v", err)
			}
			if db, err := Open(t.Context(), target, Options{}); err == nil {
				db.Close()
				t.Error("a copy that is not equal is opened")
			}
		})
	}
}

// TestCopyNoticesIntruders writes to the target while it is copied to.
func TestCopyNoticesIntruders(t *testing.T) {
	source := openFresh(t, newFile(t))
	source.populate(t, 600)
	target := newFile(t)
	_, err := Copy(t.Context(), source.source, target, func(p Progress) {
		if p.Doing != "copying" || p.Table != "event" || p.Done%500 == 0 {
			return
		}
		if _, err := rawOpen(t, target).Exec("UPDATE document SET updated = updated + 1 WHERE id = 'u000123'"); err != nil {
			t.Error(err)
		}
	})
	if err == nil || !strings.Contains(err.Error(), "somebody else has written") || !strings.Contains(err.Error(), "document has 600 rows") {
		t.Errorf("error is %v", err)
	}
}

func TestCopyRefuses(t *testing.T) {
	folder := t.TempDir()
	source, other := openFresh(t, newFile(t)), openFresh(t, newFile(t))
	source.populate(t, 600)
	other.populate(t, 600)
	begun := newFile(t)
	ctx, report := stopAfter(t, 1)
	if _, err := Copy(ctx, source.source, begun, report); err == nil {
		t.Fatal("the copy was not stopped")
	}
	empty := "file:" + filepath.Join(folder, "empty.db")
	if err := os.WriteFile(filepath.Join(folder, "empty.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{source.source, other.source, "is not empty"},
		{source.source, source.source, "is not empty"},
		{other.source, begun, "is an unfinished copy of another database, " + source.source},
		{begun, newFile(t), "can't be copied: the database is an unfinished copy of " + source.source},
		{"file:" + folder + "/none.db", newFile(t), "there is no database file"},
		{empty, newFile(t), "is not a database of Pixy"},
		{source.source, "mysql:x", "is not supported"},
		{"postgres://joe:secret@127.0.0.1:1/pixy", newFile(t), "connection refused"},
		{source.source, "postgres://joe:secret@127.0.0.1:1/pixy", "connection refused"},
	} {
		_, err := Copy(t.Context(), c.from, c.to, unseen)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
			t.Errorf("from %s to %s: %v", Named(c.from), Named(c.to), err)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "none.db")); err == nil {
		t.Error("a file is made of what there was none of")
	}
}

// TestCopyLeavesOtherTables: what another version has made is neither copied nor
// copied to, nor made anew.
func TestCopyLeavesOtherTables(t *testing.T) {
	other := openFresh(t, newFile(t))
	other.put(t, "e1", "thing", "t1", `{}`)
	if _, err := rawOpen(t, other.source).Exec("UPDATE goose_db_version SET version_id = 4711 WHERE version_id > 0"); err != nil {
		t.Fatal(err)
	}
	for _, way := range [][2]string{{other.source, newFile(t)}, {openFresh(t, newFile(t)).source, other.source}} {
		if _, err := Copy(t.Context(), way[0], way[1], unseen); err == nil {
			t.Errorf("from %s to %s is copied", way[0], way[1])
		}
	}
	other.view(t, "", func(tx *Tx) error {
		if now, err := tx.applied(); err != nil || now != 4711 {
			t.Errorf("the tables are version %d, %v", now, err)
		}
		return nil
	})
	if err := suits("it", 2, 2); err != nil {
		t.Error(err)
	}
	if err := suits("it", 3, 2); !errors.Is(err, ErrNewer) {
		t.Error(err)
	}
	if err := suits("it", 1, 2); err == nil || !strings.Contains(err.Error(), "start pixy serve of this version on it once") {
		t.Error(err)
	}
}

// TestClaimDuringCopy opens an empty database, which then becomes the target of
// a copy.
func TestClaimDuringCopy(t *testing.T) {
	for _, d := range databases() {
		t.Run(d.name, func(t *testing.T) {
			source, target := openFresh(t, newFile(t)), openFresh(t, d.source(t))
			source.populate(t, 600)
			ctx, report := stopAfter(t, 1)
			if _, err := Copy(ctx, source.source, target.source, report); err == nil {
				t.Fatal("the copy was not stopped")
			}
			sealer, err := NewSealer(make([]byte, masterKeyBytes))
			if err != nil {
				t.Fatal(err)
			}
			if err := target.Claim(t.Context(), sealer); err == nil || !strings.Contains(err.Error(), "unfinished copy") {
				t.Errorf("an unfinished copy is claimed: %v", err)
			}
		})
	}
}

func TestNamed(t *testing.T) {
	for source, want := range map[string]string{
		"file:/var/lib/pixy.db": "file:/var/lib/pixy.db",
		"postgres://db/pixy":    "postgres://db/pixy",
		"postgres://joe:secret@db1:5432,db2:5433/pixy?sslmode=disable": "postgres://joe@db1:5432,db2:5433/pixy?sslmode=disable",
		"postgresql://joe:se@c/r?et@db/pixy":                           "postgresql://joe@db/pixy",
		"postgres://db/pixy?user=joe&password=secret&pool_max_conns=3": "postgres://db/pixy?user=joe",
		"postgres://db/pixy?sslpassword=secret&sslkey=k":               "postgres://db/pixy?sslkey=k",
	} {
		if got := Named(source); got != want {
			t.Errorf("%s is shown as %s, want %s", source, got, want)
		}
	}
}

func TestDecimal(t *testing.T) {
	for _, same := range [][]string{
		{"0", "-0", "0.00", "0e5", "-0.0E-3"},
		{"1", "1.0", "10e-1", "0.1e1", "1E0", "1e+0"},
		{"-1200", "-1.2e3", "-12E+2", "-1200.000"},
		{"0.00012", "1.2e-4", "12e-5"},
	} {
		for _, n := range same {
			exact, ok := new(big.Rat).SetString(decimal(n))
			if want, _ := new(big.Rat).SetString(n); !ok || exact.Cmp(want) != 0 {
				t.Errorf("%s becomes %s", n, decimal(n))
			}
			if decimal(n) != decimal(same[0]) {
				t.Errorf("%s becomes %s, and %s %s", n, decimal(n), same[0], decimal(same[0]))
			}
		}
	}
	if far := "1e99999999999999999999"; decimal(far) != far {
		t.Errorf("%s becomes %s", far, decimal(far))
	}
}

// TestCopyToWhatWasNeverMade: whoever made the target's tables was killed before
// the first of them.
func TestCopyToWhatWasNeverMade(t *testing.T) {
	for _, d := range databases() {
		t.Run(d.name, func(t *testing.T) {
			source := openFresh(t, newFile(t))
			source.populate(t, 3)
			target := openFresh(t, d.source(t))
			target.update(t, "", func(tx *Tx) error {
				for _, table := range append(tables(), table{name: "revision"}) {
					if _, err := tx.exec("DROP TABLE " + table.name); err != nil {
						return err
					}
				}
				_, err := tx.exec("DELETE FROM goose_db_version WHERE version_id > 0")
				return err
			})
			if err := target.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := Copy(t.Context(), source.source, target.source, unseen); err != nil {
				t.Error(err)
			}
			if _, err := Copy(t.Context(), target.source, newFile(t), unseen); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCopyOutlastsIdleness: while the target takes its time, the source's server
// must not end the snapshot.
func TestCopyOutlastsIdleness(t *testing.T) {
	source := openFresh(t, newPostgres(t))
	source.populate(t, 600)
	_, err := Copy(t.Context(), source.source+"&idle_in_transaction_session_timeout=50", newFile(t), func(p Progress) {
		if p.Done == 500 {
			time.Sleep(300 * time.Millisecond)
		}
	})
	if err != nil {
		t.Error(err)
	}
}
