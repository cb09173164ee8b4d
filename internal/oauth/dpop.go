package oauth

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// ProofAlgorithms are those of DPoP proofs (RFC 9449 §5.1).
func ProofAlgorithms() []string { return algorithmNames(keyAlgorithms()) }

// The bounds on a proof: how far its iat may lie from now, and how long it may
// be, in bytes.
const (
	ProofLife = time.Minute
	maxProof  = 8192
)

// Proof is a DPoP proof and what it must be for.
type Proof struct {
	Text   string
	Method string
	URL    string // of the request, without query and fragment
	Token  string // the access token that it comes with, "" at the token endpoint
}

// Shown is what a good proof shows: the thumbprint of the key (RFC 7638), and
// the id by which it is known when it comes again.
type Shown struct{ JKT, ID string }

type proofClaims struct {
	ID       string           `json:"jti"`
	Method   string           `json:"htm"`
	URL      string           `json:"htu"`
	IssuedAt *jwt.NumericDate `json:"iat"`
	Expires  *jwt.NumericDate `json:"exp"`
	Before   *jwt.NumericDate `json:"nbf"`
	Nonce    string           `json:"nonce"`
	Hash     string           `json:"ath"`
}

// Verify checks a proof. RFC 9449 §4.3, in its order; that a proof comes once is
// the caller's to see to. nonceKey is the key of NewNonce.
func (p Proof) Verify(nonceKey []byte, now time.Time) (Shown, error) {
	wrong := func(what, came string) (Shown, error) {
		return Shown{}, fault.ProofWrong.Saying(what).Compared(what, came)
	}
	if len(p.Text) > maxProof {
		return wrong("it must be shorter", strconv.Itoa(len(p.Text))+" bytes")
	}
	t, err := jwt.ParseSigned(p.Text, keyAlgorithms())
	if err != nil {
		return Shown{}, fault.ProofWrong.Saying("it must be a JWT signed with one of " + strings.Join(ProofAlgorithms(), ", ")).Because(err)
	}
	h := t.Headers[0]
	typ, _ := h.ExtraHeaders[jose.HeaderType].(string)
	if typ != "dpop+jwt" {
		return wrong("its typ must be dpop+jwt", typ)
	}
	if h.JSONWebKey == nil || !h.JSONWebKey.Valid() || !h.JSONWebKey.IsPublic() {
		return wrong("its header must have the public key as jwk", "none, or a private one")
	}
	if !platform.StrongKey(*h.JSONWebKey) {
		return wrong("its key must have at least 2048 bits, when it is for RSA", "fewer")
	}
	var c proofClaims
	if err := t.Claims(h.JSONWebKey.Key, &c); err != nil {
		return Shown{}, fault.ProofWrong.Saying("its signature must be by the key of its header").Because(err)
	}
	if err := p.holds(c, now); err != nil {
		return Shown{}, err
	}
	if !goodNonce(nonceKey, c.Nonce, now) {
		return Shown{}, fault.ProofNonce
	}
	sum, err := h.JSONWebKey.Thumbprint(crypto.SHA256)
	if err != nil {
		return Shown{}, fault.ProofWrong.Saying("its key must have a thumbprint").Because(err)
	}
	jkt := base64.RawURLEncoding.EncodeToString(sum)
	return Shown{JKT: jkt, ID: jkt + "." + c.ID}, nil
}

// holds compares the claims of a proof with the request it came with.
func (p Proof) holds(c proofClaims, now time.Time) error {
	wrong := func(what, came string) error { return fault.ProofWrong.Saying(what).Compared(what, came) }
	switch {
	case c.ID == "" || len(c.ID) > 256:
		return wrong("it must have a jti of at most 256 characters", c.ID[:min(len(c.ID), 64)])
	case c.Method != p.Method:
		return wrong("its htm must be the method of the request, "+p.Method, c.Method)
	case !sameURL(c.URL, p.URL):
		return wrong("its htu must be the URL of the request, "+p.URL, c.URL)
	case c.IssuedAt == nil || now.Sub(c.IssuedAt.Time()).Abs() > ProofLife:
		return wrong("its iat must be within a minute of now", "another time")
	case c.Expires != nil && !now.Before(c.Expires.Time().Add(clockSkew)) || later(c.Before, now):
		return wrong("its exp and nbf must allow it now", "they do not")
	case p.Token != "" && c.Hash != tokenHash(p.Token):
		return wrong("its ath must be the hash of the access token", "another text") // which may be the token itself
	}
	return nil
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// sameURL compares an htu with the URL of a request, without query and fragment
// and as RFC 3986 §6.2.2 and §6.2.3 normalize.
func sameURL(came, is string) bool {
	a, errA := url.Parse(came)
	b, errB := url.Parse(is)
	return errA == nil && errB == nil && a.User == nil && Origin(came) != "" && Origin(came) == Origin(is) && plainPath(a) == plainPath(b)
}

// plainPath is a path without dot segments and needless escapes. A slash that is
// escaped is none.
func plainPath(u *url.URL) string {
	u = new(url.URL).ResolveReference(u)
	if escaped := u.EscapedPath(); strings.Contains(strings.ToLower(escaped), "%2f") {
		return escaped
	}
	return u.Path
}

// nonceStep is how often the nonce of proofs changes; a nonce is good for
// nonceSteps of them.
const (
	nonceStep  = time.Minute
	nonceSteps = 5
)

// NewNonce is the nonce that proofs must have now (RFC 9449 §8). It is computed
// from the time, so that every node with the key knows it.
func NewNonce(key []byte, now time.Time) string {
	return nonceOf(key, now.Unix()/int64(nonceStep/time.Second))
}

func nonceOf(key []byte, step int64) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(step))
	h := hmac.New(sha256.New, key)
	h.Write(b)
	return base64.RawURLEncoding.EncodeToString(append(b[4:], h.Sum(nil)[:12]...))
}

func goodNonce(key []byte, nonce string, now time.Time) bool {
	var good []string
	for i := range int64(nonceSteps) {
		good = append(good, nonceOf(key, now.Unix()/int64(nonceStep/time.Second)-i+1)) // another node's clock may be ahead
	}
	return anyEqual(good, nonce)
}
