// Command pixy is a self-hosted OAuth 2 and OpenID Connect authorization
// server that speaks the PingOne platform API.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is the version of this program.
const version = "0.1.0"

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program; ctx ends when it is asked to stop.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	if helped(args, out) {
		return exitOK
	}
	command, err := parse(args, out)
	if err == nil {
		err = command.Run(ctx, out, errOut)
	}
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(errOut, "pixy: %s. See pixy help.\n", usage.text)
		return exitUsage
	}
	fmt.Fprintf(errOut, "pixy: %s\n", err)
	return exitFailed
}
