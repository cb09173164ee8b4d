package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// The code challenge methods (RFC 7636 §4.2). A request that leaves the method
// out means plain (§4.3).
const (
	MethodPlain = "plain"
	MethodS256  = "S256"
)

// Challenge is what the authorize request leaves for the token request. The
// zero Challenge means that the request had none.
type Challenge struct {
	Value  string `json:"value,omitempty"`
	Method string `json:"method,omitempty"`
}

// CheckChallenge holds an authorize request's challenge and method against an
// application's pkceEnforcement. RFC 7636 §4.3 and §4.4.1.
func CheckChallenge(enforcement, value, method string) (Challenge, error) {
	effective := method
	if effective == "" {
		effective = MethodPlain
	}
	switch {
	case value == "" && method != "":
		return Challenge{}, fault.ChallengeMethodAlone.Compared("no code_challenge_method", method)
	case value == "" && enforcement == platform.PKCEOptional:
		return Challenge{}, nil
	case value == "":
		return Challenge{}, fault.ChallengeMissing.Compared("a code_challenge ("+enforcement+")", "none")
	case effective != MethodPlain && effective != MethodS256:
		return Challenge{}, fault.ChallengeMethod.Compared("S256 or plain", method)
	case enforcement == platform.PKCES256Required && effective != MethodS256:
		return Challenge{}, fault.ChallengePlain.Compared(MethodS256, effective)
	}
	if wrong := wrongChallenge(effective, value); wrong != "" {
		return Challenge{}, fault.ChallengeMalformed.Saying(wrong).Compared("the shape of "+effective, wrong)
	}
	return Challenge{Value: value, Method: effective}, nil
}

// Verify holds a verifier against the challenge the authorize request left.
// RFC 7636 §4.6; a verifier that nothing asked for is the sign of a stripped
// challenge (RFC 9700 §2.1.1).
func (c Challenge) Verify(verifier string) error {
	switch {
	case c.Value == "" && verifier == "":
		return nil
	case c.Value == "":
		return fault.VerifierUnasked.Compared("no code_verifier", "one")
	case verifier == "":
		return fault.VerifierMissing.Compared("the verifier of a "+c.Method+" challenge", "none")
	case !unreserved(verifier, 43, 128):
		return fault.VerifierMalformed.Compared("43 to 128 unreserved characters", strconv.Itoa(len(verifier))+" characters")
	case !equal(c.derive(verifier), c.Value):
		return fault.VerifierMismatch.Compared("the "+c.Method+" challenge of the authorize request", "another value")
	}
	return nil
}

// derive is the challenge that a verifier makes (RFC 7636 §4.2).
func (c Challenge) derive(verifier string) string {
	if c.Method == MethodPlain {
		return verifier
	}
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// equal compares in constant time, whatever the lengths.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// unreserved reports whether s has least to most characters, all of them
// unreserved (RFC 7636 §4.1, RFC 3986 §2.3).
func unreserved(s string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		if !isUnreserved(s[i]) {
			return false
		}
	}
	return true
}

func isUnreserved(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("-._~", c) >= 0
}

// wrongChallenge says what is wrong with a challenge, or "". An S256 challenge
// is always 43 characters of base64url; the usual mistakes are named here,
// because at the token endpoint they would only be a mismatch.
func wrongChallenge(method, value string) string {
	if method == MethodPlain {
		if !unreserved(value, 43, 128) {
			return "a plain challenge is the code_verifier itself, 43 to 128 characters from A-Z a-z 0-9 - . _ ~"
		}
		return ""
	}
	switch {
	case base64url(value) && len(value) == 43:
		return ""
	case strings.HasSuffix(value, "=") && len(value) == 44:
		return "leave out the padding (=) of base64url; an S256 challenge is exactly 43 characters"
	case regexp.MustCompile(`^[0-9a-fA-F]{64}$`).MatchString(value):
		return "this is the SHA-256 in hexadecimal; base64url-encode the 32 bytes of the hash itself, which gives exactly 43 characters"
	case len(value) == 86 && base64url(value):
		return "this looks like base64url of the hexadecimal hash; encode the 32 bytes of the hash itself, which gives exactly 43 characters"
	case len(value) == 43 && strings.ContainsAny(value, "+/ "):
		return "this is standard base64; base64url has - and _ in place of + and /"
	case strings.Contains(value, "%"):
		return "it is percent-encoded twice; an S256 challenge is exactly 43 characters of A-Z a-z 0-9 - _"
	}
	return "an S256 challenge is exactly 43 characters of base64url (A-Z a-z 0-9 - _), this has " + strconv.Itoa(len(value)) + " characters"
}

func base64url(s string) bool {
	for i := range len(s) {
		if !isUnreserved(s[i]) || s[i] == '.' || s[i] == '~' {
			return false
		}
	}
	return true
}
