package main

import (
	"bufio"
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The benchmarks of this file and of scale_read_test.go print tables; nothing
// in them is asserted by time. PIXY_BENCH_USERS sets how many users are
// created, PIXY_BENCH_MOST the largest database that is read.

// connections is how many clients create users at the same time, each with
// one connection that it keeps.
const connections = 16

// sample is after how many users a line is printed.
const sample = 10_000

const sharedPassword = "2FederateM0re!"

// BenchmarkCreateUsers creates users through the API, with passwords that were
// hashed elsewhere.
func BenchmarkCreateUsers(b *testing.B) {
	total := max(sample, number(b, "PIXY_BENCH_USERS", 20_000))
	p := start(b, b.TempDir(), nil)
	_, token := p.token()
	c := &creation{p: p, token: token, env: p.bootstrap()["envID"], total: total, at: make([]point, 0, total)}
	fmt.Printf("\ncreating %d users through the API, %d connections, {SSHA512} passwords\n%8s %9s %9s %9s %9s %9s %7s\n",
		total, connections, "users", "users/s", "median", "99 %", "slowest", "CPU each", "RSS")
	c.run(b)
	c.check(b)
	b.ReportMetric(float64(total)/c.at[len(c.at)-1].when.Seconds(), "users/s")
	b.ReportMetric(float64(p.memory("VmHWM")), "MB-peak")
	b.ReportMetric(float64(max(c.memory[len(c.memory)-1]-c.memory[0], 0)), "MB-grown")
}

// number is what a variable of the environment says, or the default.
func number(b *testing.B, name string, otherwise int) int {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s is %q, which is no number of users", name, text)
	}
	return n
}

// creation is a run that creates users.
type creation struct {
	p          *process
	token, env string
	total      int
	next       atomic.Int64
	began      time.Time
	memory     []int         // at each line, in MB
	used       time.Duration // of processors, up to the last line

	mu sync.Mutex
	at []point // in the order in which they were answered
}

// point is one answer: when it came and how long it took.
type point struct{ when, took time.Duration }

// run creates all users and prints a line for each sample.
func (c *creation) run(b *testing.B) {
	b.Helper()
	c.began, c.used = time.Now(), c.p.cpu()
	before := c.used
	reached := make(chan []point, c.total/sample+1)
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			if err := c.work(reached); err != nil {
				b.Error(err)
			}
		})
	}
	go func() { all.Wait(); close(reached) }()
	from := 0
	for at := range reached {
		c.memory = append(c.memory, c.p.memory("VmRSS"))
		used := c.p.cpu()
		c.print(at, from, used-c.used)
		from, c.used = len(at), used
	}
	if b.Failed() {
		b.FailNow()
	}
	c.print(c.at, 0, c.used-before)
}

// print is one line: how many there are, and the answers behind the first.
// used is what the server's processors have worked for them.
func (c *creation) print(at []point, from int, used time.Duration) {
	var before time.Duration
	if from > 0 {
		before = at[from-1].when
	}
	var took []time.Duration
	for _, a := range at[from:] {
		took = append(took, a.took)
	}
	slices.Sort(took)
	n := len(took)
	fmt.Printf("%8s %9.0f %9s %9s %9s %9s %4d MB\n", fmt.Sprintf("+%d", n), float64(n)/(at[len(at)-1].when-before).Seconds(),
		digits(took[n/2]), digits(took[n*99/100]), digits(took[n-1]), digits(used/time.Duration(n)), c.memory[len(c.memory)-1])
}

// cpu is how long the process has kept processors busy. Where others use them
// too, it tells more than the clock.
func (p *process) cpu() time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	_, behind, _ := bytes.Cut(raw, []byte(") ")) // the name may have spaces
	var ticks int64
	for _, field := range strings.Fields(string(behind))[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// digits is a duration with three digits, in milliseconds.
func digits(d time.Duration) string {
	ms := d.Seconds() * 1e3
	return fmt.Sprintf("%.*f ms", max(0, 2-int(math.Log10(max(ms, 1)))), ms)
}

// work is one client with its connection. It writes its requests by hand: on a
// machine of two cores, the client of net/http takes a good part of what the
// server could do.
func (c *creation) work(reached chan<- []point) error {
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.p.url, "http://"))
	if err != nil {
		return err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for n := int(c.next.Add(1)) - 1; n < c.total; n = int(c.next.Add(1)) - 1 {
		request := c.request(n)
		began := time.Now()
		if _, err := conn.Write(request); err != nil {
			return err
		}
		if err := created(answers, request); err != nil {
			return err
		}
		c.keep(time.Since(began), reached)
	}
	return nil
}

