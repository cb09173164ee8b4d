package server

import (
	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/oauth"
	"pixy/internal/store"
)

// spendDevice and spendCIBA decide on what a client waits for.
func (s *Server) spendDevice(tx *store.Tx, g oauth.Grant, x oauth.Exchange, secret string) (oauth.Outcome, error) {
	return s.spendPending(tx, s.records.Devices, g, x, secret)
}

func (s *Server) spendCIBA(tx *store.Tx, g oauth.Grant, x oauth.Exchange, secret string) (oauth.Outcome, error) {
	return s.spendPending(tx, s.records.CIBA, g, x, secret)
}

// spendPending decides on a ticket that a client waits with: of many polls at
// the same time, one gets the tokens. The time of each is kept, so that the
// next can be told to slow down.
func (s *Server) spendPending(tx *store.Tx, tickets store.Tickets[oauth.Pending], g oauth.Grant, x oauth.Exchange, secret string) (oauth.Outcome, error) {
	t, err := s.readPending(tx, tickets, &x, secret)
	if err != nil {
		return oauth.Outcome{}, err
	}
	out := g.Decide(x)
	switch {
	case out.Pending != nil:
		t.Body = *out.Pending
		_, err = tickets.Save(tx, secret, t)
		return out, err
	case !out.Spend:
		return out, nil
	}
	spent, err := tickets.Spend(tx, secret, t.Expires)
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
func (s *Server) readPending(tx *store.Tx, tickets store.Tickets[oauth.Pending], x *oauth.Exchange, secret string) (t store.Ticket[oauth.Pending], err error) {
	t, err = tickets.Get(tx, secret)
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
