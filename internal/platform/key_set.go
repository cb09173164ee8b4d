package platform

import (
	"crypto/rsa"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/kind"
)

// keySet is the public keys of an application, as a text.
func keySet(name string) kind.Field {
	f := text(name, 16384)
	f.Shape = wrongKeySet
	return f
}

// wrongKeySet says what is wrong with a JSON Web Key Set (RFC 7517 §5), or "". A
// key of a kind that is not known here is no mistake; a private or a symmetric
// one is: everybody who may read the application could sign with it.
func wrongKeySet(s string) string {
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal([]byte(s), &set); err != nil || set.Keys == nil {
		return "must be a JSON Web Key Set (RFC 7517 §5) as a text, such as {\"keys\":[...]}"
	}
	for i, raw := range set.Keys {
		var whose struct{ Kty, Crv string }
		if err := json.Unmarshal(raw, &whose); err == nil && !knownKey(whose.Kty, whose.Crv) {
			continue
		}
		var key jose.JSONWebKey
		switch err := json.Unmarshal(raw, &key); {
		case err == nil && !key.IsPublic():
			return "must have public keys only; key " + strconv.Itoa(i+1) + " is private or symmetric"
		case err != nil || !key.Valid():
			return "must have keys of RFC 7517; key " + strconv.Itoa(i+1) + " is none"
		}
		if !StrongKey(key) {
			return "must have RSA keys of at least 2048 bits; key " + strconv.Itoa(i+1) + " is shorter"
		}
	}
	return ""
}

// StrongKey reports whether a public key is long enough: one for RSA has at least
// 2048 bits (RFC 7518 §3.3).
func StrongKey(k jose.JSONWebKey) bool {
	r, isRSA := k.Key.(*rsa.PublicKey)
	return !isRSA || r.N.BitLen() >= 2048
}

// knownKey reports whether keys of a kind are read here.
func knownKey(kty, curve string) bool {
	switch kty {
	case "RSA", "oct":
		return true
	case "EC":
		return slices.Contains([]string{"P-256", "P-384", "P-521"}, curve)
	}
	return kty == "OKP" && curve == "Ed25519"
}
