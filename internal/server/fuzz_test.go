package server

import (
	"net/http"
	"strings"
	"testing"
)

// FuzzCookies sends arbitrary Cookie headers. What is taken for a session token
// has the shape of ours and stood in the header, under one of the two names;
// anything else is no token, and never an error.
func FuzzCookies(f *testing.F) {
	const token = "6c796712-0f16-4062-815a-e0a92f4a2143"
	for _, seed := range []string{
		"ST=" + token, "ST-NO-SS=" + token, "ST=x; ST=" + token, "ST=; ST-NO-SS=" + token, "ST=" + token + "; ST=" + token, `ST="` + token + `"`, "st=" + token, "ST =" + token, "ST=" + token + "\x00",
		"ST=" + strings.ToUpper(token), "ST=" + token + "x", "ST=" + token[:35], "ST=" + strings.Repeat("-", 36), "ST=../../" + token, "a=b; ST=" + token + "; c=d", "", ";;;", "=", "ST", "ST=;" + token, "xST=" + token, "ST=" + token + ",ST=x",
		strings.Repeat("a=b; ", 4000) + "ST=" + token, "ST=\xff" + token,
	} {
		f.Add(seed, "")
		f.Add("ST=x", seed)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		r := &http.Request{Header: http.Header{"Cookie": {one}}}
		if two != "" {
			r.Header.Add("Cookie", two)
		}
		got := sessionToken(r)
		if got == "" {
			return
		}
		shaped := len(got) == 36 && strings.Trim(got, "0123456789abcdef-") == "" && strings.Count(got, "-") == 4
		if !shaped || !isToken(got) {
			t.Errorf("%q is no token", got)
		}
		if all := one + "\n" + two; !strings.Contains(all, cookieST) || !strings.Contains(all, got) {
			t.Errorf("%q did not come with %q", got, all)
		}
	})
}
