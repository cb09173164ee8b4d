package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pixy/internal/store"
	"pixy/test/pg"
)

// keyring is a database whose master key is replaced in a test, and its nodes.
type keyring struct {
	t        *testing.T
	source   string   // "" for the file in the data folder
	data     []string // of the nodes
	nodes    []*process
	old, new string
	realm    *realm
	token    string
	answered atomic.Int64
	failed   sync.Map // what failed, by its text
}

// base64Key makes a key as an operator does.
func base64Key(t *testing.T) string {
	t.Helper()
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"key", "new"}, &out, &errOut); code != exitOK {
		t.Fatal(errOut.String())
	}
	return strings.TrimSpace(out.String())
}

// serve starts the nodes with some keys in their environment.
func (k *keyring) serve(env ...string) {
	k.t.Helper()
	k.nodes = nil
	for _, data := range k.data {
		p := start(k.t, data, append(env, "PIXY_DATABASE="+k.source), "--public-url", "http://login.pixy.test")
		p.url = "http://" + listeningAddress(k.t, p)
		k.nodes = append(k.nodes, p)
	}
}

func (k *keyring) stop() {
	k.t.Helper()
	for _, p := range k.nodes {
		p.stop()
	}
}

// refuses starts a node that must say in one sentence why it doesn't serve.
func (k *keyring) refuses(says string, env ...string) {
	k.t.Helper()
	p := prepare(k.t, k.t.TempDir(), append(env, "PIXY_DATABASE="+k.source))
	err := p.cmd.Run()
	lines := strings.Split(strings.TrimSpace(p.log.String()), "\n")
	if last := lines[len(lines)-1]; err == nil || !strings.HasPrefix(last, "pixy: ") || !strings.Contains(last, says) || strings.Count(p.log.String(), "pixy: ") != 1 {
		k.t.Errorf("a node that must not start says %q, %v; want %q", p.log, err, says)
	}
}

// rotate readies pixy key rotate.
func (k *keyring) rotate(env ...string) *process {
	k.t.Helper()
	p := prepare(k.t, k.data[0], append(env, "PIXY_DATABASE="+k.source))
	p.cmd.Args = []string{p.cmd.Args[0], "key", "rotate", "--data", k.data[0]}
	return p
}

// fill makes one of everything that is kept sealed, and much of something.
func (k *keyring) fill() {
	k.t.Helper()
	p := k.nodes[0]
	k.realm = newRealm(k.t, p)
	_, k.token = p.token()
	here := "/environments/" + k.realm.env
	made := func(path, body string) string {
		k.t.Helper()
		status, answer := p.call(k.token, "POST", here+path, body)
		id, _ := answer["id"].(string)
		if status/100 != 2 {
			k.t.Fatalf("%s: %d %v", path, status, answer)
		}
		return id
	}
	k.realm.app = made("/applications", `{"name":"Refreshing","enabled":true,"type":"WEB_APP","protocol":"OPENID_CONNECT","tokenEndpointAuthMethod":"CLIENT_SECRET_BASIC",
		"grantTypes":["AUTHORIZATION_CODE","REFRESH_TOKEN"],"responseTypes":["CODE"],"redirectUris":["`+callback+`"],"pkceEnforcement":"S256_REQUIRED"}`)
	made("/identityProviders", `{"name":"G","enabled":true,"type":"GOOGLE","clientId":"c","clientSecret":"a secret of others"}`)
	made("/applications", `{"name":"Mobile","enabled":true,"type":"NATIVE_APP","protocol":"OPENID_CONNECT","grantTypes":["AUTHORIZATION_CODE"],"responseTypes":["CODE"],
		"redirectUris":["`+callback+`"],"mobile":{"integrityDetection":{"mode":"ENABLED","cacheDuration":{"amount":1,"units":"HOURS"},
		"googlePlay":{"verificationType":"INTERNAL","decryptionKey":"deep","verificationKey":"deeper"}}}}`)
	resource := made("/resources", `{"name":"API"}`)
	made("/resources/"+resource+"/secret", `{}`)
	other := made("/applications", `{"name":"Other","enabled":true,"type":"WEB_APP","protocol":"OPENID_CONNECT","tokenEndpointAuthMethod":"CLIENT_SECRET_BASIC",
		"grantTypes":["AUTHORIZATION_CODE"],"responseTypes":["CODE"],"redirectUris":["`+callback+`"]}`)
	made("/applications/"+other+"/secret", `{"previous":{"expiresAt":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}}`)
}

