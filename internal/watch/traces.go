package watch

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// Traces are sent to a collector by OTLP over HTTP. A nil one records nothing.
type Traces struct {
	provider *trace.TracerProvider
	tracer   api.Tracer
}

// The bounds on traces: the spans that wait to be sent, beyond which new ones
// are dropped; those sent at once, and how often; the time that sending may
// take; and what one span may hold.
const (
	maxWaiting = 4096
	maxBatch   = 512
	sendEvery  = 2 * time.Second
	sendTime   = 5 * time.Second
	maxEvents  = 64
	maxText    = 256
)

// OpenTraces sends traces to an endpoint, "http://collector:4318", or to the one
// that the standard variables of OpenTelemetry name, OTEL_EXPORTER_OTLP_ENDPOINT
// among them, which say all else as well (OTEL_TRACES_SAMPLER, say). It returns
// nil when neither names one. What can't be sent is counted and dropped; that
// it can't is logged once until it can again.
func OpenTraces(ctx context.Context, endpoint, version string, log *slog.Logger, m *Metrics) (*Traces, error) {
	options := []otlptracehttp.Option{otlptracehttp.WithTimeout(sendTime)}
	switch {
	case endpoint != "":
		whole, err := tracesURL(endpoint)
		if err != nil {
			return nil, err
		}
		options = append(options, otlptracehttp.WithEndpointURL(whole))
	case strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true"),
		os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "":
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, errors.New("traces can't be sent: " + err.Error())
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "pixy"), attribute.String("service.version", version)), resource.WithFromEnv())
	if err != nil {
		return nil, errors.New("OTEL_RESOURCE_ATTRIBUTES is not understood: " + err.Error())
	}
	limits := trace.NewSpanLimits()
	limits.EventCountLimit, limits.LinkCountLimit, limits.AttributeValueLengthLimit = maxEvents, 1, maxText
	provider := trace.NewTracerProvider(trace.WithResource(about), trace.WithRawSpanLimits(limits),
		trace.WithBatcher(&sender{SpanExporter: exporter, log: log, metrics: m}, trace.WithMaxQueueSize(maxWaiting), trace.WithMaxExportBatchSize(maxBatch),
			trace.WithBatchTimeout(sendEvery), trace.WithExportTimeout(sendTime)))
	return &Traces{provider, provider.Tracer("pixy")}, nil
}

// tracesURL is where an endpoint takes traces: below it, when it names no path.
func tracesURL(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", errors.New("the endpoint of traces must be a URL such as http://127.0.0.1:4318; what it has to be told goes into OTEL_EXPORTER_OTLP_HEADERS")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// Close sends what waits, as long as ctx lasts.
func (t *Traces) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// sender counts what can't be sent, and says so once in a while. An error that
// it returned would be printed by OpenTelemetry, past the log.
type sender struct {
	trace.SpanExporter
	log     *slog.Logger
	metrics *Metrics

	mu     sync.Mutex
	failed bool
}

func (s *sender) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	err := s.SpanExporter.ExportSpans(ctx, spans)
	s.metrics.exported(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && !s.failed {
		s.log.Warn("traces can't be sent and are dropped until they can", "error", err)
	}
	if err == nil && s.failed {
		s.log.Info("traces are sent again")
	}
	s.failed = err != nil
	return nil
}

// Request is a request in its trace. The zero value is one that nobody records.
type Request struct{ span api.Span }

// Begin begins the span of a request. A traceparent (W3C Trace Context) that a
// trusted proxy sent is the span's parent; anybody else's is linked to, and
// decides on nothing. The route is as of Answered.
func (t *Traces) Begin(ctx context.Context, h http.Header, trusted bool, route, name, correlation string) (context.Context, Request) {
	if t == nil {
		return ctx, Request{}
	}
	options := []api.SpanStartOption{api.WithSpanKind(api.SpanKindServer), api.WithAttributes(attribute.String("http.request.method", method(name)),
		attribute.String("http.route", route), attribute.String("pixy.correlation_id", correlation))}
	told := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(h))
	remote := api.SpanContextFromContext(told)
	switch {
	case !remote.IsValid():
	case trusted:
		ctx = api.ContextWithRemoteSpanContext(ctx, remote)
	default:
		options = append(options, api.WithLinks(api.Link{SpanContext: remote.WithTraceState(api.TraceState{})}))
	}
	ctx, span := t.tracer.Start(ctx, method(name)+" "+route, options...)
	return ctx, Request{span}
}

// End ends the span with the status that was answered.
func (r Request) End(status int) {
	if r.span == nil {
		return
	}
	r.span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= 500 {
		r.span.SetStatus(codes.Error, "")
	}
	r.span.End()
}
