package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
)

// demoCommand runs the workflow against a server of its own, on a fresh
// database in a temporary folder.
type demoCommand struct {
	Serve  bool
	JSON   bool   `name:"json"`
	Listen string `default:"127.0.0.1:8080"`
}

// Run plays the story. Its error is the first step that was not as expected.
func (c *demoCommand) Run(ctx context.Context, out, errOut io.Writer) (err error) {
	data, err := os.MkdirTemp("", "pixy-demo-")
	if err != nil {
		return fmt.Errorf("the demo needs a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	running, err := c.startServer(ctx, data, errOut)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, running.stop()) }()

	worker, err := readBootstrap(data)
	if err != nil {
		return err
	}
	s := newStory(ctx, running.url, worker, c.printer(out))
	s.play()
	if s.err != nil || !c.Serve {
		return s.err
	}
	return serveByHand(ctx, s, filepath.Join(data, "pixy.postman_environment.json"), out, c.JSON)
}

func (c *demoCommand) printer(out io.Writer) printer {
	if c.JSON {
		return &jsonPrinter{out: out}
	}
	f, isFile := out.(*os.File)
	return &textPrinter{out: out, colour: isFile && terminal(f) && os.Getenv("NO_COLOR") == ""}
}

// startServer takes another port when the one that is asked for is in use.
func (c *demoCommand) startServer(ctx context.Context, data string, errOut io.Writer) (*running, error) {
	serve := serveCommand{Listen: c.Listen, Data: data}
	serve.log = slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: slog.LevelError}))
	r, err := serve.start(ctx)
	if errors.Is(err, errInUse) {
		serve.Listen = "127.0.0.1:0"
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
