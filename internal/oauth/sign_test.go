package oauth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"pixy/internal/platform"
)

const issuer = "https://x/e/as"

// keys are made once: they cost most of the time of these tests.
var keys = sync.OnceValue(func() [2]Signer {
	var out [2]Signer
	for i, id := range []string{"one", "two"} {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		out[i] = Signer{KeyID: id, Key: k, Algorithm: jose.RS256}
	}
	return out
})

func realm() Realm {
	return Realm{Issuer: issuer, Environment: "e", Organization: "o", Region: "NA"}
}

// target is that of a token for the platform's API.
func target() Target { return (&Client{}).Target(Issue{}) }

func issue() Issue {
	return Issue{Subject: "u", Scopes: []string{"openid", "profile"}, Session: "s", Family: "f", Nonce: "n", ACR: "Single_Factor", AMR: []string{"pwd"}, AuthTime: noon.Add(-time.Minute)}
}

func signed(t *testing.T, s Signer, claims any) string {
	t.Helper()
	token, err := s.Sign(claims, "")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// OpenID Connect Core, appendix A.3 and A.4: the access token and its at_hash.
func TestAtHash(t *testing.T) {
	if got := (Signer{Algorithm: jose.RS256}).LeftHash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"); got != "77QmUPtjPfzWtF2AnpK9RQ" {
		t.Errorf("got %s", got)
	}
}

