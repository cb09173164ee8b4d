package oauth

import (
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// Credentials is how a client presented itself: at the token endpoint, and at
// the others that a client calls itself.
type Credentials struct {
	Method    string // a value of tokenEndpointAuthMethod
	ID        string
	Secret    string
	Assertion *Assertion // with the two methods that use one
}

// ClientParameters are those by which a client authenticates.
func ClientParameters() []string {
	return []string{"client_id", "client_secret", "client_assertion", "client_assertion_type"}
}

// KeyID is the kid of an assertion, or "".
func (c Credentials) KeyID() string {
	if c.Assertion == nil {
		return ""
	}
	return c.Assertion.KeyID
}

// ReadCredentials finds the client's credentials in the Authorization header
// or in the body, and refuses two at once. RFC 6749 §2.3.
func ReadCredentials(authorization string, form Form) (Credentials, error) {
	id, secret, assertion := form.Get("client_id"), form.Get("client_secret"), form.Get("client_assertion")
	if assertion != "" || form.Get("client_assertion_type") != "" {
		return asserted(authorization, form)
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

// asserted are the credentials of a client that sent an assertion.
func asserted(authorization string, form Form) (Credentials, error) {
	switch t := form.Get("client_assertion_type"); {
	case authorization != "" || form.Get("client_secret") != "":
		return Credentials{}, fault.ClientTwice
	case t != AssertionType:
		return Credentials{}, fault.ClientMethod.Compared("client_assertion_type "+AssertionType, t)
	}
	a, err := readAssertion(form.Get("client_assertion"))
	if err != nil {
		return Credentials{}, fault.ClientDenied.Because(err)
	}
	if id := form.Get("client_id"); id != "" && id != a.Subject {
		return Credentials{}, fault.ClientDenied.Compared("the client_id "+id, a.Subject)
	}
	return Credentials{Method: a.method, ID: a.Subject, Assertion: a}, nil
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

// Authenticate holds a client's credentials against the application: exactly
// the method that it has registered. keys has its secrets, the current one and,
// while it lives, the previous one, and its public keys; client is nil when no
// enabled application has the id. RFC 6749 §2.3, §5.2. That an assertion is not
// used twice is the caller's to see to.
func Authenticate(c Credentials, client *Client, keys Keys, issuer string, now time.Time) error {
	switch {
	case client == nil || !client.Enabled:
		return fault.ClientDenied.Compared("an enabled application", "client_id "+c.ID)
	case client.TokenEndpointAuthMethod != c.Method:
		return fault.ClientMethod.Compared(client.TokenEndpointAuthMethod, c.Method)
	case c.Method == platform.AuthNone:
		return nil
	case c.Assertion != nil:
		return c.Assertion.verify(client.ID, keys, issuer, now)
	}
	if !anyEqual(keys.Secrets, c.Secret) {
		return fault.ClientDenied.Compared("the application's secret", "another")
	}
	return nil
}

// anyEqual takes the same time whichever secret it is.
func anyEqual(secrets []string, came string) bool {
	ok := false
	for _, s := range secrets {
		ok = equal(s, came) || ok
	}
	return ok
}

// AuthenticateResource holds the credentials that came to the introspection
// endpoint against a custom resource (RFC 7662 §2.1). One whose
// introspectEndpointAuthMethod is NONE can't authenticate.
func AuthenticateResource(c Credentials, resource platform.Resource, secrets []string) error {
	switch {
	case resource.IntrospectAuth == platform.AuthNone || resource.IntrospectAuth != c.Method:
		return fault.ClientMethod.Compared(resource.IntrospectAuth, c.Method)
	case !anyEqual(secrets, c.Secret):
		return fault.ClientDenied.Compared("the resource's secret", "another")
	}
	return nil
}
