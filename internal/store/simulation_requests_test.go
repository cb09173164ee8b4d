package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pixy/internal/kind"
)

// errRefused is a refusal that leaves nothing.
var errRefused = errors.New("refused")

// simKinds are what actors ask for, each by what it draws and does.
func simKinds() map[string]func(*request) {
	return map[string]func(*request){
		"redeem":  func(r *request) { r.on = r.pick("a", "b"); r.run = writing((*request).redeem) },
		"refresh": func(r *request) { r.on = r.pick("x", "a", "y"); r.run = (*request).refreshing },
		"revoke":  func(r *request) { r.on = r.pick("x", "a"); r.run = writing((*request).revoke) },
		"change":  func(r *request) { r.on = r.pick("u0", "u1"); r.run = (*request).changing },
		"swap":    func(r *request) { r.on = r.pick("u0", "u1"); r.run = writing((*request).swap) },
		"refer":   func(r *request) { r.on = r.pick("u0", "u1"); r.run = writing((*request).refer) },
		"name":    func(r *request) { r.on = r.pick("joe", "jim"); r.run = writing((*request).name) },
		"add":     func(r *request) { r.run = writing((*request).add) },
		"remove":  func(r *request) { r.run = writing((*request).remove) },
		"delete":  func(r *request) { r.on = r.pick("u0", "u1"); r.run = (*request).deleting },
		"purge":   func(r *request) { r.run = (*request).purging },
		"sweep":   func(r *request) { r.run = (*request).sweeping },
		"look":    func(r *request) { r.on = r.pick("u0", "u1"); r.run = (*request).looking },
		"view":    func(r *request) { r.run = (*request).viewing },
	}
}

// pick is most often what the others pick.
func (r *request) pick(of ...string) string {
	if r.chance.IntN(4) > 0 {
		return of[r.sim.focus%len(of)]
	}
	return of[r.chance.IntN(len(of))]
}

// writing is an Update that notes what it does.
func writing(do func(*request, *Tx) error) func(*request, context.Context) error {
	return func(r *request, ctx context.Context) error {
		return r.db.Update(ctx, r.sim.env, func(tx *Tx) error { return r.noting(tx, do) })
	}
}

func (r *request) noting(tx *Tx, do func(*request, *Tx) error) error {
	r.note = deed{On: r.on}
	if r.sim.removable {
		if _, err := tx.Root().Get("environment", r.sim.env); err != nil {
			return err
		}
	}
	if err := do(r, tx); err != nil || r.note.Did == "" {
		return err
	}
	_, err := simTraces().Put(tx, r.sim.secret(r.id), Ticket[deed]{Body: r.note})
	return err
}

// redeem spends a code and puts the family of its refresh token. Who comes
// second ends the family.
func (r *request) redeem(tx *Tx) error {
	secret := r.sim.secret(r.on)
	for range 2 {
		c, err := simCodes().Get(tx, secret)
		if err != nil {
			return err
		}
		if !c.Spent.IsZero() {
			return r.end(tx)
		}
		if !tx.Now().Before(c.Expires) {
			return errRefused
		}
		if _, err := tx.Get("user", owner(r.on)); err != nil {
			return err
		}
		first, err := simCodes().Spend(tx, secret, tx.Now().Add(time.Hour))
		if err != nil {
			return err
		}
		if first {
			return r.issue(tx)
		}
	}
	return errors.New("the code is neither good nor spent")
}

// issue keeps what the one who has spent a code gets. Only with one of them
// comes a refresh token.
func (r *request) issue(tx *Tx) error {
	r.note.Did = "redeem"
	secret := r.sim.secret(r.on)
	c, err := simCodes().Get(tx, secret)
	r.note.leave("code", r.on, c)
	if err != nil || r.on == "b" {
		return err
	}
	f, err := simFamilies().Put(tx, secret, Ticket[generation]{Owner: owner(r.on), Family: secret, Body: generation{N: 1}})
	r.note.leave("refresh", r.on, f)
	return err
}

