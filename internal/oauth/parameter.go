package oauth

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"pixy/internal/fault"
)

// The bounds on one parameter, in bytes. What a flow keeps for an anonymous
// request, apart from the state, is short.
const (
	maxParameter = 4096
	maxKept      = 1024
)

func longest(name string) int {
	switch name {
	case "nonce", "login_hint", "acr_values", "prompt", "flowId", "ui_locales", "dpop_jkt":
		return maxKept
	case "request", "id_token_hint", "login_hint_token", "client_assertion", "token", "subject_token", "actor_token", "access_token":
		return maxToken
	}
	return maxParameter
}

// Form is the parameters of a request, each with all its values.
type Form map[string][]string

// Get returns the first value of a parameter. A parameter sent without a value
// counts as left out (RFC 6749 §3.1).
func (f Form) Get(name string) string {
	if len(f[name]) == 0 {
		return ""
	}
	return f[name][0]
}

// Given are the parameters that have a value: one without counts as left out,
// however often it comes (RFC 6749 §3.1, §3.2).
func (f Form) Given() Form {
	out := Form{}
	for name, values := range f {
		if given := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" }); len(given) > 0 {
			out[name] = given
		}
	}
	return out
}

// lists are the parameters that may come several times (RFC 8707 §2, RFC 8693
// §2.1). How often is for their rules to bound.
func lists() []string { return []string{"resource", "audience"} }

// Wrong refuses the first of the named parameters that was repeated and is none
// of a list, or that has what no parameter may contain.
func (f Form) Wrong(names []string) error {
	for _, name := range names {
		values := f[name]
		if len(values) > 1 && !slices.Contains(lists(), name) {
			return fault.ParameterRepeated.Saying(name).Compared("1 value", count(len(values))+" values")
		}
		if slices.ContainsFunc(values, func(v string) bool { return !sound(v, longest(name)) }) {
			return fault.ParameterBroken.Saying(name)
		}
	}
	return nil
}

// Misplaced refuses the first of the named parameters that stands in a form
// where it must not.
func (f Form) Misplaced(names []string) error {
	for _, name := range names {
		if len(f[name]) > 0 {
			return fault.ParameterInQuery.Saying(name)
		}
	}
	return nil
}

// maxAgain bounds the request that a flow remembers, in bytes.
const maxAgain = 4096

// Again is an authorize request as a query, to send it once more: the
// parameters that are known, or "" when that is too long to be remembered.
func (f Form) Again() string {
	known := url.Values{}
	for _, name := range AuthorizeParameters() {
		if f.Get(name) != "" {
			known[name] = f[name]
		}
	}
	if query := known.Encode(); len(query) <= maxAgain {
		return query
	}
	return ""
}

func sound(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

func count(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return "many"
}

// Words splits a list of space-separated names and leaves out repetitions.
func Words(s string) []string {
	var out []string
	seen := map[string]bool{}
	for w := range strings.SplitSeq(s, " ") {
		if w != "" && !seen[w] {
			seen[w] = true
			out = append(out, w)
		}
	}
	return out
}
