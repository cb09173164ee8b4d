package oauth

import (
	"slices"
	"strings"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// Grant is a grant type: its wire name, its name in application.grantTypes,
// the form field that names the one ticket it spends ("" for none), those that
// hold access tokens of this server, and what decides it.
type Grant struct {
	Type   string
	Allow  string
	Spends string
	Reads  []string
	Decide func(Exchange) Outcome
}

// The names in application.grantTypes that rules ask for.
const (
	allowCode     = "AUTHORIZATION_CODE"
	allowImplicit = "IMPLICIT"
	allowRefresh  = "REFRESH_TOKEN"
	allowDevice   = "DEVICE_CODE"
	allowCIBA     = "CIBA"
)

// Grants is every grant type of the token endpoint.
func Grants() []Grant {
	return []Grant{
		{Type: "authorization_code", Allow: allowCode, Spends: "code", Decide: decideCode},
		{Type: "refresh_token", Allow: allowRefresh, Spends: "refresh_token", Decide: decideRefresh},
		{Type: "client_credentials", Allow: "CLIENT_CREDENTIALS", Decide: decideClient},
		{Type: GrantDevice, Allow: allowDevice, Spends: "device_code", Decide: decideDevice},
		{Type: GrantCIBA, Allow: allowCIBA, Spends: "auth_req_id", Decide: decideCIBA},
		{Type: "urn:ietf:params:oauth:grant-type:token-exchange", Allow: "TOKEN_EXCHANGE", Reads: []string{"subject_token", "actor_token"}, Decide: decideExchange},
	}
}

// TokenParameters are the parameters that the token endpoint knows beside those
// by which a client authenticates.
func TokenParameters() []string {
	return []string{"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "resource", "audience",
		"subject_token", "subject_token_type", "actor_token", "actor_token_type", "requested_token_type", "device_code", "auth_req_id"}
}

// Exchange is a token request by a client that has authenticated, and the
// facts that decide it.
type Exchange struct {
	Form   Form
	Client Client
	Now    time.Time
	// JKT is the thumbprint of the key whose DPoP proof came with the request
	// (RFC 9449 §4), or "".
	JKT  string
	Code *Code // the ticket the code names, nil when there is none
	// Refresh is the family that the refresh token names, nil when there is
	// none, and Generation the token's. Ended says that the family's access
	// tokens are revoked, SessionAlive that the user's session still is.
	Refresh      *Refresh
	Generation   int
	Ended        bool
	SessionAlive bool
	// Presented are the good access tokens that the form has, by the fields that
	// the grant reads.
	Presented map[string]*Access
	// Pending is what the device code or the auth_req_id names, nil when there is none.
	Pending *Pending
	// UserActive is true while the ticket's user exists and is enabled.
	UserActive bool
	// Roles are the role assignments of the client itself.
	Roles []platform.RoleAssignment
}

// Outcome is what a grant decided. A refusal that must be remembered comes
// with what is to be kept; it is answered after the rest is committed.
type Outcome struct {
	Issue Issue
	// Spend says that the issue uses the ticket up.
	Spend bool
	// Code is the code's ticket when it changed: a failed verifier was counted.
	Code *Code
	// Pending is what is waited for when it changed: a poll was counted.
	Pending *Pending
	// Refresh is the family of refresh tokens as it is from now on; of it the
	// answer has the current token. nil when there is none.
	Refresh *Refresh
	End     *End // the family to end, or nil
	// IssuedType is issued_token_type (RFC 8693 §2.2.1), or "".
	IssuedType string
	Refuse     error
}

// Keeps says whether anything is to be kept.
func (o Outcome) Keeps() bool {
	return o.Spend || o.Code != nil || o.Pending != nil || o.Refresh != nil || o.End != nil
}

// Last is when the last token of an outcome expires: a spent ticket is remembered
// until then, so that its reuse still ends them.
func (o Outcome) Last(x Exchange) time.Time {
	last := x.Now.Add(x.Client.Target(o.Issue).Life)
	if o.Refresh != nil && o.Refresh.ExpiresAt.After(last) {
		last = o.Refresh.ExpiresAt
	}
	return last
}

// End is a family whose tokens are worth nothing from now on. SpareAccess lets
// the access tokens live until they expire.
type End struct {
	Family      string
	SpareAccess bool
}

// Issue is what to sign.
type Issue struct {
	Subject   string // the user, "" when the client acts for itself
	Scopes    []string
	Resources []string // the audiences that were asked for (RFC 8707), none for those of the scopes
	Session   string
	Family    string // "" when nothing else hangs on the tokens
	Nonce     string
	ACR       string
	AMR       []string
	AuthTime  time.Time
	JKT       string // the key that the access token is bound to, or "" (RFC 9449 §6)
	Act       *Actor // who acts for the subject, or nil
	// From are the ids of the access tokens that this one was exchanged for.
	From []string
	// Until is when the access token must have expired, the zero time when the
	// resource alone decides.
	Until time.Time
}

// Pick finds the grant type a token request names, and refuses one that the
// application may not use. It is called before the client has authenticated
// with a nil client, to refuse what is malformed for everybody.
func Pick(form Form, client *Client) (Grant, error) {
	name := form.Get("grant_type")
	if name == "" {
		return Grant{}, fault.GrantTypeMissing
	}
	i := slices.IndexFunc(Grants(), func(g Grant) bool { return g.Type == name })
	if i < 0 {
		return Grant{}, fault.GrantTypeUnknown.Saying(strings.Join(GrantTypes(), ", ")).Compared("a supported grant_type", name)
	}
	g := Grants()[i]
	if client != nil && !slices.Contains(client.GrantTypes, g.Allow) && !(g.Allow == allowRefresh && client.offline()) {
		return Grant{}, fault.GrantTypeDenied.Compared(g.Allow+" in grantTypes", name)
	}
	return g, nil
}

// WantsIdentity reports whether an ID token goes with the access token: the
// scope openid was granted (OpenID Connect Core §3.1.2.1).
func (i Issue) WantsIdentity() bool { return slices.Contains(i.Scopes, "openid") }

// GrantTypes are the wire names of all grant types.
func GrantTypes() []string {
	var out []string
	for _, g := range Grants() {
		out = append(out, g.Type)
	}
	return out
}
