package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// record keeps an event of an environment.
func (p *opened) record(t *testing.T, env string, e Event) {
	t.Helper()
	if e.Body == nil {
		e.Body = []byte(`{}`)
	}
	p.update(t, env, func(tx *Tx) error { return tx.Record(e) })
}

// events are the ids of those that match, as they are listed.
func (p *opened) events(t *testing.T, env string, q Query) string {
	t.Helper()
	var ids []string
	p.view(t, env, func(tx *Tx) error {
		found, err := tx.Events(q)
		for _, e := range found {
			ids = append(ids, e.ID)
		}
		return err
	})
	return strings.Join(ids, " ")
}

func testEvents(t *testing.T, p *opened) {
	want := Event{ID: "1", Action: "USER.CREATED", Actor: "u1", Client: "a1", Target: "u2", Population: "p1", Correlation: "c1", Result: "SUCCESS", Body: []byte(`{"type":"USER"}`)}
	given := want
	given.Recorded = time.Unix(0, 0) // the transaction's time counts
	p.update(t, "e1", func(tx *Tx) error {
		_, err := tx.Put(Document{Kind: "user", ID: "u2", Body: []byte(`{}`)})
		return errors.Join(err, tx.Record(given))
	})
	want.Recorded = instant(p.clock.time)
	p.view(t, "e1", func(tx *Tx) error {
		got, err := tx.Events(Query{})
		for i := range got {
			got[i].Body = tight(got[i].Body)
		}
		if err != nil || !reflect.DeepEqual(got, []Event{want}) {
			t.Errorf("kept is %+v, %v, want %+v", got, err, want)
		}
		return nil
	})

	// What is rolled back was not done, and its event tells of nothing.
	refused := errors.New("refused")
	err := p.Update(t.Context(), "e1", func(tx *Tx) error {
		if err := tx.Record(Event{ID: "2", Body: []byte(`{}`)}); err != nil {
			return err
		}
		if _, err := tx.Put(Document{Kind: "user", ID: "u3", Body: []byte(`{}`)}); err != nil {
			return err
		}
		return refused
	})
	if err != refused {
		t.Fatalf("the update returns %v", err)
	}
	err = p.Update(t.Context(), "e1", func(tx *Tx) error {
		_ = tx.Record(Event{ID: "3", Body: []byte(`{}`)})
		_, err := tx.Put(Document{Kind: "user", ID: "u2", Body: []byte(`{}`)})
		return err
	})
	wantFault(t, err, fault.Taken)
	if got := p.events(t, "e1", Query{}); got != "1" || p.has(t, "e1", "user", "u3") {
		t.Errorf("after updates that were refused there are the events %q", got)
	}
	// Others in the same batch keep theirs.
	told := p.together(t, func(tx *Tx) error { return tx.Record(Event{ID: "4", Body: []byte(`{}`)}) },
		func(tx *Tx) error { return errors.Join(tx.Record(Event{ID: "5", Body: []byte(`{}`)}), refused) },
		func(tx *Tx) error { return tx.Record(Event{ID: "6", Body: []byte(`{}`)}) })
	if got := p.events(t, "e1", Query{}); told[0] != nil || told[1] == nil || told[2] != nil || got != "6 4 1" {
		t.Errorf("told %v, the events are %q", told, got)
	}
	p.view(t, "e1", func(tx *Tx) error {
		if err := tx.Record(Event{ID: "7", Body: []byte(`{}`)}); !errors.Is(err, ErrReadOnly) {
			t.Errorf("a view records: %v", err)
		}
		return nil
	})
}

