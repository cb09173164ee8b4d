package watch

import (
	"github.com/prometheus/client_golang/prometheus"

	"pixy/internal/facts"
	"pixy/internal/measure"
	"pixy/internal/store"
)

// row is one metric that is read from an S at each scrape. It has a value, some
// values by their labels, or a distribution.
type row[S any] struct {
	name, help string
	counter    bool // it only grows
	labels     []string
	value      func(S) (n float64, known bool)
	values     func(S, func(n float64, labels ...string))
	spread     func(S) (d measure.Distribution, known bool)
}

// databaseRows is what is shown of a database.
func databaseRows() []row[store.Stats] {
	return []row[store.Stats]{
		{name: "pixy_store_transactions_total", help: "Transactions, by what they came to. Of unconfirmed ones nobody knows whether they are kept.", counter: true,
			labels: []string{"work", "outcome"}, values: func(s store.Stats, show func(float64, ...string)) {
				for key, n := range s.Transactions {
					show(float64(n), key.Work, key.Outcome)
				}
			}},
		{name: "pixy_store_retries_total", help: "Updates that ran again, by why (PostgreSQL).", counter: true, labels: []string{"reason"}, values: byName(func(s store.Stats) map[string]int64 { return s.Retries })},
		{name: "pixy_store_commit_duration_seconds", help: "How long commits took, also those that failed.", spread: func(s store.Stats) (measure.Distribution, bool) { return s.Commits, true }},
		{name: "pixy_store_swept_tickets_total", help: "Expired tickets deleted by this node's sweeps.", counter: true, labels: []string{"kind"}, values: byName(func(s store.Stats) map[string]int64 { return s.Swept })},
		{name: "pixy_store_dropped_tickets_total", help: "Tickets deleted that nobody had come back for, as there were too many, by of what: a source (an address) or an environment.", counter: true, labels: []string{"limit"}, values: byName(func(s store.Stats) map[string]int64 { return s.Dropped })},
		{name: "pixy_store_tickets", help: "Tickets in the database at the last sweep; when they are many, to about 3 %.", labels: []string{"kind"}, values: byName(func(s store.Stats) map[string]int64 { return s.Tickets })},

		{name: "pixy_cache_hits_total", help: "Documents and lists that were remembered.", counter: true, value: cacheNumber(func(c store.CacheStats) float64 { return float64(c.Hits) })},
		{name: "pixy_cache_misses_total", help: "Documents and lists that were read because they were not remembered.", counter: true, value: cacheNumber(func(c store.CacheStats) float64 { return float64(c.Misses) })},
		{name: "pixy_cache_dropped_total", help: "What was forgotten, because it was changed or there was no room.", counter: true, value: cacheNumber(func(c store.CacheStats) float64 { return float64(c.Dropped) })},
		{name: "pixy_cache_environments", help: "Environments of which something is remembered.", value: cacheNumber(func(c store.CacheStats) float64 { return float64(c.Environments) })},
		{name: "pixy_cache_bytes", help: "What is remembered.", value: cacheNumber(func(c store.CacheStats) float64 { return float64(c.Bytes) })},
		{name: "pixy_cache_age_seconds", help: "How long ago the oldest of what is still used was confirmed (PostgreSQL).", value: cacheNumber(func(c store.CacheStats) float64 { return c.Age.Seconds() })},

		{name: "pixy_sqlite_batch_closures", help: "Updates that shared a commit.", spread: ofFile(func(f *store.FileStats) measure.Distribution { return f.Batches })},
		{name: "pixy_sqlite_write_wait_seconds", help: "How long Updates waited for their turn.", spread: ofFile(func(f *store.FileStats) measure.Distribution { return f.Waits })},
		{name: "pixy_sqlite_lost_batches_total", help: "Batches that SQLite rolled back and that ran again.", counter: true, value: fileNumber(func(f *store.FileStats) int64 { return f.Lost })},
		{name: "pixy_sqlite_writes_waiting", help: "Updates that wait for their turn.", value: fileNumber(func(f *store.FileStats) int64 { return int64(f.Waiting) })},
		{name: "pixy_sqlite_writes_waiting_max", help: "Updates that may wait; more are refused.", value: fileNumber(func(f *store.FileStats) int64 { return int64(f.MaxWaiting) })},
		{name: "pixy_sqlite_views", help: "Views under way.", value: fileNumber(func(f *store.FileStats) int64 { return int64(f.Reading) })},
		{name: "pixy_sqlite_views_max", help: "Views that may be under way.", value: fileNumber(func(f *store.FileStats) int64 { return int64(f.MaxReading) })},
		{name: "pixy_sqlite_database_bytes", help: "Size of the database file.", value: fileNumber(func(f *store.FileStats) int64 { return f.Size })},
		{name: "pixy_sqlite_wal_bytes", help: "Size of the journal beside the database file.", value: fileNumber(func(f *store.FileStats) int64 { return f.WALSize })},

		{name: "pixy_postgres_connections", help: "Connections to PostgreSQL.", labels: []string{"state"}, values: func(s store.Stats, show func(float64, ...string)) {
			if p := s.Postgres; p != nil {
				show(float64(p.Used), "used")
				show(float64(p.Idle), "idle")
				show(float64(p.Opening), "opening")
			}
		}},
		{name: "pixy_postgres_connections_max", help: "Connections that this node may have.", value: poolNumber(func(p *store.PoolStats) float64 { return float64(p.Max) })},
		{name: "pixy_postgres_connections_opened_total", help: "Connections opened so far.", counter: true, value: poolNumber(func(p *store.PoolStats) float64 { return float64(p.Opened) })},
		{name: "pixy_postgres_waiting", help: "Transactions that wait for a connection.", value: poolNumber(func(p *store.PoolStats) float64 { return float64(p.Waiting) })},
		{name: "pixy_postgres_waits_total", help: "Transactions that found no connection idle.", counter: true, value: poolNumber(func(p *store.PoolStats) float64 { return float64(p.Waits) })},
		{name: "pixy_postgres_wait_seconds_total", help: "How long they waited in all.", counter: true, value: poolNumber(func(p *store.PoolStats) float64 { return p.Waited.Seconds() })},
	}
}

