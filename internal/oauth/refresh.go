package oauth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// Refresh is a family of refresh tokens, as its ticket keeps it: one row for
// all of them. A token names the family and its generation, so that of a token
// that was used before it is known for ever that it was.
type Refresh struct {
	ClientID   string    `json:"clientId"`
	Family     string    `json:"family"`
	Scopes     []string  `json:"scopes,omitempty"` // what was granted; a request may narrow it for one access token
	Resources  []string  `json:"resources,omitempty"`
	User       string    `json:"user"`
	Session    string    `json:"session"`
	ACR        string    `json:"acr,omitempty"`
	AMR        []string  `json:"amr,omitempty"`
	AuthTime   time.Time `json:"authTime"`
	JKT        string    `json:"jkt,omitempty"`    // the key of a public client (RFC 9449 §5)
	Proven     bool      `json:"proven,omitempty"` // a proof by some key must come (RFC 9449 §5)
	Generation int       `json:"generation"`       // of the token that is good now, from 1
	IssuedAt   time.Time `json:"issuedAt"`         // of the first generation
	RotatedAt  time.Time `json:"rotatedAt"`        // of this one
	ExpiresAt  time.Time `json:"expiresAt"`        // of this one
	// Spent is set from the ticket when it is read: the family is ended.
	Spent bool `json:"-"`
}

// RefreshToken is the text of a family's token: nobody makes it without the
// key, and whoever has the key makes the same again. key is a MAC key, env
// keeps one environment's tokens apart from another's.
func RefreshToken(key []byte, env, family string, generation int) string {
	return family + "." + strconv.Itoa(generation) + "." + refreshMAC(key, env, family, generation)
}

// ReadRefreshToken reads a token's family and generation. ok is false for what
// RefreshToken never made.
func ReadRefreshToken(key []byte, env, token string) (family string, generation int, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > 256 {
		return "", 0, false
	}
	generation, err := strconv.Atoi(parts[1])
	if err != nil || !equal(token, RefreshToken(key, env, parts[0], generation)) {
		return "", 0, false
	}
	return parts[0], generation, true
}

func refreshMAC(key []byte, env, family string, generation int) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(env + "\x00" + family + "\x00" + strconv.Itoa(generation)))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

const scopeOffline = "offline_access"

// offline reports whether a grant of the application names offline_access:
// then a refresh token goes to who asks for it, and to nobody else.
func (c *Client) offline() bool {
	return slices.ContainsFunc(c.Scopes, func(g GrantedScope) bool { return g.Name == scopeOffline })
}

// refreshes reports whether a refresh token goes with the scopes.
func (c *Client) refreshes(scopes []string) bool {
	if c.offline() {
		return slices.Contains(scopes, scopeOffline)
	}
	return slices.Contains(c.GrantTypes, allowRefresh)
}

// first is what the first use of a ticket gets, and spends it: the part of the
// grant that the request names, and a refresh token for all of it.
func (x Exchange) first(part Issue, scopes, resources []string) Outcome {
	whole := part
	whole.Scopes, whole.Resources = scopes, resources
	return Outcome{Spend: true, Issue: part, Refresh: newRefresh(x, whole)}
}

// proves refuses a request without a proof by the key with a thumbprint, when
// there is one (RFC 9449 §5, §10).
func (x Exchange) proves(jkt string) error {
	if jkt == "" || jkt == x.JKT {
		return nil
	}
	return fault.ProofForeign.Compared("a DPoP proof by the key with the thumbprint "+jkt, "the thumbprint "+x.JKT)
}

// newRefresh is the family that begins with an issue, nil where the application
// gets no refresh tokens.
func newRefresh(x Exchange, i Issue) *Refresh {
	if !x.Client.refreshes(i.Scopes) || i.Subject == "" {
		return nil
	}
	r := Refresh{ClientID: x.Client.ID, Family: i.Family, Scopes: i.Scopes, Resources: i.Resources, User: i.Subject, Session: i.Session,
		ACR: i.ACR, AMR: i.AMR, AuthTime: i.AuthTime, Proven: x.JKT != "", IssuedAt: x.Now, Generation: 1}
	if x.Client.TokenEndpointAuthMethod == platform.AuthNone {
		r.JKT = x.JKT
	}
	return r.rotated(x)
}

// rotated gives the family's token its lifetime: refreshTokenDuration from now,
// and refreshTokenRollingDuration from the first one, whichever ends first.
func (r Refresh) rotated(x Exchange) *Refresh {
	r.RotatedAt = x.Now
	r.ExpiresAt = x.Now.Add(time.Duration(x.Client.RefreshTokenDuration) * time.Second)
	if rolling := x.Client.RefreshTokenRollingDuration; rolling > 0 {
		if last := r.IssuedAt.Add(time.Duration(rolling) * time.Second); last.Before(r.ExpiresAt) {
			r.ExpiresAt = last
		}
	}
	return &r
}
