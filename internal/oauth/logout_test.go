package oauth

import (
	"errors"
	"strings"
	"testing"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

const after = "https://app.example.com/bye?a=b"

func TestLogoutForm(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for _, c := range []struct {
		name string
		form Form
		want *fault.Fault
	}{
		{"nothing", Form{}, nil},
		{"everything", Form{"id_token_hint": {"a"}, "client_id": {"b"}, "post_logout_redirect_uri": {after}, "state": {"s"}, "logout_hint": {"ada"}, "ui_locales": {"de fr"}}, nil},
		{"what nobody knows", Form{"foo": {"a", "b"}}, nil},
		{"two hints", Form{"id_token_hint": {"a", "a"}}, fault.ParameterRepeated},
		{"two URIs", Form{"post_logout_redirect_uri": {after, after}}, fault.ParameterRepeated},
		{"two states", Form{"state": {"a", "b"}}, fault.ParameterRepeated},
		{"a long hint", Form{"id_token_hint": {long(maxToken)}}, nil},
		{"a hint that is too long", Form{"id_token_hint": {long(maxToken + 1)}}, fault.ParameterBroken},
		{"URI and state of 8191", Form{"post_logout_redirect_uri": {after}, "state": {long(8191 - len(after))}}, nil},
		{"URI and state of 8192", Form{"post_logout_redirect_uri": {after}, "state": {long(8192 - len(after))}}, fault.ParameterBroken},
		{"a state with NUL", Form{"state": {"a\x00"}}, fault.ParameterBroken},
		{"a URI that is no text", Form{"post_logout_redirect_uri": {"\xff"}}, fault.ParameterBroken},
	} {
		if err := LogoutForm(c.form); !refusedBy(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func refusedBy(err error, want *fault.Fault) bool {
	if want == nil {
		return err == nil
	}
	return errors.Is(err, want)
}

// TestLogoutChecks holds logout requests against the rules of both endpoints.
func TestLogoutChecks(t *testing.T) {
	app := func(enabled, idp bool) *Client {
		return &Client{ID: "app", Application: platform.Application{Enabled: enabled, PostLogoutRedirectURIs: []string{"https://other.example.com", after}, IdPSignoff: idp}}
	}
	hint := &Identity{Audience: "app", Subject: "ada", Session: "s"}
	for _, c := range []struct {
		name         string
		logout       Logout
		signoff, idp *fault.Fault
	}{
		{"nothing", Logout{}, nil, fault.HintMissing},
		{"a hint", Logout{Hint: hint, Client: app(true, true)}, nil, nil},
		{"a hint and its URI", Logout{Hint: hint, Client: app(true, true), Form: Form{"post_logout_redirect_uri": {after}}}, nil, nil},
		{"a hint of an application that may not", Logout{Hint: hint, Client: app(true, false)}, nil, fault.SignoffDenied},
		{"a hint without sid", Logout{Hint: &Identity{Audience: "app", Subject: "ada"}, Client: app(true, true)}, nil, fault.HintSession},
		{"a hint and its client_id", Logout{Hint: hint, Client: app(true, true), Form: Form{"client_id": {"app"}}}, nil, nil},
		{"a hint and another client_id", Logout{Hint: hint, Client: app(true, true), Form: Form{"client_id": {"App"}}}, fault.HintForeign, fault.HintForeign},
		{"a hint of a disabled application", Logout{Hint: hint, Client: app(false, true)}, fault.HintWrong, fault.HintWrong},
		{"a hint of an application that is gone", Logout{Hint: hint}, fault.HintWrong, fault.HintWrong},
		{"a client_id", Logout{Client: app(true, true), Form: Form{"client_id": {"app"}, "post_logout_redirect_uri": {after}}}, nil, fault.HintMissing},
		{"a client_id that nobody has", Logout{Form: Form{"client_id": {"app"}}}, fault.ClientUnknown, fault.HintMissing},
		{"a client_id of a disabled application", Logout{Client: app(false, true), Form: Form{"client_id": {"app"}}}, fault.ClientUnknown, fault.HintMissing},
		{"a URI that somebody has", Logout{Registered: true, Form: Form{"post_logout_redirect_uri": {after}}}, nil, fault.HintMissing},
		{"a URI that nobody has", Logout{Form: Form{"post_logout_redirect_uri": {after}}}, fault.LogoutRedirectMismatch, fault.HintMissing},
		{"a URI that another application has", Logout{Hint: hint, Client: app(true, true), Registered: true, Form: Form{"post_logout_redirect_uri": {"https://evil.example.com"}}}, fault.LogoutRedirectMismatch, fault.LogoutRedirectMismatch},
		{"a URI with more query", Logout{Hint: hint, Client: app(true, true), Form: Form{"post_logout_redirect_uri": {after + "&foo=bar"}}}, fault.LogoutRedirectMismatch, fault.LogoutRedirectMismatch},
		{"a URI in another case", Logout{Hint: hint, Client: app(true, true), Form: Form{"post_logout_redirect_uri": {strings.ToUpper(after)}}}, fault.LogoutRedirectMismatch, fault.LogoutRedirectMismatch},
		{"a URI with a slash", Logout{Hint: hint, Client: app(true, true), Form: Form{"post_logout_redirect_uri": {"https://other.example.com/"}}}, fault.LogoutRedirectMismatch, fault.LogoutRedirectMismatch},
	} {
		if err := First(LogoutChecks(), c.logout); !refusedBy(err, c.signoff) {
			t.Errorf("%s at signoff: %v, want %v", c.name, err, c.signoff)
		}
		if err := First(IdPSignoffChecks(), c.logout); !refusedBy(err, c.idp) {
			t.Errorf("%s at idpSignoff: %v, want %v", c.name, err, c.idp)
		}
	}
}

// TestLogoutStep shows every combination of a hint, a session and the person's
// word.
func TestLogoutStep(t *testing.T) {
	on := &SignedOn{Session: "s", Subject: "ada"}
	hint := func(subject, session string) *Identity { return &Identity{Subject: subject, Session: session} }
	for _, c := range []struct {
		name string
		hint *Identity
		on   *SignedOn
		want LogoutStep
	}{
		{"its hint", hint("ada", "s"), on, LogoutEnds},
		{"a hint without sid", hint("ada", ""), on, LogoutEnds},
		{"a hint of another session", hint("ada", "t"), on, LogoutAsks},
		{"a hint of another user", hint("bob", "s"), on, LogoutAsks},
		{"a hint of another user without sid", hint("bob", ""), on, LogoutAsks},
		{"no hint", nil, on, LogoutAsks},
		{"a hint where nobody is signed on", hint("ada", "s"), nil, LogoutEnds},
		{"nothing where nobody is signed on", nil, nil, LogoutOver},
	} {
		l := Logout{Hint: c.hint}
		if got := l.Step(c.on, false); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
		if got := l.Step(c.on, true); got != LogoutEnds {
			t.Errorf("%s, confirmed: %d", c.name, got)
		}
	}
}

func TestLogoutTo(t *testing.T) {
	for _, c := range []struct {
		uri, state, want string
	}{
		{"", "", ""},
		{"", "s", ""},
		{after, "", after},
		{after, "a&b=c", after + "&state=a%26b%3Dc"},
		{"com.example.app:/bye", "s", "com.example.app:/bye?state=s"},
	} {
		if got := (Logout{Form: Form{"post_logout_redirect_uri": {c.uri}, "state": {c.state}}}).To(); got != c.want {
			t.Errorf("%s with state %q: %s, want %s", c.uri, c.state, got, c.want)
		}
	}
}

// TestLogoutAgain carries on what the answer of the person needs, and no hint.
func TestLogoutAgain(t *testing.T) {
	all := Form{"id_token_hint": {"h"}, "client_id": {"sent"}, "post_logout_redirect_uri": {"https://a/"}, "state": {"s"}, "logout_hint": {"ada"}, "ui_locales": {"de"}}
	app := &Client{}
	app.ID = "app"
	for _, c := range []struct {
		logout Logout
		want   string
	}{
		{Logout{Form: Form{}}, ""}, {Logout{Form: all, Client: app}, "client_id=app&post_logout_redirect_uri=https%3A%2F%2Fa%2F&state=s"},
		{Logout{Form: Form{"state": {"s"}}}, "state=s"},
	} {
		if got := c.logout.Again().Encode(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
