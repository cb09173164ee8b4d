package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"
)

// tfResource is one resource of a configuration: the collection it is made in,
// what the provider sends, and what the server has answered.
type tfResource struct {
	name string
	in   string // the collection, below the environment
	send object
	// media is the media type of the create, when it is not JSON.
	media string
	// moves are members that change by what other resources do, as a count.
	moves []string
	// noPut: the resource is only made and deleted.
	noPut bool
	// update is what the provider sends with PUT, when that is not send.
	update object
	// stays is the message of the 400 with which a DELETE is refused; the
	// resource then goes with its parent.
	stays string

	id      string
	created object
	read    object
}

func (r *tfResource) at() string { return r.in + "/" + r.id }

// configured is what was sent, but for what is never read.
func (r *tfResource) configured() object {
	out := maps.Clone(r.send)
	delete(out, "password")
	return out
}

// tfRun is a configuration that is applied, in the order in which it stands.
type tfRun struct {
	*world
	t         *testing.T
	resources []*tfResource
}

// apply makes a resource as the provider does: POST, then GET. What the create
// answered must be what a read answers.
func (run *tfRun) apply(r *tfResource) *tfResource {
	run.t.Helper()
	headers := []header{}
	if r.media != "" {
		headers = append(headers, header{"Content-Type": r.media})
	}
	made := run.manage("POST", r.in, r.send, headers...)
	if made.StatusCode != 201 {
		run.t.Fatalf("apply %s: POST %s: %d %s", r.name, r.in, made.StatusCode, made.raw)
	}
	r.id, r.created = made.text("id"), made.body
	run.pass(time.Second)
	read := run.manage("GET", r.at(), nil)
	r.read = read.body
	if read.StatusCode != 200 {
		run.t.Errorf("apply %s: GET %s: %d %s", r.name, r.at(), read.StatusCode, read.raw)
		return r
	}
	want := run.base + "/v1/environments/" + run.env + r.at()
	if made.Header.Get("Location") != want || needsText(made.body, "_links.self.href") != want || needsText(read.body, "_links.self.href") != want {
		run.t.Errorf("apply %s: Location %q, self %q, want %q", r.name, made.Header.Get("Location"), needsText(made.body, "_links.self.href"), want)
	}
	run.same("apply "+r.name+": GET after POST", made.body, read.body)
	for _, d := range tfSent(r.configured(), read.body, "") {
		run.t.Errorf("apply %s: sent and read differ: %s", r.name, d)
	}
	run.resources = append(run.resources, r)
	return r
}

// same holds two answers against each other, but for some members.
func (run *tfRun) same(what string, was, is any, but ...string) {
	run.t.Helper()
	for _, d := range tfDifferences(was, is, "") {
		if !slices.Contains(but, d.path) {
			run.t.Errorf("%s: %s was %s, is %s", what, d.path, d.was, d.is)
		}
	}
}

// tfDifference is a member that differs between two answers.
type tfDifference struct{ path, was, is string }

func (d tfDifference) String() string { return fmt.Sprintf("%s: %s, %s", d.path, d.was, d.is) }

func tfDifferences(was, is any, path string) (out []tfDifference) {
	a, isObject := was.(object)
	b, both := is.(object)
	if !isObject || !both {
		x, _ := json.Marshal(was)
		y, _ := json.Marshal(is)
		if string(x) != string(y) {
			out = append(out, tfDifference{path, string(x), string(y)})
		}
		return out
	}
	names := map[string]bool{}
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	for name := range names {
		at := name
		if path != "" {
			at = path + "." + name
		}
		out = append(out, tfDifferences(a[name], b[name], at)...)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].path < out[j].path })
	return out
}

// tfSent is what the provider would plan to change: members that it sent and
// that read otherwise.
func tfSent(sent, read any, path string) (out []tfDifference) {
	raw, _ := json.Marshal(sent)
	var plain any
	_ = json.Unmarshal(raw, &plain)
	o, ok := plain.(object)
	if !ok {
		return tfDifferences(plain, read, path)
	}
	is, _ := read.(object)
	for name, v := range o {
		out = append(out, tfSent(v, is[name], path+"/"+name)...)
	}
	return out
}

// refresh reads everything again. Nothing may differ from what the apply read,
// but what the later resources have moved.
func (run *tfRun) refresh() {
	run.t.Helper()
	for _, r := range run.resources {
		read := run.manage("GET", r.at(), nil)
		if read.StatusCode != 200 {
			run.t.Errorf("refresh %s: %d %s", r.name, read.StatusCode, read.raw)
			continue
		}
		run.same("refresh "+r.name, r.created, read.body, r.moves...)
		r.read = read.body
	}
}

// replan reads everything once more, a minute later: not a byte may differ.
func (run *tfRun) replan() {
	run.t.Helper()
	run.pass(time.Minute)
	for _, r := range run.resources {
		run.same("re-plan "+r.name, r.read, run.manage("GET", r.at(), nil).want(200).body)
		for _, d := range tfSent(r.configured(), r.read, "") {
			run.t.Errorf("re-plan %s: sent and read differ: %s", r.name, d)
		}
	}
}

