package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pixy/internal/store"
)

// copyCommand moves everything from one database to another.
type copyCommand struct {
	From string `arg:""`
	To   string `arg:""`
}

// Run copies, and says what came of it and what is left to do.
func (c *copyCommand) Run(ctx context.Context, out, errOut io.Writer) error {
	bar := newBar(errOut, time.Now)
	copied, err := store.Copy(ctx, c.From, c.To, bar.report)
	bar.clear()
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is a copy of %s as it was at %s; both were read to the end, and are equal:\n",
		store.Named(c.To), store.Named(c.From), copied.At.Format(time.RFC3339))
	for _, s := range copied.Sums {
		fmt.Fprintf(&b, "  %-8s %15s  sha256 %s\n", s.Table, rows(s.Rows), s.Hash)
	}
	fmt.Fprintf(&b, "What was written to %s later is not in the copy: have no server at work on it while you move.\n", store.Named(c.From))
	fmt.Fprintf(&b, "The master key is not in the copy. pixy serve needs the key that %s was served with%s.\n", store.Named(c.From), inBrackets(c.key()))
	_, err = io.WriteString(out, b.String())
	return err
}

// key says where the master key is, or "".
func (c *copyCommand) key() string {
	data := ""
	if !store.IsPostgres(c.From) {
		if path, err := store.FileOf(c.From); err == nil {
			data = filepath.Dir(path)
		}
	}
	return keyFlags{}.place(data)
}

// How often progress is told: to a terminal, in one line that changes; to a file,
// in a line each time.
const (
	terminalEvery = 200 * time.Millisecond
	fileEvery     = 5 * time.Second
)

// bar tells how far a copy is.
type bar struct {
	out      io.Writer
	now      func() time.Time
	terminal bool
	every    time.Duration
	told     time.Time
	doing    string
	began    time.Time // what is being done
	from     int64     // the rows at that time
}

func newBar(out io.Writer, now func() time.Time) *bar {
	b := &bar{out: out, now: now, every: fileEvery, told: now()}
	if f, isFile := out.(*os.File); isFile && terminal(f) {
		b.terminal, b.every = true, terminalEvery
	}
	return b
}

// report tells it, when it is time to.
func (b *bar) report(p store.Progress) {
	now := b.now()
	if p.Doing != b.doing {
		b.doing, b.began, b.from = p.Doing, now, p.Done
	}
	if now.Sub(b.told) < b.every {
		return
	}
	b.told = now
	line := b.line(p, now.Sub(b.began))
	if b.terminal {
		fmt.Fprintf(b.out, "\r%s\x1b[K", line)
		return
	}
	fmt.Fprintln(b.out, line)
}

// line is "copying ticket: 1,234,000 of 2,000,000 rows, 61 %, 20,100 rows/s, 38s
// left". The rate is that of what is being done, since it began.
func (b *bar) line(p store.Progress, took time.Duration) string {
	text := fmt.Sprintf("%s %s: %s of %s, %d %%", p.Doing, p.Table, strings.Fields(rows(p.Done))[0], rows(p.Total), 100*p.Done/cmp.Or(p.Total, 1))
	rate := float64(p.Done-b.from) / took.Seconds()
	if took <= 0 || rate < 1 {
		return text
	}
	left := time.Duration(float64(p.Total-p.Done) / rate * float64(time.Second))
	return text + fmt.Sprintf(", %s/s, %s left", rows(int64(rate)), max(left, 0).Round(time.Second))
}

// clear takes the line off a terminal.
func (b *bar) clear() {
	if b.terminal {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
