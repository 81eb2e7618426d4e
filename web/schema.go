package web

import (
	"cmp"
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// field is a member of a JSON map.
type field struct {
	reflect.StructField
	name  string
	maybe bool // it may be left out
}

// fieldsOf are the members of a struct as encoding/json writes them, in order.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("json")
		if f.Anonymous && !tagged {
			out = append(out, fieldsOf(f.Type)...)
			continue
		}
		name, opts, _ := strings.Cut(tag, ",")
		if !f.IsExported() || name == "-" || name == "" {
			continue
		}
		out = append(out, field{f, name, strings.Contains(opts, "omitempty")})
	}
	return out
}

// schemas are JSON Schemas of Go types, each struct once.
type schemas map[string]any

// of is the schema of a type: for structs a reference to one of s.
func (s schemas) of(t reflect.Type, request bool) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return map[string]any{}
	}
	switch k := t.Kind(); {
	case k == reflect.Pointer:
		return s.of(t.Elem(), request)
	case k == reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem(), request)}
	case k == reflect.Map && t.Elem().Kind() == reflect.Interface:
		return map[string]any{"type": "object"}
	case k == reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem(), request)}
	case k == reflect.Struct:
		name := schemaName(t)
		if s[name] == nil {
			s[name] = true // it may hold itself
			s[name] = s.object(t, request)
		}
		return map[string]any{"$ref": "#/components/schemas/" + name}
	}
	words := map[reflect.Kind]string{reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int64: "integer"}
	return map[string]any{"type": cmp.Or(words[t.Kind()], "string")}
}

func (s schemas) object(t reflect.Type, request bool) map[string]any {
	props := map[string]any{}
	required := []any{}
	for _, f := range fieldsOf(t) {
		p := s.of(f.Type, request)
		if doc := f.Tag.Get("doc"); doc != "" {
			p["description"] = doc
		}
		if words := f.Tag.Get("enum"); words != "" {
			p["enum"] = wordsOf(words)
		}
		if request && p["type"] == "array" {
			p["minItems"] = 1
		}
		props[f.name] = p
		if request && f.Tag.Get("need") != "" || !request && !f.maybe {
			required = append(required, f.name)
		}
	}
	out := map[string]any{"type": "object", "properties": props}
	if len(required) > 0 {
		out["required"] = required
	}
	if request {
		out["additionalProperties"] = false
	}
	return out
}

func wordsOf(s string) []any {
	var out []any
	for w := range strings.SplitSeq(s, ",") {
		out = append(out, w)
	}
	return out
}

// schemaName is Target for Target, and RunPage for Page[Run].
func schemaName(t reflect.Type) string {
	name, of, ok := strings.Cut(t.Name(), "[")
	if !ok {
		return name
	}
	of = strings.TrimSuffix(of, "]")
	return of[strings.LastIndexByte(of, '.')+1:] + name
}
