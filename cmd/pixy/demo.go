package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// demoCommand runs the workflow against a server of its own, on a fresh
// database in a temporary folder.
type demoCommand struct {
	Serve  bool
	JSON   bool   `name:"json"`
	Listen string `default:"127.0.0.1:8080"`

	wire http.RoundTripper // between the parties and the server; nil is the usual one
}

// Run plays the story. Its error is the first step that was not as expected.
// A reader that goes away does not end the program on the spot, because it has
// a folder to remove.
func (c *demoCommand) Run(ctx context.Context, out, errOut io.Writer) (err error) {
	signal.Ignore(syscall.SIGPIPE)
	data, err := os.MkdirTemp("", "pixy-demo-")
	if err != nil {
		return fmt.Errorf("the demo needs a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	running, err := c.startServer(ctx, data, errOut)
	if err != nil {
		return err
	}
	paper := &paper{out: out}
	s, err := c.tell(ctx, running.url, data, paper)
	if err != nil || !c.Serve {
		return errors.Join(err, paper.err, running.stop())
	}
	a, err := openByHand(s, filepath.Join(data, "pixy.postman_environment.json"))
	if err != nil {
		return errors.Join(err, running.stop())
	}
	a.invite(paper, c.JSON)
	if paper.err != nil {
		return errors.Join(paper.err, a.server.Close(), running.stop())
	}
	return errors.Join(running.wait(ctx), a.server.Close())
}

// tell plays the story against the server at url.
func (c *demoCommand) tell(ctx context.Context, url, data string, out *paper) (*story, error) {
	worker, err := readBootstrap(data)
	if err != nil {
		return nil, err
	}
	s := newStory(ctx, url, worker, c.printer(out))
	s.client.Transport = c.wire
	s.play()
	return s, s.err
}

// paper is what the story is printed on. It remembers that it is full.
type paper struct {
	out io.Writer
	err error
}

func (p *paper) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.out.Write(b)
	p.err = err
	return n, err
}

// colourful reports whether the paper is a terminal that takes colours.
func (p *paper) colourful() bool {
	f, isFile := p.out.(*os.File)
	return isFile && terminal(f) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func (c *demoCommand) printer(out *paper) printer {
	if c.JSON {
		return &jsonPrinter{out: out}
	}
	return &textPrinter{out: out, colour: out.colourful()}
}

// startServer takes another port of the same address when the one that is
// asked for is in use.
func (c *demoCommand) startServer(ctx context.Context, data string, errOut io.Writer) (*running, error) {
	serve := serveCommand{Listen: c.Listen, Data: data}
	serve.log = slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: slog.LevelError}))
	r, err := serve.start(ctx)
	if errors.Is(err, errInUse) {
		host, _, split := net.SplitHostPort(c.Listen)
		if split != nil {
			return nil, split
		}
		serve.Listen = net.JoinHostPort(host, "0")
		r, err = serve.start(ctx)
	}
	return r, err
}

// chance returns n random bytes in base64url, without padding.
func chance(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}
