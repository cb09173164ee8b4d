package store

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pgStage simulates on PostgreSQL, where transactions run beside one another.
type pgStage struct{ watch *pgx.Conn }

// asleep asks the server who waits for a lock. Those who wait for one another
// are not asleep: the server will end one of them.
func (p pgStage) asleep(_ *sim, all []*actor) (int, error) {
	pids := make([]uint32, len(all))
	for i, a := range all {
		pids[i] = a.pid.Load()
	}
	rows, err := p.watch.Query(context.Background(), "SELECT pid, pg_blocking_pids(pid) FROM unnest($1::int[]) AS pid", pids)
	if err != nil {
		return 0, err
	}
	waits := map[uint32][]uint32{} // for whom
	var pid uint32
	var blocking []uint32
	if _, err = pgx.ForEachRow(rows, []any{&pid, &blocking}, func() error {
		if len(blocking) > 0 {
			waits[pid] = blocking
		}
		return nil
	}); err != nil {
		return 0, err
	}
	n := len(waits)
	for freed := true; freed; {
		freed = false
		for pid, others := range waits {
			for _, other := range others {
				if _, bound := waits[other]; !bound {
					delete(waits, pid)
					freed = true
					break
				}
			}
		}
	}
	return n - len(waits), nil
}

func (pgStage) strike(s session, f fate) error {
	conn := s.(*pgSession).conn.Conn().PgConn().Conn()
	switch f {
	case conflicts:
		return &pgconn.PgError{Code: "40001", Message: "by fate"}
	case isMute:
		return conn.(*net.UnixConn).CloseRead()
	}
	return conn.Close()
}

func (p pgStage) settled(pid uint32) error {
	for end := time.Now().Add(stuck); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		var there bool
		err := p.watch.QueryRow(context.Background(), "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = $1)", pid).Scan(&there)
		if err != nil || !there {
			return err
		}
	}
	return errors.New("a lost connection stays")
}

// liteStage simulates on SQLite, where closures wait for the writer and share
// its transactions.
type liteStage struct{}

// errFate is what the actor's next statement says.
var errFate = errors.New("refused by fate")

// asleep are, as long as somebody is inside, those who are in the queue and
// those whose closure has returned, unless each closure has its own transaction.
func (liteStage) asleep(s *sim, all []*actor) (n int, err error) {
	if len(s.in(inside)) == 0 {
		return 0, nil
	}
	w := s.judge.engine.(*sqlite).writer
	queue := len(w.queue)
	for _, a := range all {
		if queue > a.queued {
			a.queued = -1 // it is in the queue, however long that is later
		}
		if a.entered.Load() && w.hold > 0 || !a.entered.Load() && a.queued < 0 && !a.gone {
			n++
		}
	}
	return n, nil
}

// strike has three things that can befall a closure: it is refused, SQLite
// loses the transaction, or can't commit it.
func (liteStage) strike(s session, f fate) error {
	l := s.(*liteSession)
	switch f {
	case conflicts:
		return errFate
	case isCut, crashes:
		return errors.Join(errFate, l.do("ROLLBACK"))
	}
	return l.do("INSERT INTO orphan VALUES (1, 2)")
}

func (liteStage) settled(uint32) error { return nil }
