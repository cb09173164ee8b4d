package facts

import (
	"encoding/json"
	"errors"
	"slices"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// Person is a user with everything a password decision needs.
type Person struct {
	ID         string // "" is nobody
	User       platform.User
	Credential platform.Credential
	Policy     platform.PasswordPolicy
	PolicyID   string
	Document   store.Document // of the user

	// Version is that of the document or, of nobody, the ticket that holds the
	// credential; 0 when there is none.
	Version int64
}

// Named finds a user by username; nobody has an empty ID and the password
// policy of the default population.
func Named(tx *store.Tx, username string) (Person, error) {
	d, err := tx.Find("user", kind.Equal("usernameKey", kind.FoldText(username)))
	if errors.Is(err, store.ErrMissing) {
		var p Person
		p.Policy, p.PolicyID, err = PasswordPolicy(tx, "")
		return p, err
	}
	if err != nil {
		return Person{}, err
	}
	return PersonOf(tx, d)
}

// ByID finds a user, or ErrMissing.
func ByID(tx *store.Tx, id string) (Person, error) {
	d, c, err := tx.Both("user", "credential", id)
	if err != nil {
		return Person{}, err
	}
	return personOf(tx, d, c)
}

// PersonOf reads the rest of a user's facts.
func PersonOf(tx *store.Tx, d store.Document) (Person, error) {
	c, err := tx.Get("credential", d.ID)
	if err != nil && !errors.Is(err, store.ErrMissing) {
		return Person{}, err
	}
	return personOf(tx, d, c)
}

// personOf is PersonOf with the credential, whose Version is 0 when there is none.
func personOf(tx *store.Tx, d, c store.Document) (Person, error) {
	u, err := Decode[platform.User](d)
	if err != nil {
		return Person{}, err
	}
	p := Person{ID: d.ID, User: u, Document: d}
	if p.Policy, p.PolicyID, err = PasswordPolicy(tx, u.Population.ID); err != nil {
		return p, err
	}
	if c.Version == 0 {
		return p, nil
	}
	p.Version = c.Version
	p.Credential, err = Decode[platform.Credential](c)
	return p, err
}

// PasswordPolicy is that of a population, "" for the default one, or else the
// environment's default.
func PasswordPolicy(tx *store.Tx, population string) (platform.PasswordPolicy, string, error) {
	p, d, err := recalled[platform.PasswordPolicy](tx, "password policy "+population, func() (store.Document, error) { return passwordPolicy(tx, population) })
	return p, d.ID, err
}

func passwordPolicy(tx *store.Tx, id string) (store.Document, error) {
	population, err := tx.Get("population", id)
	if id == "" {
		population, err = Default(tx, "population")
	}
	if err != nil {
		return population, Lacking("population "+id, err)
	}
	p, err := Decode[platform.Population](population)
	if err != nil {
		return population, err
	}
	if p.PasswordPolicy.ID != "" {
		d, err := tx.Get("passwordPolicy", p.PasswordPolicy.ID)
		return d, Lacking("password policy "+p.PasswordPolicy.ID, err)
	}
	d, err := Default(tx, "passwordPolicy")
	return d, Lacking("a default password policy", err)
}

// Standing is a user with what says whether its tokens still count.
type Standing struct {
	User       platform.User
	Credential platform.Credential
	Document   store.Document // of the user
}

// StandingOf finds a user, or ErrMissing.
func StandingOf(tx *store.Tx, id string) (s Standing, err error) {
	var c store.Document
	if s.Document, c, err = tx.Both("user", "credential", id); err != nil {
		return s, err
	}
	if s.User, err = Decode[platform.User](s.Document); err != nil || c.Version == 0 {
		return s, err
	}
	s.Credential, err = Decode[platform.Credential](c)
	return s, err
}

// KeepCredential writes a person's credential back. It refuses when somebody
// else wrote it since it was read.
func KeepCredential(tx *store.Tx, p Person, c platform.Credential) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = tx.Put(store.Document{Kind: "credential", ID: p.ID, Version: p.Version, Body: raw})
	return err
}

// Active reports whether a user exists and is enabled.
func Active(tx *store.Tx, id string) (bool, error) {
	u, _, err := Get[platform.User](tx, "user", id)
	if errors.Is(err, store.ErrMissing) {
		return false, nil
	}
	return err == nil && u.Enabled, err
}

// GroupsOf are the ids of the groups that a user is in: its own, and with those
// that they are nested in.
func GroupsOf(tx *store.Tx, user string) (direct, all []string, err error) {
	if direct, err = groupsAbove(tx, "groupMembership", []string{user}); err != nil {
		return nil, nil, err
	}
	all, err = Nested(tx, direct)
	return direct, all, err
}

// GroupNames are the names of groups.
func GroupNames(tx *store.Tx, ids []string) ([]string, error) {
	out := make([]string, len(ids))
	for i, id := range ids {
		g, _, err := Get[platform.Group](tx, "group", id)
		if err != nil {
			return nil, Lacking("group "+id, err)
		}
		out[i] = g.Name
	}
	return out, nil
}

// MaxGroups bounds how many groups somebody is in, with those that they are
// nested in. More are refused when they are made; if there are more all the
// same, nothing is decided by a part of them.
const MaxGroups = 1000

// Nested are the groups, and those in which they are nested, a level at a time.
func Nested(tx *store.Tx, groups []string) ([]string, error) {
	all, level := slices.Clone(groups), groups
	for len(level) > 0 {
		if len(all) > MaxGroups {
			return nil, fault.TooManyGroups.Saying(MaxGroups)
		}
		above, err := groupsAbove(tx, "groupNesting", level)
		if err != nil {
			return nil, err
		}
		level = slices.DeleteFunc(above, func(id string) bool { return slices.Contains(all, id) })
		all = append(all, level...)
	}
	return all, nil
}

// groupsAbove are the groups of which one of the members is directly one.
func groupsAbove(tx *store.Tx, noun string, members []string) ([]string, error) {
	found, err := tx.List(noun, store.Query{Where: kind.OneOf("parent", members), Limit: MaxGroups + 1})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, d := range found {
		m, err := Decode[platform.GroupMembership](d)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, m.Group.ID) {
			out = append(out, m.Group.ID)
		}
	}
	return out, nil
}
