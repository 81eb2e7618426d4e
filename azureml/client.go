package azureml

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
)

// Client sends requests to Resource Manager and to storage. It is safe for
// concurrent use. Paths are plain text, with a slash in front and without
// query; segments are escaped here.
type Client struct {
	o        *resolved
	cred     azcore.TokenCredential // nil for none
	pipeline runtime.Pipeline
	stats    *stats
	sizes    sizes
}

// New checks the options and returns a client. No request is sent yet.
func New(o Options) (*Client, error) {
	r, err := resolve(o)
	if err != nil {
		return nil, err
	}
	cred, err := newCredential(r)
	if err != nil {
		return nil, err
	}
	if r.ReadOnly { // whatever way a request takes, it goes through here
		r.Transport = readOnly{r.Transport}
	}
	c := &Client{o: r, cred: cred, stats: &stats{}, sizes: sizes{single: singlePut, block: blockSize, remote: remotePut, remoteBlock: remoteBlock, names: maxNames}}
	perTry := []policy.Policy{newLimit(r)}
	if cred != nil {
		perTry = append(perTry, runtime.NewBearerTokenPolicy(cred, []string{r.scope}, &policy.BearerTokenOptions{
			InsecureAllowCredentialWithHTTP: r.endpoint.Scheme == "http", // loopback, see base
		}))
	}
	c.pipeline = runtime.NewPipeline("mlsync", "", runtime.PipelineOptions{
		PerCall:  []policy.Policy{&retryPolicy{o: r, stats: c.stats}},
		PerRetry: append(perTry, &checkPolicy{o: r, stats: c.stats}),
	}, &policy.ClientOptions{
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{Disabled: true},
		Transport: limitBody{r.Transport},
	})
	return c, nil
}

// Result is the answer to a write.
type Result struct {
	Status int
	// Body is the JSON of the resource as the service first answers it, nil
	// if it sent none. While Operation runs it may still show the old state.
	Body json.RawMessage
	// Operation is what remains to be waited for, nil if the write is done.
	Operation *Operation
}

// Option changes one request.
type Option func(*request)

// Once makes a write whose outcome is unknown fail at once as *Unknown, so
// that the caller can read back before it tries again. Without it, PUT and
// DELETE are repeated.
func Once() Option { return func(r *request) { r.once = true } }

// Query adds a parameter to the query.
func Query(key, value string) Option { return func(r *request) { r.query.Set(key, value) } }

// Header adds a header, whose value is never logged.
func Header(key, value string) Option { return func(r *request) { r.header.Set(key, value) } }

type request struct {
	method string
	path   string
	query  url.Values
	header http.Header
	body   []byte
	once   bool
	poll   bool
	url    string // instead of path and query: verbatim
}

// Get returns the JSON object at path. The error is ErrNotFound only if the
// service itself says that the asset is absent.
func (c *Client) Get(ctx context.Context, path, apiVersion string, opts ...Option) (json.RawMessage, error) {
	_, body, err := c.send(ctx, newRequest(http.MethodGet, path, apiVersion, nil, opts))
	return body, err
}

// Put creates or replaces the resource at path.
func (c *Client) Put(ctx context.Context, path, apiVersion string, body json.RawMessage, opts ...Option) (Result, error) {
	return c.write(ctx, newRequest(http.MethodPut, path, apiVersion, body, opts), apiVersion)
}

// Patch changes the resource at path. It is not repeated when its outcome is
// unknown.
func (c *Client) Patch(ctx context.Context, path, apiVersion string, body json.RawMessage, opts ...Option) (Result, error) {
	return c.write(ctx, newRequest(http.MethodPatch, path, apiVersion, body, opts), apiVersion)
}

// Delete removes the resource at path. That it was not there is ErrNotFound.
func (c *Client) Delete(ctx context.Context, path, apiVersion string, opts ...Option) (Result, error) {
	return c.write(ctx, newRequest(http.MethodDelete, path, apiVersion, nil, opts), apiVersion)
}

