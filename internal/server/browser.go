package server

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"

	"pixy/internal/facts"
	"pixy/internal/flow"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// The cookies of a browser. The twin is the same cookie without SameSite, for
// browsers that do not know it; it is set where the first one has
// SameSite=None.
const (
	cookieST   = "ST"
	cookieTwin = "ST-NO-SS"
)

// browser is who calls with the session cookie: a token, and the session it
// stands for when somebody has signed on.
type browser struct {
	token   string // "" when there is none that counts
	hash    string // what flows and sessions remember of the token
	session *flow.Session
	version int64 // of the session
	// population is that of the session's user.
	population string
}

func newBrowser(token string) browser {
	sum := sha256.Sum256([]byte(token))
	return browser{token: token, hash: base64.RawURLEncoding.EncodeToString(sum[:])}
}

// sessionToken reads the cookie; anything but a token of ours is none.
func sessionToken(r *http.Request) string {
	for _, name := range []string{cookieST, cookieTwin} {
		if c, err := r.Cookie(name); err == nil && isToken(c.Value) {
			return c.Value
		}
	}
	return ""
}

// isToken reports whether a text has the shape of newToken and newID.
func isToken(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := '0' <= s[i] && s[i] <= '9' || 'a' <= s[i] && s[i] <= 'f'
		if dash != (s[i] == '-') || !dash && !hex {
			return false
		}
	}
	return true
}

// browser finds the session of a token. A session counts while it is live, and
// its user exists and is enabled.
func (s *Server) browser(tx *store.Tx, token string) (browser, error) {
	if token == "" {
		return browser{}, nil
	}
	b := newBrowser(token)
	t, err := s.records.Sessions.Get(tx, token)
	if isMissing(err) || err == nil && !s.records.Sessions.Live(t, tx.Now()) {
		return b, nil
	}
	if err != nil {
		return b, err
	}
	u, _, err := facts.Get[platform.User](tx, "user", t.Body.User)
	if err == nil && u.Enabled {
		b.session, b.version, b.population = &t.Body, t.Version, u.Population.ID
	}
	if isMissing(err) {
		return b, nil
	}
	return b, err
}

// known reports whether a token without a session is one that a flow waits
// for: only then is it used again.
func (s *Server) known(tx *store.Tx, b browser) (bool, error) {
	if b.token == "" || b.session != nil {
		return b.session != nil, nil
	}
	return s.records.Flows.HasOwner(tx, b.hash)
}

// setSessionCookie gives the browser a token. On https the cookie goes along
// with requests of other sites (SameSite=None), because browser SDKs sign on
// in the background from there; plain http allows only Lax.
func (s *Server) setSessionCookie(w http.ResponseWriter, env, token string) {
	life := s.records.Sessions.Life
	s.writeSessionCookie(w, http.Cookie{Value: token, Path: s.cookiePath(env), MaxAge: int(life / time.Second), Expires: s.now().Add(life)})
}

// dropSessionCookie takes the token from the browser.
func (s *Server) dropSessionCookie(w http.ResponseWriter, env string) {
	s.writeSessionCookie(w, http.Cookie{Path: s.cookiePath(env), MaxAge: -1, Expires: time.Unix(0, 0)})
}

func (s *Server) writeSessionCookie(w http.ResponseWriter, c http.Cookie) {
	c.Name, c.HttpOnly, c.SameSite = cookieST, true, http.SameSiteLaxMode
	if s.secure {
		c.Secure, c.SameSite = true, http.SameSiteNoneMode
		twin := c
		twin.Name, twin.SameSite = cookieTwin, http.SameSiteDefaultMode
		defer http.SetCookie(w, &twin)
	}
	http.SetCookie(w, &c)
}
