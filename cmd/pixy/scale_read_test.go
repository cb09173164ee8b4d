package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"pixy/internal/kind"
	"pixy/internal/store"
)

// Reads are repeated so often, or for so long when they are slow.
const (
	readings = 400
	patience = 8 * time.Second
)

// BenchmarkReadUsers reads users and lists through the API, where there are few
// of them and where there are many. One client asks at a time.
func BenchmarkReadUsers(b *testing.B) {
	sizes := []int{1_000, 100_000, 1_000_000}
	if most := number(b, "PIXY_BENCH_MOST", 0); most > 0 {
		sizes = slices.DeleteFunc(sizes, func(n int) bool { return n > most })
	}
	reads := usersReads()
	table := make([][]string, len(reads))
	for _, size := range sizes {
		f := seeded(b, size)
		for i, read := range reads {
			table[i] = append(table[i], f.measure(b, read))
		}
		f.p.stop()
		if err := os.RemoveAll(f.p.data); err != nil { // the next one needs the room
			b.Fatal(err)
		}
	}
	printReads(b, sizes, reads, table)
}

func printReads(b *testing.B, sizes []int, reads []reading, table [][]string) {
	b.Helper()
	fmt.Print("\nreading users on SQLite: median, 99 %\n")
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := ""
	for _, size := range sizes {
		head += fmt.Sprintf("%d users\t", size)
	}
	fmt.Fprintln(w, "\t"+head)
	for i, read := range reads {
		fmt.Fprintln(w, read.name+"\t"+strings.Join(table[i], "\t")+"\t")
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}

// full is a server with users.
type full struct {
	p          *process
	token      string
	path       string // of the environment
	size       int
	ids        []string // of the users, as they are numbered
	population string
	group      string            // with one member
	pages      map[string]string // the paths of next pages
	client     *http.Client
}

// seeded is a server on a database with so many users. They are written
// through the store: copies of a user, and of what stands beside it, that the
// server itself has written.
func seeded(b *testing.B, size int) *full {
	b.Helper()
	data := b.TempDir()
	p := start(b, data, nil)
	f := &full{p: p, path: "/environments/" + p.bootstrap()["envID"], size: size, pages: map[string]string{}, client: &http.Client{Timeout: time.Minute}}
	_, f.token = p.token()
	f.template(b)
	p.stop()
	began := time.Now()
	f.seed(b, filepath.Join(data, "pixy.db"))
	took := time.Since(began)
	info, err := os.Stat(filepath.Join(data, "pixy.db"))
	if err != nil {
		b.Fatal(err)
	}
	fmt.Printf("\n%d users are written in %.0f s, %d MB\n", size, took.Seconds(), info.Size()>>20)
	f.p = start(b, data, nil)
	_, f.token = f.p.token()
	_, group := f.p.call(f.token, "POST", f.path+"/groups", `{"name":"One"}`)
	f.group, _ = group["id"].(string)
	if status, body := f.p.call(f.token, "POST", f.path+"/users/"+f.ids[size/2]+"/memberOfGroups", fmt.Sprintf(`{"id":%q}`, f.group)); status != http.StatusCreated {
		b.Fatalf("adding a user to a group: %d %v", status, body)
	}
	return f
}

// template makes the first user through the API.
func (f *full) template(b *testing.B) {
	b.Helper()
	name := username(0)
	request, err := http.NewRequest("POST", f.p.url+"/v1"+f.path+"/users", strings.NewReader(fmt.Sprintf(
		`{"username":%q,"email":"%[1]s@example.com","externalId":%[1]q,"name":{"given":"Given","family":"Family"},"password":{"value":%q}}`, name, "2FederateM0re!")))
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+f.token)
	request.Header.Set("Content-Type", "application/vnd.pingidentity.user.import+json")
	status, user := f.p.do(request)
	id, _ := user["id"].(string)
	population, _ := user["population"].(map[string]any)
	if f.population, _ = population["id"].(string); status != http.StatusCreated || id == "" || f.population == "" {
		b.Fatalf("creating the first user: %d %v", status, user)
	}
	f.ids = []string{id}
}

