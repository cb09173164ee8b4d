package test

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keyServer serves the key set of a client.
type keyServer struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(http.ResponseWriter)
	asked  atomic.Int64
}

func newKeyServer(t testing.TB) *keyServer {
	k := &keyServer{}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		k.asked.Add(1)
		k.mu.Lock()
		defer k.mu.Unlock()
		k.answer(w)
	}))
	t.Cleanup(k.Close)
	return k
}

func (k *keyServer) serve(body string) {
	k.answers(func(w http.ResponseWriter) { fmt.Fprint(w, body) })
}

func (k *keyServer) answers(f func(http.ResponseWriter)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.answer = f
}

// TestKeySetByURL fetches a client's keys from where it says: once for many
// assertions, again for a kid that is new, and no more often than every ten
// seconds, whatever is sent.
func TestKeySetByURL(t *testing.T) {
	w, k, next, served := newWorld(t), newKeyring(t), newKeyring(t), newKeyServer(t)
	served.serve(set(t, k.publics...))
	app := w.service("PRIVATE_KEY_JWT", object{"jwksUrl": served.URL + "/jwks"})
	by := func(key any, kid string) response {
		return w.assert(signJWT(t, jose.RS256, key, kid, w.assertion(app, nil)), nil)
	}
	asked := func(want int64, why string) {
		t.Helper()
		if got := served.asked.Load(); got != want {
			t.Errorf("%s: the keys were fetched %d times, want %d", why, got, want)
		}
	}
	for range 3 {
		by(k.rsa, "rsa").want(200)
	}
	asked(1, "three assertions")
	for range 3 {
		by(next.rsa, "new").refused(401, "invalid_client", "Invalid client credentials")
	}
	asked(1, "an unknown kid at once")
	changed := jose.JSONWebKey{Key: next.rsa.Public(), KeyID: "new"}
	served.serve(set(t, changed))
	w.pass(10 * time.Second)
	by(next.rsa, "new").want(200)
	by(next.rsa, "new").want(200)
	asked(2, "a new kid after ten seconds")
	by(k.rsa, "rsa").refused(401, "invalid_client", "Invalid client credentials")
	served.serve(set(t))
	w.pass(5*time.Minute - time.Second)
	by(next.rsa, "new").want(200)
	w.pass(time.Second)
	by(next.rsa, "new").refused(401, "invalid_client", "Invalid client credentials")
	asked(3, "a key that was withdrawn is taken for five minutes")
}

// TestKeySetByURLThatFails answers what a key server must not: the client is
// refused, the server is asked once in ten seconds, and nothing is believed.
func TestKeySetByURLThatFails(t *testing.T) {
	w, k, served := newWorld(t), newKeyring(t), newKeyServer(t)
	good, alone := set(t, k.publics...), set(t, k.publics[0])
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, good) }))
	t.Cleanup(elsewhere.Close)
	app := w.service("PRIVATE_KEY_JWT", object{"jwksUrl": served.URL})
	by := func(change object) response {
		return w.assert(signJWT(t, jose.RS256, k.rsa, "rsa", w.assertion(app, change)), nil)
	}
	for name, answer := range map[string]func(http.ResponseWriter){
		"500":        func(w http.ResponseWriter) { http.Error(w, good, 500) },
		"201":        func(w http.ResponseWriter) { w.WriteHeader(201); fmt.Fprint(w, good) },
		"a redirect": func(w http.ResponseWriter) { w.Header().Set("Location", elsewhere.URL); w.WriteHeader(302) },
		"HTML":       func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") },
		"nothing":    func(http.ResponseWriter) {},
		"no keys":    func(w http.ResponseWriter) { fmt.Fprint(w, `{"keys": []}`) },
		"too much":   func(w http.ResponseWriter) { fmt.Fprint(w, good, strings.Repeat(" ", 256<<10)) },
		"one key, no set": func(w http.ResponseWriter) {
			fmt.Fprint(w, strings.TrimSuffix(strings.TrimPrefix(alone, `{"keys":[`), "]}"))
		},
		"a body cut short": func(w http.ResponseWriter) { w.Header().Set("Content-Length", "9999"); fmt.Fprint(w, good) },
	} {
		served.answers(answer)
		w.pass(6 * time.Minute)
		w.admin = w.token()
		before := served.asked.Load()
		for range 3 {
			if r := by(nil); r.StatusCode != 401 || r.text("error") != "invalid_client" {
				t.Errorf("%s: %d %s", name, r.StatusCode, r.raw)
			}
		}
		if n := served.asked.Load() - before; n != 1 {
			t.Errorf("%s: the server is asked %d times", name, n)
		}
	}
	served.serve(good)
	w.pass(10 * time.Second)
	by(nil).want(200)
	served.Close()
	w.pass(6 * time.Minute)
	by(nil).refused(401, "invalid_client", "Invalid client credentials")
}

