package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// node is another process on the same database, which knows some keys.
func (p *opened) node(t *testing.T, s *Sealer) *opened {
	t.Helper()
	n := &opened{clock: p.clock, source: p.source}
	n.DB = mustOpen(t, p.source, Options{Now: p.clock.time, Readers: 8})
	if err := n.Claim(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return n
}

// confidential is a document with something sealed in several places.
type confidential struct {
	Sealed   string   `json:"sealed"`
	Within   []string `json:"within"`
	Text     string   `json:"text"`
	Counted  int      `json:"counted"`
	Previous *struct {
		Sealed string `json:"sealed"`
	} `json:"previous,omitempty"`
}

const openText = `say "v1.x" & v1.0123456789abcdef.AAAA <b>`

func confide(t testing.TB, s *Sealer, env, id string) string {
	t.Helper()
	seal := func(plain string) string {
		sealed, err := s.Seal(env, "thing", id, []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	c := confidential{Sealed: seal("first of " + id), Within: []string{seal("second of " + id), "v1.", "v1.x"}, Text: openText}
	c.Previous = &struct {
		Sealed string `json:"sealed"`
	}{seal("third of " + id)}
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// wantConfided reads a document with the keys of a sealer, and returns it.
func (p *opened) wantConfided(t *testing.T, s *Sealer, env, id string) (c confidential) {
	t.Helper()
	d, err := p.get(t, env, "thing", id)
	if err == nil {
		err = json.Unmarshal(d.Body, &c)
	}
	if err != nil || c.Previous == nil {
		t.Fatal(err, string(d.Body))
	}
	for sealed, want := range map[string]string{c.Sealed: "first of ", c.Within[0]: "second of ", c.Previous.Sealed: "third of "} {
		if plain, err := s.Unseal(env, "thing", id, sealed); err != nil || string(plain) != want+id {
			t.Errorf("%s %s: %s is %q, %v", env, id, sealed, plain, err)
		}
	}
	if c.Text != openText || c.Within[1] != "v1." || c.Within[2] != "v1.x" {
		t.Errorf("%s %s: what is open has changed: %+v", env, id, c)
	}
	return c
}

func quiet(Resealing) {}

// testReseal replaces the key while two nodes write: no document is left under
// the old key, and none of the writes is lost.
func testReseal(t *testing.T, p *opened) {
	if err := p.Claim(t.Context(), sealer(t, 1)); err != nil {
		t.Fatal(err)
	}
	derived := p.sealer.Load().Derive("purpose")
	const many = 60 // the first half of which is written meanwhile, and so sealed anew
	for i := range many {
		env := fmt.Sprintf("e%d", i%3)
		p.put(t, env, "thing", fmt.Sprint(i), confide(t, sealer(t, 1), env, fmt.Sprint(i)))
	}
	p.update(t, "e1", func(tx *Tx) error { // more than a page
		for i := range resealPage + 10 {
			if _, err := tx.Put(Document{Kind: "plain", ID: fmt.Sprint(i), Body: []byte(`{"text":"v1.x"}`)}); err != nil {
				return err
			}
		}
		return nil
	})
	before, err := p.get(t, "e1", "thing", "1")
	if err != nil {
		t.Fatal(err)
	}
	p.clock.now = p.clock.now.Add(time.Hour)

	stop := make(chan struct{})
	var writers sync.WaitGroup
	var counted [many]atomic.Int64
	for n := range 2 {
		node := p.node(t, sealer(t, 1, 2))
		writers.Go(func() {
			for i := n; ; i += 7 {
				select {
				case <-stop:
					return
				default:
					node.count(t, i%(many/2), &counted[i%(many/2)])
				}
			}
		})
	}
	rotator := p.node(t, sealer(t, 1, 2))
	far, err := rotator.Reseal(t.Context(), sealer(t, 1, 2), quiet)
	close(stop)
	writers.Wait()
	if err != nil || far.Read < many+resealPage+10 || far.Sealed == 0 || !far.Checked {
		t.Fatalf("%+v, %v", far, err)
	}
	after := p.node(t, sealer(t, 2))
	writes := int64(0)
	for i := range many {
		c := after.wantConfided(t, sealer(t, 2), fmt.Sprintf("e%d", i%3), fmt.Sprint(i))
		if writes += counted[i].Load(); int64(c.Counted) != counted[i].Load() {
			t.Errorf("document %d was counted %d times, and has %d", i, counted[i].Load(), c.Counted)
		}
	}
	t.Logf("%d secrets were sealed anew by the rotation, beside %d writes", far.Sealed, writes)
	if d, _ := p.get(t, "e1", "thing", "1"); counted[1].Load() == 0 && (d.Version != before.Version+1 || !d.Updated.Equal(before.Updated)) {
		t.Errorf("version %d, updated %v; before version %d, updated %v", d.Version, d.Updated, before.Version, before.Updated)
	}
	if string(after.sealer.Load().Derive("purpose")) != string(derived) {
		t.Error("what is derived has changed with the key")
	}
}

// count adds one to a document, as a handler does it that read the document
// before and doesn't touch its secrets.
func (p *opened) count(t *testing.T, i int, counted *atomic.Int64) {
	err := p.Update(context.Background(), fmt.Sprintf("e%d", i%3), func(tx *Tx) error {
		d, err := tx.Get("thing", fmt.Sprint(i))
		if err != nil {
			return err
		}
		var c confidential
		if err := json.Unmarshal(d.Body, &c); err != nil {
			return err
		}
		c.Counted++
		if d.Body, err = json.Marshal(c); err != nil {
			return err
		}
		_, err = tx.Put(d)
		return err
	})
	if err != nil {
		t.Error(err)
		return
	}
	counted.Add(1)
}

// testResealStopped ends a replacement at each of its steps, and runs it again.
func testResealStopped(t *testing.T, p *opened) {
	if err := p.Claim(t.Context(), sealer(t, 1)); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		p.put(t, "e1", "thing", fmt.Sprint(i), confide(t, sealer(t, 1), "e1", fmt.Sprint(i)))
	}
	p.put(t, "e2", "thing", "x", confide(t, sealer(t, 1), "e2", "x"))
	ctx, cancel := context.WithCancel(t.Context())
	rotator := p.node(t, sealer(t, 1, 2))
	if _, err := rotator.Reseal(ctx, sealer(t, 1, 2), func(Resealing) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped in the middle: %v", err)
	}
	for _, c := range []struct {
		keys []byte
		want error
	}{{[]byte{1}, errNeedsNext}, {[]byte{2}, errNeedsFirst}, {[]byte{3}, ErrOtherKey}, {[]byte{1, 2}, nil}, {[]byte{2, 1}, nil}} {
		if err := p.Claim(t.Context(), sealer(t, c.keys...)); err != c.want || err != nil && !errors.Is(err, ErrOtherKey) {
			t.Errorf("in the middle, the keys %v: %v, want %v", c.keys, err, c.want)
		}
	}
	for range 2 { // once to go on, and once more
		if _, err := rotator.Reseal(t.Context(), sealer(t, 1, 2), quiet); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			keys []byte
			want error
		}{{[]byte{1}, errReplaced}, {[]byte{2}, nil}, {[]byte{3}, ErrOtherKey}, {[]byte{1, 2}, nil}} {
			if err := p.Claim(t.Context(), sealer(t, c.keys...)); err != c.want {
				t.Errorf("at the end, the keys %v: %v, want %v", c.keys, err, c.want)
			}
		}
	}
	for i := range 10 {
		p.wantConfided(t, sealer(t, 2), "e1", fmt.Sprint(i))
	}
	p.wantConfided(t, sealer(t, 2), "e2", "x")
}

// testResealRefuses is every mistake of an operator: it is told, and nothing has
// changed.
func testResealRefuses(t *testing.T, p *opened) {
	reseal := func(keys ...byte) error {
		_, err := p.Reseal(t.Context(), sealer(t, keys...), quiet)
		return err
	}
	says := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("it says %v, want %q", err, want)
		}
	}
	says(reseal(1, 2), "the database is empty")
	if err := p.Claim(t.Context(), sealer(t, 1)); err != nil {
		t.Fatal(err)
	}
	says(reseal(1, 1), "the new master key is the one in use")
	says(reseal(2, 1), "given as the new one")
	says(reseal(3, 2), "under another master key")
	if err := reseal(1, 2); err != nil {
		t.Fatal(err)
	}
	says(reseal(2, 1), "was in use before")
	says(reseal(3, 2), "given as the new one")
	says(reseal(1, 3), "was replaced by pixy key rotate")

	// A text that nobody can read any more must not be lost in silence.
	p.put(t, "e1", "thing", "torn", `{"sealed":"v1.`+sealer(t, 2).keys[0].id+`.AAAA"}`)
	says(reseal(2, 3), `the thing torn of the environment "e1"`)
	says(reseal(2, 4), "another replacement of the master key is under way")
	says(reseal(3, 2), "another replacement of the master key is under way")
	p.update(t, "e1", func(tx *Tx) error { return tx.Delete("thing", "torn") })
	if err := reseal(2, 3); err != nil {
		t.Error(err)
	}
	p.update(t, "", func(tx *Tx) error {
		d, err := tx.Get(checkKindName, checkID)
		if err == nil {
			d.Body = []byte(`{}`)
			_, err = tx.Put(d)
		}
		return err
	})
	says(reseal(3, 4), "is damaged")
}