// keep notes an answer, and hands over all of them after each sample.
func (c *creation) keep(took time.Duration, reached chan<- []point) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = append(c.at, point{when: time.Since(c.began), took: took})
	if n := len(c.at); n%sample == 0 || n == c.total {
		reached <- c.at[:n:n]
	}
}

// request is the whole text of one POST.
func (c *creation) request(n int) []byte {
	body := fmt.Sprintf(`{"username":%q,"email":"%[1]s@example.com","name":{"given":"Given%[2]d","family":"Family"},"password":{"value":%[3]q}}`,
		username(n), n, ssha512(sharedPassword, fmt.Appendf(nil, "%08d", n)))
	return fmt.Appendf(nil, "POST /v1/environments/%s/users HTTP/1.1\r\nHost: pixy\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/vnd.pingidentity.user.import+json\r\nContent-Length: %d\r\n\r\n%s", c.env, c.token, len(body), body)
}

func username(n int) string { return fmt.Sprintf("scale-%07d", n) }

// ssha512 encodes a password as directories do.
func ssha512(password string, salt []byte) string {
	sum := sha512.Sum512(append([]byte(password), salt...))
	return "{SSHA512}" + base64.StdEncoding.EncodeToString(append(sum[:], salt...))
}

// created reads one answer, which must be 201.
func created(from *bufio.Reader, request []byte) error {
	resp, err := http.ReadResponse(from, &http.Request{Method: "POST"})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusCreated {
		_, sent, _ := bytes.Cut(request, []byte("\r\n\r\n"))
		err = fmt.Errorf("POST of a user: %s %s\nwith %s", resp.Status, body, sent)
	}
	return err
}

// check holds the server to what it has acknowledged: every user is there, is
// counted, and has the password.
func (c *creation) check(b *testing.B) {
	b.Helper()
	path := "/environments/" + c.env
	_, list := c.p.call(c.token, "GET", path+"/populations", "")
	raw, err := json.Marshal(list["_embedded"])
	if err != nil {
		b.Fatal(err)
	}
	var embedded struct{ Populations []struct{ UserCount int } }
	if err := json.Unmarshal(raw, &embedded); err != nil || len(embedded.Populations) == 0 {
		b.Fatalf("the populations are %s: %v", raw, err)
	}
	if n := embedded.Populations[0].UserCount; n != c.total {
		b.Errorf("the population counts %d users, %d were created", n, c.total)
	}
	for _, n := range []int{0, c.total / 2, c.total - 1} {
		if err := c.signsOn(path, username(n)); err != nil {
			b.Error(err)
		}
	}
}

// signsOn checks the password of a user through the API.
func (c *creation) signsOn(path, name string) error {
	_, list := c.p.call(c.token, "GET", path+"/users?filter=username%20eq%20%22"+name+"%22", "")
	embedded, _ := list["_embedded"].(map[string]any)
	users, _ := embedded["users"].([]any)
	if len(users) != 1 {
		return fmt.Errorf("%s is found %d times: %v", name, len(users), list)
	}
	user, _ := users[0].(map[string]any)
	r, err := http.NewRequest("POST", fmt.Sprintf("%s/v1%s/users/%v/password", c.p.url, path, user["id"]), strings.NewReader(`{"password":"`+sharedPassword+`"}`))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Content-Type", "application/vnd.pingidentity.password.check+json")
	if status, body := c.p.do(r); status != http.StatusOK {
		return fmt.Errorf("the password of %s is not good: %d %v", name, status, body)
	}
	return nil
}
