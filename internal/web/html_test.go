package web

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// element is one start tag, with what the tests ask about it.
type element struct {
	name string
	attr map[string]string
	form int // the form it stands in, counted from 1; 0 for none
}

func (e element) has(attr string) bool {
	_, ok := e.attr[attr]
	return ok
}

// page is a rendered page, taken apart.
type page struct {
	html     string
	elements []element
	text     map[string]string // text inside elements of one name, in order of appearance
}

func (p page) all(name string) []element {
	var found []element
	for _, e := range p.elements {
		if e.name == name {
			found = append(found, e)
		}
	}
	return found
}

func (p page) byID(id string) (element, bool) {
	for _, e := range p.elements {
		if e.attr["id"] == id {
			return e, true
		}
	}
	return element{}, false
}

// parse reads a page strictly enough to notice an element left open.
func parse(t *testing.T, html string) page {
	t.Helper()
	p := page{html: html, text: map[string]string{}}
	d := xml.NewDecoder(strings.NewReader(html))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []string
	form, forms := 0, 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("not well formed: %v\n%s", err, html)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			if e.name == "form" {
				forms++
				form = forms
			}
			e.form = form
			p.elements = append(p.elements, e)
			open = append(open, e.name)
		case xml.EndElement:
			if open[len(open)-1] != token.Name.Local {
				t.Fatalf("%s closes %s", token.Name.Local, open[len(open)-1])
			}
			open = open[:len(open)-1]
			if token.Name.Local == "form" {
				form = 0
			}
		case xml.CharData:
			for _, name := range open {
				p.text[name] += string(token)
			}
		}
	}
	return p
}

func newPages(t *testing.T) *Pages {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rendered runs one page method into a parsed page.
func rendered[V any](t *testing.T, method func(io.Writer, V) error, v V) page {
	t.Helper()
	var b bytes.Buffer
	if err := method(&b, v); err != nil {
		t.Fatal(err)
	}
	return parse(t, b.String())
}
