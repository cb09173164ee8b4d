package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestOriginsInBrowser signs in silently from pages of an application, and tries
// everything that a page of somebody else might, in Chromium over TLS: at the
// main host and at a custom domain.
func TestOriginsInBrowser(t *testing.T) {
	const env = "11111111-2222-4333-8444-555555555555"
	t.Setenv("PIXY_BOOTSTRAP_ENV_ID", env)
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	domain := "login.example.com:" + port
	p := start(t, "--tls-dev", "--listen", address, "--domain", domain+"="+env, "--hash-memory", "1024", "--hash-time", "1")
	p.prepare()
	f := p.withToken()
	f["domain"] = "https://" + domain + "/as"
	f["certificate"], f["key"] = strangerCertificate(t)
	p.node(t, f, "--test", "--test-reporter=spec", "origins.test.mjs")
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// strangerCertificate is what the pages of applications are served with; the
// browser of the test asks no questions about it.
func strangerCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"app.example.net", "evil.example.org"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, content []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", raw)
}
