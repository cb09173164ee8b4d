package facts

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/oauth"
)

// TestVerified remembers a token against the very keys that it was verified with,
// and no more tokens than it may.
func TestVerified(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer := oauth.Signer{KeyID: "one", Key: key, Algorithm: jose.RS256}
	token, err := signer.Sign(oauth.Access{Issuer: "i", ClientID: "c", Environment: "e"}, "")
	if err != nil {
		t.Fatal(err)
	}
	v, keys := NewVerified(), []jose.JSONWebKey{signer.Public()}
	for range 2 { // the second time it is remembered
		if got, err := v.Claims(token, keys); err != nil || got.ClientID != "c" {
			t.Errorf("claims %+v, %v", got, err)
		}
		if got, err := v.Issued(token); err != nil || got.Environment != "e" {
			t.Errorf("issued %+v, %v", got, err)
		}
	}
	for name, other := range map[string][]jose.JSONWebKey{
		"none":                    nil,
		"another with its kid":    {{Key: &rsa.PublicKey{N: key.N, E: 3}, KeyID: "one", Algorithm: "RS256", Use: "sig"}},
		"another kid":             {{Key: key.Public(), KeyID: "two", Algorithm: "RS256", Use: "sig"}},
		"the same with more read": append([]jose.JSONWebKey{{Key: key.Public(), KeyID: "two"}}, jose.JSONWebKey{Key: key.Public(), KeyID: "three", Algorithm: "RS256"}),
	} {
		if got, err := v.Claims(token, other); err == nil {
			t.Errorf("%s: it is good for %+v", name, got)
		}
	}
	for _, forged := range []string{token + "A", token[:len(token)-4] + "AAAA", ""} {
		if _, err := v.Claims(forged, keys); err == nil {
			t.Errorf("%q is good", forged)
		}
		if _, err := v.Claims(forged, keys); err == nil {
			t.Errorf("%q is good the second time", forged)
		}
	}
	for n := range 3 * maxVerified {
		v.keep([32]byte{byte(n), byte(n >> 8)}, known{claims: oauth.Access{ID: fmt.Sprint(n)}})
		if all := len(v.new) + len(v.older); all > 2*maxVerified {
			t.Fatalf("%d tokens are remembered, at most %d may be", all, 2*maxVerified)
		}
	}
}
