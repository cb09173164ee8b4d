// Package platform holds the nouns of the management API: their fields, their
// rules, and what a new environment is born with.
package platform

import "pixy/internal/kind"

// Kinds is every resource that the management API serves. A row here is all
// it takes: storage, lists, filters, PATCH and links come from the table.
func Kinds() []kind.Kind {
	return []kind.Kind{
		organizations(), licenses(), environments(), capabilities(),
		roles(), roleAssignments(),
		populations(), users(), groups(), groupMemberships(), groupNestings(),
		userDevices(), linkedAccounts(), agreementConsents(),
		applications(), applicationMetadata(), pushCredentials(), attributeMappings(), grants(), signOnPolicyAssignments(), flowPolicyAssignments(),
		resources(), scopes(), resourceAttributes(), applicationResources(),
		passwordPolicies(), signOnPolicies(), signOnPolicyActions(), flowPolicies(),
		keys(), keyRotationPolicies(), certificates(),
		themes(), brandingSettings(), languages(), agreements(), agreementLanguages(), agreementRevisions(),
		schemas(), schemaAttributes(), identityProviders(), identityProviderAttributes(),
		templates(), notificationsSettings(), gateways(), adminConfig(), deviceAuthenticationPolicies(), mfaSettings(),
	}
}

// The methods of a collection that is read and written, of one that is only
// read, and of what there is one of.
func readWrite() []string { return []string{"LIST", "POST", "GET", "PUT", "DELETE"} }
func readOnly() []string  { return []string{"LIST", "GET"} }
func single() []string    { return []string{"GET", "PUT"} }

// Under which kinds most collections are served.
func inEnvironment() []string { return []string{"environment"} }
func atTop() []string         { return []string{""} }

// name is the field every named noun begins with.
func name() kind.Field {
	return kind.Field{Name: "name", Type: kind.Text, Required: true, MinLen: 1, MaxLen: 256}
}

// uniqueName is a name that no other of the kind has under the same parent.
func uniqueName() kind.Field {
	f := name().FilterBy(kind.Eq, kind.Sw)
	f.Fold, f.Unique = true, true
	return f
}

// description refuses the characters that PingOne refuses.
func description() kind.Field {
	return kind.Field{Name: "description", Type: kind.Text, MaxLen: 1024, Shape: wrongDescription}
}

// parent is the reference that a document served under another one shows.
func parent(name string) kind.Field {
	return kind.Field{Name: name, Type: kind.Object, Access: kind.ReadOnly, Fields: []kind.Field{{Name: "id", Type: kind.Text}}}
}

// theDefault marks the one document of a kind that is the environment's default.
func theDefault() kind.Field {
	f := flag("default", false)
	f.Solo = true
	return f
}

func flag(name string, otherwise bool) kind.Field {
	return kind.Field{Name: name, Type: kind.Boolean, Default: otherwise}
}

func maybe(name string) kind.Field { return kind.Field{Name: name, Type: kind.Boolean} }

func number(name string, least, most int64) kind.Field {
	return kind.Field{Name: name, Type: kind.Number, Min: least, Max: most}
}

func object(name string, fields ...kind.Field) kind.Field {
	return kind.Field{Name: name, Type: kind.Object, Fields: fields}
}

func text(name string, most int) kind.Field {
	return kind.Field{Name: name, Type: kind.Text, MaxLen: most}
}

func moment(name string) kind.Field { return kind.Field{Name: name, Type: kind.Time} }

func choice(name string, values ...string) kind.Field {
	return kind.Field{Name: name, Type: kind.Text, Enum: values}
}

func texts(name string, most int, element kind.Field) kind.Field {
	return kind.Field{Name: name, Type: kind.List, MaxLen: most, Items: &element}
}

// image is a picture that was uploaded elsewhere.
func image(name string) kind.Field {
	return object(name, text("id", 64).Needed(), webURL("href").Needed())
}

func with(f kind.Field, otherwise any) kind.Field {
	f.Default = otherwise
	return f
}

// Reference is {"id": "..."} in a typed body.
type Reference struct {
	ID string `json:"id"`
}

// byID is a reference in a body that Pixy writes itself.
func byID(id string) kind.Body { return kind.Body{"id": id} }
