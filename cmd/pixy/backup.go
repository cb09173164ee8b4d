package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"pixy/internal/store"
)

// backupCommand writes all of a database file into another file, also while a
// server is at work on it.
type backupCommand struct {
	File     string `arg:""`
	Data     string `env:"PIXY_DATA" default:"./pixy-data"`
	Database string `env:"PIXY_DATABASE"`

	MasterKeyFile string `env:"PIXY_MASTER_KEY_FILE" name:"master-key-file"`
}

// Run makes the backup, and says what else must be kept.
func (c *backupCommand) Run(ctx context.Context, out, _ io.Writer) error {
	source := sourceOf(c.Data, c.Database)
	counts, err := store.Backup(ctx, source, c.File)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is a backup of %s, verified and on disk:\n", c.File, source)
	for _, n := range counts {
		fmt.Fprintf(&b, "  %-8s %s\n", n.Table, rows(n.Rows))
	}
	fmt.Fprintf(&b, "The master key is not in it, and without the key it is of no use: keep that too%s.\n", inBrackets(keyFlags{MasterKeyFile: c.MasterKeyFile}.place(c.Data)))
	_, err = io.WriteString(out, b.String())
	return err
}

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// rows is a number of rows, with a comma before each three digits.
func rows(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n == 1 {
		return digits + " row"
	}
	return digits + " rows"
}
