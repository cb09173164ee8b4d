package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// printer shows the story as it happens.
type printer interface {
	begin(url string)
	act(title string)
	exchange(n int, x step, a answer, wrong string)
	compute(n int, title string, pairs []string, wrong string)
	end(steps int, err error)
}

// textPrinter shows it to a person.
type textPrinter struct {
	out    io.Writer
	colour bool
}

// The colours, as SGR parameters.
const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
	blue  = "36"
)

func (p *textPrinter) paint(sgr, text string) string {
	if !p.colour || text == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

func (p *textPrinter) line(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

func (p *textPrinter) begin(url string) {
	p.line("%s\n%s", p.paint(bold, "The PKCE workflow, over real HTTP"), p.paint(dim, "a fresh Pixy at "+url))
}

func (p *textPrinter) act(title string) { p.line("\n%s", p.paint(bold, title)) }

func (p *textPrinter) exchange(n int, x step, a answer, wrong string) {
	p.line("\n%3d  %s", n, x.title)
	p.line("     %s  %s %s", p.paint(blue, x.from+" -> "+pixy), x.method, brief(x.path))
	for _, pair := range x.parameters() {
		p.pair(pair[0], pair[1])
	}
	status, sgr := fmt.Sprint(a.status), green
	switch {
	case wrong != "":
		sgr = red
	case a.status >= 400:
		status += " denied, as it should be"
	}
	if a.status != 0 {
		p.line("     %s  %s", p.paint(blue, x.from+" <- "+pixy), p.paint(sgr, status))
	}
	for _, name := range x.show {
		p.pair(name, shown(name, a.member(name)))
	}
	p.pairs(x.because)
	p.wrong(wrong)
}

// shown leaves out of a redirect what is told on lines of its own.
func shown(name, value string) string {
	if place, _, more := strings.Cut(value, "?"); name == "Location" && more {
		return brief(place) + "?..."
	}
	return value
}

func (p *textPrinter) compute(n int, title string, pairs []string, wrong string) {
	p.line("\n%3d  %s", n, title)
	p.pairs(pairs)
	p.wrong(wrong)
}

func (p *textPrinter) pairs(pairs []string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		p.pair(pairs[i], pairs[i+1])
	}
}

func (p *textPrinter) wrong(text string) {
	for _, line := range fold(text, 90) {
		if line != "" {
			p.line("     %s", p.paint(red, line))
		}
	}
}

// pair shows a name and its value; a sentence is folded, anything else that is
// too long is cut.
func (p *textPrinter) pair(name, value string) {
	if value == "" {
		return
	}
	const indent, label, width = 9, 24, 66
	head := fmt.Sprintf("%*s%-*s ", indent, "", label, name)
	if _, token, _ := strings.Cut(value, " "); len(value) <= width || !strings.Contains(token, " ") {
		p.line("%s%s", p.paint(dim, head), shorten(value, width))
		return
	}
	for _, line := range fold(value, width) {
		p.line("%s%s", p.paint(dim, head), line)
		head = strings.Repeat(" ", len(head))
	}
}

// brief cuts the ids in a path short.
func brief(path string) string {
	return regexp.MustCompile(`([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).ReplaceAllString(path, "$1...")
}

func fold(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}

func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most-3] + "..."
}

func (p *textPrinter) end(steps int, err error) {
	if err != nil {
		p.line("\n%s", p.paint(red, strings.Join(fold("Not as expected: "+err.Error(), 98), "\n")))
		return
	}
	p.line("\n%s", p.paint(green, fmt.Sprintf("All %d steps were as expected: the stolen code was worth nothing without its verifier.", steps)))
}

// jsonPrinter shows it to a program, an object a line.
type jsonPrinter struct{ out io.Writer }

// told is one line of it.
type told struct {
	Step       int               `json:"step"`
	Title      string            `json:"title"`
	From       string            `json:"from,omitempty"`
	To         string            `json:"to,omitempty"`
	Method     string            `json:"method,omitempty"`
	Path       string            `json:"path,omitempty"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Status     int               `json:"status,omitempty"`
	Answer     map[string]string `json:"answer,omitempty"`
	Expected   int               `json:"expected,omitempty"`
	Computed   map[string]string `json:"computed,omitempty"`
	OK         bool              `json:"ok"`
	Wrong      string            `json:"wrong,omitempty"`
}

func (p *jsonPrinter) tell(t told) {
	raw, err := json.Marshal(t)
	if err != nil {
		raw = []byte(`{"ok":false}`)
	}
	fmt.Fprintf(p.out, "%s\n", raw)
}

func (p *jsonPrinter) begin(string) {}
func (p *jsonPrinter) act(string)   {}

func (p *jsonPrinter) exchange(n int, x step, a answer, wrong string) {
	t := told{Step: n, Title: x.title, From: x.from, To: pixy, Method: x.method, Path: x.path, Status: a.status, Expected: x.want,
		Parameters: map[string]string{}, Answer: map[string]string{}, Computed: mapOf(x.because), OK: wrong == "", Wrong: wrong}
	for _, pair := range x.parameters() {
		t.Parameters[pair[0]] = pair[1]
	}
	for _, name := range x.show {
		t.Answer[name] = a.member(name)
	}
	p.tell(t)
}

func (p *jsonPrinter) compute(n int, title string, pairs []string, wrong string) {
	p.tell(told{Step: n, Title: title, Computed: mapOf(pairs), OK: wrong == "", Wrong: wrong})
}

func mapOf(pairs []string) map[string]string {
	out := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

func (p *jsonPrinter) end(steps int, err error) {
	t := told{Step: steps, Title: "end", OK: err == nil}
	if err != nil {
		t.Wrong = err.Error()
	}
	p.tell(t)
}
