package oauth

import (
	"slices"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// GrantCIBA is the grant_type of OpenID Connect CIBA §10.1.
const GrantCIBA = "urn:openid:params:grant-type:ciba"

// How long a person has to decide when the client does not say, at most, and
// how long a client waits between two polls, in seconds.
const (
	cibaLife     = 120
	maxCIBALife  = 600
	cibaInterval = 2
)

// maxBinding bounds a binding_message, in characters.
const maxBinding = 64

// CIBAParameters are those of an authentication request (CIBA §7.1).
func CIBAParameters() []string {
	return append(hints(), "scope", "resource", "binding_message", "requested_expiry", "acr_values", "request")
}

// hints are the parameters that name the person (CIBA §7.1).
func hints() []string { return []string{"login_hint", "id_token_hint", "login_hint_token"} }

// cibaChecks is the order in which an authentication request is refused
// (CIBA §7.1, §13).
func cibaChecks() []Check[Authorization] {
	return []Check[Authorization]{
		{"ciba.allowed", cibaAllowed},
		{"client.access_control", accessControl},
		{"ciba.object", func(a Authorization) error {
			if a.Form.Get("request") != "" {
				return fault.CIBAObject
			}
			return nil
		}},
		{"resource.known", func(a Authorization) error { return a.Client.mayTarget(a.Form["resource"]) }},
		{"scope", func(a Authorization) error { _, err := a.cibaScopes(); return err }},
		{"hint.one", oneHint},
		{"binding_message", bindingMessage},
		{"requested_expiry", func(a Authorization) error { _, err := requestedExpiry(a.Form.Get("requested_expiry")); return err }},
	}
}

// AcceptCIBA is what the client waits for from now on, once the shell
// has found whom the hint names.
func (a Authorization) AcceptCIBA(now time.Time) (Pending, error) {
	if err := First(cibaChecks(), a); err != nil {
		return Pending{}, err
	}
	scopes, _ := a.cibaScopes() // the checks have accepted what these read
	life, _ := requestedExpiry(a.Form.Get("requested_expiry"))
	return Pending{ClientID: a.Client.ID, Scopes: scopes, Resources: a.Form["resource"], ACRValues: Words(a.Form.Get("acr_values")),
		Message: a.Form.Get("binding_message"), Interval: cibaInterval, ExpiresAt: now.Add(life)}, nil
}

// cibaAllowed lets only clients in that authenticate (CIBA §4).
func cibaAllowed(a Authorization) error {
	if !slices.Contains(a.Client.GrantTypes, allowCIBA) || a.Client.TokenEndpointAuthMethod == platform.AuthNone {
		return fault.CIBANotAllowed
	}
	return nil
}

// cibaScopes must have openid among them (CIBA §7.1).
func (a Authorization) cibaScopes() ([]string, error) {
	granted, err := a.granted()
	if err == nil && !slices.Contains(granted, scopeOpenID) {
		err = fault.ScopeOpenID
	}
	return granted, err
}

func oneHint(a Authorization) error {
	n := 0
	for _, name := range hints() {
		if a.Form.Get(name) != "" {
			n++
		}
	}
	if n != 1 {
		return fault.HintCount.Compared("1 hint", strconv.Itoa(n))
	}
	return nil
}

func bindingMessage(a Authorization) error {
	m := a.Form.Get("binding_message")
	for _, r := range m {
		if !unicode.IsPrint(r) {
			return fault.BindingBroken.Compared("printable characters", strconv.QuoteRune(r))
		}
	}
	if n := utf8.RuneCountInString(m); n > maxBinding {
		return fault.BindingBroken.Compared("at most 64 characters", strconv.Itoa(n))
	}
	return nil
}

// requestedExpiry is how long the person has. What the client asks for beyond
// the longest time is cut (CIBA §7.1).
func requestedExpiry(s string) (time.Duration, error) {
	if s == "" {
		return cibaLife * time.Second, nil
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n == 0 {
		return 0, fault.ExpiryBroken.Compared("seconds", s)
	}
	return time.Duration(min(n, maxCIBALife)) * time.Second, nil
}

// decideCIBA answers a client that asks for its tokens.
func decideCIBA(x Exchange) Outcome { return poll(x, "auth_req_id") }
