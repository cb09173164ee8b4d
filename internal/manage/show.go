package manage

import (
	"fmt"
	"slices"
	"strings"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// show is a document as the API answers with it.
func (a *API) show(tx *store.Tx, k kind.Kind, p place, d store.Document) (kind.Body, error) {
	p, err := a.customized(tx, p)
	if err != nil {
		return nil, err
	}
	out, body, err := facts.Show(tx, k, p.custom, d)
	if err != nil {
		return nil, err
	}
	if p.trusts {
		a.confide(p, d.ID, body, out)
	}
	if err := a.counts(home(tx, p.spec), p.spec, d.ID, out); err != nil {
		return nil, err
	}
	if p.spec.By != "" {
		if err := standFor(tx, p, body, out); err != nil {
			return nil, err
		}
	}
	if err := a.hooks(p).show(tx, d.ID, out); err != nil {
		return nil, err
	}
	id, _ := out["id"].(string)
	at := kind.Place{Top: a.base + "/v1", Self: p.self + "/" + id}
	if p.spec.Single {
		at.Self = p.self
	}
	if p.env != "" {
		at.Environment = a.base + "/v1/environments/" + p.env
		out["environment"] = kind.Body{"id": p.env}
	}
	out["_links"] = kind.Hrefs(p.spec.Links, out, at)
	return out, nil
}

// counts adds the members that count other documents.
func (a *API) counts(tx *store.Tx, spec *kind.Spec, id string, out kind.Body) error {
	for _, c := range spec.Counts {
		var n int
		var err error
		if c.Tally {
			n, err = tx.Tallied(tallyName(c, id))
		} else {
			n, err = tx.Count(c.Kind, kind.Equal(c.Path, id), 0, 0)
		}
		if err != nil {
			return err
		}
		if outer, inner, nested := strings.Cut(c.Field, "."); nested {
			out[outer] = kind.Body{inner: n}
		} else {
			out[c.Field] = n
		}
	}
	return nil
}

func tallyName(c kind.Count, id string) string { return c.Kind + " " + c.Path + " " + id }

// standFor gives a document that stands for another one that one's id and name.
func standFor(tx *store.Tx, p place, body, out kind.Body) error {
	id := kind.At(body, p.spec.By+".id")
	other, err := tx.Get(p.spec.By, id)
	if err != nil {
		return facts.Lacking(p.spec.By+" "+id, err)
	}
	named, err := facts.Body(other)
	out["id"], out["name"] = id, named["name"]
	return err
}

// enrich adds what a request asks for beyond the document: include for the
// groups of a user, expand for what a document refers to.
func (a *API) enrich(tx *store.Tx, r Request, p place, out kind.Body) error {
	id, _ := out["id"].(string)
	for _, wanted := range words(r.Query.Get("include")) {
		if p.spec.Name != "user" || wanted != "memberOfGroupIDs" && wanted != "memberOfGroupNames" {
			continue
		}
		values, err := groupsOf(tx, id, wanted == "memberOfGroupNames")
		if err != nil {
			return err
		}
		out[wanted] = values
	}
	for _, rel := range words(r.Query.Get("expand")) {
		if err := a.expand(tx, r, p, rel, out); err != nil {
			return err
		}
	}
	return nil
}

func groupsOf(tx *store.Tx, user string, names bool) ([]string, error) {
	_, ids, err := facts.GroupsOf(tx, user)
	if err != nil || !names {
		return append([]string{}, ids...), err
	}
	return facts.GroupNames(tx, ids)
}

// expand embeds what a document refers to, or stands for, as far as the roles
// reach it. What is not there is left out.
func (a *API) expand(tx *store.Tx, r Request, p place, rel string, out kind.Body) error {
	noun, id := p.spec.RefersTo(rel), kind.At(out, rel+".id")
	if p.spec.By == rel {
		noun, id = rel, kind.At(out, "id")
	}
	k, known := a.byName[noun]
	if !known || id == "" || k.Table().Above {
		return nil
	}
	d, err := tx.Get(noun, id)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	may := platform.Reaches(r.Actor.Assignments, platform.Access{Area: k.Table().Area, Environment: p.env, Organization: r.Actor.Organization})
	body, err := facts.Body(d)
	if err != nil || !within(may, k.Table(), id, body) {
		return err
	}
	other := place{spec: k.Table(), env: p.env, id: id, self: a.base + "/v1/environments/" + p.env + "/" + k.Table().Plural}
	shown, err := a.show(tx, k, other, d)
	if err != nil {
		return err
	}
	embedded, _ := out["_embedded"].(kind.Body)
	if embedded == nil {
		embedded = kind.Body{}
	}
	embedded[rel], out["_embedded"] = shown, embedded
	return nil
}

// maxWords bounds how many things include and expand may ask for.
const maxWords = 5

func checkWords(r Request) error {
	for _, name := range []string{"include", "expand"} {
		if len(words(r.Query.Get(name))) > maxWords {
			return fault.Malformed.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: name, Message: fmt.Sprintf("must name at most %d different things", maxWords)})
		}
	}
	return nil
}

// words are the different words of a list.
func words(list string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}
