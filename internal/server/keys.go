package server

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/store"
)

// signingKey is a key of an environment, as it is stored: the private part
// sealed, the public part as the JWKS shows it.
type signingKey struct {
	Public  jose.JSONWebKey `json:"public"`
	Sealed  string          `json:"sealed"`
	Current bool            `json:"current"`
}

// newSigningKey makes an RSA key for an environment. It takes a tenth of a
// second or so.
func (s *Server) newSigningKey(env, id string) (json.RawMessage, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making a signing key: %w", err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a signing key: %w", err)
	}
	sealed, err := s.sealer.Seal(env, "signingKey", id, raw)
	if err != nil {
		return nil, err
	}
	return json.Marshal(signingKey{Public: (oauth.Signer{KeyID: id, Key: key}).Public(), Sealed: sealed, Current: true})
}

// signer is the environment's current key, unsealed.
func (s *Server) signer(tx *store.Tx) (oauth.Signer, error) {
	d, err := tx.Find("signingKey", kind.Expr{Op: kind.Eq, Path: "current", Type: kind.Boolean, Value: true})
	if err != nil {
		return oauth.Signer{}, lacking("a signing key of environment "+tx.Env(), err)
	}
	return s.keys.get(keyVersion{tx.Env(), d.ID, d.Version}, func() (oauth.Signer, error) { return s.unsealKey(tx.Env(), d) })
}

func (s *Server) unsealKey(env string, d store.Document) (oauth.Signer, error) {
	k, err := decode[signingKey](d)
	if err != nil {
		return oauth.Signer{}, err
	}
	raw, err := s.sealer.Unseal(env, "signingKey", d.ID, k.Sealed)
	if err != nil {
		return oauth.Signer{}, fmt.Errorf("unsealing the signing key %s: %w", d.ID, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return oauth.Signer{}, fmt.Errorf("reading the signing key %s: %w", d.ID, err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return oauth.Signer{}, errors.New("the signing key " + d.ID + " is not an RSA key")
	}
	return oauth.Signer{KeyID: d.ID, Key: key}, nil
}

// keyring remembers unsealed keys, so that a signature does not begin with
// parsing one. An entry is named by the version of its document, which is read
// at each request: a changed key is another entry, so nothing here goes stale.
type keyring struct {
	mu   sync.Mutex
	keys map[keyVersion]oauth.Signer
}

type keyVersion struct {
	env, id string
	version int64
}

// maxKeys bounds the keyring; when it is full it begins anew.
const maxKeys = 1024

func newKeyring() *keyring { return &keyring{keys: map[keyVersion]oauth.Signer{}} }

func (k *keyring) get(v keyVersion, unseal func() (oauth.Signer, error)) (oauth.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s, ok := k.keys[v]; ok {
		return s, nil
	}
	s, err := unseal()
	if err != nil {
		return s, err
	}
	if len(k.keys) >= maxKeys {
		clear(k.keys)
	}
	k.keys[v] = s
	return s, nil
}
