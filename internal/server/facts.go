package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// decode reads a document's body. The error names the document, for the log.
func decode[T any](d store.Document) (T, error) {
	v, err := kind.Read[T](d.Kind, d.Body)
	if err != nil {
		return v, fmt.Errorf("%s %s: %w", d.Kind, d.ID, err)
	}
	return v, nil
}

// readDocument gets a document and reads its body.
func readDocument[T any](tx *store.Tx, noun, id string) (T, store.Document, error) {
	d, err := tx.Get(noun, id)
	if err != nil {
		var none T
		return none, d, err
	}
	v, err := decode[T](d)
	return v, d, err
}

// readAll reads the bodies of all documents of a kind that match, in the order
// in which they were made.
func readAll[T any](tx *store.Tx, noun string, where kind.Expr) ([]T, error) {
	docs, err := tx.List(noun, store.Query{Where: where})
	if err != nil {
		return nil, err
	}
	out := make([]T, len(docs))
	for i, d := range docs {
		if out[i], err = decode[T](d); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// lacking is the error for a document that another one refers to, so that its
// absence is not taken for that of what a request asked for.
func lacking(what string, err error) error {
	if errors.Is(err, store.ErrMissing) {
		return fmt.Errorf("the database lacks %s", what)
	}
	return err
}

// realm is the environment of a request; an environment that does not exist
// has no endpoints.
func (s *Server) realm(tx *store.Tx) (oauth.Realm, error) {
	e, _, err := readDocument[platform.Environment](tx.Root(), "environment", tx.Env())
	if errors.Is(err, store.ErrMissing) {
		return oauth.Realm{}, fault.Missing.Saying(fmt.Sprintf("Unable to find environment with ID: '%s'", tx.Env()))
	}
	return oauth.Realm{Issuer: s.issuer(tx.Env()), Environment: tx.Env(), Organization: e.Organization.ID, Region: e.Region}, err
}

// client reads an application and the names of the scopes it is granted; nil
// when there is none with this id.
func (s *Server) client(tx *store.Tx, id string) (*oauth.Client, error) {
	if !isID(id) {
		return nil, nil
	}
	app, _, err := readDocument[platform.Application](tx, "application", id)
	if errors.Is(err, store.ErrMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &oauth.Client{ID: id, Application: app}
	grants, err := readAll[platform.Grant](tx, "grant", kind.Equal("parent", id))
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		if err := addScopes(tx, c, g); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func addScopes(tx *store.Tx, c *oauth.Client, g platform.Grant) error {
	for _, ref := range g.Scopes {
		scope, _, err := readDocument[platform.ResourceScope](tx, "scope", ref.ID)
		if err != nil {
			return lacking("scope "+ref.ID, err)
		}
		// Refresh tokens are not issued yet, so nobody is promised one.
		if scope.Name != "offline_access" {
			c.Scopes = append(c.Scopes, scope.Name)
		}
	}
	return nil
}

// policy picks the sign-on policy of a request.
func (s *Server) policy(tx *store.Tx, client string, acr []string) (flow.Policy, error) {
	assigned, err := assignedPolicies(tx, client)
	if err != nil {
		return flow.Policy{}, err
	}
	var fallback flow.Policy
	var all []flow.Policy
	if len(assigned) == 0 {
		d, err := tx.Find("signOnPolicy", kind.Expr{Op: kind.Eq, Path: "default", Type: kind.Boolean, Value: true})
		if err != nil {
			return flow.Policy{}, lacking("a default sign-on policy", err)
		}
		if fallback, err = policyOf(tx, d); err != nil {
			return flow.Policy{}, err
		}
	}
	if len(assigned) == 0 && len(acr) > 0 {
		if all, err = allPolicies(tx); err != nil {
			return flow.Policy{}, err
		}
	}
	return flow.Choose(acr, assigned, fallback, all), nil
}

func assignedPolicies(tx *store.Tx, client string) ([]flow.Policy, error) {
	assignments, err := readAll[platform.SignOnPolicyAssignment](tx, "signOnPolicyAssignment", kind.Equal("parent", client))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(assignments, func(a, b platform.SignOnPolicyAssignment) int { return a.Priority - b.Priority })
	var out []flow.Policy
	for _, a := range assignments {
		d, err := tx.Get("signOnPolicy", a.SignOnPolicy.ID)
		if err != nil {
			return nil, lacking("sign-on policy "+a.SignOnPolicy.ID, err)
		}
		p, err := policyOf(tx, d)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func allPolicies(tx *store.Tx) ([]flow.Policy, error) {
	docs, err := tx.List("signOnPolicy", store.Query{})
	if err != nil {
		return nil, err
	}
	var out []flow.Policy
	for _, d := range docs {
		p, err := policyOf(tx, d)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func policyOf(tx *store.Tx, d store.Document) (flow.Policy, error) {
	p, err := decode[platform.SignOnPolicy](d)
	if err != nil {
		return flow.Policy{}, err
	}
	actions, err := readAll[platform.SignOnPolicyAction](tx, "signOnPolicyAction", kind.Equal("parent", d.ID))
	slices.SortStableFunc(actions, func(a, b platform.SignOnPolicyAction) int { return a.Priority - b.Priority })
	return flow.Policy{ID: d.ID, Name: p.Name, Actions: actions}, err
}

// person is a user with everything a password decision needs.
type person struct {
	ID         string
	User       platform.User
	Credential platform.Credential
	version    int64 // of the credential's document, 0 when there is none
	Policy     platform.PasswordPolicy
}

// userNamed finds a user by username; nobody has an empty ID and the password
// policy of the default population.
func (s *Server) userNamed(tx *store.Tx, username string) (person, error) {
	d, err := tx.Find("user", kind.Equal("usernameKey", kind.FoldText(username)))
	if errors.Is(err, store.ErrMissing) {
		return nobody(tx)
	}
	if err != nil {
		return person{}, err
	}
	return personOf(tx, d)
}

func (s *Server) userByID(tx *store.Tx, id string) (person, error) {
	d, err := tx.Get("user", id)
	if err != nil {
		return person{}, err
	}
	return personOf(tx, d)
}

func personOf(tx *store.Tx, d store.Document) (person, error) {
	u, err := decode[platform.User](d)
	if err != nil {
		return person{}, err
	}
	p := person{ID: d.ID, User: u}
	if p.Policy, err = passwordPolicy(tx, u.Population.ID); err != nil {
		return p, err
	}
	c, err := tx.Get("credential", d.ID)
	if errors.Is(err, store.ErrMissing) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	p.version = c.Version
	p.Credential, err = decode[platform.Credential](c)
	return p, err
}

func nobody(tx *store.Tx) (person, error) {
	policy, err := passwordPolicy(tx, "")
	return person{Policy: policy}, err
}

// passwordPolicy is that of a population, "" for the default one, or else the
// environment's default.
func passwordPolicy(tx *store.Tx, population string) (platform.PasswordPolicy, error) {
	d, err := passwordPolicyDocument(tx, population)
	if err != nil {
		return platform.PasswordPolicy{}, err
	}
	return decode[platform.PasswordPolicy](d)
}

func passwordPolicyDocument(tx *store.Tx, population string) (store.Document, error) {
	if population == "" {
		population = defaults(tx)("population")
	}
	if population != "" {
		p, _, err := readDocument[platform.Population](tx, "population", population)
		if err != nil {
			return store.Document{}, lacking("population "+population, err)
		}
		if p.PasswordPolicy.ID != "" {
			d, err := tx.Get("passwordPolicy", p.PasswordPolicy.ID)
			return d, lacking("password policy "+p.PasswordPolicy.ID, err)
		}
	}
	d, err := tx.Find("passwordPolicy", kind.Expr{Op: kind.Eq, Path: "default", Type: kind.Boolean, Value: true})
	return d, lacking("a default password policy", err)
}

// keepCredential writes a person's credential back. It refuses when somebody
// else wrote it since it was read.
func keepCredential(tx *store.Tx, p person, c platform.Credential) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = tx.Put(store.Document{Kind: "credential", ID: p.ID, Version: p.version, Body: raw})
	return err
}
