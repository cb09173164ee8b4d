// Package flow is the sign-on state machine: which action is due, what each
// action does to a flow, and how a flow ends. It decides on values only.
//
//	authorize -> USERNAME_PASSWORD_REQUIRED -> COMPLETED -> resume
//	          -> SIGN_ON_REQUIRED -> PASSWORD_REQUIRED -^
//	                    |         \-> MUST_CHANGE_PASSWORD, PASSWORD_EXPIRED -> COMPLETED
//	                    \-> FAILED (an action nobody can do here yet; cancelled)
package flow

import (
	"cmp"
	"slices"
	"time"

	"pixy/internal/platform"
)

// The statuses of a flow, in PingOne's words.
const (
	UsernamePasswordRequired = "USERNAME_PASSWORD_REQUIRED"
	SignOnRequired           = "SIGN_ON_REQUIRED" // the name is asked for first
	PasswordRequired         = "PASSWORD_REQUIRED"
	MustChangePassword       = "MUST_CHANGE_PASSWORD"
	PasswordExpired          = "PASSWORD_EXPIRED"
	Completed                = "COMPLETED"
	Failed                   = "FAILED"
)

// Life is how long a flow waits for the next interaction.
const Life = 15 * time.Minute

// Flow is one sign-on, as its ticket keeps it between two interactions.
type Flow struct {
	ID         string   `json:"id"`
	Client     string   `json:"client"` // the application's id
	ClientName string   `json:"clientName"`
	Policy     Policy   `json:"policy"`
	Status     string   `json:"status"`
	Done       []string `json:"done,omitempty"`  // the types of the actions done, in this flow or by the session it began with
	Fresh      []string `json:"fresh,omitempty"` // those done in this flow
	RemoteIP   string   `json:"remoteIp,omitempty"`
	Population string   `json:"population,omitempty"` // of the user
	// Before is when the browser's session signed on last before this flow,
	// and BeforeUser who: that is the last sign-on that conditions ask about.
	Before     time.Time `json:"before,omitzero"`
	BeforeUser string    `json:"beforeUser,omitempty"`
	CreatedAt  time.Time `json:"createdAt"`
	ExpiresAt  time.Time `json:"expiresAt"`
	Hint       string    `json:"hint,omitempty"`    // the username to offer
	User       string    `json:"user,omitempty"`    // the id of the user who proved the password
	Session    string    `json:"session,omitempty"` // the id of the session, when completed
	AuthTime   time.Time `json:"authTime,omitzero"`
	AMR        []string  `json:"amr,omitempty"` // RFC 8176
	Failure    *Failure  `json:"failure,omitempty"`
	// Browser is the hash of the session token (ST) of the browser that
	// started the flow.
	Browser string `json:"browser"`
}

// Failure is why a flow ended without a user.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Policy is a sign-on policy and its actions, in order, as they were when the
// flow began: a change made meanwhile does not reach a running flow.
type Policy struct {
	ID      string                        `json:"id"`
	Name    string                        `json:"name"`
	Actions []platform.SignOnPolicyAction `json:"actions"`
}

// Session is a signed-on browser, as its ticket keeps it.
type Session struct {
	ID       string    `json:"id"`
	User     string    `json:"user"`
	Username string    `json:"username"`
	Created  time.Time `json:"created,omitzero"`
	SignedOn time.Time `json:"signedOn"`           // the last time a password was proved
	Active   time.Time `json:"active,omitzero"`    // the last use, up to a minute ago; see LastActive
	RemoteIP string    `json:"remoteIp,omitempty"` // of the last sign-on
	Agent    string    `json:"userAgent,omitempty"`
	Done     []string  `json:"done"`
	AMR      []string  `json:"amr"`
	// Browsers are the hashes of the session tokens that this session's
	// replaced, newest first: flows that they started belong to this browser.
	Browsers []string `json:"browsers,omitempty"`
	// Parties are the applications that want to hear of the session's end.
	Parties []Party `json:"parties,omitempty"`
}

// Party is an application that takes part in a session, and what its ID tokens
// call the user and the server.
type Party struct {
	Client  string `json:"client"`
	Subject string `json:"subject"`
	Issuer  string `json:"issuer"`
}

// maxParties bounds how many applications hear of a session's end.
const maxParties = 100

