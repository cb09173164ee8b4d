// Package web renders the hosted sign-on pages. They are plain HTML that works
// without script, embedded in the program, and need nothing but two assets of
// their own, so they can be served under a Content-Security-Policy that allows
// no inline code and no other origin. It decides nothing: what a page says
// about a sign-on is the caller's.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/url"
	"path"
	"strings"
	"unicode"
)

//go:embed templates/*.html assets/*
var files embed.FS

// Pages renders the hosted pages. It is safe for concurrent use.
type Pages struct {
	pages  map[string]*template.Template // by the name of their file
	assets map[string]asset
}

type asset struct {
	body        []byte
	contentType string
	etag        string
}

// New parses the embedded templates and reads the embedded assets.
func New() (*Pages, error) {
	layout, err := template.New("layout").Funcs(template.FuncMap{
		"linkable": linkable,
		"monogram": monogram,
		"prose":    prose,
	}).ParseFS(files, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("parse page layout: %w", err)
	}
	p := &Pages{pages: map[string]*template.Template{}}
	for _, name := range []string{"signon", "newpassword", "refusal", "signoff", "done", "welcome", "formpost"} {
		p.pages[name], err = parsePage(layout, name)
		if err != nil {
			return nil, err
		}
	}
	p.assets, err = readAssets()
	if err != nil {
		return nil, err
	}
	return p, nil
}

// parsePage lays one page's title and content into a copy of the layout.
func parsePage(layout *template.Template, name string) (*template.Template, error) {
	page, err := layout.Clone()
	if err != nil {
		return nil, fmt.Errorf("copy page layout: %w", err)
	}
	page, err = page.ParseFS(files, "templates/"+name+".html")
	if err != nil {
		return nil, fmt.Errorf("parse page %s: %w", name, err)
	}
	return page, nil
}

// readAssets loads what /assets/ serves and names each version by its content.
func readAssets() (map[string]asset, error) {
	entries, err := fs.ReadDir(files, "assets")
	if err != nil {
		return nil, fmt.Errorf("list page assets: %w", err)
	}
	assets := make(map[string]asset, len(entries))
	for _, entry := range entries {
		body, err := files.ReadFile("assets/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read page asset: %w", err)
		}
		sum := sha256.Sum256(body)
		assets[entry.Name()] = asset{body, contentType(entry.Name()), `"` + hex.EncodeToString(sum[:12]) + `"`}
	}
	return assets, nil
}

// contentType is fixed here, because package mime asks the machine it runs on.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	}
	return "application/octet-stream"
}

// Asset returns what /assets/{name} serves. The body must not be changed. The
// name stays the same between versions: send the etag and let browsers ask again.
func (p *Pages) Asset(name string) (body []byte, contentType string, etag string, ok bool) {
	a, ok := p.assets[name]
	return a.body, a.contentType, a.etag, ok
}

// SignOn writes the username and password page.
func (p *Pages) SignOn(w io.Writer, v SignOn) error { return render(w, p.pages["signon"], v) }

// NewPassword writes the page that replaces an expired password or one that must be changed.
func (p *Pages) NewPassword(w io.Writer, v NewPassword) error {
	return render(w, p.pages["newpassword"], v)
}

// Refusal writes the page for a request that is refused without a redirect.
func (p *Pages) Refusal(w io.Writer, v Refusal) error { return render(w, p.pages["refusal"], v) }

// SignOff writes the page that asks whether the session is to end.
func (p *Pages) SignOff(w io.Writer, v SignOff) error { return render(w, p.pages["signoff"], v) }

// Done writes the page that says nothing is left to do.
func (p *Pages) Done(w io.Writer, v Done) error { return render(w, p.pages["done"], v) }

// FormPost writes the page that sends an answer to the application.
func (p *Pages) FormPost(w io.Writer, v FormPost) error { return render(w, p.pages["formpost"], v) }

// Welcome writes the page of the server's root.
func (p *Pages) Welcome(w io.Writer, v Welcome) error { return render(w, p.pages["welcome"], v) }

// render writes a whole page or nothing, so that a failure can still be answered with another page.
func render(w io.Writer, page *template.Template, v any) error {
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, "layout.html", v); err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// linkable reports whether a value may become a link: an http or https URL, or
// a path on this server. Braces mark a pattern, which leads nowhere.
func linkable(value string) bool {
	if value == "" || strings.ContainsAny(value, `{}\`) {
		return false
	}
	u, err := url.Parse(value)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "http", "https":
		return u.Host != ""
	case "":
		return strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "//")
	}
	return false
}

// prose reports whether a value is words to read, rather than something to copy.
func prose(value string) bool { return strings.Contains(value, " ") }

// monogram is the letter that stands for an application without a logo.
func monogram(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return ""
}
