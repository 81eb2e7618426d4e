package azureml

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// A service, or who stands in its place, that asks to wait for ever is not
// waited for, whatever the status that it asks with. A write whose outcome is
// not known stays unknown.
func TestAttackL10EndlessRetryAfter(t *testing.T) {
	for _, after := range []string{"999999999", "601", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		for _, status := range []int{429, 500, 502, 503, 504} {
			clock := newClock()
			s := &script{answers: []answer{refuse(status, "x", map[string]string{"Retry-After": after})}}
			_, err := newTestClient(t, s, clock).Put(t.Context(), ws+"/models/m", "v", []byte(`{}`))
			if _, sum := clock.slept(); err == nil || sum > limit.Throttled {
				t.Errorf("%d after %s: waited %v: %v", status, after, sum, err)
			}
			maybeDone := status != 429 && status != 503
			if errors.As(err, new(*Unknown)) != maybeDone || errors.As(err, new(*Throttled)) == maybeDone {
				t.Errorf("%d after %s: got %v, unknown wanted: %t", status, after, err, maybeDone)
			}
		}
	}
	if p := (&retryPolicy{o: &resolved{Options: Options{Random: func() float64 { return 1 }}}}); p.backoff(6) != limit.Backoff || p.backoff(1<<30) != limit.Backoff || p.backoff(5) >= limit.Backoff {
		t.Error("the delay grows without end")
	}
	clock := newClock() // what it asks for is obeyed up to the limit
	s := &script{answers: []answer{refuse(500, "x", map[string]string{"Retry-After": "600"}), ok(`{}`)}}
	if _, err := newTestClient(t, s, clock).Get(t.Context(), ws, "v"); err != nil {
		t.Error(err)
	}
}

// The same for the polls of an operation, each of which could ask for a year.
func TestAttackL11EndlessPoll(t *testing.T) {
	for asked, want := range map[string]time.Duration{"300": limit.PollAsked, "301": limit.PollAsked, "999999999": limit.PollAsked, "0": minPoll, "-5": firstPoll} {
		clock := newClock()
		s := &script{answers: []answer{
			{status: 200, body: `{"status":"Running"}`, header: map[string]string{"Retry-After": asked}},
			ok(`{"status":"Succeeded"}`), ok(`{"id":"r"}`),
		}}
		if _, err := newTestClient(t, s, clock).Wait(t.Context(), Operation{Method: "PUT", URL: opURL, ResourcePath: ws + "/models/m", APIVersion: "v"}, nil); err != nil {
			t.Fatal(err)
		}
		if _, sum := clock.slept(); sum != want {
			t.Errorf("asked for %s, waited %v, want %v", asked, sum, want)
		}
	}
}

// Answers at the limit of depth are read, deeper ones are not the service's.
// A read that fails for it is unknown, never absent.
func TestAttackL12DeepAnswers(t *testing.T) {
	nest := func(n int, open, end string) string {
		return `{"id":"x","a":` + strings.Repeat(open, n) + "1" + strings.Repeat(end, n) + "}"
	}
	for _, kind := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
		for more, want := range map[int]bool{0: false, 1: true, 9000: true, 1_000_000: true} {
			s := &script{answers: []answer{ok(nest(limit.AnswerDepth-1+more, kind[0], kind[1]))}}
			_, err := newTestClient(t, s, newClock()).Get(t.Context(), ws+"/models/m", "v")
			if (err != nil) != want || err != nil && !errors.As(err, new(*Unknown)) {
				t.Errorf("%d of %s: %v", more, kind[0], err)
			}
		}
	}
	if deep([]byte(`{"a":"` + strings.Repeat("[", 1000) + `\"[[["}`)) {
		t.Error("brackets within a text count")
	}
}

// pages is a list that goes on with ever new links, or ends with a page.
type pages struct{ n, items, last int }

func (p *pages) Do(r *http.Request) (*http.Response, error) {
	p.n++
	item := make([]string, p.items)
	for i := range item {
		item[i] = fmt.Sprintf(`{"id":"%d-%d"}`, p.n, i)
	}
	if p.n == p.last {
		return ok(`{"value":[]}`).response(r), nil
	}
	return ok(fmt.Sprintf(`{"value":[%s],"nextLink":"https://management.azure.com/p?skip=%d"}`, strings.Join(item, ","), p.n)).response(r), nil
}

// A list that never ends is unknown: what was read of it is no list.
func TestAttackL13EndlessLists(t *testing.T) {
	for name, tt := range map[string]struct {
		pages  *pages
		listed int
		want   int // items before the end
	}{
		"pages": {&pages{items: 0}, limit.Listed, 0},
		"items": {&pages{items: 10}, 100, 100},
	} {
		c := newTestClient(t, tt.pages, newClock())
		c.o.listed = tt.listed
		got, last := 0, error(nil)
		for _, err := range c.List(t.Context(), ws+"/models", "v") {
			if last = err; err == nil {
				got++
			}
		}
		if !errors.As(last, new(*Unknown)) || got != tt.want || tt.pages.n > limit.Pages {
			t.Errorf("%s: %d items in %d pages: %v", name, got, tt.pages.n, last)
		}
	}
	for _, err := range newTestClient(t, &pages{last: limit.Pages}, newClock()).List(t.Context(), ws+"/models", "v") {
		t.Errorf("as many pages as may be: %v", err)
	}
	s := &script{answers: []answer{ok(`{"value":[{"id":"a"},{"id":"b"}]}`)}}
	c := newTestClient(t, s, newClock())
	c.o.listed = 2
	for _, err := range c.List(t.Context(), ws+"/models", "v") {
		if err != nil {
			t.Errorf("at the limit: %v", err)
		}
	}
	if newTestClient(t, s, newClock()).o.listed != limit.Listed {
		t.Error("by default a list has no limit")
	}
}

