package store

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"pixy/internal/fault"
)

// Ticket is anything that expires. Times are in UTC, in milliseconds.
type Ticket[T any] struct {
	ID      string // by which it is listed and ended; may be ""
	Owner   string // the user it belongs to, or ""
	Client  string // the application it was issued to, or ""
	Family  string // what it is ended together with, or ""
	Source  string // of a new one, when the Limits are to count it: who leaves it; it is not read
	Freed   bool   // of one that is saved: the Limits count it no more
	Expires time.Time
	Spent   time.Time // zero as long as it is not spent
	Version int64
	Body    T // kept as JSON; a struct
}

// Tickets are the tickets of one kind. Only whoever has a ticket's secret finds
// it by it: the database has a hash.
type Tickets[T any] struct {
	Kind   string
	Life   time.Duration // how long a ticket lives that doesn't say when it expires
	Limits Limits
}

const ticketColumns = "id, owner, client, family, expires, spent, version, body"

// key is what the database has in place of the secret. The kind is part of it,
// so that the secret of a ticket is of no use as one of another kind.
func (k Tickets[T]) key(secret string) []byte {
	sum := sha256.Sum256([]byte(k.Kind + "\x00" + secret))
	return sum[:]
}

// Put keeps a new ticket under its secret. fault.Taken says that the secret is
// in use.
func (k Tickets[T]) Put(tx *Tx, secret string, t Ticket[T]) (Ticket[T], error) {
	body, err := k.prepare(tx, &t)
	if err != nil {
		return Ticket[T]{}, err
	}
	key := k.key(secret)
	from, placed, sampled := k.mark(tx, t.Source, key)
	n, err := tx.exec("INSERT INTO ticket (kind, key, id, env, owner, client, family, expires, spent, version, body, source, placed, sampled) "+
		"VALUES ('"+k.Kind+"', $1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
		key, t.ID, tx.env, t.Owner, t.Client, t.Family, millis(t.Expires), spent(t.Spent), body, from, placed, sampled)
	if err != nil {
		return Ticket[T]{}, k.failed(tx, err, "put", t.ID)
	}
	if n == 0 {
		return Ticket[T]{}, fault.Taken.Because(fmt.Errorf("store: put ticket %s %s: the secret is taken", k.Kind, t.ID))
	}
	if sampled == 1 {
		err = k.trim(tx, from)
	}
	t.Version = 1
	return t, err
}

// Get returns the ticket of a secret, also when it has expired or is spent:
// the rule decides. A ticket of another environment is ErrMissing, as one is
// that never was.
func (k Tickets[T]) Get(tx *Tx, secret string) (Ticket[T], error) {
	return k.first(tx, "kind = '"+k.Kind+"' AND key = $1 AND env = $2", k.key(secret), tx.env)
}

// ByID returns the ticket with this id, as Get does.
func (k Tickets[T]) ByID(tx *Tx, id string) (Ticket[T], error) {
	if id == "" {
		return Ticket[T]{}, ErrMissing
	}
	return k.first(tx, "env = $1 AND id = $2 AND kind = '"+k.Kind+"'", tx.env, id)
}

// Save replaces the ticket of a secret when it still has t's Version;
// otherwise, and when it is gone, fault.Stale. A zero Expires is Life from now.
func (k Tickets[T]) Save(tx *Tx, secret string, t Ticket[T]) (Ticket[T], error) {
	body, err := k.prepare(tx, &t)
	if err != nil {
		return Ticket[T]{}, err
	}
	// What is set is written in every index that has it, also when it is as it was:
	// so it is first tried without what seldom changes.
	source := freed(t.Freed)
	n, err := tx.exec("UPDATE ticket SET expires = $1, spent = $2, version = version + 1, body = $3 "+
		"WHERE kind = '"+k.Kind+"' AND key = $4 AND env = $5 AND version = $6 AND id = $7 AND owner = $8 AND client = $9 AND family = $10"+source.asIs,
		millis(t.Expires), spent(t.Spent), body, k.key(secret), tx.env, t.Version, t.ID, t.Owner, t.Client, t.Family)
	if err == nil && n == 0 {
		n, err = tx.exec("UPDATE ticket SET id = $1, owner = $2, client = $3, family = $4"+source.set+", expires = $5, spent = $6, version = version + 1, body = $7 "+
			"WHERE kind = '"+k.Kind+"' AND key = $8 AND env = $9 AND version = $10",
			t.ID, t.Owner, t.Client, t.Family, millis(t.Expires), spent(t.Spent), body, k.key(secret), tx.env, t.Version)
	}
	if err != nil {
		return Ticket[T]{}, k.failed(tx, err, "save", t.ID)
	}
	if n == 0 {
		return Ticket[T]{}, k.stale(t)
	}
	t.Version++
	return t, nil
}

