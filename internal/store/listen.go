package store

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// How a node hears what others change, on a connection of its own, so that a
// busy pool doesn't keep it from hearing.
const (
	pollTime    = 500 * time.Millisecond // for one poll
	listenPause = 250 * time.Millisecond // before the connection is made again
)

// listener tells the cache of the revisions that there are.
type listener struct {
	config *pgx.ConnConfig
	cache  *cache
	log    *slog.Logger
	stop   context.CancelFunc
	over   chan struct{}
}

func listen(config *pgx.ConnConfig, c *cache, log *slog.Logger) *listener {
	ctx, stop := context.WithCancel(context.Background())
	l := &listener{config: config, cache: c, log: log, stop: stop, over: make(chan struct{})}
	go l.run(ctx)
	return l
}

func (l *listener) close() {
	l.stop()
	<-l.over
}

// run keeps a connection as long as it can. While it has none, what is
// remembered grows too old to be used, and everything is read.
func (l *listener) run(ctx context.Context) {
	defer close(l.over)
	for told := false; ctx.Err() == nil; {
		err := l.hear(ctx, func() {
			if told {
				told = false
				l.log.Info("what other nodes change is heard again")
			}
		})
		if !told && ctx.Err() == nil {
			told = true
			l.log.Warn("what other nodes change is not heard, so everything is read from the database", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(listenPause):
		}
	}
}

// hear listens and polls on one connection until that breaks; hears is called
// whenever a poll was answered. A database that knows no LISTEN is only polled.
func (l *listener) hear(ctx context.Context, hears func()) error {
	conn, err := pgx.ConnectConfig(ctx, l.config)
	if err != nil {
		return err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.Background(), pollTime)
		defer cancel()
		_ = conn.Close(ending)
	}()
	l.cache.restart()
	asked, cancel := context.WithTimeout(ctx, statementTime)
	_, err = conn.Exec(asked, "LISTEN "+channel)
	cancel()
	var refused *pgconn.PgError
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	for {
		if err := l.poll(ctx, conn); err != nil {
			return err
		}
		hears()
		if err := l.wait(ctx, conn); err != nil {
			return err
		}
	}
}

// wait takes what others say they have changed, until the next poll is due.
func (l *listener) wait(ctx context.Context, conn *pgx.Conn) error {
	due, cancel := context.WithTimeout(ctx, pollEvery)
	defer cancel()
	for {
		told, err := conn.WaitForNotification(due)
		if err == nil {
			revision, env, _ := strings.Cut(told.Payload, " ")
			if n, err := strconv.ParseInt(revision, 10, 64); err == nil {
				l.cache.confirm(env, n, time.Time{})
			}
			continue
		}
		if due.Err() != nil && ctx.Err() == nil && !conn.IsClosed() {
			return nil
		}
		return err
	}
}

// poll confirms the revisions of the environments of which something is
// remembered.
func (l *listener) poll(ctx context.Context, conn *pgx.Conn) error {
	envs := l.cache.environments()
	ctx, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	at, known := time.Now(), make(map[string]int64, len(envs))
	rows, err := conn.Query(ctx, "SELECT env, n FROM revision WHERE env = ANY($1)", envs)
	if err != nil {
		return err
	}
	var env string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&env, &n}, func() error { known[env] = n; return nil }); err != nil {
		return err
	}
	for _, env := range envs {
		l.cache.confirm(env, known[env], at) // 0 as long as nothing was changed
	}
	return nil
}
