package platform

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"pixy/internal/kind"
)

// FuzzManagement sends arbitrary bodies to every kind. What is accepted is JSON
// that the same kind takes back unchanged, as a client that reads a resource
// and sends it again expects, and the kind's rules can read it.
func FuzzManagement(f *testing.F) {
	seeds := []string{
		`{}`, `{"name":"N","enabled":true,"type":"NATIVE_APP","protocol":"OPENID_CONNECT","redirectUris":["http://127.0.0.1/cb"],"corsSettings":{"behavior":"ALLOW_SPECIFIC_ORIGINS","origins":["https://a"]}}`,
		`{"username":"J\u00f6e","email":"joe@example.com","name":{"given":"J","family":"O'N"},"address":{"countryCode":"DE"},"population":{"id":"p"}}`,
		`{"name":"P","excludesCommonlyUsed":true,"excludesProfileData":false,"notSimilarToCurrent":false,"length":{"min":8.9,"max":1e2},"minCharacters":{"0123456789":1},"lockout":{"failureCount":5,"durationSeconds":900}}`,
		`{"type":"LOGIN","priority":1,"condition":{"secondsSince":"x","greater":1e400},"recovery":{"enabled":false}}`,
		`{"resource":{"id":"r"},"scopes":[{"id":"s"},{"id":"t"}]}`, `{"signOnPolicy":{"id":"p"},"priority":2147483648}`,
		`{"name":"E","type":"SANDBOX","region":"EU","billOfMaterials":{"products":[{"type":"X","console":{"href":"\u2028"}}]}}`,
		`{"name":"a\u0000","description":"\ud800"}`, `{"name":null,"icon":[[[[{"a":-0.0}]]]],"mobile":{"":null},"tags":[1E+2,"\u0001"]}`, `{"name":"İ","name":"ǰ"}`, "{\"name\":\"\xff\"}", `[]`, `{"priority":-0.5}`,
	}
	kinds := Kinds() // making the tables costs more than using them
	for i := range kinds {
		for _, s := range seeds {
			f.Add(uint8(i), s)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		k := kinds[int(which)%len(kinds)]
		name := k.Table().Name
		sent, err := kind.Decode([]byte(text))
		if err != nil {
			return
		}
		filled := k.Fill(sent, nil)
		fields := k.Table().All(filled)
		body, details, err := kind.Accept(fields, kind.Create, nil, filled, byKind)
		if err != nil {
			t.Fatal(err)
		}
		raw := encoded(t, body)
		if len(details) > 0 {
			return
		}
		if !utf8.Valid(raw) || bytes.Contains(raw, []byte(`\u0000`)) && !bytes.Contains(raw, []byte(`\\u0000`)) {
			t.Errorf("%s keeps what no database can: %s", name, raw)
		}
		if wrong, err := k.Refuse(nil, raw); err != nil {
			t.Errorf("%s: its own rules can't read %s: %v", name, raw, err)
		} else if len(wrong) > 0 {
			return
		}
		stored, err := kind.Decode(raw)
		if err != nil {
			t.Fatalf("%s: %s: %v", name, raw, err)
		}
		for what, again := range map[string]kind.Body{"the stored body": stored, "what is shown": kind.Show(fields, stored), "a patch of nothing": kind.Merge(stored, kind.Body{})} {
			after, details, err := kind.Accept(fields, kind.Replace, stored, k.Fill(again, stored), byKind)
			if err != nil || len(details) > 0 {
				t.Errorf("%s: %s is refused: %v\n%s", name, what, details, raw)
			} else if got := encoded(t, after); !bytes.Equal(got, raw) {
				t.Errorf("%s: %s became\n%s\nfrom\n%s", name, what, got, raw)
			}
		}
		kind.References(fields, stored)
		kind.Hrefs(k.Table().Links, stored, kind.Place{Top: "t", Environment: "e", Self: "s"})
	})
}

func encoded(t *testing.T, b kind.Body) []byte {
	t.Helper()
	raw, err := json.Marshal(b)
	if err != nil {
		t.Fatalf("what was accepted is no JSON: %v", err)
	}
	return raw
}

// FuzzStoredHash: no stored text makes verifying panic, or cost more than the
// bounds allow; and what a password is held against can be anything.
func FuzzStoredHash(f *testing.F) {
	f.Add(HashPassword("a", []byte("0123456789abcdef"), cheap), "a")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$c29tZXNhbHQ$c29tZXNhbHQ", "")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$$", "")
	f.Fuzz(func(t *testing.T, stored, password string) {
		_, _, c, err := readPHC(stored)
		if err == nil && c.Wrong() != "" {
			t.Errorf("%s asks for %+v", stored, c)
		}
		if err == nil && c.Memory <= 1024 && c.Time <= 2 {
			if _, err := VerifyPassword(stored, password); err != nil {
				t.Error(err)
			}
		}
		p := PasswordPolicy{ExcludesCommonlyUsed: true, ExcludesProfileData: true, NotSimilarToCurrent: true, MinUniqueCharacters: 5, MaxRepeatedCharacters: 1}
		if len(password) < 2000 && len(stored) < 2000 {
			p.Unmet(Candidate{Password: password, Current: stored, User: User{Username: stored, Email: password}})
		}
	})
}
