package test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"pixy/internal/server"
	"pixy/internal/watch"
)

// receiver is a collector of traces that keeps what it gets.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*otlp.Span
	about []*common.KeyValue
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if err := r.take(q); err != nil {
			t.Errorf("%s %s: %v", q.Method, q.URL.Path, err)
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(q *http.Request) error {
	body := io.Reader(q.Body)
	if q.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(body); err != nil {
			return err
		}
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var sent collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(raw, &sent); err != nil || q.URL.Path != "/v1/traces" {
		return fmt.Errorf("not an export: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range sent.ResourceSpans {
		r.about = of.Resource.Attributes
		for _, scope := range of.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
	return nil
}

// traced is a world whose traces a receiver gets, and what sends those that
// wait.
func traced(t *testing.T, endpoint string, change ...func(*server.Config)) (*world, func()) {
	t.Helper()
	traces, err := watch.OpenTraces(t.Context(), endpoint, "test", slog.New(slog.DiscardHandler), nil)
	if err != nil || traces == nil {
		t.Fatalf("no traces: %v", err)
	}
	w := newWorld(t, append(change, func(c *server.Config) { c.Traces = traces })...)
	flush := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		w.must(traces.Close(ctx))
	}
	return w, flush
}

func (r *receiver) named(name string) (out []*otlp.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if s.Name == name {
			out = append(out, s)
		}
	}
	return out
}

// inside are the names of a span's children.
func (r *receiver) inside(parent *otlp.Span) map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]int{}
	for _, s := range r.spans {
		if bytes.Equal(s.ParentSpanId, parent.SpanId) {
			out[s.Name]++
		}
	}
	return out
}

func attributeOf(list []*common.KeyValue, key string) string {
	for _, a := range list {
		if a.Key == key {
			return a.Value.GetStringValue() + strings.TrimPrefix(fmt.Sprint(a.Value.GetIntValue()), "0")
		}
	}
	return ""
}

// TestTraces has a span for each request, with what it did inside, on every line
// of the log the trace's id, and nothing of a person anywhere.
func TestTraces(t *testing.T) {
	r := newReceiver(t)
	w, flush := traced(t, r.URL)
	w.round(7)
	began := len(w.log.String())
	w.user("ada")
	app := w.application(nil)
	answer := w.redeem(app, (&person{w: w}).code(app, "ada", nil), nil).want(200)
	flush()
	tokens := r.named("POST /{env}/as/token")
	if len(tokens) == 0 {
		t.Fatal("no span of the token endpoint")
	}
	last := tokens[len(tokens)-1]
	if in := r.inside(last); in["store.look"] == 0 || in["store.update"] != 1 || in["token.sign"] != 2 {
		t.Errorf("inside the token endpoint: %v", in)
	}
	id := answer.Header.Get("Correlation-Id")
	if attributeOf(last.Attributes, "http.response.status_code") != "200" || attributeOf(last.Attributes, "http.route") != "/{env}/as/token" || attributeOf(last.Attributes, "pixy.correlation_id") != id {
		t.Errorf("attributes %v", last.Attributes)
	}
	steps := r.named("POST /{env}/flows/{flow}")
	if in := r.inside(steps[len(steps)-1]); in["password.verify"] != 1 {
		t.Errorf("inside a sign-on: %v", in)
	}
	if attributeOf(r.about, "service.name") != "pixy" || attributeOf(r.about, "service.version") != "test" {
		t.Errorf("the resource is %v", r.about)
	}
	r.checkNothing(t, w)
	checkLines(t, w.log.String()[began:], id, fmt.Sprintf("%x", last.TraceId))
}

// checkNothing looks for what must not be in a trace. Ids of traces, and the
// correlation ids, are random.
func (r *receiver) checkNothing(t *testing.T, w *world) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	text := fmt.Sprint(r.about)
	for _, span := range r.spans {
		s := proto.Clone(span).(*otlp.Span)
		s.TraceId, s.SpanId, s.ParentSpanId = nil, nil, nil // random bytes
		text += s.String()
	}
	for _, what := range []string{w.env, w.worker.ApplicationID, "person7", "nobody-", "ada", "@", "eyJ", "RARE", "ODD", "192.0.2.", "203.0.113", "app.example.com", goodPassword} {
		if strings.Contains(text, what) {
			t.Errorf("a trace holds %q", what)
		}
	}
	for _, what := range w.secret.spilled(text) {
		t.Errorf("a trace holds a secret: %s", what)
	}
}

// checkLines wants both ids on every line of a log, and the two of one request
// on its lines.
func checkLines(t *testing.T, log, correlation, trace string) {
	t.Helper()
	found := 0
	for _, line := range strings.Split(strings.TrimSpace(log), "\n") {
		var l struct{ CorrelationID, TraceID string }
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.CorrelationID == "" || l.TraceID == "" {
			t.Errorf("a line without an id: %s", line)
		}
		if l.CorrelationID == correlation {
			found++
			if l.TraceID != trace {
				t.Errorf("the trace is %s, want %s", l.TraceID, trace)
			}
		}
	}
	if found == 0 {
		t.Errorf("no line has the correlation id %s", correlation)
	}
}

