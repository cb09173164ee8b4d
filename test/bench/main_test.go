package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pixy/test/pg"
)

// TestBench runs every work for a moment, so that the benchmark itself does not
// break unseen; its figures are worth nothing.
func TestBench(t *testing.T) {
	var out bytes.Buffer
	if err := bench(options{signer: "go", connections: 2, rounds: 1, long: 100 * time.Millisecond, profiles: t.TempDir()}, &out); err != nil {
		t.Fatal(err)
	}
	for _, w := range works() {
		row := ""
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "| "+w.name+" |") {
				row = line
			}
		}
		if cells := strings.Split(row, " | "); len(cells) != 9 || strings.Contains(row, "NaN") || strings.Contains(row, "Inf") {
			t.Errorf("%s: %q", w.name, row)
		}
	}
	for _, line := range []string{"beside the flood: p50", "memory idle"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("nothing is said of %q:\n%s", line, out.String())
		}
	}
}

// TestSixtyFour has 64 people sign in at once, again and again, on both databases:
// nobody is refused, and next to nothing has to be done again.
func TestSixtyFour(t *testing.T) {
	for _, o := range []options{{}, {postgres: true}} {
		t.Run(database(o), func(t *testing.T) {
			o.signer, o.connections, o.rounds, o.long, o.only = "go", 64, 1, 2*time.Second, "sign-in"
			var out bytes.Buffer
			err := bench(o, &out)
			if errors.Is(err, pg.ErrAbsent) && os.Getenv("CI") == "" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			var again int
			_, rest, _ := strings.Cut(out.String(), "updates that ran again: ")
			if _, err := fmt.Sscan(rest, &again); err != nil || again > 64 {
				t.Errorf("%d updates ran again (%v)", again, err)
			}
			t.Log(out.String())
		})
	}
}
