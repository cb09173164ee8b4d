package store

import "time"

// conclusion is a value that was made of remembered documents.
type conclusion struct {
	value any
	cost  int // of the documents, in bytes
}

// making watches what a value is made of.
type making struct {
	of    *memory // of all that was read so far, nil for nothing
	mixed bool    // something else was read, or of two memories
	cost  int
}

// uses notes what was read of a memory; nil is what none has.
func (m *making) uses(of *memory, cost int) {
	if m == nil {
		return
	}
	if of == nil || m.of != nil && m.of != of {
		m.mixed = true
	}
	m.of = of
	m.cost += cost
}

// Recall returns what fn makes of documents with tx. A Look remembers it under its name
// when all that fn read, in one environment, is remembered and of one revision: so
// it is never older than they are. What fn reads beside them, or an error, is
// remembered never.
//
// The name tells all that the value depends on but the documents, fn's kind of
// value too; fn asks neither the time nor chance. The value is shared: nobody may
// change it.
func Recall[T any](tx *Tx, name string, fn func() (T, error)) (T, error) {
	if !tx.looks {
		return fn()
	}
	c, above := tx.work.cache, tx.work.making
	if made, of := c.recall(tx.env, name, time.Now()); of != nil {
		if value, ok := made.value.(T); ok {
			above.uses(of, made.cost)
			return value, nil
		}
	}
	if !tx.work.keeps {
		return fn()
	}
	m := &making{}
	tx.work.making = m
	value, err := fn()
	tx.work.making = above
	if err != nil || m.mixed {
		m.of = nil
	}
	if m.of != nil {
		c.conclude(m.of, tx.env, name, conclusion{value, m.cost})
	}
	above.uses(m.of, m.cost)
	return value, err
}

// recall is the conclusion with a name, and the memory that has it, nil when there
// is none.
func (c *cache) recall(env, name string, now time.Time) (conclusion, *memory) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if m := c.counts(env, now); m != nil {
		if made, ok := m.made[name]; ok {
			c.hits.Add(1)
			return made, m
		}
	}
	return conclusion{}, nil
}

// conclude remembers a conclusion, as long as the memory that it is of is the
// environment's.
func (c *cache) conclude(of *memory, env, name string, made conclusion) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := of.made[name]; known || c.envs[env] != of {
		return
	}
	of.made[name] = made
	c.grow(of, documentCost+len(name)+made.cost)
}

// recall is what a Look remembers under a key, or else reads.
func (tx *Tx) recall(kind, key string, read func() ([]Document, error)) ([]Document, error) {
	c, m := tx.work.cache, tx.work.making
	if !tx.looks || !c.kinds[kind] {
		m.uses(nil, 0)
		return read()
	}
	if found, of := c.get(tx.env, key, time.Now()); of != nil {
		m.uses(of, costOf(key, found))
		return found, nil
	}
	if !tx.work.keeps { // it may be what this Update has changed
		return read()
	}
	tx.work.making = nil // what is read here is remembered
	found, of, err := tx.remember(c, key, read)
	tx.work.making = m
	m.uses(of, costOf(key, found))
	return found, err
}

// remember reads, and remembers what was read with its revision.
func (tx *Tx) remember(c *cache, key string, read func() ([]Document, error)) ([]Document, *memory, error) {
	found, err := read()
	if err != nil {
		return nil, nil, err
	}
	var revision int64
	err = tx.one("SELECT n FROM revision WHERE env = $1", []any{tx.env}, &revision)
	if err != nil && err != ErrMissing {
		return nil, nil, tx.failed(err, "read the revision")
	}
	if found == nil {
		found = []Document{} // that there is none is known too
	}
	return found, c.put(tx.env, key, revision, tx.work.began, found), nil
}
