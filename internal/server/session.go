package server

import (
	"net/http"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/manage"
	"pixy/internal/oauth"
	"pixy/internal/store"
)

// useSession notes that tokens are issued for a session: that it is used, and
// that an application takes part that wants to hear of its end. One that has
// ended meanwhile issues nothing.
func (s *Server) useSession(tx *store.Tx, id string, client *oauth.Client) error {
	t, err := s.records.Sessions.LiveByID(tx, id)
	if err != nil {
		return facts.Missing(err, fault.LoginRequired)
	}
	used, changed := t.Body.Used(tx.Now())
	if client.BackChannelLogoutURI != "" {
		subject, err := s.subject(tx, client.ID, t.Owner)
		if err != nil {
			return err
		}
		joined := false
		used, joined = used.Join(flow.Party{Client: client.ID, Subject: subject, Issuer: s.issuer(tx.Env())})
		changed = changed || joined
	}
	if !changed {
		return nil
	}
	t.Body = used
	_, err = s.records.Sessions.SaveID(tx, t)
	return err
}

// endSession ends a session for everybody who took part in it, and keeps the
// event.
func (s *Server) endSession(r *http.Request, known logoutFacts, id string) error {
	err := s.db.Update(r.Context(), known.realm.Environment, func(tx *store.Tx) error {
		t, err := s.records.Sessions.ByID(tx, id)
		if isMissing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.records.EndSession(tx, t); err != nil {
			return err
		}
		who := manage.Who{User: t.Owner, Username: t.Body.Username, Environment: tx.Env(), RemoteIP: remoteIP(r), Correlation: correlation(r.Context())}
		if client := known.logout.Client; client != nil {
			who.Client, who.ClientName = client.ID, client.Name
		}
		return manage.RecordEvent(tx, s.vault.NewID(), who, manage.What{Action: "SESSION.DELETED", Type: "SESSION", ID: id, Name: t.Body.Username})
	})
	if err == nil {
		s.notifier.ring()
	}
	return err
}