// ballast makes so many documents with something sealed under the old key that
// a replacement takes a while.
func (k *keyring) ballast(n int) {
	k.t.Helper()
	raw, err := base64.StdEncoding.DecodeString(k.old)
	if err != nil {
		k.t.Fatal(err)
	}
	s, err := store.NewSealer(raw)
	if err != nil {
		k.t.Fatal(err)
	}
	db, err := store.Open(k.t.Context(), sourceOf(k.data[0], k.source), store.Options{})
	if err != nil {
		k.t.Fatal(err)
	}
	err = errors.Join(db.Claim(k.t.Context(), s), db.Update(k.t.Context(), "ballast", func(tx *store.Tx) error {
		for i := range n {
			id := fmt.Sprint(i)
			sealed, err := s.Seal("ballast", "ballast", id, []byte("ballast"))
			if err == nil {
				_, err = tx.Put(store.Document{Kind: "ballast", ID: id, Body: []byte(`{"sealed":"` + sealed + `"}`)})
			}
			if err != nil {
				return err
			}
		}
		return nil
	}), db.Close())
	if err != nil {
		k.t.Fatal(err)
	}
}

// person is somebody who has signed in, with the tokens that the application
// has got.
type person struct {
	browser *http.Client
	refresh string
	at      int // the node that is next
}

// next is the base of the next node: each step goes to another.
func (k *keyring) next(p *person) string {
	p.at++
	return k.nodes[p.at%len(k.nodes)].url + "/" + k.realm.env
}

// signOn is the workflow, each step of it on another node.
func (k *keyring) signOn(p *person, password bool) error {
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	query := url.Values{"response_type": {"code"}, "client_id": {k.realm.app}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	if password {
		query.Set("prompt", "login")
	}
	to, err := location(p.browser.Get(k.next(p) + "/as/authorize?" + query.Encode()))
	if err == nil && password {
		to, err = k.realm.password(p.browser, k.next(p), to)
	}
	if err != nil {
		return err
	}
	return k.redeem(p, url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier}})
}

func (k *keyring) refresh(p *person) error {
	return k.redeem(p, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {p.refresh}})
}

