// Package platform holds the nouns of the management API: their fields, their
// rules, and what a new environment is born with.
package platform

import "pixy/internal/kind"

// Kinds is every resource that the management API serves. A row here is all
// it takes: storage, lists, filters, PATCH and links come from the table.
func Kinds() []kind.Kind {
	return []kind.Kind{
		environments(),
		roles(),
		populations(),
		users(),
		applications(),
		grants(),
		signOnPolicyAssignments(),
		resources(),
		scopes(),
		passwordPolicies(),
		signOnPolicies(),
		signOnPolicyActions(),
	}
}

// The methods of a collection that is read and written, and of one that is
// only read.
func readWrite() []string { return []string{"LIST", "POST", "GET", "PUT", "DELETE"} }
func readOnly() []string  { return []string{"LIST", "GET"} }

// name is the field every named noun begins with.
func name() kind.Field {
	return kind.Field{Name: "name", Type: kind.Text, Required: true, MinLen: 1, MaxLen: 256}
}

func description() kind.Field {
	return kind.Field{Name: "description", Type: kind.Text, MaxLen: 1024}
}

// parent is the reference that a document served under another one shows.
func parent(name string) kind.Field {
	return kind.Field{Name: name, Type: kind.Object, Access: kind.ReadOnly, Fields: []kind.Field{{Name: "id", Type: kind.Text}}}
}

func flag(name string, otherwise bool) kind.Field {
	return kind.Field{Name: name, Type: kind.Boolean, Default: otherwise}
}

func number(name string, least, most int64) kind.Field {
	return kind.Field{Name: name, Type: kind.Number, Min: least, Max: most}
}

func object(name string, fields ...kind.Field) kind.Field {
	return kind.Field{Name: name, Type: kind.Object, Fields: fields}
}

func text(name string, most int) kind.Field {
	return kind.Field{Name: name, Type: kind.Text, MaxLen: most}
}

func choice(name string, values ...string) kind.Field {
	return kind.Field{Name: name, Type: kind.Text, Enum: values}
}

func texts(name string, most int, element kind.Field) kind.Field {
	return kind.Field{Name: name, Type: kind.List, MaxLen: most, Items: &element}
}

func with(f kind.Field, otherwise any) kind.Field {
	f.Default = otherwise
	return f
}

// Reference is {"id": "..."} in a typed body.
type Reference struct {
	ID string `json:"id"`
}
