package faults

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What a disk writes whole, and what the kernel writes out together.
const (
	sectorBytes = 512
	pageBytes   = 4096
)

// disk is what a power loss leaves of the files below a folder, as the calls
// that changed them let one know. It promises as little as POSIX does: the bytes
// of a file are on disk after the fsync of the file, and its name after that of
// the folder it is in. Of what came since, each sector of each write, each cut
// and each name may be there or not, whatever the order.
//
// After an fsync that failed, Linux may take what it could not write for written:
// an fsync that succeeds later brings a page to disk only when it has been
// written to again.
//
// The index of SQLite's journal (-shm) is not in it: no recovery reads that.
type disk struct {
	root   string
	names  map[string]*inode // as programs see them, with the folders
	kept   map[string]*inode // as they are on disk
	folder []*naming         // not synced
	seen   int               // the line at which the last call ended
	r      *rand.Rand        // of failing syncs
}

// inode is a file or a folder.
type inode struct {
	folder  bool
	cached  []byte // as programs see it
	durable []byte // as it is on disk
	pending []*writing
	dropped bool // a sync has failed
}

// writing is a write, or a cut when data is nil.
type writing struct {
	place int // the line at which it ended
	at    int64
	data  []byte
}

// naming is a change of names in a folder.
type naming struct {
	place int
	in    string
	apply func(names map[string]*inode)
}

func newDisk(root string, r *rand.Rand) *disk {
	top := map[string]*inode{root: {folder: true}}
	return &disk{root: root, names: top, kept: maps.Clone(top), r: r}
}

// effect is what a call did to the disk.
type effect int

const (
	nothing effect = iota
	changed        // something that may be lost
	synced         // something is on disk that was not before
)

// see takes a call. An error says that the model doesn't know it.
func (d *disk) see(c *call) (effect, error) {
	d.seen = c.ended
	texts, err := [][]byte(nil), error(nil)
	mine := strings.HasPrefix(c.path(), d.root+"/")
	if !mine {
		if !strings.Contains(c.args, d.root) {
			return nothing, nil
		}
		if texts, err = c.texts(); err != nil {
			return nothing, err
		}
	}
	if strings.HasSuffix(c.path(), "-shm") || len(texts) > 0 && bytes.HasSuffix(texts[0], []byte("-shm")) {
		return nothing, nil
	}
	if c.name == "fsync" || c.name == "fdatasync" {
		return d.sync(c)
	}
	if c.failed() {
		return nothing, nil
	}
	switch c.name {
	case "open", "openat":
		return d.open(c, string(texts[0]))
	case "write", "pwrite64":
		return d.write(c)
	case "ftruncate":
		size, err := c.last()
		d.put(c.path(), size, nil)
		return changed, err
	case "mkdir", "mkdirat":
		path := string(texts[0])
		d.name(path, &inode{folder: true})
		return changed, nil
	case "unlink", "unlinkat":
		d.unname(string(texts[0]))
		return changed, nil
	case "rename", "renameat", "renameat2":
		return changed, d.rename(string(texts[0]), string(texts[1]))
	case "mmap":
		if !strings.Contains(c.args, "MAP_SHARED") || !strings.Contains(c.args, "PROT_WRITE") {
			return nothing, nil
		}
	}
	return nothing, fmt.Errorf("the model of the disk does not know %s(%.200s)", c.name, c.args)
}

func (d *disk) open(c *call, path string) (effect, error) {
	if strings.Contains(c.args, "O_DSYNC") || strings.Contains(c.args, "O_SYNC") {
		return nothing, fmt.Errorf("the model of the disk does not know files that are always synced: %s", c.args)
	}
	file := d.names[path]
	switch {
	case file == nil && strings.Contains(c.args, "O_CREAT"):
		d.name(path, &inode{})
		return changed, nil
	case file == nil:
		return nothing, fmt.Errorf("%s is opened and was not made", path)
	case strings.Contains(c.args, "O_TRUNC") && len(file.cached) > 0:
		d.put(path, 0, nil)
		return changed, nil
	}
	return nothing, nil
}

// write takes a write; one without a place is at the end, as every file that is
// written so is new.
func (d *disk) write(c *call) (effect, error) {
	texts, err := c.texts()
	if err != nil {
		return nothing, err
	}
	n, err := c.number()
	if err != nil {
		return nothing, err
	}
	file := d.names[c.path()]
	if file == nil {
		return nothing, nil // written after its name was gone
	}
	at := int64(len(file.cached))
	if c.name == "pwrite64" {
		if at, err = c.last(); err != nil {
			return nothing, err
		}
	}
	d.put(c.path(), at, texts[0][:n])
	return changed, nil
}

// put writes into a file, or cuts it at that place when data is nil.
func (d *disk) put(path string, at int64, data []byte) {
	file := d.names[path]
	if file == nil {
		return
	}
	w := &writing{place: d.seen, at: at, data: data}
	file.cached = w.into(file.cached, nil)
	file.pending = append(file.pending, w)
}

