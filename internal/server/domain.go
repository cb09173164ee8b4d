package server

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Domain is a host that serves one environment, without its id in the path:
// https://login.example.com/as/authorize. Its issuer, cookies and pages are its
// own; the data, and so the tokens, are the environment's.
type Domain struct {
	Host        string // "login.example.com", with a port unless it is that of the scheme
	Environment string
}

// sites are the places at which a server answers.
type sites struct {
	main   *Server
	scheme string
	byHost map[string]*Server
}

// serveDomains makes a server for each domain beside that of the main host. The
// error is one sentence about the configuration.
func (s *Server) serveDomains(domains []Domain) error {
	scheme, mainHost, _ := strings.Cut(s.base, "://")
	s.sites = &sites{main: s, scheme: scheme, byHost: map[string]*Server{}}
	for _, d := range domains {
		u, err := url.Parse("//" + d.Host)
		if err != nil || u.Host != d.Host || u.Hostname() == "" || !isToken(d.Environment) {
			return fmt.Errorf("a domain must be a host name and the id of an environment such as login.example.com=11111111-2222-4333-8444-555555555555, not %q", d.Host+"="+d.Environment)
		}
		host := s.sites.canonical(d.Host)
		if s.sites.byHost[host] != nil || host == s.sites.canonical(mainHost) {
			return fmt.Errorf("the domain %s is given twice, or is the host of the public URL", host)
		}
		s.sites.byHost[host] = s.at(scheme+"://"+host, d.Environment)
	}
	return nil
}

// at is the server at a domain: a copy that shares everything but what hangs on
// where it is.
func (s *Server) at(base, env string) *Server {
	c := *s
	c.base, c.domain = base, env
	c.routes, c.labels = nil, nil
	for _, r := range c.table() {
		if strings.HasPrefix(r.Path, "/v1/") {
			continue
		}
		r.main, r.Path = r.Path, strings.Replace(r.Path, "/{env}", "", 1)
		c.routes = append(c.routes, r)
	}
	c.mount(c.routes)
	return &c
}

// of is the server of a request's host: a domain's, and for every other name
// that of the main host. No name gets into an issuer or a link from a request.
func (s *sites) of(r *http.Request) *Server { return cmp.Or(s.byHost[s.canonical(r.Host)], s.main) }

// canonical is a host as it is compared: without case and without the port of
// the scheme (RFC 9110 §4.2.3).
func (s *sites) canonical(host string) string {
	return strings.TrimSuffix(strings.ToLower(host), map[string]string{"https": ":443", "http": ":80"}[s.scheme])
}

// issuers are all names under which an environment issues. A token of any of
// them is one of the environment's.
func (s *Server) issuers(env string) []string {
	out := []string{s.sites.main.issuer(env)}
	for _, site := range s.sites.byHost {
		if site.domain == env {
			out = append(out, site.issuer(env))
		}
	}
	slices.Sort(out)
	return out
}

// cookiePath is where the session cookie of an environment is sent to.
func (s *Server) cookiePath(env string) string { return cmp.Or(s.prefix(env), "/") }
