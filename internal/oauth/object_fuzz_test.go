package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/platform"
)

// clientJWT is a JWT by HS256 with a secret, or by ES256 with a key in its header.
func clientJWT(t testing.TB, key any, typ, claims string) string {
	t.Helper()
	algorithm, options := jose.HS256, (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	if _, ok := key.(*ecdsa.PrivateKey); ok {
		algorithm, options.EmbedJWK = jose.ES256, true
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign([]byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const objectSecret = "0123456789abcdef0123456789abcdef"

// FuzzRequestObject sends arbitrary objects: as they are, and with arbitrary
// claims that the client has signed. None panics, none that is not signed counts,
// and whatever counts leads to a registered redirect URI as the client itself.
func FuzzRequestObject(f *testing.F) {
	// covers: RFC 9101 §6.2/1, RFC 9101 §6.3/3
	const good = `{"client_id":"me","redirect_uri":"https://a/cb","response_type":"code","scope":"openid","state":"s","nonce":"n","code_challenge":"` + rfcChallenge + `","code_challenge_method":"S256"}`
	for _, claims := range []string{good, `{}`, `{"redirect_uri":["https://a/cb","https://evil"]}`, `{"redirect_uri":"https://evil/cb"}`, `{"client_id":"you"}`, `{"client_id":["me","you"]}`,
		`{"request":"x"}`, `{"request_uri":"x"}`, `{"max_age":1e3,"prompt":null}`, `{"sub":"me"}`, `{"iss":"you"}`, `{"aud":[]}`, `{"aud":"x"}`, `{"exp":1}`, `{"exp":"1"}`, `{"response_type":"token code"}`,
		`{"resource":["a","b"]}`, `{"state":{"a":1}}`, `{"state":true}`, `[]`, `null`, `{"redirect_uri":"https://a/cb","redirect_uri":"https://evil"}`, strings.Replace(good, "https://a/cb", `https:\/\/evil`, 1)} {
		for variant := range uint8(8) {
			f.Add(claims, variant)
		}
	}
	f.Add("eyJhbGciOiJub25lIn0.e30.", uint8(0))
	f.Add("eyJhbGciOiJub25lIn0."+"eyJyZWRpcmVjdF91cmkiOiJodHRwczovL2V2aWwifQ.", uint8(2))
	f.Fuzz(func(t *testing.T, text string, variant uint8) {
		isSigned, unsigned, demanded := variant&1 != 0, variant&2 != 0, variant&4 != 0
		client := &Client{ID: "me", Scopes: ofOpenID("profile"), Application: platform.Application{Enabled: true, Type: "WEB_APP", RedirectURIs: []string{"https://a/cb"}, GrantTypes: []string{"AUTHORIZATION_CODE"},
			ResponseTypes: []string{"CODE"}, PKCEEnforcement: platform.PKCES256Required, SupportUnsignedRequestObject: unsigned, RequireSignedRequestObject: demanded}}
		if isSigned {
			if !json.Valid([]byte(text)) {
				return
			}
			text = clientJWT(t, []byte(objectSecret), "JWT", text)
		}
		o, err := ReadObject(text)
		if err != nil {
			return
		}
		before := Authorization{Form: Form{"client_id": {"me"}, "redirect_uri": {"https://a/cb"}, "request": {text}, "state": {"beside"}}, Client: client}
		a, err := before.Unfold(o, Keys{Secrets: []string{objectSecret}}, issuer, time.Unix(1, 0))
		if err != nil {
			if a.Signed || a.Form.Get("redirect_uri") != "https://a/cb" || a.Form.Get("state") != "beside" {
				t.Errorf("a refused object left %+v", a.Form)
			}
			return
		}
		if a.Signed != isSigned && o.Method != platform.AuthSecretJWT || !a.Signed && !unsigned {
			t.Errorf("%s counts as signed %v", text, a.Signed)
		}
		if !slices.Equal(a.Form["client_id"], []string{"me"}) || len(a.Form["request"])+len(a.Form["request_uri"]) > 0 {
			t.Errorf("the request is %v", a.Form)
		}
		if demanded && a.Signed && a.Form.Get("state") == "beside" && !strings.Contains(text, ".") {
			t.Errorf("what stands beside counts: %v", a.Form)
		}
		if First(ClientChecks(), a) != nil {
			return
		}
		r, err := a.Accept()
		if err == nil && (r.RedirectURI != "https://a/cb" || r.ClientID != "me" || demanded && !a.Signed || a.Signed && r.Query != "") {
			t.Errorf("accepted as %+v", r)
		}
	})
}

// FuzzProof sends arbitrary proofs: as they are, and with arbitrary claims that a
// key has signed. None panics, and a good one says what the request is.
func FuzzProof(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	nonceKey := []byte("a key of thirty-two bytes or more")
	now := time.Unix(1_700_000_000, 0)
	good := `{"jti":"j","htm":"POST","htu":"https://i/as/token","iat":1700000000,"nonce":"` + NewNonce(nonceKey, now) + `"}`
	for _, claims := range []string{good, `{}`, `[]`, `{"jti":1}`, `{"iat":1e308}`, `{"iat":-1}`, `{"nonce":[]}`, strings.Replace(good, "https://i/as/token", "https://i:443/as/./token?a#b", 1),
		strings.Replace(good, "https://i", "https://i@evil", 1), strings.Replace(good, "/as/", "/as%2f", 1), strings.Replace(good, "POST", "GET", 1)} {
		f.Add(claims, true)
	}
	f.Add("eyJhbGciOiJub25lIiwidHlwIjoiZHBvcCtqd3QifQ.e30.", false)
	f.Add(clientJWT(f, key, "dpop+jwt", `{"jti":"j"}`), false)
	f.Fuzz(func(t *testing.T, text string, isSigned bool) {
		raw := text
		if isSigned {
			if !json.Valid([]byte(text)) {
				return
			}
			text = clientJWT(t, key, "dpop+jwt", text)
		}
		shown, err := Proof{Text: text, Method: "POST", URL: "https://i/as/token"}.Verify(nonceKey, now)
		if err != nil {
			return
		}
		var c proofClaims
		if !isSigned || json.Unmarshal([]byte(raw), &c) != nil || c.Method != "POST" || !strings.Contains(strings.ToLower(c.URL), "://i") || c.Nonce == "" || len(shown.JKT) != 43 || !strings.HasSuffix(shown.ID, "."+c.ID) {
			t.Errorf("%s is a proof: %+v", raw, shown)
		}
		if _, err := (Proof{Text: text, Method: "POST", URL: "https://i/as/token"}).Verify([]byte("another key of another server, so "), now); err == nil {
			t.Error("another server takes the nonce")
		}
	})
}
