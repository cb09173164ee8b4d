package store

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkLimits keeps tickets like flows: with no source, with one while there
// are fewer than the limits, and past the limit of the environment and that of
// one source. The time of the processor is that of this process alone.
func BenchmarkLimits(b *testing.B) {
	for _, database := range []string{"SQLite", "PostgreSQL"} {
		for _, c := range []struct {
			name    string
			limits  Limits
			before  int
			sources int // 0 for none
		}{
			{"without", Limits{2_000, 20_000}, 20_000, 0},
			{"below", Limits{100_000_000, 100_000_000}, 20_000, 1_000_000},
			{"past the environment's", Limits{2_000, 20_000}, 22_000, 1_000_000},
			{"past a source's", Limits{2_000, 20_000}, 2_500, 1},
		} {
			b.Run(database+"/"+c.name, func(b *testing.B) {
				db := mustOpen(b, benchSource(b, database), Options{})
				flows, next := Tickets[note]{Kind: "flow", Life: time.Hour, Limits: c.limits}, 0
				put := func(n int) {
					t := Ticket[note]{ID: fmt.Sprint(n), Owner: fmt.Sprint("browser", n), Client: "client", Body: note{strings.Repeat("flow", 300)}}
					if c.sources > 0 {
						t.Source = fmt.Sprint("source", n%c.sources)
					}
					err := db.Update(context.Background(), "5a1f1f4e-2a4f-4c4f-8e7c-3f1d6b7c8d9e", func(tx *Tx) error {
						_, err := flows.Put(tx, t.ID, t)
						return err
					})
					if err != nil {
						b.Error(err)
					}
				}
				together(64, c.before, put)
				next = c.before
				began := processor()
				b.ResetTimer()
				together(64, b.N, func(n int) { put(next + n) })
				b.ReportMetric(float64((processor()-began).Microseconds())/float64(b.N), "cpu-µs/op")
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
			})
		}
	}
}

func benchSource(b *testing.B, database string) string {
	b.Helper()
	if database == "SQLite" {
		return "file:" + filepath.Join(b.TempDir(), "pixy.db")
	}
	name, err := postgresServer(b).Fresh("template1")
	if err != nil {
		b.Fatal(err)
	}
	return postgresServer(b).URL(name)
}

// processor is the time that the processor has worked for this process.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
