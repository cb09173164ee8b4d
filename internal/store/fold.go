package store

import (
	"context"
	"database/sql"
	"time"
)

// foldEvery is how often the journal of a SQLite database is folded back into the
// file, beside the writer: within a COMMIT everybody would wait for that. The
// writer does the rest itself only when the journal has grown to foldPages all the
// same, since there was always something to write and none could be taken away.
const (
	foldEvery = 250 * time.Millisecond
	foldPages = "8000" // 32 MiB
)

// folder folds on a connection of its own.
type folder struct {
	db   *sql.DB
	stop context.CancelFunc
	over chan struct{}
}

// newFolder folds whenever commits, the number of them so far, has grown.
func newFolder(db *sql.DB, commits func() uint64) *folder {
	ctx, stop := context.WithCancel(context.Background())
	f := &folder{db: db, stop: stop, over: make(chan struct{})}
	go f.run(ctx, commits)
	return f
}

// run goes on until stop. What fails is tried again after the next commit.
func (f *folder) run(ctx context.Context, commits func() uint64) {
	defer close(f.over)
	ticker := time.NewTicker(foldEvery)
	defer ticker.Stop()
	for last := uint64(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if n := commits(); n != last {
			if _, err := f.db.ExecContext(context.WithoutCancel(ctx), "PRAGMA wal_checkpoint(PASSIVE)"); err == nil {
				last = n
			}
		}
	}
}

func (f *folder) close() error {
	f.stop()
	<-f.over
	return f.db.Close()
}
