package web

import "html/template"

// Client is the application that asks for the sign-on. Host is where its
// redirect goes: a host name, or a custom scheme for an installed application.
type Client struct {
	Name string
	Host string
}

// Fact is one labelled line. It is shown as text, never as markup.
type Fact struct {
	Label string
	Value string
}

// SignOn is what the username and password page shows. It never carries a
// password: what was typed into that field is not sent back.
type SignOn struct {
	Client     Client
	Action     string // the URL the forms post to
	Username   string // filled in beforehand, or what was typed last time
	SignedInAs string // who is signed in already, "" when nobody
	Alert      string // why the last try was refused, "" when there was none
	Locked     bool   // the alert is about a lockout, not about what was typed
	Step       Step
}

// Step is what a sign-on page asks for.
type Step int

// Most pages ask for both; others for the username first, and then for the
// password of Username.
const (
	AskBoth Step = iota
	AskUsername
	AskPassword
)

// Named reports that the page asks for the username.
func (p SignOn) Named() bool { return p.Step != AskPassword }

// Secret reports that the page asks for the password.
func (p SignOn) Secret() bool { return p.Step != AskUsername }

// NewPassword is what the change-password page shows.
type NewPassword struct {
	Client   Client
	Action   string   // the URL the forms post to
	Username string   // whose password it is
	Expired  bool     // the old one expired; otherwise it must be changed
	Alert    string   // why the last try was refused, "" when there was none
	Rules    []string // the password policy in words
	Problems []string // the rules that the last try did not meet
}

// UserCode is what the page for the code of a device shows.
type UserCode struct {
	Action string // the URL the forms post to
	Code   string // filled in beforehand, or what was typed last time
	Given  bool   // it came with the link, and the person must compare it
	Alert  string // why the last try was refused, "" when there was none
}

// Consent is what the page shows on which a person lets an application that
// waits elsewhere act for them, or does not.
type Consent struct {
	Client   Client
	Action   string   // the URL the forms post to
	Username string   // who is signed on
	Code     string   // as the device shows it, "" when the application is on none
	Message  string   // what the application shows, too, to compare
	Scopes   []string // what the application asks for, in words
	Alert    string
}

// Refusal is a request that can't be answered by a redirect. Everything in it
// is shown to whoever sent the request, so it must tell an attacker nothing.
type Refusal struct {
	Title       string
	Explanation string
	Facts       []Fact // for the developer of the application
	Correlation string // the id that the log line has
	Again       string // URL to start again, "" none; only http, https or a path becomes a link
	AgainLabel  string // "" is "Start again"
}

// SignOff asks whether the session is to end. Its Client may be nobody.
type SignOff struct {
	Client   Client
	Action   string // the URL the forms post to
	Username string // who is signed in
}

// FormPost hands an answer to the application: a form that the script sends, or
// else the person.
type FormPost struct {
	Action string // the redirect URI
	Fields []Fact // the names and values of the parameters
}

// To is the redirect URI for the template, which knows no private-use schemes. It
// is one that the application has registered, where none may be that runs.
func (v FormPost) To() template.URL { return template.URL(v.Action) }

// Done says that nothing is left to do here.
type Done struct {
	Title       string
	Explanation string
	Return      string // where the person may go on, "" nowhere; only http, https or a path becomes a link
	Host        string // of Return
}

// Welcome is what a running server shows to somebody who opens its root.
type Welcome struct {
	Version      string
	BaseURL      string
	Environments []string // may be empty
	Links        []Fact   // an http or https URL or a path becomes a link; a pattern with braces stays text
}
