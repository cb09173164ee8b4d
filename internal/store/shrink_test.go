package store

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestShrink: what was deleted takes no room in a file, but for a part that is
// used again; what stays is whole. A file of before keeps its size.
func TestShrink(t *testing.T) {
	for _, old := range []bool{false, true} {
		source := newFile(t)
		if old {
			raw := rawOpen(t, source)
			for _, text := range []string{"PRAGMA journal_mode = WAL", "CREATE TABLE here (n)", "DROP TABLE here"} {
				if _, err := raw.Exec(text); err != nil {
					t.Fatal(err)
				}
			}
			raw.Close()
		}
		p := openFresh(t, source)
		const kept, gone = 500, 12_000
		codes := Tickets[note]{Kind: "code"}
		now := p.clock.now
		for from := 0; from < kept+gone; from += 500 {
			p.update(t, "e1", func(tx *Tx) error {
				for n := from; n < from+500; n++ {
					expires := now.Add(-time.Hour)
					if n%25 == 0 {
						expires = now.Add(time.Hour)
					}
					if _, err := codes.Put(tx, fmt.Sprint(n), Ticket[note]{Owner: fmt.Sprint(n), Expires: expires, Body: note{Text: strings.Repeat("x", 3000)}}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		pages := func() (pages, free int) {
			p.view(t, "e1", func(tx *Tx) error {
				return tx.one("SELECT page_count, freelist_count FROM pragma_page_count, pragma_freelist_count", nil, &pages, &free)
			})
			return pages, free
		}
		full, _ := pages()
		if _, err := p.Sweep(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if err := p.Shrink(t.Context()); err != nil {
			t.Fatal(err)
		}
		left, free := pages()
		switch {
		case old && left != full:
			t.Errorf("a file of before shrinks from %d to %d pages", full, left)
		case !old && (left > full/2 || free > freePages && free*freeLeast > left):
			t.Errorf("of %d pages %d are left, %d of them free", full, left, free)
		}
		rows := rowsOf(t, p)
		if rows != kept {
			t.Errorf("%d tickets are left of %d", rows, kept)
		}
	}
}

func rowsOf(t *testing.T, p *opened) (n int) {
	t.Helper()
	p.view(t, "e1", func(tx *Tx) error {
		var sound string
		if err := tx.one("PRAGMA integrity_check", nil, &sound); err != nil || sound != "ok" {
			t.Error(sound, err)
		}
		return tx.one("SELECT count(*) FROM ticket WHERE length(body) > 3000", nil, &n)
	})
	return n
}
