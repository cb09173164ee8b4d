// Command bench measures what Pixy costs beside the work that can't be avoided:
// it starts Pixy and the floor (test/bench/floor), drives both in turn over
// loopback HTTP with the same requests, and prints one table. Nothing is asserted.
//
//	go run ./test/bench                     SQLite
//	go run ./test/bench -postgres           PostgreSQL, started for it
//	go run ./test/bench -only sso -seconds 10
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"pixy/test/pg"
)

// options are what is measured.
type options struct {
	connections int
	rounds      int
	long        time.Duration // of one round of one server
	only        string
	postgres    bool
	profiles    string
	signer      string
}

func main() {
	var o options
	flag.IntVar(&o.connections, "callers", 16, "connections at the same time")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of each work, Pixy and the floor in turn; the table has the median")
	flag.DurationVar(&o.long, "long", 3*time.Second, "how long a round of one of them lasts")
	flag.StringVar(&o.only, "only", "", "the works whose name contains this")
	flag.BoolVar(&o.postgres, "postgres", false, "start a PostgreSQL server, which writes durably, and use it")
	flag.StringVar(&o.profiles, "profiles", "", "a folder for profiles of Pixy's processor time, one for each work")
	flag.StringVar(&o.signer, "signer", "go", "what signs in Pixy, as for serve: go, or libcrypto, in a build with that tag")
	flag.Parse()
	log.SetFlags(0)
	if err := bench(o, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// bench measures, and prints to out.
func bench(o options, out io.Writer) (err error) {
	folder, err := os.MkdirTemp("", "pixy-bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	program, err := build(folder, "pixy", "pixy/cmd/pixy", "-tags", o.signer) // a tag "go" changes nothing
	if err != nil {
		return err
	}
	bare, err := build(folder, "floor", "pixy/test/bench/floor")
	if err != nil {
		return err
	}
	source := ""
	if o.postgres {
		s, err := pg.Start(pg.Options{Durable: true})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Remove()) }()
		name, err := s.Fresh("template1")
		if err != nil {
			return err
		}
		source = s.URL(name)
	}
	info, err := os.Stat(program)
	if err != nil {
		return err
	}
	data := filepath.Join(folder, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	// The cost of the hash is small, so that what a sign-in costs beside it shows.
	pixy, err := serve(program, data, source, bootstrap(), "--profiles", "--hash-memory", "64", "--hash-time", "1", "--signer", o.signer)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pixy.stop()) }()
	idle, err := pixy.memory("VmRSS")
	if err != nil {
		return err
	}
	m := &measurement{options: o, name: "bench", out: out, pixy: pixy, bare: bare, folder: folder}
	if err := m.prepare(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %d cores; Pixy on %s, signing by %s; the floor on SQLite, signing by go; %d connections, %d rounds of %v each\n\n",
		runtime.Version(), runtime.NumCPU(), database(o), o.signer, o.connections, o.rounds, o.long)
	if err := m.table(); err != nil {
		return err
	}
	peak, err := pixy.memory("VmHWM")
	if err != nil {
		return err
	}
	if o.only == "" || o.only == "flood" {
		if err := m.flood(program, source); err != nil {
			return err
		}
	}
	again, err := pixy.counted("pixy_store_retries_total{")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nupdates that ran again: %.0f\n", again)
	fmt.Fprintf(out, "binary %.1f MB; a new database to the first answer %v; memory idle %.0f MB, at most %.0f MB\n", float64(info.Size())/1e6, pixy.first.Round(time.Millisecond), idle, peak)
	return nil
}

func database(o options) string {
	if o.postgres {
		return "PostgreSQL"
	}
	return "SQLite"
}

// measurement is Pixy, with the callers that drive it, and how the floor is
// started.
type measurement struct {
	options
	name         string // begins the names of the users
	out          io.Writer
	pixy         *server
	bare, folder string
	callers      []*caller
}

// prepare makes the callers, and has each sign in.
func (m *measurement) prepare() error {
	c, err := dial(m.pixy.host)
	if err != nil {
		return err
	}
	var names []string
	for i := range m.connections {
		names = append(names, fmt.Sprintf("%s-%03d", m.name, i))
	}
	native, web, err := furnish(c, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		c, err := dial(m.pixy.host)
		if err != nil {
			return err
		}
		k := &caller{conn: c, native: native, web: web, username: name}
		if err := errors.Join(k.signIn(), k.register()); err != nil {
			return err
		}
		m.callers = append(m.callers, k)
	}
	return nil
}

