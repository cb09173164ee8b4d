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

// DefaultLimits are how many flows may wait in an environment, and requests that
// public clients pushed or made for devices, that nobody has come back for: anybody
// may leave them. Who loses a flow has been at the page for longer than all others
// that wait. Behind one address, a company's or that of a proxy which is not
// trusted, 20,000 people may begin 11 sign-ons a second in the first half hour of
// a day: when each takes 15 s to act and every fifth never does, a page may wait
// for 13 minutes. From many addresses, 2,000 requests a second leave it 25 s. A flow
// takes less than 3 kB, so that those of an environment fit in 150 MB.
func DefaultLimits() store.Limits { return store.Limits{Source: 2_000, Env: 50_000} }

// NewRecords is the table. Of the zero SessionTimes, sessions live for
// flow.SessionLife, whether they are used or not; of the zero Limits, untouched
// is DefaultLimits.
func NewRecords(times SessionTimes, untouched store.Limits) Records {
	if untouched == (store.Limits{}) {
		untouched = DefaultLimits()
	}
	return Records{
		Flows:     store.Tickets[FlowRecord]{Kind: "flow", Life: flow.Life, Limits: untouched},
		Sessions:  Sessions{Tickets: store.Tickets[flow.Session]{Kind: "session", Life: cmp.Or(times.Life, flow.SessionLife)}, rest: times.Idle},
		Codes:     store.Tickets[oauth.Code]{Kind: "code", Life: oauth.CodeLife},
		Refreshes: store.Tickets[oauth.Refresh]{Kind: "refresh"},
		Pushed:    store.Tickets[PushedRequest]{Kind: "pushed", Limits: untouched},
		Devices:   store.Tickets[oauth.Pending]{Kind: flow.ForDevice, Limits: untouched},
		CIBA:      store.Tickets[oauth.Pending]{Kind: flow.ForCIBA},
		Seen:      store.Tickets[struct{}]{Kind: "seen"},
		Notices:   store.Tickets[oauth.Notice]{Kind: "notice", Life: oauth.NoticeLife},
		Nobody:    store.Tickets[platform.Credential]{Kind: "nobody"},
	}
}
