package kind

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pixy/internal/fault"
)

// Page is what a list is asked for: how many, in which order, behind which
// element.
type Page struct {
	Limit int
	Order Order
	After Cursor
}

// Order is the order of a list: by the text or number at Path, then by id. The
// zero Order is by creation.
type Order struct {
	Path       string
	Type       Type
	Descending bool
}

// Cursor is the place of an element in the order of a list: its creation, or
// the value the list is ordered by, and its id. The zero Cursor stands before
// the first.
type Cursor struct {
	Created time.Time
	Value   any // a string or an int64, when the list is ordered by a value
	ID      string
}

// The bounds of a page, in elements.
const (
	defaultLimit = 100
	maxLimit     = 200
)

// ReadPage reads limit, order and cursor of a list request. The cursor must
// have been written by Sign for the same list under the same key.
func ReadPage(q url.Values, fields []Field, list string, key []byte) (Page, error) {
	p := Page{Limit: defaultLimit}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return p, wrongQuery("limit", "must be a whole number of at least 1")
		}
		p.Limit = min(n, maxLimit)
	}
	var err error
	if p.Order, err = readOrder(q.Get("order"), fields); err != nil {
		return p, err
	}
	if text := q.Get("cursor"); text != "" {
		c, err := readCursor(text, list, key)
		if err != nil {
			return p, wrongQuery("cursor", "is not a cursor of this list; follow _links.next as it is given").Because(err)
		}
		p.After = c
	}
	return p, nil
}

func wrongQuery(target, message string) *fault.Fault {
	return fault.Malformed.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: target, Message: message})
}

// readOrder reads "name" or "-name". A list can be ordered by what every
// element has and a filter may use.
func readOrder(text string, fields []Field) (Order, error) {
	name, descending := strings.CutPrefix(text, "-")
	if text == "" || strings.EqualFold(name, "createdAt") {
		return Order{Descending: descending}, nil
	}
	orderable := []string{"createdAt"}
	for i := range fields {
		f := &fields[i]
		if !f.Required || f.Type != Text && f.Type != Number || len(f.Filter) == 0 {
			continue
		}
		orderable = append(orderable, f.Name)
		if strings.EqualFold(f.Name, name) {
			path := f.Name
			if f.Fold {
				path += "Key"
			}
			return Order{Path: path, Type: f.Type, Descending: descending}, nil
		}
	}
	return Order{}, wrongQuery("order", "must be one of "+strings.Join(orderable, ", ")+", with '-' before it for the reverse")
}

// natural is the order in which an index gives what a filter finds: by what
// must start with a text. Any other filter has the order of creation.
func natural(fields []Field, where Expr) Order {
	parts := []Expr{where}
	if where.Op == And {
		parts = where.Args
	}
	for _, e := range parts {
		for i := range fields {
			f := &fields[i]
			if e.Op == Sw && f.Indexed && f.Fold && f.Required && e.Path == f.Name+"Key" {
				return Order{Path: e.Path, Type: f.Type}
			}
		}
	}
	return Order{}
}

// macSize is how much of the HMAC a cursor bears, in bytes.
const macSize = 16

type cursorText struct {
	Created int64  `json:"c,omitempty"`
	Value   any    `json:"v,omitempty"`
	ID      string `json:"i"`
}

// Sign is the cursor as it stands in a link: opaque, and good for one list
// only. list names it: path, filter and order.
func (c Cursor) Sign(list string, key []byte) string {
	t := cursorText{Value: c.Value, ID: c.ID}
	if !c.Created.IsZero() {
		t.Created = c.Created.UnixMilli()
	}
	raw, _ := json.Marshal(t) // strings and numbers always encode
	return base64.RawURLEncoding.EncodeToString(append(cursorMAC(raw, list, key), raw...))
}

func cursorMAC(raw []byte, list string, key []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(list))
	h.Write([]byte{0})
	h.Write(raw)
	return h.Sum(nil)[:macSize]
}

func readCursor(text, list string, key []byte) (Cursor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < macSize {
		return Cursor{}, errors.New("it is not base64url, or too short")
	}
	if !hmac.Equal(raw[:macSize], cursorMAC(raw[macSize:], list, key)) {
		return Cursor{}, errors.New("it was changed, or is of another list")
	}
	var t cursorText
	d := json.NewDecoder(strings.NewReader(string(raw[macSize:])))
	d.UseNumber()
	if err := d.Decode(&t); err != nil {
		return Cursor{}, err
	}
	c := Cursor{Value: t.Value, ID: t.ID}
	if n, isNumber := t.Value.(json.Number); isNumber {
		c.Value, err = n.Int64()
	}
	if t.Value == nil {
		c.Created = time.UnixMilli(t.Created).UTC()
	}
	return c, err
}