// testResealFence: what was sealed before the database named another key, and is
// put after that, is kept under the key that it names, or not at all.
func testResealFence(t *testing.T, p *opened) {
	if err := p.Claim(t.Context(), sealer(t, 1)); err != nil {
		t.Fatal(err)
	}
	both := p.node(t, sealer(t, 1, 2))
	early := confide(t, both.sealer.Load(), "e1", "a")
	if _, err := p.node(t, sealer(t, 1, 2)).Reseal(t.Context(), sealer(t, 1, 2), quiet); err != nil {
		t.Fatal(err)
	}
	both.put(t, "e1", "thing", "a", early)
	p.wantConfided(t, sealer(t, 2), "e1", "a")
	if sealed, err := both.sealer.Load().Seal("e1", "thing", "b", nil); err != nil || !strings.HasPrefix(sealed, sealMark+sealer(t, 2).keys[0].id) {
		t.Errorf("after that it seals %s, %v", sealed, err)
	}
	err := p.Update(t.Context(), "e1", func(tx *Tx) error { // it knows the old key alone
		_, err := tx.Put(Document{Kind: "thing", ID: "c", Body: []byte(confide(t, p.sealer.Load(), "e1", "c"))})
		return err
	})
	if !errors.Is(err, ErrOtherKey) || p.has(t, "e1", "thing", "c") {
		t.Errorf("a node without the new key puts under the old one: %v", err)
	}
	p.put(t, "e1", "thing", "d", `{"sealed":"nothing"}`)
}

