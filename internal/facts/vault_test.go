package facts

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// TestKey makes every kind of key: its certificate verifies against itself and
// has what the specification says, and the private part is sealed.
func TestKey(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	v := testVault(t, 1)
	dn := "CN=Example, OU=Login, O=Example Corp, L=Berlin, ST=Berlin, C=DE"
	for _, c := range []struct {
		spec platform.Key
		alg  string // in the JWKS, "" when it is not there
	}{
		{platform.Key{Algorithm: "RSA", KeyLength: 2048, SignatureAlgorithm: "SHA256withRSA", UsageType: platform.UsageSigning}, "RS256"},
		{platform.Key{Algorithm: "RSA", KeyLength: 2048, SignatureAlgorithm: "SHA384withRSA", UsageType: "ENCRYPTION"}, ""},
		{platform.Key{Algorithm: "RSA", KeyLength: 2048, SignatureAlgorithm: "SHA512withRSA", UsageType: "SSL/TLS", SerialNumber: 4711}, ""},
		{platform.Key{Algorithm: "EC", KeyLength: 224, SignatureAlgorithm: "SHA256withECDSA", UsageType: "OUTBOUND_MTLS"}, ""},
		{platform.Key{Algorithm: "EC", KeyLength: 256, SignatureAlgorithm: "SHA256withECDSA", UsageType: platform.UsageSigning}, "ES256"},
		{platform.Key{Algorithm: "EC", KeyLength: 384, SignatureAlgorithm: "SHA384withECDSA", UsageType: "ISSUANCE"}, ""},
		{platform.Key{Algorithm: "EC", KeyLength: 521, SignatureAlgorithm: "SHA512withECDSA", UsageType: platform.UsageSigning, SerialNumber: 1}, ""},
		{platform.Key{Algorithm: "RSA", KeyLength: 2048, SignatureAlgorithm: platform.SignatureRSAPSS, UsageType: platform.UsageSigning}, "PS256"},
		{platform.Key{Algorithm: "Ed25519", KeyLength: 256, SignatureAlgorithm: platform.SignatureEd25519, UsageType: platform.UsageSigning}, "EdDSA"},
		{platform.Key{Algorithm: "Ed25519", KeyLength: 256, SignatureAlgorithm: platform.SignatureEd25519, UsageType: "ENCRYPTION"}, ""},
	} {
		c.spec.Name, c.spec.SubjectDN, c.spec.ValidityPeriod = "Key", dn, 365
		name := fmt.Sprintf("%s %d %s %s", c.spec.Algorithm, c.spec.KeyLength, c.spec.SignatureAlgorithm, c.spec.UsageType)
		body, err := v.Key(t.Context(), "e1", "k1", c.spec, now)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var key platform.Key
		if err := json.Unmarshal(body, &key); err != nil {
			t.Fatal(err)
		}
		if key.Name != "Key" || key.Algorithm != c.spec.Algorithm || key.UsageType != c.spec.UsageType || key.SubjectDN != dn || key.IssuerDN != dn ||
			key.StartsAt != "2026-03-01T12:00:00.000Z" || key.ExpiresAt != "2027-03-01T12:00:00.000Z" || key.SerialNumber <= 0 || c.spec.SerialNumber > 0 && key.SerialNumber != c.spec.SerialNumber {
			t.Errorf("%s: made %s", name, body)
		}

		cert, err := x509.ParseCertificate(key.Certificate)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
			t.Errorf("%s: the certificate does not verify against itself: %v", name, err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(cert)
		if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now.AddDate(0, 6, 0)}); err != nil {
			t.Errorf("%s: the certificate is not good half a year later: %v", name, err)
		}
		if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now.AddDate(1, 0, 1)}); err == nil {
			t.Errorf("%s: the certificate is good for ever", name)
		}
		s := cert.Subject
		if s.CommonName != "Example" || !slices.Equal(s.OrganizationalUnit, []string{"Login"}) || !slices.Equal(s.Organization, []string{"Example Corp"}) || !slices.Equal(s.Country, []string{"DE"}) ||
			cert.Issuer.String() != s.String() || cert.SerialNumber.Int64() != key.SerialNumber || !cert.NotBefore.Equal(now) || !cert.NotAfter.Equal(now.AddDate(0, 0, 365)) {
			t.Errorf("%s: the certificate is of %v by %v, number %v, from %v to %v", name, s, cert.Issuer, cert.SerialNumber, cert.NotBefore, cert.NotAfter)
		}
		hash, _, _ := strings.Cut(c.spec.SignatureAlgorithm, "with")
		if got := cert.SignatureAlgorithm.String(); !strings.Contains(got, hash) && !strings.Contains(got, strings.TrimPrefix(hash, "SHA")) {
			t.Errorf("%s: the certificate is signed by %s", name, got)
		}

		raw, err := v.sealer.Unseal("e1", "key", "k1", key.Sealed)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		private, err := x509.ParsePKCS8PrivateKey(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, place := range [][3]string{{"e2", "key", "k1"}, {"e1", "secret", "k1"}, {"e1", "key", "k2"}} {
			if _, err := v.sealer.Unseal(place[0], place[1], place[2], key.Sealed); err == nil {
				t.Errorf("%s: the key is good for %v", name, place)
			}
		}
		if _, err := testVault(t, 2).sealer.Unseal("e1", "key", "k1", key.Sealed); !errors.Is(err, store.ErrOtherKey) {
			t.Errorf("%s: another master key: %v", name, err)
		}
		switch private := private.(type) {
		case *rsa.PrivateKey:
			if c.spec.Algorithm != "RSA" || private.N.BitLen() != c.spec.KeyLength || !private.PublicKey.Equal(cert.PublicKey) {
				t.Errorf("%s: the private key is an RSA key of %d bits", name, private.N.BitLen())
			}
			wantPublic(t, name, key, &private.PublicKey, c.alg)
		case *ecdsa.PrivateKey:
			if c.spec.Algorithm != "EC" || private.Params().BitSize != c.spec.KeyLength || !private.PublicKey.Equal(cert.PublicKey) {
				t.Errorf("%s: the private key is an EC key of %d bits", name, private.Params().BitSize)
			}
			wantPublic(t, name, key, &private.PublicKey, c.alg)
		case ed25519.PrivateKey:
			if c.spec.Algorithm != "Ed25519" || !private.Public().(ed25519.PublicKey).Equal(cert.PublicKey) {
				t.Errorf("%s: the private key is an Ed25519 key", name)
			}
			wantPublic(t, name, key, private.Public().(ed25519.PublicKey), c.alg)
		default:
			t.Errorf("%s: the private key is a %T", name, private)
		}
	}
}

