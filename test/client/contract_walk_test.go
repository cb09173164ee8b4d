package client

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// unknown is an id that nothing has.
const unknown = "00000000-0000-4000-8000-000000000000"

// create makes one element of a collection and returns its answer.
func (c *contract) create(o operation) answer {
	c.t.Helper()
	media, body := c.example(o)
	if strings.Contains(body, "{/") || c.fill(o.Path) == "" {
		c.findAll()
		media, body = c.example(o)
	}
	path := c.fill(o.Path)
	if path == "" {
		c.fail("%s: what it stands under was not made", o.key())
		return answer{}
	}
	c.bodies[o.key()+media] = body
	return c.call(call{template: o.Path, method: o.Method, path: path, media: media, body: body, token: c.token})
}

// createAll makes an element of every collection, or finds one.
func (c *contract) createAll() {
	c.t.Helper()
	for _, o := range c.inOrder() {
		if o.Method != "POST" || o.Status != http.StatusCreated || slices.Contains(barren, strings.TrimPrefix(o.Path, env)) {
			continue
		}
		a := c.create(o)
		if a.status != o.Status || a.body["id"] == nil && strings.HasSuffix(o.Path, "s") || a.header.Get("Location") == "" {
			c.fail("%s: %d %s", o.key(), a.status, a.raw)
			continue
		}
		c.ids[o.Path], _ = a.body["id"].(string)
		if o.Path == env+"/users" {
			c.signOn()
		}
	}
	c.findAll()
	for _, e := range more {
		o := c.operations[slices.IndexFunc(c.operations, func(o operation) bool { return o.key() == e.key })]
		body := c.named(e.body)
		a := c.call(call{template: o.Path, method: o.Method, path: c.fill(o.Path), media: cmp.Or(e.media, "application/json"), body: body, token: c.token})
		if a.status != o.Status {
			c.fail("%s %s: %d %s", o.key(), body, a.status, a.raw)
		}
	}
}

// findAll takes the first element of the collections in which none was made.
func (c *contract) findAll() {
	c.t.Helper()
	for _, o := range c.operations {
		if o.Plural == "" || c.ids[o.Path] != "" || c.fill(o.Path) == "" {
			continue
		}
		a := c.call(call{template: o.Path, method: "GET", path: c.fill(o.Path), token: c.token})
		embedded, _ := a.body["_embedded"].(map[string]any)
		items, _ := embedded[o.Plural].([]any)
		if len(items) > 0 {
			c.ids[o.Path], _ = items[0].(map[string]any)["id"].(string)
		}
	}
}

// readAll makes every GET.
func (c *contract) readAll() {
	c.t.Helper()
	for _, o := range c.operations {
		path := c.fill(o.Path)
		if o.Method != "GET" {
			continue
		}
		if path == "" {
			c.absent(o)
			continue
		}
		if a := c.call(call{template: o.Path, method: "GET", path: path, token: c.token}); a.status != 200 {
			c.fail("%s: %d %s", o.key(), a.status, a.raw)
		} else {
			c.bodies[o.key()] = a.raw
		}
	}
}

// askAll makes the GETs with parameters.
func (c *contract) askAll() {
	c.t.Helper()
	for _, q := range questions {
		path, asked, _ := strings.Cut(q, " ")
		asked = strings.NewReplacer(" ", "+", `"`, "%22", "[", "%5B", "]", "%5D").Replace(asked)
		if a := c.call(call{template: path, method: "GET", path: c.fill(path) + asked, token: c.token}); a.status != 200 {
			c.fail("GET %s: %d %s", q, a.status, a.raw)
		}
	}
}

// absent reports that there is nothing to call an operation with, unless there
// never is.
func (c *contract) absent(o operation) {
	c.t.Helper()
	if collection, is := o.element(); !is || !slices.Contains(barren, strings.TrimPrefix(collection, env)) {
		c.fail("%s: there is none", o.key())
	}
}

// writeAll makes every PUT and PATCH, with what was read when there is no
// example, and every POST that is no creation.
func (c *contract) writeAll() {
	c.t.Helper()
	for _, o := range c.operations {
		path := c.fill(o.Path)
		if o.Method == "GET" || o.Method == "DELETE" || o.Status == http.StatusCreated || path == "" {
			continue
		}
		for _, media := range o.Media {
			if slices.Contains(needMail, media) {
				continue
			}
			m, body := c.exampleFor(o, media)
			if read := c.bodies["GET "+o.Path]; body == "" && read != "" && o.Method != "POST" {
				body = read
			} else if body == "" {
				_, body = c.example(o)
			}
			c.bodies[o.key()+m] = body
			if a := c.call(call{template: o.Path, method: o.Method, path: path, media: m, body: body, token: c.token}); a.status != o.Status {
				c.fail("%s %s %s: %d %s", o.key(), m, body, a.status, a.raw)
			}
		}
		if len(o.Media) == 0 {
			if a := c.call(call{template: o.Path, method: o.Method, path: path, token: c.token}); a.status != o.Status {
				c.fail("%s: %d %s", o.key(), a.status, a.raw)
			}
		}
	}
}