func (m *measurement) table() error {
	fmt.Fprintln(m.out, "| work | Pixy /s | floor /s | Pixy CPU ms | floor CPU ms | CPU ratio | durable writes | at half load p50 ms | p99 ms |")
	fmt.Fprintln(m.out, "| --- | --: | --: | --: | --: | --: | --: | --: | --: |")
	for _, w := range works() {
		if !strings.Contains(strings.ToLower(w.name), strings.ToLower(m.only)) {
			continue
		}
		if err := m.row(w); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

// row measures a work, and prints it.
func (m *measurement) row(w work) error {
	floor, others, err := m.floor(w)
	if err != nil {
		return err
	}
	defer floor.stop()
	var ours, theirs []sample
	for range m.rounds {
		a, err := m.sample(m.pixy, m.callers, w)
		if err != nil {
			return err
		}
		b, err := m.sample(floor, others, w)
		if err != nil {
			return err
		}
		ours, theirs = append(ours, a), append(theirs, b)
	}
	if err := m.profile(w); err != nil {
		return err
	}
	var p50, p99 []float64
	for range m.rounds {
		half, err := drive(m.callers, w.do, m.long, middle(ours, sample.rate)/2)
		if err != nil {
			return err
		}
		p50, p99 = append(p50, millis(half.percentile(50))), append(p99, millis(half.percentile(99)))
	}
	var ratios []float64
	for i := range ours {
		ratios = append(ratios, ours[i].cpu/theirs[i].cpu)
	}
	fmt.Fprintf(m.out, "| %s | %.0f | %.0f | %.3f | %.3f | %.2f | %.2f | %.2f | %.2f |\n", w.name, middle(ours, sample.rate), middle(theirs, sample.rate),
		middle(ours, sample.cost), middle(theirs, sample.cost), median(ratios), middle(ours, sample.durable), median(p50), median(p99))
	return nil
}

// profile writes where the processor time of a work goes.
func (m *measurement) profile(w work) error {
	if m.profiles == "" {
		return nil
	}
	name, _, _ := strings.Cut(strings.ReplaceAll(w.name, " ", "-"), "(")
	profiled, long := make(chan error, 1), max(m.long, time.Second)
	go func() {
		profiled <- m.pixy.profile(long, filepath.Join(m.profiles, strings.Trim(name, "-")+".pprof"))
	}()
	_, err := drive(m.callers, w.do, long+time.Second/2, 0)
	return errors.Join(err, <-profiled)
}

// sample is one round.
type sample struct{ perSecond, cpu, writes float64 }

func (s sample) rate() float64    { return s.perSecond }
func (s sample) cost() float64    { return s.cpu }
func (s sample) durable() float64 { return s.writes }

func (m *measurement) sample(s *server, callers []*caller, w work) (out sample, err error) {
	before, err := s.cpu()
	if err != nil {
		return out, err
	}
	var wrote, writes float64
	if s.metrics != "" {
		if wrote, err = s.counted(durable()...); err != nil {
			return out, err
		}
	}
	l, err := drive(callers, w.do, m.long, 0)
	if err != nil {
		return out, err
	}
	after, err := s.cpu()
	if err == nil && s.metrics != "" {
		writes, err = s.counted(durable()...)
	}
	return sample{l.rate(), millis(after-before) / float64(l.done), (writes - wrote) / float64(l.done)}, err
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func middle(all []sample, of func(sample) float64) float64 {
	var values []float64
	for _, s := range all {
		values = append(values, of(s))
	}
	return median(values)
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// step is what the floor is told of one request.
type step struct {
	Rows, Signatures, Hashes int
	Status                   int
	Header                   map[string][]string
	Body                     []byte
}

// floor starts the floor with the answers that Pixy gave, and dials it.
func (m *measurement) floor(w work) (*server, []*caller, error) {
	steps := map[string]step{}
	one := *m.callers[0]
	one.conn = &conn{host: one.host, net: one.net, in: one.in, seen: func(r request, a answer) {
		n := w.needs[r.step]
		a.header.Del("Date")
		steps[r.step] = step{n.rows, n.signatures, n.hashes, a.status, a.header, a.body}
	}}
	if err := w.do(&one); err != nil {
		return nil, nil, err
	}
	one.conn = m.callers[0].conn
	*m.callers[0] = one
	file := filepath.Join(m.folder, "floor.db")
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.RemoveAll(file + end); err != nil {
			return nil, nil, err
		}
	}
	s, err := begin(m.bare, map[string]any{"Database": file, "HashMemory": 64, "HashTime": 1, "Steps": steps})
	if err != nil {
		return nil, nil, err
	}
	var callers []*caller
	for _, k := range m.callers {
		other := *k
		if other.conn, err = dial(s.host); err != nil {
			return s, nil, err
		}
		callers = append(callers, &other)
	}
	return s, callers, nil
}
