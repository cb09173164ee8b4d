// Package manage is the management API without HTTP: what a request asks for
// is loaded, held against the tables of package platform, kept and shown. One
// set of handlers serves every kind; what is special about one stands in a file
// of its own.
package manage

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// API serves the management API. It is safe for concurrent use.
type API struct {
	db      *store.DB
	vault   *facts.Vault
	records facts.Records
	base    string // scheme and host of links
	now     func() time.Time
	kinds   []kind.Kind
	byName  map[string]kind.Kind
	cursors []byte // the key of cursors
	patient time.Duration
	special map[string]hooks
}

// New makes an API whose links begin with base.
func New(db *store.DB, vault *facts.Vault, records facts.Records, base string, now func() time.Time) *API {
	a := &API{db: db, vault: vault, records: records, base: base, now: now, kinds: platform.Kinds(), byName: map[string]kind.Kind{},
		cursors: vault.MACKey("cursor"), patient: patience}
	for _, k := range a.kinds {
		a.byName[k.Table().Name] = k
	}
	a.special = a.allHooks()
	return a
}

// Kinds are the kinds that are served, by name.
func (a *API) Kinds() map[string]kind.Kind { return a.byName }

// patience is how long a list may read.
const patience = 2 * time.Second

// Actor is who calls: a worker application, or a user through one.
type Actor struct {
	ID           string
	Client       string // the application, also when it acts for a user
	User         string // the id of the user, "" when the application acts for itself
	Environment  string // that the token was issued in
	Organization string // of this server
	facts.Actor
}

// Request is a call of the management API, its caller known.
type Request struct {
	Actor       Actor
	Method      string
	Path        string            // as it was asked for, with its query: "/v1/environments?limit=2"
	IDs         map[string]string // the ids in the path, by the names of their kinds
	Query       url.Values
	Media       string // of the body, without parameters
	Body        kind.Body
	RemoteIP    string
	Correlation string

	wanted platform.Access
	reach  platform.Reach // of the actor's roles in what is wanted
	ended  *bool          // set when sessions may have ended
}

func (r Request) env() string { return r.IDs["environment"] }

// Answer is what a call comes to.
type Answer struct {
	Status   int
	Body     kind.Body // nil for none
	Location string    // of what was created, or ""
	Updated  time.Time // of what is shown, when nothing else is shown with it
	Ended    bool      // sessions may have ended, of which applications are to hear
}

type handler func(context.Context, Request) (Answer, error)

// Serve answers a request at a route: the actor's roles must permit it, and the
// environment must be there.
func (a *API) Serve(ctx context.Context, route Route, r Request) (Answer, error) {
	r.wanted = platform.Access{Area: route.Area, Write: route.Write, Environment: r.env(), Organization: r.Actor.Organization}
	refusal := r.authorize()
	if env := r.env(); env != "" {
		if err := a.db.View(ctx, env, func(tx *store.Tx) error { return a.environmentExists(tx) }); err != nil {
			return Answer{}, err
		}
	}
	if refusal != nil {
		return Answer{}, refusal
	}
	var ended bool
	r.ended = &ended
	answer, err := route.handle(ctx, r)
	answer.Ended = ended
	return answer, err
}

// endUser ends all that a user has signed on to.
func (a *API) endUser(tx *store.Tx, r Request, user string) error {
	*r.ended = true
	return a.records.EndUser(tx, user)
}

func (a *API) environmentExists(tx *store.Tx) error {
	_, err := facts.Environment(tx)
	return facts.Missing(err, notFound(a.byName["environment"].Table(), tx.Env(), ""))
}

// place is where a request acts.
type place struct {
	spec   *kind.Spec
	env    string       // that the transaction is bound to, "" for the root scope
	id     string       // of the element on the wire, "" for the collection
	under  string       // the kind of the parent, "" at the top
	parent string       // its id, "" when it is the environment
	self   string       // the URL of the collection, or of the one there is
	trusts bool         // the actor may write there, and sees what is confided
	custom []kind.Field // that the environment adds to the kind's; nil when they were not read yet
}

