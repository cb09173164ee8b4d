package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/manage"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// managed lets the management API answer, for a bearer token that is good.
// What an actor may do is looked up at each request.
func (s *Server) managed(route manage.Route) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		who, err := s.actor(w, r)
		if err != nil {
			return err
		}
		call, err := s.call(r, route, who)
		if err != nil {
			return err
		}
		answer, err := s.api.Serve(r.Context(), route, call)
		if err != nil {
			return err
		}
		if answer.Ended {
			s.notifier.ring()
		}
		if answer.Location != "" {
			w.Header().Set("Location", answer.Location)
		}
		if answer.Body == nil {
			w.WriteHeader(answer.Status)
			return nil
		}
		if (r.Method == http.MethodGet || r.Method == http.MethodHead) && !slices.Contains([]string{"secrets", "passwords", "sessions"}, route.Area) {
			if !answer.Updated.IsZero() {
				w.Header().Set("Last-Modified", answer.Updated.UTC().Format(http.TimeFormat))
			}
			body, err := tag(answer.Body)
			if err != nil {
				return err
			}
			body.write(w, r, "private, no-cache")
			return nil
		}
		return writeJSON(w, answer.Status, answer.Body)
	}
}

// call is a request without HTTP.
func (s *Server) call(r *http.Request, route manage.Route, who manage.Actor) (manage.Request, error) {
	query, err := readQuery(r)
	if err != nil {
		return manage.Request{}, err
	}
	if err := query.Wrong([]string{"limit", "cursor", "filter", "order", "include", "expand"}); err != nil {
		return manage.Request{}, fault.Malformed.Detailed(fault.Detail{Code: "INVALID_VALUE", Message: faultOf(err).Message})
	}
	call := manage.Request{Actor: who, Method: r.Method, Path: pathOf(r), IDs: map[string]string{}, Query: map[string][]string(query), Media: canonical(route.Media, mediaOf(r)),
		RemoteIP: remoteIP(r), Correlation: correlation(r.Context())}
	for _, name := range s.ids {
		if id := r.PathValue(name); id != "" {
			call.IDs[name] = id
		}
	}
	if len(route.Media) > 0 {
		call.Body, err = readJSON(r)
	}
	return call, err
}

// pathOf is the path of a request as links write it, with its query.
func pathOf(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return r.URL.Path
	}
	return r.URL.Path + "?" + r.URL.RawQuery
}

// credentials takes the token of RFC 6750 §2.1 or RFC 9449 §7.1 from the header.
// dpop says which.
func credentials(r *http.Request) (token string, dpop bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch dpop = strings.EqualFold(scheme, "DPoP"); {
	case dpop || strings.EqualFold(scheme, "Bearer"):
		return strings.TrimSpace(token), dpop
	}
	return "", false
}

// presented is the claims of the access token in a request's header, when it is
// good (see verified) and comes as it must: one that is bound to a key with a
// proof by that key, any other as a bearer token (RFC 9449 §7.1, §7.2).
func (s *Server) presented(w http.ResponseWriter, r *http.Request, env, audience string, also reading) (oauth.Access, error) {
	token, dpop := credentials(r)
	claims, err := s.verified(r.Context(), token, env, audience, also)
	if err != nil {
		return claims, err
	}
	switch bound := claims.Confirm != nil; {
	case bound && !dpop:
		return claims, tokenError("it is bound to a key and came as a bearer token")
	case !bound && dpop:
		return claims, tokenError("it is not bound to a key and came with the scheme DPoP")
	case !bound:
		return claims, nil
	}
	jkt, err := s.proof(w, r, token)
	if err != nil {
		return claims, unauthorized(err)
	}
	if jkt != claims.Confirm.JKT {
		return claims, tokenError("it is bound to another key than that of the DPoP proof, or there is no proof")
	}
	return claims, nil
}

// unauthorized is a refusal of a proof as a protected resource answers it
// (RFC 9449 §7.1).
func unauthorized(err error) error {
	var f *fault.Fault
	if !errors.As(err, &f) || f.Form != fault.OAuth {
		return err
	}
	c := *f
	c.Status = http.StatusUnauthorized
	return &c
}

