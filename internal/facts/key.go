package facts

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// Key makes a key pair as it is specified, with a certificate that it signs
// itself, and returns its body: the private part sealed for the environment
// and the id. An RSA key takes a tenth of a second or more.
func (v *Vault) Key(ctx context.Context, env, id string, spec platform.Key, now time.Time) (json.RawMessage, error) {
	select { // one at a time, so that password hashes have the other processors
	case v.making <- struct{}{}:
		defer func() { <-v.making }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	private, err := newPrivateKey(spec)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	if spec.Sealed, err = v.sealer.Seal(env, "key", id, raw); err != nil {
		return nil, err
	}
	if spec.Public, err = publicJWK(private, id, spec); err != nil {
		return nil, err
	}
	if spec.SerialNumber == 0 {
		var b [8]byte
		v.chance(b[:])
		spec.SerialNumber = int64(binary.BigEndian.Uint64(b[:])>>12) + 1
	}
	spec.IssuerDN = spec.SubjectDN
	begins, ends := now, now.AddDate(0, 0, spec.ValidityPeriod)
	spec.StartsAt, spec.ExpiresAt = platform.Stamp(begins), platform.Stamp(ends)
	if spec.Certificate, err = certificate(private, spec, begins, ends); err != nil {
		return nil, err
	}
	return json.Marshal(spec)
}

func newPrivateKey(spec platform.Key) (crypto.Signer, error) {
	switch spec.Algorithm {
	case "RSA":
		return rsa.GenerateKey(rand.Reader, spec.KeyLength)
	case "Ed25519":
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	curves := map[int]elliptic.Curve{224: elliptic.P224(), 256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}
	return ecdsa.GenerateKey(curves[spec.KeyLength], rand.Reader)
}

// publicJWK is the key as the JWKS publishes it (RFC 7517), or nothing for a
// key that signs no tokens.
func publicJWK(private crypto.Signer, id string, spec platform.Key) (json.RawMessage, error) {
	signer := tokenSigner(private, id, spec)
	if signer.Algorithm == "" || spec.UsageType != platform.UsageSigning {
		return nil, nil
	}
	return json.Marshal(signer.Public())
}

// tokenSigner is a key with the algorithm by which it signs tokens, "" when it
// can't.
func tokenSigner(private crypto.Signer, id string, spec platform.Key) oauth.Signer {
	return oauth.Signer{KeyID: id, Key: private, Random: rand.Reader, Algorithm: oauth.SigningAlgorithm(private, spec.SignatureAlgorithm == platform.SignatureRSAPSS)}
}

func certificate(private crypto.Signer, spec platform.Key, begins, ends time.Time) ([]byte, error) {
	subject, err := platform.ReadDN(spec.SubjectDN)
	if err != nil {
		return nil, fmt.Errorf("the subject of a key: %w", err)
	}
	algorithm := map[string]x509.SignatureAlgorithm{
		"SHA256withRSA": x509.SHA256WithRSA, "SHA384withRSA": x509.SHA384WithRSA, "SHA512withRSA": x509.SHA512WithRSA,
		"SHA256withECDSA": x509.ECDSAWithSHA256, "SHA384withECDSA": x509.ECDSAWithSHA384, "SHA512withECDSA": x509.ECDSAWithSHA512,
		platform.SignatureRSAPSS: x509.SHA256WithRSAPSS, platform.SignatureEd25519: x509.PureEd25519,
	}[spec.SignatureAlgorithm]
	template := &x509.Certificate{SerialNumber: big.NewInt(spec.SerialNumber), Subject: subject, NotBefore: begins, NotAfter: ends,
		KeyUsage: x509.KeyUsageDigitalSignature, SignatureAlgorithm: algorithm}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, fmt.Errorf("making the certificate of a key: %w", err)
	}
	return der, nil
}

// SignerOf is the key that signs an application's tokens: the one that it names,
// or else the current key of its policy.
func (v *Vault) SignerOf(tx *store.Tx, app platform.Application) (signer oauth.Signer, err error) {
	if id := app.Signing.Key.ID; id != "" {
		signer, err = v.signerWith(tx, id)
	} else {
		signer, err = v.Signer(tx, app.Signing.KeyRotationPolicy.ID)
	}
	if !app.IncludeX5t {
		signer.Thumbprint = ""
	}
	return signer, err
}

// Signer is the current key of a key rotation policy, or else of the
// environment's, unsealed.
func (v *Vault) Signer(tx *store.Tx, policy string) (oauth.Signer, error) {
	p, err := rotationPolicy(tx, policy)
	if err != nil {
		return oauth.Signer{}, Lacking("a key rotation policy of environment "+tx.Env(), err)
	}
	return v.signerWith(tx, p.CurrentKeyID)
}

func (v *Vault) signerWith(tx *store.Tx, id string) (oauth.Signer, error) {
	d, err := tx.Get("key", id)
	if err != nil {
		return oauth.Signer{}, Lacking("the signing key "+id, err)
	}
	return v.keys.get(keyVersion{tx.Env(), d.ID, d.Version}, func() (oauth.Signer, error) { return v.unsealKey(tx.Env(), d) })
}

func rotationPolicy(tx *store.Tx, id string) (platform.KeyRotationPolicy, error) {
	return store.Recall(tx, "rotation policy "+id, func() (platform.KeyRotationPolicy, error) { return readRotationPolicy(tx, id) })
}

func readRotationPolicy(tx *store.Tx, id string) (platform.KeyRotationPolicy, error) {
	if id != "" {
		p, _, err := Get[platform.KeyRotationPolicy](tx, "keyRotationPolicy", id)
		return p, err
	}
	d, err := Default(tx, "keyRotationPolicy")
	if err != nil {
		return platform.KeyRotationPolicy{}, err
	}
	return Decode[platform.KeyRotationPolicy](d)
}

func (v *Vault) unsealKey(env string, d store.Document) (oauth.Signer, error) {
	k, err := Decode[platform.Key](d)
	if err != nil {
		return oauth.Signer{}, err
	}
	raw, err := v.sealer.Unseal(env, "key", d.ID, k.Sealed)
	if err != nil {
		return oauth.Signer{}, fmt.Errorf("unsealing the signing key %s: %w", d.ID, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return oauth.Signer{}, fmt.Errorf("reading the signing key %s: %w", d.ID, err)
	}
	key, ok := parsed.(crypto.Signer)
	if private, is := parsed.(*rsa.PrivateKey); is && v.rsa != nil {
		key = v.rsa(private)
	}
	signer := tokenSigner(key, d.ID, k)
	if !ok || signer.Algorithm == "" {
		return oauth.Signer{}, errors.New("the signing key " + d.ID + " is of a kind that signs no tokens")
	}
	sum := sha1.Sum(k.Certificate) // RFC 7515 §4.1.7 names this hash
	signer.Thumbprint = base64.RawURLEncoding.EncodeToString(sum[:])
	return signer, nil
}

// PublicKeys are the keys of an environment that tokens may be verified with: all
// that were made to sign, whether they sign yet, still, or no longer.
func PublicKeys(tx *store.Tx) ([]jose.JSONWebKey, error) {
	return store.Recall(tx, "public keys", func() ([]jose.JSONWebKey, error) { return publicKeys(tx) })
}

func publicKeys(tx *store.Tx) ([]jose.JSONWebKey, error) {
	keys, err := All[platform.Key](tx, "key", kind.Expr{})
	out := []jose.JSONWebKey{}
	for _, k := range keys {
		if !k.Published() {
			continue
		}
		var public jose.JSONWebKey
		if err := json.Unmarshal(k.Public, &public); err != nil {
			return nil, fmt.Errorf("reading a public key: %w", err)
		}
		out = append(out, public)
	}
	return out, err
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
