package faults

import (
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"pixy/internal/server"
	"pixy/internal/store"
)

// clock is a node's clock: the machine's, moved by so much. There is no way to
// move that of the program, so nodes with a clock of their own run in this
// process.
type clock struct {
	mu sync.Mutex
	by time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.by)
}

func (c *clock) set(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by = by
}

// inside is a cluster whose nodes are in this process, with a clock each.
func inside(t testing.TB, d database, clocks ...*clock) (*cluster, []*server.Server) {
	t.Helper()
	c := newInside(t)
	var servers []*server.Server
	for _, k := range clocks {
		db, err := store.Open(t.Context(), d.source, store.Options{Now: k.now})
		must(t, err)
		servers = append(servers, c.serve(db, k))
	}
	must(t, c.furnish())
	return c, servers
}

// newInside is such a cluster without nodes.
func newInside(t testing.TB) *cluster {
	c := &cluster{t: t, env: bootEnv, worker: bootWorker, secret: bootSecret, http: newHTTP(128)}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// serve adds a node on a database that is open.
func (c *cluster) serve(db *store.DB, k *clock) *server.Server {
	t := c.t
	t.Helper()
	t.Cleanup(func() { must(t, db.Close()) })
	sealer, err := store.NewSealer(fixedKey())
	must(t, err)
	must(t, db.Claim(t.Context(), sealer))
	s, err := server.New(server.Config{Store: db, Sealer: sealer, PublicURL: publicURL, Version: "test", Now: k.now,
		HashCost: server.HashCost{Memory: 64, Time: 1, Lanes: 1}})
	must(t, err)
	t.Cleanup(s.Stop) // before the database is closed
	_, err = s.Bootstrap(t.Context(), server.Bootstrap{EnvironmentID: bootEnv, ApplicationID: bootWorker, Secret: bootSecret},
		func(server.Worker) error { return nil }, func() error { return nil })
	must(t, err)
	listening := httptest.NewServer(s)
	t.Cleanup(listening.Close)
	c.nodes = append(c.nodes, &node{t: t, name: "inside", address: strings.TrimPrefix(listening.URL, "http://")})
	return s
}

// fixedKey is the master key of databases that are written once and read later.
func fixedKey() []byte { return make([]byte, 32) }
