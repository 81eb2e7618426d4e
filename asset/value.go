package asset

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"mlsync.dev/mlsync/internal/problem"
)

// Type is the sort of a Value.
type Type uint8

// The sorts of values. Time is a YAML 1.1 timestamp that was not quoted; its
// text is as Python prints it ("2022-07-10 10:00:00"), which is what the
// reference client sends.
const (
	Null Type = iota
	Bool
	Int
	Float
	String
	Time
	List
	Map
)

var typeNames = [...]string{"null", "bool", "integer", "number", "string", "timestamp", "list", "map"}

// String is the name of t as problems print it.
func (t Type) String() string { return typeNames[t] }

// Value is a tree of maps, lists and scalars: the content of an asset in the
// terms of its YAML file. Maps keep the order of their keys; Equal does not
// look at it. A nil *Value means absent and is safe to read.
//
// Values are shared freely and must not be changed once handed on; Set and
// Delete are for the builder of a value. Clone before changing another's.
type Value struct {
	typ       Type
	line, col int32
	num       uint64 // Bool, Int, Float bits
	text      string // String, Time; Int too large for num
	file      string
	*parts    // List, Map; nil if there is nothing in it
}

// parts are what is in a list or map. Most values are scalars, and there are
// many of them, so they do not carry it.
type parts struct {
	keys  []string // of a map
	items []*Value
}

// inside are the parts of v, empty for scalars and for a nil v.
func (v *Value) inside() parts {
	if v == nil || v.parts == nil {
		return parts{}
	}
	return *v.parts
}

// own are the parts of v to be changed.
func (v *Value) own() *parts {
	if v.parts == nil {
		v.parts = &parts{}
	}
	return v.parts
}

// NewNull is a null.
func NewNull() *Value { return &Value{} }

// NewBool is a boolean.
func NewBool(b bool) *Value {
	v := &Value{typ: Bool}
	if b {
		v.num = 1
	}
	return v
}

// NewInt is a whole number.
func NewInt(i int64) *Value { return &Value{typ: Int, num: uint64(i)} }

// NewBigInt is a whole number of any size.
func NewBigInt(i *big.Int) *Value {
	if i.IsInt64() {
		return NewInt(i.Int64())
	}
	return &Value{typ: Int, text: i.String()}
}

// NewFloat is a number.
func NewFloat(f float64) *Value { return &Value{typ: Float, num: math.Float64bits(f)} }

// NewString is a text.
func NewString(s string) *Value { return &Value{typ: String, text: s} }

// NewTime is a timestamp with its text as Python prints it.
func NewTime(text string) *Value { return &Value{typ: Time, text: text} }

// NewList is a list of items.
func NewList(items ...*Value) *Value {
	v := &Value{typ: List}
	if len(items) > 0 {
		v.own().items = items
	}
	return v
}

// NewMap is an empty map; fill it with Set.
func NewMap() *Value { return &Value{typ: Map} }

// At returns v with the place where it was written. It changes v itself, so
// it is for the builder of the value.
func (v *Value) At(pos problem.Pos) *Value {
	v.file, v.line, v.col = pos.File, int32(min(pos.Line, math.MaxInt32)), int32(min(pos.Col, math.MaxInt32))
	return v
}

// Pos is the place where v was written; zero for live values.
func (v *Value) Pos() problem.Pos {
	if v == nil {
		return problem.Pos{}
	}
	return problem.Pos{File: v.file, Line: int(v.line), Col: int(v.col)}
}

// Type is the sort of v; Null for a nil v.
func (v *Value) Type() Type {
	if v == nil {
		return Null
	}
	return v.typ
}

// IsNull reports whether v is absent or null.
func (v *Value) IsNull() bool { return v.Type() == Null }

// IsScalar reports whether v is neither null, list nor map.
func (v *Value) IsScalar() bool { t := v.Type(); return t != Null && t != List && t != Map }

// Bool is the boolean, false for other sorts.
func (v *Value) Bool() bool { return v.Type() == Bool && v.num == 1 }

// Int64 is the whole number, and false if v is not one that fits.
func (v *Value) Int64() (int64, bool) {
	if v.Type() != Int || v.text != "" {
		return 0, false
	}
	return int64(v.num), true
}

// Float64 is the number, whole or not, and false for other sorts.
func (v *Value) Float64() (float64, bool) {
	switch v.Type() {
	case Float:
		return math.Float64frombits(v.num), true
	case Int:
		if v.text != "" {
			f, err := strconv.ParseFloat(v.text, 64)
			return f, err == nil
		}
		return float64(int64(v.num)), true
	}
	return 0, false
}

// Str is the text of a String, and "" for other sorts. See Text for the text
// of any scalar.
func (v *Value) Str() string {
	if v.Type() != String {
		return ""
	}
	return v.text
}

// Text is the text of a scalar as Python's str() prints it, which is what the
// reference client sends where the service wants a text: True, 10.0, 1e-05.
// It is "" for null, lists and maps.
func (v *Value) Text() string {
	switch v.Type() {
	case Bool:
		if v.num == 1 {
			return "True"
		}
		return "False"
	case Int:
		if v.text != "" {
			return v.text
		}
		return strconv.FormatInt(int64(v.num), 10)
	case Float:
		return PythonFloat(math.Float64frombits(v.num))
	case String, Time:
		return v.text
	}
	return ""
}

// Len is the number of items of a list or entries of a map.
func (v *Value) Len() int { return len(v.inside().items) }