func testEventFilters(t *testing.T, p *opened) {
	start := instant(p.clock.time)
	for i, e := range []Event{
		{Action: "USER.CREATED", Actor: "u1", Client: "a1", Target: "t1", Population: "p1", Correlation: "c1", Result: "SUCCESS", Body: []byte(`{"type":"USER","username":"joe"}`)},
		{Action: "USER.DELETED", Client: "a1", Target: "t1", Population: "p2", Correlation: "c2", Result: "SUCCESS", Body: []byte(`{"type":"USER"}`)},
		{Action: "APPLICATION.CREATED", Actor: "u2", Client: "a2", Target: "t2", Correlation: "c2", Result: "FAILURE", Body: []byte(`{"type":"APPLICATION","username":"o'neill"}`)},
		{Action: "USER.CREATED", Client: "a2", Target: "t'3", Correlation: "c3", Result: "SUCCESS", Body: []byte(`{"type":"USER"}`)},
	} {
		e.ID = string(rune('a' + i))
		p.clock.now = start.Add(time.Duration(i) * time.Second)
		p.record(t, "e1", e)
	}
	equal := kind.Equal
	moment := func(op kind.Op, seconds int) kind.Expr {
		return kind.Expr{Op: op, Path: "recordedAt", Type: kind.Time, Value: start.Add(time.Duration(seconds) * time.Second)}
	}
	join := func(op kind.Op, args ...kind.Expr) kind.Expr { return kind.Expr{Op: op, Args: args} }
	for _, c := range []struct {
		name  string
		where kind.Expr
		want  string
	}{
		{"all", kind.Expr{}, "d c b a"},
		{"id", equal("id", "b"), "b"},
		{"action", equal("action.type", "USER.CREATED"), "d a"},
		{"user", equal("actors.user.id", "u1"), "a"},
		{"no user", equal("actors.user.id", ""), "d b"},
		{"name of the user", equal("actors.user.name", "joe"), "a"},
		{"name with a quote", equal("actors.user.name", "o'neill"), "c"},
		{"client", equal("actors.client.id", "a2"), "d c"},
		{"target", equal("resources.id", "t1"), "b a"},
		{"target with a quote", equal("resources.id", "t'3"), "d"},
		{"type", equal("resources.type", "USER"), "d b a"},
		{"population", equal("resources.population.id", "p2"), "b"},
		{"correlation", equal("correlationId", "c2"), "c b"},
		{"result", equal("result.status", "FAILURE"), "c"},
		{"nothing", equal("result.status", "success"), ""},
		{"gt", moment(kind.Gt, 1), "d c"},
		{"ge", moment(kind.Ge, 1), "d c b"},
		{"lt", moment(kind.Lt, 1), "a"},
		{"le", moment(kind.Le, 1), "b a"},
		{"between", join(kind.And, moment(kind.Ge, 1), moment(kind.Lt, 3)), "c b"},
		{"not", join(kind.Not, equal("actors.user.name", "joe")), "d c b"},
		{"or", join(kind.Or, equal("resources.id", "t2"), equal("id", "a")), "c a"},
		{"and", join(kind.And, equal("action.type", "USER.CREATED"), equal("actors.client.id", "a1")), "a"},
		{"a document's column", kind.Expr{Op: kind.Gt, Path: "createdAt", Type: kind.Time, Value: start}, ""},
	} {
		if got := p.events(t, "e1", Query{Where: c.where}); got != c.want {
			t.Errorf("%s: finds %q, want %q", c.name, got, c.want)
		}
	}
	for name, where := range map[string]kind.Expr{
		"injected": equal("id' OR 1=1 --", "x"),
		"type":     {Op: kind.Gt, Path: "recordedAt", Type: kind.Time, Value: "yesterday"},
		"operator": {Op: "like", Path: "id", Value: "x"},
	} {
		p.view(t, "e1", func(tx *Tx) error {
			if found, err := tx.Events(Query{Where: where}); err == nil || found != nil || !strings.Contains(err.Error(), "events") {
				t.Errorf("%s: %v, %v", name, found, err)
			}
			return nil
		})
	}
}

// testEventPages reads the newest first, a page at a time, where many are of
// the same time, while new ones come.
func testEventPages(t *testing.T, p *opened) {
	var want []string
	for tick := range 4 {
		for n := range 7 {
			id := fmt.Sprintf("%d-%d", tick, n)
			p.record(t, "e1", Event{ID: id, Client: fmt.Sprint("a", n%2)})
			want = append(want, id)
		}
		p.clock.now = p.clock.now.Add(time.Millisecond)
	}
	slices.Reverse(want)
	odd := slices.DeleteFunc(slices.Clone(want), func(id string) bool { return (id[2]-'0')%2 == 0 })
	for _, c := range []struct {
		where kind.Expr
		want  []string
	}{{kind.Expr{}, want}, {kind.Equal("actors.client.id", "a1"), odd}} {
		for _, limit := range []int{1, 3, 7, 100} {
			var got []string
			q := Query{Where: c.where, Limit: limit}
			for range 100 {
				var page []Event
				p.view(t, "e1", func(tx *Tx) (err error) {
					page, err = tx.Events(q)
					return err
				})
				if len(page) == 0 {
					break
				}
				if len(page) > limit {
					t.Fatalf("a page of %d has %d", limit, len(page))
				}
				for _, e := range page {
					got = append(got, e.ID)
				}
				last := page[len(page)-1]
				q.After = Cursor{Created: last.Recorded, ID: last.ID}
				p.record(t, "e1", Event{ID: fmt.Sprintf("new-%d-%d", limit, len(got)), Client: "later"})
			}
			if got = slices.DeleteFunc(got, func(id string) bool { return strings.HasPrefix(id, "new") }); !slices.Equal(got, c.want) {
				t.Errorf("pages of %d have %v, want %v", limit, got, c.want)
			}
			p.update(t, "", func(tx *Tx) error { _, err := tx.exec("DELETE FROM event WHERE client = 'later'"); return err })
		}
	}
}