// TestKeySetFromForbiddenPlaces asks nobody whom a client must not make the
// server ask, and no host by http but its own.
func TestKeySetFromForbiddenPlaces(t *testing.T) {
	w, k := newWorld(t), newKeyring(t)
	for _, place := range []string{"https://169.254.169.254/", "https://[fe80::1]/", "https://[::ffff:169.254.169.254]/",
		"https://0.0.0.0/", "https://224.0.0.1/"} {
		app := w.service("PRIVATE_KEY_JWT", object{"jwksUrl": place})
		began := time.Now()
		w.assert(signJWT(t, jose.RS256, k.rsa, "rsa", w.assertion(app, nil)), nil).refused(401, "invalid_client", "Invalid client credentials")
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s: refused after %v", place, took)
		}
	}
	if !strings.Contains(w.log.String(), "is not an address that may be called") {
		t.Error("the log does not say why")
	}
	for _, broken := range []string{"http://169.254.169.254/latest/meta-data", "http://keys.example.com/", "ftp://keys.example.com/", "keys.example.com", "file:///etc/passwd", "https://"} {
		if r := w.manage("POST", "/applications", object{"name": "App", "enabled": true, "type": "SERVICE", "protocol": "OPENID_CONNECT", "jwksUrl": broken}); r.StatusCode != 400 || r.detail()["target"] != "jwksUrl" {
			t.Errorf("%s: %d %s", broken, r.StatusCode, r.raw)
		}
	}
}

// TestKeySetIsCheckedWhenItIsWritten refuses a jwks that no assertion could be
// verified with, or that gives a secret away.
func TestKeySetIsCheckedWhenItIsWritten(t *testing.T) {
	w, k := newWorld(t), newKeyring(t)
	app := w.service("PRIVATE_KEY_JWT", object{"jwks": set(t, k.publics...)})
	for _, broken := range []string{"keys", "[]", `{"keys": 1}`, `{"keys": [{}, 1]}`, set(t, jose.JSONWebKey{Key: k.ec, KeyID: "private"}), set(t, jose.JSONWebKey{Key: []byte("a shared secret"), KeyID: "secret"})} {
		if r := w.manage("PUT", "/applications/"+app, w.changed("/applications/"+app, object{"jwks": broken})); r.StatusCode != 400 || r.detail()["target"] != "jwks" {
			t.Errorf("%.60s: %d %s", broken, r.StatusCode, r.raw)
		}
	}
	w.assert(signJWT(t, jose.ES256, k.ec, "ec", w.assertion(app, nil)), nil).want(200)
}

// TestShortKeys are not taken, written or fetched (RFC 7518 §3.3).
func TestShortKeys(t *testing.T) {
	w, served := newWorld(t), newKeyServer(t)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	w.must(err)
	keys := set(t, jose.JSONWebKey{Key: short.Public(), KeyID: "short"})
	served.serve(keys)
	app := w.service("PRIVATE_KEY_JWT", object{"jwksUrl": served.URL})
	w.assert(signJWT(t, jose.RS256, short, "short", w.assertion(app, nil)), nil).refused(401, "invalid_client", "Invalid client credentials")
	if served.asked.Load() != 1 {
		t.Error("the key was not fetched")
	}
	if r := w.manage("PUT", "/applications/"+app, w.changed("/applications/"+app, object{"jwks": keys})); r.StatusCode != 400 || r.detail()["target"] != "jwks" {
		t.Errorf("%d %s", r.StatusCode, r.raw)
	}
}
