package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const someEnvironment = "11111111-2222-4333-8444-555555555555"

// TestHosts has domains and proxies from flags, from the environment and from
// the file.
func TestHosts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pixy.json")
	if err := os.WriteFile(file, []byte(`{"domain": ["a.example.com=`+someEnvironment+`", "b.example.com=`+someEnvironment+`"], "trusted-proxies": "10.0.0.0/8,::1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	a, b := "a.example.com="+someEnvironment, "b.example.com="+someEnvironment
	for name, c := range map[string]struct {
		domains, proxies string
		args             []string
	}{
		"flags":       {"", "", []string{"--domain", a, "--domain", b, "--trusted-proxies", "10.0.0.0/8,::1"}},
		"one flag":    {"", "", []string{"--domain", a + "," + b, "--trusted-proxies", "10.0.0.0/8", "--trusted-proxies", "::1"}},
		"environment": {a + "," + b, "10.0.0.0/8,::1", nil},
		"file":        {"", "", []string{"--config", file}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PIXY_DOMAINS", c.domains)
			t.Setenv("PIXY_TRUSTED_PROXIES", c.proxies)
			parsed, err := parse(append([]string{"serve"}, c.args...), io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			s := parsed.(*serveCommand)
			if err := s.readHosts(); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(s.domains, s.proxies); got != "[{a.example.com "+someEnvironment+"} {b.example.com "+someEnvironment+"}] [10.0.0.0/8 ::1/128]" {
				t.Errorf("read %s", got)
			}
		})
	}
}

func TestWrongHosts(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--domain", "login.example.com"}, 2, "--domain must be"},
		{[]string{"--domain", "login.example.com=production"}, 1, "id of an environment"},
		{[]string{"--trusted-proxies", "everybody"}, 2, "--trusted-proxies must be"},
		{[]string{"--trusted-proxies", "10.0.0.0/33"}, 2, "--trusted-proxies must be"},
	} {
		p := prepare(t, t.TempDir(), nil, c.args...)
		if err := p.cmd.Run(); err == nil || p.cmd.ProcessState.ExitCode() != c.code || !strings.Contains(p.log.String(), c.says) {
			t.Errorf("%v: exit code %d: %s", c.args, p.cmd.ProcessState.ExitCode(), p.log)
		}
	}
}

// TestServesDomain serves an environment at a domain over TLS, with a development
// certificate that names it.
func TestServesDomain(t *testing.T) {
	data := t.TempDir()
	p := start(t, data, []string{"PIXY_BOOTSTRAP_ENV_ID=" + someEnvironment}, "--tls-dev", "--public-url", "https://pixy.test", "--domain", "login.pixy.test="+someEnvironment)
	own, err := os.ReadFile(filepath.Join(data, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(own)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "login.pixy.test"}}}
	r, err := http.NewRequest("GET", "https://"+listeningAddress(t, p)+"/as/.well-known/openid-configuration", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "login.pixy.test"
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(raw), `"issuer":"https://login.pixy.test/as"`) {
		t.Errorf("%s: %v", raw, err)
	}
}
