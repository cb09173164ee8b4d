package faults

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tracedCalls are the system calls by which files change. Those that the model
// of a disk doesn't know are among them, so that it can say so.
const tracedCalls = "open,openat,creat,write,pwrite64,writev,pwritev,fsync,fdatasync,ftruncate,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,mmap," +
	"truncate,fallocate,link,linkat,symlink,symlinkat,rmdir,openat2,copy_file_range,sendfile,splice,sync_file_range,pwritev2,msync,io_uring_setup"

// needStrace skips where strace is missing, which is a failure in CI, or may not
// trace.
func needStrace(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("%v (Debian: apt-get install strace)", err)
	}
	if out, err := exec.Command("strace", "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("strace may not trace here (ptrace is forbidden): %v: %s", err, bytes.TrimSpace(out))
	}
}

// traced is the beginning of a command line that leaves a trace of the program
// behind it in a file. The program is the process that is started (-D), so that
// signals reach it; and its output ends when strace's does.
func traced(file string, more ...string) []string {
	return append([]string{"strace", "-D", "-f", "--seccomp-bpf", "-q", "-ttt", "-y", "-s", "4194304", "-o", file, "-e", "trace=" + tracedCalls}, more...)
}

// call is one line of a trace, or two when other calls came between.
type call struct {
	name   string
	args   string // between the parentheses, as strace writes them
	result string // "0", "9</a/file>", "-1 EIO (Input/output error) (INJECTED)"
	began  int    // the line of the trace at which it began
	ended  int    // and at which it ended
	at     time.Time
}

// failed says that the call returned an error.
func (c *call) failed() bool { return strings.HasPrefix(c.result, "-1 ") || c.result == "?" }

// number is what the call returned.
func (c *call) number() (int64, error) {
	text, _, _ := strings.Cut(c.result, "<")
	text, _, _ = strings.Cut(text, " ")
	return strconv.ParseInt(text, 10, 64)
}

// path is that of the file descriptor which the arguments begin with, "" when
// there is none.
func (c *call) path() string {
	_, rest, ok := strings.Cut(c.args, "<")
	if !ok || strings.HasPrefix(c.args, "\"") {
		return ""
	}
	path, _, _ := strings.Cut(rest, ">")
	return path
}

// texts are the quoted arguments, as they were before strace quoted them.
func (c *call) texts() (out [][]byte, err error) {
	rest := c.args
	for {
		begin := strings.IndexByte(rest, '"')
		if begin < 0 {
			return out, nil
		}
		text, length, err := unquoted(rest[begin+1:])
		if err != nil {
			return nil, err
		}
		out, rest = append(out, text), rest[begin+1+length:]
		if strings.HasPrefix(rest, "...") {
			return nil, fmt.Errorf("strace has cut the data of a %s short", c.name)
		}
	}
}

// last is the last argument, a number.
func (c *call) last() (int64, error) {
	return strconv.ParseInt(strings.TrimSpace(c.args[strings.LastIndexByte(c.args, ',')+1:]), 10, 64)
}

// escapes are the characters that strace has letters for.
var escapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'v': '\v', 'f': '\f', '"': '"', '\\': '\\'}

// unquoted reads a text up to its closing quote. It returns how long it is with
// the quote.
func unquoted(s string) (out []byte, length int, err error) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return out, i + 1, nil
		case s[i] != '\\' || i+1 == len(s):
			out = append(out, s[i])
			continue
		}
		i++
		if c, ok := escapes[s[i]]; ok {
			out = append(out, c)
			continue
		}
		value, digits := 0, 0
		for ; digits < 3 && i < len(s) && s[i] >= '0' && s[i] <= '7'; digits++ {
			value, i = value*8+int(s[i]-'0'), i+1
		}
		i-- // of the loop
		if digits == 0 {
			return nil, 0, fmt.Errorf("a text of strace's has an escape that is not known: %.20q", s[i:])
		}
		out = append(out, byte(value))
	}
	return nil, 0, errors.New("a text of strace's has no end")
}

// maxLine bounds a line of a trace: what is written at once, with escapes.
const maxLine = 20 << 20

// readTrace gives the calls of a trace to see, in the order in which they ended.
// Lines are counted from first. It refuses a trace that has no end: strace was
// still writing it.
func readTrace(file string, first int, see func(*call) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 1<<20), maxLine)
	open := map[string]*call{} // by process, those that have not ended
	line, whole := first-1, false
	for lines.Scan() {
		line++
		text := lines.Text()
		whole = strings.Contains(text, "+++ exited with") || strings.Contains(text, "+++ killed by")
		c, err := readCall(text, line, open)
		if err == nil && c != nil {
			err = see(c)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", filepath.Base(file), line-first+1, err)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if !whole {
		return fmt.Errorf("%s has no end", file)
	}
	return nil
}

// readCall is nil when no call ends in that line.
func readCall(text string, line int, open map[string]*call) (*call, error) {
	process, rest, _ := strings.Cut(text, " ")
	stamp, rest, ok := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if !ok {
		return nil, fmt.Errorf("not a line of strace's: %.80q", text)
	}
	if strings.HasPrefix(rest, "+++") || strings.HasPrefix(rest, "---") {
		return nil, nil
	}
	at, err := stamped(stamp)
	if err != nil {
		return nil, err
	}
	c := &call{began: line}
	if resumed, ok := strings.CutPrefix(rest, "<... "); ok {
		if c = open[process]; c == nil {
			return nil, fmt.Errorf("what did not begin goes on: %.80q", text)
		}
		delete(open, process)
		_, rest, _ = strings.Cut(resumed, " resumed>")
		rest = c.args + rest
	} else if c.name, rest, ok = strings.Cut(rest, "("); !ok {
		return nil, fmt.Errorf("not a call: %.80q", text)
	}
	c.at, c.ended = at, line
	if begun, ok := strings.CutSuffix(rest, " <unfinished ...>"); ok {
		c.args, open[process] = begun, c
		return nil, nil
	}
	end := strings.LastIndex(rest, " = ")
	if end < 0 {
		return nil, fmt.Errorf("a call without a result: %.80q", text)
	}
	c.result = rest[end+3:]
	c.args = strings.TrimSuffix(strings.TrimRight(rest[:end], " "), ")")
	return c, nil
}

// stamped reads a time in seconds, with six decimals.
func stamped(text string) (time.Time, error) {
	seconds, micros, _ := strings.Cut(text, ".")
	s, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	m, err := strconv.ParseInt(micros, 10, 64)
	return time.Unix(s, m*1000), err
}

// traceEnd waits until strace has written the end of a trace.
func traceEnd(file string) error {
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if tail := raw[max(0, len(raw)-100):]; bytes.Contains(tail, []byte("+++ exited with")) || bytes.Contains(tail, []byte("+++ killed by")) {
			return nil
		}
	}
	return fmt.Errorf("strace does not end %s", file)
}
