package platform

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// Key is a key pair of an environment with its certificate. Public is the JWK,
// Sealed the private part.
type Key struct {
	Name               string          `json:"name"`
	Algorithm          string          `json:"algorithm"`
	KeyLength          int             `json:"keyLength"`
	SignatureAlgorithm string          `json:"signatureAlgorithm"`
	UsageType          string          `json:"usageType"`
	SubjectDN          string          `json:"subjectDN"`
	IssuerDN           string          `json:"issuerDN,omitempty"`
	SerialNumber       int64           `json:"serialNumber,omitempty"`
	ValidityPeriod     int             `json:"validityPeriod"` // days
	StartsAt           string          `json:"startsAt"`
	ExpiresAt          string          `json:"expiresAt"`
	Default            bool            `json:"default"`
	Public             json.RawMessage `json:"public"`
	Sealed             string          `json:"sealed"`
	Certificate        []byte          `json:"certificate"` // DER
}

// The signature algorithms of keys that sign tokens otherwise than by RS256 and
// ES256. Neither is PingOne's.
const (
	SignatureRSAPSS  = "SHA256withRSAandMGF1"
	SignatureEd25519 = "Ed25519"
)

// UsageSigning is the usage of keys that sign tokens.
const UsageSigning = "SIGNING"

// Published reports whether the key is in the JWKS: it was made to sign, and is
// of a kind that signs tokens.
func (k Key) Published() bool { return len(k.Public) > 0 && string(k.Public) != "null" }

// SigningKeyOf is what the shell makes for an environment or a rotation policy:
// the specification of a key that signs tokens.
func SigningKeyOf(name string, p KeyRotationPolicy) Key {
	return Key{Name: name, Algorithm: "RSA", KeyLength: p.KeyLength, SignatureAlgorithm: "SHA256withRSA", UsageType: UsageSigning,
		SubjectDN: p.DN, ValidityPeriod: p.ValidityPeriod}
}

// FirstSigningKey is the specification of the key of a new environment.
func FirstSigningKey() Key {
	return SigningKeyOf("Default", KeyRotationPolicy{DN: firstDN, KeyLength: 2048, ValidityPeriod: 365})
}

const firstDN = "CN=Pixy, O=Pixy, C=US"

func keys() kind.Kind {
	return keyKind("key", "keys", "Key", []string{"LIST", "POST", "GET", "PUT", "DELETE"})
}

// certificates are those of others, to be trusted; none can be uploaded yet.
func certificates() kind.Kind {
	return keyKind("certificate", "certificates", "Certificate", readOnly())
}

func keyKind(noun, plural, title string, methods []string) kind.Kind {
	fixed := func(f kind.Field) kind.Field { return f.Needed().As(kind.Immutable) }
	usage := choice("usageType", "ENCRYPTION", UsageSigning, "SSL/TLS", "ISSUANCE", "OUTBOUND_MTLS").Needed().FilterBy(kind.Eq)
	return &kind.Of[Key]{
		Spec: kind.Spec{
			Name: noun, Plural: plural, Title: title, Parents: inEnvironment(), Methods: methods, Area: "keys", Needs: kind.NeedKey,
			InUse: "The Key must not be in use",
			Fields: []kind.Field{
				fixed(name()).FilterBy(kind.Eq), fixed(choice("algorithm", "RSA", "EC", "Ed25519")), fixed(number("keyLength", 224, 7680)),
				fixed(choice("signatureAlgorithm", "SHA256withRSA", "SHA384withRSA", "SHA512withRSA", "SHA256withECDSA", "SHA384withECDSA", "SHA512withECDSA", SignatureRSAPSS, SignatureEd25519)),
				usage, fixed(distinguishedName("subjectDN")), fixed(number("validityPeriod", 1, 36500)),
				text("issuerDN", 512).As(kind.ReadOnly), theDefault(), text("customCRL", 1024),
				number("serialNumber", 1, 1<<53-1).As(kind.Immutable),
				moment("startsAt").As(kind.ReadOnly), moment("expiresAt").As(kind.ReadOnly), choice("status", "VALID", "EXPIRED", "NOT_YET_VALID").As(kind.ReadOnly),
				{Name: "public", Type: kind.Opaque, Access: kind.Hidden}, text("sealed", 0).As(kind.Hidden), text("certificate", 0).As(kind.Hidden),
				moment("retiredAt").As(kind.Hidden),
			},
		},
		Rules: func(_ *Key, k Key) []fault.Detail { return wrongKey(k) },
		Stays: func(k Key) error { return mustStay(k.Default, "cannot delete the default key") },
		Shown: func(_ string, k Key, _ json.RawMessage, now time.Time) (kind.Body, error) {
			status := "VALID"
			if Stamp(now) > k.ExpiresAt {
				status = "EXPIRED"
			}
			return kind.Body{"status": status}, nil
		},
	}
}