// putBack writes what was read, and then what the configuration says: neither
// changes anything but the time of the change.
func (run *tfRun) putBack() {
	run.t.Helper()
	for _, r := range run.resources {
		if r.noPut {
			continue
		}
		configured := r.update
		if configured == nil {
			configured = maps.Clone(r.send)
			delete(configured, "password") // only the import takes one
		}
		for what, body := range map[string]object{"what was read": run.exactly(r), "the configuration": configured} {
			put := run.manage("PUT", r.at(), body)
			if put.StatusCode != 200 {
				run.t.Errorf("PUT %s of %s: %d %s", what, r.name, put.StatusCode, put.raw)
				continue
			}
			run.same("PUT "+what+" of "+r.name, r.read, put.body, "updatedAt")
			run.same("GET after PUT "+what+" of "+r.name, r.read, run.manage("GET", r.at(), nil).want(200).body, "updatedAt")
		}
		r.read = run.manage("GET", r.at(), nil).want(200).body
	}
}

// exactly is what is read of a resource, its numbers as they are written.
func (run *tfRun) exactly(r *tfResource) (body object) {
	run.t.Helper()
	d := json.NewDecoder(strings.NewReader(run.manage("GET", r.at(), nil).want(200).raw))
	d.UseNumber()
	run.must(d.Decode(&body))
	return body
}

// destroy deletes in the reverse order of the apply. What is gone answers 404
// to a read and to a second delete.
func (run *tfRun) destroy() {
	run.t.Helper()
	resources := slices.Clone(run.resources)
	slices.Reverse(resources)
	for _, r := range resources {
		if r.in == "/populations" {
			filter := "/users?filter=" + url.QueryEscape(`population.id eq "`+r.id+`"`)
			for _, u := range needsList(run.manage("GET", filter, nil).want(200), "users") {
				run.manage("DELETE", "/users/"+needsText(u, "id"), nil).want(204)
			}
		}
		gone := run.manage("DELETE", r.at(), nil)
		if r.stays != "" {
			needsError(run.t, "destroy "+r.name, gone, 400, gone.text("code"))
			needsMembers(run.t, "destroy "+r.name, gone.body, object{"details.0.code": "CONSTRAINT_VIOLATION", "details.0.message": r.stays})
			continue
		}
		if gone.StatusCode != 204 || gone.raw != "" {
			run.t.Errorf("destroy %s: %d %s", r.name, gone.StatusCode, gone.raw)
			continue
		}
		needsError(run.t, "GET after destroy of "+r.name, run.manage("GET", r.at(), nil), 404, "NOT_FOUND")
		needsError(run.t, "second destroy of "+r.name, run.manage("DELETE", r.at(), nil), 404, "NOT_FOUND")
	}
	for _, r := range resources {
		needsError(run.t, "after destroy: "+r.name, run.manage("GET", r.at(), nil), 404, "NOT_FOUND")
	}
	run.resources = nil
}

// tfEnvironment makes the environment as the provider does: POST with its bill
// of materials, then reads of the environment and of the bill.
func tfEnvironment(t *testing.T) (run *tfRun, done func()) {
	w := newWorld(t)
	home := w.env
	license := needsText(needsCall(w, "GET", "/environments/"+home, nil).want(200).body, "license.id")
	send := object{"name": "Terraform", "description": "Made by configuration", "type": "SANDBOX", "region": "EU", "license": object{"id": license},
		"billOfMaterials": object{"products": []object{{"type": "PING_ONE_BASE"}, {"type": "PING_ONE_MFA"}}}}
	made := needsCall(w, "POST", "/environments", send).want(201)
	id := made.text("id")
	at := "/environments/" + id
	if made.Header.Get("Location") != w.base+"/v1"+at {
		t.Errorf("Location %q", made.Header.Get("Location"))
	}
	w.env = id
	run = &tfRun{world: w, t: t}
	bill := w.manage("GET", "/billOfMaterials", nil).want(200)
	needsMembers(t, "billOfMaterials", bill.body, object{"products.0.type": "PING_ONE_BASE", "products.1.type": "PING_ONE_MFA", "products.2": nil})
	first := needsCall(w, "GET", at, nil).want(200)
	run.same("environment: GET after POST", made.body, first.body, "billOfMaterials")
	return run, func() {
		again := needsCall(w, "GET", at, nil).want(200)
		run.same("environment: re-plan", first.body, again.body)
		run.same("environment: re-plan of the bill", bill.body, w.manage("GET", "/billOfMaterials", nil).want(200).body)
		for what, body := range map[string]object{"what was read": again.body, "the configuration": send} {
			run.same("environment: PUT "+what, first.body, needsCall(w, "PUT", at, body).want(200).body, "updatedAt", "billOfMaterials")
			run.same("environment: GET after PUT "+what, first.body, needsCall(w, "GET", at, nil).want(200).body, "updatedAt", "billOfMaterials.updatedAt")
		}
		needsMembers(t, "PUT of the type", needsCall(w, "PUT", at+"/type", object{"type": "SANDBOX"}).want(200).body, object{"type": "SANDBOX", "id": id})
		if r := needsCall(w, "DELETE", at, nil); r.StatusCode != 204 || r.raw != "" {
			t.Fatalf("destroy the environment: %d %s", r.StatusCode, r.raw)
		}
		gone := needsCall(w, "GET", at, nil)
		needsError(t, "the environment is gone", gone, 404, "NOT_FOUND")
		needsMembers(t, "the environment is gone", gone.body, object{"message": "Unable to find environment with ID: '" + id + "'"})
		needsError(t, "a second destroy", needsCall(w, "DELETE", at, nil), 404, "NOT_FOUND")
		w.env = home
	}
}
