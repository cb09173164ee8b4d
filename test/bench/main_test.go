package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
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
