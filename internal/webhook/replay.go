package webhook

import (
	"crypto/sha256"
	"sync"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// mark is what is remembered of a delivery.
type mark [sha256.Size]byte

// markOf is the mark of what a provider proved. Ids of deliveries are signed by
// no provider, so that they would not tell a replay.
func markOf(p Provider, proved []byte) mark {
	h := sha256.New()
	h.Write([]byte(string(p) + "\x00"))
	h.Write(proved)
	return mark(h.Sum(nil))
}

// memory remembers the deliveries of a while: so many, the oldest goes first.
type memory struct {
	now func() time.Time

	mu   sync.Mutex
	when map[mark]time.Time
	ring []mark
	next int
}

func newMemory(now func() time.Time) *memory { return &memory{now: now, when: map[mark]time.Time{}} }

// begin remembers a delivery; false if it was there already.
func (m *memory) begin(k mark) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	at, ok := m.when[k]
	if ok && now.Sub(at) < limit.WebhookMemory {
		return false
	}
	m.when[k] = now
	if ok {
		return true // it stands in the ring already
	}
	if len(m.ring) < limit.WebhookReplays {
		m.ring = append(m.ring, k)
		return true
	}
	delete(m.when, m.ring[m.next])
	m.ring[m.next] = k
	m.next = (m.next + 1) % len(m.ring)
	return true
}

// forget lets a delivery that came to nothing come again.
func (m *memory) forget(k mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.when[k]; ok {
		m.when[k] = time.Time{}
	}
}
