package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"pixy/internal/fault"
)

// A connection that rested longer is asked whether it lives before it is used,
// and has so long to say so, which is more than a slow server needs.
const (
	restTime = time.Second
	pingTime = 3 * time.Second
)

// used is when a connection was made, or last given back.
const used = "used"

func connected(_ context.Context, conn *pgx.Conn) error {
	conn.PgConn().CustomData()[used] = time.Now()
	return nil
}

// writersOf is how many Updates have a connection at the same time: three of
// four, and never all unless there is but one. When no COMMIT ends, since a
// standby is gone, Views go on with the others.
func writersOf(connections int32) int32 { return max(1, connections-max(1, connections/4)) }

// seat takes a connection for an Update, and returns what gives it back.
func (p *postgres) seat(ctx context.Context) (*pgxpool.Conn, func(), error) {
	if err := p.turn(ctx); err != nil {
		return nil, nil, err
	}
	conn, err := p.acquire(ctx)
	if err != nil {
		<-p.writers
		return nil, nil, err
	}
	return conn, func() {
		release(conn)
		<-p.writers
	}, nil
}

// turn waits until another Update may have a connection.
func (p *postgres) turn(ctx context.Context) error {
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > maxWaiting {
		return tooMany()
	}
	late := time.NewTimer(acquireTime)
	defer late.Stop()
	select {
	case p.writers <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return fault.Busy.Because(fmt.Errorf("store: no connection was free to write for %s", acquireTime))
	}
}

func tooMany() error {
	return fault.Busy.Because(errors.New("store: too many wait for a connection"))
}

// acquire takes a connection. It waits as long as ctx lasts, but not for ever.
func (p *postgres) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > maxWaiting {
		return nil, tooMany()
	}
	bounded, cancel := context.WithTimeout(ctx, acquireTime)
	defer cancel()
	conn, err := p.alive(bounded)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case p.closed.Load():
		return nil, ErrClosed
	case p.pool.Stat().AcquiredConns() >= p.pool.Config().MaxConns:
		return nil, fault.Busy.Because(fmt.Errorf("store: no connection was free for %s: %w", acquireTime, err))
	}
	return nil, fault.Unreachable.Because(fmt.Errorf("store: connect: %w", err))
}

// alive takes a connection that answers. When one is silent, its machine may be
// gone, and those that rest beside it are given up too.
func (p *postgres) alive(ctx context.Context) (*pgxpool.Conn, error) {
	for {
		conn, err := p.pool.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		at, _ := conn.Conn().PgConn().CustomData()[used].(time.Time)
		if time.Since(at) < restTime {
			return conn, nil
		}
		// A caller who leaves meanwhile has no say in whether the connection lives.
		asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTime)
		err = conn.Ping(asked)
		silent := asked.Err() != nil
		cancel()
		if err == nil {
			return conn, nil
		}
		release(conn)
		if silent {
			for _, other := range p.pool.AcquireAllIdle(ctx) {
				forsake(other)
			}
		}
	}
}

// release gives a connection back. The pool would keep the place of one that is
// closed until its server has taken leave, which takes 15 s when that is gone
// without a word.
func release(conn *pgxpool.Conn) {
	if conn.Conn().IsClosed() {
		forsake(conn)
		return
	}
	conn.Conn().PgConn().CustomData()[used] = time.Now()
	conn.Release()
}

// forsake gives up a connection, and its place in the pool at once.
func forsake(conn *pgxpool.Conn) {
	_ = conn.Hijack().Close(context.Background()) // it is of no use any more
}