// Join notes that an application takes part. It says whether that changed
// anything.
func (s Session) Join(p Party) (Session, bool) {
	i := slices.IndexFunc(s.Parties, func(known Party) bool { return known.Client == p.Client })
	switch {
	case i >= 0 && s.Parties[i] == p, i < 0 && len(s.Parties) >= maxParties:
		return s, false
	case i < 0:
		s.Parties = append(slices.Clone(s.Parties), p)
	default:
		s.Parties = slices.Clone(s.Parties)
		s.Parties[i] = p
	}
	return s, true
}

// LastActive is when the session was used last.
func (s Session) LastActive() time.Time {
	if s.Active.After(s.SignedOn) {
		return s.Active
	}
	return s.SignedOn
}

// Idle reports whether a session was not used for longer than it may rest; 0
// is for ever.
func (s Session) Idle(rest time.Duration, now time.Time) bool {
	return rest > 0 && now.Sub(s.LastActive()) >= rest
}

// Used notes that a session is used, at most once a minute. It says whether
// that changed anything.
func (s Session) Used(now time.Time) (Session, bool) {
	if now.Sub(s.LastActive()) < time.Minute {
		return s, false
	}
	s.Active = now
	return s, true
}

// SessionLife is how long a session lasts after the last sign-on, unless the
// server is told otherwise.
const SessionLife = 30 * 24 * time.Hour

// Demand is what an authorize request asks of a session beyond the policy.
type Demand struct {
	Fresh  bool // prompt=login
	MaxAge *int // seconds since the last sign-on, at most
}

// Start begins a flow, or completes it at once when the session satisfies the
// policy and the demand. session is nil when the browser has none; f.Population
// is that of the session's user.
func Start(f Flow, session *Session, demand Demand, now time.Time) Flow {
	f.CreatedAt, f.ExpiresAt = now, now.Add(Life)
	if session != nil {
		f.Hint, f.Before, f.BeforeUser = cmp.Or(f.Hint, session.Username), session.SignedOn, session.User
		if session.satisfies(demand, now) {
			f.User, f.Session, f.AuthTime, f.AMR, f.Done = session.User, session.ID, session.SignedOn, session.AMR, session.Done
		}
	}
	if f.User == "" {
		f.Population = ""
	}
	return f.advance(now)
}

func (s *Session) satisfies(d Demand, now time.Time) bool {
	if d.Fresh {
		return false
	}
	return d.MaxAge == nil || *d.MaxAge > 0 && now.Sub(s.SignedOn) <= time.Duration(*d.MaxAge)*time.Second
}

// Touch counts an interaction: the flow has another 15 minutes.
func (f Flow) Touch(now time.Time) Flow {
	f.ExpiresAt = now.Add(Life)
	return f
}

// Expired reports whether the flow has waited too long.
func (f Flow) Expired(now time.Time) bool { return !now.Before(f.ExpiresAt) }

// Cancel ends a flow at the person's wish.
func (f Flow) Cancel() Flow {
	return f.fail("access_denied", "The sign-on was cancelled by the user")
}

func (f Flow) fail(code, message string) Flow {
	f.Status, f.Failure = Failed, &Failure{Code: code, Message: message}
	return f
}

// Interactive reports whether the flow waits for the person.
func (f Flow) Interactive() bool { return f.Status != Completed && f.Status != Failed }

// BelongsTo reports whether a browser that presents a session token (its hash)
// and the session it stands for, if any, is the one that started the flow; or,
// once the flow is completed, the one whose session completed it. RFC 9700
// §4.7: what was begun in one browser must not be finished in another.
func (f Flow) BelongsTo(browser string, session *Session) bool {
	switch {
	case browser == "":
		return false
	case f.Session != "" && f.Status == Completed:
		return session != nil && session.ID == f.Session
	case browser == f.Browser:
		return true
	}
	return session != nil && slices.Contains(session.Browsers, f.Browser)
}

// maxBrowsers bounds how many earlier session tokens a session remembers.
const maxBrowsers = 8

// SignOn makes the session of a completed flow. It continues the browser's
// session when that is the same user's; replaced is the hash of the session
// token that the new one replaces.
func (f Flow) SignOn(last *Session, id, username, replaced string) Session {
	s := Session{ID: id, User: f.User, Username: username, Created: f.AuthTime, SignedOn: f.AuthTime, RemoteIP: f.RemoteIP, Done: f.Done, AMR: f.AMR, Browsers: []string{replaced}}
	if last != nil {
		s.Browsers = append(s.Browsers, last.Browsers...)
		s.Browsers = s.Browsers[:min(len(s.Browsers), maxBrowsers)]
		if last.User == f.User {
			s.ID, s.Created, s.Parties = last.ID, last.Created, last.Parties
		}
	}
	return s
}
