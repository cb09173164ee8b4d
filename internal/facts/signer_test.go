package facts

import (
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"io"
	"testing"
	"time"

	"pixy/internal/platform"
	"pixy/internal/store"
)

// spy is a key that tells of its signatures.
type spy struct {
	*rsa.PrivateKey
	signed *int
}

func (s spy) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	*s.signed++
	return s.PrivateKey.Sign(random, digest, opts)
}

// TestRSASigner gives a vault what signs with RSA keys: it is asked once for each
// key, and for no key of another kind.
func TestRSASigner(t *testing.T) {
	w, v := newWorld(t), testVault(t, 1)
	var made, signed int
	v.rsa = func(key *rsa.PrivateKey) crypto.Signer {
		made++
		return spy{key, &signed}
	}
	for _, c := range []struct {
		spec         platform.Key
		made, signed int // after two signatures
	}{
		{platform.Key{Algorithm: "RSA", KeyLength: 2048, SignatureAlgorithm: "SHA256withRSA"}, 1, 2},
		{platform.Key{Algorithm: "RSA", KeyLength: 2048, SignatureAlgorithm: platform.SignatureRSAPSS}, 1, 2},
		{platform.Key{Algorithm: "EC", KeyLength: 256, SignatureAlgorithm: "SHA256withECDSA"}, 0, 0},
		{platform.Key{Algorithm: "Ed25519", KeyLength: 256, SignatureAlgorithm: platform.SignatureEd25519}, 0, 0},
	} {
		made, signed = 0, 0
		c.spec.UsageType, c.spec.SubjectDN, c.spec.ValidityPeriod = platform.UsageSigning, "CN=Key", 365
		id := c.spec.Algorithm + c.spec.SignatureAlgorithm
		body, err := v.Key(t.Context(), "e1", id, c.spec, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		w.put(t, "key", id, json.RawMessage(body))
		for range 2 {
			w.in(t, "e1", func(tx *store.Tx) error {
				s, err := v.signerWith(tx, id)
				if err == nil {
					_, err = s.Sign(map[string]string{"sub": "u"}, "")
				}
				return err
			})
		}
		if made != c.made || signed != c.signed {
			t.Errorf("%s: %d signers were made, and signed %d times; want %d and %d", id, made, signed, c.made, c.signed)
		}
	}
}
