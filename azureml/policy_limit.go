package azureml

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
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
// below a tenth they wait until it is more again. What reads does not keep what
// writes waiting: they have buckets and places in flight of their own.
type limitPolicy struct {
	o     *resolved
	b     *Budget
	who   string // whose buckets they are
	slots [3]chan struct{}
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
	l := &limitPolicy{o: o, b: o.Budget, who: strings.Join([]string{o.endpoint.Host, o.Credential, o.TenantID, o.ClientID}, " ")}
	if l.b == nil {
		l.b = NewBudget(nil)
	}
	for _, c := range []class{reads, writes} {
		l.slots[c] = make(chan struct{}, o.InFlight)
	}
	l.slots[deletes] = l.slots[writes]
	return l
}

// Do sends one attempt when there is room for it.
func (l *limitPolicy) Do(req *policy.Request) (*http.Response, error) {
	ctx, c := req.Raw().Context(), callOf(req)
	nth, err := l.wait(ctx, req.Raw().Method, c)
	if err != nil {
		return nil, err
	}
	defer func() { <-l.slots[c.class] }()
	if c.class != reads { // the last moment before it goes out
		if err := stands(ctx); err != nil {
			return nil, err
		}
	}
	attempt, cancel := context.WithTimeout(ctx, l.o.Timeout)
	defer cancel()
	resp, err := req.WithContext(attempt).Next()
	if pause := l.answered(c, nth, resp); pause > 0 {
		l.b.tellPause(ctx, l.keys(c)[0], pause)
	}
	return resp, err
}

// wait returns with a slot taken and a token of every bucket counted off. The
// number tells requests apart in the order they go out.
func (l *limitPolicy) wait(ctx context.Context, method string, c *call) (int, error) {
	var waited time.Duration
	slots := l.slots[c.class]
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		l.b.look(ctx, l.keys(c)[0], l.o.Clock.Now(), l.fresh(c))
		delay, nth, lease := l.take(c)
		if delay <= 0 && !lease {
			return nth, nil
		}
		<-slots
		if lease {
			l.b.lease(ctx, l.keys(c)[0], l.rate(c), l.o.Clock.Now)
			continue
		}
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
		p := l.who + " " + c.scope() + "|"
		c.buckets = []string{p + c.class.String(), p + "global-" + c.class.String(), p + c.class.String() + "|" + collection(c.path)}
	}
	return c.buckets
}

// rate is how many requests of its class a second are counted on.
func (l *limitPolicy) rate(c *call) float64 {
	return [...]float64{l.o.Reads, l.o.Writes, l.o.Deletes}[c.class]
}

// fresh is the bucket of a class of which nothing is known yet.
func (l *limitPolicy) fresh(c *call) *bucket {
	return &bucket{size: wellKnown[c.class], rate: l.rate(c), at: l.o.Clock.Now()}
}

// take counts a request off all buckets of c, or says how long to wait first, or
// that a lease is to be had first.
func (l *limitPolicy) take(c *call) (delay time.Duration, nth int, lease bool) {
	b := l.b
	b.mu.Lock()
	defer b.mu.Unlock()
	now := l.o.Clock.Now()
	keys := l.keys(c)
	delay = b.paused[keys[0]].Sub(now)
	for _, k := range keys {
		if b := b.buckets[k]; b != nil {
			b.refill(now)
			delay = max(delay, b.delay(now))
		}
	}
	if delay > 0 {
		return delay, 0, false
	}
	if own := b.buckets[keys[0]]; b.share != nil && own != nil && own.slowed() {
		if delay, lease = b.leased(keys[0], now); lease || delay > 0 {
			return delay, 0, lease
		}
	}
	for _, k := range keys {
		b.flying[k]++
		if b := b.buckets[k]; b != nil {
			b.spend(now)
		}
	}
	b.sent++
	return 0, b.sent, false
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
	case b.slowed():
		return b.next.Sub(now)
	}
	return 0
}

// slowed reports whether requests go out no faster than the bucket refills.
func (b *bucket) slowed() bool { return b.tokens < calm*b.size }

// spend counts one request off.
func (b *bucket) spend(now time.Time) {
	if b.slowed() {
		b.next = now.Add(time.Duration(float64(time.Second) / b.rate))
	}
	b.tokens--
}

// answered learns from the headers of an answer, and returns how long the service
// asks to wait.
func (l *limitPolicy) answered(c *call, nth int, resp *http.Response) (pause time.Duration) {
	b := l.b
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := l.keys(c)
	for _, k := range keys {
		b.flying[k]--
	}
	if resp == nil {
		return 0
	}
	now := l.o.Clock.Now()
	rate := l.rate(c)
	size := wellKnown[c.class]
	const prefix = "x-ms-ratelimit-remaining-subscription-"
	b.learn(keys[0], nth, resp.Header.Get(prefix+c.class.String()), &bucket{size: size, rate: rate, at: now})
	b.learn(keys[1], nth, resp.Header.Get(prefix+"global-"+c.class.String()), &bucket{size: globalFactor * size, rate: globalFactor * rate, at: now})
	if c.class == writes {
		b.learn(keys[2], nth, resp.Header.Get(prefix+"resource-requests"), &bucket{size: resourceSize, rate: resourceRate, at: now})
	}
	if resp.StatusCode == http.StatusTooManyRequests {
		if d, ok := retryAfter(resp, now); ok && now.Add(d).After(b.paused[keys[0]]) {
			b.paused[keys[0]] = now.Add(d)
			return d
		}
	}
	return 0
}

// learn sets a bucket to what the answer to the nth request says is left, less
// what is on its way. An answer that was overtaken can only take away. fresh is
// the bucket if there is none yet.
func (b *Budget) learn(key string, nth int, value string, fresh *bucket) {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || n < 0 || n > 1e9 {
		return
	}
	k := b.buckets[key]
	if k == nil {
		k = fresh
		b.buckets[key] = k
	}
	k.refill(fresh.at)
	left := n - float64(b.flying[key])
	if nth < k.newest && left > k.tokens {
		return
	}
	k.newest = max(k.newest, nth)
	k.size = max(k.size, n+1)
	k.tokens, k.at = left, fresh.at
}