// refresh rotates a family. The generation before is good for the grace period;
// an older one ends the family. Without such a period no clock counts.
func (r *request) refresh(tx *Tx) error {
	secret := r.sim.secret(r.on)
	f, err := simFamilies().Get(tx, secret)
	if err != nil {
		return err
	}
	ended, err := tx.Ended(secret)
	if err != nil {
		return err
	}
	if _, err := tx.Get("user", f.Owner); err != nil {
		return err
	}
	switch {
	case ended || !f.Spent.IsZero() || !tx.Now().Before(f.Expires) || r.shows > f.Body.N:
		return errRefused
	case r.sim.grace > 0 && r.shows == f.Body.N-1 && tx.Now().Before(f.Body.Rotated.Add(r.sim.grace)):
		r.note.Got = f.Body.N
		return nil
	case r.shows != f.Body.N:
		return r.end(tx)
	}
	f.Body, f.Expires = generation{f.Body.N + 1, tx.Now()}, time.Time{}
	f, err = simFamilies().Save(tx, secret, f)
	r.note.Did, r.note.Got = "refresh", f.Body.N
	r.note.leave("refresh", r.on, f)
	return err
}

// refreshing shows a generation that somebody has, most often the newest.
func (r *request) refreshing(ctx context.Context) error {
	r.sim.mu.Lock()
	r.shows = max(1, r.sim.newest[r.on]-max(0, r.chance.IntN(6)-3))
	r.sim.mu.Unlock()
	err := writing((*request).refresh)(r, ctx)
	if err == nil {
		r.sim.mu.Lock()
		r.sim.newest[r.on] = max(r.sim.newest[r.on], r.note.Got)
		r.sim.mu.Unlock()
	}
	return err
}

func (r *request) revoke(tx *Tx) error {
	if _, err := simFamilies().Get(tx, r.sim.secret(r.on)); err != nil {
		return err
	}
	return r.end(tx)
}

// end ends a family and its refresh token.
func (r *request) end(tx *Tx) error {
	secret := r.sim.secret(r.on)
	f, err := simFamilies().Get(tx, secret)
	if err != nil && err != ErrMissing {
		return err
	}
	if err == nil {
		first, err := simFamilies().Spend(tx, secret, f.Expires)
		if err != nil {
			return err
		}
		if first {
			if f, err = simFamilies().Get(tx, secret); err != nil {
				return err
			}
			r.note.leave("refresh", r.on, f)
		}
	}
	until := tx.Now().Add(time.Hour)
	first, err := tx.EndFamily(secret, until)
	r.note.Did = "end"
	if first {
		r.note.leave("ended", r.on, Ticket[generation]{Version: 1, Expires: until})
	}
	return err
}

// change adds one to the number of a user.
func (r *request) change(tx *Tx) error {
	r.note.Did = "change"
	return r.raise(tx, r.on)
}

// swap changes both users, in either order.
func (r *request) swap(tx *Tx) error {
	r.note.Did = "swap"
	other := map[string]string{"u0": "u1", "u1": "u0"}[r.on]
	if err := r.raise(tx, r.on); err != nil {
		return err
	}
	return r.raise(tx, other)
}

func (r *request) raise(tx *Tx, user string) error {
	d, err := tx.Get("user", user)
	if err != nil {
		return err
	}
	var body struct{ N int }
	if err := json.Unmarshal(d.Body, &body); err != nil {
		return err
	}
	d.Body = fmt.Appendf(nil, `{"N":%d}`, body.N+1)
	d, err = tx.Put(d)
	r.version = d.Version
	return err
}

// refer makes a child of a user.
func (r *request) refer(tx *Tx) error {
	if _, err := tx.Get("user", r.on); err != nil {
		return err
	}
	r.note.Did = "refer"
	_, err := tx.Put(Document{Kind: "child", ID: r.id, Body: []byte(`{"parent":"` + r.on + `"}`)})
	return err
}

