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
	Co  Op = "co" // contains
	Ew  Op = "ew" // ends with
	Gt  Op = "gt"
	Ge  Op = "ge"
	Lt  Op = "lt"
	Le  Op = "le"
	Pr  Op = "pr" // present
	// Among: documents of Kind name this one as their parent, and have Value
	// at Path. No filter says it itself: lists that are kept elsewhere do.
	Among Op = "among"
	// Mentions: the text Value stands somewhere in the body.
	Mentions Op = "mentions"
)

// Expr is a condition on a stored document. The zero Expr matches everything.
//
// Path is a dotted path into the body ("population.id"), or one of the
// columns "id", "createdAt" and "updatedAt". It is always taken from the table
// of a kind, never from a request, because it becomes part of a statement.
type Expr struct {
	Op    Op
	Kind  string // for Among
	Path  string
	Type  Type
	Value any // string, int64, bool or time.Time, by Type
	Args  []Expr
}

// Equal is the condition that the text at path is value.
func Equal(path, value string) Expr {
	return Expr{Op: Eq, Path: path, Type: Text, Value: value}
}

// All is the condition that every one of the conditions holds.
func All(conditions ...Expr) Expr {
	var args []Expr
	for _, c := range conditions {
		if c.Op != "" {
			args = append(args, c)
		}
	}
	switch len(args) {
	case 0:
		return Expr{}
	case 1:
		return args[0]
	}
	return Expr{Op: And, Args: args}
}

// OneOf is the condition that the text at path is one of the values.
func OneOf(path string, values []string) Expr {
	out := Expr{Op: Or}
	for _, v := range values {
		out.Args = append(out.Args, Equal(path, v))
	}
	return out
}
