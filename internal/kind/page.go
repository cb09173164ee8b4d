package kind

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pixy/internal/fault"
)

// Page is what a list is asked for: how many, and behind which element.
type Page struct {
	Limit int
	After Cursor
}

// Cursor is the place of an element in the order of a list, creation time and
// id. The zero Cursor stands before the first.
type Cursor struct {
	Created time.Time
	ID      string
}

// The bounds of a page, in elements.
const (
	defaultLimit = 100
	maxLimit     = 200
)

// ReadPage reads limit and cursor of a list request.
func ReadPage(q url.Values) (Page, error) {
	p := Page{Limit: defaultLimit}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return p, fault.Malformed.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "limit", Message: "must be a whole number of at least 1"})
		}
		p.Limit = min(n, maxLimit)
	}
	if text := q.Get("cursor"); text != "" {
		c, err := readCursor(text)
		if err != nil {
			return p, fault.Malformed.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "cursor", Message: "is not a cursor of this list; follow _links.next as it is given"}).Because(err)
		}
		p.After = c
	}
	return p, nil
}

// String is the cursor as it stands in a link.
func (c Cursor) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s", c.Created.UnixMilli(), c.ID))
}

func readCursor(text string) (Cursor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return Cursor{}, err
	}
	ms, id, _ := strings.Cut(string(raw), " ")
	n, err := strconv.ParseInt(ms, 10, 64)
	if what, bad := unstorable(id); err == nil && bad {
		err = fmt.Errorf("the id %s", what)
	}
	return Cursor{time.UnixMilli(n), id}, err
}