// testResealWaits: a transaction that has put under the old key is waited for,
// and found.
func testResealWaits(t *testing.T, p *opened) {
	if err := p.Claim(t.Context(), sealer(t, 1)); err != nil {
		t.Fatal(err)
	}
	both, rotator := p.node(t, sealer(t, 1, 2)), p.node(t, sealer(t, 1, 2))
	body := confide(t, both.sealer.Load(), "e1", "a")
	put, ended := make(chan struct{}), make(chan error)
	var once sync.Once
	go func() {
		ended <- both.Update(context.Background(), "e1", func(tx *Tx) error {
			_, err := tx.Put(Document{Kind: "thing", ID: "a", Body: []byte(body)})
			once.Do(func() { close(put) })
			time.Sleep(300 * time.Millisecond) // the rotation would be over by then
			return err
		})
	}()
	<-put
	_, err := rotator.Reseal(t.Context(), sealer(t, 1, 2), quiet)
	if err := errors.Join(err, <-ended); err != nil {
		t.Fatal(err)
	}
	p.wantConfided(t, sealer(t, 2), "e1", "a")
}

// testAttend: a node that lacks the new key holds up its beginning for as long
// as it is there.
func testAttend(t *testing.T, p *opened) {
	if err := p.Attend(t.Context(), "n", "n"); err == nil {
		t.Error("a node attends before it has claimed the database")
	}
	if err := p.Claim(t.Context(), sealer(t, 1)); err != nil {
		t.Fatal(err)
	}
	both := p.node(t, sealer(t, 1, 2))
	attend := func(n *opened, id string) {
		t.Helper()
		if err := n.Attend(context.Background(), id, "node-"+id); err != nil {
			t.Error(err)
		}
	}
	attend(p, "old")
	attend(both, "both")
	if n, err := p.Attending(t.Context()); n != 2 || err != nil {
		t.Errorf("%d attend, %v", n, err)
	}
	waits := 0
	_, err := both.Reseal(t.Context(), sealer(t, 1, 2), func(r Resealing) {
		waits++
		attend(p, "old") // it is alive
	})
	if err == nil || !strings.Contains(err.Error(), "node-old does not know the new master key") || waits != 1 {
		t.Errorf("after %d waits: %v", waits, err)
	}
	if err := p.Claim(t.Context(), sealer(t, 1)); err != nil {
		t.Errorf("a replacement that was refused has begun: %v", err)
	}
	far, err := both.Reseal(t.Context(), sealer(t, 1, 2), func(r Resealing) {
		if r.Waits == "node-old" {
			p.clock.now = p.clock.now.Add(attendLife) // it was killed, and is silent
			attend(both, "both")
		}
	})
	if err != nil || far.Nodes != 1 {
		t.Errorf("%+v, %v", far, err)
	}
	if err := p.Attend(t.Context(), "old", "node-old"); err != errReplaced {
		t.Errorf("a node without the new key attends: %v", err)
	}
	if err := both.Leave(t.Context(), "both"); err != nil {
		t.Error(err)
	}
	if n, err := p.Attending(t.Context()); n != 0 || err != nil {
		t.Errorf("%d attend after they left, %v", n, err)
	}
}

