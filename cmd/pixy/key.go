package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"pixy/internal/store"
)

// keyNewCommand prints a new master key.
type keyNewCommand struct{}

// Run prints it.
func (*keyNewCommand) Run(_ context.Context, out, _ io.Writer) error {
	_, err := out.Write(encodeKey(newKey()))
	return err
}

// keyRotateCommand replaces the master key of a database, while nodes serve from
// it.
type keyRotateCommand struct {
	Data     string `env:"PIXY_DATA" default:"./pixy-data"`
	Database string `env:"PIXY_DATABASE"`
	keyFlags
}

// Run replaces the key. Whenever it is ended, it can be run again.
func (c *keyRotateCommand) Run(ctx context.Context, out, errOut io.Writer) error {
	if err := c.checkKeys(); err != nil {
		return err
	}
	source := sourceOf(c.Data, c.Database)
	sealer, err := c.both(source)
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, source, store.Options{Log: logger(errOut)})
	if err != nil {
		return err
	}
	err = c.rotate(ctx, db, sealer, source, out)
	return errors.Join(err, db.Close())
}

// both is the sealer of the key in use and the next one. No key is made here.
func (c *keyRotateCommand) both(source string) (*store.Sealer, error) {
	next, err := c.nextKey(c.Data)
	if err != nil {
		return nil, err
	}
	_, path := c.keyFiles(c.Data)
	if next == nil {
		return nil, fmt.Errorf("there is no next master key: make one with pixy key new, give it to every node in %s or in %s, restart them, and run this again with it", nextKeyVariable, path)
	}
	switch isNew, err := isNew(source); {
	case err != nil:
		return nil, err
	case isNew:
		return nil, fmt.Errorf("the database %s does not exist: there is nothing to seal anew", source)
	}
	current, err := c.currentKey(c.Data, source)
	if err != nil {
		return nil, err
	}
	return store.NewSealer(current, next)
}

func (c *keyRotateCommand) rotate(ctx context.Context, db *store.DB, sealer *store.Sealer, source string, out io.Writer) error {
	if err := c.silentServer(ctx, db, source); err != nil {
		return err
	}
	began := time.Now()
	far, err := db.Reseal(ctx, sealer, progress(out))
	if ctx.Err() != nil {
		return errors.New("the replacement of the master key was interrupted: every node goes on to need both keys until pixy key rotate has run to its end")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Nothing is sealed under %s any more: %d documents were read, %d secrets sealed under %s, in %s.\n",
		far.From, far.Read, far.Sealed, far.To, time.Since(began).Round(time.Millisecond))
	return c.finish(source, out)
}

// silentServer refuses a data folder in which a server runs that tells nobody
// which keys it knows, because it is of an earlier version.
func (c *keyRotateCommand) silentServer(ctx context.Context, db *store.DB, source string) error {
	if store.IsPostgres(source) {
		return nil
	}
	n, err := db.Attending(ctx)
	if err != nil || n > 0 {
		return err
	}
	if _, err := os.Stat(c.Data); err != nil {
		return nil // the database is elsewhere, and nobody can serve from here
	}
	lock, err := lockFolder(c.Data)
	if err != nil {
		return fmt.Errorf("the server in %s does not say which master keys it knows: restart it with this version of Pixy and both keys", c.Data)
	}
	return lock.Close()
}

// progress prints how far it is, once a second at most, and a node that is
// waited for once.
func progress(out io.Writer) func(store.Resealing) {
	var last time.Time
	waits := ""
	return func(r store.Resealing) {
		if time.Since(last) < time.Second || r.Waits != "" && r.Waits == waits {
			return
		}
		last, waits = time.Now(), r.Waits
		switch {
		case r.Waits != "":
			fmt.Fprintf(out, "waiting for the node %s, which does not know %s, to end\n", r.Waits, r.To)
		case r.Checked:
			fmt.Fprintf(out, "looking for what is left under %s: %d documents\n", r.From, r.Read)
		default:
			fmt.Fprintf(out, "sealing under %s: %d documents read, %d secrets sealed\n", r.To, r.Read, r.Sealed)
		}
	}
}

// finish puts the new key where the old one was, on a machine that has the
// database to itself; several nodes have their keys from the operator.
func (c *keyRotateCommand) finish(source string, out io.Writer) error {
	current, next := c.keyFiles(c.Data)
	inFiles := os.Getenv(keyVariable) == "" && os.Getenv(nextKeyVariable) == ""
	if store.IsPostgres(source) || !inFiles {
		fmt.Fprintf(out, "Now restart every node with the new key alone.\n")
		return nil
	}
	old, err := os.ReadFile(current)
	if err == nil {
		err = writeFile(current+".old", old, 0o600)
	}
	if err == nil {
		err = os.Rename(next, current)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(current))
	}
	if err != nil {
		return fmt.Errorf("the new master key is in use, but %s could not be put in the place of %s: do that by hand: %w", next, current, err)
	}
	fmt.Fprintf(out, "%s has the new key now, and %s the old one, which backups made before need.\n", current, current+".old")
	return nil
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
