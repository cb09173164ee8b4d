package server

import (
	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/oauth"
	"pixy/internal/store"
)

// spendPending decides on what a client waits for, found by its device code:
// of many polls at the same time, one gets the tokens. The time of each is
// kept, so that the next can be told to slow down.
func (s *Server) spendPending(tx *store.Tx, g oauth.Grant, x oauth.Exchange, secret string) (oauth.Outcome, error) {
	t, err := s.readPending(tx, &x, secret)
	if err != nil {
		return oauth.Outcome{}, err
	}
	out := g.Decide(x)
	switch {
	case out.Pending != nil:
		t.Body = *out.Pending
		_, err = s.records.Devices.Save(tx, secret, t)
		return out, err
	case !out.Spend:
		return out, nil
	}
	spent, err := s.records.Devices.Spend(tx, secret, t.Expires)
	if err == nil && !spent {
		err = fault.Stale
	}
	if err == nil && out.Refresh != nil {
		err = s.putRefresh(tx, *out.Refresh)
	}
	return out, err
}

// readPending reads what a client waits for, and who allowed it. What there is
// none of is nil.
func (s *Server) readPending(tx *store.Tx, x *oauth.Exchange, secret string) (t store.Ticket[oauth.Pending], err error) {
	t, err = s.records.Devices.Get(tx, secret)
	if isMissing(err) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	p := t.Body
	p.Spent = !t.Spent.IsZero()
	x.Pending = &p
	if p.Approval != nil {
		x.UserActive, err = facts.Active(tx, p.Approval.User)
	}
	return t, err
}
