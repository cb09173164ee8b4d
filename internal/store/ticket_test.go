package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pixy/internal/fault"
)

type note struct{ Text string }

func sessions() Tickets[note] { return Tickets[note]{Kind: "session", Life: time.Hour} }
func codes() Tickets[note]    { return Tickets[note]{Kind: "code", Life: time.Minute} }

func (p *opened) keep(t *testing.T, env string, k Tickets[note], secret string, with Ticket[note]) Ticket[note] {
	t.Helper()
	p.update(t, env, func(tx *Tx) (err error) {
		with, err = k.Put(tx, secret, with)
		return err
	})
	return with
}

func (p *opened) read(t *testing.T, env string, k Tickets[note], secret string) (found Ticket[note], err error) {
	t.Helper()
	p.view(t, env, func(tx *Tx) error {
		found, err = k.Get(tx, secret)
		return nil
	})
	return found, err
}

// testEverywhere lists the live tickets of a kind in all environments, those
// that were saved least often first.
func testEverywhere(t *testing.T, p *opened) {
	now := instant(p.clock.time)
	often := p.keep(t, "e1", sessions(), "often", Ticket[note]{ID: "often", Expires: now.Add(time.Minute)})
	p.keep(t, "e2", sessions(), "late", Ticket[note]{ID: "late", Expires: now.Add(time.Hour)})
	p.keep(t, "e1", sessions(), "soon", Ticket[note]{ID: "soon", Expires: now.Add(time.Second)})
	p.keep(t, "e1", sessions(), "over", Ticket[note]{ID: "over", Expires: now})
	p.keep(t, "e1", codes(), "code", Ticket[note]{ID: "code"})
	p.update(t, "e1", func(tx *Tx) error {
		_, err := sessions().Save(tx, "often", often)
		return err
	})
	for limit, want := range map[int][]string{10: {"soon", "late", "often"}, 2: {"soon", "late"}} {
		var got []string
		p.view(t, "", func(tx *Tx) error {
			found, err := sessions().Everywhere(tx, limit)
			for _, f := range found {
				got = append(got, f.ID)
			}
			return err
		})
		if !slices.Equal(got, want) {
			t.Errorf("%d of them are %q, want %q", limit, got, want)
		}
	}
}

func testTickets(t *testing.T, p *opened) {
	now := instant(p.clock.time)
	kept := p.keep(t, "e1", sessions(), "s1", Ticket[note]{ID: "id1", Owner: "u1", Client: "c1", Family: "f1", Body: note{"hello"}})
	want := Ticket[note]{ID: "id1", Owner: "u1", Client: "c1", Family: "f1", Expires: now.Add(time.Hour), Version: 1, Body: note{"hello"}}
	if !reflect.DeepEqual(kept, want) {
		t.Fatalf("put returns %+v, want %+v", kept, want)
	}
	if got, err := p.read(t, "e1", sessions(), "s1"); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("get returns %+v, %v", got, err)
	}
	at := time.Date(2026, 5, 1, 0, 0, 0, 123456789, time.UTC)
	kept = p.keep(t, "e1", sessions(), "s2", Ticket[note]{Expires: at, Spent: at})
	if got, err := p.read(t, "e1", sessions(), "s2"); err != nil || !reflect.DeepEqual(got, kept) || got.Expires.Nanosecond() != 123000000 {
		t.Fatalf("get returns %+v, %v, want %+v", got, err, kept)
	}
	p.update(t, "e1", func(tx *Tx) error {
		got, err := sessions().ByID(tx, "id1")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("by id: %+v, %v", got, err)
		}
		for _, id := range []string{"", "id2"} {
			_, err = sessions().ByID(tx, id)
			wantMissing(t, err)
		}
		_, err = codes().ByID(tx, "id1")
		wantMissing(t, err)
		_, err = codes().Get(tx, "s1")
		wantMissing(t, err)
		wantFault(t, codes().DeleteID(tx, Ticket[note]{ID: "id1", Version: want.Version}), fault.Stale)
		return codes().Delete(tx, "s1")
	})
	// A later test would pass if the two above had deleted the session.
	if _, err := p.read(t, "e1", sessions(), "s1"); err != nil {
		t.Fatal(err)
	}
	wantFault(t, p.Update(t.Context(), "e1", func(tx *Tx) error {
		_, err := sessions().Put(tx, "s1", Ticket[note]{})
		return err
	}), fault.Taken)
	p.update(t, "e1", func(tx *Tx) error {
		for _, other := range []Ticket[note]{{ID: "id1", Version: want.Version + 1}, {ID: "", Version: 1}, {ID: "id9", Version: 1}} {
			wantFault(t, sessions().DeleteID(tx, other), fault.Stale)
		}
		moved, err := sessions().Move(tx, "s3", want)
		if err != nil || moved.Version != want.Version+1 {
			t.Errorf("moved: %+v, %v", moved, err)
		}
		_, err = sessions().Move(tx, "s4", want)
		wantFault(t, err, fault.Stale)
		_, err = sessions().Get(tx, "s1")
		wantMissing(t, err)
		got, err := sessions().Get(tx, "s3")
		if err != nil || !reflect.DeepEqual(got, moved) {
			t.Errorf("under its new secret it is %+v, %v", got, err)
		}
		return sessions().DeleteID(tx, moved)
	})
	_, err := p.read(t, "e1", sessions(), "s3")
	wantMissing(t, err)
	p.update(t, "e1", func(tx *Tx) error { return errors.Join(sessions().Delete(tx, "s2"), sessions().Delete(tx, "s2")) })
	_, err = p.read(t, "e1", sessions(), "s2")
	wantMissing(t, err)
}