// covers: RFC 9068 §2.2/9
// covers: OIDC Core §13.3/1
func TestClaims(t *testing.T) {
	text := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	cases := []struct{ name, got, want string }{
		{"access token of a user", text(realm().AccessClaims(issue(), target(), "c", "j", noon)),
			`{"iss":"https://x/e/as","sub":"u","aud":["https://api.pingone.com"],"client_id":"c","iat":1772366400,"exp":1772370000,"jti":"j","scope":"openid profile","sid":"s","acr":"Single_Factor","auth_time":1772366340,"env":"e","org":"o","fam":"f"}`},
		{"access token of a client", text(realm().AccessClaims(Issue{}, target(), "c", "j", noon)),
			`{"iss":"https://x/e/as","aud":["https://api.pingone.com"],"client_id":"c","iat":1772366400,"exp":1772370000,"jti":"j","env":"e","org":"o"}`},
		{"access token for resources", text(realm().AccessClaims(Issue{Scopes: []string{"a:read", "b:read"}}, Target{Audience: []string{"https://a", "https://b"}, Life: 5 * time.Minute, Resources: []string{"a", "b"}}, "c", "j", noon)),
			`{"iss":"https://x/e/as","aud":["https://a","https://b"],"client_id":"c","iat":1772366400,"exp":1772366700,"jti":"j","scope":"a:read b:read","env":"e","org":"o"}`},
		{"ID token", text(realm().IdentityClaims(issue(), "c", "j", Beside{AccessToken: Signer{Algorithm: jose.RS256}.LeftHash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y")}, noon)),
			`{"iss":"https://x/e/as","sub":"u","aud":"c","iat":1772366400,"exp":1772370000,"jti":"j","acr":"Single_Factor","amr":["pwd"],"auth_time":1772366340,"nonce":"n","at_hash":"77QmUPtjPfzWtF2AnpK9RQ","sid":"s","env":"e","org":"o","p1.region":"NA1"}`},
	}
	for _, c := range cases {
		if c.got != c.want {
			t.Errorf("%s:\n%s\nnot\n%s", c.name, c.got, c.want)
		}
	}
	if got := (Realm{}).IdentityClaims(Issue{}, "c", "j", Beside{}, noon).Region; got != "" {
		t.Errorf("no region, no claim: %q", got)
	}
	for scopes, want := range map[string]bool{"openid": true, "profile openid": true, "profile": false, "": false, "openid2": false} {
		if got := (Issue{Scopes: Words(scopes)}).WantsIdentity(); got != want {
			t.Errorf("%q wants an ID token: %v", scopes, got)
		}
	}
}

// covers: RFC 9068 §2.1/5, RFC 9068 §4/12
// covers: OIDC Core §2/22
// covers: OIDC Discovery §3/16
func TestSignAndVerify(t *testing.T) {
	s := keys()[0]
	want := realm().AccessClaims(issue(), target(), "c", "j", noon)
	token := signed(t, s, want)
	got, err := verify(token, []jose.JSONWebKey{keys()[1].Public(), s.Public()}, issuer, platform.PlatformAudience, noon)
	if err != nil || got.Subject != "u" || got.ID != "j" || got.Family != "f" {
		t.Errorf("verified as %+v, %v", got, err)
	}
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if err != nil || string(header) != `{"alg":"RS256","kid":"one"}` {
		t.Errorf("header %s, %v", header, err)
	}
	peeked, err := Peek(token)
	if err != nil || peeked.Issuer != issuer || peeked.Environment != "e" {
		t.Errorf("peeked %+v, %v", peeked, err)
	}
	if raw, err := json.Marshal(s.Public()); err != nil || strings.Contains(string(raw), `"d"`) || !strings.Contains(string(raw), `"use":"sig"`) {
		t.Errorf("the JWKS publishes %s, %v", raw, err)
	}
	// A token is good until the second it expires.
	for at, good := range map[time.Duration]bool{0: true, TokenLife - time.Second: true, TokenLife: false, 2 * TokenLife: false} {
		if _, err := verify(token, []jose.JSONWebKey{s.Public()}, issuer, platform.PlatformAudience, noon.Add(at)); (err == nil) != good {
			t.Errorf("after %v: %v", at, err)
		}
	}
}

// TestVerifyRefuses is what people try with a token.
// covers: RFC 9068 §4/6, RFC 9068 §4/9, RFC 9068 §4/10, RFC 9068 §4/11
func TestVerifyRefuses(t *testing.T) {
	// covers: RFC 6749 §7/1, RFC 6749 §10.3/3
	// covers: RFC 6750 §5.2/2
	s, foreign := keys()[0], keys()[1]
	claims := realm().AccessClaims(issue(), target(), "c", "j", noon)
	good := signed(t, s, claims)
	parts := strings.Split(good, ".")
	b64 := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	changed := func(change func(*Access)) string {
		c := claims
		change(&c)
		return signed(t, s, c)
	}
	by := func(alg jose.SignatureAlgorithm, key any) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "one"))
		if err != nil {
			t.Fatal(err)
		}
		token, err := jwt.Signed(signer).Claims(claims).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	publicDER, err := x509.MarshalPKIXPublicKey(s.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	foreignAsOne := foreign
	foreignAsOne.KeyID = "one"
	embedded, _ := json.Marshal(foreign.Public())
	cases := map[string]string{
		"empty":                         "",
		"no JWT":                        "x",
		"alg none":                      b64(`{"alg":"none","kid":"one"}`) + "." + parts[1] + ".",
		"alg none with the signature":   b64(`{"alg":"none","kid":"one"}`) + "." + parts[1] + "." + parts[2],
		"alg None":                      b64(`{"alg":"None","kid":"one"}`) + "." + parts[1] + ".",
		"no signature":                  parts[0] + "." + parts[1] + ".",
		"two parts":                     parts[0] + "." + parts[1],
		"HS256 with the public key":     by(jose.HS256, publicDER),
		"HS256 with the modulus":        by(jose.HS256, s.Key.Public().(*rsa.PublicKey).N.Bytes()),
		"PS256 of the right key":        by(jose.PS256, s.Key),
		"RS512 of the right key":        by(jose.RS512, s.Key),
		"a foreign key under our kid":   signed(t, foreignAsOne, claims),
		"an unknown kid":                signed(t, Signer{KeyID: "three", Key: s.Key, Algorithm: jose.RS256}, claims),
		"no kid":                        signed(t, Signer{Key: s.Key, Algorithm: jose.RS256}, claims),
		"another key's kid":             signed(t, Signer{KeyID: "two", Key: s.Key, Algorithm: jose.RS256}, claims),
		"a key brought along":           b64(`{"alg":"RS256","jwk":`+string(embedded)+`}`) + "." + strings.Join(strings.Split(signed(t, foreign, claims), ".")[1:], "."),
		"a critical header":             b64(`{"alg":"RS256","kid":"one","crit":["x"],"x":1}`) + "." + parts[1] + "." + parts[2],
		"other claims":                  parts[0] + "." + b64(`{"iss":"`+issuer+`","client_id":"c","aud":["`+platform.PlatformAudience+`"],"exp":9999999999}`) + "." + parts[2],
		"broken signature":              good[:len(good)-6] + "AAAAAA",
		"text behind":                   good + "A",
		"JSON serialization":            `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"foreign issuer":                changed(func(a *Access) { a.Issuer = "https://evil/e/as" }),
		"issuer with a slash behind":    changed(func(a *Access) { a.Issuer += "/" }),
		"no issuer":                     changed(func(a *Access) { a.Issuer = "" }),
		"expired":                       changed(func(a *Access) { a.Expires = noon.Unix() }),
		"without expiry":                changed(func(a *Access) { a.Expires = 0 }),
		"another audience":              changed(func(a *Access) { a.Audience = []string{"https://api.example.com"} }),
		"no audience":                   changed(func(a *Access) { a.Audience = nil }),
		"no client":                     changed(func(a *Access) { a.ClientID = "" }),
		"an ID token":                   signed(t, s, realm().IdentityClaims(issue(), "c", "j", Beside{AccessToken: Signer{Algorithm: jose.RS256}.LeftHash(good)}, noon)),
		"an ID token for the audience":  signed(t, s, realm().IdentityClaims(issue(), platform.PlatformAudience, "j", Beside{AccessToken: Signer{Algorithm: jose.RS256}.LeftHash(good)}, noon)),
		"expiry that is no number":      signed(t, s, map[string]any{"iss": issuer, "client_id": "c", "aud": []string{platform.PlatformAudience}, "exp": "never"}),
		"too long":                      signed(t, s, map[string]any{"iss": issuer, "pad": strings.Repeat("a", maxToken)}),
		"compressed or encrypted (JWE)": strings.Repeat("a.", 4) + "a",
	}
	known := []jose.JSONWebKey{s.Public(), foreign.Public()}
	for name, token := range cases {
		if got, err := verify(token, known, issuer, platform.PlatformAudience, noon); err == nil {
			t.Errorf("%s was taken: %+v", name, got)
		}
	}
	if _, err := verify(good, nil, issuer, platform.PlatformAudience, noon); err == nil {
		t.Error("without keys nothing is good")
	}
	if _, err := Peek(cases["alg none"]); err == nil {
		t.Error("Peek reads a token without an algorithm")
	}
}

// covers: OIDC Core §5.3.2/2
func TestUserInfo(t *testing.T) {
	// covers: Certification Basic/OIDCCScopeProfile
	full := platform.User{Username: "joe", Email: "joe@example.com", Name: platform.UserName{Given: "Joe", Family: "Doe"}, PrimaryPhone: "1", MobilePhone: "2", Timezone: "Europe/Berlin",
		Address: platform.UserAddress{Locality: "Berlin", CountryCode: "DE"}}
	cases := []struct {
		name   string
		user   platform.User
		scopes string
		want   string
	}{
		{"openid alone", full, "openid", `{"sub":"u"}`},
		{"nothing", full, "", `{}`},
		{"a scope that releases nothing", full, "openid p1:read:user", `{"sub":"u"}`},
		{"profile", full, "openid profile", `{"family_name":"Doe","given_name":"Joe","name":"Joe Doe","preferred_username":"joe","sub":"u","updated_at":1772366400,"zoneinfo":"Europe/Berlin"}`},
		{"email", full, "openid email", `{"email":"joe@example.com","email_verified":false,"sub":"u"}`},
		{"address and phone", full, "openid address phone", `{"address":{"country":"DE","locality":"Berlin"},"phone_number":"1","sub":"u"}`},
		{"no address, no phone", platform.User{Username: "joe"}, "openid address phone", `{"sub":"u"}`},
		{"mobile phone", platform.User{MobilePhone: "2"}, "phone", `{"phone_number":"2"}`},
		{"formatted name", platform.User{Name: platform.UserName{Given: "Joe", Formatted: "Dr. Doe"}}, "profile", `{"given_name":"Joe","name":"Dr. Doe","updated_at":1772366400}`},
		{"one name", platform.User{Name: platform.UserName{Family: "Doe"}}, "profile", `{"family_name":"Doe","name":"Doe","updated_at":1772366400}`},
	}
	for _, c := range cases {
		raw, err := json.Marshal(UserInfo("u", c.user, noon, Words(c.scopes)))
		if err != nil || string(raw) != c.want {
			t.Errorf("%s: %s, %v\nnot %s", c.name, raw, err, c.want)
		}
	}
}

// verify is Signed and Check.
func verify(token string, keys []jose.JSONWebKey, issuer, audience string, now time.Time) (Access, error) {
	claims, err := Signed(token, keys)
	if err != nil {
		return Access{}, err
	}
	if err := claims.Check(issuer, audience, now); err != nil {
		return Access{}, err
	}
	return claims, nil
}