// wrongKey holds algorithm, length and signature against one another.
func wrongKey(k Key) []fault.Detail {
	lengths := map[string][]int{"RSA": {2048, 3072, 4096}, "EC": {224, 256, 384, 521}, "Ed25519": {256}}[k.Algorithm]
	var out []fault.Detail
	if !slices.Contains(lengths, k.KeyLength) {
		out = append(out, fault.Detail{Code: "INVALID_VALUE", Target: "keyLength", Message: "must be 2048, 3072 or 4096 with RSA, 224, 256, 384 or 521 with EC, and 256 with Ed25519"})
	}
	word := map[string]string{"RSA": "RSA", "EC": "ECDSA", "Ed25519": "Ed25519"}[k.Algorithm]
	if !strings.Contains(k.SignatureAlgorithm, word) {
		out = append(out, fault.Detail{Code: "INVALID_VALUE", Target: "signatureAlgorithm", Message: "must be one with " + word})
	}
	return out
}

// KeyRotationPolicy says how often the keys that sign an application's tokens
// change, and names them. Days are its unit.
type KeyRotationPolicy struct {
	Name           string `json:"name"`
	DN             string `json:"dn"`
	KeyLength      int    `json:"keyLength"`
	RotationPeriod int    `json:"rotationPeriod"`
	ValidityPeriod int    `json:"validityPeriod"`
	CurrentKeyID   string `json:"currentKeyId"`
	NextKeyID      string `json:"nextKeyId"`
	RotatedAt      string `json:"rotatedAt"`
	Default        bool   `json:"default"`
}

// Due reports whether a key has signed for as long as the policy lets it.
func (p KeyRotationPolicy) Due(now time.Time) bool {
	rotated, err := time.Parse(time.RFC3339, p.RotatedAt)
	return err == nil && !now.Before(rotated.AddDate(0, 0, p.RotationPeriod))
}

// Overlap is how long a key is published after it has signed last: the
// longest that an access token lives, and a day.
const Overlap = 31 * 24 * time.Hour

func keyRotationPolicies() kind.Kind {
	key := func(name string) kind.Field {
		f := text(name, 64).As(kind.ReadOnly)
		f.Ref = "key"
		return f
	}
	return &kind.Of[KeyRotationPolicy]{
		Spec: kind.Spec{
			Name: "keyRotationPolicy", Plural: "keyRotationPolicies", Title: "Key rotation policy", Parents: inEnvironment(), Methods: readWrite(), Area: "keys",
			Needs: kind.NeedKey,
			Fields: []kind.Field{
				uniqueName(), choice("algorithm", "RSA").Needed(), distinguishedName("dn").Needed(), number("keyLength", 2048, 4096).Needed(),
				choice("signatureAlgorithm", "SHA256withRSA").Needed(), choice("usageType", UsageSigning).Needed(),
				with(number("rotationPeriod", 30, 36500), 90), with(number("validityPeriod", 30, 36500), 365),
				key("currentKeyId"), key("nextKeyId"), moment("rotatedAt").As(kind.ReadOnly),
				maybe("default").As(kind.Hidden),
			},
		},
		Rules: func(_ *KeyRotationPolicy, p KeyRotationPolicy) []fault.Detail {
			var out []fault.Detail
			if !slices.Contains([]int{2048, 3072, 4096}, p.KeyLength) {
				out = append(out, fault.Detail{Code: "INVALID_VALUE", Target: "keyLength", Message: "must be 2048, 3072 or 4096"})
			}
			if p.ValidityPeriod < p.RotationPeriod {
				out = append(out, fault.Detail{Code: "INVALID_VALUE", Target: "validityPeriod", Message: "must not be less than rotationPeriod"})
			}
			return out
		},
		Entries: func(_ KeyRotationPolicy, g kind.Gift) []kind.Entry {
			return []kind.Entry{{Kind: "key", ID: g.KeyID, Body: g.Key}}
		},
		Stays: func(p KeyRotationPolicy) error {
			return mustStay(p.Default, "cannot delete the default key rotation policy")
		},
	}
}

func defaultRotation(key string, now time.Time) kind.Body {
	return kind.Body{"name": "Default", "default": true, "algorithm": "RSA", "dn": firstDN, "keyLength": 2048, "signatureAlgorithm": "SHA256withRSA",
		"usageType": UsageSigning, "rotationPeriod": 90, "validityPeriod": 365, "currentKeyId": key, "rotatedAt": Stamp(now)}
}

// distinguishedName is a text such as "CN=Example, O=Example Corp, C=US".
func distinguishedName(name string) kind.Field {
	f := text(name, 512)
	f.Shape = func(s string) string {
		if _, err := ReadDN(s); err != nil {
			return "must be a distinguished name such as CN=Example, O=Example Corp, C=US"
		}
		return ""
	}
	return f
}
