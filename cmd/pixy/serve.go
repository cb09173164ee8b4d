package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"pixy/internal/libcrypto"
	"pixy/internal/server"
	"pixy/internal/store"
)

// serveCommand runs the server. Its zero value, with defaults, works.
type serveCommand struct {
	Listen    string `env:"PIXY_LISTEN" default:"127.0.0.1:8080"`
	Data      string `env:"PIXY_DATA" default:"./pixy-data"`
	Database  string `env:"PIXY_DATABASE"`
	PublicURL string `env:"PIXY_PUBLIC_URL" name:"public-url"`
	TLSCert   string `env:"PIXY_TLS_CERT" name:"tls-cert"`
	TLSKey    string `env:"PIXY_TLS_KEY" name:"tls-key"`
	TLSDev    bool   `env:"PIXY_TLS_DEV" name:"tls-dev"`

	keyFlags

	Domains        []string `env:"PIXY_DOMAINS" name:"domain"`
	TrustedProxies []string `env:"PIXY_TRUSTED_PROXIES" name:"trusted-proxies"`

	HashMemory uint32 `env:"PIXY_HASH_MEMORY" default:"19456"`
	HashTime   uint32 `env:"PIXY_HASH_TIME" default:"2"`
	HashLanes  uint8  `env:"PIXY_HASH_LANES" default:"1"`
	Hashes     int    `env:"PIXY_HASHES"`
	Signer     string `env:"PIXY_SIGNER" default:"go" enum:"go,libcrypto"`

	AuditDays int `env:"PIXY_AUDIT_DAYS" default:"90" name:"audit-days"`

	SessionLife time.Duration `env:"PIXY_SESSION_LIFE" default:"720h" name:"session-life"`
	SessionIdle time.Duration `env:"PIXY_SESSION_IDLE" default:"0s" name:"session-idle"`

	MetricsListen string        `env:"PIXY_METRICS_LISTEN" name:"metrics-listen"`
	Profiles      bool          `env:"PIXY_PROFILES"`
	Traces        string        `env:"PIXY_TRACES"`
	Drain         time.Duration `env:"PIXY_DRAIN" default:"500ms"`

	domains   []server.Domain
	proxies   []netip.Prefix
	bootstrap server.Bootstrap
	library   *libcrypto.Library // nil when Go signs
	log       *slog.Logger
}

// The bounds on what a client may take: the time for a request's header, for
// all of it, for the answer, and between two requests.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 20 * time.Second
	writeTimeout  = 40 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
	sweepEvery    = time.Minute
)

// Run serves until ctx ends, then lets the requests under way finish.
func (c *serveCommand) Run(ctx context.Context, _, errOut io.Writer) error {
	c.log = logger(errOut)
	c.bootstrap = server.Bootstrap{EnvironmentID: os.Getenv("PIXY_BOOTSTRAP_ENV_ID"), ApplicationID: os.Getenv("PIXY_BOOTSTRAP_APP_ID"),
		Secret: os.Getenv("PIXY_BOOTSTRAP_APP_SECRET")}
	running, err := c.start(ctx)
	if err != nil {
		return err
	}
	about := []any{"url", running.url, "listen", running.address, "data", c.Data, "version", version}
	if running.observed.url != "" {
		about = append(about, "metrics", running.observed.url)
	}
	if c.library != nil {
		about = append(about, "signer", "libcrypto "+c.library.Version())
	}
	c.log.Info("pixy serves", about...)
	return running.wait(ctx)
}

