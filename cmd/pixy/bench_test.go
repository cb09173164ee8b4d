package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkStart is the time from the start of the process to its first answer
// on a fresh database; the making of the RSA key is part of it.
func BenchmarkStart(b *testing.B) {
	if _, err := buildOnce(); err != nil {
		b.Fatal(err)
	}
	var idle int
	for b.Loop() {
		p := start(b, b.TempDir(), nil)
		idle = p.memory("VmRSS")
		p.stop()
	}
	b.ReportMetric(float64(idle), "MB-idle")
}

// realm is an environment with a user and a native application.
type realm struct {
	p                *process
	env, app         string
	username, secret string
	clientSecret     string // of an application that has one
}

const callback = "http://127.0.0.1:9/callback"

func newRealm(t testing.TB, p *process) *realm {
	t.Helper()
	_, token := p.token()
	r := &realm{p: p, env: p.bootstrap()["envID"], username: "bench", secret: "2FederateM0re!"}
	path := "/environments/" + r.env
	_, user := p.call(token, "POST", path+"/users", `{"username":"bench","email":"bench@example.com"}`)
	request, err := http.NewRequest("PUT", fmt.Sprintf("%s/v1%s/users/%v/password", p.url, path, user["id"]), strings.NewReader(`{"value":"`+r.secret+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/vnd.pingidentity.password.set+json")
	if status, body := p.do(request); status != http.StatusOK {
		t.Fatalf("setting the password: %d %v", status, body)
	}
	_, app := p.call(token, "POST", path+"/applications", `{"name":"Bench","enabled":true,"type":"NATIVE_APP","protocol":"OPENID_CONNECT",
		"grantTypes":["AUTHORIZATION_CODE"],"responseTypes":["CODE"],"redirectUris":["`+callback+`"],"pkceEnforcement":"S256_REQUIRED"}`)
	r.app, _ = app["id"].(string)
	return r
}

// newClient is a browser that follows no redirect.
func newClient() (*http.Client, error) {
	jar, err := cookiejar.New(nil)
	return &http.Client{
		Jar:           jar,
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 4},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, err
}

// signOn runs the workflow. fresh asks for the password even with a session.
func (r *realm) signOn(c *http.Client, fresh bool) error {
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	query := url.Values{"response_type": {"code"}, "client_id": {r.app}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	if fresh {
		query.Set("prompt", "login")
	}
	base := r.p.url + "/" + r.env
	to, err := location(c.Get(base + "/as/authorize?" + query.Encode()))
	if err != nil {
		return err
	}
	if fresh {
		if to, err = r.password(c, base, to); err != nil {
			return err
		}
	}
	code := to.Query().Get("code")
	if code == "" {
		return fmt.Errorf("no code in %s", to)
	}
	resp, err := c.PostForm(base+"/as/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback},
		"client_id": {r.app}, "code_verifier": {verifier}})
	if err != nil {
		return err
	}
	return drain(resp, http.StatusOK)
}

func (r *realm) password(c *http.Client, base string, page *url.URL) (*url.URL, error) {
	id := page.Query().Get("flowId")
	resp, err := c.Get(base + "/flows/" + id)
	if err != nil {
		return nil, err
	}
	if err := drain(resp, http.StatusOK); err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]string{"username": r.username, "password": r.secret})
	if err != nil {
		return nil, err
	}
	resp, err = c.Post(base+"/flows/"+id, "application/vnd.pingidentity.usernamePassword.check+json", strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	if err := drain(resp, http.StatusOK); err != nil {
		return nil, err
	}
	return location(c.Get(base + "/as/resume?flowId=" + id))
}

func location(resp *http.Response, err error) (*url.URL, error) {
	if err != nil {
		return nil, err
	}
	if err := drain(resp, http.StatusFound); err != nil {
		return nil, err
	}
	return resp.Location()
}

func drain(resp *http.Response, want int) error {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s %s: %s %s", resp.Request.Method, resp.Request.URL.Path, resp.Status, body)
	}
	return err
}

// memory reads a figure of the process's memory, in MB.
func (p *process) memory(name string) int {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, line := range strings.Split(string(raw), "\n") {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err != nil {
				p.t.Fatal(err)
			}
			return kb / 1024
		}
	}
	return 0
}
