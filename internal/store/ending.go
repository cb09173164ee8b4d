package store

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// EndOwner deletes all tickets of an owner in this environment.
func (tx *Tx) EndOwner(owner string) error {
	if owner == "" {
		return errors.New("store: end the tickets of an owner: no owner is given")
	}
	_, err := tx.exec("DELETE FROM ticket WHERE env = $1 AND owner = $2", tx.env, owner)
	return tx.failed(err, "end the tickets of owner %s", owner)
}

// EndClient deletes all tickets of a client in an environment, a few in each
// Update: there may be a million, and nobody should wait behind that. Those that
// come meanwhile may stay. It ends as Sweep does.
func (db *DB) EndClient(ctx context.Context, env, client string) error {
	if client == "" {
		return errors.New("store: end the tickets of a client: no client is given")
	}
	return db.exhaust(ctx, env, shared, func(tx *Tx) (int64, error) {
		return tx.exec("DELETE FROM ticket WHERE (kind, key) IN (SELECT kind, key FROM ticket WHERE env = $1 AND client = $2"+db.limit()+")", env, client)
	}, func(tx *Tx) (bool, error) { return tx.HasClient(client) })
}

// HasClient says whether a client has tickets, expired or not.
func (tx *Tx) HasClient(client string) (bool, error) {
	found, err := tx.any("SELECT 1 FROM ticket WHERE env = $1 AND client = $2 LIMIT 1", tx.env, client)
	return found, tx.failed(err, "look for the tickets of client %s", client)
}

// any says whether a query for a number finds one.
func (tx *Tx) any(text string, args ...any) (bool, error) {
	var one int
	err := tx.one(text, args, &one)
	if errors.Is(err, ErrMissing) {
		return false, nil
	}
	return err == nil, err
}

// Purge deletes everything that an environment has, a few rows in each Update.
// Nobody may write to it any more. Several nodes may do it at once, and any of
// them may fail: who returns nil has seen that nothing is left. It ends as Sweep
// does.
func (db *DB) Purge(ctx context.Context, env string) error {
	if env == "" {
		return errors.New("store: purge: no environment is given")
	}
	for _, t := range tables() {
		key := t.names(t.columns[:t.key], "")
		err := db.exhaust(ctx, "", last, func(tx *Tx) (int64, error) {
			return tx.exec("DELETE FROM "+t.name+" WHERE ("+key+") IN (SELECT "+key+" FROM "+t.name+" WHERE env = $1"+db.limit()+")", env)
		}, func(tx *Tx) (bool, error) {
			left, err := tx.any("SELECT 1 FROM "+t.name+" WHERE env = $1 LIMIT 1", env)
			return left, tx.failed(err, "look for what is left in %s", t.name)
		})
		if err != nil {
			return err
		}
	}
	return db.Update(ctx, "", func(tx *Tx) error {
		_, err := tx.exec("DELETE FROM revision WHERE env = $1", env)
		return tx.failed(err, "purge")
	})
}

// ended are the marks that EndFamily leaves. They have no owner and no client,
// so that they outlive both.
func ended() Tickets[struct{}] { return Tickets[struct{}]{Kind: "ended"} }

// mark is the secret of a family's mark. It has the environment in it: ending
// a family must not end one of the same name elsewhere.
func (tx *Tx) mark(family string) string { return tx.env + "\x00" + family }

// EndFamily ends a family: Ended is true from now on, and at least until that
// time. It says whether this call was the first to end it; a later one changes
// nothing. The tickets of the family stay, for their rules to refuse.
func (tx *Tx) EndFamily(family string, until time.Time) (bool, error) {
	if family == "" {
		return false, errors.New("store: end a family: no family is given")
	}
	n, err := tx.exec("INSERT INTO ticket (kind, key, id, env, owner, client, family, expires, spent, version, body) "+
		"VALUES ('ended', $1, '', $2, '', '', $3, $4, 0, 1, '{}') ON CONFLICT DO NOTHING",
		ended().key(tx.mark(family)), tx.env, family, millis(until))
	return n == 1, tx.failed(err, "end family %s", family)
}

// Ended says whether one of some families was ended.
func (tx *Tx) Ended(families ...string) (bool, error) {
	args, places := []any{tx.env}, make([]string, len(families))
	for i, family := range families {
		args = append(args, ended().key(tx.mark(family)))
		places[i] = "$" + strconv.Itoa(i+2)
	}
	found, err := tx.any("SELECT 1 FROM ticket WHERE env = $1 AND kind = 'ended' AND key IN ("+strings.Join(places, ", ")+") LIMIT 1", args...)
	return found, tx.failed(err, "look for the end of the families %q", families)
}