// logger writes lines of text to a terminal and JSON to everything else.
func logger(w io.Writer) *slog.Logger {
	if f, ok := w.(*os.File); ok && terminal(f) {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// running is a server that answers.
type running struct {
	url     string
	address string // where it listens, "127.0.0.1:8080"
	server  *server.Server
	http    *http.Server
	db      *store.DB
	locks   locks
	log     *slog.Logger
	failed  chan error

	observed *observed
	drain    time.Duration           // between the word that the server stops and the end of its port
	hurry    context.CancelCauseFunc // sends away who waits
	attends  *attendance
}

// start opens the data folder, the database and the port, and serves.
func (c *serveCommand) start(ctx context.Context) (*running, error) {
	if c.Listen == "" || c.Data == "" {
		return nil, &usageError{"--listen and --data must not be empty"}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") || (c.TLSDev && c.TLSCert != "") {
		return nil, &usageError{"give --tls-cert and --tls-key together, or --tls-dev alone"}
	}
	if c.AuditDays < 0 || c.AuditDays > 36500 {
		return nil, &usageError{"--audit-days must be 1 to 36500, or 0 for 90"}
	}
	if c.Drain < 0 || c.Drain > maxDrain {
		return nil, &usageError{"--drain must be 0s to 1m"}
	}
	if err := errors.Join(c.checkKeys(), c.sessionTimes()); err != nil {
		return nil, err
	}
	if err := c.readHosts(); err != nil {
		return nil, err
	}
	if err := c.openLibrary(); err != nil {
		return nil, err
	}
	if err := makeFolder(c.Data); err != nil {
		return nil, fmt.Errorf("the data folder %s can't be made: %w", c.Data, err)
	}
	lock, err := lockAll(c.Data, sourceOf(c.Data, c.Database))
	if err != nil {
		return nil, err
	}
	listener, err := listen(c.Listen)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	seen, err := c.observe(ctx)
	if err != nil {
		return nil, errors.Join(err, listener.Close(), lock.Close())
	}
	r, err := c.open(ctx, listener, seen)
	if err != nil {
		return nil, errors.Join(err, seen.close(ctx), listener.Close(), lock.Close())
	}
	r.locks = lock
	return r, nil
}

// The bounds on the times of sessions. That a session is used is noted once a
// minute, so it can't rest for so short a time.
const (
	minSessionTime = 5 * time.Minute
	maxSessionTime = 10 * 365 * 24 * time.Hour
)

// sessionTimes refuses times that no session can have.
func (c *serveCommand) sessionTimes() error {
	if c.SessionLife != 0 && (c.SessionLife < minSessionTime || c.SessionLife > maxSessionTime) {
		return &usageError{"--session-life must be 5m to 87600h, or 0 for 720h"}
	}
	if c.SessionIdle != 0 && (c.SessionIdle < minSessionTime || c.SessionIdle > maxSessionTime) {
		return &usageError{"--session-idle must be 5m to 87600h, or 0 for sessions that may rest"}
	}
	return nil
}

// errInUse says that the port is taken.
var errInUse = errors.New("is in use by another program: stop it, or choose another address with --listen")

func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s %w", address, errInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("can't listen on %s: %w", address, err)
	}
	return listener, nil
}

func (c *serveCommand) open(ctx context.Context, listener net.Listener, seen *observed) (*running, error) {
	public := c.PublicURL
	if public == "" {
		public = urlOf(listener.Addr().(*net.TCPAddr), c.TLSDev || c.TLSCert != "")
	}
	source := sourceOf(c.Data, c.Database)
	sealer, err := c.sealer(c.Data, source)
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, source, store.Options{Log: c.log, Remember: server.Remembered()})
	if err != nil {
		return nil, err
	}
	r := &running{url: strings.TrimSuffix(public, "/"), address: listener.Addr().String(), db: db, log: c.log, failed: make(chan error, 1),
		observed: seen, drain: c.Drain}
	if err := c.prepare(ctx, r, sealer, listener); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return r, nil
}

// prepare makes the server on an open database, fills an empty one, and serves.
func (c *serveCommand) prepare(ctx context.Context, r *running, sealer *store.Sealer, listener net.Listener) error {
	if err := r.db.Claim(ctx, sealer); err != nil {
		return err
	}
	s, err := server.New(server.Config{Signer: c.signer(), Store: r.db, Sealer: sealer, PublicURL: r.url, Version: version, Log: c.log, Domains: c.domains, TrustedProxies: c.proxies,
		Metrics: r.observed.metrics, Traces: r.observed.traces,
		HashCost: server.HashCost{Memory: c.HashMemory, Time: c.HashTime, Lanes: c.HashLanes}, Hashes: c.Hashes, Retention: time.Duration(c.AuditDays) * 24 * time.Hour,
		Sessions: server.SessionTimes{Life: c.SessionLife, Idle: c.SessionIdle}})
	if err != nil {
		return err
	}
	certificate, caFile, err := c.certificate(r.url)
	if err != nil {
		return err
	}
	if _, err := s.Bootstrap(ctx, c.bootstrap, func(w server.Worker) error { return writeBootstrap(c.Data, r.url, caFile, w) }, func() error { return removeBootstrap(c.Data) }); err != nil {
		return err
	}
	if r.attends, err = attend(ctx, r); err != nil {
		return err
	}
	r.server = s
	base, hurry := context.WithCancelCause(context.Background())
	r.hurry = hurry
	r.http = &http.Server{Handler: s, BaseContext: func(net.Listener) context.Context { return base }, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(c.log.Handler(), slog.LevelWarn)}
	if certificate != nil {
		r.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12}
	}
	go func() {
		if certificate != nil {
			r.failed <- r.http.ServeTLS(listener, "", "")
			return
		}
		r.failed <- r.http.Serve(listener)
	}()
	return nil
}

func urlOf(a *net.TCPAddr, secure bool) string {
	host := a.IP.String()
	if a.IP.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if secure {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, fmt.Sprint(a.Port))
}

// wait serves until ctx ends or serving fails, then stops.
func (r *running) wait(ctx context.Context) error {
	go r.sweep(ctx)
	select {
	case <-ctx.Done():
		return r.stop()
	case err := <-r.failed:
		return errors.Join(fmt.Errorf("serving failed: %w", err), r.close())
	}
}

// sweep sweeps what expires until ctx ends. A stop does not wait for it.
func (r *running) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := r.server.Sweep(ctx); err != nil && ctx.Err() == nil {
				r.log.Error("sweeping failed", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}
