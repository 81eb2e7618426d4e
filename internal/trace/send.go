package trace

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// Tracer sends traces to a collector. A nil Tracer is off.
type Tracer struct {
	url      string
	headers  map[string]string // never logged
	resource []Attr
	version  string
	client   *http.Client
	log      *slog.Logger
	ended    chan *trace
	now      func() time.Time
	pause    func(context.Context, time.Duration) error
}

// FromEnv reads the variables that OpenTelemetry has for this:
// OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS, _TIMEOUT, _CERTIFICATE and _PROTOCOL,
// each also for traces alone (OTEL_EXPORTER_OTLP_TRACES_…), OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_EXPORTER=none and OTEL_SDK_DISABLED.
// The Tracer is nil if no endpoint is set.
func FromEnv(env func(string) (string, bool), version string, log *slog.Logger, now func() time.Time) (*Tracer, error) {
	get := func(name string) string { v, _ := env("OTEL_" + name); return strings.TrimSpace(v) }
	both := func(name string) string {
		return cmp.Or(get("EXPORTER_OTLP_TRACES_"+name), get("EXPORTER_OTLP_"+name))
	}
	address := get("EXPORTER_OTLP_TRACES_ENDPOINT")
	if base := get("EXPORTER_OTLP_ENDPOINT"); address == "" && base != "" {
		address = strings.TrimRight(base, "/") + "/v1/traces"
	}
	if address == "" || strings.EqualFold(get("SDK_DISABLED"), "true") || strings.EqualFold(get("TRACES_EXPORTER"), "none") {
		return nil, nil //nolint:nilnil // a nil Tracer is off
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("OTEL_EXPORTER_OTLP_ENDPOINT is not an http or https address")
	}
	if p := both("PROTOCOL"); p != "" && p != "http/protobuf" {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL %q is not supported: use http/protobuf, which collectors take on port 4318", p)
	}
	t := &Tracer{url: address, version: version, log: log, ended: make(chan *trace, limit.Traces), now: now, pause: pause}
	if t.headers, err = pairs(both("HEADERS")); err != nil {
		return nil, errors.New("OTEL_EXPORTER_OTLP_HEADERS: want NAME=VALUE,NAME=VALUE")
	}
	more, err := pairs(get("RESOURCE_ATTRIBUTES"))
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	t.resource = append(t.resource, Attr{"service.name", cmp.Or(get("SERVICE_NAME"), more["service.name"], "mlsync")}, Attr{"service.version", version})
	for k, v := range more {
		if k != "service.name" && k != "service.version" {
			t.resource = append(t.resource, Attr{k, v})
		}
	}
	wait := 10 * time.Second
	if ms := both("TIMEOUT"); ms != "" {
		n, err := strconv.Atoi(ms)
		if err != nil || n <= 0 || n > 600_000 {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_TIMEOUT %q: want milliseconds", ms)
		}
		wait = time.Duration(n) * time.Millisecond
	}
	t.client, err = client(wait, both("CERTIFICATE"))
	return t, err
}

func client(wait time.Duration, caFile string) (*http.Client, error) {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("no transport for traces")
	}
	transport = transport.Clone()
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_CERTIFICATE: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_CERTIFICATE: no certificate in %s", caFile)
		}
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	}
	return &http.Client{
		Transport: transport, Timeout: wait,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// pairs reads k=v,k=v, in which values are escaped as in URLs.
func pairs(text string) (map[string]string, error) {
	out := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		k, v, ok := strings.Cut(part, "=")
		value, err := url.PathUnescape(strings.TrimSpace(v))
		if k = strings.TrimSpace(k); !ok || k == "" || err != nil {
			return nil, errors.New("want NAME=VALUE,NAME=VALUE")
		}
		out[k] = value
	}
	return out, nil
}

// take puts a trace into the queue. Runs never wait for a collector: if it does
// not follow, traces are lost.
func (t *Tracer) take(done *trace) {
	select {
	case t.ended <- done:
	default:
		t.log.Warn("a trace is lost: the collector does not follow")
	}
}

// Run sends traces until ctx is cancelled, and then those that are left.
func (t *Tracer) Run(ctx context.Context) error {
	for {
		select {
		case done := <-t.ended:
			if ctx.Err() == nil {
				t.send(ctx, done)
				continue
			}
			// Both had come: it is among what is left.
			t.flush(context.WithoutCancel(ctx), done)
			return nil
		case <-ctx.Done():
			t.flush(context.WithoutCancel(ctx))
			return nil
		}
	}
}

// lastWords bounds what is sent when the program ends.
const lastWords = 3 * time.Second

func (t *Tracer) flush(ctx context.Context, first ...*trace) {
	ctx, stop := context.WithTimeout(ctx, lastWords)
	defer stop()
	for _, done := range first {
		t.send(ctx, done)
	}
	for {
		select {
		case done := <-t.ended:
			t.send(ctx, done)
		default:
			return
		}
	}
}

// send sends one trace, again if the collector asks for it.
func (t *Tracer) send(ctx context.Context, done *trace) {
	body := t.encode(done)
	for try := 1; ; try++ {
		after, err := t.post(ctx, body)
		if err == nil {
			return
		}
		if after < 0 || try == limit.TraceTries || t.pause(ctx, max(after, time.Duration(try)*time.Second)) != nil {
			t.log.Warn("a trace was not taken", "err", err)
			return
		}
	}
}

// post sends a body once. With an error, after is how long the collector asks
// to wait; negative if the body is not to be sent again.
func (t *Tracer) post(ctx context.Context, body []byte) (after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return -1, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("User-Agent", "mlsync/"+t.version)
	for k, v := range t.headers {
		req.Header.Set(k, v)
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection serves again
	switch resp.StatusCode {
	case http.StatusOK, http.StatusAccepted:
		return 0, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		n, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return time.Duration(min(max(n, 0), 60)) * time.Second, fmt.Errorf("the collector answers %s", resp.Status)
	}
	return -1, fmt.Errorf("the collector answers %s", resp.Status)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