// TestTraceparent takes the trace of a trusted proxy as its own, and links to
// anybody else's.
func TestTraceparent(t *testing.T) {
	r := newReceiver(t)
	w, flush := traced(t, r.URL, func(c *server.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	said := map[string][]string{"Traceparent": {"00-" + trace + "-" + span + "-01"}, "Tracestate": {"vendor=person"}, "Baggage": {"user=ada"}}
	unsampled := map[string][]string{"Traceparent": {"00-" + trace + "-" + span + "-00"}}
	w.asked("192.0.2.1:4711", w.base+"/healthz", said)
	w.asked("198.51.100.1:4711", w.base+"/readyz", said)
	w.asked("198.51.100.1:4711", w.base+"/{$}", unsampled)
	w.asked("198.51.100.1:4711", w.base+"/assets/none", map[string][]string{"Traceparent": {strings.Repeat("00-", 10000)}})
	flush()
	own, linked := r.named("GET /healthz"), r.named("GET /readyz")
	if len(own) != 1 || fmt.Sprintf("%x", own[0].TraceId) != trace || fmt.Sprintf("%x", own[0].ParentSpanId) != span || len(own[0].Links) != 0 {
		t.Errorf("from a trusted proxy: %v", own)
	}
	if len(linked) != 1 || fmt.Sprintf("%x", linked[0].TraceId) == trace || len(linked[0].ParentSpanId) != 0 || len(linked[0].Links) != 1 ||
		fmt.Sprintf("%x", linked[0].Links[0].TraceId) != trace || linked[0].Links[0].TraceState != "" {
		t.Errorf("from anybody: %v", linked)
	}
	if n := len(r.named("GET " + watch.Unknown)); n != 1 {
		t.Errorf("%d spans of one that asked not to be recorded", n)
	}
	if n := r.named("GET /assets/{name}"); len(n) != 1 || len(n[0].Links) != 0 {
		t.Errorf("a traceparent that is none: %v", n)
	}
}

// TestTracesThatCanNotBeSent: a collector that hangs, and one that is not there,
// hold up no request and no stop.
func TestTracesThatCanNotBeSent(t *testing.T) {
	release := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() { close(release); hangs.Close() })
	for _, endpoint := range []string{hangs.URL, "http://127.0.0.1:1"} {
		m := watch.NewMetrics("test")
		traces, err := watch.OpenTraces(t.Context(), endpoint, "test", slog.New(slog.DiscardHandler), m)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, func(c *server.Config) { c.Traces, c.Metrics = traces, m })
		began := time.Now()
		const requests = 10000 // more than wait to be sent
		for range requests {
			w.send("GET", "/healthz", "").want(200)
		}
		took := time.Since(began)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		stopped := time.Now()
		_ = traces.Close(ctx) // that it fails is the point
		cancel()
		t.Logf("%s: %d requests in %v, closed in %v", endpoint, requests, took, time.Since(stopped))
		if closed := time.Since(stopped); closed > 2*time.Second {
			t.Errorf("closing took %v", closed)
		}
		if took > 10*time.Second {
			t.Errorf("%d requests took %v", requests, took)
		}
	}
}

// TestTracesAreOff without an endpoint, and refused with one that makes no sense.
func TestTracesAreOff(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	if traces, err := watch.OpenTraces(t.Context(), "", "test", log, nil); traces != nil || err != nil {
		t.Errorf("%v %v", traces, err)
	}
	for _, wrong := range []string{"collector:4318", "ftp://collector", "http://", "http://user:secret@collector"} {
		if traces, err := watch.OpenTraces(t.Context(), wrong, "test", log, nil); traces != nil || err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v %v", wrong, traces, err)
		}
	}
	r := newReceiver(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	traces, err := watch.OpenTraces(t.Context(), "", "test", log, nil)
	if err != nil || traces == nil {
		t.Fatalf("%v %v", traces, err)
	}
	w := newWorld(t, func(c *server.Config) { c.Traces = traces })
	w.send("GET", "/healthz", "")
	w.must(traces.Close(t.Context()))
	if len(r.named("GET /healthz")) != 1 {
		t.Error("the standard variable is not obeyed")
	}
}

// BenchmarkWatched is what watching costs a request: an answer from memory, and
// one that reads, signs and answers with a token.
func BenchmarkWatched(b *testing.B) {
	nowhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	b.Cleanup(nowhere.Close)
	traces, err := watch.OpenTraces(b.Context(), nowhere.URL, "test", slog.New(slog.DiscardHandler), nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*server.Config)
	}{
		{"nothing", func(c *server.Config) {}},
		{"metrics", func(c *server.Config) { c.Metrics = watch.NewMetrics("test") }},
		{"both", func(c *server.Config) { c.Metrics, c.Traces = watch.NewMetrics("test"), traces }},
	} {
		w := newWorld(b, c.change, func(c *server.Config) { c.Log = slog.New(slog.DiscardHandler) })
		b.Run("health/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/healthz", nil))
			}
		})
		b.Run("token/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("POST", "/"+w.env+"/as/token", strings.NewReader("grant_type=client_credentials"))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.Header.Set("Authorization", w.basic())
				w.server.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
