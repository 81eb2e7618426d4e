package azureml

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// bucketServer is the service's token bucket, refilled by the fake clock.
type bucketServer struct {
	mu      sync.Mutex
	clock   *fakeClock
	tokens  float64
	size    float64
	refill  float64
	at      time.Time
	refused int
	silent  bool // no counters
	header  string
}

func (b *bucketServer) Do(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	b.tokens = min(b.size, b.tokens+now.Sub(b.at).Seconds()*b.refill)
	b.at = now
	if b.tokens < 1 {
		b.refused++
		return refuse(429, "SubscriptionRequestsThrottled", map[string]string{"Retry-After": "1"}).response(r), nil
	}
	b.tokens--
	resp := answer{status: 201, body: `{}`}.response(r)
	if !b.silent {
		resp.Header.Set("x-ms-ratelimit-remaining-subscription-"+b.header, strconv.Itoa(int(b.tokens)))
	}
	return resp, nil
}

func (b *bucketServer) run(t *testing.T, n int) time.Duration {
	t.Helper()
	start := b.clock.Now()
	b.at = start
	c := newTestClient(t, b, b.clock)
	var g errgroup.Group
	g.SetLimit(10)
	for i := range n {
		g.Go(func() error {
			_, err := c.Put(t.Context(), ws+"/environments/e/versions/"+strconv.Itoa(i), "v", []byte(`{}`))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	return b.clock.Now().Sub(start)
}

func TestLimit(t *testing.T) {
	t.Run("a full bucket is used without delay", func(t *testing.T) {
		b := &bucketServer{clock: newClock(), tokens: 200, size: 200, refill: 10, header: "writes"}
		if took := b.run(t, 140); took != 0 {
			t.Errorf("140 writes were slowed to %v", took)
		}
	})
	t.Run("more than a bucket never meets a 429", func(t *testing.T) {
		b := &bucketServer{clock: newClock(), tokens: 200, size: 200, refill: 10, header: "writes"}
		took := b.run(t, 500)
		if b.refused != 0 {
			t.Errorf("%d requests were refused", b.refused)
		}
		// (500-150)/8 s, and the fake clock adds up the sleeps of ten workers.
		if took < 30*time.Second {
			t.Errorf("500 writes took only %v", took)
		}
	})
	t.Run("a drained bucket is waited for", func(t *testing.T) {
		b := &bucketServer{clock: newClock(), tokens: 12, size: 200, refill: 10, header: "writes"}
		took := b.run(t, 14) // ten go out before the first answer tells
		if b.refused != 0 || took == 0 {
			t.Errorf("%d refused, took %v", b.refused, took)
		}
	})
	t.Run("no counters, no delay", func(t *testing.T) {
		b := &bucketServer{clock: newClock(), tokens: 1e6, size: 1e6, silent: true}
		if took := b.run(t, 500); took != 0 {
			t.Errorf("500 writes were slowed to %v", took)
		}
	})
	t.Run("a bigger bucket is believed", func(t *testing.T) {
		b := &bucketServer{clock: newClock(), tokens: 1200, size: 1200, refill: 10, header: "writes"}
		if took := b.run(t, 500); took != 0 {
			t.Errorf("500 writes were slowed to %v", took)
		}
	})
	t.Run("the bucket of all principals", func(t *testing.T) {
		b := &bucketServer{clock: newClock(), tokens: 200, size: 3000, refill: 150, header: "global-writes"}
		b.run(t, 15)
		if n, _ := b.clock.slept(); n == 0 || b.refused != 0 {
			t.Errorf("%d sleeps, %d refused", n, b.refused)
		}
	})
	t.Run("the bucket of the provider", func(t *testing.T) {
		b := &bucketServer{clock: newClock(), tokens: 25, size: 25, refill: 0.2, header: "resource-requests"}
		b.run(t, 30)
		if n, _ := b.clock.slept(); n == 0 || b.refused != 0 {
			t.Errorf("%d sleeps, %d refused", n, b.refused)
		}
	})
}

func TestInFlight(t *testing.T) {
	var mu sync.Mutex
	flying, most := 0, 0
	three, open := make(chan struct{}), make(chan struct{})
	tr := transport(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		flying++
		if most = max(most, flying); most == 3 && three != nil {
			close(three)
			three = nil
		}
		mu.Unlock()
		<-open
		mu.Lock()
		flying--
		mu.Unlock()
		return ok(`{}`).response(r), nil
	})
	c := newTestClient(t, tr, newClock(), func(o *Options) { o.InFlight = 3 })
	full := three
	var g errgroup.Group
	for range 12 {
		g.Go(func() error { _, err := c.Get(t.Context(), ws, "v"); return err })
	}
	<-full
	close(open)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if most != 3 {
		t.Errorf("%d requests in flight, want 3", most)
	}
}
