package oauth

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

func TestRefreshToken(t *testing.T) {
	key, other := []byte("key"), []byte("other")
	token := RefreshToken(key, "env", "family", 7)
	if family, generation, ok := ReadRefreshToken(key, "env", token); family != "family" || generation != 7 || !ok {
		t.Errorf("%s is read as %s, %d, %v", token, family, generation, ok)
	}
	for name, c := range map[string]struct {
		key        []byte
		env, token string
	}{
		"another key": {other, "env", token}, "another environment": {key, "env2", token}, "another generation": {key, "env", strings.Replace(token, ".7.", ".8.", 1)},
		"another family": {key, "env", "f" + token}, "a generation spelt otherwise": {key, "env", strings.Replace(token, ".7.", ".07.", 1)},
		"no MAC": {key, "env", "family.7."}, "two parts": {key, "env", "family.7"}, "empty": {key, "env", ""}, "more": {key, "env", token + ".x"}, "a NUL": {key, "env", token + "\x00"},
		"long": {key, "env", token + strings.Repeat("x", 300)},
	} {
		if _, _, ok := ReadRefreshToken(c.key, c.env, c.token); ok {
			t.Errorf("%s is taken: %q", name, c.token)
		}
	}
}

// refreshed is a request with the current token of a family in its third
// generation, a minute after the second.
func refreshed() Exchange {
	client := granted(false, ofOpenID("profile", "email"), custom("api", 600, "api:read"))
	client.Application = platform.Application{GrantTypes: []string{allowRefresh}, TokenEndpointAuthMethod: platform.AuthNone, RefreshTokenDuration: 3600, RefreshTokenRollingDuration: 7200}
	return Exchange{
		Form: Form{"refresh_token": {"t"}}, Client: *client, Now: noon, Generation: 3, UserActive: true, SessionAlive: true,
		Refresh: &Refresh{ClientID: "me", Family: "f", Scopes: []string{"openid", "profile", "api:read"}, User: "u", Session: "s", ACR: "Single_Factor", AMR: []string{"pwd"},
			AuthTime: noon.Add(-time.Hour), Generation: 3, IssuedAt: noon.Add(-time.Hour), RotatedAt: noon.Add(-time.Minute), ExpiresAt: noon.Add(time.Minute)},
	}
}

func refreshFlaws() []flaw {
	return []flaw{
		{"no token", func(x *Exchange) { delete(x.Form, "refresh_token") }, fault.RefreshMissing},
		{"unknown", func(x *Exchange) { x.Refresh = nil }, fault.RefreshUnknown},
		{"another client's", func(x *Exchange) { x.Refresh.ClientID = "you" }, fault.RefreshForeign},
		{"another key", func(x *Exchange) { x.Refresh.JKT, x.JKT = "k", "l" }, fault.ProofForeign},
		{"ended", func(x *Exchange) { x.Refresh.Spent = true }, fault.RefreshEnded},
		{"expired", func(x *Exchange) { x.Refresh.ExpiresAt = x.Now }, fault.RefreshExpired},
		{"used before", func(x *Exchange) { x.Generation = 2 }, fault.RefreshReused},
		{"signed off", func(x *Exchange) { x.SessionAlive = false }, fault.RefreshSession},
		{"user gone", func(x *Exchange) { x.UserActive = false }, fault.CodeUserGone},
		{"more scope", func(x *Exchange) { x.Form["scope"] = []string{"openid email"} }, fault.RefreshScope},
	}
}

// TestRefreshOrder makes every pair of mistakes at once: the earlier is told,
// and only the reuse of a token changes anything.
func TestRefreshOrder(t *testing.T) {
	all := refreshFlaws()
	if len(all) != len(refreshChecks()) {
		t.Fatalf("%d mistakes for %d checks", len(all), len(refreshChecks()))
	}
	for i, first := range all {
		for _, second := range all[i:] {
			x := refreshed()
			if second.make(&x); x.Refresh == nil && i < 1 {
				continue // what is unknown has no further properties
			}
			first.make(&x)
			out := decideRefresh(x)
			wantEnd := (*End)(nil)
			if first.name == "used before" {
				wantEnd = &End{Family: "f"}
			}
			if !refuses(out.Refuse, first.refused) || !reflect.DeepEqual(out.End, wantEnd) || out.Refresh != nil || out.Issue.Subject != "" {
				t.Errorf("%s and %s: %+v", first.name, second.name, out)
			}
		}
	}
}

func TestRefreshRotates(t *testing.T) {
	x := refreshed()
	out := decideRefresh(x)
	want := *x.Refresh
	want.Generation, want.RotatedAt, want.ExpiresAt = 4, noon, noon.Add(time.Hour) // the rolling duration ends then, too
	if out.Refuse != nil || !reflect.DeepEqual(*out.Refresh, want) || x.Refresh.Generation != 3 {
		t.Errorf("the family is now %+v, %v", out.Refresh, out.Refuse)
	}
	issue := Issue{Subject: "u", Scopes: []string{"openid", "profile", "api:read"}, Session: "s", Family: "f", ACR: "Single_Factor", AMR: []string{"pwd"}, AuthTime: noon.Add(-time.Hour)}
	if !reflect.DeepEqual(out.Issue, issue) {
		t.Errorf("it issues %+v", out.Issue)
	}
	x.Form["scope"] = []string{"profile"}
	if out := decideRefresh(x); !reflect.DeepEqual(out.Issue.Scopes, []string{"profile"}) || len(out.Refresh.Scopes) != 3 {
		t.Errorf("a narrower scope: %+v, and the family keeps %v", out.Issue.Scopes, out.Refresh.Scopes)
	}
	x = refreshed()
	x.Client.Scopes = ofOpenID("email") // the grants are others now
	if out := decideRefresh(x); !reflect.DeepEqual(out.Issue.Scopes, []string{"openid"}) {
		t.Errorf("of what is granted no more: %v, %v", out.Issue.Scopes, out.Refuse)
	}
}

