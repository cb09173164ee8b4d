package main

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"pixy/test/pg"
)

// metricsURL is where the process serves its metrics.
func (p *process) metricsURL() string {
	p.t.Helper()
	m := regexp.MustCompile(`"metrics":"([^"]+)"`).FindStringSubmatch(p.log.String())
	if m == nil {
		p.t.Fatalf("no metrics:\n%s", p.log)
	}
	return m[1]
}

// metric reads a metric without labels.
func (p *process) metric(name string) float64 {
	p.t.Helper()
	resp, err := http.Get(p.metricsURL())
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(raw)
	if m == nil {
		p.t.Fatalf("there is no %s", name)
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// reach waits until a metric is at least so much.
func (p *process) reach(name string, n float64) {
	p.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); p.metric(name) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s stays at %v, below %v", name, p.metric(name), n)
		}
	}
}

// stopped sends SIGTERM, and holds the time to the exit to its bound, and the
// exit code to 0.
func (p *process) stopped() {
	p.t.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	err := p.cmd.Wait()
	took := time.Since(began)
	p.t.Logf("from SIGTERM to the exit: %v (%v)", took.Round(time.Millisecond), err)
	if took > stopTimeout || err != nil {
		p.t.Errorf("the stop took %v, at most %v is promised: %v\n%s", took, stopTimeout, err, tail(p.log.String()))
	}
}

func tail(text string) string { return text[max(0, len(text)-2000):] }

// TestStopUnderLoad stops while many sign on: whoever was answered by the server
// was answered whole, nobody is refused a connection before the drain is over,
// /readyz says 503 at once, and the process is gone in time.
func TestStopUnderLoad(t *testing.T) {
	p := start(t, t.TempDir(), nil, "--metrics-listen", "127.0.0.1:0", "--hash-memory", "19456", "--hash-time", "2")
	r := newRealm(t, p)
	var signal atomic.Int64 // when it was sent, in nanoseconds
	var done, late atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for {
				client, err := newClient()
				if err == nil {
					err = r.signOn(client, true)
				}
				client.CloseIdleConnections()
				if err == nil {
					done.Add(1)
					continue
				}
				at := time.Since(time.Unix(0, signal.Load()))
				var broken *url.Error
				if signal.Load() == 0 || at < drainTime || !errors.As(err, &broken) && !strings.Contains(err.Error(), "503") {
					t.Errorf("%v after the signal: %v", at, err)
				}
				late.Add(1)
				return
			}
		})
	}
	p.reach("pixy_hash_duration_seconds_count", 20)
	signal.Store(time.Now().UnixNano())
	ready := make(chan int, 1)
	time.AfterFunc(drainTime/2, func() { ready <- status(p.url + "/readyz") })
	p.stopped()
	all.Wait()
	if got := <-ready; got != http.StatusServiceUnavailable {
		t.Errorf("/readyz answers %d while the server drains", got)
	}
	t.Logf("%d sign-ons were whole; %d ended after the drain", done.Load(), late.Load())
}

func status(url string) int {
	resp, err := http.Get(url)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestStopLetsFinish: what is under way is answered, though the port is closed.
func TestStopLetsFinish(t *testing.T) {
	p := start(t, t.TempDir(), nil, "--metrics-listen", "127.0.0.1:0", "--drain", "0s")
	begun := fmt.Sprintf("POST /%s/as/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\ngrant", p.bootstrap()["envID"])
	conn := dial(t, p)
	fmt.Fprint(conn, begun)
	p.reach("pixy_http_requests_in_flight", 1)
	time.AfterFunc(time.Second, func() { fmt.Fprint(conn, "_typ") })
	answer := make(chan string)
	go func() {
		raw, _ := io.ReadAll(conn) // what comes before it fails is looked at
		answer <- string(raw)
	}()
	p.stopped()
	if got := <-answer; !strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.Contains(got, "Connection: close") {
		t.Errorf("the request under way got %q", got)
	}
}

// TestStopWithLineOfHashes stops while passwords wait for hashes that take
// seconds: who waits is sent away with a 503.
func TestStopWithLineOfHashes(t *testing.T) {
	p := start(t, t.TempDir(), nil, "--metrics-listen", "127.0.0.1:0", "--hashes", "1")
	r := newRealm(t, p)
	p.stop()
	p = start(t, p.data, nil, "--metrics-listen", "127.0.0.1:0", "--hashes", "1", "--hash-memory", "131072", "--hash-time", "12")
	r.p = p
	var sent, refused atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			client, err := newClient()
			if err == nil {
				err = r.signOn(client, true)
			}
			if sent.Add(1); err != nil && strings.Contains(err.Error(), "503") {
				refused.Add(1)
			}
		})
	}
	p.reach("pixy_hashes_waiting", 10)
	p.stopped()
	all.Wait()
	t.Logf("%d of %d were sent away with a 503", refused.Load(), sent.Load())
	if refused.Load() < 10 {
		t.Error("those who waited were not answered")
	}
}

// TestStopWithHangingDatabase stops while another one holds what every
// transaction waits for.
func TestStopWithHangingDatabase(t *testing.T) {
	s, err := pg.Start(pg.Options{})
	if errors.Is(err, pg.ErrAbsent) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Remove(); err != nil {
			t.Error(err)
		}
	})
	name, err := s.Fresh("template1")
	if err != nil {
		t.Fatal(err)
	}
	key := "PIXY_MASTER_KEY=" + strings.Repeat("A", 43) + "="
	p := start(t, t.TempDir(), []string{key}, "--metrics-listen", "127.0.0.1:0", "--database", s.URL(name))
	holder := hold(t, s.URL(name))
	defer holder()
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() { status(p.url + "/" + p.bootstrap()["envID"] + "/as/jwks") })
	}
	p.reach("pixy_http_requests_in_flight", 30)
	p.stopped()
	all.Wait()
}

// hold locks the table that every request reads, until it is told to let go.
func hold(t *testing.T, source string) (release func()) {
	t.Helper()
	db, err := sql.Open("pgx", source)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err == nil {
		_, err = tx.Exec("LOCK TABLE document IN ACCESS EXCLUSIVE MODE")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = errors.Join(tx.Rollback(), db.Close()) } // the server ends next
}
