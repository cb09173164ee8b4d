package platform

import (
	"encoding/json"
	"fmt"
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

// condition is one of PingOne's, its members by their exact names.
type condition map[string]json.RawMessage

// read reads a member, and reports whether it is there and of that type.
func read[T any](c condition, name string) (v T, ok bool) {
	raw, given := c[name]
	ok = given && string(raw) != "null" && json.Unmarshal(raw, &v) == nil
	return v, ok
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

// is reports whether a condition has these members and no others.
func (c condition) is(names ...string) bool {
	for _, name := range names {
		if _, given := c[name]; !given {
			return false
		}
	}
	return len(c) == len(names)
}

func (c condition) evaluate(e Evidence) Verdict {
	switch {
	case c.is("and"):
		return c.combine("and", e, NotHolding, Holding)
	case c.is("or"):
		return c.combine("or", e, Holding, NotHolding)
	case c.is("not"):
		return c.negated(e)
	case c.is("secondsSince", "greater"):
		return c.since(e)
	case c.is("ipRange", "contains"):
		return c.within(e)
	case c.is("value", "equals"):
		return c.equals(e)
	}
	return Unevaluated
}

func (c condition) negated(e Evidence) Verdict {
	inner, _ := read[condition](c, "not")
	switch v := inner.evaluate(e); v {
	case Holding:
		return NotHolding
	case NotHolding:
		return Holding
	default:
		return v
	}
}

// combine evaluates all: one that is decisive decides, and else what is not
// evaluated spoils the whole.
func (c condition) combine(name string, e Evidence, decisive, otherwise Verdict) Verdict {
	all, ok := read[[]condition](c, name)
	if !ok || len(all) == 0 {
		return Unevaluated
	}
	out := otherwise
	for _, inner := range all {
		switch v := inner.evaluate(e); {
		case v == decisive:
			return decisive
		case v == Unevaluated, v == Undecided && out != Unevaluated:
			out = v
		}
	}
	return out
}

// since holds when the sign-on is longer ago, or there was none.
func (c condition) since(e Evidence) Verdict {
	since, _ := read[string](c, "secondsSince")
	greater, ok := read[float64](c, "greater")
	known := []string{"${session.lastSignOn.at}", "${session.lastSignOn.withAuthenticator.pwd.at}"}
	if !ok || !slices.Contains(known, since) || greater < 1 || greater > 1e9 {
		return Unevaluated
	}
	return verdict(e.SignedOn.IsZero() || e.Now.Sub(e.SignedOn) > time.Duration(greater*float64(time.Second)))
}

// within holds when the address of the browser is in one of the ranges.
func (c condition) within(e Evidence) Verdict {
	of, _ := read[string](c, "contains")
	ranges, ok := read[[]string](c, "ipRange")
	addr, err := netip.ParseAddr(e.RemoteIP)
	if !ok || of != "${flow.request.http.remoteIp}" || err != nil {
		return Unevaluated
	}
	out := NotHolding
	for _, text := range ranges {
		p, ok := ipRange(text)
		if !ok {
			return Unevaluated
		}
		if p.Contains(addr.Unmap().WithZone("")) {
			out = Holding
		}
	}
	return out
}

// equals compares one of the values that are known.
func (c condition) equals(e Evidence) Verdict {
	name, _ := read[string](c, "value")
	want, ok := read[string](c, "equals")
	value, known := map[string]string{"${user.population.id}": e.Population, "${user.id}": e.User}[name]
	switch {
	case !ok || !known:
		return Unevaluated
	case e.User == "":
		return Undecided
	}
	return verdict(value == want)
}

// maxAlternatives bounds the conditions under one "and" or "or".
const maxAlternatives = 100

// wrongCondition says what is wrong with the form of a condition, or "". One
// whose form is right may still be one that is not evaluated. null is none.
func wrongCondition(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	return wrongForm(raw)
}

func wrongForm(raw json.RawMessage) string {
	var c condition
	if err := json.Unmarshal(raw, &c); err != nil || len(c) == 0 {
		return `must be an object such as {"secondsSince": "${session.lastSignOn.at}", "greater": 28800}`
	}
	for _, name := range []string{"and", "or"} {
		if _, given := c[name]; !given {
			continue
		}
		all, ok := read[[]json.RawMessage](c, name)
		if !ok || len(all) == 0 || len(all) > maxAlternatives || len(c) > 1 {
			return fmt.Sprintf("must have a list of 1 to %d conditions, and nothing else, beside %s", maxAlternatives, name)
		}
		for _, inner := range all {
			if wrong := wrongForm(inner); wrong != "" {
				return wrong
			}
		}
		return ""
	}
	if c.is("not") {
		return wrongForm(c["not"])
	}
	return wrongLeaf(c)
}

// wrongLeaf says what is wrong with a condition that is not made of others. Those
// on networks, risk and places are known by their members only.
func wrongLeaf(c condition) string {
	switch {
	case c.is("secondsSince", "greater"):
		_, isText := read[string](c, "secondsSince")
		if n, ok := read[float64](c, "greater"); !ok || !isText || n < 1 || n > 1e9 {
			return "must have an expression under secondsSince and a number of seconds under greater"
		}
	case c.is("ipRange", "contains"):
		ranges, ok := read[[]string](c, "ipRange")
		wrong := func(s string) bool { _, ok := ipRange(s); return !ok }
		if _, isText := read[string](c, "contains"); !ok || !isText || len(ranges) == 0 || slices.ContainsFunc(ranges, wrong) {
			return "must have ranges such as 10.0.0.0/8 under ipRange and an expression under contains"
		}
	case c.is("value", "equals"), c.is("anonymousNetwork", "valid"), c.is("geoVelocity", "valid"), c.is("ipRisk", "valid"):
	default:
		return "must be and, or, not, or one of secondsSince with greater, ipRange with contains, value with equals, and anonymousNetwork, geoVelocity or ipRisk with valid"
	}
	return ""
}

// ipRange reads a range, and reports whether an address can be in it.
func ipRange(s string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s)
	return p, err == nil && !p.Addr().Is4In6()
}
