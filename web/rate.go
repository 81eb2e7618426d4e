package web

import (
	"sync"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// rates bound how often each one asks. There are as many as ask, and no more
// than limit.APIClients: the one that was quiet longest is forgotten first,
// which gives it no more than a full bucket.
type rates struct {
	a, every float64 // requests at once, and seconds for one more
	now      func() time.Time

	mu  sync.Mutex
	all map[string]*bucket
}

type bucket struct {
	left float64
	last time.Time
}

func newRates(atOnce int, perSecond float64, now func() time.Time) *rates {
	return &rates{a: float64(atOnce), every: 1 / perSecond, now: now, all: map[string]*bucket{}}
}

// take takes one; otherwise it says in how many seconds there is one again.
func (r *rates) take(who string) (ok bool, wait int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.of(who)
	if b.left < 1 {
		return false, int((1-b.left)*r.every) + 1
	}
	b.left--
	return true, 0
}

// of is the bucket as it is now.
func (r *rates) of(who string) *bucket {
	now := r.now()
	b := r.all[who]
	if b == nil {
		if len(r.all) >= limit.APIClients {
			r.forget(now)
		}
		b = &bucket{left: r.a, last: now}
		r.all[who] = b
	}
	if d := now.Sub(b.last).Seconds(); d > 0 {
		b.left = min(r.a, b.left+d/r.every)
	}
	b.last = now
	return b
}

// forget drops the buckets that are full again, or the one that was quiet longest.
func (r *rates) forget(now time.Time) {
	oldest := ""
	for who, b := range r.all {
		if b.left+now.Sub(b.last).Seconds()/r.every >= r.a {
			delete(r.all, who)
			continue
		}
		if oldest == "" || b.last.Before(r.all[oldest].last) {
			oldest = who
		}
	}
	if len(r.all) >= limit.APIClients {
		delete(r.all, oldest)
	}
}
