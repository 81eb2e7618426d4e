package forge

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/internal/limit"
)

// client sends requests to one API.
type client struct {
	http    *http.Client
	base    string // without a slash at its end
	token   gitrepo.Secret
	agent   string
	answer  int64
	timeout time.Duration
	repo    string // for errors
	speaks  tongue

	mu   sync.Mutex
	self string
}

// tongue is how a service is spoken to.
type tongue struct {
	// authorize puts the token on a request.
	authorize func(h http.Header, token string)
	// header is on every request.
	header map[string]string
	// needs says what a token must be allowed.
	needs map[need]string
}

// need is what a request needs leave for.
type need int

const (
	readPulls need = iota
	writePulls
	writeStatus
	readSelf
	readMembers
)

// call is one request.
type call struct {
	op     string
	need   need
	method string
	path   string // below the base, escaped, with its query
	body   any    // sent as JSON
	// again says that sending it twice does what sending it once does.
	again bool
	// most bounds the answer, if it is less than the client's bound.
	most int64
	// tag asks only for what is not this any more; "" for everything.
	tag string
}

func newClient(base string, o Options) (*client, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("api: %w: its address begins with https://", ErrInvalid)
	case u.Scheme == "http" && o.Token != "" && !isLoopback(u.Hostname()):
		return nil, fmt.Errorf("api: %w: a token is not sent over plain http; use https://", ErrInvalid)
	case strings.ContainsAny(string(o.Token), "\r\n\x00"):
		return nil, fmt.Errorf("token: %w: it has more than one line", ErrInvalid)
	}
	transport := o.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    15 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: 1 << 20,
		}
	}
	c := &client{http: &http.Client{Transport: transport, CheckRedirect: checkRedirect}, base: base, token: o.Token, agent: o.UserAgent}
	if c.agent == "" {
		c.agent = "forge"
	}
	if c.answer = o.Answer; c.answer <= 0 || c.answer > limit.ForgeAnswer {
		c.answer = limit.ForgeAnswer
	}
	if c.timeout = o.Timeout; c.timeout <= 0 || c.timeout > limit.ForgeRequest {
		c.timeout = limit.ForgeRequest
	}
	return c, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// errRedirect is kept from url.Error's text, which holds addresses.
type errRedirect struct{ to string }

func (e *errRedirect) Error() string { return "redirect to " + e.to }

// checkRedirect follows within one origin and with the same method, as for a
// repository that has another name now:
// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
// Anything else is refused rather than followed without the token: the answer
// would come from a stranger, and a change would be read instead of made.
func checkRedirect(req *http.Request, via []*http.Request) error {
	from, to := via[0].URL, req.URL
	if from.Scheme == to.Scheme && strings.EqualFold(from.Host, to.Host) && req.Method == via[0].Method && len(via) <= 3 && to.User == nil {
		return nil
	}
	return &errRedirect{(&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String()}
}

// reply is what there is about an answer besides its JSON.
type reply struct {
	header http.Header
	bytes  int64
	// same says that there is nothing but what the tag of the call says.
	same bool
}

// do sends a call, again if that is of use and no harm, and reads its answer
// into the value, if there is one.
func (c *client) do(ctx context.Context, k call, into any) (reply, error) {
	again := k.again || k.method == http.MethodGet || k.method == http.MethodPut || k.method == http.MethodPatch
	for try := 1; ; try++ {
		got, err := c.once(ctx, k, into)
		if err == nil || !again || try == limit.ForgeTries || !worthwhile(err) {
			return got, err
		}
		if werr := pause(ctx, try, err); werr != nil {
			return got, err
		}
	}
}

// once sends a call and reads the answer.
func (c *client) once(ctx context.Context, k call, into any) (reply, error) {
	short, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := c.request(short, k)
	if err != nil {
		return reply{}, c.fail(k.op, ErrInvalid, clean(err.Error(), c.token))
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return reply{}, c.failure(ctx, k, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotModified && k.tag != "" {
		return reply{header: answer.Header, same: true}, nil
	}
	// Azure DevOps answers 203 with its sign-in page to a bad token:
	// https://github.com/MicrosoftDocs/vsts-rest-api-specs/issues/97
	if answer.StatusCode < 200 || answer.StatusCode > 299 || answer.StatusCode == http.StatusNonAuthoritativeInfo {
		return reply{}, c.refusal(k, answer)
	}
	if into == nil {
		return reply{header: answer.Header}, nil
	}
	n, err := c.decode(answer, k.most, into)
	if err != nil {
		return reply{}, c.failure(ctx, k, err)
	}
	return reply{header: answer.Header, bytes: n}, nil
}

func (c *client) request(ctx context.Context, k call) (*http.Request, error) {
	var body io.Reader
	if k.body != nil {
		data, err := json.Marshal(k.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, k.method, c.base+k.path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept", "application/json")
	for key, value := range c.speaks.header {
		req.Header.Set(key, value)
	}
	if k.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if k.tag != "" {
		req.Header.Set("If-None-Match", k.tag)
	}
	if c.token != "" {
		c.speaks.authorize(req.Header, string(c.token))
	}
	return req, nil
}

// errAnswer is an answer that is not of the API; errLarge one that is too long.
var (
	errAnswer = errors.New("the answer is not of this API")
	errLarge  = errors.New("the answer is too long")
)

// decode reads the JSON of an answer and says how long it is.
func (c *client) decode(answer *http.Response, most int64, into any) (int64, error) {
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return 0, fmt.Errorf("%w: it is %q; it may be a sign-in or maintenance page, or the address may be wrong", errAnswer, kind)
	}
	if most <= 0 || most > c.answer {
		most = c.answer
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	switch {
	case err != nil:
		return 0, err
	case int64(len(data)) > most:
		return 0, fmt.Errorf("%w: more than %d bytes", errLarge, most)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return 0, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return int64(len(data)), nil
}

// whoami asks once who the token belongs to.
func (c *client) whoami(ctx context.Context, ask func(context.Context) (string, error)) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.self == "" {
		self, err := ask(ctx)
		if err != nil {
			return "", err
		}
		if self == "" {
			return "", c.fail("ask whose the token is", ErrUnreachable, errAnswer.Error())
		}
		c.self = self
	}
	return c.self, nil
}
