package server

import (
	"time"

	"pixy/internal/facts"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// spendRefresh decides on a refresh token: one compare-and-set on the ticket of
// its family. Who comes second sees the next generation, and the rule says
// whether that is a retry or a reuse.
func (s *Server) spendRefresh(tx *store.Tx, g oauth.Grant, x oauth.Exchange, token string) (oauth.Outcome, error) {
	t, err := s.readRefresh(tx, &x, token)
	if err != nil {
		return oauth.Outcome{}, err
	}
	out := g.Decide(x)
	switch {
	case out.End != nil:
		return out, s.endFamily(tx, *out.End)
	case out.Refresh == nil || out.Refresh.Generation == t.Body.Generation:
		return out, nil
	}
	t.Body, t.Expires = *out.Refresh, out.Refresh.ExpiresAt
	if _, err := s.records.Refreshes.Save(tx, t.Body.Family, t); err != nil {
		return out, err
	}
	return out, s.useSession(tx, out.Refresh.Session, &x.Client)
}

// readRefresh reads the family of a refresh token, its session and its user. A
// token that there is none of leaves x as it is.
func (s *Server) readRefresh(tx *store.Tx, x *oauth.Exchange, token string) (t store.Ticket[oauth.Refresh], err error) {
	family, generation, ok := oauth.ReadRefreshToken(s.refreshKey, tx.Env(), token)
	if !ok {
		return t, nil
	}
	t, err = s.records.Refreshes.Get(tx, family)
	if isMissing(err) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	r := t.Body
	r.Spent = !t.Spent.IsZero()
	x.Refresh, x.Generation = &r, generation
	if x.Ended, err = tx.Ended(family); err != nil {
		return t, err
	}
	if x.UserActive, err = facts.Active(tx, r.User); err != nil {
		return t, err
	}
	x.SessionAlive, err = s.sessionAlive(tx, r.Session, r.User)
	return t, err
}

// sessionAlive reports whether a user's session has not ended and still counts.
func (s *Server) sessionAlive(tx *store.Tx, id, user string) (bool, error) {
	t, err := s.records.Sessions.LiveByID(tx, id)
	if isMissing(err) {
		return false, nil
	}
	return err == nil && t.Owner == user, err
}

// putRefresh keeps a new family of refresh tokens.
func (s *Server) putRefresh(tx *store.Tx, r oauth.Refresh) error {
	_, err := s.records.Refreshes.Put(tx, r.Family, store.Ticket[oauth.Refresh]{Owner: r.User, Client: r.ClientID, Family: r.Family, Expires: r.ExpiresAt, Body: r})
	return err
}

// endFamily ends the refresh tokens of a family and, unless they are spared,
// its access tokens: for as long as the last of them could live.
func (s *Server) endFamily(tx *store.Tx, e oauth.End) error {
	t, err := s.records.Refreshes.Get(tx, e.Family)
	if err != nil && !isMissing(err) {
		return err
	}
	if err == nil {
		if _, err := s.records.Refreshes.Spend(tx, e.Family, t.Expires); err != nil {
			return err
		}
	}
	if e.SpareAccess {
		return nil
	}
	_, err = tx.EndFamily(e.Family, later(tx.Now().Add(platform.Overlap), t.Expires))
	return err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
