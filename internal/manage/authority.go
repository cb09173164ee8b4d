package manage

import (
	"context"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// authorize computes how far the actor's roles reach in what is wanted, and
// refuses who reaches nothing.
func (r *Request) authorize() error {
	if r.reach = platform.Reaches(r.Actor.Assignments, r.wanted); r.reach.None() {
		return fault.NotPermitted.Compared("a role with access to "+r.wanted.Area, "the assignments of "+r.Actor.ID)
	}
	return nil
}

// update is a write for a request. The environment and the actor's roles are
// read again in it: a body may have been long on its way.
func (a *API) update(ctx context.Context, r Request, env string, fn func(*store.Tx, Request) error) error {
	return a.write(ctx, a.db.Change, r, env, fn)
}

// write is update by one of the store's two ways to write.
func (a *API) write(ctx context.Context, way func(context.Context, string, func(*store.Tx) error) error, r Request, env string, fn func(*store.Tx, Request) error) error {
	return way(ctx, env, func(tx *store.Tx) error {
		if env != "" {
			if err := a.environmentExists(tx); err != nil {
				return err
			}
		}
		now := r
		var err error
		if now.Actor.Actor, err = facts.ActorOf(tx, r.Actor.Environment, r.Actor.Client, r.Actor.User); err != nil {
			return err
		}
		if err := now.authorize(); err != nil {
			return err
		}
		return fn(tx, now)
	})
}

// mayTouch refuses a write to what belongs to a stronger actor: who may change
// an application, a user or a group with roles could act with them, or take
// them away. What is below one in the path belongs to it.
func mayTouch(tx *store.Tx, r Request) error {
	for _, noun := range []string{"application", "user", "group"} {
		if id := r.IDs[noun]; id != "" {
			if err := outranks(tx, r, noun, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// outranks refuses an actor who is not as strong as an application, a user or
// a group.
func outranks(tx *store.Tx, r Request, noun, id string) error {
	theirs, err := facts.RolesOf(tx, noun, id)
	if err == nil && !platform.Holds(r.Actor.Assignments, theirs) {
		err = fault.NotPermitted.Compared("roles as strong as those of "+id, "weaker ones")
	}
	return err
}

// mayLeave refuses a document that would be where the actor's roles do not
// reach, and the mark of the default to who does not reach the environment.
func mayLeave(r Request, p place, was, next kind.Body) error {
	elsewhere := p.parent == "" && p.spec.Name != "environment" && !within(r.reach, p.spec, p.id, next)
	if elsewhere || next["default"] == true && was["default"] != true && !r.reach.Everywhere {
		return fault.NotPermitted.Compared("a role that reaches where the "+p.spec.Title+" would be", "the assignments of "+r.Actor.ID)
	}
	return nil
}

// within reports whether the roles reach a document.
func within(reach platform.Reach, spec *kind.Spec, id string, body kind.Body) bool {
	if reach.Everywhere {
		return true
	}
	for _, s := range reach.Within {
		for _, at := range spec.Reach {
			value := kind.At(body, at.Path)
			if at.Path == "id" {
				value = id
			}
			if s.Type == at.Scope && s.ID == value {
				return true
			}
		}
	}
	return false
}

// reached is the condition on what the roles reach, for a list.
func reached(reach platform.Reach, spec *kind.Spec) kind.Expr {
	if reach.Everywhere {
		return kind.Expr{}
	}
	out := kind.Expr{Op: kind.Or}
	for _, at := range spec.Reach {
		if ids := reach.IDs(at.Scope); len(ids) > 0 {
			out.Args = append(out.Args, kind.OneOf(at.Path, ids))
		}
	}
	return out
}

// hurry is a context for reading a page with all that it shows.
func (a *API) hurry(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 2*a.patient+time.Second)
}
