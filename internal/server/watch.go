package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"pixy/internal/measure"
	"pixy/internal/watch"
)

// lines puts the ids of the request, and of its trace when there is one, on
// every line of the log that is written for it.
type lines struct{ slog.Handler }

func (l lines) Handle(ctx context.Context, r slog.Record) error {
	if id := correlation(ctx); id != "" {
		r.AddAttrs(slog.String("correlationId", id))
	}
	if id := measure.TraceID(ctx); id != "" {
		r.AddAttrs(slog.String("traceId", id))
	}
	return l.Handler.Handle(ctx, r)
}

func (l lines) WithAttrs(attrs []slog.Attr) slog.Handler { return lines{l.Handler.WithAttrs(attrs)} }
func (l lines) WithGroup(name string) slog.Handler       { return lines{l.Handler.WithGroup(name)} }

// seen is a request as the metrics and the traces see it.
type seen struct {
	route, method string
	span          watch.Request
}

// arrived begins to watch a request, whose context is ctx with its correlation id. The
// route is that of the main host, also on a domain.
func (s *Server) arrived(ctx context.Context, r *http.Request, pattern, id string, trusted bool) (*http.Request, seen) {
	x := seen{route: watch.Unknown, method: r.Method}
	if pattern != "" {
		x.route = s.labels[pattern]
	}
	s.metrics.Began()
	ctx = context.WithValue(ctx, requestKey{}, id)
	ctx, x.span = s.traces.Begin(ctx, r.Header, trusted, x.route, r.Method, id)
	return r.WithContext(ctx), x
}

// answered ends what arrived began.
func (s *Server) answered(r *http.Request, x seen, status int, took time.Duration) {
	x.span.End(status)
	s.metrics.Answered(x.route, x.method, status, status >= 500 && left(context.Cause(r.Context())), took)
}

// left says of an error that the client has hung up, which is nobody's failure.
func left(err error) bool { return errors.Is(err, context.Canceled) }

// sign does what signs tokens, as a span of the trace.
func sign[T any](ctx context.Context, what func() (T, error)) (T, error) {
	_, span := measure.Start(ctx, "token.sign")
	out, err := what()
	if err != nil {
		span.End("failed")
	} else {
		span.End("ok")
	}
	return out, err
}