func (k *keyring) redeem(p *person, form url.Values) error {
	r, err := http.NewRequest("POST", k.next(p)+"/as/token", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(k.realm.app, k.realm.clientSecret)
	resp, err := p.browser.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	var answer struct {
		Refresh string `json:"refresh_token"`
		Access  string `json:"access_token"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &answer)
	}
	if err != nil || resp.StatusCode != http.StatusOK || answer.Refresh == "" {
		return fmt.Errorf("token: %s %s: %w", resp.Status, raw, err)
	}
	p.refresh = answer.Refresh
	return nil
}

// administer makes an application, which gets a secret, and gives it another.
func (k *keyring) administer(n int, p *person) error {
	send := func(path, body string) (map[string]any, error) {
		r, err := http.NewRequest("POST", strings.TrimSuffix(k.next(p), k.realm.env)+"v1/environments/"+k.realm.env+path, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+k.token)
		r.Header.Set("Content-Type", "application/json")
		resp, err := p.browser.Do(r)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		var answer map[string]any
		if err == nil {
			err = json.Unmarshal(raw, &answer)
		}
		if err != nil || resp.StatusCode/100 != 2 {
			return nil, fmt.Errorf("%s: %s %s: %w", path, resp.Status, raw, err)
		}
		return answer, nil
	}
	made, err := send("/applications", fmt.Sprintf(`{"name":"App %d","enabled":true,"type":"WEB_APP","protocol":"OPENID_CONNECT","grantTypes":["AUTHORIZATION_CODE"],
		"responseTypes":["CODE"],"redirectUris":["%s"]}`, n, callback))
	if err != nil {
		return err
	}
	_, err = send(fmt.Sprintf("/applications/%v/secret", made["id"]), `{}`)
	return err
}

// load signs in, refreshes and administers, until the returned function is
// called.
func (k *keyring) load() (stop func()) {
	over := make(chan struct{})
	var working sync.WaitGroup
	work := func(do func(int, *person) error) {
		browser, err := newClient()
		if err != nil {
			k.t.Fatal(err)
		}
		p := &person{browser: browser}
		working.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				default:
				}
				if err := do(n, p); err != nil {
					k.failed.Store(err.Error(), true)
				}
				k.answered.Add(1)
			}
		})
	}
	for range 2 {
		work(func(n int, p *person) error {
			if n%5 == 0 {
				return k.signOn(p, true)
			}
			return k.refresh(p)
		})
	}
	work(k.administer)
	return func() {
		close(over)
		working.Wait()
	}
}

// killed kills pixy key rotate again and again, at later and later moments,
// until it comes to its end before that; it returns how often, and what it says.
func (k *keyring) killed(env ...string) (kills int, said string) {
	k.t.Helper()
	halfway := false
	for after := 30 * time.Millisecond; ; after += 40 * time.Millisecond {
		p := k.rotate(env...)
		if err := p.cmd.Start(); err != nil {
			k.t.Fatal(err)
		}
		timer := time.AfterFunc(after, func() { _ = p.cmd.Process.Kill() })
		err := p.cmd.Wait()
		timer.Stop()
		if err == nil {
			if !halfway {
				k.t.Error("no kill was in the middle of a replacement")
			}
			return kills, p.log.String()
		}
		if !strings.Contains(err.Error(), "killed") {
			k.t.Fatalf("the replacement failed: %v\n%s", err, p.log)
		}
		if kills++; !halfway {
			halfway = k.halfway()
		}
	}
}

// halfway starts nodes that lack one of the keys, when the replacement has begun
// and not ended. It says whether that is so.
func (k *keyring) halfway() bool {
	k.t.Helper()
	if !strings.Contains(k.dump("masterKey"), `"from"`) {
		return false
	}
	if k.source == "" {
		return true // a file is for one node
	}
	k.refuses("the master key is being replaced", keyVariable+"="+k.old)
	k.refuses("not replaced everywhere yet", keyVariable+"="+k.new)
	return true
}

// dump is the documents of some kinds, as texts.
func (k *keyring) dump(kinds ...string) string {
	k.t.Helper()
	db, err := store.Open(k.t.Context(), sourceOf(k.data[0], k.source), store.Options{})
	if err != nil {
		k.t.Fatal(err)
	}
	defer db.Close()
	var out strings.Builder
	for _, env := range []string{"", k.realm.env, "ballast"} {
		err := db.View(k.t.Context(), env, func(tx *store.Tx) error {
			for _, noun := range kinds {
				docs, err := tx.List(noun, store.Query{})
				if err != nil {
					return err
				}
				for _, d := range docs {
					fmt.Fprintf(&out, "%s %s %s\n", noun, d.ID, d.Body)
				}
			}
			return nil
		})
		if err != nil {
			k.t.Fatal(err)
		}
	}
	return out.String()
}

// TestKeyRotatedInService replaces the master key of a PostgreSQL database
// from which two nodes serve, and kills the replacement a few times.
func TestKeyRotatedInService(t *testing.T) {
	server, err := pg.Start(pg.Options{})
	if errors.Is(err, pg.ErrAbsent) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Remove(); err != nil {
			t.Error(err)
		}
	})
	name, err := server.Fresh("template1")
	if err != nil {
		t.Fatal(err)
	}
	k := &keyring{t: t, source: server.URL(name), data: []string{t.TempDir(), t.TempDir()}, old: base64Key(t), new: base64Key(t)}
	oldKey, newKey := keyVariable+"="+k.old, keyVariable+"="+k.new
	both := []string{oldKey, nextKeyVariable + "=" + k.new}

	k.serve(oldKey)
	early := k.begin(4000)
	k.stop()

	k.serve(both...)
	k.inService(both)
	k.must(k.refresh(early))
	k.stop()
	k.refuses("was replaced by pixy key rotate", oldKey)
	k.serve(newKey)
	k.afterwards(early)
	swapped := k.rotate(newKey, nextKeyVariable+"="+k.old)
	if err := swapped.cmd.Run(); err == nil || !strings.Contains(swapped.log.String(), "was in use before") {
		t.Errorf("back to the old key: %v\n%s", err, swapped.log)
	}
	k.stop()
}

// TestKeyRotatedInFile does the same on one machine, with the keys in files.
func TestKeyRotatedInFile(t *testing.T) {
	k := &keyring{t: t, data: []string{t.TempDir()}, new: base64Key(t)}
	k.serve()
	file := filepath.Join(k.data[0], "master.key")
	read := func(path string) string {
		t.Helper()
		raw, err := os.ReadFile(path)
		k.must(err)
		return strings.TrimSpace(string(raw))
	}
	k.old = read(file)
	early := k.begin(4000)
	none := k.rotate()
	if err := none.cmd.Run(); err == nil || !strings.Contains(none.log.String(), "there is no next master key") {
		t.Errorf("without a new key: %v\n%s", err, none.log)
	}
	k.must(os.WriteFile(file+".next", []byte(k.new+"\n"), 0o600))
	k.stop()
	k.serve()
	k.inService(nil)
	if read(file) != k.new || read(file+".old") != k.old {
		t.Error("the files of the keys are not those after a replacement")
	}
	if _, err := os.Stat(file + ".next"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of the next key is there still: %v", err)
	}
	k.stop()
	k.serve()
	k.afterwards(early)
	k.stop()
}

// TestKeyRotatedTooSoon replaces the key while a server runs that knows the old
// one alone: that is refused, or the server ends.
func TestKeyRotatedTooSoon(t *testing.T) {
	t.Parallel()
	data, other := t.TempDir(), t.TempDir()
	p := start(t, data, nil)
	old, next := filepath.Join(data, "master.key"), filepath.Join(other, "next.key")
	if err := os.WriteFile(next, []byte(base64Key(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	rotate := func(data string) (string, error) {
		out, err := exec.Command(p.cmd.Path, "key", "rotate", "--data", data, "--database", sourceOf(p.data, ""), "--master-key-file", old, "--next-master-key-file", next).CombinedOutput()
		return string(out), err
	}
	if said, err := rotate(data); err == nil || !strings.Contains(said, "does not know the new master key: restart it with both") {
		t.Errorf("with a server that does not know the new key: %v\n%s", err, said)
	}
	if status, _ := p.token(); status != http.StatusOK {
		t.Errorf("after that the server answers %d", status)
	}
	execSQL(t, data, "DELETE FROM ticket WHERE kind = 'node'")
	if said, err := rotate(data); err == nil || !strings.Contains(said, "does not say which master keys it knows") {
		t.Errorf("with a silent server: %v\n%s", err, said)
	}
	began := time.Now()
	if said, err := rotate(other); err != nil { // as when the server is cut off for minutes, elsewhere
		t.Fatalf("%v\n%s", err, said)
	}
	err := p.cmd.Wait()
	t.Logf("a server without the new key ended %v after the key was replaced", time.Since(began).Round(time.Millisecond))
	if err == nil || !strings.Contains(p.log.String(), "serving failed: the master key was replaced by pixy key rotate") {
		t.Errorf("it ended with %v\n%s", err, p.log)
	}
}

func (k *keyring) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

// begin fills the database and signs somebody in.
func (k *keyring) begin(ballast int) *person {
	k.t.Helper()
	k.fill()
	_, secret := k.nodes[0].call(k.token, "GET", "/environments/"+k.realm.env+"/applications/"+k.realm.app+"/secret", "")
	k.realm.clientSecret, _ = secret["secret"].(string)
	k.ballast(ballast)
	browser, err := newClient()
	k.must(err)
	early := &person{browser: browser}
	k.must(k.signOn(early, true))
	return early
}

// inService replaces the key under load.
func (k *keyring) inService(env []string) {
	k.t.Helper()
	stop := k.load()
	time.Sleep(300 * time.Millisecond)
	before, began := k.answered.Load(), time.Now()
	kills, said := k.killed(env...)
	took, during := time.Since(began), k.answered.Load()-before
	time.Sleep(300 * time.Millisecond)
	stop()
	k.failed.Range(func(text, _ any) bool {
		k.t.Errorf("a request failed: %s", text)
		return true
	})
	k.t.Logf("%d kills; %d pieces of work in the %v of the replacement, %d in all\n%s", kills, during, took.Round(time.Millisecond), k.answered.Load(), said)
	if kills < 2 || during < 10 {
		k.t.Errorf("%d kills, %d pieces of work: too few to tell", kills, during)
	}
	old := regexp.MustCompile(`sealed under ([0-9a-f]{16}) any more`).FindStringSubmatch(said)
	if old == nil {
		k.t.Fatalf("it says %s", said)
	}
	if dump := k.dump("masterKey", "key", "secret", "resourceSecret", "identityProvider", "application", "ballast"); strings.Contains(dump, "v1."+old[1]) || strings.Count(dump, `"v1.`) < 4000 {
		k.t.Errorf("something is left under %s, or too little is sealed", old[1])
	}
}

// afterwards uses what was issued and kept before the key was replaced.
func (k *keyring) afterwards(early *person) {
	k.t.Helper()
	k.must(k.refresh(early))
	k.must(k.signOn(early, false))
	if status, _ := k.nodes[0].token(); status != http.StatusOK {
		k.t.Errorf("the worker's secret: %d", status)
	}
	if status, list := k.nodes[0].call(k.token, "GET", "/environments/"+k.realm.env+"/identityProviders", ""); status != http.StatusOK || !strings.Contains(fmt.Sprint(list), "a secret of others") {
		k.t.Errorf("the secret of an identity provider: %d %v", status, list)
	}
}
