package faults

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// recorded is a run of a node whose files are traced from its first start on.
type recorded struct {
	root   string // the folder that a power loss is told of
	node   *node
	traces []string
}

// record prepares a node that makes its data folder, its master key and its
// database below a folder, and finds all three where a stranger's would.
func record(t *testing.T, database string) *recorded {
	t.Helper()
	needStrace(t)
	root, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	r := &recorded{root: root, node: newNode(t, "node A", "", "")}
	r.node.args = append(dataOf(root, r.node.address), "--public-url", publicURL)
	if database != "" {
		r.node.args = append(r.node.args, "--database", "file:"+filepath.Join(root, database))
	}
	r.node.env = os.Environ()
	return r
}

func dataOf(root, address string) []string {
	return []string{"serve", "--listen", address, "--data", filepath.Join(root, "data"), "--hash-memory", "64", "--hash-time", "1"}
}

// start starts the node under strace, which writes a trace for each start.
func (r *recorded) start(t *testing.T, more ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trace")
	r.node.behind = traced(file, more...)
	must(t, r.node.start())
	_, err := r.node.ready()
	must(t, err)
	r.traces = append(r.traces, file)
}

// replay gives each moment of the run to see, with the disk as it is then: a call
// has ended, and done something.
func (r *recorded) replay(d *disk, see func(effect, *call) error) error {
	for i, trace := range r.traces {
		if err := readTrace(trace, 1+i<<32, func(c *call) error {
			e, err := d.see(c)
			if err == nil && e != nothing {
				err = see(e, c)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the node in peace, and waits for the trace.
func (r *recorded) stop(t *testing.T) {
	t.Helper()
	_, err := r.node.stop()
	must(t, err)
	must(t, traceEnd(r.traces[len(r.traces)-1]))
}

// moments are the places in a run at which the power is lost, by the number of
// the moment.
type moments struct {
	all, syncs, folding []int // after a sync; while the journal is folded back
	restarts            int   // of the journal
}

// survey finds the moments from a time on.
func (r *recorded) survey(d *disk, from time.Time) (*moments, error) {
	m, n := &moments{}, -1
	err := r.replay(d, func(e effect, c *call) error {
		n++
		if c.at.Before(from) {
			return nil
		}
		m.all = append(m.all, n)
		if e == synced {
			m.syncs = append(m.syncs, n)
		}
		if strings.HasSuffix(c.path(), ".db") {
			m.folding = append(m.folding, n)
		}
		if place, _ := c.last(); c.name == "pwrite64" && place == 0 && strings.HasSuffix(c.path(), "-wal") {
			m.restarts++
		}
		return nil
	})
	return m, err
}

// some draws so many moments: all those after a sync when they are no more than
// half of it, and of the others a share while the journal is folded back.
func (m *moments) some(n int, r *rand.Rand) map[int]bool {
	drawn := map[int]bool{}
	draw := func(of []int, most int) {
		for _, i := range r.Perm(len(of))[:min(len(of), most)] {
			drawn[of[i]] = true
		}
	}
	draw(m.syncs, (n+1)/2)
	draw(m.folding, n/4)
	draw(m.all, max(0, n-len(drawn)))
	return drawn
}

// TestPowerLoss takes the power away from a run that is over: what it wrote was
// recorded, and at many moments of it the disk is rebuilt as it may have been
// left, and opened. Whatever was acknowledged by then is there.
func TestPowerLoss(t *testing.T) {
	faultTest(t)
	t.Run("steady", func(t *testing.T) { powerLoss(t, rounds(t, 150), 700, false) })
	// The same with a disk that fails now and then: what it could not write is
	// gone for good, although the kernel shows it to whoever reads.
	t.Run("failing sync", func(t *testing.T) {
		powerLoss(t, rounds(t, 50), 400, true, "-e", "inject=fsync:error=EIO:when=12+9")
	})
}

func powerLoss(t *testing.T, images, writes int, failing bool, inject ...string) {
	rec := record(t, "")
	r := chance(t)
	h, c, began := rec.load(t, r, writes, failing, inject...)
	seed := r.Uint64()
	fresh := func() *disk { return newDisk(rec.root, rand.New(rand.NewPCG(seed, 1))) }
	m, err := rec.survey(fresh(), began)
	must(t, err)
	if m.restarts < 2 || len(m.folding) < 10 {
		t.Fatalf("the journal began anew %d times, and was folded back in %d calls: this tests too little of it", m.restarts, len(m.folding))
	}
	if failing && h.unknown == 0 {
		t.Fatal("no sync has failed: this tests nothing")
	}
	drawn, n, d := m.some(images, r), -1, fresh()
	var sum settled
	must(t, rec.replay(d, func(_ effect, cl *call) error {
		if n++; !drawn[n] {
			return nil
		}
		i := &image{cluster: c, folder: memory(t), past: h.at(cl.at, r)}
		must(t, d.crash(i.folder, anyLuck(r)))
		one, found := i.check(t, cl.at, r)
		sum.add(one)
		if len(found) > 0 {
			i.keep(t)
			t.Errorf("power lost after %s(%.100s, %d writes acknowledged:\n%s", cl.name, cl.args, i.past.acked, few(found))
		}
		return os.RemoveAll(i.folder)
	}))
	figures(t, "%d images of %d moments (%d after a sync, %d while the journal was folded back, which began anew %d times); %d writes acknowledged, %d answered with 503; %d looked for, %d lost, %d doubles",
		len(drawn), len(m.all), len(m.syncs), len(m.folding), m.restarts, len(h.deeds)-h.unknown, h.unknown, sum.checked, sum.lost, sum.doubles)
}

// load has clients write to a node from its first start on, through a stop and a
// second start. It returns what they wrote, and since when.
func (rec *recorded) load(t *testing.T, r *rand.Rand, writes int, failing bool, inject ...string) (*history, *cluster, time.Time) {
	t.Helper()
	rec.start(t)
	c := &cluster{t: t, nodes: []*node{rec.node}, http: newHTTP(16)}
	must(t, c.introduced(filepath.Join(rec.root, "data")))
	must(t, c.furnish())
	began, h := time.Now(), &history{lenient: failing}
	for i := range 2 {
		if found := c.writeHistory(h, r, 6, writes*(i+1)/2); len(found) > 0 {
			t.Fatal(few(found))
		}
		rec.stop(t)
		if i == 0 {
			rec.start(t, inject...)
		}
	}
	return h, c, began
}

// memory is a temporary folder whose files are in memory where that is possible:
// nothing in it is worth a disk.
func memory(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/dev/shm", "pixy-faults")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { must(t, os.RemoveAll(folder)) })
	return folder
}

// introduced reads the worker's credentials where a stranger finds them.
func (c *cluster) introduced(data string) error {
	raw, err := os.ReadFile(filepath.Join(data, "bootstrap.json"))
	if err != nil {
		return err
	}
	var told struct{ EnvID, WorkerAppID, WorkerAppSecret string }
	err = json.Unmarshal(raw, &told)
	c.env, c.worker, c.secret = told.EnvID, told.WorkerAppID, told.WorkerAppSecret
	return err
}

// TestPowerLossFirst takes the power away while a node starts for the first time,
// and starts it again on what is left: it starts, its master key is that of its
// database, and the credentials of the worker are good which it has told. Once it
// was ready, they are those that it told then.
func TestPowerLossFirst(t *testing.T) {
	faultTest(t)
	t.Run("one folder", func(t *testing.T) { firstStart(t, "", rounds(t, 40)) })
	t.Run("database elsewhere", func(t *testing.T) { firstStart(t, "elsewhere/pixy.db", rounds(t, 40)) })
}

func firstStart(t *testing.T, database string, images int) {
	rec, r := record(t, database), chance(t)
	seen := func() *disk { return newDisk(rec.root, r) }
	if database != "" {
		above := filepath.Join(rec.root, filepath.Dir(database))
		must(t, os.Mkdir(above, 0o700))
		seen = func() *disk {
			d := newDisk(rec.root, r)
			d.names[above], d.kept[above] = &inode{folder: true}, &inode{folder: true}
			return d
		}
	}
	rec.start(t)
	ready := time.Now()
	told := &cluster{}
	must(t, told.introduced(filepath.Join(rec.root, "data")))
	rec.stop(t)
	m, err := rec.survey(seen(), time.Time{})
	must(t, err)
	drawn, n, d, lost := m.some(images, r), -1, seen(), 0
	var slowest time.Duration
	must(t, rec.replay(d, func(_ effect, cl *call) error {
		if n++; !drawn[n] {
			return nil
		}
		folder := memory(t)
		must(t, d.crash(folder, anyLuck(r)))
		took, err := restart(t, folder, database, told, cl.at.After(ready))
		slowest = max(slowest, took)
		if err != nil {
			lost++
			(&image{folder: folder}).keep(t)
			t.Errorf("power lost after %s(%.100s, ready was %t: %v", cl.name, cl.args, cl.at.After(ready), err)
		}
		return os.RemoveAll(folder)
	}))
	figures(t, "%d images of %d moments (%d after a sync); %d of them do not start, or have lost what was told; slowest to ready %s",
		len(drawn), len(m.all), len(m.syncs), lost, slowest.Round(time.Millisecond))
}

// restart starts a node on an image, as a stranger would, and returns how long it
// took to be ready.
func restart(t *testing.T, folder, database string, told *cluster, known bool) (time.Duration, error) {
	n := newNode(t, "image", "", "")
	n.env, n.args = os.Environ(), dataOf(folder, n.address)
	if database != "" {
		n.args = append(n.args, "--database", "file:"+filepath.Join(folder, database))
	}
	must(t, n.start())
	defer n.kill()
	took, err := n.ready()
	if err != nil {
		return took, err
	}
	c := &cluster{t: t, http: newHTTP(1), nodes: []*node{n}}
	if err := c.introduced(filepath.Join(folder, "data")); err != nil {
		return took, err
	}
	if known && (c.env != told.env || c.worker != told.worker || c.secret != told.secret) {
		return took, fmt.Errorf("the node made the environment %s, and then it was ready with %s", told.env, c.env)
	}
	return took, c.login(n)
}
