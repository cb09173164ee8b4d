package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/platform"
)

// keySets are the public keys of applications: those in jwks, or those that
// jwksUrl serves. What was fetched is kept for a while, so that a key that an
// application withdraws is still taken for at most maxKeySetAge.
type keySets struct {
	now     func() time.Time
	client  *http.Client
	mu      sync.Mutex
	fetched map[string]*keySet
}

// keySet is what a URL served last. Who waits for its mutex waits for the fetch
// of somebody else.
type keySet struct {
	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time // when the keys were served
	tried   time.Time // when they were last asked for
	err     error     // of that try
}

func (s *keySet) fresh(now time.Time) bool { return now.Sub(s.fetched) < maxKeySetAge }

func (s *keySet) has(kid string) bool {
	return kid == "" || slices.ContainsFunc(s.keys, func(k jose.JSONWebKey) bool { return k.KeyID == kid })
}

// The bounds on fetching an application's keys. A set is fetched again when it
// is old, and a failure is not tried again at once: who sends assertions must
// not make the server call a URL as often as he likes.
const (
	maxKeySets    = 512
	maxKeySetAge  = 5 * time.Minute
	minKeySetAge  = 10 * time.Second
	maxKeySetSize = 256 << 10
	fetchTimeout  = 3 * time.Second
)

// newKeySets makes an empty one.
func newKeySets(now func() time.Time) *keySets {
	return &keySets{now: now, client: outgoing(fetchTimeout), fetched: map[string]*keySet{}}
}

// Of are the keys of an application. kid is the key that is looked for, or "":
// one that was not there the last time is looked for anew.
func (k *keySets) Of(ctx context.Context, app platform.Application, kid string) ([]jose.JSONWebKey, error) {
	if app.JWKS != "" {
		return parseKeySet([]byte(app.JWKS))
	}
	if app.JWKSURL == "" {
		return nil, errors.New("the application has neither jwks nor jwksUrl")
	}
	known := k.named(app.JWKSURL)
	known.mu.Lock()
	defer known.mu.Unlock()
	now := k.now()
	if (!known.fresh(now) || !known.has(kid)) && now.Sub(known.tried) >= minKeySetAge {
		k.try(context.WithoutCancel(ctx), app.JWKSURL, known, now) // who hangs up must not fail it for the others
	}
	if !known.fresh(now) {
		return nil, known.err
	}
	return known.keys, nil
}

// try fetches the keys. When it fails, those from before stay: a try that
// anybody may provoke must not take them away.
func (k *keySets) try(ctx context.Context, url string, known *keySet, now time.Time) {
	keys, err := k.fetch(ctx, url)
	known.tried, known.err = now, err
	if err == nil {
		known.keys, known.fetched = keys, now
	}
}

// named is what a URL served, empty when nobody has asked yet. When there are
// too many all are forgotten.
func (k *keySets) named(url string) *keySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.fetched[url]; ok {
		return known
	}
	if len(k.fetched) >= maxKeySets {
		clear(k.fetched)
	}
	known := &keySet{}
	k.fetched[url] = known
	return known
}

func (k *keySets) fetch(ctx context.Context, from string) ([]jose.JSONWebKey, error) {
	u, err := url.Parse(from)
	if err != nil || u.Scheme != "https" && !loopbackHost(u.Hostname()) {
		return nil, fmt.Errorf("the jwksUrl %s is not https", from)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	resp, err := k.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("fetching the jwksUrl: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySetSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the jwksUrl: %w", err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the jwksUrl answers %s", resp.Status)
	case len(raw) > maxKeySetSize:
		return nil, fmt.Errorf("the jwksUrl answers with more than %d bytes", maxKeySetSize)
	}
	return parseKeySet(raw)
}

func loopbackHost(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// parseKeySet reads a JSON Web Key Set (RFC 7517 §5). Keys of a kind that is
// not known are left out.
func parseKeySet(raw []byte) ([]jose.JSONWebKey, error) {
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("the key set is not JSON: %w", err)
	}
	var out []jose.JSONWebKey
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(text, &key) == nil && key.Valid() && key.IsPublic() {
			out = append(out, key)
		}
	}
	return out, nil
}
