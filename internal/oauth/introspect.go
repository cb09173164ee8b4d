package oauth

import (
	"slices"
	"strings"
	"time"
)

// LookupParameters are those of the endpoints that are asked about a token
// (RFC 7009 §2.1, RFC 7662 §2.1).
func LookupParameters() []string { return []string{"token", "token_type_hint"} }

// Inspector is who asks about a token: an application, about its own, or a
// custom resource, about those that are for it.
type Inspector struct {
	Client   string // the application's id, or ""
	Audience string // the resource's audience, or ""
}

// May reports whether the inspector is told about an access token (RFC 7662
// §4): nobody learns of tokens that are no business of his.
func (n Inspector) May(a Access) bool {
	if n.Client != "" {
		return a.ClientID == n.Client
	}
	return n.Audience != "" && slices.Contains(a.Audience, n.Audience)
}

// Inactive is the answer about every token that is not good, or that the
// inspector may not know (RFC 7662 §2.2).
func Inactive() map[string]any { return map[string]any{"active": false} }

// active begins the answer about a good token.
type active struct {
	Active bool   `json:"active"`
	Type   string `json:"token_type,omitempty"`
}

// Inspect is the answer about a good access token, as JSON has it: its claims.
func (a Access) Inspect() any {
	kind := "Bearer"
	if a.Confirm != nil {
		kind = "DPoP"
	}
	a.Family, a.From = "", nil // say nothing to others
	return struct {
		active
		Access
	}{active{true, kind}, a}
}

// Inspect is the answer about a good ID token, as JSON has it.
func (i Identity) Inspect() any {
	return struct {
		active
		Identity
	}{active{Active: true}, i}
}

// Inspect is the answer about a refresh token of this family and generation.
// now must be before it expires.
func (r Refresh) Inspect(issuer string) map[string]any {
	out := map[string]any{"active": true, "iss": issuer, "client_id": r.ClientID, "sub": r.User, "sid": r.Session,
		"iat": r.RotatedAt.Unix(), "exp": r.ExpiresAt.Unix(), "token_type": "refresh_token"}
	if len(r.Scopes) > 0 {
		out["scope"] = strings.Join(r.Scopes, " ")
	}
	if r.JKT != "" {
		out["cnf"] = Confirmation{JKT: r.JKT}
	}
	return out
}

// Good reports whether a token of the family would be taken: the current one,
// or the one before it in its grace period.
func (r Refresh) Good(client Client, generation int, ended bool, now time.Time) bool {
	x := Exchange{Client: client, Refresh: &r, Generation: generation, Ended: ended, Now: now}
	for _, c := range []func(Exchange) error{refreshKnown, refreshClient, refreshEnded, refreshExpiry, refreshReuse} {
		if c(x) != nil {
			return false
		}
	}
	return true
}
