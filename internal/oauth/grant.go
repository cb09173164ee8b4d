package oauth

import (
	"slices"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// Grant is a grant type: its wire name, its name in application.grantTypes,
// the form field that names the one ticket it spends ("" for none), and what
// decides it.
type Grant struct {
	Type   string
	Allow  string
	Spends string
	Decide func(Exchange) Outcome
}

// Grants is every grant type of the token endpoint.
func Grants() []Grant {
	return []Grant{
		{Type: "authorization_code", Allow: "AUTHORIZATION_CODE", Spends: "code", Decide: decideCode},
		{Type: "client_credentials", Allow: "CLIENT_CREDENTIALS", Decide: decideClient},
	}
}

// TokenParameters are the parameters that the token endpoint knows; each may
// be sent once, in the body.
func TokenParameters() []string {
	return []string{"grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope"}
}

// Exchange is a token request by a client that has authenticated, and the
// facts that decide it.
type Exchange struct {
	Form   Form
	Client Client
	Now    time.Time
	Code   *Code // the ticket the code names, nil when there is none
	// UserActive is true while the code's user exists and is enabled.
	UserActive bool
	// Roles are the role assignments of the client itself.
	Roles []platform.RoleAssignment
}

// Outcome is what a grant decided. A refusal that must be remembered comes
// with what is to be kept; it is answered after the rest is committed.
type Outcome struct {
	Issue  Issue
	Spend  bool   // the ticket is used up by the issue
	Keep   *Code  // the ticket changed: a failed verifier was counted
	Revoke string // the family to end
	Refuse error
}

// Issue is what to sign.
type Issue struct {
	Subject  string // the user, "" when the client acts for itself
	Scopes   []string
	Session  string
	Family   string // "" when nothing else hangs on the tokens
	Nonce    string
	ACR      string
	AMR      []string
	AuthTime time.Time
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
		return Grant{}, fault.GrantTypeUnknown.Compared("a supported grant_type", name)
	}
	g := Grants()[i]
	if client != nil && !slices.Contains(client.GrantTypes, g.Allow) {
		return Grant{}, fault.GrantTypeDenied.Compared(g.Allow+" in grantTypes", name)
	}
	return g, nil
}

// WantsIdentity reports whether an ID token goes with the access token: the
// scope openid was granted (OpenID Connect Core §3.1.2.1).
func (i Issue) WantsIdentity() bool { return slices.Contains(i.Scopes, "openid") }
