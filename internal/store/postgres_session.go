package store

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"pixy/internal/fault"
)

// pgSession is one connection to PostgreSQL. What begins its transaction is
// sent together with the first statement, so that it costs no round trip.
type pgSession struct {
	conn   *pgxpool.Conn
	until  time.Time // statements end by then, but not the COMMIT; zero for whenever
	unsent []queued
	open   bool // something was sent
	wrote  bool // a statement has changed rows
}

type queued struct {
	text string
	args []any
}

// warned marks a connection on which the server has warned.
const warned = "warned"

// lockOf is the number of an environment's lock.
func lockOf(env string) int64 {
	h := fnv.New64a()
	h.Write([]byte("pixy environment " + env))
	return int64(h.Sum64())
}

func (s *pgSession) begin(text string, args ...any) {
	s.unsent = append(s.unsent, queued{text, args})
}

// bounded is for one statement, which may take so long on the server.
func (s *pgSession) bounded(limit time.Duration) (context.Context, context.CancelFunc) {
	end := time.Now().Add(limit + silence)
	if !s.until.IsZero() && s.until.Before(end) {
		end = s.until
	}
	return context.WithDeadline(context.Background(), end)
}

func (s *pgSession) exec(text string, args []any) (int64, error) {
	ctx, cancel := s.bounded(statementTime)
	defer cancel()
	if len(s.unsent) == 0 {
		tag, err := s.conn.Exec(ctx, text, args...)
		return s.changed(tag), err
	}
	results, err := s.send(ctx, s.unsent, text, args)
	if err != nil {
		return 0, errors.Join(err, results.Close())
	}
	tag, err := results.Exec()
	return s.changed(tag), first(err, results.Close())
}

// changed counts the rows that a statement has changed.
func (s *pgSession) changed(tag pgconn.CommandTag) int64 {
	s.wrote = s.wrote || tag.RowsAffected() > 0
	return tag.RowsAffected()
}

// send sends what comes before a statement, and the statement, and takes the
// answers to what comes before.
func (s *pgSession) send(ctx context.Context, before []queued, text string, args []any) (pgx.BatchResults, error) {
	var b pgx.Batch
	for _, q := range before {
		b.Queue(q.text, q.args...)
	}
	b.Queue(text, args...)
	fresh := !s.open
	s.unsent, s.open = nil, true
	results := s.conn.SendBatch(ctx, &b)
	for range before {
		if _, err := results.Exec(); err != nil {
			if fresh && s.conn.Conn().IsClosed() {
				err = fmt.Errorf("%w: %w", errNotBegun, err)
			}
			return results, err
		}
	}
	return results, nil
}

// first is the first of some errors: the later ones follow from it.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *pgSession) each(limit time.Duration, text string, args []any, scan func(row) error) error {
	before, most := s.unsent, statementTime
	if limit > 0 {
		most = limit
		before = append(before, queued{text: "SAVEPOINT bounded"},
			queued{"SELECT set_config('statement_timeout', $1, true)", []any{inMillis(max(limit, time.Millisecond))}})
	}
	ctx, cancel := s.bounded(most)
	defer cancel()
	err := s.read(ctx, before, text, args, scan)
	if limit > 0 {
		return s.unbound(err)
	}
	return err
}

func (s *pgSession) read(ctx context.Context, before []queued, text string, args []any, scan func(row) error) error {
	if len(before) == 0 {
		rows, err := s.conn.Query(ctx, text, args...)
		if err != nil {
			return err
		}
		return drain(rows, scan)
	}
	results, err := s.send(ctx, before, text, args)
	if err == nil {
		var rows pgx.Rows
		if rows, err = results.Query(); err == nil {
			err = drain(rows, scan)
		}
	}
	return first(err, results.Close())
}

func drain(rows pgx.Rows, scan func(row) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// unbound ends the bound on one statement, also when it was cut off. Nothing that
// it did can be lost: only Views bound statements.
func (s *pgSession) unbound(err error) error {
	if s.conn.Conn().IsClosed() {
		return err
	}
	ctx, cancel := s.bounded(statementTime)
	defer cancel()
	if sqlState(err) == "57014" {
		err = ErrSlow
	}
	_, ended := s.conn.Exec(ctx, "ROLLBACK TO SAVEPOINT bounded")
	return first(ended, err)
}

// rollback ends the transaction. A connection on which that fails is closed.
func (s *pgSession) rollback() {
	if !s.open || s.conn.Conn().IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), silence)
	defer cancel()
	if _, err := s.conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = s.conn.Conn().Close(ctx) // there is nothing to keep
	}
}

