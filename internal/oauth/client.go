package oauth

import (
	"encoding/base64"
	"net/url"
	"strings"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// Credentials is how a client presented itself at the token endpoint.
type Credentials struct {
	Method string // NONE, CLIENT_SECRET_BASIC or CLIENT_SECRET_POST
	ID     string
	Secret string
}

// ReadCredentials finds the client's credentials in the Authorization header
// or in the body, and refuses both at once. RFC 6749 §2.3.
func ReadCredentials(authorization string, form Form) (Credentials, error) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if form.Get("client_assertion") != "" || form.Get("client_assertion_type") != "" {
		return Credentials{}, fault.ClientMethod.Compared("client_secret_basic, client_secret_post or none", "a client assertion")
	}
	switch {
	case authorization == "" && secret == "":
		return Credentials{Method: platform.AuthNone, ID: id}, nil
	case authorization == "":
		return Credentials{Method: platform.AuthPost, ID: id, Secret: secret}, nil
	case secret != "":
		return Credentials{}, fault.ClientTwice
	}
	c, ok := basic(authorization)
	if !ok || (id != "" && id != c.ID) {
		return Credentials{}, fault.ClientDenied.Compared("Basic with the client's id and secret", "something else")
	}
	return c, nil
}

// basic reads the Basic scheme; id and secret are form-encoded inside it
// (RFC 6749 §2.3.1).
func basic(header string) (Credentials, bool) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return Credentials{}, false
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return Credentials{}, false
	}
	id, secret, found := strings.Cut(string(raw), ":")
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	return Credentials{Method: platform.AuthBasic, ID: id, Secret: secret}, found && errID == nil && errSecret == nil
}

// Authenticate holds a client's credentials against the application, whose
// secrets are the current one and, while it lives, the previous one. client is
// nil when no enabled application has the id. RFC 6749 §2.3, §5.2.
func Authenticate(c Credentials, client *Client, secrets []string) error {
	switch {
	case client == nil || !client.Enabled:
		return fault.ClientDenied.Compared("an enabled application", "client_id "+c.ID)
	case client.TokenEndpointAuthMethod != c.Method:
		return fault.ClientMethod.Compared(client.TokenEndpointAuthMethod, c.Method)
	case c.Method == platform.AuthNone:
		return nil
	}
	ok := false
	for _, s := range secrets {
		ok = equal(s, c.Secret) || ok
	}
	if !ok {
		return fault.ClientDenied.Compared("the application's secret", "another")
	}
	return nil
}
