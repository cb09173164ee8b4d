package test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
)

// A combination of enforcement, challenge, method and verifier, and what must
// come of it, by RFC 7636 and RFC 9700 and not by our code.
type combination struct {
	enforcement, challenge, method, verifier string
}

func s256(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// challenges are what an application may send, right and wrong. The S256 ones
// belong to the verifier of the vector; so does plain, which is the verifier.
func challenges() map[string]string {
	sum := sha256.Sum256([]byte(verifier))
	return map[string]string{
		"absent": "", "S256": challenge, "plain": verifier,
		"padded": challenge + "=", "hex": hex.EncodeToString(sum[:]), "hex then base64url": base64.RawURLEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:]))),
		"standard base64": base64.RawStdEncoding.EncodeToString(sum[:16]) + "+/" + strings.Repeat("a", 19),
		"42 characters":   challenge[:42], "128 characters": strings.Repeat("a", 128), "129 characters": strings.Repeat("a", 129),
		"with a space": challenge[:42] + " ",
	}
}

func verifiers() map[string]string {
	return map[string]string{
		"absent": "", "right": verifier, "wrong": strings.Repeat("w", 43), "too short": verifier[:42], "too long": strings.Repeat("a", 129),
		"forbidden characters": verifier[:42] + "+", "the challenge itself": challenge,
	}
}

// accepted says whether authorize must accept the combination.
func (c combination) accepted() bool {
	ch := challenges()[c.challenge]
	if ch == "" {
		return c.method == "" && c.enforcement == "OPTIONAL"
	}
	method := c.method
	if method == "" {
		method = "plain"
	}
	unreserved := strings.Trim(ch, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") == ""
	switch method {
	case "S256":
		return len(ch) == 43 && unreserved && !strings.ContainsAny(ch, ".~")
	case "plain":
		return c.enforcement != "S256_REQUIRED" && unreserved && len(ch) >= 43 && len(ch) <= 128
	}
	return false
}

// redeemed says whether the token endpoint must give a token.
func (c combination) redeemed() bool {
	ch, v := challenges()[c.challenge], verifiers()[c.verifier]
	if ch == "" {
		return v == ""
	}
	if len(v) < 43 || len(v) > 128 || strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") != "" {
		return false
	}
	if c.method == "S256" {
		return s256(v) == ch
	}
	return v == ch
}

// TestEveryCombination goes through the wire for every enforcement, challenge,
// method and verifier.
func TestEveryCombination(t *testing.T) {
	// covers: RFC 7636 §4.4/1, RFC 7636 §4.4/2, RFC 7636 §4.4.1/1, RFC 7636 §4.4.1/3, RFC 7636 §4.5/2, RFC 7636 §4.6/1, RFC 7636 §4.6/2
	w := newWorld(t)
	w.user("ada")
	p := person{w: w}
	apps := map[string]string{}
	for _, e := range []string{"OPTIONAL", "REQUIRED", "S256_REQUIRED"} {
		apps[e] = w.application(object{"pkceEnforcement": e})
	}
	p.code(apps["S256_REQUIRED"], "ada", nil) // from here on the session answers at once
	authorized, accepted, redeemed, ran := 0, 0, 0, 0
	for enforcement, app := range apps {
		for name := range challenges() {
			for _, method := range []string{"", "plain", "S256", "s256", "S512"} {
				c := combination{enforcement: enforcement, challenge: name, method: method}
				authorized++
				at := p.authorize(app, url.Values{"code_challenge": {challenges()[name]}, "code_challenge_method": {method}})
				if code := at.query("code"); (code != "") != c.accepted() {
					t.Errorf("%+v: authorize answers %s", c, at.Header.Get("Location"))
				} else if code == "" {
					ran += len(verifiers())
					if at.query("error") != "invalid_request" || at.query("state") != "st4te" || at.query("iss") != w.base+"/"+w.env+"/as" {
						t.Errorf("%+v: refused with %s", c, at.Header.Get("Location"))
					}
					continue
				}
				accepted++
				for v := range verifiers() {
					c.verifier = v
					ran++
					code := p.authorize(app, url.Values{"code_challenge": {challenges()[name]}, "code_challenge_method": {method}}).query("code")
					r := w.redeem(app, code, url.Values{"code_verifier": {verifiers()[v]}})
					switch {
					case c.redeemed():
						redeemed++
						if r.StatusCode != 200 || r.text("access_token") == "" {
							t.Errorf("%+v: token answers %s, want tokens", c, r.raw)
						}
					case r.StatusCode != 400 || r.text("error") != "invalid_grant":
						t.Errorf("%+v: token answers %d %s, want invalid_grant", c, r.StatusCode, r.raw)
					}
					if strings.Contains(r.raw, challenge) || strings.Contains(r.raw, verifier) {
						t.Errorf("%+v: the answer gives the secret away: %s", c, r.raw)
					}
				}
			}
		}
	}
	t.Logf("%d combinations: %d authorize requests, %d accepted; %d redemptions gave tokens", ran, authorized, accepted, redeemed)
	if ran < 1000 || redeemed == 0 || accepted == authorized {
		t.Error("that is not every combination")
	}
}

// TestChallengeHints names the usual mistakes where they can still be explained.
func TestChallengeHints(t *testing.T) {
	// covers: RFC 7636 §4.4.1/2
	w := newWorld(t)
	app := w.application(nil)
	p := person{w: w}
	for name, hint := range map[string]string{"padded": "padding", "hex": "hexadecimal", "hex then base64url": "hexadecimal hash",
		"standard base64": "standard base64", "42 characters": "exactly 43 characters", "absent": "code_challenge is missing"} {
		method := "S256"
		if name == "absent" {
			method = ""
		}
		at := p.authorize(app, url.Values{"code_challenge": {challenges()[name]}, "code_challenge_method": {method}})
		if d := at.query("error_description"); !strings.Contains(d, hint) {
			t.Errorf("%s: %q has no %q", name, d, hint)
		}
	}
	if d := p.authorize(app, url.Values{"code_challenge_method": {""}}).query("error_description"); !strings.Contains(d, "left out it means plain") {
		t.Errorf("a method that is left out: %q", d)
	}
}

// TestAppendixB goes through the wire with the vector of RFC 7636, appendix B:
// the octets there, the verifier they encode to, and the challenge of that.
func TestAppendixB(t *testing.T) {
	// covers: RFC 7636 §4.2/2, RFC 7636 §4.6/1
	// covers: RFC 8252 §6/2
	// covers: Certification Basic/OIDCCEnsureRequestWithValidPkceSucceeds
	octets := []byte{116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121}
	v := base64.RawURLEncoding.EncodeToString(octets)
	if v != "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" || s256(v) != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Fatalf("the test itself is wrong: %s, %s", v, s256(v))
	}
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := person{w: w}
	w.redeem(app, p.code(app, "ada", url.Values{"code_challenge": {s256(v)}}), url.Values{"code_verifier": {v}}).want(200)
}
