package oauth

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// AssertionType is the one client_assertion_type (RFC 7523 §2.2).
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// The algorithms of JWTs that clients sign: with the client secret, or with a
// private key whose public part the application has registered or the proof
// brings.
func secretAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}
}

func keyAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}
}

// The bounds on a client's JWT: how far its clock may be off, and how far off
// its end may lie.
const (
	clockSkew    = 30 * time.Second
	maxAssertion = time.Hour
)

// Keys are what a client's JWTs can be verified with.
type Keys struct {
	Secrets []string
	Public  []jose.JSONWebKey // of the application's jwks or jwksUrl
}

// Assertion is a JWT that a client authenticates with (RFC 7523 §3), read but
// not yet believed.
type Assertion struct {
	Issuer   string           `json:"iss"`
	Subject  string           `json:"sub"`
	Audience jwt.Audience     `json:"aud"`
	ID       string           `json:"jti"`
	Expires  *jwt.NumericDate `json:"exp"`
	Before   *jwt.NumericDate `json:"nbf"`
	IssuedAt *jwt.NumericDate `json:"iat"`

	// KeyID is the kid of the header, or "".
	KeyID string `json:"-"`

	text   string
	method string // CLIENT_SECRET_JWT or PRIVATE_KEY_JWT, by the algorithm
}

// readAssertion reads an assertion without believing it: the shell needs the
// subject to find the client's keys.
func readAssertion(text string) (*Assertion, error) {
	if len(text) > maxToken {
		return nil, errors.New("the assertion is too long")
	}
	t, err := jwt.ParseSigned(text, slices.Concat(secretAlgorithms(), keyAlgorithms()))
	if err != nil {
		return nil, err
	}
	a := &Assertion{KeyID: t.Headers[0].KeyID, text: text, method: platform.AuthPrivateKeyJWT}
	if err := t.UnsafeClaimsWithoutVerification(a); err != nil {
		return nil, err
	}
	if strings.HasPrefix(t.Headers[0].Algorithm, "HS") {
		a.method = platform.AuthSecretJWT
	}
	return a, nil
}

// verify holds an assertion against the client's keys, the issuer it must be
// meant for, and the time. RFC 7523 §3; the audience is the issuer and nothing
// else, so that an assertion meant for one server is of no use at another.
func (a *Assertion) verify(client string, keys Keys, issuer string, now time.Time) error {
	if err := verifySigned(a.text, a.method, keys, &Assertion{}); err != nil {
		return fault.ClientDenied.Because(err)
	}
	wrong := func(expected, came string) error {
		return fault.AssertionWrong.Saying(expected).Compared(expected, came)
	}
	switch {
	case a.Issuer != client || a.Subject != client:
		return wrong("iss and sub must be the client_id", a.Issuer+", "+a.Subject)
	case len(a.Audience) != 1 || a.Audience[0] != issuer:
		return wrong("aud must be the issuer "+issuer, strings.Join(a.Audience, " "))
	case a.Expires == nil || a.ID == "" || len(a.ID) > 256:
		return wrong("exp and jti must be there", "exp or jti is missing")
	case !now.Before(a.Expires.Time().Add(clockSkew)):
		return wrong("exp must not have passed", a.Expires.Time().UTC().Format(time.RFC3339))
	case a.Expires.Time().After(now.Add(maxAssertion + clockSkew)):
		return wrong("exp must be within an hour", a.Expires.Time().UTC().Format(time.RFC3339))
	case later(a.Before, now) || later(a.IssuedAt, now):
		return wrong("nbf and iat must not lie in the future", "one does")
	}
	return nil
}

func later(d *jwt.NumericDate, now time.Time) bool {
	return d != nil && d.Time().After(now.Add(clockSkew))
}

// verifySigned verifies a JWT that a client signed, in the way of an
// authentication method, and reads its claims. The algorithms of the one way
// are refused in the other: a public key is no secret.
func verifySigned(text, method string, keys Keys, claims ...any) error {
	if method == platform.AuthSecretJWT {
		t, err := jwt.ParseSigned(text, secretAlgorithms())
		if err != nil {
			return err
		}
		err = errors.New("the client has no secret")
		for _, secret := range keys.Secrets {
			if err = t.Claims([]byte(secret), claims...); err == nil {
				return nil
			}
		}
		return err
	}
	t, err := jwt.ParseSigned(text, keyAlgorithms())
	if err != nil {
		return err
	}
	h := t.Headers[0]
	err = errors.New("none of the client's keys has the kid and the algorithm of the JWT")
	for _, k := range keys.Public {
		if fits(k, h.KeyID, h.Algorithm) {
			if err = t.Claims(k.Key, claims...); err == nil {
				return nil
			}
		}
	}
	return err
}

// fits reports whether a JWT may be signed with a key: by the kid, when both
// have one, by what the key is for, and by its length.
func fits(k jose.JSONWebKey, kid, algorithm string) bool {
	return k.IsPublic() && k.Valid() && platform.StrongKey(k) && (kid == "" || k.KeyID == "" || k.KeyID == kid) && (k.Use == "" || k.Use == "sig") && (k.Algorithm == "" || k.Algorithm == algorithm)
}

// LastUse is until when the assertion would be accepted: it must be remembered
// that long.
func (a *Assertion) LastUse() time.Time { return a.Expires.Time().Add(clockSkew) }
