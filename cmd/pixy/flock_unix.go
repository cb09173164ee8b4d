//go:build unix

package main

import (
	"os"
	"syscall"
)

// flock locks an open file, or fails at once when another process has it.
func flock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
