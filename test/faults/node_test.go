package faults

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// cluster is some nodes on one database, under one public URL and one master
// key.
type cluster struct {
	t      testing.TB
	nodes  []*node
	http   *http.Client
	env    string // the environment of the first start
	worker string // its worker application
	secret string // of the worker
	admin  string // the worker's access token
	app    string // the application that people sign in to
	grace  string // another one, whose refresh tokens have a grace period
	device string // one for devices

	observer atomic.Pointer[observer]
}

// What the first start is told, so that no node's data folder need be read.
const (
	bootEnv    = "1f3d4c52-6a80-4b86-9d3a-5c0d2f7a9e11"
	bootWorker = "7be0a9d6-2f15-4c58-8a4e-93d1c6b07f22"
	bootSecret = "a-worker-of-the-fault-tests-0123456789"
	publicURL  = "http://pixy.test"
)

// newCluster prepares nodes, which are not started.
func newCluster(t testing.TB, d database, n int) *cluster {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: it ends the program instead
	return newClusterOf(t, d, n, key)
}

func newClusterOf(t testing.TB, d database, n int, key []byte) *cluster {
	t.Helper()
	c := &cluster{t: t, env: bootEnv, worker: bootWorker, secret: bootSecret, http: newHTTP(128)}
	for i := range n {
		c.nodes = append(c.nodes, newNode(t, fmt.Sprintf("node %c", 'A'+i), d.source, base64.StdEncoding.EncodeToString(key)))
	}
	return c
}

// newHTTP is a client that follows no redirect, and waits longer than a node may
// take for an answer.
func newHTTP(connections int) *http.Client {
	return &http.Client{
		Timeout:       45 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: connections},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// started is a cluster whose nodes serve, with its applications.
func started(t testing.TB, d database, n int) *cluster {
	t.Helper()
	c := newCluster(t, d, n)
	c.start()
	must(t, c.furnish())
	return c
}

// start starts all nodes at once, and waits until they serve.
func (c *cluster) start() {
	c.t.Helper()
	for _, n := range c.nodes {
		must(c.t, n.start())
	}
	for _, n := range c.nodes {
		_, err := n.ready()
		must(c.t, err)
	}
}

// any is one of the nodes, which may be down.
func (c *cluster) any(r *mathrand.Rand) *node { return c.nodes[r.IntN(len(c.nodes))] }

// node is one pixy: a process that comes and goes, at one address, with a data
// folder of its own.
type node struct {
	t       testing.TB
	name    string
	address string   // "127.0.0.1:20123"
	behind  []string // a command line that the program's is appended to, nil for none
	args    []string
	env     []string
	program string // "" for the one that is tested
	log     safeBuffer

	mu    sync.Mutex
	run   *exec.Cmd     // nil when it is down
	over  chan struct{} // closed when the process has ended
	ended error         // how it ended, once it is over
	began time.Time
}

func newNode(t testing.TB, name, source, key string) *node {
	t.Helper()
	data := t.TempDir()
	n := &node{t: t, name: name, address: freeAddress(t)}
	n.args = []string{"serve", "--listen", n.address, "--data", data, "--database", source, "--public-url", publicURL,
		"--hash-memory", "64", "--hash-time", "1"}
	n.env = append(os.Environ(), "PIXY_MASTER_KEY="+key, "PIXY_BOOTSTRAP_ENV_ID="+bootEnv, "PIXY_BOOTSTRAP_APP_ID="+bootWorker,
		"PIXY_BOOTSTRAP_APP_SECRET="+bootSecret, "PIXY_METRICS_LISTEN=127.0.0.1:0")
	t.Cleanup(func() {
		n.kill()
		if t.Failed() && os.Getenv("PIXY_FAULTS_LOGS") != "" {
			path := filepath.Join(os.Getenv("PIXY_FAULTS_LOGS"), n.address+".log")
			t.Logf("the log of %s: %s %v", n.name, path, os.WriteFile(path, []byte(n.log.String()), 0o600))
		}
	})
	return n
}

// freeAddress is below the ports that the system gives to outgoing connections,
// so that it is still free when a node comes back to it.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 20_000+mathrand.IntN(12_000))
		if l, err := net.Listen("tcp", address); err == nil {
			must(t, l.Close())
			return address
		}
	}
	t.Fatal("no port is free from 20000 to 32000")
	return ""
}

// start starts the process and does not wait for it.
func (n *node) start() error {
	path := n.program
	if path == "" {
		var err error
		if path, err = program(); err != nil {
			return err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.run != nil {
		return fmt.Errorf("%s runs already", n.name)
	}
	words := slices.Concat(n.behind, []string{path}, n.args)
	run, over := exec.Command(words[0], words[1:]...), make(chan struct{})
	run.Env, run.Stdout, run.Stderr = n.env, &n.log, &n.log
	n.began = time.Now()
	if err := run.Start(); err != nil {
		return err
	}
	n.run, n.over = run, over
	go func() {
		n.ended = run.Wait()
		close(over)
	}()
	return nil
}

// readyTime bounds the wait for a node; the promise is shorter.
const readyTime = 30 * time.Second

// ready waits until the node says that it is, and returns how long that took
// from its start.
func (n *node) ready() (time.Duration, error) {
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for time.Since(n.began) < readyTime {
		select {
		case <-n.over:
			return 0, fmt.Errorf("%s ended while it started: %v\n%s", n.name, n.ended, n.log.tail())
		default:
		}
		resp, err := client.Get("http://" + n.address + "/readyz")
		if err == nil {
			_ = resp.Body.Close() // of interest is the status
			if resp.StatusCode == http.StatusOK {
				return time.Since(n.began), nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return 0, fmt.Errorf("%s is not ready after %s\n%s", n.name, readyTime, n.log.tail())
}

// kill ends the process at once. It is harmless when the node is down.
func (n *node) kill() { _, _ = n.end(syscall.SIGKILL) }

// stop asks the process to end. It returns how long that took, and how the
// process has ended: nil is exit code 0.
func (n *node) stop() (time.Duration, error) { return n.end(syscall.SIGTERM) }

func (n *node) end(signal syscall.Signal) (time.Duration, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.run == nil {
		return 0, nil
	}
	began := time.Now()
	if err := n.run.Process.Signal(signal); err != nil && signal != syscall.SIGKILL {
		return 0, err
	}
	<-n.over
	n.run = nil
	return time.Since(began), n.ended
}

// safeBuffer takes what a process prints while a test reads it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// tail is the end of it.
func (b *safeBuffer) tail() string {
	const most = 4000
	text := b.String()
	return text[max(0, len(text)-most):]
}
