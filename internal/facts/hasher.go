package facts

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"pixy/internal/fault"
	"pixy/internal/measure"
	"pixy/internal/platform"
)

// hasher computes password hashes, a few at a time: each takes a core and the
// memory of its cost. Who has waited too long in a long line is sent away.
type hasher struct {
	cost   platform.HashCost
	chance func([]byte)
	slots  chan struct{}
	line   chan struct{}
	nobody string

	refused atomic.Int64
	took    *measure.Histogram
}

// Hashes is how the hashing of passwords is.
type Hashes struct {
	Waiting, MaxWaiting int
	Running, MaxRunning int
	Refused             int64                // because too many waited
	Took                measure.Distribution // seconds, the waiting apart
}

// Hashes reads what has been counted.
func (h *hasher) Hashes() Hashes {
	return Hashes{Waiting: len(h.line), MaxWaiting: cap(h.line), Running: len(h.slots), MaxRunning: cap(h.slots), Refused: h.refused.Load(), Took: h.took.Read()}
}

// maxLine is how many may wait for a hash, for each that is computed.
const maxLine = 64

func newHasher(cost platform.HashCost, slots int, chance func([]byte)) *hasher {
	if slots <= 0 {
		slots = max(1, runtime.GOMAXPROCS(0)-1) // a flood of passwords leaves a processor to all else
	}
	var random [64]byte
	chance(random[:])
	return &hasher{
		cost: cost, chance: chance, slots: make(chan struct{}, slots), line: make(chan struct{}, slots*maxLine),
		nobody: platform.NobodysHash(random[:platform.SaltSize], random[platform.SaltSize:], cost), took: measure.Seconds(),
	}
}

// enter waits for a slot; leave gives it back. Both are a span of the trace.
func (h *hasher) enter(ctx context.Context, name string) (leave func(), err error) {
	ctx, span := measure.Start(ctx, name)
	defer func() {
		if err != nil {
			span.End("refused")
		}
	}()
	select {
	case h.line <- struct{}{}:
	default:
		h.refused.Add(1)
		return nil, fault.TooManyHashes
	}
	defer func() { <-h.line }()
	select {
	case h.slots <- struct{}{}:
		measure.Mark(ctx, "turn", "a slot was free")
		began := time.Now()
		return func() {
			<-h.slots
			h.took.Observe(time.Since(began).Seconds())
			span.End("ok")
		}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Verify reports whether a password has a hash. Without a hash the answer is
// no, and takes as long.
func (h *hasher) Verify(ctx context.Context, stored, password string) (bool, error) {
	leave, err := h.enter(ctx, "password.verify")
	if err != nil {
		return false, err
	}
	defer leave()
	right := false
	if stored != "" {
		if right, err = platform.VerifyPassword(stored, password); err != nil || right || !h.Upgradable(stored) {
			return right, err
		}
	}
	// Nobody, or a wrong password against a hash that may cost less than ours.
	_, err = platform.VerifyPassword(h.nobody, password)
	return false, err
}

// Upgradable reports whether a hash was made elsewhere, or at another cost.
func (h *hasher) Upgradable(stored string) bool { return platform.Upgradable(stored, h.cost) }

// Hash hashes a password.
func (h *hasher) Hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx, "password.hash")
	if err != nil {
		return "", err
	}
	defer leave()
	salt := make([]byte, platform.SaltSize)
	h.chance(salt)
	return platform.HashPassword(password, salt, h.cost), nil
}

// NewPassword holds a password against the person's policy, and hashes it when
// it meets it. current is the current password when it is known, or "".
func (h *hasher) NewPassword(ctx context.Context, p Person, current, password string) (hash string, unmet []platform.Unmet, err error) {
	c := platform.Candidate{Password: password, Current: current, User: p.User}
	if unmet = p.Policy.Unmet(c); len(unmet) > 0 {
		return "", unmet, nil
	}
	if c.Reused, err = h.reused(ctx, p, password); err != nil {
		return "", nil, err
	}
	if unmet = p.Policy.Unmet(c); len(unmet) > 0 {
		return "", unmet, nil
	}
	hash, err = h.Hash(ctx, password)
	return hash, nil, err
}

func (h *hasher) reused(ctx context.Context, p Person, password string) (bool, error) {
	if p.Policy.History.Count == 0 {
		return false, nil
	}
	hashes := []string{p.Credential.Hash}
	for _, old := range p.Credential.History {
		hashes = append(hashes, old.Hash)
	}
	for _, stored := range hashes {
		if stored == "" {
			continue
		}
		if same, err := h.Verify(ctx, stored, password); err != nil || same {
			return same, err
		}
	}
	return false, nil
}