// testAttendRace: of a node that attends with the old key alone and a
// replacement that begins, one is refused.
func testAttendRace(t *testing.T, p *opened) {
	if err := p.Claim(t.Context(), sealer(t, 1)); err != nil {
		t.Fatal(err)
	}
	won := [2]int{}
	for round := range byte(12) {
		from, to := round+1, round+2
		node, rotator := p.node(t, sealer(t, from)), p.node(t, sealer(t, from, to))
		ctx, cancel := context.WithCancel(t.Context())
		errs := [2]error{}
		together(2, 2, func(i int) {
			if i == 0 {
				errs[0] = node.Attend(context.Background(), "late", "late")
				return
			}
			_, errs[1] = rotator.Reseal(ctx, sealer(t, from, to), func(r Resealing) {
				if r.Waits != "" {
					cancel()
				}
			})
		})
		cancel()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("round %d: attending says %v, the replacement %v", round, errs[0], errs[1])
		}
		if errs[0] == nil {
			won[0]++
			if err := node.Leave(t.Context(), "late"); err != nil {
				t.Fatal(err)
			}
			if _, err := rotator.Reseal(t.Context(), sealer(t, from, to), quiet); err != nil {
				t.Fatal(err)
			}
		} else {
			won[1]++
		}
	}
	t.Logf("the node was first %d times, the replacement %d times", won[0], won[1])
}

// testRootless is a database of a version that kept no root: what it has derived
// goes on to be derived, before and after the key is replaced.
func testRootless(t *testing.T, p *opened) {
	key := sealer(t, 1).keys[0]
	body, err := json.Marshal(checkValue{Sealed: key.seal("", checkKindName, checkID, []byte(checkPlain))})
	if err != nil {
		t.Fatal(err)
	}
	p.put(t, "", checkKindName, checkID, string(body))
	want := string(sealer(t, 1).Derive("refresh token"))
	for _, keys := range [][]byte{{1}, {1, 2}, {2}, {2, 3}, {3}} {
		n := p.node(t, sealer(t, keys...))
		if string(n.sealer.Load().Derive("refresh token")) != want {
			t.Errorf("with the keys %v something else is derived", keys)
		}
		if len(keys) == 2 {
			if _, err := n.Reseal(t.Context(), sealer(t, keys...), quiet); err != nil {
				t.Fatal(err)
			}
		}
	}
	fresh := sealer(t, 1)
	if err := openFresh(t, newFile(t)).Claim(t.Context(), fresh); err != nil || string(fresh.Derive("refresh token")) == want {
		t.Errorf("a new database has no root of its own, %v", err)
	}
}
