package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"pixy/internal/store"
)

// keyFlags are where the master keys are: the one in use, and the one that is to
// replace it. Of each, a variable has it, or else a file.
type keyFlags struct {
	MasterKeyFile     string `env:"PIXY_MASTER_KEY_FILE" name:"master-key-file"`
	NextMasterKeyFile string `env:"PIXY_NEXT_MASTER_KEY_FILE" name:"next-master-key-file"`
}

// The variables that have a key itself.
const (
	keyVariable     = "PIXY_MASTER_KEY"
	nextKeyVariable = "PIXY_NEXT_MASTER_KEY"
)

// The bytes of a key, and what its file may have: base64, white space, a
// comment that somebody was told not to write.
const (
	keyBytes   = 32
	maxKeyFile = 4096
)

// keyFiles are the files of the keys in a data folder: the next key's is beside
// that of the key in use.
func (f keyFlags) keyFiles(data string) (current, next string) {
	if current = f.MasterKeyFile; current == "" {
		current = filepath.Join(data, "master.key")
	}
	if next = f.NextMasterKeyFile; next == "" {
		next = current + ".next"
	}
	return current, next
}

// place says where the master key is, or "" when that can't be told: the server
// may have it in its environment.
func (f keyFlags) place(data string) string {
	if os.Getenv(keyVariable) != "" {
		return keyVariable
	}
	path, _ := f.keyFiles(data)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// checkKeys refuses two places for one key.
func (f keyFlags) checkKeys() error {
	if f.MasterKeyFile != "" && os.Getenv(keyVariable) != "" {
		return &usageError{"give the master key in " + keyVariable + " or by --master-key-file, not in both"}
	}
	if f.NextMasterKeyFile != "" && os.Getenv(nextKeyVariable) != "" {
		return &usageError{"give the next master key in " + nextKeyVariable + " or by --next-master-key-file, not in both"}
	}
	return nil
}

// sealer makes the sealer of the keys that are given: the one in use, and the
// next when there is one. The next is read first, because pixy key rotate puts
// it in the place of the other. A key is made together with a new database file
// in the data folder, and never else: all nodes of a PostgreSQL database share
// theirs.
func (f keyFlags) sealer(data, source string) (*store.Sealer, error) {
	next, err := f.nextKey(data)
	if err != nil {
		return nil, err
	}
	current, err := f.currentKey(data, source)
	switch {
	case err != nil:
		return nil, err
	case next == nil:
		return store.NewSealer(current)
	}
	return store.NewSealer(current, next)
}

// nextKey is nil when none is given. A key in the variable has no file beside it.
func (f keyFlags) nextKey(data string) ([]byte, error) {
	if given := os.Getenv(nextKeyVariable); given != "" {
		return keyOf(given, nextKeyVariable)
	}
	_, path := f.keyFiles(data)
	if f.NextMasterKeyFile == "" && os.Getenv(keyVariable) != "" {
		return nil, nil
	}
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) && f.NextMasterKeyFile == "" {
		return nil, nil
	}
	return key, err
}

func (f keyFlags) currentKey(data, source string) ([]byte, error) {
	if given := os.Getenv(keyVariable); given != "" {
		return keyOf(given, keyVariable)
	}
	path, _ := f.keyFiles(data)
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	isNew, err := isNew(source)
	switch {
	case err != nil:
		return nil, err
	case store.IsPostgres(source):
		return nil, fmt.Errorf("a PostgreSQL database needs the master key that all its nodes share: give it in %s, or put it into %s; pixy key new makes one", keyVariable, path)
	case f.MasterKeyFile != "" || !isNew:
		return nil, fmt.Errorf("%s is missing: put back the key that the database is sealed under, or give it in %s", path, keyVariable)
	}
	key = newKey()
	if err := writeFile(path, encodeKey(key), 0o600); err != nil {
		return nil, fmt.Errorf("the data folder %s can't be used: %w", data, err)
	}
	return key, nil
}

// readKey reads the key in a file.
func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the master key can't be read: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("the master key can't be read: %w", err)
	}
	return keyOf(string(text), path)
}

func keyOf(text, from string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != keyBytes {
		return nil, fmt.Errorf("the master key in %s must be %d bytes in base64: pixy key new makes one", from, keyBytes)
	}
	return key, nil
}

func newKey() []byte {
	key := make([]byte, keyBytes)
	_, _ = rand.Read(key) // never fails: it ends the program instead
	return key
}

func encodeKey(key []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(key) + "\n") }
