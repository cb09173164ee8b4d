package faults

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pixy/internal/fault"
)

// The promise: so soon after there is room again, or a sync works again, a write
// is acknowledged, without a restart.
const writesPromise = time.Second

// outage is a time in which a node can't write.
type outage struct {
	t      *testing.T
	c      *cluster
	begin  func() // from now on, a write may fail
	worsen func() // from now on, every write fails
	end    func()
	says   *fault.Fault // what a write is answered with
	what   string       // there is to say of the outage, once it is over
	code   string       // one that is good, and not redeemed
	users  []string     // whose making was refused
	steady bool         // while it is at its worst, nothing is acknowledged
}

// TestDiskFull lets the disk of a node be full under load, in part and then
// wholly: what can't be kept is refused with a 503, reads go on, and once there
// is room again so do the writes.
func TestDiskFull(t *testing.T) {
	faultTest(t)
	t.Run("file size", func(t *testing.T) {
		if _, err := exec.LookPath("prlimit"); err != nil {
			t.Skip(err)
		}
		d := sqlite(t)
		c := started(t, d, 1)
		limit := func(bytes string) {
			must(t, command("prlimit", "--pid", fmt.Sprint(c.nodes[0].run.Process.Pid), "--fsize="+bytes+":unlimited"))
		}
		o := &outage{t: t, c: c, says: fault.Full, steady: true}
		o.begin = func() { limit(fmt.Sprint(smallest(t, d) + 64<<10)) }
		o.worsen = func() { limit("1") }
		o.end = func() { limit("unlimited") }
		o.run(d)
	})
	t.Run("file system", func(t *testing.T) {
		folder := t.TempDir()
		if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=12m", "pixy-faults", folder).CombinedOutput(); err != nil {
			t.Skipf("no file system can be mounted here: %v: %s", err, strings.TrimSpace(string(out)))
		}
		t.Cleanup(func() { must(t, command("umount", folder)) })
		d := database{name: "SQLite", source: "file:" + filepath.Join(folder, "pixy.db")}
		ballast := filepath.Join(folder, "ballast")
		o := &outage{t: t, c: started(t, d, 1), says: fault.Full}
		o.begin = func() { fill(t, ballast, 64<<10) }
		o.worsen = func() { fill(t, ballast, 0) }
		o.end = func() { must(t, os.Remove(ballast)) }
		o.run(d)
		o.c.nodes[0].kill()
	})
}

// smallest is the size of the database file or its journal, in bytes.
func smallest(t *testing.T, d database) int64 {
	t.Helper()
	var sizes []int64
	for _, behind := range []string{"", "-wal"} {
		info, err := os.Stat(strings.TrimPrefix(d.source, "file:") + behind)
		must(t, err)
		sizes = append(sizes, info.Size())
	}
	return slices.Min(sizes)
}

// fill lets a file grow until the file system has no more room than that.
func fill(t *testing.T, file string, leave int64) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(t, err)
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	info, err := f.Stat()
	must(t, err)
	must(t, f.Truncate(max(0, info.Size()-leave)))
	must(t, f.Close())
}

// run has clients write before the outage, in it and after it, and looks for
// what was acknowledged, by the node itself and by one that is started anew.
func (o *outage) run(d database) {
	t := o.t
	l := newLedger()
	clients, err := o.c.newLoad(l, chance(t), 8)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { work(ctx, clients); close(done) }()
	time.Sleep(time.Second)
	o.prepare()
	o.begin()
	time.Sleep(2 * time.Second)
	o.worsen()
	o.awaitRefusals()
	before := l.total()
	reads := o.refused(2 * time.Second)
	if during := l.total() - before; o.steady && during > 0 {
		t.Errorf("%d writes were acknowledged which could not be kept", during)
	}
	began := time.Now()
	o.end()
	back := o.writes(began)
	if a := o.c.redeem(o.c.nodes[0], o.c.app, o.code); !a.acked() {
		t.Errorf("the code that was not redeemed in the outage is not good after it: %s", a)
	}
	time.Sleep(time.Second)
	cancel()
	<-done
	sum := o.c.check(o.c.nodes[0], l)
	o.c.nodes[0].kill()
	must(t, o.c.nodes[0].start())
	_, err = o.c.nodes[0].ready()
	must(t, err)
	sum.add(o.c.checkSpent(o.c.nodes[0], l, 5000))
	must(t, soundFile(strings.TrimPrefix(d.source, "file:")))
	figures(t, "%s%s; %d users refused and %d reads answered in the outage, of the users %d are there; a write %s after it; %d looked for, %d lost, %d doubles",
		o.what, l.summary(), len(o.users), reads, o.there(), back.Round(time.Millisecond), sum.checked, sum.lost, sum.doubles)
	if found := l.findings(); len(found) > 0 {
		t.Error(few(found))
	}
}

