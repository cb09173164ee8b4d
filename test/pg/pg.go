// Package pg starts real PostgreSQL servers for tests, from the binaries that
// Debian installs: as an unprivileged user, in a folder of their own, on a Unix
// socket. A server ends with the process that has started it, however that ends.
package pg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrAbsent says that PostgreSQL is not installed.
var ErrAbsent = errors.New("PostgreSQL is not installed: apt-get install postgresql")

// Options are what a server is started with. The zero value is a fast server
// that doesn't outlive a loss of power.
type Options struct {
	Durable  bool              // fsync, as in service
	Port     int               // also on 127.0.0.1 when it is not 0
	Settings map[string]string // of postgresql.conf
	// Standby is the server that this one is to be a standby of.
	Standby *Server
	Through string // where it reaches that one, "127.0.0.1:5433", when not by its socket
}

// Server is a PostgreSQL server.
type Server struct {
	Folder string // with the data, the socket and the log in it
	port   int
	bin    string
	as     *syscall.Credential
	tcp    bool
	guard  io.Closer // closing it ends the server
	run    *exec.Cmd
	next   atomic.Int64
}

// The port in the name of a socket; nothing listens on it.
const socketPort = 5432

// New makes the folder of a server, which is not started yet.
func New(o Options) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "pixy-pg-")
	if err != nil {
		return nil, err
	}
	s := &Server{Folder: folder, port: socketPort, bin: bin, tcp: o.Port != 0}
	if s.tcp {
		s.port = o.Port
	}
	if s.as, err = unprivileged(); err != nil {
		return nil, err
	}
	if s.as != nil {
		if err := os.Chown(folder, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return nil, err
		}
	}
	if err := s.fill(o); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return s, s.configure(o)
}

// Start is New and Run.
func Start(o Options) (*Server, error) {
	s, err := New(o)
	if err != nil {
		return nil, err
	}
	if err := s.Run(); err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	return s, nil
}

// fill makes the data: new, with an ICU locale, so that a text that is compared
// without the collation of bytes shows; or a copy of the primary's.
func (s *Server) fill(o Options) error {
	if o.Standby != nil {
		conninfo := o.Standby.conninfo()
		if host, port, err := net.SplitHostPort(o.Through); err == nil {
			conninfo = fmt.Sprintf("host=%s port=%s user=pixy dbname=postgres", host, port)
		}
		return s.tool("pg_basebackup", "-D", s.data(), "-d", conninfo, "-R", "--checkpoint=fast", "--no-sync")
	}
	return s.tool("initdb", "-D", s.data(), "-U", "pixy", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en", "--no-sync")
}

func (s *Server) data() string { return filepath.Join(s.Folder, "data") }

// configure writes the settings; the last of a name counts.
func (s *Server) configure(o Options) error {
	settings := map[string]string{
		"listen_addresses": "", "port": strconv.Itoa(s.port), "unix_socket_directories": s.Folder, "max_connections": "300",
		"shared_buffers": "64MB", "logging_collector": "off", "max_wal_senders": "10", "wal_keep_size": "64MB",
	}
	if s.tcp {
		settings["listen_addresses"] = "127.0.0.1"
	}
	if !o.Durable {
		settings["fsync"], settings["full_page_writes"] = "off", "off"
	}
	for name, value := range o.Settings {
		settings[name] = value
	}
	text := ""
	for name, value := range settings {
		text += fmt.Sprintf("%s = '%s'\n", name, value)
	}
	return s.append("postgresql.conf", "\n"+text)
}

// Run starts the server, and returns when it answers.
func (s *Server) Run() error {
	// The shell holds the server's life against a pipe, whose other end is in
	// this process: when that is gone, so is the server.
	s.run = exec.Command("sh", "-c", `"$1" -D "$2" 3<&- & server=$!; cat <&3 >/dev/null; kill -QUIT $server; wait $server`, "sh", filepath.Join(s.bin, "postgres"), s.data())
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.Folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	s.run.ExtraFiles, s.run.Stdout, s.run.Stderr, s.run.Dir = []*os.File{r}, log, log, s.Folder
	s.run.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	err = errors.Join(s.run.Start(), r.Close())
	if err != nil {
		return errors.Join(err, w.Close())
	}
	s.guard = w
	return s.await()
}

func (s *Server) await() error {
	var err error
	for range 600 {
		if err = s.Exec("SELECT 1"); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(s.Folder, "log"))
	return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, log)
}

