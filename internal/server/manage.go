package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// place is where a request of the management API acts.
type place struct {
	spec   *kind.Spec
	env    string // "" for what stands above all environments
	id     string // of the element, "" for the collection
	parent string // the id of the parent, when that is not the environment
	self   string // the URL of the collection
}

func (s *Server) place(r *http.Request, k kind.Kind) place {
	spec := k.Table()
	p := place{spec: spec, id: r.PathValue(spec.Name), env: r.PathValue("environment")}
	if spec.Parent != "environment" && spec.Parent != "" {
		p.parent = r.PathValue(spec.Parent)
	}
	if spec.Parent == "" {
		p.env = ""
	}
	p.self = s.base + strings.TrimSuffix(r.URL.Path, "/"+p.id)
	if p.id == "" {
		p.self = s.base + r.URL.Path
	}
	return p
}

func notFound(spec *kind.Spec, id, env string) *fault.Fault {
	switch strings.Count(spec.NotFound, "%s") {
	case 1:
		return fault.Missing.Saying(fmt.Sprintf(spec.NotFound, id))
	case 2:
		return fault.Missing.Saying(fmt.Sprintf(spec.NotFound, id, env))
	}
	return fault.Missing.Saying(fmt.Sprintf("Unable to find %s with ID: '%s' in Environment '%s'", spec.Title, id, env))
}

// get reads an element of the place. One under another parent is not found.
func (p place) get(tx *store.Tx) (store.Document, kind.Body, error) {
	d, err := tx.Get(p.spec.Name, p.id)
	if err != nil {
		return d, nil, missing(err, notFound(p.spec, p.id, p.env))
	}
	body, err := bodyOf(d)
	if err == nil && p.parent != "" && kind.At(body, "parent") != p.parent {
		err = notFound(p.spec, p.id, p.env)
	}
	return d, body, err
}

// bodyOf reads a document's body, its numbers kept exact.
func bodyOf(d store.Document) (kind.Body, error) {
	body, err := kind.Decode(d.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the stored %s %s: %w", d.Kind, d.ID, err)
	}
	return body, nil
}

// parentExists refuses a collection whose parent is not there.
func (s *Server) parentExists(tx *store.Tx, p place) error {
	if p.parent == "" {
		return nil
	}
	_, err := tx.Get(p.spec.Parent, p.parent)
	return missing(err, notFound(s.kinds[p.spec.Parent].Table(), p.parent, p.env))
}

// show is a document as the API answers with it.
func (s *Server) show(tx *store.Tx, k kind.Kind, p place, d store.Document) (kind.Body, error) {
	body, err := bodyOf(d)
	if err != nil {
		return nil, err
	}
	var beside json.RawMessage
	if p.spec.Beside != "" {
		b, err := tx.Get(p.spec.Beside, d.ID)
		if err != nil && !errors.Is(err, store.ErrMissing) {
			return nil, err
		}
		beside = b.Body
	}
	more, err := k.Show(d.ID, d.Body, beside, tx.Now())
	if err != nil {
		return nil, err
	}
	out := kind.Show(p.spec.Fields, body)
	for name, v := range more {
		out[name] = v
	}
	for _, c := range p.spec.Counts {
		if out[c.Field], err = tx.Count(c.Kind, kind.Equal(c.Path, d.ID)); err != nil {
			return nil, err
		}
	}
	out["id"], out["createdAt"], out["updatedAt"] = d.ID, platform.Stamp(d.Created), platform.Stamp(d.Updated)
	at := kind.Place{Top: s.base + "/v1", Self: p.self + "/" + d.ID}
	if p.env != "" {
		at.Environment = s.base + "/v1/environments/" + p.env
		out["environment"] = kind.Body{"id": p.env}
	}
	out["_links"] = kind.Hrefs(p.spec.Links, out, at)
	return out, nil
}

// read answers GET on an element.
func (s *Server) read(k kind.Kind) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		p := s.place(r, k)
		var out kind.Body
		err := s.db.View(r.Context(), p.env, func(tx *store.Tx) error {
			d, _, err := p.get(tx)
			if err != nil {
				return err
			}
			out, err = s.show(tx, k, p, d)
			return err
		})
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, out)
	}
}

// list answers GET on a collection, a page at a time.
func (s *Server) list(k kind.Kind) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		p := s.place(r, k)
		q, err := readQuery(r)
		if err != nil {
			return err
		}
		if err := q.Wrong([]string{"limit", "cursor", "filter"}); err != nil {
			return fault.Malformed.Detailed(fault.Detail{Code: "INVALID_VALUE", Message: faultOf(err).Message})
		}
		page, err := kind.ReadPage(url.Values(q))
		if err != nil {
			return err
		}
		var where kind.Expr
		if text := q.Get("filter"); text != "" {
			if where, err = kind.Filter(p.spec.Fields, text); err != nil {
				return err
			}
		}
		out, err := s.listPage(r, k, p, page, where)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, out)
	}
}

func (s *Server) listPage(r *http.Request, k kind.Kind, p place, page kind.Page, where kind.Expr) (kind.Body, error) {
	match := where
	if p.parent != "" {
		match = kind.Equal("parent", p.parent)
		if where.Op != "" {
			match = kind.Expr{Op: kind.And, Args: []kind.Expr{match, where}}
		}
	}
	items, links, total := []any{}, kind.Body{"self": kind.Href(s.base + r.URL.RequestURI())}, 0
	err := s.db.View(r.Context(), p.env, func(tx *store.Tx) error {
		if err := s.parentExists(tx, p); err != nil {
			return err
		}
		docs, err := tx.List(p.spec.Name, store.Query{Where: match, After: page.After, Limit: page.Limit + 1})
		if err != nil {
			return err
		}
		if len(docs) > page.Limit {
			docs = docs[:page.Limit]
			last := docs[len(docs)-1]
			links["next"] = kind.Href(nextPage(p.self, r.URL.Query(), kind.Cursor{Created: last.Created, ID: last.ID}, page.Limit))
		}
		for _, d := range docs {
			if !s.visible(r, p, d.ID) {
				continue
			}
			item, err := s.show(tx, k, p, d)
			if err != nil {
				return err
			}
			items = append(items, item)
		}
		total, err = tx.Count(p.spec.Name, match)
		return err
	})
	if p.env != "" {
		links["environment"] = kind.Href(s.base + "/v1/environments/" + p.env)
	}
	return kind.Body{"_links": links, "_embedded": kind.Body{p.spec.Plural: items}, "count": total, "size": len(items)}, err
}

func nextPage(self string, q url.Values, after kind.Cursor, limit int) string {
	q.Set("cursor", after.String())
	q.Set("limit", strconv.Itoa(limit))
	return self + "?" + q.Encode()
}

// visible leaves out of the list of environments those that the actor may not
// read.
func (s *Server) visible(r *http.Request, p place, id string) bool {
	if p.spec.Name != "environment" {
		return true
	}
	who := actorOf(r.Context())
	return platform.Permits(who.Assignments, platform.Access{Area: p.spec.Area, Environment: id, Organization: who.organization})
}

// defaults finds the environment's default document of a kind.
func defaults(tx *store.Tx) kind.Defaults {
	return func(of string) string {
		d, err := tx.Find(of, kind.Expr{Op: kind.Eq, Path: "default", Type: kind.Boolean, Value: true})
		if err != nil {
			return "" // the field is then required
		}
		return d.ID
	}
}
