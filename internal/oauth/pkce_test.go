package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// The example of RFC 7636, appendix B.
const (
	rfcVerifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	rfcChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// refuses reports whether err is a refusal by the entry's rule, or none when
// there is no entry.
func refuses(err error, entry *fault.Fault) bool {
	if entry == nil {
		return err == nil
	}
	return errors.Is(err, entry)
}

func TestRFC7636AppendixB(t *testing.T) {
	// covers: RFC 7636 §4.2/2
	octets := []byte{116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121}
	if v := base64.RawURLEncoding.EncodeToString(octets); v != rfcVerifier {
		t.Fatalf("the verifier is %s", v)
	}
	c, err := CheckChallenge(platform.PKCES256Required, rfcChallenge, MethodS256)
	if err != nil || c != (Challenge{rfcChallenge, MethodS256}) {
		t.Fatal(c, err)
	}
	if got := c.derive(rfcVerifier); got != rfcChallenge {
		t.Errorf("the challenge is %s", got)
	}
	if err := c.Verify(rfcVerifier); err != nil {
		t.Error(err)
	}
}

// TestEnforcement is every combination of enforcement, challenge and method:
// the rows of CheckChallenge's switch.
func TestEnforcement(t *testing.T) {
	const none, good, plainOnly, bad = "", rfcChallenge, "plain-verifier.with~dots_and-43-characters..", "too short"
	const opt, req, s256 = platform.PKCEOptional, platform.PKCERequired, platform.PKCES256Required
	cases := []struct {
		enforcement, value, method string
		refused                    *fault.Fault
		effective                  string
	}{
		{opt, none, "", nil, ""},
		{req, none, "", fault.ChallengeMissing, ""},
		{s256, none, "", fault.ChallengeMissing, ""},
		{opt, none, "S256", fault.ChallengeMethodAlone, ""},
		{req, none, "S256", fault.ChallengeMethodAlone, ""},
		{s256, none, "S256", fault.ChallengeMethodAlone, ""},
		{opt, none, "plain", fault.ChallengeMethodAlone, ""},
		{req, none, "plain", fault.ChallengeMethodAlone, ""},
		{s256, none, "plain", fault.ChallengeMethodAlone, ""},
		{opt, none, "rot13", fault.ChallengeMethodAlone, ""},

		{opt, good, "S256", nil, "S256"},
		{req, good, "S256", nil, "S256"},
		{s256, good, "S256", nil, "S256"},
		{opt, good, "plain", nil, "plain"},
		{req, good, "plain", nil, "plain"},
		{s256, good, "plain", fault.ChallengePlain, ""},
		{opt, good, "", nil, "plain"}, // omitted means plain (§4.3)
		{req, good, "", nil, "plain"},
		{s256, good, "", fault.ChallengePlain, ""},
		{opt, good, "s256", fault.ChallengeMethod, ""}, // methods are compared exactly
		{req, good, "PLAIN", fault.ChallengeMethod, ""},
		{s256, good, "S512", fault.ChallengeMethod, ""},
		{s256, good, "S256 ", fault.ChallengeMethod, ""},
		{opt, good, "none", fault.ChallengeMethod, ""},

		{opt, plainOnly, "plain", nil, "plain"},
		{req, plainOnly, "", nil, "plain"},
		{opt, plainOnly, "S256", fault.ChallengeMalformed, ""},
		{s256, plainOnly, "S256", fault.ChallengeMalformed, ""},
		{s256, plainOnly, "", fault.ChallengePlain, ""},

		{opt, bad, "S256", fault.ChallengeMalformed, ""},
		{req, bad, "S256", fault.ChallengeMalformed, ""},
		{s256, bad, "S256", fault.ChallengeMalformed, ""},
		{opt, bad, "plain", fault.ChallengeMalformed, ""},
		{req, bad, "", fault.ChallengeMalformed, ""},
		{s256, bad, "plain", fault.ChallengePlain, ""},
		{opt, bad, "rot13", fault.ChallengeMethod, ""},

		// An enforcement nobody knows must never mean that PKCE is not needed.
		{"", none, "", fault.ChallengeMissing, ""},
		{"optional", none, "", fault.ChallengeMissing, ""},
	}
	for _, c := range cases {
		got, err := CheckChallenge(c.enforcement, c.value, c.method)
		want := Challenge{}
		if c.effective != "" {
			want = Challenge{c.value, c.effective}
		}
		if !refuses(err, c.refused) || got != want {
			t.Errorf("%s, challenge %q, method %q: %+v, %v", c.enforcement, c.value, c.method, got, err)
		}
	}
}

// TestWholeExchange walks every enforcement x challenge x method x verifier
// from the authorize request to the token request.
func TestWholeExchange(t *testing.T) {
	// A plain challenge is its own verifier; so that the wrong method can't
	// pass by accident, the two challenges differ.
	other := strings.Repeat("z", 43)
	verifiers := map[string]string{"none": "", "right": rfcVerifier, "wrong": other, "the challenge": rfcChallenge, "short": rfcVerifier[1:], "long": strings.Repeat("a", 129), "odd": rfcVerifier[1:] + "+"}
	methods := map[string]string{"S256": rfcChallenge, "plain": rfcVerifier, "": rfcVerifier}
	n := 0
	for _, enforcement := range []string{platform.PKCEOptional, platform.PKCERequired, platform.PKCES256Required} {
		for method, challenge := range methods {
			for _, sent := range []string{"", challenge} {
				for name, verifier := range verifiers {
					n++
					label := fmt.Sprintf("%s, method %q, challenge %q, verifier %s", enforcement, method, sent, name)
					sentMethod := method
					if sent == "" {
						sentMethod = ""
					}
					c, err := CheckChallenge(enforcement, sent, sentMethod)
					accepted := sent == "" && enforcement == platform.PKCEOptional || sent != "" && (enforcement != platform.PKCES256Required || method == "S256")
					if (err == nil) != accepted {
						t.Errorf("%s: authorize said %v", label, err)
					}
					if err != nil {
						continue
					}
					var want *fault.Fault
					switch {
					case sent == "" && name != "none":
						want = fault.VerifierUnasked
					case sent == "":
					case name == "none":
						want = fault.VerifierMissing
					case name == "short" || name == "long" || name == "odd":
						want = fault.VerifierMalformed
					case name != "right":
						want = fault.VerifierMismatch
					}
					if err := c.Verify(verifier); !refuses(err, want) {
						t.Errorf("%s: token said %v, not %v", label, err, want)
					}
				}
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d combinations", n)
	}
}

func TestVerify(t *testing.T) {
	// covers: RFC 7636 §4.5/2, RFC 7636 §4.6/1
	s256, plain := Challenge{rfcChallenge, MethodS256}, Challenge{rfcVerifier, MethodPlain}
	most := strings.Repeat("aB9-._~x", 16)
	cases := []struct {
		name     string
		c        Challenge
		verifier string
		refused  *fault.Fault
	}{
		{"nothing asked, nothing sent", Challenge{}, "", nil},
		{"nothing asked, one sent", Challenge{}, rfcVerifier, fault.VerifierUnasked},
		{"nothing asked, a malformed one sent", Challenge{}, "x", fault.VerifierUnasked},
		{"missing", s256, "", fault.VerifierMissing},
		{"missing for plain", plain, "", fault.VerifierMissing},
		{"right", s256, rfcVerifier, nil},
		{"right for plain", plain, rfcVerifier, nil},
		{"the challenge itself, which an attacker saw", s256, rfcChallenge, fault.VerifierMismatch},
		{"42 characters", s256, rfcVerifier[1:], fault.VerifierMalformed},
		{"129 characters", s256, most + "a", fault.VerifierMalformed},
		{"128 characters", Challenge{Challenge{}.derive(most), MethodS256}, most, nil},
		{"128 characters for plain", Challenge{most, MethodPlain}, most, nil},
		{"with padding", s256, rfcVerifier + "=", fault.VerifierMalformed},
		{"with a NUL behind it", s256, rfcVerifier + "\x00", fault.VerifierMalformed},
		{"with a newline behind it", s256, rfcVerifier + "\n", fault.VerifierMalformed},
		{"not ASCII", s256, strings.Repeat("é", 43), fault.VerifierMalformed},
		{"another case", s256, strings.ToLower(rfcVerifier), fault.VerifierMismatch},
		{"a prefix for plain", Challenge{most, MethodPlain}, most[:100], fault.VerifierMismatch},
		{"a longer one for plain", Challenge{most[:100], MethodPlain}, most, fault.VerifierMismatch},
		// A ticket whose method is damaged must not fall back to plain.
		{"unknown method is not plain", Challenge{rfcVerifier, "none"}, rfcVerifier, fault.VerifierMismatch},
	}
	for _, c := range cases {
		if err := c.c.Verify(c.verifier); !refuses(err, c.refused) {
			t.Errorf("%s: %v, not %v", c.name, err, c.refused)
		}
	}
}

// What is said about a refused verifier reaches whoever holds the code; it must
// help neither to the challenge nor to the verifier.
func TestRefusalsKeepTheSecret(t *testing.T) {
	c := Challenge{rfcChallenge, MethodS256}
	for _, verifier := range []string{"", "short-but-mine", strings.Repeat("z", 43)} {
		text := c.Verify(verifier).Error()
		if strings.Contains(text, rfcChallenge) || verifier != "" && strings.Contains(text, verifier) {
			t.Errorf("the refusal tells a secret: %s", text)
		}
	}
}

// TestHints gives each of the usual mistakes its sentence: at the token
// endpoint they would only be a mismatch.
func TestHints(t *testing.T) {
	sum := sha256.Sum256([]byte(rfcVerifier))
	inHex := hex.EncodeToString(sum[:])
	cases := []struct{ name, method, value, hint string }{
		{"padding", MethodS256, rfcChallenge + "=", "leave out the padding"},
		{"hex", MethodS256, inHex, "SHA-256 in hexadecimal"},
		{"upper-case hex", MethodS256, strings.ToUpper(inHex), "SHA-256 in hexadecimal"},
		{"base64url of the hex", MethodS256, base64.RawURLEncoding.EncodeToString([]byte(inHex)), "base64url of the hexadecimal hash"},
		{"standard alphabet", MethodS256, base64.RawStdEncoding.EncodeToString(sum[:]), "standard base64"},
		{"a + that became a space", MethodS256, strings.Replace(rfcChallenge, "-", " ", 1), "standard base64"},
		{"escaped twice", MethodS256, url.QueryEscape(base64.StdEncoding.EncodeToString(sum[:])), "percent-encoded twice"},
		{"escaped twice, 43 long", MethodS256, rfcChallenge[:40] + "%3D", "percent-encoded twice"},
		{"empty", MethodS256, "", "this has 0 characters"},
		{"short", MethodS256, rfcChallenge[1:], "this has 42 characters"},
		{"long", MethodS256, rfcChallenge + "a", "this has 44 characters"},
		{"dots", MethodS256, rfcChallenge[:42] + ".", "exactly 43 characters of base64url"},
		{"tilde", MethodS256, rfcChallenge[:42] + "~", "exactly 43 characters of base64url"},
		{"not ASCII", MethodS256, rfcChallenge[:41] + "é", "exactly 43 characters of base64url"},
		{"standard alphabet with padding", MethodS256, base64.StdEncoding.EncodeToString(sum[:]), "leave out the padding"},
		{"short plain", MethodPlain, rfcVerifier[1:], "is the code_verifier itself, 43 to 128"},
		{"long plain", MethodPlain, strings.Repeat("a", 129), "is the code_verifier itself, 43 to 128"},
		{"plain outside the alphabet", MethodPlain, rfcVerifier + "+", "is the code_verifier itself, 43 to 128"},
	}
	if !strings.ContainsAny(base64.RawStdEncoding.EncodeToString(sum[:]), "+/") {
		t.Fatal("the example has no character of the standard alphabet")
	}
	for _, c := range cases {
		if got := wrongChallenge(c.method, c.value); !strings.Contains(got, c.hint) {
			t.Errorf("%s: %q says %q, not %q", c.name, c.value, got, c.hint)
		}
		if c.value == "" {
			continue
		}
		_, err := CheckChallenge(platform.PKCEOptional, c.value, c.method)
		var f *fault.Fault
		if !errors.As(err, &f) || !strings.Contains(f.Message, c.hint) || strings.ContainsAny(f.Message, "\"\\") {
			t.Errorf("%s: the refusal is %v", c.name, err)
		}
	}
	for _, good := range []string{rfcVerifier, strings.Repeat("-._~", 32)} {
		if got := wrongChallenge(MethodPlain, good); got != "" {
			t.Errorf("%s is a good plain challenge: %s", good, got)
		}
	}
}