// Kill ends the server at once, as SIGKILL does; its data stays.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

// Stop ends the server; its data stays.
func (s *Server) Stop() error { return s.end(syscall.SIGQUIT) }

func (s *Server) end(signal syscall.Signal) error {
	if s.guard == nil {
		return nil
	}
	pid, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) { // it has ended
		err = nil
	} else if err == nil {
		first, _, _ := strings.Cut(string(pid), "\n")
		var n int
		if n, err = strconv.Atoi(first); err == nil {
			err = s.signal(n, signal)
		}
	}
	err = errors.Join(err, s.guard.Close())
	s.guard = nil
	_ = s.run.Wait() // it was told to end in an unusual way
	return err
}

// signal reaches a server, and with SIGKILL also its children, which would
// otherwise finish what they are at.
func (s *Server) signal(pid int, signal syscall.Signal) error {
	if signal != syscall.SIGKILL {
		return syscall.Kill(pid, signal)
	}
	children, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(pid)).Output()
	if err != nil {
		return err
	}
	err = syscall.Kill(pid, signal)
	for _, child := range strings.Fields(string(children)) {
		if n, bad := strconv.Atoi(child); bad == nil {
			_ = syscall.Kill(n, signal) // it may have ended by itself
		}
	}
	return err
}

// Remove stops the server and deletes all that it has.
func (s *Server) Remove() error {
	return errors.Join(s.Stop(), os.RemoveAll(s.Folder))
}

// Promote makes a primary of a standby.
func (s *Server) Promote() error { return s.tool("pg_ctl", "promote", "-w", "-D", s.data()) }

// Demote stops a primary, when its standby has everything, and makes it a standby
// of that one, which is promoted meanwhile.
func (s *Server) Demote(standby *Server) error {
	if err := s.tool("pg_ctl", "stop", "-m", "fast", "-w", "-D", s.data()); err != nil {
		return err
	}
	if err := errors.Join(s.Stop(), standby.Promote()); err != nil {
		return err
	}
	conninfo := fmt.Sprintf("\nprimary_conninfo = '%s'\n", standby.conninfo())
	if err := s.append("postgresql.auto.conf", conninfo); err != nil {
		return err
	}
	if err := s.append("standby.signal", ""); err != nil {
		return err
	}
	return s.Run()
}

// append adds a text to a file of the server's, which is made when there is none.
func (s *Server) append(name, text string) error {
	path := filepath.Join(s.data(), name)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Close())
	if s.as != nil {
		err = errors.Join(err, os.Chown(path, int(s.as.Uid), int(s.as.Gid)))
	}
	return err
}

// URL is that of a database on this server, by its socket.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://pixy@/%s?host=%s&port=%d", database, s.Folder, s.port)
}

// Address is where the server listens, "127.0.0.1:5433", when it has a port.
func (s *Server) Address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

func (s *Server) conninfo() string {
	return fmt.Sprintf("host=%s port=%d user=pixy dbname=postgres", s.Folder, s.port)
}

// Fresh makes a database, as a copy of another: "template1" is empty. Nobody may
// be connected to that one.
func (s *Server) Fresh(template string) (string, error) {
	name := fmt.Sprintf("test_%d", s.next.Add(1))
	return name, s.Exec("CREATE DATABASE " + name + " TEMPLATE " + template)
}

// Exec runs a statement in the database "postgres".
func (s *Server) Exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, statement)
	return errors.Join(err, c.Close(ctx))
}

// Tool is the path of one of PostgreSQL's programs.
func (s *Server) Tool(name string) string { return filepath.Join(s.bin, name) }

func (s *Server) tool(name string, args ...string) error {
	c := exec.Command(s.Tool(name), args...)
	c.SysProcAttr, c.Dir = &syscall.SysProcAttr{Credential: s.as}, s.Folder
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// binaries is the folder of the newest version that is installed.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", ErrAbsent
	}
	slices.SortFunc(found, func(a, b string) int { return versionOf(a) - versionOf(b) })
	return filepath.Dir(found[len(found)-1]), nil
}

func versionOf(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // 0 sorts first
	return n
}

// unprivileged is who a server runs as: PostgreSQL refuses root. It is nil when
// this process is not root.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(errUID, errGID)
	}
	return nil, fs.ErrNotExist
}
