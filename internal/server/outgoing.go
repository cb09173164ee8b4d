package server

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// outgoing is a client for URLs that applications name. It follows no
// redirects, and reaches no link-local address: cloud providers serve
// credentials there (RFC 9101 §10.4.1).
func outgoing(timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil || a.Addr().Unmap().IsLinkLocalUnicast() || a.Addr().IsMulticast() || a.Addr().IsUnspecified() {
			return fmt.Errorf("%s is not an address that may be called", address)
		}
		return nil
	}}
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout,
			MaxIdleConns: 16, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true},
	}
}
