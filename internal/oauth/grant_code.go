package oauth

import (
	"errors"
	"time"

	"pixy/internal/fault"
)

// CodeLife is how long an authorization code is good for (RFC 6749 §4.1.2).
const CodeLife = 10 * time.Minute

// maxVerifierFailures is how many wrong verifiers a code survives, less one.
const maxVerifierFailures = 5

// Code is an authorization code, as its ticket keeps it.
type Code struct {
	ClientID    string    `json:"clientId"`
	RedirectURI string    `json:"redirectUri,omitempty"`
	Challenge   Challenge `json:"challenge,omitzero"`
	Scopes      []string  `json:"scopes,omitempty"`
	Resources   []string  `json:"resources,omitempty"`
	JKT         string    `json:"jkt,omitempty"` // the key of the authorize request (RFC 9449 §10)
	Nonce       string    `json:"nonce,omitempty"`
	User        string    `json:"user"`
	Session     string    `json:"session"`
	Family      string    `json:"family"`
	ACR         string    `json:"acr,omitempty"`
	AMR         []string  `json:"amr,omitempty"`
	AuthTime    time.Time `json:"authTime"`
	ExpiresAt   time.Time `json:"expiresAt"`
	Failures    int       `json:"failures,omitempty"`
	// Spent is set from the ticket when it is read.
	Spent bool `json:"-"`
}

// codeChecks is the order in which a redemption is refused. Up to code.expiry
// a refusal changes nothing; from code.spent on, the client is the code's own,
// and its mistakes count. The code's environment is not in the list: a code of
// another environment is not found in this one.
func codeChecks() []Check[Exchange] {
	return []Check[Exchange]{
		{"code.given", codeGiven},
		{"code.known", codeKnown},
		{"code.client", codeClient},
		{"code.redirect_uri", codeRedirect},
		{"code.expiry", codeExpiry},
		{"code.spent", codeSpent},
		{"code.failures", codeFailures},
		{"verifier", func(x Exchange) error { return x.Code.Challenge.Verify(x.Form.Get("code_verifier")) }},
		{"proof.key", codeKey},
		{"code.user", codeUser},
		{"resource", func(x Exchange) error { _, err := x.codeIssue(); return err }},
	}
}

// decideCode redeems a code. A reused code revokes what the first use issued
// (RFC 6749 §4.1.2); a wrong verifier is counted and leaves the code to the
// true client until there are too many.
func decideCode(x Exchange) Outcome {
	err := First(codeChecks(), x)
	switch {
	case err == nil:
		i, _ := x.codeIssue() // the checks have accepted it
		return x.first(i, x.Code.Scopes, x.Code.Resources)
	case errors.Is(err, fault.CodeSpent):
		return Outcome{Refuse: err, End: &End{Family: x.Code.Family}}
	case failedVerifier(err):
		failed := *x.Code
		failed.Failures++
		return Outcome{Refuse: err, Code: &failed}
	}
	return Outcome{Refuse: err}
}

// codeIssue is what the code is good for, or the part of it that the request
// names.
func (x Exchange) codeIssue() (Issue, error) {
	c := x.Code
	return x.narrow(Issue{Subject: c.User, Scopes: c.Scopes, Resources: c.Resources, Session: c.Session, Family: c.Family,
		Nonce: c.Nonce, ACR: c.ACR, AMR: c.AMR, AuthTime: c.AuthTime, JKT: x.JKT})
}

// failedVerifier holds for every refusal by Challenge.Verify.
func failedVerifier(err error) bool {
	for _, f := range []error{fault.VerifierUnasked, fault.VerifierMissing, fault.VerifierMalformed, fault.VerifierMismatch} {
		if errors.Is(err, f) {
			return true
		}
	}
	return false
}

func codeGiven(x Exchange) error {
	if x.Form.Get("code") == "" {
		return fault.CodeMissing
	}
	return nil
}

func codeKnown(x Exchange) error {
	if x.Code == nil {
		return fault.CodeUnknown
	}
	return nil
}

func codeClient(x Exchange) error {
	if x.Code.ClientID != x.Client.ID {
		return fault.CodeForeign.Compared(x.Code.ClientID, x.Client.ID)
	}
	return nil
}

func codeRedirect(x Exchange) error {
	if sent := x.Form.Get("redirect_uri"); sent != x.Code.RedirectURI {
		return fault.CodeRedirect.Compared(x.Code.RedirectURI, sent)
	}
	return nil
}

// codeExpiry lets a spent code through, so that its late reuse still revokes
// what it issued: the ticket of a spent code lives as long as that.
func codeExpiry(x Exchange) error {
	if !x.Code.Spent && !x.Now.Before(x.Code.ExpiresAt) {
		return fault.CodeExpired.Compared("before "+x.Code.ExpiresAt.UTC().Format(time.RFC3339), x.Now.UTC().Format(time.RFC3339))
	}
	return nil
}

func codeSpent(x Exchange) error {
	if x.Code.Spent {
		return fault.CodeSpent
	}
	return nil
}

func codeFailures(x Exchange) error {
	if x.Code.Failures >= maxVerifierFailures {
		return fault.CodeBurnt
	}
	return nil
}

// codeKey holds the proof against the key that the authorize request named
// (RFC 9449 §10).
func codeKey(x Exchange) error { return x.proves(x.Code.JKT) }

func codeUser(x Exchange) error {
	if !x.UserActive {
		return fault.CodeUserGone
	}
	return nil
}