// name takes a name when it is free.
func (r *request) name(tx *Tx) error {
	if _, err := tx.Find("user", kind.Equal("usernameKey", r.on)); err != ErrMissing {
		return errors.Join(err, errRefused)
	}
	r.note.Did = "name"
	_, err := tx.Put(Document{Kind: "user", ID: r.id, Body: []byte(`{"usernameKey":"` + r.on + `"}`)})
	return err
}

func (r *request) add(tx *Tx) error {
	r.note.Did = "add"
	if _, err := tx.Put(Document{Kind: "thing", ID: r.id, Body: []byte(`{}`)}); err != nil {
		return err
	}
	return tx.Tally("things", "", 1)
}

func (r *request) remove(tx *Tx) error {
	d, err := tx.Find("thing", kind.Expr{})
	if err != nil {
		return err
	}
	r.note.Did = "remove"
	if err := tx.Delete("thing", d.ID); err != nil {
		return err
	}
	return tx.Tally("things", "", -1)
}

// deleting deletes a user whom nothing refers to, and what belongs to them.
func (r *request) deleting(ctx context.Context) error {
	return r.db.Change(ctx, r.sim.env, func(tx *Tx) error {
		return r.noting(tx, func(r *request, tx *Tx) error {
			if n, err := tx.Count("child", kind.Equal("parent", r.on), 1, 0); err != nil || n > 0 {
				return errors.Join(err, errRefused)
			}
			r.note.Did = "delete"
			if err := tx.Delete("user", r.on); err != nil {
				return err
			}
			return tx.EndOwner(r.on)
		})
	})
}

// purging deletes the environment, as the root scope does, and counts what was
// done in it.
func (r *request) purging(ctx context.Context) error {
	return r.db.Update(ctx, "", func(tx *Tx) error {
		r.note = deed{Did: "purge"}
		if err := tx.Alone(r.sim.env); err != nil {
			return err
		}
		if err := tx.Delete("environment", r.sim.env); err != nil {
			return err
		}
		in := tx.In(r.sim.env)
		err := in.one("SELECT count(*) FROM ticket WHERE env = $1 AND kind = 'trace'", []any{in.env}, &r.note.N)
		if err != nil {
			return in.failed(err, "count the traces")
		}
		_, err = simTraces().Put(in, r.sim.secret(r.id), Ticket[deed]{Body: r.note})
		return err
	})
}

func (r *request) sweeping(ctx context.Context) error {
	before := r.node.now().Add(time.Duration(r.chance.IntN(60)-10) * time.Minute) // the clock of some node
	r.sim.mu.Lock()
	r.sim.sweeps = append(r.sim.sweeps, before)
	r.sim.mu.Unlock()
	_, err := r.db.Sweep(ctx, before)
	return err
}

// changing notes on the node what it was told.
func (r *request) changing(ctx context.Context) error {
	err := writing((*request).change)(r, ctx)
	if err == nil {
		r.sim.mu.Lock()
		r.node.seen[r.on] = max(r.node.seen[r.on], r.version)
		r.sim.mu.Unlock()
	}
	return err
}

// looking sees a user no older than the node has changed them.
func (r *request) looking(ctx context.Context) error {
	r.sim.mu.Lock()
	seen := r.node.seen[r.on]
	r.sim.mu.Unlock()
	return r.db.Look(ctx, r.sim.env, func(tx *Tx) error {
		d, err := tx.Get("user", r.on)
		if err == nil && d.Version < seen {
			r.sim.saw("%s looks at %s in version %d after version %d was acknowledged there", r.id, r.on, d.Version, seen)
		}
		return err
	})
}

// viewing sees as many things as the tally says.
func (r *request) viewing(ctx context.Context) error {
	return r.db.View(ctx, r.sim.env, func(tx *Tx) error {
		n, err := tx.Count("thing", kind.Expr{}, 0, 0)
		tallied, missed := tx.Tallied("things")
		if err == nil && missed == nil && n != tallied {
			r.sim.saw("%s views %d things and a tally of %d", r.id, n, tallied)
		}
		return errors.Join(err, missed)
	})
}
