package platform

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"pixy/internal/kind"
)

// First is what the first documents of an empty database are made of: the ids
// of its environment and worker application, the worker's sealed secret, and
// the environment's signing key.
type First struct {
	Environment string
	Application string
	Secret      string
	KeyID       string
	Key         json.RawMessage
	Now         time.Time
	NewID       func() string
}

// Entries are the roles, an organization with its licence, the first
// environment, and the worker application that configures everything else.
func (f First) Entries() ([]kind.Entry, error) {
	organization, license := f.NewID(), f.NewID()
	entries := RoleEntries()
	root := func(noun, id string, body kind.Body) {
		entries = append(entries, kind.Entry{Root: true, Kind: noun, ID: id, Body: body})
	}
	root("organization", organization, kind.Body{"name": "Pixy", "default": true, "type": "INTERNAL"})
	root("license", license, License(organization, Stamp(f.Now)))
	root("environment", f.Environment, kind.Body{
		"name": "Administrators", "description": "The first environment of this server",
		"type": "PRODUCTION", "region": "NA", "status": "ACTIVE", "organization": byID(organization), "license": byID(license),
		"billOfMaterials": kind.Body{"products": []any{kind.Body{"id": f.NewID(), "type": "PING_ONE_BASE"}}},
	})
	seeded := Seed(Environment{}, kind.Gift{ID: f.Environment, Now: f.Now, NewID: f.NewID, Key: f.Key, KeyID: f.KeyID})
	worker, err := f.worker(organization, seeded)
	return slices.Concat(entries, seeded, worker), err
}

// worker is the worker application and its roles. Its body goes through the
// table of applications like any other.
func (f First) worker(organization string, seeded []kind.Entry) ([]kind.Entry, error) {
	rotation := seeded[slices.IndexFunc(seeded, func(e kind.Entry) bool { return e.Kind == "keyRotationPolicy" })].ID
	body, details, err := NewApplication(kind.Body{
		"name": "Pixy worker", "description": "The application that configures this server", "enabled": true,
		"type": "WORKER", "protocol": "OPENID_CONNECT", "tokenEndpointAuthMethod": AuthBasic,
	}, rotation)
	if err != nil {
		return nil, err
	}
	if len(details) > 0 {
		return nil, fmt.Errorf("the worker application does not fit the table of applications: %v", details)
	}
	everywhere, here := Scope{ID: organization, Type: "ORGANIZATION"}, Scope{ID: f.Environment, Type: "ENVIRONMENT"}
	return []kind.Entry{
		{Env: f.Environment, Kind: "application", ID: f.Application, Body: body},
		{Env: f.Environment, Kind: "secret", ID: f.Application, Body: Secret{Sealed: f.Secret}},
		{Env: f.Environment, Kind: "attributeMapping", ID: f.NewID(), Body: subjectMapping(f.Application)},
		Assign(f.NewID(), f.Application, "Organization Admin", everywhere),
		Assign(f.NewID(), f.Application, "Environment Admin", everywhere),
		Assign(f.NewID(), f.Application, "Identity Data Admin", here),
		Assign(f.NewID(), f.Application, "Client Application Developer", here),
	}, nil
}
