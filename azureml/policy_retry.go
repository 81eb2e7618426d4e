package azureml

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"mlsync.dev/mlsync/internal/limit"
)

const (
	firstDelay = 800 * time.Millisecond
	maxDelay   = limit.Backoff
)

// retryPolicy repeats what may be repeated. It stands above azcore's own retry
// policy, which is switched off because it gives up on a Retry-After of more
// than a minute and repeats every method alike.
type retryPolicy struct {
	o     *resolved
	stats *stats
}

// Do sends req until there is an answer that another attempt cannot better.
func (p *retryPolicy) Do(req *policy.Request) (*http.Response, error) {
	ctx, c := req.Raw().Context(), callOf(req)
	var waited time.Duration
	tries, refused := 0, false
	for round := 1; ; round++ {
		resp, err := req.Next()
		if ctx.Err() != nil && err != nil {
			return nil, p.canceled(req, c)
		}
		v := p.judge(req.Raw().Method, c, resp, err)
		if v.login && refused {
			v = verdict{}
		}
		refused = refused || v.login
		if !v.throttled && !v.login {
			tries++
		}
		if !v.retry || tries >= p.o.Tries {
			return p.last(req, c, resp, err, v)
		}
		delay := v.after
		if !v.told && !v.login {
			delay = p.backoff(round)
		}
		if v.throttled || delay > maxDelay { // the service may ask for any time
			waited += delay
		}
		if waited > p.o.MaxWait {
			if !v.throttled {
				return p.last(req, c, resp, err, v)
			}
			drain(resp)
			return nil, &Throttled{Until: p.o.Clock.Now().Add(delay), Method: req.Raw().Method, Path: c.path}
		}
		if v.throttled {
			p.stats.throttled.Add(1)
		}
		drain(resp)
		p.stats.retries.Add(1)
		if err := p.o.Clock.Sleep(ctx, delay); err != nil {
			return nil, err
		}
		if err := req.RewindBody(); err != nil {
			return nil, err
		}
	}
}

// canceled returns the error of a request whose context ended. A write may
// have been carried out nevertheless.
func (p *retryPolicy) canceled(req *policy.Request, c *call) error {
	if c.class != reads && c.sent {
		return &Unknown{Method: req.Raw().Method, Path: c.path, Err: req.Raw().Context().Err()}
	}
	return req.Raw().Context().Err()
}

// last returns what is left when no further attempt is made.
func (p *retryPolicy) last(req *policy.Request, c *call, resp *http.Response, err error, v verdict) (*http.Response, error) {
	method := req.Raw().Method
	if err == nil && (!v.unknown || c.class == reads) {
		return resp, nil
	}
	if err == nil {
		body, _ := io.ReadAll(resp.Body)
		drain(resp)
		err = errorFrom(method, c.path, resp, body)
	}
	var u *Unknown
	if v.unknown && !errors.As(err, &u) {
		return nil, &Unknown{Method: method, Path: c.path, Err: err}
	}
	return nil, err
}

// verdict is what one attempt came to.
type verdict struct {
	retry     bool
	unknown   bool          // a write may have had its effect
	throttled bool          // refused for lack of capacity
	login     bool          // refused for its token
	told      bool          // after is the service's word
	after     time.Duration // delay before the next attempt
}

func (p *retryPolicy) judge(method string, c *call, resp *http.Response, err error) verdict {
	if err != nil {
		var t *Throttled
		var s *sendError
		var u *Unknown
		switch {
		case errors.As(err, &t):
			return verdict{}
		case errors.As(err, &u):
			return verdict{retry: c.again, unknown: true}
		case errors.As(err, &s):
			return verdict{retry: c.again || !s.sent, unknown: s.sent}
		}
		return verdict{} // no token to be had: the credential has tried
	}
	after, told := retryAfter(resp, p.o.Clock.Now())
	switch s := resp.StatusCode; {
	case s == http.StatusUnauthorized:
		return verdict{retry: true, login: true}
	case s == http.StatusTooManyRequests, s == http.StatusServiceUnavailable && told:
		return verdict{retry: true, throttled: told || s == http.StatusTooManyRequests, told: told, after: after}
	case s == http.StatusRequestTimeout, s >= 500 && s != http.StatusNotImplemented:
		return verdict{retry: c.again, unknown: true, told: told, after: after}
	}
	return verdict{}
}

// backoff is the delay before attempt n+1, with full jitter.
func (p *retryPolicy) backoff(n int) time.Duration {
	d := maxDelay
	if n < 6 {
		d = min(d, firstDelay<<max(n-1, 0))
	}
	return time.Duration(p.o.Random() * float64(d))
}

// retryAfter reads how long the service asks to wait: milliseconds, seconds or
// a date, the date by the service's own clock if it tells.
func retryAfter(resp *http.Response, now time.Time) (time.Duration, bool) {
	for _, k := range []string{"retry-after-ms", "x-ms-retry-after-ms"} {
		if n, err := strconv.ParseInt(resp.Header.Get(k), 10, 64); err == nil && n >= 0 && n < 1e12 {
			return time.Duration(n) * time.Millisecond, true
		}
	}
	v := resp.Header.Get("Retry-After")
	if n, err := strconv.ParseFloat(v, 64); err == nil && n >= 0 && n < 1e9 {
		return time.Duration(n * float64(time.Second)), true
	}
	if at, err := http.ParseTime(v); err == nil {
		if theirs, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			now = theirs
		}
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

func drain(resp *http.Response) {
	if resp != nil && resp.Body != nil {
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
		_ = resp.Body.Close()
	}
}

// sendError is a failure below authentication: of the network, or of the body
// of the answer. sent tells that the service may have got the request.
type sendError struct {
	err  error
	sent bool
}

func (s *sendError) Error() string { return s.err.Error() }
func (s *sendError) Unwrap() error { return s.err }

func newSendError(err error) *sendError {
	var op *net.OpError
	var dns *net.DNSError
	unsent := errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial"
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no complete answer in time: %w", err)
	}
	return &sendError{err: err, sent: !unsent}
}