func testTicketEnvironments(t *testing.T, p *opened) {
	p.keep(t, "e1", sessions(), "s", Ticket[note]{ID: "id", Owner: "o", Client: "c", Family: "f"})
	p.update(t, "e2", func(tx *Tx) error {
		_, err := sessions().Get(tx, "s")
		wantMissing(t, err)
		_, err = sessions().ByID(tx, "id")
		wantMissing(t, err)
		if list, err := sessions().Owned(tx, "o", 10); err != nil || len(list) != 0 {
			t.Errorf("owned: %v, %v", list, err)
		}
		if has, err := sessions().HasOwner(tx, "o"); err != nil || has {
			t.Errorf("has owner: %t, %v", has, err)
		}
		if did, err := sessions().Spend(tx, "s", tx.Now()); err != nil || did {
			t.Errorf("spend: %t, %v", did, err)
		}
		_, err = sessions().Save(tx, "s", Ticket[note]{Version: 1})
		wantFault(t, err, fault.Stale)
		_, err = tx.EndFamily("f", tx.Now().Add(time.Hour))
		wantFault(t, sessions().DeleteID(tx, Ticket[note]{ID: "id", Version: 1}), fault.Stale)
		_, moved := sessions().Move(tx, "s9", Ticket[note]{ID: "id", Version: 1})
		wantFault(t, moved, fault.Stale)
		return errors.Join(err, sessions().Delete(tx, "s"), tx.EndOwner("o"))
	})
	if err := p.EndClient(t.Context(), "e2", "c"); err != nil {
		t.Error(err)
	}
	if got, err := p.read(t, "e1", sessions(), "s"); err != nil || got.Version != 1 || !got.Spent.IsZero() {
		t.Fatalf("the ticket is %+v, %v", got, err)
	}
	p.view(t, "e1", func(tx *Tx) error {
		if over, err := tx.Ended("f"); err != nil || over {
			t.Errorf("a family that was ended elsewhere: %t, %v", over, err)
		}
		return nil
	})
	p.update(t, "e1", func(tx *Tx) error {
		first, err := tx.EndFamily("f", tx.Now())
		if !first {
			t.Error("a family that was ended elsewhere can't be ended here")
		}
		return err
	})
	if bytes.Equal(sessions().key("s"), codes().key("s")) {
		t.Error("a secret has the same key in two kinds")
	}
}

func testTicketSave(t *testing.T, p *opened) {
	was := p.keep(t, "e1", sessions(), "s", Ticket[note]{ID: "id", Body: note{"1"}})
	save := func(with Ticket[note]) (got Ticket[note], err error) {
		err = p.Update(t.Context(), "e1", func(tx *Tx) (err error) {
			got, err = sessions().Save(tx, "s", with)
			return err
		})
		return got, err
	}
	with := was
	with.Owner, with.Body = "u1", note{"2"}
	saved, err := save(with)
	if err != nil || saved.Version != 2 {
		t.Fatalf("save returns %+v, %v", saved, err)
	}
	if got, err := p.read(t, "e1", sessions(), "s"); err != nil || !reflect.DeepEqual(got, saved) {
		t.Fatalf("get returns %+v, %v, want %+v", got, err, saved)
	}
	_, err = save(was)
	wantFault(t, err, fault.Stale)
	saved.Owner, saved.Client, saved.Family, saved.Body = "u2", "c2", "f2", note{"3"}
	p.update(t, "e1", func(tx *Tx) (err error) {
		saved, err = sessions().SaveID(tx, saved)
		_, stale := sessions().SaveID(tx, was)
		wantFault(t, stale, fault.Stale)
		return err
	})
	if got, err := p.read(t, "e1", sessions(), "s"); err != nil || saved.Version != 3 || !reflect.DeepEqual(got, saved) {
		t.Fatalf("by its id it is saved as %+v, %v, want %+v", got, err, saved)
	}
	p.update(t, "e1", func(tx *Tx) error { return sessions().Delete(tx, "s") })
	_, err = save(saved)
	wantFault(t, err, fault.Stale)
}

