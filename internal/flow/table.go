package flow

import (
	"slices"
	"strings"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
)

// MediaPrefix and MediaSuffix stand around an action's name in Content-Type.
const (
	MediaPrefix = "application/vnd.pingidentity."
	MediaSuffix = "+json"
)

// Need says which facts the shell must find before an action can be applied.
type Need int

// An action may need nothing, the verdict on a password, or that and a new hash.
const (
	NeedNothing Need = iota
	// NeedVerdict: the user, by username or by the flow, and whether Secret
	// (a member of the body) is the password.
	NeedVerdict
	// NeedNewPassword: the same, and the new password held against the policy
	// and hashed.
	NeedNewPassword
	// NeedRequest: what the user code stands for, that in the body or that of
	// the flow, and the flow's user when there is one.
	NeedRequest
)

// Action is a move in a flow, named by the media type of the request.
type Action struct {
	Media  string       // "usernamePassword.check"
	Body   []kind.Field // checked exactly as a resource's body is
	Needs  Need
	Secret string // the member of the body that holds the password to verify
	Apply  func(Flow, Facts) Turn
}

// Row is a status, the actions it admits and the statuses they may lead to.
type Row struct {
	Status  string
	Actions []Action
	Next    []string
}

// Table is the whole machine.
func Table() []Row {
	check := Action{Media: "usernamePassword.check", Needs: NeedVerdict, Secret: "password", Apply: checkPassword, Body: []kind.Field{
		{Name: "username", Type: kind.Text, Required: true, MinLen: 1, MaxLen: 256},
		{Name: "password", Type: kind.Text, Required: true, MinLen: 1, MaxLen: MaxPassword},
	}}
	reset := Action{Media: "password.reset", Needs: NeedNewPassword, Secret: "currentPassword", Apply: resetPassword, Body: []kind.Field{
		{Name: "username", Type: kind.Text, MaxLen: 256},
		{Name: "currentPassword", Type: kind.Text, Required: true, MinLen: 1, MaxLen: MaxPassword},
		{Name: "newPassword", Type: kind.Text, Required: true, MinLen: 1, MaxLen: MaxPassword},
	}}
	lookup := Action{Media: "user.lookup", Apply: lookUp, Body: check.Body[:1:1]}
	known := check
	known.Body = []kind.Field{{Name: "username", Type: kind.Text, MaxLen: 256}, check.Body[1]}
	restart := Action{Media: "session.reset", Apply: restart}
	code := Action{Media: "deviceAuthGrant.userCode.verify", Needs: NeedRequest, Apply: verifyCode, Body: []kind.Field{
		{Name: "userCode", Type: kind.Text, Required: true, MinLen: 1, MaxLen: 64},
	}}
	decide := Action{Media: "deviceAuthGrant.consent", Needs: NeedRequest, Apply: consent, Body: []kind.Field{
		{Name: "accept", Type: kind.Boolean, Required: true},
	}}
	begin := []string{UsernamePasswordRequired, SignOnRequired}[:2:2]
	done := []string{Completed, DAGConsentRequired, Failed}
	signedOn := append([]string{MustChangePassword, PasswordExpired}, done...)
	return []Row{
		{UsernamePasswordRequired, []Action{check, restart}, append(begin, signedOn...)},
		{SignOnRequired, []Action{lookup, restart}, append(begin, PasswordRequired, Failed)},
		{PasswordRequired, []Action{known, restart}, append(begin, signedOn...)},
		{MustChangePassword, []Action{reset, restart}, append(begin, done...)},
		{PasswordExpired, []Action{reset, restart}, append(begin, done...)},
		{UserCodeRequired, []Action{code}, append(begin, DAGConsentRequired, Failed)},
		{DAGConsentRequired, []Action{decide, restart}, append(begin, Completed, Failed)},
		{Completed, nil, nil},
		{Failed, nil, nil},
	}
}

// MaxPassword bounds a password that is to be verified or set, in characters;
// every policy's maximum lies below it.
const MaxPassword = 1024

// Facts are what the shell found out for an action.
type Facts struct {
	Now      time.Time
	RemoteIP string
	Body     kind.Body
	// UserID is "" when nobody has the username. Credential is then that of
	// nobody, which counts failures just as well, so that an unknown name
	// can't be told from a known one.
	UserID     string
	User       platform.User
	Credential platform.Credential
	Policy     platform.PasswordPolicy
	Verified   bool // the password is the user's
	NewHash    string
	// Rehash takes the place of a right password's hash that was made
	// elsewhere, or at another cost; "" when the hash is as it should be.
	Rehash string
	Unmet  []platform.Unmet
	// Session is that of the browser now, Population its user's.
	Session    *Session
	Population string
	// Request is what the user code stands for, nil when that is nothing that
	// could still be decided on.
	Request *Request
}

// Turn is what an action did: the flow as it goes on, the credential when it
// changed, and a refusal to answer with once both are kept.
type Turn struct {
	Flow       Flow
	Credential *platform.Credential
	SignedOn   bool // the user has: the browser gets a session
	Refuse     error
}

// Named adds to the body of an action the name that was typed before. When both
// are there they must be the same: the flow is about one person.
func (f Flow) Named(body kind.Body) (kind.Body, error) {
	sent := kind.At(body, "username")
	switch {
	case f.Status != PasswordRequired:
		return body, nil
	case sent != "" && kind.FoldText(sent) != kind.FoldText(f.Hint):
		return nil, fault.BadCredentials.Compared("the name that the flow was given", "another")
	}
	named := kind.Merge(body, kind.Body{})
	named["username"] = f.Hint
	return named, nil
}

// Find returns the action of a media type that the flow's status admits. A
// known action that is not offered now is told from an unknown one. Media types
// are compared without case (RFC 6838 §4.2).
func (f Flow) Find(media string) (Action, error) {
	known := ""
	for _, row := range Table() {
		i := slices.IndexFunc(row.Actions, func(a Action) bool { return strings.EqualFold(a.Media, media) })
		if i >= 0 && row.Status == f.Status {
			return row.Actions[i], nil
		}
		if i >= 0 {
			known = row.Actions[i].Media
		}
	}
	if known == "" {
		return Action{}, fault.WrongMedia.Saying(MediaPrefix + "<action>" + MediaSuffix + ", where <action> is one of the flow's _links")
	}
	return Action{}, fault.ActionNotOffered.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "Content-Type",
		Message: "The action " + known + " is not offered while the status is " + f.Status + "; see the flow's _links."})
}

// Offers returns the names of the actions that the flow's status admits.
func (f Flow) Offers() []string {
	var out []string
	for _, row := range Table() {
		for _, a := range row.Actions {
			if row.Status == f.Status {
				out = append(out, a.Media)
			}
		}
	}
	return out
}
