package server

import (
	"pixy/internal/flow"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// records is everything that expires, and for how long it lives.
type records struct {
	flows    store.Tickets[flowRecord]
	sessions store.Tickets[flow.Session]
	codes    store.Tickets[oauth.Code]
	// nobody counts the failures of usernames that nobody has, so that they
	// are locked out like the others, and forgotten as soon.
	nobody store.Tickets[platform.Credential]
}

// flowRecord is a flow and the authorize request it serves.
type flowRecord struct {
	Flow    flow.Flow     `json:"flow"`
	Request oauth.Request `json:"request"`
}

func newRecords() records {
	return records{
		flows:    store.Tickets[flowRecord]{Kind: "flow", Life: flow.Life},
		sessions: store.Tickets[flow.Session]{Kind: "session", Life: flow.SessionLife},
		codes:    store.Tickets[oauth.Code]{Kind: "code", Life: oauth.CodeLife},
		nobody:   store.Tickets[platform.Credential]{Kind: "nobody"},
	}
}
