package kind

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// FoldText is the form in which texts are compared without case: usernames,
// e-mail addresses, names. Canonically equal texts fold to the same key.
func FoldText(s string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
}

// unstorable reports a value that no database may be asked to keep: a text
// with a NUL, or one that was not valid Unicode when it arrived (the decoder
// leaves U+FFFD where a surrogate stood alone).
func unstorable(v any) (what string, bad bool) {
	switch v := v.(type) {
	case string:
		if strings.ContainsRune(v, 0) || strings.ContainsRune(v, utf8.RuneError) {
			return "must not contain NUL or broken Unicode", true
		}
	case []any:
		for _, e := range v {
			if what, bad = unstorable(e); bad {
				return what, bad
			}
		}
	case Body:
		for k, e := range v {
			if what, bad = unstorable(k); bad {
				return what, bad
			}
			if what, bad = unstorable(e); bad {
				return what, bad
			}
		}
	}
	return "", false
}

var errNotObject = errors.New("the body is not one JSON object")

// Decode reads one JSON object, numbers kept exact. It refuses what is not
// UTF-8, what is not an object, and anything behind it.
func Decode(raw []byte) (Body, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("the body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	v, err := decode(d, maxDepth)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotObject
	}
	o, ok := v.(Body)
	if !ok {
		return nil, errNotObject
	}
	return o, nil
}

// maxDepth bounds how deep objects and arrays stand in one another; databases
// have a bound of their own.
const maxDepth = 100

// decode reads one value, and refuses an object that has a member twice: which
// of the two counts, two readers might answer differently.
func decode(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	delimiter, opens := token.(json.Delim)
	switch {
	case err != nil:
		return nil, err
	case !opens:
		return token, nil
	case depth == 0:
		return nil, fmt.Errorf("it is nested deeper than %d levels", maxDepth)
	case delimiter == '[':
		return decodeList(d, depth)
	}
	out := Body{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("the member %q stands in it twice", name)
		}
		if out[name], err = decode(d, depth-1); err != nil {
			return nil, err
		}
	}
	_, err = d.Token()
	return out, err
}

func decodeList(d *json.Decoder, depth int) (any, error) {
	out := []any{}
	for d.More() {
		v, err := decode(d, depth-1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	_, err := d.Token()
	return out, err
}

// same reports whether two JSON values are equal, however their numbers came.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// cloneJSON copies a default so that no two documents share it.
func cloneJSON(v any) any {
	switch v := v.(type) {
	case Body:
		out := Body{}
		for k, e := range v {
			out[k] = cloneJSON(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = cloneJSON(e)
		}
		return out
	}
	if n, ok := v.(int); ok {
		return json.Number(strconv.Itoa(n))
	}
	return v
}

func (t Type) noun() string {
	return [...]string{"a string", "a number", "true or false", "a time", "an object", "an array", "a value"}[t]
}

// At returns the text at a dotted path of a body, or "".
func At(b Body, path string) string {
	head, rest, deeper := strings.Cut(path, ".")
	switch v := b[head].(type) {
	case string:
		if !deeper {
			return v
		}
	case Body:
		if deeper {
			return At(v, rest)
		}
	}
	return ""
}
