package azureml

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"
)

// sharedBuckets are the service's: one for reads and one for writes, that all
// processes draw from.
type sharedBuckets struct {
	mu      sync.Mutex
	tokens  map[string]float64
	at      time.Time
	rate    float64
	refused int
	sent    map[string]int
}

func (b *sharedBuckets) Do(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kind := "reads"
	if r.Method == http.MethodPut {
		kind = "writes"
	}
	now := time.Now()
	for k := range b.tokens {
		b.tokens[k] = min(250, b.tokens[k]+now.Sub(b.at).Seconds()*b.rate)
	}
	b.at = now
	if b.tokens[kind] < 1 {
		b.refused++
		return refuse(429, "SubscriptionRequestsThrottled", map[string]string{"Retry-After": "30"}).response(r), nil
	}
	b.tokens[kind]--
	b.sent[kind]++
	resp := answer{status: 200, body: `{}`}.response(r)
	resp.Header.Set("x-ms-ratelimit-remaining-subscription-"+kind, strconv.Itoa(int(b.tokens[kind])))
	return resp, nil
}

// memoryShare is what processes share, as a journal does.
type memoryShare struct {
	mu     sync.Mutex
	free   map[string]time.Time
	paused map[string]time.Time
	calls  int
	broken bool
}

func (m *memoryShare) Share(_ context.Context, budget string, n, rate float64) (time.Duration, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	now := time.Now()
	if m.broken {
		return 0, false, errors.New("the journal is away")
	}
	if until := m.paused[budget]; until.After(now) {
		return until.Sub(now), true, nil
	}
	from := m.free[budget]
	if from.Before(now) {
		from = now
	}
	m.free[budget] = from.Add(time.Duration(n / rate * float64(time.Second)))
	return from.Sub(now), false, nil
}

func (m *memoryShare) Pause(_ context.Context, budget string, d time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	m.paused[budget] = time.Now().Add(d)
	return nil
}

func (m *memoryShare) Paused(_ context.Context, budget string) (paused, taken time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.broken {
		return 0, 0, errors.New("the journal is away")
	}
	return time.Until(m.paused[budget]), time.Until(m.free[budget]), nil
}

func newShare() *memoryShare {
	return &memoryShare{free: map[string]time.Time{}, paused: map[string]time.Time{}}
}

// processes are clients of one identity, each with the budget of a process.
func processes(t *testing.T, n int, b *sharedBuckets, share Share) []*Client {
	t.Helper()
	var out []*Client
	for range n {
		c, err := New(Options{Credential: "none", Transport: b, Budget: NewBudget(share), Random: func() float64 { return 0.5 }})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

func newBuckets(tokens float64) *sharedBuckets {
	return &sharedBuckets{tokens: map[string]float64{"reads": tokens, "writes": tokens}, at: time.Now(), rate: 20, sent: map[string]int{}}
}

func get(ctx context.Context, g *errgroup.Group, clients []*Client, n int) {
	for i := range n {
		g.Go(func() error {
			_, err := clients[i%len(clients)].Get(ctx, fmt.Sprintf("%s/data/d%d", ws, i), "v")
			return err
		})
	}
}

// Three processes together send no faster than the service grants, ask their
// journal far less often than they send, and what reads does not keep what writes
// waiting.
func TestBudgetOfManyProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, share := newBuckets(100), newShare()
		clients := processes(t, 3, b, share)
		began := time.Now()
		var g, writers errgroup.Group
		get(t.Context(), &g, clients, 900)
		synctest.Wait() // all of them wait
		for i := range 30 {
			writers.Go(func() error {
				_, err := clients[i%3].Put(t.Context(), fmt.Sprintf("%s/data/w%d", ws, i), "v", []byte(`{}`))
				return err
			})
		}
		if err := writers.Wait(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("30 writes waited %v for what reads", took)
		}
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		if b.refused != 0 {
			t.Errorf("%d requests were refused", b.refused)
		}
		if took := time.Since(began); took < 35*time.Second || took > 80*time.Second {
			t.Errorf("900 reads with 100 tokens and 20 a second took %v", took)
		}
		if share.calls > 900/10 {
			t.Errorf("the journal was asked %d times for 900 requests", share.calls)
		}
	})
}

// One process is told to wait: another that has just begun does not ask at all
// before that. Without a journal each goes on by itself.
func TestPauseIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, share := newBuckets(0), newShare()
		clients := processes(t, 2, b, share)
		began := time.Now()
		var g errgroup.Group
		get(t.Context(), &g, clients[:1], 1)
		synctest.Wait()
		b.tokens["reads"] = 0
		get(t.Context(), &g, clients[1:], 5)
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		if b.refused != 1 || time.Since(began) < 30*time.Second {
			t.Errorf("%d were refused, and it took %v", b.refused, time.Since(began))
		}
		share.broken = true
		b.tokens["reads"], b.at = 30, time.Now()
		get(t.Context(), &g, processes(t, 1, b, share), 100)
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// A write that has lost its right to write while it waited is not sent.
func TestAttackR6AWriteThatWaitedTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(20) // less than a tenth: it has to wait
		c := processes(t, 1, b, nil)[0]
		lost := errors.New("lost")
		until := time.Now().Add(time.Second)
		ctx := Fenced(t.Context(), func() error {
			if time.Now().After(until) {
				return lost
			}
			return nil
		})
		if _, err := c.Put(ctx, ws+"/data/a", "v", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		until = time.Now() // and the bucket is nearly empty
		if _, err := c.Put(ctx, ws+"/data/b", "v", []byte(`{}`)); !errors.Is(err, lost) {
			t.Errorf("a late write: %v", err)
		}
		if _, err := c.Get(ctx, ws+"/data/b", "v"); err != nil {
			t.Errorf("reading is free: %v", err)
		}
		if b.sent["writes"] != 1 {
			t.Errorf("%d writes were sent", b.sent["writes"])
		}
	})
}
