package oauth

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Signer signs tokens with one of an environment's keys, by RS256.
type Signer struct {
	KeyID string
	Key   *rsa.PrivateKey
}

// Sign returns the claims as a JWT (RFC 7519), its kid in the header.
func (s Signer) Sign(claims any) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: s.Key, KeyID: s.KeyID}}, nil)
	if err != nil {
		return "", fmt.Errorf("preparing a signature with key %s: %w", s.KeyID, err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing with key %s: %w", s.KeyID, err)
	}
	return token, nil
}

// Public is the key as the JWKS publishes it (RFC 7517).
func (s Signer) Public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: &s.Key.PublicKey, KeyID: s.KeyID, Algorithm: string(jose.RS256), Use: "sig"}
}

// maxToken bounds a token that somebody presents, in bytes.
const maxToken = 16384

// Peek reads the claims of an access token without believing them: the shell
// needs the issuer to find the keys. It refuses every algorithm but RS256.
func Peek(token string) (Access, error) {
	_, claims, err := parse(token)
	return claims, err
}

func parse(token string) (*jwt.JSONWebToken, Access, error) {
	var claims Access
	if len(token) > maxToken {
		return nil, claims, errors.New("the token is too long")
	}
	t, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, claims, err
	}
	return t, claims, t.UnsafeClaimsWithoutVerification(&claims)
}

// Verify holds an access token against the keys of its environment, its issuer,
// the time, and the audience it must have, "" for any. An ID token is not an access token:
// its aud is not a list and it names no client_id.
func Verify(token string, keys []jose.JSONWebKey, issuer, audience string, now time.Time) (Access, error) {
	t, _, err := parse(token)
	if err != nil {
		return Access{}, err
	}
	var claims Access
	if err := t.Claims(jose.JSONWebKeySet{Keys: keys}, &claims); err != nil {
		return Access{}, err
	}
	switch {
	case claims.Issuer != issuer:
		return Access{}, fmt.Errorf("the issuer is %q, not %q", claims.Issuer, issuer)
	case now.Unix() >= claims.Expires:
		return Access{}, errors.New("the token has expired")
	case claims.ClientID == "":
		return Access{}, errors.New("the token is not an access token")
	case audience != "" && !slices.Contains(claims.Audience, audience):
		return Access{}, fmt.Errorf("the audience is %q, not %q", claims.Audience, audience)
	}
	return claims, nil
}