func testEventEnvironments(t *testing.T, p *opened) {
	// The same event in each: an id is one environment's.
	for _, env := range []string{"e1", "e2", ""} {
		p.record(t, env, Event{ID: "1", Action: "IN." + env})
	}
	for _, env := range []string{"e1", "e2", ""} {
		for _, q := range []Query{{}, {Where: kind.Equal("id", "1")}, {Where: kind.Expr{Op: kind.Or, Args: []kind.Expr{kind.Equal("id", "1"), {}}}}, {Where: kind.Expr{Op: kind.Not, Args: []kind.Expr{kind.Equal("id", "2")}}}} {
			p.view(t, env, func(tx *Tx) error {
				found, err := tx.Events(q)
				if err != nil || len(found) != 1 || found[0].Action != "IN."+env {
					t.Errorf("%q has %+v, %v", env, found, err)
				}
				return nil
			})
		}
	}
	if got := p.events(t, "e3", Query{}); got != "" {
		t.Errorf("an environment without events has %q", got)
	}
	wantFault(t, p.Update(t.Context(), "e1", func(tx *Tx) error { return tx.Record(Event{ID: "1", Body: []byte(`{}`)}) }), fault.Taken)
}

func testSweepEvents(t *testing.T, p *opened) {
	now := instant(p.clock.time)
	for _, env := range []string{"e1", "e2"} {
		p.update(t, env, func(tx *Tx) error {
			for n := range pgChunk + 7 {
				if err := tx.Record(Event{ID: fmt.Sprint(n), Body: []byte(`{}`)}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	p.put(t, "e1", "user", "u1", `{}`)
	p.keep(t, "e1", sessions(), "s1", Ticket[note]{})
	p.clock.now = p.clock.now.Add(time.Millisecond)
	p.record(t, "e1", Event{ID: "young"})
	p.record(t, "", Event{ID: "root"})
	if n, err := p.SweepEvents(t.Context(), now); n != 0 || err != nil {
		t.Errorf("%d are swept that were not recorded before then, %v", n, err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if n, err := p.SweepEvents(gone, now.Add(time.Hour)); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("sweep goes on for %d, %v", n, err)
	}
	if n, err := p.SweepEvents(t.Context(), now.Add(time.Millisecond)); n != 2*(pgChunk+7) || err != nil {
		t.Errorf("%d are swept, %v", n, err)
	}
	for env, want := range map[string]string{"e1": "young", "e2": "", "": "root"} {
		if got := p.events(t, env, Query{}); got != want {
			t.Errorf("%q keeps %q, want %q", env, got, want)
		}
	}
	if _, err := p.read(t, "e1", sessions(), "s1"); err != nil || !p.has(t, "e1", "user", "u1") {
		t.Errorf("sweeping events deletes something else: %v", err)
	}
	if n, err := p.Sweep(t.Context(), now.Add(1000*time.Hour)); n != 1 || err != nil || p.events(t, "e1", Query{}) != "young" {
		t.Errorf("sweeping tickets deletes %d, %v, and leaves the events %q", n, err, p.events(t, "e1", Query{}))
	}
}

// testPurge deletes all that one environment has, and nothing of another,
// though everything has the same names there.
func testPurge(t *testing.T, p *opened) {
	many := map[string]int{"e1": pgChunk + 3, "e2": 5, "": 3}
	for env, n := range many {
		p.update(t, env, func(tx *Tx) error {
			var all []error
			for i := range n {
				id := fmt.Sprint(i)
				_, put := tx.Put(Document{Kind: "user", ID: id, Body: fmt.Appendf(nil, `{"usernameKey":"joe%d"}`, i)})
				_, keep := sessions().Put(tx, env+id, Ticket[note]{ID: id, Owner: "u1"})
				all = append(all, put, keep, tx.Record(Event{ID: id, Body: []byte(`{}`)}), tx.Tally("users "+id, id, 1))
			}
			_, end := tx.EndFamily("f", tx.Now().Add(time.Hour))
			return errors.Join(append(all, end)...)
		})
	}
	if err := p.Purge(t.Context(), ""); err == nil {
		t.Error("the root scope is purged")
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := p.Purge(gone, "e1"); !errors.Is(err, context.Canceled) {
		t.Errorf("purging for somebody who is gone: %v", err)
	}
	for range 2 { // the second time there is nothing
		if err := p.Purge(t.Context(), "e1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Purge(t.Context(), "e"); err != nil { // the beginning of a name is none
		t.Fatal(err)
	}
	most := many["e1"]
	many["e1"] = 0
	for env, want := range many {
		p.view(t, env, func(tx *Tx) error {
			users, err := tx.Count("user", kind.Expr{}, 0, 0)
			owned, errOwned := sessions().Owned(tx, "u1", 10_000)
			events, errEvents := tx.Events(Query{})
			tallied := 0
			for n := range most {
				one, err := tx.Tallied(fmt.Sprint("users ", n))
				if err != nil {
					return err
				}
				tallied += one
			}
			ended, errEnded := tx.Ended("f")
			if users != want || len(owned) != want || len(events) != want || tallied != want || ended != (want > 0) {
				t.Errorf("%q has %d users, %d tickets, %d events, %d in tallies, an ended family: %t; want %d of each", env, users, len(owned), len(events), tallied, ended, want)
			}
			return errors.Join(err, errOwned, errEvents, errEnded)
		})
	}
	// It can be used again, should somebody make it anew.
	p.put(t, "e1", "user", "0", `{"usernameKey":"joe0"}`)
}
