package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSlowHeader holds the bound on how long a client may take to say what it
// wants.
func TestSlowHeader(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), nil)
	conn := dial(t, p)
	began := time.Now()
	fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: ")
	_ = conn.SetReadDeadline(began.Add(headerTimeout + 10*time.Second))
	_, err := io.Copy(io.Discard, conn)
	took := time.Since(began)
	t.Logf("a client that does not finish its header is sent away after %v", took)
	if err != nil || took > headerTimeout+2*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
}

// TestStopIsBounded stops while a client never finishes its request: the
// process must end all the same, and say so. That is no failure: who wants one
// would only have to send half a request.
func TestStopIsBounded(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), nil)
	fmt.Fprintf(dial(t, p), "POST /%s/as/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant", p.bootstrap()["envID"])
	time.Sleep(200 * time.Millisecond)
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := p.cmd.Wait()
	took := time.Since(began)
	t.Logf("stopped %v after SIGTERM with a request that never ends", took)
	if took > stopTimeout || err != nil || !strings.Contains(p.log.String(), "did not finish") {
		t.Errorf("after %v: %v\n%s", took, err, p.log)
	}
}

func dial(t *testing.T, p *process) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
