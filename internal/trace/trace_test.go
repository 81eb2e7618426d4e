package trace

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"mlsync.dev/mlsync/internal/limit"
)

// collector is a collector that keeps what it is sent.
type collector struct {
	mu      sync.Mutex
	bodies  [][]byte
	headers http.Header
	answers []int // one a request; then 200
	got     chan struct{}
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	c.bodies, c.headers = append(c.bodies, body), r.Header.Clone()
	status := http.StatusOK
	if len(c.answers) > 0 {
		status, c.answers = c.answers[0], c.answers[1:]
	}
	c.mu.Unlock()
	w.WriteHeader(status)
	c.got <- struct{}{}
}

func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		i := slices.Index(pairs, name)
		if i < 0 {
			return "", false
		}
		return pairs[i+1], true
	}
}

// tracing is a tracer of a collector, with the log of it.
func tracing(t *testing.T, c *collector) (*Tracer, *bytes.Buffer) {
	t.Helper()
	c.got = make(chan struct{}, 100)
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	var log bytes.Buffer
	tr, err := FromEnv(env("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL+"/", "OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x-team = ml",
		"OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test"), "1.2.3", slog.New(slog.NewTextHandler(&log, nil)), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	tr.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return tr, &log
}

// node is a message of protobuf, read without knowing its type.
type node struct {
	num  protowire.Number
	val  uint64
	data []byte
}

func fields(t *testing.T, b []byte) (out []node) {
	t.Helper()
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatalf("no tag in %x", b)
		}
		b = b[n:]
		f := node{num: num}
		switch typ {
		case protowire.VarintType:
			f.val, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			f.val, n = protowire.ConsumeFixed64(b)
		default:
			f.data, n = protowire.ConsumeBytes(b)
		}
		if n < 0 {
			t.Fatalf("field %d of type %d cannot be read", num, typ)
		}
		b, out = b[n:], append(out, f)
	}
	return out
}

// at follows the numbers of fields to the contents of all messages there.
func at(t *testing.T, b []byte, path ...protowire.Number) (out [][]byte) {
	t.Helper()
	if len(path) == 0 {
		return [][]byte{b}
	}
	for _, f := range fields(t, b) {
		if f.num == path[0] {
			out = append(out, at(t, f.data, path[1:]...)...)
		}
	}
	return out
}

func one(t *testing.T, b []byte, path ...protowire.Number) string {
	t.Helper()
	got := at(t, b, path...)
	if len(got) != 1 {
		t.Fatalf("%d messages at %v", len(got), path)
	}
	return string(got[0])
}

func TestTraceOfARun(t *testing.T) {
	c := &collector{}
	tr, _ := tracing(t, c)
	ctx, root := tr.Start(t.Context(), "pass", Attr{"mlsync.target", "dev"})
	inner, plan := Start(ctx, "plan")
	_, read := Start(inner, "read")
	read.Set(Attr{"n", 1}, Attr{"n", 2}, Attr{"full", true})
	read.End(nil)
	plan.End(errors.New("put: Authorization: Bearer hunter2hunter2"))
	plan.End(nil) // the first counts
	root.End(nil)
	read.End(nil)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := tr.Run(ctx); err != nil { // what is left is sent also when the program ends
		t.Fatal(err)
	}
	<-c.got
	body := c.bodies[0]
	spans := at(t, body, 1, 2, 2)
	if len(spans) != 3 {
		t.Fatalf("%d spans", len(spans))
	}
	id := one(t, spans[2], 1)
	if got := hex.EncodeToString([]byte(id)); got != root.TraceID() || len(id) != 16 {
		t.Errorf("trace %s", got)
	}
	for i, want := range []string{"read", "plan", "pass"} {
		s := spans[i]
		if one(t, s, 5) != want || one(t, s, 1) != id || len(one(t, s, 2)) != 8 {
			t.Errorf("span %d is %x", i, s)
		}
	}
	if one(t, spans[0], 4) != one(t, spans[1], 2) || one(t, spans[1], 4) != one(t, spans[2], 2) || len(at(t, spans[2], 4)) != 0 {
		t.Error("the spans are not within each other")
	}
	if got := one(t, spans[1], 15, 2); strings.Contains(got, "hunter2") || !strings.Contains(got, "put: Authorization") {
		t.Errorf("the error is told as %q", got)
	}
	var times []uint64
	for _, f := range fields(t, spans[2]) {
		if f.num == 7 || f.num == 8 {
			times = append(times, f.val)
		}
	}
	if len(times) != 2 || times[0] > times[1] || time.Since(time.Unix(0, int64(times[0]))) > time.Minute {
		t.Errorf("times %v", times)
	}
	if got := len(at(t, spans[0], 9)); got != 2 {
		t.Errorf("%d attributes", got)
	}
	var resource []string
	for _, kv := range at(t, body, 1, 1, 1) {
		resource = append(resource, one(t, kv, 1)+"="+one(t, kv, 2, 1))
	}
	if want := []string{"service.name=mlsync", "service.version=1.2.3", "deployment.environment=test"}; !slices.Equal(resource, want) {
		t.Errorf("resource %v", resource)
	}
	if c.headers.Get("Api-Key") != "a b" || c.headers.Get("X-Team") != "ml" || c.headers.Get("Content-Type") != "application/x-protobuf" {
		t.Errorf("headers %v", c.headers)
	}
}

