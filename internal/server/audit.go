package server

import (
	"errors"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/manage"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// recordTurn keeps the events of an action on a flow. What was done in the name
// of nobody goes to the log only.
func (s *Server) recordTurn(tx *store.Tx, m move, before flow.Flow, p facts.Person, a flow.Action, turn flow.Turn) error {
	if p.ID == "" {
		return nil
	}
	var happened []manage.What
	add := func(action, failure string) {
		happened = append(happened, manage.What{Action: action, Failure: failure})
	}
	switch {
	case turn.Credential != nil && turn.Credential.Locked(tx.Now()) && !p.Credential.Locked(tx.Now()):
		add("PASSWORD.CHECK_FAILED", "Password check failed")
		add("PASSWORD.LOCKED", "Password locked after too many failures")
	case errors.Is(turn.Refuse, fault.BadCredentials), errors.Is(turn.Refuse, fault.WrongPassword), errors.Is(turn.Refuse, fault.LockedOut):
		add("PASSWORD.CHECK_FAILED", "Password check failed")
	case turn.Refuse != nil:
	case a.Needs == flow.NeedNewPassword:
		add("PASSWORD.RESET", "")
	case a.Secret == "":
	default:
		add("PASSWORD.CHECK_SUCCEEDED", "")
	}
	switch turn.Flow.Status {
	case flow.Completed:
		add("USER.ACCESS_ALLOWED", "")
	case flow.Failed:
		add("USER.ACCESS_DENIED", turn.Flow.Failure.Message)
	}
	for _, w := range happened {
		if err := s.recordSignOn(tx, before, p.ID, p.User, m.ip, m.correlation, w); err != nil {
			return err
		}
	}
	return nil
}

// recordSignOn keeps an event of a user's sign-on at an application.
func (s *Server) recordSignOn(tx *store.Tx, f flow.Flow, id string, u platform.User, ip, correlation string, w manage.What) error {
	w.Type, w.ID, w.Name, w.Population = "USER", id, u.Username, u.Population.ID
	who := manage.Who{Client: f.Client, ClientName: f.ClientName, Environment: tx.Env(), RemoteIP: ip, Correlation: correlation}
	if w.Failure == "" {
		who.User, who.Username = id, u.Username
	}
	return manage.RecordEvent(tx, s.vault.NewID(), who, w)
}
