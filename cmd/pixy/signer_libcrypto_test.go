//go:build libcrypto && linux && amd64

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// TestLibcrypto runs the build that has the signer libcrypto.
func TestLibcrypto(t *testing.T) {
	path, libraries := buildPlainly(t, "-tags", "libcrypto")
	if len(libraries) == 0 {
		t.Error("the build is static, which it is said not to be")
	}
	t.Run("signs", func(t *testing.T) {
		p := prepare(t, t.TempDir(), nil, "--signer", "libcrypto", "--metrics-listen", "127.0.0.1:0", "--profiles")
		p.cmd.Path = path
		p.start()
		p.signsByLibcrypto()
	})
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "libcrypto.so.3"), []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := []string{"LD_LIBRARY_PATH=" + folder}
	t.Run("refuses without a library", func(t *testing.T) {
		p := prepare(t, filepath.Join(folder, "data"), broken, "--signer", "libcrypto")
		p.cmd.Path = path
		err := p.cmd.Run()
		if code, says := p.cmd.ProcessState.ExitCode(), p.log.String(); err == nil || code != exitFailed || !strings.HasPrefix(says, "pixy: the signer libcrypto needs OpenSSL 3") || strings.Count(says, "\n") != 1 {
			t.Errorf("exit code %d: %s", code, says)
		}
		if _, err := os.Stat(p.data); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the data folder was made: %v", err)
		}
	})
	t.Run("serves without a library", func(t *testing.T) {
		p := prepare(t, t.TempDir(), broken)
		p.cmd.Path = path
		p.start()
		if status, token := p.token(); status != http.StatusOK || token == "" || strings.Contains(p.log.String(), "libcrypto") {
			t.Errorf("a token is answered by %d\n%s", status, p.log)
		}
	})
}

// signsByLibcrypto has 16 browsers sign on at the same time, and looks where the
// processor time goes: the signatures are those that Go would make. It verifies
// tokens by the keys that are published.
func (p *process) signsByLibcrypto() {
	t := p.t
	t.Helper()
	realm := newRealm(t, p)
	profiled := make(chan struct{})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			client, err := newClient()
			for fresh := true; err == nil; fresh = false {
				select {
				case <-profiled:
					return
				default:
					err = realm.signOn(client, fresh)
				}
			}
			t.Error(err)
		})
	}
	profile := p.profile(2)
	close(profiled)
	all.Wait()
	if !bytes.Contains(profile, []byte("libcrypto.(*signer).signRS256")) || bytes.Contains(profile, []byte("crypto/rsa.SignPKCS1v15")) {
		t.Error("the profile shows that Go signs, or that libcrypto does not")
	}
	keys := p.keySet()
	for range 16 {
		status, text := p.token()
		token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatalf("%d %q: %v", status, text, err)
		}
		var claims jwt.Claims
		if err := token.Claims(keys, &claims); err != nil || claims.Issuer == "" {
			t.Errorf("%s: %v", text, err)
		}
	}
	if log := p.log.String(); strings.Contains(log, "libcrypto failed") || !strings.Contains(log, `"signer":"libcrypto 3.`) {
		t.Errorf("the log says %s", log)
	}
}

// profile is where the processor time of the next so many seconds goes.
func (p *process) profile(seconds int) []byte {
	p.t.Helper()
	resp, err := http.Get(fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", strings.TrimSuffix(p.metricsURL(), "/metrics"), seconds))
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	packed, err := gzip.NewReader(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	raw, err := io.ReadAll(packed)
	if err != nil {
		p.t.Fatal(err)
	}
	return raw
}

// keySet is what the first environment publishes.
func (p *process) keySet() (keys jose.JSONWebKeySet) {
	p.t.Helper()
	resp, err := http.Get(p.url + "/" + p.bootstrap()["envID"] + "/as/jwks")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&keys); err != nil {
		p.t.Fatal(err)
	}
	return keys
}