// Without a collector nothing is traced, and nothing breaks.
func TestOff(t *testing.T) {
	for _, e := range []func(string) (string, bool){env(), env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x", "OTEL_SDK_DISABLED", "true"), env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x", "OTEL_TRACES_EXPORTER", "none")} {
		tr, err := FromEnv(e, "1", nil, time.Now)
		if tr != nil || err != nil {
			t.Fatalf("%v %v", tr, err)
		}
		ctx, root := tr.Start(t.Context(), "pass")
		_, s := Start(ctx, "plan")
		s.Set(Attr{"a", 1})
		s.End(nil)
		root.End(nil)
		if root != nil || s != nil || root.TraceID() != "" {
			t.Error("a span without a tracer")
		}
	}
}

func TestEnvironment(t *testing.T) {
	for want, e := range map[string]func(string) (string, bool){
		"not an http or https address": env("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317"),
		"use http/protobuf":            env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
		"OTEL_EXPORTER_OTLP_HEADERS":   env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x", "OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
		"want milliseconds":            env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x", "OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
		"no-such-file":                 env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://x", "OTEL_EXPORTER_OTLP_CERTIFICATE", "no-such-file"),
	} {
		_, err := FromEnv(e, "1", nil, time.Now)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	tr, err := FromEnv(env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x/", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://y/own/path"), "1", nil, time.Now)
	if err != nil || tr.url != "http://y/own/path" {
		t.Errorf("%+v, %v", tr, err)
	}
}

// L: a trace of a huge run stays bounded and says so.
func TestAttackLManySpans(t *testing.T) {
	c := &collector{}
	tr, _ := tracing(t, c)
	ctx, root := tr.Start(t.Context(), "pass")
	for range limit.TraceSpans + 5 {
		_, s := Start(ctx, "step")
		s.End(nil)
	}
	root.End(nil)
	tr.flush(t.Context())
	spans := at(t, c.bodies[0], 1, 2, 2)
	if len(spans) != limit.TraceSpans+1 {
		t.Errorf("%d spans", len(spans))
	}
	if last := spans[len(spans)-1]; !bytes.Contains(last, []byte("mlsync.spans_dropped")) || one(t, last, 5) != "pass" {
		t.Error("nothing says that spans were left out")
	}
}

// L: a collector that is dead, slow or refuses does not hold runs up, and fills
// no memory.
func TestAttackLDeadCollector(t *testing.T) {
	c := &collector{answers: []int{503, 429, 200, 400, 503, 503, 503, 302}}
	tr, log := tracing(t, c)
	end := func(n int) {
		for range n {
			_, s := tr.Start(t.Context(), "pass")
			s.End(nil)
		}
	}
	end(limit.Traces + 3) // nobody sends
	if got := strings.Count(log.String(), "a trace is lost"); got != 3 {
		t.Errorf("%d were lost", got)
	}
	for _, want := range []struct{ requests, refused int }{{3, 0}, {1, 1}, {limit.TraceTries, 1}, {1, 1}} {
		log.Reset()
		before := len(c.bodies)
		tr.send(t.Context(), <-tr.ended)
		if got := len(c.bodies) - before; got != want.requests || strings.Count(log.String(), "not taken") != want.refused {
			t.Errorf("%d requests, want %+v: %s", got, want, log)
		}
	}
	if strings.Contains(log.String(), "a b") {
		t.Error("the log has a header")
	}
	for range 200 { // a root that ended takes no more spans
		ctx, s := tr.Start(t.Context(), "pass")
		_, late := Start(ctx, "late")
		s.End(nil)
		late.End(fmt.Errorf("x"))
	}
}