// hashRows is what is shown of the hashing of passwords.
func hashRows() []row[facts.Hashes] {
	number := func(of func(facts.Hashes) int) func(facts.Hashes) (float64, bool) {
		return func(h facts.Hashes) (float64, bool) { return float64(of(h)), true }
	}
	return []row[facts.Hashes]{
		{name: "pixy_hashes_waiting", help: "Passwords that wait to be hashed.", value: number(func(h facts.Hashes) int { return h.Waiting })},
		{name: "pixy_hashes_waiting_max", help: "Passwords that may wait; more are refused.", value: number(func(h facts.Hashes) int { return h.MaxWaiting })},
		{name: "pixy_hashes_running", help: "Passwords that are being hashed.", value: number(func(h facts.Hashes) int { return h.Running })},
		{name: "pixy_hashes_running_max", help: "Passwords hashed at the same time.", value: number(func(h facts.Hashes) int { return h.MaxRunning })},
		{name: "pixy_hashes_refused_total", help: "Passwords that were not hashed because too many waited.", counter: true, value: number(func(h facts.Hashes) int { return int(h.Refused) })},
		{name: "pixy_hash_duration_seconds", help: "How long hashes took, the waiting apart.", spread: func(h facts.Hashes) (measure.Distribution, bool) { return h.Took, true }},
	}
}

func byName(of func(store.Stats) map[string]int64) func(store.Stats, func(float64, ...string)) {
	return func(s store.Stats, show func(float64, ...string)) {
		for name, n := range of(s) {
			show(float64(n), name)
		}
	}
}

func cacheNumber(of func(store.CacheStats) float64) func(store.Stats) (float64, bool) {
	return func(s store.Stats) (float64, bool) { return of(s.Cache), true }
}

func ofFile(of func(*store.FileStats) measure.Distribution) func(store.Stats) (measure.Distribution, bool) {
	return func(s store.Stats) (d measure.Distribution, known bool) {
		if s.File != nil {
			d = of(s.File)
		}
		return d, s.File != nil
	}
}

func fileNumber(of func(*store.FileStats) int64) func(store.Stats) (float64, bool) {
	return func(s store.Stats) (float64, bool) {
		if s.File == nil {
			return 0, false
		}
		return float64(of(s.File)), true
	}
}

func poolNumber(of func(*store.PoolStats) float64) func(store.Stats) (float64, bool) {
	return func(s store.Stats) (float64, bool) {
		if s.Postgres == nil {
			return 0, false
		}
		return of(s.Postgres), true
	}
}

// collector reads an S at each scrape, once, and shows what its rows say of it.
type collector[S any] struct {
	read  func() S
	rows  []row[S]
	descs []*prometheus.Desc // of the rows
}

func newCollector[S any](read func() S, rows []row[S]) *collector[S] {
	c := &collector[S]{read: read, rows: rows}
	for _, r := range rows {
		c.descs = append(c.descs, prometheus.NewDesc(r.name, r.help, r.labels, nil))
	}
	return c
}

func (c *collector[S]) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

func (c *collector[S]) Collect(out chan<- prometheus.Metric) {
	s := c.read()
	for i, r := range c.rows {
		kind := prometheus.GaugeValue
		if r.counter {
			kind = prometheus.CounterValue
		}
		show := func(n float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(c.descs[i], kind, n, labels...)
		}
		switch {
		case r.values != nil:
			r.values(s, show)
		case r.spread != nil:
			if d, known := r.spread(s); known {
				out <- prometheus.MustNewConstHistogram(c.descs[i], d.Count, d.Sum, d.Buckets)
			}
		default:
			if n, known := r.value(s); known {
				show(n)
			}
		}
	}
}
