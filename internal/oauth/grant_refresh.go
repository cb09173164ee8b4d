package oauth

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"pixy/internal/fault"
)

// refreshChecks is the order in which a refresh token is refused. Up to
// refresh.client a refusal changes nothing: the token is not this client's.
func refreshChecks() []Check[Exchange] {
	return []Check[Exchange]{
		{"refresh.given", refreshGiven},
		{"refresh.known", refreshKnown},
		{"refresh.client", refreshClient},
		{"proof.key", refreshKey},
		{"refresh.ended", refreshEnded},
		{"refresh.expiry", refreshExpiry},
		{"refresh.reuse", refreshReuse},
		{"refresh.session", refreshSession},
		{"refresh.user", refreshUser},
		{"refresh.scope", func(x Exchange) error { _, err := x.refreshIssue(); return err }},
	}
}

// decideRefresh rotates a refresh token (RFC 6749 §6, RFC 9700 §4.14.2). The
// token before the current one is good for the grace period, and leads to the
// same successor; any other use of an old token ends the family, and its
// access tokens too when the application says so.
func decideRefresh(x Exchange) Outcome {
	err := First(refreshChecks(), x)
	switch {
	case errors.Is(err, fault.RefreshReused):
		return Outcome{Refuse: err, End: &End{Family: x.Refresh.Family, SpareAccess: !x.Client.RefreshReplayProtection()}}
	case err != nil:
		return Outcome{Refuse: err}
	}
	r := *x.Refresh
	i, _ := x.refreshIssue() // the checks have accepted it
	out := Outcome{Refresh: &r, Issue: i}
	if x.Generation == r.Generation {
		r.Generation++
		out.Refresh = r.rotated(x)
	}
	return out
}

// refreshIssue is what a refresh request gets: the scopes that were granted and
// still are, or the part of them that it names (RFC 6749 §6).
func (x Exchange) refreshIssue() (Issue, error) {
	r := x.Refresh
	asked := Words(x.Form.Get("scope"))
	for _, s := range asked {
		if !slices.Contains(r.Scopes, s) {
			return Issue{}, fault.RefreshScope.Compared("some of the scopes granted before", s)
		}
	}
	if len(asked) == 0 {
		asked = r.Scopes
	}
	scopes, err := x.Client.grant(asked)
	if err != nil {
		return Issue{}, err
	}
	return x.narrow(Issue{Subject: r.User, Scopes: scopes, Resources: r.Resources, Session: r.Session, Family: r.Family,
		ACR: r.ACR, AMR: r.AMR, AuthTime: r.AuthTime, JKT: x.JKT})
}

func refreshGiven(x Exchange) error {
	if x.Form.Get("refresh_token") == "" {
		return fault.RefreshMissing
	}
	return nil
}

func refreshKnown(x Exchange) error {
	if x.Refresh == nil || x.Generation > x.Refresh.Generation {
		return fault.RefreshUnknown
	}
	return nil
}

func refreshClient(x Exchange) error {
	if x.Refresh.ClientID != x.Client.ID {
		return fault.RefreshForeign.Compared(x.Refresh.ClientID, x.Client.ID)
	}
	return nil
}

// refreshKey keeps a public client to its key, and a confidential one to some
// key: where the first access token was bound, no bearer token follows.
func refreshKey(x Exchange) error {
	if x.Refresh.Proven && x.JKT == "" {
		return fault.ProofForeign.Compared("a DPoP proof", "none")
	}
	return x.proves(x.Refresh.JKT)
}

func refreshEnded(x Exchange) error {
	if x.Refresh.Spent || x.Ended {
		return fault.RefreshEnded
	}
	return nil
}

func refreshExpiry(x Exchange) error {
	if !x.Now.Before(x.Refresh.ExpiresAt) {
		return fault.RefreshExpired.Compared("before "+x.Refresh.ExpiresAt.UTC().Format(time.RFC3339), x.Now.UTC().Format(time.RFC3339))
	}
	return nil
}

// refreshReuse refuses all generations but the last one and, in the grace period,
// the one before. Without a grace period no clock counts: it may be that of
// another node, which is behind the one that rotated.
func refreshReuse(x Exchange) error {
	grace := time.Duration(x.Client.RefreshTokenRollingGracePeriod) * time.Second
	switch x.Generation {
	case x.Refresh.Generation:
		return nil
	case x.Refresh.Generation - 1:
		if grace > 0 && x.Now.Before(x.Refresh.RotatedAt.Add(grace)) {
			return nil
		}
	}
	return fault.RefreshReused.Compared("generation "+strconv.Itoa(x.Refresh.Generation), strconv.Itoa(x.Generation))
}

func refreshSession(x Exchange) error {
	if !x.SessionAlive {
		return fault.RefreshSession
	}
	return nil
}

func refreshUser(x Exchange) error {
	if !x.UserActive {
		return fault.CodeUserGone
	}
	return nil
}
