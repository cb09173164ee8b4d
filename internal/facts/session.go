package facts

import (
	"errors"
	"time"

	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/oauth"
	"pixy/internal/store"
)

// SessionTimes are how long sessions last after the last sign-on, and how long
// they may rest unused, 0 for as long as they last.
type SessionTimes struct{ Life, Idle time.Duration }

// Sessions are the sessions of browsers, found by their token or their id.
type Sessions struct {
	store.Tickets[flow.Session]
	rest time.Duration
}

// Live reports whether a session counts: it has not expired, and was used
// lately enough.
func (s Sessions) Live(t store.Ticket[flow.Session], now time.Time) bool {
	return now.Before(t.Expires) && !t.Body.Idle(s.rest, now)
}

// LiveByID is a session that counts, or ErrMissing.
func (s Sessions) LiveByID(tx *store.Tx, id string) (store.Ticket[flow.Session], error) {
	t, err := s.ByID(tx, id)
	if err == nil && !s.Live(t, tx.Now()) {
		err = store.ErrMissing
	}
	return t, err
}

// EndSession ends a session: its browser signs on anew, its refresh tokens are
// worth nothing, and its parties are to hear of it. fault.Stale says that it is
// not as t any more: an application may have joined it.
func (r Records) EndSession(tx *store.Tx, t store.Ticket[flow.Session]) error {
	if err := r.Sessions.DeleteID(tx, t); err != nil {
		return err
	}
	return r.Tell(tx, t.Body)
}

// maxEnded bounds how many sessions of a user are told about when all end.
const maxEnded = 1000

// EndUser ends all that a user has signed on to, and everything issued for it.
func (r Records) EndUser(tx *store.Tx, user string) error {
	sessions, err := r.Sessions.Owned(tx, user, maxEnded)
	if err != nil {
		return err
	}
	for _, t := range sessions {
		if !r.Sessions.Live(t, tx.Now()) {
			continue
		}
		if err := r.Tell(tx, t.Body); err != nil {
			return err
		}
	}
	return tx.EndOwner(user)
}

// Tell leaves a notice for each party of a session that ends. A notice has no
// owner: it outlives the user.
func (r Records) Tell(tx *store.Tx, ended flow.Session) error {
	for _, p := range ended.Parties {
		n := oauth.Notice{Environment: tx.Env(), Client: p.Client, Subject: p.Subject, Issuer: p.Issuer, Session: ended.ID}
		if _, err := r.Notices.Put(tx, n.Name(), store.Ticket[oauth.Notice]{Client: p.Client, Body: n}); err != nil && !errors.Is(err, fault.Taken) {
			return err
		}
	}
	return nil
}
