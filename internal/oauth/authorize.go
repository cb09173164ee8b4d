package oauth

import (
	"slices"
	"strconv"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// AuthorizeParameters are the parameters that the authorize endpoint knows;
// others are ignored (RFC 6749 §3.1).
func AuthorizeParameters() []string {
	return []string{"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "code_challenge",
		"code_challenge_method", "prompt", "max_age", "login_hint", "login_hint_token", "id_token_hint", "acr_values", "ui_locales", "claims_locales",
		"display", "resource", "dpop_jkt", "request", "request_uri"}
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
	// Pushed says that the client sent the request itself (RFC 9126), Signed
	// that it signed it (RFC 9101).
	Pushed, Signed bool
	// Subject is the one that the request's hints name, for this application,
	// and Username the user's name; "" when there is no such hint.
	Subject, Username string
}

// Request is an authorize request that was accepted: what the flow, the code
// and the answer need of it.
type Request struct {
	ClientID    string    `json:"clientId"`
	RedirectURI string    `json:"redirectUri,omitempty"`
	Types       []string  `json:"types,omitempty"` // the response types
	Mode        string    `json:"mode,omitempty"`
	State       string    `json:"state,omitempty"`
	Nonce       string    `json:"nonce,omitempty"`
	Scopes      []string  `json:"scopes,omitempty"`
	Resources   []string  `json:"resources,omitempty"`
	Challenge   Challenge `json:"challenge,omitzero"`
	JKT         string    `json:"jkt,omitempty"` // the key that the code is bound to (RFC 9449 §10)
	Prompts     []string  `json:"prompts,omitempty"`
	MaxAge      *int      `json:"maxAge,omitempty"` // seconds
	LoginHint   string    `json:"loginHint,omitempty"`
	Subject     string    `json:"subject,omitempty"` // who must sign on, "" for anybody
	ACRValues   []string  `json:"acrValues,omitempty"`
	// Query is the request as it came, to start again with, or "".
	Query string `json:"query,omitempty"`
}

// Fresh reports that the person must sign on anew, whatever the session (OpenID
// Connect Core §3.1.2.1).
func (r Request) Fresh() bool {
	return slices.Contains(r.Prompts, "login") || slices.Contains(r.Prompts, "select_account")
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
		{"response_type", responseType},
		{"client.response_allowed", responseAllowed},
		{"par.required", parRequired},
		{"request.signed", signatureRequired},
		{"client.access_control", accessControl},
		{"response_mode.supported", responseMode},
		{"redirect.secure", redirectSecure},
		{"prompt.known", func(a Authorization) error { _, err := prompts(a.Form.Get("prompt")); return err }},
		{"max_age.number", func(a Authorization) error { _, err := maxAge(a.Form.Get("max_age")); return err }},
		{"scope", func(a Authorization) error { _, err := a.scopes(); return err }},
		{"nonce.given", nonceGiven},
		{"resource.known", func(a Authorization) error { return a.Client.mayTarget(a.Form["resource"]) }},
		{"challenge", func(a Authorization) error { _, err := a.challenge(); return err }},
		{"proof.thumbprint", thumbprint},
	}
}

// Accept holds a request against RequestChecks and returns what is left of it.
func (a Authorization) Accept() (Request, error) {
	if err := First(RequestChecks(), a); err != nil {
		return Request{}, err
	}
	r := Request{
		ClientID: a.Client.ID, RedirectURI: a.Form.Get("redirect_uri"), Types: a.types(), Mode: a.Mode(),
		State: a.Form.Get("state"), Nonce: a.Form.Get("nonce"), Resources: a.Form["resource"], JKT: a.Form.Get("dpop_jkt"),
		LoginHint: a.Form.Get("login_hint"), Subject: a.Subject, ACRValues: Words(a.Form.Get("acr_values")),
	}
	if a.Username != "" {
		r.LoginHint = a.Username
	}
	if !a.Pushed && !a.Signed {
		r.Query = a.Form.Again()
	}
	// The checks above have accepted what these read.
	r.Prompts, _ = prompts(a.Form.Get("prompt"))
	r.MaxAge, _ = maxAge(a.Form.Get("max_age"))
	r.Scopes, _ = a.scopes()
	r.Challenge, _ = a.challenge()
	return r, nil
}

// challenge is what the request leaves for whoever redeems the code. Without a
// code nothing is left.
func (a Authorization) challenge() (Challenge, error) {
	if !slices.Contains(a.types(), TypeCode) {
		return Challenge{}, nil
	}
	return CheckChallenge(a.Client.PKCEEnforcement, a.Form.Get("code_challenge"), a.Form.Get("code_challenge_method"))
}

// granted are the scopes that the client may have of those that a form names.
func (a Authorization) granted() ([]string, error) {
	return GrantScopes(a.Form.Get("scope"), a.Form["resource"], a.Client)
}

// scopes are those that the request is granted, of the resources that it names
// when it names any.
func (a Authorization) scopes() ([]string, error) {
	granted, err := a.granted()
	if err == nil && slices.Contains(a.types(), TypeIdentity) && !slices.Contains(granted, scopeOpenID) {
		err = fault.ScopeOpenID
	}
	if !slices.Contains(a.types(), TypeCode) { // no refresh token comes without one (OpenID Connect Core §11)
		granted = slices.DeleteFunc(granted, func(s string) bool { return s == scopeOffline })
	}
	return granted, err
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

// redirectSecure keeps tokens off the network without TLS (OpenID Connect Core
// §3.2.2.1).
func redirectSecure(a Authorization) error {
	if uri := a.Form.Get("redirect_uri"); inFront(a.types()) && inClear(uri) {
		return fault.RedirectInClear.Compared("https, or this device", uri)
	}
	return nil
}

func parRequired(a Authorization) error {
	if a.Client.PARRequirement == "REQUIRED" && !a.Pushed {
		return fault.PARRequired
	}
	return nil
}

func signatureRequired(a Authorization) error {
	if a.Client.RequireSignedRequestObject && !a.Signed {
		return fault.SignatureRequired
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

// nonceGiven demands a nonce where an ID token comes through the browser
// (OpenID Connect Core §3.2.2.1, §3.3.2.11).
func nonceGiven(a Authorization) error {
	if slices.Contains(a.types(), TypeIdentity) && a.Form.Get("nonce") == "" {
		return fault.NonceMissing
	}
	return nil
}

// thumbprint refuses a dpop_jkt that no key has (RFC 9449 §10).
func thumbprint(a Authorization) error {
	if jkt := a.Form.Get("dpop_jkt"); jkt != "" && (len(jkt) != 43 || !unreserved(jkt, 43, 43)) {
		return fault.ThumbprintBroken
	}
	return nil
}

func prompts(s string) ([]string, error) {
	out := Words(s)
	for _, p := range out {
		if !slices.Contains(Prompts(), p) {
			return nil, fault.PromptUnknown.Compared("none, login, consent or select_account", s)
		}
	}
	if slices.Contains(out, "none") && len(out) > 1 {
		return nil, fault.PromptUnknown.Compared("none alone", s)
	}
	return out, nil
}

// Prompts are the values of prompt. consent has no effect.
func Prompts() []string { return []string{"none", "login", "consent", "select_account"} }

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