// A few kilobytes that unpack to more than an answer may have.
func TestAttackL14GzipBomb(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = io.CopyN(z, endless{}, limit.Answer+1)
	_ = z.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bomb.Bytes())
	}))
	defer srv.Close()
	c, err := New(Options{Endpoint: srv.URL, Insecure: true, Credential: "static", Token: "tok", Tries: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), ws, "v"); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("%d bytes that unpack to %d: %v", bomb.Len(), limit.Answer+1, err)
	}
}

// The service, or who took its place, redirects to a host within the network:
// nothing is sent there, neither a token nor a request without one.
func TestAttackN1RedirectsAreNotFollowed(t *testing.T) {
	var inside []string
	private := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside = append(inside, r.Method+" "+r.URL.Path)
		_, _ = w.Write([]byte(`{"value":[]}`))
	}))
	defer private.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, private.URL+"/latest/meta-data", status)
		}))
		c, err := New(Options{Endpoint: srv.URL, Insecure: true, Credential: "static", Token: "tok", Tries: 1})
		if err != nil {
			t.Fatal(err)
		}
		_, get := c.Get(t.Context(), ws, "v")
		_, put := c.Put(t.Context(), ws+"/models/m", "v", []byte(`{}`))
		for _, err := range []error{get, put} {
			if !errors.As(err, new(*Unknown)) {
				t.Errorf("%d: got %v, want unknown", status, err)
			}
		}
		srv.Close()
	}
	if len(inside) > 0 {
		t.Errorf("asked within the network: %v", inside)
	}
}

// Addresses that the service gives for operations and next pages lead nowhere
// but to the service.
func TestAttackN2AddressesInAnswers(t *testing.T) {
	for _, evil := range []string{
		"http://169.254.169.254/metadata/identity", "https://127.0.0.1/x", "https://10.0.0.1/x", "https://[::1]/x", "file:///etc/passwd", "//evil.example/x",
		"https://management.azure.com@evil.example/x", "https://management.azure.com.evil.example/x", "https://evil.example/https://management.azure.com", "https://management.azure.com:444/x", "http://management.azure.com/x",
	} {
		s := &script{answers: []answer{
			{status: 202, header: map[string]string{"Azure-AsyncOperation": evil, "Location": evil}, body: `{}`},
			ok(`{"value":[{"id":"a"}],"nextLink":"` + evil + `"}`),
		}}
		c := newTestClient(t, s, newClock())
		res, err := c.Put(t.Context(), ws+"/models/m", "v", []byte(`{}`))
		if err == nil && res.Operation != nil && (res.Operation.URL != "" || res.Operation.Location != "") {
			t.Errorf("%s is kept in the journal", evil)
		}
		var last error
		for _, last = range c.List(t.Context(), ws+"/models", "v") {
		}
		if !errors.Is(last, ErrForeignURL) || !errors.As(last, new(*Unknown)) || s.n() != 2 {
			t.Errorf("%s: %d requests, %v", evil, s.n(), last)
		}
	}
}

// An answer of as many bytes as one may have is read.
func TestAttackL22AnswerAtTheLimit(t *testing.T) {
	for more, want := range map[int]bool{0: false, 1: true} {
		body := io.MultiReader(strings.NewReader(`{}`), io.LimitReader(endless{}, int64(limit.Answer-2+more)))
		tr := transport(func(r *http.Request) (*http.Response, error) {
			resp := ok(`{}`).response(r)
			resp.Body = io.NopCloser(body)
			return resp, nil
		})
		_, err := newTestClient(t, tr, newClock(), func(o *Options) { o.Tries = 1 }).Get(t.Context(), ws, "v")
		if (err != nil) != want {
			t.Errorf("%d more: %v", more, err)
		}
	}
}

// An answer that comes a byte at a time, or not at all, ends with the time of
// one attempt, and the attempts are counted.
func TestAttackL24SlowAnswers(t *testing.T) {
	attempts := 0
	tr := transport(func(r *http.Request) (*http.Response, error) {
		attempts++
		resp := ok(`{}`).response(r)
		resp.Body = io.NopCloser(stalled{r.Context()})
		return resp, nil
	})
	c := newTestClient(t, tr, newClock(), func(o *Options) { o.Timeout = time.Millisecond })
	if _, err := c.Get(t.Context(), ws, "v"); !errors.As(err, new(*Unknown)) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if attempts != limit.Tries || c.o.Tries != limit.Tries || newTestClient(t, tr, newClock()).o.Timeout != limit.Request {
		t.Errorf("%d attempts", attempts)
	}
}

// stalled is a body that gives nothing until its request has ended.
type stalled struct{ ctx context.Context } //nolint:containedctx // it stalls until the test ends

func (s stalled) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}
