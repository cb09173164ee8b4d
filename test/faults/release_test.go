package faults

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// remains is what clients have of a release that is gone, beside a database that
// it has written.
type remains struct {
	Written time.Time
	Admin   string // the worker's access token
	App     string // what people sign on to
	Device  string // application of devices

	Users   []string // whose password is goodPassword: the first has signed on, the second never has
	Changed string   // a user whose password was changed to changedPassword
	Session string   // of the first user
	Code    string   // not redeemed yet
	Good    tokens   // rotated once
	Ended   tokens   // revoked

	Flow, FlowSession         string // begun, and nothing done
	Complete, CompleteSession string // signed on, and not resumed
	RequestURI                string
	DeviceCode, UserCode      string
}

type tokens struct{ Code, Old, Refresh, Access string }

const changedPassword = "2FederateM1re!"

// The release that is upgraded from, in testdata, and its two databases.
const (
	previous     = "testdata/0.1.0"
	sqliteFile   = "pixy.db.gz"
	postgresFile = "pixy.sql.gz"
)

// leave works with a node of a release, and notes what clients have of it then.
func leave(c *cluster) (m remains, err error) {
	n := c.nodes[0]
	m = remains{Admin: c.admin, App: c.app, Device: c.device, Users: []string{"first-user", "second-user"}}
	var last answer
	var all []error
	want := func(a answer, status int) answer {
		last = a
		all = append(all, a.want(status))
		return a
	}
	for _, name := range m.Users {
		want(c.user(n, name, goodPassword), http.StatusCreated)
	}
	m.Changed = want(c.user(n, "changed-user", goodPassword), http.StatusCreated).text("id")
	want(c.setPassword(n, m.Changed, changedPassword), http.StatusOK)
	first := &person{c: c}
	code := func() string {
		code, a := first.code(through(n), c.app, m.Users[0], goodPassword)
		want(a, http.StatusFound)
		return code
	}
	chain := func() (x tokens) {
		x.Code = code()
		x.Old = want(c.redeem(n, c.app, x.Code), http.StatusOK).text("refresh_token")
		a := want(c.refresh(n, c.app, x.Old), http.StatusOK)
		x.Refresh, x.Access = a.text("refresh_token"), a.text("access_token")
		return x
	}
	m.Good, m.Ended = chain(), chain()
	want(c.revoke(n, c.app, m.Ended.Refresh), http.StatusOK)
	m.Code, m.Session = code(), first.session
	second := &person{c: c}
	m.Flow = want(second.authorize(n, c.app), http.StatusFound).query("flowId")
	m.FlowSession = second.session
	third := &person{c: c}
	m.Complete = want(third.authorize(n, c.app), http.StatusFound).query("flowId")
	want(third.signOn(n, m.Complete, m.Users[0], goodPassword), http.StatusOK)
	m.CompleteSession = third.session
	m.RequestURI = want(c.form(n, "/as/par", asked(c.app)), http.StatusCreated).text("request_uri")
	want((&track{c: c}).askDevice(), http.StatusOK)
	m.DeviceCode, m.UserCode = last.text("device_code"), last.text("user_code")
	m.Written = time.Now().UTC()
	return m, errors.Join(all...)
}

// TestWriteRelease writes the databases of a release into a folder of testdata:
// PIXY_FAULTS_RELEASE is its program. README.md there says when.
func TestWriteRelease(t *testing.T) {
	path := os.Getenv("PIXY_FAULTS_RELEASE")
	if path == "" {
		t.Skip("PIXY_FAULTS_RELEASE is the program of the release whose databases are to be written")
	}
	folder := filepath.Join("testdata", "new")
	must(t, os.MkdirAll(folder, 0o755))
	for file, d := range map[string]database{sqliteFile: sqlite(t), postgresFile: postgres(t, nil)} {
		c := newClusterOf(t, d, 1, fixedKey())
		c.nodes[0].program = path
		c.start()
		must(t, c.furnish())
		m, err := leave(c)
		must(t, err)
		if _, err := c.nodes[0].stop(); err != nil {
			t.Fatal(err)
		}
		plain := filepath.Join(t.TempDir(), "plain")
		if d.server != nil {
			must(t, command(d.server.Tool("pg_dump"), "--no-owner", "--file="+plain, d.source))
		} else {
			db := d.open(t)
			_, err := db.Exec("VACUUM INTO '" + plain + "'")
			must(t, errors.Join(err, db.Close()))
		}
		must(t, pack(plain, filepath.Join(folder, file)))
		raw, err := json.MarshalIndent(m, "", "  ")
		must(t, errors.Join(err, os.WriteFile(filepath.Join(folder, file+".json"), append(raw, '\n'), 0o644)))
	}
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

func pack(from, to string) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(raw)
		err = errors.Join(err, z.Close())
	}
	return errors.Join(err, f.Close())
}

func unpack(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(z)
	return errors.Join(err, os.WriteFile(to, raw, 0o600))
}

// released are copies of the two databases of the previous release.
func released(t *testing.T, test func(*testing.T, database, remains)) {
	t.Helper()
	run := func(name, file string, copied func(*testing.T, string) database) {
		t.Run(name, func(t *testing.T) {
			plain := filepath.Join(t.TempDir(), "pixy.db")
			must(t, unpack(filepath.Join(previous, file), plain))
			raw, err := os.ReadFile(filepath.Join(previous, file+".json"))
			must(t, err)
			var m remains
			must(t, json.Unmarshal(raw, &m))
			test(t, copied(t, plain), m)
		})
	}
	run("SQLite", sqliteFile, func(_ *testing.T, plain string) database { return database{name: "SQLite", source: "file:" + plain} })
	run("PostgreSQL", postgresFile, func(t *testing.T, plain string) database {
		d := postgres(t, nil)
		must(t, command(d.server.Tool("psql"), "-q", "-v", "ON_ERROR_STOP=1", "-d", d.source, "-f", plain))
		return d
	})
}
