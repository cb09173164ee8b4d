package oauth

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"

	"pixy/internal/platform"
)

// TokenLife is how long ID tokens are good for, and access tokens whose
// resource does not say otherwise.
const TokenLife = time.Hour

// Realm is the environment that issues.
type Realm struct {
	Issuer       string
	Environment  string
	Organization string
	Region       string
}

// Access is the claims of an access token, in the names of RFC 9068 and
// PingOne. Subject and Session are empty when the client acts for itself.
type Access struct {
	Issuer       string   `json:"iss"`
	Subject      string   `json:"sub,omitempty"`
	Audience     []string `json:"aud"`
	ClientID     string   `json:"client_id"`
	IssuedAt     int64    `json:"iat"`
	Expires      int64    `json:"exp"`
	ID           string   `json:"jti"`
	Scope        string   `json:"scope,omitempty"`
	Session      string   `json:"sid,omitempty"`
	ACR          string   `json:"acr,omitempty"`
	AuthTime     int64    `json:"auth_time,omitempty"`
	Environment  string   `json:"env"`
	Organization string   `json:"org"`
	// Family is what the token ends with: a reused code ends it.
	Family string `json:"fam,omitempty"`
	// Confirm is the key that whoever presents the token must prove to have
	// (RFC 7800 §3.1), Act who acts for the subject (RFC 8693 §4.1).
	Confirm *Confirmation `json:"cnf,omitempty"`
	Act     *Actor        `json:"act,omitempty"`
	// From are the ids of the tokens that it was exchanged for: it ends with each
	// of them.
	From []string `json:"src,omitempty"`
}

// Confirmation names a key by its thumbprint (RFC 9449 §6.1).
type Confirmation struct {
	JKT string `json:"jkt"`
}

// Actor is who acts for a token's subject, and who acted before (RFC 8693 §4.1).
type Actor struct {
	Subject string `json:"sub"`
	Client  string `json:"client_id,omitempty"`
	Act     *Actor `json:"act,omitempty"`
}

// Identity is the claims of an ID token (OpenID Connect Core §2).
type Identity struct {
	Issuer       string   `json:"iss"`
	Subject      string   `json:"sub"`
	Audience     string   `json:"aud"`
	IssuedAt     int64    `json:"iat"`
	Expires      int64    `json:"exp"`
	ID           string   `json:"jti"`
	ACR          string   `json:"acr,omitempty"`
	AMR          []string `json:"amr,omitempty"`
	AuthTime     int64    `json:"auth_time"`
	Nonce        string   `json:"nonce,omitempty"`
	AtHash       string   `json:"at_hash,omitempty"` // of the access token that comes with it
	CodeHash     string   `json:"c_hash,omitempty"`  // of the code (§3.3.2.11)
	Session      string   `json:"sid,omitempty"`
	Environment  string   `json:"env"`
	Organization string   `json:"org"`
	Region       string   `json:"p1.region,omitempty"`
}

// AccessClaims are the claims of the access token of an issue (RFC 9068 §2.2).
func (r Realm) AccessClaims(i Issue, t Target, client, id string, now time.Time) Access {
	expires := now.Add(t.Life)
	if !i.Until.IsZero() && i.Until.Before(expires) {
		expires = i.Until
	}
	a := Access{
		Issuer: r.Issuer, Subject: i.Subject, Audience: t.Audience, ClientID: client,
		IssuedAt: now.Unix(), Expires: expires.Unix(), ID: id,
		Scope: strings.Join(i.Scopes, " "), Session: i.Session, ACR: i.ACR,
		Environment: r.Environment, Organization: r.Organization, Family: i.Family, Act: i.Act, From: i.From,
	}
	if i.JKT != "" {
		a.Confirm = &Confirmation{JKT: i.JKT}
	}
	if !i.AuthTime.IsZero() {
		a.AuthTime = i.AuthTime.Unix()
	}
	return a
}

// Beside is what an ID token comes with: the hashes of the access token and of
// the code (see Signer.LeftHash), "" when it comes without.
type Beside struct{ AccessToken, Code string }

