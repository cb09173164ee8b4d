package platform

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// A key signs for as many days as the policy says, no second more.
func TestDue(t *testing.T) {
	const began = "2026-01-01T12:00:00.000Z"
	at := func(text string) time.Time {
		out, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	cases := []struct {
		rotated string
		days    int
		now     string
		want    bool
	}{
		{began, 90, began, false},
		{began, 90, "2026-04-01T11:59:59.999Z", false}, // 31 + 28 + 31 days
		{began, 90, "2026-04-01T12:00:00Z", true},
		{began, 90, "2026-04-01T13:59:59.999+02:00", false},
		{began, 90, "2026-04-01T14:00:00+02:00", true},
		{began, 30, "2026-01-31T12:00:00Z", true},
		{began, 30, "2026-01-31T11:59:59Z", false},
		{"2028-02-01T00:00:00Z", 30, "2028-03-02T00:00:00Z", true}, // a leap year
		{"2028-02-01T00:00:00Z", 30, "2028-03-01T23:59:59Z", false},
		{"2026-01-01T14:00:00+02:00", 30, "2026-01-31T12:00:00Z", true},
		{began, 36500, "2125-12-07T12:00:00Z", false},
		{began, 36500, "2125-12-08T12:00:00Z", true},
		{began, 90, "2025-01-01T00:00:00Z", false},
		{"", 90, "2126-01-01T00:00:00Z", false}, // nothing has signed yet
		{"yesterday", 90, "2126-01-01T00:00:00Z", false},
	}
	for _, c := range cases {
		if got := (KeyRotationPolicy{RotatedAt: c.rotated, RotationPeriod: c.days}).Due(at(c.now)); got != c.want {
			t.Errorf("since %s, %d days, at %s: %v", c.rotated, c.days, c.now, got)
		}
	}
}

// A retired key is published as long as what it signed may live.
func TestOverlapOutlivesTokens(t *testing.T) {
	f, found := at(resources().Table().Fields, "accessTokenValiditySeconds")
	if longest := time.Duration(f.Max) * time.Second; !found || Overlap <= longest {
		t.Errorf("a token lives %v, its key is published %v", longest, Overlap)
	}
}

func TestWrongKey(t *testing.T) {
	const length = "keyLength must be 2048, 3072 or 4096 with RSA, 224, 256, 384 or 521 with EC, and 256 with Ed25519"
	const rsa, ec = "signatureAlgorithm must be one with RSA", "signatureAlgorithm must be one with ECDSA"
	cases := []struct {
		algorithm string
		length    int
		signature string
		says      string
	}{
		{"RSA", 2048, "SHA256withRSA", ""}, {"RSA", 3072, "SHA384withRSA", ""}, {"RSA", 4096, "SHA512withRSA", ""},
		{"EC", 224, "SHA256withECDSA", ""}, {"EC", 256, "SHA256withECDSA", ""}, {"EC", 384, "SHA384withECDSA", ""}, {"EC", 521, "SHA512withECDSA", ""},
		{"RSA", 1024, "SHA256withRSA", length}, {"RSA", 2047, "SHA256withRSA", length}, {"RSA", 256, "SHA256withRSA", length}, {"RSA", 7680, "SHA256withRSA", length},
		{"EC", 2048, "SHA256withECDSA", length}, {"EC", 512, "SHA512withECDSA", length},
		{"RSA", 2048, "SHA256withECDSA", rsa}, {"RSA", 2048, "SHA512withECDSA", rsa}, {"EC", 256, "SHA256withRSA", ec}, {"EC", 521, "SHA512withRSA", ec},
		{"RSA", 256, "SHA256withECDSA", length + "\n" + rsa},
		{"EC", 4096, "SHA256withRSA", length + "\n" + ec},
		{"DSA", 2048, "SHA256withRSA", "algorithm must be one of RSA, EC, Ed25519"},
		{"RSA", 2048, "SHA1withRSA", "signatureAlgorithm must be one of SHA256withRSA, SHA384withRSA, SHA512withRSA, SHA256withECDSA, SHA384withECDSA, SHA512withECDSA, SHA256withRSAandMGF1, Ed25519"},
		{"RSA", 2048, SignatureRSAPSS, ""}, {"Ed25519", 256, SignatureEd25519, ""}, {"Ed25519", 255, SignatureEd25519, length}, {"EC", 256, SignatureEd25519, ec},
		{"RSA", 100, "SHA256withRSA", "keyLength must be between 224 and 7680"},
	}
	for _, c := range cases {
		sent := fmt.Sprintf(`{"name":"K","algorithm":%q,"keyLength":%d,"signatureAlgorithm":%q,"usageType":"SIGNING","subjectDN":"CN=K","validityPeriod":365}`, c.algorithm, c.length, c.signature)
		if _, told := accepted(t, keys(), sent); told != c.says {
			t.Errorf("%s: %q, not %q", sent, told, c.says)
		}
	}
	if _, told := accepted(t, keys(), `{}`); told != "name must not be null\nalgorithm must not be null\nkeyLength must not be null\nsignatureAlgorithm must not be null\nusageType must not be null\nsubjectDN must not be null\nvalidityPeriod must not be null" {
		t.Errorf("of an empty key is told %q", told)
	}
	first, _ := json.Marshal(FirstSigningKey())
	if _, told := accepted(t, keys(), string(first)); told != "" {
		t.Errorf("the first key of an environment: %s", told)
	}
}

func TestKeyRotationPolicyRules(t *testing.T) {
	const policy = `{"name":"R","algorithm":"RSA","dn":"CN=R","signatureAlgorithm":"SHA256withRSA","usageType":"SIGNING"`
	cases := []struct{ sent, says string }{
		{`,"keyLength":2048`, ""},
		{`,"keyLength":4096,"rotationPeriod":365,"validityPeriod":365`, ""},
		{`,"keyLength":2049`, "keyLength must be 2048, 3072 or 4096"},
		{`,"keyLength":2048,"rotationPeriod":366`, "validityPeriod must not be less than rotationPeriod"},
		{`,"keyLength":2050,"rotationPeriod":31,"validityPeriod":30`, "keyLength must be 2048, 3072 or 4096\nvalidityPeriod must not be less than rotationPeriod"},
		{`,"keyLength":2048,"rotationPeriod":29`, "rotationPeriod must be between 30 and 36500"},
		{`,"keyLength":1024`, "keyLength must be between 2048 and 4096"},
		{``, "keyLength must not be null"},
	}
	for _, c := range cases {
		body, told := accepted(t, keyRotationPolicies(), policy+c.sent+`}`)
		if told != c.says {
			t.Errorf("%s: %q, not %q", c.sent, told, c.says)
		}
		if c.sent == `,"keyLength":2048` && fmt.Sprintf("%v %v", body["rotationPeriod"], body["validityPeriod"]) != "90 365" {
			t.Errorf("by default: %v", body)
		}
	}
}

func TestKeyStatus(t *testing.T) {
	for now, want := range map[time.Time]string{noon: "VALID", noon.AddDate(1, 0, 0): "VALID", noon.AddDate(1, 0, 0).Add(time.Millisecond): "EXPIRED", noon.AddDate(99, 0, 0): "EXPIRED"} {
		shown, err := keys().Show("k", sealedKey(t), nil, now)
		if err != nil || shown["status"] != want {
			t.Errorf("at %v: %v, %v", now, shown, err)
		}
	}
}

func TestReadDN(t *testing.T) {
	type name struct {
		CN             string
		O, OU, L, S, C []string
	}
	list := func(s ...string) []string { return s }
	good := []struct {
		dn   string
		want name
	}{
		{"CN=Example", name{CN: "Example"}},
		{"O=Example Corp", name{O: list("Example Corp")}},
		{"CN=Example, O=Example Corp, C=US", name{CN: "Example", O: list("Example Corp"), C: list("US")}},
		{"cn=Example,o=Example Corp,c=US", name{CN: "Example", O: list("Example Corp"), C: list("US")}},
		{" CN = Example ,  O =  Example Corp ", name{CN: "Example", O: list("Example Corp")}},
		{"CN=Steve Kille,O=Isode Limited,C=GB", name{CN: "Steve Kille", O: list("Isode Limited"), C: list("GB")}}, // RFC 2253 §5
		{"CN=a, OU=b, OU=c, O=d, L=e, ST=f, C=DE", name{CN: "a", OU: list("b", "c"), O: list("d"), L: list("e"), S: list("f"), C: list("DE")}},
		{"CN=Zo\u00eb M\u00fcller", name{CN: "Zo\u00eb M\u00fcller"}},
		{"CN=a=b", name{CN: "a=b"}},
		{"C=US, CN=x", name{CN: "x", C: list("US")}},
	}
	for _, c := range good {
		got, err := ReadDN(c.dn)
		if have := (name{got.CommonName, got.Organization, got.OrganizationalUnit, got.Locality, got.Province, got.Country}); err != nil || !reflect.DeepEqual(have, c.want) {
			t.Errorf("%s: %+v, %v", c.dn, have, err)
		}
	}
	for _, dn := range []string{"", " ", ",", "=", "CN", "CN=", "CN= ", "=x", "Example", "CN=a,", ",CN=a", "CN=a,,O=b", "CN=a O=b,C", "OU=a", "C=US", "L=a, ST=b", "DC=example, DC=com", "UID=joe, O=x", "X=y, CN=z", "1.3.6.1.4.1.1466.0=x, CN=y",
		`CN=a\,b`, `CN="a"`, `CN="a, b"`, "CN=<a>", "CN=a;O=b", `CN=a\20b`, "CN:a", "emailAddress=a@b, CN=c"} {
		if got, err := ReadDN(dn); err == nil {
			t.Errorf("%q was read as %+v", dn, got)
		}
		if wrong := distinguishedName("dn").Shape(dn); !strings.HasPrefix(wrong, "must be a distinguished name such as CN=") {
			t.Errorf("%q: %q", dn, wrong)
		}
	}
	if wrong := distinguishedName("dn").Shape(firstDN); wrong != "" {
		t.Errorf("Pixy's own name: %s", wrong)
	}
}
