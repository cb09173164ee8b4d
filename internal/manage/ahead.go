package manage

import (
	"pixy/internal/facts"
	"pixy/internal/kind"
	"pixy/internal/store"
)

// needs are what documents are shown with, by their ids and names.
type needs struct {
	documents map[string][]string // by the kind
	tallies   []string
}

// ahead reads what the documents of a page are shown with: what stands beside
// them, what they stand for or are expanded by, and their tallies. It takes a
// statement for each kind of that, and not for each document.
func (a *API) ahead(tx *store.Tx, r Request, p place, docs []store.Document) error {
	n := &needs{documents: map[string][]string{}}
	for _, d := range docs {
		n.of(p.spec, d.ID)
		if err := a.related(r, p, d, n); err != nil {
			return err
		}
	}
	for noun, ids := range n.documents {
		if err := tx.GetAhead(noun, ids); err != nil {
			return err
		}
	}
	return home(tx, p.spec).TalliedAhead(n.tallies)
}

// of adds what a document of a kind is shown with.
func (n *needs) of(spec *kind.Spec, id string) {
	if spec.Beside != "" {
		n.documents[spec.Beside] = append(n.documents[spec.Beside], id)
	}
	for _, c := range spec.Counts {
		if c.Tally {
			n.tallies = append(n.tallies, tallyName(c, id))
		}
	}
}

// related adds what a document stands for, and what it is to be expanded by,
// which is shown too.
func (a *API) related(r Request, p place, d store.Document, n *needs) error {
	asked := words(r.Query.Get("expand"))
	if p.spec.By == "" && len(asked) == 0 {
		return nil
	}
	body, err := facts.Body(d)
	add := func(noun, rel string, shown bool) {
		k, known := a.byName[noun]
		id := kind.At(body, rel+".id")
		if !known || id == "" || k.Table().Above {
			return
		}
		n.documents[noun] = append(n.documents[noun], id)
		if shown {
			n.of(k.Table(), id)
		}
	}
	add(p.spec.By, p.spec.By, false)
	for _, rel := range asked {
		if rel == p.spec.By {
			add(rel, rel, true)
		} else {
			add(p.spec.RefersTo(rel), rel, true)
		}
	}
	return err
}