// deleteAll deletes one element of every collection: a new one, or that which
// the test made when there can be no other.
func (c *contract) deleteAll() {
	c.t.Helper()
	backwards := slices.Clone(c.operations)
	slices.Reverse(backwards)
	for _, o := range backwards {
		if o.Method != "DELETE" {
			continue
		}
		path := c.fill(o.Path)
		if collection, is := o.element(); is {
			i := slices.IndexFunc(c.operations, func(p operation) bool {
				return p.Method == "POST" && p.Path == collection && p.Status == http.StatusCreated
			})
			if i >= 0 {
				if a := c.create(c.operations[i]); a.status == http.StatusCreated {
					path = strings.Replace(path, c.ids[collection], a.body["id"].(string), 1)
				}
			}
		}
		if path == "" {
			c.absent(o)
			continue
		}
		if a := c.call(call{template: o.Path, method: "DELETE", path: path, token: c.token}); a.status != o.Status || a.raw != "" {
			c.fail("%s: %d %s", o.key(), a.status, a.raw)
		}
	}
}

// refuseAll makes the mistakes that an operation can be called with.
func (c *contract) refuseAll() {
	c.t.Helper()
	for _, o := range c.operations {
		path := c.fill(o.Path)
		if path == "" {
			continue // reported above
		}
		media, body := "", ""
		if len(o.Media) > 0 {
			media = o.Media[0]
			body = c.bodies[o.key()+media]
		}
		good := call{template: o.Path, method: o.Method, path: path, media: media, body: body, token: c.token, refused: true}
		c.refused(o, good, 401, func(r *call) { r.token = "" })
		c.refused(o, good, 401, func(r *call) { r.token = c.token[:len(c.token)-8] + "AAAAAAAA" })
		if c.lesser != "" && strings.Contains(o.Path, "{environment}/") {
			c.refused(o, good, 403, func(r *call) { r.token = c.lesser })
		}
		if strings.Contains(o.Path, "{") {
			c.refused(o, good, 404, func(r *call) {
				if strings.Count(o.Path, "{") == 1 {
					r.orElse = 403 // a role may hold in one environment only
				}
				i := strings.LastIndex(o.Path[:strings.LastIndex(o.Path, "}")], "/")
				rest := o.Path[i+1:]
				_, tail, _ := strings.Cut(rest, "}")
				r.path = c.fill(o.Path[:i]) + "/" + unknown + tail
			})
		}
		if len(o.Media) > 0 {
			c.refused(o, good, 400, func(r *call) { r.body = "[1]" })
			c.refused(o, good, 415, func(r *call) { r.media, r.body = "text/plain", "x" })
			c.refused(o, good, 413, func(r *call) { r.body = `{"name": "` + strings.Repeat("x", 2<<20) + `"}` })
			if wrong := mistyped(o.Schema); wrong != "" {
				c.refused(o, good, 400, func(r *call) { r.media, r.body = "application/json", wrong })
			}
		}
		for name, wrong := range map[string]string{"filter": `nothing eq "x"`, "limit": "0", "cursor": "x", "order": "nothing"} {
			if slices.Contains(o.Asks, name) {
				c.refused(o, good, 400, func(r *call) { r.path += "?" + name + "=" + url.QueryEscape(wrong) })
			}
		}
		c.refuseMethod(o, good)
	}
}

// refused makes a call with one change and expects a status.
func (c *contract) refused(o operation, r call, status int, change func(*call)) answer {
	c.t.Helper()
	change(&r)
	a := c.call(r)
	if a.status != status && a.status != r.orElse {
		c.fail("%s as %s %.200s %.300s: %d, want %d: %.500s", o.key(), r.path, r.media, r.body, a.status, status, a.raw)
	}
	return a
}

// refuseMethod calls the operation's path with a method that it does not have.
func (c *contract) refuseMethod(o operation, good call) {
	c.t.Helper()
	for _, method := range []string{"PATCH", "DELETE", "PUT", "POST"} {
		if slices.ContainsFunc(c.operations, func(p operation) bool { return p.Path == o.Path && p.Method == method }) {
			continue
		}
		a := c.refused(o, good, 405, func(r *call) { r.method, r.as = method, o.Method })
		if allow := a.header.Get("Allow"); !strings.Contains(allow, o.Method) || strings.Contains(allow, method) {
			c.fail("%s: Allow is %q", o.key(), allow)
		}
		return
	}
}

// mistyped is a body whose required texts are numbers, "" without any.
func mistyped(schema map[string]any) string {
	required, _ := schema["required"].([]any)
	body := map[string]any{}
	for _, name := range required {
		member := schema["properties"].(map[string]any)[name.(string)].(map[string]any)
		if member["type"] == "string" {
			body[name.(string)] = 7
		}
	}
	raw, err := json.Marshal(body)
	if err != nil || len(body) == 0 {
		return ""
	}
	return string(raw)
}
