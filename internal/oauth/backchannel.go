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

// Heard reports whether an answer says that an application logged the user out
// (§2.8), and if not, whether it might another time: only what may pass is
// tried again (§2.5).
func Heard(status int) (heard, passing bool) {
	switch {
	case status == 200 || status == 204:
		return true, false
	case status == 408 || status == 425 || status == 429 || status >= 500:
		return false, true
	}
	return false, false
}

// Failed is a notice after a try that failed. It says whether there is another.
func (n Notice) Failed(now time.Time) (next Notice, again bool) {
	waits := waits()
	again = n.Tries < len(waits)
	n.Due = now.Add(waits[min(n.Tries, len(waits)-1)])
	n.Tries++
	return n, again
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
