package main

import (
	"context"
	"io"
)

type demoCommand struct {
	Serve  bool
	JSON   bool   `name:"json"`
	Listen string `default:"127.0.0.1:8080"`
}

func (c *demoCommand) Run(ctx context.Context, out, errOut io.Writer) error { return nil }
