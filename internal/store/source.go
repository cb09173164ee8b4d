package store

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// source is a SQLite database file, as named by the operator.
type source struct {
	name  string // up to the question mark, "file:/var/lib/pixy/pixy.db"
	query string // SQLite's own parameters, or ""
	path  string // the path of the file, for the operating system
}

// How a connection will be used.
const (
	forWriting = true
	forReading = false
)

func readSource(text string) (source, error) {
	scheme, _, ok := strings.Cut(text, ":")
	switch {
	case !ok:
		return source{}, errors.New("the database is not understood: it should look like file:/var/lib/pixy/pixy.db or postgres://user@host/name") // the text may hold a password
	case scheme != "file":
		return source{}, fmt.Errorf("a database of the form %s:... is not supported: use a database file, file:/var/lib/pixy/pixy.db, or PostgreSQL, postgres://user@host/name", scheme)
	}
	s := source{}
	s.name, s.query, _ = strings.Cut(text, "?")
	if strings.Contains(s.name, "#") {
		return source{}, fmt.Errorf("the database %q is not understood: write %%23 for a # in a path", text)
	}
	path, err := url.PathUnescape(strings.TrimPrefix(s.name, "file:"))
	if err != nil {
		return source{}, fmt.Errorf("the database %q is not understood: %w", text, err)
	}
	// "file://localhost/x" and "file:///x" are other spellings of "file:/x".
	if rest, ok := strings.CutPrefix(path, "//"); ok {
		host, below, _ := strings.Cut(rest, "/")
		if host != "" && host != "localhost" {
			return source{}, fmt.Errorf("the database %q is not understood: a path begins with one slash or three", text)
		}
		path = "/" + below
	}
	if path == "" || path == ":memory:" {
		return source{}, fmt.Errorf("the database %q has no file: it should look like file:/var/lib/pixy/pixy.db", text)
	}
	s.path = path
	return s, nil
}

// FileOf is the path of a database file, the same whoever names it from where,
// be it made already or not. The source must not be PostgreSQL's.
func FileOf(source string) (string, error) {
	s, err := readSource(source)
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(s.path)
	if err != nil {
		return "", err
	}
	for range maxLinks { // the last of them may lead to what is not there yet
		if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			path = filepath.Join(folder, filepath.Base(path))
		}
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return path, nil
}

// maxLinks bounds how many symbolic links are followed.
const maxLinks = 40

// prepare creates the file when there is none, readable by nobody else: it
// holds password hashes. SQLite gives its journals the same permissions.
func (s source) prepare() error {
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		return fmt.Errorf("the database file %s can't be written: %w", s.path, err)
	}
	return f.Close()
}

// empty says that nothing is in the file yet.
func (s source) empty() bool {
	info, err := os.Stat(s.path)
	return err != nil || info.Size() == 0
}

// dsn is what the driver is given. What is set here is verified by
// checkDurable, for the operator's own parameters may contradict it.
func (s source) dsn(write bool) string {
	pragmas := []string{"synchronous(FULL)", "trusted_schema(0)", "temp_store(MEMORY)"}
	if write {
		if s.empty() { // only then it has an effect, Shrink's; later it would write, and wait for others
			pragmas = append(pragmas, "auto_vacuum(INCREMENTAL)")
		}
		// A journal that grew in a busy hour is cut back to 64 MiB afterwards.
		pragmas = append(pragmas, "journal_mode(WAL)", "journal_size_limit(67108864)", "cache_size(-16384)", "fullfsync(1)")
	} else {
		pragmas = append(pragmas, "query_only(1)")
	}
	if !strings.Contains(s.query, "busy_timeout") {
		pragmas = append(pragmas, "busy_timeout(5000)")
	}
	text := s.name + "?_dqs=0"
	for _, p := range pragmas {
		text += "&_pragma=" + p
	}
	if s.query != "" {
		text += "&" + s.query
	}
	return text
}
