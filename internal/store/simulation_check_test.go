package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// kept is what there is at the end of a simulation.
type kept struct {
	traces   map[string]deed   // by the id of the request
	tickets  map[string]simRow // by kind and key
	users    map[string]int    // the number of each
	children map[string]int    // of each user
	things   int
	tally    int
	revision int64
}

type simRow struct {
	version, expires int64
	body             []byte
}

// done is a request that is kept, with what it has noted.
type done struct {
	*request
	deed
}

// read sweeps once more what was swept, while nobody is there, and reads the rest.
func (s *sim) read() (k kept, err error) {
	ctx := context.Background()
	swept := slices.MaxFunc(append(s.sweeps, time.UnixMilli(0)), time.Time.Compare)
	if _, err := s.judge.Sweep(ctx, swept); err != nil {
		return k, err
	}
	err = s.judge.View(ctx, s.env, func(tx *Tx) error {
		k = kept{traces: map[string]deed{}, tickets: map[string]simRow{}, users: map[string]int{}, children: map[string]int{}}
		if err := k.readTickets(tx, s); err != nil {
			return err
		}
		users, err := tx.List("user", Query{})
		for _, d := range users {
			var body struct{ N int }
			err = errors.Join(err, json.Unmarshal(d.Body, &body))
			k.users[d.ID] = body.N
		}
		children, errChildren := tx.List("child", Query{})
		for _, d := range children {
			var body struct{ Parent string }
			err = errors.Join(err, json.Unmarshal(d.Body, &body))
			k.children[body.Parent]++
		}
		var errThings, errTally error
		k.things, errThings = tx.Count("thing", kind.Expr{}, 0, 0)
		k.tally, errTally = tx.Tallied("things")
		return errors.Join(err, errChildren, errThings, errTally, tx.one("SELECT n FROM revision WHERE env = $1", []any{tx.env}, &k.revision))
	})
	return k, err
}

func (k kept) readTickets(tx *Tx, s *sim) error {
	err := tx.each("SELECT kind, key, version, expires, body FROM ticket WHERE env = $1", []any{tx.env}, func(r row) error {
		var t simRow
		var kind string
		var key []byte
		err := r.Scan(&kind, &key, &t.version, &t.expires, &t.body)
		k.tickets[kind+hex.EncodeToString(key)] = t
		return err
	})
	for _, r := range s.requests() {
		var n deed
		if t, ok := k.tickets["trace"+hex.EncodeToString(simTraces().key(s.secret(r.id)))]; ok {
			err = errors.Join(err, json.Unmarshal(t.body, &n))
			k.traces[r.id] = n
		}
	}
	return err
}

// ticket is the row of a ticket, by how a note names it.
func (k kept) ticket(s *sim, kind, name string) (simRow, bool) {
	key := (Tickets[generation]{Kind: kind}).key(s.secret(name))
	if kind == "ended" {
		key = ended().key((&Tx{env: s.env}).mark(s.secret(name)))
	}
	t, ok := k.tickets[kind+hex.EncodeToString(key)]
	return t, ok
}

func (s *sim) requests() (all []*request) {
	for _, a := range s.actors {
		all = append(all, a.requests...)
	}
	return all
}

// check says what is not as the store promises.
func (s *sim) check() error {
	k, err := s.read()
	if err != nil {
		return err
	}
	var all []done
	count := map[string]int{}
	for _, r := range s.requests() {
		n, there := k.traces[r.id]
		if there {
			all = append(all, done{r, n})
			count[n.Did]++
			count[n.Did+" "+n.On]++
		}
		if !r.lost {
			s.checkTold(r, there)
		}
	}
	s.checkOnce(count, k)
	s.checkFamilies(all)
	s.checkTickets(all, k, count)
	for _, d := range all {
		if d.Did == "purge" && d.N != len(all)-1 {
			s.saw("%s deleted the environment after %d writes, and there are %d", d.id, d.N, len(all)-1)
		}
	}
	if len(s.wrong) > 0 {
		return errors.New(s.wrong[0])
	}
	return nil
}

// checkTold holds what a caller was told against what is kept.
func (s *sim) checkTold(r *request, there bool) {
	switch {
	case r.err == nil && r.note.Did != "" && !there:
		s.saw("%s was told that it is kept, and it is not", r.id)
	case r.err != nil && !errors.Is(r.err, fault.Unconfirmed) && there:
		s.saw("%s was refused, and it is kept: %v", r.id, r.err)
	}
	if r.err != nil && !s.may(r) {
		s.saw("%s got %v", r.id, r.err)
	}
}

