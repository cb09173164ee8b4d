package oauth

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/kind"
	"pixy/internal/platform"
)

func TestMapped(t *testing.T) {
	user, err := kind.Decode([]byte(`{"id":"u","username":"joe","enabled":true,"age":9007199254740993,"name":{"given":"Jörg","family":"O'Neill"},"tags":["a","b"],"empty":"","nothing":null}`))
	if err != nil {
		t.Fatal(err)
	}
	everything := func(platform.AttributeMapping) bool { return true }
	mapping := func(name, value string, scopes ...string) platform.AttributeMapping {
		return platform.AttributeMapping{Name: name, Value: value, OIDCScopes: scopes}
	}
	for _, c := range []struct {
		name     string
		mappings []platform.AttributeMapping
		scopes   string
		wanted   func(platform.AttributeMapping) bool
		want     string
	}{
		{"none", nil, "openid", everything, `{}`},
		{"a member", []platform.AttributeMapping{mapping("login", "${user.username}")}, "", everything, `{"login":"joe"}`},
		{"a deep member", []platform.AttributeMapping{mapping("first", "${user.name.given}")}, "", everything, `{"first":"Jörg"}`},
		{"joined", []platform.AttributeMapping{mapping("full", "${user.name.given + ' ' + user.name.family}")}, "", everything, `{"full":"Jörg O'Neill"}`},
		{"a text", []platform.AttributeMapping{mapping("tenant", "blue")}, "", everything, `{"tenant":"blue"}`},
		{"a text around a member", []platform.AttributeMapping{mapping("dn", "cn=${user.username},o=x")}, "", everything, `{"dn":"cn=joe,o=x"}`},
		{"other types stay", []platform.AttributeMapping{mapping("on", "${user.enabled}"), mapping("age", "${user.age}"), mapping("tags", "${user.tags}"), mapping("name", "${user.name}")}, "", everything,
			`{"age":9007199254740993,"name":{"family":"O'Neill","given":"Jörg"},"on":true,"tags":["a","b"]}`},
		{"a large number in a text", []platform.AttributeMapping{mapping("age", "n${user.age}")}, "", everything, `{"age":"n9007199254740993"}`},
		{"what is not there is left out", []platform.AttributeMapping{mapping("a", "${user.phone}"), mapping("b", "${user.name.middle.x}"), mapping("c", "${user.nothing}"), mapping("d", "${user.username.x}"), mapping("e", "${user.phone + user.nothing}")}, "", everything, `{}`},
		{"an empty text is one", []platform.AttributeMapping{mapping("a", "${user.empty}")}, "", everything, `{"a":""}`},
		{"nothing but the user is known", []platform.AttributeMapping{mapping("a", "${appConfig.secret}"), mapping("b", "${context.request}")}, "", everything, `{}`},
		{"what can't be read is left out", []platform.AttributeMapping{mapping("a", "${user.username"), mapping("b", "${exec('x')}"), mapping("c", "${user.username}")}, "", everything, `{"c":"joe"}`},
		{"the last of a name", []platform.AttributeMapping{mapping("a", "x"), mapping("a", "y")}, "", everything, `{"a":"y"}`},

		{"bound to a scope", []platform.AttributeMapping{mapping("a", "x", "profile")}, "openid profile", everything, `{"a":"x"}`},
		{"bound to one of two", []platform.AttributeMapping{mapping("a", "x", "email", "profile")}, "openid profile", everything, `{"a":"x"}`},
		{"bound to a scope that is not granted", []platform.AttributeMapping{mapping("a", "x", "profile")}, "openid", everything, `{}`},
		{"bound to a scope, none granted", []platform.AttributeMapping{mapping("a", "x", "profile")}, "", everything, `{}`},
		{"scopes are compared exactly", []platform.AttributeMapping{mapping("a", "x", "Profile")}, "openid profile", everything, `{}`},
		{"only the wanted", []platform.AttributeMapping{mapping("a", "x"), mapping("b", "y")}, "", func(m platform.AttributeMapping) bool { return m.Name == "b" }, `{"b":"y"}`},
		{"wanted but not released", []platform.AttributeMapping{mapping("b", "y", "profile")}, "", func(m platform.AttributeMapping) bool { return m.Name == "b" }, `{}`},
	} {
		got, err := json.Marshal(Mapped(c.mappings, user, Words(c.scopes), c.wanted))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v, not %s", c.name, got, err, c.want)
		}
	}
	// A client that acts for itself is no user.
	if got := Mapped([]platform.AttributeMapping{mapping("sub", "${user.id}"), mapping("tenant", "blue")}, nil, nil, everything); !reflect.DeepEqual(got, map[string]any{"tenant": "blue"}) {
		t.Errorf("without a user: %v", got)
	}
}

