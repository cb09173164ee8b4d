package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The load of BenchmarkGrowth: so many clients at full speed, so long; then
// requests at a fixed rate, each measured from when it was due, so that who
// waits behind a slow one counts too.
const (
	busy          = 8
	busyTime      = 4 * time.Second
	steadyClients = 64
	steadyRate    = 30
	steadyTime    = 10 * time.Second
)

// client is a browser that has signed on, and an application with a secret.
type client struct {
	conn                   net.Conn
	answers                *bufio.Reader
	realm                  realm
	session, refresh       string // the token of the session, and of a family
	worker, secret, access string
}

// browser signs a user on with the password.
func (r realm) browser() (*client, error) {
	b, err := newClient()
	if err != nil {
		return nil, err
	}
	defer b.CloseIdleConnections()
	if err := r.signOn(b, true); err != nil {
		return nil, err
	}
	at, err := url.Parse(r.p.url + "/" + r.env + "/as/authorize")
	if err != nil {
		return nil, err
	}
	c := &client{}
	for _, cookie := range b.Jar.Cookies(at) {
		if cookie.Name == "ST" {
			c.session = cookie.Value
		}
	}
	return c, nil
}

// dial connects to a server that was started anew, and signs on there.
func (c *client) dial(r realm, access string) (err error) {
	b := r.p.bootstrap()
	c.realm, c.worker, c.secret, c.access = r, b["workerAppID"], b["workerAppSecret"], access
	if c.conn, err = net.Dial("tcp", strings.TrimPrefix(r.p.url, "http://")); err != nil {
		return err
	}
	c.answers = bufio.NewReader(c.conn)
	return signOnAgain(c)
}

// ask writes a request by hand: the client of net/http takes a good part of what
// the server could do.
func (c *client) ask(request string, want int) (http.Header, []byte, error) {
	if _, err := io.WriteString(c.conn, request); err != nil {
		return nil, nil, err
	}
	resp, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s: %s %s", strings.SplitN(request, "\r\n", 2)[0], resp.Status, body)
	}
	return resp.Header, body, err
}

// post sends a form, with the application's secret when it is to act for itself.
func (c *client) post(path string, form url.Values, itself bool) (map[string]any, error) {
	header := ""
	if itself {
		header = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(c.worker+":"+c.secret)) + "\r\n"
	}
	body := form.Encode()
	_, answer, err := c.ask(fmt.Sprintf("POST /%s/as/%s HTTP/1.1\r\nHost: pixy\r\n%sContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		c.realm.env, path, header, len(body), body), http.StatusOK)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(answer, &out)
}

// operation is what a client repeats.
type operation struct {
	name string
	run  func(*client) error
}

func operations() []operation {
	return []operation{
		{"sign on with a session", signOnAgain},
		{"refresh", func(c *client) error {
			out, err := c.post("token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.refresh}, "client_id": {c.realm.app}}, false)
			c.refresh, _ = out["refresh_token"].(string)
			return err
		}},
		{"client credentials", func(c *client) error {
			_, err := c.post("token", url.Values{"grant_type": {"client_credentials"}}, true)
			return err
		}},
		{"introspect", func(c *client) error {
			out, err := c.post("introspect", url.Values{"token": {c.access}}, true)
			if err == nil && out["active"] != true {
				err = fmt.Errorf("the token is not good: %v", out)
			}
			return err
		}},
	}
}

// signOnAgain is authorize and token, with a session.
func signOnAgain(c *client) error {
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	query := url.Values{"response_type": {"code"}, "client_id": {c.realm.app}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	header, _, err := c.ask(fmt.Sprintf("GET /%s/as/authorize?%s HTTP/1.1\r\nHost: pixy\r\nCookie: ST=%s\r\n\r\n", c.realm.env, query.Encode(), c.session), http.StatusFound)
	if err != nil {
		return err
	}
	to, err := url.Parse(header.Get("Location"))
	if err != nil {
		return err
	}
	out, err := c.post("token", url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {callback},
		"client_id": {c.realm.app}, "code_verifier": {verifier}}, false)
	c.refresh, _ = out["refresh_token"].(string)
	return err
}

// flatOut has some clients repeat an operation: how often a second, and what
// the server's processors worked for each.
func (g *grown) flatOut(op operation) (rate float64, cpu time.Duration, err error) {
	var all sync.WaitGroup
	var done atomic.Int64
	errs := make(chan error, busy)
	used, began := g.p.cpu(), time.Now()
	for _, c := range g.clients[:busy] {
		all.Go(func() {
			for time.Since(began) < busyTime {
				if err := op.run(c); err != nil {
					errs <- err
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	close(errs)
	n := max(done.Load(), 1)
	return float64(n) / time.Since(began).Seconds(), (g.p.cpu() - used) / time.Duration(n), <-errs
}

// steady repeats an operation at a fixed rate.
type steady struct {
	clients []*client
	op      operation
	began   time.Time
	next    atomic.Int64
	over    chan struct{}
	once    sync.Once
	largest atomic.Int64 // that a file was meanwhile

	mu     sync.Mutex
	took   []point // when it was due, and how long it took from then
	failed error
}

func newSteady(clients []*client, op operation) *steady {
	return &steady{clients: clients, op: op, began: time.Now(), over: make(chan struct{})}
}

func (s *steady) age() time.Duration { return time.Since(s.began) }
func (s *steady) stop()              { s.once.Do(func() { close(s.over) }) }

// run goes on so long, or until stop, or until an answer is not as it should be.
func (s *steady) run(long time.Duration) {
	var all sync.WaitGroup
	for _, c := range s.clients {
		all.Go(func() {
			for {
				due := time.Duration(s.next.Add(1)) * time.Second / steadyRate
				if due > long {
					return
				}
				select {
				case <-s.over:
					return
				case <-time.After(due - s.age()):
				}
				err := s.op.run(c)
				s.mu.Lock()
				s.took = append(s.took, point{when: due, took: s.age() - due})
				if err != nil {
					s.failed = err
					s.stop()
				}
				s.mu.Unlock()
			}
		})
	}
	all.Wait()
}

// watch looks how large a file is until the end.
func (s *steady) watch(file string) {
	for {
		if info, err := os.Stat(file); err == nil {
			s.largest.Store(max(s.largest.Load(), info.Size()))
		}
		select {
		case <-s.over:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// between is the median, the 99th percentile and the slowest of what was due
// in some time.
func (s *steady) between(from, to time.Duration) string {
	var took []time.Duration
	for _, p := range s.took {
		if p.when >= from && p.when < to {
			took = append(took, p.took)
		}
	}
	if len(took) == 0 {
		return "none"
	}
	slices.Sort(took)
	return digits(took[len(took)/2]) + "\t" + digits(took[len(took)*99/100]) + "\t" + digits(took[len(took)-1])
}

// swept is how many tickets the process has swept so far.
func (p *process) swept() (sum float64) {
	p.t.Helper()
	resp, err := http.Get(p.metricsURL())
	if err != nil {
		p.t.Error(err)
		return 0
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Error(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^pixy_store_swept_tickets_total\S* (\S+)$`).FindAllSubmatch(raw, -1) {
		n, _ := strconv.ParseFloat(string(m[1]), 64)
		sum += n
	}
	return sum
}