// wantPublic holds the JWK of a key against its public part: there is one for
// what signs tokens, and it has nothing private in it.
func wantPublic(t *testing.T, name string, key platform.Key, public interface{ Equal(crypto.PublicKey) bool }, alg string) {
	t.Helper()
	if alg == "" {
		if string(key.Public) != "null" && len(key.Public) > 0 {
			t.Errorf("%s: published as %s", name, key.Public)
		}
		return
	}
	var jwk jose.JSONWebKey
	if err := json.Unmarshal(key.Public, &jwk); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if !jwk.IsPublic() || !jwk.Valid() || jwk.KeyID != "k1" || jwk.Algorithm != alg || jwk.Use != "sig" || !public.Equal(jwk.Key) {
		t.Errorf("%s: published as %s", name, key.Public)
	}
	var members map[string]any
	if err := json.Unmarshal(key.Public, &members); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi"} {
		if members[secret] != nil {
			t.Errorf("%s: %s is published", name, secret)
		}
	}
}

func TestKeyRefuses(t *testing.T) {
	v := testVault(t, 1)
	good := platform.Key{Algorithm: "EC", KeyLength: 256, SignatureAlgorithm: "SHA256withECDSA", UsageType: platform.UsageSigning, SubjectDN: "CN=x", ValidityPeriod: 1}
	for name, change := range map[string]func(*platform.Key){
		"no subject": func(k *platform.Key) { k.SubjectDN = "" }, "a subject that can't be read": func(k *platform.Key) { k.SubjectDN = "nobody" },
		"the other algorithm's signature": func(k *platform.Key) { k.SignatureAlgorithm = "SHA256withRSA" },
	} {
		spec := good
		change(&spec)
		if body, err := v.Key(t.Context(), "e1", "k1", spec, time.Now()); err == nil {
			t.Errorf("%s: %s", name, body)
		}
	}
	if len(v.slots) > 0 || len(v.line) > 0 {
		t.Errorf("%d slots and %d places in the line are not given back", len(v.slots), len(v.line))
	}
	if _, err := v.Key(t.Context(), "e1", "k1", good, time.Now()); err != nil {
		t.Error(err)
	}
}