// seed writes all users but the first, some at each time.
func (f *full) seed(b *testing.B, file string) {
	b.Helper()
	const batch = 500
	now := time.Now().Add(-time.Duration(f.size/batch+1) * time.Second)
	db, err := store.Open(b.Context(), "file:"+file, store.Options{Now: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	var copied []store.Document
	env := strings.TrimPrefix(f.path, "/environments/")
	err = db.View(b.Context(), env, func(tx *store.Tx) error {
		user, err := tx.Find("user", kind.Equal("usernameKey", username(0)))
		if err != nil {
			return err
		}
		beside, err := tx.Get("credential", user.ID)
		copied = []store.Document{user, beside}
		return err
	})
	if err != nil {
		b.Fatalf("the first user is not kept as it was: %v", err)
	}
	for len(f.ids) < f.size {
		from := len(f.ids)
		for range min(batch, f.size-from) {
			f.ids = append(f.ids, randomID())
		}
		now = now.Add(time.Second)
		if err := db.Update(b.Context(), env, func(tx *store.Tx) error { return f.copies(tx, copied, from) }); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

// copies writes the documents of the users from this number on.
func (f *full) copies(tx *store.Tx, documents []store.Document, from int) error {
	for n := from; n < len(f.ids); n++ {
		for _, d := range documents {
			copied := store.Document{Kind: d.Kind, ID: f.ids[n], Body: bytes.ReplaceAll(d.Body, []byte(username(0)), []byte(username(n)))}
			if _, err := tx.Put(copied); err != nil {
				return err
			}
		}
	}
	return nil
}

// randomID is an id as the server makes them, spread over the whole index.
func randomID() string {
	a, c := rand.Uint64(), rand.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, c>>48&0xfff, c&(1<<48-1))
}

// What an answer has when it is no list of a known length.
const (
	noList  = -1
	refused = -2 // by the rules: a 4xx; or else any list
)

// reading is one request: the path under the environment, and how many items
// the answer must have.
type reading struct {
	name  string
	path  func(f *full, n int) string
	items int
}

// usersReads are what must cost the same however many users there are. n is
// the number of a user that is there.
func usersReads() []reading {
	list := func(filter string, args ...any) string {
		return "/users?limit=100&filter=" + url.QueryEscape(fmt.Sprintf(filter, args...))
	}
	hundred := func(n int) string { return username(n)[:len(username(n))-2] } // begins the names of 100 users
	return []reading{
		{"a user by id", func(f *full, n int) string { return "/users/" + f.ids[n] }, noList},
		{"username eq", func(_ *full, n int) string { return list(`username eq "%s"`, username(n)) }, 1},
		{"email eq", func(_ *full, n int) string { return list(`email eq "%s@example.com"`, username(n)) }, 1},
		{"externalId eq", func(_ *full, n int) string { return list(`externalId eq "%s"`, username(n)) }, 1},
		{"memberOfGroups eq, of 1", func(f *full, _ int) string { return list(`memberOfGroups[id eq "%s"]`, f.group) }, 1},
		{"username sw, of 100", func(_ *full, n int) string { return list(`username sw "%s"`, hundred(n)) }, 100},
		{"email sw, of 100", func(_ *full, n int) string { return list(`email sw "%s"`, hundred(n)) }, 100},
		{"username sw, of all", func(*full, int) string { return list(`username sw "scale"`) }, 100},
		{"email sw, of all", func(*full, int) string { return list(`email sw "scale"`) }, 100},
		{"population.id eq, of all", func(f *full, _ int) string { return list(`population.id eq "%s"`, f.population) }, 100},
		{"population and username sw", func(f *full, n int) string {
			return list(`population.id eq "%s" and username sw "%s"`, f.population, hundred(n))
		}, 100},
		{"no filter", func(*full, int) string { return "/users?limit=100" }, 100},
		{"no filter, the next page", func(f *full, _ int) string { return f.next("/users?limit=100") }, 100},
		{"username sw, the next page", func(f *full, _ int) string { return f.next(list(`username sw "scale"`)) }, 100},
		{"population.id eq, the next page", func(f *full, _ int) string { return f.next(list(`population.id eq "%s"`, f.population)) }, 100},
		{"no filter, one", func(*full, int) string { return "/users?limit=1" }, 1},
		{"a population and its userCount", func(f *full, _ int) string { return "/populations/" + f.population }, noList},
		{"not indexed: title eq", func(*full, int) string { return list(`title eq "nobody"`) }, refused},
	}
}

// measure repeats a reading of users here and there.
func (f *full) measure(b *testing.B, read reading) string {
	b.Helper()
	var took []time.Duration
	began, note := time.Now(), ""
	for len(took) < readings && (time.Since(began) < patience || len(took) == 0) {
		path := read.path(f, rand.IntN(f.size))
		t := time.Now()
		status, err := f.read(path, read.items)
		if err != nil {
			b.Errorf("%d users, %s: %v", f.size, read.name, err)
			return "failed"
		}
		took = append(took, time.Since(t))
		if status != http.StatusOK {
			note = fmt.Sprintf("%d  ", status)
		}
	}
	slices.Sort(took)
	return note + digits(took[len(took)/2]) + "  " + digits(took[len(took)*99/100])
}

// next is the path of the page behind the first one of a list.
func (f *full) next(path string) string {
	if f.pages[path] == "" {
		_, list := f.p.call(f.token, "GET", f.path+path, "")
		links, _ := list["_links"].(map[string]any)
		next, _ := links["next"].(map[string]any)
		href, _ := next["href"].(string)
		_, f.pages[path], _ = strings.Cut(href, f.path)
	}
	return f.pages[path]
}

// read makes one request and holds the answer against what it must have.
func (f *full) read(path string, items int) (status int, err error) {
	r, err := http.NewRequest("GET", f.p.url+"/v1"+f.path+path, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+f.token)
	resp, err := f.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if items == refused && resp.StatusCode < 500 {
		return resp.StatusCode, nil
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("GET %s: %s %s", path, resp.Status, raw)
	}
	if items == noList {
		return resp.StatusCode, nil
	}
	var list struct {
		Embedded struct{ Users []json.RawMessage } `json:"_embedded"`
	}
	if err := json.Unmarshal(raw, &list); err != nil || len(list.Embedded.Users) != items {
		return 0, fmt.Errorf("GET %s: %d users, want %d: %v", path, len(list.Embedded.Users), items, err)
	}
	return resp.StatusCode, nil
}
