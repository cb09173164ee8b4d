package main

import (
	"fmt"
	"net/netip"
	"strings"

	"pixy/internal/server"
)

// readHosts reads what the command line says of hosts and of the proxies before
// them.
func (c *serveCommand) readHosts() error {
	for _, text := range c.Domains {
		host, env, ok := strings.Cut(strings.TrimSpace(text), "=")
		if !ok {
			return &usageError{fmt.Sprintf("--domain must be a host and an environment id such as login.example.com=11111111-2222-4333-8444-555555555555, not %q", text)}
		}
		c.domains = append(c.domains, server.Domain{Host: host, Environment: env})
	}
	for _, text := range c.TrustedProxies {
		p, err := network(strings.TrimSpace(text))
		if err != nil {
			return &usageError{fmt.Sprintf("--trusted-proxies must be addresses or networks such as 10.0.0.0/8, not %q", text)}
		}
		c.proxies = append(c.proxies, p)
	}
	return nil
}

// network reads a CIDR prefix, or an address alone.
func network(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		return netip.PrefixFrom(a, a.BitLen()), err
	}
	return netip.ParsePrefix(text)
}
