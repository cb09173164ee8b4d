package faults

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// metrics are what a node shows, by name and labels as they are written.
type metrics map[string]float64

var metricsURL = regexp.MustCompile(`"metrics":"([^"]+)"`)

// metrics reads what the node shows now.
func (n *node) metrics() (metrics, error) {
	told := metricsURL.FindAllStringSubmatch(n.log.String(), -1)
	if told == nil {
		return nil, fmt.Errorf("%s does not say where its metrics are", n.name)
	}
	resp, err := http.Get(told[len(told)-1][1]) // it may have started several times
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	m := metrics{}
	for _, line := range strings.Split(string(raw), "\n") {
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		if m[line[:at]], err = strconv.ParseFloat(line[at+1:], 64); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// failed is how many requests the node counts that it could not answer.
func (m metrics) failed() (n int) {
	for name, value := range m {
		if strings.HasPrefix(name, "pixy_http_requests_total{") && strings.Contains(name, `status="5`) {
			n += int(value)
		}
	}
	return n
}

// holding is what a node has in its hands.
type holding struct {
	files, goroutines, opened int // opened are connections to PostgreSQL, so far
	busy                      string
}

func (h holding) String() string {
	return fmt.Sprintf("%d open files, %d goroutines, %d connections to PostgreSQL opened so far", h.files, h.goroutines, h.opened)
}

// busy are the metrics that are 0 when nobody asks for anything.
var busy = []string{"pixy_http_requests_in_flight", "pixy_hashes_running", "pixy_hashes_waiting", "pixy_sqlite_views", "pixy_sqlite_writes_waiting",
	`pixy_postgres_connections{state="used"}`, "pixy_postgres_waiting"}

// holds is what the node has in its hands now.
func (n *node) holds() (h holding, err error) {
	m, err := n.metrics()
	if err != nil {
		return h, err
	}
	for _, name := range busy {
		if m[name] != 0 {
			h.busy += fmt.Sprintf(" %s is %v", name, m[name])
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.run.Process.Pid))
	h.files, h.goroutines, h.opened = len(files), int(m["go_goroutines"]), int(m["pixy_postgres_connections_opened_total"])
	return h, err
}

// rest waits until the node has done what it was asked for, and returns what it
// has in its hands then: the least in a second.
func (n *node) rest(t testing.TB) holding {
	t.Helper()
	var least holding
	until := time.Now().Add(20 * time.Second)
	for idle := 0; idle < 10; time.Sleep(100 * time.Millisecond) {
		h, err := n.holds()
		must(t, err)
		if h.busy != "" {
			if time.Now().After(until) {
				t.Fatalf("%s does not come to rest:%s", n.name, h.busy)
			}
			idle = 0
			continue
		}
		if idle++; idle == 1 {
			least = h
		}
		least.files, least.goroutines, least.opened = min(least.files, h.files), min(least.goroutines, h.goroutines), h.opened
	}
	return least
}
