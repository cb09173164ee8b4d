package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Resealing is how far a replacement of the master key is.
type Resealing struct {
	From, To string // the ids of the keys
	Nodes    int    // that attend, when it began
	Read     int    // documents, in this pass
	Sealed   int    // texts that were sealed anew
	Waits    string // the node that it waits for, or ""
	Checked  bool   // the second pass, which only looks, has begun
}

// The bounds on one transaction of a replacement: documents that are read, and
// those that are written.
const (
	resealPage  = 500
	resealBatch = 50
)

// maxRetired bounds the ids that the database remembers.
const maxRetired = 64

// Reseal replaces the master key of a database, the first of the Sealer's two by
// the second, while nodes serve that know both: it names the second as the one
// to seal under, seals under it all that is sealed under the first, a few
// documents in each Update, and looks whether anything is left. It tells how far
// it is, now and then. It may be ended at any time and called again, and called
// twice at the same time.
//
// The text of an error is one sentence for the operator.
func (db *DB) Reseal(ctx context.Context, s *Sealer, tell func(Resealing)) (Resealing, error) {
	if len(s.keys) != 2 {
		return Resealing{}, errors.New("the new master key is the one in use: make another with pixy key new")
	}
	r := &resealer{db: db, sealer: s, tell: tell, far: Resealing{From: s.keys[0].id, To: s.keys[1].id}}
	if err := r.begin(ctx); err != nil {
		return r.far, err
	}
	if err := db.Claim(ctx, s); err != nil {
		return r.far, err
	}
	if err := r.pass(ctx, r.seal); err != nil {
		return r.far, err
	}
	r.far.Checked = true
	if err := r.pass(ctx, r.look); err != nil {
		return r.far, err
	}
	return r.far, r.end(ctx)
}

type resealer struct {
	db     *DB
	sealer *Sealer
	tell   func(Resealing)
	far    Resealing
}

