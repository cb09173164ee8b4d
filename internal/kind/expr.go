package kind

// Op is an operator of a filter.
type Op string

// The operators: And, Or and Not join the Args of an Expr, the others compare
// what stands at its Path with its Value.
const (
	And Op = "and"
	Or  Op = "or"
	Not Op = "not"
	Eq  Op = "eq"
	Ne  Op = "ne"
	Sw  Op = "sw" // starts with
	Gt  Op = "gt"
	Ge  Op = "ge"
	Lt  Op = "lt"
	Le  Op = "le"
	Pr  Op = "pr" // present
)

// Expr is a condition on a stored document. The zero Expr matches everything.
//
// Path is a dotted path into the body ("population.id"), or one of the
// columns "id", "createdAt" and "updatedAt". It is always taken from the table
// of a kind, never from a request, because it becomes part of a statement.
type Expr struct {
	Op    Op
	Path  string
	Type  Type
	Value any // string, int64, bool or time.Time, by Type
	Args  []Expr
}

// Equal is the condition that the text at path is value.
func Equal(path, value string) Expr {
	return Expr{Op: Eq, Path: path, Type: Text, Value: value}
}
