package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed schema/*.sql
var schema embed.FS

// flavour is what the schema leaves open: the database, and its words for what
// the two have under different names.
type flavour struct {
	goose  goose.Dialect
	tokens *strings.Replacer
	more   []goose.ProviderOption
}

func sqliteFlavour() flavour {
	return flavour{goose: goose.DialectSQLite3,
		tokens: strings.NewReplacer("{{bytes}}", "BLOB", "{{collation}}", "BINARY", "{{json}}", "JSONB", "{{postgres}}", "--")}
}

// migrate runs the files of schema/ that the database has not seen, in order.
func migrate(ctx context.Context, db *sql.DB, f flavour) error {
	steps, err := migrations(f.tokens)
	if err != nil {
		return err
	}
	options := append(f.more, goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	p, err := goose.NewProvider(f.goose, db, nil, options...)
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil || current < target {
		// Several nodes may start at once: only what goes up does so under a lock.
		// The reading may have failed because another one was at it.
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("update the schema: %w", err)
		}
		if current, target, err = p.GetVersions(ctx); err != nil {
			return fmt.Errorf("read the version of the schema: %w", err)
		}
	}
	if current > target {
		return fmt.Errorf("%w (its tables are version %d, this program knows %d)", ErrNewer, current, target)
	}
	return nil
}

// migrations reads the files; the number before the underscore is the version.
func migrations(r *strings.Replacer) ([]*goose.Migration, error) {
	names, err := fs.Glob(schema, "schema/*.sql")
	if err != nil {
		return nil, err
	}
	steps := make([]*goose.Migration, 0, len(names))
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the file %s has no version: %w", name, err)
		}
		text, err := schema.ReadFile(name)
		if err != nil {
			return nil, err
		}
		script := r.Replace(string(text))
		up := &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, script)
			return err
		}}
		steps = append(steps, goose.NewGoMigration(version, up, nil))
	}
	return steps, nil
}