// TestSigner signs with the current key of the environment's rotation policy,
// or of the one that the application names, and what it signs verifies against
// what is published.
func TestSigner(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"k1", "k2"} {
		body, err := w.vault.Key(t.Context(), "e1", id, platform.FirstSigningKey(), w.now)
		if err != nil {
			t.Fatal(err)
		}
		w.put(t, "key", id, body)
	}
	ec, err := w.vault.Key(t.Context(), "e1", "k3", platform.Key{Algorithm: "EC", KeyLength: 384, SignatureAlgorithm: "SHA384withECDSA", UsageType: platform.UsageSigning, SubjectDN: "CN=x", ValidityPeriod: 1}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, "key", "k3", ec)
	w.put(t, "keyRotationPolicy", "p1", kind.Body{"default": true, "currentKeyId": "k1"})
	w.put(t, "keyRotationPolicy", "p2", kind.Body{"default": false, "currentKeyId": "k2"})
	w.put(t, "keyRotationPolicy", "p3", kind.Body{"currentKeyId": "k3"})
	w.put(t, "keyRotationPolicy", "p4", kind.Body{"currentKeyId": "gone"})
	w.in(t, "e1", func(tx *store.Tx) error {
		public, err := PublicKeys(tx)
		if err != nil || len(public) != 2 {
			t.Errorf("published are %v, %v", public, err)
		}
		for policy, key := range map[string]string{"": "k1", "p1": "k1", "p2": "k2"} {
			for range 2 { // the second time from the keyring
				s, err := w.vault.Signer(tx, policy)
				if err != nil || s.KeyID != key {
					t.Errorf("%q signs with %s, %v", policy, s.KeyID, err)
					continue
				}
				token, err := s.Sign(oauth.Access{Issuer: "i", ClientID: "c", Expires: w.now.Unix() + 1}, "")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := oauth.Signed(token, public); err != nil {
					t.Errorf("%q: %v", policy, err)
				}
			}
		}
		for _, policy := range []string{"p3", "p4", "p5"} {
			if s, err := w.vault.Signer(tx, policy); err == nil || errors.Is(err, store.ErrMissing) {
				t.Errorf("%s signs with %s, %v", policy, s.KeyID, err)
			}
			if _, err := testVault(t, 2).Signer(tx, "p1"); !errors.Is(err, store.ErrOtherKey) {
				t.Errorf("another master key: %v", err)
			}
		}
		return nil
	})
	w.in(t, "e2", func(tx *store.Tx) error {
		if s, err := w.vault.Signer(tx, ""); err == nil || errors.Is(err, store.ErrMissing) {
			t.Errorf("an environment without keys signs with %s, %v", s.KeyID, err)
		}
		public, err := PublicKeys(tx)
		if raw, _ := json.Marshal(public); string(raw) != "[]" {
			t.Errorf("it publishes %s", raw)
		}
		return err
	})
	// A key that was changed is another one, at once.
	other, err := w.vault.Key(t.Context(), "e1", "k1", platform.FirstSigningKey(), w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.in(t, "e1", func(tx *store.Tx) error {
		before, err := w.vault.Signer(tx, "")
		if err != nil {
			return err
		}
		d, err := tx.Get("key", "k1")
		if err != nil {
			return err
		}
		d.Body = other
		if _, err := tx.Put(d); err != nil {
			return err
		}
		after, err := w.vault.Signer(tx, "")
		if before.Key.Public().(*rsa.PublicKey).Equal(after.Key.Public()) {
			t.Error("the key from before is used on")
		}
		return err
	})
}

