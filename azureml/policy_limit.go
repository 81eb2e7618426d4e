package azureml

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	calm  = 0.25 // above this share of a bucket nothing is slowed
	scant = 0.10 // below it the class pauses
)

// limitPolicy bounds the requests in flight and slows a class down before the
// service has to refuse it: every answer says how much is left in the buckets.
// As long as they are well filled, or nothing is said, requests go out as they
// come; below a quarter they go out no faster than the buckets refill, and
// below a tenth they wait until it is more again.
type limitPolicy struct {
	o     *resolved
	slots chan struct{}

	mu      sync.Mutex
	sent    int // requests let out so far
	buckets map[string]*bucket
	flying  map[string]int       // sent and not answered, by bucket
	paused  map[string]time.Time // by scope and class
}

// bucket is our idea of a token bucket of the service.
type bucket struct {
	size   float64
	rate   float64 // tokens a second we count on
	tokens float64
	at     time.Time // when tokens was true
	newest int       // the last request whose answer was believed
	next   time.Time // when a slowed bucket lets the next one out
}

// wellKnown are the sizes of the buckets as documented, and the factor of the
// one for all principals of a subscription.
var wellKnown = map[class]float64{reads: 250, writes: 200, deletes: 200}

const (
	globalFactor = 15
	// The provider's own small bucket for deployments: seen to begin with 25,
	// its window is not documented.
	resourceSize = 25
	resourceRate = 0.1
)

func newLimit(o *resolved) *limitPolicy {
	return &limitPolicy{o: o, slots: make(chan struct{}, o.InFlight), buckets: map[string]*bucket{}, flying: map[string]int{}, paused: map[string]time.Time{}}
}

// Do sends one attempt when there is room for it.
func (l *limitPolicy) Do(req *policy.Request) (*http.Response, error) {
	ctx, c := req.Raw().Context(), callOf(req)
	nth, err := l.wait(ctx, req.Raw().Method, c)
	if err != nil {
		return nil, err
	}
	defer func() { <-l.slots }()
	if c.class != reads { // the last moment before it goes out
		if err := stands(ctx); err != nil {
			return nil, err
		}
	}
	attempt, cancel := context.WithTimeout(ctx, l.o.Timeout)
	defer cancel()
	resp, err := req.WithContext(attempt).Next()
	l.answered(c, nth, resp)
	return resp, err
}

// wait returns with a slot taken and a token of every bucket counted off. The
// number tells requests apart in the order they go out.
func (l *limitPolicy) wait(ctx context.Context, method string, c *call) (int, error) {
	var waited time.Duration
	for {
		select {
		case l.slots <- struct{}{}:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		delay, nth := l.take(c)
		if delay <= 0 {
			return nth, nil
		}
		<-l.slots
		if waited+delay > l.o.MaxWait {
			return 0, &Throttled{Until: l.o.Clock.Now().Add(delay), Method: method, Path: c.path}
		}
		waited += delay
		if err := l.o.Clock.Sleep(ctx, delay); err != nil {
			return 0, err
		}
	}
}

// keys are the names of the buckets a call draws from.
func (l *limitPolicy) keys(c *call) []string {
	if c.buckets == nil {
		p := c.scope() + "|"
		c.buckets = []string{p + c.class.String(), p + "global-" + c.class.String(), p + c.class.String() + "|" + collection(c.path)}
	}
	return c.buckets
}

// take counts a request off all buckets of c, or says how long to wait first.
func (l *limitPolicy) take(c *call) (time.Duration, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.o.Clock.Now()
	keys := l.keys(c)
	delay := l.paused[keys[0]].Sub(now)
	for _, k := range keys {
		if b := l.buckets[k]; b != nil {
			b.refill(now)
			delay = max(delay, b.delay(now))
		}
	}
	if delay > 0 {
		return delay, 0
	}
	for _, k := range keys {
		l.flying[k]++
		if b := l.buckets[k]; b != nil {
			b.spend(now)
		}
	}
	l.sent++
	return 0, l.sent
}

// refill brings the tokens up to now.
func (b *bucket) refill(now time.Time) {
	if d := now.Sub(b.at).Seconds(); d > 0 {
		b.tokens = math.Min(b.size, b.tokens+d*b.rate)
		b.at = now
	}
}

// delay is the time until one more request may go out.
func (b *bucket) delay(now time.Time) time.Duration {
	switch {
	case b.tokens < scant*b.size:
		return time.Duration(math.Ceil((scant*b.size - b.tokens) / b.rate * float64(time.Second)))
	case b.tokens < calm*b.size:
		return b.next.Sub(now)
	}
	return 0
}

// spend counts one request off.
func (b *bucket) spend(now time.Time) {
	if b.tokens < calm*b.size {
		b.next = now.Add(time.Duration(float64(time.Second) / b.rate))
	}
	b.tokens--
}

// answered learns from the headers of an answer.
func (l *limitPolicy) answered(c *call, nth int, resp *http.Response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	keys := l.keys(c)
	for _, k := range keys {
		l.flying[k]--
	}
	if resp == nil {
		return
	}
	now := l.o.Clock.Now()
	rate := map[class]float64{reads: l.o.Reads, writes: l.o.Writes, deletes: l.o.Deletes}[c.class]
	size := wellKnown[c.class]
	const prefix = "x-ms-ratelimit-remaining-subscription-"
	l.learn(keys[0], nth, resp.Header.Get(prefix+c.class.String()), &bucket{size: size, rate: rate, at: now})
	l.learn(keys[1], nth, resp.Header.Get(prefix+"global-"+c.class.String()), &bucket{size: globalFactor * size, rate: globalFactor * rate, at: now})
	if c.class == writes {
		l.learn(keys[2], nth, resp.Header.Get(prefix+"resource-requests"), &bucket{size: resourceSize, rate: resourceRate, at: now})
	}
	if resp.StatusCode == http.StatusTooManyRequests {
		if d, ok := retryAfter(resp, now); ok && now.Add(d).After(l.paused[keys[0]]) {
			l.paused[keys[0]] = now.Add(d)
		}
	}
}

// learn sets a bucket to what the answer to the nth request says is left, less
// what is on its way. An answer that was overtaken can only take away. fresh is
// the bucket if there is none yet.
func (l *limitPolicy) learn(key string, nth int, value string, fresh *bucket) {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || n < 0 || n > 1e9 {
		return
	}
	b := l.buckets[key]
	if b == nil {
		b = fresh
		l.buckets[key] = b
	}
	b.refill(fresh.at)
	left := n - float64(l.flying[key])
	if nth < b.newest && left > b.tokens {
		return
	}
	b.newest = max(b.newest, nth)
	b.size = max(b.size, n+1)
	b.tokens, b.at = left, fresh.at
}
