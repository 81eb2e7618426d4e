package azureml

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

var (
	errReset = &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	errDial  = &net.OpError{Op: "dial", Err: errors.New("connection refused")}
)

func TestRetries(t *testing.T) {
	item := ok(`{"id":"x"}`)
	e500 := refuse(500, "InternalServerError", nil)
	html := answer{status: 200, body: "<html>sign in</html>", header: map[string]string{"Content-Type": "text/html"}}
	unknown := func(err error) bool { var u *Unknown; return errors.As(err, &u) }
	status := func(want int) func(error) bool {
		return func(err error) bool { var e *Error; return errors.As(err, &e) && e.Status == want }
	}
	const path = ws + "/models/m"
	tests := []struct {
		name    string
		method  string
		path    string
		once    bool
		answers []answer
		want    int              // requests
		bad     func(error) bool // nil: success
	}{
		{"get 500 then 200", "GET", path, false, []answer{e500, item}, 2, nil},
		{"get reset then 200", "GET", path, false, []answer{{err: errReset}, item}, 2, nil},
		{"get html then 200", "GET", path, false, []answer{html, item}, 2, nil},
		{"get 500 for ever", "GET", path, false, []answer{e500}, 6, status(500)},
		{"get html for ever", "GET", path, false, []answer{html}, 6, unknown},
		{"get 400", "GET", path, false, []answer{refuse(400, "UserError", nil)}, 1, status(400)},
		{"get 501", "GET", path, false, []answer{refuse(501, "NotImplemented", nil)}, 1, status(501)},
		{"get 408", "GET", path, false, []answer{refuse(408, "Timeout", nil), item}, 2, nil},
		{"put 503 then 201", "PUT", path, false, []answer{refuse(503, "Busy", nil), {status: 201, body: `{}`}}, 2, nil},
		{"put 500 for ever", "PUT", path, false, []answer{e500}, 6, unknown},
		{"put once, 500", "PUT", path, true, []answer{e500, item}, 1, unknown},
		{"put once, reset", "PUT", path, true, []answer{{err: errReset}, item}, 1, unknown},
		{"put once, html", "PUT", path, true, []answer{html, item}, 1, unknown},
		{"put once, not connected", "PUT", path, true, []answer{{err: errDial}, item}, 2, nil},
		{"put once, 429", "PUT", path, true, []answer{refuse(429, "TooManyRequests", nil), item}, 2, nil},
		{"put once, 409", "PUT", path, true, []answer{refuse(409, "Conflict", nil)}, 1, status(409)},
		{"delete 502 then 204", "DELETE", path, false, []answer{refuse(502, "x", nil), {status: 204}}, 2, nil},
		{"patch 500", "PATCH", path, false, []answer{e500, item}, 1, unknown},
		{"post 500", "POST", ws + "/computes/c/start", false, []answer{e500, item}, 1, unknown},
		{"post not connected", "POST", ws + "/computes/c/start", false, []answer{{err: errDial}, item}, 2, nil},
		{"post reset", "POST", ws + "/jobs/j/cancel", false, []answer{{err: errReset}, item}, 1, unknown},
		{"safe post 500", "POST", ws + "/datastores/d/listSecrets", false, []answer{e500, item}, 2, nil},
		{"safe post reset", "POST", ws + "/codes/c/versions/1/startPendingUpload", false, []answer{{err: errReset}, item}, 2, nil},
		{"token ran out", "POST", ws + "/computes/c/start", false, []answer{refuse(401, "ExpiredAuthenticationToken", nil), item}, 2, nil},
		{"token refused", "GET", path, false, []answer{refuse(401, "InvalidAuthenticationToken", nil)}, 2, func(err error) bool { return errors.Is(err, ErrDenied) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{answers: tt.answers}
			c := newTestClient(t, s, newClock())
			var opts []Option
			if tt.once {
				opts = append(opts, Once())
			}
			var err error
			switch tt.method {
			case "GET":
				_, err = c.Get(t.Context(), tt.path, "v", opts...)
			case "PUT":
				_, err = c.Put(t.Context(), tt.path, "v", []byte(`{"a":1}`), opts...)
			case "PATCH":
				_, err = c.Patch(t.Context(), tt.path, "v", []byte(`{"a":1}`), opts...)
			case "DELETE":
				_, err = c.Delete(t.Context(), tt.path, "v", opts...)
			case "POST":
				_, err = c.Post(t.Context(), tt.path, "v", []byte(`{"a":1}`), opts...)
			}
			if (err == nil) != (tt.bad == nil) || err != nil && !tt.bad(err) {
				t.Errorf("got error %v", err)
			}
			if s.n() != tt.want {
				t.Errorf("got %d requests, want %d", s.n(), tt.want)
			}
			for i, b := range s.bodies {
				if tt.method == "PUT" && b != `{"a":1}` {
					t.Errorf("request %d had body %q", i, b)
				}
			}
			if errors.Is(err, ErrNotFound) {
				t.Errorf("%v must not mean absent", err)
			}
		})
	}
}

