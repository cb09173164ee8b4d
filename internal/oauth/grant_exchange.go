package oauth

import (
	"slices"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// The token types of RFC 8693 §3 that an exchange takes and gives: access
// tokens, which are JWTs.
const (
	TokenTypeAccess = "urn:ietf:params:oauth:token-type:access_token"
	tokenTypeJWT    = "urn:ietf:params:oauth:token-type:jwt"
)

// maxActors bounds how often a token is handed on, or exchanged.
const maxActors = 5

func exchangeChecks() []Check[Exchange] {
	return []Check[Exchange]{
		{"exchange.subject", exchangeSubject},
		{"exchange.actor", exchangeActor},
		{"exchange.requested", exchangeRequested},
		{"proof.key", exchangeKeys},
		{"exchange.scope", func(x Exchange) error { _, err := x.exchangeIssue(); return err }},
	}
}

// decideExchange gives an access token of a user's for another (RFC 8693 §2):
// one for custom resources, within the client's grants, that lives no longer
// than the one it comes from and ends with it. A token that is meant for the
// platform's API only its own client may exchange; one that is meant for a
// custom resource whoever serves that, and so gets it. The actor token, where
// there is one, says who acts for the user.
func decideExchange(x Exchange) Outcome {
	if err := First(exchangeChecks(), x); err != nil {
		return Outcome{Refuse: err}
	}
	i, _ := x.exchangeIssue() // the checks have accepted it
	return Outcome{Issue: i, IssuedType: TokenTypeAccess}
}

func exchangeSubject(x Exchange) error {
	subject := x.Presented["subject_token"]
	switch {
	case x.Form.Get("subject_token") == "" || x.Form.Get("subject_token_type") == "":
		return fault.SubjectMissing
	case !isAccessType(x.Form.Get("subject_token_type")):
		return fault.TokenTypeUnknown.Saying("subject_token_type")
	case subject == nil || subject.Subject == "":
		return fault.PresentedInvalid.Saying("subject_token").Compared("a good access token of a user", "another")
	case subject.ClientID != x.Client.ID && slices.Contains(subject.Audience, platform.PlatformAudience):
		return fault.PresentedInvalid.Saying("subject_token").Compared("a token for a custom resource, or one that was issued to the client", "one for the platform's API, of another client")
	case len(subject.From) > maxActors:
		return fault.PresentedInvalid.Saying("subject_token").Compared("a token that was exchanged at most 5 times", "another")
	}
	return nil
}

// exchangeActor demands that actor_token and its type come together (RFC 8693
// §2.1).
func exchangeActor(x Exchange) error {
	actor, actorType := x.Form.Get("actor_token"), x.Form.Get("actor_token_type")
	switch {
	case (actor == "") != (actorType == ""):
		return fault.ActorIncomplete
	case actor == "":
		return nil
	case !isAccessType(actorType):
		return fault.TokenTypeUnknown.Saying("actor_token_type")
	case x.Presented["actor_token"] == nil:
		return fault.PresentedInvalid.Saying("actor_token").Compared("a good access token", "another")
	}
	if a := x.act(); a.depth() > maxActors {
		return fault.PresentedInvalid.Saying("actor_token").Compared("at most 5 actors", "more")
	}
	return nil
}

func exchangeRequested(x Exchange) error {
	if t := x.Form.Get("requested_token_type"); t != "" && !isAccessType(t) {
		return fault.TokenTypeUnknown.Saying("requested_token_type")
	}
	return nil
}

// exchangeKeys demands the proof of a token's key where it is bound to one.
func exchangeKeys(x Exchange) error {
	for _, claims := range x.Presented {
		if claims.Confirm == nil {
			continue
		}
		if err := x.proves(claims.Confirm.JKT); err != nil {
			return err
		}
	}
	return nil
}

func isAccessType(t string) bool { return t == TokenTypeAccess || t == tokenTypeJWT }

// act is who acts for the subject of the new token.
func (x Exchange) act() *Actor {
	before := x.Presented["subject_token"].Act
	actor := x.Presented["actor_token"]
	if actor == nil {
		return before
	}
	a := &Actor{Subject: actor.Subject, Client: actor.ClientID, Act: before}
	if a.Subject == "" {
		a.Subject = actor.ClientID
	}
	return a
}

func (a *Actor) depth() int {
	n := 0
	for ; a != nil; a = a.Act {
		n++
	}
	return n
}

// exchangeIssue is the new token: for the resources and the audiences that the
// request names, or those of its scopes.
func (x Exchange) exchangeIssue() (Issue, error) {
	audiences := append(slices.Clone(x.Form["resource"]), x.Form["audience"]...)
	if err := x.Client.mayTarget(audiences); err != nil {
		return Issue{}, err
	}
	scopes, err := x.customScopes(audiences, fault.ExchangeScope)
	if err != nil {
		return Issue{}, err
	}
	s := x.Presented["subject_token"]
	return Issue{Subject: s.Subject, Scopes: scopes, Resources: audiences, Session: s.Session, Family: s.Family, ACR: s.ACR,
		AuthTime: authTime(s), JKT: x.JKT, Act: x.act(), From: append(slices.Clone(s.From), s.ID), Until: time.Unix(s.Expires, 0)}, nil
}

func authTime(a *Access) time.Time {
	if a.AuthTime == 0 {
		return time.Time{}
	}
	return time.Unix(a.AuthTime, 0)
}
