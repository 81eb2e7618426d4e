package asset

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// ParseJSON reads one JSON document, keeping the order of keys and telling
// whole numbers from others.
func ParseJSON(data []byte) (*Value, error) {
	if !json.Valid(data) {
		var x any
		if err := json.Unmarshal(data, &x); err != nil { // it says where
			return nil, err
		}
	}
	return ParseValid(data), nil
}

// ParseValid is ParseJSON for what is known to be valid: a document that was
// checked, or a part of one. It panics or reads nonsense otherwise.
func ParseValid(data []byte) *Value {
	d := decoder{data: data, keys: make([]string, 0, manyKeys), items: make([]*Value, 0, manyKeys)}
	d.space()
	return d.value()
}

// Members yields the members of an object in valid JSON as they stand in it,
// and nothing for other values. The bytes are those of data.
func Members(data []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		d := decoder{data: data}
		if d.space(); !d.enter('{', '}') {
			return
		}
		for {
			d.space()
			key := d.text()
			d.next() // the colon
			if !yield(key, d.raw()) || d.next() == '}' {
				return
			}
		}
	}
}

// Elements yields the elements of a list in valid JSON as they stand in it,
// and nothing for other values. The bytes are those of data.
func Elements(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		d := decoder{data: data}
		if d.space(); !d.enter('[', ']') {
			return
		}
		for yield(d.raw()) && d.next() != ']' {
			continue
		}
	}
}

// FromAny makes a Value of what encoding/json decodes into an any. Keys of
// maps are in no particular order. It panics on other Go types.
func FromAny(x any) *Value {
	switch x := x.(type) {
	case nil:
		return NewNull()
	case bool:
		return NewBool(x)
	case string:
		return NewString(x)
	case json.Number:
		return number(x)
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return NewInt(int64(x))
		}
		return NewFloat(x)
	case int:
		return NewInt(int64(x))
	case int64:
		return NewInt(x)
	case []any:
		list := NewList()
		for _, item := range x {
			list.Append(FromAny(item))
		}
		return list
	case []string:
		list := NewList()
		for _, item := range x {
			list.Append(NewString(item))
		}
		return list
	case map[string]any:
		m := NewMap()
		for _, k := range sortedKeys(x) {
			m.Set(k, FromAny(x[k]))
		}
		return m
	case map[string]string:
		m := NewMap()
		for _, k := range sortedKeys(x) {
			m.Set(k, NewString(x[k]))
		}
		return m
	case *Value:
		return x
	}
	panic(fmt.Sprintf("asset: %T is not a JSON value", x))
}

// Any is v as encoding/json decodes it: nil, bool, int64, float64, string,
// []any and map[string]any. Timestamps are strings.
func (v *Value) Any() any {
	switch v.Type() {
	case Null:
		return nil
	case Bool:
		return v.Bool()
	case Int:
		if i, ok := v.Int64(); ok {
			return i
		}
		return json.Number(v.text)
	case Float:
		f, _ := v.Float64()
		return f
	case List:
		out := make([]any, v.Len())
		for i, item := range v.Items() {
			out[i] = item.Any()
		}
		return out
	case Map:
		out := make(map[string]any, v.Len())
		for k, item := range v.Entries() {
			out[k] = item.Any()
		}
		return out
	}
	return v.text
}

func number(n json.Number) *Value {
	if !strings.ContainsAny(n.String(), ".eE") {
		if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
			return NewInt(i)
		}
		if i, ok := new(big.Int).SetString(n.String(), 10); ok {
			return NewBigInt(i)
		}
	}
	f, err := n.Float64()
	if err != nil {
		return NewString(n.String())
	}
	return NewFloat(f)
}

// PythonFloat prints f as Python's repr does: the shortest text that reads
// back, with ".0" for whole numbers and an exponent below 1e-4 and from 1e16.
func PythonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		s := strconv.FormatFloat(f, 'e', -1, 64)
		mantissa, exp, _ := strings.Cut(s, "e")
		sign, digits := exp[:1], strings.TrimLeft(exp[1:], "0")
		if len(digits) < 2 {
			digits = strings.Repeat("0", 2-len(digits)) + digits
		}
		return mantissa + "e" + sign + digits
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