func TestRetryAfterForms(t *testing.T) {
	now := newClock().Now()
	tests := []struct {
		header map[string]string
		want   time.Duration
		told   bool
	}{
		{nil, 0, false},
		{map[string]string{"Retry-After": "7"}, 7 * time.Second, true},
		{map[string]string{"Retry-After": "0"}, 0, true},
		{map[string]string{"Retry-After": "1800"}, 30 * time.Minute, true},
		{map[string]string{"Retry-After": "1.5"}, 1500 * time.Millisecond, true},
		{map[string]string{"Retry-After": "-1"}, 0, false},
		{map[string]string{"Retry-After": "soon"}, 0, false},
		{map[string]string{"Retry-After": "NaN"}, 0, false},
		{map[string]string{"Retry-After": now.Add(90 * time.Second).Format(http.TimeFormat)}, 90 * time.Second, true},
		{map[string]string{"Retry-After": now.Add(-time.Hour).Format(http.TimeFormat)}, 0, true},
		{map[string]string{"Retry-After": now.Add(time.Hour + 5*time.Second).Format(http.TimeFormat), "Date": now.Add(time.Hour).Format(http.TimeFormat)}, 5 * time.Second, true},
		{map[string]string{"retry-after-ms": "250", "Retry-After": "9"}, 250 * time.Millisecond, true},
		{map[string]string{"x-ms-retry-after-ms": "40"}, 40 * time.Millisecond, true},
	}
	for _, tt := range tests {
		resp := answer{status: 429, header: tt.header}.response(nil)
		if got, told := retryAfter(resp, now); got != tt.want || told != tt.told {
			t.Errorf("%v: got %v %t, want %v %t", tt.header, got, told, tt.want, tt.told)
		}
	}
}

func TestThrottling(t *testing.T) {
	t.Run("any wait is obeyed", func(t *testing.T) {
		clock := newClock()
		s := &script{answers: []answer{refuse(429, "TooManyRequests", map[string]string{"Retry-After": "300"}), ok(`{}`)}}
		c := newTestClient(t, s, clock)
		if _, err := c.Get(t.Context(), ws, "v"); err != nil {
			t.Fatal(err)
		}
		if _, sum := clock.slept(); sum != 300*time.Second {
			t.Errorf("waited %v, want 5m", sum)
		}
		if n := c.Counters(); n.Throttled != 1 || n.Reads != 2 {
			t.Errorf("got %+v", n)
		}
	})
	t.Run("503 with Retry-After alike", func(t *testing.T) {
		clock := newClock()
		s := &script{answers: []answer{refuse(503, "Busy", map[string]string{"Retry-After": "20"}), ok(`{}`)}}
		if _, err := newTestClient(t, s, clock).Post(t.Context(), ws+"/computes/c/start", "v", nil); err != nil {
			t.Fatal(err)
		}
		if _, sum := clock.slept(); sum != 20*time.Second {
			t.Errorf("waited %v, want 20s", sum)
		}
	})
	t.Run("longer than we may wait", func(t *testing.T) {
		clock := newClock()
		s := &script{answers: []answer{refuse(429, "SubscriptionRequestsThrottled", map[string]string{"Retry-After": "3600"})}}
		c := newTestClient(t, s, clock)
		for range 2 { // the second one is not even sent
			_, err := c.Get(t.Context(), ws, "v")
			var th *Throttled
			if !errors.As(err, &th) || !th.Until.Equal(clock.Now().Add(time.Hour)) {
				t.Errorf("got %v, want throttled for an hour", err)
			}
		}
		if s.n() != 1 {
			t.Errorf("got %d requests, want 1", s.n())
		}
		if _, err := c.Put(t.Context(), ws, "v", []byte(`{}`)); errors.As(err, new(*Throttled)) && s.n() == 1 {
			t.Errorf("reads being throttled must not stop writes")
		}
	})
	t.Run("for ever", func(t *testing.T) {
		clock := newClock()
		s := &script{answers: []answer{refuse(429, "TooManyRequests", nil)}}
		_, err := newTestClient(t, s, clock).Put(t.Context(), ws, "v", []byte(`{}`))
		if !errors.As(err, new(*Throttled)) {
			t.Errorf("got %v, want throttled", err)
		}
		if n, sum := clock.slept(); sum > 11*time.Minute || n > 60 {
			t.Errorf("waited %v in %d turns", sum, n)
		}
	})
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cut := transport(func(*http.Request) (*http.Response, error) { cancel(); return nil, context.Canceled })
	_, err := newTestClient(t, cut, newClock()).Put(ctx, ws+"/jobs/j", "v", []byte(`{}`))
	if !errors.As(err, new(*Unknown)) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want an unknown outcome because of the cancel", err)
	}
	_, err = newTestClient(t, cut, newClock()).Get(ctx, ws+"/jobs/j", "v")
	if errors.As(err, new(*Unknown)) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) Do(r *http.Request) (*http.Response, error) { return f(r) }

// brokenBody fails in the middle of an answer.
type brokenBody struct{ sent bool }

func (b *brokenBody) Read(p []byte) (int, error) {
	if b.sent {
		return 0, io.ErrUnexpectedEOF
	}
	b.sent = true
	return copy(p, `{"value":[`), nil
}
func (*brokenBody) Close() error { return nil }

func TestResetInBody(t *testing.T) {
	n := 0
	tr := transport(func(r *http.Request) (*http.Response, error) {
		n++
		resp := ok(`{"value":[]}`).response(r)
		if n == 1 {
			resp.Body = &brokenBody{}
		}
		return resp, nil
	})
	for _, err := range newTestClient(t, tr, newClock()).List(t.Context(), ws+"/models", "v") {
		t.Fatal(err)
	}
	if n != 2 {
		t.Errorf("got %d requests, want 2", n)
	}
}
