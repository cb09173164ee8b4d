package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a process that answers at an address.
type server struct {
	run     *exec.Cmd
	host    string
	metrics string // URL, "" for none
	first   time.Duration
}

// build builds a program of this module into a folder.
func build(folder, name, from string, flags ...string) (string, error) {
	path := filepath.Join(folder, name)
	out, err := exec.Command("go", append(append([]string{"build", "-trimpath", "-o", path}, flags...), from)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", from, err, out)
	}
	return path, nil
}

// serve starts Pixy in a folder, and waits until it answers.
func serve(program, folder, database string, env []string, args ...string) (*server, error) {
	if database == "" {
		database = "file:" + filepath.Join(folder, "pixy.db")
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s := &server{run: exec.Command(program, append([]string{"serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--data", folder, "--database", database}, args...)...)}
	s.run.Env = append(os.Environ(), env...)
	s.run.Stdout, s.run.Stderr = log, log
	began := time.Now()
	if err := s.run.Start(); err != nil {
		return nil, err
	}
	for ; time.Since(began) < timeout; time.Sleep(time.Millisecond) {
		if s.find(log.Name()) {
			s.first = time.Since(began)
			return s, nil
		}
	}
	raw, err := os.ReadFile(log.Name())
	return nil, errors.Join(fmt.Errorf("pixy does not say where it serves:\n%s", raw), err, s.stop())
}

// find reads in the log where the server is.
func (s *server) find(log string) bool {
	raw, err := os.ReadFile(log)
	if err != nil {
		return false
	}
	for line := range bytes.Lines(raw) {
		var l struct{ Msg, URL, Metrics string }
		if json.Unmarshal(line, &l) == nil && l.Msg == "pixy serves" {
			s.host, s.metrics = strings.TrimPrefix(l.URL, "http://"), l.Metrics
		}
	}
	return s.host != ""
}

// begin starts the floor.
func begin(program string, t any) (*server, error) {
	in, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	s := &server{run: exec.Command(program)}
	s.run.Stdin, s.run.Stderr = bytes.NewReader(in), os.Stderr
	out, err := s.run.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.run.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	s.host = strings.TrimSpace(line)
	return s, err
}

func (s *server) stop() error {
	err := s.run.Process.Signal(syscall.SIGTERM)
	_ = s.run.Wait() // the floor is ended by the signal
	return err
}

// tick is a unit of /proc's processor times: a hundredth of a second, on every
// Linux that Go knows.
const tick = 10 * time.Millisecond

// cpu is the processor time that the process has used.
func (s *server) cpu() (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.run.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick, err
}

// memory is a figure of /proc/PID/status in megabytes, VmRSS or VmHWM.
func (s *server) memory(name string) (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.run.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(raw), name+":")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	return float64(kb) / 1024, err
}

// durable are the counters of durable transactions.
func durable() []string {
	return []string{`pixy_store_transactions_total{outcome="ok",work="update"}`, `pixy_store_transactions_total{outcome="ok",work="change"}`}
}

// counted is the sum of the server's counters whose names begin so.
func (s *server) counted(names ...string) (n float64, err error) {
	resp, err := http.Get(s.metrics)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	for line := range strings.Lines(string(raw)) {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(line, name) }) {
			continue
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:len(line)-1], 64)
		if err != nil {
			return 0, err
		}
		n += v
	}
	return n, err
}

// profile writes a profile of the processor time of the next so many seconds.
func (s *server) profile(long time.Duration, file string) error {
	resp, err := http.Get(fmt.Sprintf("%s/debug/pprof/profile?seconds=%.0f", strings.TrimSuffix(s.metrics, "/metrics"), long.Seconds()))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(file, raw, 0o600)
}
