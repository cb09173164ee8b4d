package measure

import (
	"context"
	"math"
	"sync"
	"testing"
)

func TestHistogram(t *testing.T) {
	h := NewHistogram(1, 2, 4)
	for _, v := range []float64{0.5, 1, 1.5, 4, 100} {
		h.Observe(v)
	}
	d := h.Read()
	if d.Count != 5 || d.Sum != 107 || d.Buckets[1] != 2 || d.Buckets[2] != 3 || d.Buckets[4] != 4 {
		t.Errorf("%+v", d)
	}
}

// TestTogether counts from many goroutines: no value is lost.
func TestTogether(t *testing.T) {
	h, c := Seconds(), Counts[string]{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				h.Observe(0.25)
				c.Add("a", 1)
				c.Add("b", 2)
			}
		})
	}
	all.Wait()
	d, n := h.Read(), c.Read()
	if d.Count != 8000 || math.Abs(d.Sum-2000) > 1e-6 || n["a"] != 8000 || n["b"] != 16000 || len(n) != 2 {
		t.Errorf("%+v %v", d, n)
	}
}

// TestUnrecorded: without a trace, spans cost no memory.
func TestUnrecorded(t *testing.T) {
	ctx := context.Background()
	allocated := testing.AllocsPerRun(1000, func() {
		inner, span := Start(ctx, "x")
		Mark(inner, "y", "z")
		span.End("ok")
	})
	if allocated != 0 || TraceID(ctx) != "" {
		t.Errorf("%v allocations, trace %q", allocated, TraceID(ctx))
	}
}
