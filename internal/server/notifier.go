package server

import "sync"

// notifier runs a job in the background whenever it is rung, one at a time: a
// ring while it runs lets it run once more.
type notifier struct {
	job func(stopped func() bool)

	mu                      sync.Mutex
	running, again, stopped bool
	idle                    sync.WaitGroup
}

func newNotifier(job func(stopped func() bool)) *notifier { return &notifier{job: job} }

// ring says that there may be something to do. It waits for nothing.
func (n *notifier) ring() {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.stopped:
	case n.running:
		n.again = true
	default:
		n.running = true
		n.idle.Go(n.work)
	}
}

func (n *notifier) work() {
	for more := true; more; {
		n.job(n.isStopped)
		n.mu.Lock()
		more = n.again && !n.stopped
		n.again, n.running = false, more
		n.mu.Unlock()
	}
}

func (n *notifier) isStopped() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stopped
}

// stop lets what is under way finish, and nothing else begin.
func (n *notifier) stop() {
	n.mu.Lock()
	n.stopped = true
	n.mu.Unlock()
	n.idle.Wait()
}
