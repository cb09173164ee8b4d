package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"pixy/internal/fault"
	"pixy/internal/measure"
)

// How long PostgreSQL may take. Each bound holds on the server's side where it
// can, and on this side always: a server that is cut off says nothing.
const (
	dialTime      = 2 * time.Second // until a host says anything
	connectTime   = 5 * time.Second // to one host
	acquireTime   = 5 * time.Second // for a connection of the pool
	statementTime = 5 * time.Second
	lockTime      = 4 * time.Second
	commitTime    = 5 * time.Second // then nobody knows whether it is kept
	silence       = time.Second     // what this side waits longer than the server
	maxWaiting    = 1024            // for a connection
)

// postgres is a database that speaks PostgreSQL's protocol, on one server or
// several. Any number of nodes may work on it.
type postgres struct {
	pool    *pgxpool.Pool
	log     *slog.Logger
	meter   *meter
	ears    *listener
	writers chan struct{} // has room for the Updates that may have a connection
	waiting atomic.Int32
	closed  atomic.Bool
}

func openPostgres(ctx context.Context, source string, o Options, c *cache) (*postgres, error) {
	config, err := postgresConfig(source, o)
	if err != nil {
		return nil, err
	}
	if err := migratePostgres(ctx, config.ConnConfig, o.Log); err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("the database can't be used: %w", err)
	}
	p := &postgres{pool: pool, log: o.Log, meter: o.meter, writers: make(chan struct{}, writersOf(config.MaxConns))}
	if err := first(p.checkDurable(ctx), p.checkLocks(ctx)); err != nil {
		pool.Close()
		return nil, err
	}
	p.ears = listen(config.ConnConfig, c, o.Log)
	return p, nil
}

// postgresConfig reads a URL. What an operator's URL says stands; what it
// leaves out is filled in. The text may hold a password and is in no error.
func postgresConfig(source string, o Options) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(source)
	if err != nil {
		return nil, errors.New("the database's URL is not understood: it should look like postgres://user:password@host:5432/name?sslmode=verify-full")
	}
	if !strings.Contains(source, "pool_max_conns") {
		config.MaxConns = int32(max(16, 4*runtime.GOMAXPROCS(0)))
	}
	if o.Readers > 0 {
		config.MaxConns = int32(o.Readers)
	}
	c := config.ConnConfig
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTime
	}
	if c.ValidateConnect == nil {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	for name, value := range map[string]string{
		"application_name": "pixy", "statement_timeout": inMillis(statementTime), "lock_timeout": inMillis(lockTime),
		"idle_in_transaction_session_timeout": inMillis(statementTime), // a node that is gone holds its locks so long
	} {
		if _, told := c.RuntimeParams[name]; !told {
			c.RuntimeParams[name] = value
		}
	}
	c.DialFunc = (&net.Dialer{Timeout: dialTime}).DialContext
	config.AfterConnect = connected
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false } // acquire does
	c.OnNotice = func(pc *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			pc.CustomData()[warned] = true
		}
	}
	return config, nil
}

func inMillis(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// An update of the tables waits so long for a lock, as whoever comes behind it
// waits with it, and pauses before it asks again, so many times: behind a dump,
// which holds its locks for as long as it takes, that is an hour.
const (
	migrateLockTime = time.Second
	migratePause    = 5 * time.Second
	migrateTries    = 600
)

// migratePostgres updates the tables on a connection of its own, whose
// statements may take as long as they need. Of many nodes that start at once,
// one does, while those that serve go on.
func migratePostgres(ctx context.Context, c *pgx.ConnConfig, log *slog.Logger) error {
	c = c.Copy()
	for _, bound := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
		delete(c.RuntimeParams, bound)
	}
	c.RuntimeParams["lock_timeout"] = inMillis(migrateLockTime)
	one, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600), lock.WithUnlockTimeout(1, 10))
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*c)
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return explainPostgres(err)
	}
	f := flavour{goose: goose.DialectPostgres, more: []goose.ProviderOption{goose.WithSessionLocker(one)},
		tokens: strings.NewReplacer("{{bytes}}", "BYTEA", "{{collation}}", `"C"`, "{{json}}", "JSON", "{{postgres}}", "")}
	err = migrate(ctx, db, f)
	for try := 1; try < migrateTries && contended(err); try++ {
		if try == 1 {
			log.Warn("the tables are to be updated, which waits until nobody holds them for long", "tries_every", migratePause.String())
		}
		select {
		case <-ctx.Done():
			return errors.New("the update of the tables was interrupted before it began")
		case <-time.After(migratePause):
		}
		err = migrate(ctx, db, f)
	}
	if err != nil && !errors.Is(err, ErrNewer) {
		err = explainPostgres(err)
	}
	return err
}

// contended says that an update of the tables has given way to others.
func contended(err error) bool {
	state := sqlState(err)
	return state == "55P03" || state == "40P01"
}

