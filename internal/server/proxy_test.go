package server

import (
	"net/http"
	"testing"
)

func TestSourceOf(t *testing.T) {
	for _, c := range []struct {
		peer    string
		counted bool
		want    string
	}{
		{"203.0.113.7:4711", true, "203.0.113.7"},
		{"[::ffff:203.0.113.7]:4711", true, "203.0.113.7"},
		{"[2001:db8:1:2:3:4:5:6]:4711", true, "2001:db8:1:2::/64"},
		{"[2001:db8:1:2::1]:4711", true, "2001:db8:1:2::/64"},
		{"[2001:db8:1:3::1]:4711", true, "2001:db8:1:3::/64"},
		{"[fe80::1%eth0]:4711", true, "fe80::/64"},
		{"@", true, "unknown"},
		{"", true, "unknown"},
		{"203.0.113.7:4711", false, ""},
	} {
		if got := sourceOf(&http.Request{RemoteAddr: c.peer}, c.counted); got != c.want {
			t.Errorf("%q, counted %t: %q, want %q", c.peer, c.counted, got, c.want)
		}
	}
}
