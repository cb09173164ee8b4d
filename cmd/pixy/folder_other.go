//go:build !unix

package main

import "os"

// flock does nothing where the standard library has no lock for files: there,
// nothing stops a second process on a data folder.
func flock(*os.File) error { return nil }

// syncFolder does nothing where a folder can't be synced.
func syncFolder(string) error { return nil }
