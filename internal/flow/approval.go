package flow

import (
	"time"

	"pixy/internal/fault"
)

// The kinds of what clients wait for, which are those of the tickets: a device
// (RFC 8628), and a client that named the person (OpenID Connect CIBA).
const (
	ForDevice = "device"
	ForCIBA   = "ciba"
)

// Asked is what the person of a flow decides on, for a client that waits for
// the answer elsewhere.
type Asked struct {
	Kind string `json:"kind,omitempty"` // "" for a sign-on that a client began in this browser
	// ID is that of the ticket which waits, "" until the code was entered.
	ID     string   `json:"id,omitempty"`
	Code   string   `json:"code,omitempty"` // the user code as the device shows it, or as the link has it
	Scopes []string `json:"scopes,omitempty"`
	// User alone decides, anybody who has the code when it is "".
	User    string `json:"user,omitempty"`
	Message string `json:"message,omitempty"` // for the person to compare
	// Failures counts the wrong codes of this flow.
	Failures int `json:"failures,omitempty"`
}

// Request is what a client waits for while it can still be decided on.
type Request struct {
	Client, ClientName string
	Policy             Policy
	Asked              Asked
}

// maxCodes is how many wrong codes end a flow (RFC 8628 §5.1).
const maxCodes = 5

// AskCode begins a flow of which nobody knows yet what it is about: the person
// enters the code that a device shows. code is one to offer, or "": it came with
// a link, and counts when the person has compared it (RFC 8628 §3.3.1, §5.4).
func AskCode(f Flow, code string, now time.Time) Flow {
	f.Status, f.CreatedAt, f.Asked = UserCodeRequired, now, Asked{Kind: ForDevice, Code: code}
	return f.Touch(now)
}

// AskPerson begins the flow in which one person decides on a request.
func AskPerson(f Flow, r Request, session *Session, now time.Time) Flow {
	f.CreatedAt = now
	return f.about(r).Touch(now).begin(session, Demand{}, now)
}

// about makes a flow one that decides on a request.
func (f Flow) about(r Request) Flow {
	r.Asked.Failures = f.Asked.Failures
	f.Client, f.ClientName, f.Policy, f.Asked = r.Client, r.ClientName, r.Policy, r.Asked
	return f
}

// concerns reports whether a user may decide.
func (a Asked) concerns(user string) bool { return a.User == "" || a.User == user }

// Approves reports whether the flow ends in a decision for a client elsewhere,
// rather than in an answer to one in this browser.
func (f Flow) Approves() bool { return f.Asked.Kind != "" }

// Approved reports that the person has allowed what was asked for.
func (f Flow) Approved() bool { return f.Approves() && f.Status == Completed }

// Denied reports that the flow has ended without that, by somebody who may
// decide: whoever has the code, or the one person when that one has signed on.
func (f Flow) Denied() bool {
	return f.Approves() && f.Status == Failed && f.Asked.ID != "" && f.Asked.concerns(f.User)
}

// signedOn reports that nothing of the policy is due any more.
func (f Flow) signedOn() bool { return f.Status == Completed || f.Status == DAGConsentRequired }

// verifyCode is deviceAuthGrant.userCode.verify: the code says which
// application asks, and so which policy the sign-on follows.
func verifyCode(f Flow, x Facts) Turn {
	f = f.Touch(x.Now)
	if x.Request == nil {
		f.Asked.Failures++
		if f.Asked.Failures >= maxCodes {
			return Turn{Flow: f.fail("access_denied", "Too many wrong codes were entered")}
		}
		return Turn{Flow: f, Refuse: fault.UserCodeWrong}
	}
	f = f.about(*x.Request)
	f.Population = x.Population
	return Turn{Flow: f.begin(x.Session, Demand{}, x.Now)}
}

// consent is deviceAuthGrant.consent. Only a person who is signed on now may
// allow something; somebody whose session ended meanwhile signs on again.
func consent(f Flow, x Facts) Turn {
	f = f.Touch(x.Now)
	accept, _ := x.Body["accept"].(bool)
	here := x.Session != nil && x.Session.ID == f.Session && x.Session.User == f.User && x.UserID == f.User && x.User.Enabled && f.Asked.concerns(f.User)
	switch {
	case !accept:
		return Turn{Flow: f.fail("access_denied", "The request was denied by the user")}
	case x.Request == nil:
		return Turn{Flow: f.fail("REQUEST_FAILED", "The request has expired, or was decided on elsewhere")}
	case !here:
		return restart(f, x)
	}
	f.Status = Completed
	return Turn{Flow: f}
}
