package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"pixy/internal/server"
	"pixy/internal/store"
)

// makeFolder makes a folder when there is none, and those above it, for good. What
// stands in a folder that may not be read can't be brought to disk by itself.
func makeFolder(path string) error {
	_, err := os.Stat(path)
	above := filepath.Dir(path)
	if !errors.Is(err, fs.ErrNotExist) || above == path {
		return os.MkdirAll(path, 0o700) // says what is wrong
	}
	if err := makeFolder(above); err != nil {
		return err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	if err := syncFolder(above); !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// locks are open files that are this process's alone.
type locks []*os.File

// Close gives them up.
func (l locks) Close() error {
	var err error
	for _, f := range l {
		err = errors.Join(err, f.Close())
	}
	return err
}

// lockAll takes the data folder, and the database file when there is one.
func lockAll(data, source string) (locks, error) {
	folder, err := lockFolder(data)
	if err != nil || store.IsPostgres(source) {
		return locks{folder}, err
	}
	file, err := lockDatabase(source)
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	return locks{folder, file}, nil
}

// lockFolder takes the data folder for this process alone, until the process
// ends or the lock is closed: two that start together would each make a master
// key, and one would lose the other's.
func lockFolder(data string) (*os.File, error) {
	f, err := lockFile(filepath.Join(data, "lock"))
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("the data folder %s is in use by another pixy: stop it, or choose another folder with --data", data)
	}
	if err != nil {
		return nil, fmt.Errorf("the data folder %s can't be used: %w", data, err)
	}
	return f, nil
}

// lockDatabase takes a database file to serve from for this process alone:
// another one would not hear what this one changes. The lock is on a file beside
// it, because closing the database file would drop SQLite's own.
func lockDatabase(source string) (*os.File, error) {
	path, err := store.FileOf(source)
	if err != nil {
		return nil, err
	}
	f, err := lockFile(path + ".lock")
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("the database file %s is in use by another pixy: stop it; several nodes need PostgreSQL", path)
	}
	if err != nil {
		return nil, fmt.Errorf("the database file %s can't be written, or the folder it is in: %w", path, err)
	}
	return f, nil
}

// errLocked says that another process has the lock.
var errLocked = errors.New("it is locked")

func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// isNew reports whether the database of a source is a file that is still to be
// made.
func isNew(source string) (bool, error) {
	if store.IsPostgres(source) {
		return false, nil
	}
	path, err := store.FileOf(source)
	if err != nil {
		return false, err
	}
	_, err = os.Stat(path)
	return errors.Is(err, fs.ErrNotExist), nil
}

// sourceOf is the database that is asked for, or that of the data folder.
func sourceOf(data, database string) string {
	if database == "" {
		return "file:" + filepath.Join(data, "pixy.db")
	}
	return database
}

// The files that tell the worker's credentials: to programs, and to Postman.
const (
	bootstrapFile = "bootstrap.json"
	postmanFile   = "pixy.postman_environment.json"
)

// removeBootstrap takes back what writeBootstrap wrote, when another node's
// worker became the first.
func removeBootstrap(data string) error {
	return errors.Join(os.Remove(filepath.Join(data, bootstrapFile)), os.Remove(filepath.Join(data, postmanFile)))
}

// writeBootstrap tells the worker's credentials once.
func writeBootstrap(data, url, caFile string, w server.Worker) error {
	values := [][2]string{
		{"apiPath", url + "/v1"}, {"authPath", url}, {"envID", w.EnvironmentID},
		{"workerAppID", w.ApplicationID}, {"workerAppSecret", w.Secret}, {"caFile", caFile},
	}
	plain := map[string]string{}
	postman := postmanEnvironment{Name: "Pixy", Scope: "environment"}
	for _, v := range values {
		plain[v[0]] = v[1]
		kind := "default"
		if v[0] == "workerAppSecret" {
			kind = "secret"
		}
		postman.Values = append(postman.Values, postmanValue{Key: v[0], Value: v[1], Type: kind, Enabled: true})
	}
	if err := writeJSON(filepath.Join(data, bootstrapFile), plain); err != nil {
		return err
	}
	return writeJSON(filepath.Join(data, postmanFile), postman)
}

type postmanEnvironment struct {
	Name   string         `json:"name"`
	Values []postmanValue `json:"values"`
	Scope  string         `json:"_postman_variable_scope"`
}

type postmanValue struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Type    string `json:"type"`
	Enabled bool   `json:"enabled"`
}

func writeJSON(path string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(raw, '\n'), 0o600)
}

// writeFile replaces a file as a whole, and for good: there is no time at which
// it is half written, and what relies on it comes to disk later.
func writeFile(path string, content []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(path))
}
