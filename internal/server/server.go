// Package server is the HTTP shell: it parses a request into a value, loads
// the facts, lets a rule decide, keeps what changed and answers. It knows no
// rule of its own.
package server

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"pixy/internal/facts"
	"pixy/internal/kind"
	"pixy/internal/manage"
	"pixy/internal/platform"
	"pixy/internal/store"
	"pixy/internal/watch"
	"pixy/internal/web"
)

// Config is what a server is made of. Store, Sealer and PublicURL are
// required; the zero value of the others works.
type Config struct {
	Store     *store.DB
	Sealer    *store.Sealer
	PublicURL string // scheme and host that clients use; issuer and links begin with it
	Version   string
	Log       *slog.Logger
	Now       func() time.Time
	Chance    func([]byte) // fills with random bytes
	HashCost  platform.HashCost
	Hashes    int           // password hashes computed at the same time
	Retention time.Duration // how long the audit log is kept, 90 days when 0
	Sessions  facts.SessionTimes
	Untouched store.Limits                        // what anybody may leave, see facts.DefaultLimits
	Signer    func(*rsa.PrivateKey) crypto.Signer // what signs with an RSA key, nil for Go

	Domains        []Domain       // hosts that serve one environment each
	TrustedProxies []netip.Prefix // whose word counts for a client's address and host, and for its trace

	Metrics *watch.Metrics // nil for none
	Traces  *watch.Traces  // nil for none
}

// Server answers every request. It is safe for concurrent use. There is one for
// the main host, and a copy of it for each domain (see domain.go).
type Server struct {
	db      *store.DB
	base    string
	domain  string // the environment that a domain serves, "" on the main host
	sites   *sites
	proxies proxies
	secure  bool
	version string
	log     *slog.Logger
	now     func() time.Time
	pages   *web.Pages
	records facts.Records
	vault   *facts.Vault
	keySets *keySets
	tokens  *facts.Verified
	// notifier tells applications of sessions that ended.
	notifier *notifier
	outgoing *http.Client
	api      *manage.API
	mux      *http.ServeMux
	routes   []Route
	labels   map[string]string // the paths of the mux, and what they are on the main host
	metrics  *watch.Metrics
	traces   *watch.Traces
	stopping *atomic.Bool
	ids      []string // the names that ids have in paths

	passwordPolicy []kind.Field // what a flow shows of one
	retention      time.Duration

	refreshKey, nonceKey []byte
}

// New makes a server. The error is one sentence about the configuration.
func New(c Config) (*Server, error) {
	base, err := publicURL(c.PublicURL)
	if err != nil {
		return nil, err
	}
	if c.HashCost == (platform.HashCost{}) {
		c.HashCost = platform.DefaultHashCost()
	}
	if wrong := c.HashCost.Wrong(); wrong != "" {
		return nil, errors.New(wrong)
	}
	pages, err := web.New()
	if err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Chance == nil {
		c.Chance = func(b []byte) { _, _ = rand.Read(b) } // never fails: it ends the program instead
	}
	if c.Retention == 0 {
		c.Retention = 90 * 24 * time.Hour
	}
	vault, records := facts.NewVault(c.Sealer, c.Chance, c.HashCost, c.Hashes, c.Signer), facts.NewRecords(c.Sessions, c.Untouched)
	s := &Server{
		db: c.Store, base: base, secure: strings.HasPrefix(base, "https:"), version: c.Version, log: slog.New(lines{c.Log.Handler()}), now: c.Now, pages: pages,
		metrics: c.Metrics, traces: c.Traces, stopping: new(atomic.Bool), records: records, vault: vault, api: manage.New(c.Store, vault, records, base, c.Now), retention: c.Retention,
	}
	s.keySets, s.notifier, s.tokens = newKeySets(c.Now), newNotifier(s.tellAll), facts.NewVerified()
	s.outgoing = outgoing(notifyTimeout)
	s.refreshKey, s.nonceKey = vault.MACKey("refresh token"), vault.MACKey("dpop nonce")
	s.passwordPolicy = platform.PasswordPolicyFields()
	s.ids = append(manage.Names(s.api.Routes()), "env", "flow", "path", "approval")
	s.proxies = c.TrustedProxies
	s.routes = s.table()
	if path := unguarded(s.routes); path != "" {
		return nil, fmt.Errorf("the endpoint %s declares no permission", path)
	}
	s.mount(s.routes)
	s.metrics.Database(s.db.Stats)
	s.metrics.Hashes(s.vault.Hashes)
	return s, s.serveDomains(c.Domains)
}

func publicURL(text string) (string, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return "", fmt.Errorf("the public URL must be a scheme and a host such as https://login.example.com, not %q", text)
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

// prefix is where an environment begins in the paths of this host.
func (s *Server) prefix(env string) string {
	if s.domain != "" {
		return ""
	}
	return "/" + env
}

func (s *Server) issuer(env string) string { return s.base + s.prefix(env) + "/as" }

func (s *Server) flowURL(env, flow string) string {
	return s.base + s.prefix(env) + "/flows/" + flow
}

func (s *Server) resumeURL(env, flow string) string {
	return s.issuer(env) + "/resume?flowId=" + flow
}

func (s *Server) signOnURL(env, flow string) string {
	return s.base + s.prefix(env) + "/signon/?flowId=" + flow
}

// HashCost is what a password hash costs, SessionTimes how long sessions last,
// for the configuration.
type (
	HashCost     = platform.HashCost
	SessionTimes = facts.SessionTimes
)
