package oauth

import (
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// BenchmarkSign signs an access token, of which the signature is nearly all.
func BenchmarkSign(b *testing.B) {
	s, claims := keys()[0], realm().AccessClaims(issue(), target(), "c", "j", noon)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Sign(claims, ""); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSigned verifies the signature of an access token.
func BenchmarkSigned(b *testing.B) {
	s := keys()[0]
	token, err := s.Sign(realm().AccessClaims(issue(), target(), "c", "j", noon), "")
	if err != nil {
		b.Fatal(err)
	}
	known := []jose.JSONWebKey{s.Public()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Signed(token, known); err != nil {
			b.Fatal(err)
		}
	}
}