// Post calls the action at path. Only actions that change nothing when called
// twice are repeated when their outcome is unknown.
func (c *Client) Post(ctx context.Context, path, apiVersion string, body json.RawMessage, opts ...Option) (Result, error) {
	return c.write(ctx, newRequest(http.MethodPost, path, apiVersion, body, opts), apiVersion)
}

func newRequest(method, path, apiVersion string, body []byte, opts []Option) *request {
	r := &request{method: method, path: path, body: body, query: url.Values{}, header: http.Header{}}
	r.query.Set("api-version", apiVersion)
	for _, o := range opts {
		o(r)
	}
	return r
}

func (c *Client) write(ctx context.Context, r *request, apiVersion string) (Result, error) {
	if r.body != nil && !json.Valid(r.body) {
		return Result{}, fmt.Errorf("%s %s: body is not json", r.method, r.path)
	}
	resp, body, err := c.send(ctx, r)
	if err != nil {
		return Result{}, err
	}
	res := Result{Status: resp.StatusCode, Body: body}
	res.Operation = c.operation(r, apiVersion, resp, body)
	return res, nil
}

// send carries out a request and returns the JSON of its answer, nil for an
// empty one or null.
func (c *Client) send(ctx context.Context, r *request) (*http.Response, json.RawMessage, error) {
	if c.o.ReadOnly && !onlyReads(r.method) {
		return nil, nil, fmt.Errorf("%s %s: %w", r.method, r.path, ErrReadOnly)
	}
	target := r.url
	if target == "" {
		if err := checkPath(r.path); err != nil {
			return nil, nil, err
		}
		u := *c.o.endpoint
		u.Path += r.path
		u.RawQuery = strings.ReplaceAll(r.query.Encode(), "+", "%20")
		target = u.String()
	}
	call := newCall(r.method, r.path, r.once)
	call.poll = r.poll
	req, err := runtime.NewRequest(ctx, r.method, target)
	if err != nil {
		return nil, nil, err
	}
	req.SetOperationValue(call)
	runtime.SkipBodyDownload(req) // checkPolicy reads it; azcore reads that of an error
	req.Raw().Header.Set("Accept", "application/json")
	req.Raw().Header.Set("User-Agent", c.o.UserAgent)
	for k, v := range r.header {
		req.Raw().Header[k] = v
	}
	if r.body != nil {
		if err := req.SetBody(streaming.NopCloser(newBytes(r.body)), "application/json"); err != nil {
			return nil, nil, err
		}
	}
	resp, err := c.pipeline.Do(req)
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		body, err := runtime.Payload(resp)
		if err != nil {
			return nil, nil, &Unknown{Method: r.method, Path: r.path, Err: err}
		}
		return resp, nil, errorFrom(r.method, r.path, resp, body)
	}
	body := call.answer
	if t := bytes.TrimSpace(body); len(t) == 0 || string(t) == "null" {
		return resp, nil, nil
	}
	return resp, body, nil
}

// checkPath refuses paths that would not reach what they seem to name.
func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("path %q: no slash in front", path)
	}
	for s := range strings.SplitSeq(path[1:], "/") {
		if s == "" || s == "." || s == ".." || strings.ContainsAny(s, "\\\x00\r\n") {
			return fmt.Errorf("path %q: bad segment %q", path, s)
		}
	}
	return nil
}

// ours tells whether a URL that the service sent leads to the service again.
func (c *Client) ours(link string) error {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" {
		return fmt.Errorf("not an absolute url: %w", ErrForeignURL)
	}
	if u.Scheme != c.o.endpoint.Scheme || hostPort(u) != hostPort(c.o.endpoint) || u.User != nil {
		return fmt.Errorf("%s://%s: %w", u.Scheme, u.Host, ErrForeignURL)
	}
	return nil
}

// hostPort returns the host of a URL in lower case, with its port even if that
// is the usual one: the service writes it now and then.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}

// Credential is what tokens are got from, for other services that the same
// identity speaks to; nil for none.
func (c *Client) Credential() azcore.TokenCredential { return c.cred }
