package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// buildPlainly builds the program as deploy/Dockerfile does, and returns its path
// and the libraries that it is linked to when it runs, nil for a static one.
func buildPlainly(t *testing.T, flags ...string) (path string, libraries []string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "pixy")
	build := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags=-s", "-o", path}, append(flags, ".")...)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	libraries, err = program.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		libraries = append(libraries, "an interpreter")
	}
	return path, libraries
}

// TestStatic holds the usual build to running without any library: the image that
// deploy/Dockerfile makes has none.
func TestStatic(t *testing.T) {
	if _, libraries := buildPlainly(t); len(libraries) > 0 {
		t.Errorf("it is linked to %q", libraries)
	}
}