// SaveID replaces the ticket with t's ID, apart from when it was spent, when it
// still has t's Version; otherwise, and when it is gone, fault.Stale.
func (k Tickets[T]) SaveID(tx *Tx, t Ticket[T]) (Ticket[T], error) {
	body, err := k.prepare(tx, &t)
	if err != nil {
		return Ticket[T]{}, err
	}
	n, err := tx.exec("UPDATE ticket SET owner = $1, client = $2, family = $3"+freed(t.Freed).set+", expires = $4, version = version + 1, body = $5 "+
		"WHERE env = $6 AND id = $7 AND kind = '"+k.Kind+"' AND version = $8",
		t.Owner, t.Client, t.Family, millis(t.Expires), body, tx.env, t.ID, t.Version)
	return k.saved(tx, t, n, err)
}

// Move is SaveID for a ticket that gets another secret: the one before finds it
// no more. It stays the same row, so that whoever ends it by its ID meanwhile
// does not miss it.
func (k Tickets[T]) Move(tx *Tx, secret string, t Ticket[T]) (Ticket[T], error) {
	body, err := k.prepare(tx, &t)
	if err != nil {
		return Ticket[T]{}, err
	}
	n, err := tx.exec("UPDATE ticket SET key = $1, owner = $2, client = $3, family = $4, expires = $5, version = version + 1, body = $6 "+
		"WHERE env = $7 AND id = $8 AND kind = '"+k.Kind+"' AND version = $9",
		k.key(secret), t.Owner, t.Client, t.Family, millis(t.Expires), body, tx.env, t.ID, t.Version)
	return k.saved(tx, t, n, err)
}

// saved is what comes of a ticket that n rows of its ID and Version became.
func (k Tickets[T]) saved(tx *Tx, t Ticket[T], n int64, err error) (Ticket[T], error) {
	if err != nil {
		return Ticket[T]{}, k.failed(tx, err, "save", t.ID)
	}
	if n == 0 || t.ID == "" {
		return Ticket[T]{}, k.stale(t)
	}
	t.Version++
	return t, nil
}

// freeing is how a statement frees a ticket from the limits, and whether it must.
type freeing struct{ set, asIs string }

func freed(yes bool) freeing {
	if yes {
		return freeing{set: ", source = ''", asIs: " AND source = ''"}
	}
	return freeing{}
}

func (k Tickets[T]) stale(t Ticket[T]) error {
	return fault.Stale.Because(fmt.Errorf("store: ticket %s %s: version %d is not there", k.Kind, t.ID, t.Version))
}

// Spend spends a ticket that is neither spent nor expired, and lets it stay
// until then. It says whether this call was the one that did: of many at the
// same time, one. Otherwise Get tells why not.
func (k Tickets[T]) Spend(tx *Tx, secret string, until time.Time) (bool, error) {
	if err := checkKind(k.Kind); err != nil {
		return false, err
	}
	n, err := tx.exec("UPDATE ticket SET spent = $1, expires = $2, version = version + 1 "+
		"WHERE kind = '"+k.Kind+"' AND key = $3 AND env = $4 AND spent = 0 AND expires > $5",
		millis(tx.Now()), millis(until), k.key(secret), tx.env, millis(tx.Now()))
	return n == 1, k.failed(tx, err, "spend", "")
}

// Delete deletes the ticket of a secret, if there is one.
func (k Tickets[T]) Delete(tx *Tx, secret string) error {
	if err := checkKind(k.Kind); err != nil {
		return err
	}
	_, err := tx.exec("DELETE FROM ticket WHERE kind = '"+k.Kind+"' AND key = $1 AND env = $2", k.key(secret), tx.env)
	return k.failed(tx, err, "delete", "")
}