// Items are the items of a list, or the values of a map in the order of Keys.
func (v *Value) Items() []*Value { return v.inside().items }

// Keys are the keys of a map in their order.
func (v *Value) Keys() []string { return v.inside().keys }

// Entries yields the keys and values of a map in their order.
func (v *Value) Entries() func(yield func(string, *Value) bool) {
	return func(yield func(string, *Value) bool) {
		if v.Type() != Map {
			return
		}
		in := v.inside()
		for i, k := range in.keys {
			if !yield(k, in.items[i]) {
				return
			}
		}
	}
}

// Get is the value under key, or nil.
func (v *Value) Get(key string) *Value {
	if v.Type() != Map {
		return nil
	}
	in := v.inside()
	if i := slices.Index(in.keys, key); i >= 0 {
		return in.items[i]
	}
	return nil
}

// Has reports whether the map holds key, even with a null.
func (v *Value) Has(key string) bool { return v.Type() == Map && slices.Contains(v.inside().keys, key) }

// GetPath follows path, as Path splits it, through maps; nil if anything is absent.
func (v *Value) GetPath(path ...string) *Value {
	for _, k := range path {
		v = v.Get(k)
	}
	return v
}

// Set puts item under key, at the end if key is new, and returns v.
func (v *Value) Set(key string, item *Value) *Value {
	in := v.own()
	if i := slices.Index(in.keys, key); i >= 0 {
		in.items[i] = item
		return v
	}
	in.keys, in.items = append(in.keys, key), append(in.items, item)
	return v
}

// SetPath puts item under path, making maps on the way.
func (v *Value) SetPath(item *Value, path ...string) {
	for _, k := range path[:len(path)-1] {
		next := v.Get(k)
		if next.Type() != Map {
			next = NewMap().At(item.Pos())
			v.Set(k, next)
		}
		v = next
	}
	v.Set(path[len(path)-1], item)
}

// Delete removes key from a map.
func (v *Value) Delete(key string) {
	if i := slices.Index(v.inside().keys, key); i >= 0 {
		in := v.own()
		in.keys, in.items = slices.Delete(in.keys, i, i+1), slices.Delete(in.items, i, i+1)
	}
}

// Append adds an item to a list and returns v.
func (v *Value) Append(item *Value) *Value {
	in := v.own()
	in.items = append(in.items, item)
	return v
}

// Clone is a deep copy.
func (v *Value) Clone() *Value {
	if v == nil {
		return nil
	}
	c := *v
	if v.parts != nil {
		c.parts = &parts{keys: slices.Clone(v.keys), items: make([]*Value, len(v.items))}
		for i, item := range v.items {
			c.items[i] = item.Clone()
		}
	}
	return &c
}

// Equal compares content: maps without order, lists with it, whole and other
// numbers by value, everything else by sort and text. Places do not count; a
// nil Value equals a null.
func (v *Value) Equal(w *Value) bool {
	if v.Type() != w.Type() {
		a, aok := v.Float64()
		b, bok := w.Float64()
		return aok && bok && a == b
	}
	switch v.Type() {
	case Null:
		return true
	case List:
		return slices.EqualFunc(v.Items(), w.Items(), (*Value).Equal)
	case Map:
		if v.Len() != w.Len() {
			return false
		}
		for k, item := range v.Entries() {
			if other := w.Get(k); !w.Has(k) || !item.Equal(other) {
				return false
			}
		}
		return true
	}
	return v.num == w.num && v.text == w.text
}

// MarshalJSON prints v as JSON, maps in their order.
func (v *Value) MarshalJSON() ([]byte, error) { return v.appendJSON(nil, false), nil }

// Canonical is v as JSON with sorted keys and one spelling of each number:
// equal values, and only they, have equal canonical bytes.
func (v *Value) Canonical() []byte { return v.appendJSON(nil, true) }

func (v *Value) appendJSON(b []byte, canonical bool) []byte {
	switch v.Type() {
	case Null:
		return append(b, "null"...)
	case Bool:
		return strconv.AppendBool(b, v.num == 1)
	case Int:
		return append(b, v.Text()...)
	case Float:
		return appendFloat(b, math.Float64frombits(v.num), canonical)
	case List:
		b = append(b, '[')
		for i, item := range v.Items() {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.appendJSON(b, canonical)
		}
		return append(b, ']')
	case Map:
		in := v.inside()
		order := make([]int, len(in.keys))
		for i := range order {
			order[i] = i
		}
		if canonical {
			slices.SortFunc(order, func(i, j int) int { return strings.Compare(in.keys[i], in.keys[j]) })
		}
		b = append(b, '{')
		for n, i := range order {
			if n > 0 {
				b = append(b, ',')
			}
			b = append(appendText(b, in.keys[i]), ':')
			b = in.items[i].appendJSON(b, canonical)
		}
		return append(b, '}')
	}
	return appendText(b, v.text)
}

func appendText(b []byte, s string) []byte {
	if isPlain(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return append(b, bytes.TrimRight(buf.Bytes(), "\n")...)
}

// isPlain reports whether s is ASCII that JSON writes as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func appendFloat(b []byte, f float64, canonical bool) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return appendText(b, PythonFloat(f))
	}
	if canonical && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return strconv.AppendInt(b, int64(f), 10)
	}
	return append(b, PythonFloat(f)...)
}

// UnmarshalJSON reads any JSON document.
func (v *Value) UnmarshalJSON(data []byte) error {
	got, err := ParseJSON(data)
	if err != nil {
		return err
	}
	*v = *got
	return nil
}
