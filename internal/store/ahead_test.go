package store

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
)

// testAhead holds what a View reads ahead against what it reads one by one: the
// same, of whatever ids there are, with as many statements for 700 as for 7.
func testAhead(t *testing.T, p *opened) {
	const many = 700
	strange := []string{"", "gone", `"`, "\\", "a b", "ä", "[]", "'; DROP TABLE document"}
	p.update(t, "e2", func(tx *Tx) error {
		_, err := tx.Put(Document{Kind: "note", ID: "gone", Body: []byte(`{}`)})
		return err
	})
	p.update(t, "e1", func(tx *Tx) error {
		for i, id := range append(idsUpTo(many), strange[2:]...) {
			_, err := tx.Put(Document{Kind: "note", ID: id, Body: fmt.Appendf(nil, `{"n":%d}`, i)})
			if err := errors.Join(err, tx.Tally("of "+id, id, i), tx.Tally("of "+id, "other", 1)); err != nil {
				return err
			}
		}
		return nil
	})
	var used []int64
	for _, n := range []int{7, many} {
		ids := append(idsUpTo(n), strange...)
		names := make([]string, len(ids))
		for i, id := range ids {
			names[i] = "of " + id
		}
		plain, ahead := make([]any, 2*len(ids)), make([]any, 2*len(ids))
		read := func(tx *Tx, into []any) {
			for i, id := range ids {
				d, err := tx.Get("note", id)
				into[2*i] = fmt.Sprint(d, err)
				sum, err := tx.Tallied(names[i])
				into[2*i+1] = fmt.Sprint(sum, err)
			}
		}
		p.view(t, "e1", func(tx *Tx) error { read(tx, plain); return nil })
		before := p.Stats().Statements
		p.view(t, "e1", func(tx *Tx) error {
			err := errors.Join(tx.GetAhead("note", ids), tx.TalliedAhead(names))
			read(tx, ahead)
			return err
		})
		used = append(used, p.Stats().Statements-before)
		if !reflect.DeepEqual(plain, ahead) {
			t.Errorf("one by one %v, ahead %v", plain, ahead)
		}
	}
	if used[0] != 2 || used[1] != 2 {
		t.Errorf("%d statements for few, %d for many", used[0], used[1])
	}
	// An Update sees what it writes itself.
	p.update(t, "e1", func(tx *Tx) error {
		err := errors.Join(tx.GetAhead("note", []string{"1"}), tx.TalliedAhead([]string{"of 1"}), tx.Delete("note", "1"), tx.Tally("of 1", "1", 5))
		if _, missing := tx.Get("note", "1"); !errors.Is(missing, ErrMissing) {
			t.Errorf("it is there after its end: %v", missing)
		}
		if n, _ := tx.Tallied("of 1"); n != 7 {
			t.Errorf("the tally is %d", n)
		}
		return err
	})
}

func idsUpTo(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprint(i))
	}
	return ids
}
