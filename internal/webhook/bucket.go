package webhook

import (
	"sync"
	"time"
)

// Bucket allows so many things in a span of time, at once or spread.
type Bucket struct {
	most  float64
	every time.Duration // after which there is one more
	now   func() time.Time

	mu   sync.Mutex
	left float64
	last time.Time
}

// NewBucket returns a full bucket of most things, that fills again in span.
func NewBucket(most int, span time.Duration, now func() time.Time) *Bucket {
	return &Bucket{most: float64(most), every: span / time.Duration(most), now: now, left: float64(most), last: now()}
}

// Take takes one, if there is one.
func (b *Bucket) Take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if d := now.Sub(b.last); d > 0 {
		b.left = min(b.most, b.left+float64(d)/float64(b.every))
	}
	b.last = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