// explainPostgres makes one sentence of what went wrong while opening. The driver
// leaves passwords out, and may have a line for each host, and each line twice.
func explainPostgres(err error) error {
	var said []string
	for line := range strings.Lines(err.Error()) {
		line = strings.Join(strings.Fields(line), " ")
		if len(said) == 0 || !strings.HasSuffix(said[len(said)-1], line) {
			said = append(said, line)
		}
	}
	return errors.New("the PostgreSQL database can't be used: " + strings.Join(said, " "))
}

// checkDurable asks PostgreSQL how it will write.
func (p *postgres) checkDurable(ctx context.Context) error {
	var synchronous, fsync, pages string
	err := p.pool.QueryRow(ctx, "SELECT current_setting('synchronous_commit'), current_setting('fsync', true), current_setting('full_page_writes', true)").Scan(&synchronous, &fsync, &pages)
	if err != nil {
		return explainPostgres(err)
	}
	if synchronous == "off" {
		return errors.New("the PostgreSQL database acknowledges what is not on disk yet: set its synchronous_commit to on")
	}
	if fsync == "off" || pages == "off" {
		p.log.Warn("PostgreSQL may lose or damage everything when the power fails", "fsync", fsync, "full_page_writes", pages)
	}
	return nil
}

// checkLocks takes an environment's lock twice. A Change relies on that the second
// must wait; there are databases that speak PostgreSQL's protocol and take the
// call for compatibility's sake, without a lock.
func (p *postgres) checkLocks(ctx context.Context) error {
	other, err := pgx.ConnectConfig(ctx, p.pool.Config().ConnConfig)
	if err != nil {
		return explainPostgres(err)
	}
	defer func() { _ = other.Close(ctx) }() // it is of no use any more
	key, taken := rand.Int64(), false
	err = pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", key); err != nil {
			return err
		}
		return other.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock_shared($1)", key).Scan(&taken)
	})
	switch {
	case err != nil:
		return explainPostgres(err)
	case taken:
		return errors.New("the database's advisory locks do not lock, which the safety of changes rests on: use PostgreSQL")
	}
	return nil
}

func (p *postgres) close() error {
	p.closed.Store(true)
	if p.ears != nil { // a command has none
		p.ears.close()
	}
	p.pool.Close()
	return nil
}

// deadline is when the caller stops waiting. That he leaves sooner changes
// nothing: what has begun goes on.
func deadline(ctx context.Context) time.Time {
	at, _ := ctx.Deadline()
	return at
}

func (p *postgres) view(ctx context.Context) (session, func(), error) {
	conn, err := p.acquire(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := &pgSession{conn: conn, until: deadline(ctx)}
	s.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	return s, func() {
		s.rollback()
		release(conn)
	}, nil
}

func (p *postgres) dialect() dialect { return pgDialect() }

// The tries of an Update, for each reason on its own. A document that is stale at the second try, whose
// reads hold what they read, was stale before the Update began.
const (
	triesOfConflict = 8
	triesOfStale    = 3
	triesOfTaken    = 2
	retryPause      = 5 * time.Millisecond // doubled at each try
)

// update runs fn in a transaction of its own until it neither conflicts with
// another one nor has read what another one changed, so many times.
func (p *postgres) update(ctx context.Context, env string, how manner, run func(s session, holds bool) error) error {
	tries := map[string]int{} // by what they came to
	for try := 1; ; try++ {
		err := p.once(ctx, env, how == alone, func(s session) error { return run(s, try > 1) })
		why, most := patience(err)
		if tries[why]++; tries[why] >= most {
			return err
		}
		if errors.Is(err, errConflict) {
			time.Sleep(rand.N(retryPause << tries[why]))
		}
		if ctx.Err() != nil {
			return err
		}
		p.meter.retries.Add(why, 1)
		measure.Mark(ctx, "retry", why)
	}
}

// patience is why an Update is worth another try, and how many in all.
func patience(err error) (why string, tries int) {
	switch {
	case errors.Is(err, errConflict):
		return "conflict", triesOfConflict
	case errors.Is(err, fault.Stale):
		return "stale", triesOfStale
	case errors.Is(err, fault.Taken):
		return "taken", triesOfTaken
	case errors.Is(err, errNotBegun):
		return "lost", 2
	}
	return "", 1
}

// once is one try. READ COMMITTED with compare-and-set: what is read again is
// what others have committed meanwhile. Those who change how others are judged
// are alone in their environment; everybody else works beside one another.
func (p *postgres) once(ctx context.Context, env string, alone bool, run func(session) error) error {
	conn, leave, err := p.seat(ctx)
	if err != nil {
		return err
	}
	defer leave()
	s := &pgSession{conn: conn, until: deadline(ctx)}
	s.begin("BEGIN ISOLATION LEVEL READ COMMITTED")
	if alone {
		s.begin("SELECT pg_advisory_xact_lock($1)", lockOf(env))
	} else {
		s.begin("SELECT pg_advisory_xact_lock_shared($1)", lockOf(env))
	}
	if err := run(s); err != nil {
		s.rollback()
		return err
	}
	began := time.Now()
	err = s.commit()
	p.meter.committed(began)
	return err
}
