package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// timeout bounds one request.
const timeout = 30 * time.Second

// conn is one connection that is kept alive: a client that costs little beside
// the server that it shares the machine with.
type conn struct {
	host string
	net  net.Conn
	in   *bufio.Reader
	seen func(request, answer) // is told of each, or nil
}

func dial(host string) (*conn, error) {
	c, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	return &conn{host: host, net: c, in: bufio.NewReaderSize(c, 16<<10)}, nil
}

// request is one of a work. step tells the floor which.
type request struct {
	step, method, path string
	header             string // lines that end in \r\n
	body               string
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (c *conn) send(r request) (answer, error) {
	if err := c.net.SetDeadline(time.Now().Add(timeout)); err != nil {
		return answer{}, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nX-Step: %s\r\n%s", r.method, r.path, c.host, r.step, r.header)
	if r.method != http.MethodGet {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n" + r.body)
	if _, err := io.WriteString(c.net, b.String()); err != nil {
		return answer{}, err
	}
	resp, err := http.ReadResponse(c.in, &http.Request{Method: r.method})
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	a := answer{resp.StatusCode, resp.Header, body}
	if c.seen != nil && err == nil {
		c.seen(r, a)
	}
	return a, err
}

// want is the answer, or what it is instead.
func (c *conn) want(status int, r request) (answer, error) {
	a, err := c.send(r)
	if err == nil && a.status != status {
		err = fmt.Errorf("%s: %s %s: %d instead of %d: %s", r.step, r.method, r.path, a.status, status, a.body)
	}
	return a, err
}
