package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// obj is a JSON object. Numbers inside are json.Number, so that what was sent comes back digit for digit.
type obj = map[string]any

// decodeObject reads one JSON object and nothing after it.
func decodeObject(raw []byte) (obj, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var o obj
	if err := dec.Decode(&o); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, fmt.Errorf("text after the object")
	}
	if o == nil {
		return nil, fmt.Errorf("want an object, have null")
	}
	return o, nil
}

// encode never fails: the values are those of decodeObject and of the tables of this package.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("emulator: encode %T: %v", v, err))
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// sub returns the object under key, or nil.
func sub(o obj, key string) obj {
	s, _ := o[key].(obj)
	return s
}

// ensure returns the object under key and makes it when there is none.
func ensure(o obj, key string) obj {
	if s, ok := o[key].(obj); ok {
		return s
	}
	s := obj{}
	o[key] = s
	return s
}

func str(o obj, key string) string {
	s, _ := o[key].(string)
	return s
}

func isTrue(o obj, key string) bool {
	b, _ := o[key].(bool)
	return b
}

// number reads a JSON number or a number in a string, as the service does.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	case float64:
		return n, true
	case int:
		return float64(n), true
	case string:
		f, err := strconv.ParseFloat(n, 64)
		return f, err == nil
	}
	return 0, false
}

// clone copies v deeply.
func clone(v any) any {
	switch t := v.(type) {
	case obj:
		c := make(obj, len(t))
		for k, e := range t {
			c[k] = clone(e)
		}
		return c
	case []any:
		c := make([]any, len(t))
		for i, e := range t {
			c[i] = clone(e)
		}
		return c
	default:
		return v
	}
}

// equalJSON compares by value; key order does not count.
func equalJSON(a, b any) bool { return bytes.Equal(encode(a), encode(b)) }

// merged is a with the entries of b over it.
func merged(a, b obj) obj {
	m := maps.Clone(a)
	if m == nil {
		m = obj{}
	}
	maps.Copy(m, b)
	return m
}

// keyOrder lists the keys of a JSON object in the order of the text; nil when raw is no object.
func keyOrder(raw []byte) []string {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var keys []string
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return keys
		}
		keys = append(keys, t.(string))
		var skip json.RawMessage
		if dec.Decode(&skip) != nil {
			return keys
		}
	}
	return keys
}

// orderedObject encodes o with its keys in the order given.
func orderedObject(o obj, keys []string) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(k))
		b.WriteByte(':')
		b.Write(encode(o[k]))
	}
	b.WriteByte('}')
	return b.Bytes()
}

// oneOf returns a canonicaliser of an enumeration: a known text in any case becomes the canonical one, an unknown one
// stays (enumerations of the service are open).
func oneOf(names ...string) func(any) any {
	return func(v any) any {
		s, ok := v.(string)
		if !ok {
			return v
		}
		for _, n := range names {
			if strings.EqualFold(strings.ReplaceAll(s, "_", ""), n) {
				return n
			}
		}
		return v
	}
}