// prepare gets a code.
func (o *outage) prepare() {
	const name = "has-a-code"
	must(o.t, o.c.user(o.c.nodes[0], name, goodPassword).want(http.StatusCreated))
	a := answer{}
	if o.code, a = (&person{c: o.c}).code(through(o.c.nodes[0]), o.c.app, name, goodPassword); o.code == "" {
		o.t.Fatal(a)
	}
}

// awaitRefusals returns when writes are refused one after the other.
func (o *outage) awaitRefusals() {
	began := time.Now()
	for refused := 0; refused < 10; {
		if time.Since(began) > 30*time.Second {
			o.t.Fatal("writes are still acknowledged, and can not be kept")
		}
		if a := o.c.user(o.c.nodes[0], fmt.Sprintf("early-%d", time.Now().UnixNano()), goodPassword); a.acked() {
			refused = 0
		} else {
			refused++
		}
	}
}

// refused asks for a while what must be refused, and in which words, and what
// must be answered all the same, and returns how much of it was.
func (o *outage) refused(during time.Duration) (reads int) {
	t, c, n := o.t, o.c, o.c.nodes[0]
	retry := fmt.Sprint(int(o.says.RetryAfter.Seconds()))
	for began := time.Now(); time.Since(began) < during; time.Sleep(20 * time.Millisecond) {
		name := fmt.Sprintf("refused-%d", time.Now().UnixNano())
		a := c.user(n, name, goodPassword)
		if o.users = append(o.users, name); a.status != http.StatusServiceUnavailable || a.text("code") != o.says.Code || a.text("message") != o.says.Message || a.header.Get("Retry-After") != retry {
			t.Errorf("a new user is answered %s, and should be with %s", a, o.says.Rule)
		}
		if a = c.redeem(n, c.app, o.code); a.status != http.StatusServiceUnavailable || a.text("error") != "server_error" || a.header.Get("Retry-After") != retry {
			t.Errorf("a code is answered %s, and should be with %s", a, o.says.Rule)
		}
		_, a = (&person{c: c}).code(through(n), c.app, "nobody", goodPassword)
		if !a.trouble() || a.status != http.StatusServiceUnavailable && a.query("error") != "temporarily_unavailable" {
			t.Errorf("a sign-on is answered %s", a)
		}
		for _, path := range []string{"/healthz", "/" + c.env + "/as/.well-known/openid-configuration", "/" + c.env + "/as/jwks", "/v1/environments/" + c.env + "/users?limit=5"} {
			if err := c.send(n, request{method: "GET", path: path, bearer: c.admin}).want(http.StatusOK); err != nil {
				t.Errorf("GET %s: %v", path, err)
			}
			reads++
		}
	}
	return reads
}

// writes waits for a write that is acknowledged, and returns how long that took.
func (o *outage) writes(began time.Time) time.Duration {
	last := answer{}
	for time.Since(began) < 20*time.Second {
		if last = o.c.user(o.c.nodes[0], fmt.Sprintf("back-%d", time.Now().UnixNano()), goodPassword); last.acked() {
			back := time.Since(began)
			if back > writesPromise {
				o.t.Errorf("a write was acknowledged after %s, and should be within %s", back, writesPromise)
			}
			return back
		}
		time.Sleep(5 * time.Millisecond)
	}
	o.t.Fatalf("no write is acknowledged any more: %s", last)
	return 0
}

// there is how many of the refused users are there.
func (o *outage) there() (n int) {
	for _, name := range o.users {
		a := o.c.manage(o.c.nodes[0], "GET", "/users?filter="+fmt.Sprintf("username%%20eq%%20%%22%s%%22", name), "", nil)
		if strings.Contains(a.raw, `"`+name+`"`) {
			n++
		}
	}
	return n
}
