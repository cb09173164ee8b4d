//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// flock locks an open file, or fails at once when another process has it.
func flock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// syncFolder brings the names in a folder to disk. Without it, a power loss may
// take a file away whose content is on disk.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
