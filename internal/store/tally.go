package store

import "hash/fnv"

// shards is over how many rows a tally is spread, so that writers of different
// documents need not wait for one another.
const shards = 16

// Tally adds to the count of a name. id is the document on whose account it
// changes.
func (tx *Tx) Tally(name, id string, by int) error {
	h := fnv.New32a()
	h.Write([]byte(id))
	_, err := tx.exec("INSERT INTO tally (env, name, shard, n) VALUES ($1, $2, $3, $4) ON CONFLICT (env, name, shard) DO UPDATE SET n = tally.n + excluded.n",
		tx.env, name, int64(h.Sum32()%shards), int64(by))
	return tx.failed(err, "tally %s", name)
}

// Tallied is the count of a name.
func (tx *Tx) Tallied(name string) (int, error) {
	if n, known := tx.work.ahead.tallies[tx.named("", name)]; known {
		return n, nil
	}
	var n int
	err := tx.one("SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM tally WHERE env = $1 AND name = $2", []any{tx.env, name}, &n)
	return n, tx.failed(err, "read the tally %s", name)
}
