package facts

import (
	"crypto/sha256"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/oauth"
)

// maxVerified bounds each of the two halves of what is remembered: with it they are
// about ten megabytes.
const maxVerified = 4096

// Verified remembers access tokens whose signature was good, so that a token which is
// presented again costs no second verification, but all other checks. It knows a
// token by its hash, and holds it for good only against the very keys it was
// verified with: keys that were read anew, for whatever reason, are others.
//
// There are two halves: when the newer one is full, it becomes the older one, and
// what was older is forgotten.
type Verified struct {
	mu         sync.Mutex
	new, older map[[sha256.Size]byte]known
}

type known struct {
	claims oauth.Access
	keys   *jose.JSONWebKey // the first of them
}

// NewVerified remembers nothing.
func NewVerified() *Verified { return &Verified{new: map[[sha256.Size]byte]known{}} }

// Claims are those of a token that one of the keys has signed. Others may share
// what they point to: nobody may change it.
func (s *Verified) Claims(token string, keys []jose.JSONWebKey) (oauth.Access, error) {
	if len(keys) == 0 {
		return oauth.Signed(token, keys)
	}
	name := sha256.Sum256([]byte(token))
	if v, ok := s.find(name); ok && v.keys == &keys[0] {
		return v.claims, nil
	}
	claims, err := oauth.Signed(token, keys)
	if err == nil {
		s.keep(name, known{claims, &keys[0]})
	}
	return claims, err
}

// Issued is what a token says of itself, whoever has signed it: an environment
// whose keys must be asked.
func (s *Verified) Issued(token string) (oauth.Access, error) {
	if v, ok := s.find(sha256.Sum256([]byte(token))); ok {
		return v.claims, nil
	}
	return oauth.Peek(token)
}

func (s *Verified) find(name [sha256.Size]byte) (known, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.new[name]; ok {
		return v, true
	}
	v, ok := s.older[name]
	if ok {
		s.put(name, v)
	}
	return v, ok
}

func (s *Verified) keep(name [sha256.Size]byte, v known) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(name, v)
}

func (s *Verified) put(name [sha256.Size]byte, v known) {
	if len(s.new) >= maxVerified {
		s.new, s.older = make(map[[sha256.Size]byte]known, maxVerified), s.new
	}
	s.new[name] = v
}
