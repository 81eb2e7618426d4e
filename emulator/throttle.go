package emulator

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A bucket holds tokens that come back at a rate.
type bucket struct {
	size, refill, tokens float64
	last                 time.Time
}

func (b *bucket) fill(now time.Time) {
	if d := now.Sub(b.last).Seconds(); d > 0 {
		b.tokens = min(b.size, b.tokens+d*b.refill)
	}
	b.last = now
}

// wait is how many whole seconds until a token is there.
func (b *bucket) wait() int { return max(1, int(math.Ceil((1-b.tokens)/b.refill))) }

// throttle is the token buckets of ARM: per subscription, principal and class, and one 15 times as large per
// subscription over all principals (documented; the counters were recorded in 2026-03).
type throttle struct {
	mu      sync.Mutex
	buckets map[string]*bucket
}

func newThrottle() *throttle { return &throttle{buckets: map[string]*bucket{}} }

// maxBuckets bounds the memory of the throttle: when there are more, the full ones are forgotten.
const maxBuckets = 4096

func (t *throttle) get(key string, size, refill float64, now time.Time) *bucket {
	b := t.buckets[key]
	if b == nil {
		if len(t.buckets) >= maxBuckets {
			for k, old := range t.buckets {
				if old.fill(now); old.tokens == old.size {
					delete(t.buckets, k)
				}
			}
		}
		b = &bucket{size: size, refill: refill, tokens: size, last: now}
		t.buckets[key] = b
	}
	b.fill(now)
	return b
}

type opClass struct {
	name         string // in the headers
	size, refill float64
}

func classOf(r *http.Request) opClass {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return opClass{"reads", 250, 25}
	case http.MethodDelete:
		return opClass{"deletes", 200, 10}
	default:
		return opClass{"writes", 200, 10}
	}
}

// take spends a token for r and sets the counter headers. With enforce it reports how long to wait when there is none;
// without, the counters show full buckets, so that clients do not slow down for limits that are not there.
func (t *throttle) take(h http.Header, r *http.Request, sub, who string, enforce bool, now time.Time) (wait int, ok bool) {
	c := classOf(r)
	deployment := r.Method == http.MethodPut && strings.EqualFold(collectionOf(r.URL.Path), "onlineEndpoints/deployments")
	set := func(name string, v float64) {
		h.Set("x-ms-ratelimit-remaining-subscription-"+name, strconv.Itoa(int(max(0, v))))
	}
	if !enforce {
		set("global-"+c.name, c.size*15-1)
		if deployment {
			set("resource-requests", 24)
		} else {
			set(c.name, c.size-1)
		}
		return 0, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.get(sub+"|"+who+"|"+c.name, c.size, c.refill, now)
	global := t.get(sub+"||"+c.name, c.size*15, c.refill*15, now)
	needed := []*bucket{own, global}
	if deployment { // the provider's own small budget (the counter was recorded 2022-10, the window is inferred)
		needed = append(needed, t.get(sub+"|"+who+"|resource-requests", 25, 25.0/60, now))
	}
	for _, b := range needed {
		if b.tokens < 1 {
			wait = max(wait, b.wait())
		}
	}
	if wait == 0 {
		for _, b := range needed {
			b.tokens--
		}
	}
	set("global-"+c.name, global.tokens)
	if deployment {
		set("resource-requests", needed[2].tokens)
	} else {
		set(c.name, own.tokens)
	}
	return wait, wait == 0
}