// witness writes a word into the log that nobody reads, so that there is
// something for which the COMMIT waits for the standby.
const witness = "SELECT pg_logical_emit_message(true, 'pixy', '')"

// commit ends the transaction. Only the server's plain word that it is kept is
// success. A warning beside it is not plain: it comes when somebody ends the
// wait for a synchronous standby.
//
// What somebody's wait ended for can be seen from then on, though no standby has
// it; a transaction that finds it done, and has nothing to write, may not promise
// it without waiting itself.
func (s *pgSession) commit() error {
	if !s.wrote {
		if err := s.each(0, witness, nil, func(row) error { return nil }); err != nil {
			return s.refusal(fmt.Errorf("store: wait for what was read: %w", err))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitTime)
	defer cancel()
	notices := s.conn.Conn().PgConn().CustomData()
	delete(notices, warned)
	tag, err := s.conn.Exec(ctx, "COMMIT")
	var said *pgconn.PgError
	switch {
	case err == nil && tag.String() == "COMMIT" && notices[warned] == nil:
		return nil
	case err == nil && tag.String() == "COMMIT":
		return fault.Unconfirmed.Because(errors.New("store: commit: PostgreSQL warned that it did not wait for the standby"))
	case err == nil:
		return fmt.Errorf("store: commit: PostgreSQL answered %s", tag)
	case errors.As(err, &said) && !unreachable(said.Code):
		return s.refusal(fmt.Errorf("store: commit: %w", err))
	}
	return fault.Unconfirmed.Because(fmt.Errorf("store: commit: %w", err))
}

func (s *pgSession) alone(env string) error {
	return s.each(0, "SELECT pg_advisory_xact_lock($1)", []any{lockOf(env)}, func(row) error { return nil })
}

// channel is where nodes hear of changes.
const channel = "pixy"

func (s *pgSession) notify(env string, revision int64) error {
	told := strconv.FormatInt(revision, 10) + " " + env
	return s.each(0, "SELECT pg_notify('"+channel+"', $1)", []any{told}, func(row) error { return nil })
}

// pgDialect is PostgreSQL's: its ->> gives texts.
func pgDialect() dialect {
	return dialect{collation: `"C"`,
		number: func(json, text string) string {
			return "(CASE WHEN jsonb_typeof(" + json + ") = 'number' THEN " + text + "::numeric END)"
		},
		boolean: func(b bool) any { return fmt.Sprint(b) },
		lock:    " FOR UPDATE",
		share:   " FOR SHARE",
		skip:    " FOR UPDATE SKIP LOCKED",
		among:   func(query string) string { return " = ANY(ARRAY(" + query + "))" }, // of IN it may make a join that runs it for every row
		list:    func(place string) string { return "(SELECT jsonb_array_elements_text(" + place + "))" },
		chunk:   pgChunk,
	}
}

var (
	// errConflict: the transaction got in another one's way, and may be run again.
	errConflict = errors.New("it conflicts with another transaction")
	// errNotBegun: the connection was lost before anything was done.
	errNotBegun = errors.New("the connection was lost before the transaction began")
)

func sqlState(err error) string {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return said.Code
	}
	return ""
}

// unreachable says of an SQLSTATE that the server is going, or is not one to
// write to.
func unreachable(state string) bool {
	switch state {
	case "57P01", "57P02", "57P03", "57P05", "25006", "25P03":
		return true
	}
	return len(state) == 5 && state[:2] == "08"
}

// refusal turns SQLSTATEs into faults. A server that is not to be written to
// loses the connection: the next one may go to another.
func (s *pgSession) refusal(err error) error {
	state := sqlState(err)
	switch state {
	case "23505":
		return fault.Taken.Because(err)
	case "22021", "22P05":
		return fault.Unstorable.Because(err)
	case "40001", "40P01":
		return fault.Busy.Because(fmt.Errorf("%w: %w", errConflict, err))
	case "53100", "58030", "53200":
		return fault.Full.Because(err)
	case "53300", "55P03", "57014":
		return fault.Busy.Because(err)
	}
	if unreachable(state) {
		ctx, cancel := context.WithTimeout(context.Background(), silence)
		defer cancel()
		_ = s.conn.Conn().Close(ctx) // whatever it says, it is not used again
	}
	if s.conn.Conn().IsClosed() {
		return fault.Unreachable.Because(err)
	}
	return err
}

// breaks: PostgreSQL gives up a transaction at the first error.
func (s *pgSession) breaks(error) bool { return true }
