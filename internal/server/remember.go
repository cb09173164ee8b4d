package server

// Remembered are the kinds of document that a node may remember for a moment:
// what sign-ons and tokens are decided with and administrators change. Users,
// their credentials and memberships, and all that expires are read each time;
// so is everything that the management API shows, and whatever it decides on.
func Remembered() []string {
	return []string{
		"environment", "organization", "population", "passwordPolicy", "schemaAttribute",
		"application", "secret", "attributeMapping", "grant", "signOnPolicyAssignment", "flowPolicyAssignment",
		"signOnPolicy", "signOnPolicyAction",
		"resource", "resourceSecret", "resourceAttribute", "scope",
		"key", "keyRotationPolicy",
		"roleAssignment", "group", "groupNesting",
	}
}