// TestWith adds claims, and never in place of one that the server writes
// itself, but for the subject.
func TestWith(t *testing.T) {
	access := realm().AccessClaims(issue(), target(), "c", "j", noon)
	identity := realm().IdentityClaims(issue(), "c", "j", Beside{AccessToken: Signer{Algorithm: jose.RS256}.LeftHash("token")}, noon)
	for name, claims := range map[string]any{"access token": access, "ID token": identity} {
		raw, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		own := map[string]json.RawMessage{}
		if err := json.Unmarshal(raw, &own); err != nil {
			t.Fatal(err)
		}
		if len(own) < 12 {
			t.Fatalf("the %s has only %d claims: %s", name, len(own), raw)
		}
		mapped := map[string]any{"department": "Ünits <&>", "level": json.Number("9007199254740993"), "on": true, "groups": []any{"a"}, "address": map[string]any{"a": 1}}
		for claim := range own {
			mapped[claim] = "forged"
		}
		before := len(mapped)
		out, err := With(claims, mapped)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]json.RawMessage{}
		if err := json.Unmarshal(got, &all); err != nil {
			t.Fatal(err)
		}
		for claim, v := range own {
			want := string(v)
			if claim == "sub" {
				want = `"forged"`
			}
			if string(all[claim]) != want {
				t.Errorf("%s: %s became %s, not %s", name, claim, all[claim], want)
			}
		}
		if string(all["level"]) != "9007199254740993" || string(all["on"]) != "true" || len(all) != len(own)+5 {
			t.Errorf("%s: %s", name, got)
		}
		var department string
		if err := json.Unmarshal(all["department"], &department); err != nil || department != "Ünits <&>" {
			t.Errorf("%s: department is %s", name, all["department"])
		}
		if len(mapped) != before || mapped["iss"] != "forged" {
			t.Errorf("%s: the mapped claims were changed: %v", name, mapped)
		}
	}
	// Without mapped claims nothing is touched.
	for _, mapped := range []map[string]any{nil, {}} {
		if out, err := With(access, mapped); err != nil || !reflect.DeepEqual(out, any(access)) {
			t.Errorf("with nothing: %+v, %v", out, err)
		}
	}
	if _, err := With(map[string]any{"a": math.Inf(1)}, map[string]any{"b": 1}); err == nil {
		t.Error("claims that are no JSON are taken")
	}
	if _, err := With([]int{1}, map[string]any{"b": 1}); err == nil {
		t.Error("claims that are no object are taken")
	}
}

