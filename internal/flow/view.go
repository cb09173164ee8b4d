package flow

import (
	"time"

	"pixy/internal/kind"
	"pixy/internal/platform"
)

// Shown is what a flow's answer needs beside the flow: the user who signed on,
// the policy of a password that must be changed, and where things are served.
type Shown struct {
	Environment string // the id
	Self        string // the flow's URL
	SignOnPage  string
	Resume      string
	UserID      string // "" while nobody has signed on
	User        platform.User
	Policy      kind.Body // the password policy, when a new password is due
}

// View is the flow resource. Its links are the actions the table admits, and
// no others.
func (f Flow) View(s Shown) kind.Body {
	links := kind.Body{"self": kind.Href(s.Self), "signOnPage": kind.Href(s.SignOnPage)}
	for _, a := range f.Offers() {
		links[a] = kind.Href(s.Self)
	}
	embedded := kind.Body{}
	if f.Client != "" {
		embedded["application"] = kind.Body{"name": f.ClientName}
	}
	if s.UserID != "" {
		user := kind.Body{"id": s.UserID, "username": s.User.Username}
		if s.User.Name != (platform.UserName{}) {
			user["name"] = s.User.Name
		}
		embedded["user"] = user
	}
	if s.Policy != nil {
		embedded["passwordPolicy"] = s.Policy
	}
	out := kind.Body{
		"_links": links, "_embedded": embedded, "id": f.ID, "environment": kind.Body{"id": s.Environment},
		"resumeUrl": s.Resume, "status": f.Status,
		"createdAt": stamp(f.CreatedAt), "expiresAt": stamp(f.ExpiresAt),
	}
	if f.Session != "" {
		out["session"] = kind.Body{"id": f.Session}
	}
	if f.Approves() {
		out["deviceAuthGrant"] = f.Asked.view()
	}
	if f.Failure != nil {
		out["error"] = kind.Body{"code": f.Failure.Code, "message": f.Failure.Message}
	}
	return out
}

// view is what the person decides on.
func (a Asked) view() kind.Body {
	out := kind.Body{}
	if a.Code != "" {
		out["userCode"] = a.Code
	}
	if a.Message != "" {
		out["bindingMessage"] = a.Message
	}
	if a.ID != "" {
		out["scopes"] = append([]string{}, a.Scopes...)
	}
	return out
}

func stamp(t time.Time) string { return platform.Stamp(t) }
