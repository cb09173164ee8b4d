package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pixy/internal/platform"
)

const twoKeys = `{"keys":[
	{"kty":"EC","crv":"P-256","kid":"one","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"},
	{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"},
	{"kty":"strange"}]}`

// TestKeySets reads the keys of applications: public ones alone, and from a URL
// as seldom as the bounds say.
func TestKeySets(t *testing.T) {
	var asked atomic.Int32
	body := twoKeys
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	now := time.Date(2026, 3, 23, 0, 0, 0, 0, time.UTC)
	sets := newKeySets(func() time.Time { return now })
	of := func(kid string) int {
		keys, err := sets.Of(t.Context(), platform.Application{JWKSURL: server.URL}, kid)
		if err != nil {
			t.Error(err)
		}
		return len(keys)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { of("one") })
	}
	all.Wait()
	for _, c := range []struct {
		after time.Duration
		kid   string
		asked int32
	}{
		{0, "one", 1}, {4 * time.Minute, "one", 1}, {0, "two", 2}, {time.Second, "two", 2}, {9 * time.Second, "two", 3},
		{time.Minute, "one", 3}, {5 * time.Minute, "one", 4},
	} {
		now = now.Add(c.after)
		if n := of(c.kid); n != 1 || asked.Load() != c.asked {
			t.Errorf("%v later, for %s: %d keys, the URL was asked %d times, not %d", c.after, c.kid, n, asked.Load(), c.asked)
		}
	}
	inline, err := sets.Of(t.Context(), platform.Application{JWKS: twoKeys, JWKSURL: server.URL}, "")
	if err != nil || len(inline) != 1 || inline[0].KeyID != "one" {
		t.Errorf("jwks: %+v, %v", inline, err)
	}
}

// TestKeySetsOutlastFailures: a fetch that fails takes no keys away while they
// are young enough, and who hangs up does not make it fail.
func TestKeySetsOutlastFailures(t *testing.T) {
	fails := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if fails {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = w.Write([]byte(twoKeys))
	}))
	t.Cleanup(server.Close)
	now := time.Date(2026, 3, 23, 0, 0, 0, 0, time.UTC)
	sets, app := newKeySets(func() time.Time { return now }), platform.Application{JWKSURL: server.URL}
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	if keys, err := sets.Of(gone, app, "one"); len(keys) != 1 || err != nil {
		t.Errorf("for who hung up: %v, %v", keys, err)
	}
	fails = true
	for _, c := range []struct {
		after time.Duration
		kid   string
		keys  int
	}{{time.Minute, "two", 1}, {0, "one", 1}, {time.Minute, "two", 1}, {3*time.Minute - time.Second, "one", 1}, {time.Second, "one", 0}, {time.Second, "one", 0}} {
		now = now.Add(c.after)
		if keys, err := sets.Of(t.Context(), app, c.kid); len(keys) != c.keys || (err == nil) != (c.keys > 0) {
			t.Errorf("%v later, for %s: %d keys, not %d, %v", c.after, c.kid, len(keys), c.keys, err)
		}
	}
	fails, now = false, now.Add(minKeySetAge)
	if keys, err := sets.Of(t.Context(), app, "one"); len(keys) != 1 || err != nil {
		t.Errorf("served again: %v, %v", keys, err)
	}
}

// TestKeySetsRefuse what an application's URL must not be or answer.
func TestKeySetsRefuse(t *testing.T) {
	answer := func(status int, text string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	sets := newKeySets(time.Now)
	for name, url := range map[string]string{
		"none": "", "http": "http://keys.example.com/jwks", "a file": "file:///etc/passwd", "link-local": "https://169.254.169.254/latest",
		"link-local in IPv6": "https://[::ffff:169.254.169.254]/latest", "an error": answer(500, twoKeys), "a redirect": answer(302, twoKeys), "no JSON": answer(200, "keys"),
		"too much": answer(200, `{"keys":[]}`+strings.Repeat(" ", maxKeySetSize)),
	} {
		began := time.Now()
		keys, err := sets.Of(t.Context(), platform.Application{JWKSURL: url}, "")
		if err == nil || strings.HasPrefix(name, "link-local") && !strings.Contains(err.Error(), "may be called") {
			t.Errorf("%s: %+v, %v", name, keys, err)
		}
		if took := time.Since(began); took > 2*fetchTimeout {
			t.Errorf("%s took %v", name, took)
		}
	}
}
