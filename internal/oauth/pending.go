package oauth

import (
	"errors"
	"strconv"
	"time"

	"pixy/internal/fault"
)

// Pending is what a client asks for without a browser of its own, and waits for
// a person to allow, as the ticket of its device code (RFC 8628 §3.2) or of its
// auth_req_id (OpenID Connect CIBA §7.3) keeps it.
type Pending struct {
	ClientID  string    `json:"clientId"`
	Scopes    []string  `json:"scopes,omitempty"`
	Resources []string  `json:"resources,omitempty"` // the audiences that were asked for
	ACRValues []string  `json:"acrValues,omitempty"`
	User      string    `json:"user,omitempty"`    // who alone may allow it, "" for anybody
	Message   string    `json:"message,omitempty"` // for the person to compare (CIBA §7.1)
	ExpiresAt time.Time `json:"expiresAt"`
	Interval  int       `json:"interval"` // seconds between two polls, at least
	PolledAt  time.Time `json:"polledAt,omitzero"`
	Denied    bool      `json:"denied,omitempty"`
	Approval  *Approval `json:"approval,omitempty"` // nil while nobody has allowed it
	// Spent is set from the ticket when it is read.
	Spent bool `json:"-"`
}

// Approval is who allowed it, and how that person signed on.
type Approval struct {
	User     string    `json:"user"`
	Session  string    `json:"session"`
	Family   string    `json:"family"`
	ACR      string    `json:"acr,omitempty"`
	AMR      []string  `json:"amr,omitempty"`
	AuthTime time.Time `json:"authTime"`
}

// Open reports whether a person can still decide on it.
func (p Pending) Open(now time.Time) bool {
	return !p.Spent && !p.Denied && p.Approval == nil && now.Before(p.ExpiresAt)
}

// pollLeeway is how much too early a poll may come: clients count from when
// they asked last, and not every request takes as long.
const pollLeeway = 500 * time.Millisecond

// slower is by how much the interval grows with each poll that comes too early,
// in seconds (RFC 8628 §3.5).
const slower = 5

func (p Pending) tooSoon(now time.Time) bool {
	return !p.PolledAt.IsZero() && now.Sub(p.PolledAt) < time.Duration(p.Interval)*time.Second-pollLeeway
}

// polled remembers a poll, and that it came too early.
func (p Pending) polled(now time.Time) *Pending {
	if p.tooSoon(now) {
		p.Interval += slower
	}
	p.PolledAt = now
	return &p
}

// pollChecks is the order in which a poll is refused. Only the client's own
// poll of what is still open changes something: the time of the last poll.
// What is decided is told at once, however early the client asks: slow_down is
// a kind of authorization_pending (RFC 8628 §3.5).
func pollChecks(parameter string) []Check[Exchange] {
	return []Check[Exchange]{
		{"pending.given", func(x Exchange) error {
			if x.Form.Get(parameter) == "" {
				return fault.PendingMissing.Saying(parameter)
			}
			return nil
		}},
		{"pending.known", func(x Exchange) error {
			if x.Pending == nil {
				return fault.PendingUnknown.Saying(parameter)
			}
			return nil
		}},
		{"pending.client", func(x Exchange) error {
			if x.Pending.ClientID != x.Client.ID {
				return fault.PendingForeign.Saying(parameter).Compared(x.Pending.ClientID, x.Client.ID)
			}
			return nil
		}},
		{"pending.spent", func(x Exchange) error {
			if x.Pending.Spent {
				return fault.PendingSpent.Saying(parameter)
			}
			return nil
		}},
		{"pending.expiry", func(x Exchange) error {
			if !x.Now.Before(x.Pending.ExpiresAt) {
				return fault.PendingExpired.Saying(parameter)
			}
			return nil
		}},
		{"pending.denied", pollDenied},
		{"pending.pace", pollPace},
		{"pending.open", pollOpen},
		{"pending.user", pollUser},
		{"resource", func(x Exchange) error { _, err := x.pendingIssue(); return err }},
	}
}

func pollDenied(x Exchange) error {
	if x.Pending.Denied {
		return fault.PendingDenied
	}
	return nil
}

func pollPace(x Exchange) error {
	if p := x.Pending; p.Approval == nil && p.tooSoon(x.Now) {
		return fault.PendingTooSoon.Compared(strconv.Itoa(p.Interval)+" s since the last poll", x.Now.Sub(p.PolledAt).String())
	}
	return nil
}

func pollOpen(x Exchange) error {
	if x.Pending.Approval == nil {
		return fault.PendingOpen
	}
	return nil
}

func pollUser(x Exchange) error {
	if !x.UserActive {
		return fault.PendingUserGone
	}
	return nil
}

// poll answers a client that asks for its tokens (RFC 8628 §3.4, CIBA §10.1).
func poll(x Exchange, parameter string) Outcome {
	err := First(pollChecks(parameter), x)
	switch {
	case errors.Is(err, fault.PendingOpen) || errors.Is(err, fault.PendingTooSoon):
		return Outcome{Refuse: err, Pending: x.Pending.polled(x.Now)}
	case err != nil:
		return Outcome{Refuse: err}
	}
	i, _ := x.pendingIssue() // the checks have accepted it
	return x.first(i, x.Pending.Scopes, x.Pending.Resources)
}

// pendingIssue is what was allowed, or the part of it that the request names.
func (x Exchange) pendingIssue() (Issue, error) {
	p, a := x.Pending, x.Pending.Approval
	return x.narrow(Issue{Subject: a.User, Scopes: p.Scopes, Resources: p.Resources, Session: a.Session, Family: a.Family,
		ACR: a.ACR, AMR: a.AMR, AuthTime: a.AuthTime, JKT: x.JKT})
}
