package azureml

import (
	"context"
	"math"
	"sync"
	"time"
)

// Budget is what is known of the requests that the service grants to identities
// in subscriptions. Clients that have one Budget slow down together; with a Share
// so do those of other processes.
type Budget struct {
	share Share

	mu      sync.Mutex
	sent    int // requests let out so far
	buckets map[string]*bucket
	flying  map[string]int       // sent and not answered, by bucket
	paused  map[string]time.Time // by identity, scope and class
	leases  map[string]*lease
	looked  map[string]time.Time // when the share was asked what others know
}

// Share divides budgets between processes. Nothing that it cannot say keeps a
// request back: then each process goes on by itself.
type Share interface {
	// Share takes n requests out of a budget that grants rate of them a second.
	// They may be sent once wait is over; nothing was taken if it is paused.
	Share(ctx context.Context, budget string, n, rate float64) (wait time.Duration, paused bool, err error)
	// Pause tells the others that the service wants to be left alone for so long.
	Pause(ctx context.Context, budget string, d time.Duration) error
	// Paused is for how long others have said so, and for how long the budget is
	// given away.
	Paused(ctx context.Context, budget string) (paused, taken time.Duration, err error)
}

// NewBudget makes a budget of which nothing is known; share is nil for that of
// this process alone.
func NewBudget(share Share) *Budget {
	return &Budget{
		share: share, buckets: map[string]*bucket{}, flying: map[string]int{}, paused: map[string]time.Time{},
		leases: map[string]*lease{}, looked: map[string]time.Time{},
	}
}

// lease is a part of a slowed budget that is this process's to send.
type lease struct {
	left    float64
	from    time.Time
	expires time.Time
	asking  sync.Mutex // held by who asks for the next one
}

const (
	// leaseFor is how many seconds of a budget one lease takes: the share is
	// asked once for all of them.
	leaseFor = 1
	// leaseLives is how long one that was not used up can be.
	leaseLives = 10 * time.Second
	// lookEvery is how often the share is asked what others know of a budget
	// that this process has had no lease of.
	lookEvery = 30 * time.Second
	// shareAnswers bounds how long a request waits for the share.
	shareAnswers = 2 * time.Second
)

// leased takes one request out of the lease of a budget, or says how long it is
// until it may be sent, or that there is none.
func (b *Budget) leased(key string, now time.Time) (delay time.Duration, none bool) {
	have := b.leases[key]
	switch {
	case have == nil || have.left < 1 || now.After(have.expires):
		return 0, true
	case now.Before(have.from):
		return have.from.Sub(now), false
	}
	have.left--
	return 0, false
}

// lease asks for a lease. Who comes while it is asked for waits for that one.
func (b *Budget) lease(ctx context.Context, key string, rate float64, clock func() time.Time) {
	b.mu.Lock()
	have := b.leases[key]
	if have == nil {
		have = &lease{}
		b.leases[key] = have
	}
	b.mu.Unlock()
	have.asking.Lock()
	defer have.asking.Unlock()
	b.mu.Lock()
	usable := have.left >= 1 && !clock().After(have.expires)
	b.mu.Unlock()
	if usable {
		return
	}
	n := math.Max(1, math.Ceil(leaseFor*rate))
	ctx, cancel := context.WithTimeout(ctx, shareAnswers)
	defer cancel()
	wait, paused, err := b.share.Share(ctx, key, n, rate)
	b.mu.Lock()
	defer b.mu.Unlock()
	now := clock()
	if err == nil && paused {
		b.paused[key] = now.Add(wait)
		return
	}
	if err != nil {
		wait = 0 // alone, at the rate of the bucket
	}
	have.left, have.from = n, now.Add(wait)
	have.expires = have.from.Add(leaseLives)
}

// look asks now and then what others know of a budget. If they have slowed down,
// so does this process until an answer says more.
func (b *Budget) look(ctx context.Context, key string, now time.Time, fresh *bucket) {
	if b.share == nil {
		return
	}
	b.mu.Lock()
	due := now.Sub(b.looked[key]) > lookEvery || b.looked[key].IsZero()
	if due {
		b.looked[key] = now
	}
	b.mu.Unlock()
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, shareAnswers)
	defer cancel()
	paused, taken, err := b.share.Paused(ctx, key)
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := now.Add(paused); until.After(b.paused[key]) {
		b.paused[key] = until
	}
	if b.buckets[key] == nil && taken > 0 {
		fresh.tokens = (calm + scant) / 2 * fresh.size
		b.buckets[key] = fresh
	}
}

// tellPause tells the others.
func (b *Budget) tellPause(ctx context.Context, key string, d time.Duration) {
	if b.share == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shareAnswers)
	defer cancel()
	_ = b.share.Pause(ctx, key, d) // each learns of it by itself then
}
