package store

import (
	"context"
	"fmt"
)

// A file gives room back when more than a quarter of it is free, and that is
// worth it: what is less, new tickets take again. Then it keeps an eighth.
const (
	freeMost  = 4
	freeLeast = 8
	freePages = 4096 // of 4 KiB
)

const incremental = 2 // auto_vacuum, as SQLite numbers it

// Shrink gives the room of what was deleted back to the file system, a few pages
// in each Update, until not much is free or ctx ends, as Sweep does. A file that
// was made before Pixy asked for that (auto_vacuum) keeps its size, and uses its
// room again; PostgreSQL looks after itself.
func (db *DB) Shrink(ctx context.Context) error {
	if _, ok := db.engine.(*sqlite); !ok {
		return nil
	}
	most := int64(freeMost)
	_, err := db.sweep(ctx, "", last, only(func(tx *Tx) (int64, error) {
		var mode, free, pages int64
		err := tx.one("SELECT auto_vacuum, freelist_count, page_count FROM pragma_auto_vacuum, pragma_freelist_count, pragma_page_count", nil, &mode, &free, &pages)
		if err != nil || mode != incremental || free < freePages || free*most < pages {
			return 0, err
		}
		most = freeLeast
		return liteChunk, tx.each(fmt.Sprintf("PRAGMA incremental_vacuum(%d)", liteChunk), nil, func(row) error { return nil })
	}))
	return err
}
