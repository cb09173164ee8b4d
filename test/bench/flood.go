package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// The flood: so many browsers sign in with their passwords, as fast as they can,
// while an application asks for so many tokens a second.
const (
	flooders  = 32
	floodRate = 100.0
)

// flood measures what a flood of passwords, whose hashes cost what they do by
// default, does to who wants a token.
func (m *measurement) flood(program, source string) (err error) {
	folder := filepath.Join(m.folder, "flood")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	s, err := serve(program, folder, source, bootstrap())
	if err != nil {
		return err
	}
	defer s.stop()
	f := &measurement{options: m.options, name: "flood", pixy: s}
	f.connections = flooders + m.connections
	if err := f.prepare(); err != nil {
		return err
	}
	browsers, clients := f.callers[:flooders], f.callers[flooders:]
	alone, err := drive(clients, (*caller).clientCredentials, m.long, floodRate)
	if err != nil {
		return err
	}
	before, err := s.cpu()
	if err != nil {
		return err
	}
	var flood load
	ended := make(chan error, 1)
	go func() (err error) {
		defer func() { ended <- err }()
		flood, err = drive(browsers, (*caller).signIn, m.long+time.Second, 0)
		return err
	}()
	time.Sleep(time.Second / 2)
	beside, err := drive(clients, (*caller).clientCredentials, m.long, floodRate)
	if err != nil {
		return err
	}
	if err := <-ended; err != nil {
		return err
	}
	after, err := s.cpu()
	if err != nil {
		return err
	}
	peak, err := s.memory("VmHWM")
	fmt.Fprintf(m.out, "\npasswords hashed at the default cost: %.0f sign-ins/s, %.1f ms CPU each; memory at most %.0f MB\n", flood.rate(), millis(after-before)/float64(flood.done), peak)
	fmt.Fprintf(m.out, "%.0f client_credentials/s alone: p50 %.2f, p99 %.2f ms; beside the flood: p50 %.2f, p99 %.2f ms\n", floodRate,
		millis(alone.percentile(50)), millis(alone.percentile(99)), millis(beside.percentile(50)), millis(beside.percentile(99)))
	return err
}
