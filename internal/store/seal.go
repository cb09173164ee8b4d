package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Sealer seals what must be read back, a private key say, so that the database
// alone is not enough to read it.
type Sealer struct {
	id   string // of the key; says nothing about it
	aead cipher.AEAD
	root []byte // of the keys for other purposes
}

const masterKeyBytes = 32

// NewSealer returns the Sealer of a master key, 32 bytes from chance.
func NewSealer(key []byte) (*Sealer, error) {
	if len(key) != masterKeyBytes {
		return nil, fmt.Errorf("the master key has %d bytes, not %d", len(key), masterKeyBytes)
	}
	// The master key has other uses, so what seals is derived from it.
	derived, err := hkdf.Key(sha256.New, key, nil, "pixy seal v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the sealing key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("make the sealing cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make the sealing cipher: %w", err)
	}
	root, err := hkdf.Key(sha256.New, key, nil, "pixy derive v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the other keys: %w", err)
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte("pixy master key id"))
	return &Sealer{id: hex.EncodeToString(h.Sum(nil)[:8]), aead: aead, root: root}, nil
}

// Derive returns the key for a purpose, the same on every node that has the
// master key.
func (s *Sealer) Derive(purpose string) []byte {
	h := hmac.New(sha256.New, s.root)
	h.Write([]byte(purpose))
	return h.Sum(nil)
}

// String hides what a Sealer has in it.
func (s *Sealer) String() string { return "•••" }

// GoString is String.
func (s *Sealer) GoString() string { return s.String() }

// Seal returns "v1", the id of the key and the sealed text, joined by dots. It
// can be unsealed for the same env, kind and id only.
func (s *Sealer) Seal(env, kind, id string, plain []byte) (string, error) {
	sealed := s.aead.Seal(nil, nil, plain, place(env, kind, id))
	return "v1." + s.id + "." + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Unseal returns what was sealed. The error is ErrOtherKey when that was done
// under another key; any other says that the text is not one of Seal's for
// this env, kind and id.
func (s *Sealer) Unseal(env, kind, id, sealed string) ([]byte, error) {
	version, rest, _ := strings.Cut(sealed, ".")
	key, text, ok := strings.Cut(rest, ".")
	if version != "v1" || !ok {
		return nil, fmt.Errorf("unseal %s %s: it has not the form of something sealed", kind, id)
	}
	if key != s.id {
		return nil, fmt.Errorf("unseal %s %s: %w", kind, id, ErrOtherKey)
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("unseal %s %s: %w", kind, id, err)
	}
	plain, err := s.aead.Open(nil, nil, raw, place(env, kind, id))
	if err != nil {
		return nil, fmt.Errorf("unseal %s %s: %w", kind, id, err)
	}
	return plain, nil
}

// place is the associated data. The lengths keep ("a", "bc") and ("ab", "c")
// apart.
func place(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint64(b, uint64(len(p)))
		b = append(b, p...)
	}
	return b
}

const (
	checkKindName = "masterKey"
	checkID       = "check"
	checkPlain    = "pixy"
)

// Claim makes the database belong to the Sealer's key, the first time, and
// says ErrOtherKey ever after when it belongs to another.
func (db *DB) Claim(ctx context.Context, s *Sealer) error {
	sealed, err := s.Seal("", checkKindName, checkID, []byte(checkPlain))
	if err != nil {
		return err
	}
	body, err := json.Marshal(checkValue{Sealed: sealed})
	if err != nil {
		return err
	}
	kept, err := db.readCheck(ctx)
	if errors.Is(err, ErrMissing) {
		err = db.Update(ctx, "", func(tx *Tx) error {
			d, err := tx.Get(checkKindName, checkID)
			if errors.Is(err, ErrMissing) {
				d, err = tx.Put(Document{Kind: checkKindName, ID: checkID, Body: body})
			}
			kept = d.Body
			return err
		})
	}
	if err != nil {
		return err
	}
	return s.recognise(kept)
}

type checkValue struct {
	Sealed string `json:"sealed"`
}

func (db *DB) readCheck(ctx context.Context) (body []byte, err error) {
	err = db.View(ctx, "", func(tx *Tx) error {
		d, err := tx.Get(checkKindName, checkID)
		body = d.Body
		return err
	})
	return body, err
}

func (s *Sealer) recognise(body []byte) error {
	var c checkValue
	if err := json.Unmarshal(body, &c); err != nil {
		return fmt.Errorf("the database's check of the master key can't be read: %w", err)
	}
	_, err := s.Unseal("", checkKindName, checkID, c.Sealed)
	if errors.Is(err, ErrOtherKey) {
		return ErrOtherKey
	}
	if err != nil {
		return fmt.Errorf("the database's check of the master key is damaged: %w", err)
	}
	return nil
}