// DeleteID deletes the ticket with t's ID when it still has t's Version;
// otherwise, and when it is gone, fault.Stale.
func (k Tickets[T]) DeleteID(tx *Tx, t Ticket[T]) error {
	if err := checkKind(k.Kind); err != nil {
		return err
	}
	n, err := tx.exec("DELETE FROM ticket WHERE env = $1 AND id = $2 AND kind = '"+k.Kind+"' AND version = $3", tx.env, t.ID, t.Version)
	_, err = k.saved(tx, t, n, err)
	return err
}

// Owned returns the tickets of an owner, those that live longest first, at
// most limit of them. Expired and spent ones are among them, as with Get.
func (k Tickets[T]) Owned(tx *Tx, owner string, limit int) ([]Ticket[T], error) {
	if owner == "" {
		return nil, nil
	}
	return k.list(tx, "env = $1 AND owner = $2 AND kind = '"+k.Kind+"' ORDER BY expires DESC, key LIMIT $3", tx.env, owner, int64(limit))
}

// HasOwner says whether the owner has a ticket that has not expired.
func (k Tickets[T]) HasOwner(tx *Tx, owner string) (bool, error) {
	if err := checkKind(k.Kind); err != nil || owner == "" {
		return false, err
	}
	found, err := tx.any("SELECT 1 FROM ticket WHERE env = $1 AND owner = $2 AND kind = '"+k.Kind+"' AND expires > $3 LIMIT 1", tx.env, owner, millis(tx.Now()))
	return found, k.failed(tx, err, "look for", "of "+owner)
}

// Everywhere returns the tickets of all environments that have not expired, at
// most limit of them: those that were saved least often first.
func (k Tickets[T]) Everywhere(tx *Tx, limit int) ([]Ticket[T], error) {
	return k.list(tx, "kind = '"+k.Kind+"' AND expires > $1 ORDER BY version, expires, key LIMIT $2", millis(tx.Now()), int64(limit))
}

func (k Tickets[T]) first(tx *Tx, condition string, args ...any) (Ticket[T], error) {
	found, err := k.list(tx, condition+" LIMIT 1"+tx.lock(), args...)
	if err != nil {
		return Ticket[T]{}, err
	}
	if len(found) == 0 {
		return Ticket[T]{}, ErrMissing
	}
	return found[0], nil
}

func (k Tickets[T]) list(tx *Tx, condition string, args ...any) ([]Ticket[T], error) {
	if err := checkKind(k.Kind); err != nil {
		return nil, err
	}
	var found []Ticket[T]
	var t Ticket[T]
	err := tx.each("SELECT "+ticketColumns+" FROM ticket WHERE "+condition, args, func(rows row) error {
		t = Ticket[T]{}
		var expires, spent int64
		var body []byte
		if err := rows.Scan(&t.ID, &t.Owner, &t.Client, &t.Family, &expires, &spent, &t.Version, &body); err != nil {
			return err
		}
		if err := json.Unmarshal(body, &t.Body); err != nil {
			return err
		}
		t.Expires = fromMillis(expires)
		if spent != 0 {
			t.Spent = fromMillis(spent)
		}
		found = append(found, t)
		return nil
	})
	if err != nil {
		return nil, k.failed(tx, err, "read", t.ID)
	}
	return found, nil
}

// prepare checks a ticket before it is written, makes its times what they will
// be when it is read, and returns its body.
func (k Tickets[T]) prepare(tx *Tx, t *Ticket[T]) (string, error) {
	if err := checkKind(k.Kind); err != nil {
		return "", err
	}
	if t.Expires.IsZero() {
		t.Expires = tx.Now().Add(k.Life)
	}
	t.Expires = fromMillis(millis(t.Expires))
	if !t.Spent.IsZero() {
		t.Spent = fromMillis(millis(t.Spent))
	}
	body, err := json.Marshal(t.Body)
	if err != nil {
		return "", fmt.Errorf("store: write ticket %s %s: %w", k.Kind, t.ID, err)
	}
	return string(body), nil
}

func (k Tickets[T]) failed(tx *Tx, err error, doing, id string) error {
	return tx.failed(err, "%s ticket %s %s", doing, k.Kind, id)
}

func spent(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return millis(t)
}