// IdentityClaims are the claims of an ID token.
func (r Realm) IdentityClaims(i Issue, client, id string, with Beside, now time.Time) Identity {
	out := Identity{
		Issuer: r.Issuer, Subject: i.Subject, Audience: client, IssuedAt: now.Unix(), Expires: now.Add(TokenLife).Unix(), ID: id,
		ACR: i.ACR, AMR: i.AMR, AuthTime: i.AuthTime.Unix(), Nonce: i.Nonce, AtHash: with.AccessToken, CodeHash: with.Code, Session: i.Session,
		Environment: r.Environment, Organization: r.Organization,
	}
	if r.Region != "" {
		out.Region = r.Region + "1"
	}
	return out
}

// UserInfo is the claims of a user that the scopes release (OpenID Connect
// Core §5.4). Claims without a value are left out.
func UserInfo(id string, u platform.User, updated time.Time, scopes []string) map[string]any {
	all := map[string]any{
		"sub": id, "preferred_username": u.Username, "name": fullName(u.Name), "given_name": u.Name.Given,
		"middle_name": u.Name.Middle, "family_name": u.Name.Family, "nickname": u.Nickname, "picture": u.Photo.Href,
		"zoneinfo": u.Timezone, "locale": u.Locale, "updated_at": updated.Unix(),
		"email": u.Email, "email_verified": u.EmailVerified, "phone_number": cmp.Or(u.PrimaryPhone, u.MobilePhone), "address": address(u.Address),
	}
	out := map[string]any{}
	for _, scope := range platform.OIDCScopes() {
		for _, claim := range scope.Claims {
			if slices.Contains(scopes, scope.Name) && all[claim] != "" && all[claim] != nil {
				out[claim] = all[claim]
			}
		}
	}
	return out
}

func fullName(n platform.UserName) string {
	return cmp.Or(n.Formatted, strings.TrimSpace(n.Given+" "+n.Family))
}

// address is the claim of OpenID Connect Core §5.1.1, nil when there is none.
func address(a platform.UserAddress) any {
	out := map[string]any{}
	for claim, v := range map[string]string{"street_address": a.StreetAddress, "locality": a.Locality, "region": a.Region,
		"postal_code": a.PostalCode, "country": a.CountryCode} {
		if v != "" {
			out[claim] = v
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// Mapped is the claims that attribute mappings add for a user. wanted picks
// the mappings, the scopes those that are bound to some.
func Mapped(mappings []platform.AttributeMapping, user map[string]any, scopes []string, wanted func(platform.AttributeMapping) bool) map[string]any {
	out := map[string]any{}
	for _, m := range mappings {
		released := len(m.OIDCScopes) == 0 || slices.ContainsFunc(m.OIDCScopes, func(s string) bool { return slices.Contains(scopes, s) })
		if !wanted(m) || !released {
			continue
		}
		value, err := platform.ParseExpression(m.Value)
		if err != nil {
			continue // it was accepted when it was kept
		}
		v := value.Value(map[string]any{"user": user})
		if v == nil || m.Name == "sub" && !isSubject(v) {
			continue
		}
		out[m.Name] = v
	}
	return out
}

// isSubject reports whether a value can be a subject: a text of at most 255 ASCII
// characters (OpenID Connect Core §2).
func isSubject(v any) bool {
	s, ok := v.(string)
	return ok && s != "" && len(s) <= 255 && strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// With adds mapped claims to those of a token. What the server writes itself
// stays, apart from the subject.
func With(claims any, mapped map[string]any) (any, error) {
	if len(mapped) == 0 {
		return claims, nil
	}
	raw, err := json.Marshal(claims)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // they stay as they are
	out := map[string]any{}
	if err := d.Decode(&out); err != nil {
		return nil, err
	}
	for name, v := range mapped {
		if _, own := out[name]; !own || name == "sub" {
			out[name] = v
		}
	}
	return out, nil
}
