package store

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkOpen opens a fresh database, all its tables included.
func BenchmarkOpen(b *testing.B) {
	folder := b.TempDir()
	for n := 0; b.Loop(); n++ {
		db, err := Open(b.Context(), "file:"+filepath.Join(folder, fmt.Sprint(n, ".db")), Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkUpdate keeps one ticket in each Update.
func BenchmarkUpdate(b *testing.B) {
	for _, callers := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			db, err := Open(b.Context(), "file:"+filepath.Join(b.TempDir(), "pixy.db"), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			b.ResetTimer()
			together(callers, b.N, func(n int) {
				if err := leave(db, n); err != nil {
					b.Error(err)
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
		})
	}
}

func leave(db *DB, n int) error {
	codes := Tickets[map[string]string]{Kind: "code", Life: time.Minute}
	return db.Update(context.Background(), "e1", func(tx *Tx) error {
		_, err := codes.Put(tx, fmt.Sprint("secret", n), Ticket[map[string]string]{
			Owner: fmt.Sprint("user", n%100), Client: "client", Family: fmt.Sprint("family", n),
			Body: map[string]string{"challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
		})
		return err
	})
}

// BenchmarkView reads one document by its id.
func BenchmarkView(b *testing.B) {
	db, err := Open(b.Context(), "file:"+filepath.Join(b.TempDir(), "pixy.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	err = db.Update(b.Context(), "e1", func(tx *Tx) error {
		_, err := tx.Put(Document{Kind: "user", ID: "u1", Body: []byte(`{"usernameKey":"joe"}`)})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		err := db.View(context.Background(), "e1", func(tx *Tx) error {
			_, err := tx.Get("user", "u1")
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// together calls fn with every number below times, from so many goroutines.
func together(callers, times int, fn func(n int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for n := int(next.Add(1)) - 1; n < times; n = int(next.Add(1)) - 1 {
				fn(n)
			}
		})
	}
	all.Wait()
}

// BenchmarkSweepBeside keeps tickets from 16 callers while nothing, and then while
// a sweep of expired ones goes on: how many a second, and how long each waits.
func BenchmarkSweepBeside(b *testing.B) {
	const callers, expired = 16, 200_000
	db, err := Open(b.Context(), "file:"+filepath.Join(b.TempDir(), "pixy.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	old := Tickets[map[string]string]{Kind: "old", Life: -2 * time.Hour}
	together(256, expired/100, func(n int) {
		err := db.Update(context.Background(), "e1", func(tx *Tx) error {
			for i := range 100 {
				if _, err := old.Put(tx, fmt.Sprint(n, " ", i), Ticket[map[string]string]{Owner: fmt.Sprint("user", i), Client: "client", Body: map[string]string{}}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Error(err)
		}
	})
	for n := 0; b.Loop(); n++ {
		for _, sweeps := range []bool{false, true} {
			ctx, stop := context.WithTimeout(b.Context(), 5*time.Second)
			swept := make(chan int64, 1)
			go func() {
				if !sweeps {
					swept <- 0
					return
				}
				total, _ := db.Sweep(ctx, time.Now()) // ctx ends it
				swept <- total
			}()
			var mu sync.Mutex
			var waits []time.Duration
			began := time.Now()
			together(callers, 20_000, func(i int) {
				began := time.Now()
				if err := leave(db, 1_000_000*(n+1)+i+map[bool]int{true: 500_000}[sweeps]); err != nil {
					b.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, time.Since(began))
			})
			took := time.Since(began).Seconds()
			stop()
			slices.Sort(waits)
			name := map[bool]string{false: "alone", true: "beside"}[sweeps]
			b.ReportMetric(float64(len(waits))/took, name+"-puts/s")
			b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds())/1000, name+"-p99-ms")
			b.ReportMetric(float64(<-swept)/took, name+"-swept/s")
		}
	}
}
