// Package measure is how the parts of the program tell what they do: numbers
// that grow, and spans of a trace. It sends nothing anywhere, which package
// watch does, so that what counts needs not know who reads it.
//
// Everything here is safe for concurrent use, and quick enough to stand in every
// request.
package measure

import (
	"math"
	"sort"
	"sync"
	"sync/atomic"
)

// Counts are numbers that grow, by a key of which there are few: never one that
// comes from outside. The zero value is empty.
type Counts[K comparable] struct{ m sync.Map } // K -> *atomic.Int64

// Add adds to the number of a key.
func (c *Counts[K]) Add(key K, n int64) {
	v, ok := c.m.Load(key)
	if !ok {
		v, _ = c.m.LoadOrStore(key, new(atomic.Int64))
	}
	v.(*atomic.Int64).Add(n)
}

// Read is the numbers as they are now.
func (c *Counts[K]) Read() map[K]int64 {
	out := map[K]int64{}
	c.m.Range(func(key, n any) bool {
		out[key.(K)] = n.(*atomic.Int64).Load()
		return true
	})
	return out
}

// Histogram counts values by their size.
type Histogram struct {
	bounds []float64
	counts []atomic.Uint64 // of the values up to each bound, and above all, each value once
	sum    atomic.Uint64   // the bits of a float64
}

// NewHistogram makes a histogram with these upper bounds, which ascend.
func NewHistogram(bounds ...float64) *Histogram {
	return &Histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Seconds makes a histogram of times in seconds, from half a millisecond to ten
// seconds.
func Seconds() *Histogram {
	return NewHistogram(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
}

// Observe counts a value.
func (h *Histogram) Observe(v float64) {
	h.counts[sort.SearchFloat64s(h.bounds, v)].Add(1)
	for {
		old := h.sum.Load()
		if h.sum.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

// Distribution is what a histogram has counted.
type Distribution struct {
	Buckets map[float64]uint64 // by upper bound, each with all that is smaller
	Count   uint64
	Sum     float64
}

// Read is the distribution as it is now. Values that come meanwhile may be in
// some of its numbers and not in others.
func (h *Histogram) Read() Distribution {
	d := Distribution{Buckets: make(map[float64]uint64, len(h.bounds)), Sum: math.Float64frombits(h.sum.Load())}
	for i := range h.counts {
		d.Count += h.counts[i].Load()
		if i < len(h.bounds) {
			d.Buckets[h.bounds[i]] = d.Count
		}
	}
	return d
}
