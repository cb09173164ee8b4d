package test

import (
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestDocumentedLengths holds docs/tokens.md against what is issued.
// covers: RFC 6749 §2.2/2, RFC 6749 §3.3/3, RFC 6749 §4.1.2/9, RFC 6749 §4.2.2/9, RFC 6749 §5.1/9
func TestDocumentedLengths(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.refreshing(object{"redirectUris": []string{callback}})
	p := &person{w: w}
	code := p.code(app, "ada", url.Values{"nonce": {strings.Repeat("n", 1024)}})
	r := w.redeem(app, code, nil).want(200)
	issued := map[string]string{"client id": app, "client secret": w.secretOf(app), "authorization code": code,
		"refresh token": r.text("refresh_token"), "access token": r.text("access_token"), "ID token": r.text("id_token")}
	page, err := os.ReadFile("../docs/tokens.md")
	w.must(err)
	rows := regexp.MustCompile(`(?m)^\| ([\w ]+) \| (up to )?(\d+) \|`).FindAllStringSubmatch(string(page), -1)
	for _, row := range rows {
		n, err := strconv.Atoi(row[3])
		w.must(err)
		value, known := issued[row[1]]
		if got := utf8.RuneCountInString(value); !known || got > n || row[2] == "" && got != n {
			t.Errorf("%s has %d characters, the page says %s%d", row[1], got, row[2], n)
		}
		delete(issued, row[1])
	}
	for what := range issued {
		t.Errorf("the page does not say how long a %s is", what)
	}
	for _, scope := range []string{"openid", "profile", "email", "address", "phone", "offline_access"} {
		if !strings.Contains(string(page), "`"+scope+"`") {
			t.Errorf("the page does not name the scope %s", scope)
		}
	}
}
