package manage

import (
	"encoding/json"
	"strings"
	"unicode"

	"pixy/internal/facts"
	"pixy/internal/kind"
	"pixy/internal/store"
)

// follow does what a change of a document entails, in the same transaction:
// tallies, the one default, what ends with it, and the event. before has
// Version 0 for what is new, after for what is gone.
func (a *API) follow(tx *store.Tx, r Request, p place, before, after store.Document, verb string) error {
	was, err := bodyOrNone(before)
	if err != nil {
		return err
	}
	is, err := bodyOrNone(after)
	if err != nil {
		return err
	}
	if err := a.tally(p, tx, before, after, was, is); err != nil {
		return err
	}
	if is["default"] == true && was["default"] != true && after.Version > 0 {
		if err := a.onlyDefault(tx, r, p, after.ID); err != nil {
			return err
		}
	}
	if err := a.endTickets(tx, r, p, was, is); err != nil {
		return err
	}
	if after.Version == 0 {
		if err := a.hooks(p).gone(tx, was); err != nil {
			return err
		}
	}
	return a.record(tx, r, p, was, is, verb)
}

// record keeps the event of a change. What stands for another document is
// told about its parent.
func (a *API) record(tx *store.Tx, r Request, p place, was, is kind.Body, verb string) error {
	subject := p.id
	if p.spec.By != "" {
		subject = p.parent
	}
	noun := EventNoun(p.spec.Name)
	return a.Record(p.diary(tx, r, verb == "DELETED"), r, What{Action: noun + "." + verb, Type: noun, ID: subject, Name: nameOf(is, was), Population: populationOf(p, was, is)})
}

// nameOf is what a document is called: its name, or its username.
func nameOf(bodies ...kind.Body) string {
	for _, body := range bodies {
		for _, member := range []string{"name", "username"} {
			if name := kind.At(body, member); name != "" {
				return name
			}
		}
	}
	return ""
}

// recordEntries keeps the events of what came with a new document and matters
// by itself: roles that were given, and keys.
func (a *API) recordEntries(tx *store.Tx, r Request, p place, entries []kind.Entry) error {
	for _, e := range entries {
		if e.Kind != "roleAssignment" && (e.Kind != "key" || p.spec.Name == "environment") {
			continue
		}
		noun := EventNoun(e.Kind)
		if err := a.Record(p.diary(tx, r, false), r, What{Action: noun + ".CREATED", Type: noun, ID: e.ID}); err != nil {
			return err
		}
	}
	return nil
}

func bodyOrNone(d store.Document) (kind.Body, error) {
	if d.Version == 0 || d.Body == nil {
		return kind.Body{}, nil
	}
	return facts.Body(d)
}

func populationOf(p place, was, is kind.Body) string {
	if p.spec.Name == "population" {
		return p.id
	}
	if id := kind.At(is, "population.id"); id != "" {
		return id
	}
	return kind.At(was, "population.id")
}

// tally keeps the counts that other documents show.
func (a *API) tally(p place, tx *store.Tx, before, after store.Document, was, is kind.Body) error {
	for _, other := range a.kinds {
		for _, c := range other.Table().Counts {
			if !c.Tally || c.Kind != p.spec.Name {
				continue
			}
			from, to := kind.At(was, c.Path), kind.At(is, c.Path)
			if from == to {
				continue
			}
			for id, by := range map[string]int{from: -1, to: 1} {
				if id == "" {
					continue
				}
				if err := tx.Tally(tallyName(c, id), before.ID+after.ID, by); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// onlyDefault clears the mark of the default in all documents of the kind but
// one.
func (a *API) onlyDefault(tx *store.Tx, r Request, p place, id string) error {
	docs, err := home(tx, p.spec).List(p.spec.Name, store.Query{Where: kind.Expr{Op: kind.Eq, Path: "default", Type: kind.Boolean, Value: true}})
	if err != nil {
		return err
	}
	for _, d := range docs {
		if d.ID == id {
			continue
		}
		body, err := facts.Body(d)
		if err != nil {
			return err
		}
		body["default"] = false
		if d.Body, err = json.Marshal(body); err != nil {
			return err
		}
		if _, err := home(tx, p.spec).Put(d); err != nil {
			return err
		}
		other := p
		other.id = d.ID
		if err := a.record(tx, r, other, body, body, "UPDATED"); err != nil {
			return err
		}
	}
	return nil
}

// What is what an event reports.
type What struct {
	Action     string // "USER.CREATED"
	Type       string // of what it was done to: "USER"
	ID         string
	Name       string
	Population string
	Failure    string // why it failed; "" for success
}

// Record keeps the event of something that an actor of the management API did.
func (a *API) Record(tx *store.Tx, r Request, w What) error {
	who := Who{Client: r.Actor.Client, ClientName: r.Actor.ClientName, User: r.Actor.User, Username: r.Actor.Username, Environment: r.Actor.Environment, RemoteIP: r.RemoteIP, Correlation: r.Correlation}
	return RecordEvent(tx, a.vault.NewID(), who, w)
}

// Who is the actors of an event: the application, and the user.
type Who struct {
	Client, ClientName string
	User, Username     string
	Environment        string // of the actors
	RemoteIP           string
	Correlation        string
}

// eventBody is what an event tells beside its columns. It holds no secret.
type eventBody struct {
	Type        string `json:"type"`
	Name        string `json:"name,omitempty"`
	ClientName  string `json:"clientName,omitempty"`
	Username    string `json:"username,omitempty"`
	Environment string `json:"environment"`
	RemoteIP    string `json:"remoteIp,omitempty"`
	Description string `json:"description"`
}

// RecordEvent keeps an event in the environment of a transaction.
func RecordEvent(tx *store.Tx, id string, who Who, w What) error {
	result, description := "SUCCESS", sentence(w.Action)
	if w.Failure != "" {
		result, description = "FAILURE", w.Failure
	}
	body, err := json.Marshal(eventBody{Type: w.Type, Name: w.Name, ClientName: who.ClientName, Username: who.Username, Environment: who.Environment,
		RemoteIP: who.RemoteIP, Description: description})
	if err != nil {
		return err
	}
	return tx.Record(store.Event{ID: id, Action: w.Action, Actor: who.User, Client: who.Client, Target: w.ID, Population: w.Population,
		Correlation: who.Correlation, Result: result, Body: body})
}

// sentence says an action in words: "Sign on policy created".
func sentence(action string) string {
	text := strings.ToLower(strings.NewReplacer("_", " ", ".", " ").Replace(action))
	return strings.ToUpper(text[:1]) + text[1:]
}

// EventNoun is a kind's name as events write it: "SIGN_ON_POLICY".
func EventNoun(name string) string {
	var out strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			out.WriteByte('_')
		}
		out.WriteRune(unicode.ToUpper(r))
	}
	return out.String()
}
