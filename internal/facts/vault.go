package facts

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// Vault makes and reads what takes chance, time or the master key: ids,
// secrets, signing keys, password hashes. None of it is done inside a write.
type Vault struct {
	sealer *store.Sealer
	chance func([]byte)
	keys   *keyring
	making chan struct{} // holds an element while a key is made
	rsa    RSASigner
	*hasher
}

// RSASigner makes what signs with an RSA key. nil is the key itself, by Go.
type RSASigner func(*rsa.PrivateKey) crypto.Signer

// NewVault makes a vault. hashes is how many password hashes are computed at
// the same time, 0 for one a processor but the last.
func NewVault(sealer *store.Sealer, chance func([]byte), cost platform.HashCost, hashes int, signer RSASigner) *Vault {
	return &Vault{sealer: sealer, chance: chance, keys: newKeyring(), making: make(chan struct{}, 1), rsa: signer, hasher: newHasher(cost, hashes, chance)}
}

// NewID returns a random id in the shape of a UUID (RFC 9562 §5.4).
func (v *Vault) NewID() string {
	var b [16]byte
	v.chance(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return shape(b)
}

// NewToken returns a secret of 128 random bits in the shape of a UUID, which
// is how session tokens and codes look on the wire; unlike a UUID it has no
// fixed bits (RFC 6749 §10.10 asks for all of them).
func (v *Vault) NewToken() string {
	var b [16]byte
	v.chance(b[:])
	return shape(b)
}

// NewUserCode returns a new user code (RFC 8628 §6.1), without its dash.
func (v *Vault) NewUserCode() string {
	var b [8]byte
	v.chance(b[:])
	return oauth.UserCode(binary.BigEndian.Uint64(b[:]))
}

func shape(b [16]byte) string {
	var out [36]byte
	at := 0
	for _, part := range [][]byte{b[0:4], b[4:6], b[6:8], b[8:10], b[10:16]} {
		if at > 0 {
			out[at] = '-'
			at++
		}
		at += hex.Encode(out[at:], part)
	}
	return string(out[:])
}

// MACKey is the key under which texts of a purpose are signed, the same on
// every node.
func (v *Vault) MACKey(purpose string) []byte { return v.sealer.Derive(purpose) }

// Secret seals a given secret of an application or a resource, noun "secret"
// or "resourceSecret", or a new one: 64 characters from 384 random bits.
func (v *Vault) Secret(env, noun, id, given string) (sealed, plain string, err error) {
	if plain = given; plain == "" {
		random := make([]byte, 48)
		v.chance(random)
		plain = base64.RawURLEncoding.EncodeToString(random)
	}
	sealed, err = v.sealer.Seal(env, noun, id, []byte(plain))
	return sealed, plain, err
}

// Seal seals a text that a document of a kind keeps.
func (v *Vault) Seal(env, noun, id, text string) (string, error) {
	return v.sealer.Seal(env, noun, id, []byte(text))
}

// Secrets unseals secrets.
func (v *Vault) Secrets(env, noun, id string, sealed []string) ([]string, error) {
	var out []string
	for _, text := range sealed {
		plain, err := v.sealer.Unseal(env, noun, id, text)
		if err != nil {
			return nil, err
		}
		out = append(out, string(plain))
	}
	return out, nil
}

// LiveSecrets are the sealed secrets that an application may authenticate
// with: the current one and, while it lives, the previous one.
func LiveSecrets(tx *store.Tx, app string) ([]string, error) { return liveSecrets(tx, "secret", app) }

// ResourceSecrets are a resource and the sealed secrets that it may
// authenticate with; the zero resource when there is none with this id.
func ResourceSecrets(tx *store.Tx, id string) (platform.Resource, []string, error) {
	resource, _, err := Get[platform.Resource](tx, "resource", id)
	if errors.Is(err, store.ErrMissing) {
		return resource, nil, nil
	}
	if err != nil {
		return resource, nil, err
	}
	sealed, err := liveSecrets(tx, "resourceSecret", id)
	return resource, sealed, err
}

func liveSecrets(tx *store.Tx, noun, id string) ([]string, error) {
	secret, _, err := Get[platform.Secret](tx, noun, id)
	if errors.Is(err, store.ErrMissing) {
		return nil, nil
	}
	out := []string{secret.Sealed}
	if p := secret.Previous; p != nil && tx.Now().Before(p.ExpiresAt) {
		out = append(out, p.Sealed)
	}
	return out, err
}
