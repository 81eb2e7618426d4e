package azureml

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// Operation is a long-running operation under way. It can be stored and waited
// for by another process. URL and Location carry signatures: they belong into
// the journal and not into a log.
type Operation struct {
	// Method is that of the write which began it.
	Method string `json:"method"`
	// URL is the address of the status (Azure-AsyncOperation), if there is one.
	URL string `json:"url,omitempty"`
	// Location is polled in its stead until it no longer answers 202.
	Location string `json:"location,omitempty"`
	// ResourcePath and APIVersion are those of the write.
	ResourcePath string `json:"resourcePath"`
	APIVersion   string `json:"apiVersion"`
}

const (
	firstPoll = time.Second
	lastPoll  = limit.Poll
	minPoll   = 100 * time.Millisecond
)

// operation returns what an answer to a write leaves to be waited for, nil if
// nothing. An address on another host is not kept: the resource is polled
// instead, so that the token goes nowhere else.
func (c *Client) operation(r *request, apiVersion string, resp *http.Response, body json.RawMessage) *Operation {
	op := &Operation{Method: r.method, ResourcePath: r.path, APIVersion: apiVersion}
	if link := resp.Header.Get("Azure-AsyncOperation"); link != "" {
		if err := c.ours(link); err == nil {
			op.URL = link
		} else {
			c.o.Logger.Warn("operation", "path", r.path, "err", err)
		}
		if op.URL != "" || r.method != http.MethodPost {
			return op
		}
	}
	if resp.StatusCode == http.StatusAccepted {
		// On 201 Location is but the address of the resource.
		if link := resp.Header.Get("Location"); link != "" && c.ours(link) == nil {
			op.Location = link
		}
		if op.Location != "" || r.method != http.MethodPost {
			return op
		}
		return nil // an action that is done when it is accepted
	}
	if r.method != http.MethodPut && r.method != http.MethodPatch {
		return nil
	}
	if state := provisioning(body); running(state) || fell(state) {
		return op
	}
	return nil
}

// provisioning returns the provisioning state in the body of a resource, ""
// if it has none.
func provisioning(body json.RawMessage) string {
	var r struct {
		Properties struct {
			State string `json:"provisioningState"`
		} `json:"properties"`
	}
	if json.Unmarshal(body, &r) != nil {
		return ""
	}
	return r.Properties.State
}

// running tells whether a status is none of the three terminal ones: the
// service has many words for under way.
func running(state string) bool {
	return state != "" && !strings.EqualFold(state, "succeeded") && !fell(state)
}

// fell tells whether a status is the end of what did not succeed.
func fell(state string) bool {
	switch strings.ToLower(state) {
	case "failed", "canceled", "cancelled":
		return true
	}
	return false
}

// Wait polls op until it has ended and returns the resource as it is then, nil
// after a delete or an action. An operation that did not succeed is
// *OperationFailed. progress, if not nil, is told every status that is read.
// Wait ends with ctx; the operation itself goes on.
func (c *Client) Wait(ctx context.Context, op Operation, progress func(status string)) (json.RawMessage, error) {
	for _, link := range []string{op.URL, op.Location} {
		if link == "" {
			continue
		}
		if err := c.ours(link); err != nil {
			return nil, fmt.Errorf("%s: operation: %w", op.ResourcePath, err)
		}
	}
	w := &waiter{c: c, op: op, delay: firstPoll, progress: progress}
	var err error
	switch {
	case op.URL != "":
		err = w.status(ctx)
	case op.Location != "":
		err = w.location(ctx)
	default:
		err = errLost
	}
	lost := errors.Is(err, errLost)
	if err != nil && !lost {
		return nil, err
	}
	switch {
	case op.Method == http.MethodPost && lost:
		return nil, &Unknown{Method: op.Method, Path: op.ResourcePath, Err: err}
	case op.Method == http.MethodPost, op.Method == http.MethodDelete && !lost:
		return nil, nil
	}
	return w.resource(ctx)
}

// errLost says that the status of an operation is not to be had; the resource
// itself must tell.
var errLost = errors.New("operation is not known")

type waiter struct {
	c        *Client
	op       Operation
	delay    time.Duration
	progress func(string)
}

