package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// built is the folder of the program, removed when the tests are over.
var built string

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built) // what is left is swept with the temporary folder
	}
	if postgresStarted.Load() {
		if s, err := postgres(); err != nil || s.Remove() != nil {
			fmt.Fprintln(os.Stderr, "PostgreSQL did not start, or could not be removed:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// buildOnce builds the program as a stranger would get it, once a test run.
var buildOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "pixy-test")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "pixy")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

// process is a pixy that was started with its own data folder.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	data  string
	log   *safeBuffer
	url   string
	began time.Time
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

// prepare readies pixy serve on a free port.
func prepare(t testing.TB, data string, env []string, args ...string) *process {
	t.Helper()
	path, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, data: data, log: &safeBuffer{}}
	p.cmd = exec.Command(path, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--hash-memory", "64", "--hash-time", "1"}, args...)...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	return p
}

// start runs pixy serve until the test ends, and waits until it says where.
func start(t testing.TB, data string, env []string, args ...string) *process {
	t.Helper()
	p := prepare(t, data, env, args...)
	p.start()
	return p
}

// start starts what was prepared, until the test ends, and waits until it says
// where it serves.
func (p *process) start() {
	t := p.t
	t.Helper()
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	for deadline := time.Now().Add(20 * time.Second); p.url == ""; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("pixy does not say where it serves:\n%s", p.log)
		}
		p.url = p.served()
	}
}

// served finds the URL in the log.
func (p *process) served() string {
	for _, line := range strings.Split(p.log.String(), "\n") {
		var entry struct{ Msg, URL string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "pixy serves" {
			return entry.URL
		}
	}
	return ""
}

// stop asks the process to end, and returns how long that took.
func (p *process) stop() time.Duration {
	p.t.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("pixy did not stop well: %v\n%s", err, p.log)
	}
	return time.Since(began)
}

func (p *process) bootstrap() map[string]string {
	p.t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.data, "bootstrap.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	var b map[string]string
	if err := json.Unmarshal(raw, &b); err != nil {
		p.t.Fatal(err)
	}
	return b
}

// token gets a token for the worker of the first start.
func (p *process) token() (int, string) {
	p.t.Helper()
	b := p.bootstrap()
	r, err := http.NewRequest(http.MethodPost, p.url+"/"+b["envID"]+"/as/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(b["workerAppID"], b["workerAppSecret"])
	status, body := p.do(r)
	token, _ := body["access_token"].(string)
	return status, token
}

// call sends a request to the management API.
func (p *process) call(token, method, path, body string) (int, map[string]any) {
	p.t.Helper()
	r, err := http.NewRequest(method, p.url+"/v1"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	return p.do(r)
}

func (p *process) do(r *http.Request) (int, map[string]any) {
	p.t.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var body map[string]any
	_ = json.Unmarshal(raw, &body) // not every answer has a body
	return resp.StatusCode, body
}