// actor is who a bearer token speaks for: the user it names, or else the
// application itself. The token may come from any environment of this server.
func (s *Server) actor(w http.ResponseWriter, r *http.Request) (manage.Actor, error) {
	claims, err := s.presented(w, r, "", platform.PlatformAudience, nil)
	if err != nil {
		return manage.Actor{}, badToken(err, fault.TokenInvalid)
	}
	who := manage.Actor{ID: claims.Subject, Client: claims.ClientID, User: claims.Subject, Environment: claims.Environment}
	if who.User == "" {
		who.ID = claims.ClientID
	}
	err = s.db.Look(r.Context(), claims.Environment, func(tx *store.Tx) error {
		if who.Organization, err = facts.Organization(tx); err != nil {
			return err
		}
		who.Actor, err = facts.ActorOf(tx, who.Environment, who.Client, who.User)
		return err
	})
	return who, err
}

// errToken marks what is wrong with a token, not with the server.
var errToken = errors.New("the access token is not good")

func tokenError(why string) error { return fmt.Errorf("%w: %s", errToken, why) }

func isTokenError(err error) bool { return errors.Is(err, errToken) }

// badToken turns what is wrong with a token into a refusal; an error of the
// server stays one.
func badToken(err error, refusal *fault.Fault) error {
	if isTokenError(err) {
		return refusal.Because(err)
	}
	return err
}

// reading is what else is read about a good token in the View that says that it
// is; of is the zero Standing for a token without a user.
type reading func(tx *store.Tx, claims oauth.Access, of facts.Standing) error

// verified is the claims of an access token that is good now: signed by its
// environment, not expired, its family not ended, its client enabled and its
// user active. env "" is any environment of this server, audience "" any; also
// may be nil.
func (s *Server) verified(ctx context.Context, token, env, audience string, also reading) (oauth.Access, error) {
	if token == "" {
		return oauth.Access{}, tokenError("there is none")
	}
	claims, err := s.tokens.Issued(token)
	if err != nil {
		return claims, tokenError(err.Error())
	}
	issuing, issuer := claims.Environment, claims.Issuer
	if !slices.Contains(s.issuers(issuing), issuer) || !isID(issuing) || (env != "" && env != issuing) {
		return claims, tokenError("it was issued by somebody else")
	}
	err = s.db.Look(ctx, issuing, func(tx *store.Tx) error {
		if _, err := s.realm(tx); errors.Is(err, fault.Missing) {
			return tokenError("its environment is deleted")
		} else if err != nil {
			return err
		}
		keys, err := facts.PublicKeys(tx)
		if err != nil {
			return err
		}
		if claims, err = s.tokens.Claims(token, keys); err != nil {
			return tokenError(err.Error())
		}
		if err := claims.Check(issuer, audience, tx.Now()); err != nil {
			return tokenError(err.Error())
		}
		of, err := stillGood(tx, claims)
		if err == nil && also != nil {
			err = also(tx, claims, of)
		}
		return err
	})
	return claims, err
}

// stillGood refuses a token whose client, user or family is gone.
func stillGood(tx *store.Tx, claims oauth.Access) (of facts.Standing, err error) {
	app, _, err := facts.Get[platform.Application](tx, "application", claims.ClientID)
	if err != nil && !isMissing(err) {
		return of, err
	}
	if !app.Enabled {
		return of, tokenError("its application is disabled or deleted")
	}
	if claims.Subject != "" {
		if of, err = userStillGood(tx, claims); err != nil {
			return of, err
		}
	}
	marks := []string{claims.Family, revokedToken(claims.ID)}
	for _, id := range claims.From {
		marks = append(marks, revokedToken(id))
	}
	revoked, err := tx.Ended(marks...)
	if revoked {
		return of, tokenError("it is revoked")
	}
	return of, err
}

// revokedToken names an access token that is ended alone, among the families.
func revokedToken(id string) string { return "token " + id }

// userStillGood refuses a token whose user is gone, or whose sign-on no longer
// counts: a lock and a new password end what was issued before.
func userStillGood(tx *store.Tx, claims oauth.Access) (facts.Standing, error) {
	of, err := facts.StandingOf(tx, claims.Subject)
	switch {
	case isMissing(err) || err == nil && !of.User.Enabled:
		return of, tokenError("its user is disabled or deleted")
	case err != nil:
		return of, err
	case !of.Credential.Takes(time.Unix(claims.IssuedAt, 0), tx.Now()):
		return of, tokenError("its user was locked or got a new password since")
	}
	return of, nil
}