// TestNumbersInTokens: a number of the user stays one in the token, as it is
// and however deep.
func TestNumbersInTokens(t *testing.T) {
	user, err := kind.Decode([]byte(`{"id":"u","n":9007199254740993,"zero":0,"less":-1.5,"deep":{"list":[1,{"n":-9007199254740993},"1",null,true]}}`))
	if err != nil {
		t.Fatal(err)
	}
	var mappings []platform.AttributeMapping
	for _, name := range []string{"n", "zero", "less", "deep"} {
		mappings = append(mappings, platform.AttributeMapping{Name: name, Value: "${user." + name + "}"})
	}
	claims, err := With(realm().AccessClaims(issue(), target(), "c", "j", noon), Mapped(mappings, user, nil, func(platform.AttributeMapping) bool { return true }))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := jose.ParseSignedCompact(signed(t, keys()[0], claims), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	raw := string(payload.UnsafePayloadWithoutVerification())
	for _, part := range []string{`"n":9007199254740993,`, `"zero":0`, `"less":-1.5,`, `"deep":{"list":[1,{"n":-9007199254740993},"1",null,true]}`, `"exp":1772370000,`} {
		if !strings.Contains(raw, part) {
			t.Errorf("the token has no %s: %s", part, raw)
		}
	}
}

// TestWithSigned signs what mapped claims were added to: times are whole
// numbers, and the token is what it was.
func TestWithSigned(t *testing.T) {
	s := keys()[0]
	claims, err := With(realm().AccessClaims(issue(), target(), "c", "j", noon), map[string]any{"iss": "https://evil", "exp": 9999999999, "client_id": "d", "department": "x"})
	if err != nil {
		t.Fatal(err)
	}
	token := signed(t, s, claims)
	got, err := verify(token, []jose.JSONWebKey{s.Public()}, issuer, platform.PlatformAudience, noon)
	if want := realm().AccessClaims(issue(), target(), "c", "j", noon); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("verified as %+v, %v, not %+v", got, err, want)
	}
	payload, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	raw := string(payload.UnsafePayloadWithoutVerification())
	for _, part := range []string{`"iat":1772366400,`, `"exp":1772370000,`, `"auth_time":1772366340,`, `"department":"x"`, `"aud":["` + platform.PlatformAudience + `"]`} {
		if !strings.Contains(raw, part) {
			t.Errorf("the token has no %s: %s", part, raw)
		}
	}
}

// TestVerifyForAnyAudience takes an access token whoever it is for, and is as
// strict as ever about everything else.
func TestVerifyForAnyAudience(t *testing.T) {
	s, foreign := keys()[0], keys()[1]
	known := []jose.JSONWebKey{s.Public()}
	claims := realm().AccessClaims(issue(), Target{Audience: []string{"https://a"}, Life: time.Minute}, "c", "j", noon)
	changed := func(change func(*Access)) string {
		c := claims
		c.Audience = slices.Clone(c.Audience)
		change(&c)
		return signed(t, s, c)
	}
	good := signed(t, s, claims)
	for name, token := range map[string]string{
		"one audience": good, "several": changed(func(a *Access) { a.Audience = []string{"https://b", "https://c"} }), "the platform": changed(func(a *Access) { a.Audience = []string{platform.PlatformAudience} }),
		"an empty one": changed(func(a *Access) { a.Audience = []string{""} }),
	} {
		if got, err := verify(token, known, issuer, "", noon); err != nil || got.ClientID != "c" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for audience, taken := range map[string]bool{"https://a": true, "https://a/": false, "https://A": false, "https://b": false, platform.PlatformAudience: false} {
		if _, err := verify(good, known, issuer, audience, noon); (err == nil) != taken {
			t.Errorf("for %s: %v", audience, err)
		}
	}
	parts := strings.Split(good, ".")
	foreign.KeyID = s.KeyID
	for name, token := range map[string]string{
		"nothing": "", "no signature": parts[0] + "." + parts[1] + ".", "a foreign key": signed(t, foreign, claims), "foreign issuer": changed(func(a *Access) { a.Issuer = "https://evil/e/as" }),
		"no client": changed(func(a *Access) { a.ClientID = "" }), "an ID token": signed(t, s, realm().IdentityClaims(issue(), "c", "j", Beside{AccessToken: Signer{Algorithm: jose.RS256}.LeftHash(good)}, noon)),
		"no expiry": changed(func(a *Access) { a.Expires = 0 }), "expired": changed(func(a *Access) { a.Expires = noon.Unix() }),
	} {
		if got, err := verify(token, known, issuer, "", noon); err == nil {
			t.Errorf("%s was taken: %+v", name, got)
		}
	}
	for at, taken := range map[time.Duration]bool{0: true, time.Minute - time.Second: true, time.Minute: false} {
		if _, err := verify(good, known, issuer, "", noon.Add(at)); (err == nil) != taken {
			t.Errorf("after %v: %v", at, err)
		}
	}
}
