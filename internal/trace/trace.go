// Package trace tells an OpenTelemetry collector what a run spent its time on:
// one trace a run, sent when the run has ended, over OTLP/HTTP in protobuf. It
// is off unless the environment names a collector.
//
// It is a small part of OpenTelemetry and not its SDK, which brings gRPC with
// it and makes the program a quarter larger. It knows nothing of what is traced.
package trace

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/redact"
)

// Attr is an attribute of a span: its value is a string, an int or a bool.
type Attr struct {
	Key   string
	Value any
}

// Span is a part of a trace. A nil Span is one that nobody asked for: all its
// methods do nothing.
type Span struct {
	trace      *trace
	id, parent [8]byte
	name       string
	start, end time.Time
	attrs      []Attr
	err        string
	root       bool
}

// trace are the ended spans of one root.
type trace struct {
	tracer *Tracer
	id     [16]byte

	mu      sync.Mutex
	spans   []*Span
	dropped int
	closed  bool
}

type inContext struct{}

// Start begins a trace. A nil Tracer begins none.
func (t *Tracer) Start(ctx context.Context, name string, attrs ...Attr) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	s := &Span{trace: &trace{tracer: t}, name: name, root: true}
	_, _ = rand.Read(s.trace.id[:]) // it never fails
	return s.begin(ctx, attrs)
}

// Start begins a span within the one of ctx; without one it begins none.
func Start(ctx context.Context, name string, attrs ...Attr) (context.Context, *Span) {
	parent, _ := ctx.Value(inContext{}).(*Span)
	if parent == nil {
		return ctx, nil
	}
	s := &Span{trace: parent.trace, parent: parent.id, name: name}
	return s.begin(ctx, attrs)
}

func (s *Span) begin(ctx context.Context, attrs []Attr) (context.Context, *Span) {
	_, _ = rand.Read(s.id[:])
	s.start, s.attrs = s.trace.tracer.now(), attrs
	return context.WithValue(ctx, inContext{}, s), s
}

// TraceID is the id of the trace as collectors show it; "" for none.
func (s *Span) TraceID() string {
	if s == nil {
		return ""
	}
	return hex.EncodeToString(s.trace.id[:])
}

// Set adds attributes. A later value of a key takes the place of an earlier one.
func (s *Span) Set(attrs ...Attr) {
	if s == nil {
		return
	}
	s.trace.mu.Lock()
	defer s.trace.mu.Unlock()
	for _, a := range attrs {
		found := false
		for i := range s.attrs {
			if s.attrs[i].Key == a.Key {
				s.attrs[i], found = a, true
			}
		}
		if !found {
			s.attrs = append(s.attrs, a)
		}
	}
}

// End ends the span; err is why it failed, nil if it did not. The first call
// counts. The end of the root ends the trace: spans that go on are left out.
func (s *Span) End(err error) {
	if s == nil {
		return
	}
	t := s.trace
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || !s.end.IsZero() {
		return
	}
	s.end = t.tracer.now()
	if err != nil {
		s.err = redact.Text(err.Error())
	}
	if len(t.spans) >= limit.TraceSpans && !s.root {
		t.dropped++
		return
	}
	t.spans = append(t.spans, s)
	if s.root {
		t.closed = true
		if t.dropped > 0 {
			s.attrs = append(s.attrs, Attr{"mlsync.spans_dropped", t.dropped})
		}
		t.tracer.take(t)
	}
}
