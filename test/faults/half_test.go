package faults

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"time"
)

// half is a request that is sent piece by piece, on a connection of its own.
type half struct {
	conn *net.TCPConn
	raw  []byte // the whole request
	head int    // the length of its headers
	sent int
}

// dial connects to a node, to send a request there.
func (c *cluster) dial(n *node, q request) (*half, error) {
	r, err := c.compose(n, q)
	if err != nil {
		return nil, err
	}
	var raw bytes.Buffer
	if err := r.Write(&raw); err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("tcp", n.address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	end := []byte("\r\n\r\n")
	return &half{conn: conn.(*net.TCPConn), raw: raw.Bytes(), head: bytes.Index(raw.Bytes(), end) + len(end)}, nil
}

// send sends the request up to a byte.
func (h *half) send(upTo int) error {
	n, err := h.conn.Write(h.raw[h.sent:upTo])
	h.sent += n
	return err
}

// rest sends what is left, and reads the answer.
func (h *half) rest() answer {
	if err := h.send(len(h.raw)); err != nil {
		return answer{err: err}
	}
	if err := h.conn.SetReadDeadline(time.Now().Add(45 * time.Second)); err != nil {
		return answer{err: err}
	}
	return read(http.ReadResponse(bufio.NewReader(h.conn), nil))
}

// hangUp ends the connection: at once and without a word, or as a program does
// that ends.
func (h *half) hangUp(hard bool) error {
	if hard {
		if err := h.conn.SetLinger(0); err != nil {
			return err
		}
	}
	return h.conn.Close()
}
