// Command floor does only the work that no authorization server can do without,
// and answers with the bytes that it is told: the signatures, the password hash,
// and one row for each durable write, with commits shared by those who wait. What
// Pixy costs is measured against it (docs/performance.md).
package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"golang.org/x/crypto/argon2"
	_ "modernc.org/sqlite"
)

// step is one request of a work: what must be done for it, and the answer.
type step struct {
	Rows, Signatures, Hashes int
	Status                   int
	Header                   http.Header
	Body                     []byte
}

// told is what the command reads from its standard input.
type told struct {
	Database   string // the file
	HashMemory uint32 // KiB
	HashTime   uint32
	Steps      map[string]step // by what the request says in X-Step
}

type floor struct {
	told
	key   *rsa.PrivateKey
	queue chan row
}

type row struct {
	key, body []byte
	kept      chan error
}

func main() {
	f := &floor{queue: make(chan row, 1024)}
	if err := json.NewDecoder(os.Stdin).Decode(&f.told); err != nil {
		log.Fatal(err)
	}
	var err error
	if f.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		log.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+f.Database+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-16384)")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE kept (key BLOB PRIMARY KEY, body BLOB) WITHOUT ROWID"); err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(f.write(db)) }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	log.Fatal(http.Serve(l, f))
}

// write keeps rows: those that wait share a commit.
func (f *floor) write(db *sql.DB) error {
	conn, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	var do [3]*sql.Stmt
	for i, text := range []string{"BEGIN IMMEDIATE", "INSERT INTO kept (key, body) VALUES (?, ?)", "COMMIT"} {
		if do[i], err = conn.PrepareContext(context.Background(), text); err != nil {
			return err
		}
	}
	for first := range f.queue {
		if _, err := do[0].Exec(); err != nil {
			return err
		}
		batch := []row{first}
		for i := 0; i < len(batch); i++ {
			if _, err := do[1].Exec(batch[i].key, batch[i].body); err != nil {
				return err
			}
			for len(f.queue) > 0 {
				batch = append(batch, <-f.queue)
			}
		}
		_, err := do[2].Exec()
		for _, r := range batch {
			r.kept <- err
		}
	}
	return nil
}

func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent, err := io.ReadAll(r.Body)
	s, ok := f.Steps[r.Header.Get("X-Step")]
	if err == nil && !ok {
		err = fmt.Errorf("there is no step %q", r.Header.Get("X-Step"))
	}
	for range s.Hashes {
		argon2.IDKey(sent, f.key.N.Bytes()[:16], f.HashTime, f.HashMemory, 1, 32)
	}
	for range s.Rows {
		if err == nil {
			err = f.keep(s.Body)
		}
	}
	for range s.Signatures {
		sum := sha256.Sum256(s.Body)
		if _, e := rsa.SignPKCS1v15(nil, f.key, crypto.SHA256, sum[:]); e != nil {
			err = e
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for name, values := range s.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(s.Status)
	_, _ = w.Write(s.Body) // the client is gone; nobody is left to tell
}

// keep returns when a row with a body of 500 bytes is on the disk.
func (f *floor) keep(body []byte) error {
	r := row{key: make([]byte, 32), body: append(body[:min(len(body), 500):min(len(body), 500)], make([]byte, 500)...)[:500], kept: make(chan error, 1)}
	_, _ = rand.Read(r.key) // never fails: it ends the program instead
	f.queue <- r
	return <-r.kept
}
