package faults

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pixy/internal/facts"
)

// atMost is how many flows there may be under a limit, which is not held at every
// request, and that of an environment by an estimate.
func atMost(limit int) int { return limit + limit/5 + 1000 }

// TestFlood begins sign-ons that nobody goes on with, from many addresses and
// from one: of those the limits leave, and the database grows no further, while
// people sign on.
func TestFlood(t *testing.T) {
	faultTest(t)
	most, all := facts.DefaultLimits(), number(t, "PIXY_FAULTS_FLOWS", 1_000_000)
	many := func(n int64) string { return fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255) }
	one := func(int64) string { return "2001:db8:0:1::7" }
	t.Run("SQLite from many", func(t *testing.T) { flood(t, sqlite(t), all, many, most.Env) })
	t.Run("SQLite from one", func(t *testing.T) { flood(t, sqlite(t), all/10, one, most.Source) })
	t.Run("PostgreSQL from many", func(t *testing.T) { flood(t, postgres(t, nil), all/10, many, most.Env) })
	t.Run("PostgreSQL from one", func(t *testing.T) { flood(t, postgres(t, nil), all/10, one, most.Source) })
}

func flood(t *testing.T, d database, all int, from func(n int64) string, most int) {
	c := newCluster(t, d, 1)
	c.nodes[0].args = append(c.nodes[0].args, "--trusted-proxies", "127.0.0.1")
	c.start()
	must(t, c.furnish())
	must(t, c.user(c.nodes[0], "ada-lovelace", goodPassword).want(http.StatusCreated))
	var sent atomic.Int64
	steps := 10
	for step := range steps {
		began, until := time.Now(), int64(all*(step+1)/steps)
		c.anonymous(&sent, until, from)
		rate := float64(until-int64(all*step/steps)) / time.Since(began).Seconds()
		code, a := (&person{c: c}).code(through(c.nodes[0]), c.app, "ada-lovelace", goodPassword)
		if code == "" {
			t.Errorf("a person can't sign on: %s", a)
		}
		flows := d.flows(t)
		figures(t, "%7d requests, %5.0f a second; %5d flows, %s", until, rate, flows, d.size(t))
		if flows > atMost(most) {
			t.Fatalf("%d flows are kept, and should be %d, or some more", flows, most)
		}
	}
}

// anonymous begins sign-ons, until so many are sent, and forgets them.
func (c *cluster) anonymous(sent *atomic.Int64, until int64, from func(n int64) string) {
	path := "/" + c.env + "/as/authorize?" + url.Values{"response_type": {"code"}, "client_id": {c.app}, "redirect_uri": {callback}, "scope": {"openid profile email"},
		"state": {"8a6e0804-2bd0-4672-b79d-d97027f9071a"}, "nonce": {"n-0S6_WzA2Mj"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}.Encode()
	var clients sync.WaitGroup
	for range 32 {
		clients.Go(func() {
			for n := sent.Add(1); n <= until; n = sent.Add(1) {
				r, err := c.compose(c.nodes[0], request{method: "GET", path: path})
				if err == nil {
					r.Header.Set("X-Forwarded-For", from(n))
					err = begun(c.http.Do(r))
				}
				if err != nil {
					c.t.Errorf("request %d: %v", n, err)
					return
				}
			}
		})
	}
	clients.Wait()
	sent.Store(until)
}

// begun is an error when the answer is not that a sign-on has begun.
func begun(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusFound || !strings.Contains(to, "flowId=") {
		return fmt.Errorf("%d %s", resp.StatusCode, to)
	}
	return nil
}

// flows counts the flows that there are.
func (d database) flows(t testing.TB) (n int) {
	t.Helper()
	db := d.open(t)
	defer db.Close()
	must(t, db.QueryRow("SELECT count(*) FROM ticket WHERE kind = 'flow'").Scan(&n))
	return n
}

// size is what the database takes on disk, in words.
func (d database) size(t testing.TB) string {
	t.Helper()
	const mega = 1 << 20
	if d.server == nil {
		path := strings.TrimPrefix(d.source, "file:")
		file, err := os.Stat(path)
		must(t, err)
		journal, err := os.Stat(path + "-wal")
		must(t, err)
		return fmt.Sprintf("%.0f MB and a journal of %.0f MB", float64(file.Size())/mega, float64(journal.Size())/mega)
	}
	db := d.open(t)
	defer db.Close()
	var bytes int64
	must(t, db.QueryRow("SELECT pg_database_size(current_database())").Scan(&bytes))
	return fmt.Sprintf("%.0f MB", float64(bytes)/mega)
}
