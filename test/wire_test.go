package test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the answers of the wire scripts")

// TestWire runs the scripts in wire/ and its folders, one for each
// specification: sessions as text. A script has blocks:
//
//	# words for the reader
//	POST /{{env}}/as/token
//	Content-Type: application/x-www-form-urlencoded
//
//	grant_type=client_credentials
//	< 200
//	< {"token_type": "Bearer", ...}
//	@ token access_token
//	! 10m
//
// Lines with < are the answer, rewritten by -update and read in the review.
// "< 201 ..." expects the status alone, where the rest is shown elsewhere.
// Lines with @ name a part of it: a member of the body, "Location x" for a
// parameter of the redirect, "Cookie x" for a cookie. A line with ! lets time
// go by. Ids that have no name, tokens and correlation ids are masked.
func TestWire(t *testing.T) {
	var files []string
	err := filepath.WalkDir("wire", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".txt") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), "wire/"), ".txt")
		t.Run(name, func(t *testing.T) { runScript(t, file) })
	}
}

func runScript(t *testing.T, file string) {
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{w: newWorld(t), names: map[string]string{}}
	s.names["env"], s.names["worker"], s.names["admin"] = s.w.env, strings.TrimPrefix(s.w.basic(), "Basic "), s.w.admin
	got := s.run(string(source))
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != string(source) {
		t.Errorf("%s is not what happens (go test ./test -run Wire -update, then read the difference):\n%s", file, difference(string(source), got))
	}
}

type script struct {
	w     *world
	names map[string]string // what {{name}} stands for
	last  response
	out   strings.Builder
}

// run plays a script and returns it with the answers it got.
func (s *script) run(source string) string {
	var request []string
	for _, line := range strings.Split(strings.TrimSuffix(source, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "< "):
			if request != nil { // the first line of the answer stands for all
				s.play(request, strings.HasSuffix(line, " ..."))
				request = nil
			}
			continue
		case strings.HasPrefix(line, "@ "):
			s.name(strings.Fields(line)[1:])
		case strings.HasPrefix(line, "! "):
			d, err := time.ParseDuration(line[2:])
			s.w.must(err)
			s.w.pass(d)
		case request != nil || regexp.MustCompile(`^(GET|POST|PUT|PATCH|DELETE|OPTIONS|HEAD) `).MatchString(line):
			request = append(request, line)
		}
		s.out.WriteString(line + "\n")
	}
	if request != nil {
		s.w.t.Fatalf("no answer behind %s: write the line \"< ?\"", request[0])
	}
	return s.out.String()
}

func (s *script) play(lines []string, brief bool) {
	method, path, _ := strings.Cut(s.fill(lines[0]), " ")
	h := header{}
	i := 1
	for ; i < len(lines) && lines[i] != ""; i++ {
		name, value, _ := strings.Cut(s.fill(lines[i]), ": ")
		h[name] = value
	}
	body := ""
	if i < len(lines) {
		body = s.fill(strings.TrimSpace(strings.Join(lines[i+1:], "\n")))
	}
	if h["Content-Type"] == "application/x-www-form-urlencoded" {
		body = strings.ReplaceAll(body, "\n", "")
	}
	s.w.pass(time.Millisecond) // so that what is made in two requests has an order
	s.last = s.w.send(method, strings.ReplaceAll(path, " ", "%20"), body, h)
	if brief {
		s.out.WriteString(fmt.Sprintf("< %d ...\n", s.last.StatusCode))
		return
	}
	s.answer()
}

func (s *script) fill(line string) string {
	return regexp.MustCompile(`\{\{(\w+)\}\}`).ReplaceAllStringFunc(line, func(m string) string {
		v, ok := s.names[strings.Trim(m, "{}")]
		if !ok {
			s.w.t.Fatalf("nothing is named %s in: %s", m, line)
		}
		return v
	})
}

// answer writes what came back: status, the headers that matter, the body.
func (s *script) answer() {
	r := s.last
	lines := []string{fmt.Sprint(r.StatusCode)}
	for _, name := range []string{"Location", "Set-Cookie", "WWW-Authenticate", "Access-Control-Allow-Origin", "Content-Type"} {
		for _, v := range r.Header.Values(name) {
			lines = append(lines, name+": "+v)
		}
	}
	switch {
	case r.body != nil:
		var pretty bytes.Buffer
		s.w.must(json.Indent(&pretty, []byte(r.raw), "", "  "))
		lines = append(lines, strings.Split(pretty.String(), "\n")...)
	case strings.Contains(r.Header.Get("Content-Type"), "html"):
		lines = append(lines, words(r.raw)...)
	}
	for _, line := range lines {
		s.out.WriteString("< " + s.mask(line) + "\n")
	}
}

// words are what a person reads on a page, line by line.
func words(page string) (out []string) {
	text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(regexp.MustCompile(`(?s)<main.*</main>`).FindString(page), "\n")
	for _, line := range strings.Split(html.UnescapeString(text), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// mask puts names in place of what they stand for, the longest first, and
// hides what is different in every run.
func (s *script) mask(line string) string {
	names := slices.SortedFunc(maps.Keys(s.names), func(a, b string) int {
		return cmp.Or(len(s.names[b])-len(s.names[a]), strings.Compare(a, b))
	})
	for _, name := range names {
		if value := s.names[name]; len(value) > 8 {
			line = strings.ReplaceAll(line, value, "{{"+name+"}}")
		}
	}
	line = regexp.MustCompile(`cursor=[\w-]+`).ReplaceAllString(line, "cursor=(cursor)")
	line = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`).ReplaceAllString(line, "(JWT)")
	line = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).ReplaceAllString(line, "(id)")
	line = regexp.MustCompile(`\(id\)\.\d+\.[\w-]{43}`).ReplaceAllString(line, "(refresh token)")
	line = regexp.MustCompile(`"secret": "[\w-]{64}"`).ReplaceAllString(line, `"secret": "(secret)"`)
	line = regexp.MustCompile(`"(at_hash|c_hash)": "[\w-]{22}"`).ReplaceAllString(line, `"$1": "(hash)"`)
	line = regexp.MustCompile(`"serialNumber": \d+`).ReplaceAllString(line, `"serialNumber": (number)`)
	return regexp.MustCompile(`"(n|x5c)": "[\w-]+"`).ReplaceAllString(line, `"$1": "(key)"`)
}

func (s *script) name(words []string) {
	value := ""
	switch {
	case len(words) == 3 && words[1] == "Location":
		value = s.last.query(words[2])
	case len(words) == 3 && words[1] == "Cookie":
		for _, c := range s.last.Cookies() {
			if c.Name == words[2] {
				value = c.Value
			}
		}
	default:
		var v any = s.last.body
		for _, key := range strings.Split(words[1], ".") {
			switch at := v.(type) {
			case map[string]any:
				v = at[key]
			case []any:
				var i int
				_, err := fmt.Sscan(key, &i)
				s.w.must(err)
				v = at[i]
			}
		}
		value, _ = v.(string)
	}
	if value == "" {
		s.w.t.Fatalf("there is no %v in %s %s", words[1:], s.last.Header, s.last.raw)
	}
	s.names[words[0]] = value
}

// difference shows the lines around the first that differs.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := 0; i < min(len(a), len(b)); i++ {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d\n- %s\n+ %s\n%s", i+1, a[i], b[i], strings.Join(b[max(0, i-6):min(len(b), i+12)], "\n"))
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(b), len(a))
}
