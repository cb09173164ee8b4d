package store

import "encoding/json"

// ahead is what a View has read before it is asked for, in few statements.
type ahead struct {
	documents map[string]*Document // nil for one that there is none of
	tallies   map[string]int
}

func (tx *Tx) named(k, id string) string { return tx.env + "\x00" + k + "\x00" + id }

// GetAhead reads the documents of a kind that a View is going to Get, with one
// statement however many they are: from then on Get answers from memory, also that
// there is none. An Update reads each when it gets it, since it may hold it.
func (tx *Tx) GetAhead(k string, ids []string) error {
	if err := checkKind(k); err != nil || tx.work.write || len(ids) == 0 {
		return err
	}
	if tx.work.ahead.documents == nil {
		tx.work.ahead.documents = make(map[string]*Document)
	}
	for _, id := range ids {
		tx.work.ahead.documents[tx.named(k, id)] = nil
	}
	found, err := tx.list(k, 0, "SELECT id, version, created, updated, body FROM document WHERE env = $1 AND kind = '"+k+"' AND id IN "+tx.work.dialect.list("$2"), []any{tx.env, texts(ids)})
	for i, d := range found {
		tx.work.ahead.documents[tx.named(k, d.ID)] = &found[i]
	}
	return err
}

// TalliedAhead reads what a View is going to ask Tallied for, as GetAhead does.
func (tx *Tx) TalliedAhead(names []string) error {
	if tx.work.write || len(names) == 0 {
		return nil
	}
	if tx.work.ahead.tallies == nil {
		tx.work.ahead.tallies = make(map[string]int)
	}
	for _, name := range names {
		tx.work.ahead.tallies[tx.named("", name)] = 0
	}
	err := tx.each("SELECT name, CAST(sum(n) AS BIGINT) FROM tally WHERE env = $1 AND name IN "+tx.work.dialect.list("$2")+" GROUP BY name", []any{tx.env, texts(names)}, func(r row) error {
		var name string
		var n int
		err := r.Scan(&name, &n)
		tx.work.ahead.tallies[tx.named("", name)] = n
		return err
	})
	return tx.failed(err, "read tallies")
}

// texts are the argument of dialect.list.
func texts(all []string) string {
	raw, _ := json.Marshal(all) // texts can't fail
	return string(raw)
}
