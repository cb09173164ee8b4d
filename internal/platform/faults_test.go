package platform

import (
	"encoding/json"
	"testing"
	"time"

	"pixy/internal/kind"
)

// TestConditionsByTheirExactNames: a member that is only nearly one of those
// known is not evaluated.
func TestConditionsByTheirExactNames(t *testing.T) {
	for _, raw := range []string{`{"OR":[]}`, `{"AND":[]}`, `{"or":[]}`, `{"Not":` + leafT + `}`, `{"IPRANGE":["192.168.0.0/16"],"contains":"${flow.request.http.remoteIp}"}`,
		`{"value":"${user.id}","equals":null}`, `{"ipRange":["::ffff:10.0.0.0/104"],"contains":"${flow.request.http.remoteIp}"}`} {
		if got := Evaluate(json.RawMessage(raw), known()); got != Unevaluated {
			t.Errorf("%s is %s", raw, words(got))
		}
	}
}

// TestSymbolsOfASCII are 33, the blank among them: one alone makes no password
// strong.
func TestSymbolsOfASCII(t *testing.T) {
	for _, pw := range []string{"aaaa aaa", "aaaa'aaa", "aaaa`aaa"} {
		if got := (PasswordPolicy{MinComplexity: 7}).Unmet(Candidate{Password: pw}); len(got) != 1 {
			t.Errorf("%q would be tried for %v days", pw, daysToGuess(pw))
		}
	}
}

// TestImportIsCheap: to take a hash over is to read it, whatever it costs to
// verify.
func TestImportIsCheap(t *testing.T) {
	const hash = "$2b$12$abcdefghijklmnopqrstuu5UWyuxawIwQzpnlr0Mft5nu6B9cYh/C"
	began := time.Now()
	for range 100 {
		if ok, err := Encoded("value", hash); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	took := time.Since(began)
	t.Logf("100 imports of a bcrypt hash of cost 12 take %v; verifying one takes about 0.2 s", took)
	if took > 5*time.Second { // 100 verifications would take 20
		t.Errorf("100 imports take %v", took)
	}
}

// TestLooksOfHashes tells passwords from what was hashed elsewhere.
func TestLooksOfHashes(t *testing.T) {
	for _, pw := range []string{"$100$Cash!", "$1-800$Call", "{ab}secret", "{x}", "pbkdf2 is fun"} {
		if _, err := Encoded("x", pw); err != nil {
			t.Errorf("%s is taken for a hash", pw)
		}
	}
	for _, pw := range []string{"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7", "$P$B55D6LjfHDkINU5wF.v2BuuzO0/XPk/",
		"$2$10$abcdefghijklmnopqrstuu5UWyuxawIwQzpnlr0Mft5nu6B9cYh/C", "pbkdf2_sha256$260000$salt$qzpnlr0Mft5nu6B9cYh0Mft5nu6B9cYh", "$pbkdf2-sha256$1000$YQ$" + "c2FsdHNhbHRzYWx0c2FsdHNhbHQ"} {
		if _, err := Encoded("x", pw); err == nil {
			t.Errorf("%s is taken for a password in clear, or for a hash that can be verified", pw)
		}
	}
}

// TestLockOutlastsFailures: wrong passwords do not shorten an endless lock.
func TestLockOutlastsFailures(t *testing.T) {
	c := Credential{Hash: "h"}.Lock(noon, forEver)
	for range 5 {
		c = c.Failed(standard(t), noon)
	}
	if !c.Locked(noon.Add(time.Hour)) {
		t.Errorf("%+v", c)
	}
}

// TestSecretsOutlastReplacement: who sends back what was read, which has no
// secret, keeps the secret.
func TestSecretsOutlastReplacement(t *testing.T) {
	k := identityProviders()
	before, _ := accepted(t, k, `{"name":"G","enabled":true,"type":"GOOGLE","clientId":"c","clientSecret":"s"}`)
	fields := k.Table().All(before)
	after, details, err := kind.Accept(fields, kind.Replace, before, kind.Show(fields, before), byKind)
	if err != nil || len(details) > 0 || after["clientSecret"] != "s" {
		t.Error(after, details, err)
	}
}
