package test

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"pixy/internal/server"
)

// peer is where httptest's requests come from.
const peer = "192.0.2.1"

// asked sends a request from a peer, and returns the address in its log line.
func (w *world) asked(from, url string, headers map[string][]string) (ip, body string) {
	w.t.Helper()
	before := len(w.log.String())
	r := httptest.NewRequest("GET", url, nil)
	r.RemoteAddr = from
	for name, values := range headers {
		r.Header[name] = values
	}
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	_, line, _ := strings.Cut(w.log.String()[before:], `"remoteIp":"`)
	ip, _, _ = strings.Cut(line, `"`)
	return ip, rec.Body.String()
}

// TestForwarded believes what trusted proxies say of the client, and nobody
// else; what the client put into the header itself changes nothing.
func TestForwarded(t *testing.T) {
	trust := func(c *server.Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	}
	for _, c := range []struct {
		name, from string
		trusted    bool
		forwarded  []string
		want       string
	}{
		{"no proxy is trusted", peer + ":1", false, []string{"203.0.113.7"}, peer},
		{"a peer that is no proxy", "198.51.100.1:1", true, []string{"203.0.113.7"}, "198.51.100.1"},
		{"a proxy that says nothing", peer + ":1", true, nil, peer},
		{"one proxy", peer + ":1", true, []string{"203.0.113.7"}, "203.0.113.7"},
		{"one proxy, and a forged prefix", peer + ":1", true, []string{"10.0.0.1, 192.0.2.9, 203.0.113.7"}, "203.0.113.7"},
		{"a forged header of its own", peer + ":1", true, []string{"10.0.0.1", "203.0.113.7"}, "203.0.113.7"},
		{"two proxies", peer + ":1", true, []string{"10.0.0.1, 203.0.113.7, 192.0.2.2"}, "203.0.113.7"},
		{"with a port", peer + ":1", true, []string{"203.0.113.7:5555"}, "203.0.113.7"},
		{"an IPv6 client", peer + ":1", true, []string{"2001:dba::7"}, "2001:dba::7"},
		{"an IPv6 client in brackets", peer + ":1", true, []string{"[2001:dba::7]:5555"}, "2001:dba::7"},
		{"an IPv6 proxy", "[2001:db8::1]:1", true, []string{"203.0.113.7"}, "203.0.113.7"},
		{"a proxy by its mapped address", "[::ffff:192.0.2.1]:1", true, []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{"proxies alone", peer + ":1", true, []string{"192.0.2.3, 192.0.2.2"}, "192.0.2.3"},
		{"something that is no address", peer + ":1", true, []string{"203.0.113.7, unknown, 192.0.2.2"}, "192.0.2.2"},
		{"rubbish alone", peer + ":1", true, []string{"<script>"}, peer},
	} {
		t.Run(c.name, func(t *testing.T) {
			var change []func(*server.Config)
			if c.trusted {
				change = append(change, trust)
			}
			w := newWorld(t, change...)
			ip, _ := w.asked(c.from, w.base+"/healthz", map[string][]string{"X-Forwarded-For": c.forwarded, "Forwarded": {"for=10.9.9.9"}, "X-Real-Ip": {"10.9.9.9"}})
			if ip != c.want {
				t.Errorf("the client is %q, want %q", ip, c.want)
			}
		})
	}
}

// TestForwardedAddressIsKept has the client's address in the sessions of who
// signed on.
func TestForwardedAddressIsKept(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	ada, app := w.user("ada"), w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, nil)
	via := header{"X-Forwarded-For": "10.0.0.1, 203.0.113.7", "Content-Type": mediaSignOn}
	p.send("POST", "/"+w.env+"/flows/"+flow, `{"username":"ada","password":"`+goodPassword+`"}`, via).want(200)
	list := w.manage("GET", "/users/"+ada+"/sessions", nil).want(200)
	if !strings.Contains(list.raw, `"remoteIp":"203.0.113.7"`) || strings.Contains(list.raw, "10.0.0.1") {
		t.Errorf("the sessions are %s", list.raw)
	}
}

// TestForwardedHost picks a domain by the host that a trusted proxy was asked
// for, and never makes one up.
func TestForwardedHost(t *testing.T) {
	var c server.Config
	w := newWorld(t, https, func(given *server.Config) { c = *given })
	c.Domains = []server.Domain{{Host: "login.example.com", Environment: w.env}}
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(peer + "/32")}
	var err error
	w.server, err = server.New(c)
	w.must(err)
	short, long := "http://10.1.1.1:8080/as/.well-known/openid-configuration", "http://10.1.1.1:8080/"+w.env+"/as/.well-known/openid-configuration"
	for _, c := range []struct {
		name, from, url string
		host            []string
		want            string
	}{
		{"a trusted proxy", peer + ":1", short, []string{"login.example.com"}, `"issuer":"https://login.example.com/as"`},
		{"a forged host before the proxy's", peer + ":1", short, []string{"evil.example.com, login.example.com"}, `"issuer":"https://login.example.com/as"`},
		{"an unknown host", peer + ":1", long, []string{"evil.example.com"}, `"issuer":"https://pixy.test/` + w.env + `/as"`},
		{"another peer", "192.0.2.2:1", short, []string{"login.example.com"}, `"code":"NOT_FOUND"`},
		{"another peer, at the main host", "192.0.2.2:1", long, []string{"login.example.com"}, `"issuer":"https://pixy.test/` + w.env + `/as"`},
	} {
		_, body := w.asked(c.from, c.url, map[string][]string{"X-Forwarded-Host": c.host, "X-Forwarded-Proto": {"http"}, "Forwarded": {"host=evil.example.com;proto=http"}})
		if !strings.Contains(body, c.want) {
			t.Errorf("%s: %s", c.name, body)
		}
	}
}
