package faults

import (
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"pixy/internal/server"
	"pixy/internal/store"
)

// image is what a power loss has left.
type image struct {
	*cluster // which wrote it
	folder   string
	past     *past
}

// keep copies an image to where it can be looked at.
func (i *image) keep(t *testing.T) {
	if logs := os.Getenv("PIXY_FAULTS_LOGS"); logs != "" {
		to := filepath.Join(logs, "image-"+filepath.Base(i.folder))
		t.Logf("the image: %s %v", to, os.CopyFS(to, os.DirFS(i.folder)))
	}
}

// check opens an image at the time of its making, and looks for what was
// acknowledged.
func (i *image) check(t *testing.T, at time.Time, r *rand.Rand) (settled, []string) {
	data := filepath.Join(i.folder, "data")
	if _, err := os.Stat(data); err != nil {
		return settled{lost: 1}, []string{fmt.Sprintf("the data folder is lost: %v", err)}
	}
	if r.IntN(2) == 0 { // the index of the journal is of no use to anybody
		junk := make([]byte, 32<<10)
		for j := range junk {
			junk[j] = byte(r.Uint32())
		}
		must(t, os.WriteFile(filepath.Join(data, "pixy.db-shm"), junk, 0o600))
	}
	c, end, err := i.opened(t, data, at)
	if err != nil {
		return settled{lost: 1}, []string{err.Error()}
	}
	defer end()
	k := &checker{c: c, l: i.past.ledger, n: c.nodes[0]}
	for _, ch := range i.past.fresh {
		k.found(c.redeem(k.n, ch.app, ch.code).acked(), "the code %s, which nobody has redeemed", ch.code)
	}
	k.sum.add(c.check(k.n, i.past.ledger))
	if err := soundFile(filepath.Join(data, "pixy.db")); err != nil {
		i.past.accuse("afterwards: %v", err)
	}
	return k.sum, i.past.findings()
}

// opened is a node in this process on an image, whose clock is at a time, and
// what ends it.
func (i *image) opened(t *testing.T, data string, at time.Time) (*cluster, func(), error) {
	raw, err := os.ReadFile(filepath.Join(data, "master.key"))
	if err != nil {
		return nil, nil, fmt.Errorf("the master key is lost: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(raw)))
	if err != nil {
		return nil, nil, fmt.Errorf("the master key is damaged: %w", err)
	}
	sealer, err := store.NewSealer(key)
	if err != nil {
		return nil, nil, fmt.Errorf("the master key is damaged: %w", err)
	}
	now := &clock{by: time.Until(at)}
	db, err := store.Open(t.Context(), "file:"+filepath.Join(data, "pixy.db"), store.Options{Now: now.now})
	if err != nil {
		return nil, nil, err
	}
	if err := db.Claim(t.Context(), sealer); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	s, err := server.New(server.Config{Store: db, Sealer: sealer, PublicURL: publicURL, Version: "test", Now: now.now, HashCost: server.HashCost{Memory: 64, Time: 1, Lanes: 1}})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	listening := httptest.NewServer(s)
	c := &cluster{t: t, app: i.app, http: newHTTP(16), nodes: []*node{{t: t, name: "image", address: strings.TrimPrefix(listening.URL, "http://")}}}
	end := func() {
		listening.Close()
		s.Stop()
		must(t, db.Close())
	}
	err = errors.Join(c.introduced(data), soundFile(filepath.Join(data, "pixy.db")))
	if err == nil {
		err = c.login(c.nodes[0])
	}
	if err != nil {
		end()
		return nil, nil, err
	}
	return c, end, nil
}

// soundFile has SQLite look at every page of a database that is open elsewhere too.
func soundFile(path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	var said string
	err = db.QueryRow("PRAGMA integrity_check").Scan(&said)
	if err == nil && said != "ok" {
		err = fmt.Errorf("the database is corrupt: %s", said)
	}
	return errors.Join(err, db.Close())
}
