package store

import "strconv"

// Limits are how many tickets of a kind may wait in an environment that anybody
// may leave: those with a Source, until they are saved as Freed. Past a
// limit the oldest go. Neither is held at every moment: of one source there may be
// some sampling more; all together are estimated, a tenth more or less. The zero
// value has no limits.
type Limits struct {
	Source int // of one source
	Env    int // of all sources
}

// sampling is which part of the tickets with a source are samples. The Put of one
// looks at the limits, and deletes what so many Puts may have left past them: up
// to twice as many, so that what is past them grows less, and few enough that
// nobody who waits behind it notices.
const sampling = 64

// mark is what a ticket has in the columns source, placed and sampled. Its key is
// a hash, and as good as chance.
func (k Tickets[T]) mark(tx *Tx, source string, key []byte) (from string, placed, sampled int64) {
	if source == "" {
		return "", 0, 0
	}
	if key[0]%sampling == 0 {
		sampled = 1
	}
	return k.Kind + " " + tx.env + " " + source, millis(tx.Now()), sampled
}

// trim deletes what is past the limits, with a sample that was put. For a source
// it looks along all that may stay, for an environment along the samples of them.
func (k Tickets[T]) trim(tx *Tx, from string) error {
	here := "env = $1 AND kind = '" + k.Kind + "' AND source <> ''"
	if err := k.drop(tx, "source", "source = $1 AND source <> ''", "", from, k.Limits.Source); err != nil {
		return err
	}
	return k.drop(tx, "environment", here, " AND sampled = 1", tx.env, (k.Limits.Env+sampling-1)/sampling)
}

// drop deletes some of the tickets that were put before those in line that stay.
// Of several nodes each passes over what another one is at, and over what
// somebody is just coming back for.
func (k Tickets[T]) drop(tx *Tx, limit, which, line, of string, stay int) error {
	if stay == 0 {
		return nil
	}
	oldest := "SELECT placed FROM ticket WHERE " + which + line + " ORDER BY placed DESC LIMIT 1 OFFSET $2"
	n, err := tx.exec("DELETE FROM ticket WHERE kind = '"+k.Kind+"' AND key"+tx.work.dialect.among("SELECT key FROM ticket WHERE "+which+
		" AND placed < ("+oldest+") ORDER BY placed LIMIT "+strconv.Itoa(2*sampling)+tx.work.dialect.skip), of, int64(stay-1))
	if err != nil {
		return k.failed(tx, err, "drop", "")
	}
	if tx.work.dropped == nil {
		tx.work.dropped = map[string]int64{}
	}
	tx.work.dropped[limit] += n
	return nil
}
