package platform

import (
	"encoding/json"
	"net/netip"
	"slices"
	"time"
)

// Evidence is what the condition of a sign-on policy action is held against.
type Evidence struct {
	Now        time.Time
	SignedOn   time.Time // of the session; zero when there is none
	RemoteIP   string
	User       string // the id, "" while nobody is known
	Population string
}

// Verdict is what a condition comes to.
type Verdict int

// A condition that is not evaluated is never taken for either answer.
const (
	Unevaluated Verdict = iota
	Holding
	NotHolding
	Undecided // it asks about the user, and nobody is known yet
)

func verdict(holds bool) Verdict {
	if holds {
		return Holding
	}
	return NotHolding
}

// condition is one of PingOne's: a combination, or a leaf.
type condition struct {
	And []condition `json:"and"`
	Or  []condition `json:"or"`
	Not *condition  `json:"not"`

	SecondsSince string          `json:"secondsSince"`
	Greater      *float64        `json:"greater"`
	IPRange      []string        `json:"ipRange"`
	Contains     string          `json:"contains"`
	Value        string          `json:"value"`
	Equals       json.RawMessage `json:"equals"`
	members      int
}

// UnmarshalJSON counts the members, so that one that is not known shows.
func (c *condition) UnmarshalJSON(raw []byte) error {
	type plain condition
	if err := json.Unmarshal(raw, (*plain)(c)); err != nil {
		return err
	}
	var all map[string]json.RawMessage
	err := json.Unmarshal(raw, &all)
	c.members = len(all)
	return err
}

// Evaluate holds a condition against the evidence. There is none when raw is
// empty or null: then it is Holding.
func Evaluate(raw json.RawMessage, e Evidence) Verdict {
	if len(raw) == 0 || string(raw) == "null" {
		return Holding
	}
	var c condition
	if err := json.Unmarshal(raw, &c); err != nil {
		return Unevaluated
	}
	return c.evaluate(e)
}

func (c condition) evaluate(e Evidence) Verdict {
	switch {
	case c.And != nil && c.members == 1:
		return combine(c.And, e, NotHolding, Holding)
	case c.Or != nil && c.members == 1:
		return combine(c.Or, e, Holding, NotHolding)
	case c.Not != nil && c.members == 1:
		switch c.Not.evaluate(e) {
		case Holding:
			return NotHolding
		case NotHolding:
			return Holding
		case Undecided:
			return Undecided
		}
	case c.SecondsSince != "" && c.Greater != nil && c.members == 2:
		return c.since(e)
	case c.IPRange != nil && c.Contains == "${flow.request.http.remoteIp}" && c.members == 2:
		return within(c.IPRange, e.RemoteIP)
	case c.Value != "" && c.Equals != nil && c.members == 2:
		return c.equals(e)
	}
	return Unevaluated
}

// combine evaluates all: one that is decisive decides, and else what is not
// evaluated spoils the whole.
func combine(all []condition, e Evidence, decisive, otherwise Verdict) Verdict {
	out := otherwise
	for _, c := range all {
		switch v := c.evaluate(e); v {
		case decisive:
			return decisive
		case Unevaluated:
			out = Unevaluated
		case Undecided:
			if out != Unevaluated {
				out = Undecided
			}
		}
	}
	return out
}

// since holds when the sign-on is longer ago, or there was none.
func (c condition) since(e Evidence) Verdict {
	known := []string{"${session.lastSignOn.at}", "${session.lastSignOn.withAuthenticator.pwd.at}"}
	if !slices.Contains(known, c.SecondsSince) || *c.Greater < 1 || *c.Greater > 1e9 {
		return Unevaluated
	}
	return verdict(e.SignedOn.IsZero() || e.Now.Sub(e.SignedOn) > time.Duration(*c.Greater)*time.Second)
}

func within(ranges []string, ip string) Verdict {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return Unevaluated
	}
	for _, text := range ranges {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return Unevaluated
		}
		if p.Contains(addr.Unmap()) {
			return Holding
		}
	}
	return NotHolding
}

// equals compares one of the values that are known.
func (c condition) equals(e Evidence) Verdict {
	var want string
	known := map[string]string{"${user.population.id}": e.Population, "${user.id}": e.User}
	value, ok := known[c.Value]
	switch {
	case !ok || json.Unmarshal(c.Equals, &want) != nil:
		return Unevaluated
	case e.User == "":
		return Undecided
	}
	return verdict(value == want)
}

// wrongCondition says what is wrong with the form of a condition, or "". One
// whose form is right may still be one that is not evaluated.
func wrongCondition(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	var o map[string]json.RawMessage
	if err := json.Unmarshal(raw, &o); err != nil || len(o) == 0 {
		return `must be an object such as {"secondsSince": "${session.lastSignOn.at}", "greater": 28800}`
	}
	for _, name := range []string{"and", "or"} {
		list, given := o[name]
		if !given {
			continue
		}
		var all []json.RawMessage
		if err := json.Unmarshal(list, &all); err != nil || len(all) == 0 || len(all) > 20 || len(o) > 1 {
			return "must have a list of conditions, and nothing else, beside " + name
		}
		for _, inner := range all {
			if wrong := wrongCondition(inner); wrong != "" {
				return wrong
			}
		}
	}
	if inner, given := o["not"]; given {
		return wrongCondition(inner)
	}
	return ""
}