// customized is a place with the fields that the environment adds to the kind's.
func (a *API) customized(tx *store.Tx, p place) (place, error) {
	var err error
	if p.custom == nil {
		p.custom, err = a.hooks(p).fields(tx)
	}
	return p, err
}

// where finds the place of a request for a kind. under is the kind of its
// parent.
func (a *API) where(r Request, k kind.Kind, under string) place {
	spec := k.Table()
	p := place{spec: spec, id: r.IDs[a.idName(spec, under)], env: r.env(), under: under}
	if under != "environment" && under != "" {
		p.parent = r.IDs[under]
	}
	write := r.wanted
	write.Write = true
	p.trusts = write.Area == spec.Area && platform.Reaches(r.Actor.Assignments, write).Everywhere
	if spec.Name == "environment" || under == "organization" {
		p.env = ""
	}
	if spec.Single {
		p.id = r.IDs[under]
	}
	path, _, _ := strings.Cut(r.Path, "?")
	p.self = a.base + path
	if p.id != "" && !spec.Single {
		at := strings.LastIndex(p.self, "/"+p.id)
		p.self = p.self[:max(at, 0)]
	}
	return p
}

// nestedName is the name of an element's id in a path where its kind's name is
// taken by the parent.
func nestedName(name string) string { return "nested" + name }

// document is the id that an element has in the store.
func (p place) document() string {
	if p.spec.By != "" {
		return p.parent + "." + p.id
	}
	return p.id
}

func notFound(spec *kind.Spec, id, env string) *fault.Fault {
	sentence := spec.NotFound
	switch {
	case sentence == "" && env == "":
		return fault.Missing.Saying(fmt.Sprintf("Unable to find %s with ID: '%s'", spec.Title, id))
	case sentence == "":
		sentence = "Unable to find " + spec.Title + " with ID: '%s' in Environment '%s'"
	case strings.Count(sentence, "%") == 1:
		return fault.Missing.Saying(fmt.Sprintf(sentence, id))
	}
	return fault.Missing.Saying(fmt.Sprintf(sentence, id, env))
}

// get reads an element of the place, as far as the roles reach. One under
// another parent is not found.
func (a *API) get(tx *store.Tx, r Request, p place) (store.Document, kind.Body, error) {
	if err := a.parentExists(tx, r, p); err != nil {
		return store.Document{}, nil, err
	}
	d, err := home(tx, p.spec).Get(p.spec.Name, p.document())
	if err != nil {
		return d, nil, facts.Missing(err, notFound(p.spec, p.id, p.env))
	}
	body, err := facts.Body(d)
	if err == nil && p.parent != "" && kind.At(body, "parent") != p.parent {
		err = notFound(p.spec, p.id, p.env)
	}
	if err == nil && p.parent == "" && !within(r.reach, p.spec, p.id, body) && !(p.spec.Name == "environment" && !r.wanted.Write) {
		err = notFound(p.spec, p.id, p.env)
	}
	return d, body, err
}

// parentExists refuses a collection whose parent is not there, or not reached.
func (a *API) parentExists(tx *store.Tx, r Request, p place) error {
	switch {
	case p.parent != "":
		parent := a.where(r, a.byName[p.under], a.parentOf(r, p.under))
		parent.id = p.parent
		_, _, err := a.get(tx, r, parent)
		return err
	case p.spec.Name == "environment" || p.under != "environment" || len(p.spec.Reach) > 0:
		return nil
	}
	return narrow(r)
}

// parentOf is the kind under which another one stands in the path of a request.
func (a *API) parentOf(r Request, noun string) string {
	for _, under := range a.byName[noun].Table().Parents {
		if under == "" || r.IDs[under] != "" {
			return under
		}
	}
	return ""
}

// isMissing reports the absence of a document.
func isMissing(err error) bool { return errors.Is(err, store.ErrMissing) }
