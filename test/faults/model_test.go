package faults

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sampleTrace has what strace writes in all its forms.
const sampleTrace = `10 1700000000.000001 openat(AT_FDCWD</w>, "/r/a", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 9</r/a>
10 1700000000.000002 pwrite64(9</r/a>, "a\0\1172\"\n, 5", 9, 0) = 9
11 1700000000.000003 fsync(9</r/a> <unfinished ...>
10 1700000000.000004 pwrite64(9</r/a>, "late", 4, 512)     = 4
11 1700000000.000005 <... fsync resumed>) = 0
10 1700000000.000006 --- SIGURG {si_signo=SIGURG} ---
10 1700000000.000007 fsync(9</r/a>) = -1 EIO (Input/output error) (INJECTED)
10 1700000000.000008 +++ exited with 0 +++
`

func TestReadTrace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace")
	must(t, os.WriteFile(file, []byte(sampleTrace), 0o600))
	var got []string
	must(t, readTrace(file, 1, func(c *call) error {
		texts, err := c.texts()
		got = append(got, fmt.Sprintf("%s %s %q %d-%d %t", c.name, c.path(), texts, c.began, c.ended, c.failed()))
		return err
	}))
	want := []string{
		`openat /w ["/r/a"] 1-1 false`,
		`pwrite64 /r/a ["a\x00O2\"\n, 5"] 2-2 false`,
		`pwrite64 /r/a ["late"] 4-4 false`,
		`fsync /r/a [] 3-5 false`,
		`fsync /r/a [] 7-7 true`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("read:\n%s", strings.Join(got, "\n"))
	}
	must(t, os.WriteFile(file, []byte(sampleTrace[:300]), 0o600))
	if readTrace(file, 1, func(*call) error { return nil }) == nil {
		t.Error("a trace without an end is taken for whole")
	}
}

// ran is a disk after some calls, each "name(args) = result".
func ran(t *testing.T, seed uint64, calls ...string) *disk {
	t.Helper()
	d := newDisk("/r", rand.New(rand.NewPCG(seed, 0)))
	for i, text := range calls {
		c, err := readCall("10 1700000000.000001 "+text, i+1, map[string]*call{})
		must(t, err)
		_, err = d.see(c)
		must(t, err)
	}
	return d
}

// left is what a file has after a crash, or "none".
func left(t *testing.T, d *disk, l luck) string {
	t.Helper()
	folder := t.TempDir()
	must(t, d.crash(folder, l))
	raw, err := os.ReadFile(filepath.Join(folder, "a"))
	if err != nil {
		return "none"
	}
	return string(bytes.ReplaceAll(raw, []byte{0}, []byte(".")))
}

func TestDiskModel(t *testing.T) {
	const (
		made    = `openat(AT_FDCWD</w>, "/r/a", O_RDWR|O_CREAT, 0600) = 9</r/a>`
		first   = `pwrite64(9</r/a>, "one", 3, 0) = 3`
		second  = `pwrite64(9</r/a>, "two", 3, 0) = 3`
		synced  = `fsync(9</r/a>) = 0`
		failed  = `fsync(9</r/a>) = -1 EIO (Input/output error) (INJECTED)`
		named   = `fsync(8</r>) = 0`
		further = `pwrite64(9</r/a>, "x", 1, 4096) = 1`
		cut     = `ftruncate(9</r/a>, 1) = 0`
	)
	all := map[string]bool{"none": true, "": true, "...": true, "one": true}
	for name, c := range map[string]struct {
		calls []string
		want  map[string]bool // what may be left, and all of it is at some time
	}{
		"nothing synced":      {[]string{made, first}, all},
		"the name not synced": {[]string{made, first, synced}, map[string]bool{"none": true, "one": true}},
		"all synced":          {[]string{made, first, synced, named}, map[string]bool{"one": true}},
		"written over":        {[]string{made, named, first, synced, second}, map[string]bool{"one": true, "two": true}},
		"cut":                 {[]string{made, named, first, synced, cut}, map[string]bool{"one": true, "o": true}},
		"removed":             {[]string{made, named, first, synced, `unlink("/r/a") = 0`}, map[string]bool{"one": true, "none": true}},
		"renamed": {[]string{strings.Replace(made, "/r/a", "/r/b", 2), strings.ReplaceAll(first, "/r/a", "/r/b"), strings.ReplaceAll(synced, "/r/a", "/r/b"), named,
			`renameat(AT_FDCWD</w>, "/r/b", AT_FDCWD</w>, "/r/a") = 0`}, map[string]bool{"one": true, "none": true}},
		"a failed sync": {[]string{made, named, first, failed, further, synced}, map[string]bool{
			"one" + strings.Repeat(".", 4093) + "x": true, strings.Repeat(".", 4096) + "x": true}},
		"written again after it": {[]string{made, named, first, failed, second, synced}, map[string]bool{"two": true}},
	} {
		t.Run(name, func(t *testing.T) {
			seen := map[string]bool{}
			for seed := range uint64(100) {
				r := rand.New(rand.NewPCG(seed, 1))
				seen[left(t, ran(t, seed, c.calls...), anyLuck(r))] = true
			}
			for content := range seen {
				if !c.want[content] {
					t.Errorf("%.20q is left", content)
				}
			}
			for content := range c.want {
				if !seen[content] {
					t.Errorf("%.20q is never left", content)
				}
			}
		})
	}
	if _, err := newDisk("/r", nil).see(&call{name: "fallocate", args: "9</r/a>, 0, 0, 4096", result: "0"}); err == nil {
		t.Error("a call that is not known is passed over")
	}
}

// TestTornWrite has a write in part: some of its sectors, each whole.
func TestTornWrite(t *testing.T) {
	w := &writing{at: 500, data: bytes.Repeat([]byte("n"), 1100)}
	old := bytes.Repeat([]byte("o"), 2048)
	r, torn := rand.New(rand.NewPCG(1, 1)), 0
	for range 50 {
		got := w.into(bytes.Clone(old), func() bool { return r.IntN(2) == 0 })
		parts := 0
		for _, s := range [][2]int{{500, 512}, {512, 1024}, {1024, 1536}, {1536, 1600}} {
			switch sector := string(got[s[0]:s[1]]); {
			case sector == strings.Repeat("n", len(sector)):
				parts++
			case sector != strings.Repeat("o", len(sector)):
				t.Fatalf("half a sector is written: %q", sector)
			}
		}
		if parts > 0 && parts < 4 {
			torn++
		}
		if !bytes.Equal(got[:500], old[:500]) || !bytes.Equal(got[1600:], old[1600:]) {
			t.Fatal("more is written than was")
		}
	}
	if torn == 0 {
		t.Error("no write is torn")
	}
}