// TestRefreshLifetimes: each token lives for its duration, and none longer than
// the rolling duration from the first.
func TestRefreshLifetimes(t *testing.T) {
	for _, c := range []struct {
		duration, rolling int
		age               time.Duration // of the family
		left              time.Duration
	}{
		{3600, 0, 1000 * time.Hour, time.Hour}, {3600, 7200, 0, time.Hour}, {3600, 7200, 90 * time.Minute, 30 * time.Minute},
	} {
		x := refreshed()
		x.Client.RefreshTokenDuration, x.Client.RefreshTokenRollingDuration, x.Refresh.IssuedAt = c.duration, c.rolling, noon.Add(-c.age)
		if got := decideRefresh(x).Refresh.ExpiresAt.Sub(noon); got != c.left {
			t.Errorf("%+v: it lives for %v", c, got)
		}
	}
}

func TestRefreshGrace(t *testing.T) {
	no := false
	for _, c := range []struct {
		name         string
		grace        int
		generation   int
		since        time.Duration // the last rotation
		spare        *bool
		good, spared bool
	}{
		{"in the grace period", 60, 2, 59 * time.Second, nil, true, false},
		{"after it", 60, 2, 60 * time.Second, nil, false, false},
		{"without one", 0, 2, 0, nil, false, false},
		{"without one, by a clock that is behind", 0, 2, -30 * time.Second, nil, false, false},
		{"two generations old", 86400, 1, 0, nil, false, false},
		{"where access tokens are spared", 0, 2, 0, &no, false, true},
	} {
		x := refreshed()
		x.Client.RefreshTokenRollingGracePeriod, x.Client.AdditionalReplayProtection = c.grace, c.spare
		x.Generation, x.Refresh.RotatedAt = c.generation, noon.Add(-c.since)
		out := decideRefresh(x)
		switch {
		case c.good && (out.Refuse != nil || out.End != nil || !reflect.DeepEqual(out.Refresh, x.Refresh)):
			t.Errorf("%s: %+v", c.name, out)
		case !c.good && (!refuses(out.Refuse, fault.RefreshReused) || *out.End != End{"f", c.spared}):
			t.Errorf("%s: %+v", c.name, out)
		}
	}
}

// TestRefreshIsIssued to applications with the grant type, unless a grant of
// theirs has offline_access: then to who asks for that.
func TestRefreshIsIssued(t *testing.T) {
	for _, c := range []struct {
		name   string
		grants []string
		scopes []GrantedScope
		asked  []string
		want   bool
	}{
		{"neither", []string{allowCode}, ofOpenID("profile"), []string{"openid"}, false},
		{"the grant type", []string{allowCode, allowRefresh}, ofOpenID("profile"), []string{"openid"}, true},
		{"the scope is granted, not asked for", []string{allowCode, allowRefresh}, ofOpenID(scopeOffline), []string{"openid"}, false},
		{"the scope is asked for", []string{allowCode}, ofOpenID(scopeOffline), []string{"openid", scopeOffline}, true},
	} {
		x := redemption()
		x.Client.GrantTypes, x.Client.Scopes, x.Code.Scopes = c.grants, c.scopes, c.asked
		if out := decideCode(x); out.Refuse != nil || (out.Refresh != nil) != c.want {
			t.Errorf("%s: %+v, %v", c.name, out.Refresh, out.Refuse)
		}
	}
}

// TestRefreshKey binds the tokens of public clients to the key of their proof.
func TestRefreshKey(t *testing.T) {
	for method, want := range map[string]string{platform.AuthNone: "k", platform.AuthBasic: ""} {
		x := redemption()
		x.Client.GrantTypes, x.Client.TokenEndpointAuthMethod, x.JKT = []string{allowCode, allowRefresh}, method, "k"
		out := decideCode(x)
		if out.Refresh.JKT != want || out.Issue.JKT != "k" {
			t.Errorf("%s: %+v", method, out.Refresh)
		}
		r := refreshed()
		r.Client.TokenEndpointAuthMethod, r.Refresh.JKT, r.Refresh.Proven = method, out.Refresh.JKT, out.Refresh.Proven
		for jkt, good := range map[string]bool{"": false, "k": true, "l": method != platform.AuthNone} {
			r.JKT = jkt
			if out := decideRefresh(r); (out.Refuse == nil) != good || !good && !refuses(out.Refuse, fault.ProofForeign) {
				t.Errorf("%s, with the key %q: %v", method, jkt, out.Refuse)
			}
		}
	}
}