func TestSecrets(t *testing.T) {
	v := testVault(t, 1)
	given, plain, err := v.Secret("e1", "secret", "a1", "given")
	if err != nil || plain != "given" {
		t.Fatalf("a given secret is %q, %v", plain, err)
	}
	made, random, err := v.Secret("e1", "secret", "a1", "")
	if err != nil || !regexp.MustCompile(`^[A-Za-z0-9_-]{64}$`).MatchString(random) {
		t.Fatalf("a secret is %q, %v", random, err)
	}
	if _, again, _ := v.Secret("e1", "secret", "a1", ""); again == random {
		t.Error("the same secret twice")
	}
	if strings.Contains(given, "given") || strings.Contains(made, random) {
		t.Error("a secret is not sealed")
	}
	for _, c := range []struct {
		env, noun, id string
		sealed        []string
		want          []string
	}{
		{"e1", "secret", "a1", nil, nil},
		{"e1", "secret", "a1", []string{given}, []string{"given"}},
		{"e1", "secret", "a1", []string{made, given}, []string{random, "given"}},
	} {
		if got, err := v.Secrets(c.env, c.noun, c.id, c.sealed); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v are %v, %v", c.sealed, got, err)
		}
	}
	for name, read := range map[string]func() ([]string, error){
		"of another environment": func() ([]string, error) { return v.Secrets("e2", "secret", "a1", []string{given}) },
		"of a resource":          func() ([]string, error) { return v.Secrets("e1", "resourceSecret", "a1", []string{given}) },
		"of another application": func() ([]string, error) { return v.Secrets("e1", "secret", "a2", []string{given}) },
		"one of them broken":     func() ([]string, error) { return v.Secrets("e1", "secret", "a1", []string{given, made + "x"}) },
		"under another key":      func() ([]string, error) { return testVault(t, 2).Secrets("e1", "secret", "a1", []string{given}) },
		"in clear":               func() ([]string, error) { return v.Secrets("e1", "secret", "a1", []string{"given"}) },
	} {
		if got, err := read(); err == nil || got != nil {
			t.Errorf("a secret %s: %v", name, got)
		}
	}
}

// TestLiveSecrets: the previous secret lives until its time, and no longer.
func TestLiveSecrets(t *testing.T) {
	w := newWorld(t)
	end := w.now.Add(time.Hour)
	w.put(t, "secret", "one", platform.Secret{Sealed: "s1"})
	two := kind.Body{"sealed": "s2", "previous": kind.Body{"sealed": "s1", "expiresAt": end}}
	w.put(t, "secret", "two", two)
	for _, c := range []struct {
		at   time.Time
		app  string
		want []string
	}{
		{w.now, "one", []string{"s1"}}, {w.now, "none", nil}, {w.now, "two", []string{"s2", "s1"}},
		{end.Add(-time.Millisecond), "two", []string{"s2", "s1"}}, {end, "two", []string{"s2"}}, {end.AddDate(1, 0, 0), "two", []string{"s2"}},
	} {
		w.now = c.at
		w.in(t, "e1", func(tx *store.Tx) error {
			got, err := LiveSecrets(tx, c.app)
			if !slices.Equal(got, c.want) {
				t.Errorf("%s at %v: %v", c.app, c.at, got)
			}
			return err
		})
	}
	w.put(t, "secret", "broken", kind.Body{"sealed": 7})
	w.in(t, "e1", func(tx *store.Tx) error {
		if _, err := LiveSecrets(tx, "broken"); err == nil {
			t.Error("a broken secret is none")
		}
		return nil
	})
}

func TestIDsAndTokens(t *testing.T) {
	// covers: RFC 6749 §10.10/1, RFC 6749 §10.10/2
	v := testVault(t, 1)
	id, token := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`), regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	for range 8 {
		if got := v.NewID(); !id.MatchString(got) {
			t.Errorf("an id is %s", got)
		}
		if got := v.NewToken(); !token.MatchString(got) {
			t.Errorf("a token is %s", got)
		}
	}
	all := NewVault(v.sealer, func(b []byte) {
		for i := range b {
			b[i] = 0xff
		}
	}, platform.HashCost{Memory: 8, Time: 1, Lanes: 1}, 1, nil)
	if got := all.NewToken(); got != "ffffffff-ffff-ffff-ffff-ffffffffffff" {
		t.Errorf("a token has fixed bits: %s", got)
	}
	if string(v.MACKey("cursor")) == string(testVault(t, 2).MACKey("cursor")) || string(v.MACKey("cursor")) != string(testVault(t, 1).MACKey("cursor")) {
		t.Error("the key of cursors is not that of the master key")
	}
}
