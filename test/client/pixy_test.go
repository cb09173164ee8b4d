// Package client lets foreign clients sign in to a running Pixy: Go and
// JavaScript libraries from discovery alone, a real browser, Postman's runner.
package client

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
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

// The person of the tests.
const (
	username = "ada"
	password = "2FederateM0re!"
)

// pixy is a server in a process of its own, with a person, and applications by
// their names.
type pixy struct {
	t     testing.TB
	data  string
	base  string
	env   string
	token string
	http  *http.Client
	log   *logged
	Apps  map[string]string
}

// built is the folder of the program, removed when the tests are over.
var built string

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built) // what is left is swept with the temporary folder
	}
	os.Exit(code)
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "pixy-client")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "pixy")
	c := exec.Command("go", "build", "-o", path, "./cmd/pixy")
	c.Dir = "../.."
	if out, err := c.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

// start runs pixy serve until the test ends.
func start(t testing.TB, args ...string) *pixy {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	log := &logged{}
	p := &pixy{t: t, data: t.TempDir(), http: &http.Client{Timeout: 10 * time.Second}, log: log, Apps: map[string]string{}}
	c := exec.Command(path, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", p.data}, args...)...)
	c.Stderr = log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		if err := c.Wait(); err != nil {
			t.Errorf("pixy did not stop well: %v", err)
		}
		if t.Failed() {
			t.Logf("what pixy logged beside its requests:\n%s", log.without(`"msg":"request"`))
		}
	})
	for deadline := time.Now().Add(20 * time.Second); p.base == ""; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("pixy does not serve:\n%s", log)
		}
		for _, line := range strings.Split(log.String(), "\n") {
			var entry struct{ Msg, URL string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "pixy serves" {
				p.base = entry.URL
			}
		}
	}
	if strings.HasPrefix(p.base, "https:") {
		p.trust()
	}
	r, err := http.NewRequest("GET", p.base+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	p.do(r, 200)
	return p
}

type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// without is the log without the lines that hold a text.
func (l *logged) without(text string) string {
	var rest strings.Builder
	for line := range strings.Lines(l.String()) {
		if !strings.Contains(line, text) {
			rest.WriteString(line)
		}
	}
	return rest.String()
}

func (p *pixy) issuer() string { return p.base + "/" + p.env + "/as" }

// prepare makes what the clients need, as an administrator would.
func (p *pixy) prepare() {
	p.t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.data, "bootstrap.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	var b map[string]string
	if err := json.Unmarshal(raw, &b); err != nil {
		p.t.Fatal(err)
	}
	p.env = b["envID"]
	r, err := http.NewRequest("POST", p.issuer()+"/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		p.t.Fatal(err)
	}
	r.SetBasicAuth(b["workerAppID"], b["workerAppSecret"])
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	p.token = p.do(r, 200)["access_token"].(string)
	p.user(username, false)
}

func (p *pixy) user(name string, mustChange bool) {
	p.t.Helper()
	id := p.manage("POST", "/users", map[string]any{"username": name, "email": name + "@example.com", "name": map[string]string{"given": "Ada", "family": "Lovelace"}}, 201)["id"]
	p.send("PUT", fmt.Sprintf("/users/%v/password", id), "application/vnd.pingidentity.password.set+json", map[string]any{"value": password, "forceChange": mustChange}, 200)
}

// app makes an application that may ask for the scopes of OpenID Connect.
func (p *pixy) app(name string, body map[string]any) {
	p.t.Helper()
	whole := map[string]any{"name": name, "enabled": true, "protocol": "OPENID_CONNECT", "grantTypes": []string{"AUTHORIZATION_CODE", "REFRESH_TOKEN"}, "responseTypes": []string{"CODE"}, "pkceEnforcement": "S256_REQUIRED"}
	for k, v := range body {
		whole[k] = v
	}
	id := p.manage("POST", "/applications", whole, 201)["id"].(string)
	p.Apps[name] = id
	openid := p.first("/resources?filter="+url.QueryEscape(`name eq "openid"`), "resources", func(map[string]any) bool { return true })
	var scopes []map[string]any
	for _, scope := range []string{"profile", "email"} {
		scopes = append(scopes, map[string]any{"id": p.first("/resources/"+openid+"/scopes", "scopes", func(s map[string]any) bool { return s["name"] == scope })})
	}
	p.manage("POST", "/applications/"+id+"/grants", map[string]any{"resource": map[string]string{"id": openid}, "scopes": scopes}, 201)
}

func (p *pixy) secret(name string) string {
	p.t.Helper()
	return p.manage("GET", "/applications/"+p.Apps[name]+"/secret", nil, 200)["secret"].(string)
}

func (p *pixy) first(path, plural string, is func(map[string]any) bool) string {
	p.t.Helper()
	for _, item := range p.manage("GET", path, nil, 200)["_embedded"].(map[string]any)[plural].([]any) {
		if is(item.(map[string]any)) {
			return item.(map[string]any)["id"].(string)
		}
	}
	p.t.Fatalf("nothing fits in %s", path)
	return ""
}

func (p *pixy) manage(method, path string, body any, want int) map[string]any {
	p.t.Helper()
	return p.send(method, path, "application/json", body, want)
}

func (p *pixy) send(method, path, media string, body any, want int) map[string]any {
	p.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := http.NewRequest(method, p.base+"/v1/environments/"+p.env+path, bytes.NewReader(raw))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Content-Type", media)
	return p.do(r, want)
}

func (p *pixy) do(r *http.Request, want int) map[string]any {
	p.t.Helper()
	resp, err := p.http.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if resp.StatusCode != want {
		p.t.Fatalf("%s %s: %s %s", r.Method, r.URL.Path, resp.Status, raw)
	}
	var body map[string]any
	if err := json.Unmarshal(raw, &body); err != nil {
		p.t.Fatal(err)
	}
	return body
}

// trust lets the administrator's part trust the development CA.
func (p *pixy) trust() {
	p.t.Helper()
	pem, err := os.ReadFile(filepath.Join(p.data, "ca.pem"))
	if err != nil {
		p.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	p.http.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
}
