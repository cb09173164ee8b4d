package server

import (
	"testing"
	"time"
)

// TestNotifier runs one job at a time: rings while it runs let it run once
// more, and none begins after a stop, which waits for the one under way.
func TestNotifier(t *testing.T) {
	began, finish := make(chan bool), make(chan bool)
	n := newNotifier(func(stopped func() bool) {
		began <- stopped()
		<-finish
	})
	n.ring()
	if <-began {
		t.Error("it begins stopped")
	}
	for range 5 {
		n.ring()
	}
	finish <- true
	<-began // once more for all five
	finish <- true
	select {
	case <-began:
		t.Fatal("it runs for every ring")
	case <-time.After(20 * time.Millisecond):
	}

	n.ring()
	<-began
	n.ring()
	stopped := make(chan bool)
	go func() {
		n.stop()
		close(stopped)
	}()
	select {
	case <-stopped:
		t.Fatal("the stop does not wait")
	case <-time.After(20 * time.Millisecond):
	}
	finish <- true
	<-stopped
	n.ring()
	select {
	case <-began:
		t.Error("it runs after the stop")
	case <-time.After(20 * time.Millisecond):
	}
}
