package store

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of what is remembered. A document counts with its body and some
// more for what holds it.
const (
	maxRemembered   = 64 << 20 // bytes
	maxEnvironments = 1000
	documentCost    = 256
)

// MaxStale bounds how old what a Look returns may be. A poll takes place several
// times in it; a node that can't poll remembers nothing when it is over.
const (
	MaxStale  = 900 * time.Millisecond
	pollEvery = 200 * time.Millisecond
)

// cache remembers the documents that are read on every request and change
// rarely. What it knows of an environment is of one revision, the number that is
// raised in the transaction of every change:
//
//   - a reader reads the revision in the snapshot in which it reads a document,
//     and what is of another revision than the newest is not remembered;
//   - who changes something on this node tells the new revision before he is
//     answered, and other nodes are notified by PostgreSQL;
//   - what no poll has confirmed for MaxStale is not used: a poll that begins
//     after a change was committed sees the change. So a lost notification, or
//     all of them, costs less than a second;
//   - when the polls go on by a new connection, nothing stays: the server may be
//     another one, which lacks what was last seen on the old one and has given
//     the same numbers to other changes.
type cache struct {
	kinds   map[string]bool
	polled  bool // other processes may change what is remembered
	mu      sync.RWMutex
	envs    map[string]*memory
	bytes   int
	floor   time.Time // what was read before is not remembered
	hits    atomic.Int64
	misses  atomic.Int64
	dropped atomic.Int64
}

// memory is what is remembered of one environment, at one revision: of another
// one it is another memory.
type memory struct {
	revision  int64
	confirmed time.Time // then it was the newest
	found     map[string][]Document
	made      map[string]conclusion // what was made of the documents, see Recall
	bytes     int
}

func newCache(kinds []string, polled bool) *cache {
	c := &cache{kinds: make(map[string]bool), polled: polled, envs: make(map[string]*memory)}
	for _, k := range kinds {
		c.kinds[k] = true
	}
	return c
}

// revises says whether a change of a kind raises the revision. A program that
// remembers nothing itself does not know what others remember.
func (c *cache) revises(kind string) bool { return len(c.kinds) == 0 || c.kinds[kind] }

// get returns what is remembered, as long as it counts, and by which memory.
func (c *cache) get(env, key string, now time.Time) ([]Document, *memory) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if m := c.counts(env, now); m != nil {
		if found, ok := m.found[key]; ok {
			c.hits.Add(1)
			return found, m
		}
	}
	c.misses.Add(1)
	return nil, nil
}

// counts is the memory of an environment, or nil when there is none or it has not
// been confirmed lately.
func (c *cache) counts(env string, now time.Time) *memory {
	m := c.envs[env]
	if m == nil || c.polled && now.Sub(m.confirmed) > MaxStale {
		return nil
	}
	return m
}

// put remembers what was read at a revision, in a snapshot that is no older
// than began. It returns the memory that has it, or nil.
func (c *cache) put(env, key string, revision int64, began time.Time, found []Document) *memory {
	c.mu.Lock()
	defer c.mu.Unlock()
	if began.Before(c.floor) {
		return nil
	}
	m := c.newest(env, revision, began)
	if m == nil || m.found[key] != nil {
		return m
	}
	m.found[key] = found
	c.grow(m, costOf(key, found))
	return m
}

// grow counts what a memory has more, and makes room.
func (c *cache) grow(m *memory, cost int) {
	m.bytes += cost
	c.bytes += cost
	c.shrink()
}

// newest is the memory of an environment at a revision, or nil when there is
// one of a newer revision. Of an older one nothing stays.
func (c *cache) newest(env string, revision int64, confirmed time.Time) *memory {
	m := c.envs[env]
	switch {
	case m == nil || m.revision < revision:
		c.forget(env)
		m = &memory{revision: revision, confirmed: confirmed, found: make(map[string][]Document), made: make(map[string]conclusion)}
		c.envs[env] = m
	case m.revision > revision:
		return nil
	}
	if m.confirmed.Before(confirmed) {
		m.confirmed = confirmed
	}
	return m
}

// changed tells of the revisions that a transaction raised, when it is committed.
func (c *cache) changed(revised map[string]int64) {
	for env, n := range revised {
		c.confirm(env, n, time.Time{})
	}
}

// confirm says that a revision was the newest at a time, which is the zero time
// when that isn't known.
func (c *cache) confirm(env string, revision int64, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.newest(env, revision, at)
	c.shrink()
}

// restart drops all that is remembered, and remembers nothing that is read in an
// older snapshot.
func (c *cache) restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for env := range c.envs {
		c.forget(env)
	}
	c.floor = time.Now()
}

// forget drops what is remembered of an environment.
func (c *cache) forget(env string) {
	if m := c.envs[env]; m != nil {
		c.bytes -= m.bytes
		c.dropped.Add(int64(len(m.found)))
		delete(c.envs, env)
	}
}

// shrink drops environments, whichever, until the rest is within the bounds:
// what is used is soon back. Their revisions go too, so that what is being read
// of them can't be told to be the newest.
func (c *cache) shrink() {
	for env := range c.envs {
		if c.bytes <= maxRemembered && len(c.envs) <= maxEnvironments {
			return
		}
		c.forget(env)
		c.floor = time.Now()
	}
}

// environments are those of which something is remembered.
func (c *cache) environments() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]string, 0, len(c.envs))
	for env := range c.envs {
		all = append(all, env)
	}
	return all
}

func costOf(key string, found []Document) int {
	cost := documentCost + len(key)
	for _, d := range found {
		cost += documentCost + len(d.Body)
	}
	return cost
}

// keyOf names a statement with its arguments.
func keyOf(text string, args []any) string {
	var b strings.Builder
	b.WriteString(text)
	for _, a := range args {
		fmt.Fprintf(&b, "\x00%T%v", a, a)
	}
	return b.String()
}

// changed notes that an Update has changed what nodes may remember.
func (tx *Tx) changed(kind string) {
	if !tx.work.revises(kind) {
		return
	}
	if tx.work.revised == nil {
		tx.work.revised = make(map[string]int64)
	}
	tx.work.revised[tx.env] = 0
}

// revise raises the revisions of what an Update has changed.
func (w *work) revise() error {
	for env := range w.revised {
		tx := &Tx{work: w, env: env}
		var n int64
		err := tx.one("INSERT INTO revision (env, n) VALUES ($1, 1) ON CONFLICT (env) DO UPDATE SET n = revision.n + 1 RETURNING n", []any{env}, &n)
		if err != nil {
			return tx.failed(err, "raise the revision")
		}
		w.revised[env] = n
		if err := w.session.notify(env, n); err != nil {
			return tx.failed(err, "notify the other nodes")
		}
	}
	return nil
}