// into does a write to content; to a part of its sectors only when some says
// which.
func (w *writing) into(content []byte, some func() bool) []byte {
	if w.data == nil {
		return resized(content, int(w.at))
	}
	end := int(w.at) + len(w.data)
	for from := int(w.at); from < end; {
		to := min(end, (from/sectorBytes+1)*sectorBytes)
		if some == nil || some() {
			content = resized(content, max(len(content), to))
			copy(content[from:to], w.data[from-int(w.at):])
		}
		from = to
	}
	return content
}

func resized(content []byte, size int) []byte {
	if size <= len(content) {
		return content[:size:size]
	}
	return append(content, make([]byte, size-len(content))...)
}

// change keeps a change of names: programs see it, the disk not yet.
func (d *disk) change(path string, apply func(map[string]*inode)) {
	apply(d.names)
	d.folder = append(d.folder, &naming{place: d.seen, in: filepath.Dir(path), apply: apply})
}

func (d *disk) name(path string, file *inode) {
	d.change(path, func(names map[string]*inode) { names[path] = file })
}

func (d *disk) unname(path string) {
	d.change(path, func(names map[string]*inode) { delete(names, path) })
}

func (d *disk) rename(from, to string) error {
	file := d.names[from]
	if file == nil || filepath.Dir(from) != filepath.Dir(to) {
		return fmt.Errorf("the model of the disk does not know how to rename %s to %s", from, to)
	}
	d.change(to, func(names map[string]*inode) { names[to] = file; delete(names, from) })
	return nil
}

// sync brings to disk what was done before it began.
func (d *disk) sync(c *call) (effect, error) {
	path := c.path()
	file := d.names[path]
	switch {
	case file == nil:
		return nothing, nil
	case c.failed():
		file.fail(d.r)
		return changed, nil
	case !file.folder:
		file.flush(c.began)
		return synced, nil
	}
	d.folder = slices.DeleteFunc(d.folder, func(n *naming) bool {
		if n.in != path || n.place >= c.began {
			return false
		}
		n.apply(d.kept)
		return true
	})
	return synced, nil
}

// flush brings to disk what was written before a line.
func (f *inode) flush(before int) {
	var later []*writing
	for _, w := range f.pending {
		switch {
		case w.place >= before:
			later = append(later, w)
		case w.data == nil || !f.dropped:
			f.durable = w.into(f.durable, nil)
		default: // what a failed sync left in the same page goes along
			from := int(w.at) / pageBytes * pageBytes
			to := min(len(f.cached), (int(w.at)+len(w.data)+pageBytes-1)/pageBytes*pageBytes)
			if from < to {
				f.durable = resized(f.durable, max(len(f.durable), to))
				copy(f.durable[from:to], f.cached[from:to])
			}
		}
	}
	f.pending = later
}

// fail brings to disk what chance will, and forgets the rest.
func (f *inode) fail(r *rand.Rand) {
	chance := []float64{0, 0.5, 0.9}[r.IntN(3)]
	for _, w := range f.pending {
		f.durable = w.into(f.durable, func() bool { return r.Float64() < chance })
	}
	f.pending, f.dropped = nil, true
}

// luck is what becomes of what was not synced.
type luck struct {
	written, named float64 // the chance of a write, and of a name
	torn           bool    // a write may be there in part
	r              *rand.Rand
}

// anyLuck draws all from nothing to everything, and mostly what is between.
func anyLuck(r *rand.Rand) luck {
	of := []float64{0, 0.3, 0.5, 0.9, 1}
	return luck{written: of[r.IntN(len(of))], named: of[r.IntN(len(of))], torn: r.IntN(2) == 0, r: r}
}

// crash writes into a folder what a power loss would leave now.
func (d *disk) crash(to string, l luck) error {
	names := maps.Clone(d.kept)
	for _, n := range d.folder {
		if l.r.Float64() < l.named {
			n.apply(names)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(names)) { // a folder before what is in it
		if path == d.root || !reached(names, d.root, path) {
			continue
		}
		place, file := to+strings.TrimPrefix(path, d.root), names[path]
		var err error
		if file.folder {
			err = os.Mkdir(place, 0o700)
		} else {
			err = os.WriteFile(place, file.left(l), 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// reached says whether all folders above a path are there.
func reached(names map[string]*inode, root, path string) bool {
	for path != root {
		if path = filepath.Dir(path); names[path] == nil {
			return false
		}
	}
	return true
}

// left is what is left of a file.
func (f *inode) left(l luck) []byte {
	content := slices.Clone(f.durable)
	for _, w := range f.pending {
		if l.r.Float64() >= l.written {
			continue
		}
		var some func() bool
		if l.torn && l.r.IntN(3) == 0 {
			some = func() bool { return l.r.IntN(2) == 0 }
		}
		content = w.into(content, some)
	}
	if len(content) < len(f.cached) && l.r.IntN(2) == 0 {
		content = resized(content, len(f.cached)) // long enough, and empty
	}
	return content
}