// may says whether an error is one that a request may come to. Stale and Taken
// are not, as long as the caller waits: the store runs again who gets them.
func (s *sim) may(r *request) bool {
	may := []error{errRefused, ErrMissing}
	if s.risk > 0 {
		may = append(may, fault.Unconfirmed, fault.Unreachable, fault.Busy, errFate)
	}
	if r.left {
		may = append(may, context.Canceled, fault.Stale, fault.Taken)
	}
	return slices.ContainsFunc(may, func(e error) bool { return errors.Is(r.err, e) }) || s.risk > 0 && code(r.err) != 0
}

// checkOnce holds counts against what is there.
func (s *sim) checkOnce(count map[string]int, k kept) {
	for _, once := range []string{"redeem a", "redeem b", "name joe", "name jim", "delete u0", "delete u1", "purge "} {
		if count[once] > 1 {
			s.saw("%s is done %d times", once, count[once])
		}
	}
	for _, user := range []string{"u0", "u1"} {
		n, there := k.users[user]
		if there != (count["delete "+user] == 0) {
			s.saw("%s is there: %t", user, there)
		}
		if want := count["change "+user] + count["swap"]; there && n != want {
			s.saw("%s is changed %d times of %d", user, n, want)
		}
		if !there && k.children[user] > 0 {
			s.saw("something refers to %s, who is deleted", user)
		}
	}
	if want := count["add"] - count["remove"]; k.things != want || k.tally != want {
		s.saw("there are %d things of %d, and a tally of %d", k.things, want, k.tally)
	}
	if want := 1 + count["change"] + count["swap"] + count["name"] + count["delete"]; k.revision != int64(want) {
		s.saw("the revision is %d after %d changes", k.revision, want)
	}
}

// checkFamilies looks for refresh tokens that were good and should not have
// been: after their family had ended, or after they had been rotated twice, or
// once where there is no grace.
func (s *sim) checkFamilies(all []done) {
	rotated := map[string]bool{}
	for _, d := range all {
		if d.Did == "refresh" {
			if name := fmt.Sprint(d.On, d.Got); rotated[name] {
				s.saw("generation %d of %s came twice", d.Got, d.On)
			} else {
				rotated[name] = true
			}
		}
		if d.lost || d.err != nil {
			continue // nobody knew
		}
		for _, r := range s.requests() {
			if r.on != d.On || r.what != "refresh" || r.begun <= d.told || r.err != nil || r.lost || r.note.Got == 0 {
				continue
			}
			if d.Did == "end" {
				s.saw("%s was good after %s had ended the family", r.id, d.id)
			}
			if d.Did == "refresh" && (r.note.Got < d.Got || s.grace == 0 && r.note.Got == d.Got) {
				s.saw("%s got generation %d after %s had got %d", r.id, r.note.Got, d.id, d.Got)
			}
		}
	}
}

// checkTickets holds each ticket against who was the last to leave it: what
// was not swept is there, as it was left, and what was swept is not.
func (s *sim) checkTickets(all []done, k kept, count map[string]int) {
	last := map[string]leaving{"code a": s.first("code", "a"), "code b": s.first("code", "b"), "refresh x": s.first("refresh", "x"), "refresh y": s.first("refresh", "y")}
	for _, d := range all {
		for _, l := range d.Left {
			if name := l.Kind + " " + l.Secret; last[name].Version < l.Version {
				last[name] = l
			}
		}
	}
	swept := int64(math.MinInt64)
	for _, before := range s.sweeps {
		swept = max(swept, millis(before))
	}
	for name, l := range last {
		t, there := k.ticket(s, l.Kind, l.Secret)
		switch gone := l.Kind != "ended" && count["delete "+owner(l.Secret)] > 0; {
		case gone && there:
			s.saw("%s is there after its owner was deleted", name)
		case !gone && !there && l.Expires >= swept:
			s.saw("%s is gone, and was to live until %d; what expires before %d is swept", name, l.Expires, swept)
		case there && (t.version != l.Version || t.expires != l.Expires):
			s.saw("%s is in version %d and expires at %d, and was left in %d until %d", name, t.version, t.expires, l.Version, l.Expires)
		}
	}
}
