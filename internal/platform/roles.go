package platform

import "slices"

// Role is one of the platform's roles. Reads and Writes are areas of the
// management API; who may write an area may read it.
type Role struct {
	ID           string
	Name         string
	Description  string
	ApplicableTo []string
	Reads        []string
	Writes       []string
	CanAssign    []string // the names of the roles that its holder may give to others
}

// RoleByID finds a role.
func RoleByID(id string) (Role, bool) {
	all := Roles()
	i := slices.IndexFunc(all, func(r Role) bool { return r.ID == id })
	if i < 0 {
		return Role{}, false
	}
	return all[i], true
}

// What roles have in common: the areas of configuration and of identities.
func configuration() []string {
	return []string{"applications", "policies", "resources", "populations", "groups", "keys", "branding", "agreements", "identityProviders",
		"languages", "notifications", "gateways", "schemas", "mfa"}
}

func identities() []string {
	return []string{"users", "passwords", "sessions", "groups", "populations"}
}

// Roles are the platform's roles. Their ids are the same on every server, so
// that configuration can be carried from one to another. Those of products
// that Pixy is not permit nothing; clients look them up by name.
func Roles() []Role {
	org, env := []string{ScopeOrganization}, []string{ScopeEnvironment}
	orgEnv := []string{ScopeOrganization, ScopeEnvironment}
	people := []string{ScopeEnvironment, ScopePopulation}
	look := []string{"roles", "environments", "licenses"}
	return []Role{
		{ID: roleID(1), Name: "Organization Admin", ApplicableTo: org, Description: "Creates and deletes environments and reads the organization.",
			Reads: []string{"roles", "audit"}, Writes: []string{"organizations", "environments", "licenses", "roleAssignments"}, CanAssign: []string{"Environment Admin"}},
		{ID: roleID(2), Name: "Environment Admin", ApplicableTo: orgEnv, Description: "Configures environments: applications, policies, resources, keys, branding.",
			Reads: []string{"roles", "licenses", "audit"}, Writes: slices.Concat(configuration(), []string{"environments", "secrets", "roleAssignments"}), CanAssign: allButOrganizationAdmin()},
		{ID: roleID(3), Name: "Identity Data Admin", ApplicableTo: people, Description: "Manages users, groups and populations.",
			Reads: slices.Concat(look, []string{"policies", "schemas", "audit", "branding"}), Writes: slices.Concat(identities(), []string{"roleAssignments", "mfa"}),
			CanAssign: []string{"Identity Data Read Only", "Help Desk Admin"}},
		{ID: roleID(4), Name: "Client Application Developer", ApplicableTo: []string{ScopeEnvironment, ScopeApplication}, Description: "Manages applications and their secrets.",
			Reads: slices.Concat(look, []string{"resources", "policies", "keys", "branding", "roleAssignments"}), Writes: []string{"applications", "secrets"}},
		{ID: roleID(5), Name: "Application Owner", ApplicableTo: []string{ScopeApplication}, Description: "Manages one application.",
			Reads: []string{"roles"}, Writes: []string{"applications", "secrets"}},
		{ID: roleID(6), Name: "Identity Data Read Only", ApplicableTo: people, Description: "Reads users, groups and populations.",
			Reads: slices.Concat(look, identities(), []string{"policies", "schemas", "audit"})},
		{ID: roleID(7), Name: "Configuration Read Only", ApplicableTo: orgEnv, Description: "Reads the configuration of environments.",
			Reads: slices.Concat(look, configuration(), []string{"audit", "roleAssignments"})},
		{ID: roleID(8), Name: "Help Desk Admin", ApplicableTo: people, Description: "Reads users, unlocks them and sets their passwords.",
			Reads: slices.Concat(look, []string{"users", "groups", "populations", "policies"}), Writes: []string{"passwords", "sessions"}},
		{ID: roleID(9), Name: "Custom Roles Admin", ApplicableTo: org, Description: "Reads the roles.", Reads: []string{"roles"}},
		{ID: roleID(10), Name: "DaVinci Admin", ApplicableTo: env},
		{ID: roleID(11), Name: "DaVinci Admin Read Only", ApplicableTo: env},
		{ID: roleID(12), Name: "Advanced Identity Cloud Super Admin", ApplicableTo: env},
		{ID: roleID(13), Name: "Advanced Identity Cloud Tenant Admin", ApplicableTo: env},
		{ID: roleID(14), Name: "Authorize Gateway Policy Evaluator", ApplicableTo: env},
		{ID: roleID(15), Name: "PingFederate Administrator", ApplicableTo: env},
		{ID: roleID(16), Name: "PingFederate Auditor", ApplicableTo: env},
		{ID: roleID(17), Name: "PingFederate Crypto Administrator", ApplicableTo: env},
		{ID: roleID(18), Name: "PingFederate Expression Administrator", ApplicableTo: env},
		{ID: roleID(19), Name: "PingFederate User Administrator", ApplicableTo: env},
	}
}

// allButOrganizationAdmin are the roles that an Environment Admin may give.
func allButOrganizationAdmin() []string {
	return []string{"Environment Admin", "Identity Data Admin", "Client Application Developer", "Application Owner", "Identity Data Read Only",
		"Configuration Read Only", "Help Desk Admin", "Custom Roles Admin", "DaVinci Admin", "DaVinci Admin Read Only", "Advanced Identity Cloud Super Admin",
		"Advanced Identity Cloud Tenant Admin", "Authorize Gateway Policy Evaluator", "PingFederate Administrator", "PingFederate Auditor",
		"PingFederate Crypto Administrator", "PingFederate Expression Administrator", "PingFederate User Administrator"}
}

func roleID(n int) string {
	const digits = "0123456789"
	return "70712a0a-0000-4000-8000-0000000000" + string([]byte{digits[n/10], digits[n%10]})
}
