package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// access is what an endpoint of the management API asks of a role.
type access struct {
	area  string
	write bool
}

var (
	secretAccess   = access{area: "secrets", write: true}
	passwordAccess = access{area: "users", write: true}
)

// actor is who calls the management API.
type actor struct {
	ID          string // of the worker application, or of the user
	Assignments []platform.RoleAssignment

	organization string // the id of this server's organization
}

// guarded lets a request through to an endpoint of the management API when its
// bearer token is good and a role assignment permits the access. What an actor
// may do is looked up at each request.
func (s *Server) guarded(a access, next func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		who, err := s.actor(r)
		if err != nil {
			return err
		}
		env := r.PathValue("environment")
		wanted := platform.Access{Area: a.area, Write: a.write, Environment: env, Organization: who.organization}
		if !platform.Permits(who.Assignments, wanted) {
			return fault.NotPermitted.Compared("a role with access to "+a.area, "the assignments of "+who.ID)
		}
		if env != "" {
			if err := s.environmentExists(r.Context(), env); err != nil {
				return err
			}
		}
		return next(w, r.WithContext(context.WithValue(r.Context(), actorKey{}, who)))
	}
}

// actorKey is the context's key of the actor.
type actorKey struct{}

func actorOf(ctx context.Context) actor {
	a, _ := ctx.Value(actorKey{}).(actor)
	return a
}

func (s *Server) environmentExists(ctx context.Context, env string) error {
	return s.db.View(ctx, env, func(tx *store.Tx) error {
		_, err := s.realm(tx)
		return err
	})
}

// bearerToken takes the token of RFC 6750 §2.1 from the header.
func bearerToken(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// actor is who a bearer token speaks for: the user it names, or else the
// application itself. The token may come from any environment of this server.
func (s *Server) actor(r *http.Request) (actor, error) {
	claims, err := s.verified(r.Context(), bearerToken(r), "")
	if err != nil {
		return actor{}, badToken(err, fault.TokenInvalid)
	}
	who := actor{ID: claims.Subject}
	if who.ID == "" {
		who.ID = claims.ClientID
	}
	err = s.db.View(r.Context(), claims.Environment, func(tx *store.Tx) error {
		d, err := tx.Root().Find("organization", kind.Expr{})
		if err != nil {
			return err
		}
		who.organization = d.ID
		who.Assignments, err = roleAssignments(tx, who.ID)
		return err
	})
	return who, err
}

func roleAssignments(tx *store.Tx, id string) ([]platform.RoleAssignment, error) {
	return readAll[platform.RoleAssignment](tx.Root(), "roleAssignment", kind.Equal("actor", id))
}

// errToken marks what is wrong with a token, not with the server.
var errToken = errors.New("the access token is not good")

func tokenError(why string) error { return fmt.Errorf("%w: %s", errToken, why) }

// badToken turns what is wrong with a token into a refusal; an error of the
// server stays one.
func badToken(err error, refusal *fault.Fault) error {
	if errors.Is(err, errToken) {
		return refusal.Because(err)
	}
	return err
}

// verified is the claims of an access token that is good now: signed by its
// environment, not expired, its family not ended, its client enabled and its
// user active. env "" is any environment of this server.
func (s *Server) verified(ctx context.Context, token, env string) (oauth.Access, error) {
	if token == "" {
		return oauth.Access{}, tokenError("there is none")
	}
	peeked, err := oauth.Peek(token)
	if err != nil {
		return peeked, tokenError(err.Error())
	}
	issuing := peeked.Environment
	if peeked.Issuer != s.issuer(issuing) || !isID(issuing) || (env != "" && env != issuing) {
		return peeked, tokenError("it was issued by somebody else")
	}
	var claims oauth.Access
	err = s.db.View(ctx, issuing, func(tx *store.Tx) error {
		keys, err := publicKeys(tx)
		if err != nil {
			return err
		}
		if claims, err = oauth.Verify(token, keys, s.issuer(issuing), platform.PlatformAudience, tx.Now()); err != nil {
			return tokenError(err.Error())
		}
		return stillGood(tx, claims)
	})
	return claims, err
}

// stillGood refuses a token whose client, user or family is gone.
func stillGood(tx *store.Tx, claims oauth.Access) error {
	app, _, err := readDocument[platform.Application](tx, "application", claims.ClientID)
	if err != nil && !errors.Is(err, store.ErrMissing) {
		return err
	}
	if !app.Enabled {
		return tokenError("its application is disabled or deleted")
	}
	if claims.Subject != "" {
		active, err := userActive(tx, claims.Subject)
		if err != nil {
			return err
		}
		if !active {
			return tokenError("its user is disabled or deleted")
		}
	}
	if claims.Family == "" {
		return nil
	}
	ended, err := tx.Ended(claims.Family)
	if ended {
		return tokenError("it is revoked")
	}
	return err
}

func userActive(tx *store.Tx, id string) (bool, error) {
	u, _, err := readDocument[platform.User](tx, "user", id)
	if errors.Is(err, store.ErrMissing) {
		return false, nil
	}
	return err == nil && u.Enabled, err
}

func publicKeys(tx *store.Tx) ([]jose.JSONWebKey, error) {
	keys, err := readAll[signingKey](tx, "signingKey", kind.Expr{})
	out := []jose.JSONWebKey{}
	for _, k := range keys {
		out = append(out, k.Public)
	}
	return out, err
}
