package client

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const proxyModule = "github.com/oauth2-proxy/oauth2-proxy/v7"

// oauth2Proxy is oauth2-proxy, the program, in front of a page that shows what
// the proxy says of the person.
func (f *foreignClients) oauth2Proxy(t *testing.T) {
	c := client{f, "oauth2-proxy", moduleVersion(t, "oauth2proxy", proxyModule)}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s", r.Header.Get("X-Forwarded-Email"), r.Header.Get("X-Forwarded-Access-Token")) // the test sees it when it is missing
	}))
	t.Cleanup(upstream.Close)
	site := f.startProxy(t, buildProxy(t), upstream.URL)
	who, token := f.person(t), ""
	visit := func(t *testing.T) (email, token string) {
		t.Helper()
		at, page, err := who.open(site)
		email, token, found := strings.Cut(page, " ")
		if err != nil || !found || email != "ada@example.com" || token == "" {
			t.Fatalf("the browser is at %v: %s %v", at, page, err)
		}
		return email, token
	}
	asked := func() int { return strings.Count(f.log.String(), "/as/userinfo") }
	before := asked()
	c.can(t, "sign-in", func(t *testing.T) { _, token = visit(t) })
	c.can(t, "userinfo", func(t *testing.T) {
		// The proxy looks there for the groups that the ID token does not have.
		if asked() == before {
			t.Error("it was not asked for")
		}
	})
	c.can(t, "refresh", func(t *testing.T) {
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) { // until cookie-refresh is over
			if _, again := visit(t); again != token {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("the access token stays the old one")
			}
		}
	})
	c.can(t, "sign-off", func(t *testing.T) {
		after := url.Values{"post_logout_redirect_uri": {redirect}}.Encode()
		leave := f.metadata["end_session_endpoint"].(string) + "?id_token_hint={id_token}&" + after
		if at, page, err := who.open(site + "/oauth2/sign_out?rd=" + url.QueryEscape(leave)); err != nil || at.String() != redirect {
			t.Fatalf("the browser is at %v: %s %v", at, page, err)
		}
		before := who.asked
		if visit(t); who.asked == before {
			t.Error("the person was not asked for the password again")
		}
	})
}

// buildProxy builds the version that the folder's go.mod names.
func buildProxy(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "oauth2-proxy")
	c := exec.Command("go", "build", "-o", program, proxyModule)
	c.Dir = "oauth2proxy"
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// startProxy runs the proxy until the test ends, and returns its URL.
func (f *foreignClients) startProxy(t *testing.T, program, upstream string) string {
	t.Helper()
	address := freeAddress(t) // the proxy listens there
	site := "http://" + address
	f.app("oauth2-proxy", map[string]any{"type": "WEB_APP", "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC", "redirectUris": []string{site + "/oauth2/callback"}, "postLogoutRedirectUris": []string{redirect}})
	log := &logged{}
	c := exec.Command(program, "--provider", "oidc", "--oidc-issuer-url", f.issuer(), "--client-id", f.Apps["oauth2-proxy"], "--client-secret", f.secret("oauth2-proxy"),
		"--redirect-url", site+"/oauth2/callback", "--upstream", upstream, "--http-address", address, "--code-challenge-method", "S256", "--insecure-oidc-skip-nonce=false",
		"--cookie-secret", "0123456789abcdef0123456789abcdef", "--cookie-secure=false", "--cookie-refresh", "1s", "--email-domain", "*",
		"--insecure-oidc-allow-unverified-email", "--skip-provider-button", "--pass-access-token", "--whitelist-domain", "127.0.0.1:*")
	c.Env = append(os.Environ(), "SSL_CERT_FILE="+filepath.Join(f.data, "ca.pem"))
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait() // how it stops is not our matter
		if t.Failed() {
			t.Logf("what oauth2-proxy logged:\n%s", log)
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if resp, err := http.Get(site + "/ready"); err == nil {
			_ = resp.Body.Close() // only its status counts
			if resp.StatusCode == http.StatusOK {
				return site
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("oauth2-proxy does not serve:\n%s", log)
		}
	}
}
