//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// flock locks an open file, or says errLocked at once when another process has it.
func flock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}

// syncFolder brings the names in a folder to disk. Without it, a power loss may
// take a file away whose content is on disk.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
