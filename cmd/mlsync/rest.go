package main

import (
	"runtime/debug"
	"sync"
	"time"
)

// rest gives back what passes took of memory once none has run for a while: the
// collector alone would keep it for minutes, and a daemon is idle most of the time.
type rest struct {
	mu      sync.Mutex
	running int
	timer   *time.Timer
}

// restAfter is how long no pass must have run.
const restAfter = 5 * time.Second

// work notes that a pass runs until done is called.
func (r *rest) work() (done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running++
	if r.timer != nil {
		r.timer.Stop()
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.running--; r.running == 0 {
			r.timer = time.AfterFunc(restAfter, debug.FreeOSMemory)
		}
	}
}
