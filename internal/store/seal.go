package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
)

// Sealer seals what must be read back, a private key say, so that the database
// alone is not enough to read it. It may know several master keys: it unseals
// under each, and seals under the one that the database names, or under the
// first as long as it knows no database.
type Sealer struct {
	keys  []*masterKey
	state atomic.Pointer[sealing]
}

// sealing is what a Sealer seals and derives with.
type sealing struct {
	key  *masterKey
	root []byte // of the keys for other purposes
}

// masterKey is what becomes of one master key.
type masterKey struct {
	id   string // says nothing about the key
	aead cipher.AEAD
	root []byte // of the keys for other purposes in a database that keeps none
}

// The bytes of a master key and of a root.
const (
	masterKeyBytes = 32
	rootBytes      = 32
)

// NewSealer returns the Sealer of master keys, each of 32 bytes from chance. The
// first is the one that a new database is sealed under.
func NewSealer(first []byte, more ...[]byte) (*Sealer, error) {
	s := &Sealer{}
	for _, raw := range append([][]byte{first}, more...) {
		key, err := newMasterKey(raw)
		if err != nil {
			return nil, err
		}
		if s.known(key.id) == nil {
			s.keys = append(s.keys, key)
		}
	}
	s.state.Store(&sealing{key: s.keys[0], root: s.keys[0].root})
	return s, nil
}

func newMasterKey(raw []byte) (*masterKey, error) {
	if len(raw) != masterKeyBytes {
		return nil, fmt.Errorf("the master key has %d bytes, not %d", len(raw), masterKeyBytes)
	}
	// The master key has other uses, so what seals is derived from it.
	derived, err := hkdf.Key(sha256.New, raw, nil, "pixy seal v1", 32)
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
	root, err := hkdf.Key(sha256.New, raw, nil, "pixy derive v1", rootBytes)
	if err != nil {
		return nil, fmt.Errorf("derive the other keys: %w", err)
	}
	h := hmac.New(sha256.New, raw)
	h.Write([]byte("pixy master key id"))
	return &masterKey{id: hex.EncodeToString(h.Sum(nil)[:8]), aead: aead, root: root}, nil
}

// known is the key with an id, or nil.
func (s *Sealer) known(id string) *masterKey {
	for _, k := range s.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// ids are those of all keys.
func (s *Sealer) ids() []string {
	var out []string
	for _, k := range s.keys {
		out = append(out, k.id)
	}
	return out
}

// Derive returns the key for a purpose, the same on every node and for as long
// as the database lives: another master key does not change it.
func (s *Sealer) Derive(purpose string) []byte {
	h := hmac.New(sha256.New, s.state.Load().root)
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
	return s.state.Load().key.seal(env, kind, id, plain), nil
}

func (k *masterKey) seal(env, kind, id string, plain []byte) string {
	return sealMark + k.id + "." + base64.RawURLEncoding.EncodeToString(k.aead.Seal(nil, nil, plain, place(env, kind, id)))
}

// sealMark begins everything that is sealed.
const sealMark = "v1."

// sealedUnder is the id of the key that a text says it is sealed under, and the
// rest of it.
func sealedUnder(sealed string) (id, text string, ok bool) {
	rest, marked := strings.CutPrefix(sealed, sealMark)
	id, text, ok = strings.Cut(rest, ".")
	return id, text, marked && ok
}

// Unseal returns what was sealed. The error is ErrOtherKey when that was done
// under a key that the Sealer doesn't know; any other says that the text is not
// one of Seal's for this env, kind and id.
func (s *Sealer) Unseal(env, kind, id, sealed string) ([]byte, error) {
	under, text, ok := sealedUnder(sealed)
	if !ok {
		return nil, fmt.Errorf("unseal %s %s: it has not the form of something sealed", kind, id)
	}
	key := s.known(under)
	if key == nil {
		return nil, fmt.Errorf("unseal %s %s: %w", kind, id, ErrOtherKey)
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("unseal %s %s: %w", kind, id, err)
	}
	plain, err := key.aead.Open(nil, nil, raw, place(env, kind, id))
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
