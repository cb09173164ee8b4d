package measure

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Span is a part of a request in its trace. The zero value is one that nobody
// records.
type Span struct{ s trace.Span }

// Start begins a span inside that of ctx. When nobody records that one, nothing
// happens and ctx is returned as it came.
func Start(ctx context.Context, name string) (context.Context, Span) {
	outer := trace.SpanFromContext(ctx)
	if !outer.IsRecording() {
		return ctx, Span{}
	}
	ctx, s := outer.TracerProvider().Tracer("pixy").Start(ctx, name)
	return ctx, Span{s}
}

// End ends the span with what it came to, one of few words: never what somebody
// sent, nor the text of an error.
func (s Span) End(outcome string) {
	if s.s != nil {
		s.s.SetAttributes(attribute.String("pixy.outcome", outcome))
		s.s.End()
	}
}

// Mark notes a moment in the span of ctx, and why: words of the program, as of
// End.
func Mark(ctx context.Context, what, why string) {
	if s := trace.SpanFromContext(ctx); s.IsRecording() {
		s.AddEvent(what, trace.WithAttributes(attribute.String("pixy.reason", why)))
	}
}

// TraceID is the id of the trace that ctx is recorded in, or "".
func TraceID(ctx context.Context) string {
	s := trace.SpanFromContext(ctx)
	if !s.IsRecording() {
		return ""
	}
	return s.SpanContext().TraceID().String()
}
