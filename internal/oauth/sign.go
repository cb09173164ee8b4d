package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// The typ of the tokens that have one.
const (
	TypeAccess = "at+jwt"     // RFC 9068 §2.1
	TypeLogout = "logout+jwt" // OpenID Connect Back-Channel Logout §2.4
)

// Signer signs tokens with one of an environment's keys.
type Signer struct {
	KeyID     string
	Key       crypto.Signer
	Algorithm jose.SignatureAlgorithm
	// Thumbprint is that of the key's certificate for the header x5t, or "".
	Thumbprint string
	// Random is what PS256 and ES256 need for each signature.
	Random io.Reader
}

// header is the JOSE header of a token (RFC 7515 §4.1).
type header struct {
	Algorithm  jose.SignatureAlgorithm `json:"alg"`
	KeyID      string                  `json:"kid"`
	Type       string                  `json:"typ,omitempty"`
	Thumbprint string                  `json:"x5t,omitempty"`
}

// Sign returns the claims as a JWT (RFC 7519) in the compact serialization (RFC
// 7515 §7.1), its kid in the header, and its typ unless that is "".
func (s Signer) Sign(claims any, typ string) (string, error) {
	head, err := json.Marshal(header{s.Algorithm, s.KeyID, typ, s.Thumbprint})
	if err != nil {
		return "", fmt.Errorf("writing the header of a token: %w", err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("writing the claims of a token: %w", err)
	}
	token := make([]byte, 0, base64.RawURLEncoding.EncodedLen(len(head)+len(body)+maxSignature)+2)
	token = append(base64.RawURLEncoding.AppendEncode(token, head), '.')
	token = base64.RawURLEncoding.AppendEncode(token, body)
	signature, err := s.signature(token)
	if err != nil {
		return "", fmt.Errorf("signing with key %s: %w", s.KeyID, err)
	}
	return string(base64.RawURLEncoding.AppendEncode(append(token, '.'), signature)), nil
}

// maxSignature is the length of the longest signature that is common, that of an
// RSA key of 4096 bits.
const maxSignature = 512

// signature signs a text by the signer's algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
func (s Signer) signature(text []byte) ([]byte, error) {
	sum := sha256.Sum256(text)
	switch s.Algorithm {
	case jose.RS256:
		return s.Key.Sign(s.Random, sum[:], crypto.SHA256)
	case jose.PS256: // the salt is as long as the hash (RFC 7518 §3.5)
		return s.Key.Sign(s.Random, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case jose.EdDSA:
		return s.Key.Sign(s.Random, text, crypto.Hash(0))
	}
	key, ok := s.Key.(*ecdsa.PrivateKey)
	if !ok || s.Algorithm != jose.ES256 {
		return nil, fmt.Errorf("it is a %T, which does not sign by %q", s.Key, s.Algorithm)
	}
	r, t, err := ecdsa.Sign(s.Random, key, sum[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, 64) // R and S, 32 bytes each (RFC 7518 §3.4)
	r.FillBytes(out[:32])
	t.FillBytes(out[32:])
	return out, nil
}

// Public is the key as the JWKS publishes it (RFC 7517).
func (s Signer) Public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.Key.Public(), KeyID: s.KeyID, Algorithm: string(s.Algorithm), Use: "sig"}
}

// LeftHash is the left half of a text's hash, by the hash of the signer's
// algorithm, and "" of nothing (OpenID Connect Core §3.1.3.6).
func (s Signer) LeftHash(text string) string {
	if text == "" {
		return ""
	}
	h := sha256.New()
	if s.Algorithm == jose.EdDSA {
		h = sha512.New()
	}
	h.Write([]byte(text))
	sum := h.Sum(nil)
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// SigningAlgorithm is the algorithm by which a key signs tokens, "" when it
// can't. pss is for an RSA key that signs by PS256.
func SigningAlgorithm(key crypto.Signer, pss bool) jose.SignatureAlgorithm {
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if k.Curve.Params().BitSize == 256 {
			return jose.ES256
		}
		return ""
	case ed25519.PrivateKey:
		return jose.EdDSA
	}
	if pss {
		return jose.PS256
	}
	return jose.RS256
}

// AlgorithmsOf are those by which the keys of an environment sign, and RS256,
// which OpenID Connect Discovery §3 demands.
func AlgorithmsOf(keys []jose.JSONWebKey) []string {
	out := []string{string(jose.RS256)}
	for _, k := range keys {
		if !slices.Contains(out, k.Algorithm) {
			out = append(out, k.Algorithm)
		}
	}
	return out
}

// maxToken bounds a token that somebody presents, in bytes.
const maxToken = 16384

// tokenAlgorithms are those that this server signs with.
func tokenAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}
}

