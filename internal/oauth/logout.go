package oauth

import (
	"net/url"
	"slices"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// LogoutParameters are the parameters of a logout request (OpenID Connect
// RP-Initiated Logout §2). logout_hint and ui_locales change nothing: a browser
// has one session, and the pages one language.
func LogoutParameters() []string {
	return []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_hint", "ui_locales"}
}

// Logout is a request to end a session, and what the server knows about it.
type Logout struct {
	Form   Form
	Hint   *Identity // verified; nil when none was sent
	Client *Client   // that the hint was issued to, or else that of client_id; nil when there is none
	// Registered says that some enabled application has registered the URI. It
	// is asked when the request names no application.
	Registered bool
}

// maxReturn bounds the redirect URI and the state together, in characters, as
// PingOne does.
const maxReturn = 8191

// LogoutForm refuses parameters that are repeated, too long or no text.
func LogoutForm(f Form) error {
	names := slices.DeleteFunc(LogoutParameters(), func(name string) bool { return name == "state" })
	if err := f.Wrong(names); err != nil {
		return err
	}
	switch {
	case len(f["state"]) > 1:
		return fault.ParameterRepeated.Saying("state").Compared("1 value", count(len(f["state"]))+" values")
	case !sound(f.Get("state"), maxReturn-len(f.Get("post_logout_redirect_uri"))):
		return fault.ParameterBroken.Saying("state")
	}
	return nil
}

// LogoutChecks are the rules of a logout request, in the order in which they
// refuse. None of them leads to a redirect.
func LogoutChecks() []Check[Logout] {
	return []Check[Logout]{
		{"hint.client", Logout.wrongPair},
		{"client.known", Logout.unknownClient},
		{"logout_redirect.registered", Logout.wrongRedirect},
	}
}

// IdPSignoffChecks are those of PingOne's idpSignoff, which ends a session
// without its cookie.
func IdPSignoffChecks() []Check[Logout] {
	given := func(l Logout) error {
		if l.Hint == nil {
			return fault.HintMissing
		}
		return nil
	}
	allowed := func(l Logout) error {
		if !l.Client.IdPSignoff {
			return fault.SignoffDenied
		}
		return nil
	}
	named := func(l Logout) error {
		if l.Hint.Session == "" {
			return fault.HintSession
		}
		return nil
	}
	checks := append([]Check[Logout]{{"hint.given", given}}, LogoutChecks()...)
	return append(checks, Check[Logout]{"signoff.allowed", allowed}, Check[Logout]{"hint.session", named})
}

// wrongPair refuses a client_id that the hint was not issued to (§2).
func (l Logout) wrongPair() error {
	if id := l.Form.Get("client_id"); l.Hint != nil && id != "" && id != l.Hint.Audience {
		return fault.HintForeign.Compared(l.Hint.Audience, id)
	}
	return nil
}

func (l Logout) unknownClient() error {
	enabled := l.Client != nil && l.Client.Enabled
	switch id := l.Form.Get("client_id"); {
	case l.Hint != nil && !enabled:
		return fault.HintWrong.Compared("an enabled application", l.Hint.Audience)
	case l.Hint == nil && id != "" && !enabled:
		return fault.ClientUnknown.Compared("an enabled application", id)
	}
	return nil
}

// wrongRedirect refuses a URI that is not registered, character by character
// (§3): by the application, or by any when the request names none.
func (l Logout) wrongRedirect() error {
	uri := l.Form.Get("post_logout_redirect_uri")
	if uri == "" || l.Client == nil && l.Registered || l.Client != nil && ReturnsTo(l.Client.Application, uri) {
		return nil
	}
	return fault.LogoutRedirectMismatch.Compared("one of postLogoutRedirectUris", uri)
}

// ReturnsTo reports whether an application has registered a URI for the time
// after a sign-off.
func ReturnsTo(app platform.Application, uri string) bool {
	return slices.Contains(app.PostLogoutRedirectURIs, uri)
}

// To is where the browser goes afterwards, with the state (§3), or "".
func (l Logout) To() string {
	uri, state := l.Form.Get("post_logout_redirect_uri"), l.Form.Get("state")
	if uri == "" || state == "" {
		return uri
	}
	return Append(uri, url.Values{"state": {state}})
}

// Again are the parameters with which the person's answer comes: where the
// browser goes afterwards, and whose request it is. The hint has done its work.
func (l Logout) Again() url.Values {
	again := url.Values{}
	for _, name := range []string{"post_logout_redirect_uri", "state"} {
		if v := l.Form.Get(name); v != "" {
			again.Set(name, v)
		}
	}
	if l.Client != nil {
		again.Set("client_id", l.Client.ID)
	}
	return again
}

// SignedOn is who a browser's session is for: its id, and what the application
// of a logout request calls the user.
type SignedOn struct{ Session, Subject string }

// LogoutStep is what a logout request leads to.
type LogoutStep int

const (
	LogoutAsks LogoutStep = iota // the person is asked
	LogoutEnds                   // the session ends, and the browser goes back
	LogoutOver                   // there is nothing to end, and nobody who asks to go back
)

// Step decides on a request that passed the checks. Only a hint that belongs to
// the browser's session, nil when it has none, or the person's word ends it:
// any page could have sent the rest (§2, §6).
func (l Logout) Step(on *SignedOn, confirmed bool) LogoutStep {
	switch {
	case confirmed:
		return LogoutEnds
	case on == nil && l.Hint == nil:
		return LogoutOver
	case on == nil:
		return LogoutEnds
	case l.Hint != nil && l.Hint.Names(*on):
		return LogoutEnds
	}
	return LogoutAsks
}

// Names reports whether an ID token was issued for a session. One without sid
// was for any of the user's.
func (i Identity) Names(on SignedOn) bool {
	return i.Subject == on.Subject && (i.Session == "" || i.Session == on.Session)
}

// HintAudience is the application that a hint says it was issued to. It is not
// to be believed: it says whose origin may be let near, not what may be done.
func HintAudience(hint string) string {
	t, err := parseOurs(hint)
	if err != nil {
		return ""
	}
	var claims Identity
	if err := t.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return ""
	}
	return claims.Audience
}
