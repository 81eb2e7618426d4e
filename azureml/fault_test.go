package azureml_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/emulator"
)

// clock is the time of client and service together; sleeping passes it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 26, 19, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(max(d, 0))
	return ctx.Err()
}

// faulty returns a client of an emulator with one fault.
func faulty(t *testing.T, fault string, change ...func(*azureml.Options)) *azureml.Client {
	t.Helper()
	f, err := emulator.ParseFault(fault)
	if err != nil {
		t.Fatal(err)
	}
	cl := newClock()
	change = append(change, func(o *azureml.Options) { o.Clock = cl })
	return serve(t, emulator.Options{Faults: []emulator.Fault{f}, Now: cl.Now}, change...)
}

func TestFaultsThatPass(t *testing.T) {
	path := wsID + "/environments/env/versions/1"
	for _, fault := range []string{
		"method=PUT,times=1,reset", "method=PUT,times=1,reset,after-effect", "method=PUT,times=2,status=500,after-effect",
		"method=PUT,times=1,status=503,retry-after=90", "method=PUT,times=3,status=429,retry-after=30", "method=PUT,times=1,truncate",
		"method=PUT,times=1,html", "method=PUT,times=1,claims", "method=PUT,times=1,status=401", "method=GET,times=1,truncate",
		"method=GET,times=1,html", "method=GET,times=1,reset", "method=GET,times=2,status=502", "method=GET,times=1,claims",
	} {
		c := faulty(t, fault)
		if _, err := c.Put(t.Context(), path, version(t, path), json.RawMessage(image)); err != nil {
			t.Errorf("%s: put: %v", fault, err)
		}
		if _, err := c.Get(t.Context(), path, version(t, path)); err != nil {
			t.Errorf("%s: get: %v", fault, err)
		}
		n := 0
		for _, err := range c.List(t.Context(), wsID+"/environments/env/versions", version(t, path)) {
			if err != nil {
				t.Errorf("%s: list: %v", fault, err)
			}
			n++
		}
		if n != 1 {
			t.Errorf("%s: %d versions, want 1", fault, n)
		}
	}
}

func TestFaultsThatStay(t *testing.T) {
	path := wsID + "/environments/env/versions/1"
	v := version(t, path)
	for _, fault := range []string{"reset", "truncate", "html", "status=500", "reset,after-effect"} {
		c := faulty(t, "method=PUT,"+fault)
		_, err := c.Put(t.Context(), path, v, json.RawMessage(image), azureml.Once())
		if !errors.As(err, new(*azureml.Unknown)) {
			t.Errorf("put with %s: got %v, want unknown", fault, err)
		}
		if n := c.Counters().Writes; n != 1 {
			t.Errorf("put once with %s: %d requests", fault, n)
		}
		c = faulty(t, "method=GET,"+fault)
		if _, err := c.Get(t.Context(), path, v); err == nil || errors.Is(err, azureml.ErrNotFound) {
			t.Errorf("get with %s: got %v", fault, err)
		}
		for _, err := range c.List(t.Context(), wsID+"/environments", v) {
			if err == nil || errors.Is(err, azureml.ErrNotFound) {
				t.Errorf("list with %s: got %v", fault, err)
			}
		}
	}
}

func TestFaultsOfOperations(t *testing.T) {
	path := wsID + "/onlineEndpoints/ep-one"
	v := version(t, path)
	body := json.RawMessage(`{"location":"eastus2","properties":{"authMode":"Key"}}`)
	c := faulty(t, "method=PUT,times=1,lro-fail=OutOfQuota")
	res, err := c.Put(t.Context(), path, v, body)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Wait(t.Context(), *res.Operation, nil)
	var failed *azureml.OperationFailed
	if !errors.As(err, &failed) || failed.Code != "OutOfQuota" {
		t.Errorf("got %v, want OutOfQuota", err)
	}
	if res, err = c.Put(t.Context(), path, v, body); err != nil { // and again
		t.Fatal(err)
	}
	if _, err := c.Wait(t.Context(), *res.Operation, nil); err != nil {
		t.Error(err)
	}
	c = faulty(t, "method=PUT,times=1,lro-404")
	if res, err = c.Put(t.Context(), path, v, body); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Wait(t.Context(), *res.Operation, nil); err != nil || got == nil {
		t.Errorf("a lost status: got %s (%v)", got, err)
	}
}

// TestThrottledService: more writes than the bucket holds, and not one refused.
func TestThrottledService(t *testing.T) {
	cl := newClock()
	c := serve(t, emulator.Options{Throttle: true, Now: cl.Now}, func(o *azureml.Options) { o.Clock = cl })
	path := wsID + "/environments/env"
	v := version(t, path)
	var g errgroup.Group
	g.SetLimit(10)
	for i := range 600 {
		g.Go(func() error {
			_, err := c.Put(t.Context(), fmt.Sprintf("%s/versions/%d", path, i), v, json.RawMessage(image))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := c.Counters(); n.Throttled != 0 || n.Writes != 600 {
		t.Errorf("got %+v, want no request refused", n)
	}
}
