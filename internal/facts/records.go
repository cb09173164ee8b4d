package facts

import (
	"cmp"

	"pixy/internal/flow"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// Records is everything that expires, and for how long it lives.
type Records struct {
	Flows    store.Tickets[FlowRecord]
	Sessions Sessions
	Codes    store.Tickets[oauth.Code]
	// Refreshes are families of refresh tokens, found by their name: nobody
	// makes a token of one without the server's key.
	Refreshes store.Tickets[oauth.Refresh]
	// Pushed are authorize requests by the secret of their request_uri.
	Pushed store.Tickets[PushedRequest]
	// Devices are what devices wait for, found by their device codes and, as
	// ids, by their user codes.
	Devices store.Tickets[oauth.Pending]
	// CIBA are what clients wait for that named the person, found by
	// their auth_req_ids and, as ids, by what the page of the person has.
	CIBA store.Tickets[oauth.Pending]
	// Seen are the names of what may come once: client assertions, proofs.
	Seen store.Tickets[struct{}]
	// Notices are what applications are to hear about sessions that ended.
	Notices store.Tickets[oauth.Notice]
	// Nobody counts the failures of usernames that nobody has, so that they
	// are locked out like the others, and forgotten as soon.
	Nobody store.Tickets[platform.Credential]
}

// FlowRecord is a flow and the authorize request it serves.
type FlowRecord struct {
	Flow    flow.Flow     `json:"flow"`
	Request oauth.Request `json:"request"`
}

// PushedRequest is an authorize request that a client pushed (RFC 9126), what it
// had signed unfolded.
type PushedRequest struct {
	ClientID string     `json:"clientId"`
	Form     oauth.Form `json:"form"`
	Signed   bool       `json:"signed,omitempty"`
	Subject  string     `json:"subject,omitempty"`
	Username string     `json:"username,omitempty"`
}

// NewRecords is the table. Of the zero SessionTimes, sessions live for
// flow.SessionLife, whether they are used or not.
func NewRecords(times SessionTimes) Records {
	return Records{
		Flows:     store.Tickets[FlowRecord]{Kind: "flow", Life: flow.Life},
		Sessions:  Sessions{Tickets: store.Tickets[flow.Session]{Kind: "session", Life: cmp.Or(times.Life, flow.SessionLife)}, rest: times.Idle},
		Codes:     store.Tickets[oauth.Code]{Kind: "code", Life: oauth.CodeLife},
		Refreshes: store.Tickets[oauth.Refresh]{Kind: "refresh"},
		Pushed:    store.Tickets[PushedRequest]{Kind: "pushed"},
		Devices:   store.Tickets[oauth.Pending]{Kind: flow.ForDevice},
		CIBA:      store.Tickets[oauth.Pending]{Kind: flow.ForCIBA},
		Seen:      store.Tickets[struct{}]{Kind: "seen"},
		Notices:   store.Tickets[oauth.Notice]{Kind: "notice", Life: oauth.NoticeLife},
		Nobody:    store.Tickets[platform.Credential]{Kind: "nobody"},
	}
}
