package oauth

import (
	"slices"
	"strconv"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// The response modes.
const (
	ModeQuery = "query"
	ModeFlow  = "pi.flow"
)

// AuthorizeParameters are the parameters that the authorize endpoint knows;
// each may be sent once, others are ignored (RFC 6749 §3.1).
func AuthorizeParameters() []string {
	return []string{"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "code_challenge",
		"code_challenge_method", "prompt", "max_age", "login_hint", "acr_values", "request", "request_uri"}
}

// Client is an application as the protocol sees it.
type Client struct {
	ID string
	platform.Application
	Scopes []GrantedScope // what it may ask for, beside openid
}

// Authorization is an authorize request and the application it names, nil when
// there is none.
type Authorization struct {
	Form   Form
	Client *Client
}

// Request is an authorize request that was accepted: what the flow, the code
// and the answer need of it.
type Request struct {
	ClientID    string    `json:"clientId"`
	RedirectURI string    `json:"redirectUri,omitempty"`
	Mode        string    `json:"mode,omitempty"`
	State       string    `json:"state,omitempty"`
	Nonce       string    `json:"nonce,omitempty"`
	Scopes      []string  `json:"scopes,omitempty"`
	Challenge   Challenge `json:"challenge,omitzero"`
	Prompts     []string  `json:"prompts,omitempty"`
	MaxAge      *int      `json:"maxAge,omitempty"` // seconds
	LoginHint   string    `json:"loginHint,omitempty"`
	ACRValues   []string  `json:"acrValues,omitempty"`
	// Query is the request as it came, to start again with, or "".
	Query string `json:"query,omitempty"`
}

// ClientChecks hold before the redirect URI is proven: what they refuse must
// not be sent to it.
func ClientChecks() []Check[Authorization] {
	return []Check[Authorization]{
		{"client.given", clientGiven},
		{"client.known", clientKnown},
		{"redirect.given", redirectGiven},
		{"redirect.registered", redirectRegistered},
	}
}

// RequestChecks hold after that: what they refuse goes to the application.
func RequestChecks() []Check[Authorization] {
	return []Check[Authorization]{
		{"parameter.once", func(a Authorization) error { return a.Form.Wrong(AuthorizeParameters()) }},
		{"request.supported", requestObjects},
		{"response_type.supported", responseType},
		{"client.code_allowed", codeAllowed},
		{"par.required", parRequired},
		{"client.access_control", accessControl},
		{"response_mode.supported", responseMode},
		{"prompt.known", func(a Authorization) error { _, err := prompts(a.Form.Get("prompt")); return err }},
		{"max_age.number", func(a Authorization) error { _, err := maxAge(a.Form.Get("max_age")); return err }},
		{"scope.granted", func(a Authorization) error { _, err := GrantScopes(a.Form.Get("scope"), a.Client); return err }},
		{"challenge", func(a Authorization) error { _, err := a.challenge(); return err }},
	}
}

// Accept holds a request against RequestChecks and returns what is left of it.
func (a Authorization) Accept() (Request, error) {
	if err := First(RequestChecks(), a); err != nil {
		return Request{}, err
	}
	r := Request{
		ClientID: a.Client.ID, RedirectURI: a.Form.Get("redirect_uri"), Mode: a.Mode(),
		State: a.Form.Get("state"), Nonce: a.Form.Get("nonce"),
		LoginHint: a.Form.Get("login_hint"), ACRValues: Words(a.Form.Get("acr_values")),
	}
	// The checks above have accepted what these read.
	r.Prompts, _ = prompts(a.Form.Get("prompt"))
	r.MaxAge, _ = maxAge(a.Form.Get("max_age"))
	r.Scopes, _ = GrantScopes(a.Form.Get("scope"), a.Client)
	r.Challenge, _ = a.challenge()
	return r, nil
}

// Mode is the response mode, query when it is left out.
func (a Authorization) Mode() string {
	if m := a.Form.Get("response_mode"); m != "" {
		return m
	}
	return ModeQuery
}

func (a Authorization) challenge() (Challenge, error) {
	return CheckChallenge(a.Client.PKCEEnforcement, a.Form.Get("code_challenge"), a.Form.Get("code_challenge_method"))
}

func clientGiven(a Authorization) error {
	if a.Form.Get("client_id") == "" || len(a.Form["client_id"]) > 1 {
		return fault.ClientMissing.Compared("1 client_id", strconv.Itoa(len(a.Form["client_id"])))
	}
	return nil
}

func clientKnown(a Authorization) error {
	if a.Client == nil || !a.Client.Enabled {
		return fault.ClientUnknown.Compared("an enabled application", a.Form.Get("client_id"))
	}
	return nil
}

// redirectGiven lets only pi.flow do without a redirect URI: its answer is no
// redirect.
func redirectGiven(a Authorization) error {
	n, left := len(a.Form["redirect_uri"]), a.Form.Get("redirect_uri") == ""
	if n <= 1 && left && a.Mode() == ModeFlow {
		return nil
	}
	if n != 1 || left {
		return fault.RedirectMissing.Compared("1 redirect_uri", strconv.Itoa(n))
	}
	return nil
}

func redirectRegistered(a Authorization) error {
	uri := a.Form.Get("redirect_uri")
	if uri == "" || Registered(a.Client.Application, uri) {
		return nil
	}
	return fault.RedirectMismatch.Compared("one of the registered redirectUris", uri)
}

func requestObjects(a Authorization) error {
	switch {
	case a.Form.Get("request") != "":
		return fault.RequestNotSupported
	case a.Form.Get("request_uri") != "":
		return fault.RequestURINotSupport
	}
	return nil
}

func responseType(a Authorization) error {
	switch t := a.Form.Get("response_type"); t {
	case "code":
		return nil
	case "":
		return fault.ResponseTypeMissing
	default:
		return fault.ResponseTypeUnknown.Compared("code", t)
	}
}

func codeAllowed(a Authorization) error {
	if slices.Contains(a.Client.GrantTypes, "AUTHORIZATION_CODE") && slices.Contains(a.Client.ResponseTypes, "CODE") {
		return nil
	}
	return fault.CodeNotAllowed
}

func parRequired(a Authorization) error {
	if a.Client.PARRequirement == "REQUIRED" || a.Client.RequireSignedRequestObject {
		return fault.PARRequired
	}
	return nil
}

// accessControl refuses what can't be evaluated yet: a restriction that is not
// understood must never be passed over.
func accessControl(a Authorization) error {
	if len(a.Client.AccessControl) > 0 && string(a.Client.AccessControl) != "{}" {
		return fault.AccessControlled
	}
	return nil
}

func responseMode(a Authorization) error {
	if m := a.Mode(); m != ModeQuery && m != ModeFlow {
		return fault.ResponseModeUnknown.Compared("query or pi.flow", m)
	}
	return nil
}

func prompts(s string) ([]string, error) {
	out := Words(s)
	for _, p := range out {
		if !slices.Contains([]string{"none", "login", "consent", "select_account"}, p) {
			return nil, fault.PromptUnknown.Compared("none, login, consent or select_account", s)
		}
	}
	if slices.Contains(out, "none") && len(out) > 1 {
		return nil, fault.PromptUnknown.Compared("none alone", s)
	}
	return out, nil
}

func maxAge(s string) (*int, error) {
	if s == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return nil, fault.MaxAgeBroken.Compared("seconds", s)
	}
	seconds := int(n)
	return &seconds, nil
}
