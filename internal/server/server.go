// Package server is the HTTP shell: it parses a request into a value, loads
// the facts, lets a rule decide, keeps what changed and answers. It knows no
// rule of its own.
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
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
	Hashes    int // password hashes computed at the same time
}

// Server answers every request. It is safe for concurrent use.
type Server struct {
	db      *store.DB
	sealer  *store.Sealer
	base    string
	secure  bool
	version string
	log     *slog.Logger
	now     func() time.Time
	chance  func([]byte)
	pages   *web.Pages
	records records
	hasher  *hasher
	keys    *keyring
	kinds   map[string]kind.Kind
	mux     *http.ServeMux
	routes  []Route
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
	s := &Server{
		db: c.Store, sealer: c.Sealer, base: base, secure: strings.HasPrefix(base, "https:"), version: c.Version,
		log: c.Log, now: c.Now, chance: c.Chance, pages: pages, records: newRecords(), keys: newKeyring(), kinds: map[string]kind.Kind{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.chance == nil {
		s.chance = func(b []byte) { _, _ = rand.Read(b) } // never fails: it ends the program instead
	}
	s.hasher = newHasher(c.HashCost, c.Hashes, s.chance)
	for _, k := range platform.Kinds() {
		s.kinds[k.Table().Name] = k
	}
	s.routes = s.table()
	s.mux = s.mount(s.routes)
	return s, nil
}

func publicURL(text string) (string, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return "", fmt.Errorf("the public URL must be a scheme and a host such as https://login.example.com, not %q", text)
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

// Sweep deletes what has expired, once. Flows stay for an hour, so that a page
// that was left open can say what happened.
func (s *Server) Sweep(ctx context.Context) error {
	n, err := s.db.Sweep(ctx, s.now().Add(-time.Hour))
	if n > 0 {
		s.log.InfoContext(ctx, "swept expired tickets", "count", n)
	}
	return err
}

// newID returns a random id in the shape of a UUID (RFC 9562 §5.4).
func (s *Server) newID() string {
	var b [16]byte
	s.chance(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return shape(b)
}

// newToken returns a secret of 128 random bits in the shape of a UUID, which
// is how session tokens and codes look on the wire; unlike a UUID it has no
// fixed bits (RFC 6749 §10.10 asks for all of them).
func (s *Server) newToken() string {
	var b [16]byte
	s.chance(b[:])
	return shape(b)
}

func shape(b [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

func (s *Server) issuer(env string) string { return s.base + "/" + env + "/as" }

func (s *Server) flowURL(env, flow string) string { return s.base + "/" + env + "/flows/" + flow }

func (s *Server) resumeURL(env, flow string) string {
	return s.issuer(env) + "/resume?flowId=" + flow
}

func (s *Server) signOnURL(env, flow string) string {
	return s.base + "/" + env + "/signon/?flowId=" + flow
}

// HashCost is what a password hash costs, for the configuration.
type HashCost = platform.HashCost
