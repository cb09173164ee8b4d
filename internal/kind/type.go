package kind

// Type is the JSON type of a field.
type Type int

// The types a field can have. A Time is a JSON string in RFC 3339; an Opaque
// is any JSON value, kept as it came.
const (
	Text Type = iota
	Number
	Boolean
	Time
	Object
	List
	Opaque
)
