package oauth

import "time"

// Notice is what an application is to hear: that a session that it took part
// in has ended (OpenID Connect Back-Channel Logout §2.3). Due is when it is
// told next, Tries how often it was.
type Notice struct {
	Environment string    `json:"environment"`
	Client      string    `json:"client"`
	Subject     string    `json:"subject"` // as the application's ID tokens say it, and so the issuer
	Issuer      string    `json:"issuer"`
	Session     string    `json:"session"`
	Tries       int       `json:"tries,omitempty"`
	Due         time.Time `json:"due,omitzero"`
}

// NoticeLife is how long a notice is kept at most.
const NoticeLife = 24 * time.Hour

// waits are the times between the tries.
func waits() []time.Duration {
	return []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
}

// Name names a notice: an application hears once of a session's end.
func (n Notice) Name() string { return n.Environment + "\x00" + n.Session + "\x00" + n.Client }

// Reply is what came of telling an application.
type Reply int

const (
	Heard   Reply = iota // it logged the user out, or no longer wants to hear
	Refused              // it would answer the same another time
	Failed               // it may hear another time
)

// ReplyOf is what the status of an answer says (§2.8): only what may pass is
// tried again (§2.5).
func ReplyOf(status int) Reply {
	switch {
	case status == 200 || status == 204:
		return Heard
	case status == 408 || status == 425 || status == 429 || status >= 500:
		return Failed
	}
	return Refused
}

// After is a notice after a try: whether it is kept, and until when the
// application is left alone, the zero time when it is not.
func (n Notice) After(reply Reply, now time.Time) (next Notice, due time.Time, keep bool) {
	waits := waits()
	n.Tries++
	switch {
	case reply != Failed:
		return n, time.Time{}, false
	case n.Tries > len(waits): // given up; the others wait all the same
		return n, now.Add(waits[len(waits)-1]), false
	}
	n.Due = now.Add(waits[n.Tries-1])
	return n, n.Due, true
}

// LogoutToken is the claims of a logout token (OpenID Connect Back-Channel
// Logout §2.4). It has no nonce, so that it is no ID token.
type LogoutToken struct {
	Issuer   string         `json:"iss"`
	Subject  string         `json:"sub"`
	Audience string         `json:"aud"`
	IssuedAt int64          `json:"iat"`
	Expires  int64          `json:"exp"`
	ID       string         `json:"jti"`
	Events   map[string]any `json:"events"`
	Session  string         `json:"sid"`
}

// The life of a logout token, at most two minutes (§2.4), and its event.
const (
	logoutTokenLife = 2 * time.Minute
	logoutEvent     = "http://schemas.openid.net/event/backchannel-logout"
)

// Token is the claims of the logout token of a notice.
func (n Notice) Token(id string, now time.Time) LogoutToken {
	return LogoutToken{Issuer: n.Issuer, Subject: n.Subject, Audience: n.Client, IssuedAt: now.Unix(), Expires: now.Add(logoutTokenLife).Unix(),
		ID: id, Events: map[string]any{logoutEvent: struct{}{}}, Session: n.Session}
}
