package trace

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"mlsync.dev/mlsync/internal/redact"
)

// encode writes an ExportTraceServiceRequest of
// opentelemetry/proto/collector/trace/v1. The numbers are those of the fields
// in trace.proto, common.proto and resource.proto 1.x, which never change.
func (t *Tracer) encode(done *trace) []byte {
	var resource, scope, scopeSpans, resourceSpans, out []byte
	for _, a := range t.resource {
		resource = message(resource, 1, attribute(a)) // Resource.attributes
	}
	scope = text(text(scope, 1, "mlsync"), 2, t.version) // InstrumentationScope.name, version
	scopeSpans = message(scopeSpans, 1, scope)
	for _, s := range done.spans {
		scopeSpans = message(scopeSpans, 2, s.encode())
	}
	resourceSpans = message(message(resourceSpans, 1, resource), 2, scopeSpans)
	return message(out, 1, resourceSpans)
}

func (s *Span) encode() []byte {
	b := message(nil, 1, s.trace.id[:]) // trace_id
	b = message(b, 2, s.id[:])          // span_id
	if !s.root {
		b = message(b, 4, s.parent[:]) // parent_span_id
	}
	b = text(b, 5, s.name)
	b = protowire.AppendVarint(protowire.AppendTag(b, 6, protowire.VarintType), 1)                            // kind: internal
	b = protowire.AppendFixed64(protowire.AppendTag(b, 7, protowire.Fixed64Type), uint64(s.start.UnixNano())) //nolint:gosec // after 1970
	b = protowire.AppendFixed64(protowire.AppendTag(b, 8, protowire.Fixed64Type), uint64(s.end.UnixNano()))   //nolint:gosec // after 1970
	for _, a := range s.attrs {
		b = message(b, 9, attribute(a))
	}
	if s.err != "" {
		status := text(nil, 2, s.err)                                                            // message
		status = protowire.AppendVarint(protowire.AppendTag(status, 3, protowire.VarintType), 2) // code: error
		b = message(b, 15, status)
	}
	return b
}

// attribute is a KeyValue with its AnyValue.
func attribute(a Attr) []byte {
	var v []byte
	switch x := a.Value.(type) {
	case bool:
		v = protowire.AppendVarint(protowire.AppendTag(v, 2, protowire.VarintType), protowire.EncodeBool(x))
	case int:
		v = protowire.AppendVarint(protowire.AppendTag(v, 3, protowire.VarintType), uint64(x)) //nolint:gosec // as protobuf has negative numbers
	default:
		v = text(v, 1, redact.Text(fmt.Sprint(x)))
	}
	return message(text(nil, 1, a.Key), 2, v)
}

func message(b []byte, field protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), content)
}

func text(b []byte, field protowire.Number, s string) []byte { return message(b, field, []byte(s)) }
