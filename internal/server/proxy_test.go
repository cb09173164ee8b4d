package server

import (
	"net/http"
	"testing"
)

func TestSourceOf(t *testing.T) {
	for _, c := range []struct {
		peer, want string
	}{
		{"203.0.113.7:4711", "203.0.113.7"},
		{"[::ffff:203.0.113.7]:4711", "203.0.113.7"},
		{"[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2::/64"},
		{"[2001:db8:1:2::1]:4711", "2001:db8:1:2::/64"},
		{"[2001:db8:1:3::1]:4711", "2001:db8:1:3::/64"},
		{"[fe80::1%eth0]:4711", "fe80::/64"},
		{"@", "unknown"},
		{"", "unknown"},
	} {
		if got := sourceOf(&http.Request{RemoteAddr: c.peer}); got != c.want {
			t.Errorf("%q: %q, want %q", c.peer, got, c.want)
		}
	}
}
