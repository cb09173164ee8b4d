package server

import (
	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// useSession notes that tokens are issued for a session: that it is used, and
// that an application takes part that wants to hear of its end. One that has
// ended meanwhile issues nothing.
func (s *Server) useSession(tx *store.Tx, id, client string) error {
	t, err := s.records.Sessions.LiveByID(tx, id)
	if err != nil {
		return facts.Missing(err, fault.LoginRequired)
	}
	app, _, err := facts.Get[platform.Application](tx, "application", client)
	if err != nil {
		return facts.Lacking("application "+client, err)
	}
	used, changed := t.Body.Used(tx.Now())
	if app.BackChannelLogoutURI != "" {
		subject, err := s.subject(tx, client, t.Owner)
		if err != nil {
			return err
		}
		joined := false
		used, joined = used.Join(flow.Party{Client: client, Subject: subject, Issuer: s.issuer(tx.Env())})
		changed = changed || joined
	}
	if !changed {
		return nil
	}
	t.Body = used
	_, err = s.records.Sessions.SaveID(tx, t)
	return err
}
