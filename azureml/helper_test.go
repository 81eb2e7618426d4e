package azureml

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const ws = "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/w"

// fakeClock passes time at once and remembers every sleep.
type fakeClock struct {
	mu     sync.Mutex
	now    time.Time
	sleeps []time.Duration
}

func newClock() *fakeClock { return &fakeClock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sleeps = append(c.sleeps, d)
	c.now = c.now.Add(max(d, 0))
	return ctx.Err()
}

func (c *fakeClock) slept() (n int, sum time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.sleeps {
		sum += d
	}
	return len(c.sleeps), sum
}

// answer is one scripted answer.
type answer struct {
	status int
	body   string
	header map[string]string
	err    error // of the network instead
}

// script is a transport that gives its answers in order, the last one again
// and again, and remembers the requests.
type script struct {
	mu      sync.Mutex
	answers []answer
	seen    []string // METHOD path?query
	bodies  []string
	auth    []string
}

func (s *script) Do(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, req.Method+" "+req.URL.RequestURI())
	s.auth = append(s.auth, req.Header.Get("Authorization"))
	var body string
	if req.Body != nil {
		b, _ := io.ReadAll(req.Body)
		body = string(b)
	}
	s.bodies = append(s.bodies, body)
	a := s.answers[min(len(s.seen), len(s.answers))-1]
	if a.err != nil {
		return nil, a.err
	}
	return a.response(req), nil
}

func (s *script) n() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

func (a answer) response(req *http.Request) *http.Response {
	h := http.Header{}
	if a.body != "" {
		h.Set("Content-Type", "application/json; charset=utf-8")
	}
	for k, v := range a.header {
		h.Set(k, v)
	}
	return &http.Response{StatusCode: a.status, Header: h, Body: io.NopCloser(strings.NewReader(a.body)), Request: req, ContentLength: int64(len(a.body))}
}

func ok(body string) answer { return answer{status: 200, body: body} }
func refuse(status int, code string, header map[string]string) answer {
	return answer{status: status, body: fmt.Sprintf(`{"error":{"code":%q,"message":"because"}}`, code), header: header}
}

// newTestClient returns a client that talks to t and lives by clock.
func newTestClient(tb testing.TB, tr interface {
	Do(*http.Request) (*http.Response, error)
}, clock *fakeClock, change ...func(*Options),
) *Client {
	tb.Helper()
	o := Options{Credential: "static", Token: "tok", Transport: tr, Clock: clock, Random: func() float64 { return 0.5 }}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func testLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