func testSpend(t *testing.T, p *opened) {
	p.keep(t, "e1", codes(), "c", Ticket[note]{Body: note{"x"}})
	until := instant(p.clock.time).Add(24 * time.Hour)
	spend := func(secret string) (did bool, err error) {
		err = p.Update(context.Background(), "e1", func(tx *Tx) (err error) {
			did, err = codes().Spend(tx, secret, until)
			return err
		})
		return did, err
	}
	var did atomic.Int64
	together(100, 100, func(int) {
		ok, err := spend("c")
		if err != nil {
			t.Error(err)
		}
		if ok {
			did.Add(1)
		}
	})
	if did.Load() != 1 {
		t.Errorf("spent %d times", did.Load())
	}
	got, err := p.read(t, "e1", codes(), "c")
	want := Ticket[note]{Expires: until, Spent: instant(p.clock.time), Version: 2, Body: note{"x"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the ticket is %+v, %v, want %+v", got, err, want)
	}

	p.keep(t, "e1", codes(), "late", Ticket[note]{})
	p.clock.now = p.clock.now.Add(time.Minute)
	for _, secret := range []string{"late", "never"} {
		if ok, err := spend(secret); ok || err != nil {
			t.Errorf("spend %s: %t, %v", secret, ok, err)
		}
	}
}

func testOwned(t *testing.T, p *opened) {
	now := instant(p.clock.time)
	for n, life := range []time.Duration{3, 1, 2, -1} {
		p.keep(t, "e1", sessions(), fmt.Sprint(n), Ticket[note]{ID: fmt.Sprint(n), Owner: "u1", Expires: now.Add(life * time.Hour)})
	}
	p.keep(t, "e1", sessions(), "other", Ticket[note]{Owner: "u2", Expires: now.Add(-time.Hour)})
	p.keep(t, "e1", codes(), "code", Ticket[note]{Owner: "u1"})
	p.keep(t, "e1", sessions(), "nobody", Ticket[note]{})
	p.view(t, "e1", func(tx *Tx) error {
		for limit, want := range map[int]string{10: "0213", 2: "02"} {
			list, err := sessions().Owned(tx, "u1", limit)
			got := ""
			for _, s := range list {
				got += s.ID
			}
			if err != nil || got != want {
				t.Errorf("%d owned are %s, %v, want %s", limit, got, err, want)
			}
		}
		for owner, want := range map[string]bool{"u1": true, "u2": false, "u3": false, "": false} {
			if has, err := sessions().HasOwner(tx, owner); err != nil || has != want {
				t.Errorf("%q has sessions: %t, %v", owner, has, err)
			}
		}
		list, err := sessions().Owned(tx, "", 10)
		if len(list) != 0 {
			t.Errorf("nobody owns %v", list)
		}
		return err
	})
}

func testEnding(t *testing.T, p *opened) {
	p.keep(t, "e1", sessions(), "s1", Ticket[note]{Owner: "u1"})
	p.keep(t, "e1", codes(), "c1", Ticket[note]{Owner: "u1", Client: "a1"})
	p.keep(t, "e1", codes(), "c2", Ticket[note]{Owner: "u2", Client: "a1"})
	p.keep(t, "e1", codes(), "c3", Ticket[note]{Owner: "u2", Client: "a2"})
	p.keep(t, "e1", codes(), "c4", Ticket[note]{})
	left := func() (all string) {
		for _, secret := range []string{"s1", "c1", "c2", "c3", "c4"} {
			k := codes()
			if secret == "s1" {
				k = sessions()
			}
			if _, err := p.read(t, "e1", k, secret); err == nil {
				all += secret
			}
		}
		return all
	}
	p.update(t, "e1", func(tx *Tx) error { return tx.EndOwner("u1") })
	if got := left(); got != "c2c3c4" {
		t.Errorf("after the owner's end there are %s", got)
	}
	has := func(client string) (is bool) {
		p.view(t, "e1", func(tx *Tx) (err error) { is, err = tx.HasClient(client); return err })
		return is
	}
	if !has("a1") || has("a0") {
		t.Errorf("tickets of the client: %t, of nobody: %t", has("a1"), has("a0"))
	}
	if err := p.EndClient(t.Context(), "e1", "a1"); err != nil || has("a1") {
		t.Errorf("the client's end: %v; tickets left: %t", err, has("a1"))
	}
	if got := left(); got != "c3c4" {
		t.Errorf("after the client's end there are %s", got)
	}
	p.update(t, "e1", func(tx *Tx) error {
		_, family := tx.EndFamily("", tx.Now())
		for _, err := range []error{tx.EndOwner(""), p.EndClient(t.Context(), "e1", ""), family} {
			if err == nil {
				t.Error("nobody's tickets are ended without an error")
			}
		}
		return nil
	})
	if got := left(); got != "c3c4" {
		t.Errorf("after nobody's end there are %s", got)
	}
}

func testEndFamily(t *testing.T, p *opened) {
	until := instant(p.clock.time).Add(time.Hour)
	over := func(family string) (is bool) {
		p.view(t, "e1", func(tx *Tx) (err error) {
			is, err = tx.Ended(family)
			return err
		})
		return is
	}
	if over("f") {
		t.Error("ended before its end")
	}
	var first atomic.Int64
	together(100, 100, func(n int) {
		err := p.Update(context.Background(), "e1", func(tx *Tx) error {
			ok, err := tx.EndFamily("f", until.Add(time.Duration(n)*time.Second))
			if ok {
				first.Add(1)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	if first.Load() != 1 || !over("f") || over("g") || over("") {
		t.Errorf("%d were first; ended: f %t, g %t", first.Load(), over("f"), over("g"))
	}
	p.update(t, "e1", func(tx *Tx) error { return tx.EndOwner("o") })
	if err := p.EndClient(t.Context(), "e1", "c"); err != nil {
		t.Error(err)
	}
	if _, err := p.Sweep(t.Context(), until); err != nil || !over("f") {
		t.Errorf("the mark of the end is gone too early, %v", err)
	}
	if _, err := p.Sweep(t.Context(), until.Add(time.Hour)); err != nil || over("f") {
		t.Errorf("the mark of the end is not swept, %v", err)
	}
}

func testSweep(t *testing.T, p *opened) {
	now := instant(p.clock.time)
	p.update(t, "e1", func(tx *Tx) error {
		for n := range 2*pgChunk + 7 {
			if _, err := codes().Put(tx, fmt.Sprint(n), Ticket[note]{Expires: now}); err != nil {
				return err
			}
		}
		return nil
	})
	p.keep(t, "e2", sessions(), "old", Ticket[note]{Expires: now})
	p.keep(t, "e2", sessions(), "young", Ticket[note]{Expires: now.Add(time.Millisecond)})
	if n, err := p.Sweep(t.Context(), now); n != 0 || err != nil {
		t.Errorf("%d are swept that don't expire before then, %v", n, err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if n, err := p.Sweep(gone, now.Add(time.Hour)); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("sweep goes on for %d, %v", n, err)
	}
	if n, err := p.Sweep(t.Context(), now.Add(time.Millisecond)); n != 2*pgChunk+8 || err != nil {
		t.Errorf("%d are swept, %v", n, err)
	}
	if _, err := p.read(t, "e2", sessions(), "young"); err != nil {
		t.Error(err)
	}
}

// A barrier between read and write: many read the same version, one saves.
func TestSaveBehindBarrier(t *testing.T) {
	p := openFresh(t, newFile(t))
	was := p.keep(t, "e1", sessions(), "s", Ticket[note]{})
	var start sync.WaitGroup
	start.Add(20)
	var saved, stale atomic.Int64
	together(20, 20, func(int) {
		with, err := p.read(t, "e1", sessions(), "s")
		if err != nil || with.Version != was.Version {
			t.Error(with, err)
		}
		start.Done()
		start.Wait()
		err = p.Update(context.Background(), "e1", func(tx *Tx) error {
			_, err := sessions().Save(tx, "s", with)
			return err
		})
		switch {
		case err == nil:
			saved.Add(1)
		case errors.Is(err, fault.Stale):
			stale.Add(1)
		default:
			t.Error(err)
		}
	})
	if saved.Load() != 1 || stale.Load() != 19 {
		t.Errorf("%d saved, %d stale", saved.Load(), stale.Load())
	}
}
