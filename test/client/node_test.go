package client

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// node runs a script of the folder node, and tells it about the server.
func (p *pixy) node(t *testing.T, fixture map[string]any, args ...string) []byte {
	t.Helper()
	raw, err := json.Marshal(fixture)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), nodejs(t), args...)
	c.Dir = "node"
	c.Env = append(os.Environ(), "PIXY="+string(raw), "CHROMIUM="+chromium(t), "NODE_EXTRA_CA_CERTS="+filepath.Join(p.data, "ca.pem"))
	out, err := c.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// nodejs is the version of Node.js that the lock file names, or, on a kind of
// machine that it names none for, the machine's own.
func nodejs(t *testing.T) string {
	t.Helper()
	modules, err := filepath.Abs("node/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(modules); err != nil {
		t.Fatalf("the JavaScript clients are not installed: run npm ci in test/client/node (make test does): %v", err)
	}
	if locked := filepath.Join(modules, ".bin", "node"); exec.Command(locked, "--version").Run() == nil {
		return locked
	}
	path, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("Node.js 20 or later is needed: %v", err)
	}
	if out, err := exec.Command(path, "-p", "process.versions.node.split('.')[0] >= 20").Output(); err != nil || string(out) != "true\n" {
		t.Fatalf("%s is too old, Node.js 20 or later is needed: %v", path, err)
	}
	return path
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("Chromium is not installed: make test installs it as root")
	return ""
}

func (p *pixy) fixture() map[string]any {
	return map[string]any{"base": p.base, "issuer": p.issuer(), "env": p.env, "apps": p.Apps, "username": username, "password": password}
}

// nodeClients are the JavaScript libraries for servers.
func (f *foreignClients) nodeClients(t *testing.T) {
	f.script(t, f.withToken(), "openid-client.test.mjs", "oauth4webapi.test.mjs")
}

// browserClients are the JavaScript libraries for single-page applications, in
// Chromium.
func (f *foreignClients) browserClients(t *testing.T) {
	fixture := f.withToken()
	fixture["browserHome"] = f.browserHome(t)
	f.script(t, fixture, "oidc-client-ts.test.mjs", "appauth.test.mjs", "forgerock.test.mjs", "ping.test.mjs", "form-post.test.mjs")
}

func (f *foreignClients) script(t *testing.T, fixture map[string]any, names ...string) {
	t.Helper()
	fixture["report"] = f.report.path
	f.node(t, fixture, append([]string{"--test", "--test-reporter=spec", "--test-concurrency=2"}, names...)...)
}

// browserHome is a home folder for Chromium, where it looks for the CAs that
// its user trusts: there is only the development CA.
func (p *pixy) browserHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	database := filepath.Join(home, ".pki", "nssdb")
	if err := os.MkdirAll(database, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-N", "--empty-password"}, {"-A", "-t", "C,,", "-n", "pixy", "-i", filepath.Join(p.data, "ca.pem")}} {
		if out, err := exec.Command("certutil", append([]string{"-d", "sql:" + database}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("certutil (of libnss3-tools, which make test installs as root): %v: %s", err, out)
		}
	}
	return home
}

// TestBrowser signs in on the hosted pages in Chromium.
func TestBrowser(t *testing.T) {
	// covers: RFC 8252 §7/1
	p := start(t, "--hash-memory", "1024", "--hash-time", "1")
	p.prepare()
	for _, name := range []string{"cancels", "locked", "tabs", "noscript", "back", "other"} {
		p.user(name, false)
	}
	p.user("changes", true)
	p.node(t, p.withToken(), "--test", "--test-reporter=spec", "--test-concurrency=1", "pages.test.mjs")
}

// withToken lets a script make applications itself: their redirect URIs hang
// on ports that it chooses.
func (p *pixy) withToken() map[string]any {
	f := p.fixture()
	f["token"] = p.token
	return f
}

// TestPostman runs the collection with Postman's own runner and the environment
// that the server has written, over http and over https, where cookies differ.
func TestPostman(t *testing.T) {
	t.Run("http", func(t *testing.T) { runCollection(t, start(t)) })
	t.Run("https", func(t *testing.T) {
		p := start(t, "--tls-dev")
		runCollection(t, p, "--ssl-extra-ca-certs", filepath.Join(p.data, "ca.pem"))
	})
}

func runCollection(t *testing.T, p *pixy, flags ...string) {
	t.Helper()
	const path = "../../postman/pkce.postman_collection.json"
	collection, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.json")
	p.node(t, map[string]any{}, append([]string{"--no-deprecation", "node_modules/newman/bin/newman.js", "run", "../" + path,
		"-e", filepath.Join(p.data, "pixy.postman_environment.json"), "-r", "cli,json", "--reporter-json-export", report,
		"--color", "off", "--disable-unicode"}, flags...)...)
	raw, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Run struct {
			Stats struct {
				Requests, Assertions struct{ Total, Failed, Pending int }
			}
			Failures []any
		}
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	s := r.Run.Stats
	requests, assertions := bytes.Count(collection, []byte(`"method":`)), bytes.Count(collection, []byte("pm.test("))
	t.Logf("%d requests, %d assertions", s.Requests.Total, s.Assertions.Total)
	if len(r.Run.Failures) > 0 || s.Requests.Total != requests || s.Assertions.Total != assertions || s.Assertions.Failed+s.Assertions.Pending > 0 {
		t.Errorf("%+v, want %d requests and %d assertions", s, requests, assertions)
	}
}
