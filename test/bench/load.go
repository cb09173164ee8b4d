package main

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load is what came of driving a server with one work.
type load struct {
	done  int
	took  time.Duration
	waits []time.Duration // of each, sorted
}

func (l load) rate() float64 { return float64(l.done) / l.took.Seconds() }

// percentile is how long n in a hundred waited at most.
func (l load) percentile(n int) time.Duration {
	if len(l.waits) == 0 {
		return 0
	}
	return l.waits[min(len(l.waits)-1, len(l.waits)*n/100)]
}

// drive has every caller do its work again and again, for so long: as often as it
// can, or so many times a second all together. Then each has its time, and what it
// waits is counted from that, also when all callers were late for it.
func drive(callers []*caller, do func(*caller) error, long time.Duration, rate float64) (load, error) {
	began := time.Now()
	var next atomic.Int64
	var all sync.WaitGroup
	waits, failed := make([][]time.Duration, len(callers)), make([]error, len(callers))
	for i, c := range callers {
		all.Go(func() {
			for {
				due := time.Now()
				if rate > 0 {
					due = began.Add(time.Duration(float64(next.Add(1)-1) / rate * float64(time.Second)))
					time.Sleep(time.Until(due))
				}
				if due.Sub(began) >= long {
					return
				}
				if failed[i] = do(c); failed[i] != nil {
					return
				}
				waits[i] = append(waits[i], time.Since(due))
			}
		})
	}
	all.Wait()
	l := load{took: time.Since(began), waits: slices.Concat(waits...)}
	l.done = len(l.waits)
	slices.Sort(l.waits)
	return l, errors.Join(failed...)
}
