package describe

import (
	"bytes"
	"encoding/json"
)

// object is a JSON object whose members keep their order, so that a generated
// file reads from the general to the particular and is the same every time.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		name, err := encode(m.name, "")
		if err != nil {
			return nil, err
		}
		value, err := encode(m.value, "")
		if err != nil {
			return nil, err
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// and returns the object with one more member.
func (o object) and(name string, value any) object {
	return append(o[:len(o):len(o)], member{name, value})
}

// andIf returns the object with one more member when it is there.
func (o object) andIf(there bool, name string, value any) object {
	if !there {
		return o
	}
	return o.and(name, value)
}

// encode writes JSON without escapes for HTML, which would spoil patterns.
func encode(v any, indent string) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}
