package faults

import (
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"pixy/internal/fault"
)

// meddler is strace, attached to a node, which lets syncs fail.
type meddler struct {
	t   *testing.T
	n   *node
	run *exec.Cmd
	out *safeBuffer
}

// fail lets some syncs of every thread fail: when is as strace wants it, "1+"
// for all of them.
func (m *meddler) fail(when string) {
	m.t.Helper()
	m.stop()
	m.out = &safeBuffer{}
	m.run = exec.Command("strace", "-f", "-p", fmt.Sprint(m.n.run.Process.Pid), "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when="+when)
	m.run.Stdout, m.run.Stderr = m.out, m.out
	must(m.t, m.run.Start())
	for began := time.Now(); !strings.Contains(m.out.String(), "attached"); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			m.t.Fatalf("strace does not attach: %s", m.out.tail())
		}
	}
}

// stop lets go of the node, and counts the syncs that failed.
func (m *meddler) stop() (failed int) {
	if m.run == nil {
		return 0
	}
	_ = m.run.Process.Signal(syscall.SIGINT) // it may have ended with the node
	_ = m.run.Wait()                         // with the signal's status
	m.run = nil
	return bytes.Count([]byte(m.out.String()), []byte("(INJECTED)"))
}

// TestFailingSync lets the syncs of a node fail under load, some and then all:
// no write is acknowledged of which the disk has not said that it has it, and
// who is refused is told that nobody knows. Reads go on, and so do the writes
// when the disk is well again.
func TestFailingSync(t *testing.T) {
	faultTest(t)
	needStrace(t)
	d := sqlite(t)
	c := started(t, d, 1)
	m := &meddler{t: t, n: c.nodes[0]}
	t.Cleanup(func() { m.stop() })
	failed := 0
	o := &outage{t: t, c: c, says: fault.Unconfirmed, steady: true}
	o.begin = func() { m.fail("2+3") }
	o.worsen = func() { failed = m.stop(); m.fail("1+") }
	o.end = func() { failed += m.stop(); o.what = fmt.Sprintf("%d syncs failed; ", failed) }
	o.run(d)
	if failed == 0 {
		t.Error("no sync has failed: this tests nothing")
	}
}

// TestKillAfterFailedSync kills a node after a commit whose sync has failed, and
// which the node has undone. The kernel has all of it still, so whoever starts
// next finds it done: the answer was right that nobody knows.
func TestKillAfterFailedSync(t *testing.T) {
	faultTest(t)
	needStrace(t)
	c := started(t, sqlite(t), 1)
	n := c.nodes[0]
	m := &meddler{t: t, n: n}
	t.Cleanup(func() { m.stop() })
	m.fail("1+")
	a := c.user(n, "undone", goodPassword)
	if a.status != http.StatusServiceUnavailable || a.text("message") != fault.Unconfirmed.Message {
		t.Errorf("a user whose commit fails is answered %s", a)
	}
	o := &outage{t: t, c: c, users: []string{"undone"}}
	before := o.there()
	n.kill()
	m.stop()
	must(t, n.start())
	_, err := n.ready()
	must(t, err)
	after := o.there()
	figures(t, "of 1 user whose sync failed, %d are there before the kill, and %d after it", before, after)
	if before != 0 {
		t.Error("what the node has not kept, it shows")
	}
	must(t, c.user(n, "next", goodPassword).want(http.StatusCreated))
}