// begin names the new key. A node that doesn't know it is waited for until it is
// gone, and refused as soon as it is heard again.
func (r *resealer) begin(ctx context.Context) error {
	heard := map[string]int64{}
	for {
		err := r.name(ctx)
		var late *laggard
		if !errors.As(err, &late) {
			return err
		}
		if before, ok := heard[late.id]; ok && before != late.version {
			return late
		}
		heard[late.id] = late.version
		r.far.Waits = late.name
		r.tell(r.far)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// name names the new key when no node lacks it: whoever attends later sees it.
func (r *resealer) name(ctx context.Context) error {
	from, to := r.sealer.keys[0], r.sealer.keys[1]
	return r.db.Change(ctx, "", func(tx *Tx) error {
		d, err := tx.Get(checkKindName, checkID)
		if errors.Is(err, ErrMissing) {
			return errors.New("the database is empty: there is nothing to seal anew")
		}
		if err != nil {
			return err
		}
		c, err := r.sealer.follow(d.Body)
		root := r.sealer.state.Load().root
		begun, err := c.begun(from.id, to.id, err)
		if err != nil || begun {
			return err
		}
		nodes, err := attendances().Everywhere(tx, maxNodes)
		if err != nil {
			return err
		}
		r.far.Nodes, r.far.Waits = len(nodes), ""
		if late, err := lagging(tx, to.id); err != nil || late != nil {
			return first(err, late)
		}
		next := checkUnder(to, root)
		next.From, next.Retired = from.id, c.Retired
		return tx.putCheck(d, next)
	})
}

func (tx *Tx) putCheck(d Document, c checkValue) (err error) {
	if d.Body, err = json.Marshal(c); err == nil {
		_, err = tx.Put(d)
	}
	return err
}

// begun says of a replacement whether it has begun, or has even ended, and why
// it must not begin. lacking is what the Sealer of both keys lacks.
func (c checkValue) begun(from, to string, lacking error) (bool, error) {
	named, _, _ := sealedUnder(c.Sealed)
	ended := len(c.Retired) > 0 && c.Retired[len(c.Retired)-1] == from
	switch {
	case c.From != "" && named == to && c.From == from:
		return true, nil
	case c.From != "":
		return false, fmt.Errorf("another replacement of the master key is under way, of %s by %s: finish that one first", c.From, named)
	case named == to && ended:
		return true, nil
	case named == to:
		return false, errors.New("the database is sealed under the key that is given as the new one: give the one in use in PIXY_MASTER_KEY or its file, and a new one, of pixy key new, as the next")
	case lacking != nil:
		return false, lacking
	case slices.Contains(c.Retired, to):
		return false, errors.New("the new master key was in use before and was replaced: make another with pixy key new")
	}
	return false, nil
}

// end forgets the old key.
func (r *resealer) end(ctx context.Context) error {
	return r.db.Change(ctx, "", func(tx *Tx) error {
		d, err := tx.Get(checkKindName, checkID)
		if err != nil {
			return err
		}
		c, err := r.sealer.follow(d.Body)
		if err != nil || c.From == "" {
			return err
		}
		c.Retired, c.From = append(c.Retired, c.From), ""
		c.Retired = c.Retired[max(0, len(c.Retired)-maxRetired):]
		return tx.putCheck(d, c)
	})
}

// spot is a document of any environment.
type spot struct {
	env string
	Document
}

// pass hands the documents that have something sealed under the old key to do,
// a page after another, those of one environment at a time. What is sealed
// stands in documents, never in tickets or events.
func (r *resealer) pass(ctx context.Context, do func(context.Context, string, []Document) error) error {
	r.far.Read = 0
	var after spot
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var found []spot
		var n int
		err := r.db.View(ctx, "", func(tx *Tx) (err error) {
			found, after, n, err = tx.sealedAfter(after, sealMark+r.far.From+".")
			return err
		})
		if err != nil {
			return err
		}
		for len(found) > 0 {
			var some []Document
			env := found[0].env
			for len(found) > 0 && found[0].env == env && len(some) < resealBatch {
				some, found = append(some, found[0].Document), found[1:]
			}
			if err := do(ctx, env, some); err != nil {
				return err
			}
		}
		r.far.Read += n
		r.tell(r.far)
		if n < resealPage {
			return nil
		}
	}
}

// sealedAfter reads a page of all documents and returns those that have a text
// in them, where the page ends, and how many it has.
func (tx *Tx) sealedAfter(after spot, text string) (found []spot, last spot, n int, err error) {
	last = after
	err = tx.each("SELECT env, kind, id, body FROM document WHERE (env, kind, id) > ($1, $2, $3) ORDER BY env, kind, id LIMIT $4",
		[]any{after.env, after.Kind, after.ID, int64(resealPage)}, func(rows row) error {
			n++
			last = spot{}
			if err := rows.Scan(&last.env, &last.Kind, &last.ID, &last.Body); err != nil {
				return err
			}
			if strings.Contains(string(last.Body), text) {
				found = append(found, last)
			}
			return nil
		})
	return found, last, n, tx.failed(err, "read all documents")
}

// seal seals anew what some documents have under the old key. Each is read again
// and put by its version; when it was last updated stays as it was.
func (r *resealer) seal(ctx context.Context, env string, some []Document) error {
	sealed := 0
	err := r.db.Update(ctx, env, func(tx *Tx) error {
		sealed = 0
		for _, d := range some {
			d, err := tx.Get(d.Kind, d.ID)
			if errors.Is(err, ErrMissing) {
				continue
			}
			if err != nil {
				return err
			}
			body, n, _ := r.sealer.anew(env, d, r.toNew)
			if n == 0 {
				continue
			}
			d.Body = body
			if _, err := tx.replaceAt(d, d.Updated); err != nil {
				return err
			}
			sealed += n
		}
		return nil
	})
	if err == nil {
		r.far.Sealed += sealed
	}
	return err
}

// toNew says that what is under the old key is to be under the new one.
func (r *resealer) toNew(under string) *masterKey {
	if under == r.far.From {
		return r.sealer.keys[1]
	}
	return nil
}

// look refuses documents in which something is left under the old key.
func (r *resealer) look(_ context.Context, env string, some []Document) error {
	for _, d := range some {
		_, left, unreadable := r.sealer.anew(env, d, r.toNew)
		switch {
		case unreadable > 0:
			return fmt.Errorf("the %s %s of the environment %q has something sealed under the old master key that can't be unsealed: write that secret anew or delete it, and run pixy key rotate again", d.Kind, d.ID, env)
		case left > 0:
			return fmt.Errorf("the %s %s of the environment %q is sealed under the old master key again, by a node of an earlier version of Pixy: stop that node, and run pixy key rotate again", d.Kind, d.ID, env)
		}
	}
	return nil
}