// next waits before the following poll, as long as the service asks or longer
// each time.
func (w *waiter) next(ctx context.Context, resp *http.Response) error {
	d := w.delay
	if told, ok := retryAfter(resp, w.c.o.Clock.Now()); ok {
		d = min(max(told, minPoll), limit.PollAsked)
	} else {
		w.delay = min(lastPoll, w.delay*3/2)
	}
	return w.c.o.Clock.Sleep(ctx, d)
}

func (w *waiter) tell(status string) {
	if w.progress != nil {
		w.progress(status)
	}
}

// poll reads a URL that the service gave.
func (w *waiter) poll(ctx context.Context, link string) (*http.Response, json.RawMessage, error) {
	r := &request{method: http.MethodGet, path: w.op.ResourcePath, url: link, poll: true}
	resp, body, err := w.c.send(ctx, r)
	var e *Error
	var u *Unknown
	switch {
	case resp != nil && (resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone):
		return nil, nil, errLost
	case errors.As(err, &e), errors.As(err, &u):
		return nil, nil, fmt.Errorf("status of the operation: %w", err)
	}
	return resp, body, err
}

// status polls Azure-AsyncOperation.
func (w *waiter) status(ctx context.Context) error {
	for {
		resp, body, err := w.poll(ctx, w.op.URL)
		if err != nil {
			return err
		}
		var s struct {
			Status string     `json:"status"`
			Error  *errorBody `json:"error"`
		}
		if len(body) > 0 {
			if err := json.Unmarshal(body, &s); err != nil || s.Status == "" {
				return &Unknown{Method: http.MethodGet, Path: w.op.ResourcePath, Err: errors.New("status of the operation has no status")}
			}
			w.tell(s.Status)
		}
		switch {
		case fell(s.Status):
			return failed(w.op.ResourcePath, s.Status, s.Error)
		case strings.EqualFold(s.Status, "succeeded"):
			return nil
		}
		if err := w.next(ctx, resp); err != nil {
			return err
		}
	}
}

func failed(path, status string, b *errorBody) error {
	f := &OperationFailed{Status: status, Path: path}
	if b != nil {
		f.Code, f.Message, f.Details = b.Code, b.Message, b.details()
	}
	return f
}

// location polls Location: 202 is under way, any other success is the end.
func (w *waiter) location(ctx context.Context) error {
	for {
		resp, _, err := w.poll(ctx, w.op.Location)
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusAccepted {
			w.tell("Succeeded")
			return nil
		}
		w.tell("InProgress")
		if err := w.next(ctx, resp); err != nil {
			return err
		}
	}
}

// resource polls the resource itself until its state is terminal or, after a
// delete, until it is gone.
func (w *waiter) resource(ctx context.Context) (json.RawMessage, error) {
	absent, still := 0, 0
	for {
		r := newRequest(http.MethodGet, w.op.ResourcePath, w.op.APIVersion, nil, nil)
		resp, body, err := w.c.send(ctx, r)
		gone := errors.Is(err, ErrNotFound)
		switch {
		case gone && w.op.Method == http.MethodDelete:
			return nil, nil
		case gone && absent < 3: // written, but not to be seen yet
			absent++
			resp = &http.Response{Header: http.Header{}}
		case err != nil:
			return nil, err
		default:
			state := provisioning(body)
			if state != "" {
				w.tell(state)
			}
			if fell(state) {
				return body, w.why(state, body)
			}
			if !running(state) {
				if w.op.Method != http.MethodDelete {
					return body, nil
				}
				if still++; still > 10 {
					return body, &Unknown{Method: w.op.Method, Path: w.op.ResourcePath, Err: errors.New("it is still there and is not being deleted")}
				}
			}
		}
		if err := w.next(ctx, resp); err != nil {
			return nil, err
		}
	}
}

// why makes the error of a resource that is in a failed state, with what a
// compute says of it.
func (w *waiter) why(state string, body json.RawMessage) error {
	var r struct {
		Properties struct {
			Errors []struct {
				Error *errorBody `json:"error"`
			} `json:"provisioningErrors"`
		} `json:"properties"`
	}
	_ = json.Unmarshal(body, &r)
	for _, e := range r.Properties.Errors {
		if e.Error != nil {
			return failed(w.op.ResourcePath, state, e.Error)
		}
	}
	return failed(w.op.ResourcePath, state, nil)
}
