package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// The document by which the database knows its master key.
const (
	checkKindName = "masterKey"
	checkID       = "check"
	checkPlain    = "pixy"
)

// checkValue is its body. A database of a version that knew no other key than
// its first has Sealed alone.
type checkValue struct {
	Sealed  string   `json:"sealed"`            // checkPlain, under the key that seals
	Root    string   `json:"root,omitempty"`    // of all that is derived, under the same key
	From    string   `json:"from,omitempty"`    // the id of the key that is being replaced
	Retired []string `json:"retired,omitempty"` // the ids of those that were
}

// otherKey is an ErrOtherKey that knows more.
type otherKey string

func (e otherKey) Error() string { return string(e) }

func (e otherKey) Is(target error) bool { return target == ErrOtherKey }

const (
	errReplaced   otherKey = "the master key was replaced by pixy key rotate: start Pixy with the new one"
	errNeedsNext  otherKey = "the master key is being replaced: start Pixy with the old key and the new one, in PIXY_MASTER_KEY and PIXY_NEXT_MASTER_KEY or in their files"
	errNeedsFirst otherKey = "the master key is not replaced everywhere yet: start Pixy with the old key too, the new one as the next, until pixy key rotate has ended"
)

// Claim makes the database belong to the Sealer's first key, the first time. Ever
// after it says ErrOtherKey when the Sealer lacks a key that something in the
// database may be sealed under. From then on the Sealer seals and derives as the
// database says, and so does Put.
func (db *DB) Claim(ctx context.Context, s *Sealer) error {
	var kept []byte
	err := db.View(ctx, "", func(tx *Tx) error {
		d, err := tx.Get(checkKindName, checkID)
		kept = d.Body
		return err
	})
	if errors.Is(err, ErrMissing) {
		kept, err = db.claimFirst(ctx, s)
	}
	if err != nil {
		return err
	}
	if _, err := s.follow(kept); err != nil {
		return err
	}
	db.sealer.Store(s)
	return nil
}

// claimFirst returns the check that is there now: ours, or that of whoever was
// quicker.
func (db *DB) claimFirst(ctx context.Context, s *Sealer) (kept []byte, err error) {
	root := make([]byte, rootBytes)
	_, _ = rand.Read(root) // never fails: it ends the program instead
	body, err := json.Marshal(checkUnder(s.keys[0], root))
	if err != nil {
		return nil, err
	}
	err = db.Update(ctx, "", func(tx *Tx) error {
		d, err := tx.Get(checkKindName, checkID)
		if errors.Is(err, ErrMissing) {
			if err := tx.whole(); err != nil { // a copy may have begun since Open
				return err
			}
			d, err = tx.Put(Document{Kind: checkKindName, ID: checkID, Body: body})
		}
		kept = d.Body
		return err
	})
	return kept, err
}

func checkUnder(key *masterKey, root []byte) checkValue {
	return checkValue{Sealed: key.seal("", checkKindName, checkID, []byte(checkPlain)), Root: key.seal("", checkKindName, checkID, root)}
}

// follow makes the Sealer seal and derive as a check says.
func (s *Sealer) follow(body []byte) (checkValue, error) {
	var c checkValue
	if err := json.Unmarshal(body, &c); err != nil {
		return c, fmt.Errorf("the database's check of the master key can't be read: %w", err)
	}
	id, _, ok := sealedUnder(c.Sealed)
	if !ok {
		return c, errors.New("the database's check of the master key is damaged: it has not the form of something sealed")
	}
	if err := s.lacks(id, c); err != nil {
		return c, err
	}
	plain, err := s.Unseal("", checkKindName, checkID, c.Sealed)
	if err == nil && string(plain) != checkPlain {
		err = errors.New("it says something else")
	}
	key := s.known(id)
	root := key.root
	if err == nil && c.Root != "" {
		root, err = s.Unseal("", checkKindName, checkID, c.Root)
	}
	if err == nil && len(root) != rootBytes {
		err = fmt.Errorf("the root has %d bytes, not %d", len(root), rootBytes)
	}
	if err != nil {
		return c, fmt.Errorf("the database's check of the master key is damaged: %w", err)
	}
	s.state.Store(&sealing{key: key, root: root})
	return c, nil
}

// lacks says which key a Sealer would need for a database that is sealed under
// one, and from another one still in part.
func (s *Sealer) lacks(id string, c checkValue) error {
	has, had := s.known(id) != nil, s.known(c.From) != nil
	retired := slices.ContainsFunc(s.ids(), func(id string) bool { return slices.Contains(c.Retired, id) })
	switch {
	case has && (c.From == "" || had):
		return nil
	case has:
		return errNeedsFirst
	case had:
		return errNeedsNext
	case retired:
		return errReplaced
	}
	return ErrOtherKey
}

// check reads the check; it stays as it is until the transaction ends.
func (tx *Tx) check() (body []byte, err error) {
	err = tx.one("SELECT body FROM document WHERE env = '' AND kind = '"+checkKindName+"' AND id = '"+checkID+"'"+tx.work.dialect.share, nil, &body)
	return body, tx.failed(err, "get the check of the master key")
}

// underNamedKey is the body of a document as it is to be kept. What it has
// sealed was sealed before the transaction, perhaps under a key that has been
// replaced meanwhile: that is sealed anew here, which takes microseconds. So
// from the moment at which the database names another key, nothing is kept under
// the one before, whatever the nodes have heard.
func (tx *Tx) underNamedKey(d Document) ([]byte, error) {
	s := tx.work.sealer
	if s == nil || d.Kind == checkKindName || !bytes.Contains(d.Body, []byte(`"`+sealMark)) {
		return d.Body, nil
	}
	check, err := tx.check()
	if err != nil {
		return nil, err
	}
	if _, err := s.follow(check); err != nil {
		return nil, fmt.Errorf("store: put %s %s: %w", d.Kind, d.ID, err)
	}
	key := s.state.Load().key
	body, _, _ := s.anew(tx.env, d, func(under string) *masterKey {
		if under == key.id {
			return nil
		}
		return key
	})
	return body, nil
}

// anew is a body in which what is sealed under some keys is sealed under others:
// to says under which, nil for leaving it. It counts what was sealed anew and
// what can't be unsealed, which stays as it is; a person may write such a text.
//
// A sealed text has no character that JSON writes in another way, so it stands
// in the body as it is, and nothing else in there changes.
func (s *Sealer) anew(env string, d Document, to func(under string) *masterKey) (body []byte, done, unreadable int) {
	rest, mark := d.Body, []byte(`"`+sealMark)
	for {
		begin := bytes.Index(rest, mark)
		if begin < 0 {
			return append(body, rest...), done, unreadable
		}
		begin++
		length := bytes.IndexByte(rest[begin:], '"')
		if length < 0 {
			return append(body, rest...), done, unreadable
		}
		text := string(rest[begin : begin+length])
		body, rest = append(body, rest[:begin]...), rest[begin+length:]
		under, _, _ := sealedUnder(text)
		if key := to(under); key != nil && s.known(under) != nil {
			if plain, err := s.Unseal(env, d.Kind, d.ID, text); err == nil {
				text = key.seal(env, d.Kind, d.ID, plain)
				done++
			} else {
				unreadable++
			}
		}
		body = append(body, text...)
	}
}
