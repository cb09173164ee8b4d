package oauth

import (
	"net/url"
	"slices"
	"strings"

	"pixy/internal/fault"
)

// The response types: what the authorize endpoint itself hands out (OAuth 2.0
// Multiple Response Type Encoding Practices).
const (
	TypeCode     = "code"
	TypeToken    = "token"
	TypeIdentity = "id_token"
)

// The response modes: how it does.
const (
	ModeQuery    = "query"
	ModeFragment = "fragment"
	ModeForm     = "form_post"
	ModeFlow     = "pi.flow"
)

// ResponseTypes are all combinations, as they are announced.
func ResponseTypes() []string {
	return []string{"code", "token", "id_token", "token id_token", "code id_token", "code token", "code token id_token"}
}

// ResponseModes are all modes.
func ResponseModes() []string { return []string{ModeFlow, ModeQuery, ModeFragment, ModeForm} }

// response is a response type, and what an application must have in
// responseTypes and grantTypes for it.
type response struct{ name, response, grant string }

func responses() []response {
	return []response{{TypeCode, "CODE", allowCode}, {TypeToken, "TOKEN", allowImplicit}, {TypeIdentity, "ID_TOKEN", allowImplicit}}
}

func (a Authorization) types() []string { return Words(a.Form.Get("response_type")) }

// inFront reports whether tokens come through the browser: then the query is no
// place for them.
func inFront(types []string) bool {
	return slices.Contains(types, TypeToken) || slices.Contains(types, TypeIdentity)
}

// InFront is inFront of an accepted request.
func (r Request) InFront() bool { return inFront(r.Types) }

// Wants reports whether a request has a response type. One that was kept before
// there were several wants a code.
func (r Request) Wants(responseType string) bool {
	return slices.Contains(r.Types, responseType) || len(r.Types) == 0 && responseType == TypeCode
}

// Mode is the response mode: the one that is asked for, when it is one that may
// be, or else that of the response type.
func (a Authorization) Mode() string {
	front := inFront(a.types())
	switch m := a.Form.Get("response_mode"); {
	case slices.Contains(ResponseModes(), m) && !(front && m == ModeQuery):
		return m
	case front:
		return ModeFragment
	}
	return ModeQuery
}

func responseMode(a Authorization) error {
	if m := a.Form.Get("response_mode"); m != "" && m != a.Mode() {
		return fault.ResponseModeUnknown.Compared(strings.Join(ResponseModes(), ", "), m)
	}
	return nil
}

func responseType(a Authorization) error {
	types := a.types()
	if len(types) == 0 {
		return fault.ResponseTypeMissing
	}
	for _, t := range types {
		if !slices.ContainsFunc(responses(), func(r response) bool { return r.name == t }) {
			return fault.ResponseTypeUnknown.Compared("code, token, id_token", strings.Join(types, " "))
		}
	}
	return nil
}

func responseAllowed(a Authorization) error {
	for _, r := range responses() {
		if !slices.Contains(a.types(), r.name) {
			continue
		}
		if !slices.Contains(a.Client.GrantTypes, r.grant) || !slices.Contains(a.Client.ResponseTypes, r.response) {
			return fault.ResponseNotAllowed.Saying(r.name, r.grant, r.response)
		}
	}
	return nil
}

// AppendFragment puts parameters into the fragment of a redirect URI, which has
// none of its own (RFC 6749 §4.2.2).
func AppendFragment(uri string, parameters url.Values) string { return uri + "#" + parameters.Encode() }
