package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"syscall"
	"time"

	"pixy/internal/watch"
)

// observed is what an operator sees of the server: metrics on a listener of
// their own, and traces. Both are nil when nobody asked for them.
type observed struct {
	metrics *watch.Metrics
	traces  *watch.Traces
	http    *http.Server
	url     string // of the metrics, or ""
}

// observe opens what the flags ask for.
func (c *serveCommand) observe(ctx context.Context) (*observed, error) {
	o := &observed{}
	if c.Profiles && c.MetricsListen == "" {
		return nil, &usageError{"--profiles needs --metrics-listen, where they are served"}
	}
	if c.MetricsListen != "" {
		listener, err := net.Listen("tcp", c.MetricsListen)
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("%s is in use by another program, or by pixy itself: choose another address with --metrics-listen", c.MetricsListen)
		}
		if err != nil {
			return nil, fmt.Errorf("can't listen on %s for metrics: %w", c.MetricsListen, err)
		}
		o.metrics = watch.NewMetrics(version)
		o.serve(listener, c.Profiles, c.log)
	}
	var err error
	if o.traces, err = watch.OpenTraces(ctx, c.Traces, version, c.log, o.metrics); err != nil {
		return nil, errors.Join(&usageError{err.Error()}, o.close(ctx))
	}
	return o, nil
}

// serve serves the metrics, the profiles when they are wanted, and nothing else.
func (o *observed) serve(listener net.Listener, profiles bool, log *slog.Logger) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", o.metrics.Handler())
	if profiles {
		runtime.SetBlockProfileRate(int(100 * time.Microsecond))
		runtime.SetMutexProfileFraction(100)
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	o.url = urlOf(listener.Addr().(*net.TCPAddr), false) + "/metrics"
	o.http = &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go func() {
		if err := o.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("serving the metrics failed", "error", err)
		}
	}()
}

// close sends the traces that wait, as long as ctx lasts, and ends the listener.
func (o *observed) close(ctx context.Context) error {
	err := o.traces.Close(ctx)
	if o.http != nil {
		err = errors.Join(err, o.http.Close())
	}
	return err
}
