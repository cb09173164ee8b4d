package server

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the addresses of reverse proxies, whose word counts for where a
// request came from. What anybody else says in their headers is ignored. The
// header Forwarded (RFC 7239) is not read: a proxy that writes X-Forwarded-For
// passes on the one that a client made up.
type proxies []netip.Prefix

func (p proxies) trust(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// forwarded is a request as the outermost trusted proxy got it: from the
// client's address and for the host that the client called. Of a peer that is
// no proxy, it is the request itself. trusted says which.
func (p proxies) forwarded(r *http.Request) (as *http.Request, trusted bool) {
	peer, ok := address(r.RemoteAddr)
	if !ok || !p.trust(peer) {
		return r, false
	}
	c := *r
	c.RemoteAddr = net.JoinHostPort(p.client(peer, r.Header.Values("X-Forwarded-For")).String(), "0")
	if hosts := listed(r.Header.Values("X-Forwarded-Host")); len(hosts) > 0 {
		c.Host = hosts[len(hosts)-1]
	}
	return &c, true
}

// client is the rightmost address that is no proxy's: each proxy adds that of
// its peer at the right, and what stands left of an untrusted one is that one's
// word alone. Something that is no address ends the list.
func (p proxies) client(peer netip.Addr, header []string) netip.Addr {
	hops := listed(header)
	slices.Reverse(hops)
	for _, hop := range hops {
		a, ok := address(hop)
		if !ok {
			break
		}
		if peer = a; !p.trust(a) {
			break
		}
	}
	return peer
}

// listed are the elements of a header that is a list (RFC 9110 §5.6.1).
func listed(values []string) []string {
	var out []string
	for _, element := range strings.Split(strings.Join(values, ","), ",") {
		if element = strings.TrimSpace(element); element != "" {
			out = append(out, element)
		}
	}
	return out
}

// address reads an IP address with or without a port, an IPv6 one with or
// without brackets.
func address(text string) (netip.Addr, bool) {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap().WithZone(""), err == nil
}

// sourceOf is what the limits on what anybody may leave count a request under:
// its address, of IPv6 the network of 64 bits that one customer has.
func sourceOf(r *http.Request) string {
	a, ok := address(r.RemoteAddr)
	switch {
	case !ok:
		return "unknown"
	case a.Is4():
		return a.String()
	}
	return netip.PrefixFrom(a, 64).Masked().String()
}