// Peek reads the claims of an access token without believing them: the shell
// needs the issuer to find the keys.
func Peek(token string) (Access, error) {
	var claims Access
	t, err := parseOurs(token)
	if err != nil {
		return claims, err
	}
	return claims, t.UnsafeClaimsWithoutVerification(&claims)
}

// parseOurs reads a token that this server may have signed.
func parseOurs(text string) (*jwt.JSONWebToken, error) {
	if len(text) > maxToken {
		return nil, errors.New("the token is too long")
	}
	return jwt.ParseSigned(text, tokenAlgorithms())
}

// signedBy reads the claims of a token when one of the keys, that of its kid and
// of its algorithm, has signed it.
func signedBy(t *jwt.JSONWebToken, keys []jose.JSONWebKey, claims any) error {
	h := t.Headers[0]
	i := slices.IndexFunc(keys, func(k jose.JSONWebKey) bool { return k.KeyID == h.KeyID && k.Algorithm == h.Algorithm })
	if i < 0 {
		return errors.New("no key of this environment has the kid and the algorithm of the token")
	}
	return t.Claims(keys[i].Key, claims)
}

// Signed reads the claims of an access token that one of the keys has signed. It
// says nothing of whether the token is good: see Access.Check.
func Signed(token string, keys []jose.JSONWebKey) (Access, error) {
	t, err := parseOurs(token)
	if err != nil {
		return Access{}, err
	}
	var claims Access
	if err := signedBy(t, keys, &claims); err != nil {
		return Access{}, err
	}
	typ, _ := t.Headers[0].ExtraHeaders[jose.HeaderType].(string)
	if typ != "" && !strings.EqualFold(typ, TypeAccess) && !strings.EqualFold(typ, "application/"+TypeAccess) { // RFC 9068 §4
		return Access{}, fmt.Errorf("the token is a %q, not an access token", typ)
	}
	return claims, nil
}

// Check holds the claims of a signed access token against its issuer, the time,
// and the audience it must have, "" for any. An ID token is not an access token:
// its aud is not a list and it names no client_id.
func (a Access) Check(issuer, audience string, now time.Time) error {
	switch {
	case a.Issuer != issuer:
		return fmt.Errorf("the issuer is %q, not %q", a.Issuer, issuer)
	case now.Unix() >= a.Expires:
		return errors.New("the token has expired")
	case a.ClientID == "":
		return errors.New("the token is not an access token")
	case audience != "" && !slices.Contains(a.Audience, audience):
		return fmt.Errorf("the audience is %q, not %q", a.Audience, audience)
	}
	return nil
}

// VerifyIdentity holds an ID token that somebody gives back as a hint against
// the keys of its environment and the issuers that this has. That it has expired
// is no matter (OpenID Connect RP-Initiated Logout §4).
func VerifyIdentity(token string, keys []jose.JSONWebKey, issuers ...string) (Identity, error) {
	t, err := parseOurs(token)
	if err != nil {
		return Identity{}, err
	}
	var claims Identity
	if err := signedBy(t, keys, &claims); err != nil {
		return Identity{}, err
	}
	if typ := t.Headers[0].ExtraHeaders[jose.HeaderType]; !slices.Contains(issuers, claims.Issuer) || claims.Subject == "" || claims.Audience == "" || typ == TypeAccess || typ == TypeLogout {
		return Identity{}, errors.New("the token is not an ID token of this environment")
	}
	return claims, nil
}
